//! Policies that are injected into runs: a strict one blocks before anything
//! begins, a soft one is told, and every run records those that hold for it.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::{Bench, Ran};

const PLAN: &str = "
plan: p
labels: { team: data }
inputs: { tool: { type: string, default: touch } }
steps:
  first: { run: touch began }
  second: { needs: [first], run: ['${{ inputs.tool }}', second] }
";

fn policy(level: &str, payload: &str) -> String {
    format!(
        "type: security\nscope: org\nenforcement_level: {level}\npayload: {{ id: rule-1, {payload} }}\n"
    )
}

fn run(bench: &Bench, more: &[&str]) -> Ran {
    let args = [
        "run",
        "plan.yaml",
        "--run-id",
        "r",
        "--policy",
        "policy.yaml",
    ];
    bench.rok([&args[..], more].concat())
}

fn events(bench: &Bench, kind: &str) -> Vec<Value> {
    let events = bench.events("r").into_iter();
    events.filter(|event| event["event_type"] == kind).collect()
}

#[rstest]
#[case::label("require: { labels: { owner: null } }", "no label `owner`")]
#[case::executor("deny: { executors: [run] }", "is a `run` step")]
#[case::command("deny: { commands: [touch] }", "names `touch` in its shell line")]
#[case::budget("max_budget: { max_cost_usd: 5 }", "no `max_cost_usd`")]
fn a_strict_policy_blocks_before_anything_begins(#[case] payload: &str, #[case] why: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", &policy("strict", payload));
    let dry = run(&bench, &["--mode", "dry-run"]);
    assert!(dry.out.contains(why), "{}", dry.out);
    let ran = run(&bench, &[]).exits(5);
    assert!(
        ran.out.contains(why) && ran.out.contains("rule-1"),
        "{}",
        ran.out
    );
    assert!(!bench.path().join("began").exists());
    let violated = events(&bench, "policy.violated");
    assert_eq!(violated.len(), 1);
    assert_eq!(violated[0]["data"]["policies"], json!(["rule-1"]));
    assert_eq!(violated[0]["data"]["blocking"], true);
    assert!(events(&bench, "step.started").is_empty());
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn a_soft_policy_is_told_and_blocks_nothing() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write(
        "policy.yaml",
        &policy("soft", "require: { labels: { owner: null } }"),
    );
    run(&bench, &[]).exits(0);
    let violated = events(&bench, "policy.violated").pop().unwrap();
    assert_eq!(violated["data"]["blocking"], false);
    assert_eq!(
        violated["reason"],
        "policy `rule-1`: the run has no label `owner`"
    );
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    bench.rok(["replay", "r"]).exits(0);
}

#[test]
fn what_observes_alone_blocks_nothing() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write(
        "policy.yaml",
        &policy("strict", "require: { labels: { owner: null } }"),
    );
    run(&bench, &["--profile", "OBSERVE_ONLY"]).exits(0);
    let violated = events(&bench, "policy.violated").pop().unwrap();
    assert_eq!(violated["data"]["blocking"], false);
}

/// What only the run's values tell is judged when they are known.
#[test]
fn a_step_is_blocked_before_it_starts() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", &policy("strict", "deny: { commands: [cp] }"));
    let ran = run(&bench, &["--input", "tool=/bin/cp"]).exits(5);
    assert!(ran.out.contains("blocked: policy `rule-1`"), "{}", ran.out);
    assert!(bench.path().join("began").exists());
    let failed = events(&bench, "step.failed").pop().unwrap();
    assert_eq!(failed["error_class"], "policy_violation");
    assert_eq!(failed["data"].get("started_at"), None, "it never began");
    assert!(!bench.runs().join("r/logs/second.0.log").exists());
}

#[test]
fn a_run_records_the_policies_that_hold_for_it() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", &policy("strict", "deny: { commands: [cp] }"));
    // It fails, and is resumed by somebody who injects nothing.
    run(&bench, &["--input", "tool=false"]).exits(1);
    let created = events(&bench, "run.created").pop().unwrap();
    let recorded = &created["data"]["execution_policies"];
    assert_eq!(recorded[0]["payload"]["id"], "rule-1");
    assert_eq!(recorded[0]["payload"]["deny"]["commands"], json!(["cp"]));
    bench.rok(["resume", "r"]).exits(1);
    let without = ["run", "plan.yaml", "--run-id", "other"];
    bench.rok(without).exits(0);
    let other = bench.events("other").remove(0);
    assert_eq!(other["data"].get("execution_policies"), None);
}

