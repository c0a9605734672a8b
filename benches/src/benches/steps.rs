//! In-process steps of one run, in a run folder and in SQLite: what durability
//! costs.

use super::in_turn;
use crate::args::Args;
use crate::load::{self, Failed};
use crate::measure::{Goal, Measure, Spent, Unit, time};
use crate::place::Place;
use crate::report::Table;
use crate::world::{self, Ready, Shape};
use rok_log::Durability::{self, Flush, Fsync};
use rok_store_jsonl::JsonlStore;

const STEPS: usize = 1_000;

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let wide = world::calls(STEPS, Shape::Wide)?;
    let chain = world::calls(STEPS, Shape::Chains(STEPS))?;
    table.setting(format!(
        "one run of {STEPS} steps from its creation to its seal, in a new folder, or a new SQLite \
         file; a step returns null"
    ));
    table.setting(
        "all at once: max_parallel is 1,000; 64 at once: the default; one by one: each needs the \
         one before, hence a sync for every step",
    );
    let take = |plan: &Ready, at_once: u32, durability: Durability| {
        repetition(place, plan, at_once, durability)
    };
    let all = STEPS as u32;
    let [
        burst,
        burst_sqlite,
        wide_sync,
        wide_flush,
        chain_sync,
        chain_flush,
    ] = in_turn(
        args.repeat,
        [
            &mut || take(&wide, all, Fsync),
            &mut || in_sqlite(place, &wide, all),
            &mut || take(&wide, load::MAX_PARALLEL, Fsync),
            &mut || take(&wide, load::MAX_PARALLEL, Flush),
            &mut || take(&chain, load::MAX_PARALLEL, Fsync),
            &mut || take(&chain, load::MAX_PARALLEL, Flush),
        ],
    )?;
    let goal = Goal::AtMost(40.0);
    table.add(Measure::took("the run, all at once, folder, fsync", Unit::Ms, &burst).goal(goal));
    let sqlite = Measure::took(
        "the run, all at once, SQLite, fsync",
        Unit::Ms,
        &burst_sqlite,
    );
    table.add(sqlite.goal(goal));
    table.add(Measure::rate("steps, all at once, fsync", all, &burst));
    table.add(Measure::rate("steps, 64 at once, fsync", all, &wide_sync));
    table.add(Measure::rate("steps, 64 at once, flush", all, &wide_flush));
    table.add(Measure::rate("steps, one by one, fsync", all, &chain_sync));
    table.add(Measure::rate("steps, one by one, flush", all, &chain_flush));
    Ok(())
}

fn repetition(
    place: &Place,
    plan: &Ready,
    at_once: u32,
    durability: Durability,
) -> Result<Spent, Failed> {
    let dir = place.folder()?;
    let store = JsonlStore::open(&dir, durability);
    let mut shard = world::shard(Box::new(store), world::real_domains());
    let (result, spent) = time(|| load::one(&mut shard, plan, at_once));
    result?;
    Ok(spent)
}

fn in_sqlite(place: &Place, plan: &Ready, at_once: u32) -> Result<Spent, Failed> {
    let store = super::store::open(&place.folder()?)?;
    let mut shard = world::shard(Box::new(store), world::real_domains());
    let (result, spent) = time(|| load::one(&mut shard, plan, at_once));
    result?;
    Ok(spent)
}
