//! What the shards of a pool share.

use crate::event::{PoolEvent, PoolLog};
use crate::outfit::Outfitter;
use crate::post::Post;
use crate::rates::Buckets;
use crate::settings::PoolSettings;
use crate::stats::{Counters, PoolStats};
use crate::trouble::Trouble;
use rok_log::{PoolStore, Signal};
use rok_runner::{Attempts, Clock, Message, Services, ShardHandle};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A clock that never stands still nor goes back: how long it has run.
pub type Monotonic = Arc<dyn Fn() -> Duration + Send + Sync>;

/// What the shards of a pool share.
pub(crate) struct Common {
    pub(crate) settings: PoolSettings,
    pub(crate) outfitter: Arc<dyn Outfitter>,
    pub(crate) services: Services,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) monotonic: Monotonic,
    pub(crate) buckets: Buckets,
    pub(crate) counters: Counters,
    pub(crate) log: PoolLog,
    /// What other handles come of.
    pub(crate) store: Mutex<Box<dyn PoolStore>>,
    pub(crate) draining: AtomicBool,
    /// Something may be due.
    pub(crate) dirty: AtomicBool,
    pub(crate) shards: Mutex<BTreeMap<usize, Arc<Post>>>,
    /// What failed of them, by number.
    pub(crate) troubles: Mutex<BTreeMap<usize, Trouble>>,
}

impl Common {
    pub(crate) fn another_store(&self) -> Box<dyn PoolStore> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.another()
    }

    /// Enters how a shard is reached, in place of who had its number before.
    pub(crate) fn post(&self, number: usize, handle: ShardHandle, attempts: Attempts) -> Arc<Post> {
        let post = Arc::new(Post::new(number, handle, attempts));
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        // By number: shards begin on threads of their own, in any order.
        shards.insert(number, Arc::clone(&post));
        post
    }

    fn posts(&self, each: impl FnMut(&Arc<Post>)) {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.values().for_each(each);
    }

    /// What the store tells.
    pub(crate) fn hear(&self, signal: &Signal) {
        match signal {
            Signal::Grown(_) | Signal::Rests(_) | Signal::Answer(_) => return,
            Signal::Command(run) => {
                self.posts(|post| post.handle.send(Message::Inbox(run.clone())));
            }
            Signal::Any => self.posts(|post| post.tell_news()),
            Signal::Due => {}
        }
        self.pass_on();
    }

    /// Something may be due. A shard that sleeps and has room is woken; the
    /// others look by themselves, once they have room.
    pub(crate) fn pass_on(&self) {
        self.dirty.store(true, Ordering::SeqCst);
        let mut woken = false;
        self.posts(|post| {
            if !woken && post.asleep.swap(false, Ordering::SeqCst) {
                woken = true;
                post.handle.send(Message::Wake);
            }
        });
    }

    /// Whether something may be due that nobody has looked for.
    pub(crate) fn take_dirt(&self) -> bool {
        self.dirty.swap(false, Ordering::SeqCst)
    }

    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::SeqCst)
    }

    pub(crate) fn drain(&self) {
        if self.draining.swap(true, Ordering::SeqCst) {
            return;
        }
        let owner = self.settings.owner.clone();
        self.tell(&PoolEvent::Draining { owner });
        self.posts(|post| post.handle.send(Message::Wake));
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Stops what shards started whose leases ran out before they renewed
    /// them: their threads are held up, and others may drive on by now. Returns
    /// how long nothing is to be looked at.
    pub(crate) fn watch(&self) -> Duration {
        let now = (self.monotonic)();
        let mut posts = Vec::new();
        self.posts(|post| posts.push(Arc::clone(post)));
        // A lease that is made right after this lasts longer than that.
        let mut rest = self.settings.lease / 2;
        for post in posts {
            let Some(until) = post.until() else { continue };
            if until > now {
                rest = rest.min(until.saturating_sub(now));
                continue;
            }
            let stopped = post.attempts.stop();
            if stopped > 0 {
                let shard = post.number;
                self.tell(&PoolEvent::LeaseOver { shard, stopped });
            }
        }
        rest
    }

    /// A shard failed. It is told at its first failure, its second, its fourth
    /// and so on: a store that is gone for a day fails it thousands of times.
    pub(crate) fn failed(&self, shard: usize, why: &str) {
        Counters::add(&self.counters.restarts, 1);
        let times = self
            .troubles()
            .entry(shard)
            .or_default()
            .count((self.monotonic)());
        if times.is_power_of_two() {
            let why = why.to_owned();
            self.tell(&PoolEvent::ShardFailed { shard, times, why });
        }
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<usize, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What failed of a shard lately.
    pub(crate) fn trouble_of(&self, shard: usize) -> Trouble {
        self.troubles().get(&shard).copied().unwrap_or_default()
    }

    /// What the pool has done, and how many of its shards fail over and over.
    pub(crate) fn stats(&self) -> PoolStats {
        let now = (self.monotonic)();
        let failing = self
            .troubles()
            .values()
            .filter(|trouble| trouble.goes_on(now))
            .count();
        PoolStats {
            failing,
            ..self.counters.read()
        }
    }

    pub(crate) fn tell(&self, event: &PoolEvent) {
        (self.log)(event);
    }
}
