//! Rolling a failed run back, and how far that has come.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::submit::{load_secrets, refuse_reason};
use rok_facades::runs::{
    CompensationFailure, DriveEnd, ErrorKind, ErrorView, Observer, RollbackOptions, RollbackView,
    RunsError, StopSignal, SubRunLeft,
};
use rok_kernel::{DoneIx, Input, PolicyState, Rollback, Rollbackable, RunState};
use rok_log::Claim;
use rok_plan::{Expect, OnFailure};
use rok_rac::Verdict;
use rok_runner::{Shard, repair_of};
use rok_vocabulary::{Disposition, ErrorClass, RunId, RunPhase, StepId, StepState};
use std::collections::BTreeSet;

impl Runs {
    pub(crate) fn rollback_run(
        &self,
        run: &RunId,
        options: &RollbackOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        let loaded = self.load(run)?;
        refuse(run, loaded.state(), options)?;
        let plan = loaded.state().plan().plan();
        match load_secrets(plan, options.secrets_file.as_deref()) {
            Ok(secrets) => refuse_reason(&secrets, options.reason.as_deref())?,
            Err(reason) => {
                let message = format!("run {run} cannot be rolled back: {reason}");
                return Err(RunsError::new(ErrorKind::Usage, "ROK0110", message)
                    .help("set it in the environment, or hand in a file by --secrets"));
            }
        }
        let (mut shard, claim) = self.take_over(run, options.secrets_file.as_deref())?;
        if let Err(error) = Self::say_rollback(&mut shard, run, &claim, options) {
            shard.release(run);
            return Err(error);
        }
        let first = shard.turn().map_err(|error| fault::runner(&error))?;
        if self.is_pooled() {
            Self::leave_to_pool((shard, first), run)?;
            return self.await_run(run, &options.drive, stop, observer);
        }
        self.drive_shard((shard, first), run, &options.drive, stop, observer)
    }

    fn say_rollback(
        shard: &mut Shard,
        run: &RunId,
        claim: &Claim,
        options: &RollbackOptions,
    ) -> Result<(), RunsError> {
        let mut repaired = repair_of(claim);
        let adopted = "the run was adopted just now";
        if repaired.is_some() && shard.run(run).expect(adopted).state().is_sealed() {
            // What was dropped is said even where the run goes no further.
            Self::say_recovered(shard, run, repaired.take(), Vec::new())?;
            shard.turn().map_err(|error| fault::runner(&error))?;
        }
        // Another owner may have been faster than the look before.
        let state = shard.run(run).expect(adopted).state();
        match refuse(run, state, options)? {
            How::SameEpoch => Self::say_recovered(shard, run, repaired, Vec::new()),
            How::NextEpoch => {
                // A closed epoch may have given up on an attempt that is alive.
                Self::stop_remains(shard, run)?;
                let RollbackOptions {
                    actor,
                    reason,
                    done,
                    again,
                    ..
                } = options.clone();
                shard.say(
                    run,
                    Input::Rollback {
                        actor,
                        reason,
                        done,
                        again,
                    },
                );
                Ok(())
            }
        }
    }
}

/// How a rollback goes on, where nothing speaks against it.
enum How {
    SameEpoch,
    NextEpoch,
}

fn refuse(run: &RunId, state: &RunState, options: &RollbackOptions) -> Result<How, RunsError> {
    let error = |why: String| {
        let message = format!("run {run} cannot be rolled back: {why}");
        RunsError::new(ErrorKind::State, "ROK0131", message)
    };
    for step in options.done.iter().chain(&options.again) {
        if state.find(step.as_str()).is_none() {
            return Err(fault::unknown_step_of(state, step.as_str()));
        }
    }
    match state.rollbackable(&options.done, &options.again) {
        Rollbackable::NextEpoch(_) => Ok(How::NextEpoch),
        Rollbackable::SameEpoch if options.done.is_empty() && options.again.is_empty() => {
            Ok(How::SameEpoch)
        }
        Rollbackable::SameEpoch => Err(error(
            "its rollback was interrupted, and nothing of it is to be decided now".into(),
        )
        .help("leave out --done and --again")),
        Rollbackable::Undecided(steps) => {
            let steps: Vec<&str> = steps.iter().map(StepId::as_str).collect();
            let first = steps.first().copied().unwrap_or_default();
            Err(error(format!(
                "the compensation of {} was interrupted, and the step is not idempotent: look whether it is undone",
                steps.join(", ")
            ))
            .help(format!(
                "say so for each: `--done {first}` if it is undone, `--again {first}` to run its compensation again"
            )))
        }
        Rollbackable::Refused(reason) => Err(error(reason)),
    }
}

/// Whether an epoch undid everything, and its check refused it.
pub(crate) fn is_refused(state: &RunState) -> bool {
    let complete = state.rollback().is_some_and(Rollback::is_complete);
    let refused =
        matches!(state.policy(), PolicyState::Answered(data) if !data.allowed && data.blocking);
    let unreconciled = !state.passed_the_check() && !lacks_only_the_plans(state);
    complete && (refused || unreconciled)
}

/// Whether nothing is missing but what the plan expects. Of a run whose
/// execution failed that follows from the failure, and refuses nothing more.
fn lacks_only_the_plans(state: &RunState) -> bool {
    let Some(last) = state.last_reconciliation() else {
        return false;
    };
    let expected: BTreeSet<String> = state.plan().plan().expect.iter().map(duty_of).collect();
    let mut rest = last.clone();
    rest.missing
        .retain(|duty| !expected.contains(&duty.to_string()));
    let accepted = matches!(
        rok_rac::judge(state.settings().profile, &rest),
        Verdict::Acceptable { .. }
    );
    accepted && rest.missing.len() < last.missing.len()
}

