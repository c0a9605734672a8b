//! What came of one component.

use crate::finding::Finding;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of one component; `U` is what it hands on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ComponentResult<U = Value> {
    /// The component's name.
    pub component: String,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `tool`, `validator` or `test`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// The sha-256 of its manifest, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// How it ended.
    pub status: ResultStatus,
    /// It failed because it took too long.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub timed_out: bool,
    /// The class of its failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<String>,
    /// What it handed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<U>,
    /// What is wrong, with file and line where they are known. A failed
    /// component has one at least.
    pub errors: Vec<Finding>,
    /// What else there is to say.
    pub messages: Vec<String>,
    /// What it made.
    pub artifacts: Vec<ComponentArtifact>,
    /// How long its last attempt took.
    pub duration_ms: u64,
    /// How often it was tried; 0: it never ran.
    pub attempts: u32,
}

/// How a component ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ResultStatus {
    /// It succeeded.
    Pass,
    /// It succeeded, and there is something to look at.
    Warn,
    /// It did not run.
    Skip,
    /// It failed.
    Fail,
}

/// A file that a component made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct ComponentArtifact {
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
}

impl ResultStatus {
    /// The word in upper case, as people see it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Warn => "WARN",
            Self::Skip => "SKIP",
            Self::Fail => "FAIL",
        }
    }
}

impl<U> ComponentResult<U> {
    /// A result with nothing but its status.
    #[must_use]
    pub fn new(component: &str, status: ResultStatus) -> Self {
        Self {
            component: component.to_owned(),
            version: None,
            kind: None,
            fingerprint: None,
            status,
            timed_out: false,
            error_class: None,
            output: None,
            errors: Vec::new(),
            messages: Vec::new(),
            artifacts: Vec::new(),
            duration_ms: 0,
            attempts: 0,
        }
    }

    /// Adds something to say.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.messages.push(message.into());
        self
    }

    /// The word that people see: that of its status, or `TIME` where it failed
    /// by taking too long.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        if self.timed_out {
            "TIME"
        } else {
            self.status.word()
        }
    }
}
