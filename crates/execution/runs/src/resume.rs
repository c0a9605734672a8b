//! Going on with a run: the same epoch after a crash, the next one after a
//! failure.

use crate::engine::Runs;
use crate::explain::waits_for_people;
use crate::fault;
use crate::gates::override_command;
use crate::home::Home;
use crate::load::{Loaded, plan_of};
use crate::setup::{Governed, Needs};
use crate::submit::{load_secrets, owner, refuse_reason};
use crate::subruns::Lineage;
use crate::verify::traces::Traces;
use crate::vouched::Vouched;
use rok_chain::Framing;
use rok_executor::Withdrawn;
use rok_facades::runs::{
    DriveEnd, ErrorKind, Observer, Resumable, ResumeOptions, RunsError, StopSignal,
};
use rok_kernel::{Input, Repair, Resumability, RunState, StandIn, StepIx};
use rok_log::{Claim, ClaimError, Lease};
use rok_plan::{Action, OnExceeded};
use rok_runner::{CLAIM_LEASE, Clock, RecoverError, Shard, SystemClock, Turn, repair_of};
use rok_vocabulary::{Actor, CommandId, RunId, StepState};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a run is waited for that a pool is about to let go of.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often it is tried.
const GLANCE: Duration = Duration::from_millis(10);

/// Whether and from where a run can be resumed.
pub(crate) fn resumable(loaded: &Loaded) -> Resumable {
    let state = loaded.state();
    let left = |finished: fn(&StepState) -> bool| -> Vec<String> {
        let steps = state.steps().iter().zip(&state.plan().plan().steps);
        steps
            .filter(|(slot, _)| !finished(&slot.state))
            .map(|(_, step)| step.id.to_string())
            .collect()
    };
    match state.resumability(SystemClock.now()) {
        Resumability::SameEpoch => {
            let steps = left(|state| {
                matches!(
                    state,
                    StepState::Succeeded | StepState::Skipped | StepState::Failed
                )
            });
            let from = steps.first().map_or_else(
                || "the governance check".to_string(),
                |step| format!("step `{step}`"),
            );
            let reason = format!(
                "it was interrupted in {}; epoch {} goes on from {from}",
                state.phase(),
                state.epoch()
            );
            Resumable {
                resumable: true,
                how: "same_epoch".into(),
                reason,
                steps,
            }
        }
        Resumability::NextEpoch => {
            let steps = left(|state| *state == StepState::Succeeded);
            let from = steps.first().map_or_else(
                || "the governance check".to_string(),
                |step| format!("step `{step}`"),
            );
            let why = state
                .end()
                .1
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            let asks = match again(state) {
                Some(why) => format!("; {why}: that takes a `--reason`"),
                None => String::new(),
            };
            let mut reason = format!(
                "it FAILED{why}; epoch {} begins from {from}{asks}",
                state.epoch().next()
            );
            if let Some(spent) = spent(state) {
                reason = format!("{reason}; {spent}");
            }
            Resumable {
                resumable: true,
                how: "next_epoch".into(),
                reason,
                steps,
            }
        }
        Resumability::Refused(reason) => Resumable {
            resumable: false,
            how: "refused".into(),
            reason: match override_command(state, SystemClock.now()) {
                Some(command) => format!("{reason}: `rok {command}`"),
                None => reason,
            },
            steps: Vec::new(),
        },
    }
}

/// Of a run whose budget is used up for good: what a next epoch comes to.
pub(crate) fn spent(state: &RunState) -> Option<String> {
    let budget = state.plan().plan().budget.as_ref()?;
    let lifted: Vec<_> = state.lifted().collect();
    let mut over = state.exceeded().filter(|over| !lifted.contains(over));
    let over = over
        .next()
        .filter(|_| budget.on_exceeded == OnExceeded::Fail)?;
    Some(format!(
        "but its budget of {over} is used up and counts over all epochs, so the next one fails at once: start a new run under a larger budget"
    ))
}

