//! What must hold of `bounded`, case by case.

use super::*;
use crate::testing::{Fault, Latch, TestEngine};
use crate::{GovernanceFacade, IncidentFacade, TraceFacade};
use rok_vocabulary::{AckErrorKind, AckStatus, Outcome, Timestamp};

const LONG: Duration = Duration::from_secs(60);
const TINY: Duration = Duration::from_millis(1);

fn facts() -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(1_000);
    let run = OwnedRunFacts::new("run_abc".parse().unwrap(), "demo".parse().unwrap(), at);
    OwnedOutcomeFacts::new(run, Outcome::Failed)
}

#[test]
fn an_engine_that_answers_is_heard_through_the_bound() {
    let engine = Arc::new(TestEngine::ok());
    let bounded = || Arc::new(Bounded::new(Arc::clone(&engine), LONG).unwrap());
    let facts = facts();
    let incidents = IncidentFacade::new(bounded());
    let governance = GovernanceFacade::new(bounded());
    let traces = TraceFacade::new(bounded());
    let opened = incidents
        .record_run_outcome(&facts.borrow())
        .record
        .unwrap();
    let by = Actor::User("ada".into());
    let at = Timestamp::from_millis(2_000);
    assert_eq!(
        incidents
            .acknowledge(&opened.id, &by, "seen", at)
            .unwrap()
            .handled_by,
        Some(by.clone())
    );
    assert_eq!(
        incidents
            .resolve(&opened.id, &by, "done", at)
            .unwrap()
            .updated_at,
        at
    );
    assert_eq!(incidents.list(&IncidentFilter::default()).unwrap().len(), 1);
    assert!(governance.authorize_run(&facts.run.borrow()).granted);
    let request = ActionRequest {
        actor: &by,
        roles: &[],
        action: GovernedAction::Cancel,
        run: facts.run.borrow(),
        step: None,
        reason: None,
        gate: None,
        hold: None,
        budget_use: None,
    };
    assert!(governance.authorize_action(&request).granted);
    assert!(
        governance
            .evaluate_policy(&facts.borrow())
            .record
            .unwrap()
            .allowed
    );
    assert!(governance.lessons(&facts.borrow()).unwrap().is_empty());
    assert!(governance.overview().unwrap().is_default);
    let started = traces.start_trace(&facts.run.borrow());
    let completed = traces.complete_trace(&facts.borrow(), &[]);
    assert_eq!(started.ack.status(), AckStatus::Success);
    assert_eq!(
        completed.record.unwrap().trace_id,
        started.record.unwrap().trace_id
    );
}

#[test]
fn an_engine_that_hangs_is_unavailable() {
    let latch = Latch::shut();
    let engine = Arc::new(TestEngine::faulty(Fault::Slow(Arc::clone(&latch))));
    let facade = TraceFacade::new(Arc::new(Bounded::new(engine, TINY).unwrap()));
    let facts = facts();
    for _ in 0..3 {
        let ack = facade.start_trace(&facts.run.borrow()).ack;
        assert_eq!(ack.error_kind(), Some(AckErrorKind::Unavailable));
        assert_eq!(ack.error(), Some("no answer within 1 ms"));
    }
    latch.open();
}

#[test]
fn what_was_given_up_before_it_began_is_not_begun() {
    let latch = Latch::shut();
    let engine = Arc::new(TestEngine::ok());
    let bounded: Arc<Bounded<TestEngine>> =
        Arc::new(Bounded::new(Arc::clone(&engine), TINY).unwrap());
    // The worker is at work on something else, for certain.
    let (begun, at_work) = mpsc::sync_channel(1);
    let shut = Arc::clone(&latch);
    let other: Job<TestEngine> = Box::new(move |_| {
        begun.send(()).unwrap();
        shut.wait();
    });
    bounded.jobs.send(other).unwrap();
    at_work.recv().unwrap();
    let facts = facts();
    let traces = TraceFacade::new(bounded.clone());
    assert!(traces.complete_trace(&facts.borrow(), &[]).record.is_none());
    latch.open();
    // The worker has taken what was queued before once it takes this.
    let (done, seen) = mpsc::sync_channel(1);
    bounded
        .jobs
        .send(Box::new(move |_| done.send(()).unwrap()))
        .unwrap();
    seen.recv().unwrap();
    assert!(engine.calls().is_empty(), "{:?}", engine.calls());
}

#[test]
fn a_full_queue_is_answered_at_once() {
    let latch = Latch::shut();
    let engine = Arc::new(TestEngine::faulty(Fault::Slow(Arc::clone(&latch))));
    let bounded = Bounded::new(engine, LONG).unwrap();
    let shut = Arc::clone(&latch);
    bounded.jobs.send(Box::new(move |_| shut.wait())).unwrap();
    while bounded.jobs.try_send(Box::new(|_| {})).is_ok() {}
    let error = bounded.list(&IncidentFilter::default()).unwrap_err();
    assert_eq!(error.kind(), AckErrorKind::Unavailable);
    latch.open();
}

#[test]
fn a_panic_does_not_end_the_worker() {
    let engine = Arc::new(TestEngine::faulty(Fault::Panic).times(1));
    let facade = TraceFacade::new(Arc::new(Bounded::new(engine, LONG).unwrap()));
    let facts = facts();
    let first = facade.start_trace(&facts.run.borrow()).ack;
    assert_eq!(first.error_kind(), Some(AckErrorKind::Refused));
    let second = facade.start_trace(&facts.run.borrow()).ack;
    assert_eq!(second.status(), AckStatus::Success);
}
