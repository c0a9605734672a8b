//! A recorded run executed anew from a component on, and what differs.

use crate::engine::Shared;
use crate::run::Watch;
use crate::trouble::{config, of_runs};
use rok_facades::runs::{ReplayRequest, RunSelector, RunSummary, StepSummary, TailQuery};
use rok_orchestration::{
    ComponentResult, ExecutionContext, Finding, OrchestratorError, ReplayReport, ReportStatus,
    ResultStatus, RunReport,
};
use rok_vocabulary::{StepId, StepState};

const TAILS: TailQuery = TailQuery {
    lines: 0,
    failed_lines: 20_000,
    max_bytes: 1024 * 1024,
    total_bytes: 16 * 1024 * 1024,
};

impl Shared {
    /// Replays the run that the context names. Its plan is the recorded one;
    /// the registry is not asked.
    pub(crate) fn replay(
        &self,
        context: &ExecutionContext,
        watch: &mut Watch<'_>,
        report: &mut RunReport,
    ) -> Result<Option<ReportStatus>, OrchestratorError> {
        let Some(asked) = &context.replay else {
            return Err(config(
                "ROK0220",
                "no run to replay",
                "name it: --replay RUN",
            ));
        };
        let selector = RunSelector(asked.run.clone());
        let original = self.runs.find(&selector).map_err(of_runs)?;
        let recorded = self.runs.summary(&original).map_err(of_runs)?;
        if recorded.labels.get("stage") != Some(&context.stage) {
            let message = format!("run {original} is none of the stage `{}`", context.stage);
            return Err(config(
                "ROK0220",
                message,
                "`rok ls --label stage=…` lists those of a stage",
            ));
        }
        let from = match &asked.from {
            Some(from) => from.clone(),
            None => recorded
                .steps
                .first()
                .map(|s| s.id.clone())
                .unwrap_or_default(),
        };
        let step: StepId = from.parse().map_err(|error: rok_vocabulary::IdError| {
            config("ROK0220", error.to_string(), "name a component of that run")
        })?;
        let request = ReplayRequest {
            from: step,
            run_id: report.correlation_id.parse().ok(),
            submitter: self.actor.clone(),
            reason: context.reason.clone(),
            secrets_file: context.secrets_file.as_ref().map(|f| self.folder.join(f)),
        };
        let run = self.runs.replay(&original, request).map_err(of_runs)?;
        report.correlation_id = run.to_string();
        report.run_id = Some(run.clone());
        let end = self.drive(&run, watch)?;
        let summary = self.runs.summary(&run).map_err(of_runs)?;
        let tails = self.runs.log_tails(&run, &TAILS).map_err(of_runs)?;
        for step in &summary.steps {
            let tail = tails.iter().find(|tail| tail.step == step.id);
            report
                .results
                .push(result(step, tail.map_or("", |tail| &tail.text)));
        }
        let divergences = divergences(&recorded, &summary);
        report.replay = Some(ReplayReport {
            replays: original.to_string(),
            from,
            diverged: !divergences.is_empty(),
            divergences,
        });
        let ended = Self::ended(&end, &summary, report)?;
        let diverged = report.replay.as_ref().is_some_and(|replay| replay.diverged);
        Ok(match ended {
            // What came out otherwise is no success, whatever it came to.
            Some(ReportStatus::Success) if diverged => Some(ReportStatus::Failed),
            ended => ended,
        })
    }
}

/// The result of a step of a plan that was recorded.
fn result(step: &StepSummary, output: &str) -> ComponentResult {
    let status = match step.state {
        StepState::Succeeded => ResultStatus::Pass,
        StepState::Failed => ResultStatus::Fail,
        _ => ResultStatus::Skip,
    };
    let mut result = ComponentResult::new(&step.id, status);
    result.duration_ms = step.wall_ms.unwrap_or(0);
    result.attempts = step.started_at.map_or(0, |_| step.attempt + 1);
    result.output = step.outputs.as_deref().cloned();
    if let Some(name) = &step.name {
        result.version = name.split_once('@').map(|(_, version)| version.to_owned());
    }
    if let (ResultStatus::Fail, Some(error)) = (status, &step.error) {
        result.timed_out = error.class == rok_vocabulary::ErrorClass::Timeout;
        result.error_class = Some(error.class.to_string());
        result.errors = Finding::all_in(output, 1000);
        result.errors.push(Finding::error(&error.reason));
    }
    result.messages.extend(step.skip_reason.clone());
    result
}

/// What came out otherwise. Times never count.
fn divergences(recorded: &RunSummary, now: &RunSummary) -> Vec<String> {
    let mut found = Vec::new();
    for old in &recorded.steps {
        let Some(new) = now.steps.iter().find(|step| step.id == old.id) else {
            found.push(format!("{}: it is not in the replay", old.id));
            continue;
        };
        if old.state != new.state {
            found.push(format!("{}: was {}, is {}", old.id, old.state, new.state));
        } else if old.outputs != new.outputs {
            found.push(format!("{}: hands on something else", old.id));
        } else if old.error.as_ref().map(|e| e.class) != new.error.as_ref().map(|e| e.class) {
            found.push(format!("{}: fails in another way", old.id));
        }
    }
    if recorded.outcome != now.outcome {
        let word = |outcome: Option<rok_vocabulary::Outcome>| {
            outcome.map_or("open", rok_vocabulary::Outcome::as_str)
        };
        let (old, new) = (word(recorded.outcome), word(now.outcome));
        found.push(format!("the run: was {old}, is {new}"));
    }
    found
}
