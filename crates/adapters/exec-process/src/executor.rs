//! [`ProcessExecutor`]: the port's side of the supervisor thread.

use crate::command::Programs;
use crate::neighbours;
use crate::orphans::Orphans;
use crate::procfs;
use crate::record::Records;
use crate::remains;
use crate::supervisor::{Command, Settings, Shared, Supervisor};
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepRequest, Work, Workspace,
};
use rok_vocabulary::RunId;
use rustix::process::{getpid, set_child_subreaper};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

/// Performs process steps. Dropping it kills what still runs and waits for
/// that; such attempts are reported as `worker_lost`.
pub struct ProcessExecutor {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// Remembers where programs were found from one preflight to the next.
    preflight: Mutex<Programs>,
}

/// How a [`ProcessExecutor`] is to work.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    max_in_flight: Option<usize>,
    subreaper: bool,
    launcher: Option<PathBuf>,
}

impl Builder {
    /// At most so many steps' processes live at once; further requests wait, in
    /// order, and start the moment that another ends. Zero counts as one. The
    /// default is the number of CPUs.
    #[must_use]
    pub fn max_in_flight(mut self, limit: usize) -> Self {
        self.max_in_flight = Some(limit.max(1));
        self
    }

    /// Makes this *process* a child subreaper, so that what a step leaves
    /// outside its process group is found and ended too.
    ///
    /// For a program that starts processes through one such executor only, and
    /// whose main thread lives as long as it does: every dead child of the main
    /// thread is reaped, and every child of it that no live attempt can have
    /// left is killed.
    #[must_use]
    pub fn subreaper(mut self) -> Self {
        self.subreaper = true;
        self
    }

    /// The program that starts steps in sandboxes: `rok`, by its path. Within
    /// `rok` itself that is `/proc/self/exe`, even where its file was replaced.
    /// Without one, a step that is to run in a sandbox is refused.
    #[must_use]
    pub fn launcher(mut self, rok: impl Into<PathBuf>) -> Self {
        self.launcher = Some(rok.into());
        self
    }

    /// Starts the supervisor thread.
    pub fn build(self) -> Result<ProcessExecutor, ExecutorError> {
        let fault = |what: &str, source| ExecutorError::Io {
            what: what.to_owned(),
            source,
        };
        let cpus = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.subreaper {
            set_child_subreaper(Some(getpid()))
                .map_err(|error| fault("become a child subreaper", error.into()))?;
        }
        let boot_id = procfs::boot_id().map_err(|source| fault("read the boot id", source))?;
        let settings = Settings {
            max_in_flight: self.max_in_flight.unwrap_or_else(cpus),
            orphans: self.subreaper.then(Orphans::new),
            records: Records::new(boot_id),
            launcher: self.launcher.clone(),
        };
        let started: io::Result<_> = (|| {
            let shared = Arc::new(Shared::new()?);
            let supervisor = Supervisor::new(shared.clone(), settings)?;
            let thread = std::thread::Builder::new().name("rok-processes".into());
            Ok((shared, thread.spawn(move || supervisor.run())?))
        })();
        let (shared, thread) =
            started.map_err(|source| fault("start the supervisor of processes", source))?;
        Ok(ProcessExecutor {
            shared,
            thread: Some(thread),
            preflight: Mutex::new(Programs::new(self.launcher)),
        })
    }
}

impl ProcessExecutor {
    /// An executor with as many processes at once as there are CPUs.
    pub fn new() -> Result<Self, ExecutorError> {
        Self::builder().build()
    }

    /// Like [`ProcessExecutor::new`], and this process becomes a child
    /// subreaper; see [`Builder::subreaper`].
    pub fn with_subreaper() -> Result<Self, ExecutorError> {
        Self::builder().subreaper().build()
    }

    /// Settings first.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }
}

impl Executor for ProcessExecutor {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Process(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Work::Process(work) = &request.work else {
            return Vec::new();
        };
        let mut programs = self
            .preflight
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let faults = programs.check(request, work).into_iter();
        faults
            .map(|failure| PreflightFault {
                step: request.attempt.step.step.to_string(),
                class: failure.class,
                reason: failure.reason,
            })
            .collect()
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        self.shared.send(Command::Start(Box::new(request), sink));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.shared.send(Command::Cancel(attempt.clone(), reason));
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        remains::stop(run, workspace, &neighbours::is_leader)
    }
}

impl Drop for ProcessExecutor {
    fn drop(&mut self) {
        self.shared.send(Command::Close);
        if let Some(thread) = self.thread.take()
            // A sink may own the executor: its thread cannot wait for itself.
            && thread.thread().id() != std::thread::current().id()
        {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ProcessExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessExecutor").finish_non_exhaustive()
    }
}
