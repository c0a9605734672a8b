//! Acknowledgements: a domain's word that a duty was done, or why not.

use crate::duty::Duty;
use alloc::string::String;
use core::fmt::{self, Write as _};
use core::str::FromStr;
use rok_vocabulary::{AckErrorKind, AckStatus, Epoch, RunId, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// The namespace of ack ids: UUIDv5(DNS, "ack.rok.dev"), fixed for ever.
const NAMESPACE: Uuid = Uuid::from_u128(0xb87f_c8ed_ebcd_592e_bda5_a7bd_42bc_5ff1);

/// UUIDv5 of (duty key, result id, status): the same answer has the same id
/// however often it is delivered.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AckId(Uuid);

impl AckId {
    fn of(run: &RunId, epoch: Epoch, duty: &Duty, result: Option<&str>, status: AckStatus) -> Self {
        let (duty, result) = (duty.text(), result.unwrap_or(""));
        let (duty_length, length) = (duty.len(), result.len());
        let mut text = String::with_capacity(run.as_str().len() + duty_length + length + 64);
        // Lengths keep (a, bc) and (ab, c) apart. Writing to a string cannot fail.
        text.push_str(run.as_str());
        let _ = write!(text, "\n{epoch}\n{duty_length}\n");
        text.push_str(&duty);
        let _ = write!(text, "\n{length}\n");
        text.push_str(result);
        text.push('\n');
        text.push_str(status.as_str());
        Self(Uuid::new_v5(&NAMESPACE, text.as_bytes()))
    }
}

impl fmt::Debug for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for AckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl FromStr for AckId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        text.parse().map(Self)
    }
}

impl Serialize for AckId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = Uuid::encode_buffer();
        serializer.serialize_str(self.0.hyphenated().encode_lower(&mut text))
    }
}

impl<'de> Deserialize<'de> for AckId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// An ack that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AckError {
    /// A SUCCESS must name what it made.
    #[error("a SUCCESS of {duty} needs a result id of 1 to 256 characters")]
    NoResult {
        /// The duty.
        duty: Duty,
    },
    /// A FAILED must say why.
    #[error("a FAILED of {duty} needs an error text")]
    NoError {
        /// The duty.
        duty: Duty,
    },
    /// The parts of a stored ack do not fit its status or its id.
    #[error("the ack {id} of {duty} contradicts itself: {why}")]
    Contradiction {
        /// The id that was stored.
        id: AckId,
        /// The duty.
        duty: Duty,
        /// What does not fit.
        why: &'static str,
    },
}

/// A domain's answer to a duty. A SUCCESS without a result id, or with an
/// error, cannot be constructed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainAck {
    id: AckId,
    run_id: RunId,
    epoch: Epoch,
    duty: Duty,
    status: AckStatus,
    result_id: Option<String>,
    error: Option<String>,
    error_kind: Option<AckErrorKind>,
    created_at: Timestamp,
}

impl DomainAck {
    /// The duty was done; `result_id` names what it made.
    pub fn success(
        run: &RunId,
        epoch: Epoch,
        duty: Duty,
        result_id: &str,
        at: Timestamp,
    ) -> Result<Self, AckError> {
        if !(1..=256).contains(&result_id.len()) {
            return Err(AckError::NoResult { duty });
        }
        Ok(Self {
            id: AckId::of(run, epoch, &duty, Some(result_id), AckStatus::Success),
            run_id: run.clone(),
            epoch,
            duty,
            status: AckStatus::Success,
            result_id: Some(result_id.into()),
            error: None,
            error_kind: None,
            created_at: at,
        })
    }

    /// The duty was not done.
    pub fn failed(
        run: &RunId,
        epoch: Epoch,
        duty: Duty,
        kind: AckErrorKind,
        error: &str,
        at: Timestamp,
    ) -> Result<Self, AckError> {
        if error.is_empty() {
            return Err(AckError::NoError { duty });
        }
        Ok(Self {
            id: AckId::of(run, epoch, &duty, None, AckStatus::Failed),
            run_id: run.clone(),
            epoch,
            duty,
            status: AckStatus::Failed,
            result_id: None,
            error: Some(error.into()),
            error_kind: Some(kind),
            created_at: at,
        })
    }

    /// What was done was undone: cancels the SUCCESS of the same duty and
    /// result.
    pub fn rolled_back(
        run: &RunId,
        epoch: Epoch,
        duty: Duty,
        result_id: &str,
        reason: &str,
        at: Timestamp,
    ) -> Result<Self, AckError> {
        if !(1..=256).contains(&result_id.len()) {
            return Err(AckError::NoResult { duty });
        }
        if reason.is_empty() {
            return Err(AckError::NoError { duty });
        }
        Ok(Self {
            id: AckId::of(run, epoch, &duty, Some(result_id), AckStatus::RolledBack),
            run_id: run.clone(),
            epoch,
            duty,
            status: AckStatus::RolledBack,
            result_id: Some(result_id.into()),
            error: Some(reason.into()),
            error_kind: None,
            created_at: at,
        })
    }

    /// Reads a stored ack back and checks that it does not contradict itself:
    /// the parts must fit the status, and the id must be theirs.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of a stored record, each named at the one call"
    )]
    pub fn restore(
        id: AckId,
        run: &RunId,
        epoch: Epoch,
        duty: Duty,
        status: AckStatus,
        result_id: Option<&str>,
        error: Option<&str>,
        error_kind: Option<AckErrorKind>,
        at: Timestamp,
    ) -> Result<Self, AckError> {
        let wrong = |duty: &Duty, why| AckError::Contradiction {
            id,
            duty: duty.clone(),
            why,
        };
        let ack = match (status, result_id, error, error_kind) {
            (AckStatus::Success, Some(result), None, None) => {
                Self::success(run, epoch, duty, result, at)?
            }
            (AckStatus::Failed, None, Some(error), Some(kind)) => {
                Self::failed(run, epoch, duty, kind, error, at)?
            }
            (AckStatus::RolledBack, Some(result), Some(reason), None) => {
                Self::rolled_back(run, epoch, duty, result, reason, at)?
            }
            _ => return Err(wrong(&duty, "its parts do not fit its status")),
        };
        if ack.id != id {
            return Err(wrong(&ack.duty, "its id is not that of its parts"));
        }
        Ok(ack)
    }

    /// The same for the same answer, however often it is delivered.
    #[must_use]
    pub const fn id(&self) -> AckId {
        self.id
    }
    /// The run that is answered.
    #[must_use]
    pub const fn run_id(&self) -> &RunId {
        &self.run_id
    }
    /// The epoch that is answered.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
    /// The duty that is answered.
    #[must_use]
    pub const fn duty(&self) -> &Duty {
        &self.duty
    }
    /// Done, not done, or undone.
    #[must_use]
    pub const fn status(&self) -> AckStatus {
        self.status
    }
    /// What was made, or undone.
    #[must_use]
    pub fn result_id(&self) -> Option<&str> {
        self.result_id.as_deref()
    }
    /// Why it was not done, or why it was undone.
    #[must_use]
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }
    /// What kind of failure it was.
    #[must_use]
    pub const fn error_kind(&self) -> Option<AckErrorKind> {
        self.error_kind
    }
    /// When the domain said so.
    #[must_use]
    pub const fn created_at(&self) -> Timestamp {
        self.created_at
    }
}
