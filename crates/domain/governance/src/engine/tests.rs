//! What must hold of `engine`, case by case.

use super::*;
use crate::PolicySources;
use rok_facades::{GovernanceFacade, GovernedAction, OwnedOutcomeFacts, OwnedRunFacts, StepCounts};
use rok_rac::{Duty, Reconciliation};
use rok_vocabulary::{AckStatus, Outcome, ReconciliationStatus, Timestamp};
use rstest::rstest;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const PERMIT: &str = "@id(\"all\") permit (principal, action, resource);";

fn engine(text: &str, inputs: &str) -> CedarEngine {
    let mut sources = PolicySources::new().with_policies("p.cedar", text);
    if !inputs.is_empty() {
        sources = sources.with_inputs("i.cedarschema", inputs);
    }
    CedarEngine::new(Policies::load(&sources).unwrap_or_else(|error| panic!("{error}")))
}

fn facts() -> OwnedOutcomeFacts {
    let at = Timestamp::parse_rfc3339("2026-02-20T09:00:00Z").unwrap();
    let mut run = OwnedRunFacts::new("r1".parse().unwrap(), "nightly".parse().unwrap(), at);
    run.submitter = Actor::User("ada".into());
    run.labels.insert("team".into(), "data".into());
    run.inputs = json!({"dataset": "iris", "rows": 150, "accuracy": 0.97});
    OwnedOutcomeFacts::new(run, Outcome::Succeeded)
}

fn run(engine: &CedarEngine, facts: &OwnedOutcomeFacts) -> Authorization {
    engine.authorize_run(&facts.run.borrow()).unwrap()
}

fn complete(engine: &CedarEngine, facts: &OwnedOutcomeFacts) -> PolicyVerdict {
    let borrowed = facts.borrow();
    let key = DutyKey::new(&borrowed.run, Duty::EVALUATE_POLICY);
    engine.evaluate_policy(&key, &borrowed).unwrap()
}

fn act(engine: &CedarEngine, facts: &OwnedOutcomeFacts, who: &str, action: GovernedAction) -> bool {
    let actor = who.parse().unwrap();
    let request = ActionRequest {
        actor: &actor,
        roles: &["operator".to_owned()],
        action,
        run: facts.run.borrow(),
        step: None,
        reason: None,
        gate: None,
        hold: None,
        budget_use: None,
    };
    engine.authorize_action(&request).unwrap().granted
}

/// What may be asked before it is durable that it was leaves no lesson behind:
/// asked about another run, the engine says what it would have said.
#[rstest]
#[case::of_nothing(None, None, true)]
#[case::of_time(Some(0.95), None, false)]
#[case::of_a_budget(None, Some(0.87), false)]
fn what_is_pure_leaves_no_lesson(
    #[case] time_use: Option<f64>,
    #[case] budget_use: Option<f64>,
    #[case] pure: bool,
) {
    let (asked, fresh) = (engine(PERMIT, ""), engine(PERMIT, ""));
    let facts = |run: &str| {
        let mut facts = facts();
        facts.run.run = run.parse().unwrap();
        OwnedOutcomeFacts {
            time_use,
            budget_use,
            outcome: Outcome::Failed,
            ..facts
        }
    };
    let (first, other) = (facts("r1"), facts("r2"));
    assert_eq!(asked.is_pure(&first.borrow()), pure);
    let untouched = fresh.lessons(&other.borrow()).unwrap().len();
    asked.lessons(&first.borrow()).unwrap();
    let taught = asked.lessons(&other.borrow()).unwrap().len();
    assert_eq!(taught == untouched, pure);
}

#[test]
fn what_nobody_permits_is_denied() {
    let engine = engine(
        "permit (principal, action == Action::\"cancel\", resource);",
        "",
    );
    let answer = run(&engine, &facts());
    assert!(!answer.granted);
    assert_eq!(
        answer.reason,
        "denied: User::\"ada\" may not run Plan::\"nightly\", since no policy permits it"
    );
    assert!(answer.policies.is_empty() && answer.errors.is_empty());
    let verdict = complete(&engine, &facts());
    assert!(!verdict.allowed);
    assert_eq!(verdict.enforcement_level, Some(EnforcementLevel::Strict));
}

#[test]
fn each_that_forbids_is_told_with_its_own_reason_and_no_soft_one() {
    let text = format!(
        "{PERMIT}\n\
         @id(\"a\") forbid (principal, action == Action::\"run\", resource);\n\
         @id(\"b\") @reason(\"not on Fridays\") forbid (principal, action == Action::\"run\", resource);\n\
         @id(\"c\") @reason(\"frozen\") forbid (principal, action == Action::\"run\", resource);\n\
         @id(\"d\") @reason(\"only noted\") @enforcement_level(\"soft\")\n\
         forbid (principal, action == Action::\"run\", resource);"
    );
    let engine = engine(&text, "");
    let answer = run(&engine, &facts());
    assert!(!answer.granted);
    assert_eq!(
        answer.reason,
        "forbidden by a; b: not on Fridays; c: frozen"
    );
}

