//! The single-node driver: one shard, one run, until it ends.

use crate::error::RunnerError;
use crate::shard::{Message, Shard, Turn};
use rok_kernel::{Input, RunState};
use rok_vocabulary::{ErrorClass, Outcome, RunId, RunPhase};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

/// How driving a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Driven {
    /// The epoch is sealed.
    Ended {
        /// COMPLETED or FAILED.
        phase: RunPhase,
        /// How execution ended.
        outcome: Outcome,
    },
    /// Only holds remain.
    Held,
    /// It was told to stop; the run can be resumed.
    Interrupted,
}

/// What a driver is to do with its run; asked whenever something happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// Drive it on.
    On,
    /// Do not claim it yet.
    Wait,
    /// Stop, and leave it resumable.
    Stop,
}

/// How long stopped attempts may take beyond their grace before the driver
/// leaves them to the next owner.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// How long sub-runs may take to stop their own attempts.
const SUB_RUN_GRACE: Duration = Duration::from_secs(60);

/// Drives a run of a shard until it ends, until only holds remain (unless
/// `wait_on_hold`), or until `go` says so; `observe` sees every turn.
pub fn drive(
    shard: &mut Shard,
    run: &RunId,
    wait_on_hold: bool,
    go: &dyn Fn(&RunState) -> Go,
    observe: &mut dyn FnMut(Turn),
) -> Result<Driven, RunnerError> {
    loop {
        let mut turn = shard.turn()?;
        let lost = turn.lost.contains(run);
        let broken = turn.broken.iter().position(|(broken, _)| broken == run);
        let broken = broken.map(|at| turn.broken.swap_remove(at).1);
        show(turn, shard, run, observe);
        if let Some(error) = broken {
            return Err(error);
        }
        let Some(runner) = shard.run(run).filter(|_| !lost) else {
            return Err(RunnerError::Lost { run: run.clone() });
        };
        let state = runner.state();
        if shard.is_busy() {
            continue;
        }
        if state.is_sealed() {
            let outcome = state.outcome().unwrap_or(Outcome::Failed);
            return Ok(Driven::Ended {
                phase: state.phase(),
                outcome,
            });
        }
        let go = go(state);
        if go == Go::Stop {
            interrupt(shard, run, observe)?;
            return Ok(Driven::Interrupted);
        }
        // Under a pause, what runs is seen to its end.
        if state.hold().is_some() && !wait_on_hold && runner.running().is_empty() {
            return Ok(Driven::Held);
        }
        let unclaimed = state.phase() == RunPhase::Authorized && state.closing().is_none();
        if unclaimed && go == Go::On {
            let owner = runner.context().owner.clone();
            shard.say(run, Input::Claimed { owner });
            continue;
        }
        shard.wait();
    }
}

/// Shows a turn. A panic of the observer is no fault of the run: the run is
/// left as by any owner that stops, and the panic goes on.
fn show(turn: Turn, shard: &mut Shard, run: &RunId, observe: &mut dyn FnMut(Turn)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| observe(turn))) {
        // Whatever this comes to, the panic is what the caller must hear of.
        drop(interrupt(shard, run, &mut drop));
        resume_unwind(panic);
    }
}

/// Stops what runs and takes the results that still come, so that nothing that
/// finished is done again.
fn interrupt(
    shard: &mut Shard,
    run: &RunId,
    observe: &mut dyn FnMut(Turn),
) -> Result<(), RunnerError> {
    shard.interrupt(run);
    let Some(runner) = shard.run(run) else {
        return Ok(());
    };
    let plan = runner.state().plan().plan();
    let grace = plan
        .steps
        .iter()
        .map(|step| step.kill_grace)
        .max()
        .unwrap_or_default();
    let state = runner.state();
    let sub_runs = state.places().any(|ix| state.is_sub_run(ix));
    let grace = grace.max(if sub_runs { SUB_RUN_GRACE } else { grace });
    let mut open = runner.running();
    let until = Instant::now() + grace + STOP_MARGIN;
    while !open.is_empty() {
        let left = until.saturating_duration_since(Instant::now());
        let Some(message) = shard.next_message(left) else {
            break;
        };
        if let Message::Report(report) = &message {
            open.remove(&report.attempt);
            let end = report.result.end.as_ref();
            if end.is_err_and(|failure| failure.class == ErrorClass::WorkerLost) {
                continue;
            }
        }
        shard.take(message);
        observe(shard.turn()?);
    }
    Ok(())
}
