//! Incidents: every run has one, a successful one too (severity none, closed).

use crate::answer::{Answer, EngineError, FacadeError, Record, answer, call, plain};
use crate::facts::{DutyKey, OutcomeFacts, RunFacts};
use rok_rac::Duty;
use rok_vocabulary::{
    Actor, Domain, Epoch, ErrorClass, Outcome, PlanId, RunId, Severity, StepId, Timestamp,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What kind of trouble it is; whom it concerns.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IncidentCategory {
    /// None: the run succeeded.
    None,
    /// Transport, resources, time limits, workers.
    Infrastructure,
    /// What the run was given.
    Input,
    /// What the run made: validation and hard gates.
    Quality,
    /// The plan or the environment.
    Configuration,
    /// A budget.
    Budget,
    /// Policies, authorization, the audit contract.
    Governance,
    /// A person's decision.
    Operator,
    /// rok itself, or unknown.
    Platform,
}

/// What has been done about it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "UPPERCASE")]
pub enum IncidentStatus {
    /// Nothing yet.
    Open,
    /// Somebody looks into it.
    Acknowledged,
    /// Somebody says that it is over.
    Resolved,
    /// Nothing needed doing.
    Closed,
}

impl IncidentStatus {
    /// Every status, in the order that an incident takes them.
    pub const ALL: &'static [Self] =
        &[Self::Open, Self::Acknowledged, Self::Resolved, Self::Closed];

    /// The status's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "OPEN",
            Self::Acknowledged => "ACKNOWLEDGED",
            Self::Resolved => "RESOLVED",
            Self::Closed => "CLOSED",
        }
    }

    /// Whether somebody may lead an incident from here to there.
    #[must_use]
    pub const fn leads_to(self, to: Self) -> bool {
        matches!(
            (self, to),
            (Self::Open, Self::Acknowledged | Self::Resolved)
                | (Self::Acknowledged, Self::Resolved)
        )
    }
}

impl fmt::Display for IncidentStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// An incident's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Incident {
    /// From the duty key: a repeated call yields the same.
    pub id: String,
    /// The run.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its plan.
    pub plan: PlanId,
    /// How execution ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// How bad it is, by error class.
    pub severity: Severity,
    /// Whom it concerns.
    pub category: IncidentCategory,
    /// What has been done about it.
    pub status: IncidentStatus,
    /// Why the run did not succeed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// The first step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The same plan, step and class.
    pub dedup_key: String,
    /// Which occurrence this is, 1-based; in a list, how many there were.
    pub count: u32,
    /// The incident that this is a further occurrence of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurrence_of: Option<String>,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When its status last changed, or it last occurred.
    pub updated_at: Timestamp,
    /// Who acknowledged or resolved it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handled_by: Option<Actor>,
    /// Their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What somebody did about an incident.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Handling {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Actor,
    /// What it led to.
    pub to: IncidentStatus,
    /// Why, in their words.
    pub reason: String,
}

/// A further run that an incident happened in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Occurrence {
    /// The id of its own record.
    pub id: String,
    /// The run.
    pub run_id: RunId,
    /// When.
    pub at: Timestamp,
}

/// An incident and all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IncidentHistory {
    /// The incident as it stands.
    #[serde(flatten)]
    pub incident: Incident,
    /// Where it happened again, the oldest first.
    pub occurrences: Vec<Occurrence>,
    /// What was done about it, the oldest first.
    pub handled: Vec<Handling>,
}

impl Record for Incident {
    fn id(&self) -> &str {
        &self.id
    }
    fn run_id(&self) -> &RunId {
        &self.run_id
    }
}

/// An incident that is no run's outcome: drift, or what a person reports.
#[derive(Debug, Clone, Copy)]
pub struct IncidentReport<'a> {
    /// The run.
    pub run: RunFacts<'a>,
    /// How bad it is.
    pub severity: Severity,
    /// Whom it concerns.
    pub category: IncidentCategory,
    /// The step that it is about.
    pub step: Option<&'a StepId>,
    /// For people.
    pub reason: &'a str,
}

/// Which incidents are listed; an absent part matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IncidentFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this plan.
    pub plan: Option<PlanId>,
    /// In this status.
    pub status: Option<IncidentStatus>,
    /// At least as bad as this.
    pub at_least: Option<Severity>,
}

impl IncidentFilter {
    /// Whether an incident is asked for.
    #[must_use]
    pub fn matches(&self, incident: &Incident) -> bool {
        self.run.as_ref().is_none_or(|run| *run == incident.run_id)
            && self.plan.as_ref().is_none_or(|plan| *plan == incident.plan)
            && self.status.is_none_or(|status| status == incident.status)
            && self.at_least.is_none_or(|least| least <= incident.severity)
    }
}

/// What stands behind the incident facade. Plain results, never an ack.
///
/// An implementation derives a record's id from the key it is given, and
/// answers the same key with the same record.
pub trait IncidentEngine: Send + Sync {
    /// Records how a run ended.
    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError>;

    /// Opens an incident that is no run's outcome.
    fn open(&self, key: &DutyKey<'_>, report: &IncidentReport<'_>)
    -> Result<Incident, EngineError>;

    /// Records what somebody did about one: OPEN → ACKNOWLEDGED, or either of
    /// them → RESOLVED.
    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError>;

