//! The executor of a test: answers for every step by its stub, in virtual time.

use crate::reads::readers;
use rok_artifacts::Emitted;
use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains,
    ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage, Work,
    Workspace,
};
use rok_facades::plan_tests::TestFault;
use rok_plan::Plan;
use rok_plan_test::{PlanTest, Stub};
use rok_runner::{Clock, VirtualClock};
use rok_vocabulary::{ErrorClass, RunId, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Answers for every step by its stub. An attempt's report is held back until
/// the virtual clock has reached its end.
pub(crate) struct StubExecutor {
    test: PlanTest,
    clock: Arc<VirtualClock>,
    /// Steps that declare outputs.
    declares: BTreeSet<String>,
    readers: BTreeMap<String, String>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By when they end, then by when they were started.
    due: BTreeMap<(Timestamp, u64), InFlight>,
    started: u64,
    fault: Option<TestFault>,
}

struct InFlight {
    report: StepReport,
    began: Timestamp,
    sink: Arc<dyn ReportSink>,
}

impl StubExecutor {
    pub(crate) fn new(plan: &Plan, test: &PlanTest, clock: Arc<VirtualClock>) -> Self {
        let declares = plan.steps.iter().filter(|step| !step.outputs.is_empty());
        Self {
            test: test.clone(),
            clock,
            declares: declares.map(|step| step.id.to_string()).collect(),
            readers: readers(plan),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// When the next attempt ends.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let state = self.state();
        let first = state.due.first_key_value();
        first.map(|((at, _), _)| *at)
    }

    /// Reports the attempts that have ended by now; whether there were any.
    pub(crate) fn release(&self) -> bool {
        let now = self.clock.now();
        let mut any = false;
        loop {
            let mut state = self.state();
            let Some(first) = state.due.first_entry().filter(|first| first.key().0 <= now) else {
                return any;
            };
            let ended = first.remove();
            drop(state);
            any = true;
            ended.sink.report(ended.report);
        }
    }

    /// What is wrong with the test, once that is known.
    pub(crate) fn fault(&self) -> Option<TestFault> {
        self.state().fault.clone()
    }

    fn perform(&self, request: &StepRequest, stub: &Stub) -> Result<StepSuccess, StepFailure> {
        let attempt = request.attempt.step.attempt.0;
        if let Some(fails) = &stub.fails
            && fails.times.is_none_or(|times| attempt < times)
        {
            return Err(StepFailure::new(fails.class, fails.reason.clone()));
        }
        let outputs = self.outputs(request, stub)?;
        let mut artifacts = Vec::new();
        for spec in &request.artifacts {
            let content = match stub.artifacts.get(&spec.path) {
                Some(Some(content)) => content.as_str(),
                Some(None) if spec.required => {
                    let reason = format!("required artifact `{}` was not written", spec.path);
                    return Err(StepFailure::new(ErrorClass::ValidationFailed, reason));
                }
                None if spec.required => "",
                Some(None) | None => continue,
            };
            artifacts.push(Emitted::unstored(&spec.path, content.as_bytes()));
        }
        Ok(StepSuccess { outputs, artifacts })
    }

    /// What a step hands on. Where the test does not say, and the plan wants to
    /// know, the test is broken: nothing is made up.
    fn outputs(&self, request: &StepRequest, stub: &Stub) -> Result<Value, StepFailure> {
        if let Some(outputs) = &stub.outputs {
            return Ok(Value::Object(outputs.clone()));
        }
        let step = request.attempt.step.step.as_str();
        let whole = step.split_once('[').map_or(step, |(whole, _)| whole);
        let wanted = match self.readers.get(whole) {
            Some(place) => format!("its outputs are read ({place})"),
            None if self.declares.contains(whole) => "it declares outputs".to_owned(),
            None => return Ok(Value::Null),
        };
        let message = format!("step `{step}` runs, {wanted}, and the test gives it none");
        self.state().fault.get_or_insert(TestFault {
            message: message.clone(),
            hint: Some(format!(
                "add `{whole}: {{ outputs: {{ … }} }}` to the `steps` of the test, or of `defaults`"
            )),
        });
        Err(StepFailure::new(ErrorClass::ConfigError, message))
    }
}

/// A step's compensation as a stub: nothing of what the step itself does is
/// true of it.
fn undo(stub: &Stub) -> Stub {
    let undo = stub.compensate.clone().unwrap_or_default();
    Stub {
        outputs: Some(Map::new()),
        delay: undo.delay,
        fails: undo.fails,
        ..Stub::default()
    }
}

impl Executor for StubExecutor {
    fn accepts(&self, _: &Work) -> bool {
        true
    }

    fn preflight(&self, _: &StepRequest) -> Vec<PreflightFault> {
        Vec::new()
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let nothing = Stub::default();
        let step = request.attempt.step.step.as_str();
        let stub = self.test.stub(step).unwrap_or(&nothing);
        let undo = request.attempt.step.compensates.then(|| undo(stub));
        let stub = undo.as_ref().unwrap_or(stub);
        let mut end = self.perform(&request, stub);
        let mut wall = stub.delay.unwrap_or_default();
        if let Some(timeout) = request.timeout.filter(|timeout| *timeout < wall) {
            wall = timeout;
            let reason = format!("killed at its deadline, after {timeout:?}");
            end = Err(StepFailure::new(ErrorClass::Timeout, reason));
        }
        let process = matches!(request.work, Work::Process(_));
        let began = self.clock.now();
        let result = StepResult {
            record: AttemptRecord::default(),
            exit_code: stub.exit_code.or((process && end.is_ok()).then_some(0)),
            end,
            started_at: Some(began),
            wall,
            usage: Usage {
                cpu: stub.cpu.unwrap_or_default(),
                max_rss: stub.max_rss_kib.unwrap_or_default().saturating_mul(1024),
                cost_usd: stub.cost_usd.unwrap_or_default(),
                tokens: stub.tokens.unwrap_or_default(),
                energy_kwh: stub.energy_kwh.unwrap_or_default(),
            },
        };
        let report = StepReport {
            attempt: request.attempt,
            result,
        };
        let mut state = self.state();
        let key = (began.after(wall), state.started);
        state.started += 1;
        state.due.insert(
            key,
            InFlight {
                report,
                began,
                sink,
            },
        );
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let now = self.clock.now();
        let mut state = self.state();
        let found = state
            .due
            .iter()
            .find(|((at, _), flight)| *at > now && flight.report.attempt == *attempt);
        let Some(key) = found.map(|(key, _)| *key) else {
            return;
        };
        if let Some(mut flight) = state.due.remove(&key) {
            flight.report.result.end = Err(reason.failure());
            flight.report.result.wall = now.since(flight.began);
            flight.report.result.exit_code = None;
            state.due.insert((now, key.1), flight);
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        Ok(Remains::default())
    }
}
