//! A run's summary to results: what came of each component.

use rok_component::Component;
use rok_facades::runs::{
    LogTail, RunSummary, StepSummary, ViolationView, warning_in_words, warnings_of,
};
use rok_orchestration::{
    ComponentArtifact, ComponentResult, Finding, Level, ResultStatus, RunReport,
};
use rok_vocabulary::{ErrorClass, Profile, StepState};
use serde_json::Value;
use std::path::Path;

/// So many findings of a component are reported; a tool that has more to say
/// is not read to its end anyway.
const MAX_FINDINGS: usize = 1000;

/// The result of a component that is a step of the run.
pub(crate) fn of_component(
    component: &Component,
    summary: &RunSummary,
    tails: &[LogTail],
    folder: &Path,
) -> ComponentResult {
    let name = component.name.as_str();
    match summary.steps.iter().find(|step| step.id == name) {
        Some(step) => of_step(
            of(component, status(step.state)),
            step,
            summary,
            tails,
            folder,
        ),
        None => {
            let mut unknown = of(component, ResultStatus::Fail);
            let why = Finding::error("the run does not know its step");
            unknown.errors.push(why);
            unknown
        }
    }
}

/// The result of a step of a recorded plan: the registry may know another
/// component by that name today.
pub(crate) fn of_recorded(
    step: &StepSummary,
    summary: &RunSummary,
    tails: &[LogTail],
    folder: &Path,
) -> ComponentResult {
    let mut result = ComponentResult::new(&step.id, status(step.state));
    let version = step.name.as_ref().and_then(|name| name.split_once('@'));
    result.version = version.map(|(_, version)| version.to_owned());
    let mut result = of_step(result, step, summary, tails, folder);
    if let Some(run) = &step.cached_from {
        recorded(&mut result, run);
    }
    result
}

/// What a replay took from the record did not run: it is no pass.
fn recorded(result: &mut ComponentResult, run: &str) {
    result.attempts = 0;
    result.duration_ms = 0;
    let how = match result.status {
        ResultStatus::Pass => "passed",
        ResultStatus::Warn => "passed with warnings",
        ResultStatus::Skip => "was skipped",
        ResultStatus::Fail => "failed",
    };
    let why = format!("recorded, not run: it {how} in run {run}");
    result.messages.insert(0, why);
    if result.status != ResultStatus::Fail {
        result.status = ResultStatus::Skip;
    }
}

/// What came of a step, added to a result with its status: the one way from a
/// record to a verdict.
fn of_step(
    mut result: ComponentResult,
    step: &StepSummary,
    summary: &RunSummary,
    tails: &[LogTail],
    folder: &Path,
) -> ComponentResult {
    result.duration_ms = step.wall_ms.unwrap_or(0);
    result.attempts = step.started_at.map_or(0, |_| step.attempt + 1);
    result.output = step.outputs.as_deref().cloned();
    let artifacts = summary.artifacts.iter().filter(|made| made.step == step.id);
    result.artifacts = artifacts
        .map(|made| ComponentArtifact {
            path: made.path.clone(),
            sha256: made.sha256.clone(),
            bytes: made.bytes,
        })
        .collect();
    match result.status {
        ResultStatus::Pass | ResultStatus::Warn => warnings(&mut result),
        ResultStatus::Skip => result.messages.push(why_not(step)),
        ResultStatus::Fail => failed(&mut result, step, tails, folder),
    }
    for violation in soft(summary).filter(|one| {
        let of = one.step.as_deref();
        of.is_some_and(|of| is_step(of, &step.id))
    }) {
        result.errors.push(Finding {
            level: Level::Warning,
            rule: Some(violation.policies.join(", ")),
            ..Finding::error(&violation_in_words(summary, violation))
        });
        if result.status == ResultStatus::Pass {
            result.status = ResultStatus::Warn;
        }
    }
    if let Some(deprecation) = &step.deprecated {
        result.messages.insert(0, deprecation.clone());
        if result.status == ResultStatus::Pass {
            result.status = ResultStatus::Warn;
        }
    }
    result
}

/// What policies forbid of a run's current epoch that went on all the same.
fn soft(summary: &RunSummary) -> impl Iterator<Item = &ViolationView> {
    let all = summary.violations.iter();
    all.filter(|one| !one.blocking && one.epoch == summary.epoch)
}

/// Whether an id is a step's, or that of a child of its fan-out.
fn is_step(id: &str, step: &str) -> bool {
    id == step
        || id
            .strip_prefix(step)
            .is_some_and(|rest| rest.starts_with('['))
}

/// A profile that only observes lets strict policies block nothing either.
fn violation_in_words(summary: &RunSummary, violation: &ViolationView) -> String {
    let observes = summary.profile.starts_with(Profile::ObserveOnly.as_str());
    let how = if observes {
        "policy violation that is only observed (OBSERVE_ONLY)"
    } else {
        "soft policy violation"
    };
    format!("{how}: {}", violation.in_words())
}

