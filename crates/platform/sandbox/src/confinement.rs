//! What is asked for, and why it cannot be had: data, handed from the process
//! that starts to the one that becomes the program.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// How a process is to be confined. Relative paths are relative to its working
/// directory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confinement {
    /// Files and folders of the plan that may be read and executed.
    pub read: Vec<PathBuf>,
    /// Files and folders of the plan that may be changed too.
    pub write: Vec<PathBuf>,
    /// Files and folders of ours that may be read: the inputs.
    pub ours_read: Vec<PathBuf>,
    /// Folders of ours that may be changed: the attempt's own, the artifacts.
    pub ours_write: Vec<PathBuf>,
    /// No path of the plan may hold one of these: other attempts' files.
    pub hidden: Vec<PathBuf>,
    /// No path of the plan that may be changed may hold one of these: the
    /// record.
    pub kept: Vec<PathBuf>,
    /// Whom it may talk to.
    pub reach: Reach,
    /// What it may use.
    pub limits: Limits,
    /// Where a refusal is written; nowhere but to standard error without one.
    pub refusal: Option<PathBuf>,
}

/// Whom a process may talk to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reach {
    /// Nobody.
    #[default]
    Nobody,
    /// By TCP, and these ports alone.
    Ports {
        /// To which it may connect.
        connect: Vec<u16>,
        /// On which it may listen.
        bind: Vec<u16>,
    },
    /// Anybody.
    Anybody,
}

/// What a process may use; `None`: as much as before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Seconds of processor time, of each process.
    pub cpu_seconds: Option<u64>,
    /// Bytes of address space, of each process.
    pub memory: Option<u64>,
    /// Open files, of each process.
    pub open_files: Option<u64>,
    /// Processes and threads at once.
    pub processes: Option<u64>,
    /// Bytes of each file that is written.
    pub file_size: Option<u64>,
}

impl Confinement {
    /// As it is handed over.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("paths of rok are UTF-8, and all else is plain data")
    }
}

/// Why a program was not started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{reason}")]
pub struct Refusal {
    /// Whose fault it is.
    pub kind: RefusalKind,
    /// Why, and how to mend it.
    pub reason: String,
}

/// Whose fault a refusal is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalKind {
    /// The machine cannot do what is asked for.
    Machine,
    /// What is asked for is no sandbox: it holds what it must keep out.
    Order,
    /// A path or the program is not there, or not what it should be.
    Setup,
}

impl Refusal {
    pub(crate) fn machine(reason: impl Into<String>) -> Self {
        let (kind, reason) = (RefusalKind::Machine, reason.into());
        Self { kind, reason }
    }

    pub(crate) fn order(reason: impl Into<String>) -> Self {
        let (kind, reason) = (RefusalKind::Order, reason.into());
        Self { kind, reason }
    }

    pub(crate) fn setup(reason: impl Into<String>) -> Self {
        let (kind, reason) = (RefusalKind::Setup, reason.into());
        Self { kind, reason }
    }
}
