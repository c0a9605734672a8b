//! What a step sees and what it may write: environment, folder, files.

use crate::running::{Running, Scene};
use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::process::Stdio;

/// The environment that the only step, `env`, printed.
fn environment(scene: &Scene) -> BTreeMap<String, String> {
    let log = fs::read_to_string(scene.bench.runs().join("r/logs/a.0.log")).expect("a log");
    let pairs = log.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn a_step_inherits_five_variables_and_no_more() {
    let scene = Scene::new(
        "plan: p
env: { FROM_PLAN: one, BOTH: plan }
steps: { a: { run: [env], env: { FROM_STEP: two, BOTH: step } } }
",
    );
    let mut command = scene.bench.command(["run", "plan.yaml", "--run-id", "r"]);
    for name in [
        "LANG",
        "TZ",
        "SECRET_OF_THE_SHELL",
        "LD_LIBRARY_PATH",
        "IFS",
        "BASH_ENV",
        "ENV",
        "ROK_FOREIGN",
    ] {
        command.env(name, format!("{name} of rok"));
    }
    Running::start(command).finish().exits(0);
    let mut seen = environment(&scene);
    let mut take = |name: &str| seen.remove(name).unwrap_or_default();
    assert_eq!(take("LANG"), "LANG of rok");
    assert_eq!(take("TZ"), "TZ of rok");
    assert_eq!(take("HOME"), scene.bench.path().display().to_string());
    assert_eq!(
        take("TMPDIR"),
        take("HOME_IS_GONE") + &scene.bench.path().display().to_string()
    );
    assert!(!take("PATH").is_empty());
    assert_eq!(
        (take("FROM_PLAN"), take("FROM_STEP"), take("BOTH")),
        ("one".into(), "two".into(), "step".into())
    );
    assert_eq!(take("ROK_RUN_ID"), "r");
    assert_eq!(take("ROK_STEP_ID"), "a");
    assert_eq!(take("ROK_ATTEMPT"), "0");
    assert_eq!(take("ROK_IDEMPOTENCY_KEY"), "r/0/a");
    let artifacts = scene.bench.runs().join("r/artifacts");
    assert_eq!(take("ROK_ARTIFACTS"), artifacts.display().to_string());
    for file in ["ROK_INPUTS", "ROK_OUTPUT", "ROK_ERROR", "ROK_USAGE"] {
        let path = take(file);
        assert!(
            path.starts_with('/') && !path.contains("/runs/"),
            "{file}={path}"
        );
    }
    let parent = take("TRACEPARENT");
    let trace = scene.bench.events("r")[0]["trace_id"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    assert!(parent.starts_with(&format!("00-{trace}-")), "{parent}");
    assert_eq!(seen, BTreeMap::new());
}

/// What `rok` has open, ignores or blocks is its own.
#[test]
fn a_step_inherits_no_files_and_no_signals() {
    let scene = Scene::new(
        "plan: p
steps:
  a: { run: [ls, /proc/self/fd] }
  b: { run: [grep, -E, '^Sig(Blk|Ign)', /proc/self/status] }
  c: { run: 'cat; echo end of input' }
",
    );
    let mut command = scene.bench.command(["run", "plan.yaml", "--run-id", "r"]);
    command.stdin(Stdio::piped());
    Running::start(command).finish().exits(0);
    let log = |step: &str| scene.bench.rok(["logs", "r", step]).exits(0).out;
    // What the test itself has inherited goes through everything.
    let plain = |argv: &[&str]| {
        let mut command = std::process::Command::new(argv[0]);
        let output = command.args(&argv[1..]).stdin(Stdio::null()).output();
        String::from_utf8_lossy(&output.expect("it runs").stdout).into_owned()
    };
    assert_eq!(log("a"), plain(&["ls", "/proc/self/fd"]));
    // What `rok` listens to is not ignored by its steps, whoever ignored it before.
    let mut signals = vec!["env", "--default-signal=INT,TERM"];
    signals.extend(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]);
    assert_eq!(log("b"), plain(&signals));
    assert_eq!(log("c"), "end of input\n");
}

#[test]
fn a_step_works_in_the_folder_of_its_plan() {
    let scene = Scene::new("plan: p\nsteps: { a: { run: 'true' } }\n");
    let folder = scene.bench.path().join("plans");
    fs::create_dir_all(folder.join("sub")).expect("ours");
    scene.bench.write(
        "plans/plan.yaml",
        "plan: p\nsteps:\n  a: { run: pwd }\n  sub: { run: pwd, cwd: sub }\n  abs: { run: pwd, cwd: / }\n  script: { run: [./here.sh] }\n",
    );
    let script = scene.bench.write("plans/here.sh", "#!/bin/sh\necho here\n");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    fs::set_permissions(script, mode).expect("ours");
    scene
        .bench
        .rok(["run", "plans/plan.yaml", "--run-id", "r"])
        .exits(0);
    let log = |step: &str| scene.bench.rok(["logs", "r", step]).exits(0).out;
    let real = fs::canonicalize(&folder).expect("it is there");
    assert_eq!(log("a").trim_end(), real.display().to_string());
    assert_eq!(
        log("sub").trim_end(),
        real.join("sub").display().to_string()
    );
    assert_eq!(
        (log("abs").as_str(), log("script").as_str()),
        ("/\n", "here\n")
    );
}

#[test]
fn an_absent_folder_is_found_before_any_step() {
    let scene = Scene::new(
        "plan: p\nsteps: { first: { run: touch ran }, a: { run: pwd, cwd: nowhere } }\n",
    );
    scene.run().exits(1);
    let summary = scene.summary();
    assert_eq!(summary["error"]["class"], "config_error");
    assert!(
        summary["error"]["reason"]
            .as_str()
            .is_some_and(|why| why.contains("nowhere does not exist")),
        "{summary}"
    );
    assert!(!scene.bench.path().join("ran").exists());
}

/// Outputs, inputs and expressions from end to end.
#[test]
fn outputs_travel_as_json() {
    let scene = Scene::new(
        "plan: p
inputs:
  name: { type: string, default: \"a 'b' $c\" }
  list: { type: array, default: [1, two, null] }
steps:
  a:
    run: cp \"$ROK_INPUTS\" \"$ROK_OUTPUT\"
    outputs: { name: { type: string }, list: { type: array } }
  b:
    needs: [a]
    run: printf '%s\\n' ${{ steps.a.outputs.name }} \"${{ steps.a.outputs.list }}\" ${{ run.id }}
    env: { SAME: '${{ steps.a.outputs.list[1] }}' }
",
    );
    scene.run().exits(0);
    let log = scene.bench.rok(["logs", "r", "b"]).exits(0).out;
    assert_eq!(log, "a 'b' $c\n[1,\"two\",null]\nr\n");
    let outputs = scene.step("a")["outputs"].clone();
    assert_eq!(
        outputs,
        json!({ "name": "a 'b' $c", "list": [1, "two", null] })
    );
}

/// A step that writes its files wrong has failed, whatever its exit code.
#[rstest]
#[case::no_json(
    "echo nonsense >$ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no JSON"
)]
#[case::half(
    "printf \"{\" >$ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no JSON"
)]
#[case::empty(": >$ROK_OUTPUT", "validation_failed", "ROK_OUTPUT is empty")]
#[case::no_object("echo [1] >$ROK_OUTPUT", "validation_failed", "object")]
#[case::two(
    "echo {} {} >$ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no JSON"
)]
#[case::rounded(
    "echo \"{\\\"n\\\": [1, 9007199254740993.0]}\" >$ROK_OUTPUT",
    "validation_failed",
    "the number at `/n/1` has more digits than 64 bits keep"
)]
#[case::not_utf8(
    "printf \"\\377\" >$ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no JSON"
)]
#[case::deep(
    "head -c 60000 /dev/zero | tr \"\\0\" \"[\" >$ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no JSON"
)]
#[case::folder(
    "mkdir $ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no regular file"
)]
#[case::pipe(
    "mkfifo $ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT is no regular file"
)]
#[case::link(
    "ln -s /dev/zero $ROK_OUTPUT",
    "validation_failed",
    "ROK_OUTPUT cannot be read"
)]
#[case::error_no_json(
    "echo oops >$ROK_ERROR",
    "validation_failed",
    "exit code 0, but ROK_ERROR is no JSON"
)]
#[case::error_keys(
    "echo \"{\\\"clas\\\":\\\"x\\\"}\" >$ROK_ERROR",
    "validation_failed",
    "ROK_ERROR has key `clas`"
)]
#[case::error_class(
    "echo \"{\\\"class\\\":\\\"nonsense\\\"}\" >$ROK_ERROR; exit 75",
    "validation_failed",
    "ROK_ERROR: "
)]
#[case::error_named(
    "echo \"{\\\"class\\\":\\\"config_error\\\",\\\"reason\\\":\\\"set it\\\"}\" >$ROK_ERROR",
    "config_error",
    "set it"
)]
#[case::error_broken(
    "echo x >$ROK_ERROR; exit 75",
    "transient_io",
    "exit code 75 (ROK_ERROR is no JSON"
)]
#[case::usage("echo 1 >$ROK_USAGE", "validation_failed", "ROK_USAGE line 1 must be")]
#[case::usage_negative(
    "echo \"{\\\"cost_usd\\\":-1}\" >$ROK_USAGE",
    "validation_failed",
    "ROK_USAGE line 1 must be"
)]
fn wrong_files_fail_the_step(#[case] line: &str, #[case] class: &str, #[case] part: &str) {
    let scene = Scene::new("");
    let plan = json!({ "plan": "p", "steps": { "a": { "run": line } } });
    scene.bench.write("plan.yaml", &plan.to_string());
    scene.run().exits(1);
    let error = scene.step("a")["error"].clone();
    let reason = error["reason"].as_str().unwrap_or_default();
    assert!(error["class"] == class && reason.contains(part), "{error}");
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// Declared outputs are checked one by one.
#[rstest]
#[case::absent("{}", "`n`")]
#[case::no_file("", "`n`")]
#[case::wrong_type(r#"{"n":"1"}"#, "`n`")]
#[case::too_large(r#"{"n":11}"#, "`n`")]
#[case::unknown(r#"{"n":1,"m":2}"#, "`m`")]
fn declared_outputs_are_checked(#[case] outputs: &str, #[case] part: &str) {
    let scene = Scene::new("");
    let line = if outputs.is_empty() {
        "true".to_owned()
    } else {
        format!("echo '{outputs}' >$ROK_OUTPUT")
    };
    let plan = json!({ "plan": "p", "steps": { "a": { "run": line, "outputs": { "n": { "type": "integer", "maximum": 10 } } } } });
    scene.bench.write("plan.yaml", &plan.to_string());
    scene.run().exits(1);
    let error = scene.step("a")["error"].clone();
    assert_eq!(error["class"], "validation_failed", "{error}");
    assert!(
        error["reason"]
            .as_str()
            .is_some_and(|why| why.contains(part)),
        "{error}"
    );
}

/// More outputs than a log should hold are refused, not kept in memory.
#[test]
fn outputs_have_a_limit() {
    let scene = Scene::new(
        "plan: p\nsteps:\n  a: { run: 'yes aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | head -c 200000000 >$ROK_OUTPUT' }\n",
    );
    scene.run().exits(1);
    let error = scene.step("a")["error"].clone();
    assert_eq!(error["class"], "validation_failed", "{error}");
}

/// Artifacts are hashed where they lie.
#[test]
fn artifacts_are_recorded_or_missed() {
    let scene = Scene::new(
        "plan: p
order: sequential
steps:
  a: { run: 'mkdir out; printf abc >out/data', artifacts: [{ path: out/data, required: true }, { path: out/none }] }
  b: { run: 'printf abc >\"$ROK_ARTIFACTS/kept\"', artifacts: [{ path: kept, required: true }] }
  c: { run: 'true', artifacts: [{ path: nothing, required: true }] }
  d: { run: mkdir folder, artifacts: [{ path: folder, required: true }] }
",
    );
    scene.run().exits(1);
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    let artifacts = scene.summary()["artifacts"].clone();
    let listed: Vec<(&Value, &Value)> = artifacts
        .as_array()
        .expect("a list")
        .iter()
        .map(|a| (&a["path"], &a["sha256"]))
        .collect();
    assert_eq!(
        listed,
        [
            (&json!("out/data"), &json!(abc)),
            (&json!("kept"), &json!(abc))
        ]
    );
    let reason = |step: &str| scene.step(step)["error"]["reason"].to_string();
    assert!(
        reason("c").contains("required artifact `nothing` was not written"),
        "{}",
        reason("c")
    );
    assert_eq!(scene.class("d"), "validation_failed", "{}", reason("d"));
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
    // The store has what was made: a later run may write there again.
    scene.bench.write("out/data", "abd");
    let verified = scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
    let note = "the store has what was made: out/data";
    let said = format!("{}{}", verified.out, verified.err);
    assert!(said.contains(note), "{said}");
}
