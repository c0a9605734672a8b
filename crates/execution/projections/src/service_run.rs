//! Runs of services (seed 002): their status, and the rows of `kbase_events`.
//! Both come of the log alone, so that they can be made again at any time.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;
use rok_events::{Body, CompletedData, Event, StepEndData};
use rok_plan::{Action, Plan};
use rok_rac::Duty;
use rok_vocabulary::{ErrorClass, Outcome, RunId, RunPhase, StepId, Timestamp};
use serde_json::{Map, Value, json};

/// Who writes the rows that are of the run itself.
const ORCHESTRATOR: &str = "hermes";
/// Where no diagnosis was made, and nobody said why.
const NOT_MADE: &str =
    "no diagnosis was made: governance is switched off, or the run never came to its check";

/// How a service of a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceStatus {
    /// Its turn has not come.
    Pending,
    /// It was called.
    Running,
    /// It answered.
    Completed,
    /// It did not.
    Failed,
    /// Its time, or the run's, was up.
    Timeout,
    /// What it needs did not complete.
    Skipped,
}

impl ServiceStatus {
    /// The seed's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Skipped => "skipped",
        }
    }
}

/// How a run of services stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceRunStatus {
    /// Nothing was called yet.
    Started,
    /// Services are called.
    Running,
    /// It came to its end, whatever some services did.
    Completed,
    /// No service completed, or the run was stopped.
    Failed,
    /// The run's time was up.
    Timeout,
}

impl ServiceRunStatus {
    /// The seed's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
        }
    }
}

/// One service of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceEntry {
    /// Its step.
    pub step: StepId,
    /// Its slug.
    pub service: String,
    /// Whether the plan requires it.
    pub required: bool,
    /// How it stands.
    pub status: ServiceStatus,
    /// How long the call took.
    pub duration_ms: Option<u64>,
    /// Why it did not complete.
    pub error: Option<String>,
    /// What it answered.
    pub payload: Option<Arc<Value>>,
}

/// A row of `kbase_events`.
#[derive(Debug, Clone, PartialEq)]
pub struct KbaseRow {
    /// The event of the log that it came of: `RUN_ID:SEQ`, or a place within.
    pub id: String,
    /// The site.
    pub website_id: String,
    /// The run.
    pub run_id: String,
    /// The service's part of the run.
    pub job_id: Option<String>,
    /// Who says it.
    pub service: String,
    /// `run_status`, `result`, `diagnosis`, …
    pub kind: &'static str,
    /// In a line.
    pub summary: Option<String>,
    /// All of it.
    pub payload: Value,
    /// When.
    pub created_at: Timestamp,
}

impl KbaseRow {
    /// The row as one JSON object, with the names of its columns.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "website_id": self.website_id,
            "run_id": self.run_id,
            "job_id": self.job_id,
            "service": self.service,
            "type": self.kind,
            "summary": self.summary,
            "payload": self.payload,
            "created_at": self.created_at.to_string(),
        })
    }
}

/// A run of services, as its log tells it.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the names are the seed's")]
pub struct ServiceRun {
    pub run: RunId,
    pub plan_id: String,
    pub plan_name: String,
    pub max_duration: Option<Duration>,
    pub website_id: String,
    pub domain: String,
    pub started_at: Option<Timestamp>,
    pub completed_at: Option<Timestamp>,
    pub status: ServiceRunStatus,
    pub services: Vec<ServiceEntry>,
    /// Why the run did not complete.
    pub error: Option<String>,
    /// The row of the diagnosis.
    pub diagnosis_event_id: Option<String>,
    pub diagnosis: Option<Value>,
    pub synthesis_error: Option<String>,
    /// All rows so far.
    pub rows: Vec<KbaseRow>,
}

