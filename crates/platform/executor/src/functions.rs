//! `call` steps: functions that an embedder registers by name.
//!
//! A blocking function runs on a thread of the registry's own pool; an inline
//! one on the caller's thread, within `start`. A function cannot be killed: at
//! its deadline, or `kill_grace` after it was cancelled, the step is reported
//! and the thread is abandoned. It goes on until the function returns, and what
//! it returns is dropped; `Call::is_cancelled` tells a function to give up.

mod pool;

use crate::clock::wall_clock;
use crate::outputs::check_outputs;
use crate::port::{
    AttemptRecord, AttemptRef, CallWork, CancelReason, Executor, ExecutorError, PreflightFault,
    Remains, ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage,
    Work, Workspace,
};
use pool::Pool;
use rok_secrets::{Masker, Secrets};
use rok_vocabulary::{ErrorClass, IdempotencyKey, RunId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

/// How many blocking functions run at once, unless told otherwise.
const DEFAULT_THREADS: usize = 64;

type Body = dyn Fn(&Call<'_>) -> Result<Value, StepFailure> + Send + Sync;

#[derive(Clone)]
enum Function {
    Blocking(Arc<Body>),
    Inline(Arc<Body>),
}

/// What a function is given.
pub struct Call<'a> {
    request: &'a StepRequest,
    work: &'a CallWork,
    cancelled: &'a AtomicBool,
}

impl<'a> Call<'a> {
    /// The run, the step and its attempt.
    pub fn attempt(&self) -> &'a AttemptRef {
        &self.request.attempt
    }

    /// The same for every attempt of the step.
    pub fn idempotency_key(&self) -> &'a IdempotencyKey {
        &self.request.key
    }

    /// The run's inputs, an object.
    pub fn inputs(&self) -> &'a Value {
        &self.request.inputs
    }

    /// One input of the run.
    pub fn input(&self, name: &str) -> Option<&'a Value> {
        self.request.inputs.get(name)
    }

    /// The outputs of the steps that this one needs, by step id, an object.
    pub fn needs(&self) -> &'a Value {
        &self.work.needs
    }

    /// The outputs of a step that this one needs.
    pub fn outputs_of(&self, step: &str) -> Option<&'a Value> {
        self.work.needs.get(step)
    }

    /// The item that this child of a fan-out is for.
    pub fn item(&self) -> Option<&'a Value> {
        self.work.item.as_ref().map(|(item, _)| item)
    }

    /// The place of that item in its list, 0-based.
    pub fn item_index(&self) -> Option<u32> {
        self.work.item.as_ref().map(|(_, index)| *index)
    }

    /// The secrets that the plan names.
    pub fn secrets(&self) -> &'a Secrets {
        &self.request.secrets
    }

    /// Where the run's executors may write; `None` for a run without a folder.
    pub fn workspace(&self) -> Option<&'a Workspace> {
        self.request.workspace.as_deref()
    }

    /// W3C trace context of the attempt's span.
    pub fn traceparent(&self) -> Option<&'a str> {
        self.request.traceparent.as_deref()
    }

    /// Whether nobody waits for the result any more: the step was cancelled or
    /// its time is up. A long function asks this now and then, and returns.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("function", &self.work.function)
            .field("attempt", &self.request.attempt)
            .finish_non_exhaustive()
    }
}

/// The functions that `call` steps may name, and the [`Executor`] of these steps.
///
/// A panic in a function fails its step as `internal`, with the panic's text.
/// (The process's panic hook sees that text first: a function must not put a
/// secret into a panic.)
pub struct Functions {
    table: BTreeMap<String, Function>,
    threads: usize,
    /// Started with the first blocking call.
    pool: OnceLock<Pool>,
}

impl Default for Functions {
    fn default() -> Self {
        Self::new()
    }
}

