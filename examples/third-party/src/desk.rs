//! An executor from nothing: `call` steps whose function begins with `acme-`,
//! each on a thread of its own. It keeps the contract of executors.

use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains,
    ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage, Work,
    Workspace, wall_clock,
};
use rok_secrets::Masker;
use rok_vocabulary::{ErrorClass, RunId};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What begins so is ours; other calls are left to other executors.
const PREFIX: &str = "acme-";

/// Work without a deadline waits so long at most.
const FOR_EVER: Duration = Duration::from_secs(10 * 366 * 86_400);

/// Attempts that go on, and how each is told to stop.
type Open = Arc<Mutex<HashMap<AttemptRef, Sender<CancelReason>>>>;

/// Performs `call: acme-greet`, `acme-charge` and `acme-wait`.
#[derive(Default)]
pub struct Desk {
    open: Open,
}

/// What it can do.
#[derive(Clone, Copy)]
enum Task {
    Greet,
    Charge,
    Wait,
}

impl Desk {
    /// A desk at which nothing goes on.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Drop for Desk {
    /// Whoever drops the executor ends what it does.
    fn drop(&mut self) {
        for stop in locked(&self.open).values() {
            // Its thread is about to report anyway.
            let _ = stop.send(CancelReason::Interrupted);
        }
    }
}

fn locked(open: &Open) -> MutexGuard<'_, HashMap<AttemptRef, Sender<CancelReason>>> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The function's name, where it is ours.
fn ours(work: &Work) -> Option<&str> {
    match work {
        Work::Call(call) if call.function.starts_with(PREFIX) => Some(&call.function),
        _ => None,
    }
}

impl Task {
    /// What a piece of work asks for, or why nobody here does that.
    fn of(work: &Work) -> Result<Self, StepFailure> {
        let refused = |class, why| Err(StepFailure::new(class, why));
        match ours(work) {
            Some("acme-greet") => Ok(Self::Greet),
            Some("acme-charge") => Ok(Self::Charge),
            Some("acme-wait") => Ok(Self::Wait),
            Some(name) => {
                let why = format!("`{name}` is none of acme-greet, acme-charge, acme-wait");
                refused(ErrorClass::ConfigError, why)
            }
            None => {
                let why = format!("a `{}` step is not for this executor", work.kind());
                refused(ErrorClass::Internal, why)
            }
        }
    }

    /// Its outputs; it ends early where it is told to stop.
    fn perform(self, request: &StepRequest, stop: &Receiver<CancelReason>) -> End {
        match self {
            Self::Greet => {
                let who = request.inputs.get("who").and_then(Value::as_str);
                Ok(json!({ "text": format!("hello {}", who.unwrap_or("world")) }))
            }
            // A bank that says too much: what it says is masked before it is told.
            Self::Charge => {
                let token = request.secrets.get("token").unwrap_or("no token");
                let why = format!("the bank refuses {token}");
                let why = Masker::new(&request.secrets).mask_str(&why).into_owned();
                Err(StepFailure::new(ErrorClass::ValidationFailed, why))
            }
            Self::Wait => Err(
                match stop.recv_timeout(request.timeout.unwrap_or(FOR_EVER)) {
                    Ok(reason) => reason.failure(),
                    Err(_) => StepFailure::new(ErrorClass::Timeout, "its time is up"),
                },
            ),
        }
    }
}

type End = Result<Value, StepFailure>;

impl Executor for Desk {
    fn accepts(&self, work: &Work) -> bool {
        ours(work).is_some()
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let fault = Task::of(&request.work).err().map(|failure| PreflightFault {
            step: request.attempt.step.step.to_string(),
            class: failure.class,
            reason: failure.reason,
        });
        fault.into_iter().collect()
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let attempt = request.attempt.clone();
        let task = match Task::of(&request.work) {
            Ok(task) => task,
            Err(why) => return sink.report(StepReport::not_started(attempt, why)),
        };
        // Before the thread is: a stop right after the start is heard.
        let (stop, stopped) = channel();
        locked(&self.open).insert(attempt.clone(), stop);
        let (open, to) = (Arc::clone(&self.open), Arc::clone(&sink));
        let thread = std::thread::Builder::new().name("acme".to_owned());
        let spawned = thread.spawn(move || {
            let (started_at, began) = (wall_clock(), Instant::now());
            let end = task.perform(&request, &stopped);
            let result = StepResult {
                end: end.map(|outputs| StepSuccess {
                    outputs,
                    ..StepSuccess::default()
                }),
                started_at: Some(started_at),
                wall: began.elapsed(),
                usage: Usage::default(),
                exit_code: None,
                record: AttemptRecord::default(),
            };
            locked(&open).remove(&request.attempt);
            to.report(StepReport {
                attempt: request.attempt,
                result,
            });
        });
        if let Err(error) = spawned {
            locked(&self.open).remove(&attempt);
            let why = StepFailure::new(ErrorClass::TransientIo, format!("no thread: {error}"));
            sink.report(StepReport::not_started(attempt, why));
        }
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        if let Some(stop) = locked(&self.open).get(attempt) {
            // Nobody listens: it is ending by itself.
            let _ = stop.send(reason);
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // A thread dies with the process that started it.
        Ok(Remains::default())
    }
}