#[test]
fn the_default_policies_permit_everything() {
    let engine = CedarEngine::permissive();
    assert!(engine.is_default() && engine.overview().unwrap().is_default);
    assert_eq!(run(&engine, &facts()).policies, ["default-permissive"]);
    assert!(complete(&engine, &facts()).allowed);
    for &action in GovernedAction::ALL {
        for who in ["user:ada", "agent:a", "schedule:s", "runner", "manual"] {
            assert!(act(&engine, &facts(), who, action), "{who} {action}");
        }
    }
}

#[rstest]
#[case::principal("principal == User::\"ada\"", true)]
#[case::another("principal == User::\"bob\"", false)]
#[case::not_an_agent("principal is Agent", false)]
fn principals(#[case] scope: &str, #[case] granted: bool) {
    let engine = engine(
        &format!("permit ({scope}, action == Action::\"run\", resource);"),
        "",
    );
    assert_eq!(run(&engine, &facts()).granted, granted);
}

#[test]
fn roles_come_from_the_request_and_from_the_directory() {
    let text = "permit (principal in Role::\"operator\", action, resource);";
    let plain = engine(text, "");
    assert!(!run(&plain, &facts()).granted);
    assert!(act(&plain, &facts(), "user:bob", GovernedAction::Cancel));
    let mut with = facts();
    with.run.roles = vec!["operator".into()];
    assert!(run(&plain, &with).granted);
    let ada = Actor::User("ada".into());
    let knows = engine(text, "").with_roles(&ada, ["operator".to_owned()]);
    assert!(run(&knows, &facts()).granted);
    assert!(complete(&knows, &facts()).allowed);
}

/// Every attribute, present and with the value that the facts have.
#[rstest]
#[case("context.run == \"r1\"")]
#[case("context.inputs.dataset == \"iris\"")]
#[case("context.inputs has rows && context.inputs.rows > 100")]
#[case("context.inputs has accuracy && context.inputs.accuracy.greaterThan(decimal(\"0.9\"))")]
#[case("context.labels.hasTag(\"team\") && context.labels.getTag(\"team\") like \"d*\"")]
#[case("!context.labels.hasTag(\"colour\")")]
#[case("context.profile == \"STRICT\"")]
#[case("context.submitter == \"user:ada\"")]
#[case("context.epoch == 0")]
#[case("context.hour == 9")]
#[case("context.weekday == 5")]
#[case("context.outcome == \"failed\"")]
#[case("context has error_class && context.error_class == \"timeout\"")]
#[case("context has step && context.step == \"build\"")]
#[case("context.counts.failed == 1 && context.counts.total == 3")]
#[case("context has counts && context.counts.retries == 2")]
#[case("context.gate_failures.contains(\"build\")")]
#[case("context.duration_ms == 1500")]
#[case("context has time_use_percent && context.time_use_percent == 84")]
#[case("context has budget_use_percent && context.budget_use_percent == 100")]
#[case(
    "context has reconciliation && context.reconciliation.missing.contains(\"logs/start_trace\")"
)]
#[case("context has reconciliation && context.reconciliation.drift.isEmpty()")]
#[case("context has reconciliation.status && context.reconciliation.status == \"INCOMPLETE\"")]
#[case("resource in Plan::\"nightly\"")]
fn the_context_of_complete(#[case] when: &str) {
    let mut facts = facts();
    facts.outcome = Outcome::Failed;
    facts.error_class = Some(rok_vocabulary::ErrorClass::Timeout);
    facts.step = Some("build".parse().unwrap());
    facts.counts = StepCounts {
        total: 3,
        succeeded: 2,
        failed: 1,
        skipped: 0,
        retries: 2,
    };
    facts.gate_failures = vec!["build".parse().unwrap()];
    facts.duration = Duration::from_millis(1_500);
    facts.time_use = Some(0.849_9);
    facts.budget_use = Some(1.0);
    facts.reconciliation = Some(Reconciliation {
        status: ReconciliationStatus::Incomplete,
        missing: vec![Duty::START_TRACE],
        ..Reconciliation::disabled()
    });
    let text =
        format!("permit (principal, action == Action::\"complete\", resource) when {{ {when} }};");
    let declared = "type Inputs = { dataset: String, rows?: Long, accuracy?: decimal };";
    let verdict = complete(&engine(&text, declared), &facts);
    assert!(verdict.allowed, "{verdict:?}");
}

