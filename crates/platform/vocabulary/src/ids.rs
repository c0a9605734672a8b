//! Identifiers: newtypes with a typed parse error, cheap to clone.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A text that is no identifier of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: it must match {pattern}")]
pub struct IdError {
    /// What was expected, for example `run id`.
    pub what: &'static str,
    /// The text that was met, cut to 80 characters.
    pub text: String,
    /// The pattern that ids of this kind match.
    pub pattern: &'static str,
}

macro_rules! ids {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(Arc::from(text)))
                } else {
                    Err(IdError {
                        what: $what,
                        text: text.chars().take(80).collect::<String>().to_owned(),
                        pattern: $pattern,
                    })
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fn word(text: &str, max: usize, first: fn(u8) -> bool, rest: fn(u8) -> bool) -> bool {
    (1..=max).contains(&text.len()) && first(text.as_bytes()[0]) && text.bytes().all(rest)
}

fn step_word(text: &str) -> bool {
    word(
        text,
        128,
        |b| b.is_ascii_alphabetic() || b == b'_',
        |b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-',
    )
}

/// `id` or `id[i]`, i without leading zeros.
fn step_or_child(text: &str) -> bool {
    match text.split_once('[') {
        None => step_word(text),
        Some((id, rest)) => rest.strip_suffix(']').is_some_and(|index| {
            step_word(id)
                && (1..=9).contains(&index.len())
                && index.bytes().all(|b| b.is_ascii_digit())
                && (index.len() == 1 || !index.starts_with('0'))
        }),
    }
}

ids! {
    /// Identifies a run: the correlation key in every domain. Opaque, never a
    /// path; new ones are UUIDv7, so that they sort by time.
    ///
    /// It does not begin with a dot: a folder of runs has files of its own that do.
    RunId, "run id", "[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}", |text| word(
        text,
        64,
        |b| b != b'.',
        |b| b.is_ascii_alphanumeric() || b"._-".contains(&b),
    )
}

ids! {
    /// Identifies a batch; its runs are named after it, so that it is shorter
    /// than a run's id may be.
    BatchId, "batch id", "[A-Za-z0-9][A-Za-z0-9._-]{0,58}", |text| word(
        text,
        59,
        |b| b.is_ascii_alphanumeric(),
        |b| b.is_ascii_alphanumeric() || b"._-".contains(&b),
    )
}

ids! {
    /// Identifies an agent.
    AgentId, "agent id", "[A-Za-z0-9][A-Za-z0-9._-]{0,63}", |text| word(
        text,
        64,
        |b| b.is_ascii_alphanumeric(),
        |b| b.is_ascii_alphanumeric() || b"._-".contains(&b),
    )
}

impl AgentId {
    /// What this machine is called where it stands in for agents. No agent has
    /// that id.
    pub const THIS_MACHINE: &'static str = "localhost";

    /// Whether it is no agent, but this machine.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        self.as_str() == Self::THIS_MACHINE
    }
}

ids! {
    /// What an agent can do, in a word.
    Capability, "capability", "[a-z0-9][a-z0-9._:-]{0,63}", |text| word(
        text,
        64,
        |b| b.is_ascii_lowercase() || b.is_ascii_digit(),
        |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._:-".contains(&b),
    )
}

ids! {
    /// Identifies a plan.
    PlanId, "plan id", "[a-z0-9][a-z0-9-]{0,63}", |text| word(
        text,
        64,
        |b| b.is_ascii_lowercase() || b.is_ascii_digit(),
        |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-',
    )
}

ids! {
    /// Identifies a schedule.
    ScheduleId, "schedule id", "[a-z0-9][a-z0-9-]{0,63}", |text| word(
        text,
        64,
        |b| b.is_ascii_lowercase() || b.is_ascii_digit(),
        |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-',
    )
}

ids! {
    /// Names a component of a registry; fit to be the id of its step.
    ComponentName, "component name", "[a-z][a-z0-9_-]{0,63}", |text| word(
        text,
        64,
        |b| b.is_ascii_lowercase(),
        |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-',
    )
}

ids! {
    /// Identifies a step within its plan, or one child of a fan-out (`id[i]`).
    StepId, "step id", "[A-Za-z_][A-Za-z0-9_-]{0,127}, a fan-out's child `id[i]`", step_or_child
}

ids! {
    /// Names an input, a secret or an environment variable of a plan.
    InputName, "input name", "[A-Za-z_][A-Za-z0-9_]{0,127}", |text| word(
        text,
        128,
        |b| b.is_ascii_alphabetic() || b == b'_',
        |b| b.is_ascii_alphanumeric() || b == b'_',
    )
}

ids! {
    /// Identifies a command: the same command twice counts once.
    CommandId, "command id", "[A-Za-z0-9._-]{1,64}", |text| word(
        text,
        64,
        |_| true,
        |b| b.is_ascii_alphanumeric() || b"._-".contains(&b),
    )
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident($int:ty);)+) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $int);

        impl $name {
            /// The first one, 0.
            pub const FIRST: Self = Self(0);

            /// The one after this.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0 + 1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    )+ };
}

counters! {
    /// One attempt at a run, 0-based. A resume after a terminal failure starts
    /// the next epoch of the same run.
    Epoch(u32);
    /// One attempt at a step within an epoch, 0-based.
    Attempt(u32);
    /// An event's place in its run's log, 0-based and gap-free.
    Seq(u64);
}

/// One attempt of one step: what executors and logs are keyed by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StepRef {
    /// The run's epoch.
    pub epoch: Epoch,
    /// The step.
    pub step: StepId,
    /// The attempt at it.
    pub attempt: Attempt,
    /// Whether it is an attempt at the step's compensation: those are counted
    /// by themselves, over all epochs.
    pub compensates: bool,
}

/// `run_id/epoch/step_id`: the same for every attempt of a step, so that a
/// service that saw the first attempt can recognise the second.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// The key of a step in an epoch of a run.
    #[must_use]
    pub fn new(run: &RunId, epoch: Epoch, step: &StepId) -> Self {
        Self(alloc::format!("{run}/{epoch}/{step}"))
    }

    /// The key of the compensation of a step that succeeded in an epoch: the
    /// step's own, with `/compensate`.
    #[must_use]
    pub fn of_compensation(run: &RunId, epoch: Epoch, step: &StepId) -> Self {
        Self(alloc::format!("{run}/{epoch}/{step}/compensate"))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("run_abc", true)]
    #[case("0195f-7.x", true)]
    #[case("", false)]
    #[case(".", false)]
    #[case("..", false)]
    #[case(".tokens.json", false)]
    #[case("_a.b-", true)]
    #[case("a/b", false)]
    #[case("a b", false)]
    fn run_ids(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<RunId>().is_ok(), valid, "{text:?}");
    }

    #[rstest]
    #[case("per-region", true)]
    #[case("per-region[0]", true)]
    #[case("per-region[10]", true)]
    #[case("per-region[01]", false)]
    #[case("per-region[]", false)]
    #[case("per-region[0", false)]
    #[case("1st", false)]
    #[case("a.b", false)]
    fn step_ids(#[case] text: &str, #[case] valid: bool) {
        assert_eq!(text.parse::<StepId>().is_ok(), valid, "{text:?}");
    }

    #[test]
    fn a_long_bad_id_is_cut_in_the_error() {
        let error = "x y".repeat(400).parse::<PlanId>().unwrap_err();
        assert_eq!(error.text.chars().count(), 80);
    }
}
