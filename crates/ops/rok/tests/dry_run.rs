//! `rok run --mode dry-run`: what it tells, what it exits with, and that it
//! changes nothing.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Output;
use support::command_in;

const PLAN: &str = r#"
plan: ship
inputs: { who: { type: string, default: ada } }
secrets: [TOKEN]
max_duration: 10m
env: { GREETING: "hello ${{ inputs.who }}" }
steps:
  publish:
    needs: [build]
    gate: manual
    env: { AUTH: "Bearer ${{ secrets.TOKEN }}" }
    run: curl -d ${{ steps.build.outputs.path }} ${{ inputs.who }}
  build:
    run: [make, "TARGET=${{ inputs.who }}"]
    timeout: 2m
    retry: { max: 2 }
    artifacts: [{ path: "out/${{ inputs.who }}.tar", required: true }]
  lint: { run: "true", required: false, if: inputs.who != 'bob' }
"#;

fn dry(folder: &Path, arguments: &[&str]) -> Output {
    let all = ["run", "--mode", "dry-run"].iter().chain(arguments);
    command_in(folder, all)
        .env("ROK_USER", "ada")
        .env("TOKEN", "s3cret-value")
        .env("TMPDIR", folder.join("tmp"))
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn folder(plan: &str) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("tmp")).unwrap();
    fs::write(dir.path().join("plan.yaml"), plan).unwrap();
    // Programs of its own, so that the machine's do not matter.
    let bin = dir.path().join("bin");
    fs::create_dir(&bin).unwrap();
    for name in ["make", "curl"] {
        fs::write(bin.join(name), "#!/bin/sh\ntouch ran\n").unwrap();
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// Every file and folder: kind, length, and when it was changed.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (bool, u64, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let times = (
            meta.mtime_nsec(),
            meta.ctime() * 1_000_000_000 + meta.ctime_nsec(),
        );
        found.insert(path.clone(), (meta.is_dir(), meta.len(), times.0, times.1));
        if meta.is_dir() {
            open.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        }
    }
    found
}

