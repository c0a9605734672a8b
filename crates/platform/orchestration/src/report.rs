//! What came of an orchestrated run.

use crate::error::OrchestratorError;
use crate::mode::ExecutionMode;
use crate::profile::ProfileReport;
use crate::result::{ComponentResult, ResultStatus};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use rok_vocabulary::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What came of an orchestrated run; `U` is what its components hand on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RunReport<U = Value> {
    /// How it ended.
    pub status: ReportStatus,
    /// The exit code of a program that ends with it.
    pub exit_code: u8,
    /// The stage that was asked for.
    pub stage: String,
    /// The orchestrator that ran it; empty where none knows the stage.
    pub orchestrator: String,
    /// How its components were carried out.
    pub mode: ExecutionMode,
    /// The key of the run in every domain.
    pub correlation_id: String,
    /// The run in whose log all of it stands; absent where nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Which commit or which files were judged, in words; the labels `git_commit`,
    /// `git_tree` and `git_state` of the run tell it to programs. Absent where
    /// nothing ran.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub judged: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub completed_at: Timestamp,
    /// How long it took.
    pub execution_time_ms: u64,
    /// How many components ended how.
    pub summary: ReportSummary,
    /// A result for each component that was selected.
    pub results: Vec<ComponentResult<U>>,
    /// What went wrong with it as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ReportError>,
    /// What else there is to say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// What would run and why; of a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dry_run: Option<DryRunReport>,
    /// What the components took and used; of the mode `profile`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileReport>,
    /// What differs from the run that was replayed; of the mode `replay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayReport>,
}

/// How an orchestrated run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReportStatus {
    /// Nothing failed, and nothing was skipped because of a failure.
    Success,
    /// Something failed that need not succeed.
    Partial,
    /// Something failed.
    Failed,
    /// It waits for a person. What a policy or the sandbox forbids has failed, with
    /// exit code 5.
    Blocked,
    /// It took longer than it may.
    TimedOut,
    /// It was cancelled or interrupted.
    Cancelled,
}

/// How many components ended how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[expect(missing_docs, reason = "the names say it")]
pub struct ReportSummary {
    pub total: u32,
    pub passed: u32,
    pub failed: u32,
    pub warned: u32,
    pub skipped: u32,
    /// Of those that failed: by taking too long.
    pub timed_out: u32,
}

/// What went wrong with a run as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReportError {
    /// execution, timeout, config, registry, protocol or sandbox.
    pub kind: String,
    /// The code of its page.
    pub code: String,
    /// What, and where.
    pub message: String,
    /// How to mend it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// Whether the same may go well another time.
    pub retryable: bool,
}

/// What would run, and why.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DryRunReport {
    /// The exact plan that would be submitted.
    pub plan: Value,
    /// Its digest, as the run's record would hold it.
    pub plan_sha256: String,
    /// What would run, in order.
    pub components: Vec<PlannedComponent>,
    /// What would not, and why.
    pub left_out: Vec<PlannedComponent>,
    /// Why the run would be refused, if it would be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What is missing or would fail, as far as it can be told now.
    pub findings: Vec<String>,
}

/// A component that would run, or would not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PlannedComponent {
    /// The component.
    pub component: String,
    /// Its version.
    pub version: String,
    /// Why it would run, or would not.
    pub why: String,
    /// What must have succeeded before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// What it would do, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub does: String,
    /// How often it may be tried again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What differs from the run that was replayed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ReplayReport {
    /// The run that was replayed.
    pub replays: String,
    /// The component from which on it was executed anew; absent: all of it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Whether anything but times differs.
    pub diverged: bool,
    /// What, a line each.
    pub divergences: Vec<String>,
}

impl ReplayReport {
    /// What was replayed and how that came out, for people: a text for each
    /// divergence, and one where there is none.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        let from = match &self.from {
            Some(from) => format!(" from {from}"),
            None => String::new(),
        };
        let replay = format!("replay of {}{from}", self.replays);
        if !self.diverged {
            return vec![format!("{replay}: came out alike")];
        }
        let divergences = self.divergences.iter();
        divergences
            .map(|what| format!("{replay}: diverged: {what}"))
            .collect()
    }
}

impl ReportStatus {
    /// The word, as JSON has it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether nothing is owed: the exit code is 0, `strict` apart.
    #[must_use]
    pub const fn is_good(self) -> bool {
        matches!(self, Self::Success | Self::Partial)
    }
}

impl<U> RunReport<U> {
    /// The report of a run that begins: no result yet, and no success either.
    #[must_use]
    pub fn begun(stage: &str, orchestrator: &str, correlation_id: &str, at: Timestamp) -> Self {
        Self {
            status: ReportStatus::Blocked,
            exit_code: 1,
            stage: stage.to_owned(),
            orchestrator: orchestrator.to_owned(),
            mode: ExecutionMode::Sync,
            correlation_id: correlation_id.to_owned(),
            run_id: None,
            judged: None,
            started_at: at,
            completed_at: at,
            execution_time_ms: 0,
            summary: ReportSummary::default(),
            results: Vec::new(),
            error: None,
            messages: Vec::new(),
            dry_run: None,
            profile: None,
            replay: None,
        }
    }

