//! The pool: a thread a shard, and a handle to all of them.

use crate::common::{Common, Monotonic};
use crate::event::{PoolEvent, PoolLog};
use crate::outfit::Outfitter;
use crate::rates::Buckets;
use crate::settings::PoolSettings;
use crate::stats::{Counters, PoolStats};
use crate::worker::Worker;
use rok_log::{Owner, PoolStore, Subscription};
use rok_runner::{Clock, Services, SystemClock};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

/// Makes a [`WorkerPool`].
pub struct PoolBuilder {
    settings: PoolSettings,
    store: Box<dyn PoolStore>,
    services: Services,
    outfitter: Arc<dyn Outfitter>,
    clock: Arc<dyn Clock>,
    monotonic: Monotonic,
    log: PoolLog,
    gone: Box<dyn Fn(&Owner) -> bool>,
}

impl PoolBuilder {
    /// A pool over a store, for runs that are equipped by this outfitter.
    #[must_use]
    pub fn new(
        settings: PoolSettings,
        store: Box<dyn PoolStore>,
        services: Services,
        outfitter: Arc<dyn Outfitter>,
    ) -> Self {
        let began = Instant::now();
        Self {
            settings,
            store,
            services,
            outfitter,
            clock: Arc::new(SystemClock),
            monotonic: Arc::new(move || began.elapsed()),
            log: Arc::new(|_| {}),
            gone: Box::new(|_| false),
        }
    }

    /// Tells what happens to the pool.
    #[must_use]
    pub fn log(mut self, log: PoolLog) -> Self {
        self.log = log;
        self
    }

    /// Takes over at once what owners had of whom this says that they are gone:
    /// their leases are not waited for.
    #[must_use]
    pub fn gone(mut self, gone: impl Fn(&Owner) -> bool + 'static) -> Self {
        self.gone = Box::new(gone);
        self
    }

    /// Takes another clock, and another measure of how long it has run.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>, monotonic: Monotonic) -> Self {
        self.clock = clock;
        self.monotonic = monotonic;
        self
    }

    /// Disowns who is gone. What cannot be told or done waits for its leases.
    fn take_over(&mut self) {
        let own = &self.settings.owner;
        for owner in self.store.owners().unwrap_or_default() {
            if owner == *own || !(self.gone)(&owner) {
                continue;
            }
            if let Ok(runs) = self.store.disown(&owner, self.clock.now()) {
                (self.log)(&PoolEvent::TookOver { owner, runs });
            }
        }
    }

    fn common(mut self) -> (Arc<Common>, Subscription) {
        self.take_over();
        let common = Arc::new(Common {
            buckets: Buckets::new(&self.settings.rates),
            settings: self.settings,
            outfitter: self.outfitter,
            services: self.services.clock(Arc::clone(&self.clock)),
            clock: self.clock,
            monotonic: self.monotonic,
            counters: Counters::default(),
            log: self.log,
            store: Mutex::new(self.store),
            draining: AtomicBool::new(false),
            dirty: AtomicBool::new(true),
            shards: Mutex::default(),
            troubles: Mutex::default(),
        });
        let heard = Arc::downgrade(&common);
        let store = held(&common.store);
        let subscription = store.subscribe(Arc::new(move |signal| {
            if let Some(common) = heard.upgrade() {
                common.hear(signal);
            }
        }));
        drop(store);
        (common, subscription)
    }

    /// Starts the threads.
    pub fn start(self) -> io::Result<WorkerPool> {
        let (common, subscription) = self.common();
        let settings = &common.settings;
        let shards = settings.shards.max(1);
        common.tell(&PoolEvent::Started {
            owner: settings.owner.clone(),
            shards,
            in_flight: settings.in_flight,
        });
        let shared = Arc::new(Shared {
            threads: Mutex::default(),
            over: Condvar::new(),
            common,
            _subscription: Mutex::new(subscription),
        });
        let pool = WorkerPool(shared);
        let begun = (0..shards).try_for_each(|number| pool.begin_shard(number));
        if let Err(error) = begun.and_then(|()| pool.begin_watch()) {
            pool.drain();
            pool.join();
            return Err(error);
        }
        Ok(pool)
    }

    /// The pool without threads, to be turned by hand.
    #[cfg(any(test, feature = "testing"))]
    #[must_use]
    pub fn by_hand(self) -> crate::testing::HandPool {
        let (common, subscription) = self.common();
        crate::testing::HandPool::new(common, subscription)
    }
}

