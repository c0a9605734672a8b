//! The engine: what all orchestrators share, and the orchestrators themselves.

use crate::document;
use crate::stages::{
    CIOrchestrator, PipelineOrchestrator, PreCommitOrchestrator, RegistryOrchestrator,
    TestOrchestrator,
};
use crate::trouble::of_runs;
use rok_facades::orchestrators::{Orchestrator, OrchestratorsEngine};
use rok_facades::registry::RegistryFacade;
use rok_facades::runs::{EventQuery, RunsFacade};
use rok_orchestration::{
    ExecutionContext, ExecutionPlan, OperatorEvent, OrchestratorError, RunReport, Trouble,
};
use rok_vocabulary::{Actor, Capability, RunId, Timestamp};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// What orchestrators are made of.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Where runs are.
    pub runs: RunsFacade,
    /// Where components are.
    pub registry: RegistryFacade,
    /// The folder that components run in, absolute.
    pub folder: PathBuf,
    /// Who submits.
    pub actor: Actor,
    /// Where the records of runs are, absolute: what is kept for a run outside
    /// of them belongs to this place.
    pub records: PathBuf,
    /// Files and folders that say what is judged and how, besides manifests,
    /// absolute: settings, the lock, policies. What is staged is judged by what
    /// is staged of them.
    pub rules: Vec<PathBuf>,
    /// What this host offers to components that run on it.
    pub capabilities: BTreeSet<Capability>,
}

/// What all orchestrators share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) runs: RunsFacade,
    pub(crate) registry: RegistryFacade,
    pub(crate) folder: PathBuf,
    pub(crate) actor: Actor,
    pub(crate) records: PathBuf,
    pub(crate) rules: Vec<PathBuf>,
    pub(crate) capabilities: BTreeSet<Capability>,
}

impl Shared {
    pub(crate) fn now() -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let ms = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        Timestamp::from_millis(ms)
    }

    /// Who submits what a context asks for.
    pub(crate) fn submitter(&self, context: &ExecutionContext) -> Actor {
        context.caller.as_ref().unwrap_or(&self.actor).clone()
    }

    /// A new key that sorts by time.
    pub(crate) fn new_id() -> RunId {
        let id = uuid::Uuid::now_v7().hyphenated().to_string();
        id.parse().expect("a UUID is a run id")
    }
}

/// The orchestrators.
pub struct Orchestrators {
    shared: Arc<Shared>,
    all: Vec<Arc<dyn Orchestrator>>,
}

impl Orchestrators {
    /// The five of every installation.
    #[must_use]
    pub fn new(setup: Setup) -> Self {
        let shared = Arc::new(Shared {
            runs: setup.runs,
            registry: setup.registry,
            folder: setup.folder,
            actor: setup.actor,
            records: setup.records,
            rules: setup.rules,
            capabilities: setup.capabilities,
        });
        let of = || Arc::clone(&shared);
        let all: Vec<Arc<dyn Orchestrator>> = vec![
            Arc::new(PreCommitOrchestrator::new(of())),
            Arc::new(CIOrchestrator::new(of())),
            Arc::new(TestOrchestrator::new(of())),
            Arc::new(PipelineOrchestrator::new(of())),
            Arc::new(RegistryOrchestrator::new(of())),
        ];
        Self { shared, all }
    }

    /// Adds one of yours. It is asked after those that are there.
    #[must_use]
    pub fn with(mut self, orchestrator: Arc<dyn Orchestrator>) -> Self {
        self.all.push(orchestrator);
        self
    }
}

impl OrchestratorsEngine for Orchestrators {
    fn orchestrators(&self) -> &[Arc<dyn Orchestrator>] {
        &self.all
    }

    fn refused(&self, context: &ExecutionContext, error: &OrchestratorError) -> RunReport {
        let id = context.correlation_id.clone();
        let id = id.unwrap_or_else(|| Shared::new_id().to_string());
        let mut report = RunReport::refused(&context.stage, &id, Shared::now(), error);
        report.mode = context.mode();
        report
    }

    fn recorded(&self, run: &RunId) -> Result<RunReport, OrchestratorError> {
        self.shared.recorded(run)
    }

    fn operator_events(&self, run: &RunId) -> Result<Vec<OperatorEvent>, OrchestratorError> {
        // A log that is not what was written tells operators nothing.
        self.shared.runs.summary(run).map_err(of_runs)?;
        let events = self.shared.runs.events(run, &EventQuery::default());
        let events = events.map_err(of_runs)?;
        let mut told = Vec::new();
        for event in events {
            let line = serde_json::from_str(&event.line).map_err(|error| {
                let message = format!("event {} of run {run} cannot be read: {error}", event.seq.0);
                OrchestratorError::Protocol(Trouble::new("ROK0105", message))
            })?;
            told.extend(OperatorEvent::of_line(&line));
        }
        Ok(told)
    }

    fn plan_of(&self, document: &ExecutionPlan) -> Result<Vec<u8>, OrchestratorError> {
        document::plan_of(&self.shared, document)
    }
}

impl std::fmt::Debug for Orchestrators {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<&str> = self.all.iter().map(|one| one.name()).collect();
        f.debug_struct("Orchestrators")
            .field("all", &names)
            .finish_non_exhaustive()
    }
}
