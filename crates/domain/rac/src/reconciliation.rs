//! The result of comparing expectations with acks.

use crate::duty::Duty;
use crate::expectation::AuditExpectation;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{AckErrorKind, ReconciliationStatus};
use serde::{Deserialize, Serialize};

/// Which expectations are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All but the sign of life, which cannot have come at the check yet.
    GovernanceCheck,
    /// All.
    Everything,
}

impl Scope {
    pub(crate) fn holds(self, expectation: &AuditExpectation) -> bool {
        self == Self::Everything || !expectation.liveness
    }
}

/// A duty that was answered with FAILED.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FailedDuty {
    /// The duty.
    pub duty: Duty,
    /// What kind of failure.
    pub kind: AckErrorKind,
    /// The domain's reason.
    pub error: String,
}

/// The two sides compared. Plain data: holding one proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reconciliation {
    /// COMPLETE, INCOMPLETE, STALE or DISABLED.
    pub status: ReconciliationStatus,
    /// How many duties were declared, in scope.
    pub expected: u32,
    /// How many of them were answered.
    pub acked: u32,
    /// Declared and not answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Duty>,
    /// Answered and not declared, or answered twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<Duty>,
    /// Answered with FAILED.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<FailedDuty>,
}

impl Reconciliation {
    /// The result where the audit contract is switched off.
    #[must_use]
    pub const fn disabled() -> Self {
        Self {
            status: ReconciliationStatus::Disabled,
            expected: 0,
            acked: 0,
            missing: Vec::new(),
            drift: Vec::new(),
            failed: Vec::new(),
        }
    }

    /// Nothing missing, unexpected, failed or stale.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.status == ReconciliationStatus::Complete
    }
}