#[test]
fn it_tells_what_would_happen_and_changes_nothing() {
    let dir = folder(PLAN);
    let before = snapshot(dir.path());
    let output = dry(dir.path(), &["plan.yaml", "--input", "who=bea", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(snapshot(dir.path()), before);

    let dry: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(dry["refused"], Value::Null);
    let steps = dry["steps"].as_array().unwrap();
    let order: Vec<(u64, &str)> = steps
        .iter()
        .map(|step| (step["wave"].as_u64().unwrap(), step["id"].as_str().unwrap()))
        .collect();
    assert_eq!(order, [(1, "build"), (1, "lint"), (2, "publish")]);
    assert_eq!(
        steps[0]["command"],
        serde_json::json!(["make", "TARGET=bea"])
    );
    assert_eq!(steps[0]["artifacts"], serde_json::json!(["out/bea.tar"]));
    assert_eq!(steps[0]["retries"], 2);
    assert_eq!(steps[2]["why"], "once build succeeded");
    assert_eq!(
        steps[2]["env"],
        serde_json::json!([
            ["GREETING", "hello bea"],
            ["AUTH", "Bearer ‹secrets.TOKEN›"],
            ["ROK_E0", "‹steps.build.outputs.path›"],
            ["ROK_E1", "bea"]
        ])
    );
    let asked: Vec<&str> = dry["policies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|decision| decision["action"].as_str().unwrap())
        .collect();
    assert_eq!(asked, ["run", "approve", "reject", "cancel"]);
    assert_eq!(dry["duties"].as_array().unwrap().len(), 5);
    assert_eq!(dry["secrets"][0]["present"], true);
    assert!(!text(&output.stdout).contains("s3cret-value"));
}

#[test]
fn people_get_it_as_text_without_the_secret() {
    let dir = folder(PLAN);
    let output = dry(dir.path(), &["plan.yaml"]);
    let told = text(&output.stdout);
    for part in [
        "Dry run: ship, version 1",
        "Verdict: ✓ it would start",
        "Inputs: who=\"ada\"",
        "Secret: TOKEN (present)",
        "Steps: 3 in 2 waves",
        "      run: make TARGET=ada",
        "AUTH='Bearer ‹secrets.TOKEN›'",
        "once build succeeded; manual gate",
        "✓ approve publish by user:ada",
        "orchestrator/finalize_run",
        "Nothing was executed, and nothing was written.",
    ] {
        assert!(told.contains(part), "{part} in {told}");
    }
    assert!(!told.contains("s3cret-value"), "{told}");
}

/// No write can have succeeded where nothing can be written. (Root may write
/// anywhere: the snapshot above is what counts for it.)
#[test]
fn a_folder_that_cannot_be_written_is_no_obstacle() {
    let dir = folder(PLAN);
    let locked = |mode| {
        for path in [dir.path().join("tmp"), dir.path().to_owned()] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    locked(0o555);
    let before = snapshot(dir.path());
    let output = dry(dir.path(), &["plan.yaml"]);
    let after = snapshot(dir.path());
    locked(0o755);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(after, before);
}

#[test]
fn what_would_be_refused_exits_as_the_run_would() {
    let dir = folder(PLAN);
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "deny.cedar",
        "@id(\"weekend\") @reason(\"not now\") forbid(principal, action == Action::\"run\", resource);\npermit(principal, action, resource);\n",
    );
    write(
        "gone.yaml",
        "plan: gone\nsteps: { a: { run: [no-such-program-here] } }\n",
    );
    write(
        "secret.yaml",
        "plan: s\nsecrets: [NOT_SET_ANYWHERE]\nsteps: { a: { run: \"true\" } }\n",
    );
    for (arguments, code, part) in [
        (
            &["plan.yaml", "--policies", "deny.cedar"][..],
            5,
            "✗ it would be denied: policy_violation",
        ),
        (&["gone.yaml"], 1, "no-such-program-here"),
        (&["secret.yaml"], 1, "Secret: NOT_SET_ANYWHERE (MISSING)"),
        (
            &["plan.yaml", "--input", "whom=x"],
            2,
            "the plan does not declare it",
        ),
        (&["none.yaml"], 3, "no plan file"),
    ] {
        let before = snapshot(dir.path());
        let output = dry(dir.path(), arguments);
        let told = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {told}");
        assert!(told.contains(part), "{part} in {told}");
        assert_eq!(snapshot(dir.path()), before, "{arguments:?}");
    }
}

#[test]
fn the_cache_is_looked_at_and_left_alone() {
    let dir = folder(
        "plan: c\nsteps:\n  a: { run: [sh, -c, \"echo hi\"], cache: true }\n  b: { needs: [a], run: [sh, -c, \"echo ho\"], cache: true }\n",
    );
    let told = |folder: &Path, more: &[&str]| -> Vec<Value> {
        let before = snapshot(folder);
        let output = dry(folder, &[&["plan.yaml", "--json"][..], more].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(snapshot(folder), before);
        let dry: Value = serde_json::from_slice(&output.stdout).unwrap();
        let steps = dry["steps"].as_array().unwrap().clone();
        steps.iter().map(|step| step["cache"].clone()).collect()
    };
    assert_eq!(told(dir.path(), &[])[0]["hit"], false);
    let run = command_in(dir.path(), ["run", "plan.yaml", "--run-id", "r1"])
        .env("ROK_USER", "ada")
        .env("TMPDIR", dir.path().join("tmp"))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", text(&run.stderr));
    let found = told(dir.path(), &[]);
    assert_eq!(found[0]["hit"], true, "{found:?}");
    assert!(
        found[0]["why"]
            .as_str()
            .unwrap()
            .starts_with("run r1, step a, event ")
    );
    assert_eq!(found[1]["hit"], Value::Null);
    assert_eq!(told(dir.path(), &["--no-cache"])[0]["hit"], false);
}

#[test]
fn a_fallback_has_its_turn_after_the_step_that_it_stands_in_for() {
    let dir = folder(
        "plan: p\nsteps:\n  mirror: { name: Take the mirror, run: 'true' }\n  fetch: { run: 'true', fallback: mirror }\n  use: { needs: [fetch], run: 'true' }\n",
    );
    let output = dry(dir.path(), &["plan.yaml"]);
    let told = text(&output.stdout);
    for line in [
        "fetch  at the start; mirror instead if it fails",
        "mirror (Take the mirror)  only if fetch fails",
        "use  once fetch succeeded",
    ] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let output = dry(dir.path(), &["plan.yaml", "--json"]);
    let view: Value = serde_json::from_slice(&output.stdout).unwrap();
    let steps = view["steps"].as_array().unwrap();
    let brief: Vec<_> = steps
        .iter()
        .map(|step| (step["id"].as_str().unwrap(), step["wave"].as_u64().unwrap()))
        .collect();
    // What waits for a step waits for its fallback too.
    assert_eq!(brief, [("fetch", 1), ("mirror", 2), ("use", 3)]);
    assert_eq!(steps[0]["fallback"], "mirror");
    assert_eq!(steps[1]["only_if_fails"], "fetch");
    assert_eq!(steps[2].get("only_if_fails"), None);
}

#[test]
fn a_budget_is_told_with_what_the_plan_can_come_to() {
    let plan = "plan: p\nbudget: { max_cost_usd: 2.5, max_steps: 3, max_time: 90s, on_exceeded: hold }\nsteps:\n  a: { run: 'true', retry: { max: 2 } }\n  b: { run: 'true', idempotent: false }\n";
    let dir = folder(plan);
    let told = text(&dry(dir.path(), &["plan.yaml"]).stdout);
    let line = told
        .lines()
        .find(|line| line.starts_with("Budget: "))
        .unwrap();
    for part in [
        "2.5 USD",
        "3 attempts (the plan makes 4 at most)",
        "1m30s of work",
        "; beyond that the run is held",
    ] {
        assert!(line.contains(part), "{part} in {line}");
    }
    let view: Value =
        serde_json::from_slice(&dry(dir.path(), &["plan.yaml", "--json"]).stdout).unwrap();
    assert_eq!(view["budget"]["limits"]["steps"], 3.0);
    assert_eq!(view["budget"]["limits"]["time"], 90_000.0);
    assert_eq!(view["budget"]["on_exceeded"], "hold");
    assert_eq!(view["budget"]["most_attempts"], 4);

    // How many children there are is not known; and without a budget none is told.
    let dir = folder(&plan.replace("  a: { run", "  a: { for_each: \"['x']\", run"));
    let told = text(&dry(dir.path(), &["plan.yaml"]).stdout);
    assert!(
        told.contains("3 attempts,") && !told.contains("at most)"),
        "{told}"
    );
    let told = text(&dry(folder(PLAN).path(), &["plan.yaml"]).stdout);
    assert!(!told.contains("Budget"), "{told}");
}
