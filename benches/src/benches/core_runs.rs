//! The engine's own cost: everything but a disk.

use super::in_turn;
use crate::args::Args;
use crate::load::{self, Failed};
use crate::measure::{Goal, Measure, Spent, time};
use crate::report::Table;
use crate::world::{self, Ready, Shape};
use rok_chain::verify_log;
use rok_facades::Facades;
use rok_log::{EventReader, MemoryStore};
use std::thread;

const SHARDS: usize = 2;
const RUNS: usize = 10_000;
pub(super) const IN_FLIGHT: usize = 64;
pub(super) const STEPS: usize = 10;
const GOAL: Goal = Goal::AtLeast(15_000.0);

pub(super) fn run(args: &Args, table: &mut Table) -> Result<(), Failed> {
    let runs = if args.quick { RUNS / 10 } else { RUNS };
    let plan = world::calls(STEPS, Shape::Chains(STEPS))?;
    let events = check(&plan)?;
    table.setting(format!(
        "{SHARDS} threads with a shard each on one memory store, {IN_FLIGHT} runs in flight in all; \
         {runs} runs a repetition"
    ));
    table.setting(
        "by processor time: what two free cores would do; it is the figure to compare on a machine \
         that does other work too",
    );
    table.setting(format!(
        "{STEPS} steps, each needs the one before; a step returns null; {events} events a run"
    ));
    let [real, constant] = in_turn(
        args.repeat,
        [
            &mut || repetition(&plan, runs, &world::real_domains()),
            &mut || repetition(&plan, runs, &world::without_policies()),
        ],
    )?;
    let count = runs as u32;
    for (spent, domains) in [
        (&real, "all domains real (Cedar)"),
        (&constant, "policies by a test engine"),
    ] {
        let by_cpu = by_cpu(spent);
        let of = |how| format!("runs, {domains}{how}");
        table.add(Measure::rate(of(""), count, spent).goal(GOAL));
        table.add(Measure::rate(of(", by processor time"), count, &by_cpu));
    }
    Ok(())
}

/// What two free cores would take.
pub(super) fn by_cpu(spent: &[Spent]) -> Vec<Spent> {
    let by_cpu = spent.iter().map(|spent| Spent {
        wall: spent.cpu / SHARDS as u32,
        ..*spent
    });
    by_cpu.collect()
}

fn repetition(plan: &Ready, runs: usize, domains: &Facades) -> Result<Spent, Failed> {
    let store = MemoryStore::new();
    let (results, spent) = time(|| {
        thread::scope(|scope| {
            let threads = [(); SHARDS].map(|()| {
                let (store, domains) = (store.clone(), domains.clone());
                scope.spawn(move || {
                    let mut shard = world::shard(Box::new(store.clone()), domains);
                    let (total, in_flight) = (runs / SHARDS, IN_FLIGHT / SHARDS);
                    load::many(&mut shard, plan, total, in_flight, |run| store.forget(run))
                })
            });
            threads.map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|_| Err(Failed("a shard panicked".into())))
            })
        })
    });
    results.into_iter().collect::<Result<(), Failed>>()?;
    Ok(spent)
}

/// That what is measured is whole: the log of one run verifies, with its seal.
fn check(plan: &Ready) -> Result<u64, Failed> {
    let store = MemoryStore::new();
    let mut shard = world::shard(Box::new(store.clone()), world::real_domains());
    let run = load::one(&mut shard, plan, load::MAX_PARALLEL)?;
    let (log, seal) = (store.read_raw(&run)?, store.seal(&run)?);
    let report = verify_log(&run, &log, seal.as_ref());
    match report.fault {
        None if seal.is_some() => Ok(report.events),
        None => Err(Failed("a finished run has no seal".into())),
        Some(fault) => Err(Failed(format!("a run's log does not verify: {fault}"))),
    }
}
