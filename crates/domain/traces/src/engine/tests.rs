//! What must hold of `engine`, case by case.

use super::*;
use rok_facades::{OwnedOutcomeFacts, OwnedRunFacts, StepCounts, TraceFacade};
use rok_vocabulary::{AckStatus, Attempt, Epoch, Outcome, StepState, Timestamp};
use rstest::rstest;
use std::sync::Arc;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millis(ms)
}

fn facts() -> OwnedOutcomeFacts {
    let run = OwnedRunFacts::new("run_abc".parse().unwrap(), "demo".parse().unwrap(), at(0));
    let mut facts = OwnedOutcomeFacts::new(run, Outcome::Succeeded);
    facts.run.now = at(9_000);
    facts.counts = StepCounts {
        total: 3,
        succeeded: 3,
        ..StepCounts::default()
    };
    facts
}

fn span(step: &str, attempt: u32, start: i64, end: i64) -> StepSpan {
    StepSpan {
        compensates: false,
        step: step.parse().unwrap(),
        attempt: Attempt(attempt),
        started_at: at(start),
        ended_at: at(end),
        state: StepState::Succeeded,
        error_class: None,
    }
}

fn facade() -> TraceFacade {
    TraceFacade::new(Arc::new(LocalTraces::new()))
}

#[test]
fn a_record_counts_root_steps_and_attempts_and_names_the_slowest() {
    let spans = [
        span("a", 0, 0, 10),
        span("a", 1, 20, 90),
        span("b", 0, 5, 6),
    ];
    let answer = facade().complete_trace(&facts().borrow(), &spans);
    assert_eq!(answer.ack.status(), AckStatus::Success);
    let record = answer.record.unwrap();
    assert_eq!(record.spans, 1 + 2 + 3);
    assert_eq!(record.counts.unwrap().total, 3);
    let order: Vec<_> = record
        .slowest
        .iter()
        .map(|s| (s.step.as_str(), s.attempt.0, s.duration_ms))
        .collect();
    assert_eq!(order, [("a", 1, 70), ("a", 0, 10), ("b", 0, 1)]);
}

#[rstest]
#[case(0)]
#[case(SLOWEST - 1)]
#[case(SLOWEST)]
#[case(SLOWEST + 1)]
#[case(10_000)]
fn a_record_is_bounded_and_the_order_of_spans_does_not_matter(#[case] many: usize) {
    let spans: Vec<_> = (0..many)
        .map(|i| span(&format!("s{i}"), 0, 0, (i as i64 * 7_919) % 101))
        .collect();
    let mut backwards = spans.clone();
    backwards.reverse();
    let facts = facts();
    let one = facade()
        .complete_trace(&facts.borrow(), &spans)
        .record
        .unwrap();
    let other = facade().complete_trace(&facts.borrow(), &backwards).record;
    assert_eq!(one.slowest.len(), many.min(SLOWEST));
    assert_eq!(one.spans as usize, 1 + 2 * many);
    assert!(serde_json::to_string(&one).unwrap().len() < 2_500);
    assert_eq!(Some(one), other);
}

#[test]
fn a_repeated_call_yields_the_same_ack_and_another_epoch_another() {
    let mut facts = facts();
    let first = facade().start_trace(&facts.run.borrow());
    assert_eq!(first, facade().start_trace(&facts.run.borrow()));
    facts.run.epoch = Epoch(1);
    let next = facade().start_trace(&facts.run.borrow());
    assert_ne!(first.ack.id(), next.ack.id());
    let (first, next) = (first.record.unwrap(), next.record.unwrap());
    assert_eq!(first.trace_id, next.trace_id);
    assert_ne!(first.root_span_id, next.root_span_id);
}

#[test]
fn recording_a_step_changes_nothing() {
    let facts = facts();
    let live = span("a", 0, 0, 1);
    assert_eq!(facade().record_step(&facts.run.borrow(), &live), Ok(()));
}

#[test]
fn a_record_can_be_read_back() {
    let spans = [span("a", 0, 0, 10)];
    let record = facade()
        .complete_trace(&facts().borrow(), &spans)
        .record
        .unwrap();
    let json = serde_json::to_string(&record).unwrap();
    assert!(!json.contains("null"), "{json}");
    assert_eq!(serde_json::from_str::<TraceRecord>(&json).unwrap(), record);
}
