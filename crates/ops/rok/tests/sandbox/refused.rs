//! What is refused, and how that is said.

use crate::boxed::Boxed;
use rok_sandbox::Offer;
use rstest::rstest;

#[rstest]
#[case::holds_the_record("{ write: ['..'] }", "sandbox_violation", "belongs to rok", 5)]
#[case::is_the_record("{ write: [../runs] }", "sandbox_violation", "belongs to rok", 5)]
#[case::holds_other_attempts("{ read: [../tmp] }", "sandbox_violation", "belongs to rok", 5)]
#[case::everything("{ read: [/] }", "sandbox_violation", "belongs to rok", 5)]
#[case::symbolic_link("{ write: [link] }", "sandbox_violation", "symbolic link", 5)]
#[case::through_a_link("{ read: [link/x] }", "sandbox_violation", "symbolic link", 5)]
#[case::magic_link("{ read: [/proc/self/root] }", "sandbox_violation", "symbolic link", 5)]
#[case::absent(
    "{ write: [gone] }",
    "config_error",
    "must be there when the step starts",
    1
)]
fn a_sandbox_that_is_none(
    #[case] sandbox: &str,
    #[case] class: &str,
    #[case] part: &str,
    #[case] code: i32,
) {
    let boxed = Boxed::new(sandbox, "echo began");
    std::os::unix::fs::symlink("out", boxed.path("work/link")).unwrap();
    std::fs::write(boxed.path("work/out/x"), "").unwrap();
    let Some(ran) = boxed.run() else { return };
    let ran = ran.exits(code);
    let (told, reason) = boxed.failure();
    assert_eq!(told, class, "{reason}");
    assert!(reason.contains(part), "{reason}");
    assert!(ran.out.contains(class), "{}", ran.out);
    assert_eq!(boxed.log(), "", "it did not begin");
}

#[test]
fn a_program_out_of_reach_is_told_how_to_be_reached() {
    let boxed = Boxed::plan("steps: { a: { sandbox: {}, run: [./tool] } }\n");
    let interpreter = boxed.path("home/sh");
    std::fs::copy("/bin/sh", &interpreter).unwrap();
    let tool = boxed.path("work/tool");
    std::fs::write(&tool, format!("#!{}\necho began\n", interpreter.display())).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&tool, mode).unwrap();
    let Some(ran) = boxed.run() else { return };
    ran.exits(1);
    let (class, reason) = boxed.failure();
    assert_eq!(class, "config_error");
    assert!(reason.contains("Name its folder in `read`"), "{reason}");
}

/// A sandbox that this machine has not is refused before the run begins.
#[test]
fn a_lack_is_found_before_anything_begins() {
    let boxed = Boxed::plan(
        "steps:\n  first: { run: touch ../began }\n  a: { after: [first], sandbox: { max_processes: 2 }, run: 'true' }\n",
    );
    let offer = Offer::of_this_machine();
    let ran = boxed.ran(&["run", "plan.yaml", "--run-id", "r"]);
    if offer.is_complete() && offer.counts_processes {
        ran.exits(0);
        return;
    }
    let ran = ran.exits(5);
    assert!(ran.out.contains("sandbox_violation"), "{}", ran.out);
    assert!(!boxed.path("began").exists());
    boxed.ran(&["verify", "r", "--sealed"]).exits(0);
    let dry = boxed.ran(&["run", "plan.yaml", "--mode", "dry-run", "--json"]);
    assert!(dry.out.contains("sandbox_violation"), "{}", dry.out);
}

#[test]
fn an_optional_step_is_refused_alone() {
    let boxed = Boxed::plan(
        "steps:\n  a: { sandbox: { write: ['..'] }, run: 'true', required: false }\n  b: { run: 'true' }\n",
    );
    let ran = boxed.ran(&["run", "plan.yaml", "--run-id", "r"]).exits(0);
    assert!(ran.out.contains("PARTIAL"), "{}", ran.out);
    boxed.ran(&["run", "plan.yaml", "--strict"]).exits(1);
}

/// Off, the run says so; required, nobody is left out.
#[rstest]
#[case::off("off", true)]
#[case::required("required", false)]
fn the_setting_decides_for_all(#[case] mode: &str, #[case] reached: bool) {
    let boxed = Boxed::plan(
        "steps:\n  a: { sandbox: {}, run: 'cat ../secret || true' }\n  b: { run: 'cat ../secret || true' }\n",
    );
    let set = format!("sandbox={mode}");
    let ran = boxed.ran(&["run", "plan.yaml", "--run-id", "r", "--set", &set]);
    if mode == "required" && !Offer::of_this_machine().is_complete() {
        ran.exits(5);
        return;
    }
    ran.exits(0);
    for step in ["a", "b"] {
        let path = boxed.path(&format!("runs/r/logs/{step}.0.log"));
        let log = std::fs::read_to_string(path).unwrap();
        assert_eq!(log.contains("treasure"), reached, "{step}: {log}");
    }
    let told: Vec<_> = boxed
        .events("step.started")
        .into_iter()
        .map(|event| event["data"]["sandbox"]["off"].clone())
        .collect();
    let expected = match mode {
        "off" => vec![serde_json::json!(true), serde_json::Value::Null],
        _ => vec![serde_json::Value::Null; 2],
    };
    assert_eq!(told, expected);
    let created = boxed.events("run.created").pop().unwrap();
    assert_eq!(created["data"]["settings"]["sandbox"], mode);
}

/// How rok starts a step is nobody else's command.
#[test]
fn the_launcher_by_hand() {
    let boxed = Boxed::plan("steps: { a: { run: 'true' } }\n");
    let ran = boxed.ran(&["__exec"]).exits(126);
    assert!(ran.err.contains("`sandbox` in a plan"), "{}", ran.err);
    let ran = boxed
        .ran(&["__exec", "{}", "/bin/echo", "echo", "began"])
        .exits(126);
    assert!(
        ran.out.is_empty() && ran.err.contains("missing field"),
        "{}",
        ran.err
    );
}

#[test]
fn what_a_machine_has_is_told() {
    let boxed = Boxed::plan("steps: { a: { run: 'true' } }\n");
    let offer = Offer::of_this_machine();
    let code = if offer.is_complete() { 0 } else { 5 };
    let text = boxed.ran(&["sandbox", "check"]).exits(code).out;
    assert!(
        text.contains(&format!("Landlock: ABI {}", offer.landlock)),
        "{text}"
    );
    let json = boxed
        .ran(&["sandbox", "check", "--json"])
        .exits(code)
        .json();
    assert_eq!(json["complete"], offer.is_complete());
    assert_eq!(json["counts_processes"], offer.counts_processes);
}
