//! The doctor's rounds: store, logs, the desk's book, keys, services, policies,
//! notifications, clock.

mod clock;
mod logs;

use super::{Agents, Host, pool};
use rok_config::{PasswordSource, Settings, SigningKeySource};
use rok_exec_service::{ServiceExecutor, ServiceSpec, Standing};
use rok_executor::Functions;
use rok_facades::runs::{ErrorKind, ListQuery, PageQuery, RunsError, RunsFacade};
use rok_log::{Cells as _, OUTBOX, PoolStore as _, Records as _, StoreError, WorkQueue as _};
use rok_notify::{DELIVERIES, Delivery, FailureClass, Standing as Way};
use rok_runner::{Clock as _, SystemClock};
use rok_runs::{Differs, DomainTables, SharedStore};
use rok_service::{Check, Logs, Rounds, Tables, unattested};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::Timestamp;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How long a health endpoint may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);
/// Below this, runs that make files will soon stop.
const LITTLE_ROOM: u64 = 1024 * 1024 * 1024;
/// Below this, a log cannot be relied on to be appended.
const NO_ROOM: u64 = 64 * 1024 * 1024;
/// So many runs tell where the clock was, and what is broken.
const LOOKED_AT: usize = 100;
/// No server lets a lease last as long: one that does was written by hand.
const LONGEST_LEASE: Duration = Duration::from_hours(1);
/// So many of the newest runs have their rows of tables held against their logs,
/// without being told to look at all.
const HELD: usize = 50;
/// More of one kind are counted, not named.
const NAMED: usize = 20;

fn runs_of(settings: &Settings) -> Result<RunsFacade, RunsError> {
    super::runs(settings, Functions::new(), &Agents::new(), Host::Embedded)
}

/// Looks at all that runs need here.
#[must_use]
pub fn doctor(settings: &Settings, Rounds { tables, logs }: Rounds) -> Vec<Check> {
    let mut checks = Vec::new();
    if settings.server.is_some() {
        checks.push(server(settings));
        if tables == Tables::Rebuild {
            let help = "run it where the database is, with --store in place of --server";
            checks.push(Check::fault("tables", "they are the server's").help(help));
        }
        if logs == Logs::All {
            let help = "run it where the logs are, without --server; `rok verify RUN` proves one";
            checks.push(Check::fault("logs", "they are the server's").help(help));
        }
        return checks;
    }
    // Without its database nothing can be said of runs, and a server makes it.
    let made = settings.store.as_deref().is_none_or(Path::exists);
    let runs = runs_of(settings);
    checks.extend(store(settings, runs.as_ref().ok()));
    checks.extend(keys(settings));
    checks.extend(services(settings));
    checks.extend(policies(settings));
    checks.extend(agents(settings));
    checks.extend(notifications(settings));
    if made {
        checks.push(composed(&runs));
        checks.push(desk(settings));
        if tables == Tables::Rebuild {
            let rebuilt = rebuilt(settings);
            checks.extend(rebuilt.unwrap_or_else(|error| vec![refused("tables", &error)]));
        } else {
            let differ = differing(settings, logs);
            checks.extend(differ.unwrap_or_else(|error| vec![refused("tables", &error)]));
        }
    }
    if let Ok(runs) = &runs {
        checks.extend(of_runs(runs));
        if settings.signing_key.is_some() {
            checks.extend(attested(runs));
        }
        checks.extend(logs::checks(runs, logs));
    }
    checks.push(clock::probe(&clock::Machine::new()));
    checks.push(boot());
    checks
}

fn refused(area: &'static str, error: &RunsError) -> Check {
    let check = Check::fault(area, error.message.clone());
    match &error.help {
        Some(help) => check.help(help.clone()),
        None => check,
    }
}

/// A server's runs: what it says of itself.
fn server(settings: &Settings) -> Check {
    let asked = runs_of(settings);
    let asked = asked.and_then(|runs| {
        runs.ready()?;
        runs.page(&PageQuery {
            limit: Some(1),
            ..PageQuery::default()
        })
    });
    match asked {
        Ok(_) => Check::ok("server", "it answers; its own doctor knows the rest"),
        Err(error) => refused("server", &error),
    }
}

/// Whether everything fits together: what a start would refuse.
fn composed(runs: &Result<RunsFacade, RunsError>) -> Check {
    match runs {
        Ok(_) => Check::ok("start", "runs can be started with these settings"),
        Err(error) => refused("start", error),
    }
}

