//! The circuit breaker of a component: one that keeps failing for reasons of
//! its surroundings is not started for a while; then one attempt tries it out.
//!
//! ```text
//!            n transient failures in a row           cool-down is over
//!  CLOSED ────────────────────────────▶ OPEN ───────────────────────▶ HALF_OPEN
//!    ▲                                   ▲    the trial fails: twice    │    │
//!    │                                   └──── the cool-down ───────────┘    │
//!    └────────────────── the trial answers ──────────────────────────────────┘
//! ```

use alloc::string::{String, ToString};
use core::time::Duration;
use rok_vocabulary::{ErrorClass, Timestamp};
use serde::{Deserialize, Serialize};

/// When a breaker opens, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerRules {
    /// So many transient failures in a row open it.
    pub threshold: u32,
    /// How long it is open the first time; each failed trial doubles it.
    pub cool_down: Duration,
    /// The longest time that it is open.
    pub max_cool_down: Duration,
    /// How long a trial may go unanswered before the next is let in: whoever
    /// began it may be gone.
    pub trial: Duration,
}

impl Default for BreakerRules {
    fn default() -> Self {
        Self {
            threshold: 5,
            cool_down: Duration::from_secs(60),
            max_cool_down: Duration::from_secs(60 * 60),
            trial: Duration::from_secs(15 * 60),
        }
    }
}

/// A component's breaker.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaker {
    /// How it stands.
    pub state: BreakerState,
    /// Transient failures in a row.
    pub failures: u32,
    /// The last failure, as it was told.
    pub last: Option<(Timestamp, ErrorClass)>,
    /// Who tries it out, of a half-open one, where that is known.
    pub by: Option<String>,
}

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BreakerState {
    /// Everything is let in.
    #[default]
    Closed,
    /// Nothing is let in.
    Open {
        /// Since when.
        since: Timestamp,
        /// Until when.
        until: Timestamp,
    },
    /// One attempt is let in, to try it out.
    HalfOpen {
        /// Since when.
        since: Timestamp,
        /// When the next is let in, if nothing is heard of this one.
        until: Timestamp,
        /// How long it had been open.
        was: Duration,
    },
}

impl BreakerState {
    /// The state's word.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::HalfOpen { .. } => "half_open",
        }
    }
}

/// Whether a component may be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Go,
    /// It may, and what comes of it decides.
    Trial,
    /// It may not.
    Refused {
        /// Until then.
        until: Timestamp,
    },
    /// It may not: another attempt tries it out.
    OnTrial {
        /// Whose, where that is known.
        by: Option<String>,
        /// Since when.
        since: Timestamp,
        /// When the next is let in, if nothing is heard of that one.
        until: Timestamp,
    },
}

/// What came of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Succeeded,
    /// It failed.
    Failed(ErrorClass),
}

impl Breaker {
    /// Asks for admission. Whoever is let in reports by
    /// [`record`](Self::record).
    #[must_use]
    pub fn admit(&self, now: Timestamp, rules: &BreakerRules) -> (Admission, Self) {
        self.ask(now, rules, None, |_, _| false)
    }

    /// The same for one that can be named. A trial whose owner `is_gone`, as
    /// is told of who and since when, makes room for the next at once.
    #[must_use]
    pub fn admit_by(
        &self,
        by: &str,
        is_gone: impl FnOnce(&str, Timestamp) -> bool,
        now: Timestamp,
        rules: &BreakerRules,
    ) -> (Admission, Self) {
        self.ask(now, rules, Some(by), is_gone)
    }

    fn ask(
        &self,
        now: Timestamp,
        rules: &BreakerRules,
        by: Option<&str>,
        is_gone: impl FnOnce(&str, Timestamp) -> bool,
    ) -> (Admission, Self) {
        let was = match self.state {
            BreakerState::Closed => return (Admission::Go, self.clone()),
            BreakerState::Open { until, .. } if now < until => {
                return (Admission::Refused { until }, self.clone());
            }
            BreakerState::Open { since, until } => until.since(since),
            BreakerState::HalfOpen { since, until, was } => {
                let gone = || self.by.as_deref().is_some_and(|by| is_gone(by, since));
                if now < until && !gone() {
                    let by = self.by.clone();
                    return (Admission::OnTrial { by, since, until }, self.clone());
                }
                was
            }
        };
        let state = BreakerState::HalfOpen {
            since: now,
            until: now.after(rules.trial),
            was,
        };
        let next = Self {
            state,
            by: by.map(ToString::to_string),
            ..self.clone()
        };
        (Admission::Trial, next)
    }

