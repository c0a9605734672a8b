//! What the two policy questions of a run cost: may it run, may it complete.
//!
//! `cargo run --release -p rok-governance --example policy_cost`

use rok_facades::{
    DutyKey, GovernanceEngine, OutcomeFacts, OwnedOutcomeFacts, OwnedRunFacts, StepCounts,
};
use rok_governance::{CedarEngine, Policies, PolicySources};
use rok_rac::{Duty, Reconciliation};
use rok_vocabulary::{Actor, Outcome, Timestamp};
use serde_json::json;
use std::error::Error;
use std::hint::black_box;
use std::io::Write as _;
use std::time::Instant;

const ROUNDS: u32 = 20_000;
const SAMPLES: usize = 7;

const POLICIES: &str = r#"
@id("operators") permit (principal in Role::"operator", action, resource);
@id("data-team") permit (principal, action in [Action::"run", Action::"complete"], resource)
when { context.labels.hasTag("team") && context.labels.getTag("team") == "data" };
@id("no-fridays") forbid (principal, action == Action::"run", resource)
when { context.weekday == 5 && context.hour >= 14 };
@id("small") forbid (principal, action == Action::"run", resource)
when { context.inputs has rows && context.inputs.rows > 1000000 };
@id("slow") @enforcement_level("soft") forbid (principal, action == Action::"complete", resource)
when { context has time_use_percent && context.time_use_percent >= 85 };
@id("gates") forbid (principal, action == Action::"complete", resource)
when { !context.gate_failures.isEmpty() };
@id("clean") forbid (principal, action == Action::"complete", resource)
when { context has reconciliation && !context.reconciliation.drift.isEmpty() };
@id("retries") forbid (principal, action == Action::"complete", resource)
when { context.counts.retries > 100 };
"#;

fn facts() -> Result<OwnedOutcomeFacts, Box<dyn Error>> {
    let at = Timestamp::parse_rfc3339("2026-02-20T09:00:00Z")?;
    let mut run = OwnedRunFacts::new(
        "0195f7a0-7c3e-7000-8000-000000000001".parse()?,
        "nightly".parse()?,
        at,
    );
    run.submitter = Actor::User("ada".into());
    run.roles = vec!["operator".to_owned()];
    run.labels.insert("team".to_owned(), "data".to_owned());
    run.inputs = json!({"dataset": "iris", "rows": 150, "accuracy": 0.97});
    Ok(OwnedOutcomeFacts {
        counts: StepCounts {
            total: 10,
            succeeded: 10,
            ..StepCounts::default()
        },
        time_use: Some(0.4),
        reconciliation: Some(Reconciliation::disabled()),
        ..OwnedOutcomeFacts::new(run, Outcome::Succeeded)
    })
}

/// Microseconds for both questions: the median of the samples, the least, the most.
fn measure(engine: &CedarEngine, facts: &OutcomeFacts<'_>) -> (f64, f64, f64) {
    let key = DutyKey::new(&facts.run, Duty::EVALUATE_POLICY);
    let mut samples: Vec<f64> = (0..SAMPLES)
        .map(|_| {
            let start = Instant::now();
            for _ in 0..ROUNDS {
                let _ = black_box(engine.authorize_run(black_box(&facts.run)));
                let _ = black_box(engine.evaluate_policy(&key, black_box(facts)));
            }
            start.elapsed().as_secs_f64() * 1e6 / f64::from(ROUNDS)
        })
        .collect();
    samples.sort_by(f64::total_cmp);
    (samples[SAMPLES / 2], samples[0], samples[SAMPLES - 1])
}

fn main() -> Result<(), Box<dyn Error>> {
    let sources = PolicySources::new()
        .with_policies("eight.cedar", POLICIES)
        .with_inputs("i.cedarschema", "type Inputs = { rows?: Long };");
    let engines = [
        ("default (1 policy)", CedarEngine::permissive()),
        ("8 policies", CedarEngine::new(Policies::load(&sources)?)),
    ];
    let facts = facts()?;
    let mut out = std::io::stdout().lock();
    for (name, engine) in &engines {
        let (median, least, most) = measure(engine, &facts.borrow());
        writeln!(
            out,
            "{name:<20} {median:6.1} µs a run ({least:.1} to {most:.1})"
        )?;
    }
    Ok(())
}
