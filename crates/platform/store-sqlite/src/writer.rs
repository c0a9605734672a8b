//! The writer: one connection, and one transaction for all that waits. Nobody
//! writes but who has the desk, and whoever waits and finds it free takes it:
//! one alone is handed nothing and waits for nobody. Who comes meanwhile waits
//! in line, and is written by the next of them, all in one transaction.

mod desk;
mod work;

use crate::access::Access;
use crate::fault::{Failure, OpenError};
use crate::open::Place;
use desk::Desk;
use rok_log::{StoreError, Switchboard};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use work::{Work, ended, task};

pub(crate) use work::{Answered, Posted};

/// How many callers share a transaction at most: a commit of a shard holds
/// dozens of decisions already, and those who came first want their answer.
const BATCH: usize = 256;

/// How many transactions whoever leads sees to before somebody else has to be
/// woken for it: of who came during the first all are asleep, and it is not.
const TURNS: usize = 2;

/// How often to ask whether another process has written, while somebody
/// listens.
const LOOK: Duration = Duration::from_millis(100);

/// How long work that is in no hurry waits for what comes next: a shard that
/// begins to claim commits within a turn, or says that it waits.
const PATIENCE: Duration = Duration::from_millis(2);

/// How many times in a row whoever minds the line finds nothing in it before
/// it has to be woken again.
const GLANCES: u32 = 4;

/// What waits to be written.
#[derive(Default)]
struct Line {
    /// Those who wait are bounded by their number, and those who do not by
    /// [`crate::database`].
    works: VecDeque<Box<dyn Work>>,
    /// Who takes it leads. Nobody has it back once a work panicked.
    desk: Option<Box<Desk>>,
    /// When the line was last begun.
    since: Option<Instant>,
    /// Whether the minder looks by itself.
    is_minded: bool,
    is_closed: bool,
    is_broken: bool,
    /// How many got in line.
    #[cfg(test)]
    arrived: usize,
}

impl Line {
    /// Wakes the first who waits for what is in line: it leads.
    fn wake_next(&self) {
        if let Some(next) = self.works.iter().find_map(|work| work.waiter()) {
            next.unpark();
        }
    }
}

/// What those who write share.
struct Shared {
    line: Mutex<Line>,
    /// Wakes the minder.
    changed: Condvar,
    board: Arc<Switchboard>,
}

/// Who writes. A thread minds what nobody waits for, and ends with this.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    minder: Option<JoinHandle<()>>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").finish_non_exhaustive()
    }
}

impl Writer {
    /// Opens the file for writing.
    pub(crate) fn start(place: Place, board: Arc<Switchboard>) -> Result<Self, OpenError> {
        let path = place.path.clone();
        let desk = Desk::open(place, Arc::clone(&board))?;
        let line = Line {
            desk: Some(Box::new(desk)),
            ..Line::default()
        };
        let shared = Arc::new(Shared {
            line: Mutex::new(line),
            changed: Condvar::new(),
            board,
        });
        let minded = Arc::clone(&shared);
        let minder = thread::Builder::new().name("rok-sqlite".into());
        let minder = minder.spawn(move || minded.mind());
        let minder =
            minder.map_err(|error| StoreError::from_io("start a writer for", path, error))?;
        Ok(Self {
            shared,
            minder: Some(minder),
        })
    }

