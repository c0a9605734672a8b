//! Agents: whom a step was taken away from stands in the log, before its end.

use crate::bench::plan;
use rok_events::{AgentData, Body, Event, FellBackData, TriedData};
use rok_kernel::{ApplyError, RunState, StepEnd, StepSuccess};
use rok_vocabulary::{
    AgentPlace, Attempt, ErrorClass, FallbackTrigger, Outcome, RunPhase, StepState, TrustLevel,
};
use std::sync::Arc;

const PLAN: &str = "steps: { a: { agent: sum } }";

fn tried(agent: &str, trigger: Option<FallbackTrigger>) -> TriedData {
    TriedData {
        agent: agent.parse().unwrap(),
        place: AgentPlace::Remote,
        trust: TrustLevel::Signed,
        trigger,
        reason: format!("{agent} did not do it"),
    }
}

fn asked(by: Option<&str>) -> AgentData {
    AgentData {
        id: by.map(|by| by.parse().unwrap()),
        place: by.map(|_| AgentPlace::Local),
        trust: by.map(|_| TrustLevel::Verified),
        tried: vec![
            tried("r1", Some(FallbackTrigger::AgentLost)),
            tried("r2", None),
            tried("r3", Some(FallbackTrigger::SignatureMismatch)),
        ],
        ..AgentData::default()
    }
}

fn told(events: &[Event]) -> Vec<String> {
    let said = events.iter().filter_map(|event| match &event.body {
        Body::StepFellBack {
            attempt,
            reason,
            data,
            ..
        } => {
            let FellBackData::Agent {
                from_agent,
                to_agent,
                trigger,
                ..
            } = &**data
            else {
                panic!("no step falls back to another one here");
            };
            let to = to_agent.as_ref().map_or("nobody", |agent| agent.as_str());
            let why = reason.as_deref().unwrap_or_default();
            Some(format!("{attempt}: {from_agent} to {to}, {trigger}: {why}"))
        }
        Body::StepSucceeded { .. } | Body::StepFailed { .. } => {
            Some(event.body.event_type().to_string())
        }
        _ => None,
    });
    said.collect()
}

#[test]
fn whom_a_step_was_taken_from_stands_before_its_end() {
    let mut run = plan(PLAN).start();
    let end = StepEnd::Succeeded(StepSuccess::default());
    run.end_by(0, end, asked(Some("here")));
    let expected = [
        "0: r1 to r2, agent_lost: r1 did not do it",
        "0: r3 to here, signature_mismatch: r3 did not do it",
        "step.succeeded",
    ];
    assert_eq!(told(&run.events), expected);
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Completed, Outcome::Succeeded));
}

#[test]
fn a_step_that_nobody_does_ends_once() {
    let mut run = plan(PLAN).start();
    let end = StepEnd::Failed {
        class: ErrorClass::PolicyViolation,
        reason: "no agent does it".into(),
    };
    run.end_by(0, end, asked(None));
    let expected = [
        "0: r1 to r2, agent_lost: r1 did not do it",
        "0: r3 to nobody, signature_mismatch: r3 did not do it",
        "step.failed",
    ];
    assert_eq!(told(&run.events), expected);
    let slot = run.state().step(0);
    assert_eq!(
        (slot.state, slot.class),
        (StepState::Failed, Some(ErrorClass::PolicyViolation))
    );
    run.answer_all();
    assert_eq!(run.end(), (RunPhase::Failed, Outcome::Failed));
}

/// A lost agent is a lost worker: the next attempt asks anew, by itself.
#[test]
fn an_attempt_whose_agents_were_all_lost_is_made_again() {
    let mut run = plan(PLAN).start();
    let end = || StepEnd::Failed {
        class: ErrorClass::WorkerLost,
        reason: "no agent does it".into(),
    };
    run.end_by(0, end(), asked(None));
    assert!(run.is_running(0, 1));
    let late = told(&run.events).len();
    run.end_by(
        0,
        StepEnd::Succeeded(StepSuccess::default()),
        asked(Some("r4")),
    );
    let second = &told(&run.events)[late..];
    assert_eq!(second[0], "1: r1 to r2, agent_lost: r1 did not do it");
    assert_eq!(run.state().step(0).attempt, Attempt(1));
}

/// Only an attempt that is under way, of a step that is an agent's, can be
/// taken away from one.
#[test]
fn a_forged_fallback_is_refused() {
    let refused = |text: &'static str, change: fn(&mut Body)| -> ApplyError {
        let mut run = plan(PLAN).start();
        let end = StepEnd::Succeeded(StepSuccess::default());
        run.end_by(0, end, asked(Some("here")));
        let compiled = Arc::clone(plan(text).create().state().plan());
        let mut folded = RunState::new(compiled, run.state().run_id().clone());
        for event in &run.events {
            let mut event = event.clone();
            if matches!(event.body, Body::StepFellBack { .. }) {
                change(&mut event.body);
            }
            if let Err(error) = folded.apply(&event) {
                return error;
            }
        }
        panic!("it was taken");
    };
    let other = refused("steps: { a: { call: sum } }", |_| {});
    assert!(other.to_string().contains("not an agent's"), "{other}");
    let later = refused(PLAN, |body| {
        if let Body::StepFellBack { attempt, .. } = body {
            *attempt = Attempt(1);
        }
    });
    assert!(matches!(later, ApplyError::WrongStep { .. }), "{later}");
}
