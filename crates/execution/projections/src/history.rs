//! What a log says beyond the run's state.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use rok_events::{
    AckData, AgentData, ArtifactPlace, Body, ContentRef, Event, PolicyData, StepEndData,
};
use rok_kernel::{CompiledPlan, StepIx};
use rok_rac::Duty;
use rok_vocabulary::{Actor, Attempt, Epoch, StepId, Timestamp};

/// A person's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The step; `None` for a decision about the run.
    pub step: Option<StepId>,
    /// `approved`, `rejected`, `cancelled`, `resumed`, `paused`, `unpaused`,
    /// `overridden`, `rolled back`.
    pub what: &'static str,
    /// Who.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Something that policies forbid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The step, where it is one's.
    pub step: Option<StepId>,
    /// Its attempt.
    pub attempt: Attempt,
    /// Why, for people.
    pub reason: Option<String>,
    /// Which policies, when they were asked, and whether it blocked.
    pub data: PolicyData,
    /// When.
    pub at: Timestamp,
    /// The epoch.
    pub epoch: Epoch,
}

/// An artifact that a step made.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Artifact {
    pub step: StepId,
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
    pub place: ArtifactPlace,
    pub executable: bool,
}

/// The complete log of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The step.
    pub step: StepId,
    /// The attempt.
    pub attempt: Attempt,
    /// The epoch.
    pub epoch: Epoch,
    /// Its size.
    pub bytes: u64,
    /// Its sha-256, hex; absent where it is empty.
    pub sha256: Option<String>,
}

/// An ack and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct AckEntry {
    /// When.
    pub at: Timestamp,
    /// The epoch.
    pub epoch: Epoch,
    /// What was said.
    pub data: AckData,
}

/// The last finished attempt of a step.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct StepHistory {
    /// Which attempt.
    pub attempt: Attempt,
    /// How it went.
    pub end: Option<StepEndData>,
    /// The attempts before it that failed and that agents were asked for, in
    /// order, each with why it failed.
    pub before: Vec<(Attempt, String, Box<AgentData>)>,
    /// The last end, where it is one of those.
    failed: Option<(Attempt, String, Box<AgentData>)>,
}

/// The history of a run.
#[derive(Debug, Clone)]
pub struct History {
    plan: Arc<CompiledPlan>,
    steps: Vec<StepHistory>,
    submitter: Option<Actor>,
    reason: Option<String>,
    decisions: Vec<Decision>,
    artifacts: Vec<Artifact>,
    logs: Vec<LogEntry>,
    results: Vec<(StepId, ContentRef)>,
    acks: Vec<AckEntry>,
    policies: Vec<PolicyData>,
    violations: Vec<Violation>,
    sealed_at: Option<Timestamp>,
    repairs: u32,
    recoveries: u32,
}

impl History {
    pub(crate) fn new(plan: Arc<CompiledPlan>) -> Self {
        Self {
            steps: vec![StepHistory::default(); plan.len()],
            plan,
            submitter: None,
            reason: None,
            decisions: Vec::new(),
            artifacts: Vec::new(),
            logs: Vec::new(),
            results: Vec::new(),
            acks: Vec::new(),
            policies: Vec::new(),
            violations: Vec::new(),
            sealed_at: None,
            repairs: 0,
            recoveries: 0,
        }
    }

