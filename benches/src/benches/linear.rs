//! Whether a run's cost is linear in its steps.

use super::in_turn;
use crate::args::Args;
use crate::load::{self, Failed};
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use crate::world::{self, Ready, Shape};
use rok_log::Durability;
use rok_store_jsonl::JsonlStore;

const SMALL: usize = 1_000;
const LARGE: usize = 10_000;
const GOAL: Goal = Goal::AtMost(10.5);

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let (small, large) = (
        world::calls(SMALL, Shape::Wide)?,
        world::calls(LARGE, Shape::Wide)?,
    );
    let chains = [
        world::calls(SMALL, Shape::Chains(10))?,
        world::calls(LARGE, Shape::Chains(10))?,
    ];
    let fans = [world::fan_out(SMALL)?, world::fan_out(LARGE)?];
    table.setting(
        "in-process steps in a run folder, 64 at once, fsync; each round runs both sizes, and \
         their quotient is taken round by round",
    );
    let take = |plan: &Ready| repetition(place, plan);
    let [
        small,
        large,
        small_chains,
        large_chains,
        small_fan,
        large_fan,
    ] = in_turn(
        args.repeat,
        [
            &mut || take(&small),
            &mut || take(&large),
            &mut || take(&chains[0]),
            &mut || take(&chains[1]),
            &mut || take(&fans[0]),
            &mut || take(&fans[1]),
        ],
    )?;
    table.add(Measure::took("1,000 steps, wide", Unit::Ms, &small));
    table.add(Measure::took("10,000 steps, wide", Unit::Ms, &large));
    table.add(Measure::times("time, wide", quotients(&large, &small, |s| s.wall)).goal(GOAL));
    table.add(
        Measure::times("processor time, wide", quotients(&large, &small, |s| s.cpu)).goal(GOAL),
    );
    table.add(Measure::took(
        "100 × 10 steps, chains",
        Unit::Ms,
        &small_chains,
    ));
    table.add(Measure::took(
        "1,000 × 10 steps, chains",
        Unit::Ms,
        &large_chains,
    ));
    table.add(Measure::took("fan-out of 1,000", Unit::Ms, &small_fan));
    table.add(Measure::took("fan-out of 10,000", Unit::Ms, &large_fan));
    let (large, small) = (&large_fan, &small_fan);
    table.add(Measure::times("time, fan-out", quotients(large, small, |s| s.wall)).goal(GOAL));
    table.add(
        Measure::times(
            "processor time, fan-out",
            quotients(large, small, |s| s.cpu),
        )
        .goal(GOAL),
    );
    let (large, small) = (&large_chains, &small_chains);
    table.add(Measure::times("time, chains", quotients(large, small, |s| s.wall)).goal(GOAL));
    table.add(
        Measure::times("processor time, chains", quotients(large, small, |s| s.cpu)).goal(GOAL),
    );
    Ok(())
}

fn quotients(
    large: &[Spent],
    small: &[Spent],
    of: impl Fn(&Spent) -> std::time::Duration,
) -> Vec<f64> {
    let pairs = large.iter().zip(small);
    pairs
        .map(|(large, small)| of(large).as_secs_f64() / of(small).as_secs_f64())
        .collect()
}

fn repetition(place: &Place, plan: &Ready) -> Result<Spent, Failed> {
    let dir = place.folder()?;
    let store = JsonlStore::open(&dir, Durability::Fsync);
    let mut shard = world::shard(Box::new(store), world::real_domains());
    let (result, spent) = time(|| load::one(&mut shard, plan, load::MAX_PARALLEL));
    result?;
    Ok(spent)
}
