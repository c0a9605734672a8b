//! Events to lines: compact JSON in a fixed key order, null fields absent.
//!
//! Encoded once; the same bytes go to disk, hash and stream.

use crate::artifact::{EmittedData, LeftData};
use crate::data::StepEndData;
use crate::event::{Body, Event};
use alloc::string::ToString;
use alloc::vec::Vec;
use rok_chain::ChainHash;
use rok_trace_ids::SpanId;
use rok_vocabulary::{Actor, RunId, Seq};
use serde::Serialize;

/// Bytes that most lines fit in: room is made for a decision at once.
const USUAL: usize = 512;

/// Writes the lines of one run, in order.
#[derive(Debug, Clone)]
pub struct Encoder {
    run: RunId,
    head: ChainHash,
}

impl Encoder {
    /// An encoder at the start of a run's log.
    #[must_use]
    pub fn new(run: &RunId) -> Self {
        Self {
            run: run.clone(),
            head: ChainHash::genesis(run),
        }
    }

    /// An encoder that goes on after a log whose head is known.
    #[must_use]
    pub const fn resume(run: RunId, head: ChainHash) -> Self {
        Self { run, head }
    }

    /// The hash after the last line.
    #[must_use]
    pub const fn head(&self) -> ChainHash {
        self.head
    }

    /// Appends the lines of one decision to `out`, each with its newline; all
    /// but the last say that more follows.
    pub fn encode(&mut self, decision: &[Event], out: &mut Vec<u8>) {
        out.reserve(decision.len() * USUAL);
        for (i, event) in decision.iter().enumerate() {
            let start = out.len();
            let more = i + 1 < decision.len();
            self.line(event, more, out);
            self.head = self.head.next(&out[start..]);
            out.push(b'\n');
        }
    }

    fn line(&self, event: &Event, more: bool, out: &mut Vec<u8>) {
        let mut line = Line { out };
        line.out.extend_from_slice(b"{\"event_id\":\"");
        line.out.extend_from_slice(self.run.as_str().as_bytes());
        line.out.push(b':');
        line.number(event.seq.0);
        line.out.extend_from_slice(b"\",\"event_type\":\"");
        line.out
            .extend_from_slice(event.body.event_type().as_str().as_bytes());
        line.out.extend_from_slice(b"\",\"run_id\":\"");
        line.out.extend_from_slice(self.run.as_str().as_bytes());
        line.out.extend_from_slice(b"\",\"timestamp_utc\":\"");
        line.out.extend_from_slice(&event.at.to_rfc3339());
        line.out.push(b'"');
        match &event.actor {
            Actor::Runner => line.out.extend_from_slice(b",\"actor\":\"runner\""),
            other => line.text("actor", &other.to_string()),
        }
        line.out.extend_from_slice(b",\"attempt\":");
        line.number(u64::from(event.body.attempt().0));
        line.out.extend_from_slice(b",\"seq\":");
        let Seq(seq) = event.seq;
        line.number(seq);
        if event.epoch.0 > 0 {
            line.out.extend_from_slice(b",\"epoch\":");
            line.number(u64::from(event.epoch.0));
        }
        if let Some(step) = event.body.step() {
            line.plain("step_id", step.as_str());
        }
        self.body(event, &mut line);
        if more {
            line.out.extend_from_slice(b",\"more\":true");
        }
        line.out.extend_from_slice(b",\"chain\":\"");
        line.out.extend_from_slice(&self.head.short());
        line.out.extend_from_slice(b"\"}");
    }

