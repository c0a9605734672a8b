//! The executor of the tests: what a step does is the name of its function.

use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains,
    ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage, Work,
    Workspace,
};
use rok_facades::testing::TestEngine;
use rok_facades::{
    DutyKey, EngineError, Handling, Incident, IncidentEngine, IncidentFilter, IncidentHistory,
    IncidentReport, OutcomeFacts,
};
use rok_vocabulary::{ErrorClass, RunId};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// | function | does |
/// | --- | --- |
/// | `ok` | succeeds at once, with the outputs `{"n": 1}` |
/// | `bad`, `io` | fails at once as `validation_failed`, `transient_io` |
/// | `io1` | fails as `transient_io` the first time, then succeeds |
/// | `wait` | goes on until the test ends it, or it is cancelled |
/// | `deaf` | the same, and does not hear that it is cancelled |
/// | `panic` | `start` panics |
/// | `unfit`, `untidy` | preflight finds a fault, panics |
#[derive(Default)]
pub(crate) struct Hand(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    starts: BTreeMap<String, u32>,
    waiting: Vec<Waiting>,
    cancelled: Vec<(String, CancelReason)>,
}

struct Waiting {
    attempt: AttemptRef,
    deaf: bool,
    sink: Arc<dyn ReportSink>,
}

fn name(attempt: &AttemptRef) -> String {
    format!("{}/{}", attempt.run, attempt.step.step)
}

fn function(request: &StepRequest) -> &str {
    match &request.work {
        Work::Call(work) => &work.function,
        _ => unreachable!("accepts calls only"),
    }
}

fn failure(class: ErrorClass) -> Result<Value, StepFailure> {
    Err(StepFailure::new(class, format!("told to: {class}")))
}

fn report(attempt: AttemptRef, end: Result<Value, StepFailure>) -> StepReport {
    let result = StepResult {
        end: end.map(|outputs| StepSuccess {
            outputs,
            artifacts: Vec::new(),
        }),
        started_at: None,
        wall: Duration::ZERO,
        usage: Usage::default(),
        exit_code: None,
        record: AttemptRecord::default(),
    };
    StepReport { attempt, result }
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

    /// How often each step was started.
    pub(crate) fn all_starts(&self) -> BTreeMap<String, u32> {
        self.lock().starts.clone()
    }

    /// What was cancelled, `RUN/STEP`, in order.
    pub(crate) fn cancelled(&self) -> Vec<(String, CancelReason)> {
        self.lock().cancelled.clone()
    }

    /// Ends a waiting step.
    pub(crate) fn end(&self, run: &str, step: &str, end: Result<Value, StepFailure>) {
        let key = format!("{run}/{step}");
        let mut inner = self.lock();
        let at = inner.waiting.iter().position(|w| name(&w.attempt) == key);
        let Waiting { attempt, sink, .. } = inner.waiting.remove(at.expect("it waits"));
        drop(inner);
        sink.report(report(attempt, end));
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
        match function(request) {
            "unfit" => vec![PreflightFault {
                step: request.attempt.step.step.to_string(),
                class: ErrorClass::ConfigError,
                reason: "told to be unfit".into(),
            }],
            "untidy" => panic!("told to panic in preflight"),
            _ => Vec::new(),
        }
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let attempt = request.attempt.clone();
        let mut inner = self.lock();
        let times = inner.starts.entry(name(&attempt)).or_default();
        *times += 1;
        let times = *times;
        let end = match function(&request) {
            "ok" => Ok(json!({ "n": 1 })),
            "bad" => failure(ErrorClass::ValidationFailed),
            "io1" if times > 1 => Ok(Value::Null),
            "io" | "io1" => failure(ErrorClass::TransientIo),
            "panic" => {
                drop(inner);
                panic!("told to panic in start");
            }
            waits => {
                let deaf = waits == "deaf";
                return inner.waiting.push(Waiting {
                    attempt,
                    deaf,
                    sink,
                });
            }
        };
        drop(inner);
        sink.report(report(attempt, end));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let mut inner = self.lock();
        inner.cancelled.push((name(attempt), reason));
        let at = inner
            .waiting
            .iter()
            .position(|w| w.attempt == *attempt && !w.deaf);
        if let Some(Waiting { attempt, sink, .. }) = at.map(|at| inner.waiting.remove(at)) {
            drop(inner);
            sink.report(report(attempt, Err(reason.failure())));
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        Ok(Remains::default())
    }
}

/// An incident domain that remembers whether it was told the policies' verdict.
#[derive(Default)]
pub(crate) struct Witness {
    engine: TestEngine,
    verdicts: Mutex<Vec<bool>>,
}

impl Witness {
    pub(crate) fn verdicts(&self) -> Vec<bool> {
        self.verdicts.lock().unwrap().clone()
    }
}

impl IncidentEngine for Witness {
    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError> {
        self.verdicts.lock().unwrap().push(facts.verdict.is_some());
        self.engine.record_run_outcome(key, facts)
    }

    fn open(
        &self,
        key: &DutyKey<'_>,
        report: &IncidentReport<'_>,
    ) -> Result<Incident, EngineError> {
        self.engine.open(key, report)
    }

    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        self.engine.handle(id, handling)
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        self.engine.list(filter)
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        self.engine.history(id)
    }
}
