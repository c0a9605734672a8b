//! The test engine: all three engine traits, with a fault to order.

use crate::answer::EngineError;
use crate::facts::{DutyKey, OutcomeFacts, RunFacts};
use crate::governance::{
    ActionRequest, Authorization, GovernanceEngine, PolicyOverview, PolicyVerdict,
};
use crate::incidents::{
    Handling, Incident, IncidentCategory, IncidentEngine, IncidentFilter, IncidentHistory,
    IncidentReport, IncidentStatus,
};
use crate::lessons::Lesson;
use crate::together::Facades;
use crate::traces::{StepSpan, TraceEngine, TraceRecord};
use rok_trace_ids::{SpanId, TraceId};
use rok_vocabulary::{Actor, Outcome, Severity, Timestamp};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// A door that stays shut until somebody opens it.
#[derive(Debug, Default)]
pub struct Latch {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Latch {
    /// A shut one.
    #[must_use]
    pub fn shut() -> Arc<Self> {
        Arc::default()
    }

    /// Lets all who wait pass, and all who come later.
    pub fn open(&self) {
        *lock(&self.open) = true;
        self.opened.notify_all();
    }

    /// Waits until it is open.
    pub fn wait(&self) {
        let guard = lock(&self.open);
        drop(self.opened.wait_while(guard, |open| !*open));
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Answers *unavailable*.
    Unavailable,
    /// Answers *refused*.
    Refuse,
    /// Answers *invalid*.
    Invalid,
    /// Panics.
    Panic,
    /// Answers once the latch is open.
    Slow(Arc<Latch>),
    /// Makes another record for every call: a second ack of one duty is drift.
    Duplicate,
    /// Makes a record without an id.
    NoId,
    /// Makes a record of another run.
    WrongRun,
    /// Denies, and forbids the outcome.
    Deny,
}

/// An engine of every domain, in memory.
#[derive(Debug, Default)]
pub struct TestEngine {
    fault: Option<Fault>,
    only: Option<&'static str>,
    pure: bool,
    times: Mutex<Option<u32>>,
    calls: Mutex<Vec<String>>,
    incidents: Mutex<Vec<Incident>>,
}

impl TestEngine {
    /// One that does everything right.
    #[must_use]
    pub fn ok() -> Self {
        Self::default()
    }

    /// One that does everything wrong, in one way.
    #[must_use]
    pub fn faulty(fault: Fault) -> Self {
        Self {
            fault: Some(fault),
            ..Self::default()
        }
    }

    /// Fails in this operation alone, such as `complete_trace`.
    #[must_use]
    pub fn only(mut self, operation: &'static str) -> Self {
        self.only = Some(operation);
        self
    }

    /// Says of itself that nothing is left of asking it.
    #[must_use]
    pub fn pure(mut self) -> Self {
        self.pure = true;
        self
    }

    /// Fails so many times, then recovers.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        *lock(&self.times) = Some(times);
        self
    }

    /// The calls so far, `operation` and then the run's or incident's id.
    pub fn calls(&self) -> Vec<String> {
        lock(&self.calls).clone()
    }

    /// Notes a call; the fault that is left for the record, if any.
    fn enter(&self, operation: &str, of: &str) -> Result<Option<&Fault>, EngineError> {
        lock(&self.calls).push(format!("{operation} {of}"));
        let Some(fault) = self.due(operation) else {
            return Ok(None);
        };
        match fault {
            Fault::Unavailable => Err(EngineError::unavailable("told to be unavailable")),
            Fault::Refuse => Err(EngineError::refused("told to refuse")),
            Fault::Invalid => Err(EngineError::invalid("told to find it invalid")),
            Fault::Panic => panic!("told to panic"),
            Fault::Slow(latch) => {
                latch.wait();
                Ok(None)
            }
            Fault::Duplicate | Fault::NoId | Fault::WrongRun | Fault::Deny => Ok(Some(fault)),
        }
    }

