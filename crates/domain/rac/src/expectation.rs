//! Expectations: duties with a deadline.

use crate::duty::Duty;
use core::time::Duration;
use rok_vocabulary::{Epoch, ExpectationStatus, RunId, RunPhase, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// When a duty is due, in the run's active time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// From entering this phase; `None`: from the expectation's creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    phase: Option<RunPhase>,
    after_ms: u64,
}

impl Deadline {
    /// Due `after` the expectation's creation.
    #[must_use]
    pub fn after(after: Duration) -> Self {
        Self {
            phase: None,
            after_ms: millis(after),
        }
    }

    /// Due `after` the run enters `phase`; without a clock until then.
    #[must_use]
    pub fn after_entering(phase: RunPhase, after: Duration) -> Self {
        Self {
            phase: Some(phase),
            after_ms: millis(after),
        }
    }

    /// The phase that starts the clock; `None`: creation starts it.
    #[must_use]
    pub const fn phase(self) -> Option<RunPhase> {
        self.phase
    }

    /// The time allowed once the clock runs.
    #[must_use]
    pub const fn allowed(self) -> Duration {
        Duration::from_millis(self.after_ms)
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is about to be declared: a duty with its deadline. There is no way to
/// construct one without a deadline.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    pub(crate) duty: Duty,
    pub(crate) deadline: Deadline,
    pub(crate) liveness: bool,
    pub(crate) metadata: Value,
}

impl Expected {
    /// A duty that is due at a deadline.
    #[must_use]
    pub fn new(duty: Duty, deadline: Deadline) -> Self {
        Self {
            duty,
            deadline,
            liveness: false,
            metadata: Value::Null,
        }
    }

    /// Marks the duty as the sign of life of the run: left out of the
    /// governance check, and the run is STALE when it is late.
    #[must_use]
    pub fn liveness(mut self) -> Self {
        self.liveness = true;
        self
    }

    /// Adds what the domain should know.
    #[must_use]
    pub fn with_metadata(mut self, metadata: Value) -> Self {
        self.metadata = metadata;
        self
    }

    /// The duty.
    #[must_use]
    pub fn duty(&self) -> &Duty {
        &self.duty
    }

    /// Its deadline.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Whether it is the run's sign of life.
    #[must_use]
    pub fn is_liveness(&self) -> bool {
        self.liveness
    }

    /// What the domain should know; null when nothing.
    #[must_use]
    pub fn metadata(&self) -> &Value {
        &self.metadata
    }
}

/// A declared duty and what has become of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AuditExpectation {
    /// `domain/action[/key]`: unique within the epoch.
    pub id: Duty,
    /// The run that is owed.
    pub run_id: RunId,
    /// The epoch that is owed.
    pub epoch: Epoch,
    /// When it is due, relative.
    pub deadline: Deadline,
    /// When it is due on the run's active clock, once that is known.
    #[serde(rename = "deadline_ms")]
    pub due: Option<Timestamp>,
    /// Whether it is the run's sign of life.
    pub liveness: bool,
    /// What has become of it.
    pub status: ExpectationStatus,
    /// When it was declared.
    pub created_at: Timestamp,
    /// When it was answered.
    pub acked_at: Option<Timestamp>,
    /// What the domain should know; null when nothing.
    pub metadata: Value,
}