/// A strict policy gives steps the sandbox that it demands, and never a laxer
/// one than they have.
#[test]
fn a_sandbox_is_demanded() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path().join("work")).unwrap();
    bench.write(
        "work/plan.yaml",
        "plan: p\nsteps:\n  a: { run: 'true' }\n  b: { run: 'true', sandbox: { network: any, max_cpu: 1m, max_open_files: 16 } }\n",
    );
    bench.write(
        "policy.yaml",
        &policy(
            "strict",
            "require: { sandbox: { network: none, max_cpu: 2m, max_open_files: 8 } }",
        ),
    );
    let args = [
        "run",
        "work/plan.yaml",
        "--run-id",
        "r",
        "--policy",
        "policy.yaml",
    ];
    let mut command = bench.command(args);
    command.env("TMPDIR", "/tmp");
    let off = bench.rok([&args[..], &["--set", "sandbox=off", "--mode", "dry-run"]].concat());
    assert!(off.out.contains("switched off"), "{}", off.out);
    let ran = Ran::from(command.output().unwrap());
    if !rok_sandbox::Offer::of_this_machine().is_complete() {
        ran.exits(5);
        return;
    }
    ran.exits(0);
    let started = events(&bench, "step.started");
    let told: Vec<&str> = started
        .iter()
        .filter_map(|event| event["data"]["sandbox"]["permits"].as_str())
        .collect();
    assert_eq!(
        told,
        [
            "no network; 2m of processor time; 8 open files",
            "no network; 1m of processor time; 8 open files"
        ]
    );
}

/// What is forbidden under a condition is Cedar's to judge.
#[test]
fn a_conditional_policy_is_injected_too() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write(
        "policy.yaml",
        "policies:\n  - type: compliance\n    scope: session\n    enforcement_level: strict\n    payload: { id: rule-2, action: run, submitter: 'user:bob', reason: not by him }\n  - type: security\n    scope: plan\n    enforcement_level: strict\n    payload: { id: rule-3, plan: other, deny: { executors: [run] } }\n",
    );
    run(&bench, &[]).exits(0);
    let mut command = bench.command(["run", "plan.yaml", "--policy", "policy.yaml"]);
    let ran = Ran::from(command.env("ROK_USER", "bob").output().unwrap()).exits(5);
    assert!(ran.out.contains("not by him"), "{}", ran.out);
}

#[rstest]
#[case::unknown_key(&policy("strict", "denies: { commands: [cp] }"), "unknown field `denies`")]
#[case::nothing(&policy("strict", "require: {}"), "says nothing")]
#[case::level(&policy("hard", "deny: { commands: [cp] }"), "unknown variant `hard`")]
#[case::no_policy("policies: []\n", "neither a policy nor a list")]
#[case::twice(&format!("policies:\n{0}{0}", "  - { type: security, scope: org, enforcement_level: soft, payload: { id: x, deny: { executors: [run] } } }\n"), "another policy `x`")]
#[case::no_file("", "empty")]
fn a_file_that_is_none_is_refused(#[case] text: &str, #[case] part: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", text);
    let ran = run(&bench, &[]).exits(2);
    assert!(
        ran.err.contains("ROK0118") && ran.err.contains(part),
        "{}",
        ran.err
    );
    assert!(!bench.path().join("began").exists());
}

#[test]
fn governance_that_is_off_injects_nothing_silently() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", &policy("strict", "deny: { commands: [cp] }"));
    let ran = run(&bench, &["--set", "enabled=false"]).exits(2);
    assert!(
        ran.err.contains("lifecycle governance is switched off"),
        "{}",
        ran.err
    );
}

/// What holds for a run holds for the runs of its steps.
#[test]
fn a_sub_run_is_under_the_policies_of_its_run() {
    let bench = Bench::new();
    bench.write("plan.yaml", "plan: p\nsteps: { a: { plan: child } }\n");
    bench.write(
        "child.yaml",
        "plan: child\nsteps: { b: { run: touch began } }\n",
    );
    bench.write(
        "policy.yaml",
        &policy("strict", "deny: { commands: [touch] }"),
    );
    let ran = run(&bench, &[]).exits(5);
    assert!(ran.out.contains("rule-1"), "{}", ran.out);
    assert!(!bench.path().join("began").exists());
}

/// The page's policies are policies.
#[test]
fn the_policies_of_the_page() {
    const PAGE: &str = include_str!("../../../../docs/policies.md");
    let (_, section) = PAGE.split_once("## Injected policies").unwrap();
    let (_, block) = section.split_once("```yaml\n").unwrap();
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("policy.yaml", block.split_once("```").unwrap().0);
    let dry = run(&bench, &["--mode", "dry-run"]).exits(0);
    assert!(!dry.out.contains("REFUSED"), "{}", dry.out);
    bench.write("plan.yaml", &PLAN.replace("touch began", "curl x"));
    let ran = run(&bench, &[]).exits(5);
    assert!(
        ran.out.contains("nothing leaves this machine"),
        "{}",
        ran.out
    );
}
