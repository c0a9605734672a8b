//! What counts as an artifact, and what is stored of it.

use crate::support::Bench;
use crate::{contents, emitted, error, of_type, run};
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

#[test]
fn patterns_match_in_one_order_and_each_content_is_stored_once() {
    let bench = Bench::new();
    let plan = r#"plan: p
steps:
  make:
    run: |
      mkdir -p out/deep; for i in b a c; do echo same > out/$i.txt; done
      echo other > out/deep/d.txt; echo own > "$ROK_ARTIFACTS/own.txt"; echo no > out/no.bin
    artifacts:
      - { path: "out/*.txt", required: true }
      - { path: "out/**/*.txt" }
      - { path: own.txt, required: true }
      - { path: "absent/*" }
"#;
    run(&bench, plan).exits(0);
    let expected = [
        "out/a.txt",
        "out/b.txt",
        "out/c.txt",
        "out/deep/d.txt",
        "own.txt",
    ];
    assert_eq!(emitted(&bench, "r"), expected);
    let stored = contents(&bench);
    assert_eq!(stored.len(), 3, "same, other, own: {stored:?}");
    for content in &stored {
        let mode = fs::metadata(content).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400, "a content is read-only");
    }
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    // A second run adds no content, and its artifacts are the same.
    bench
        .rok(["run", "plan.yaml", "--run-id", "again"])
        .exits(0);
    assert_eq!(contents(&bench), stored);
    assert_eq!(emitted(&bench, "again"), expected);
}

#[test]
fn what_was_there_before_is_no_result_and_stays_where_it_is() {
    let bench = Bench::new();
    bench.write("old.txt", "mine");
    let plan = "plan: p\nsteps:\n  make: { run: 'true', artifacts: [{ path: old.txt, required: true }] }\n";
    run(&bench, plan).exits(1);
    let (class, reason) = error(&bench, "make");
    assert_eq!(class, "validation_failed");
    assert!(
        reason.contains("`old.txt` was not written: what is there was there before"),
        "{reason}"
    );
    assert_eq!(
        fs::read_to_string(bench.path().join("old.txt")).unwrap(),
        "mine"
    );
    assert_eq!(of_type(&bench, "r", "artifact.quarantined").len(), 0);
}

/// Written anew, appended to, replaced, and made again with the same content:
/// all that is the step's work.
#[rstest]
#[case("echo new > old.txt")]
#[case("echo more >> old.txt")]
#[case("echo mine > x && mv x old.txt")]
#[case("printf mine > old.txt")]
fn what_was_there_before_and_was_changed_is_a_result(#[case] script: &str) {
    let bench = Bench::new();
    bench.write("old.txt", "mine");
    bench.write("kept.txt", "mine");
    let plan = format!(
        "plan: p\nsteps:\n  make: {{ run: '{script}', artifacts: [{{ path: '*.txt', required: true }}] }}\n"
    );
    run(&bench, &plan).exits(0);
    assert_eq!(emitted(&bench, "r"), ["old.txt"]);
}

#[test]
fn a_value_is_no_pattern() {
    let bench = Bench::new();
    let plan = r#"plan: p
inputs: { name: { type: string, default: "*" } }
steps:
  make:
    run: "mkdir out; touch 'out/*' out/x"
    artifacts: [{ path: "out/${{ inputs.name }}", required: true }]
  match:
    run: "mkdir in; touch 'in/*.a' in/x.a"
    artifacts: [{ path: "in/${{ inputs.name }}.?", required: true }]
"#;
    run(&bench, plan).exits(0);
    let mut found = emitted(&bench, "r");
    found.sort();
    assert_eq!(found, ["in/*.a", "out/*"]);
}

