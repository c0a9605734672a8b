//! Every row of the transition table is gone through by a real run, and every
//! `run.state_changed` on the way says which duties were declared and are open
//! (`logbook::check` compares that with the acks).

use crate::house::{House, facades, house, house_with, id, order, seconds};
use crate::logbook::rows;
use rok_events::Body;
use rok_facades::testing::{Fault, TestEngine};
use rok_kernel::Input;
use rok_log::CommandKind;
use rok_phases::{PhaseInput, VALID_TRANSITIONS};
use rok_rac::{Deadline, Expected};
use rok_vocabulary::RunPhase;
use std::collections::BTreeSet;
use std::sync::Arc;

const OK: &str = "steps: { a: { call: ok } }";

fn denying(operation: &'static str) -> House {
    house_with(facades(&Arc::new(
        TestEngine::faulty(Fault::Deny).only(operation),
    )))
}

fn fault(house: &mut House) {
    let reason = "told to break".into();
    house.shard.say(&id("r"), Input::Fault { reason });
    house.settle();
}

/// A run that waits at the check for what never comes.
fn checking() -> House {
    let mut house = house();
    let duty = "artifacts/emit".parse().unwrap();
    let never = Expected::new(duty, Deadline::after(seconds(60)));
    house.run("r", order(OK).expect([never]));
    assert_eq!(house.phase("r"), RunPhase::GovernanceCheck);
    house
}

/// A run for each row that ends one, and one for those in between.
fn runs() -> Vec<House> {
    let mut runs = Vec::new();
    let mut run = |house: House, plan: &str| {
        let mut house = house;
        house.run("r", order(plan));
        runs.push(house);
    };
    run(house(), OK);
    run(house(), "steps: { a: { call: bad } }");
    run(denying("authorize_run"), OK);
    run(denying("evaluate_policy"), OK);
    run(house(), "steps: { a: { call: unfit } }");
    // Preflight panics: a system error in CREATED.
    run(house(), "steps: { a: { call: untidy } }");

    let mut created = house();
    created.create("r", order(OK));
    created.turn();
    created.post("r", CommandKind::Cancel, None);
    runs.push(created);

    let mut authorized = house().without_workers();
    authorized.run("r", order(OK));
    authorized.command("r", CommandKind::Cancel, None);
    runs.push(authorized);

    let mut authorized = house().without_workers();
    authorized.run("r", order(OK));
    fault(&mut authorized);
    runs.push(authorized);

    let mut executing = house();
    executing.run("r", order("steps: { a: { call: wait } }"));
    fault(&mut executing);
    runs.push(executing);

    let mut waiting = checking();
    fault(&mut waiting);
    waiting.wake();
    runs.push(waiting);

    let mut refused = checking();
    refused.wake();
    runs.push(refused);

    // Drift in the turn in which the check is passed.
    let engine = Arc::new(TestEngine::ok());
    let mut finalizing = house_with(facades(&engine));
    finalizing.create("r", order(OK));
    finalizing.turn_until(|_| engine.calls().contains(&"complete_trace r".to_owned()));
    let drift = rok_rac::DomainAck::success(
        &id("r"),
        rok_vocabulary::Epoch::FIRST,
        "billing/charge".parse().unwrap(),
        "b",
        finalizing.now(),
    );
    let ack = drift.unwrap();
    finalizing
        .shard
        .say(&id("r"), Input::Ack { ack, record: None });
    runs.push(finalizing);
    runs
}

#[test]
fn every_row_is_gone_through_and_says_its_expectations() {
    let mut seen = BTreeSet::new();
    for mut house in runs() {
        house.settle();
        house.ended("r");
        seen.extend(rows(house.events_of("r")));
    }
    let table: BTreeSet<(RunPhase, PhaseInput, RunPhase)> = VALID_TRANSITIONS
        .iter()
        .map(|row| (row.from, row.input, row.to))
        .collect();
    assert_eq!(seen, table);
}

/// The very ids, in a run that goes well.
#[test]
fn the_expectations_of_a_run_that_goes_well() {
    let mut house = house();
    house.run("r", order(OK));
    let standard = [
        "logs/start_trace",
        "policies/evaluate_policy",
        "incidents/create_incident",
        "logs/complete_trace",
        "orchestrator/finalize_run",
    ];
    let mut said = Vec::new();
    for event in house.events_of("r") {
        if let Body::RunStateChanged(change) = &event.body {
            let text = |duties: &[rok_rac::Duty]| -> Vec<String> {
                duties.iter().map(ToString::to_string).collect()
            };
            let duties = &change.data.expectations;
            said.push((change.to, text(&duties.declared), text(&duties.pending)));
        }
    }
    let owned = |list: &[&str]| -> Vec<String> { list.iter().map(ToString::to_string).collect() };
    let none = Vec::new;
    assert_eq!(
        said,
        [
            (RunPhase::Created, owned(&standard), owned(&standard)),
            (RunPhase::Authorized, none(), owned(&standard[1..])),
            (RunPhase::Executing, none(), owned(&standard[1..])),
            (RunPhase::GovernanceCheck, none(), owned(&standard[1..])),
            (RunPhase::Finalizing, none(), owned(&standard[4..])),
            (RunPhase::Completed, none(), none()),
        ]
    );
}
