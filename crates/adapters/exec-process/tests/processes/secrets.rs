//! A secret that a step prints or writes is nowhere in the run's folder.

use crate::support::{Bench, SECRET, failure, files};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use serde_json::json;

/// The folder of the run and the scratch folder hold the secret in no form.
fn nowhere(bench: &Bench) {
    let json = serde_json::Value::from(SECRET).to_string();
    let forms = [SECRET.as_bytes(), &json.as_bytes()[1..json.len() - 1]];
    for (path, content) in files(bench.dir.path()) {
        for form in forms {
            let found = content.windows(form.len()).any(|window| window == form);
            assert!(!found, "{} holds the secret", path.display());
        }
    }
}

#[test]
fn output_is_masked_across_writes_and_in_json() {
    let bench = Bench::new();
    let script = r#"
        printf 'plain %s\n' "$TOKEN"
        printf 'hun'; sleep 0.02; printf '"ter2/äß split\n'
        printf '{"t":"hun\\"ter2/äß"}\n'"#;
    bench.run(bench.sh_with_secret("s", script)).end.unwrap();
    assert_eq!(
        bench.log("s.0.log"),
        "plain ***\n*** split\n{\"t\":\"***\"}\n"
    );
    nowhere(&bench);
}

#[test]
fn a_large_output_is_masked_over_all_chunk_borders() {
    let bench = Bench::new();
    let script = r#"i=0; while [ $i -lt 20000 ]; do printf '%s.' "$TOKEN"; i=$((i+1)); done"#;
    bench.run(bench.sh_with_secret("s", script)).end.unwrap();
    assert_eq!(bench.log("s.0.log"), "***.".repeat(20_000));
}

#[test]
fn outputs_and_reasons_are_masked() {
    let bench = Bench::new();
    let script = r#"printf '{"k": "a hun\\"ter2/äß b", "hun\\"ter2/äß": 1}' > "$ROK_OUTPUT""#;
    let result = bench.run(bench.sh_with_secret("a", script));
    assert_eq!(
        result.end.unwrap().outputs,
        json!({ "k": "a *** b", "***": 1 })
    );

    let script = r#"printf '{"reason": "no hun\\"ter2/äß"}' > "$ROK_ERROR"; exit 1"#;
    let result = bench.run(bench.sh_with_secret("b", script));
    assert_eq!(failure(&result).1, "no ***");

    let result = bench.run(bench.sh_with_secret("c", r#"echo "bad $TOKEN" >&2; exit 1"#));
    assert_eq!(failure(&result).1, "exit code 1: bad ***");
    nowhere(&bench);
}

#[rstest]
#[case(
    r#"mkdir -p "$ROK_ARTIFACTS/sub"; printf "x%sx" "$TOKEN" > "$ROK_ARTIFACTS/sub/leak""#,
    "artifact `sub/leak` holds secret `TOKEN`"
)]
#[case(
    r#"printf "x%sx" "$TOKEN" > f; touch -d 2001-01-01 f; mv f "$ROK_ARTIFACTS/moved""#,
    "artifact `moved` holds secret `TOKEN`"
)]
#[case(
    r#"printf "%s" "$TOKEN" > "$ROK_ARTIFACTS/b"; exit 7"#,
    "artifact `b` holds secret `TOKEN`; exit code 7"
)]
fn an_artifact_with_a_secret_fails_the_step_and_is_removed(
    #[case] script: &str,
    #[case] reason: &str,
) {
    let bench = Bench::new();
    std::fs::create_dir_all(&bench.workspace.artifacts).unwrap();
    std::fs::write(bench.workspace.artifacts.join("good"), "fine").unwrap();
    let result = bench.run(bench.sh_with_secret("s", script));
    assert_eq!(
        failure(&result),
        (ErrorClass::PolicyViolation, reason.to_owned())
    );
    let left: Vec<_> = files(&bench.workspace.artifacts);
    assert_eq!(left.len(), 1, "the good one stays: {left:?}");
    nowhere(&bench);
}

#[test]
fn private_files_of_a_failed_step_are_gone() {
    let bench = Bench::new();
    let script = r#"echo "$TOKEN" > "$ROK_OUTPUT"; echo "$TOKEN" > "$ROK_USAGE"; exit 1"#;
    assert!(bench.run(bench.sh_with_secret("s", script)).end.is_err());
    nowhere(&bench);
}
