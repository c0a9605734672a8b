//! Runs in a database, and the pool that drives them.

use super::{Agents, Host, composed, owner};
use rok_config::Settings;
use rok_exec_http::Client;
use rok_executor::Functions;
use rok_facades::runs::{
    EndedRun, ErrorKind, PoolAsk, PoolFigures, QueueFigures, RunsError, RunsFacade, RunsPool,
};
use rok_kernel::RunState;
use rok_log::{Durability, LogBytes, PoolStore, Signal, StoreError, Subscription};
use rok_notify::{Courier, Outbox};
use rok_runner::{Clock as _, ShardHandle, SystemClock};
use rok_runs::{Needs, RunsOutfitter};
use rok_store_sqlite::{OpenError, SqliteStore};
use rok_vocabulary::{ErrorClass, RunId};
use rok_worker_pool::{Outfit, Outfitter, PoolBuilder, PoolEvent, PoolSettings, WorkerPool};
use std::num::NonZeroU32;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Opens the database, which need not be there yet.
pub(super) fn opened(file: &Path, durability: Durability) -> Result<SqliteStore, RunsError> {
    SqliteStore::open(file, durability).map_err(|error| {
        let refused = RunsError::new(ErrorKind::Storage, "ROK0106", super::told(&error));
        match error {
            OpenError::Store(StoreError::Full { .. }) => refused.help("make room, then ask again"),
            OpenError::Store(_) => refused.help(
                "`--store sqlite:PATH` names a file in a folder that is there and can be written",
            ),
            // The others say themselves what is to be done.
            _ => refused,
        }
    })
}

/// Starts what delivers the outbox, by the ways that the settings have. What
/// waits for another way is told.
fn courier(
    settings: &Settings,
    store: SqliteStore,
    log: &Arc<dyn Fn(&str) + Send + Sync>,
) -> Result<Option<Courier>, RunsError> {
    let failed = |error: &dyn std::error::Error| {
        let message = format!("cannot deliver notifications: {}", super::told(error));
        RunsError::new(ErrorKind::Storage, "ROK0114", message)
    };
    let mut outbox = Outbox::new(store);
    if let Some(key) = super::webhook_key(settings)? {
        let client = Client::new(super::egress(settings)?, []).map_err(|error| failed(&error))?;
        outbox = outbox.webhooks(client, key);
    }
    if let Some(mailer) = super::mailer(settings)? {
        outbox = outbox.mail(mailer);
    }
    for what in outbox.stuck().map_err(|error| failed(&error))? {
        let needs = match what {
            "mail" => "`smtp` and `smtp_from` are not set",
            _ => "ROK_WEBHOOK_SECRET is not set",
        };
        log(&format!("notify.outbox: {what} wait, and {needs}"));
    }
    if !outbox.delivers() {
        return Ok(None);
    }
    let log = Arc::clone(log);
    let courier = Courier::start(outbox, move |line| log(line));
    courier.map(Some).map_err(|error| failed(&error))
}

/// Opens the database that the settings name, if they name one. It must be
/// there: whoever only looks makes none.
pub(super) fn made(settings: &Settings) -> Result<Option<SqliteStore>, RunsError> {
    let Some(file) = settings.store.as_deref() else {
        return Ok(None);
    };
    if !file.exists() {
        let message = format!("there is no database {}", file.display());
        return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message).help(
            "write its path as it was written for `rok serve --store sqlite:PATH`, which makes it",
        ));
    }
    opened(file, settings.durability).map(Some)
}

