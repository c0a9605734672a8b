//! A store of a million finished runs: what is found in it, and how soon.

use super::store::{claim, id, open, put};
use crate::args::Args;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use rok_log::{
    Cursor, Labels, RunEntry, RunFilter, RunIndex, RunOrder, RunQueue, SCRIPT_START, Script,
};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::{Outcome, RunPhase, Timestamp};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

const FINISHED: usize = 1_000_000;
/// Runs that are filled in by one commit.
const FILLED: usize = 1_000;
const SAMPLES: usize = 1_000;
const PAGE: usize = 50;
const FOUND: Goal = Goal::AtMost(5.0);
/// Between the creation of one run and that of the next.
const APART: Duration = Duration::from_millis(7);

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let runs = if args.quick { FINISHED / 10 } else { FINISHED };
    let folder = place.folder()?;
    let mut store = open(&folder)?;
    let (filled, spent) = time(|| fill(&mut store, runs));
    filled?;
    table.setting(format!(
        "{runs} finished runs in one file of {:.1} GB, filled in {:.0} s: 20 plans, one in 1,000 \
         failed; labels: site (5,000 values), team (50), env (3)",
        std::fs::metadata(store.path())?.len() as f64 / 1e9,
        spent.wall.as_secs_f64()
    ));
    table.setting(format!(
        "each measure {SAMPLES} times, each time with other values where there are any; pages of \
         {PAGE}, newest first, the second begins behind the middle of the list"
    ));
    table.setting(
        "a claim is a durable transaction; `durable append` is what the disk takes for 200 bytes \
         and a sync, measured in turn with the claims",
    );
    lists(&store, runs, table)?;
    claims(&mut store, &folder, table)?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// The labels of the n-th run.
fn labels(n: usize) -> [(&'static str, String); 3] {
    // Of what comes one after another, each has its own team and site.
    [
        ("env", ["prod", "stage", "test"][n % 3].to_owned()),
        ("site", format!("s{}", n % 5_000)),
        ("team", format!("t{}", n / 3 % 50)),
    ]
}

/// Runs that were created, claimed, sealed and let go.
fn fill(store: &mut SqliteStore, runs: usize) -> Result<(), Failed> {
    for first in (0..runs).step_by(FILLED) {
        let mut scripts = Vec::with_capacity(FILLED);
        for n in first..(first + FILLED).min(runs) {
            let plan = format!("plan-{}", n % 20);
            let labels: Labels = labels(n).into_iter().collect();
            let script = Script::new(&id(&format!("run-{n:07}"))?)
                .of_plan(plan.parse()?)
                .with_labels(labels)
                .created_at(created_at(n));
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
        for (run, fence) in fences {
            store.release(&run, fence, None);
        }
    }
    Ok(())
}

fn created_at(n: usize) -> Timestamp {
    SCRIPT_START.after(APART * n as u32)
}

fn lists(store: &SqliteStore, runs: usize, table: &mut Table) -> Result<(), Failed> {
    let newest = || RunFilter {
        order: RunOrder::NewestFirst,
        limit: Some(PAGE),
        ..RunFilter::default()
    };
    let with = |labels: &[(&str, String)]| RunFilter {
        labels: labels
            .iter()
            .map(|(n, v)| ((*n).to_owned(), v.clone()))
            .collect(),
        ..newest()
    };
    let behind = |n: usize| {
        let n = runs / 2 + n;
        Some(Cursor {
            created_at: Some(created_at(n)),
            name: format!("run-{n:07}"),
        })
    };
    let failed = || RunFilter {
        outcomes: vec![Outcome::Failed],
        ..newest()
    };
    let plan = |n: usize| RunFilter {
        plan: format!("plan-{}", n % 20).parse().ok(),
        phases: vec![RunPhase::Completed],
        ..newest()
    };
    // The labels of a run that is there.
    let of = |n: usize| labels(n * 7919 % runs);
    list(store, table, "a page", &|_| newest())?;
    list(store, table, "a page from the middle", &|n| RunFilter {
        after: behind(n),
        ..newest()
    })?;
    list(store, table, "those that failed", &|_| failed())?;
    list(store, table, "a plan's that completed", &plan)?;
    list(store, table, "a label that 200 have", &|n| {
        with(&of(n)[1..2])
    })?;
    list(store, table, "a label that a third has", &|n| {
        with(&of(n)[..1])
    })?;
    list(store, table, "labels that 200 and a third have", &|n| {
        with(&of(n)[..2])
    })?;
    list(
        store,
        table,
        "labels that a fiftieth and a third have",
        &|n| {
            let [env, _, team] = of(n);
            with(&[env, team])
        },
    )?;
    list(store, table, "a label, and failed", &|n| RunFilter {
        outcomes: vec![Outcome::Failed],
        ..with(&of(n * 1_000)[..1])
    })
}

fn list(
    store: &SqliteStore,
    table: &mut Table,
    name: &str,
    filter: &dyn Fn(usize) -> RunFilter,
) -> Result<(), Failed> {
    let mut n = 0;
    sample(name, table, &mut || {
        n += 1;
        let filter = filter(n);
        let (page, spent) = time(|| store.list(&filter));
        let page = page?;
        let whole = |entry: &RunEntry| matches!(entry, RunEntry::Run { .. });
        if page.is_empty() || !page.iter().all(whole) {
            return Err(Failed(format!("the page `{name}` is empty or broken")));
        }
        Ok(spent)
    })
}

fn claims(store: &mut SqliteStore, folder: &Path, table: &mut Table) -> Result<(), Failed> {
    let mut probe = File::create(folder.join("probe"))?;
    let (mut appends, mut n) = (Vec::new(), 0);
    sample("a claim of a new run", table, &mut || {
        n += 1;
        put(store, &[Script::new(&id(&format!("new-{n}"))?).create()])?;
        let (append, spent) = time(|| {
            probe.write_all(&[b'x'; 200])?;
            probe.sync_data()
        });
        append?;
        appends.push(spent);
        let (claimed, spent) = time(|| claim(store, 1, SCRIPT_START));
        match claimed?.len() {
            1 => Ok(spent),
            _ => Err(Failed("nothing was claimed".into())),
        }
    })?;
    table.add(Measure::took("durable append", Unit::Us, &appends));
    table.add(Measure::slowest("durable append, p99", Unit::Ms, &appends));
    Ok(())
}

/// The median and the range of many, and what one in a hundred takes longer
/// than: in time, and in processor time, which a busy machine does not spoil.
fn sample(
    name: &str,
    table: &mut Table,
    work: &mut dyn FnMut() -> Result<Spent, Failed>,
) -> Result<(), Failed> {
    let spent = (0..SAMPLES)
        .map(|_| work())
        .collect::<Result<Vec<_>, _>>()?;
    table.add(Measure::took(name, Unit::Us, &spent));
    table.add(Measure::slowest(format!("{name}, p99"), Unit::Ms, &spent).goal(FOUND));
    let cpu: Vec<Spent> = spent.iter().map(Spent::as_cpu).collect();
    let name = format!("{name}, p99 by processor time");
    table.add(Measure::slowest(name, Unit::Ms, &cpu));
    Ok(())
}