/// The store: it opens, can be written, is sound, and has room.
fn store(settings: &Settings, runs: Option<&RunsFacade>) -> Vec<Check> {
    let Some(file) = settings.store.as_deref() else {
        let dir = settings.dir.as_path();
        let name = dir.display().to_string();
        if !dir.exists() {
            let said = "no run folders yet";
            let parent = dir.parent().unwrap_or(dir);
            return vec![Check::ok("store", said).of(name), room(parent)];
        }
        let written = runs.map(|runs| runs.ready());
        let written = match written {
            Some(Ok(())) => Check::ok("store", "run folders, can be written").of(name),
            Some(Err(error)) if error.code == "ROK0140" => refused("keys", &error),
            Some(Err(error)) => refused("store", &error).of(name),
            None => Check::warning("store", "not tried: see `start`").of(name),
        };
        return vec![written, room(dir)];
    };
    let name = file.display().to_string();
    if !file.exists() {
        let check = Check::warning("store", "there is no database yet").of(name);
        return vec![check.help("`rok serve` makes it")];
    }
    let mut checks = vec![only_mine("store", file)];
    match pool::opened(file, settings.durability) {
        Ok(store) => checks.extend(database(&store, &name, lapsed(settings))),
        Err(error) => checks.push(refused("store", &error).of(name)),
    }
    checks.push(room(file.parent().unwrap_or(file)));
    checks
}

/// When every lease of now has run out.
fn lapsed(settings: &Settings) -> Timestamp {
    SystemClock.now().after(LONGEST_LEASE.max(settings.lease))
}

fn database(store: &SqliteStore, name: &str, lapsed: Timestamp) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.push(match store.try_to_write() {
        Ok(()) => Check::ok("store", "it opens and can be written").of(name),
        Err(error) => Check::fault("store", super::told(&error)).of(name),
    });
    let sound = match store.faults() {
        Ok(faults) if faults.is_empty() => Check::ok("store", "every page and index is sound"),
        Ok(faults) => Check::fault("store", faults.join("; "))
            .help("stop the server, keep a copy, and go back to a backup"),
        Err(error) => Check::fault("store", super::told(&error)),
    };
    checks.push(sound.of(name));
    match store.label_differences() {
        Ok(found) => checks.extend(found.into_iter().map(|what| {
            Check::fault("labels", what).help("rok doctor --rebuild makes the lists by label anew")
        })),
        Err(error) => checks.push(Check::fault("labels", super::told(&error))),
    }
    match store.backlog(SystemClock.now()) {
        Ok(queue) => {
            let said = format!(
                "{} runs due, {} later, {} claimed",
                queue.due, queue.later, queue.claimed
            );
            checks.push(Check::ok("queue", said));
        }
        Err(error) => checks.push(Check::fault("queue", super::told(&error))),
    }
    match store.queue_differences(lapsed) {
        Ok(found) => checks.extend(found.into_iter().map(|(run, what)| {
            let said = format!("its row {what}");
            let help = "rok doctor --rebuild makes it say what holds";
            Check::fault("queue", said).of(run).help(help)
        })),
        Err(error) => checks.push(Check::fault("queue", super::told(&error))),
    }
    checks
}

/// How much room is left where a folder is.
fn room(folder: &Path) -> Check {
    let name = folder.display().to_string();
    // Nothing is there yet: the next folder up is where it will be made.
    let there = folder.ancestors().find(|folder| folder.exists());
    let found = rustix::fs::statvfs(there.unwrap_or(folder));
    let check = match found {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let said = format!("{} MiB free", free / (1024 * 1024));
            match free {
                _ if free < NO_ROOM => Check::fault("disk", said),
                _ if free < LITTLE_ROOM => Check::warning("disk", said),
                _ => return Check::ok("disk", said).of(name),
            }
        }
        Err(error) => Check::warning("disk", format!("how much is free cannot be told: {error}")),
    };
    check.of(name).help("make room: rok gc collects old runs")
}

/// Whether a file is its user's alone.
fn only_mine(area: &'static str, file: &Path) -> Check {
    let name = file.display().to_string();
    let check = match std::fs::metadata(file) {
        Ok(found) => match found.permissions().mode() & 0o777 {
            mode if mode & 0o077 != 0 => {
                Check::fault(area, format!("others may open it (mode {mode:04o})"))
                    .help(format!("chmod 600 {name}"))
            }
            mode => return Check::ok(area, format!("mode {mode:04o}")).of(name),
        },
        Err(error) => Check::fault(area, format!("it cannot be looked at: {error}")),
    };
    check.of(name)
}

