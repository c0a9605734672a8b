//! The executor of these tests: what a step does is the name of its function.

use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains,
    ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage, Work,
    Workspace,
};
use rok_vocabulary::{ErrorClass, RunId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// | function | does |
/// | --- | --- |
/// | `ok` | succeeds at once |
/// | `bad` | fails at once |
/// | `io1` | fails as `transient_io` the first time, then succeeds |
/// | `wait` | goes on until the test ends it, or it is cancelled |
/// | `deaf` | the same, and does not hear that it is cancelled |
/// | `panic` | `start` panics |
/// | `untidy` | preflight panics |
#[derive(Default)]
pub(crate) struct Hand(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    starts: BTreeMap<String, u32>,
    waiting: Vec<(AttemptRef, bool, Arc<dyn ReportSink>)>,
    cancelled: Vec<(String, CancelReason)>,
}

fn name(attempt: &AttemptRef) -> String {
    format!("{}/{}", attempt.run, attempt.step.step)
}

fn function(request: &StepRequest) -> &str {
    match &request.work {
        Work::Call(work) => &work.function,
        _ => unreachable!("it accepts calls only"),
    }
}

fn report(attempt: AttemptRef, end: Result<(), StepFailure>) -> StepReport {
    let success = |()| StepSuccess {
        outputs: Value::Null,
        artifacts: Vec::new(),
    };
    let result = StepResult {
        end: end.map(success),
        started_at: None,
        wall: Duration::ZERO,
        usage: Usage::default(),
        exit_code: None,
        record: AttemptRecord::default(),
    };
    StepReport { attempt, result }
}

/// Unwinds as a panic does, without its message in every test's output.
fn panics(what: &str) -> ! {
    std::panic::resume_unwind(Box::new(what.to_owned()))
}

impl Hand {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often a step was started, over all its attempts.
    pub(crate) fn starts(&self, run: &str, step: &str) -> u32 {
        let key = format!("{run}/{step}");
        self.lock().starts.get(&key).copied().unwrap_or_default()
    }

    /// What was cancelled, `RUN/STEP`, in order of the names.
    pub(crate) fn cancelled(&self) -> Vec<(String, CancelReason)> {
        let mut cancelled = self.lock().cancelled.clone();
        cancelled.sort_by(|a, b| a.0.cmp(&b.0));
        cancelled
    }

    /// Ends the oldest waiting attempt of a step.
    pub(crate) fn end(&self, run: &str, step: &str) {
        let key = format!("{run}/{step}");
        let mut inner = self.lock();
        let at = inner.waiting.iter().position(|(of, ..)| name(of) == key);
        let (attempt, _, sink) = inner.waiting.remove(at.expect("it waits"));
        drop(inner);
        sink.report(report(attempt, Ok(())));
    }

    /// The machine is gone, and what waited on it.
    pub(crate) fn lose_everything(&self) {
        self.lock().waiting.clear();
    }
}

impl Executor for Hand {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Call(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        if function(request) == "untidy" {
            panics("told to panic in preflight");
        }
        Vec::new()
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let attempt = request.attempt.clone();
        let mut inner = self.lock();
        let times = inner.starts.entry(name(&attempt)).or_default();
        *times += 1;
        let failed = |class| Err(StepFailure::new(class, "told to fail"));
        let end = match function(&request) {
            "ok" => Ok(()),
            "io1" if *times > 1 => Ok(()),
            "io1" => failed(ErrorClass::TransientIo),
            "bad" => failed(ErrorClass::ValidationFailed),
            "panic" => {
                drop(inner);
                panics("told to panic in start");
            }
            waits => {
                let deaf = waits == "deaf";
                return inner.waiting.push((attempt, deaf, sink));
            }
        };
        drop(inner);
        sink.report(report(attempt, end));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let mut inner = self.lock();
        inner.cancelled.push((name(attempt), reason));
        let hears = |(of, deaf, _): &(AttemptRef, bool, _)| of == attempt && !deaf;
        let at = inner.waiting.iter().position(hears);
        if let Some((attempt, _, sink)) = at.map(|at| inner.waiting.remove(at)) {
            drop(inner);
            sink.report(report(attempt, Err(reason.failure())));
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        Ok(Remains::default())
    }
}
