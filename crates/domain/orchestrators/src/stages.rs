//! The five orchestrators.

use crate::engine::Shared;
use crate::query::stage_query;
use crate::run::Watch;
use crate::trouble::{config, of_registry};
use rok_facades::orchestrators::Orchestrator;
use rok_facades::registry::{Found, RegistryQuery};
use rok_facades::runs::{Observer, StopSignal};
use rok_orchestration::{ExecutionContext, ExecutionMode, OrchestratorError, PIPELINE, RunReport};
use std::sync::Arc;

/// An orchestrator that runs the components of its stage.
macro_rules! orchestrators {
    ($( $(#[$doc:meta])* $name:ident: $stage:expr; )+) => { $(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name(Arc<Shared>);

        impl $name {
            pub(crate) fn new(shared: Arc<Shared>) -> Self {
                Self(shared)
            }
        }

        impl Orchestrator for $name {
            fn name(&self) -> &'static str {
                stringify!($name)
            }

            fn supported_stages(&self) -> &'static [&'static str] {
                &[$stage]
            }

            fn validate_context(&self, context: &ExecutionContext) -> Result<(), OrchestratorError> {
                validate(self, context)
            }

            fn build_registry_query(
                &self,
                context: &ExecutionContext,
            ) -> Result<RegistryQuery, OrchestratorError> {
                stage_query($stage, context)
            }

            fn discover_components(
                &self,
                context: &ExecutionContext,
            ) -> Result<Found, OrchestratorError> {
                let query = self.build_registry_query(context)?;
                self.0.registry.find(&query).map_err(of_registry)
            }

            fn run_watched(
                &self,
                context: &ExecutionContext,
                stop: &StopSignal,
                observer: &mut dyn Observer,
            ) -> RunReport {
                Shared::report(self, context, |report| {
                    let watch = Watch { stop, observer };
                    self.0.stage(self, context, watch, report)
                })
            }
        }
    )+ };
}

orchestrators! {
    /// Runs what checks a commit before it is made.
    PreCommitOrchestrator: "pre-commit";
    /// Runs what checks a change before it is merged.
    CIOrchestrator: "ci";
    /// Runs tests.
    TestOrchestrator: "test";
    /// Runs components in a given order, each with the output of the one before.
    PipelineOrchestrator: PIPELINE;
}

/// Administers the registry: its components are listed, looked at, added,
/// removed and checked; none of them runs.
#[derive(Debug)]
pub struct RegistryOrchestrator(Arc<Shared>);

impl RegistryOrchestrator {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl Orchestrator for RegistryOrchestrator {
    fn name(&self) -> &'static str {
        "RegistryOrchestrator"
    }

    fn supported_stages(&self) -> &'static [&'static str] {
        &["registry"]
    }

    fn validate_context(&self, context: &ExecutionContext) -> Result<(), OrchestratorError> {
        validate(self, context)?;
        match context.mode() {
            ExecutionMode::Sync | ExecutionMode::DryRun => Ok(()),
            mode => Err(config(
                "ROK0220",
                format!("the stage `registry` runs nothing, and has no mode `{mode}`"),
                "leave --mode out",
            )),
        }
    }

    fn build_registry_query(
        &self,
        context: &ExecutionContext,
    ) -> Result<RegistryQuery, OrchestratorError> {
        stage_query("registry", context)
    }

    fn discover_components(&self, context: &ExecutionContext) -> Result<Found, OrchestratorError> {
        let query = self.build_registry_query(context)?;
        self.0.registry.find(&query).map_err(of_registry)
    }

    fn run_watched(
        &self,
        context: &ExecutionContext,
        _: &StopSignal,
        _: &mut dyn Observer,
    ) -> RunReport {
        Shared::report(self, context, |report| {
            let query = self.build_registry_query(context)?;
            self.0.administer(context, &query, report)
        })
    }
}

/// What every orchestrator refuses.
fn validate(who: &dyn Orchestrator, context: &ExecutionContext) -> Result<(), OrchestratorError> {
    context.check()?;
    if !who.supports_stage(&context.stage) {
        let stages = who.supported_stages().join(", ");
        let message = format!("{} has no stage `{}`", who.name(), context.stage);
        return Err(config("ROK0220", message, format!("it has {stages}")));
    }
    let replays = context.mode() == ExecutionMode::Replay;
    match (context.stage == PIPELINE, context.chain.is_empty()) {
        (true, true) if !replays => Err(config(
            "ROK0220",
            "a pipeline needs components, in order",
            "name them: --from tool_a --to tool_b --to validator_x",
        )),
        (false, false) => Err(config(
            "ROK0220",
            format!(
                "--from and --to name a pipeline, and the stage is `{}`",
                context.stage
            ),
            "say --stage pipeline, or name components by --name",
        )),
        _ => Ok(()),
    }
}
