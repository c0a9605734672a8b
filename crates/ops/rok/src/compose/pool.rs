//! Runs in a database, and the pool that drives them.

use super::{Host, composed};
use rok_config::Settings;
use rok_executor::Functions;
use rok_facades::runs::{ErrorKind, PoolAsk, PoolFigures, RunsError, RunsFacade, RunsPool};
use rok_log::{Durability, Owner, PoolStore, Signal, Subscription};
use rok_runs::{Needs, RunsOutfitter, SharedStore};
use rok_store_sqlite::SqliteStore;
use rok_worker_pool::{PoolBuilder, PoolEvent, PoolSettings, WorkerPool};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

/// Opens the database, which need not be there yet.
pub(super) fn open(file: &Path, durability: Durability) -> Result<Box<dyn PoolStore>, RunsError> {
    let store = SqliteStore::open(file, durability).map_err(|error| {
        let message = format!("{}: {}", file.display(), super::told(&error));
        RunsError::new(ErrorKind::Storage, "ROK0106", message)
            .help("`--store sqlite:PATH` names a file in a folder that is there and can be written")
    })?;
    Ok(Box::new(store))
}

/// Composes runs in the database that the settings name, and starts the pool
/// that drives them.
pub fn pooled(
    settings: &Settings,
    functions: Functions,
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
    let store = open(file, settings.durability)?;
    let shared = Some(SharedStore::new(store.another()));
    let (engine, services) = composed(settings, functions, host, shared)?;
    let cpus = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let processes = settings
        .max_processes
        .map_or(cpus, |most| most.get() as usize);
    let needs = Needs {
        processes: Some(u32::try_from(processes).unwrap_or(u32::MAX)),
        policies: Vec::new(),
    };
    let services = services(&needs)?.services;
    let grown = ask.grown;
    let heard = store.subscribe(Arc::new(move |signal| {
        if let Signal::Grown(run) = signal {
            grown(run);
        }
    }));
    let log = ask.log;
    let pool_settings = PoolSettings {
        grace: ask.grace,
        ..PoolSettings::new(owner())
    };
    let outfitter = Arc::new(RunsOutfitter::new(Arc::clone(&engine)));
    let pool = PoolBuilder::new(pool_settings, store, services, outfitter)
        .log(Arc::new(move |event: &PoolEvent| {
            log(&format!("{}: {event:?}", event.name()));
        }))
        .start();
    let pool = pool.map_err(|error| {
        let message = format!("cannot start the pool: {error}");
        RunsError::new(ErrorKind::Storage, "ROK0114", message)
    })?;
    let driving = Driving {
        pool,
        _heard: Mutex::new(heard),
    };
    Ok((RunsFacade::new(engine), Box::new(driving)))
}

/// Unlike any other on the store: processes come and go with the same number.
fn owner() -> Owner {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default().as_nanos();
    Owner::new(format!("serve:{}:{since}", std::process::id()))
}

struct Driving {
    pool: WorkerPool,
    _heard: Mutex<Subscription>,
}

impl RunsPool for Driving {
    fn stop(&self) {
        self.pool.drain();
        self.pool.join();
    }

    fn figures(&self) -> PoolFigures {
        let stats = self.pool.stats();
        PoolFigures {
            in_flight: stats.in_flight,
            claimed: stats.claimed,
            ended: stats.ended,
            parked: stats.parked,
            lost: stats.lost,
            commits: stats.turns,
            events: stats.events,
            renewals: stats.renewals,
        }
    }
}
