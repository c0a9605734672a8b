//! A time limit around an engine that may block: the inner engine works on a
//! thread of its own, and a call that is not answered in time is answered
//! *unavailable*. In-process engines need none of this.

use crate::answer::EngineError;
use crate::facts::{DutyKey, OutcomeFacts, RunFacts};
use crate::governance::{
    ActionRequest, Authorization, GovernanceEngine, GovernedAction, PolicyOverview, PolicyVerdict,
};
use crate::incidents::{
    Handling, Incident, IncidentEngine, IncidentFilter, IncidentHistory, IncidentReport,
};
use crate::lessons::Lesson;
use crate::owned::{OwnedOutcomeFacts, OwnedRunFacts};
use crate::traces::{StepSpan, TraceEngine, TraceRecord};
use core::time::Duration;
use rok_rac::Duty;
use rok_vocabulary::{Actor, Epoch, RunId, StepId};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};

/// Calls that may wait for the worker; more are answered at once. Callers wait
/// too, so there are hardly ever more than there are runner threads.
const QUEUE: usize = 64;

type Job<E> = Box<dyn FnOnce(&E) + Send>;

/// An engine whose every call is answered within a limit.
///
/// A call that was given up may still be performed later, its result is then
/// dropped; the duty key makes its repetition harmless. One that had not begun
/// is not begun any more.
pub struct Bounded<E: ?Sized> {
    limit: Duration,
    jobs: SyncSender<Job<E>>,
}

impl<E: ?Sized + Send + Sync + 'static> Bounded<E> {
    /// Runs `engine` on a new thread, which ends when this value is dropped and
    /// the call under way has returned.
    pub fn new(engine: Arc<E>, limit: Duration) -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::sync_channel::<Job<E>>(QUEUE);
        std::thread::Builder::new()
            .name("rok-engine".to_owned())
            .spawn(move || {
                for job in queue {
                    job(&engine);
                }
            })?;
        Ok(Self { limit, jobs })
    }

    fn call<R: Send + 'static>(
        &self,
        work: impl FnOnce(&E) -> Result<R, EngineError> + Send + 'static,
    ) -> Result<R, EngineError> {
        let (reply, result) = mpsc::sync_channel(1);
        let given_up = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&given_up);
        let job: Job<E> = Box::new(move |engine| {
            if seen.load(Ordering::Acquire) {
                return;
            }
            let done = catch_unwind(AssertUnwindSafe(|| work(engine)))
                .unwrap_or_else(|_| Err(EngineError::panicked()));
            // Fails when the caller has given up: nobody wants the result.
            let _ = reply.send(done);
        });
        match self.jobs.try_send(job) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Err(EngineError::unavailable(format!(
                    "{QUEUE} calls wait for the engine already"
                )));
            }
            Err(TrySendError::Disconnected(_)) => {
                return Err(EngineError::unavailable("the engine's thread is gone"));
            }
        }
        result.recv_timeout(self.limit).unwrap_or_else(|_| {
            given_up.store(true, Ordering::Release);
            Err(EngineError::unavailable(format!(
                "no answer within {} ms",
                self.limit.as_millis()
            )))
        })
    }
}

/// [`DutyKey`], owned.
struct OwnedKey {
    run: RunId,
    epoch: Epoch,
    duty: Duty,
}

impl OwnedKey {
    fn borrow(&self) -> DutyKey<'_> {
        DutyKey {
            run: &self.run,
            epoch: self.epoch,
            duty: self.duty.clone(),
        }
    }
}

impl From<&DutyKey<'_>> for OwnedKey {
    fn from(key: &DutyKey<'_>) -> Self {
        Self {
            run: key.run.clone(),
            epoch: key.epoch,
            duty: key.duty.clone(),
        }
    }
}

