//! The page about a run of 1,000 steps: one file with pictures, tables and logs.

use super::in_turn;
use crate::args::Args;
use crate::command;
use crate::load::{self, Failed};
use crate::measure::{Goal, Measure, Unit};
use crate::place::Place;
use crate::report::Table;
use crate::world::{self, Shape};
use rok_log::Durability;
use rok_store_jsonl::JsonlStore;
use std::process::Command;

const STEPS: usize = 1_000;
const GOAL: Goal = Goal::AtMost(2_000.0);

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let rok = command::rok(args)?;
    let file = place.folder()?.join("report.html");
    let mut bytes = Vec::new();
    for (name, shape) in [
        ("`rok report`, 1,000 steps, wide", Shape::Wide),
        ("`rok report`, 100 × 10 steps", Shape::Chains(10)),
    ] {
        let plan = world::calls(STEPS, shape)?;
        let folder = place.folder()?;
        let store = JsonlStore::open(&folder, Durability::Flush);
        let mut shard = world::shard(Box::new(store), world::real_domains());
        let run = load::one(&mut shard, &plan, load::MAX_PARALLEL)?;
        let dir = folder.join(run.as_str());
        let [spent] = in_turn(
            args.repeat,
            [&mut || {
                let mut command = Command::new(&rok);
                command::run(command.arg("report").arg(&dir).arg("-o").arg(&file))
            }],
        )?;
        bytes.push(std::fs::metadata(&file)?.len().to_string());
        table.add(Measure::took(name, Unit::Ms, &spent).goal(GOAL));
    }
    table.setting(format!("one HTML file of {} bytes", bytes.join(" and ")));
    Ok(())
}
