//! What a process is given, and why one cannot be started.

use crate::support::{Bench, SECRET, failure, said};
use rok_executor::{Executor as _, ProcessWork, Program, StepRequest, Work};
use rok_expr::SecretText;
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

fn work(request: &mut StepRequest) -> &mut ProcessWork {
    match &mut request.work {
        Work::Process(work) => work,
        _ => {
            unreachable!("requests of the bench are processes")
        }
    }
}

fn argv(words: &[&str]) -> Program {
    Program::Argv(words.iter().map(|word| (*word).to_owned()).collect())
}

#[test]
fn the_environment_holds_what_the_contract_says_and_nothing_else() {
    let bench = Bench::new();
    let mut request = bench.sh_with_secret("s", "");
    work(&mut request).program = Program::Argv(vec!["env".into()]);
    work(&mut request).env.extend([
        ("A".to_owned(), SecretText::plain("first")),
        ("A".to_owned(), SecretText::plain("last wins")),
    ]);
    request.traceparent = Some("00-aa-bb-01".into());
    request.attempt.step.attempt = rok_vocabulary::Attempt(3);
    bench.run(request).end.unwrap();
    let log = bench.log("s.3.log");
    let mut env: BTreeMap<&str, &str> = log
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for name in ["PATH", "HOME", "LANG", "TZ", "TMPDIR"] {
        assert_eq!(
            env.remove(name).map(str::to_owned),
            std::env::var(name).ok(),
            "{name}"
        );
    }
    let scratch = bench.workspace.scratch.display().to_string();
    let expected = [
        ("A", "last wins".to_owned()),
        ("TOKEN", "***".to_owned()),
        ("ROK_RUN_ID", "run-1".to_owned()),
        ("ROK_STEP_ID", "s".to_owned()),
        ("ROK_ATTEMPT", "3".to_owned()),
        ("ROK_IDEMPOTENCY_KEY", "run-1/0/s".to_owned()),
        ("ROK_INPUTS", format!("{scratch}/inputs.json")),
        ("ROK_OUTPUT", format!("{scratch}/s.3.output")),
        ("ROK_ERROR", format!("{scratch}/s.3.error")),
        ("ROK_USAGE", format!("{scratch}/s.3.usage")),
        (
            "ROK_ARTIFACTS",
            bench.workspace.artifacts.display().to_string(),
        ),
        ("TRACEPARENT", "00-aa-bb-01".to_owned()),
    ];
    let expected: BTreeMap<&str, &str> = expected
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    assert_eq!(env, expected);
}

#[test]
fn values_of_a_shell_line_travel_in_the_environment() {
    let bench = Bench::new();
    let request = bench.request(
        "s",
        Program::Shell {
            bash: false,
            script: r#"printf '%s' "${ROK_E0}" > got"#.into(),
            values: vec![("ROK_E0".into(), SecretText::plain("$(touch bad); 'x'"))],
        },
    );
    bench.run(request).end.unwrap();
    assert_eq!(
        std::fs::read_to_string(bench.path("got")).unwrap(),
        "$(touch bad); 'x'"
    );
}

#[test]
fn standard_input_is_empty_and_the_group_is_its_own() {
    let bench = Bench::new();
    let pipe = bench.pipe("pipe");
    let script = "read line || echo empty $$ $(ps -o pgid= -p $$) > pipe";
    let reports = bench.start(bench.sh("s", script));
    let words = said(&pipe);
    let words: Vec<&str> = words.split_whitespace().collect();
    assert_eq!(words[0], "empty");
    assert_eq!(words[1], words[2]);
    reports.recv().unwrap().result.end.unwrap();
}

fn script(path: &Path, text: &str, mode: u32) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[rstest]
#[case(&["no-such-program"], "program `no-such-program` is not found in PATH (")]
#[case(&["./absent"], "absent` does not exist")]
#[case(&["./plain"], "plain` is not executable: run `chmod +x` on it")]
#[case(&["./folder"], "folder` is no file")]
#[case(&[""], "names no program")]
fn what_preflight_finds_and_start_says_too(#[case] words: &[&str], #[case] part: &str) {
    let bench = Bench::new();
    script(&bench.path("plain"), "#!/bin/sh\n", 0o600);
    std::fs::create_dir(bench.path("folder")).unwrap();
    let request = bench.request("s", argv(words));
    let faults = bench.executor.preflight(&request);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(
        (faults[0].step.as_str(), faults[0].class),
        ("s", ErrorClass::ConfigError)
    );
    let result = bench.run(request);
    let (class, reason) = failure(&result);
    assert_eq!(class, ErrorClass::ConfigError);
    assert!(
        reason.contains(part) && faults[0].reason.contains(part),
        "{reason}"
    );
    assert_eq!(result.started_at, None);
}

#[rstest]
#[case("no line", &["./s"], "a script needs a `#!` line")]
#[case("#!/no/such/interpreter\n", &["./s"], "is the interpreter in its `#!` line there?")]
#[case("#!/bin/sh\n", &["./s", "a\0b"], "holds a NUL byte")]
fn what_only_the_start_can_tell(#[case] text: &str, #[case] words: &[&str], #[case] part: &str) {
    let bench = Bench::new();
    script(&bench.path("s"), text, 0o700);
    let (class, reason) = failure(&bench.run(bench.request("s", argv(words))));
    assert_eq!(class, ErrorClass::ConfigError);
    assert!(reason.contains(part), "{reason}");
}

#[test]
fn a_value_too_large_for_the_environment_points_to_the_inputs() {
    let bench = Bench::new();
    let mut request = bench.sh("s", "true");
    work(&mut request)
        .env
        .push(("BIG".into(), SecretText::plain("x".repeat(200_000))));
    let (class, reason) = failure(&bench.run(request));
    assert_eq!(class, ErrorClass::ConfigError);
    assert!(
        reason.contains("variable `BIG`") && reason.contains("ROK_INPUTS"),
        "{reason}"
    );
}

#[test]
fn a_missing_working_directory_is_found_before_and_at_the_start() {
    let bench = Bench::new();
    let mut request = bench.sh("s", "true");
    work(&mut request).cwd = bench.path("absent");
    assert!(
        bench.executor.preflight(&request)[0]
            .reason
            .contains("absent does not exist")
    );
    assert!(
        failure(&bench.run(request))
            .1
            .contains("absent does not exist")
    );
}

#[test]
fn a_secret_without_a_value_is_found_before_and_at_the_start() {
    let bench = Bench::new();
    let mut request = bench.sh_with_secret("s", "true");
    request.secrets = rok_secrets::Secrets::none();
    let reason = "variable `TOKEN`: secret `TOKEN` has no value";
    assert_eq!(bench.executor.preflight(&request)[0].reason, reason);
    assert_eq!(
        failure(&bench.run(request)),
        (ErrorClass::ConfigError, reason.into())
    );
    assert!(!reason.contains(SECRET));
}

#[test]
fn programs_are_found_in_the_path_of_the_plan_and_keep_their_name() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("bin")).unwrap();
    std::os::unix::fs::symlink("/bin/sh", bench.path("bin/mine")).unwrap();
    let mut request = bench.request("s", argv(&["mine", "-c", "echo $0"]));
    let path = bench.path("bin").display().to_string();
    work(&mut request)
        .env
        .push(("PATH".into(), SecretText::plain(path)));
    assert!(bench.executor.preflight(&request).is_empty());
    bench.run(request).end.unwrap();
    assert_eq!(bench.log("s.0.log"), "mine\n");
}
