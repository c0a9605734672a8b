//! Who caused an event.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Who caused an event: `runner`, `manual`, `user:NAME`, `agent:ID` or
/// `schedule:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Actor {
    /// rok itself.
    Runner,
    /// A person whose name is not known.
    Manual,
    /// A person or service account by name.
    User(Arc<str>),
    /// A remote agent.
    Agent(Arc<str>),
    /// A schedule.
    Schedule(Arc<str>),
}

/// A text that names no actor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no actor: use runner, manual, user:NAME, agent:ID or schedule:NAME, names of 1 to 128 printable characters"
)]
pub struct ActorError {
    /// The text that was met.
    pub text: String,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Runner => f.write_str("runner"),
            Self::Manual => f.write_str("manual"),
            Self::User(name) => write!(f, "user:{name}"),
            Self::Agent(id) => write!(f, "agent:{id}"),
            Self::Schedule(name) => write!(f, "schedule:{name}"),
        }
    }
}

impl FromStr for Actor {
    type Err = ActorError;
    fn from_str(text: &str) -> Result<Self, ActorError> {
        let error = || ActorError {
            text: text.chars().take(80).collect(),
        };
        let name = |name: &str| {
            let printable = name.chars().all(|c| !c.is_control());
            if printable && (1..=128).contains(&name.chars().count()) {
                Ok(Arc::from(name))
            } else {
                Err(error())
            }
        };
        match text.split_once(':') {
            None if text == "runner" => Ok(Self::Runner),
            None if text == "manual" => Ok(Self::Manual),
            Some(("user", rest)) => name(rest).map(Self::User),
            Some(("agent", rest)) => name(rest).map(Self::Agent),
            Some(("schedule", rest)) => name(rest).map(Self::Schedule),
            _ => Err(error()),
        }
    }
}

impl Serialize for Actor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Actor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = alloc::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use rstest::rstest;

    #[rstest]
    #[case("runner")]
    #[case("manual")]
    #[case("user:ada")]
    #[case("agent:a-1")]
    #[case("schedule:nightly")]
    fn actors_print_as_they_parse(#[case] text: &str) {
        assert_eq!(text.parse::<Actor>().unwrap().to_string(), text);
    }

    #[rstest]
    #[case("")]
    #[case("root")]
    #[case("user:")]
    #[case("user:a\nb")]
    #[case("robot:x")]
    fn no_actors(#[case] text: &str) {
        assert!(text.parse::<Actor>().is_err());
    }
}
