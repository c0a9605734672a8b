//! What engines may say, and how it becomes an ack. Invariant: whatever an
//! engine does, the caller gets an ack of the duty that was asked for.

use crate::facts::RunFacts;
use rok_rac::{DomainAck, Duty};
use rok_vocabulary::{AckErrorKind, Domain, RunId};
use serde::Serialize;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The longest reason that is kept of an engine's error, in characters.
const REASON_MAX: usize = 1000;

/// Why an engine did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The domain cannot be reached, or did not answer in time.
    #[error("{reason}")]
    Unavailable {
        /// For people.
        reason: String,
    },
    /// The domain will not do it.
    #[error("{reason}")]
    Refused {
        /// For people.
        reason: String,
    },
    /// The request made no sense to the domain.
    #[error("{reason}")]
    Invalid {
        /// For people.
        reason: String,
    },
    /// What the domain keeps is not what was written.
    #[error("{reason}")]
    Broken {
        /// For people.
        reason: String,
    },
}

impl EngineError {
    /// The domain cannot be reached, or did not answer in time.
    #[must_use]
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable {
            reason: reason.into(),
        }
    }

    /// The domain will not do it.
    #[must_use]
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused {
            reason: reason.into(),
        }
    }

    /// The request made no sense to the domain.
    #[must_use]
    pub fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid {
            reason: reason.into(),
        }
    }

    /// What the domain keeps is not what was written.
    #[must_use]
    pub fn broken(reason: impl Into<String>) -> Self {
        Self::Broken {
            reason: reason.into(),
        }
    }

    /// The engine panicked. That is *refused*, not *unavailable*: STANDARD runs
    /// on without a domain that is down, and must not run on over a bug. The
    /// panic's own text is left out, as nobody has masked it.
    #[must_use]
    pub fn panicked() -> Self {
        Self::refused("the engine panicked; the log of this process says where")
    }

    /// The word that an ack carries.
    #[must_use]
    pub const fn kind(&self) -> AckErrorKind {
        match self {
            Self::Unavailable { .. } => AckErrorKind::Unavailable,
            // Never *unavailable*: nobody goes on over what was changed.
            Self::Refused { .. } | Self::Broken { .. } => AckErrorKind::Refused,
            Self::Invalid { .. } => AckErrorKind::Invalid,
        }
    }

    /// The reason, printable, bounded and never empty.
    #[must_use]
    pub fn reason(&self) -> String {
        let (Self::Unavailable { reason }
        | Self::Refused { reason }
        | Self::Invalid { reason }
        | Self::Broken { reason }) = self;
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let text: String = reason.chars().take(REASON_MAX).map(printable).collect();
        match text.trim() {
            "" => "the engine gave no reason".to_owned(),
            text => text.to_owned(),
        }
    }
}

/// Why a call that owes no ack failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{domain} did not {operation} ({}): {}", error.kind(), error.reason())]
pub struct FacadeError {
    /// The domain that was asked.
    pub domain: Domain,
    /// What it was asked, a verb.
    pub operation: &'static str,
    /// What its engine said.
    pub error: EngineError,
}

/// What a facade makes of a duty: the record and the ack, for one commit.
#[derive(Debug, Clone, PartialEq)]
#[must_use]
pub struct Answer<R> {
    /// Travels in `ack.received` as `data.record`; present exactly when the ack
    /// is a SUCCESS.
    pub record: Option<R>,
    /// The domain's word.
    pub ack: DomainAck,
}

/// A record that an engine makes for a run.
pub trait Record: Serialize {
    /// Its id, the ack's `result_id`: 1 to 256 characters.
    fn id(&self) -> &str;
    /// The run that it is about.
    fn run_id(&self) -> &RunId;
}

/// Calls an engine; a panic is an answer too.
pub(crate) fn call<R>(work: impl FnOnce() -> Result<R, EngineError>) -> Result<R, EngineError> {
    // Unwind safe: what was borrowed is only read, and an engine that left its
    // own state in pieces finds its lock poisoned.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(EngineError::panicked()))
}

/// Calls an engine for something that owes no ack.
pub(crate) fn plain<R>(
    domain: Domain,
    operation: &'static str,
    work: impl FnOnce() -> Result<R, EngineError>,
) -> Result<R, FacadeError> {
    call(work).map_err(|error| FacadeError {
        domain,
        operation,
        error,
    })
}

/// Calls an engine for a duty and turns what it says into an answer.
pub(crate) fn answer<R: Record>(
    facts: &RunFacts<'_>,
    duty: Duty,
    work: impl FnOnce() -> Result<R, EngineError>,
) -> Answer<R> {
    let (run, epoch, now) = (facts.run, facts.epoch, facts.now);
    let success = call(work).and_then(|record| {
        if record.run_id() != run {
            return Err(EngineError::invalid(format!(
                "the engine answered for run {}",
                record.run_id()
            )));
        }
        let ack = DomainAck::success(run, epoch, duty.clone(), record.id(), now)
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        Ok((record, ack))
    });
    match success {
        Ok((record, ack)) => Answer {
            record: Some(record),
            ack,
        },
        Err(error) => Answer {
            record: None,
            ack: DomainAck::failed(run, epoch, duty, error.kind(), &error.reason(), now)
                .expect("a reason is never empty"),
        },
    }
}

#[cfg(test)]
mod tests;
