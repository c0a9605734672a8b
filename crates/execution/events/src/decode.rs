//! Lines to events, strictly: a driver that cannot read a line whole must not
//! go on from it.

use crate::artifact::{EmittedData, InputsHash, LeftData};
use crate::data::{CreatedData, StepEndData};
use crate::encode::{Cause, Commanded, Due, Sealed};
use crate::event::{Body, Event, EventType, StateChange};
use crate::settings::SCHEMA;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::str::FromStr;
use rok_vocabulary::{
    Actor, Attempt, CommandId, Epoch, ErrorClass, RunId, RunPhase, Seq, StepId, Timestamp,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// A line that is no event of this run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The line is no JSON object with the required fields.
    #[error("the line is no event: {why}")]
    Malformed {
        /// What the JSON reader says.
        why: String,
    },
    /// The event belongs to another run.
    #[error("the event belongs to run `{found}`")]
    OtherRun {
        /// That run.
        found: String,
    },
    /// A type that this version does not know.
    #[error("unknown event type `{found}`: the log was written by a newer version of rok")]
    UnknownType {
        /// The type.
        found: String,
    },
    /// A version of the event types' meaning that this version does not know.
    #[error("unknown log schema {found}, this version reads {SCHEMA}")]
    UnknownSchema {
        /// The version in the log.
        found: u32,
    },
    /// A field that the type needs is absent or makes no sense.
    #[error("{event_type}: `{field}` is {why}")]
    Field {
        /// The event's type.
        event_type: EventType,
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// A decoded line.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// The event.
    pub event: Event,
    /// Whether the decision goes on in the next line.
    pub more: bool,
}

/// A text that is borrowed where it holds no escapes. (An `Option<Cow>` would
/// always be owned.)
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Header<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    #[serde(borrow)]
    run_id: Cow<'a, str>,
    #[serde(borrow)]
    timestamp_utc: Cow<'a, str>,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    attempt: u32,
    seq: u64,
    #[serde(default)]
    epoch: u32,
    #[serde(default, borrow)]
    step_id: Option<Text<'a>>,
    #[serde(default, borrow)]
    previous_state: Option<Text<'a>>,
    #[serde(default, borrow)]
    new_state: Option<Text<'a>>,
    #[serde(default, borrow)]
    error_class: Option<Text<'a>>,
    #[serde(default, borrow)]
    reason: Option<Text<'a>>,
    #[serde(default, borrow)]
    override_reason: Option<Text<'a>>,
    #[serde(default, borrow)]
    artifact_path: Option<Text<'a>>,
    #[serde(default, borrow)]
    inputs_hash: Option<Text<'a>>,
    #[serde(default, borrow)]
    trace_id: Option<Text<'a>>,
    #[serde(default)]
    more: bool,
    #[serde(default, borrow)]
    data: Option<&'a RawValue>,
}

/// Reads one line (without its newline) of a run's log. The chain is not
/// checked here: that is `rok-chain`'s work.
pub fn decode(line: &[u8], run: &RunId) -> Result<Decoded, DecodeError> {
    let text = core::str::from_utf8(line).map_err(|e| malformed(&e))?;
    let header: Header<'_> = serde_json::from_str(text).map_err(|e| malformed(&e))?;
    if header.run_id != run.as_str() {
        return Err(DecodeError::OtherRun {
            found: header.run_id.into_owned(),
        });
    }
    let event_type =
        EventType::from_str(&header.event_type).map_err(|_| DecodeError::UnknownType {
            found: header.event_type.to_string(),
        })?;
    let fields = Fields {
        header: &header,
        event_type,
    };
    let at = Timestamp::parse_rfc3339(&header.timestamp_utc)
        .map_err(|e| fields.wrong("timestamp_utc", &e))?;
    let actor = match &*header.actor {
        "runner" => Actor::Runner,
        other => other.parse().map_err(|e| fields.wrong("actor", &e))?,
    };
    let body = fields.body()?;
    if body.attempt() != Attempt(header.attempt) {
        return Err(fields.wrong("attempt", &"not 0, and the type belongs to no attempt"));
    }
    let event = Event {
        seq: Seq(header.seq),
        at,
        epoch: Epoch(header.epoch),
        actor,
        body,
    };
    Ok(Decoded {
        event,
        more: header.more,
    })
}

fn malformed(why: &dyn core::fmt::Display) -> DecodeError {
    DecodeError::Malformed {
        why: why.to_string(),
    }
}

struct Fields<'h, 'a> {
    header: &'h Header<'a>,
    event_type: EventType,
}

