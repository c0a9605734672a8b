//! Attempts in flight: each waits for its place, is timed, cancelled, masked
//! and reported exactly once, whatever it does.

use crate::network::Network;
use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, LogRecord, ReportSink, StepFailure, StepReport,
    StepRequest, StepResult, StepSuccess, Usage, Workspace, check_outputs, wall_clock,
};
use rok_secrets::Masker;
use rok_vocabulary::{ErrorClass, Timestamp};
use std::collections::HashMap;
use std::fs::{DirBuilder, OpenOptions};
use std::future::Future;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

type Live = Arc<Mutex<HashMap<AttemptRef, oneshot::Sender<CancelReason>>>>;

/// What a request came to, and what is to be noted in the step's log.
pub type Flown = (Result<StepSuccess, StepFailure>, String);

/// What is known of an attempt beyond its end, however it ends: whoever
/// performs it writes here as it goes on.
pub type Known = Arc<Mutex<Beyond>>;

/// What is known of an attempt beyond its end.
#[derive(Debug, Default)]
pub struct Beyond {
    /// The record; its log is written here.
    pub record: AttemptRecord,
    /// What it used, as far as that was told.
    pub usage: Usage,
    /// What it waits for before it can begin.
    pub waits: Option<String>,
    /// What is still to be done once it is over, and before it is reported.
    pub farewells: Vec<JoinHandle<()>>,
}

/// Attempts in flight. Dropping it ends them all, reported as `worker_lost`.
#[derive(Debug)]
pub struct Flights {
    /// Started with the first attempt.
    network: OnceLock<Network>,
    permits: Arc<Semaphore>,
    live: Live,
}

impl Flights {
    /// At most so many attempts at once; others wait, in order.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            network: OnceLock::new(),
            permits: Arc::new(Semaphore::new(limit)),
            live: Live::default(),
        }
    }

    /// Has an attempt performed. The work is dropped at the request's deadline
    /// or when it is cancelled, and with it every connection that it holds.
    pub fn start(
        &self,
        request: &StepRequest,
        sink: Arc<dyn ReportSink>,
        work: impl Future<Output = Flown> + Send + 'static,
    ) {
        self.start_known(request, sink, Known::default(), work);
    }

    /// The same, with a place for what is known of it besides.
    pub fn start_known(
        &self,
        request: &StepRequest,
        sink: Arc<dyn ReportSink>,
        known: Known,
        work: impl Future<Output = Flown> + Send + 'static,
    ) {
        let (cancel, cancelled) = oneshot::channel();
        let attempt = request.attempt.clone();
        locked(&self.live).insert(attempt.clone(), cancel);
        let mut report = Report {
            attempt,
            masker: Masker::new(&request.secrets),
            workspace: request.workspace.clone(),
            sink: Some(sink),
            live: Arc::clone(&self.live),
            began: None,
            known,
        };
        let network = match self.network() {
            Ok(network) => network,
            Err(error) => {
                let reason = format!("cannot start the thread of requests: {error}");
                let failure = StepFailure::new(ErrorClass::TransientIo, reason);
                return report.make((Err(failure), String::new()));
            }
        };
        let (permits, timeout) = (Arc::clone(&self.permits), request.timeout);
        network.spawn(async move {
            let flown = fly(&mut report, permits, timeout, cancelled, work).await;
            let farewells = std::mem::take(&mut locked(&report.known).farewells);
            for farewell in farewells {
                // One that panics leaves nothing to wait for.
                let _ = farewell.await;
            }
            report.make(flown);
        });
    }

    /// Stops an attempt; unknown ones are ignored.
    pub fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        if let Some(cancel) = locked(&self.live).remove(attempt) {
            // Its end came first.
            let _ = cancel.send(reason);
        }
    }

    fn network(&self) -> io::Result<&Network> {
        if let Some(network) = self.network.get() {
            return Ok(network);
        }
        let network = Network::start()?;
        Ok(self.network.get_or_init(|| network))
    }
}

