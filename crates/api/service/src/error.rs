//! What a use case refuses, and as what: code, kind, message, help.

use crate::tokens::TokenError;
use rok_config::{ConfigErrors, ConfigFault};
use rok_facades::registry::RegistryError;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_orchestration::OrchestratorError;
use rok_plan::{Fault, PlanErrors};
use rok_plan_import::ImportError;
use serde::Serialize;
use std::path::PathBuf;

/// A use case that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The domain of runs refuses.
    #[error("{}", .0.message)]
    Runs(RunsError),
    /// The settings are wrong.
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    /// The plan has faults.
    #[error(transparent)]
    Plan(Box<PlanErrors>),
    /// A schedule file has faults.
    #[error(transparent)]
    Schedule(Box<PlanErrors>),
    /// Manifests of components have faults.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Manifests(Vec<PlanErrors>),
    /// There is no such plan.
    #[error("no plan file at {name}")]
    NoPlan {
        /// The name as given.
        name: String,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// There is neither a plan nor a run of this name.
    #[error("neither a plan nor a run: {name}")]
    NothingToDraw {
        /// The name as given.
        name: String,
        /// What may be meant.
        nearest: Option<String>,
    },
    /// A plan file cannot be read.
    #[error("cannot read the plan file {}: {why}", .file.display())]
    PlanUnreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// A file with inputs has faults.
    #[error(transparent)]
    Inputs(Box<PlanErrors>),
    /// A file with inputs cannot be read.
    #[error("{}: {why}", .file.display())]
    InputsUnreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// A workflow cannot be carried over.
    #[error(transparent)]
    Import(Box<ImportError>),
    /// An orchestrator refuses.
    #[error("{}", .0.trouble().message)]
    Orchestrator(OrchestratorError),
    /// A hook that is somebody else's.
    #[error("{} is not of rok, or was changed", .file.display())]
    ForeignHook {
        /// The hook.
        file: PathBuf,
        /// What to do.
        help: &'static str,
    },
    /// An id, a name or a time that is none.
    #[error("{what}")]
    BadName {
        /// What is wrong, and what is right.
        what: String,
    },
    /// A key that cannot be read, written or used.
    #[error("{what}")]
    Key {
        /// What is wrong, with the file's name.
        what: String,
    },
    /// A checkpoint that is none, or does not continue what was seen.
    #[error("{what}")]
    Checkpoint {
        /// What is wrong, with the file's name.
        what: String,
        /// What to do about it.
        help: &'static str,
    },
    /// A file with a checkpoint cannot be read.
    #[error("cannot read checkpoint {}: {why}", .file.display())]
    CheckpointUnreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        why: String,
    },
    /// Part of the interface that comes later.
    #[error("{what} is not supported yet")]
    NotSupported {
        /// What was asked for.
        what: String,
        /// What to do instead.
        instead: &'static str,
    },
    /// Tokens cannot be read, written or made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// A server cannot be started so.
    #[error("{what}")]
    Server {
        /// What is wrong.
        what: String,
        /// How to mend it.
        help: String,
    },
    /// No error has this code.
    #[error("no error has the code {code}")]
    UnknownCode {
        /// The code as given.
        code: String,
    },
    /// The result cannot be written.
    #[error("cannot write the result: {why}")]
    Output {
        /// What the operating system says.
        why: String,
    },
    /// There is no test to run: a test run without tests proves nothing.
    #[error("{what}")]
    NoTests {
        /// What was looked for, and where.
        what: String,
    },
    /// The current folder is gone.
    #[error("cannot tell the current folder: {why}")]
    NoFolder {
        /// What the operating system says.
        why: String,
    },
}

/// One refusal as it is shown: most errors are one, wrong settings are many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The code of its page.
    pub code: &'static str,
    /// What is wrong, and where.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl From<RunsError> for ServiceError {
    fn from(error: RunsError) -> Self {
        Self::Runs(error)
    }
}

impl From<RegistryError> for ServiceError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::Refused(error) => Self::Runs(error),
            RegistryError::Manifests(files) => Self::Manifests(files),
        }
    }
}

impl From<PlanErrors> for ServiceError {
    fn from(errors: PlanErrors) -> Self {
        Self::Plan(Box::new(errors))
    }
}

