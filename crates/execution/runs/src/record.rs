//! What a log says, as the two statements that are signed.
//!
//! Everything in them is computed from the log's lines, so that whoever has
//! the log can compute them again and compare.

use rok_attest::{
    AUDIT_RECORD, AckRecord, ArtifactRecord, AuditRecord, EpochRecord, ExpectationRecord,
    LogRecord, PROVENANCE, PlanRecord, Provenance, SealRecord, Statement, StepRecord, Subject,
};
use rok_chain::Digest;
use rok_events::{Body, Event, EventType};
use rok_kernel::{CompiledPlan, RunState};
use rok_projections::{Contents, Replay, ReplayError};
use rok_vocabulary::{Outcome, RunId, Seq, Timestamp};
use serde_json::{Map, Value};
use std::sync::Arc;

/// The name of the log among the subjects.
pub(crate) const LOG: &str = "events.jsonl";
/// The subject's annotation that says how many lines it has.
pub(crate) const LINES: &str = "lines";
/// The subject's digest that is the chain's hash.
pub(crate) const HEAD: &str = "rokLogHead";

/// A log that is being folded into what is signed of it.
pub(crate) struct Record {
    replay: Replay,
    epochs: Vec<EpochRecord>,
    approvals: Vec<Value>,
    overrides: Vec<Value>,
    rollbacks: Vec<Value>,
    policies: Vec<Value>,
    sealed: Option<(Timestamp, Outcome)>,
}

/// The two statements of a run.
pub(crate) struct Statements {
    pub(crate) audit: Statement,
    pub(crate) provenance: Statement,
}

/// Where an event is told in the audit record.
enum Told {
    Approval,
    Override,
    Rollback,
    Policy,
    No,
}

fn told(event: EventType) -> Told {
    match event.as_str() {
        "gate.approved" | "gate.rejected" | "run.cancel_requested" | "run.resumed" => {
            Told::Approval
        }
        "override.approved" | "run.override_applied" => Told::Override,
        "run.rollback_started"
        | "run.rolled_back"
        | "step.compensation_started"
        | "step.compensated"
        | "step.compensation_failed" => Told::Rollback,
        "policy.evaluated" | "policy.violated" => Told::Policy,
        _ => Told::No,
    }
}

impl Record {
    pub(crate) fn new(plan: Arc<CompiledPlan>, run: RunId, contents: Contents) -> Self {
        Self {
            replay: Replay::new(plan, run).with_contents(contents),
            epochs: Vec::new(),
            approvals: Vec::new(),
            overrides: Vec::new(),
            rollbacks: Vec::new(),
            policies: Vec::new(),
            sealed: None,
        }
    }

    /// Folds one line, without its newline.
    pub(crate) fn line(&mut self, line: &[u8]) -> Result<(), ReplayError> {
        let event = self.replay.line(line)?;
        match told(event.body.event_type()) {
            Told::Approval => self.approvals.push(entry(line)),
            Told::Override => self.overrides.push(entry(line)),
            Told::Rollback => self.rollbacks.push(entry(line)),
            Told::Policy => self.policies.push(entry(line)),
            Told::No => {}
        }
        self.sealed = None;
        if let Body::RunSealed { outcome, .. } = event.body {
            self.sealed = Some((event.at, outcome));
            let epoch = self.epoch(&event, outcome);
            // A segment after a seal ends in another seal of the same epoch.
            self.epochs.retain(|known| known.epoch != epoch.epoch);
            self.epochs.push(epoch);
        }
        Ok(())
    }

    pub(crate) const fn replay(&self) -> &Replay {
        &self.replay
    }

    pub(crate) fn into_replay(self) -> Replay {
        self.replay
    }

    /// The epoch that `event` seals.
    fn epoch(&self, event: &Event, outcome: Outcome) -> EpochRecord {
        let (state, history) = (self.replay.state(), self.replay.history());
        let mut ledger = state.ledger().clone();
        ledger.expire(state.active(state.last_at()));
        let duties = ledger.expectations().iter();
        let acks = history.acks().iter().filter(|ack| ack.epoch == event.epoch);
        EpochRecord {
            epoch: event.epoch,
            phase: state.phase(),
            outcome,
            degraded: state.is_degraded(),
            sealed: SealRecord {
                seq: event.seq,
                head: self.replay.head().to_hex(),
                at: event.at,
            },
            expectations: duties
                .map(|duty| ExpectationRecord {
                    id: duty.id.to_string(),
                    status: duty.status,
                    liveness: duty.liveness,
                    created_at: duty.created_at,
                    acked_at: duty.acked_at,
                })
                .collect(),
            acks: acks
                .map(|ack| AckRecord {
                    id: ack.data.id.to_string(),
                    duty: ack.data.duty.to_string(),
                    status: ack.data.status,
                    result_id: ack.data.result_id.clone(),
                    error: ack.data.error.clone(),
                    error_kind: ack.data.error_kind,
                    late: ack.data.late,
                    at: ack.at,
                })
                .collect(),
            reconciliation: serde_json::to_value(state.last_reconciliation())
                .expect("a reconciliation holds words and numbers only"),
        }
    }

