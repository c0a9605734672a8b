//! An artifact is right when the next step uses it, and when it is proved.

use crate::support::Bench;
use crate::{contents, error, of_type, put_aside, run};
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const GATED: &str = r#"plan: p
steps:
  make:
    run: mkdir out; echo right > out/a; chmod 755 out/a; echo own > "$ROK_ARTIFACTS/b"
    artifacts: [{ path: out/a, required: true }, { path: b, required: true }]
  gate: { run: "true", gate: manual, needs: [make] }
  use: { needs: [gate, make], run: 'grep -q right out/a && test -x out/a && grep -q own "$ROK_ARTIFACTS/b"' }
"#;

fn held() -> Bench {
    let bench = Bench::new();
    run(&bench, GATED).exits(1);
    bench
        .rok(["approve", "r", "gate", "--reason", "seen"])
        .exits(0);
    bench
}

#[rstest]
#[case::altered("echo wrong > out/a", true)]
#[case::altered_in_the_run("echo wrong > runs/r/artifacts/b", true)]
#[case::missing("rm -r out runs/r/artifacts/b", false)]
fn what_is_not_right_is_put_back_at_resume(#[case] script: &str, #[case] lay: bool) {
    let bench = held();
    let done = std::process::Command::new("sh")
        .args(["-c", script])
        .current_dir(bench.path())
        .status();
    assert!(done.unwrap().success());
    bench.rok(["resume", "r"]).exits(0);
    let aside = put_aside(&bench, "r");
    assert_eq!(aside.len(), usize::from(lay), "{aside:?}");
    if let Some((_, reason)) = aside.first() {
        assert_eq!(
            reason,
            "altered after step `make` made it; put back from the store"
        );
        let found = fs::read_dir(bench.runs().join("r/quarantine/make.0/found")).unwrap();
        assert_eq!(found.count(), 1, "nothing of the user's is lost");
    }
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn what_cannot_be_put_back_is_named_and_nothing_is_moved() {
    let bench = held();
    bench.write("out/a", "wrong");
    for content in contents(&bench) {
        fs::set_permissions(&content, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&content, "damaged").unwrap();
    }
    let ran = bench.rok(["resume", "r"]);
    assert!(
        ran.err.contains("ROK0104") && ran.err.contains("out/a of step `make`"),
        "{}",
        ran.err
    );
    assert_ne!(ran.code, 0);
    assert_eq!(
        fs::read_to_string(bench.path().join("out/a")).unwrap(),
        "wrong"
    );
    bench.rok(["verify", "r"]).exits(4);
}

/// Within one drive: a step that has nothing to do with it spoils the file.
#[test]
fn a_file_that_another_step_spoils_is_put_back_before_it_is_used() {
    let bench = Bench::new();
    let plan = r"plan: p
order: sequential
steps:
  make: { run: echo right > a, artifacts: [{ path: a, required: true }] }
  spoil: { run: echo wrong > a }
  use: { needs: [make], run: grep -q right a }
";
    run(&bench, plan).exits(0);
    let reason = "altered after step `make` made it; put back from the store".to_owned();
    assert_eq!(put_aside(&bench, "r"), [("a".to_owned(), reason)]);
    let used = &of_type(&bench, "r", "step.succeeded")[2];
    assert_eq!(used["data"]["restored"], serde_json::json!(["a"]));
}

#[test]
fn a_step_whose_input_cannot_be_put_back_does_not_start() {
    let bench = Bench::new();
    let plan = r"plan: p
order: sequential
steps:
  make: { run: echo right > a, artifacts: [{ path: a, required: true }] }
  spoil: { run: rm -rf a runs/.cas~/sha256 }
  use: { needs: [make], run: touch ran }
";
    run(&bench, plan).exits(1);
    let (class, reason) = error(&bench, "use");
    assert_eq!(class, "contract_input_missing");
    assert!(
        reason.starts_with("artifact `a` of step `make` is missing or altered"),
        "{reason}"
    );
    assert!(!bench.path().join("ran").exists());
}

/// A step that goes on with what another made stands for it from then on.
#[test]
fn the_last_to_write_counts() {
    let bench = Bench::new();
    let plan = r"plan: p
steps:
  one: { run: echo 1 > a, artifacts: [{ path: a, required: true }] }
  two: { needs: [one], run: echo 2 >> a, artifacts: [{ path: a, required: true }] }
  use: { needs: [one, two], run: test $(wc -l < a) = 2 }
";
    run(&bench, plan).exits(0);
    assert_eq!(put_aside(&bench, "r"), []);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    assert_eq!(contents(&bench).len(), 2);
}

/// One that goes on with it and fails gives it back as it was.
#[test]
fn a_retry_finds_what_the_first_attempt_found() {
    let bench = Bench::new();
    let plan = r"plan: p
steps:
  one: { run: echo 1 > a, artifacts: [{ path: a, required: true }] }
  two:
    needs: [one]
    run: test $(wc -l < a) = 1; echo 2 >> a; if ! test -e first; then touch first; exit 75; fi
    retry: { max: 1, base: 0s }
    artifacts: [{ path: a, required: true }]
";
    run(&bench, plan).exits(0);
    assert_eq!(
        fs::read_to_string(bench.path().join("a")).unwrap(),
        "1\n2\n"
    );
}

#[test]
fn verify_holds_store_places_and_logs_against_the_record() {
    let bench = held();
    bench.rok(["resume", "r"]).exits(0);
    let verify = || bench.rok(["verify", "r", "--json"]);
    assert_eq!(verify().exits(0).json()["faults"], serde_json::json!([]));

    // The user's folder goes on; the record does not depend on it.
    bench.write("out/a", "the next version");
    let report = verify().exits(0).json();
    assert!(
        report["notes"][0]
            .as_str()
            .unwrap()
            .ends_with("the store has what was made: out/a"),
        "{report}"
    );

    for (path, file) in [
        ("runs/r/logs/use.0.log", "logs/use.0.log"),
        ("runs/r/artifacts/b", "b"),
    ] {
        let path = bench.path().join(path);
        let right = fs::read(&path).unwrap();
        fs::write(&path, "another").unwrap();
        assert_eq!(verify().exits(4).json()["faults"][0]["file"], file);
        fs::write(&path, right).unwrap();
        verify().exits(0);
    }
    let content = contents(&bench).remove(0);
    fs::set_permissions(&content, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&content, "damaged").unwrap();
    verify().exits(4);
}

#[test]
fn a_log_that_says_something_is_in_the_record() {
    let bench = Bench::new();
    run(
        &bench,
        "plan: p\nsteps: { a: { run: echo hello }, b: { run: 'true' } }\n",
    )
    .exits(0);
    let ends = of_type(&bench, "r", "step.succeeded");
    let sha256 = rok_artifacts::Digest::of(b"hello\n").sha256;
    let of = |step: &str| ends.iter().find(|end| end["step_id"] == step).unwrap()["data"].clone();
    assert_eq!(
        (&of("a")["log_sha256"], &of("a")["log_bytes"]),
        (&sha256.into(), &6.into())
    );
    assert_eq!(
        (&of("b")["log_sha256"], &of("b")["log_bytes"]),
        (&serde_json::Value::Null, &0.into())
    );
    fs::remove_file(bench.runs().join("r/logs/a.0.log")).unwrap();
    let fault = bench.rok(["verify", "r", "--json"]).exits(4).json();
    assert!(
        fault["faults"][0]["what"]
            .as_str()
            .unwrap()
            .contains("is missing"),
        "{fault}"
    );
}