impl<'a> Fields<'_, 'a> {
    fn wrong(&self, field: &'static str, why: &dyn core::fmt::Display) -> DecodeError {
        DecodeError::Field {
            event_type: self.event_type,
            field,
            why: why.to_string(),
        }
    }

    fn word<T: FromStr<Err: core::fmt::Display>>(
        &self,
        field: &'static str,
        value: Option<&Text<'a>>,
    ) -> Result<T, DecodeError> {
        let Text(text) = value.ok_or_else(|| self.wrong(field, &"absent"))?;
        text.parse().map_err(|e| self.wrong(field, &e))
    }

    fn step(&self) -> Result<StepId, DecodeError> {
        self.word("step_id", self.header.step_id.as_ref())
    }

    fn maybe_step(&self) -> Result<Option<StepId>, DecodeError> {
        self.header
            .step_id
            .as_ref()
            .map(|_| self.step())
            .transpose()
    }

    fn attempt(&self) -> Attempt {
        Attempt(self.header.attempt)
    }

    fn class(&self) -> Result<ErrorClass, DecodeError> {
        self.word("error_class", self.header.error_class.as_ref())
    }

    fn maybe_class(&self) -> Result<Option<ErrorClass>, DecodeError> {
        self.header
            .error_class
            .as_ref()
            .map(|_| self.class())
            .transpose()
    }

    fn reason(&self) -> Option<String> {
        let reason = self.header.reason.as_ref();
        reason.map(|Text(reason)| (**reason).into())
    }

    fn must_reason(&self) -> Result<String, DecodeError> {
        self.reason().ok_or_else(|| self.wrong("reason", &"absent"))
    }

    fn data<T: Deserialize<'a>>(&self) -> Result<T, DecodeError> {
        let raw = self.header.data.map_or("{}", RawValue::get);
        serde_json::from_str(raw).map_err(|e| self.wrong("data", &e))
    }

    fn command(&self) -> Result<CommandId, DecodeError> {
        self.data::<Commanded>().map(|data| data.command)
    }

    fn maybe_command(&self) -> Result<Option<CommandId>, DecodeError> {
        self.header.data.map(|_| self.command()).transpose()
    }

    fn body(&self) -> Result<Body, DecodeError> {
        Ok(match self.event_type {
            EventType::RunCreated => self.created()?,
            EventType::RunStateChanged => self.state_changed()?,
            EventType::RunHeld => Body::RunHeld {
                step: self.maybe_step()?,
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::RunReleased => Body::RunReleased {
                reason: self.reason(),
                command: self.maybe_command()?,
            },
            EventType::RunResumed => Body::RunResumed {
                reason: self.reason(),
                command: self.maybe_command()?,
            },
            EventType::RunCancelRequested => Body::RunCancelRequested {
                reason: self.reason(),
                command: self.maybe_command()?,
            },
            EventType::RunStopping => Body::RunStopping {
                class: self.class()?,
                reason: self.must_reason()?,
                data: self.data()?,
            },
            EventType::RunRecovered => Body::RunRecovered { data: self.data()? },
            EventType::RunCompleted => Body::RunCompleted {
                class: self.maybe_class()?,
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::StepStarted => Body::StepStarted {
                step: self.step()?,
                attempt: self.attempt(),
                data: self.header.data.map(|_| self.data()).transpose()?,
                inputs_hash: self.inputs_hash()?,
            },
            EventType::StepSucceeded => Body::StepSucceeded {
                step: self.step()?,
                attempt: self.attempt(),
                data: Box::new(StepEndData {
                    inputs_hash: self.inputs_hash()?,
                    ..self.data()?
                }),
            },
            EventType::StepFailed => Body::StepFailed {
                step: self.step()?,
                attempt: self.attempt(),
                class: self.class()?,
                reason: self.must_reason()?,
                data: self.data()?,
            },
            EventType::StepRetried => Body::StepRetried {
                step: self.step()?,
                attempt: self.attempt(),
                class: self.class()?,
                due: self.data::<Due>()?.due,
            },
            EventType::StepSkipped => Body::StepSkipped {
                step: self.step()?,
                cause: self.data::<Cause>()?.cause,
                reason: self.must_reason()?,
            },
            EventType::StepFellBack => Body::StepFellBack {
                step: self.step()?,
                attempt: self.attempt(),
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::StepWaiting => Body::StepWaiting { step: self.step()? },
            EventType::ComponentDeprecated => Body::ComponentDeprecated {
                step: self.step()?,
                reason: self.must_reason()?,
            },
            EventType::GateFailed => Body::GateFailed {
                step: self.step()?,
                attempt: self.attempt(),
                class: self.class()?,
                reason: self.must_reason()?,
            },
            EventType::GateApproved => Body::GateApproved {
                step: self.step()?,
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::GateRejected => Body::GateRejected {
                step: self.step()?,
                reason: self.reason(),
                command: self.command()?,
            },
            EventType::OverrideApproved => Body::OverrideApproved {
                step: self.step()?,
                reason: self.must_reason()?,
                data: self.data()?,
            },
            EventType::RunOverrideApplied => Body::RunOverrideApplied {
                step: self.step()?,
                reason: self.word("override_reason", self.header.override_reason.as_ref())?,
                data: self.data()?,
            },
            EventType::RunRollbackStarted => Body::RunRollbackStarted {
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::BudgetExceeded => Body::BudgetExceeded { data: self.data()? },
            EventType::RunRolledBack => Body::RunRolledBack { data: self.data()? },
            EventType::StepCompensationStarted => Body::StepCompensationStarted {
                step: self.step()?,
                attempt: self.attempt(),
            },
            EventType::StepCompensated => Body::StepCompensated {
                step: self.step()?,
                attempt: self.attempt(),
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::StepCompensationFailed => Body::StepCompensationFailed {
                step: self.step()?,
                attempt: self.attempt(),
                class: self.class()?,
                reason: self.must_reason()?,
                data: self.data()?,
            },
            EventType::ArtifactEmitted => self.artifact()?,
            EventType::ArtifactQuarantined => self.left()?,
            EventType::ExpectationDeclared => Body::ExpectationDeclared { data: self.data()? },
            EventType::AckReceived => Body::AckReceived { data: self.data()? },
            EventType::AuditReconciled => Body::AuditReconciled { data: self.data()? },
            EventType::PolicyEvaluated => Body::PolicyEvaluated {
                step: self.maybe_step()?,
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::PolicyViolated => Body::PolicyViolated {
                step: self.maybe_step()?,
                attempt: self.attempt(),
                reason: self.reason(),
                data: self.data()?,
            },
            EventType::LogRepaired => Body::LogRepaired { data: self.data()? },
            EventType::RunSealed => {
                let Sealed {
                    epoch,
                    phase,
                    outcome,
                } = self.data()?;
                if epoch != Epoch(self.header.epoch) {
                    return Err(self.wrong("data", &"of another epoch than the line"));
                }
                Body::RunSealed { phase, outcome }
            }
        })
    }

    fn created(&self) -> Result<Body, DecodeError> {
        /// Read alone where the rest cannot be: a newer schema may have other fields.
        #[derive(Deserialize)]
        struct Versioned {
            schema: u32,
        }
        let data: Result<Box<CreatedData>, DecodeError> = self.data();
        let schema = match &data {
            Ok(data) => data.schema,
            Err(_) => self.data::<Versioned>()?.schema,
        };
        if schema != SCHEMA {
            return Err(DecodeError::UnknownSchema { found: schema });
        }
        let trace_id = self.word("trace_id", self.header.trace_id.as_ref())?;
        let data = data?;
        Ok(Body::RunCreated {
            trace_id,
            reason: self.reason(),
            data,
        })
    }

    fn state_changed(&self) -> Result<Body, DecodeError> {
        let from = self.header.previous_state.as_ref();
        let from = from
            .map(|_| self.word::<RunPhase>("previous_state", from))
            .transpose()?;
        Ok(Body::RunStateChanged(Box::new(StateChange {
            from,
            to: self.word("new_state", self.header.new_state.as_ref())?,
            class: self.maybe_class()?,
            reason: self.reason(),
            data: self.data()?,
        })))
    }

    fn artifact(&self) -> Result<Body, DecodeError> {
        let EmittedData {
            sha256,
            bytes,
            place,
            executable,
        } = self.data()?;
        Ok(Body::ArtifactEmitted {
            step: self.step()?,
            attempt: self.attempt(),
            path: self.artifact_path()?,
            sha256: sha256.into_owned(),
            bytes,
            place,
            executable,
        })
    }

    fn left(&self) -> Result<Body, DecodeError> {
        let LeftData { sha256, bytes } = self.data()?;
        Ok(Body::ArtifactQuarantined {
            step: self.step()?,
            attempt: self.attempt(),
            path: self.artifact_path()?,
            sha256: sha256.map(Cow::into_owned),
            bytes,
            reason: self.must_reason()?,
        })
    }

    fn artifact_path(&self) -> Result<String, DecodeError> {
        let path = self.header.artifact_path.as_ref();
        path.map(|Text(path)| (**path).into())
            .ok_or_else(|| self.wrong("artifact_path", &"absent"))
    }

    fn inputs_hash(&self) -> Result<Option<InputsHash>, DecodeError> {
        let Some(Text(text)) = self.header.inputs_hash.as_ref() else {
            return Ok(None);
        };
        match InputsHash::of(text) {
            Some(label) if text.len() == 16 => Ok(Some(label)),
            _ => Err(self.wrong("inputs_hash", &"no 16 hex digits")),
        }
    }
}

#[cfg(test)]
mod tests;
