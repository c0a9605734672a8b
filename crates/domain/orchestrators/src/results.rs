//! A run's summary to results: what came of each component.

use rok_component::Component;
use rok_facades::registry::FoundComponent;
use rok_facades::runs::{LogTail, RunSummary, StepSummary};
use rok_orchestration::{
    ComponentArtifact, ComponentResult, Finding, Level, ResultStatus, RunReport,
};
use rok_vocabulary::{ErrorClass, StepState};
use serde_json::Value;
use std::path::Path;

/// So many findings of a component are reported; a tool that has more to say
/// is not read to its end anyway.
const MAX_FINDINGS: usize = 1000;

/// The result of a component that was not started.
pub(crate) fn not_run(component: &Component, status: ResultStatus, why: &str) -> ComponentResult {
    told(of(component, status), why)
}

/// A result, with why it is none.
fn told(mut result: ComponentResult, why: &str) -> ComponentResult {
    if result.status == ResultStatus::Fail {
        result.errors.push(Finding::error(why));
    } else {
        result.messages.push(why.to_owned());
    }
    result
}

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
        None => not_run(
            component,
            ResultStatus::Fail,
            "the run does not know its step",
        ),
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
    of_step(result, step, summary, tails, folder)
}

/// The result of a component that was not started when its run was recorded.
pub(crate) fn never_started(name: &str, why: &str) -> ComponentResult {
    told(ComponentResult::new(name, ResultStatus::Fail), why)
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
    if let Some(deprecation) = &step.deprecated {
        result.messages.insert(0, deprecation.clone());
        if result.status == ResultStatus::Pass {
            result.status = ResultStatus::Warn;
        }
    }
    result
}

/// Puts results in the order of these components; what is none of them last.
pub(crate) fn sort(results: &mut [ComponentResult], order: &[FoundComponent]) {
    let place = |result: &ComponentResult| {
        let mut all = order.iter();
        all.position(|found| found.component.name.as_str() == result.component)
            .unwrap_or(order.len())
    };
    results.sort_by_key(place);
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
    let listed = result
        .output
        .as_ref()
        .and_then(|output| output.get("warnings"));
    let Some(Value::Array(listed)) = listed else {
        return;
    };
    let listed = listed.iter().take(MAX_FINDINGS);
    let findings = listed.map(|item| match item {
        Value::String(message) => Finding::error(message),
        item => serde_json::from_value(item.clone())
            .unwrap_or_else(|_| Finding::error(&item.to_string())),
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
    let tail = tails.iter().find(|tail| tail.step == step.id);
    if let Some(tail) = tail {
        result.errors = Finding::all_in(&tail.text, MAX_FINDINGS);
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
    result.errors.push(Finding::error(&error.reason));
}

/// Whether what failed was forbidden: exit 5.
pub(crate) fn is_forbidden(report: &RunReport) -> bool {
    let policy = ErrorClass::PolicyViolation.to_string();
    let mut failed = report.results.iter();
    failed.any(|result| result.error_class.as_deref() == Some(policy.as_str()))
}