/// What the next epoch would do a second time though it may not be repeated
/// unasked. What a step says of its own failure is no proof that it did nothing.
fn again(state: &RunState) -> Option<String> {
    let answered = |ix| state.overrides().iter().any(|one| one.step == ix);
    let repeats = |ix: &StepIx| {
        let slot = state.step(*ix);
        slot.started_at.is_some()
            && slot.state != StepState::Succeeded
            && slot.stand_in != StandIn::Succeeded
            && !state.definition(*ix).idempotent
            && !state.is_sub_run(*ix)
            && !answered(*ix)
    };
    let steps: Vec<String> = state
        .places()
        .filter(repeats)
        .map(|ix| format!("`{}`", state.step_id(ix)))
        .collect();
    let named = steps.join(", ");
    (!steps.is_empty())
        .then(|| format!("{named} would run again, is not idempotent, and may have done its work"))
}

impl Runs {
    pub(crate) fn resume_run(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        if self.is_pooled() {
            return self.resume_pooled(run, options, stop, observer);
        }
        if !self.place_again(run, stop)? {
            return Ok(DriveEnd::Interrupted);
        }
        let shard = self.resumed(run, options, None)?;
        self.drive_shard(shard, run, &options.drive, stop, observer)
    }

    /// Takes a run over, and says that it goes on; `command` names who asks, so
    /// that the next epoch begins once.
    pub(crate) fn resumed(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        command: Option<CommandId>,
    ) -> Result<(Shard, Turn), RunsError> {
        self.refuse_without_secrets(run, options)?;
        self.refuse_without_folder(run)?;
        self.signing_key()?;
        let (mut shard, claim) = self.take_over(run, options.secrets_file.as_deref())?;
        if let Err(error) = Self::say_resume(&mut shard, run, &claim, options, command) {
            shard.release(run);
            return Err(and_resealed(error, &claim));
        }
        let first = shard.turn().map_err(|error| fault::runner(&error))?;
        Ok((shard, first))
    }

    /// A missing secret would end the epoch that is to go on, and one in the
    /// reason would be in its log.
    fn refuse_without_secrets(
        &self,
        run: &RunId,
        options: &ResumeOptions,
    ) -> Result<(), RunsError> {
        let loaded = self.load(run)?;
        let closed = matches!(
            loaded.state().resumability(SystemClock.now()),
            Resumability::Refused(_)
        );
        let plan = loaded.state().plan().plan();
        match load_secrets(plan, options.secrets_file.as_deref()) {
            Ok(secrets) => refuse_reason(&secrets, options.reason.as_deref()),
            Err(reason) if !closed => {
                let message = format!("run {run} cannot go on: {reason}");
                Err(RunsError::new(ErrorKind::Usage, "ROK0110", message)
                    .help("set it in the environment, or hand in a file by --secrets"))
            }
            Err(_) => Ok(()),
        }
    }

    /// Nothing is begun anew where the folder is gone that its processes run in:
    /// each would fail, and that would be on record as its own fault.
    fn refuse_without_folder(&self, run: &RunId) -> Result<(), RunsError> {
        let loaded = self.load(run)?;
        let state = loaded.state();
        let begins = state.resumability(SystemClock.now()) == Resumability::NextEpoch;
        let Some(gone) = gone(state).filter(|_| begins) else {
            return Ok(());
        };
        let message = format!(
            "run {run} cannot be resumed: the folder that it runs in is gone: {}",
            gone.display()
        );
        Err(RunsError::new(ErrorKind::State, "ROK0104", message)
            .help("put it back, or start a new run"))
    }

    /// Claims a run and folds its log into a shard of its own.
    pub(crate) fn take_over(
        &self,
        run: &RunId,
        secrets_file: Option<&Path>,
    ) -> Result<(Shard, Claim), RunsError> {
        let (store, claim) = self.claimed(run)?;
        let taken = self.equipped(store, run, claim, secrets_file);
        if taken.is_err() && self.is_pooled() {
            // In a shared store nothing lets go of it by itself.
            self.home()
                .release(run, claim.fence, Some(SystemClock.now()));
        }
        taken
    }

    /// Claims a run. A pool lets go of one that is closed or waits within
    /// moments, so that is waited for.
    fn claimed(&self, run: &RunId) -> Result<(Home, Claim), RunsError> {
        let mut store = self.store_of(run);
        let raw = store.read_raw(run).map_err(|error| fault::store(&error))?;
        if Framing::of(&raw).torn_tail(&raw).is_some() {
            // A claim drops a torn end. A log that will be refused is left alone.
            self.load(run)?;
        }
        let until = Instant::now() + PATIENCE;
        loop {
            let lease = Lease::new(SystemClock.now(), CLAIM_LEASE);
            match store.claim(run, &owner(), lease) {
                Ok(claim) => return Ok((store, claim)),
                Err(ClaimError::Held { .. }) if self.is_pooled() && Instant::now() < until => {
                    std::thread::sleep(GLANCE);
                }
                Err(error) => return Err(fault::claim(&error)),
            }
        }
    }

