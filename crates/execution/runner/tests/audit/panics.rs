//! A panic, wherever it comes from, closes its run in order, and no other.

use crate::hand::Hand;
use crate::house::{House, facades, house, house_with, id, order, seconds};
use rok_events::{Body, Event, PolicyData, PolicyStage};
use rok_executor::{CancelReason, Functions};
use rok_facades::testing::{Fault, TestEngine};
use rok_kernel::{Command, CommandKind, Input, PolicyAnswer};
use rok_log::{MemoryStore, Owner};
use rok_runner::{CommandOutcome, Go, RunnerError, Services, Shard, SystemClock, Turn, drive};
use rok_vocabulary::{AckStatus, Actor, ErrorClass, Outcome, RunPhase, StepState as S};
use rstest::rstest;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

fn acks(house: &House, run: &str) -> Vec<(String, AckStatus)> {
    let acks = house
        .events_of(run)
        .iter()
        .filter_map(|event| match &event.body {
            Body::AckReceived { data } => Some((data.duty.to_string(), data.status)),
            _ => None,
        });
    acks.collect()
}

/// FAILED, with a FAILED finalize ack, and every other duty done.
fn closed(house: &House, run: &str) {
    assert_eq!(house.ended(run), (RunPhase::Failed, Outcome::Failed));
    assert_eq!(house.state(run).end().0, Some(ErrorClass::Internal));
    let mut acks = acks(house, run);
    acks.sort_by(|a, b| a.0.cmp(&b.0));
    let done = |duty: &str| (duty.to_owned(), AckStatus::Success);
    assert_eq!(
        acks,
        [
            done("incidents/create_incident"),
            done("logs/complete_trace"),
            done("logs/start_trace"),
            ("orchestrator/finalize_run".to_owned(), AckStatus::Failed),
            done("policies/evaluate_policy"),
        ]
    );
    let result = house.state(run).last_reconciliation().unwrap();
    assert!(result.missing.is_empty() && result.drift.is_empty());
    assert_eq!(
        result.failed[0].duty.to_string(),
        "orchestrator/finalize_run"
    );
}

/// Something that panics the kernel: a wish whose authorization is none.
fn poison(id: &str) -> Input {
    let data = PolicyData {
        stage: PolicyStage::Authorize,
        allowed: true,
        blocking: true,
        policies: Vec::new(),
        action: None,
        command: None,
        dimension: None,
    };
    Input::Command(Command {
        id: id.parse().unwrap(),
        actor: Actor::Manual,
        roles: Vec::new(),
        kind: CommandKind::Cancel,
        reason: None,
        authorization: Some(PolicyAnswer {
            data,
            reason: None,
            violations: Vec::new(),
        }),
    })
}

/// Two runs beside the broken one, in the same turns.
fn neighbours(house: &mut House) {
    house.create(
        "n1",
        order("steps: { a: { call: ok }, b: { call: ok, needs: [a] } }"),
    );
    house.create("n2", order("steps: { a: { call: wait } }"));
}

fn neighbours_are_well(house: &mut House) {
    assert_eq!(house.ended("n1"), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(house.phase("n2"), RunPhase::Executing);
    house.end("n2", "a");
    assert_eq!(house.ended("n2"), (RunPhase::Completed, Outcome::Succeeded));
    assert!(house.broken.is_empty() && house.lost.is_empty());
}

#[rstest]
#[case::in_start("steps: { a: { call: panic } }", &[S::Failed])]
#[case::in_start_of_one_of_many(
    "steps: { a: { call: wait }, b: { call: panic }, c: { call: ok, needs: [b] } }",
    &[S::Failed, S::Failed, S::Skipped]
)]
#[case::in_preflight("steps: { a: { call: untidy } }", &[S::Pending])]
fn an_executor_that_panics(#[case] plan: &str, #[case] steps: &[S]) {
    let mut house = house();
    house.create("r", order(plan));
    neighbours(&mut house);
    house.settle();
    // Nobody knows whether the attempt began: it is waited for.
    house.pass(seconds(5));
    closed(&house, "r");
    assert!(house.state("r").end().1.unwrap().contains("told to panic"));
    assert_eq!(house.steps("r"), steps);
    neighbours_are_well(&mut house);
}

