//! The log for viewers: a type that this version does not know is shown
//! verbatim.

use crate::fault;
use crate::home::Home;
use rok_events::{Body, Event};
use rok_facades::runs::{EventLine, EventQuery, RunsError, StopSignal};
use rok_log::StoreError;
use rok_store_jsonl::Woken;
use rok_vocabulary::{RunId, Seq};
use std::collections::VecDeque;
use std::sync::Arc;

/// So many lines are read at a time.
const PART: usize = 4096;

/// A line of a log as a viewer sees it; one that is no event says so in its
/// type.
#[must_use]
pub fn line_of(line: &[u8]) -> EventLine {
    EventLine::of_line(line)
}

/// An event that has just become durable here; its line is in the log.
pub(crate) fn live_line(event: &Event) -> EventLine {
    let (new_state, class, reason) = match &event.body {
        Body::RunStateChanged(change) => (Some(change.to), change.class, change.reason.as_ref()),
        Body::RunHeld { reason, .. }
        | Body::RunReleased { reason, .. }
        | Body::RunResumed { reason, .. }
        | Body::RunCancelRequested { reason, .. }
        | Body::GateApproved { reason, .. }
        | Body::GateRejected { reason, .. }
        | Body::PolicyEvaluated { reason, .. }
        | Body::PolicyViolated { reason, .. } => (None, None, reason.as_ref()),
        Body::RunCompleted { class, reason, .. } => (None, *class, reason.as_ref()),
        Body::RunStopping { class, reason, .. }
        | Body::StepFailed { class, reason, .. }
        | Body::GateFailed { class, reason, .. } => (None, Some(*class), Some(reason)),
        Body::StepSkipped { reason, .. }
        | Body::OverrideApproved { reason, .. }
        | Body::RunOverrideApplied { reason, .. } => (None, None, Some(reason)),
        _ => (None, None, None),
    };
    EventLine {
        seq: event.seq,
        event_type: event.body.event_type().as_str().into(),
        at: event.at,
        epoch: event.epoch,
        step: event.body.step().map(ToString::to_string),
        attempt: event.body.attempt().0,
        actor: event.actor.to_string(),
        new_state: new_state.map(|phase| phase.as_str().into()),
        error_class: class.map(|class| class.as_str().into()),
        reason: reason.cloned(),
        line: Arc::from(""),
    }
}

/// Events that match, read in parts: where so many are asked for, no more of the
/// log is read than holds them.
pub(crate) fn events(
    store: &Home,
    run: &RunId,
    query: &EventQuery,
) -> Result<Vec<EventLine>, RunsError> {
    let failed = |error: StoreError| fault::store(&error);
    let every = query.types.is_empty() && query.steps.is_empty();
    let mut next = query.from.unwrap_or(Seq::FIRST);
    if let (Some(tail), true) = (query.tail, every) {
        let due = store.next_seq(run).map_err(failed)?;
        next = next.max(Seq(due.0.saturating_sub(tail as u64)));
    }
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut found = VecDeque::new();
    loop {
        let is_enough = query.tail.is_none() && found.len() >= limit;
        if is_enough {
            break;
        }
        let left = if every && query.tail.is_none() {
            limit - found.len()
        } else {
            PART
        };
        let ask = left.min(PART);
        let part = store.read_page(run, next, ask).map_err(failed)?;
        let mut read = 0;
        for event in part.lines().map(line_of) {
            read += 1;
            if query.fits(&event) {
                found.push_back(event);
            }
            if query.tail.is_some_and(|tail| found.len() > tail) {
                found.pop_front();
            }
        }
        next = Seq(next.0 + read as u64);
        if read < ask {
            break;
        }
    }
    found.truncate(limit);
    Ok(found.into())
}

/// Follows the log from its tail until the run is sealed. Woken by changes of
/// the file, never by polling.
pub(crate) fn follow(
    store: &Home,
    run: &RunId,
    query: &EventQuery,
    stop: &StopSignal,
    each: &mut dyn FnMut(&EventLine) -> bool,
) -> Result<(), RunsError> {
    let watch = store.watch_log(run).map_err(|error| fault::store(&error))?;
    let stopper = watch.stopper();
    stop.on_stop(move || stopper.stop());
    let mut next = Seq::FIRST;
    let mut tail = query.tail;
    loop {
        let log = store
            .read_from(run, next)
            .map_err(|error| fault::store(&error))?;
        let lines: Vec<EventLine> = log.lines().map(line_of).collect();
        next = Seq(next.0 + lines.len() as u64);
        let sealed = lines.last().map(|line| line.event_type == "run.sealed");
        let mut shown: Vec<&EventLine> = lines.iter().filter(|event| query.fits(event)).collect();
        if let Some(tail) = tail.take() {
            shown.drain(..shown.len().saturating_sub(tail));
        }
        for event in shown {
            if !each(event) {
                return Ok(());
            }
        }
        if sealed == Some(true) || stop.is_stopped() {
            return Ok(());
        }
        if watch.wait(None).map_err(|error| fault::store(&error))? == Woken::Stopped {
            return Ok(());
        }
    }
}