    /// The report of what was refused before anything ran.
    #[must_use]
    pub fn refused(
        stage: &str,
        correlation_id: &str,
        at: Timestamp,
        error: &OrchestratorError,
    ) -> Self {
        let mut report = Self::begun(stage, "", correlation_id, at);
        report.fail(error, at);
        report
    }

    /// Ends the report with an error; what was found out so far stays.
    pub fn fail(&mut self, error: &OrchestratorError, at: Timestamp) {
        let status = match error {
            OrchestratorError::Timeout(_) => ReportStatus::TimedOut,
            _ => ReportStatus::Failed,
        };
        self.error = Some(ReportError {
            kind: error.kind().to_owned(),
            code: error.trouble().code.to_owned(),
            message: error.to_string(),
            help: error.trouble().help.clone(),
            retryable: error.is_retryable(),
        });
        self.settle(Some(status), at);
        self.exit_code = error.exit_code();
    }

    /// Ends the report: counts results, and derives status and exit code.
    /// `ended` is how the run itself ended, where there was one. A result that
    /// failed is never part of a success.
    pub fn settle(&mut self, ended: Option<ReportStatus>, at: Timestamp) {
        self.completed_at = at;
        self.execution_time_ms =
            u64::try_from(at.since(self.started_at).as_millis()).unwrap_or(u64::MAX);
        self.summary = ReportSummary::of(&self.results);
        self.status = match ended {
            Some(status) if status != ReportStatus::Success => status,
            _ if self.summary.failed > 0 => ReportStatus::Failed,
            _ => ReportStatus::Success,
        };
        self.exit_code = u8::from(!self.status.is_good());
    }

    /// A partial success counts as a failure.
    pub fn be_strict(&mut self) {
        if self.status == ReportStatus::Partial {
            self.exit_code = 1;
        }
    }

    /// A signal stopped it: the run can be resumed.
    pub fn interrupted_by(&mut self, signal: u8) {
        self.status = ReportStatus::Cancelled;
        self.exit_code = 128_u8.saturating_add(signal);
    }
}

impl ReportSummary {
    /// Counts.
    #[must_use]
    pub fn of<U>(results: &[ComponentResult<U>]) -> Self {
        let mut sum = Self::default();
        for result in results {
            sum.total += 1;
            sum.timed_out += u32::from(result.timed_out);
            match result.status {
                ResultStatus::Pass => sum.passed += 1,
                ResultStatus::Warn => sum.warned += 1,
                ResultStatus::Skip => sum.skipped += 1,
                ResultStatus::Fail => sum.failed += 1,
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Trouble;
    use ReportStatus::{Blocked, Cancelled, Failed, Partial, Success, TimedOut};
    use ResultStatus::{Fail, Pass, Skip, Warn};
    use rstest::rstest;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn report(results: &[ResultStatus], ended: Option<ReportStatus>) -> RunReport {
        let mut report: RunReport = RunReport::begun("ci", "CIOrchestrator", "r", at(0));
        let results = results
            .iter()
            .map(|status| ComponentResult::new("c", *status));
        report.results = results.collect();
        report.settle(ended, at(7));
        report
    }

    #[rstest]
    #[case(&[Pass, Warn, Skip], None, Success, 0)]
    #[case(&[Pass, Fail], None, Failed, 1)]
    #[case(&[Pass, Fail], Some(Success), Failed, 1)]
    #[case(&[Pass, Fail], Some(Partial), Partial, 0)]
    #[case(&[Pass], Some(TimedOut), TimedOut, 1)]
    #[case(&[Pass], Some(Blocked), Blocked, 1)]
    #[case(&[Skip], Some(Cancelled), Cancelled, 1)]
    fn status_follows_from_results(
        #[case] results: &[ResultStatus],
        #[case] ended: Option<ReportStatus>,
        #[case] status: ReportStatus,
        #[case] code: u8,
    ) {
        let report = report(results, ended);
        assert_eq!((report.status, report.exit_code), (status, code));
        assert_eq!(report.execution_time_ms, 7);
        assert_eq!(report.summary.total as usize, results.len());
    }

    #[test]
    fn a_report_that_only_began_is_no_success() {
        let report: RunReport = RunReport::begun("ci", "x", "r", at(0));
        assert_ne!(report.exit_code, 0);
        assert!(!report.status.is_good());
    }

    #[test]
    fn strict_and_signals() {
        let mut partial = report(&[Pass, Fail], Some(Partial));
        partial.be_strict();
        assert_eq!(partial.exit_code, 1);
        let mut interrupted = report(&[Pass], None);
        interrupted.interrupted_by(15);
        assert_eq!(
            (interrupted.status, interrupted.exit_code),
            (Cancelled, 143)
        );
    }

    #[test]
    fn an_error_is_a_report_with_its_code_and_comes_back_from_json() {
        let error = OrchestratorError::Registry(Trouble::new("ROK0221", "no component `x`"));
        let refused: RunReport = RunReport::refused("ci", "r", at(0), &error);
        assert_eq!((refused.status, refused.exit_code), (Failed, 3));
        let text = serde_json::to_string(&refused).unwrap();
        assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), refused);
    }
}