    fn equipped(
        &self,
        store: Home,
        run: &RunId,
        claim: Claim,
        secrets_file: Option<&Path>,
    ) -> Result<(Shard, Claim), RunsError> {
        let vouched = Vouched::read(&store, run);
        let log = store.read(run).map_err(|error| fault::store(&error))?;
        vouched.hold(run, &log.bytes)?;
        let (plan, created) = plan_of(&store, run, &log)?;
        Traces::hold_log(&store, run, &plan, &log)?;
        let processes = created.settings.max_processes;
        let needs = Needs::of(plan.plan(), created.cwd.as_deref(), processes);
        let Governed { services, policies } = self.services(&needs)?;
        self.hold_same_policies(run, created.policies.as_deref(), policies.as_deref())?;
        let secrets = load_secrets(plan.plan(), secrets_file);
        let submitter = submitter_of(&log, run);
        let of = Lineage {
            settings: created.settings,
            plans: created.plans.clone(),
            submitter: submitter.clone(),
            secrets_file: secrets_file.map(ToOwned::to_owned),
            execution_policies: created.execution_policies.clone(),
        };
        let services = self.services_of(run, services, of);
        let mut context = self.context(&store, run, submitter, secrets)?;
        if let Some(replays) = &created.replays {
            context.recorded = Some(Arc::new(self.recorded_of(replays)?));
        }
        let mut shard = Shard::new(store.into_store(), services, owner()).reporting_events();
        shard
            .adopt(run, plan, context, &claim)
            .map_err(|error| fault::runner(&error))?;
        if let Some(children) = self.children_of(run) {
            children.serve(shard.handle());
        }
        Ok((shard, claim))
    }

    /// A run is governed to its end by the policies that it was created under:
    /// leaving them out must not open what they close.
    pub(crate) fn hold_same_policies(
        &self,
        run: &RunId,
        of_run: Option<&str>,
        held: Option<&str>,
    ) -> Result<(), RunsError> {
        if of_run.is_none() || of_run == held {
            return Ok(());
        }
        let held = if self.setup.policies.is_some() {
            "other policies are set up here"
        } else {
            "none are set up here"
        };
        let message = format!("run {run} was created under policies of its own, and {held}");
        Err(RunsError::new(ErrorKind::Denied, "ROK0107", message)
            .help("name the same policy files by --policies, ROK_POLICIES or rok.toml; those that the plan names must be what they were"))
    }

    fn say_resume(
        shard: &mut Shard,
        run: &RunId,
        claim: &Claim,
        options: &ResumeOptions,
        command: Option<CommandId>,
    ) -> Result<(), RunsError> {
        let mut repaired = repair_of(claim);
        let adopted = "the run was adopted just now";
        if repaired.is_some() && shard.run(run).expect(adopted).state().is_sealed() {
            // What was dropped is said even where the run goes no further.
            Self::say_recovered(shard, run, repaired.take(), Vec::new())?;
            shard.turn().map_err(|error| fault::runner(&error))?;
        }
        let runner = shard.run(run).expect(adopted);
        match runner.state().resumability(SystemClock.now()) {
            // The record grows by what happens, not by each look at a run that
            // waits for people.
            Resumability::SameEpoch
                if repaired.is_none()
                    && waits_for_people(runner.state())
                    && runner.state().outstanding().is_empty() =>
            {
                Ok(())
            }
            Resumability::SameEpoch => {
                Self::say_recovered(shard, run, repaired, Vec::new())?;
                shard.go_on_with_sub_runs(run);
                Ok(())
            }
            Resumability::NextEpoch if options.same_epoch => {
                let message = format!("run {run} has ended");
                Err(RunsError::new(ErrorKind::State, "ROK0104", message))
            }
            Resumability::NextEpoch => {
                if options.reason.is_none()
                    && let Some(why) = again(runner.state())
                {
                    let message = format!("run {run} is not resumed unasked: {why}");
                    return Err(RunsError::new(ErrorKind::State, "ROK0104", message).help(
                        format!("look what it did; `rok resume {run} --reason …` runs it again, and the record says why"),
                    ));
                }
                // A closed epoch may have given up on an attempt that is alive.
                Self::stop_remains(shard, run)?;
                let found = shard.look_over(run);
                let found = found.map_err(|error| unrecovered(run, &error))?;
                let (actor, reason) = (options.actor.clone(), options.reason.clone());
                shard.say(
                    run,
                    Input::Resume {
                        actor,
                        reason,
                        command,
                    },
                );
                found.say(shard, run);
                Ok(())
            }
            Resumability::Refused(reason) => {
                let message = format!("run {run} cannot be resumed: {reason}");
                let error = RunsError::new(ErrorKind::State, "ROK0104", message);
                Err(match override_command(runner.state(), SystemClock.now()) {
                    Some(command) => error.help(format!(
                        "`rok {command}` answers for the gate, so that the next epoch passes it"
                    )),
                    None => error,
                })
            }
        }
    }

