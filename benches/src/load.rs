//! Load: many runs in one shard, or one run to its end. A run that does not
//! succeed makes the bench fail: only sound runs are measured.

use crate::world::{self, Ready};
use rok_kernel::{Input, RunState};
use rok_runner::{Go, RunnerError, Shard, drive};
use rok_vocabulary::{Outcome, RunId, RunPhase};

/// Why a bench could not do its work.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) String);

impl<E: std::error::Error> From<E> for Failed {
    fn from(error: E) -> Self {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            text = format!("{text}: {error}");
            source = error.source();
        }
        Self(text)
    }
}

/// Steps of a run at once, unless the bench is about it.
pub(crate) const MAX_PARALLEL: u32 = 64;

/// Drives `total` runs of a plan, `in_flight` at once; `ended` sees each run
/// that was sealed and let go.
pub(crate) fn many(
    shard: &mut Shard,
    plan: &Ready,
    total: usize,
    in_flight: usize,
    mut ended: impl FnMut(&RunId),
) -> Result<(), Failed> {
    let mut live: Vec<(RunId, bool)> = Vec::with_capacity(in_flight);
    let mut created = 0;
    loop {
        while live.len() < in_flight && created < total {
            live.push((world::create(shard, plan, MAX_PARALLEL)?, false));
            created += 1;
        }
        if live.is_empty() {
            return Ok(());
        }
        shard.turn()?;
        let mut at = 0;
        while at < live.len() {
            let (run, claimed) = &mut live[at];
            let state = state(shard, run)?;
            if state.is_sealed() {
                sound(state)?;
                shard.release(run);
                ended(run);
                live.swap_remove(at);
                continue;
            }
            if !*claimed && state.phase() == RunPhase::Authorized {
                *claimed = true;
                shard.say(run, claim());
            }
            at += 1;
        }
        if !live.is_empty() {
            shard.wait();
        }
    }
}

/// Drives one run of a plan to its end.
pub(crate) fn one(shard: &mut Shard, plan: &Ready, max_parallel: u32) -> Result<RunId, Failed> {
    let run = world::create(shard, plan, max_parallel)?;
    drive(shard, &run, false, &|_| Go::On, &mut drop)?;
    sound(state(shard, &run)?)?;
    shard.release(&run);
    Ok(run)
}

fn claim() -> Input {
    let owner = "bench".into();
    Input::Claimed { owner }
}

fn state<'a>(shard: &'a Shard, run: &RunId) -> Result<&'a RunState, RunnerError> {
    shard
        .run(run)
        .map(rok_runner::RunRunner::state)
        .ok_or_else(|| RunnerError::Lost { run: run.clone() })
}

/// That a run ended well.
pub(crate) fn sound(state: &RunState) -> Result<(), Failed> {
    let (phase, outcome) = (state.phase(), state.outcome());
    if (phase, outcome) == (RunPhase::Completed, Some(Outcome::Succeeded)) {
        return Ok(());
    }
    let why = state.end().1.unwrap_or("no reason given");
    Err(Failed(format!(
        "a run ended as {phase}, {outcome:?}: {why}"
    )))
}
