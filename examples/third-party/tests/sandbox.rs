//! A sandbox for an embedded rok: `acme` is the launcher.

use rok::Rok;
use serde_json::Value;

const PLAN: &str = "plan: p\nsteps: { a: { sandbox: {}, run: 'echo x > TARGET' } }\n";

#[test]
fn steps_in_a_sandbox_are_started_by_acme_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let target = folder.path().join("made");
    let plan = PLAN.replace("TARGET", &target.display().to_string());
    let embedded = || Rok::in_folder(folder.path().join("runs"));
    let with = embedded().launcher(env!("CARGO_BIN_EXE_acme")).open();
    let with = with.expect("it is a rok of this version");
    let kept = with.run(&plan, &Value::Null).expect("it is told");
    assert_eq!(kept.status, "failed");
    let without = embedded().open().expect("it opens");
    let refused = without.run(&plan, &Value::Null).expect("it is told");
    let error = refused.error.expect("it is refused");
    assert_eq!(error.class.as_str(), "sandbox_violation");
    assert!(!target.exists());
    let free = plan.replace("sandbox: {}, ", "");
    let ran = without.run(&free, &Value::Null).expect("it is told");
    assert_eq!((ran.status.as_str(), target.exists()), ("succeeded", true));
}