/// The kernel itself panics, in each phase that a person's wish can reach.
#[rstest]
#[case::created(1)]
#[case::authorized(2)]
#[case::executing(99)]
fn a_kernel_that_panics(#[case] turns: usize) {
    let mut house = house().without_workers();
    house.create(
        "r",
        order("steps: { a: { call: ok }, b: { call: wait }, c: { call: ok, needs: [b] } }"),
    );
    if turns == 99 {
        house.settle();
        house.claim("r");
        house.settle();
        assert_eq!(house.phase("r"), RunPhase::Executing);
    } else {
        for _ in 0..turns {
            house.turn();
        }
    }
    house.shard.say(&id("r"), poison("c"));
    house.settle();
    closed(&house, "r");
    let steps = house.steps("r");
    if turns == 99 {
        assert_eq!(steps, [S::Succeeded, S::Failed, S::Skipped]);
        assert_eq!(
            house.hand.cancelled(),
            [("r/b".to_owned(), CancelReason::Cancelled)]
        );
    } else {
        assert_eq!(steps, [S::Pending; 3]);
    }
}

/// What was decided in the same turn is gone with the broken memory: it is
/// asked for again, and only durable facts count.
#[test]
fn what_was_decided_in_the_same_turn_is_asked_for_again() {
    let engine = Arc::new(TestEngine::ok());
    let mut house = house_with(facades(&engine));
    house.create("r", order("steps: { a: { call: ok } }"));
    // The first turn asks for the trace; its answer waits for the second.
    house.turn();
    assert_eq!(acks(&house, "r"), []);
    house.shard.say(&id("r"), poison("c"));
    house.turn();
    assert_eq!(
        acks(&house, "r"),
        [],
        "the answer was taken in the turn that broke"
    );
    house.settle();
    closed(&house, "r");
    assert_eq!(
        engine
            .calls()
            .iter()
            .filter(|c| *c == "start_trace r")
            .count(),
        2
    );
}

/// A run that breaks while it is being closed for a panic is closed all the
/// same.
#[test]
fn a_second_panic() {
    let mut house = house();
    house.create("r", order("steps: { a: { call: wait } }"));
    neighbours(&mut house);
    house.settle();
    for id_of_command in ["c1", "c2"] {
        house.shard.say(&id("r"), poison(id_of_command));
        house.turn();
    }
    house.settle();
    closed(&house, "r");
    neighbours_are_well(&mut house);
}

/// A command of a run that breaks in the same turn is not acknowledged.
#[test]
fn a_command_in_the_turn_that_breaks() {
    let mut house = house();
    house.run("r", order("steps: { g: { call: ok, gate: manual } }"));
    house.post("r", rok_log::CommandKind::Approve, Some("g"));
    house.shard.say(&id("r"), poison("c9"));
    house.settle();
    closed(&house, "r");
    let CommandOutcome::Refused { reason, denied } = &house.answers[0] else {
        panic!("{:?}", house.answers)
    };
    assert!(reason.contains("rok failed") && !denied);
    assert_eq!(house.count("r", "gate.approved"), 0);
}

/// A run that is not durable yet and breaks is given up: nobody was told of it.
#[test]
fn a_run_that_breaks_before_it_is_durable() {
    let mut house = house();
    neighbours(&mut house);
    house.create("r", order("steps: { a: { call: ok } }"));
    house.shard.say(&id("r"), poison("c"));
    house.settle();
    assert!(house.shard.run(&id("r")).is_none());
    let broken = std::mem::take(&mut house.broken);
    assert!(matches!(&broken[..], [(run, RunnerError::Store(_))] if *run == id("r")));
    neighbours_are_well(&mut house);
}