/// What soft policies forbid of the run as a whole, and how many violations
/// there are besides those that are told.
pub(crate) fn of_run_as_a_whole(summary: &RunSummary) -> Vec<String> {
    let whole = soft(summary).filter(|violation| violation.step.is_none());
    let mut told: Vec<String> = whole
        .map(|violation| violation_in_words(summary, violation))
        .collect();
    let known = u32::try_from(summary.violations.len()).unwrap_or(u32::MAX);
    let more = summary.violation_count.saturating_sub(known);
    if more > 0 {
        told.push(format!(
            "{more} more policy violations: rok events {} --type policy.violated",
            summary.run_id
        ));
    }
    told
}

fn of(component: &Component, status: ResultStatus) -> ComponentResult {
    let mut result = ComponentResult::new(component.name.as_str(), status);
    result.version = Some(component.version.to_string());
    result.kind = Some(component.kind.to_string());
    result.fingerprint = Some(component.fingerprint.to_string());
    result
}

/// What has not ended is no success: it is shown as not run, and the run's own
/// end says the rest.
const fn status(state: StepState) -> ResultStatus {
    match state {
        StepState::Succeeded => ResultStatus::Pass,
        StepState::Failed => ResultStatus::Fail,
        StepState::Pending
        | StepState::Waiting
        | StepState::Running
        | StepState::Skipped
        | StepState::Compensated => ResultStatus::Skip,
    }
}

/// A component that hands on `warnings` asks to be looked at.
fn warnings(result: &mut ComponentResult) {
    let listed = result.output.iter().flat_map(warnings_of);
    let listed = listed.take(MAX_FINDINGS);
    let findings = listed.map(|item| match item {
        Value::String(_) => Finding::error(&warning_in_words(item)),
        item => serde_json::from_value(item.clone())
            .unwrap_or_else(|_| Finding::error(&warning_in_words(item))),
    });
    let findings: Vec<Finding> = findings
        .map(|finding| Finding {
            level: Level::Warning,
            ..finding
        })
        .collect();
    if let Some(first) = findings.first() {
        result.status = ResultStatus::Warn;
        result.messages.push(match findings.len() {
            1 => first.message.clone(),
            count => format!("{count} warnings"),
        });
    }
    result.errors = findings;
}

fn why_not(step: &StepSummary) -> String {
    match (&step.skip_reason, step.state) {
        (Some(reason), _) => reason.clone(),
        (None, StepState::Waiting) => "waits for a decision".to_owned(),
        (None, StepState::Running) => "was interrupted".to_owned(),
        (None, StepState::Compensated) => "was undone".to_owned(),
        (None, _) => "was not started".to_owned(),
    }
}

fn failed(result: &mut ComponentResult, step: &StepSummary, tails: &[LogTail], folder: &Path) {
    let tails = tails.iter().filter(|tail| is_step(&tail.step, &step.id));
    let tails: Vec<&LogTail> = tails.collect();
    for tail in &tails {
        let room = MAX_FINDINGS.saturating_sub(result.errors.len());
        result.errors.extend(Finding::all_in(&tail.text, room));
    }
    for finding in &mut result.errors {
        if let Some(file) = &mut finding.file
            && let Ok(below) = Path::new(file).strip_prefix(folder)
        {
            *file = below.to_string_lossy().into_owned();
        }
    }
    let Some(error) = &step.error else {
        result.errors.push(Finding::error("it failed"));
        return;
    };
    result.error_class = Some(error.class.to_string());
    result.timed_out = error.class == ErrorClass::Timeout;
    // At least one error, and always the run's own word for it.
    let mut outputs = tails.iter();
    let reason = outputs.find_map(|tail| whole(&error.reason, &tail.text));
    let reason = reason.unwrap_or_else(|| error.reason.clone());
    result.errors.push(Finding::error(&reason));
}

/// A reason whose end was cut off in the record, with the line of the output
/// that it is of.
fn whole(reason: &str, output: &str) -> Option<String> {
    let begun = reason.strip_suffix('…')?;
    let (how, line) = begun.split_once(": ")?;
    // Its beginning may be missing as well.
    let line = line.strip_prefix('…').unwrap_or(line);
    let found = output.lines().rev().map(str::trim);
    let found = found
        .filter(|text| text.contains(line))
        .max_by_key(|text| text.len())?;
    Some(format!("{how}: {found}"))
}

/// Whether what failed was forbidden: exit 5.
pub(crate) fn is_forbidden(report: &RunReport) -> bool {
    let policy = ErrorClass::PolicyViolation.to_string();
    let mut failed = report.results.iter();
    failed.any(|result| result.error_class.as_deref() == Some(policy.as_str()))
}

#[cfg(test)]
mod tests {
    use super::whole;
    use rstest::rstest;

    #[rstest]
    #[case("exit code 1: no such", None)]
    #[case("exit code 1: no suc…", Some("exit code 1: no such file"))]
    #[case("exit code 1: …such f…", Some("exit code 1: no such file"))]
    #[case("exit code 1: other…", None)]
    fn what_was_cut_is_made_whole(#[case] reason: &str, #[case] told: Option<&str>) {
        assert_eq!(
            whole(reason, "begun\n  no such file  \n\n").as_deref(),
            told
        );
    }
}