    /// Incidents that somebody may have to handle, the newest first; a further
    /// occurrence is counted in the first and not listed. Those of severity
    /// none are in the store alone.
    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError>;

    /// One of them, and all that is known of it.
    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError>;

    /// Whether the record of this outcome comes of these facts alone, and
    /// nothing else is left of having asked: then it may be asked for before it
    /// is durable that it was. An engine that does not say so is asked
    /// afterwards.
    fn is_pure(&self, _facts: &OutcomeFacts<'_>) -> bool {
        false
    }
}

/// The door to the incident domain.
#[derive(Clone)]
pub struct IncidentFacade {
    engine: Arc<dyn IncidentEngine>,
}

impl IncidentFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn IncidentEngine>) -> Self {
        Self { engine }
    }

    /// Answers `incidents/create_incident`.
    pub fn record_run_outcome(&self, facts: &OutcomeFacts<'_>) -> Answer<Incident> {
        let key = DutyKey::new(&facts.run, Duty::CREATE_INCIDENT);
        answer(&facts.run, key.duty.clone(), || {
            self.engine.record_run_outcome(&key, facts)
        })
    }

    /// Whether nothing is left of having asked for the record of this outcome
    /// but the answer.
    #[must_use]
    pub fn is_pure(&self, facts: &OutcomeFacts<'_>) -> bool {
        call(|| Ok(self.engine.is_pure(facts))).unwrap_or_default()
    }

    /// Answers `incidents/create_incident/drift`: acks that nobody expected,
    /// where the profile goes on in spite of them.
    pub fn open_drift_incident(&self, facts: &OutcomeFacts<'_>) -> Answer<Incident> {
        let duty = Duty::CREATE_INCIDENT
            .keyed("drift")
            .expect("`drift` is a fit key");
        let key = DutyKey::new(&facts.run, duty);
        let drift = facts.reconciliation.map_or(&[][..], |r| &r.drift);
        let names: Vec<String> = drift.iter().take(10).map(ToString::to_string).collect();
        let reason = format!(
            "{} acks were not expected, or answered a duty twice: {}",
            drift.len(),
            names.join(", ")
        );
        let report = IncidentReport {
            run: facts.run,
            severity: Severity::Medium,
            category: IncidentCategory::Governance,
            step: None,
            reason: &reason,
        };
        answer(&facts.run, key.duty.clone(), || {
            self.engine.open(&key, &report)
        })
    }

    /// Answers `incidents/review_override/GATE`: an override is in use, and
    /// stays an open incident until somebody has looked into it. `why` says who
    /// overrode the gate, and their reason.
    pub fn open_override_review(
        &self,
        run: &RunFacts<'_>,
        gate: &StepId,
        why: &str,
    ) -> Answer<Incident> {
        let duty = Duty::new(Domain::Incidents, "review_override", Some(gate.as_str()))
            .expect("a step id is a fit key");
        let key = DutyKey::new(run, duty);
        let report = IncidentReport {
            run: *run,
            severity: Severity::High,
            category: IncidentCategory::Governance,
            step: Some(gate),
            reason: why,
        };
        answer(run, key.duty.clone(), || self.engine.open(&key, &report))
    }

    /// Opens an incident that a person reports; `key` (1 to 256 characters)
    /// tells several of one run apart, and repeats a call safely. No duty is
    /// answered, so there is no ack.
    pub fn open(&self, key: &str, report: &IncidentReport<'_>) -> Result<Incident, FacadeError> {
        plain(Domain::Incidents, "open an incident", || {
            let duty = Duty::new(Domain::Incidents, "open", Some(key))
                .map_err(|error| EngineError::invalid(error.to_string()))?;
            self.engine.open(&DutyKey::new(&report.run, duty), report)
        })
    }

    /// OPEN → ACKNOWLEDGED.
    pub fn acknowledge(
        &self,
        id: &str,
        by: &Actor,
        note: &str,
        at: Timestamp,
    ) -> Result<Incident, FacadeError> {
        self.handle(id, IncidentStatus::Acknowledged, (by, note, at))
    }

    /// OPEN or ACKNOWLEDGED → RESOLVED.
    pub fn resolve(
        &self,
        id: &str,
        by: &Actor,
        note: &str,
        at: Timestamp,
    ) -> Result<Incident, FacadeError> {
        self.handle(id, IncidentStatus::Resolved, (by, note, at))
    }

    fn handle(
        &self,
        id: &str,
        to: IncidentStatus,
        (by, note, at): (&Actor, &str, Timestamp),
    ) -> Result<Incident, FacadeError> {
        let handling = Handling {
            at,
            by: by.clone(),
            to,
            reason: note.to_owned(),
        };
        plain(Domain::Incidents, "handle the incident", || {
            self.engine.handle(id, &handling)
        })
    }

    /// Incidents that somebody may have to handle, the newest first.
    pub fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, FacadeError> {
        plain(Domain::Incidents, "list incidents", || {
            self.engine.list(filter)
        })
    }

    /// An incident, and all that is known of it.
    pub fn history(&self, id: &str) -> Result<IncidentHistory, FacadeError> {
        plain(Domain::Incidents, "show the incident", || {
            self.engine.history(id)
        })
    }
}