    /// The fields that only some types have, in the documented order.
    fn body(&self, event: &Event, line: &mut Line<'_>) {
        match &event.body {
            Body::RunCreated {
                trace_id,
                reason,
                data,
            } => {
                line.reason(reason.as_deref());
                line.plain("trace_id", trace_id);
                line.data(data);
            }
            Body::RunStateChanged(change) => {
                if let Some(from) = change.from {
                    line.plain("previous_state", from.as_str());
                }
                line.plain("new_state", change.to.as_str());
                if let Some(class) = change.class {
                    line.plain("error_class", class.as_str());
                }
                line.reason(change.reason.as_deref());
                line.log_hash(self.head);
                line.data(&change.data);
            }
            Body::RunHeld { reason, data, .. } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::RunReleased { reason, command }
            | Body::RunResumed { reason, command }
            | Body::RunCancelRequested { reason, command } => {
                line.reason(reason.as_deref());
                line.command(command.as_ref());
            }
            Body::RunStopping {
                class,
                reason,
                data,
            } => {
                line.plain("error_class", class.as_str());
                line.reason(Some(reason));
                line.data(data);
            }
            Body::RunRecovered { data } => line.data(data),
            Body::RunCompleted {
                class,
                reason,
                data,
            } => {
                if let Some(class) = class {
                    line.plain("error_class", class.as_str());
                }
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::StepStarted {
                step,
                attempt,
                data,
                inputs_hash,
            } => {
                if let Some(label) = inputs_hash {
                    line.plain("inputs_hash", label.as_str());
                }
                let span = SpanId::of_attempt(&self.run, event.epoch, step, *attempt);
                line.hex("span_id", &span.hex());
                if let Some(data) = data {
                    line.data(data);
                }
            }
            Body::StepFellBack { reason, data, .. } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::StepWaiting { .. } => {}
            Body::ComponentDeprecated { reason, .. } => line.reason(Some(reason)),
            Body::StepSucceeded { data, .. } => {
                if let Some(label) = data.inputs_hash {
                    line.plain("inputs_hash", label.as_str());
                }
                match (&data.outputs_ref, &data.outputs) {
                    (Some(of), _) => {
                        line.plain("outputs_hash", of.sha256.get(..16).unwrap_or_default());
                        let elsewhere = StepEndData {
                            outputs: None,
                            ..(**data).clone()
                        };
                        line.data(&elsewhere);
                    }
                    (None, outputs) => {
                        if let Some(outputs) = outputs {
                            line.hash_of("outputs_hash", outputs);
                        }
                        line.data(data);
                    }
                }
            }
            Body::StepFailed {
                class,
                reason,
                data,
                ..
            }
            | Body::StepCompensationFailed {
                class,
                reason,
                data,
                ..
            } => {
                line.plain("error_class", class.as_str());
                line.reason(Some(reason));
                line.data(data);
            }
            Body::StepRetried { class, due, .. } => {
                line.plain("error_class", class.as_str());
                line.data(&Due { due: *due });
            }
            Body::StepSkipped { cause, reason, .. } => {
                line.reason(Some(reason));
                line.data(&Cause { cause: *cause });
            }
            Body::GateFailed { class, reason, .. } => {
                line.plain("error_class", class.as_str());
                line.reason(Some(reason));
            }
            Body::GateApproved { reason, data, .. } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::GateRejected {
                reason, command, ..
            } => {
                line.reason(reason.as_deref());
                line.command(Some(command));
            }
            Body::OverrideApproved { reason, data, .. } => {
                line.reason(Some(reason));
                line.data(data);
            }
            Body::RunOverrideApplied { reason, data, .. } => {
                line.text("override_reason", reason);
                line.data(data);
            }
            Body::RunRollbackStarted { reason, data } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::BudgetExceeded { data } => line.data(data),
            Body::RunRolledBack { data } => line.data(data),
            Body::StepCompensationStarted { step, attempt } => {
                let span = SpanId::of_compensation(&self.run, event.epoch, step, *attempt);
                line.hex("span_id", &span.hex());
            }
            Body::StepCompensated { reason, data, .. } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::ArtifactEmitted {
                path,
                sha256,
                bytes,
                place,
                executable,
                ..
            } => {
                line.text("artifact_path", path);
                line.data(&EmittedData {
                    sha256: sha256.as_str().into(),
                    bytes: *bytes,
                    place: *place,
                    executable: *executable,
                });
            }
            Body::ArtifactQuarantined {
                path,
                sha256,
                bytes,
                reason,
                ..
            } => {
                line.reason(Some(reason));
                line.text("artifact_path", path);
                line.data(&LeftData {
                    sha256: sha256.as_deref().map(Into::into),
                    bytes: *bytes,
                });
            }
            Body::ExpectationDeclared { data } => line.data(data),
            Body::AckReceived { data } => line.data(data),
            Body::AuditReconciled { data } => line.data(data),
            Body::PolicyEvaluated { reason, data, .. }
            | Body::PolicyViolated { reason, data, .. } => {
                line.reason(reason.as_deref());
                line.data(data);
            }
            Body::LogRepaired { data } => line.data(data),
            Body::RunSealed { phase, outcome } => {
                line.log_hash(self.head);
                line.data(&Sealed {
                    epoch: event.epoch,
                    phase: *phase,
                    outcome: *outcome,
                });
            }
        }
    }
}

/// `data` of `step.retried`.
#[derive(Serialize, serde::Deserialize)]
pub(crate) struct Due {
    pub(crate) due: rok_vocabulary::Timestamp,
}

/// `data` of `step.skipped`.
#[derive(Serialize, serde::Deserialize)]
pub(crate) struct Cause {
    pub(crate) cause: crate::data::SkipCause,
}

/// `data` of the events that a command caused.
#[derive(Serialize, serde::Deserialize)]
pub(crate) struct Commanded {
    pub(crate) command: rok_vocabulary::CommandId,
}

/// `data` of `run.sealed`.
#[derive(Serialize, serde::Deserialize)]
pub(crate) struct Sealed {
    pub(crate) epoch: rok_vocabulary::Epoch,
    pub(crate) phase: rok_vocabulary::RunPhase,
    pub(crate) outcome: rok_vocabulary::Outcome,
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
}

impl Line<'_> {
    fn number(&mut self, mut value: u64) {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (value % 10) as u8;
            value /= 10;
            if value == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[at..]);
    }

    fn key(&mut self, key: &str) {
        self.out.extend_from_slice(b",\"");
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
    }

    /// A value that needs no escaping: ids, words, hex.
    fn plain(&mut self, key: &str, value: &str) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'"');
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        self.json(value);
    }

    /// Straight into the line: no buffer of its own.
    fn json(&mut self, value: &(impl Serialize + ?Sized)) {
        let mut json = serde_json::Serializer::new(&mut *self.out);
        value
            .serialize(&mut json)
            .expect("event data has string keys only");
    }

    fn reason(&mut self, reason: Option<&str>) {
        if let Some(reason) = reason {
            self.text("reason", reason);
        }
    }

    fn log_hash(&mut self, head: ChainHash) {
        self.hex("log_hash", &head.hex());
    }

    fn hex(&mut self, key: &str, digits: &[u8]) {
        self.key(key);
        self.out.push(b'"');
        self.out.extend_from_slice(digits);
        self.out.push(b'"');
    }

    fn command(&mut self, command: Option<&rok_vocabulary::CommandId>) {
        if let Some(command) = command {
            self.data(&Commanded {
                command: command.clone(),
            });
        }
    }

    fn data(&mut self, data: &impl Serialize) {
        let start = self.out.len();
        self.key("data");
        let value = self.out.len();
        self.json(data);
        if self.out[value..] == *b"{}" {
            self.out.truncate(start);
        }
    }

    fn hash_of(&mut self, key: &str, value: &serde_json::Value) {
        let json = serde_json::to_vec(value).expect("a JSON value is always JSON");
        self.hex(key, &rok_chain::Digest::of(&json).hex()[..16]);
    }
}
