//! Waking whoever waits: what a store tells of its changes, after they are
//! durable.

use crate::Namespace;
use rok_vocabulary::RunId;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// What changed. Told at least once, possibly long after: a signal says where
/// to look, never what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// A command came into a run's inbox.
    Command(RunId),
    /// A run's command was answered.
    Answer(RunId),
    /// A run's log grew.
    Grown(RunId),
    /// A run is closed, or waits under a hold; told behind the `Grown` of the
    /// commit that says so.
    Rests(RunId),
    /// Something may be due earlier than it was.
    Due,
    /// Something changed, and the store cannot tell what: look at all.
    Any,
}

/// Hears of changes. Called by whichever thread made them, between commits: it
/// hands the signal on and returns.
pub type Listener = Arc<dyn Fn(&Signal) + Send + Sync>;

/// Tells of changes by whatever handle, of the handle's namespace.
pub trait Signals {
    /// Lets `listener` hear of what changes from now on, until the
    /// subscription is dropped. Subscribe first, then look.
    fn subscribe(&self, listener: Listener) -> Subscription;
}

/// A listener that is told until this is dropped.
#[must_use]
pub struct Subscription {
    board: Weak<Switchboard>,
    number: u64,
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Subscription").field(&self.number).finish()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(board) = self.board.upgrade() {
            board.end(self.number);
        }
    }
}

struct Line {
    number: u64,
    namespace: Namespace,
    listener: Listener,
}

#[derive(Default)]
struct Lines {
    next: u64,
    open: Vec<Line>,
}

/// The listeners of a store, for those who write one.
///
/// ```
/// use rok_log::{Namespace, Signal, Switchboard};
/// use std::sync::{Arc, mpsc};
///
/// let board = Arc::new(Switchboard::default());
/// let (sender, heard) = mpsc::channel();
/// let held = board.subscribe(Namespace::default(), Arc::new(move |signal| {
///     drop(sender.send(signal.clone()));
/// }));
/// board.tell(&Namespace::default(), &Signal::Due);
/// drop(held);
/// board.tell(&Namespace::default(), &Signal::Any);
/// assert_eq!(heard.iter().collect::<Vec<_>>(), [Signal::Due]);
/// ```
#[derive(Default)]
pub struct Switchboard {
    lines: Mutex<Lines>,
    /// How many there are: a store with none tells nothing.
    count: AtomicUsize,
}

impl fmt::Debug for Switchboard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count.load(Ordering::Relaxed);
        f.debug_struct("Switchboard")
            .field("count", &count)
            .finish_non_exhaustive()
    }
}

impl Switchboard {
    /// Lets a listener hear of one namespace.
    pub fn subscribe(self: &Arc<Self>, namespace: Namespace, listener: Listener) -> Subscription {
        let mut lines = self.lock();
        let number = lines.next;
        lines.next += 1;
        lines.open.push(Line {
            number,
            namespace,
            listener,
        });
        self.count.store(lines.open.len(), Ordering::Release);
        Subscription {
            board: Arc::downgrade(self),
            number,
        }
    }

    /// Whether anybody listens.
    pub fn is_open(&self) -> bool {
        self.count.load(Ordering::Acquire) > 0
    }

    /// Tells those who listen to a namespace.
    pub fn tell(&self, namespace: &Namespace, signal: &Signal) {
        self.tell_those(signal, |line| line.namespace == *namespace);
    }

    /// Tells all who listen.
    pub fn tell_all(&self, signal: &Signal) {
        self.tell_those(signal, |_| true);
    }

    fn tell_those(&self, signal: &Signal, who: impl Fn(&Line) -> bool) {
        if !self.is_open() {
            return;
        }
        // Called without the lock: a listener may subscribe another.
        let listeners: Vec<Listener> = {
            let lines = self.lock();
            let those = lines.open.iter().filter(|line| who(line));
            those.map(|line| Arc::clone(&line.listener)).collect()
        };
        for listener in listeners {
            listener(signal);
        }
    }

    fn end(&self, number: u64) {
        let mut lines = self.lock();
        let at = lines.open.iter().position(|line| line.number == number);
        // Dropped after the lock: the listener may own a subscription.
        let ended = at.map(|at| lines.open.swap_remove(at));
        self.count.store(lines.open.len(), Ordering::Release);
        drop(lines);
        drop(ended);
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // No line is half open: pushing and removing are one step each.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
