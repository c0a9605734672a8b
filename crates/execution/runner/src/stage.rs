//! What is done around an attempt, outside of its executor: upstream artifacts
//! are checked before it begins, what it made is stored when it has succeeded,
//! and put aside when it has not.
//!
//! ```text
//! start ─▶ before ──▶ executor ──report──▶ after ──▶ sink
//!            └─failure─────────────────────────────▶ sink
//! ```
//! Steps that declare and need no files go past it. The rest is done on threads
//! of its own, in order: a shard's turn waits for no file.

mod after;
mod before;
mod files;
mod inputs;

use crate::cache::StepCache;
use crate::recorded::RecordedEnd;
use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ReportSink, StepFailure, StepReport,
    StepRequest, StepResult, Usage,
};
use rok_secrets::Masker;
use rok_vocabulary::ErrorClass;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub use files::{Files, LostFiles, StepFiles, Upstream, results};

use before::{Prepared, Ready};

/// Threads that look at files: more only share the same disk.
const THREADS: usize = 4;

/// One attempt with all that is done around it.
pub(crate) struct Job {
    pub(crate) request: StepRequest,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) sink: Arc<dyn ReportSink>,
    pub(crate) files: Arc<Files>,
    pub(crate) step: StepFiles,
    pub(crate) masker: Masker,
    pub(crate) cache: Option<Arc<dyn StepCache>>,
    /// What stands for its result: nothing is executed.
    pub(crate) recorded: Option<RecordedEnd>,
}

/// The key of what an attempt would come to; looks at files, changes none.
pub(crate) fn key_of(job: &Job) -> Result<Option<String>, StepFailure> {
    inputs::key(job)
}

type Task = Box<dyn FnOnce() + Send>;

/// The threads, and the attempts that have not begun yet.
#[derive(Default)]
pub(crate) struct Stage {
    tasks: OnceLock<Sender<Task>>,
    /// Whose cancelling must be told when they would begin.
    preparing: Mutex<HashMap<AttemptRef, Option<CancelReason>>>,
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").finish_non_exhaustive()
    }
}

impl Stage {
    /// Prepares an attempt and starts it; its report comes as from an executor.
    pub(crate) fn start(self: &Arc<Self>, job: Job) {
        let attempt = job.request.attempt.clone();
        self.preparing().insert(attempt, None);
        let stage = Arc::clone(self);
        self.send(Box::new(move || stage.begin(job)));
    }

    /// Whether an attempt has not begun, and now will not.
    pub(crate) fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) -> bool {
        match self.preparing().get_mut(attempt) {
            Some(told) => {
                told.get_or_insert(reason);
                true
            }
            None => false,
        }
    }

    fn begin(self: Arc<Self>, job: Job) {
        let prepared = catch_unwind(AssertUnwindSafe(|| before::prepare(&job)));
        let prepared = prepared.unwrap_or_else(|_| Err((panicked(), AttemptRecord::default())));
        let mut preparing = self.preparing();
        let told = preparing.remove(&job.request.attempt).flatten();
        let (end, record) = match (prepared, told) {
            (Ok(Prepared::Run(prepared)), None) => {
                let Job {
                    request, executor, ..
                } = &job;
                let (request, executor) = (request.clone(), Arc::clone(executor));
                let sink = after::Collector::new(Arc::clone(&self), job, prepared);
                // Under the lock: a cancel finds the attempt here or there.
                let started =
                    catch_unwind(AssertUnwindSafe(|| executor.start(request, sink.clone())));
                drop(preparing);
                if started.is_err() {
                    sink.give_up(panicked());
                }
                return;
            }
            (Ok(Prepared::Done(success, record)), None) => (Ok(success), record),
            (Err((failure, record)), None) => (Err(failure), record),
            (
                Ok(Prepared::Run(Ready { record, .. }) | Prepared::Done(_, record))
                | Err((_, record)),
                Some(reason),
            ) => (Err(reason.failure()), record),
        };
        drop(preparing);
        let result = StepResult {
            end,
            started_at: None,
            wall: Duration::ZERO,
            usage: Usage::default(),
            exit_code: None,
            record,
        };
        job.sink.report(StepReport {
            attempt: job.request.attempt,
            result,
        });
    }

    fn preparing(&self) -> MutexGuard<'_, HashMap<AttemptRef, Option<CancelReason>>> {
        self.preparing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a task to the next thread that is free; does it here when there
    /// can be no thread.
    fn send(&self, task: Task) {
        let tasks = self.tasks.get_or_init(|| {
            let (sender, receiver) = channel();
            let receiver = Arc::new(Mutex::new(receiver));
            for _ in 0..THREADS {
                let receiver = Arc::clone(&receiver);
                let thread = std::thread::Builder::new().name("rok-files".into());
                if thread.spawn(move || work(&receiver)).is_err() {
                    break;
                }
            }
            sender
        });
        if let Err(unsent) = tasks.send(task) {
            unsent.0();
        }
    }
}

/// Ends when the stage is gone.
fn work(tasks: &Mutex<Receiver<Task>>) {
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        match task {
            // A task catches what it must; what is left is for the panic hook.
            Ok(task) => drop(catch_unwind(AssertUnwindSafe(task))),
            Err(_) => return,
        }
    }
}

fn panicked() -> StepFailure {
    StepFailure::new(
        ErrorClass::Internal,
        "rok panicked while it looked after the step's files",
    )
}
