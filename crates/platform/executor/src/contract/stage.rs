//! Where attempts are made and their reports come in.

use super::{Deed, Fault, Subject};
use crate::port::{
    AttemptRef, CancelReason, Executor, ReportSink, StepReport, StepRequest, StepSuccess, Workspace,
};
use crate::{StepFailure, Work};
use rok_secrets::Secrets;
use rok_vocabulary::{Attempt, Epoch, IdempotencyKey, InputName, RunId, StepId, StepRef};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The secret that work which blabs says; its name in the run is `token`.
pub const SECRET: &str = "s3cr3t-t0k3n-of-the-contract";

/// Nothing that is asked for here takes longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is stopped when a rule has been judged is not waited for longer.
const FAREWELL: Duration = Duration::from_secs(5);

/// An executor and what it reports.
pub(super) struct Stage<'s> {
    pub(super) subject: &'s dyn Subject,
    pub(super) executor: Arc<dyn Executor>,
    run: RunId,
    sender: Sender<StepReport>,
    reports: Mutex<Receiver<StepReport>>,
    /// Started, and not reported yet.
    open: Mutex<BTreeSet<AttemptRef>>,
}

/// An attempt of a step that does this, for tests: without inputs, secrets and
/// limits.
///
/// # Panics
///
/// Where `run` or `step` is no id.
#[must_use]
pub fn request(run: &str, step: &str, attempt: u32, work: Work) -> StepRequest {
    let run: RunId = run.parse().expect("tests name their runs well");
    let step: StepId = step.parse().expect("tests name their steps well");
    StepRequest {
        key: IdempotencyKey::new(&run, Epoch(0), &step),
        attempt: AttemptRef {
            run,
            step: StepRef {
                epoch: Epoch(0),
                step,
                attempt: Attempt(attempt),
                compensates: false,
            },
        },
        work,
        inputs: Arc::new(json!({})),
        secrets: Secrets::none(),
        timeout: None,
        kill_grace: Duration::ZERO,
        traceparent: None,
        artifacts: Vec::new(),
        workspace: None,
    }
}

/// The name of the secret.
pub(super) fn token() -> InputName {
    "token".parse().expect("it is a name")
}

/// The secrets of a run with [`SECRET`], for subjects whose work blabs.
#[must_use]
pub fn secrets() -> Secrets {
    Secrets::from_pairs([(token(), SECRET)]).expect("it is one, and long enough")
}

/// Places below a folder where attempts may write, made where they are not there.
///
/// # Panics
///
/// Where they cannot be made.
#[must_use]
pub fn workspace(folder: &Path) -> Arc<Workspace> {
    let made = |name: &str| {
        let place = folder.join(name);
        std::fs::create_dir_all(&place).expect("tests may write into their folder");
        place
    };
    Arc::new(Workspace {
        logs: made("logs"),
        artifacts: made("artifacts"),
        procs: made("procs"),
        scratch: made("scratch"),
    })
}

/// How an attempt ended.
pub(super) type End = Result<StepSuccess, StepFailure>;

impl<'s> Stage<'s> {
    pub(super) fn new(subject: &'s dyn Subject, rule: &str) -> Self {
        let (sender, reports) = channel();
        let run = format!("{}-{}", subject.runs(), rule.replace('_', "-"));
        // As long as an id may be.
        let run: String = run.chars().take(64).collect();
        Self {
            subject,
            executor: subject.executor(),
            run: run.parse().expect("subjects name their runs well"),
            sender,
            reports: Mutex::new(reports),
            open: Mutex::default(),
        }
    }

    pub(super) const fn run(&self) -> &RunId {
        &self.run
    }

    pub(super) fn work(&self, deed: Deed) -> Result<Work, Fault> {
        self.subject.work(deed).ok_or(Fault::Unshown(deed))
    }

    /// An attempt of a step of this name.
    pub(super) fn request(&self, step: &str, work: Work) -> StepRequest {
        StepRequest {
            secrets: self.subject.secrets(),
            kill_grace: Duration::from_millis(200),
            workspace: self.subject.workspace(),
            ..request(self.run.as_str(), step, 1, work)
        }
    }

    pub(super) fn start(&self, request: StepRequest) -> AttemptRef {
        let attempt = request.attempt.clone();
        self.open().insert(attempt.clone());
        let sender = Mutex::new(self.sender.clone());
        let sink = move |report| {
            let sender = sender.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody listens any more: the rule has been judged.
            let _ = sender.send(report);
        };
        self.executor
            .start(request, Arc::new(sink) as Arc<dyn ReportSink>);
        attempt
    }

    /// The next report, of whichever attempt.
    pub(super) fn report(&self) -> Result<StepReport, Fault> {
        self.next(PATIENCE)
            .ok_or_else(|| Fault::Broken(format!("no report within {} s", PATIENCE.as_secs())))
    }

    fn next(&self, patience: Duration) -> Option<StepReport> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let report = reports.recv_timeout(patience).ok()?;
        self.open().remove(&report.attempt);
        Some(report)
    }

    fn open(&self) -> MutexGuard<'_, BTreeSet<AttemptRef>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The end of an attempt, whose report must be the next.
    pub(super) fn end_of(&self, attempt: &AttemptRef) -> Result<End, Fault> {
        let report = self.report()?;
        if report.attempt != *attempt {
            let (came, due) = (&report.attempt.step, &attempt.step);
            return Err(Fault::Broken(format!(
                "the report of {due:?} names {came:?}"
            )));
        }
        let (end, began) = (report.result.end, report.result.started_at);
        if end.is_ok() && began.is_none() {
            return broken("work succeeded that never began: `started_at` is absent");
        }
        Ok(end)
    }

    /// Performs work to its end.
    pub(super) fn perform(&self, step: &str, deed: Deed) -> Result<End, Fault> {
        let attempt = self.start(self.request(step, self.work(deed)?));
        self.end_of(&attempt)
    }

    /// No report came beyond those that were taken. Another attempt, begun and
    /// ended since, gives a second one the time to come.
    pub(super) fn nothing_more_came(&self) -> Result<(), Fault> {
        if let Ok(work) = self.work(Deed::Answers) {
            let attempt = self.start(self.request("afterwards", work));
            drop(self.end_of(&attempt)?);
        }
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        match reports.try_recv() {
            Ok(again) => broken(format!("{:?} was reported twice", again.attempt.step)),
            Err(_) => Ok(()),
        }
    }
}

/// Whatever was started is ended, also where a rule is broken: nothing goes on
/// in the way of the next one.
impl Drop for Stage<'_> {
    fn drop(&mut self) {
        let left = self.open().clone();
        for attempt in &left {
            self.executor.cancel(attempt, CancelReason::Cancelled);
        }
        for _ in left {
            // One that does not end is told by the rules about stops.
            if self.next(FAREWELL).is_none() {
                break;
            }
        }
    }
}

pub(super) fn broken<T>(why: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Broken(why.into()))
}
