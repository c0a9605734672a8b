//! A recorded run executed anew from a component on, and what differs.

use crate::engine::Shared;
use crate::run::{A_COPY, LOOKED_AT, Watch};
use crate::trouble::{config, of_runs, of_taken};
use rok_facades::runs::{ReplayRequest, RunSelector, RunSummary};
use rok_orchestration::{
    ExecutionContext, OrchestratorError, ReplayReport, ReportStatus, RunReport, Trouble,
};
use rok_vocabulary::{IdError, StepId};

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
        if recorded.labels.get(LOOKED_AT).map(String::as_str) == Some(A_COPY) {
            let message = format!(
                "run {original} cannot be replayed: it looked at {A_COPY}, which went when it ended"
            );
            let help = "stage the same files again, and run the stage anew";
            let trouble = Trouble::new("ROK0150", message).help(help);
            return Err(OrchestratorError::Execution(trouble));
        }
        let bad =
            |error: IdError| config("ROK0220", error.to_string(), "name a component of that run");
        let from = asked.from.as_deref().map(str::parse::<StepId>);
        let from = from.transpose().map_err(bad)?;
        let request = ReplayRequest {
            from: from.clone(),
            run_id: report.correlation_id.parse().ok(),
            submitter: self.submitter(context),
            reason: context.reason.clone(),
            secrets_file: context.secrets_file.as_ref().map(|f| self.folder.join(f)),
        };
        let run = self.runs.replay(&original, request).map_err(of_taken)?;
        report.correlation_id = run.to_string();
        report.run_id = Some(run.clone());
        let end = self.drive(&run, watch)?;
        let summary = self.runs.summary(&run).map_err(of_runs)?;
        report.results = self.recorded_results(&run, &summary, &self.folder)?;
        let from = from.map(|from| from.to_string());
        report.replay = Some(compared(&recorded, &summary, from));
        Self::ended(&end, &summary, report).map(|ended| of_replay(ended, report))
    }
}

/// A replay beside the run that it replays.
pub(crate) fn compared(
    recorded: &RunSummary,
    now: &RunSummary,
    from: Option<String>,
) -> ReplayReport {
    let divergences = divergences(recorded, now);
    ReplayReport {
        replays: recorded.run_id.to_string(),
        from,
        diverged: !divergences.is_empty(),
        divergences,
    }
}

/// How a replay ended: what came out otherwise is no success, whatever it came to.
pub(crate) fn of_replay(ended: Option<ReportStatus>, report: &RunReport) -> Option<ReportStatus> {
    let diverged = report.replay.as_ref().is_some_and(|replay| replay.diverged);
    match ended {
        Some(ReportStatus::Success | ReportStatus::Partial) if diverged => {
            Some(ReportStatus::Failed)
        }
        ended => ended,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use rok_vocabulary::Timestamp;
    use rstest::rstest;

    #[rstest]
    #[case::same(false, ReportStatus::Partial, ReportStatus::Partial)]
    #[case::success(true, ReportStatus::Success, ReportStatus::Failed)]
    #[case::partial(true, ReportStatus::Partial, ReportStatus::Failed)]
    #[case::cancelled(true, ReportStatus::Cancelled, ReportStatus::Cancelled)]
    fn what_came_out_otherwise_is_no_success(
        #[case] diverged: bool,
        #[case] ended: ReportStatus,
        #[case] told: ReportStatus,
    ) {
        let mut report = RunReport::begun("test", "sync", "r", Timestamp::default());
        report.replay = Some(ReplayReport {
            diverged,
            ..ReplayReport::default()
        });
        assert_eq!(of_replay(Some(ended), &report), Some(told));
    }
}