impl ServiceRun {
    /// A run of this plan before its first event; `None` where the plan calls
    /// no service.
    #[must_use]
    pub fn of(plan: &Plan, run: &RunId) -> Option<Self> {
        let services = plan.steps.iter().filter_map(|step| match &step.action {
            Action::Service { service, .. } => Some(ServiceEntry {
                step: step.id.clone(),
                service: service.clone(),
                required: step.required,
                status: ServiceStatus::Pending,
                duration_ms: None,
                error: None,
                payload: None,
            }),
            _ => None,
        });
        let services: Vec<_> = services.collect();
        if services.is_empty() {
            return None;
        }
        Some(Self {
            run: run.clone(),
            plan_id: plan.id.to_string(),
            plan_name: plan.name.clone().unwrap_or_else(|| plan.id.to_string()),
            max_duration: plan.max_duration,
            website_id: String::new(),
            domain: String::new(),
            started_at: None,
            completed_at: None,
            status: ServiceRunStatus::Started,
            services,
            error: None,
            diagnosis_event_id: None,
            diagnosis: None,
            synthesis_error: None,
            rows: Vec::new(),
        })
    }

    /// How many services stand so.
    #[must_use]
    pub fn count(&self, status: ServiceStatus) -> usize {
        let fits = |entry: &&ServiceEntry| entry.status == status;
        self.services.iter().filter(fits).count()
    }

    /// From the run's start to its end, holds and down times included.
    #[must_use]
    pub fn duration_ms(&self) -> u64 {
        let ends = self.completed_at.zip(self.started_at);
        let duration = ends
            .map(|(end, start)| end.since(start))
            .unwrap_or_default();
        u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
    }

    /// Takes in one event.
    pub fn note(&mut self, event: &Event) {
        match &event.body {
            Body::RunCreated { data, .. } => {
                let input = |name: &str| data.inputs.get(name)?.as_str().map(String::from);
                self.website_id = input("website_id").unwrap_or_default();
                self.domain = input("domain").unwrap_or_default();
                self.started_at = Some(event.at);
                self.begun(event);
            }
            Body::RunResumed { .. } if self.completed_at.is_some() => self.again(),
            Body::RunStateChanged(change) if change.to == RunPhase::Executing => {
                self.status = ServiceRunStatus::Running;
            }
            Body::StepStarted { step, .. } => {
                self.set(step, ServiceStatus::Running, None, None);
            }
            Body::StepSucceeded { step, data, .. } => self.answered(event, step, data),
            Body::StepFailed {
                step,
                class,
                reason,
                data,
                ..
            } if data.last => {
                let status = match class {
                    ErrorClass::Timeout => ServiceStatus::Timeout,
                    _ => ServiceStatus::Failed,
                };
                self.set(step, status, Some(data.wall_ms), Some(reason));
            }
            Body::StepSkipped { step, reason, .. } => {
                self.set(step, ServiceStatus::Skipped, None, Some(reason));
            }
            Body::AckReceived { data } if data.duty == Duty::EVALUATE_POLICY && !data.late => {
                if let Some(record) = &data.record
                    && let Ok(record) = serde_json::from_str::<Map<String, Value>>(record.get())
                {
                    self.judged(event, record);
                }
            }
            Body::RunCompleted { reason, data, .. } => self.ended(event, reason.as_ref(), data),
            _ => {}
        }
    }

    fn set(
        &mut self,
        step: &StepId,
        status: ServiceStatus,
        duration_ms: Option<u64>,
        error: Option<&String>,
    ) -> Option<&mut ServiceEntry> {
        let entry = self.services.iter_mut().find(|entry| entry.step == *step)?;
        entry.status = status;
        entry.duration_ms = duration_ms;
        entry.error = error.cloned();
        Some(entry)
    }

    /// The next epoch: what did not complete is tried again.
    fn again(&mut self) {
        self.status = ServiceRunStatus::Started;
        self.completed_at = None;
        self.error = None;
        self.diagnosis = None;
        self.diagnosis_event_id = None;
        self.synthesis_error = None;
        let undone = |entry: &&mut ServiceEntry| entry.status != ServiceStatus::Completed;
        for entry in self.services.iter_mut().filter(undone) {
            entry.status = ServiceStatus::Pending;
            entry.duration_ms = None;
            entry.error = None;
        }
    }

