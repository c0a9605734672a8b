//! What can go wrong with a run, from the point of view of the one who asks.

use std::fmt;

/// What kind of fault it is; decides the exit code and the HTTP status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request makes no sense: wrong flags, inputs, settings, an unknown
    /// or ambiguous run. Exit 2.
    Usage,
    /// A plan or step that does not exist. Exit 3.
    NotFound,
    /// The run is in no state for it. Exit 1.
    State,
    /// Another process drives the run. Exit 1.
    Busy,
    /// The log, the seal or a document is not what it claims to be. Exit 4.
    Protocol,
    /// A policy forbids it. Exit 5.
    Denied,
    /// The store or the operating system fails. Exit 1.
    Storage,
}

/// A typed refusal: what, where and how to mend it. Holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsError {
    /// Decides the exit code.
    pub kind: ErrorKind,
    /// The stable code of the error's page, `ROK0007`.
    pub code: &'static str,
    /// What is wrong, and where.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl RunsError {
    /// A refusal of a kind, with its page and a message.
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            help: None,
        }
    }

    /// Adds how to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for RunsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.message, self.code)?;
        match &self.help {
            Some(help) => write!(f, "\n  help: {help}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for RunsError {}
