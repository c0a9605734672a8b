//! Use cases of orchestrators: stages are run.

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::runs::{ErrorKind, Observer, RunsError, StopSignal};
use rok_formats::{FormatError, Formatter, Formatters};
use rok_orchestration::{
    ExecutionContext, ExecutionMode, ExecutionPlan, OperatorEvent, OrchestratorError, RunReport,
    Trouble,
};
use rok_plan::nearest;
use rok_vocabulary::RunId;
use serde_json::Value;

impl Service {
    /// The stages that there are.
    pub fn stages(&self) -> Result<Vec<&'static str>, ServiceError> {
        Ok(self.orchestrators()?.stages())
    }

    /// The formats that reports can be written in.
    #[must_use]
    pub fn formats(&self) -> &Formatters {
        &self.wiring().formats
    }

    /// The formatter of this name.
    pub fn format(&self, name: &str) -> Result<Formatter, ServiceError> {
        self.formats().get(name).map_err(|error| {
            let trouble = Trouble::new("ROK0220", error.to_string());
            let trouble = match &error {
                FormatError::Unknown { known, .. } => match nearest(name, known.iter().copied()) {
                    Some(meant) => trouble.help(format!("did you mean `{meant}`?")),
                    None => trouble,
                },
                _ => trouble,
            };
            ServiceError::Orchestrator(OrchestratorError::Config(trouble))
        })
    }

    /// Runs a stage. Whatever goes wrong once it is asked for is in the report.
    pub fn orchestrate(
        &self,
        context: &ExecutionContext,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<RunReport, ServiceError> {
        let settings = &self.config().settings;
        if context.mode() != ExecutionMode::DryRun && settings.store.is_some() {
            let message =
                "`rok orch` drives a run here, and `rok serve` drives the runs of a database";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave --store and ROK_STORE out: the runs of stages are in a folder (--dir)")
                .into());
        }
        if settings.server.is_some() {
            let message = "components run where they are, and these runs are a server's";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave --server and ROK_SERVER out")
                .into());
        }
        let orchestrators = self.orchestrators()?;
        Ok(match orchestrators.of_stage(&context.stage) {
            Some(orchestrator) => orchestrator.run_watched(context, stop, observer),
            None => {
                let unknown = unknown_stage(&context.stage, &orchestrators.stages());
                orchestrators.refused(context, &unknown)
            }
        })
    }

    /// The report of a run of a stage that is in the record.
    pub fn stage_report(&self, run: &RunId) -> Result<RunReport, ServiceError> {
        let report = self.orchestrators()?.recorded(run);
        report.map_err(ServiceError::Orchestrator)
    }

    /// What operators are told of a run, from its log.
    pub fn operator_events(&self, run: &RunId) -> Result<Vec<OperatorEvent>, ServiceError> {
        let told = self.orchestrators()?.operator_events(run);
        told.map_err(ServiceError::Orchestrator)
    }

    /// The plan of a document that names components, as a plan file's JSON.
    pub(crate) fn plan_of_document(
        &self,
        document: &ExecutionPlan,
    ) -> Result<Vec<u8>, ServiceError> {
        let plan = self.orchestrators()?.plan_of(document);
        plan.map_err(ServiceError::Orchestrator)
    }
}

fn unknown_stage(stage: &str, stages: &[&'static str]) -> OrchestratorError {
    let trouble = Trouble::new("ROK0220", format!("there is no stage `{stage}`"));
    let help = match nearest(stage, stages.iter().copied()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are {}", stages.join(", ")),
    };
    OrchestratorError::Config(trouble.help(help))
}

/// The JSON Schema of reports.
#[must_use]
pub fn report_schema() -> Value {
    schemars::schema_for!(RunReport).to_value()
}
