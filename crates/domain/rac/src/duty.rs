//! A duty: one action that one domain owes the run.

use alloc::borrow::{Cow, ToOwned};
use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::Domain;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What is to be done: one of the standard actions, or one that a plan names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action(Cow<'static, str>);

impl Action {
    /// The action's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// One action of one domain; `key` tells several of one action apart.
///
/// Its text is `domain/action` or `domain/action/key`, and is the id of the
/// expectation that declares it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Duty {
    domain: Domain,
    action: Action,
    key: Option<String>,
}

/// A text that names no duty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` names no duty: write domain/action or domain/action/key, words of [a-z0-9_-], key without control characters"
)]
pub struct DutyError {
    /// The text that was met, cut to 120 characters.
    pub text: String,
}

impl Duty {
    /// `logs/start_trace`, owed by the trace facade.
    pub const START_TRACE: Self = Self::standard(Domain::Logs, "start_trace");
    /// `policies/evaluate_policy`, owed by the governance facade.
    pub const EVALUATE_POLICY: Self = Self::standard(Domain::Policies, "evaluate_policy");
    /// `incidents/create_incident`, owed by the incident facade.
    pub const CREATE_INCIDENT: Self = Self::standard(Domain::Incidents, "create_incident");
    /// `logs/complete_trace`, owed by the trace facade.
    pub const COMPLETE_TRACE: Self = Self::standard(Domain::Logs, "complete_trace");
    /// `orchestrator/finalize_run`, owed by the kernel; the liveness duty.
    pub const FINALIZE_RUN: Self = Self::standard(Domain::Orchestrator, "finalize_run");

    const fn standard(domain: Domain, action: &'static str) -> Self {
        Self {
            domain,
            action: Action(Cow::Borrowed(action)),
            key: None,
        }
    }

    /// A duty of a named domain and action.
    pub fn new(domain: Domain, action: &str, key: Option<&str>) -> Result<Self, DutyError> {
        let error = || DutyError {
            text: alloc::format!("{domain}/{action}/{}", key.unwrap_or(""))
                .chars()
                .take(120)
                .collect(),
        };
        let word = (1..=64).contains(&action.len())
            && action
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        let key_fits = key
            .is_none_or(|key| (1..=256).contains(&key.len()) && !key.chars().any(char::is_control));
        if !word || !key_fits {
            return Err(error());
        }
        Ok(Self {
            domain,
            action: Action(Cow::Owned(action.to_owned())),
            key: key.map(ToOwned::to_owned),
        })
    }

    /// The duty with a key, for several of one action.
    pub fn keyed(self, key: &str) -> Result<Self, DutyError> {
        Self::new(self.domain, self.action.as_str(), Some(key))
    }

    /// Who owes it.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// What is owed.
    #[must_use]
    pub fn action(&self) -> &Action {
        &self.action
    }

    /// The text of a standard duty, which is nearly every one.
    fn standard_text(&self) -> Option<&'static str> {
        if self.key.is_some() {
            return None;
        }
        Some(match (&self.domain, self.action.as_str()) {
            (Domain::Logs, "start_trace") => "logs/start_trace",
            (Domain::Policies, "evaluate_policy") => "policies/evaluate_policy",
            (Domain::Incidents, "create_incident") => "incidents/create_incident",
            (Domain::Logs, "complete_trace") => "logs/complete_trace",
            (Domain::Orchestrator, "finalize_run") => "orchestrator/finalize_run",
            _ => return None,
        })
    }

    /// Its text; borrowed where it is a standard one.
    #[must_use]
    pub fn text(&self) -> Cow<'static, str> {
        match self.standard_text() {
            Some(text) => Cow::Borrowed(text),
            None => Cow::Owned(self.to_string()),
        }
    }

    /// Which of several.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(text) = self.standard_text() {
            return f.write_str(text);
        }
        write!(f, "{}/{}", self.domain, self.action)?;
        match &self.key {
            Some(key) => write!(f, "/{key}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Duty {
    type Err = DutyError;
    fn from_str(text: &str) -> Result<Self, DutyError> {
        match text {
            "logs/start_trace" => return Ok(Self::START_TRACE),
            "policies/evaluate_policy" => return Ok(Self::EVALUATE_POLICY),
            "incidents/create_incident" => return Ok(Self::CREATE_INCIDENT),
            "logs/complete_trace" => return Ok(Self::COMPLETE_TRACE),
            "orchestrator/finalize_run" => return Ok(Self::FINALIZE_RUN),
            _ => {}
        }
        let error = || DutyError {
            text: text.chars().take(120).collect(),
        };
        let mut parts = text.splitn(3, '/');
        let domain = parts
            .next()
            .and_then(|word| word.parse().ok())
            .ok_or_else(error)?;
        let action = parts.next().ok_or_else(error)?;
        Self::new(domain, action, parts.next())
    }
}

#[cfg(feature = "schema")]
impl schemars::JsonSchema for Duty {
    fn schema_name() -> Cow<'static, str> {
        "Duty".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "domain/action or domain/action/key",
        })
    }
}

impl Serialize for Duty {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.standard_text() {
            Some(text) => serializer.serialize_str(text),
            None => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Duty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
