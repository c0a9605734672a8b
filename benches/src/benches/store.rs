//! The SQLite store: what durable runs cost in it, and what is found among a
//! million of them.

use super::{core_runs, in_turn};
use crate::args::Args;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use crate::world::{self, Shape};
use rok_log::{
    Commit, CommitResult, Durability, Fence, Lease, Owner, Pull, RunFilter, RunIndex, RunOrder,
    RunStore, SCRIPT_START, Script, WorkQueue,
};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::{Outcome, RunId, RunPhase, Timestamp};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const RUNS: usize = 2_000;
const FINISHED: usize = 1_000_000;
/// Decisions of one commit: those of as many runs.
const TOGETHER: usize = 64;
const COMMITS: usize = 200;
/// Runs that are filled in by one commit.
const FILLED: usize = 500;
const SAMPLES: usize = 500;
const PAGE: usize = 50;
const FOUND: Goal = Goal::AtMost(5.0);

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let tenth = if args.quick { 10 } else { 1 };
    let runs = RUNS / tenth;
    table.setting(format!(
        "runs as in `core`, {} threads, {} in flight in all, {runs} a repetition, in a new file, fsync",
        core_runs::SHARDS,
        core_runs::IN_FLIGHT
    ));
    table.setting(format!(
        "decisions: {COMMITS} commits of {TOGETHER} runs' decisions of four events each, fsync"
    ));
    let plan = world::calls(core_runs::STEPS, Shape::Chains(core_runs::STEPS))?;
    let domains = world::real_domains();
    let durable = || -> Result<Spent, Failed> {
        let store = open(&place.folder()?)?;
        core_runs::on(&store, &plan, runs, &domains, |_, _| ())
    };
    let [runs_took, decisions] = in_turn(
        args.repeat,
        [&mut { durable }, &mut || decisions(&place.folder()?)],
    )?;
    let rate = Measure::rate("runs, fsync", runs as u32, &runs_took);
    table.add(rate.goal(Goal::AtLeast(6_000.0)));
    let count = (COMMITS * TOGETHER) as u32;
    table.add(Measure::rate(
        "decisions, 64 a commit, fsync",
        count,
        &decisions,
    ));
    among_many(FINISHED / tenth, place, table)
}

fn open(folder: &Path) -> Result<SqliteStore, Failed> {
    let file = folder.join("rok.db");
    SqliteStore::open(file, Durability::Fsync).map_err(|error| Failed(error.to_string()))
}

fn id(text: &str) -> Result<RunId, Failed> {
    text.parse().map_err(|error| Failed(format!("{error}")))
}

fn put(store: &mut SqliteStore, commits: &[Commit]) -> Result<(), Failed> {
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
fn claim(
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

/// Runs that were created and sealed, one in a thousand of them failed.
fn fill(store: &mut SqliteStore, runs: usize) -> Result<(), Failed> {
    for first in (0..runs).step_by(FILLED) {
        let mut scripts = Vec::with_capacity(FILLED);
        for n in first..(first + FILLED).min(runs) {
            let plan = format!("plan-{}", n % 20);
            let labels = [("site", format!("s{}", n % 5_000))].into_iter();
            let script = Script::new(&id(&format!("run-{n:07}"))?)
                .of_plan(plan.parse().map_err(|error| Failed(format!("{error}")))?)
                .with_labels(labels.collect())
                .created_at(SCRIPT_START.after(Duration::from_millis(7 * n as u64)));
            scripts.push(script);
        }
        let created: Vec<_> = scripts.iter_mut().map(Script::create).collect();
        put(store, &created)?;
        let now = SCRIPT_START.after(Duration::from_secs(1_000_000));
        let fences = claim(store, FILLED, now)?;
        let sealed = scripts.iter_mut().zip(first..).map(|(script, n)| {
            let outcome = match n % 1_000 {
                0 => Outcome::Failed,
                _ => Outcome::Succeeded,
            };
            script.seal(fences[script.run()], outcome)
        });
        put(store, &sealed.collect::<Vec<_>>())?;
    }
    Ok(())
}

fn among_many(runs: usize, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let mut store = open(&place.folder()?)?;
    let (filled, spent) = time(|| fill(&mut store, runs));
    filled?;
    table.setting(format!(
        "{runs} finished runs of 20 plans and 5,000 sites, filled in {:.0} s; each measure {SAMPLES} \
         times, pages of {PAGE}, newest first",
        spent.wall.as_secs_f64()
    ));
    let newest = RunFilter {
        order: RunOrder::NewestFirst,
        limit: Some(PAGE),
        ..RunFilter::default()
    };
    let site = [("site".to_owned(), "s77".to_owned())];
    let filters = [
        ("a page", newest.clone()),
        (
            "a page of those that failed",
            RunFilter {
                outcomes: vec![Outcome::Failed],
                ..newest.clone()
            },
        ),
        (
            "a page of a plan's that completed",
            RunFilter {
                plan: "plan-3".parse().ok(),
                phases: vec![RunPhase::Completed],
                ..newest.clone()
            },
        ),
        (
            "a page of a label's",
            RunFilter {
                labels: site.into(),
                ..newest
            },
        ),
    ];
    for (name, filter) in filters {
        let mut look = || -> Result<Spent, Failed> {
            let (page, spent) = time(|| store.list(&filter));
            if page?.is_empty() {
                return Err(Failed(format!("{name} is empty")));
            }
            Ok(spent)
        };
        sample(name, table, &mut look)?;
    }
    let mut n = 0;
    sample("a claim of a new run", table, &mut || {
        n += 1;
        put(
            &mut store,
            &[Script::new(&id(&format!("new-{n}"))?).create()],
        )?;
        let (claimed, spent) = time(|| claim(&mut store, 1, SCRIPT_START));
        match claimed?.len() {
            1 => Ok(spent),
            _ => Err(Failed("nothing was claimed".into())),
        }
    })
}

/// The median and the range of many, and the time that one in a hundred takes
/// longer than.
fn sample(
    name: &str,
    table: &mut Table,
    work: &mut dyn FnMut() -> Result<Spent, Failed>,
) -> Result<(), Failed> {
    let mut spent = (0..SAMPLES)
        .map(|_| work())
        .collect::<Result<Vec<_>, _>>()?;
    table.add(Measure::took(name, Unit::Us, &spent));
    spent.sort_by_key(|spent| spent.wall);
    let slow = [spent[SAMPLES * 99 / 100]];
    table.add(Measure::took(format!("{name}, p99"), Unit::Ms, &slow).goal(FOUND));
    Ok(())
}