/// Files that hold keys: there, and their user's alone.
fn keys(settings: &Settings) -> Vec<Check> {
    let mut files = Vec::new();
    if let Some(SigningKeySource::File(file)) = &settings.signing_key {
        files.push(file.clone());
    }
    if let Some((_, PasswordSource::File(file))) =
        settings.mail.as_ref().and_then(|mail| mail.login.as_ref())
    {
        files.push(file.clone());
    }
    let tokens = settings.tokens_file();
    if tokens.exists() {
        files.push(tokens);
    }
    if let Ok(executor) = super::workers(settings) {
        let named = executor.map().iter().filter_map(|s| s.api_key_file.clone());
        files.extend(named.filter(|file| file.exists()));
    }
    files.sort();
    files.dedup();
    files.iter().map(|file| only_mine("keys", file)).collect()
}

/// Every service of the map, and the workers that are degraded.
fn services(settings: &Settings) -> Vec<Check> {
    let executor = match super::workers(settings) {
        Ok(executor) => executor,
        Err(error) => return vec![refused("services", &error)],
    };
    let mut checks: Vec<Check> = std::thread::scope(|scope| {
        let executor = &executor;
        let asked = executor.map().iter();
        let asked: Vec<_> = asked
            .map(|service| scope.spawn(move || one_service(executor, service)))
            .collect();
        let checks = asked.into_iter().map(|asked| {
            let panicked = || Check::fault("services", "looking at it panicked");
            asked.join().unwrap_or_else(|_| panicked())
        });
        checks.collect()
    });
    checks.sort_by(|a, b| a.name.cmp(&b.name));
    checks
}

fn one_service(executor: &ServiceExecutor, service: &ServiceSpec) -> Check {
    let standing = executor.standing(service);
    let check = match &standing {
        Standing::Ready { .. } => {
            let health = executor.health(&service.slug, HEALTH_TIMEOUT);
            let said = format!("{standing}; health: {}", health.said);
            if health.healthy {
                Check::ok("services", said)
            } else {
                let help = format!(
                    "is the worker there? its health endpoint is {}",
                    service.health
                );
                Check::fault("services", said).help(help)
            }
        }
        Standing::NeedsConfig { .. } => Check::warning("services", standing.to_string()),
        Standing::Blocked { .. } => Check::ok("services", standing.to_string()),
    };
    check.of(service.slug.clone())
}

/// Policies of runs and of access.
fn policies(settings: &Settings) -> Vec<Check> {
    let runs = super::facades(&settings.policies, &[]);
    let runs = match runs {
        Ok((_, digest)) => {
            let which =
                digest.map_or_else(|| "rok's own alone".to_owned(), |d| format!("sha-256 {d}"));
            Check::ok("policies", which)
        }
        Err(error) => refused("policies", &error),
    };
    let access = match super::access(settings) {
        Ok(_) => Check::ok("policies", "of access to a server: fit"),
        Err(error) => refused("policies", &error),
    };
    vec![runs, access]
}

/// The file of agents: a run whose steps are given to some needs it.
fn agents(settings: &Settings) -> Option<Check> {
    let file = settings.agents.as_deref()?;
    let check = match Agents::new().executor(settings) {
        Ok(_) => Check::ok("agents", "the file is fit"),
        Err(error) => refused("agents", &error),
    };
    Some(check.of(file.display().to_string()))
}

/// What can be sent, what waits, and what was given up.
fn notifications(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    match super::webhook_key(settings) {
        Ok(key) => checks.extend(key.map(|_| Check::ok("webhooks", "can be signed"))),
        Err(error) => checks.push(refused("webhooks", &error)),
    }
    match super::mailer(settings) {
        Ok(mailer) => checks.extend(mailer.map(|_| Check::ok("mail", "a server is set"))),
        Err(error) => checks.push(refused("mail", &error)),
    }
    let store = settings.store.as_deref().filter(|file| file.exists());
    let Some(Ok(store)) = store.map(|file| pool::opened(file, settings.durability)) else {
        return checks;
    };
    let looked = store.records(OUTBOX, None, LOOKED_AT);
    let looked = looked.and_then(|waiting| Ok((waiting.len(), store.cells(DELIVERIES)?)));
    match looked {
        Ok((waiting, cells)) => {
            let more = if waiting < LOOKED_AT { "" } else { " or more" };
            checks.push(Check::ok("outbox", format!("{waiting}{more} wait")));
            let deliveries = cells.iter();
            let deliveries = deliveries.filter_map(|(_, cell)| serde_json::from_slice(cell).ok());
            let given_up: Vec<Delivery> = deliveries
                .filter(|delivery: &Delivery| delivery.standing == Way::GivenUp)
                .collect();
            checks.extend(given_up.iter().rev().take(NAMED).map(|delivery| {
                let why = delivery.error.as_deref().unwrap_or("no reason is known");
                let said = match delivery.class {
                    Some(FailureClass::Permanent) => format!("refused for good: {why}"),
                    _ => format!("given up after {} attempts: {why}", delivery.attempts),
                };
                Check::warning("outbox", said).of(delivery.id.clone())
            }));
        }
        Err(error) => checks.push(Check::fault("outbox", super::told(&error))),
    }
    checks
}

