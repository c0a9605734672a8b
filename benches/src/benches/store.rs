//! The SQLite store under load: what durable runs cost in it, beside the same
//! rows written by hand.

use super::{core_runs, in_turn};
use crate::args::Args;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, time};
use crate::place::Place;
use crate::pool;
use crate::report::Table;
use crate::world::{self, Ready, Shape};
use rok_log::{
    Commit, CommitResult, Durability, Fence, Lease, MemoryStore, Owner, Pull, RunStore,
    SCRIPT_START, Script, WorkQueue,
};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::{RunId, Timestamp};
use rok_worker_pool::PoolStats;
use rusqlite::Connection;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const RUNS: usize = 10_000;
/// Decisions of one commit: those of as many runs.
const TOGETHER: usize = 64;
const COMMITS: usize = 200;
/// Runs in memory at once, where the disk is to be hidden behind others.
const MANY: usize = 256;

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let runs = if args.quick { RUNS / 10 } else { RUNS };
    let plan = world::calls(core_runs::STEPS, Shape::Chains(core_runs::STEPS))?;
    let few = core_runs::IN_FLIGHT;
    let mut wrote = Wrote::default();
    let mut durable = |in_flight: usize| -> Result<Spent, Failed> {
        let folder = place.folder()?;
        let store = open(&folder)?;
        let (spent, stats) = pool::drive(&store, &plan, runs, in_flight, world::real_domains())?;
        drop(store);
        if in_flight == few {
            wrote = Wrote::look(&folder, runs, stats)?;
        }
        std::fs::remove_dir_all(folder)?;
        Ok(spent)
    };
    let mut took = [Vec::new(), Vec::new()];
    for round in 0..=args.repeat {
        for (took, in_flight) in took.iter_mut().zip([few, MANY]) {
            let spent = durable(in_flight)?;
            if round > 0 {
                took.push(spent);
            }
        }
    }
    let [narrow, wide] = took;
    let [memory, by_hand, decisions] = in_turn(
        args.repeat,
        [
            &mut || in_memory(&plan, runs),
            &mut || by_hand(&place.folder()?, runs, wrote),
            &mut || decisions(&place.folder()?),
        ],
    )?;
    tell(table, runs, wrote);
    let count = runs as u32;
    let goal = Goal::AtLeast(6_000.0);
    table.add(Measure::rate(format!("runs, {few} at once, fsync"), count, &narrow).goal(goal));
    let name = format!("runs, {few} at once, fsync, by processor time");
    table.add(Measure::rate(name, count, &core_runs::by_cpu(&narrow)).goal(goal));
    table.add(Measure::rate(format!("runs, {MANY} at once, fsync"), count, &wide).goal(goal));
    let name = format!("runs, {few} at once, the same pool on the memory store");
    table.add(Measure::rate(name, count, &memory));
    table.add(Measure::rate(
        "the same rows by hand, fsync",
        count,
        &by_hand,
    ));
    table.add(Measure::rate(
        "decisions, 64 a commit, fsync",
        (COMMITS * TOGETHER) as u32,
        &decisions,
    ));
    Ok(())
}

fn tell(table: &mut Table, runs: usize, wrote: Wrote) {
    table.setting(format!(
        "runs as in `core`, submitted, claimed and driven by a pool of {} shards as under \
         `rok serve`; {runs} runs a repetition, in a new file, WAL, synchronous=FULL; so many of \
         them at once from submission to seal",
        pool::SHARDS,
    ));
    table.setting(format!(
        "a run: {:.1} rows of {:.0} bytes; {:.1} of them in a turn of a shard",
        wrote.chunks as f64 / runs as f64,
        wrote.bytes as f64 / wrote.chunks as f64,
        wrote.chunks as f64 / wrote.turns as f64,
    ));
    table.setting(format!(
        "by hand: SQLite alone, one thread, as many rows of that size inserted, and as many updates \
         of their runs' rows, {TOGETHER} of each in a transaction: the floor under any such store",
    ));
    table.setting(format!(
        "decisions: {COMMITS} commits of {TOGETHER} runs' decisions of four events each, fsync"
    ));
}

/// What a repetition left in its file.
#[derive(Debug, Clone, Copy, Default)]
struct Wrote {
    chunks: u64,
    bytes: u64,
    turns: u64,
}

impl Wrote {
    fn look(folder: &Path, runs: usize, stats: PoolStats) -> Result<Self, Failed> {
        let db = Connection::open(folder.join(FILE))?;
        let count = "SELECT count(*), sum(length(lines)) FROM chunks";
        let (chunks, bytes) = db.query_row(count, [], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
        })?;
        let completed = "SELECT count(*) FROM runs WHERE phase = 'COMPLETED' AND seal IS NOT NULL";
        let completed: i64 = db.query_row(completed, [], |row| row.get(0))?;
        if completed != runs as i64 {
            return Err(Failed(format!("{completed} of {runs} runs are completed")));
        }
        Ok(Self {
            chunks: chunks as u64,
            bytes: bytes as u64,
            turns: stats.turns,
        })
    }
}