#[test]
fn a_run_is_driven_once() {
    let mut house = house();
    house.run("r", order("steps: { a: { call: wait } }"));
    let again = house.try_create("r", order("steps: { a: { call: wait } }"));
    assert!(matches!(again, Err(RunnerError::Exists { .. })));
    house.end("r", "a");
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// An engine that panics in everything: the facades answer for it.
#[test]
fn engines_that_panic() {
    let engine = Arc::new(TestEngine::faulty(Fault::Panic));
    let mut house = house_with(facades(&engine));
    house.run("r", order("steps: { a: { call: ok } }"));
    assert_eq!(house.ended("r"), (RunPhase::Failed, Outcome::Denied));
    let result = house.state("r").last_reconciliation().unwrap();
    assert_eq!(result.failed.len(), 4);
    assert!(result.missing.is_empty());
}

// ---- Functions, and a driver on the machine's clock ------------------------

fn driven(store: &MemoryStore, functions: Functions) -> Shard {
    let services = Services::new(rok_facades::testing::facades())
        .executor(Arc::new(functions))
        .clock(Arc::new(SystemClock));
    Shard::new(Box::new(store.clone()), services, Owner::new("driver")).reporting_events()
}

fn functions() -> Functions {
    Functions::new()
        .register("pooled", |_| panic!("oops in a thread"))
        .register_inline("inline", |_| panic!("oops at once"))
        .register_inline("ok", |_| Ok(serde_json::Value::Null))
}

/// A panic in a step function fails its step, and the run in order: its end is
/// acknowledged with SUCCESS.
#[rstest]
#[case("inline", "oops at once")]
#[case("pooled", "oops in a thread")]
fn a_function_that_panics(#[case] function: &str, #[case] text: &str) {
    let store = MemoryStore::new();
    let mut shard = driven(&store, functions());
    let plan = format!(
        "steps: {{ a: {{ call: {function} }}, b: {{ call: ok, needs: [a] }}, c: {{ call: ok }} }}"
    );
    crate::house::create_in(&mut shard, "r", order(&plan)).unwrap();
    let ended = drive(&mut shard, &id("r"), false, &|_| Go::On, &mut drop).unwrap();
    let expected = rok_runner::Driven::Ended {
        phase: RunPhase::Failed,
        outcome: Outcome::Failed,
    };
    assert_eq!(ended, expected);
    let state = shard.run(&id("r")).unwrap().state();
    crate::logbook::check(&store, &id("r"), state);
    assert!(state.last_reconciliation().unwrap().is_clean());
    let steps: Vec<S> = state.steps().iter().map(|slot| slot.state).collect();
    assert_eq!(steps, [S::Failed, S::Skipped, S::Succeeded]);
    assert_eq!(state.step(0).class, Some(ErrorClass::Internal));
    assert!(state.step(0).reason.as_deref().unwrap().contains(text));
}

/// A panic of whoever looks on is no fault of the run: it is left open, what
/// runs is stopped, and another owner goes on.
#[test]
fn an_observer_that_panics() {
    let mut house = house();
    house.create(
        "r",
        order("steps: { a: { call: ok }, b: { call: wait, needs: [a] } }"),
    );
    let started = |turn: &Turn| {
        let events = turn.events.iter().flat_map(|(_, events)| events);
        let is_start =
            |e: &&Event| matches!(&e.body, Body::StepStarted { step, .. } if step.as_str() == "b");
        events.filter(is_start).count() > 0
    };
    let mut observe = |turn: Turn| assert!(!started(&turn), "the observer looks away");
    let shard = &mut house.shard;
    let driven = catch_unwind(AssertUnwindSafe(|| {
        drive(shard, &id("r"), false, &|_| Go::On, &mut observe)
    }));
    assert!(driven.is_err(), "the panic goes on");
    assert_eq!(
        house.hand.cancelled(),
        [("r/b".to_owned(), CancelReason::Interrupted)]
    );
    assert_eq!(house.phase("r"), RunPhase::Executing);
    let store = house.store.clone();
    house.crash(Box::new(store), rok_facades::testing::facades());
    house.settle();
    assert_eq!(house.hand.starts("r", "a"), 1);
    house.end("r", "b");
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// An executor that panics when it is told to stop has nobody left to tell.
#[test]
fn an_executor_that_panics_in_cancel() {
    struct Stubborn(Arc<Hand>);
    impl rok_executor::Executor for Stubborn {
        fn accepts(&self, work: &rok_executor::Work) -> bool {
            self.0.accepts(work)
        }
        fn preflight(&self, _: &rok_executor::StepRequest) -> Vec<rok_executor::PreflightFault> {
            Vec::new()
        }
        fn start(
            &self,
            request: rok_executor::StepRequest,
            sink: Arc<dyn rok_executor::ReportSink>,
        ) {
            self.0.start(request, sink);
        }
        fn cancel(&self, _: &rok_executor::AttemptRef, _: CancelReason) {
            panic!("told to panic in cancel");
        }
        fn stop_remains(
            &self,
            _: &rok_vocabulary::RunId,
            _: &rok_executor::Workspace,
        ) -> Result<rok_executor::Remains, rok_executor::ExecutorError> {
            Ok(rok_executor::Remains::default())
        }
    }
    let mut house = house();
    let services = Services::new(rok_facades::testing::facades())
        .executor(Arc::new(Stubborn(Arc::clone(&house.hand))))
        .clock(Arc::clone(&house.clock) as _);
    let store = Box::new(house.store.clone());
    house.shard = Shard::new(store, services, Owner::new("first")).reporting_events();
    house.run("r", order("steps: { a: { call: wait } }"));
    house.command("r", rok_log::CommandKind::Cancel, None);
    house.pass(Duration::from_secs(60));
    let (phase, outcome) = house.ended("r");
    assert_eq!((phase, outcome), (RunPhase::Failed, Outcome::Cancelled));
    assert_eq!(house.steps("r"), [S::Failed]);
}