/// What the runs themselves tell: broken ones, degraded workers, and when the
/// last of them was written to.
fn of_runs(runs: &RunsFacade) -> Vec<Check> {
    let mut checks = Vec::new();
    match runs.page(&PageQuery {
        limit: Some(LOOKED_AT),
        ..PageQuery::default()
    }) {
        Ok(page) => {
            let last = page.runs.iter().filter_map(|run| run.updated_at).max();
            checks.push(clock::check(SystemClock.now(), last));
        }
        Err(error) => checks.push(refused("clock", &error)),
    }
    match runs.page(&PageQuery {
        filter: ListQuery {
            statuses: vec!["broken".to_owned()],
            ..ListQuery::default()
        },
        limit: Some(NAMED),
        ..PageQuery::default()
    }) {
        Ok(page) => checks.extend(page.runs.iter().map(|run| {
            let why = run.broken.as_deref().unwrap_or("it cannot be read");
            let help = format!("rok verify {}", run.run_id);
            Check::fault("runs", why).of(run.run_id.clone()).help(help)
        })),
        Err(error) => checks.push(refused("runs", &error)),
    }
    match runs.degraded_workers() {
        Ok(degraded) => checks.extend(degraded.iter().map(|worker| {
            let said = format!(
                "degraded for {}: {} failures in a row since {}, last in run {}: {}",
                worker.website_id,
                worker.failures,
                worker.since,
                worker.run_id,
                worker.error.as_deref().unwrap_or("no reason is known"),
            );
            Check::warning("workers", said).of(worker.service.clone())
        })),
        Err(error) => checks.push(refused("workers", &error)),
    }
    checks
}

/// The book of what people did about incidents and lessons.
fn desk(settings: &Settings) -> Check {
    let proof = match super::desk(settings).and_then(|desk| desk.prove()) {
        Ok(proof) => proof,
        Err(error) => return refused("desk", &error),
    };
    let said = match proof.lines {
        0 => "nothing was written into its book".to_owned(),
        lines => format!("the {lines} lines of its book are what was written"),
    };
    if proof.unchained == 0 {
        return Check::ok("desk", said);
    }
    let until = proof.began_at.map(|at| format!(" before {at}"));
    let until = until.unwrap_or_default();
    let about = format!("{} incidents and lessons", proof.unchained);
    Check::ok(
        "desk",
        format!("{said}; what was done about {about}{until} is not chained"),
    )
}

/// Whether what is sealed is attested, where a key is configured.
fn attested(runs: &RunsFacade) -> Vec<Check> {
    let missing = match unattested(runs) {
        Ok(missing) => missing,
        Err(error) => return vec![refused("attestations", &error)],
    };
    if missing.is_empty() {
        let said = "none is missing among the newest runs";
        return vec![Check::ok("attestations", said)];
    }
    let named = missing.iter().take(NAMED).map(|run| {
        let help = format!("rok attest {run}");
        Check::warning("attestations", "it is sealed and not attested")
            .of(run.to_string())
            .help(help)
    });
    let more = missing.len().saturating_sub(NAMED);
    let more = (more > 0).then(|| Check::warning("attestations", format!("and {more} more")));
    named.chain(more).collect()
}

fn failed(error: &StoreError) -> RunsError {
    RunsError::new(ErrorKind::Storage, "ROK0106", super::told(error))
}

/// The tables of a database, over its runs' logs.
fn tables_of(settings: &Settings, store: &SqliteStore) -> DomainTables {
    let root = settings.files_of_store();
    let root = root.unwrap_or_else(|| settings.dir.clone());
    let shared = SharedStore::new(Box::new(store.clone()));
    DomainTables::in_store(root, settings.durability, shared, None)
}