impl std::fmt::Debug for PoolBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolBuilder")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Many runs driven at once. A clone is another handle on the same pool; it
/// works on when all handles are dropped, until it is drained.
#[derive(Clone)]
pub struct WorkerPool(Arc<Shared>);

struct Shared {
    common: Arc<Common>,
    threads: Mutex<Threads>,
    over: Condvar,
    _subscription: Mutex<Subscription>,
}

#[derive(Default)]
struct Threads {
    left: usize,
    joins: Vec<JoinHandle<()>>,
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn one_is_over(&self) {
        let mut threads = held(&self.threads);
        threads.left -= 1;
        if threads.left == 0 {
            let owner = self.common.settings.owner.clone();
            let stats = self.common.counters.read();
            self.common.tell(&PoolEvent::Stopped { owner, stats });
        }
        self.over.notify_all();
    }

    /// Looks at the leases until all shards are over.
    fn watch(&self) {
        loop {
            let rest = self.common.watch();
            let threads = held(&self.threads);
            let waited = self
                .over
                .wait_timeout_while(threads, rest, |threads| threads.left > 0);
            let (threads, _) = waited.unwrap_or_else(PoisonError::into_inner);
            if threads.left == 0 {
                return;
            }
        }
    }
}

impl WorkerPool {
    fn begin_shard(&self, number: usize) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let mut threads = held(&self.0.threads);
        let thread = Builder::new().name(format!("rok-shard-{number}"));
        let join = thread.spawn(move || {
            let common = &shared.common;
            work(Worker::new(number, Arc::clone(common)), common);
            shared.one_is_over();
        })?;
        threads.left += 1;
        threads.joins.push(join);
        Ok(())
    }

    fn begin_watch(&self) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        let thread = Builder::new().name("rok-lease-watch".into());
        let join = thread.spawn(move || shared.watch())?;
        held(&self.0.threads).joins.push(join);
        Ok(())
    }

    /// Claims nothing more, lets what runs end within the grace period, stops
    /// the rest and leaves it resumable. Returns at once; see [`Self::join`].
    pub fn drain(&self) {
        self.0.common.drain();
    }

    /// Waits until the pool has drained.
    pub fn join(&self) {
        let mut threads = held(&self.0.threads);
        while threads.left > 0 {
            let waited = self.0.over.wait(threads);
            threads = waited.unwrap_or_else(PoisonError::into_inner);
        }
        let joins = std::mem::take(&mut threads.joins);
        drop(threads);
        for join in joins {
            // A shard's panics are caught within its thread.
            drop(join.join());
        }
    }

    /// What it has done.
    #[must_use]
    pub fn stats(&self) -> PoolStats {
        self.0.common.stats()
    }
}

impl std::fmt::Debug for WorkerPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WorkerPool")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Turns a shard until the pool has drained. A failure of the store or a panic
/// drops what it has in memory, and nothing else.
fn work(mut worker: Worker, common: &Common) {
    loop {
        let turned = catch_unwind(AssertUnwindSafe(|| worker.turn_and_rest()));
        let why = match turned {
            Ok(Ok(true)) => continue,
            Ok(Ok(false)) => return,
            Ok(Err(error)) => crate::worker::chain(&error),
            Err(panic) => format!("it panicked: {}", crate::worker::text_of(&*panic)),
        };
        let begun = catch_unwind(AssertUnwindSafe(|| worker.restart(&why)));
        let trouble = common.trouble_of(worker.number());
        if begun.is_err() || (common.is_draining() && trouble.is_hopeless()) {
            return;
        }
        std::thread::sleep(trouble.rest());
    }
}
