//! How a profile judges a reconciliation: the table of the audit contract.

use crate::duty::Duty;
use crate::reconciliation::Reconciliation;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{AckErrorKind, Domain, Profile, ReconciliationStatus};

/// What a profile makes of a reconciliation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The run may go on.
    Acceptable {
        /// A domain was unavailable and the run goes on without it.
        degraded: bool,
        /// Unexpected answers need an incident of their own.
        drift_incident: bool,
    },
    /// The run must fail; the reasons, in the order missing, failed, drift.
    Refused {
        /// One fragment per fault, for people.
        reasons: Vec<String>,
    },
}

/// Judges a reconciliation.
///
/// | | STRICT | STANDARD | `OBSERVE_ONLY` |
/// | --- | --- | --- | --- |
/// | ack missing, or failed other than by `unavailable` | refused | refused | accepted |
/// | drift | refused | accepted, with an incident | accepted |
/// | failed by `unavailable`, incidents or logs | refused | accepted, degraded | accepted |
#[must_use]
pub fn judge(profile: Profile, result: &Reconciliation) -> Verdict {
    let clean = result.status == ReconciliationStatus::Disabled || result.is_clean();
    if clean || profile == Profile::ObserveOnly {
        return Verdict::Acceptable {
            degraded: false,
            drift_incident: false,
        };
    }
    let strict = profile == Profile::Strict;
    let mut reasons: Vec<String> = result
        .missing
        .iter()
        .map(|duty| alloc::format!("{duty} is missing"))
        .collect();
    let mut degraded = false;
    for failure in &result.failed {
        if !strict && tolerable(&failure.duty, failure.kind) {
            degraded = true;
        } else {
            reasons.push(alloc::format!(
                "{} failed ({}): {}",
                failure.duty,
                failure.kind,
                failure.error
            ));
        }
    }
    if strict {
        reasons.extend(
            result
                .drift
                .iter()
                .map(|duty| alloc::format!("{duty} was not expected, or answered twice")),
        );
    }
    if reasons.is_empty() {
        Verdict::Acceptable {
            degraded,
            drift_incident: !result.drift.is_empty(),
        }
    } else {
        Verdict::Refused { reasons }
    }
}

fn tolerable(duty: &Duty, kind: AckErrorKind) -> bool {
    kind == AckErrorKind::Unavailable && matches!(duty.domain(), Domain::Incidents | Domain::Logs)
}