fn duty_of(expect: &Expect) -> String {
    let (domain, action) = (expect.what.domain(), expect.what.action());
    format!("{domain}/{action}/{}", expect.key)
}

/// Nothing is undone any more, and something is left.
pub(crate) const INCOMPLETE: &str = "incomplete";
/// It is being undone, or would be if somebody drove the run.
pub(crate) const UNDER_WAY: &str = "under_way";

/// What was undone and what is left; `None` before anything was begun.
pub(crate) fn view(loaded: &Loaded) -> Option<RollbackView> {
    let state = loaded.state();
    let rolled_back = state.disposition() == Disposition::RolledBack;
    let current = state.rollback();
    if current.is_none() && !state.is_being_undone() && !rolled_back {
        return None;
    }
    let ids = |ixs: &mut dyn Iterator<Item = DoneIx>| -> Vec<String> {
        ixs.map(|ix| state.done(ix).id.to_string()).collect()
    };
    let by_hand = |ix: &DoneIx| {
        let undo = state.done(*ix).undo.as_ref();
        undo.is_some_and(|undo| undo.by_hand)
    };
    let undecided = |ix: &DoneIx| {
        let undo = state.done(*ix).undo.as_ref();
        undo.is_some_and(|undo| undo.undecided)
    };
    let word = if rolled_back {
        Disposition::RolledBack.as_str()
    } else if state.is_sealed() {
        INCOMPLETE
    } else {
        UNDER_WAY
    };
    let data = state.rollback_data();
    Some(RollbackView {
        state: word.into(),
        undone: ids(&mut state.undone()),
        by_hand: ids(&mut state.undone().filter(by_hand)),
        remaining: ids(&mut state.to_undo()),
        nothing_to_undo: data
            .nothing_to_undo
            .iter()
            .map(ToString::to_string)
            .collect(),
        undecided: ids(&mut state.to_undo().filter(undecided)),
        failed: current
            .and_then(Rollback::failed)
            .map(|ix| failure(state, ix)),
        sub_runs: Vec::new(),
    })
}

/// The same with the sub-runs of a run that has ended and was, or was to be,
/// rolled back: what they did is still in place, and is never passed over.
pub(crate) fn view_with_sub_runs(store: &Home, loaded: &Loaded) -> Option<RollbackView> {
    let (state, told) = (loaded.state(), view(loaded));
    let sub_runs = left_of_sub_runs(store, state);
    if sub_runs.is_empty() {
        return told;
    }
    let nothing_to_undo = || {
        let steps = state.rollback_data().nothing_to_undo;
        steps.iter().map(ToString::to_string).collect()
    };
    let mut told = told.unwrap_or_else(|| RollbackView {
        nothing_to_undo: nothing_to_undo(),
        ..RollbackView::default()
    });
    let left = |id: &String| sub_runs.iter().any(|of| of.step == *id);
    told.nothing_to_undo.retain(|id| !left(id));
    told.state = INCOMPLETE.into();
    told.sub_runs = sub_runs;
    Some(told)
}

/// What is left of the runs of a FAILED run's steps, where it was, or was to
/// be, rolled back.
pub(crate) fn left_of_sub_runs(store: &Home, state: &RunState) -> Vec<SubRunLeft> {
    let asked = state.plan().plan().on_failure == OnFailure::Rollback
        || state.is_being_undone()
        || state.disposition() == Disposition::RolledBack;
    let mut found = Vec::new();
    if asked && state.phase() == RunPhase::Failed {
        left_within(store, state, &mut found);
    }
    found
}

fn left_within(store: &Home, state: &RunState, found: &mut Vec<SubRunLeft>) {
    for ix in state.places() {
        let (step, slot) = (state.definition(ix), state.step(ix));
        let Some(run) = &slot.run else {
            continue;
        };
        // What undoes the step is told of as any other compensation.
        let succeeded = matches!(slot.state, StepState::Succeeded | StepState::Compensated);
        if succeeded && step.compensate.is_some() {
            continue;
        }
        let mut left = SubRunLeft {
            step: state.step_id(ix).to_string(),
            run: run.clone(),
            steps: Vec::new(),
            can_be_rolled_back: false,
            unreadable: None,
        };
        match Loaded::read(store, run) {
            Ok(child) => {
                let child = child.state();
                let undo = child.to_undo().map(|ix| child.done(ix).id.to_string());
                left.steps = undo.collect();
                left.can_be_rolled_back =
                    !matches!(child.rollbackable(&[], &[]), Rollbackable::Refused(_));
                if !left.steps.is_empty() {
                    found.push(left);
                }
                left_within(store, child, found);
            }
            Err(error) => {
                left.unreadable = Some(error.message);
                found.push(left);
            }
        }
    }
}

fn failure(state: &RunState, ix: DoneIx) -> CompensationFailure {
    let done = state.done(ix);
    let undo = done.undo.as_ref();
    CompensationFailure {
        step: done.id.to_string(),
        error: ErrorView {
            class: undo
                .and_then(|undo| undo.class)
                .unwrap_or(ErrorClass::Unknown),
            reason: undo
                .and_then(|undo| undo.reason.clone())
                .unwrap_or_default(),
        },
    }
}