/// Which rows of a database's tables are not what the logs say.
fn differing(settings: &Settings, logs: Logs) -> Result<Vec<Check>, RunsError> {
    let Some(store) = pool::made(settings)? else {
        return Ok(Vec::new());
    };
    let newest = (logs == Logs::Newest).then_some(HELD);
    let of_logs = tables_of(settings, &store).differences(newest)?.into_iter();
    let of_logs = of_logs.map(|found| {
        let how = match found.how {
            Differs::Missing => "is not there, and its log says it",
            Differs::Altered => "says something else than its log",
            Differs::Stray => "comes of no log",
        };
        (format!("{} {}", found.table, found.key), how)
    });
    let by_hand = store
        .kbase_differences()
        .map_err(|error| failed(&error))?
        .into_iter();
    let by_hand = by_hand.map(|id| (format!("row of kbase_events {id}"), "is not its record"));
    let found: Vec<_> = of_logs.chain(by_hand).collect();
    let more = found.len().saturating_sub(NAMED);
    let named = found.into_iter().take(NAMED).map(|(name, how)| {
        let help = "rok doctor --rebuild makes the tables anew from the logs";
        Check::fault("tables", how).of(name).help(help)
    });
    let more = (more > 0).then(|| Check::fault("tables", format!("and {more} more")));
    Ok(named.chain(more).collect())
}

/// Sets aside what attempts printed that no log knows, and says which.
fn set_aside(tables: &DomainTables) -> Result<Vec<Check>, RunsError> {
    let moved = tables.set_aside()?.into_iter();
    let told = moved.map(|moved| {
        let said = format!(
            "was printed by an attempt that its log does not know, and is set aside as {}",
            moved.to.display()
        );
        Check::warning("logs", said).of(format!("{} logs/{}", moved.run, moved.file))
    });
    Ok(told.collect())
}

/// Makes the tables of a database anew, and says what differed.
fn rebuilt(settings: &Settings) -> Result<Vec<Check>, RunsError> {
    let Some(store) = pool::made(settings)? else {
        let folders = DomainTables::in_folders(settings.dir.clone(), settings.durability);
        let mut checks = set_aside(&folders)?;
        let said = "run folders have none: what they would say is read from the logs each time";
        checks.push(Check::ok("tables", said));
        return Ok(checks);
    };
    let tables = tables_of(settings, &store);
    let by_hand = store.kbase_differences().map_err(|error| failed(&error))?;
    let told = tables.against_logs(None)?;
    let stray = told.differences.iter();
    let stray = stray.filter(|found| found.how == Differs::Stray);
    let stray = stray
        .map(|found| (found.table, found.key.clone()))
        .collect();
    store
        .rebuild(told.put, stray)
        .map_err(|error| failed(&error))?;
    store
        .mend_queue(lapsed(settings))
        .map_err(|error| failed(&error))?;
    let mut checks = set_aside(&tables)?;
    let differed = told.differences.len() + by_hand.len();
    let differences = told.differences.iter().map(|found| {
        let how = match found.how {
            Differs::Missing => "was not there, and is again",
            Differs::Altered => "said something else than its log, and is mended",
            Differs::Stray => "came of no log, and is gone",
        };
        (format!("{} {}", found.table, found.key), how)
    });
    let by_hand = by_hand.into_iter();
    let by_hand = by_hand.map(|id| {
        let how = "was not what its record says, and is mended";
        (format!("row of kbase_events {id}"), how)
    });
    let each = differences.chain(by_hand).take(NAMED);
    checks.extend(each.map(|(name, how)| Check::warning("tables", how).of(name)));
    if differed > NAMED {
        let more = format!("and {} more", differed - NAMED);
        checks.push(Check::warning("tables", more));
    }
    checks.extend(told.misplaced.iter().take(NAMED).map(|run| {
        let said = "its row says something else than its log";
        let help = format!("its log is what holds; rok verify {run}");
        Check::fault("tables", said).of(run.clone()).help(help)
    }));
    checks.extend(told.unread.iter().take(NAMED).map(|run| {
        let help = format!("rok verify {run}");
        let said = "its log cannot be read, and its rows were left alone";
        Check::fault("tables", said).of(run.clone()).help(help)
    }));
    let said = format!(
        "{} rows are as the logs say; {differed} differed",
        told.rows
    );
    checks.push(Check::ok("tables", said));
    Ok(checks)
}

/// Without it, what a killed attempt left alive is not known again.
fn boot() -> Check {
    match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
        Ok(id) => Check::ok("boot", id.trim()),
        Err(error) => Check::warning("boot", format!("the boot's id cannot be read: {error}"))
            .help("mount /proc: what a killed attempt left alive cannot be ended without it"),
    }
}
