//! What the end of a process means: class, reason, retries.

use crate::running::Scene;
use rstest::rstest;
use serde_json::{Value, json};

/// The error of a step, as `class: reason`.
fn error(scene: &Scene, step: &str) -> String {
    let error = scene.step(step)["error"].clone();
    let word = |key: &str| error[key].as_str().unwrap_or("none").to_owned();
    format!("{}: {}", word("class"), word("reason"))
}

#[rstest]
#[case::data("exit 65", "validation_failed: exit code 65")]
#[case::input("exit 66", "contract_input_missing: exit code 66")]
#[case::passing("exit 75", "transient_io: exit code 75")]
#[case::config("exit 78", "config_error: exit code 78")]
#[case::other("exit 1", "validation_failed: exit code 1")]
#[case::largest("exit 255", "validation_failed: exit code 255")]
#[case::last_line(
    "echo out; echo why >&2; echo; exit 9",
    "validation_failed: exit code 9: why"
)]
#[case::first_failure_ends_it("false; touch wrong", "validation_failed: exit code 1")]
#[case::not_found_by_the_shell("./absent 2>&-", "validation_failed: exit code 127")]
#[case::killed("kill -KILL $$", "unknown: killed by signal 9 (SIGKILL)")]
#[case::crashed("kill -SEGV $$", "unknown: killed by signal 11 (SIGSEGV)")]
#[case::terminated(
    "echo bye; kill -TERM $$",
    "unknown: killed by signal 15 (SIGTERM): bye"
)]
#[case::stopped_pipe("kill -PIPE $$", "unknown: killed by signal 13 (SIGPIPE)")]
fn an_end_has_a_class(#[case] line: &str, #[case] expected: &str) {
    let scene = Scene::new(&format!("plan: p\nsteps: {{ a: {{ run: '{line}' }} }}\n"));
    scene.run().exits(1);
    assert_eq!(error(&scene, "a"), expected);
    assert!(!scene.bench.path().join("wrong").exists());
}

#[rstest]
#[case::exit("exit 1", "hard_gate_failed: exit code 1")]
#[case::data("exit 65", "hard_gate_failed: exit code 65")]
#[case::passing("exit 75", "transient_io: exit code 75")]
#[case::named(
    r#"echo "{\"class\":\"contract_input_missing\",\"reason\":\"no data\"}" >"$ROK_ERROR"; exit 1"#,
    "contract_input_missing: no data"
)]
fn a_hard_gate_fails_as_one(#[case] line: &str, #[case] expected: &str) {
    let scene = Scene::new(&format!(
        "plan: p\nsteps: {{ a: {{ gate: hard, run: '{line}' }}, b: {{ run: 'true' }} }}\nmax_parallel: 1\n"
    ));
    scene.run().exits(1);
    assert_eq!(error(&scene, "a"), expected);
    assert_eq!(scene.step("b")["state"], "skipped");
}

/// A program that is not there is found out before any step runs.
#[rstest]
#[case::in_path(
    "[no-such-program-anywhere, x]",
    "program `no-such-program-anywhere` is not found in PATH"
)]
#[case::by_path("[./absent]", "absent` does not exist")]
#[case::no_program("[./data]", "data` is not executable: run `chmod +x` on it")]
#[case::folder("[./]", "is no file")]
fn an_absent_program_is_found_before_any_step(#[case] argv: &str, #[case] part: &str) {
    let scene = Scene::new(&format!(
        "plan: p\nsteps:\n  first: {{ run: touch ran }}\n  a: {{ run: {argv} }}\n"
    ));
    scene.bench.write("data", "x");
    scene.run().exits(1);
    let summary = scene.summary();
    assert_eq!(summary["error"]["class"], "config_error");
    let reason = summary["error"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(part), "{reason}");
    assert!(!scene.bench.path().join("ran").exists());
}

