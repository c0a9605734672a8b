//! Declared artifacts.

use crate::support::{Bench, failure};
use rok_executor::{Artifact, ArtifactSpec, StepRequest};
use rok_vocabulary::ErrorClass;
use rstest::rstest;

fn spec(path: &str, required: bool) -> ArtifactSpec {
    ArtifactSpec {
        path: path.into(),
        required,
    }
}

#[test]
fn declared_artifacts_are_hashed_relative_to_the_working_directory() {
    let bench = Bench::new();
    let absolute = bench.path("b").display().to_string();
    let request = StepRequest {
        artifacts: vec![
            spec("out/a", true),
            spec(&absolute, true),
            spec("absent", false),
        ],
        ..bench.sh("s", "mkdir out; printf abc > out/a; ln -s out/a b")
    };
    let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let artifact = |path: &str| Artifact {
        path: path.into(),
        sha256: sha256.into(),
        bytes: 3,
    };
    let found = bench.run(request).end.unwrap().artifacts;
    assert_eq!(found, [artifact("out/a"), artifact(&absolute)]);
}

#[rstest]
#[case("true", "required artifact `a` was not written")]
#[case("mkdir a", "is no regular file")]
fn a_bad_artifact_fails_the_step(#[case] script: &str, #[case] part: &str) {
    let bench = Bench::new();
    let request = StepRequest {
        artifacts: vec![spec("a", true)],
        ..bench.sh("s", script)
    };
    let result = bench.run(request);
    let (class, reason) = failure(&result);
    assert_eq!(
        (class, result.exit_code),
        (ErrorClass::ValidationFailed, Some(0))
    );
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn a_declared_artifact_with_a_secret_fails_the_step() {
    let bench = Bench::new();
    let request = StepRequest {
        artifacts: vec![spec("a", true)],
        ..bench.sh_with_secret("s", r#"echo "$TOKEN" > a"#)
    };
    let expected = (
        ErrorClass::PolicyViolation,
        "artifact `a` holds secret `TOKEN`".to_owned(),
    );
    assert_eq!(failure(&bench.run(request)), expected);
}