/// Composes runs in the database that the settings name, and starts the pool
/// that drives them.
pub fn pooled(
    settings: &Settings,
    functions: Functions,
    agents: &Agents,
    host: Host,
    ask: PoolAsk,
) -> Result<(RunsFacade, Box<dyn RunsPool>), RunsError> {
    let file = settings.store.as_deref().ok_or_else(|| {
        RunsError::new(
            ErrorKind::Usage,
            "ROK0117",
            "a pool drives runs in a database",
        )
        .help("name one by `--store sqlite:PATH`")
    })?;
    let store = opened(file, settings.durability)?;
    super::desk::begin_filling(&store)
        .map_err(|error| RunsError::new(ErrorKind::Storage, "ROK0106", super::told(&error)))?;
    let (outbox, file) = (store.clone(), store.clone());
    let own = Vec::new();
    let made = composed(settings, functions, agents, own, host, Some(store.clone()))?;
    let (engine, services) = made;
    // What the pool seals is attested, wherever the key's file goes meanwhile.
    engine.hold_key()?;
    let store: Box<dyn PoolStore> = Box::new(store);
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processes = settings
        .max_processes
        .map_or(cpus, |most| most.get() as usize);
    let needs = Needs {
        processes: Some(u32::try_from(processes).unwrap_or(u32::MAX)),
        policies: Vec::new(),
        agents: false,
    };
    let services = services(&needs)?.services;
    let (grown, rests) = (ask.grown, ask.rests);
    let heard = store.subscribe(Arc::new(move |signal| match signal {
        Signal::Grown(run) => grown(Some(run)),
        Signal::Any => grown(None),
        Signal::Rests(run) => rests(run),
        Signal::Command(_) | Signal::Answer(_) | Signal::Due => {}
    }));
    let (log, broken) = (ask.log, ask.broken);
    let courier = courier(settings, outbox, &log)?;
    let pool_settings = pool_settings(settings, ask.grace);
    let queue = Mutex::new(store.another());
    let outfitter = Arc::new(Told {
        outfitter: RunsOutfitter::new(Arc::clone(&engine)).log(Arc::clone(&log)),
        ended: ask.ended,
    });
    let told = Arc::clone(&outfitter);
    let pool = PoolBuilder::new(pool_settings, store, services, outfitter)
        .gone(owner::is_gone)
        .log(Arc::new(move |event: &PoolEvent| {
            if let PoolEvent::RunBroken { run, .. } = event {
                broken(run);
            }
            log(&event.to_string());
        }))
        .start();
    let pool = pool.map_err(|error| {
        let message = format!("cannot start the pool: {error}");
        RunsError::new(ErrorKind::Storage, "ROK0114", message)
    })?;
    let driving = Driving {
        pool,
        told,
        file,
        queue,
        courier: Mutex::new(courier),
        _heard: Mutex::new(heard),
    };
    Ok((RunsFacade::new(engine), Box::new(driving)))
}

fn pool_settings(settings: &Settings, grace: Duration) -> PoolSettings {
    let number = |count: NonZeroU32| usize::try_from(count.get()).unwrap_or(usize::MAX);
    let defaults = PoolSettings::new(owner::this());
    PoolSettings {
        shards: settings.shards.map_or(defaults.shards, number),
        in_flight: number(settings.in_flight),
        lease: settings.lease,
        grace,
        // A short lease is looked at before it has run out.
        glance: defaults.glance.min(settings.lease / 4),
        ..defaults
    }
}

/// Equips runs, and tells of each that is closed.
struct Told {
    outfitter: RunsOutfitter,
    ended: Arc<dyn Fn(&EndedRun) + Send + Sync>,
}

impl Outfitter for Told {
    fn outfit(
        &self,
        run: &RunId,
        log: &LogBytes,
        store: &dyn PoolStore,
        shard: &ShardHandle,
    ) -> Result<Outfit, String> {
        self.outfitter.outfit(run, log, store, shard)
    }

    fn ended(&self, run: &RunId, state: &RunState) {
        self.outfitter.ended(run, state);
        let Some(outcome) = state.outcome() else {
            return;
        };
        let slots = state.steps();
        let retried = slots.iter().filter(|slot| slot.retries > 0);
        (self.ended)(&EndedRun {
            plan: state.plan().plan().id.clone(),
            outcome,
            duration: state.last_at().since(state.epoch_began()),
            steps: slots.iter().map(|slot| slot.state).collect(),
            retries: retried
                .map(|slot| (slot.class.unwrap_or(ErrorClass::Unknown), slot.retries))
                .collect(),
        });
    }

    fn let_go(&self, run: &RunId) {
        self.outfitter.let_go(run);
    }
}

struct Driving {
    pool: WorkerPool,
    told: Arc<Told>,
    file: SqliteStore,
    queue: Mutex<Box<dyn PoolStore>>,
    courier: Mutex<Option<Courier>>,
    _heard: Mutex<Subscription>,
}

impl RunsPool for Driving {
    fn stop(&self) {
        self.pool.drain();
        self.pool.join();
        self.told.outfitter.finish();
        // What it has not delivered waits in the outbox.
        let mut courier = self.courier.lock().unwrap_or_else(PoisonError::into_inner);
        drop(courier.take());
    }

    fn close(&self) -> Result<(), RunsError> {
        let copied = self.file.copy_log().map(drop);
        copied.map_err(|error| RunsError::new(ErrorKind::Storage, "ROK0106", super::told(&error)))
    }

    fn figures(&self) -> PoolFigures {
        let stats = self.pool.stats();
        PoolFigures {
            in_flight: stats.in_flight,
            claimed: stats.claimed,
            ended: stats.ended,
            parked: stats.parked,
            lost: stats.lost,
            broken: stats.broken,
            restarts: stats.restarts,
            commits: stats.turns,
            events: stats.events,
            renewals: stats.renewals,
            failing: stats.failing,
        }
    }

    fn queue(&self) -> Result<QueueFigures, RunsError> {
        let store = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let backlog = store
            .backlog(SystemClock.now())
            .map_err(|error| RunsError::new(ErrorKind::Storage, "ROK0106", super::told(&error)))?;
        Ok(QueueFigures {
            due: backlog.due,
            later: backlog.later,
            behind: backlog.behind,
            claimed: backlog.claimed,
        })
    }
}