    /// The two statements, where the last line folded is a seal; `lines` are
    /// all those that were folded.
    pub(crate) fn statements(&self, lines: &[u8]) -> Option<Statements> {
        let (sealed_at, outcome) = self.sealed?;
        let state = self.replay.state();
        let log = LogRecord {
            lines: self.replay.count(),
            seq: Seq(self.replay.count().checked_sub(1)?),
            head: self.replay.head().to_hex(),
            sha256: Digest::of(lines).to_hex(),
        };
        let mut subjects: Vec<Subject> = self.artifacts().map(|made| subject(&made)).collect();
        subjects.push(log_subject(&log));
        let provenance = provenance(state, sealed_at, &log)?;
        let audit = self.audit(state, outcome, log)?;
        Some(Statements {
            audit: Statement::new(subjects.clone(), AUDIT_RECORD, &audit),
            provenance: Statement::new(subjects, PROVENANCE, &provenance),
        })
    }

    fn audit(&self, state: &RunState, outcome: Outcome, log: LogRecord) -> Option<AuditRecord> {
        let (created, history) = (state.created()?, self.replay.history());
        let (error_class, error) = state.end();
        Some(AuditRecord {
            run_id: state.run_id().clone(),
            plan: PlanRecord {
                id: created.plan.id.clone(),
                version: created.plan.version,
                sha256: created.plan.sha256.clone(),
            },
            profile: state.profile_in_words(),
            engine: created.engine.clone(),
            policy_files: created.policies.clone(),
            submitter: history.submitter(),
            reason: history.reason().map(Into::into),
            created_at: state.created_at(),
            epoch: state.epoch(),
            phase: state.phase(),
            outcome,
            disposition: state.disposition(),
            error_class,
            error: error.map(Into::into),
            log,
            epochs: self.epochs.clone(),
            steps: steps(state),
            approvals: self.approvals.clone(),
            overrides: self.overrides.clone(),
            rollbacks: self.rollbacks.clone(),
            policies: self.policies.clone(),
            artifacts: self.artifacts().collect(),
        })
    }

    fn artifacts(&self) -> impl Iterator<Item = ArtifactRecord> {
        let made = self.replay.history().artifacts().iter();
        made.map(|artifact| ArtifactRecord {
            step: artifact.step.to_string(),
            path: artifact.path.clone(),
            sha256: artifact.sha256.clone(),
            bytes: artifact.bytes,
        })
    }
}

fn provenance(state: &RunState, finished_on: Timestamp, log: &LogRecord) -> Option<Provenance> {
    let created = state.created()?;
    let labels = created.labels.iter();
    let labels: Map<String, Value> = labels
        .map(|(name, value)| (name.clone(), value.clone().into()))
        .collect();
    Some(Provenance {
        run_id: state.run_id().clone(),
        plan: created.plan.id.clone(),
        plan_version: created.plan.version,
        plan_sha256: created.plan.sha256.clone(),
        policy_files: created.policies.clone(),
        inputs: (*created.inputs).clone(),
        labels: labels.into(),
        profile: state.profile_in_words(),
        engine: created.engine.clone(),
        started_on: state.created_at(),
        finished_on,
        byproducts: vec![log_subject(log)],
    })
}

fn steps(state: &RunState) -> Vec<StepRecord> {
    let steps = state.steps().iter().zip(&state.plan().plan().steps);
    steps
        .map(|(slot, step)| StepRecord {
            id: step.id.to_string(),
            state: slot.state,
            attempt: slot.attempt.0,
            error_class: slot.class,
            reason: slot.reason.clone(),
        })
        .collect()
}

fn subject(made: &ArtifactRecord) -> Subject {
    Subject::file(&made.path, &made.sha256).annotated("step", made.step.as_str())
}

fn log_subject(log: &LogRecord) -> Subject {
    let mut subject = Subject::file(LOG, &log.sha256).annotated(LINES, log.lines);
    subject.digest.insert(HEAD.into(), log.head.clone());
    subject
}

/// An event as the audit record tells it: as the log does, without what frames
/// a line.
fn entry(line: &[u8]) -> Value {
    let fields: Map<String, Value> = serde_json::from_slice(line).unwrap_or_default();
    let framing = |name: &str| {
        matches!(
            name,
            "event_id" | "run_id" | "chain" | "more" | "log_hash" | "attempt"
        )
    };
    Value::Object(
        fields
            .into_iter()
            .filter(|(name, _)| !framing(name))
            .collect(),
    )
}
