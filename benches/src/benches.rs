//! The benches, a module each.

mod core_runs;
mod finished;
mod linear;
mod replay;
mod reports;
mod serve;
mod spawn;
mod startup;
mod steps;
mod store;
mod waiting;
mod wfcommons;

use crate::args::{Args, Bench};
use crate::load::Failed;
use crate::measure::Spent;
use crate::place::Place;
use crate::report::Table;

/// Runs a bench. One that cannot do its work says so in its table.
pub(crate) fn run(bench: Bench, args: &Args, place: &Place) -> Table {
    let mut table = Table::new(bench);
    let result = match bench {
        Bench::Core => core_runs::run(args, &mut table),
        Bench::Store => store::run(args, place, &mut table),
        Bench::Finished => finished::run(args, place, &mut table),
        Bench::Waiting => waiting::run(args, place, &mut table),
        Bench::Serve => serve::run(args, place, &mut table),
        Bench::Spawn => spawn::run(args, place, &mut table),
        Bench::Steps => steps::run(args, place, &mut table),
        Bench::Replay => replay::run(args, place, &mut table),
        Bench::Reports => reports::run(args, place, &mut table),
        Bench::Linear => linear::run(args, place, &mut table),
        Bench::Startup => startup::run(args, place, &mut table),
        Bench::Wfcommons => wfcommons::run(args, place, &mut table),
    };
    if let Err(Failed(why)) = result {
        table.fail(why);
    }
    table
}

/// Measures the contestants in turn, so that what else the machine does hits
/// all of them alike: a warm-up, then `repeat` rounds. A list each.
fn in_turn<const N: usize>(
    repeat: u32,
    mut contestants: [&mut dyn FnMut() -> Result<Spent, Failed>; N],
) -> Result<[Vec<Spent>; N], Failed> {
    let mut spent = [const { Vec::new() }; N];
    for round in 0..=repeat {
        for (contestant, spent) in contestants.iter_mut().zip(&mut spent) {
            let took = contestant()?;
            if round > 0 {
                spent.push(took);
            }
        }
    }
    Ok(spent)
}
