//! What the shards of a pool share.

use crate::event::{PoolEvent, PoolLog};
use crate::outfit::Outfitter;
use crate::rates::Buckets;
use crate::settings::PoolSettings;
use crate::stats::Counters;
use rok_log::{PoolStore, Signal};
use rok_runner::{Clock, Message, Services, ShardHandle};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
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
    draining: AtomicBool,
    /// Something may be due.
    dirty: AtomicBool,
    shards: Mutex<Vec<Post>>,
}

/// How a shard is reached.
#[derive(Clone)]
pub(crate) struct Post {
    handle: ShardHandle,
    pub(crate) asleep: Arc<AtomicBool>,
}

impl Common {
    #[expect(
        clippy::too_many_arguments,
        reason = "each is handed in by the one builder"
    )]
    pub(crate) fn new(
        settings: PoolSettings,
        store: Box<dyn PoolStore>,
        services: Services,
        outfitter: Arc<dyn Outfitter>,
        clock: Arc<dyn Clock>,
        monotonic: Monotonic,
        log: PoolLog,
    ) -> Self {
        Self {
            buckets: Buckets::new(&settings.rates),
            settings,
            outfitter,
            services: services.clock(Arc::clone(&clock)),
            clock,
            monotonic,
            counters: Counters::default(),
            log,
            store: Mutex::new(store),
            draining: AtomicBool::new(false),
            dirty: AtomicBool::new(true),
            shards: Mutex::default(),
        }
    }

    pub(crate) fn another_store(&self) -> Box<dyn PoolStore> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.another()
    }

    /// Enters how a shard is reached, in place of who had its number before.
    pub(crate) fn post(&self, number: usize, handle: ShardHandle) -> Post {
        let post = Post {
            handle,
            asleep: Arc::default(),
        };
        let mut shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        if number < shards.len() {
            shards[number] = post.clone();
        } else {
            shards.push(post.clone());
        }
        post
    }

    fn posts(&self, each: impl FnMut(&Post)) {
        let shards = self.shards.lock().unwrap_or_else(PoisonError::into_inner);
        shards.iter().for_each(each);
    }

    /// What the store tells. A shard that sleeps is woken; the others look by
    /// themselves, once they have room.
    pub(crate) fn hear(&self, signal: &Signal) {
        match signal {
            Signal::Grown(_) | Signal::Answer(_) => return,
            Signal::Command(run) => {
                self.posts(|post| post.handle.send(Message::Inbox(run.clone())));
            }
            Signal::Due | Signal::Any => {}
        }
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
        self.wake_all();
    }

    pub(crate) fn wake_all(&self) {
        self.posts(|post| post.handle.send(Message::Wake));
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    pub(crate) fn tell(&self, event: &PoolEvent) {
        (self.log)(event);
    }
}