/// Every optional attribute is absent where the facts have none.
#[rstest]
#[case("error_class")]
#[case("step")]
#[case("time_use_percent")]
#[case("budget_use_percent")]
#[case("reconciliation")]
fn what_is_not_known_is_absent(#[case] name: &str) {
    let text = format!(
        "permit (principal, action == Action::\"complete\", resource) unless {{ context has {name} }};"
    );
    assert!(complete(&engine(&text, ""), &facts()).allowed);
}

#[test]
fn a_person_may_be_kept_from_approving_their_own_run() {
    let text = format!(
        "{PERMIT} forbid (principal, action == Action::\"approve\", resource) when {{ context.is_submitter }};"
    );
    let engine = engine(&text, "");
    assert!(!act(&engine, &facts(), "user:ada", GovernedAction::Approve));
    assert!(act(&engine, &facts(), "user:bob", GovernedAction::Approve));
    assert!(act(&engine, &facts(), "user:ada", GovernedAction::Cancel));
}

/// Cedar skips a policy that errs; an erring `forbid` would pass for none.
#[rstest]
#[case::strict_forbid(
    "@id(\"bad\") forbid (principal, action == Action::\"run\", resource) when { context.inputs.rows + 9223372036854775807 > 0 };"
)]
#[case::soft_forbid(
    "@id(\"bad\") @enforcement_level(\"soft\") forbid (principal, action == Action::\"run\", resource) when { context.inputs.rows + 9223372036854775807 > 0 };"
)]
#[case::permit(
    "@id(\"bad\") permit (principal, action == Action::\"run\", resource) when { context.inputs.rows + 9223372036854775807 > 0 };"
)]
fn an_error_of_any_policy_denies(#[case] policy: &str) {
    let engine = engine(
        &format!("{PERMIT}\n{policy}"),
        "type Inputs = { rows: Long };",
    );
    let answer = run(&engine, &facts());
    assert!(!answer.granted);
    assert_eq!(answer.errors.len(), 1);
    assert!(answer.reason.contains("`bad`"), "{}", answer.reason);
}

/// The declaration promises what the run does not hold.
#[rstest]
#[case::absent(json!({}))]
#[case::another_type(json!({"rows": "150"}))]
#[case::not_exact(json!({"rows": 0.123_456}))]
#[case::no_inputs(json!(null))]
#[case::no_object(json!([1]))]
#[case::too_long(json!({"rows": 1, "x": "y".repeat(70_000)}))]
fn inputs_that_break_their_declaration_deny(#[case] inputs: serde_json::Value) {
    let text = format!(
        "{PERMIT} forbid (principal, action == Action::\"run\", resource) when {{ context.inputs.rows > 1000 }};"
    );
    let engine = engine(&text, "type Inputs = { rows: Long };");
    assert!(run(&engine, &facts()).granted);
    let mut facts = facts();
    facts.run.inputs = inputs;
    let answer = run(&engine, &facts);
    assert!(!answer.granted && answer.errors.len() == 1, "{answer:?}");
}

#[test]
fn inputs_that_no_policy_looks_at_deny_nothing() {
    let mut facts = facts();
    facts.run.inputs = json!({"x": "y".repeat(70_000)});
    assert!(run(&CedarEngine::permissive(), &facts).granted);
}