    /// Takes in what came of an attempt.
    ///
    /// A failure that speaks of the component's work (a validation that says
    /// no, for one) is an answer like any other: it closes the breaker.
    #[must_use]
    pub fn record(&self, now: Timestamp, outcome: Outcome, rules: &BreakerRules) -> Self {
        let class = match outcome {
            Outcome::Succeeded => return Self::default(),
            Outcome::Failed(class) => class,
        };
        if !counts(class) {
            // Nothing was heard of the component itself.
            if matches!(class, ErrorClass::Cancelled | ErrorClass::Internal) {
                return self.clone();
            }
            return Self::default();
        }
        let failures = self.failures.saturating_add(1);
        let open = |length: Duration| BreakerState::Open {
            since: now,
            until: now.after(length.min(rules.max_cool_down)),
        };
        let state = match self.state {
            BreakerState::Closed if failures < rules.threshold => BreakerState::Closed,
            BreakerState::Closed => open(rules.cool_down),
            BreakerState::HalfOpen { was, .. } => open(was.saturating_mul(2)),
            // One that was let in before it opened: it was refused already.
            still @ BreakerState::Open { .. } => still,
        };
        Self {
            state,
            failures,
            last: Some((now, class)),
            by: None,
        }
    }
}

/// Whether a failure speaks of the surroundings, and may pass.
const fn counts(class: ErrorClass) -> bool {
    matches!(
        class,
        ErrorClass::TransientIo | ErrorClass::Timeout | ErrorClass::WorkerLost
    )
}

/// A breaker's state that cannot be read. It counts as open: nobody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the breaker's state cannot be read: {why}")]
pub struct BreakerError {
    /// What is wrong with it.
    pub why: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    was_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<String>,
    failures: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_class: Option<ErrorClass>,
}

impl Breaker {
    /// The state as it is stored, JSON.
    #[must_use]
    pub fn to_text(&self) -> String {
        let (since, until, was_ms) = match self.state {
            BreakerState::Closed => (None, None, None),
            BreakerState::Open { since, until } => (Some(since), Some(until), None),
            BreakerState::HalfOpen { since, until, was } => {
                let was = u64::try_from(was.as_millis()).unwrap_or(u64::MAX);
                (Some(since), Some(until), Some(was))
            }
        };
        let stored = Stored {
            state: self.state.as_str().to_string(),
            since,
            until,
            was_ms,
            by: self.by.clone(),
            failures: self.failures,
            last_at: self.last.map(|(at, _)| at),
            last_class: self.last.map(|(_, class)| class),
        };
        serde_json::to_string(&stored).expect("texts and numbers are JSON")
    }

    /// Reads a stored state.
    pub fn parse(bytes: &[u8]) -> Result<Self, BreakerError> {
        let wrong = |why: &str| BreakerError {
            why: why.to_string(),
        };
        let stored: Stored =
            serde_json::from_slice(bytes).map_err(|error| wrong(&error.to_string()))?;
        let state = match (
            stored.state.as_str(),
            stored.since,
            stored.until,
            stored.was_ms,
        ) {
            ("closed", None, None, None) => BreakerState::Closed,
            ("open", Some(since), Some(until), None) => BreakerState::Open { since, until },
            ("half_open", Some(since), Some(until), Some(was)) => BreakerState::HalfOpen {
                since,
                until,
                was: Duration::from_millis(was),
            },
            _ => return Err(wrong("its state and its times do not belong together")),
        };
        let half = matches!(state, BreakerState::HalfOpen { .. });
        if stored.by.is_some() && !half {
            return Err(wrong("nobody tries out one that is not half open"));
        }
        let last = match (stored.last_at, stored.last_class) {
            (None, None) => None,
            (Some(at), Some(class)) => Some((at, class)),
            _ => return Err(wrong("its last failure is told by half")),
        };
        Ok(Self {
            state,
            failures: stored.failures,
            last,
            by: stored.by,
        })
    }
}

#[cfg(test)]
mod tests;
