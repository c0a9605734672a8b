//! What is asked of an orchestrator.

use crate::error::{OrchestratorError, Trouble};
use crate::mode::ExecutionMode;
use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use rok_vocabulary::{Actor, RunId};
use serde::{Deserialize, Serialize};

/// The stage whose components are named one by one.
pub const PIPELINE: &str = "pipeline";

/// The stage that takes an action.
const REGISTRY: &str = "registry";

/// What is asked of an orchestrator.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExecutionContext {
    /// The stage: `pre-commit`, `ci`, `test`, `pipeline`, `registry`, or one of
    /// an orchestrator of yours.
    pub stage: String,
    /// Only components with all of these tags.
    pub tags: Vec<String>,
    /// Further filters, each `key=value` or several with commas between:
    /// `type=validator,lifecycle=canary`.
    pub filters: Vec<String>,
    /// Only components whose names one of these patterns matches.
    pub names: Vec<String>,
    /// The components of a pipeline, in order.
    pub chain: Vec<String>,
    /// How they are carried out.
    pub mode: ExecutionMode,
    /// The same as the mode `dry-run`, whatever `mode` says.
    pub dry_run: bool,
    /// The name of the formatter that the report is for; a formatter's affair.
    pub format: String,
    /// How long all of it may take.
    pub timeout: Option<Duration>,
    /// The key of the run in every domain, where one is chosen.
    pub correlation_id: Option<String>,
    /// What all of it may use up, by the plan's names: `max_cost_usd`,
    /// `max_energy_kwh`, `max_steps`, `max_time` …
    pub budget: BTreeMap<String, serde_json::Value>,
    /// Policy files on top of the configured ones.
    pub policies: Vec<String>,
    /// Who asks, where it is not the user of the orchestrators: runs are
    /// submitted, and policies asked, in their name.
    pub caller: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
    /// The files that it is about.
    pub files: FileScope,
    /// Whether drafts take part.
    pub allow_draft: bool,
    /// Inputs of components, as text, read by their declared types.
    pub inputs: Vec<(String, String)>,
    /// A file with secret values, besides the environment.
    pub secrets_file: Option<String>,
    /// Whether `partial` is a failure.
    pub strict: bool,
    /// What is replayed, in that mode.
    pub replay: Option<Replay>,
    /// What the registry is asked, in that stage.
    pub action: Option<RegistryAction>,
}

/// The files that a stage is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FileScope {
    /// What the orchestrator takes by default.
    #[default]
    Default,
    /// Everything: no component is left out for its files.
    All,
    /// What is staged for the next commit.
    Staged,
    /// These.
    Listed(Vec<String>),
}

/// A run that is executed anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replay {
    /// The run, by whatever names it.
    pub run: String,
    /// The component from which on it is executed; `None`: all of it.
    pub from: Option<String>,
}

/// What a registry is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryAction {
    /// Which components there are.
    List,
    /// Whether each of them is valid, and the lock holds.
    Validate,
    /// All about one.
    Inspect(String),
    /// Take in the manifest in this file.
    Add(String),
    /// Take one out.
    Remove(String),
}

impl ExecutionContext {
    /// A context of a stage; all else by default.
    #[must_use]
    pub fn of_stage(stage: &str) -> Self {
        Self {
            stage: stage.to_owned(),
            ..Self::default()
        }
    }

    /// The mode in force.
    #[must_use]
    pub const fn mode(&self) -> ExecutionMode {
        if self.dry_run {
            ExecutionMode::DryRun
        } else {
            self.mode
        }
    }

    /// Refuses what no orchestrator can make sense of.
    pub fn check(&self) -> Result<(), OrchestratorError> {
        if self.stage.is_empty() {
            return Err(config("the stage is missing", "name one: --stage ci"));
        }
        if self.dry_run && !matches!(self.mode, ExecutionMode::Sync | ExecutionMode::DryRun) {
            let message = format!(
                "a dry run and the mode `{}` contradict each other",
                self.mode
            );
            return Err(config(&message, "leave one of them out"));
        }
        if let Some(id) = &self.correlation_id
            && let Err(error) = id.parse::<RunId>()
        {
            let message = format!("the correlation id is the run's id, and {error}");
            return Err(config(&message, "take letters, digits, `.`, `_` and `-`"));
        }
        if self.timeout.is_some_and(|timeout| timeout.is_zero()) {
            return Err(config("a timeout of nothing", "leave it out for no limit"));
        }
        if self.action.is_some() && self.stage != REGISTRY {
            let message = format!(
                "what is to be done with the registry, and the stage `{}`",
                self.stage
            );
            return Err(config(&message, "say --stage registry"));
        }
        match (self.mode(), &self.replay) {
            (ExecutionMode::Replay, None) => Err(config(
                "the mode `replay` needs a run to replay",
                "name it: --replay RUN",
            )),
            (mode, Some(_)) if mode != ExecutionMode::Replay => Err(config(
                &format!("a run to replay, and the mode `{mode}`"),
                "say --mode replay",
            )),
            _ => Ok(()),
        }
    }
}

fn config(message: &str, help: &str) -> OrchestratorError {
    OrchestratorError::Config(Trouble::new("ROK0220", message).help(help))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString as _;
    use rstest::rstest;

    fn context(change: impl FnOnce(&mut ExecutionContext)) -> ExecutionContext {
        let mut context = ExecutionContext::of_stage("ci");
        change(&mut context);
        context
    }

    #[rstest]
    #[case(context(|_| ()), "")]
    #[case(context(|c| c.stage.clear()), "stage is missing")]
    #[case(context(|c| { c.dry_run = true; c.mode = ExecutionMode::Profile; }), "contradict")]
    #[case(context(|c| c.correlation_id = Some("../x".into())), "correlation id")]
    #[case(context(|c| c.timeout = Some(Duration::ZERO)), "timeout")]
    #[case(context(|c| c.mode = ExecutionMode::Replay), "needs a run")]
    #[case(context(|c| c.action = Some(RegistryAction::List)), "stage `ci`")]
    #[case(context(|c| c.replay = Some(Replay { run: "r".into(), from: None })), "mode `sync`")]
    fn contradictions_are_usage(#[case] context: ExecutionContext, #[case] fault: &str) {
        match context.check() {
            Ok(()) => assert_eq!(fault, ""),
            Err(error) => {
                assert!(
                    !fault.is_empty() && error.to_string().contains(fault),
                    "{error}"
                );
                assert_eq!(error.exit_code(), 2);
            }
        }
    }

    #[test]
    fn a_dry_run_is_a_mode() {
        let context = context(|c| c.dry_run = true);
        assert_eq!(context.mode(), ExecutionMode::DryRun);
    }
}
