//! The thread that goes to the outbox again and again.

use crate::outbox::{Outbox, Said};
use rok_executor::wall_clock;
use rok_log::{Cells, Records};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How often it looks whether anything is due.
const LOOK: Duration = Duration::from_secs(1);

/// A thread that delivers what the outbox holds, until it is dropped: an
/// attempt that is under way is waited for, what is left waits in the outbox.
#[derive(Debug)]
pub struct Courier {
    stop: Option<Sender<()>>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// The thread cannot be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the thread of notifications: {0}")]
pub struct StartError(#[from] io::Error);

impl Courier {
    /// Starts it; `log` hears what comes of each attempt, a line at a time.
    pub fn start<S: Records + Cells + Send + 'static>(
        mut outbox: Outbox<S>,
        log: impl Fn(&str) + Send + 'static,
    ) -> Result<Self, StartError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .thread_name("rok-notify-resolve")
            .build()?;
        let (stop, stopped) = channel::<()>();
        let thread = std::thread::Builder::new().name("rok-notify".into());
        let stopping = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopping);
        let thread = thread.spawn(move || {
            let goes_on = || !seen.load(Ordering::Relaxed);
            let mut last = String::new();
            loop {
                match runtime.block_on(outbox.round(wall_clock, goes_on)) {
                    Ok(said) => {
                        last.clear();
                        for Said::Delivered(line) | Said::Failed(line) | Said::GivenUp(line) in said
                        {
                            log(&line);
                        }
                    }
                    // The same fault is told once, until it is over.
                    Err(error) => {
                        let line = format!("notify.outbox: {error}");
                        if line != last {
                            log(&line);
                            last = line;
                        }
                    }
                }
                if stopped.recv_timeout(LOOK) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        })?;
        Ok(Self {
            stop: Some(stop),
            stopping,
            thread: Some(thread),
        })
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed; there is nothing to add.
            let _ = thread.join();
        }
    }
}
