//! What is no result is put aside, before anything else can read it.

use crate::running::Scene;
use crate::support::Bench;
use crate::{contents, error, of_type, put_aside, run};
use rstest::rstest;
use std::fs;

/// Whatever ends an attempt, the next one and the next step find nothing of it.
#[rstest]
#[case::fails("echo half > out; exit 75", "transient_io")]
#[case::timeout("echo half > out; sleep 600", "timeout")]
#[case::required(
    "echo half > out; test ! -e first || echo x > other; exit 75",
    "transient_io"
)]
fn an_attempt_that_fails_leaves_nothing(#[case] script: &str, #[case] class: &str) {
    let bench = Bench::new();
    let plan = format!(
        r"plan: p
steps:
  make:
    run: |
      test ! -e out || exit 65
      if test -e first; then echo whole > out; exit 0; fi
      touch first
      {script}
    timeout: 3s
    kill_grace: 0s
    retry: {{ max: 1, classes: [transient_io, timeout], base: 0s }}
    artifacts: [{{ path: out, required: true }}]
  use: {{ needs: [make], run: grep -q whole out }}
"
    );
    run(&bench, &plan).exits(0);
    let reason = format!("the attempt ended as {class}");
    assert_eq!(put_aside(&bench, "r"), [("out".to_owned(), reason)]);
    let aside = bench.runs().join("r/quarantine/make.0/cwd/out");
    assert_eq!(fs::read_to_string(aside).unwrap(), "half\n");
    let event = &of_type(&bench, "r", "artifact.quarantined")[0];
    assert_eq!(
        (&event["attempt"], &event["data"]["bytes"]),
        (&0.into(), &5.into())
    );
    assert_eq!(event["data"]["sha256"].as_str().map(str::len), Some(64));
    bench.rok(["verify", "r"]).exits(0);
}

#[test]
fn a_required_artifact_that_is_missing_takes_the_others_along() {
    let bench = Bench::new();
    bench.write("mine.txt", "mine");
    let plan = r#"plan: p
steps:
  make:
    run: echo a > a.txt; mkdir d; echo b > d/b.txt; mkfifo d/pipe; ln -s nowhere d/link
    artifacts: [{ path: "*.txt" }, { path: "d/**" }, { path: absent, required: true }]
"#;
    run(&bench, plan).exits(1);
    let paths: Vec<String> = put_aside(&bench, "r")
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(paths, ["a.txt", "d/b.txt", "d/link", "d/pipe"]);
    assert_eq!(fs::read_dir(bench.path().join("d")).unwrap().count(), 0);
    assert_eq!(
        fs::read_to_string(bench.path().join("mine.txt")).unwrap(),
        "mine"
    );
    assert_eq!(contents(&bench).len(), 0, "nothing of it is named");
}

#[test]
fn outputs_that_are_refused_take_the_artifacts_along() {
    let bench = Bench::new();
    let plan = r#"plan: p
steps:
  make:
    run: echo a > a; echo '{"n":"x"}' > "$ROK_OUTPUT"
    outputs: { n: { type: integer } }
    artifacts: [{ path: a, required: true }]
"#;
    run(&bench, plan).exits(1);
    assert_eq!(error(&bench, "make").0, "validation_failed");
    let reason = "the step's outputs were refused".to_owned();
    assert_eq!(put_aside(&bench, "r"), [("a".to_owned(), reason)]);
    assert!(!bench.path().join("a").exists());
    assert_eq!(of_type(&bench, "r", "artifact.emitted").len(), 0);
}

#[test]
fn what_a_hard_gate_stops_leaves_nothing() {
    let bench = Bench::new();
    let plan = r#"plan: p
max_parallel: 2
steps:
  gate: { run: "until test -e half; do sleep 0.01; done; exit 1", gate: hard }
  make:
    run: echo half > half; sleep 600
    kill_grace: 0s
    artifacts: [{ path: half }]
"#;
    run(&bench, plan).exits(1);
    let reason = "the attempt ended as cancelled".to_owned();
    assert_eq!(put_aside(&bench, "r"), [("half".to_owned(), reason)]);
    assert!(!bench.path().join("half").exists());
}

/// What survives in a session of its own may go on writing: not to where a
/// result would be.
#[test]
fn a_survivor_writes_to_what_is_aside() {
    let scene = Scene::new(
        r"plan: p
steps:
  make:
    run: |
      exec 3> out; setsid sh -c 'STAY' 3>&3 & echo half >&3; exit 75
    retry: { max: 1, base: 0s }
    artifacts: [{ path: out }]
",
    );
    scene.run().exits(1);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    assert!(!scene.bench.path().join("out").exists());
    assert_eq!(put_aside(&scene.bench, "r").len(), 2);
}
