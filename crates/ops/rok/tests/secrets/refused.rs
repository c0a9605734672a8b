//! Secrets that cannot be had, or would be written down, are refused before
//! anything runs.

use crate::vault::Vault;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

const VALUE: &str = "hunter2-Zq9.x_y";
const STEPS: &str = "  a: { run: touch ran }\n";

/// Nothing ran and nothing is kept.
#[track_caller]
fn nothing_happened(vault: &Vault) {
    assert!(!vault.bench.path().join("ran").exists());
    assert!(!vault.bench.runs().join("r").exists());
}

#[rstest]
#[case::reason(&["--reason", "as hunter2-Zq9.x_y"])]
#[case::label(&["--label", "who=hunter2-Zq9.x_y"])]
#[case::label_name(&["--label", "hunter2-Zq9.x_y=who"])]
#[case::run_id(&["--run-id", "hunter2-Zq9.x_y"])]
#[case::input(&["--input", "text=xhunter2-Zq9.x_yx"])]
#[case::input_base64(&["--input", "text=aHVudGVyMi1acTkueF95"])]
#[case::input_of_wrong_type(&["--input", "number=hunter2-Zq9.x_y"])]
#[case::input_out_of_bounds(&["--input", "short=hunter2-Zq9.x_y"])]
#[case::unknown_input(&["--input", "other=hunter2-Zq9.x_y"])]
#[case::input_name(&["--input", "hunter2-Zq9.x_y=1"])]
#[case::nested_input(&["--input", r#"list=[{"a":"hunter2-Zq9.x_y"}]"#])]
#[case::key_of_an_input(&["--input", r#"object={"hunter2-Zq9.x_y":1}"#])]
fn a_secret_in_the_request_is_refused_unsaid(#[case] args: &[&str]) {
    let vault = Vault::new(VALUE, STEPS);
    let plan = fs::read_to_string(vault.bench.path().join("plan.yaml")).expect("ours");
    let inputs = "inputs:
  text: { type: string, default: x }
  number: { type: integer, default: 1 }
  short: { type: string, default: x, maxLength: 3 }
  list: { type: array, default: [] }
  object: { type: object, default: {} }
steps:";
    vault.write("plan.yaml", &plan.replace("steps:", inputs));
    let args = [&["run", "plan.yaml"], args].concat();
    let ran = vault.rok(&args).finish().exits(2);
    assert!(
        ran.err.contains("ROK0110") || ran.err.contains("ROK0109"),
        "{}",
        ran.err
    );
    vault.is_hidden(&[&ran]);
    nothing_happened(&vault);
    assert!(
        !vault.bench.runs().exists()
            || fs::read_dir(vault.bench.runs()).expect("ours").count() == 0
    );
}

#[rstest]
#[case::environment("env: { A: 'x hunter2-Zq9.x_y' }\n")]
#[case::label("labels: { a: 'hunter2-Zq9.x_y' }\n")]
#[case::description("description: hunter2-Zq9.x_y\n")]
#[case::default("inputs: { a: { type: string, default: 'hunter2-Zq9.x_y' } }\n")]
fn a_secret_in_the_plan_is_refused_unsaid(#[case] line: &str) {
    let vault = Vault::new(VALUE, STEPS);
    let plan = format!("plan: p\nsecrets: [TOKEN]\n{line}steps:\n{STEPS}");
    vault.write("plan.yaml", &plan);
    let ran = vault.run_all().exits(2);
    assert!(
        ran.err.contains("ROK0110") && ran.err.contains("secret `TOKEN`"),
        "{}",
        ran.err
    );
    nothing_happened(&vault);
    fs::remove_file(vault.bench.path().join("plan.yaml")).expect("ours");
    vault.is_hidden(&[&ran]);
}

