//! How far a delivery is: a cell beside its row.

use rok_vocabulary::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The cells that say how far each delivery is, by the key of its row.
pub const DELIVERIES: &str = "deliveries";

/// So many attempts take about 18 hours.
pub const MAX_ATTEMPTS: u32 = 27;

/// How far a delivery is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event's id.
    pub id: String,
    /// Where it stands.
    pub standing: Standing,
    /// Attempts that were begun.
    pub attempts: u32,
    /// When it is tried again; when it ended.
    pub at: Timestamp,
    /// What the last attempt came to, if that was no success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Whether another attempt may do better; absent after a success.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
}

/// What kind of failure an attempt came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// It may go better: nobody answered, or whoever did was busy.
    Transient,
    /// It was refused for good: the same again would be refused again.
    Permanent,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) class: FailureClass,
    pub(crate) why: String,
}

impl Failure {
    /// The same again would come to the same.
    pub(crate) fn permanent(why: impl Into<String>) -> Self {
        let (class, why) = (FailureClass::Permanent, why.into());
        Self { class, why }
    }
}

impl From<String> for Failure {
    fn from(why: String) -> Self {
        let class = FailureClass::Transient;
        Self { class, why }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// It is tried, or waits for another try.
    Open,
    /// It was taken.
    Delivered,
    /// It was refused for good, or tried often enough.
    GivenUp,
}

/// How long to wait after so many attempts: 5 s, doubled each time, an hour at
/// most.
#[must_use]
pub fn backoff(attempts: u32) -> Duration {
    let doubled = 1_u64 << attempts.saturating_sub(1).min(10);
    Duration::from_secs((5 * doubled).min(3_600))
}
