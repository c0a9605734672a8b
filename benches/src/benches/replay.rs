//! Reading a log back: folding it, and judging it.

use super::in_turn;
use crate::args::Args;
use crate::command;
use crate::load::{self, Failed};
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use crate::world::{self, Ready, Shape};
use rok_chain::{Seal, verify_log};
use rok_log::{Durability, EventReader, MemoryStore};
use rok_projections::Replay;
use rok_store_jsonl::JsonlStore;
use rok_vocabulary::RunId;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const EVENTS: u64 = 100_000;
/// The steps of a plan whose one run has just about so many events.
const STEPS: usize = 49_985;
const SHORT_STEPS: usize = 10;

/// The log of a finished run.
struct Log {
    run: RunId,
    bytes: Vec<u8>,
    seal: Option<Seal>,
}

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let long = world::calls(STEPS, Shape::Wide)?;
    let short = world::calls(SHORT_STEPS, Shape::Chains(SHORT_STEPS))?;
    let folder = place.folder()?;
    let store = JsonlStore::open(&folder, Durability::Flush);
    let mut shard = world::shard(Box::new(store), world::real_domains());
    let run = load::one(&mut shard, &long, load::MAX_PARALLEL)?;
    let one = [read(&JsonlStore::open(&folder, Durability::Flush), &run)?];
    let many = many(&short)?;
    for (logs, of) in [(&one[..], "one run"), (&many[..], "ten-step runs")] {
        let bytes: usize = logs.iter().map(|log| log.bytes.len()).sum();
        let events = count(logs);
        let runs = logs.len();
        table.setting(format!(
            "{of}: {events} events in {runs} logs, {} bytes an event",
            bytes as u64 / events
        ));
    }
    let [fold_one, fold_many, verify_one, verify_many] = in_turn(
        args.repeat,
        [
            &mut || fold(&one, &long),
            &mut || fold(&many, &short),
            &mut || verify(&one),
            &mut || verify(&many),
        ],
    )?;
    let (fold_goal, verify_goal) = (Goal::AtMost(150.0), Goal::AtMost(300.0));
    table.add(Measure::took("replay, one run", Unit::Ms, &fold_one).goal(fold_goal));
    table.add(Measure::took("replay, ten-step runs", Unit::Ms, &fold_many).goal(fold_goal));
    table.add(Measure::took("verify, one run", Unit::Ms, &verify_one).goal(verify_goal));
    table.add(Measure::took("verify, ten-step runs", Unit::Ms, &verify_many).goal(verify_goal));
    let rok = command::rok(args)?;
    let dir = folder.join(run.as_str());
    let [whole] = in_turn(
        args.repeat,
        [&mut || command::run(Command::new(&rok).arg("verify").arg(&dir))],
    )?;
    table.add(Measure::took(
        "`rok verify`, one run, the process",
        Unit::Ms,
        &whole,
    ));
    let [attested] = in_turn(args.repeat, [&mut attested(&rok, &folder, &dir)?])?;
    table.add(
        Measure::took(
            "`rok verify --key`, attested, the process",
            Unit::Ms,
            &attested,
        )
        .goal(Goal::AtMost(1000.0)),
    );
    Ok(())
}

/// Attests the run in a folder; gives what verifies it by its key.
fn attested(
    rok: &Path,
    folder: &Path,
    dir: &Path,
) -> Result<impl FnMut() -> Result<Spent, Failed> + use<>, Failed> {
    let key = folder.join("bench.key");
    command::run(Command::new(rok).args(["key", "new", "--out"]).arg(&key))?;
    command::run(
        Command::new(rok)
            .arg("attest")
            .arg(dir)
            .arg("--key")
            .arg(&key),
    )?;
    let (rok, dir) = (rok.to_owned(), dir.to_owned());
    Ok(move || {
        command::run(
            Command::new(&rok)
                .arg("verify")
                .arg(&dir)
                .arg("--key")
                .arg(&key),
        )
    })
}

fn read(store: &dyn EventReader, run: &RunId) -> Result<Log, Failed> {
    Ok(Log {
        run: run.clone(),
        bytes: store.read_raw(run)?,
        seal: store.seal(run)?,
    })
}

/// Ten-step runs that have so many events in all.
fn many(plan: &Ready) -> Result<Vec<Log>, Failed> {
    let store = MemoryStore::new();
    let mut shard = world::shard(Box::new(store.clone()), world::real_domains());
    let mut logs: Vec<Log> = Vec::new();
    while count(&logs) < EVENTS {
        let run = load::one(&mut shard, plan, load::MAX_PARALLEL)?;
        logs.push(read(&store, &run)?);
        store.forget(&run);
    }
    Ok(logs)
}

fn count(logs: &[Log]) -> u64 {
    let seals = logs.iter().filter_map(|log| log.seal.as_ref());
    seals.map(|seal| seal.seq.next().0).sum()
}

fn fold(logs: &[Log], plan: &Ready) -> Result<Spent, Failed> {
    let (result, spent) = time(|| -> Result<u64, Failed> {
        let mut events = 0;
        for log in logs {
            let mut replay = Replay::new(Arc::clone(&plan.compiled), log.run.clone());
            replay.lines(&log.bytes)?;
            if !replay.state().is_sealed() {
                return Err(Failed("a folded run is not sealed".into()));
            }
            events += replay.count();
        }
        Ok(events)
    });
    if result? == count(logs) {
        return Ok(spent);
    }
    Err(Failed("not every event was folded".into()))
}

fn verify(logs: &[Log]) -> Result<Spent, Failed> {
    let (fault, spent) = time(|| {
        let mut reports = logs
            .iter()
            .map(|log| verify_log(&log.run, &log.bytes, log.seal.as_ref()));
        reports.find_map(|report| report.fault)
    });
    match fault {
        None => Ok(spent),
        Some(fault) => Err(Failed(format!("a log does not verify: {fault}"))),
    }
}