/// One that vanishes meanwhile fails its step.
#[test]
fn a_program_that_vanishes_is_a_config_error() {
    let scene = Scene::new(
        "plan: p
steps:
  make: { run: 'printf \"#!/nowhere/sh\\n\" >broken; chmod +x broken; printf x >text; chmod +x text; rm gone' }
  gone: { needs: [make], run: [./gone] }
  broken: { needs: [make], run: [./broken] }
  text: { needs: [make], run: [./text] }
",
    );
    for name in ["gone", "broken", "text"] {
        let path = scene.bench.write(name, "#!/bin/sh\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(path, mode).expect("it is ours");
    }
    scene.run().exits(1);
    for (step, part) in [
        ("gone", "does not exist"),
        ("broken", "`#!` line there?"),
        ("text", "needs a `#!` line"),
    ] {
        let error = error(&scene, step);
        assert!(
            error.starts_with("config_error: ") && error.contains(part),
            "{error}"
        );
    }
}

/// Attempts by class and by what `retry` names.
#[rstest]
#[case::passing("exit 75", "{ max: 2, base: 1ms }", 3, "transient_io")]
#[case::no_retry("exit 75", "{ max: 0 }", 1, "transient_io")]
#[case::final_class("exit 65", "{ max: 2, base: 1ms }", 1, "validation_failed")]
#[case::timeout("STAY", "{ max: 2, base: 1ms }", 1, "timeout")]
#[case::named_timeout("STAY", "{ max: 1, base: 1ms, classes: [timeout] }", 2, "timeout")]
#[case::passing_not_named(
    "exit 75",
    "{ max: 2, base: 1ms, classes: [timeout] }",
    1,
    "transient_io"
)]
#[case::crash("kill -SEGV $$", "{ max: 2, base: 1ms }", 1, "unknown")]
fn only_what_is_named_is_tried_again(
    #[case] line: &str,
    #[case] retry: &str,
    #[case] attempts: usize,
    #[case] class: &str,
) {
    let scene = Scene::new(&format!(
        "plan: p\nsteps: {{ a: {{ run: 'echo $ROK_ATTEMPT >>tries; {line}', timeout: 300ms, retry: {retry} }} }}\n"
    ));
    scene.run().exits(1);
    let tries = std::fs::read_to_string(scene.bench.path().join("tries")).expect("it ran");
    let expected: String = (0..attempts)
        .flat_map(|n| [n.to_string(), "\n".into()])
        .collect();
    assert_eq!(tries, expected);
    assert_eq!(scene.class("a"), class);
    assert_eq!(scene.summary()["retries"], json!(attempts - 1));
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

#[test]
fn what_passes_later_is_a_success() {
    let scene = Scene::new(
        "plan: p\nsteps: { a: { run: '[ $ROK_ATTEMPT = 2 ] || exit 75', retry: { max: 3, base: 1ms } } }\n",
    );
    scene.run().exits(0);
    assert_eq!(scene.step("a")["attempt"], 2);
}

/// The grace is the step's own: one that ends within it is not killed.
#[test]
fn a_step_may_tidy_up_in_its_grace() {
    let scene = Scene::new(
        "plan: p
steps:
  a:
    timeout: 300ms
    kill_grace: 20s
    run: |
      trap 'sleep 0.3; echo tidy >tidy; exit 0' TERM
      STAY & wait
",
    );
    scene.run().exits(1);
    assert!(scene.bench.path().join("tidy").exists());
    assert_eq!(
        error(&scene, "a"),
        "timeout: stopped at its deadline, after 300ms"
    );
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

/// Steps that are not required leave a partial run, which `--strict` fails.
#[test]
fn a_partial_run() {
    let scene = Scene::new(
        "plan: p\nsteps: { a: { run: exit 1, required: false }, b: { run: 'true' }, c: { needs: [a], run: 'true', required: false } }\n",
    );
    scene.run().exits(0);
    let summary = scene.summary();
    assert_eq!(
        (&summary["outcome"], &summary["phase"]),
        (&Value::from("partial"), &Value::from("COMPLETED"))
    );
    let skip = scene.step("c")["skip_reason"].clone();
    assert_eq!(skip, "Dependencies failed or timed out");
    scene.bench.rok(["run", "plan.yaml", "--strict"]).exits(1);
}
