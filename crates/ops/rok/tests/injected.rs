//! Policies that are injected into runs: a strict one blocks before anything
//! begins, a soft one is told, and every run records those that hold for it.

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

    let violated = events(&bench, "policy.violated");
    assert_eq!(violated.len(), 1);
    let told = &violated[0];
    assert_eq!(
        (
            &told["step_id"],
            &told["data"]["stage"],
            &told["data"]["policies"]
        ),
        (&json!("second"), &json!("step"), &json!(["rule-1"]))
    );
    assert_eq!(told["data"]["blocking"], true);
    assert!(told["seq"].as_u64() < failed["seq"].as_u64());
    let why = "policy `rule-1`: step `second` starts `/bin/cp`";
    let line = format!("Policy violation: {why} (denied)");
    assert!(ran.out.contains(&line), "{}", ran.out);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(summary["violation_count"], 1);
    let one = &summary["violations"][0];
    assert_eq!(
        (&one["reason"], &one["step"]),
        (&json!(why), &json!("second"))
    );
    assert_eq!(
        (&one["blocking"], &one["stage"]),
        (&json!(true), &json!("step"))
    );
    let status = bench.rok(["status", "r"]).exits(0).out;
    assert!(status.contains("policy violations: 1 (denied)"), "{status}");
    bench.rok(["report", "r", "-o", "r.html"]).exits(0);
    let page = std::fs::read_to_string(bench.path().join("r.html")).unwrap();
    assert!(page.contains("Policy violation, denied: policy `rule-1`"));
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    same_again(&bench);
}

/// Deciding the log again comes to the same.
fn same_again(bench: &Bench) {
    let again = bench.rok(["replay", "r", "--json"]).exits(0).json();
    assert_eq!(again["divergences"], json!([]), "{again}");
}

/// A soft policy is told where a step breaks it, and the step goes on.
#[test]
fn a_step_that_breaks_a_soft_policy_is_told() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write(
        "policy.yaml",
        "policies:
  - { type: security, scope: org, enforcement_level: soft, payload: { id: rule-1, deny: { commands: [cp, touch] } } }
  - { type: security, scope: org, enforcement_level: soft, payload: { id: rule-2, reason: no copies, deny: { commands: [cp] } } }
",
    );
    let ran = run(&bench, &["--input", "tool=/bin/cp"]).exits(1);
    // What the plan tells is told before it starts, and what a step does as it begins.
    let told: Vec<Value> = events(&bench, "policy.violated")
        .iter()
        .map(|event| {
            json!([
                event["data"]["stage"],
                event["step_id"],
                event["data"]["policies"][0],
                event["data"]["blocking"]
            ])
        })
        .collect();
    assert_eq!(
        told,
        [
            json!(["authorize", null, "rule-1", false]),
            json!(["step", "first", "rule-1", false]),
            json!(["step", "second", "rule-1", false]),
            json!(["step", "second", "rule-2", false]),
        ]
    );
    let line =
        "policy `rule-2`: step `second` starts `/bin/cp` (no copies) (recorded, blocks nothing)";
    assert!(ran.out.contains(line), "{}", ran.out);
    // cp began: it had too few arguments.
    let failed = events(&bench, "step.failed").pop().unwrap();
    assert_eq!(failed["error_class"], "validation_failed");
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    same_again(&bench);
}

/// A compensation is work like any other.
#[rstest]
#[case::strict("strict", true)]
#[case::soft("soft", false)]
fn a_compensation_is_judged_too(#[case] level: &str, #[case] blocked: bool) {
    let bench = Bench::new();
    let undone = PLAN.replace(
        "first: { run: touch began }",
        "first: { run: touch began, compensate: { run: ['${{ inputs.tool }}', began] } }",
    );
    let plan = undone.replace("['${{ inputs.tool }}', second]", "'false'");
    bench.write("plan.yaml", &format!("on_failure: rollback{plan}"));
    bench.write("policy.yaml", &policy(level, "deny: { commands: [rm] }"));
    run(&bench, &["--input", "tool=/bin/rm"]);
    assert_eq!(bench.path().join("began").exists(), blocked);
    let violated = events(&bench, "policy.violated");
    assert_eq!(violated.len(), 1);
    assert_eq!(violated[0]["step_id"], "first");
    assert_eq!(violated[0]["data"]["blocking"], blocked);
    let failed = events(&bench, "step.compensation_failed");
    assert_eq!(failed.len(), usize::from(blocked));
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    same_again(&bench);
}

