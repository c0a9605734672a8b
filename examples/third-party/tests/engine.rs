//! An engine with both executors conforms, and they really do its steps.

use acme_executors::{Desk, Stamped};
use rok::{Rok, RokBuilder};
use rok_conformance::{Engine, House, assert_conforms};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

fn acme(folder: &Path) -> RokBuilder {
    Rok::in_folder(folder.join("runs"))
        .executor(Arc::new(Desk::new()))
        .executor(Arc::new(Stamped::new("berlin").expect("processes start")))
}

#[test]
fn the_engine_conforms_in_every_case() {
    let folder = tempfile::tempdir().expect("a folder");
    let house = House::open(folder.path()).expect("loopback has ports");
    let rok = acme(folder.path())
        .policies(&house.policies)
        .agents(&house.agents)
        .open()
        .expect("it opens");
    let engine = Engine::new(rok.runs().clone(), folder.path().to_owned()).with_agents();
    let unshown = assert_conforms(&engine);
    assert!(unshown.is_empty(), "{unshown:?}");
}

#[test]
fn each_step_is_done_by_its_executor() {
    let folder = tempfile::tempdir().expect("a folder");
    let rok = acme(folder.path())
        .function("theirs", |_| Ok(json!({ "by": "a function" })))
        .open()
        .expect("it opens");
    let plan = "
plan: acme
inputs: { who: { type: string } }
steps:
  greet: { call: acme-greet }
  theirs: { call: theirs }
  print: { run: 'printf ''{\"site\":\"%s\"}'' \"$ACME_SITE\" > \"$ROK_OUTPUT\"' }
";
    let run = rok.run(plan, &json!({ "who": "ada" })).expect("it runs");
    assert_eq!(run.status, "succeeded");
    let outputs = |step: usize| run.steps[step].outputs.as_deref().cloned();
    assert_eq!(outputs(0), Some(json!({ "text": "hello ada" })));
    assert_eq!(outputs(1), Some(json!({ "by": "a function" })));
    assert_eq!(outputs(2), Some(json!({ "site": "berlin" })));
    assert!(
        rok.verify(&run.run_id)
            .expect("it is told")
            .faults
            .is_empty()
    );
}

/// What an executor finds beforehand is refused before anything runs.
#[test]
fn what_the_desk_does_not_know_is_refused_beforehand() {
    let folder = tempfile::tempdir().expect("a folder");
    let rok = acme(folder.path()).open().expect("it opens");
    let plan = "plan: acme\nsteps: { a: { call: acme-greet }, b: { call: acme-sing } }\n";
    let run = rok.run(plan, &json!({})).expect("it is told");
    let error = run.error.expect("it is refused");
    assert!(error.reason.contains("acme-sing"), "{}", error.reason);
    assert_eq!(run.steps[0].outputs, None, "nothing ran");
}