impl<E: IncidentEngine + ?Sized + 'static> IncidentEngine for Bounded<E> {
    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError> {
        let (key, facts) = (OwnedKey::from(key), OwnedOutcomeFacts::from(facts));
        self.call(move |engine| engine.record_run_outcome(&key.borrow(), &facts.borrow()))
    }

    fn open(
        &self,
        key: &DutyKey<'_>,
        report: &IncidentReport<'_>,
    ) -> Result<Incident, EngineError> {
        let (key, run) = (OwnedKey::from(key), OwnedRunFacts::from(&report.run));
        let (severity, category) = (report.severity, report.category);
        let (step, reason) = (report.step.cloned(), report.reason.to_owned());
        self.call(move |engine| {
            let report = IncidentReport {
                run: run.borrow(),
                severity,
                category,
                step: step.as_ref(),
                reason: &reason,
            };
            engine.open(&key.borrow(), &report)
        })
    }

    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        let (id, handling) = (id.to_owned(), handling.clone());
        self.call(move |engine| engine.handle(&id, &handling))
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        let filter = filter.clone();
        self.call(move |engine| engine.list(&filter))
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        let id = id.to_owned();
        self.call(move |engine| engine.history(&id))
    }
}

struct OwnedRequest {
    actor: Actor,
    roles: Vec<String>,
    action: GovernedAction,
    run: OwnedRunFacts,
    step: Option<StepId>,
    reason: Option<String>,
    gate: Option<crate::GateFacts>,
    hold: Option<rok_vocabulary::HoldReason>,
    budget_use: Option<f64>,
}

impl<E: GovernanceEngine + ?Sized + 'static> GovernanceEngine for Bounded<E> {
    fn authorize_run(&self, facts: &RunFacts<'_>) -> Result<Authorization, EngineError> {
        let facts = OwnedRunFacts::from(facts);
        self.call(move |engine| engine.authorize_run(&facts.borrow()))
    }

    fn authorize_action(&self, request: &ActionRequest<'_>) -> Result<Authorization, EngineError> {
        let owned = OwnedRequest {
            actor: request.actor.clone(),
            roles: request.roles.to_vec(),
            action: request.action,
            run: (&request.run).into(),
            step: request.step.cloned(),
            reason: request.reason.map(str::to_owned),
            gate: request.gate,
            hold: request.hold,
            budget_use: request.budget_use,
        };
        self.call(move |engine| {
            engine.authorize_action(&ActionRequest {
                actor: &owned.actor,
                roles: &owned.roles,
                action: owned.action,
                run: owned.run.borrow(),
                step: owned.step.as_ref(),
                reason: owned.reason.as_deref(),
                gate: owned.gate,
                hold: owned.hold,
                budget_use: owned.budget_use,
            })
        })
    }

    fn evaluate_policy(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<PolicyVerdict, EngineError> {
        let (key, facts) = (OwnedKey::from(key), OwnedOutcomeFacts::from(facts));
        self.call(move |engine| engine.evaluate_policy(&key.borrow(), &facts.borrow()))
    }

    fn lessons(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, EngineError> {
        let facts = OwnedOutcomeFacts::from(facts);
        self.call(move |engine| engine.lessons(&facts.borrow()))
    }

    fn overview(&self) -> Result<PolicyOverview, EngineError> {
        self.call(E::overview)
    }
}

impl<E: TraceEngine + ?Sized + 'static> TraceEngine for Bounded<E> {
    fn start_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &RunFacts<'_>,
    ) -> Result<TraceRecord, EngineError> {
        let (key, facts) = (OwnedKey::from(key), OwnedRunFacts::from(facts));
        self.call(move |engine| engine.start_trace(&key.borrow(), &facts.borrow()))
    }

    fn record_step(&self, facts: &RunFacts<'_>, span: &StepSpan) -> Result<(), EngineError> {
        let (facts, span) = (OwnedRunFacts::from(facts), span.clone());
        self.call(move |engine| engine.record_step(&facts.borrow(), &span))
    }

    fn complete_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
        spans: &[StepSpan],
    ) -> Result<TraceRecord, EngineError> {
        let (key, facts) = (OwnedKey::from(key), OwnedOutcomeFacts::from(facts));
        let spans = spans.to_vec();
        self.call(move |engine| engine.complete_trace(&key.borrow(), &facts.borrow(), &spans))
    }
}

#[cfg(test)]
mod tests;