impl Functions {
    /// No functions yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            table: BTreeMap::new(),
            threads: DEFAULT_THREADS,
            pool: OnceLock::new(),
        }
    }

    /// At most so many blocking functions run at once; others wait, in order.
    /// Zero counts as one. The default is 64.
    #[must_use]
    pub fn max_in_flight(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// Adds a function that may take its time. A later one of the same name wins.
    #[must_use]
    pub fn register(
        mut self,
        name: impl Into<String>,
        body: impl Fn(&Call<'_>) -> Result<Value, StepFailure> + Send + Sync + 'static,
    ) -> Self {
        self.table
            .insert(name.into(), Function::Blocking(Arc::new(body)));
        self
    }

    /// Adds a function that returns at once: it runs on the caller's thread
    /// within `start`, and no deadline can stop it.
    #[must_use]
    pub fn register_inline(
        mut self,
        name: impl Into<String>,
        body: impl Fn(&Call<'_>) -> Result<Value, StepFailure> + Send + Sync + 'static,
    ) -> Self {
        self.table
            .insert(name.into(), Function::Inline(Arc::new(body)));
        self
    }

    /// Whether a function of that name is registered.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.table.keys().map(String::as_str)
    }

    fn unknown(&self, name: &str) -> String {
        if self.table.is_empty() {
            return format!("function `{name}` is not registered, nor is any other");
        }
        let known: Vec<&str> = self.names().take(20).collect();
        format!(
            "function `{name}` is not registered; known are: {}",
            known.join(", ")
        )
    }
}

impl fmt::Debug for Functions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Functions")
            .field("names", &self.table.keys())
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

impl Executor for Functions {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Call(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        match &request.work {
            Work::Call(work) if !self.contains(&work.function) => vec![PreflightFault {
                step: request.attempt.step.step.to_string(),
                class: ErrorClass::ConfigError,
                reason: self.unknown(&work.function),
            }],
            _ => Vec::new(),
        }
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let function = match &request.work {
            Work::Call(work) => self.table.get(&work.function).cloned().ok_or_else(|| {
                StepFailure::new(ErrorClass::ConfigError, self.unknown(&work.function))
            }),
            other => Err(StepFailure::new(
                ErrorClass::Internal,
                format!(
                    "a `{}` step was given to the executor of `call` steps",
                    other.kind()
                ),
            )),
        };
        match function {
            Err(failure) => sink.report(StepReport::not_started(request.attempt, failure)),
            Ok(Function::Inline(body)) => {
                let report = perform(&request, &*body, &AtomicBool::new(false));
                sink.report(report);
            }
            Ok(Function::Blocking(body)) => {
                let pool = self.pool.get_or_init(|| Pool::new(self.threads));
                pool.submit(request, body, sink);
            }
        }
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        if let Some(pool) = self.pool.get() {
            pool.cancel(attempt, reason);
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // A function dies with the process that called it.
        Ok(Remains::default())
    }
}

/// Calls the function on this thread and makes a report of what comes.
fn perform(request: &StepRequest, body: &Body, cancelled: &AtomicBool) -> StepReport {
    let started_at = wall_clock();
    let began = Instant::now();
    let end = called(request, body, cancelled);
    StepReport {
        attempt: request.attempt.clone(),
        result: StepResult {
            end,
            started_at: Some(started_at),
            wall: began.elapsed(),
            usage: Usage::default(),
            exit_code: None,
            record: AttemptRecord::default(),
        },
    }
}

fn called(
    request: &StepRequest,
    body: &Body,
    cancelled: &AtomicBool,
) -> Result<StepSuccess, StepFailure> {
    let Work::Call(work) = &request.work else {
        return Err(StepFailure::new(ErrorClass::Internal, "not a call"));
    };
    let call = Call {
        request,
        work,
        cancelled,
    };
    // The closure's state is shared behind `&` only; a body that keeps its own
    // state across a panic answers for it.
    let result = catch_unwind(AssertUnwindSafe(|| body(&call))).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no text");
        let reason = format!("function `{}` panicked: {text}", work.function);
        Err(StepFailure::new(ErrorClass::Internal, reason))
    });
    let masker = Masker::new(&request.secrets);
    let outputs = result.and_then(|mut outputs| {
        masker.mask_json(&mut outputs);
        check_outputs(&outputs).map(|()| outputs)
    });
    match outputs {
        Ok(outputs) => Ok(StepSuccess {
            outputs,
            artifacts: Vec::new(),
        }),
        Err(failure) => Err(StepFailure {
            reason: masker.mask_str(&failure.reason).into_owned(),
            ..failure
        }),
    }
}

#[cfg(test)]
mod tests;
