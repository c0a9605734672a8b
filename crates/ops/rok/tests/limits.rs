//! What a plan limits and expects, end to end: budgets that fail and that
//! hold, obligations on top of the standard ones, policy files of the plan.

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use support::Bench;

/// Three steps that report the same use, and keep a list of those that ran.
fn plan(budget: &str, usage: &str) -> String {
    let step = |id: &str, needs: &str| {
        format!(
            "  {id}: {{ run: \"echo {id} >> ran; echo '{usage}' >> $ROK_USAGE\"{needs} }}\n",
            usage = usage.replace('"', "\\\"")
        )
    };
    format!(
        "plan: limited\nmax_parallel: 1\nbudget: {{ {budget} }}\nsteps:\n{}{}{}",
        step("a", ""),
        step("b", ", needs: [a]"),
        step("c", ", needs: [b]")
    )
}

fn ran(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path().join("ran")).unwrap_or_default()
}

fn exceeded(bench: &Bench) -> Vec<Value> {
    let events = bench.events("r").into_iter();
    events
        .filter(|event| event["event_type"] == "budget.exceeded")
        .map(|event| event["data"].clone())
        .collect()
}

#[rstest]
#[case::cost("max_cost_usd: 1.5", "a\nb\n", "cost_usd", json!(1.5), json!(2))]
#[case::energy("max_energy_kwh: 0.3", "a\nb\n", "energy_kwh", json!(0.3), json!(0.5))]
#[case::tokens("max_tokens: 10", "a\nb\n", "tokens", json!(10), json!(20))]
#[case::steps("max_steps: 2", "a\nb\n", "steps", json!(2), json!(2))]
fn a_budget_that_is_used_up_fails_the_run(
    #[case] budget: &str,
    #[case] began: &str,
    #[case] dimension: &str,
    #[case] limit: Value,
    #[case] used: Value,
) {
    let bench = Bench::new();
    let usage = r#"{"cost_usd": 1, "energy_kwh": 0.25, "tokens": 10}"#;
    bench.write("plan.yaml", &plan(budget, usage));
    let summary = bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--json"])
        .exits(1)
        .json();
    assert_eq!(ran(&bench), began);
    assert_eq!(summary["outcome"], "failed");
    assert_eq!(summary["error"]["class"], "budget_exceeded");
    assert_eq!(summary["steps"][2]["state"], "skipped");
    // It counts over all epochs: nobody is sent to a resume that fails at once.
    for asked in [&["explain", "r"][..], &["resume", "r", "--check"]] {
        let told = bench.rok(asked).exits(0).out;
        let spent = format!("its budget of {dimension} is used up");
        assert!(told.contains(&spent), "{told}");
        assert!(told.contains("fails at once"), "{told}");
    }
    let said = json!({ "dimension": dimension, "limit": limit, "used": used });
    assert_eq!(exceeded(&bench), [said]);
    assert_eq!(summary["budget"][0]["exceeded"], true);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    let text = bench.rok(["status", "r"]).exits(0).out;
    assert!(
        text.contains("budget: ") && text.contains("exceeded"),
        "{text}"
    );
}

#[test]
fn time_is_summed_over_the_attempts() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: limited\nbudget: { max_time: 300ms }\nsteps:\n  \
         a: { run: sleep 0.2 }\n  b: { run: sleep 0.2, needs: [a] }\n  c: { run: 'true', needs: [b] }\n",
    );
    bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(1);
    let exceeded = exceeded(&bench);
    assert_eq!(exceeded.len(), 1);
    assert_eq!(
        (&exceeded[0]["dimension"], &exceeded[0]["limit"]),
        (&json!("time"), &json!(300))
    );
    assert!(exceeded[0]["used"].as_u64() >= Some(400));
}

