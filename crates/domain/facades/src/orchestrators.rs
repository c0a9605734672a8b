//! The door to orchestrators: controllers of stages, each of which selects
//! components, has them run as one plan, and reports.

use crate::registry::{Found, RegistryQuery};
use crate::runs::{Observer, StopSignal};
use rok_orchestration::{
    ExecutionContext, ExecutionPlan, OperatorEvent, OrchestratorError, RunReport,
};
use rok_vocabulary::RunId;
use std::fmt;
use std::sync::Arc;

/// A controller of stages.
pub trait Orchestrator: Send + Sync {
    /// Its name, as reports have it.
    fn name(&self) -> &'static str;

    /// The stages that it knows.
    fn supported_stages(&self) -> &'static [&'static str];

    /// Whether it knows a stage.
    fn supports_stage(&self, stage: &str) -> bool {
        self.supported_stages().contains(&stage)
    }

    /// Refuses what it can make no sense of.
    fn validate_context(&self, context: &ExecutionContext) -> Result<(), OrchestratorError>;

    /// Which components are meant: what the context says, and the stage's
    /// defaults for what it does not speak of.
    fn build_registry_query(
        &self,
        context: &ExecutionContext,
    ) -> Result<RegistryQuery, OrchestratorError>;

    /// The components that would run, and those that would not with why.
    fn discover_components(&self, context: &ExecutionContext) -> Result<Found, OrchestratorError>;

    /// Runs the stage. Whatever goes wrong is in the report.
    fn run(&self, context: &ExecutionContext) -> RunReport {
        self.run_watched(context, &StopSignal::new(), &mut ())
    }

    /// The same, watched, and stopped where `stop` is given: the run is then
    /// left resumable.
    fn run_watched(
        &self,
        context: &ExecutionContext,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> RunReport;
}

/// What the domain of orchestrators can do.
pub trait OrchestratorsEngine: Send + Sync {
    /// The orchestrators that there are.
    fn orchestrators(&self) -> &[Arc<dyn Orchestrator>];

    /// The report of what was refused before any orchestrator had it.
    fn refused(&self, context: &ExecutionContext, error: &OrchestratorError) -> RunReport;

    /// The report of a run that is in the record, as it stands there.
    fn recorded(&self, run: &RunId) -> Result<RunReport, OrchestratorError>;

    /// What operators are told of a run, from its log.
    fn operator_events(&self, run: &RunId) -> Result<Vec<OperatorEvent>, OrchestratorError>;

    /// The plan of a document that names components, as a plan file's JSON.
    fn plan_of(&self, document: &ExecutionPlan) -> Result<Vec<u8>, OrchestratorError>;
}

/// The only door to orchestrators.
#[derive(Clone)]
pub struct OrchestratorsFacade {
    engine: Arc<dyn OrchestratorsEngine>,
}

impl OrchestratorsFacade {
    /// A facade over an engine.
    pub fn new(engine: Arc<dyn OrchestratorsEngine>) -> Self {
        Self { engine }
    }

    /// Every stage that some orchestrator knows, in their order.
    #[must_use]
    pub fn stages(&self) -> Vec<&'static str> {
        let all = self.engine.orchestrators().iter();
        all.flat_map(|one| one.supported_stages())
            .copied()
            .collect()
    }

    /// The first orchestrator that knows the stage.
    #[must_use]
    pub fn of_stage(&self, stage: &str) -> Option<&dyn Orchestrator> {
        let mut all = self.engine.orchestrators().iter();
        all.find(|one| one.supports_stage(stage)).map(|one| &**one)
    }
}

impl std::ops::Deref for OrchestratorsFacade {
    type Target = dyn OrchestratorsEngine;

    fn deref(&self) -> &Self::Target {
        &*self.engine
    }
}

impl fmt::Debug for OrchestratorsFacade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrchestratorsFacade")
            .field("stages", &self.stages())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_orchestration::{ReportStatus, Trouble};
    use rok_vocabulary::Timestamp;

    /// An orchestrator of somebody else's.
    struct Nightly;

    impl Orchestrator for Nightly {
        fn name(&self) -> &'static str {
            "Nightly"
        }

        fn supported_stages(&self) -> &'static [&'static str] {
            &["nightly", "weekly"]
        }

        fn validate_context(&self, context: &ExecutionContext) -> Result<(), OrchestratorError> {
            context.check()
        }

        fn build_registry_query(
            &self,
            _: &ExecutionContext,
        ) -> Result<RegistryQuery, OrchestratorError> {
            Ok(RegistryQuery::default())
        }

        fn discover_components(&self, _: &ExecutionContext) -> Result<Found, OrchestratorError> {
            Ok(Found::default())
        }

        fn run_watched(
            &self,
            context: &ExecutionContext,
            _: &StopSignal,
            _: &mut dyn Observer,
        ) -> RunReport {
            let at = Timestamp::from_millis(0);
            let mut report = RunReport::begun(&context.stage, self.name(), "r", at);
            report.settle(None, at);
            report
        }
    }

    struct Engine(Vec<Arc<dyn Orchestrator>>);

    impl OrchestratorsEngine for Engine {
        fn orchestrators(&self) -> &[Arc<dyn Orchestrator>] {
            &self.0
        }

        fn refused(&self, context: &ExecutionContext, error: &OrchestratorError) -> RunReport {
            RunReport::refused(&context.stage, "r", Timestamp::from_millis(0), error)
        }

        fn recorded(&self, run: &RunId) -> Result<RunReport, OrchestratorError> {
            let at = Timestamp::from_millis(0);
            Ok(RunReport::begun("nightly", "Nightly", run.as_str(), at))
        }

        fn operator_events(&self, _: &RunId) -> Result<Vec<OperatorEvent>, OrchestratorError> {
            Ok(Vec::new())
        }

        fn plan_of(&self, _: &ExecutionPlan) -> Result<Vec<u8>, OrchestratorError> {
            let trouble = Trouble::new("ROK0224", "none");
            Err(OrchestratorError::Config(trouble))
        }
    }

    #[test]
    fn an_orchestrator_of_yours_is_asked_for_its_stage() {
        let facade = OrchestratorsFacade::new(Arc::new(Engine(vec![Arc::new(Nightly)])));
        assert_eq!(facade.stages(), ["nightly", "weekly"]);
        let nightly = facade.of_stage("weekly").unwrap();
        assert!(nightly.supports_stage("weekly") && !nightly.supports_stage("ci"));
        let report = nightly.run(&ExecutionContext::of_stage("weekly"));
        assert_eq!(report.orchestrator, "Nightly");
        assert_eq!(report.status, ReportStatus::Success);
        assert!(facade.of_stage("ci").is_none());
    }
}
