//! After an attempt: what it made is stored, then told; what a failed one
//! left is put aside, then told. Nobody hears of the end before that is done.

use super::before::{Ready, failure, text};
use super::files::{Files, reason};
use super::{Job, Stage};
use rok_artifacts::{Before, EmitError, Quarantined, emit, quarantine};
use rok_executor::{
    AttemptRecord, ReportSink, StepFailure, StepReport, StepResult, StepSuccess, Usage,
};
use rok_vocabulary::ErrorClass;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many files are named that were put aside.
const MISSED: usize = 3;

/// Takes the executor's report, and hands it on when the files are dealt with.
pub(super) struct Collector(Mutex<Option<(Arc<Stage>, Job, Ready)>>);

impl Collector {
    pub(super) fn new(stage: Arc<Stage>, job: Job, prepared: Ready) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Some((stage, job, prepared)))))
    }

    fn take(&self) -> Option<(Arc<Stage>, Job, Ready)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The executor broke before it could report.
    pub(super) fn give_up(&self, failure: StepFailure) {
        if let Some((_, job, prepared)) = self.take() {
            let result = StepResult {
                end: Err(failure),
                started_at: None,
                wall: Duration::ZERO,
                usage: Usage::default(),
                exit_code: None,
                record: prepared.record,
            };
            let attempt = job.request.attempt;
            job.sink.report(StepReport { attempt, result });
        }
    }
}

impl ReportSink for Collector {
    fn report(&self, mut report: StepReport) {
        let Some((stage, job, prepared)) = self.take() else {
            return;
        };
        let Ready { before, record } = prepared;
        let log = report.result.record.log.take();
        report.result.record = AttemptRecord { log, ..record };
        let Some(before) = before else {
            return job.sink.report(report);
        };
        stage.send(Box::new(move || {
            let sink = Arc::clone(&job.sink);
            let done = catch_unwind(AssertUnwindSafe(|| collect(&job, &before, &mut report)));
            if done.is_err() {
                report.result.end = Err(super::panicked());
            }
            sink.report(report);
        }));
    }
}

fn collect(job: &Job, before: &Before, report: &mut StepReport) {
    let result = &mut report.result;
    if let Ok(success) = &mut result.end {
        match made(job, before, success) {
            Ok(()) => return,
            Err(failure) => result.end = Err(failure),
        }
    }
    let Err(why) = &mut result.end else { return };
    let aside = job.files.aside(&job.request.attempt.step);
    let (declared, roots) = (&job.step.declared, &job.step.roots);
    match quarantine(declared, roots, before, &aside, &job.masker) {
        Ok(left) => {
            let ended = format!("the attempt ended as {}", why.class);
            let step = &job.request.attempt.step;
            why.reason.extend(missed(&left, &Files::aside_name(step)));
            let told = left.into_iter().map(|left| {
                let reason = reason(&left, &ended);
                (left, reason)
            });
            result.record.quarantined.extend(told);
        }
        Err(error) => {
            why.reason = format!(
                "{}; what it left cannot be put aside: {}",
                why.reason,
                text(&error)
            );
        }
    }
}

/// What stood there before is missed by whoever put it there.
fn missed(left: &[Quarantined], aside: &str) -> Option<String> {
    let earlier: Vec<&str> = left
        .iter()
        .filter(|left| left.earlier && !left.removed)
        .map(|left| left.path.as_str())
        .collect();
    let more = match earlier.len() {
        0 => return None,
        n if n > MISSED => format!(" and {} more", n - MISSED),
        _ => String::new(),
    };
    let named = earlier[..earlier.len().min(MISSED)].join("`, `");
    Some(format!(
        "; what was there before it, and changed, is put aside in {aside}: `{named}`{more}"
    ))
}

fn made(job: &Job, before: &Before, success: &mut StepSuccess) -> Result<(), StepFailure> {
    let (declared, roots) = (&job.step.declared, &job.step.roots);
    let emitted = emit(declared, roots, before, &job.files.contents, &job.masker);
    let emitted = emitted.map_err(|error| {
        let failure = match &error {
            EmitError::Secret { .. } => {
                StepFailure::new(ErrorClass::PolicyViolation, error.to_string())
            }
            EmitError::Artifact(error) => failure(error),
            _ => StepFailure::new(ErrorClass::ValidationFailed, error.to_string()),
        };
        let reason = job.masker.mask_str(&failure.reason).into_owned();
        StepFailure { reason, ..failure }
    })?;
    for artifact in &emitted {
        if let Some(identity) = artifact.identity {
            job.files
                .remember(&artifact.file, identity, &artifact.sha256);
        }
    }
    success.artifacts.extend(emitted);
    Ok(())
}