/// Three steps, each of which reports the same use.
fn spender(budget: &str) -> String {
    let step = |id: &str, needs: &str| {
        let usage = r#"{\"cost_usd\": 4, \"energy_kwh\": 2, \"tokens\": 40}"#;
        format!(
            "  {id}: {{ run: \"echo {id} >> ran; sleep 0.05; echo '{usage}' >> $ROK_USAGE\"{needs} }}\n"
        )
    };
    let (a, b, c) = (
        step("a", ""),
        step("b", ", needs: [a]"),
        step("c", ", needs: [b]"),
    );
    format!("plan: p\nbudget: {{ {budget} }}\nsteps:\n{a}{b}{c}")
}

/// What is used too much of breaks a cap as the run goes on: a strict one ends
/// it, a soft one is told, each once.
#[rstest]
#[case::cost("max_cost_usd", "5", "cost_usd", "a\nb\n")]
#[case::energy("max_energy_kwh", "1.5", "energy_kwh", "a\n")]
#[case::tokens("max_tokens", "79", "tokens", "a\nb\n")]
#[case::steps("max_steps", "2", "steps", "a\nb\n")]
#[case::time("max_time", "1ms", "time", "a\n")]
fn a_cap_holds_while_the_run_goes_on(
    #[case] key: &str,
    #[case] most: &str,
    #[case] dimension: &str,
    #[case] before: &str,
) {
    let cap = format!("max_budget: {{ {key}: {most} }}");
    for (level, of_plan, blocks) in [
        ("strict", format!("{key}: {most}"), true),
        // The plan would wait for a person: that is no way around the cap.
        ("strict", format!("{key}: {most}, on_exceeded: hold"), true),
        ("soft", "max_time: 1h".to_owned(), false),
    ] {
        let bench = Bench::new();
        bench.write("plan.yaml", &spender(&of_plan));
        bench.write("policy.yaml", &policy(level, &cap));
        let ran = run(&bench, &["--json"]).exits(if blocks { 5 } else { 0 });
        let summary = ran.json();
        let began = std::fs::read_to_string(bench.path().join("ran")).unwrap();
        assert_eq!(began, if blocks { before } else { "a\nb\nc\n" });
        let violated = events(&bench, "policy.violated");
        let used: Vec<&Value> = violated
            .iter()
            .filter(|event| event["data"]["stage"] == "use")
            .collect();
        assert_eq!(used.len(), 1, "{violated:?}");
        assert_eq!(used[0]["data"]["dimension"], dimension);
        assert_eq!(used[0]["data"]["blocking"], blocks);
        let reason = used[0]["reason"].as_str().unwrap();
        assert!(reason.starts_with("policy `rule-1`: at most "), "{reason}");
        if blocks {
            assert_eq!(summary["error"]["class"], "policy_violation");
            assert_eq!(summary["error"]["reason"], format!("blocked: {reason}"));
            // Nobody gets around it by a resume.
            bench.rok(["resume", "r"]).exits(5);
            let again = events(&bench, "policy.violated");
            assert_eq!(again.len(), 2, "each epoch tells it");
            assert_eq!(
                std::fs::read_to_string(bench.path().join("ran")).unwrap(),
                before
            );
        }
        bench.rok(["verify", "r", "--sealed"]).exits(0);
        same_again(&bench);
    }
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
    // A dry run says what each step would be kept in, and by whose word.
    let dry = |more: &[&str]| bench.rok([&args[..], &["--mode", "dry-run"], more].concat());
    let told = dry(&[]).out;
    for line in [
        "sandbox: no network; 2m of processor time; 8 open files (by policy rule-1)",
        "sandbox: no network; 1m of processor time; 8 open files (by the plan, policy rule-1)",
    ] {
        assert!(told.contains(line), "{told}");
    }
    let json = dry(&["--json"]).json();
    let of_b = json!({
        "permits": "no network; 1m of processor time; 8 open files",
        "by": ["the plan", "policy rule-1"], "off": false,
    });
    assert_eq!(json["steps"][1]["sandbox"], of_b);
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
#[case::level(&policy("hard", "deny: { commands: [cp] }"), "unknown enforcement level `hard`")]
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