#[test]
fn a_budget_may_hold_the_run_until_somebody_lets_it_go_on() {
    let bench = Bench::new();
    let budget = "max_tokens: 10, max_steps: 2, on_exceeded: hold";
    bench.write("plan.yaml", &plan(budget, r#"{"tokens": 8}"#));
    let held = bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(1);
    assert!(held.err.contains("rok unpause r"), "{}", held.err);
    assert_eq!(ran(&bench), "a\nb\n");
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    assert_eq!(summary["hold"]["reason"], "budget");
    assert_eq!(
        summary["hold"]["message"],
        "the budget of 10 tokens is exceeded: 16 tokens"
    );
    let why = bench.rok(["explain", "r"]).exits(0).out;
    assert!(why.contains("rok unpause r"), "{why}");
    bench
        .rok(["unpause", "r", "--reason", "it is worth it"])
        .exits(0);
    // The next limit is another decision.
    bench.rok(["resume", "r"]).exits(1);
    assert_eq!(ran(&bench), "a\nb\n");
    bench.rok(["unpause", "r", "--reason", "and this"]).exits(0);
    bench.rok(["resume", "r"]).exits(0);
    assert_eq!(ran(&bench), "a\nb\nc\n");
    assert_eq!(exceeded(&bench).len(), 2, "each limit is said once");
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn policies_know_the_budget_and_the_hold() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &plan("max_tokens: 10, on_exceeded: hold", r#"{"tokens": 8}"#),
    );
    bench.write(
        "p.cedar",
        "permit (principal, action, resource) unless { action == Action::\"pause\" };\n\
         permit (principal, action == Action::\"pause\", resource) when {\n  \
         context has hold && context.hold == \"budget\" && context has budget_use_percent\n  \
         && context.budget_use_percent == 160 && context has reason && context.reason like \"*CFO*\" };\n",
    );
    let rok = |args: &[&str]| bench.rok([args, &["--policies", "p.cedar"]].concat());
    rok(&["run", "plan.yaml", "--run-id", "r"]).exits(1);
    rok(&["unpause", "r", "--reason", "please"]).exits(5);
    rok(&["unpause", "r", "--reason", "the CFO agrees"]).exits(0);
    rok(&["resume", "r"]).exits(0);
}

#[test]
fn a_line_of_usage_that_is_none_fails_its_step() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &plan("max_tokens: 10", r#"{"tokens": "many"}"#),
    );
    let failed = bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--json"])
        .exits(1);
    let error = failed.json()["steps"][0]["error"]["reason"].clone();
    let error = error.as_str().expect("a reason");
    assert!(error.contains("ROK_USAGE line 1"), "{error}");
}

/// A budget that is used up is a failure like any other: it is undone.
#[test]
fn what_a_run_did_before_its_budget_was_used_up_is_undone() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: undone\non_failure: rollback\nbudget: { max_steps: 1 }\nsteps:\n  \
         a: { run: 'true', compensate: { run: 'echo undone >> ran' } }\n  b: { run: 'true', needs: [a] }\n",
    );
    bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(1);
    assert_eq!(ran(&bench), "undone\n");
    let events = bench.events("r");
    assert!(
        events
            .iter()
            .any(|event| event["event_type"] == "run.rolled_back")
    );
}

