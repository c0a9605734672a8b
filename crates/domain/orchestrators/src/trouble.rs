//! Refusals of the domains below, as errors of orchestrators.

use rok_facades::registry::RegistryError;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_orchestration::{OrchestratorError, Trouble};
use rok_plan::PlanErrors;

/// The code of an id that another run has.
const TAKEN: &str = "ROK0116";

/// A refusal of the domain of runs.
pub(crate) fn of_runs(error: RunsError) -> OrchestratorError {
    let kind = error.kind;
    let trouble = Trouble {
        help: error.help,
        transient: kind == ErrorKind::Busy,
        ..Trouble::new(error.code, error.message)
    };
    match kind {
        ErrorKind::Usage => OrchestratorError::Config(trouble),
        ErrorKind::NotFound => OrchestratorError::Registry(trouble),
        ErrorKind::Protocol => OrchestratorError::Protocol(trouble),
        ErrorKind::Denied => OrchestratorError::Sandbox(trouble),
        ErrorKind::State | ErrorKind::Busy | ErrorKind::Storage => {
            OrchestratorError::Execution(trouble)
        }
    }
}

/// The same, of a run that is to have an id: a stage has its own word for that.
pub(crate) fn of_taken(mut error: RunsError) -> OrchestratorError {
    if error.code == TAKEN {
        let help = "take another --correlation-id, or leave it out";
        error.help = Some(help.to_owned());
    }
    of_runs(error)
}

/// A refusal of the registry.
pub(crate) fn of_registry(error: RegistryError) -> OrchestratorError {
    match error {
        RegistryError::Refused(error) => of_runs(error),
        manifests @ RegistryError::Manifests(_) => {
            let trouble = Trouble::new(manifests.code(), manifests.to_string());
            OrchestratorError::Registry(trouble.help("`rok registry validate` shows each place"))
        }
    }
}

/// Components that do not go together in one plan.
pub(crate) fn of_plan(errors: &PlanErrors) -> OrchestratorError {
    let faults = errors.faults.iter().map(|fault| match &fault.hint {
        Some(hint) => format!("{} ({hint})", fault.message),
        None => fault.message.clone(),
    });
    let faults: Vec<String> = faults.collect();
    let message = format!("the components make no plan: {}", faults.join("; "));
    OrchestratorError::Config(Trouble::new("ROK0222", message))
}

/// A request that makes no sense.
pub(crate) fn config(
    code: &'static str,
    message: impl Into<String>,
    help: impl Into<String>,
) -> OrchestratorError {
    OrchestratorError::Config(Trouble::new(code, message).help(help))
}