    /// Does the work in a transaction, and returns when that is so.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        answered: Answered,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        let posted = self.post(answered, operation, work, |_| {});
        self.wait(&posted)
    }

    /// Puts work in line, before all that comes later. `then` is called by
    /// whoever does the work, once it is done and others see it.
    pub(crate) fn post<T: Send + 'static>(
        &self,
        answered: Answered,
        operation: &'static str,
        work: impl FnMut(Access<'_>) -> Result<T, Failure> + Send + 'static,
        then: impl FnOnce(&T) + Send + 'static,
    ) -> Posted<T> {
        let (task, posted) = task(answered, operation, work, then);
        let mut line = self.shared.lock();
        #[cfg(test)]
        {
            line.arrived += 1;
        }
        if line.is_broken {
            drop(line);
            // Its caller is told so.
            drop(task);
            return posted;
        }
        if line.works.is_empty() {
            line.since = Some(Instant::now());
        }
        line.works.push_back(task);
        if answered == Answered::Sometime && !line.is_minded {
            line.is_minded = true;
            drop(line);
            self.shared.changed.notify_one();
        }
        posted
    }

    /// Waits until it is done, and writes what is in line where nobody does.
    pub(crate) fn wait<T>(&self, posted: &Posted<T>) -> Result<T, StoreError> {
        posted.await_here();
        loop {
            if let Some(answer) = posted.is_done() {
                return answer;
            }
            let line = self.shared.lock();
            if line.desk.is_some() && !line.works.is_empty() {
                self.shared.lead(line);
            } else if line.desk.is_some() || line.is_broken {
                // It was answered before the desk was given back.
                drop(line);
                return posted.is_done().unwrap_or_else(|| Err(ended()));
            } else {
                drop(line);
                thread::park();
            }
        }
    }

    /// Lets somebody look for what other processes write.
    pub(crate) fn look(&self) {
        self.shared.changed.notify_one();
    }

    #[cfg(test)]
    pub(crate) fn arrived(&self) -> usize {
        self.shared.lock().arrived
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.shared.lock().is_closed = true;
        self.shared.changed.notify_one();
        // A listener may drop the last handle on the minder's own thread.
        if let Some(minder) = self.minder.take()
            && minder.thread().id() != thread::current().id()
        {
            drop(minder.join());
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Line> {
        // Nothing panics while it is held.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does what is in line, each time as far as one transaction takes it in,
    /// where the desk is free.
    fn lead<'a>(&'a self, mut line: MutexGuard<'a, Line>) {
        for _ in 0..TURNS {
            if line.works.is_empty() {
                break;
            }
            let Some(desk) = line.desk.take() else {
                return;
            };
            let most = line.works.len().min(BATCH);
            let batch: Vec<_> = line.works.drain(..most).collect();
            line.since = (!line.works.is_empty()).then(Instant::now);
            drop(line);
            line = self.work_at(desk, |desk| desk.turn(batch));
        }
        line.wake_next();
    }

    /// Works at the desk, and puts it back. Work of another caller must not
    /// take this thread with it.
    fn work_at(&self, mut desk: Box<Desk>, work: impl FnOnce(&mut Desk)) -> MutexGuard<'_, Line> {
        let worked = catch_unwind(AssertUnwindSafe(move || {
            work(&mut desk);
            desk
        }));
        let mut line = self.lock();
        if let Ok(desk) = worked {
            line.desk = Some(desk);
            return line;
        }
        line.is_broken = true;
        let left = std::mem::take(&mut line.works);
        drop(line);
        // Whoever waits for them is told so.
        drop(left);
        self.lock()
    }

    /// Does what nobody waits for, and looks for what others write while
    /// somebody listens, until the writer is dropped; then what is in line.
    fn mind(&self) {
        let mut looked = Instant::now();
        let mut idle = 0;
        let mut line = self.lock();
        while !(line.is_closed || line.is_broken) {
            let waited = line.since.map(|since| since.elapsed());
            if waited.is_some_and(|waited| waited >= PATIENCE) && line.desk.is_some() {
                self.lead(line);
                line = self.lock();
                continue;
            }
            idle = if line.works.is_empty() { idle + 1 } else { 0 };
            line.is_minded = idle < GLANCES;
            let rest = match waited {
                _ if !line.is_minded => None,
                Some(waited) if waited < PATIENCE => Some(PATIENCE.saturating_sub(waited)),
                _ => Some(PATIENCE),
            };
            let is_open = self.board.is_open();
            if is_open && looked.elapsed() >= LOOK {
                looked = Instant::now();
                self.look(line);
                line = self.lock();
                continue;
            }
            let rest = if is_open {
                Some(rest.unwrap_or(LOOK))
            } else {
                rest
            };
            line = match rest {
                Some(rest) => {
                    let waited = self.changed.wait_timeout(line, rest);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => {
                    let woken = self.changed.wait(line);
                    woken.unwrap_or_else(PoisonError::into_inner)
                }
            };
        }
        while !line.works.is_empty() && line.desk.is_some() {
            self.lead(line);
            line = self.lock();
        }
    }

    /// Tells those who listen if another process has written. Whoever writes
    /// now will see it by itself.
    fn look(&self, mut line: MutexGuard<'_, Line>) {
        if let Some(desk) = line.desk.take() {
            drop(line);
            self.work_at(desk, Desk::look).wake_next();
        }
    }
}

#[cfg(test)]
mod tests;