fn in_memory(plan: &Ready, runs: usize) -> Result<Spent, Failed> {
    let domains = world::real_domains();
    let (spent, _) = pool::drive(
        &MemoryStore::new(),
        plan,
        runs,
        core_runs::IN_FLIGHT,
        domains,
    )?;
    Ok(spent)
}

/// The same rows in SQLite alone.
fn by_hand(folder: &Path, runs: usize, wrote: Wrote) -> Result<Spent, Failed> {
    let db = Connection::open(folder.join(FILE))?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
         CREATE TABLE runs (no INTEGER PRIMARY KEY, id TEXT, next_seq INTEGER, head BLOB) STRICT;
         CREATE TABLE chunks (no INTEGER PRIMARY KEY, run_no INTEGER, seq INTEGER, lines BLOB) STRICT;
         CREATE UNIQUE INDEX chunks_by_run ON chunks (run_no, seq);",
    )?;
    let lines = vec![b'x'; (wrote.bytes / wrote.chunks) as usize];
    let (result, spent) = time(|| -> rusqlite::Result<()> {
        let mut written = 0;
        while written < wrote.chunks {
            let work = db.unchecked_transaction()?;
            let mut insert =
                work.prepare_cached("INSERT INTO chunks (run_no, seq, lines) VALUES (?1, ?2, ?3)")?;
            let mut update = work.prepare_cached(
                "INSERT INTO runs (no, id, next_seq, head) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (no) DO UPDATE SET next_seq = excluded.next_seq, head = excluded.head",
            )?;
            for _ in 0..TOGETHER {
                // The rows of as many runs take turns, as those of live ones do.
                let each = wrote.chunks.div_ceil(runs as u64);
                let group = written / (each * TOGETHER as u64);
                let run = (group * TOGETHER as u64 + written % TOGETHER as u64) as i64;
                let seq = written as i64;
                insert.execute((run, seq, &lines))?;
                update.execute((run, format!("run-{run:032}"), seq, &lines[..32]))?;
                written += 1;
            }
            drop((insert, update));
            work.commit()?;
        }
        Ok(())
    });
    result?;
    Ok(spent)
}

const FILE: &str = "rok.db";

/// A store in a folder of its own.
pub(super) fn open(folder: &Path) -> Result<SqliteStore, Failed> {
    let file = folder.join(FILE);
    SqliteStore::open(file, Durability::Fsync).map_err(|error| Failed(error.to_string()))
}

pub(super) fn id(text: &str) -> Result<RunId, Failed> {
    text.parse().map_err(|error| Failed(format!("{error}")))
}

pub(super) fn put(store: &mut SqliteStore, commits: &[Commit]) -> Result<(), Failed> {
    let results = store.commit(commits)?;
    let whole = |result: &CommitResult| matches!(result, CommitResult::Committed { .. });
    if results.iter().all(whole) {
        return Ok(());
    }
    Err(Failed("a commit was stale".into()))
}

fn pull(limit: usize, now: Timestamp) -> Pull {
    Pull {
        owner: Owner::new("bench"),
        lease: Lease::new(now, Duration::from_secs(3_600)),
        limit,
        aging: Duration::from_secs(60),
    }
}

/// Claims that many, and returns their fences.
pub(super) fn claim(
    store: &mut SqliteStore,
    limit: usize,
    now: Timestamp,
) -> Result<HashMap<RunId, Fence>, Failed> {
    let pulled = store.claim_due(&pull(limit, now))?;
    let claims = pulled.into_iter().map(|it| Ok((it.run, it.claim?.fence)));
    claims.collect()
}

fn decisions(folder: &Path) -> Result<Spent, Failed> {
    let mut store = open(folder)?;
    let mut scripts = Vec::new();
    for n in 0..TOGETHER {
        scripts.push(Script::new(&id(&format!("r{n}"))?));
    }
    let created: Vec<_> = scripts.iter_mut().map(Script::create).collect();
    put(&mut store, &created)?;
    let fences = claim(&mut store, TOGETHER, SCRIPT_START)?;
    let batches: Vec<Vec<Commit>> = (0..COMMITS)
        .map(|_| {
            let each = scripts.iter_mut();
            each.map(|script| script.steps(fences[script.run()], 4))
                .collect()
        })
        .collect();
    let (result, spent) = time(|| batches.iter().try_for_each(|batch| put(&mut store, batch)));
    result?;
    Ok(spent)
}