impl Drop for Flights {
    fn drop(&mut self) {
        for (_, cancel) in locked(&self.live).drain() {
            let _ = cancel.send(CancelReason::Interrupted);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn fly(
    report: &mut Report,
    permits: Arc<Semaphore>,
    timeout: Option<Duration>,
    mut cancelled: oneshot::Receiver<CancelReason>,
    work: impl Future<Output = Flown>,
) -> Flown {
    let stopped = |reason: Result<CancelReason, _>| {
        let failure = reason.unwrap_or(CancelReason::Interrupted).failure();
        let note = format!("stopped: {}\n", failure.reason);
        (Err(failure), note)
    };
    let permit = tokio::select! {
        biased;
        reason = &mut cancelled => return stopped(reason),
        permit = permits.acquire_owned() => permit,
    };
    report.began = Some((wall_clock(), Instant::now()));
    let flown = tokio::select! {
        biased;
        reason = &mut cancelled => stopped(reason),
        flown = work => flown,
        limit = expired(timeout) => {
            let waits = locked(&report.known).waits.take();
            let waits = waits.map_or_else(String::new, |what| format!(": {what}"));
            let reason = format!("no answer in time, after {limit:?}{waits}");
            let note = format!("{reason}\n");
            (Err(StepFailure::new(ErrorClass::Timeout, reason)), note)
        }
    };
    drop(permit);
    flown
}

async fn expired(timeout: Option<Duration>) -> Duration {
    match timeout {
        Some(timeout) => {
            tokio::time::sleep(timeout).await;
            timeout
        }
        None => std::future::pending().await,
    }
}

/// Reports once: what came, or that nothing did.
struct Report {
    attempt: AttemptRef,
    masker: Masker,
    workspace: Option<Arc<Workspace>>,
    sink: Option<Arc<dyn ReportSink>>,
    live: Live,
    began: Option<(Timestamp, Instant)>,
    known: Known,
}

impl Report {
    fn make(&mut self, (end, note): Flown) {
        let Some(sink) = self.sink.take() else {
            return;
        };
        locked(&self.live).remove(&self.attempt);
        let masked = |failure: StepFailure| StepFailure {
            reason: self.masker.mask_str(&failure.reason).into_owned(),
            ..failure
        };
        let end = end.and_then(|mut success| {
            self.masker.mask_json(&mut success.outputs);
            check_outputs(&success.outputs).map(|()| success)
        });
        let (log, end) = match self.log(&note) {
            Ok(log) => (log, end),
            Err(error) => {
                let reason = format!("the step's log cannot be written: {error}");
                let fault = StepFailure::new(ErrorClass::TransientIo, reason);
                (None, end.and(Err(fault)))
            }
        };
        let Beyond { record, usage, .. } = std::mem::take(&mut *locked(&self.known));
        let result = StepResult {
            end: end.map_err(masked),
            started_at: self.began.map(|(at, _)| at),
            wall: self.began.map(|(_, at)| at.elapsed()).unwrap_or_default(),
            usage,
            exit_code: None,
            record: AttemptRecord { log, ..record },
        };
        sink.report(StepReport {
            attempt: self.attempt.clone(),
            result,
        });
    }

    /// Writes what is to be noted, masked, where the run has a folder.
    fn log(&self, note: &str) -> io::Result<Option<LogRecord>> {
        let Some(workspace) = &self.workspace else {
            return Ok(None);
        };
        let folder = &workspace.logs;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let path = folder.join(format!("{}.log", self.attempt.file_name()));
        let mut options = OpenOptions::new();
        let mut file = options.append(true).create(true).mode(0o600).open(&path)?;
        file.write_all(self.masker.mask_str(note).as_bytes())?;
        let measured = rok_artifacts::measure(&path).map_err(io::Error::other)?;
        Ok(Some(LogRecord {
            sha256: (measured.bytes > 0).then_some(measured.sha256),
            bytes: measured.bytes,
        }))
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        if self.sink.is_some() {
            let failure = StepFailure::new(ErrorClass::Internal, "the request was abandoned");
            self.make((Err(failure), String::new()));
        }
    }
}