    fn due(&self, operation: &str) -> Option<&Fault> {
        if self.only.is_some_and(|only| only != operation) {
            return None;
        }
        match &mut *lock(&self.times) {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        self.fault.as_ref()
    }

    fn id(&self, key: &DutyKey<'_>, prefix: &str, fault: Option<&Fault>) -> String {
        let id = key.record_id(prefix);
        match fault {
            Some(Fault::Duplicate) => format!("{id}-{}", lock(&self.calls).len()),
            Some(Fault::NoId) => String::new(),
            _ => id,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn run_of(run: &RunFacts<'_>, fault: Option<&Fault>) -> rok_vocabulary::RunId {
    match fault {
        Some(Fault::WrongRun) => "another-run".parse().expect("the word is a fit run id"),
        _ => run.run.clone(),
    }
}

/// Facades over engines that do everything right.
#[must_use]
pub fn facades() -> Facades {
    facades_over(&Arc::new(TestEngine::ok()))
}

/// Facades that all stand on one engine, whose [`TestEngine::calls`] tell the
/// order of all calls.
#[must_use]
pub fn facades_over(engine: &Arc<TestEngine>) -> Facades {
    let engine = || Arc::clone(engine);
    Facades::new(engine(), engine(), engine())
}

impl IncidentEngine for TestEngine {
    fn is_pure(&self, _: &OutcomeFacts<'_>) -> bool {
        self.pure
    }

    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError> {
        let fault = self.enter("record_run_outcome", facts.run.run.as_str())?;
        let ok = facts.outcome == Outcome::Succeeded;
        let report = IncidentReport {
            run: facts.run,
            severity: if ok { Severity::None } else { Severity::Medium },
            category: if ok {
                IncidentCategory::None
            } else {
                IncidentCategory::Platform
            },
            step: facts.step,
            reason: facts.reason.unwrap_or_default(),
        };
        Ok(self.keep(Incident {
            outcome: Some(facts.outcome),
            error_class: facts.error_class,
            ..incident(self.id(key, "inc", fault), &report, fault)
        }))
    }

    fn open(
        &self,
        key: &DutyKey<'_>,
        report: &IncidentReport<'_>,
    ) -> Result<Incident, EngineError> {
        let fault = self.enter("open", report.run.run.as_str())?;
        Ok(self.keep(incident(self.id(key, "inc", fault), report, fault)))
    }

    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        self.enter("handle", id)?;
        self.change(id, handling.to, &handling.by, handling.at)
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        self.enter("list", "")?;
        let all = lock(&self.incidents);
        Ok(all
            .iter()
            .rev()
            .filter(|i| filter.matches(i))
            .cloned()
            .collect())
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        self.enter("history", id)?;
        let all = lock(&self.incidents);
        let found = all.iter().find(|incident| incident.id == id);
        let incident = found.cloned();
        Ok(IncidentHistory {
            incident: incident
                .ok_or_else(|| EngineError::invalid(format!("there is no incident {id}")))?,
            occurrences: Vec::new(),
            handled: Vec::new(),
        })
    }
}

impl TestEngine {
    fn keep(&self, incident: Incident) -> Incident {
        let mut all = lock(&self.incidents);
        if !all.iter().any(|known| known.id == incident.id) {
            all.push(incident.clone());
        }
        incident
    }

    fn change(
        &self,
        id: &str,
        status: IncidentStatus,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Incident, EngineError> {
        let mut all = lock(&self.incidents);
        let incident = all
            .iter_mut()
            .find(|incident| incident.id == id)
            .ok_or_else(|| EngineError::invalid(format!("there is no incident {id}")))?;
        incident.status = status;
        incident.handled_by = Some(by.clone());
        incident.updated_at = at;
        Ok(incident.clone())
    }
}

fn incident(id: String, report: &IncidentReport<'_>, fault: Option<&Fault>) -> Incident {
    Incident {
        id,
        run_id: run_of(&report.run, fault),
        epoch: report.run.epoch,
        plan: report.run.plan.clone(),
        outcome: None,
        severity: report.severity,
        category: report.category,
        status: if report.severity == Severity::None {
            IncidentStatus::Closed
        } else {
            IncidentStatus::Open
        },
        error_class: None,
        step: report.step.cloned(),
        reason: (!report.reason.is_empty()).then(|| report.reason.to_owned()),
        dedup_key: report.run.plan.to_string(),
        count: 1,
        occurrence_of: None,
        created_at: report.run.now,
        updated_at: report.run.now,
        handled_by: None,
        note: None,
    }
}

impl GovernanceEngine for TestEngine {
    fn is_pure(&self, _: &OutcomeFacts<'_>) -> bool {
        self.pure
    }

    fn authorize_run(&self, facts: &RunFacts<'_>) -> Result<Authorization, EngineError> {
        let fault = self.enter("authorize_run", facts.run.as_str())?;
        Ok(authorization(fault))
    }

    fn authorize_action(&self, request: &ActionRequest<'_>) -> Result<Authorization, EngineError> {
        let fault = self.enter("authorize_action", request.run.run.as_str())?;
        Ok(authorization(fault))
    }

    fn evaluate_policy(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<PolicyVerdict, EngineError> {
        let fault = self.enter("evaluate_policy", facts.run.run.as_str())?;
        let Authorization {
            granted,
            reason,
            policies,
            ..
        } = authorization(fault);
        Ok(PolicyVerdict {
            id: self.id(key, "pol", fault),
            run_id: run_of(&facts.run, fault),
            allowed: granted,
            enforcement_level: None,
            policies,
            reason,
            violations: Vec::new(),
            errors: Vec::new(),
        })
    }

    fn lessons(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, EngineError> {
        self.enter("lessons", facts.run.run.as_str())?;
        Ok(Vec::new())
    }

    fn overview(&self) -> Result<PolicyOverview, EngineError> {
        self.enter("overview", "")?;
        Ok(PolicyOverview {
            is_default: true,
            policies: Vec::new(),
        })
    }
}

fn authorization(fault: Option<&Fault>) -> Authorization {
    let granted = !matches!(fault, Some(Fault::Deny));
    let word = if granted { "granted" } else { "denied" };
    Authorization {
        granted,
        reason: format!("{word} by the test engine"),
        policies: vec!["test".to_owned()],
        violations: Vec::new(),
        errors: Vec::new(),
    }
}

impl TraceEngine for TestEngine {
    fn is_pure(&self) -> bool {
        self.pure
    }

    fn start_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &RunFacts<'_>,
    ) -> Result<TraceRecord, EngineError> {
        let fault = self.enter("start_trace", facts.run.as_str())?;
        Ok(trace(self.id(key, "trace", fault), facts, fault))
    }

    fn record_step(&self, facts: &RunFacts<'_>, _span: &StepSpan) -> Result<(), EngineError> {
        self.enter("record_step", facts.run.as_str())?;
        Ok(())
    }

    fn complete_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
        spans: &[StepSpan],
    ) -> Result<TraceRecord, EngineError> {
        let fault = self.enter("complete_trace", facts.run.run.as_str())?;
        Ok(TraceRecord {
            ended_at: Some(facts.run.now),
            outcome: Some(facts.outcome),
            spans: 1 + spans.len() as u32,
            ..trace(self.id(key, "trace", fault), &facts.run, fault)
        })
    }
}

fn trace(id: String, facts: &RunFacts<'_>, fault: Option<&Fault>) -> TraceRecord {
    TraceRecord {
        id,
        run_id: run_of(facts, fault),
        epoch: facts.epoch,
        plan: facts.plan.clone(),
        trace_id: TraceId::of(facts.run),
        root_span_id: SpanId::of_run(facts.run, facts.epoch),
        started_at: facts.created_at,
        ended_at: None,
        outcome: None,
        spans: 1,
        counts: None,
        slowest: Vec::new(),
    }
}
