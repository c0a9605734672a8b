//! rok within another program: a step that asks for a sandbox has one by the
//! `rok` that the program names, or is refused.

use rok::Rok;
use rok_sandbox::Offer;
use rok_vocabulary::{ErrorClass, RunPhase};
use serde_json::Value;
use std::path::Path;

const PLAN: &str = "plan: p\nsteps: { a: { sandbox: {}, run: 'echo x > TARGET' } }\n";

fn plan(target: &Path) -> String {
    PLAN.replace("TARGET", &target.display().to_string())
}

#[test]
fn without_a_launcher_a_sandbox_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let target = dir.path().join("made");
    let rok = Rok::in_folder(dir.path().join("runs"))
        .open()
        .expect("it opens");
    let run = rok.run(&plan(&target), &Value::Null).expect("it is told");
    let error = run.error.expect("it is refused");
    assert_eq!(error.class, ErrorClass::SandboxViolation);
    assert!(error.reason.contains("`launcher`"), "{}", error.reason);
    assert!(!target.exists());
}

#[test]
fn a_launcher_starts_steps_in_their_sandboxes() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let target = dir.path().join("made");
    let rok = Rok::in_folder(dir.path().join("runs"));
    let rok = rok
        .launcher(env!("CARGO_BIN_EXE_rok"))
        .open()
        .expect("it opens");
    let run = rok.run(&plan(&target), &Value::Null).expect("it is told");
    assert_eq!(run.phase, RunPhase::Failed);
    let error = run.error.expect("it may not write there");
    if Offer::of_this_machine().is_complete() {
        assert_eq!(
            error.class,
            ErrorClass::ValidationFailed,
            "{}",
            error.reason
        );
    } else {
        assert_eq!(
            error.class,
            ErrorClass::SandboxViolation,
            "{}",
            error.reason
        );
    }
    assert!(!target.exists());
    let free = plan(&target).replace("sandbox: {}, ", "");
    let run = rok.run(&free, &Value::Null).expect("it is told");
    assert_eq!((run.phase, target.exists()), (RunPhase::Completed, true));
}

#[test]
fn a_launcher_that_is_no_rok_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for other in ["/bin/echo", "/nowhere/rok"] {
        let opened = Rok::in_folder(dir.path()).launcher(other).open();
        let error = opened.expect_err("it is refused");
        assert_eq!(error.code, "ROK0117");
        assert!(error.message.contains(other), "{}", error.message);
    }
}