    pub(crate) fn note(&mut self, event: &Event) {
        match &event.body {
            Body::RunCreated { reason, .. } => {
                self.submitter = Some(event.actor.clone());
                self.reason.clone_from(reason);
            }
            Body::GateApproved { step, reason, .. } => {
                self.decided(event, Some(step), "approved", reason.as_ref());
            }
            Body::GateRejected { step, reason, .. } => {
                self.decided(event, Some(step), "rejected", reason.as_ref());
            }
            Body::OverrideApproved { step, reason, .. } => {
                self.decided(event, Some(step), "overridden", Some(reason));
            }
            Body::RunHeld { reason, data, .. } if data.command.is_some() => {
                self.decided(event, None, "paused", reason.as_ref());
            }
            Body::RunReleased { reason, command } if command.is_some() => {
                self.decided(event, None, "unpaused", reason.as_ref());
            }
            Body::RunCancelRequested { reason, .. } => {
                self.decided(event, None, "cancelled", reason.as_ref());
            }
            Body::RunResumed { reason, .. } => {
                self.sealed_at = None;
                self.decided(event, None, "resumed", reason.as_ref());
            }
            Body::RunRollbackStarted { reason, .. } if event.actor != Actor::Runner => {
                self.sealed_at = None;
                self.decided(event, None, "rolled back", reason.as_ref());
            }
            Body::StepSucceeded {
                step,
                attempt,
                data,
            }
            | Body::StepFailed {
                step,
                attempt,
                data,
                ..
            } => {
                if let Some(of) = &data.outputs_ref {
                    self.results.push((step.clone(), of.clone()));
                }
                if let Some(bytes) = data.log_bytes {
                    self.logs.push(LogEntry {
                        step: step.clone(),
                        attempt: *attempt,
                        epoch: event.epoch,
                        bytes,
                        sha256: data.log_sha256.clone(),
                    });
                }
                if let Some(ix) = self.plan.find(step) {
                    self.ended(ix, *attempt, data, &event.body);
                }
            }
            Body::ArtifactEmitted {
                step,
                path,
                sha256,
                bytes,
                place,
                executable,
                ..
            } => {
                self.artifacts
                    .retain(|known| known.step != *step || known.path != *path);
                self.artifacts.push(Artifact {
                    step: step.clone(),
                    path: path.clone(),
                    sha256: sha256.clone(),
                    bytes: *bytes,
                    place: *place,
                    executable: *executable,
                });
            }
            Body::AckReceived { data } => {
                self.acks.push(AckEntry {
                    at: event.at,
                    epoch: event.epoch,
                    data: (**data).clone(),
                });
            }
            Body::PolicyEvaluated { data, .. } => self.policies.push((**data).clone()),
            Body::PolicyViolated {
                step,
                attempt,
                reason,
                data,
            } => self.violations.push(Violation {
                step: step.clone(),
                attempt: *attempt,
                reason: reason.clone(),
                data: (**data).clone(),
                at: event.at,
                epoch: event.epoch,
            }),
            Body::RunSealed { .. } => {
                self.sealed_at.get_or_insert(event.at);
            }
            Body::LogRepaired { .. } => self.repairs += 1,
            Body::RunRecovered { .. } => self.recoveries += 1,
            _ => {}
        }
    }

    /// What is known of the end before becomes part of the past.
    fn ended(&mut self, ix: StepIx, attempt: Attempt, data: &StepEndData, body: &Body) {
        let slot = &mut self.steps[ix as usize];
        slot.before.extend(slot.failed.take());
        let why = match body {
            Body::StepFailed { reason, .. } => Some(reason),
            _ => None,
        };
        slot.failed = why
            .zip(data.agent.as_ref())
            .map(|(why, agent)| (attempt, why.clone(), agent.clone()));
        slot.attempt = attempt;
        slot.end = Some(data.clone());
    }

    fn decided(
        &mut self,
        event: &Event,
        step: Option<&StepId>,
        what: &'static str,
        reason: Option<&String>,
    ) {
        self.decisions.push(Decision {
            step: step.cloned(),
            what,
            actor: event.actor.clone(),
            reason: reason.cloned(),
            at: event.at,
        });
    }

    /// Who submitted the run.
    #[must_use]
    pub fn submitter(&self) -> String {
        self.submitter
            .as_ref()
            .map_or_else(String::new, ToString::to_string)
    }

    /// Why the run was submitted.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Decisions of people, oldest first.
    #[must_use]
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// Artifacts, in the order they were made; the last of each path.
    #[must_use]
    pub fn artifacts(&self) -> &[Artifact] {
        &self.artifacts
    }

    /// Results that are too large for a line, in the order of their steps' ends.
    #[must_use]
    pub fn results(&self) -> &[(StepId, ContentRef)] {
        &self.results
    }

    /// Complete logs of attempts, in the order of their ends.
    #[must_use]
    pub fn logs(&self) -> &[LogEntry] {
        &self.logs
    }

    /// Acks of all epochs, late ones too.
    #[must_use]
    pub fn acks(&self) -> &[AckEntry] {
        &self.acks
    }

    /// The last record that a domain made for a duty, as JSON.
    #[must_use]
    pub fn record(&self, duty: &Duty) -> Option<&str> {
        let mut of_duty = self.acks.iter().rev().filter(|ack| ack.data.duty == *duty);
        of_duty.find_map(|ack| Some(ack.data.record.as_deref()?.get()))
    }

    /// What policies said, oldest first.
    #[must_use]
    pub fn policies(&self) -> &[PolicyData] {
        &self.policies
    }

    /// What policies forbid of it, oldest first.
    #[must_use]
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// The last finished attempt of a step.
    #[must_use]
    pub fn step(&self, ix: StepIx) -> &StepHistory {
        &self.steps[ix as usize]
    }

    /// When the current epoch was sealed.
    #[must_use]
    pub const fn sealed_at(&self) -> Option<Timestamp> {
        self.sealed_at
    }

    /// How often an unfinished decision was dropped.
    #[must_use]
    pub const fn repairs(&self) -> u32 {
        self.repairs
    }

    /// How often another owner took over.
    #[must_use]
    pub const fn recoveries(&self) -> u32 {
        self.recoveries
    }
}