const SOFT_AND_STRICT: &str = "
    @id(\"all\") permit (principal, action, resource);
    @id(\"slow\") @enforcement_level(\"soft\") @reason(\"nearly out of time\")
    forbid (principal, action == Action::\"complete\", resource)
    when { context has time_use_percent && context.time_use_percent >= 85 };
    @id(\"gates\") @enforcement_level(\"strict\") @reason(\"a gate failed\")
    forbid (principal, action == Action::\"complete\", resource)
    when { !context.gate_failures.isEmpty() };";

#[rstest]
#[case::clean(0.1, false, true, None, &["all"], "permitted by all")]
#[case::soft(0.9, false, true, Some(EnforcementLevel::Soft), &["all", "slow"], "permitted by all")]
#[case::strict(0.1, true, false, Some(EnforcementLevel::Strict), &["gates"], "forbidden by gates: a gate failed")]
#[case::both(0.9, true, false, Some(EnforcementLevel::Strict), &["gates", "slow"], "forbidden by gates: a gate failed")]
fn a_soft_forbid_is_recorded_and_a_strict_one_blocks(
    #[case] time_use: f64,
    #[case] gate_failed: bool,
    #[case] allowed: bool,
    #[case] level: Option<EnforcementLevel>,
    #[case] policies: &[&str],
    #[case] reason: &str,
) {
    let mut facts = facts();
    facts.time_use = Some(time_use);
    facts.gate_failures = gate_failed
        .then(|| "build".parse().unwrap())
        .into_iter()
        .collect();
    let verdict = complete(&engine(SOFT_AND_STRICT, ""), &facts);
    assert_eq!(
        (verdict.allowed, verdict.enforcement_level),
        (allowed, level)
    );
    assert_eq!(verdict.policies, policies);
    assert_eq!(verdict.reason, reason);
    let violated: Vec<_> = verdict
        .violations
        .iter()
        .map(|v| v.policy.as_str())
        .collect();
    let expected: Vec<_> = policies.iter().copied().filter(|id| *id != "all").collect();
    assert_eq!(violated, expected);
}

#[test]
fn a_soft_forbid_permits_nothing() {
    let text = "@enforcement_level(\"soft\") forbid (principal, action, resource);";
    let answer = run(&engine(text, ""), &facts());
    assert!(!answer.granted);
    assert_eq!(
        answer.violations[0].enforcement_level,
        EnforcementLevel::Soft
    );
}

#[test]
fn a_verdict_is_answered_with_a_success_whatever_it_says() {
    let facade = GovernanceFacade::new(Arc::new(engine(SOFT_AND_STRICT, "")));
    let mut facts = facts();
    facts.gate_failures = vec!["build".parse().unwrap()];
    let first = facade.evaluate_policy(&facts.borrow());
    let again = facade.evaluate_policy(&facts.borrow());
    assert_eq!(first.ack.status(), AckStatus::Success);
    assert_eq!(first, again);
    let record = first.record.unwrap();
    assert!(!record.allowed);
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(
        serde_json::from_str::<PolicyVerdict>(&json).unwrap(),
        record
    );
}

#[test]
fn the_overview_lists_what_is_in_force() {
    let overview = engine(SOFT_AND_STRICT, "").overview().unwrap();
    assert!(!overview.is_default);
    let ids: Vec<_> = overview.policies.iter().map(|p| p.id.as_str()).collect();
    assert_eq!(ids, ["all", "gates", "slow"]);
}

/// One engine that is asked about many runs says what a new one says each time.
#[rstest]
#[case("permit (principal, action, resource);", true)]
#[case(
    "permit (principal == User::\"ada\", action, resource == Plan::\"nightly\");",
    true
)]
#[case(
    "permit (principal in Role::\"operator\", action, resource in Plan::\"nightly\");",
    true
)]
#[case("permit (principal, action == Action::\"complete\", resource);", true)]
#[case(
    "@id(\"all\") permit (principal, action, resource); @id(\"soft\") @enforcement_level(\"soft\") forbid (principal, action == Action::\"complete\", resource);",
    true
)]
#[case("permit (principal, action, resource in Run::\"r1\");", false)]
#[case(
    "permit (principal, action, resource) when { resource != Run::\"r1\" };",
    false
)]
#[case(
    "permit (principal, action, resource) when { context.run == \"r1\" };",
    false
)]
#[case(
    "permit (principal, action, resource) when { context.labels.hasTag(\"team\") };",
    false
)]
#[case(
    "permit (principal, action, resource) when { context.hour < 12 };",
    false
)]
fn what_was_granted_before_is_granted_where_asking_would(
    #[case] policies: &str,
    #[case] keeps: bool,
) {
    let asked_often = engine(policies, "");
    for n in 0..64 {
        let bit = |bit: u32| n >> bit & 1 == 1;
        let mut facts = facts();
        facts.run.run = if bit(0) { "r1" } else { "r2" }.parse().unwrap();
        facts.run.plan = if bit(1) { "nightly" } else { "daily" }.parse().unwrap();
        facts.run.submitter = Actor::User(if bit(2) { "ada" } else { "bob" }.into());
        facts.run.roles = if bit(3) {
            vec!["operator".into()]
        } else {
            Vec::new()
        };
        if bit(4) {
            facts.run.labels.clear();
        }
        if bit(5) {
            facts.run.now = Timestamp::parse_rfc3339("2026-02-20T19:00:00Z").unwrap();
        }
        let new = engine(policies, "");
        assert_eq!(run(&asked_often, &facts), run(&new, &facts), "{n}");
        assert_eq!(
            complete(&asked_often, &facts),
            complete(&new, &facts),
            "{n}"
        );
        let (who, cancel) = (facts.run.submitter.to_string(), GovernedAction::Cancel);
        assert_eq!(
            act(&asked_often, &facts, &who, cancel),
            act(&new, &facts, &who, cancel),
            "{n}"
        );
    }
    assert_eq!(asked_often.grants.keeps_any(), keeps);
}
