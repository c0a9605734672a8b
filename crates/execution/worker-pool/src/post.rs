//! How a shard is reached from other threads, and what they may know of it.

use rok_runner::{Attempts, Message, ShardHandle};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// No lease to watch.
const NEVER: u64 = u64::MAX;

/// How a shard is reached from other threads.
pub(crate) struct Post {
    pub(crate) number: usize,
    pub(crate) handle: ShardHandle,
    pub(crate) attempts: Attempts,
    /// It waits for a message, and has room for what is due.
    pub(crate) asleep: AtomicBool,
    /// Some run's inbox may have changed, and nobody knows which.
    news: AtomicBool,
    /// When its leases run out, by the monotonic clock, in milliseconds.
    until: AtomicU64,
}

impl Post {
    pub(crate) fn new(number: usize, handle: ShardHandle, attempts: Attempts) -> Self {
        Self {
            number,
            handle,
            attempts,
            asleep: AtomicBool::new(false),
            news: AtomicBool::new(false),
            until: AtomicU64::new(NEVER),
        }
    }

    pub(crate) fn tell_news(&self) {
        self.news.store(true, Ordering::SeqCst);
        self.handle.send(Message::Wake);
    }

    pub(crate) fn take_news(&self) -> bool {
        self.news.swap(false, Ordering::SeqCst)
    }

    /// Says until when the shard's leases last; `None`: it has none.
    pub(crate) fn leased_until(&self, until: Option<Duration>) {
        let ms = until.map_or(NEVER, |at| u64::try_from(at.as_millis()).unwrap_or(NEVER));
        self.until.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn until(&self) -> Option<Duration> {
        let ms = self.until.load(Ordering::SeqCst);
        (ms != NEVER).then(|| Duration::from_millis(ms))
    }
}
