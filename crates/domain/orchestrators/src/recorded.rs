//! The report of a run that is in the record: what its stage told, or would have
//! told where it was interrupted, resumed, or is open.

use crate::as_staged;
use crate::engine::Shared;
use crate::kept;
use crate::not_started;
use crate::order::needs_first;
use crate::replay;
use crate::results;
use crate::run::{A_COPY, LOOKED_AT, TAILS};
use crate::trouble::{config, of_plan, of_runs};
use rok_facades::runs::{DriveEnd, EventQuery, RunSummary, judged_in_words};
use rok_orchestration::{
    ComponentResult, ExecutionMode, OrchestratorError, ReportStatus, RunReport, Trouble,
};
use rok_vocabulary::RunId;
use serde_json::Value;
use std::path::Path;

impl Shared {
    /// The report of a run of a stage, from its record alone.
    pub(crate) fn recorded(&self, run: &RunId) -> Result<RunReport, OrchestratorError> {
        let summary = self.runs.summary(run).map_err(of_runs)?;
        let label = |name: &str| summary.labels.get(name).map(String::as_str);
        let (Some(stage), Some(who)) = (label("stage"), label("orchestrator")) else {
            let message = format!("run {run} is of no stage, and has no report of one");
            let help = format!("`rok summary {run}` tells what came of it");
            return Err(config("ROK0220", message, help));
        };
        let open = !summary.phase.is_terminal() && summary.hold.is_none();
        if let (true, Some(driver)) = (open, &summary.driven_by) {
            let message = format!("run {run} has come to no verdict yet: {driver} drives it");
            let help = format!("`rok status {run}` tells how it stands");
            let trouble = Trouble::new("ROK0103", message).help(help);
            return Err(OrchestratorError::Execution(trouble));
        }
        let mode = label("mode").unwrap_or_default().parse();
        let unread = |error: rok_vocabulary::UnknownWord| protocol(error.to_string());
        let mut report = RunReport::begun(stage, who, run.as_str(), summary.created_at);
        report.mode = mode.map_err(unread)?;
        report.run_id = Some(run.clone());
        report.judged = judged_in_words(&summary.labels);
        let at = summary.completed_at.unwrap_or_else(Self::now);
        let ended = self.retell(&summary, &mut report);
        Self::close(&mut report, ended, at);
        Ok(report)
    }

    /// Tells what came of each component, and how the run as a whole ended.
    fn retell(
        &self,
        summary: &RunSummary,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        let run = &summary.run_id;
        let copied = summary.labels.get(LOOKED_AT).map(String::as_str) == Some(A_COPY);
        let copy = copied.then(|| kept::copy(run)).transpose();
        let copy = copy.map_err(|why| config("ROK0223", why, "set TMPDIR"))?;
        let folder = copy.as_ref().unwrap_or(&self.folder);
        report.results = self.recorded_results(run, summary, folder)?;
        report.messages = results::of_run_as_a_whole(summary);
        if report.mode == ExecutionMode::Profile {
            report.profile = Some(self.profile(run)?);
        }
        if let Some((original, from)) = self.replays(run)? {
            report.mode = ExecutionMode::Replay;
            let original = self.runs.summary(&original).map_err(of_runs)?;
            report.replay = Some(replay::compared(&original, summary, from));
        }
        let end = match &summary.hold {
            _ if summary.phase.is_terminal() => DriveEnd::of_ended(summary),
            Some(hold) => DriveEnd::Held(hold.clone()),
            None => DriveEnd::Interrupted,
        };
        Self::ended(&end, summary, report).map(|ended| replay::of_replay(ended, report))
    }

    /// The run that a run replays, and from which component on.
    fn replays(&self, run: &RunId) -> Result<Option<(RunId, Option<String>)>, OrchestratorError> {
        let query = EventQuery {
            types: vec!["run.created".to_owned()],
            limit: Some(1),
            ..EventQuery::default()
        };
        let events = self.runs.events(run, &query).map_err(of_runs)?;
        let Some(event) = events.first() else {
            return Err(protocol(format!("run {run} has no beginning")));
        };
        let unread = |error: &dyn std::fmt::Display| {
            protocol(format!(
                "the beginning of run {run} cannot be read: {error}"
            ))
        };
        let created: Value = serde_json::from_str(&event.line).map_err(|error| unread(&error))?;
        let replays = &created["data"]["replays"];
        let Some(original) = replays["run"].as_str() else {
            return Ok(None);
        };
        let original = original.parse().map_err(|error| {
            let error: rok_vocabulary::IdError = error;
            unread(&error)
        })?;
        Ok(Some((
            original,
            replays["from"].as_str().map(str::to_owned),
        )))
    }

    /// What came of each component of a recorded plan, in the order in which
    /// they run where they run one by one.
    pub(crate) fn recorded_results(
        &self,
        run: &RunId,
        summary: &RunSummary,
        folder: &Path,
    ) -> Result<Vec<ComponentResult>, OrchestratorError> {
        let plan = self.runs.plan(run).map_err(of_runs)?;
        let plan = rok_plan::parse(&plan, "plan.json").map_err(|errors| of_plan(&errors))?;
        let tails = self.runs.log_tails(run, &TAILS).map_err(of_runs)?;
        let needs: Vec<Vec<usize>> = plan.steps.iter().map(|step| step.needs.clone()).collect();
        let mut found = Vec::new();
        for at in needs_first(&needs) {
            let id = plan.steps[at].id.as_str();
            if id == as_staged::STEP {
                continue;
            }
            let Some(step) = summary.steps.iter().find(|step| step.id == id) else {
                let message = format!("run {run} has no step `{id}`, and its plan has");
                return Err(protocol(message));
            };
            let mut result = results::of_recorded(step, summary, &tails, folder);
            if not_started::is_step(&plan, id) {
                result.attempts = 0;
            }
            found.push(result);
        }
        Ok(found)
    }
}

fn protocol(message: String) -> OrchestratorError {
    OrchestratorError::Protocol(Trouble::new("ROK0105", message))
}
