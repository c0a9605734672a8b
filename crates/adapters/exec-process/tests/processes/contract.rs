//! `ROK_OUTPUT`, `ROK_ERROR`, `ROK_USAGE`.

use crate::support::{Bench, failure};
use rok_vocabulary::ErrorClass::{
    self, ConfigError, PolicyViolation, TransientIo, ValidationFailed,
};
use rstest::rstest;
use serde_json::json;

#[rstest]
#[case(r#"echo '{"a": [1, "x"]}' > "$ROK_OUTPUT""#, json!({ "a": [1, "x"] }))]
#[case("echo null > $ROK_OUTPUT", json!(null))]
#[case("true", json!(null))]
fn outputs_are_read(#[case] script: &str, #[case] outputs: serde_json::Value) {
    let bench = Bench::new();
    assert_eq!(
        bench.run(bench.sh("s", script)).end.unwrap().outputs,
        outputs
    );
    let left: Vec<_> = crate::support::files(&bench.workspace.scratch)
        .into_iter()
        .map(|(path, _)| path.file_name().unwrap().to_owned())
        .collect();
    assert_eq!(left, ["inputs.json"], "private files are gone");
}

#[rstest]
#[case("echo '{' > $ROK_OUTPUT", "ROK_OUTPUT is no JSON")]
#[case(
    "echo '[1]' > $ROK_OUTPUT",
    "must be a JSON object or null, not an array"
)]
#[case(
    r#"echo '{"a": 1, "b": {"c": 1, "c": 2}}' > $ROK_OUTPUT"#,
    "ROK_OUTPUT is no JSON to take: key `c` is given twice"
)]
#[case(": > $ROK_OUTPUT", "ROK_OUTPUT is empty")]
#[case("mkfifo $ROK_OUTPUT", "ROK_OUTPUT is no regular file")]
#[case("mkdir $ROK_OUTPUT", "ROK_OUTPUT is no regular file")]
#[case("ln -s /etc/hostname $ROK_OUTPUT", "ROK_OUTPUT cannot be read")]
#[case(
    "truncate -s 65M $ROK_OUTPUT",
    "larger than 64 MiB: write a file and declare it as an artifact"
)]
#[case("echo nonsense > $ROK_USAGE", "ROK_USAGE line 1 must be")]
#[case("echo '{\"tokens\": -1}' > $ROK_USAGE", "ROK_USAGE line 1 must be")]
#[case("echo '{\"energy_kwh\": -1}' > $ROK_USAGE", "ROK_USAGE line 1 must be")]
#[case("echo '{\"token\": 1}' > $ROK_USAGE", "ROK_USAGE line 1 must be")]
#[case("echo '{' > $ROK_ERROR", "exit code 0, but ROK_ERROR is no JSON")]
#[case(
    r#"echo '{"reason": "a", "reason": "b"}' > $ROK_ERROR"#,
    "key `reason` is given twice"
)]
#[case(
    r#"echo '{"tokens": 1, "tokens": 2}' > $ROK_USAGE"#,
    "ROK_USAGE line 1 must be"
)]
#[case("echo '{}' > $ROK_ERROR", "exit code 0, but ROK_ERROR says nothing")]
fn what_breaks_the_contract_fails(#[case] script: &str, #[case] part: &str) {
    let bench = Bench::new();
    let result = bench.run(bench.sh("s", script));
    let (class, reason) = failure(&result);
    assert_eq!(class, ValidationFailed);
    assert!(reason.contains(part), "{reason}");
    assert_eq!(result.exit_code, Some(0));
}

#[rstest]
#[case(
    r#"{"class":"policy_violation","reason":"no"}"#,
    1,
    PolicyViolation,
    "no"
)]
#[case(
    r#"{"class":"transient_io"}"#,
    1,
    TransientIo,
    "exit code 1, named by the step as its error class"
)]
#[case(
    r#"{"reason":"the disk is full"}"#,
    75,
    TransientIo,
    "the disk is full"
)]
#[case(r#"{"class":"config_error","reason":"no"}"#, 0, ConfigError, "no")]
#[case(
    r#"{"class":"oops","reason":"no"}"#,
    75,
    ValidationFailed,
    "ROK_ERROR: unknown error class `oops`, expected one of "
)]
#[case("oops", 75, TransientIo, "exit code 75 (ROK_ERROR is no JSON")]
#[case(
    r#"{"class":7}"#,
    75,
    TransientIo,
    "exit code 75 (ROK_ERROR has key `class`"
)]
fn a_step_names_its_error(
    #[case] error: &str,
    #[case] code: i32,
    #[case] class: ErrorClass,
    #[case] reason: &str,
) {
    let bench = Bench::new();
    let script = format!("echo '{error}' > $ROK_ERROR; exit {code}");
    let (found, text) = failure(&bench.run(bench.sh("s", &script)));
    assert_eq!(found, class, "{text}");
    assert!(text.starts_with(reason), "{text}");
}

#[test]
fn usage_is_summed_also_of_a_failed_step() {
    let bench = Bench::new();
    let script = r#"
        echo '{"cost_usd": 0.25, "tokens": 10}' >> $ROK_USAGE
        echo '{"cost_usd": 0.5}' >> $ROK_USAGE
        echo '{"tokens": 5, "energy_kwh": 0.125}' >> $ROK_USAGE
        exit 1"#;
    let usage = bench.run(bench.sh("s", script)).usage;
    assert!((usage.cost_usd - 0.75).abs() < 1e-9);
    assert!((usage.energy_kwh - 0.125).abs() < 1e-9);
    assert_eq!(usage.tokens, 15);
}