    /// Ends what a closed epoch left: the next one does not ask for it again.
    pub(crate) fn stop_remains(shard: &Shard, run: &RunId) -> Result<(), RunsError> {
        shard.stop_remains(run).map_err(|error| {
            RunsError::new(ErrorKind::Storage, "ROK0106", fault::chain(&error))
                .help("end the processes that are named, then resume again")
        })?;
        Self::withdraw(shard, run).map(drop)
    }

    /// Tells agents that nobody waits for what an earlier owner gave them.
    pub(crate) fn withdraw(shard: &Shard, run: &RunId) -> Result<Vec<Withdrawn>, RunsError> {
        shard.withdraw(run).map_err(|error| {
            RunsError::new(ErrorKind::Storage, "ROK0106", fault::chain(&error))
                .help("mend what is named, then try again")
        })
    }

    /// Ends what an earlier owner left, then goes on with the same epoch.
    pub(crate) fn say_recovered(
        shard: &mut Shard,
        run: &RunId,
        repaired: Option<Repair>,
        withdrawn: Vec<Withdrawn>,
    ) -> Result<(), RunsError> {
        let recovered = shard.recover(run, owner().to_string(), repaired, withdrawn);
        recovered.map_err(|error| unrecovered(run, &error))
    }
}

/// A refusal that says what was done all the same.
fn and_resealed(mut error: RunsError, claim: &Claim) -> RunsError {
    if claim.resealed {
        error
            .message
            .push_str("; its seal.json was missing or old, and is written again");
    }
    error
}

fn unrecovered(run: &RunId, error: &RecoverError) -> RunsError {
    match error {
        RecoverError::Remains(error) => {
            RunsError::new(ErrorKind::Storage, "ROK0106", fault::chain(error))
                .help("end the processes that are named, then resume again")
        }
        RecoverError::Stock(error) => {
            RunsError::new(ErrorKind::Storage, "ROK0106", fault::chain(error))
                .help("mend what is named, then resume again")
        }
        RecoverError::Unmendable(error) => {
            let message = format!("run {run} cannot be resumed: {}", fault::chain(error));
            RunsError::new(ErrorKind::State, "ROK0104", message)
                .help("put the file back, or start a new run")
        }
        RecoverError::Runner(error) => fault::runner(error),
    }
}

fn submitter_of(log: &rok_log::LogBytes, run: &RunId) -> Actor {
    let first = log
        .lines()
        .next()
        .and_then(|line| rok_events::decode(line, run).ok());
    first.map_or(Actor::Manual, |decoded| decoded.event.actor)
}

/// The folder of a run whose steps are processes, where it is no longer there.
pub(crate) fn gone(state: &RunState) -> Option<PathBuf> {
    let mut steps = state.plan().plan().steps.iter();
    let processes = steps.any(|step| {
        let process = matches!(step.action, Action::Argv(_) | Action::Shell { .. });
        process && step.cwd.is_none()
    });
    Some(base(state)).filter(|folder| processes && !folder.is_dir())
}

/// The folder that a run's relative paths start from.
pub(crate) fn base(state: &RunState) -> PathBuf {
    let cwd = state.created().and_then(|created| created.cwd.as_deref());
    PathBuf::from(cwd.unwrap_or("/"))
}
