//! How long whole processes take that have next to nothing to do.

use super::in_turn;
use crate::args::Args;
use crate::command;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit};
use crate::place::Place;
use crate::report::Table;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Each is short, so more of them are taken.
const MORE: u32 = 5;

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let rok = command::rok(args)?;
    let repeat = args.repeat * MORE;
    table.setting(format!(
        "{repeat} repetitions; one step: `rok run` of a plan with one `/bin/true`, fsync, in a new \
         folder; `/bin/true` alone is the floor"
    ));
    let [floor, version, one] = in_turn(
        repeat,
        [
            &mut || command::run(&mut Command::new("/bin/true")),
            &mut || command::run(Command::new(&rok).arg("--version")),
            &mut || one_step(place, &rok),
        ],
    )?;
    table.add(Measure::took("/bin/true", Unit::Ms, &floor));
    table.add(Measure::took("rok --version", Unit::Ms, &version).goal(Goal::AtMost(5.0)));
    table.add(Measure::took("rok run, one step", Unit::Ms, &one).goal(Goal::AtMost(25.0)));
    Ok(())
}

fn one_step(place: &Place, rok: &Path) -> Result<Spent, Failed> {
    let dir = place.folder()?;
    fs::write(
        dir.join("plan.yaml"),
        "plan: one\nsteps:\n  s: { run: [/bin/true] }\n",
    )?;
    let mut command = Command::new(rok);
    command
        .args(["run", "plan.yaml", "--quiet", "--dir", "runs"])
        .current_dir(dir);
    command::run(&mut command)
}