    fn row(&mut self, event: &Event, kind: &'static str, summary: Option<String>, payload: Value) {
        self.rows.push(KbaseRow {
            id: format!("{}:{}", self.run, event.seq.0),
            website_id: self.website_id.clone(),
            run_id: self.run.to_string(),
            job_id: None,
            service: ORCHESTRATOR.into(),
            kind,
            summary,
            payload,
            created_at: event.at,
        });
    }

    fn begun(&mut self, event: &Event) {
        let timeout_at = self
            .max_duration
            .map(|limit| event.at.after(limit).to_string());
        let planned: Vec<&str> = self.services.iter().map(|e| e.service.as_str()).collect();
        let payload = json!({
            "status": "started",
            "plan_id": self.plan_id,
            "plan_name": self.plan_name,
            "domain": self.domain,
            "started_at": event.at.to_string(),
            "timeout_at": timeout_at,
            "services_planned": planned,
        });
        self.row(event, "run_status", None, payload);
    }

    fn answered(&mut self, event: &Event, step: &StepId, data: &StepEndData) {
        let outputs = data.outputs.clone().unwrap_or_default();
        let duration = Some(data.wall_ms);
        let Some(entry) = self.set(step, ServiceStatus::Completed, duration, None) else {
            return;
        };
        entry.payload = Some(Arc::clone(&outputs));
        let service = entry.service.clone();
        let summary = outputs.get("summary").and_then(Value::as_str);
        let job_id = format!("{}/{}/{step}", self.run, event.epoch);
        self.row(event, "result", summary.map(Into::into), (*outputs).clone());
        if let Some(row) = self.rows.last_mut() {
            row.service = service;
            row.job_id = Some(job_id);
        }
    }

    fn judged(&mut self, event: &Event, mut record: Map<String, Value>) {
        if let Some(Value::String(error)) = record.remove("synthesis_error") {
            self.synthesis_error = Some(error);
        }
        let Some(diagnosis) = record.remove("diagnosis") else {
            return;
        };
        let headline = diagnosis["primary_cause"]["headline"].as_str();
        let headline = headline.unwrap_or("Nothing was found").to_string();
        self.row(event, "diagnosis", Some(headline), diagnosis.clone());
        self.diagnosis_event_id = self.rows.last().map(|row| row.id.clone());
        self.diagnosis = Some(diagnosis);
    }

    fn ended(&mut self, event: &Event, reason: Option<&String>, data: &CompletedData) {
        self.status = match (data.phase, data.outcome) {
            (RunPhase::Completed, _) => ServiceRunStatus::Completed,
            (_, Outcome::TimedOut) => ServiceRunStatus::Timeout,
            _ => ServiceRunStatus::Failed,
        };
        self.completed_at = Some(event.at);
        if self.status != ServiceRunStatus::Completed {
            let said = reason.map_or("the run failed", String::as_str);
            self.error = Some(said.into());
        }
        if self.diagnosis.is_none() && self.synthesis_error.is_none() {
            self.synthesis_error = Some(NOT_MADE.into());
        }
        let results: Vec<Value> = self.services.iter().map(result).collect();
        let payload = json!({
            "status": self.status.as_str(),
            "plan_id": self.plan_id,
            "domain": self.domain,
            "started_at": self.started_at.map(|at| at.to_string()),
            "completed_at": event.at.to_string(),
            "duration_ms": self.duration_ms(),
            "services_completed": self.count(ServiceStatus::Completed),
            "services_failed": self.count(ServiceStatus::Failed),
            "services_timeout": self.count(ServiceStatus::Timeout),
            "services_skipped": self.count(ServiceStatus::Skipped),
            "services_total": self.services.len(),
            "diagnosis_event_id": self.diagnosis_event_id,
            "synthesis_error": self.synthesis_error,
            "service_results": results,
        });
        self.row(event, "run_status", None, payload);
    }
}

fn result(entry: &ServiceEntry) -> Value {
    json!({
        "service": entry.service,
        "status": entry.status.as_str(),
        "duration_ms": entry.duration_ms,
        "error": entry.error,
    })
}
