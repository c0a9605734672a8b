//! What policies forbid of a run's use, case by case.

use super::*;
use alloc::string::ToString;
use rstest::rstest;

const CAPS: &str =
    r#"{"max_cost_usd":5,"max_energy_kwh":0.5,"max_steps":3,"max_tokens":1000,"max_time":"1m"}"#;

#[rstest]
#[case::nothing(BudgetDimension::CostUsd, 5.0, true, None)]
#[case::cost(
    BudgetDimension::CostUsd,
    5.25,
    false,
    Some("at most 5 USD may be used, and 5.25 USD were")
)]
#[case::energy(
    BudgetDimension::EnergyKwh,
    0.75,
    false,
    Some("at most 0.5 kWh may be used, and 0.75 kWh were")
)]
#[case::tokens(
    BudgetDimension::Tokens,
    1001.0,
    false,
    Some("at most 1000 tokens may be used, and 1001 tokens were")
)]
#[case::time(
    BudgetDimension::Time,
    61_000.0,
    false,
    Some("at most 1m may be used, and 1m1s were")
)]
#[case::the_last_attempt(BudgetDimension::Steps, 3.0, false, None)]
#[case::another_attempt(
    BudgetDimension::Steps,
    3.0,
    true,
    Some("at most 3 attempts are permitted")
)]
fn what_was_used(
    #[case] dimension: BudgetDimension,
    #[case] amount: f64,
    #[case] another: bool,
    #[case] why: Option<&str>,
) {
    let text = alloc::format!(
        r#"[{{"type":"governance","scope":"plan","enforcement_level":"strict",
            "payload":{{"id":"caps","plan":"p","max_budget":{CAPS}}}}}]"#
    );
    let policies: Vec<ExecutionPolicy> = serde_json::from_str(&text).unwrap();
    let used = |of| if of == dimension { amount } else { 0.0 };
    let facts = |plan| UseFacts {
        plan,
        submitter: "user:ada",
        another,
    };
    let breaches = judge_use(&policies, &facts("p"), used);
    let told: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    let why: Vec<_> = why
        .map(|why| alloc::format!("policy `caps`: {why}"))
        .into_iter()
        .collect();
    assert_eq!(told, why);
    assert!(
        breaches
            .iter()
            .all(|breach| breach.dimension == Some(dimension))
    );
    assert_eq!(judge_use(&policies, &facts("other"), used), []);
}