/// Nothing leads out of the folder, nothing is waited for, nothing is taken
/// for a file that is none; and what lies elsewhere is not touched.
#[rstest]
#[case("ln -s ELSEWHERE/kept out/a", "leads out of")]
#[case("ln -s ../../../../../../../..ELSEWHERE/kept out/a", "leads out of")]
#[case(
    "mkdir o2; ln -s ELSEWHERE o2/far; rmdir out; ln -s o2/far out",
    "leads out of"
)]
#[case("ln -s /proc/self/fd/1 out/a", "")]
#[case("mkfifo out/a", "is no regular file")]
#[case("ln -s /dev/zero out/a", "leads out of")]
#[case("ln -s nowhere out/a", "does not exist")]
fn a_file_that_is_none_of_the_steps_fails_it(#[case] script: &str, #[case] part: &str) {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let kept = elsewhere.path().join("kept");
    fs::write(&kept, "not the step's").expect("ours");
    let behind = script.contains("far out");
    let script = script.replace("ELSEWHERE", &elsewhere.path().display().to_string());
    let path = if behind { "out/kept" } else { "out/a" };
    for (path, required) in [(path, true), ("out/*", false)] {
        let bench = Bench::new();
        let plan = format!(
            "plan: p\nsteps:\n  make: {{ run: 'mkdir out; {script}', artifacts: [{{ path: \"{path}\", required: {required} }}] }}\n"
        );
        run(&bench, &plan).exits(1);
        if required {
            let (_, reason) = error(&bench, "make");
            assert!(reason.contains(part), "{reason}");
            let left = bench.path().join(path);
            assert!(!left.exists(), "the next step would read {path}");
        }
        assert_eq!(contents(&bench).len(), 0);
        let found = fs::read_to_string(&kept);
        assert_eq!(found.ok().as_deref(), Some("not the step's"));
    }
}

/// A link that the user made is the user's: neither it nor what lies behind it
/// is put aside.
#[test]
fn a_link_that_was_there_before_stays() {
    let elsewhere = tempfile::tempdir().expect("a temporary folder");
    let bench = Bench::new();
    let link = bench.path().join("out");
    std::os::unix::fs::symlink(elsewhere.path(), &link).expect("ours");
    // A moment ago is not before.
    std::thread::sleep(std::time::Duration::from_millis(30));
    let plan = "plan: p\nsteps:\n  make: { run: echo x > out/a, artifacts: [{ path: out/a, required: true }] }\n";
    run(&bench, plan).exits(1);
    assert!(link.is_symlink());
    assert!(elsewhere.path().join("a").is_file());
}

#[test]
fn a_folder_is_no_artifact() {
    let bench = Bench::new();
    let plan = "plan: p\nsteps:\n  make: { run: mkdir -p out/deep, artifacts: [{ path: out, required: true }] }\n";
    run(&bench, plan).exits(1);
    let (_, reason) = error(&bench, "make");
    assert!(
        reason.contains("is no regular file: pack a folder"),
        "{reason}"
    );
}

#[test]
fn a_link_within_the_folder_is_followed() {
    let bench = Bench::new();
    let plan = "plan: p\nsteps:\n  make: { run: 'mkdir v1; echo x > v1/a; ln -s v1 latest; ln -s $PWD/v1/a b', artifacts: [{ path: latest/a, required: true }, { path: b, required: true }] }\n";
    run(&bench, plan).exits(0);
    assert_eq!(emitted(&bench, "r"), ["latest/a", "b"]);
}

#[test]
fn a_broken_pattern_is_found_before_the_run_starts() {
    let bench = Bench::new();
    let plan = "plan: p\nsteps:\n  make: { run: touch ran, artifacts: [{ path: 'out/[a' }] }\n";
    let ran = run(&bench, plan).exits(2);
    assert!(ran.err.contains("`[` is never closed"), "{}", ran.err);
    assert!(!bench.path().join("ran").exists() && !bench.runs().exists());
}

#[test]
fn calls_have_artifacts_too() {
    use rok::Rok;
    let dir = tempfile::tempdir().unwrap();
    let rok = Rok::in_folder(dir.path().join("runs"))
        .function("make", |call| {
            let workspace = call.workspace().expect("a run folder");
            fs::write(workspace.artifacts.join("a.txt"), "x").expect("it is there");
            Ok(serde_json::Value::Null)
        })
        .function("idle", |_| Ok(serde_json::Value::Null))
        .open()
        .unwrap();
    let plan = |name: &str| {
        format!(
            "plan: p\nsteps: {{ s: {{ call: {name}, artifacts: [{{ path: a.txt, required: true }}] }} }}\n"
        )
    };
    let made = rok.run(&plan("make"), &serde_json::Value::Null).unwrap();
    assert_eq!(made.artifacts.len(), 1);
    assert!(rok.verify(&made.run_id).unwrap().faults.is_empty());
    let idle = rok.run(&plan("idle"), &serde_json::Value::Null).unwrap();
    let error = idle.steps[0].error.as_ref().unwrap();
    assert_eq!(error.reason, "required artifact `a.txt` was not written");
}