#[rstest]
#[case::met("echo hi > report.json", 0, "COMPLETE")]
#[case::missing("true", 4, "INCOMPLETE")]
fn what_the_plan_expects_is_owed(
    #[case] run: &str,
    #[case] exit: i32,
    #[case] reconciliation: &str,
) {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &format!(
            "plan: owed\nexpect:\n  - {{ domain: artifacts, action: emit, key: report.json }}\n  \
             - {{ domain: steps, action: succeed, key: a }}\nsteps:\n  \
             a: {{ run: '{run}', artifacts: [{{ path: report.json }}] }}\n"
        ),
    );
    let summary = bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--json"])
        .exits(exit)
        .json();
    assert_eq!(summary["reconciliation"]["status"], reconciliation);
    assert_eq!(summary["reconciliation"]["expected"], 7);
    let events = bench.events("r");
    let acked: Vec<&Value> = events
        .iter()
        .filter(|event| event["event_type"] == "ack.received")
        .map(|event| &event["data"]["duty"])
        .filter(|duty| {
            duty.as_str()
                .is_some_and(|duty| duty.starts_with(['a', 's']))
        })
        .collect();
    let mut owed = vec![
        json!("artifacts/emit/report.json"),
        json!("steps/succeed/a"),
    ];
    if exit != 0 {
        owed.remove(0);
        let why = summary["error"]["reason"].as_str().expect("a reason");
        assert!(why.contains("artifacts/emit/report.json"), "{why}");
    }
    assert_eq!(acked, owed.iter().collect::<Vec<_>>());
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// What failed comes first, also where the plan expected more; and a next epoch
/// owes everything anew, and has what was kept.
#[test]
fn an_expectation_does_not_hide_why_a_run_failed() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: owed\nexpect: [{ domain: artifacts, action: emit, key: a.txt }, \
         { domain: steps, action: succeed, key: b }]\nsteps:\n  \
         a: { run: 'echo a > a.txt', artifacts: [{ path: a.txt }] }\n  \
         b: { run: 'test -e go', needs: [a] }\n",
    );
    let summary = bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--json"])
        .exits(1)
        .json();
    assert_eq!(summary["error"]["class"], "validation_failed");
    let why = summary["error"]["reason"].as_str().expect("a reason");
    assert!(
        why.starts_with("b: exit code 1") && why.contains("steps/succeed/b"),
        "{why}"
    );
    bench.write("go", "");
    let summary = bench.rok(["resume", "r", "--json"]).exits(0).json();
    assert_eq!(summary["reconciliation"]["status"], "COMPLETE");
    assert_eq!(summary["reconciliation"]["expected"], 7);
}

#[test]
fn nothing_is_expected_without_the_contract() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: owed\nexpect: [{ domain: steps, action: succeed, key: a }]\nsteps: { a: { run: 'true' } }\n",
    );
    let refused = bench
        .rok(["run", "plan.yaml", "--set", "rac_enabled=false"])
        .exits(2);
    assert!(refused.err.contains("ROK0117"), "{}", refused.err);
}

/// A step that the budget does not let start falls back, and its fallback runs;
/// the run is stopped only by a step that has none.
#[rstest]
#[case::taken("", 0, "a\ncheap\n", "partial")]
#[case::and_then_stopped(
    "  d: { run: 'echo d >> ran', needs: [b] }\n",
    1,
    "a\ncheap\n",
    "failed"
)]
fn a_fallback_is_taken_where_the_budget_is_used_up(
    #[case] more: &str,
    #[case] exit: i32,
    #[case] began: &str,
    #[case] outcome: &str,
) {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &format!(
            "plan: cheap\nbudget: {{ max_tokens: 5 }}\nsteps:\n  \
             a: {{ run: \"echo a >> ran; echo '{{\\\"tokens\\\": 9}}' > $ROK_USAGE\" }}\n  \
             b: {{ run: 'echo b >> ran', needs: [a], fallback: cheap }}\n  \
             cheap: {{ run: 'echo cheap >> ran', needs: [a] }}\n{more}"
        ),
    );
    let summary = bench
        .rok(["run", "plan.yaml", "--run-id", "r", "--json"])
        .exits(exit)
        .json();
    assert_eq!(ran(&bench), began);
    assert_eq!(summary["outcome"], outcome);
    assert_eq!(summary["steps"][1]["error"]["class"], "budget_exceeded");
    assert_eq!(exceeded(&bench).len(), 1);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// Policies that a plan names are part of what governs its runs, to their end.