impl ServiceError {
    /// The kind of fault; decides the exit code and the HTTP status.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Runs(error) => error.kind,
            Self::Orchestrator(error) => match error {
                OrchestratorError::Config(_) => ErrorKind::Usage,
                OrchestratorError::Registry(_) => ErrorKind::NotFound,
                OrchestratorError::Protocol(_) => ErrorKind::Protocol,
                OrchestratorError::Sandbox(_) => ErrorKind::Denied,
                OrchestratorError::Execution(_) | OrchestratorError::Timeout(_) => ErrorKind::State,
            },
            Self::NoPlan { .. } | Self::NothingToDraw { .. } | Self::Manifests(_) => {
                ErrorKind::NotFound
            }
            Self::Checkpoint { .. } => ErrorKind::Protocol,
            Self::Output { .. } | Self::NoFolder { .. } => ErrorKind::Storage,
            Self::Config(_)
            | Self::Plan(_)
            | Self::Schedule(_)
            | Self::PlanUnreadable { .. }
            | Self::Import(_)
            | Self::Inputs(_)
            | Self::InputsUnreadable { .. }
            | Self::CheckpointUnreadable { .. }
            | Self::ForeignHook { .. }
            | Self::BadName { .. }
            | Self::Key { .. }
            | Self::Token(_)
            | Self::Server { .. }
            | Self::NoTests { .. }
            | Self::NotSupported { .. }
            | Self::UnknownCode { .. } => ErrorKind::Usage,
        }
    }

    /// Every refusal in it, with its code.
    #[must_use]
    pub fn problems(&self) -> Vec<Problem> {
        match self {
            Self::Config(errors) => errors.faults.iter().map(of_config).collect(),
            Self::Plan(errors) | Self::Inputs(errors) | Self::Schedule(errors) => {
                let code = self.code();
                errors
                    .faults
                    .iter()
                    .map(|f| of_file(code, errors, f))
                    .collect()
            }
            Self::Manifests(files) => {
                let code = self.code();
                let faults = files.iter();
                faults
                    .flat_map(|errors| errors.faults.iter().map(move |f| of_file(code, errors, f)))
                    .collect()
            }
            Self::Import(error) => of_import(error),
            _ => vec![Problem {
                code: self.code(),
                message: self.to_string(),
                help: self.help(),
            }],
        }
    }

    /// Whether no run has the name that was given.
    pub(crate) fn is_unknown_run(&self) -> bool {
        matches!(self, Self::Runs(error) if error.code == "ROK0101")
    }

    /// The code of its page; of many refusals, the first one's.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Runs(error) => error.code,
            Self::Orchestrator(error) => error.trouble().code,
            Self::ForeignHook { .. } => "ROK0225",
            Self::Plan(_) => "ROK0001",
            Self::Schedule(_) => "ROK0181",
            Self::Manifests(_) => "ROK0231",
            Self::NoPlan { .. } | Self::NothingToDraw { .. } => "ROK0002",
            Self::PlanUnreadable { .. } => "ROK0003",
            Self::BadName { .. } => "ROK0005",
            Self::Inputs(_) | Self::InputsUnreadable { .. } => "ROK0006",
            Self::Config(errors) => errors.faults.first().map_or("ROK0007", code_of_config),
            Self::NotSupported { .. } => "ROK0010",
            Self::UnknownCode { .. } => "ROK0011",
            Self::Import(_) => "ROK0014",
            Self::Output { .. } | Self::NoFolder { .. } => "ROK0012",
            Self::Key { .. } => "ROK0140",
            Self::NoTests { .. } => "ROK0013",
            Self::Checkpoint { .. } | Self::CheckpointUnreadable { .. } => "ROK0142",
            Self::Server { .. } => "ROK0211",
            Self::Token(_) => "ROK0212",
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Runs(error) => error.help.clone(),
            Self::Orchestrator(error) => error.trouble().help.clone(),
            Self::ForeignHook { help, .. } | Self::Checkpoint { help, .. } => {
                Some((*help).to_owned())
            }
            Self::NoPlan { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`rok plan list` shows the plans that are here".to_owned(),
            }),
            Self::NothingToDraw { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean {nearest}?"),
                None => {
                    "`rok plan list` shows the plans that are here, `rok ls` the runs".to_owned()
                }
            }),
            Self::CheckpointUnreadable { .. } => {
                Some("`rok checkpoint RUN -o FILE` writes one".to_owned())
            }
            Self::Server { help, .. } => Some(help.clone()),
            Self::Token(TokenError::Unknown(_)) => {
                Some("`rok token list` shows the tokens that there are".to_owned())
            }
            Self::Token(TokenError::File { .. }) => Some(
                "put the file back from a copy, or move it away and make tokens anew by `rok token create`"
                    .to_owned(),
            ),
            Self::NotSupported { instead, .. } => Some((*instead).to_owned()),
            Self::Key { .. } => Some(
                "`rok key new --out FILE` makes a key; `rok key show FILE` tells what a file holds"
                    .to_owned(),
            ),
            Self::NoTests { .. } => Some(
                "name a file, or a folder with *.plantest.yaml; docs/plan-test.md tells how to write one".to_owned(),
            ),
            Self::UnknownCode { .. } => Some("`rok help errors` lists them".to_owned()),
            _ => None,
        }
    }
}

const fn code_of_config(fault: &ConfigFault) -> &'static str {
    match fault {
        ConfigFault::UnknownKey { .. } | ConfigFault::UnknownVariable { .. } => "ROK0007",
        ConfigFault::BadValue { .. } | ConfigFault::Twice { .. } | ConfigFault::NoUser => "ROK0008",
        ConfigFault::Syntax { .. } | ConfigFault::Unreadable { .. } => "ROK0009",
        ConfigFault::Contradiction { .. } => "ROK0117",
    }
}

fn of_file(code: &'static str, errors: &PlanErrors, fault: &Fault) -> Problem {
    let (file, line, column) = (&errors.file, fault.line, fault.column);
    Problem {
        code,
        message: format!("{file}:{line}:{column}: {}", fault.message),
        help: fault.hint.clone(),
    }
}

fn of_import(error: &ImportError) -> Vec<Problem> {
    let problem = |message, help| Problem {
        code: "ROK0014",
        message,
        help,
    };
    let refusals = error.refusals.iter().map(|refusal| {
        let place = match refusal.place.as_str() {
            "" => error.file.clone(),
            place => format!("{}:{place}", error.file),
        };
        problem(format!("{place}: {}", refusal.what), refusal.hint.clone())
    });
    let more = (error.omitted > 0)
        .then(|| problem(format!("{}: and {} more", error.file, error.omitted), None));
    refusals.chain(more).collect()
}

fn of_config(fault: &ConfigFault) -> Problem {
    Problem {
        code: code_of_config(fault),
        message: fault.to_string(),
        help: None,
    }
}