/// What is missing fails the run before any step, by name.
#[rstest]
#[case::unset(None, "secret `TOKEN` is missing: set it in the environment (ROK0110)")]
#[case::empty(Some(""), "secret `TOKEN` is empty in the environment")]
#[case::short(
    Some("abc"),
    "secret `TOKEN` in the environment is shorter than 4 bytes"
)]
#[case::stars(
    Some("********"),
    "secret `TOKEN` in the environment consists of `*` only"
)]
fn an_unfit_secret_is_a_config_error(#[case] value: Option<&str>, #[case] part: &str) {
    let vault = Vault::new("unused-value-here", STEPS);
    let mut command = vault.bench.command(["run", "plan.yaml", "--run-id", "r"]);
    command.envs(value.map(|value| ("TOKEN", value)));
    let ran = crate::running::Running::start(command).finish().exits(1);
    assert!(ran.out.contains(part), "{}{}", ran.out, ran.err);
    let error = vault.summary()["error"].clone();
    assert_eq!(error["class"], "config_error", "{error}");
    let events = vault.bench.events("r");
    assert!(events.iter().all(|event| event["step_id"].is_null()));
    assert!(!vault.bench.path().join("ran").exists());
    vault.bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// Whoever mends a run wants to hear of everything, not of one thing a time.
#[test]
fn all_that_is_missing_is_told_at_once() {
    let vault = Vault::new("unused-value-here", STEPS);
    vault.write(
        "plan.yaml",
        "plan: p\nsecrets: [ONE, TWO]\nsteps:\n  a: { run: [no-such-program], env: { A: '${{ secrets.ONE }}' } }\n  b: { run: [none-such-either] }\n",
    );
    let ran = vault
        .bench
        .rok(["run", "plan.yaml", "--run-id", "r"])
        .exits(1);
    for part in [
        "secret `ONE` is missing: set it in the environment",
        "secret `TWO` is missing: set it in the environment",
        "step `b`: program `none-such-either` is not found",
    ] {
        assert!(ran.out.contains(part), "{part} in {}", ran.out);
    }
    assert!(
        !ran.out.contains("has no value"),
        "once is enough: {}",
        ran.out
    );
}

fn filed(vault: &Vault, text: &str, mode: u32) -> crate::support::Ran {
    let path = vault.bench.write("secrets.env", text);
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
    let ran = vault.bench.rok([
        "run",
        "plan.yaml",
        "--run-id",
        "r",
        "--secrets",
        "secrets.env",
    ]);
    let _ = fs::remove_file(vault.bench.path().join("secrets.env"));
    ran
}

#[rstest]
#[case::for_the_group(0o640)]
#[case::for_all(0o604)]
#[case::to_write(0o622)]
fn a_secrets_file_that_others_may_open_is_refused(#[case] mode: u32) {
    let vault = Vault::new(VALUE, STEPS);
    let ran = filed(&vault, &format!("TOKEN={VALUE}\n"), mode);
    assert_ne!(ran.code, 0);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(
        said.contains("can be read by others") && said.contains("chmod 600"),
        "{said}"
    );
    vault.is_hidden(&[&ran]);
    assert!(!vault.bench.path().join("ran").exists());
}

#[rstest]
#[case::no_pair("hunter2-Zq9.x_y\n", "line 1: expected KEY=VALUE")]
#[case::no_name("hunter2-Zq9.x_y=1\n", "line 1")]
#[case::open_quote("TOKEN='hunter2-Zq9.x_y\n", "the closing quote is missing")]
#[case::twice(
    "TOKEN=hunter2-Zq9.x_y\nTOKEN=hunter2-Zq9.x_y\n",
    "the key appears twice"
)]
#[case::no_json("{\"TOKEN\": hunter2-Zq9.x_y}", "no JSON object")]
#[case::comment("TOKEN=hunter2-Zq9.x_y # mine\n", "line 1, key `TOKEN…`: `#` may")]
#[case::not_named(
    "OTHER=hunter2-Zq9.x_y\n",
    "secrets.env, or in the environment (ROK0110)"
)]
fn a_faulty_secrets_file_is_refused_unsaid(#[case] text: &str, #[case] part: &str) {
    let vault = Vault::new(VALUE, STEPS);
    let ran = filed(&vault, text, 0o600);
    assert_ne!(ran.code, 0);
    let said = format!("{}{}", ran.out, ran.err);
    assert!(said.contains(part), "{said}");
    vault.is_hidden(&[&ran]);
    assert!(!vault.bench.path().join("ran").exists());
}

#[rstest]
#[case::lines("# mine\nexport TOKEN='hunter2-Zq9.x_y'\n")]
#[case::json("{\"TOKEN\": \"hunter2-Zq9.x_y\"}")]
fn a_secrets_file_is_read(#[case] text: &str) {
    let vault = Vault::new(
        VALUE,
        "  a: { run: 'printf %s \"$T\" | wc -c; echo \"$T\"' }\n",
    );
    let ran = filed(&vault, text, 0o600).exits(0);
    vault.is_hidden(&[&ran]);
    let log = vault.bench.rok(["logs", "r", "a"]).exits(0).out;
    assert_eq!(log.trim(), format!("{}\n***", VALUE.len()));
}

/// Where a secret may stand, and where it may not.
#[rstest]
#[case::argument("a: { run: [echo, '${{ secrets.TOKEN }}'] }")]
#[case::condition("a: { run: 'true', if: 'secrets.TOKEN == \"x\"' }")]
#[case::folder("a: { run: 'true', cwd: '${{ secrets.TOKEN }}' }")]
#[case::artifact("a: { run: 'true', artifacts: [{ path: '${{ secrets.TOKEN }}' }] }")]
#[case::operation("a: { run: 'true', env: { A: '${{ secrets.TOKEN + \"x\" }}' } }")]
#[case::not_declared("a: { run: 'true', env: { A: '${{ secrets.OTHER }}' } }")]
#[case::single_quotes("a: { run: \"echo '${{ secrets.TOKEN }}'\" }")]
#[case::substitution("a: { run: 'echo $(echo ${{ secrets.TOKEN }})' }")]
fn a_secret_stands_where_it_cannot_leak(#[case] step: &str) {
    let vault = Vault::new(VALUE, "");
    vault.write(
        "plan.yaml",
        &format!("plan: p\nsecrets: [TOKEN]\nsteps:\n  {step}\n"),
    );
    let ran = vault.run_all().exits(2);
    assert!(ran.err.contains("error["), "{}", ran.err);
    nothing_happened(&vault);
}