#[test]
fn a_plan_brings_policies_of_its_own() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path().join("policies")).expect("a folder");
    let rule = |why: &str| {
        format!(
            "@id(\"four-eyes\") @reason(\"{why}\")\n\
             forbid (principal, action == Action::\"approve\", resource) when {{ context.is_submitter }};\n"
        )
    };
    bench.write("policies/release.cedar", &rule("ask somebody else"));
    bench.write(
        "plan.yaml",
        "plan: governed\npolicies: [policies/release.cedar]\nsteps:\n  a: { run: 'true', gate: manual }\n",
    );
    bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(1);
    let refused = bench.rok(["approve", "r", "a", "--reason", "me"]).exits(5);
    assert!(refused.err.contains("ask somebody else"), "{}", refused.err);
    let created = &bench.events("r")[0]["data"]["policies"];
    assert_eq!(created.as_str().map(str::len), Some(64));

    // They must be what they were.
    bench.write("policies/release.cedar", &rule("whatever"));
    let changed = bench.rok(["approve", "r", "a", "--reason", "me"]).exits(5);
    assert!(changed.err.contains("ROK0107"), "{}", changed.err);
    let changed = bench.rok(["resume", "r"]).exits(5);
    assert!(changed.err.contains("ROK0107"), "{}", changed.err);
    std::fs::remove_file(bench.path().join("policies/release.cedar")).expect("it is there");
    let gone = bench.rok(["resume", "r"]).exits(2);
    assert!(gone.err.contains("ROK0118"), "{}", gone.err);
    bench.write("policies/release.cedar", &rule("ask somebody else"));
    let other = bench
        .command(["approve", "r", "a", "--reason", "I"])
        .env("ROK_USER", "another")
        .output()
        .expect("rok starts");
    assert!(other.status.success());
    bench.rok(["resume", "r"]).exits(0);
}

#[rstest]
#[case::absent("gone.cedar", "", "gone.cedar")]
#[case::invalid("p.cedar", "forbid (principal, action, nothing);", "p.cedar")]
#[case::opening(
    "p.cedar",
    "forbid (principal, action == Action::\"cancel\", resource);\n\
     permit (principal, action, resource);\n",
    "p.cedar:2"
)]
fn policies_that_a_plan_cannot_have_are_refused_at_submission(
    #[case] name: &str,
    #[case] text: &str,
    #[case] place: &str,
) {
    let bench = Bench::new();
    if !text.is_empty() {
        bench.write("p.cedar", text);
    }
    let plan = format!("plan: p\npolicies: [{name}]\nsteps: {{ a: {{ run: 'true' }} }}\n");
    bench.write("plan.yaml", &plan);
    let refused = bench.rok(["run", "plan.yaml"]).exits(2);
    assert!(refused.err.contains("ROK0118"), "{}", refused.err);
    assert!(refused.err.contains(place), "{}", refused.err);
    assert!(!bench.runs().exists(), "nothing was created");
}

/// What a run teaches stands beside the policies' verdict.
#[rstest]
#[case::failure("max_steps: 9", 0, "exit 65", &["failure"])]
#[case::near("max_tokens: 100", 90, "true", &["near_threshold"])]
#[case::little("max_tokens: 100", 10, "true", &["critical_success"])]
#[case::nothing("max_tokens: 100", 50, "true", &[])]
fn a_run_teaches(
    #[case] budget: &str,
    #[case] tokens: u32,
    #[case] then: &str,
    #[case] lessons: &[&str],
) {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &format!(
            "plan: taught\nbudget: {{ {budget} }}\nsteps:\n  \
             a: {{ run: \"echo '{{\\\"tokens\\\": {tokens}}}' > $ROK_USAGE; {then}\" }}\n"
        ),
    );
    bench.rok(["run", "plan.yaml", "--run-id", "r"]);
    let summary = bench.rok(["summary", "r", "--json"]).exits(0).json();
    let drawn = summary["lessons"].as_array().expect("a list");
    let kinds: Vec<&str> = drawn
        .iter()
        .map(|lesson| lesson["kind"].as_str().expect("a word"))
        .collect();
    assert_eq!(kinds, lessons, "{drawn:?}");
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}
