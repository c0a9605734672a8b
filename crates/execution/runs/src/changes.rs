//! Waiting for a change of a run: of its folder, or of a shared store.

use rok_log::{Signal, Signals, StoreError, Subscription};
use rok_store_jsonl::{StopWatch, Watch, Woken};
use rok_vocabulary::RunId;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

/// How often those that wait look at a shared store all the same: what another
/// process did to a run rings no bell here.
const NET: Duration = Duration::from_millis(250);

/// Who of this process waits for which run: one subscription for all of them.
#[derive(Clone)]
pub(crate) struct Bulletin {
    board: Arc<Board>,
    _heard: Arc<Subscription>,
}

#[derive(Default)]
struct Board {
    /// How many listen: without any, telling costs a load.
    listening: AtomicUsize,
    listeners: Mutex<HashMap<RunId, Vec<Weak<Bell>>>>,
}

#[derive(Default)]
struct Bell {
    rung: Mutex<Rung>,
    bell: Condvar,
}

#[derive(Default)]
struct Rung {
    changed: bool,
    stopped: bool,
}

/// Waits for news of one run. What happened before it was made wakes nobody.
pub(crate) struct Listener {
    run: RunId,
    bell: Arc<Bell>,
    of: Bulletin,
}

/// Ends the waits of a listener, from another thread.
#[derive(Clone)]
pub(crate) struct StopListener(Arc<Bell>);

/// What wakes those that wait for a run.
pub(crate) enum Changes {
    /// The system, when the run's folder changes.
    Folder(Watch),
    /// The store, or the time.
    Shared(Listener),
}

/// Ends waits, from another thread.
#[derive(Clone)]
pub(crate) enum Stopper {
    Folder(StopWatch),
    Shared(StopListener),
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Bulletin {
    pub(crate) fn of(signals: &(impl Signals + ?Sized)) -> Self {
        let board = Arc::new(Board::default());
        let told = Arc::downgrade(&board);
        let heard = signals.subscribe(Arc::new(move |signal| {
            if let Some(board) = told.upgrade() {
                board.tell(signal);
            }
        }));
        Self {
            board,
            _heard: Arc::new(heard),
        }
    }

    pub(crate) fn listen(&self, run: &RunId) -> Listener {
        let bell = Arc::new(Bell::default());
        let mut listeners = held(&self.board.listeners);
        let bells = listeners.entry(run.clone()).or_default();
        bells.push(Arc::downgrade(&bell));
        self.board.listening.fetch_add(1, Ordering::SeqCst);
        drop(listeners);
        Listener {
            run: run.clone(),
            bell,
            of: self.clone(),
        }
    }
}

impl Board {
    fn tell(&self, signal: &Signal) {
        if self.listening.load(Ordering::SeqCst) == 0 {
            return;
        }
        let listeners = held(&self.listeners);
        let ring = |bells: &Vec<Weak<Bell>>| {
            let bells = bells.iter().filter_map(Weak::upgrade);
            bells.for_each(|bell| bell.ring(|rung| rung.changed = true));
        };
        match signal {
            Signal::Command(run) | Signal::Answer(run) | Signal::Grown(run) => {
                listeners.get(run).into_iter().for_each(ring);
            }
            Signal::Due | Signal::Rests(_) => {}
            Signal::Any => listeners.values().for_each(ring),
        }
    }
}

impl Bell {
    fn ring(&self, set: impl FnOnce(&mut Rung)) {
        set(&mut held(&self.rung));
        self.bell.notify_all();
    }
}

impl Listener {
    /// Blocks until something may have happened, for at most `timeout`.
    fn wait(&self, timeout: Option<Duration>) -> Woken {
        let net = timeout.map_or(NET, |timeout| timeout.min(NET));
        let deadline = Instant::now() + net;
        let mut rung = held(&self.bell.rung);
        loop {
            if rung.stopped {
                return Woken::Stopped;
            }
            if std::mem::take(&mut rung.changed) {
                return Woken::Changed;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return if timeout == Some(net) {
                    Woken::TimedOut
                } else {
                    Woken::Changed
                };
            }
            let waited = self.bell.bell.wait_timeout(rung, left);
            rung = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listeners = held(&self.of.board.listeners);
        if let Some(bells) = listeners.get_mut(&self.run) {
            let own = Arc::downgrade(&self.bell);
            bells.retain(|bell| !bell.ptr_eq(&own));
            if bells.is_empty() {
                listeners.remove(&self.run);
            }
        }
        self.of.board.listening.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Changes {
    /// Blocks until something may have changed, for at most `timeout`.
    pub(crate) fn wait(&self, timeout: Option<Duration>) -> Result<Woken, StoreError> {
        match self {
            Self::Folder(watch) => watch.wait(timeout),
            Self::Shared(listener) => Ok(listener.wait(timeout)),
        }
    }

    pub(crate) fn stopper(&self) -> Stopper {
        match self {
            Self::Folder(watch) => Stopper::Folder(watch.stopper()),
            Self::Shared(listener) => Stopper::Shared(StopListener(Arc::clone(&listener.bell))),
        }
    }
}

impl Stopper {
    /// Ends the wait that is on, and every later one.
    pub(crate) fn stop(&self) {
        match self {
            Self::Folder(stop) => stop.stop(),
            Self::Shared(StopListener(bell)) => bell.ring(|rung| rung.stopped = true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_log::MemoryStore;

    #[test]
    fn who_listens_hears_of_its_run_alone() {
        let bulletin = Bulletin::of(&MemoryStore::new());
        let (a, b): (RunId, RunId) = ("a".parse().expect("an id"), "b".parse().expect("an id"));
        let listener = bulletin.listen(&a);
        bulletin.board.tell(&Signal::Grown(b));
        assert_eq!(listener.wait(Some(Duration::ZERO)), Woken::TimedOut);
        bulletin.board.tell(&Signal::Grown(a.clone()));
        bulletin.board.tell(&Signal::Answer(a));
        assert_eq!(listener.wait(Some(Duration::ZERO)), Woken::Changed);
        assert_eq!(listener.wait(Some(Duration::ZERO)), Woken::TimedOut);
        let changes = Changes::Shared(listener);
        changes.stopper().stop();
        assert!(matches!(changes.wait(None), Ok(Woken::Stopped)));
        drop(changes);
        assert_eq!(bulletin.board.listening.load(Ordering::SeqCst), 0);
        assert!(held(&bulletin.board.listeners).is_empty());
    }
}
