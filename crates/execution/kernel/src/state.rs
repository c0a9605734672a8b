//! The state of a run: a fold of its events, and nothing else.

mod apply;
mod apply_error;
mod budget;
mod compensation;
mod expect;
mod fallback;
mod fan;
mod gates;
mod outstanding;
mod overrides;
mod sandbox;
mod steps;
mod sub_run;

use crate::clock::ActiveClock;
use crate::compiled::{CompiledPlan, StepIx};
use crate::reconciled::Reconciled;
use crate::steps::StepSlot;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use rok_events::{CreatedData, PolicyData, Settings, StepCounts};
use rok_phases::{PhaseContext, PhaseInput, PhaseStateMachine};
use rok_plan::SuccessRule;
use rok_rac::{AckId, Ledger, Reconciliation};
use rok_scheduler::Schedule;
use rok_vocabulary::{
    Actor, CommandId, Disposition, Epoch, ErrorClass, HoldReason, Outcome, RunId, RunPhase, Seq,
    StepId, StepState, Timestamp,
};
use serde_json::Value;

use apply::out_of_place;
pub use apply_error::ApplyError;
pub use budget::Used;
pub use compensation::{Done, DoneIx, Rollback, Rollbackable, Undo};
pub use fan::FanOut;
pub(crate) use fan::digest;
pub(crate) use outstanding::Standing;
pub use overrides::Override;
pub use sub_run::SubRunError;

/// What the policies said of the run's end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyState {
    /// They were not asked, or have not answered yet.
    Open,
    /// They answered.
    Answered(PolicyData),
    /// The domain could not answer.
    Failed,
}

/// Why a run waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// The reason.
    pub reason: HoldReason,
    /// The first step that waits.
    pub step: Option<StepId>,
    /// Since when.
    pub since: Timestamp,
    /// Who holds it: rok itself, or whoever paused it.
    pub by: Actor,
    /// Their words.
    pub note: Option<String>,
}

/// The run is being brought to an end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopping {
    /// How the run will have ended.
    pub outcome: Outcome,
    /// The class of the cause.
    pub class: ErrorClass,
    /// For people.
    pub reason: String,
    /// Since when.
    pub at: Timestamp,
}

/// The run is closed where it stands: open duties are performed, then it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closing {
    /// The transition that will end it.
    pub input: PhaseInput,
    /// How long it may wait for open duties, in active time.
    pub until: Timestamp,
}

/// Whether and how a run can go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resumability {
    /// It was interrupted: the same epoch goes on.
    SameEpoch,
    /// It failed: the next epoch begins.
    NextEpoch,
    /// It cannot; the reason.
    Refused(String),
}

/// The state of a run. The only way to change it is [`RunState::apply`].
#[derive(Debug)]
pub struct RunState {
    plan: Arc<CompiledPlan>,
    run: RunId,
    created: Option<Created>,
    next_seq: Seq,
    last_at: Timestamp,
    epoch: Epoch,
    epoch_began: Timestamp,
    epoch_started: Timestamp,
    /// When the phase was entered, in active time: what the clock stood still
    /// for since then does not move it.
    phase_since: Timestamp,
    entered: bool,
    phases: PhaseStateMachine,
    ledger: Ledger,
    clock: ActiveClock,
    schedule: Schedule,
    /// The plan's steps, and behind them the children of its fan-outs.
    steps: Vec<StepSlot>,
    fan_outs: fan::FanOuts,
    fallbacks: fallback::Fallbacks,
    progress: Progress,
    admitted: bool,
    outcome: Option<Outcome>,
    stopping: Option<Stopping>,
    closing: Option<Closing>,
    gate_failures: Vec<StepId>,
    /// Every hard gate that failed in any epoch.
    failed_gates: Vec<StepId>,
    overrides: Vec<Override>,
    /// Approved, and applied by the event that follows.
    approved_override: Option<Override>,
    hold: Option<Hold>,
    policy: PolicyState,
    proof: Option<Reconciled>,
    /// What the profile accepted of the epoch's reconciliations.
    accepted: Accepted,
    last_reconciliation: Option<Reconciliation>,
    degraded: bool,
    sealed: bool,
    end: Option<(Option<ErrorClass>, Option<String>)>,
    commands: BTreeSet<CommandId>,
    /// Commands that were denied, and why.
    denials: BTreeMap<CommandId, String>,
    late_acks: BTreeSet<AckId>,
    fresh_stops: Vec<StepIx>,
    compensation: compensation::Compensation,
    budget: budget::BudgetState,
    /// Artifacts that the plan expects: by path, who made it, and its digest.
    emitted: BTreeMap<String, (StepId, String)>,
}

/// Which reconciliations the profile accepted: without them, the transitions
/// that stand on them do not exist.
#[derive(Debug, Clone, Copy, Default)]
struct Accepted {
    check: bool,
    last: bool,
}

#[derive(Debug)]
struct Created {
    at: Timestamp,
    submitter: Actor,
    trace_id: String,
    data: CreatedData,
}

/// Counters over the steps, kept up with each event.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) running: [u32; rok_scheduler::LANES],
    pub(crate) waiting: u32,
    pub(crate) undecided: u32,
    pub(crate) counts: StepCounts,
    pub(crate) required_bad: u32,
    pub(crate) optional_bad: u32,
    pub(crate) hard_gates_running: u32,
    /// Hard gates that were passed by override.
    pub(crate) overridden: u32,
    pub(crate) retries: BTreeSet<(Timestamp, StepIx)>,
    /// Manual gates that wait, by when they will have waited too long.
    pub(crate) expiries: BTreeSet<(Timestamp, StepIx)>,
}

impl RunState {
    /// The state before the first event of a run of a plan.
    #[must_use]
    pub fn new(plan: Arc<CompiledPlan>, run: RunId) -> Self {
        let at = Timestamp::default();
        Self {
            schedule: Schedule::new(plan.graph()),
            steps: vec![StepSlot::default(); plan.len()],
            progress: Progress::new(plan.len()),
            fan_outs: fan::FanOuts::default(),
            fallbacks: fallback::Fallbacks::default(),
            phases: PhaseStateMachine::new(run.clone(), at),
            ledger: Ledger::new(run.clone(), Epoch::FIRST),
            clock: ActiveClock::default(),
            created: None,
            next_seq: Seq::FIRST,
            last_at: at,
            epoch: Epoch::FIRST,
            epoch_began: at,
            epoch_started: at,
            phase_since: at,
            entered: false,
            admitted: false,
            outcome: None,
            stopping: None,
            closing: None,
            gate_failures: Vec::new(),
            failed_gates: Vec::new(),
            overrides: Vec::new(),
            approved_override: None,
            hold: None,
            policy: PolicyState::Open,
            proof: None,
            accepted: Accepted::default(),
            last_reconciliation: None,
            degraded: false,
            sealed: false,
            end: None,
            commands: BTreeSet::new(),
            denials: BTreeMap::new(),
            late_acks: BTreeSet::new(),
            fresh_stops: Vec::new(),
            compensation: compensation::Compensation::default(),
            budget: budget::BudgetState::default(),
            emitted: BTreeMap::new(),
            plan,
            run,
        }
    }

    /// The run.
    #[must_use]
    pub const fn run_id(&self) -> &RunId {
        &self.run
    }
    /// Its plan.
    #[must_use]
    pub const fn plan(&self) -> &Arc<CompiledPlan> {
        &self.plan
    }
    /// Its current epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }
    /// The place of the next event.
    #[must_use]
    pub const fn next_seq(&self) -> Seq {
        self.next_seq
    }
    /// The instant of the last event.
    #[must_use]
    pub const fn last_at(&self) -> Timestamp {
        self.last_at
    }
    /// When the run was created.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.created
            .as_ref()
            .map_or(self.epoch_began, |created| created.at)
    }
    /// When the current epoch began.
    #[must_use]
    pub const fn epoch_began(&self) -> Timestamp {
        self.epoch_began
    }
    /// What `run.created` recorded; `None` before it.
    #[must_use]
    pub fn created(&self) -> Option<&CreatedData> {
        self.created.as_ref().map(|created| &created.data)
    }
    /// The trace id that `run.created` recorded.
    #[must_use]
    pub fn trace_id(&self) -> &str {
        self.created
            .as_ref()
            .map_or("", |created| &created.trace_id)
    }
    /// What the run's decisions depend on.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.created
            .as_ref()
            .map_or_else(Settings::default, |created| created.data.settings)
    }
    /// The inputs: a JSON object.
    #[must_use]
    pub fn inputs(&self) -> Option<&Arc<Value>> {
        self.created.as_ref().map(|created| &created.data.inputs)
    }
    /// Labels of plan and run.
    #[must_use]
    pub fn labels(&self) -> Option<&BTreeMap<String, String>> {
        self.created.as_ref().map(|created| &created.data.labels)
    }
    /// The phase.
    #[must_use]
    pub const fn phase(&self) -> RunPhase {
        self.phases.phase()
    }
    /// Everything that is remembered of the phases of this epoch.
    #[must_use]
    pub const fn phase_context(&self) -> &PhaseContext {
        self.phases.context()
    }
    /// Expectations and acks of this epoch.
    #[must_use]
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }
    /// All steps of the plan, in declaration order.
    #[must_use]
    pub fn steps(&self) -> &[StepSlot] {
        &self.steps[..self.plan.len()]
    }
    /// One step, or one child of a fan-out.
    #[must_use]
    pub fn step(&self, ix: StepIx) -> &StepSlot {
        &self.steps[ix as usize]
    }
    /// How execution ended, once it has.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }
    /// Why the run is being brought to an end, if it is.
    #[must_use]
    pub const fn stopping(&self) -> Option<&Stopping> {
        self.stopping.as_ref()
    }
    /// How the run is being closed where it stands, if it is.
    #[must_use]
    pub const fn closing(&self) -> Option<&Closing> {
        self.closing.as_ref()
    }
    /// Hard gates that failed in this epoch.
    #[must_use]
    pub fn gate_failures(&self) -> &[StepId] {
        &self.gate_failures
    }
    /// Why the run waits, if it does.
    #[must_use]
    pub const fn hold(&self) -> Option<&Hold> {
        self.hold.as_ref()
    }
    /// Whether somebody paused it, or its budget did.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        let hold = self.hold.as_ref();
        hold.is_some_and(|hold| matches!(hold.reason, HoldReason::Pause | HoldReason::Budget))
    }
    /// What the policies said of the run's end.
    #[must_use]
    pub const fn policy(&self) -> &PolicyState {
        &self.policy
    }
    /// The last recorded reconciliation of this epoch.
    #[must_use]
    pub const fn last_reconciliation(&self) -> Option<&Reconciliation> {
        self.last_reconciliation.as_ref()
    }
    /// A domain was unavailable and the profile went on without it.
    #[must_use]
    pub const fn is_degraded(&self) -> bool {
        self.degraded
    }
    /// Whether the epoch is closed.
    #[must_use]
    pub const fn is_sealed(&self) -> bool {
        self.sealed
    }
    /// Class and reason with which the epoch ended.
    #[must_use]
    pub fn end(&self) -> (Option<ErrorClass>, Option<&str>) {
        self.end
            .as_ref()
            .map_or((None, None), |(class, reason)| (*class, reason.as_deref()))
    }
    /// How many steps ended how.
    #[must_use]
    pub const fn counts(&self) -> StepCounts {
        self.progress.counts
    }
    /// Whether a command was taken already.
    #[must_use]
    pub fn has_seen(&self, command: &CommandId) -> bool {
        self.commands.contains(command) || self.denials.contains_key(command)
    }

    /// Why a command was denied, if it was.
    #[must_use]
    pub fn denial(&self, command: &CommandId) -> Option<&str> {
        self.denials.get(command).map(String::as_str)
    }

    /// Who submitted the run.
    #[must_use]
    pub fn submitter(&self) -> &Actor {
        self.created
            .as_ref()
            .map_or(&Actor::Manual, |created| &created.submitter)
    }

    /// What policies, or the plan, say of a command.
    fn action_evaluated(&mut self, data: &PolicyData, reason: Option<&str>) {
        if let Some(command) = data.command.clone().filter(|_| !data.allowed) {
            let why = reason.unwrap_or("the policies do not allow it");
            self.denials.insert(command, why.into());
        }
    }

    /// The active time at a wall instant: holds and down times do not count.
    #[must_use]
    pub fn active(&self, wall: Timestamp) -> Timestamp {
        self.clock.active(wall)
    }

    /// What is left of the plan's `max_duration` at a wall instant.
    #[must_use]
    pub fn time_left(&self, now: Timestamp) -> Option<Duration> {
        let deadline = self.run_deadline()?;
        Some(deadline.since(self.active(now)))
    }

    /// How execution ended, by the plan's rule.
    pub(crate) fn execution_outcome(&self) -> Outcome {
        if let Some(stopping) = &self.stopping {
            return stopping.outcome;
        }
        let progress = &self.progress;
        let bad = progress.required_bad + progress.optional_bad + progress.overridden > 0;
        if !self.gate_failures.is_empty() {
            return Outcome::Failed;
        }
        match self.plan.plan().success {
            SuccessRule::Required if progress.required_bad > 0 => Outcome::Failed,
            SuccessRule::Any if progress.counts.succeeded == 0 => Outcome::Failed,
            _ if bad => Outcome::Partial,
            _ => Outcome::Succeeded,
        }
    }

    /// When the phase was entered, in active time.
    pub(crate) const fn phase_since(&self) -> Timestamp {
        self.phase_since
    }

    /// The active instant at which the plan's `max_duration` passes.
    pub(crate) fn run_deadline(&self) -> Option<Timestamp> {
        let max = self.plan.plan().max_duration?;
        Some(self.epoch_started.after(max))
    }

    /// Whether nothing that has not started may start any more.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.stopping.is_some() || !self.gate_failures.is_empty()
    }

    /// The profile in force, in words.
    #[must_use]
    pub fn profile_in_words(&self) -> String {
        let settings = self.settings();
        let suffix = match settings.contract {
            rok_events::Contract::Full => "",
            rok_events::Contract::WithoutRac => " without RAC",
            rok_events::Contract::Off => " without governance",
        };
        settings.profile.as_str().to_string() + suffix
    }

    /// Whether and how the run can go on at an instant. Only meaningful without
    /// a live owner.
    #[must_use]
    pub fn resumability(&self, now: Timestamp) -> Resumability {
        if !self.sealed {
            return Resumability::SameEpoch;
        }
        if self.phase() == RunPhase::Completed {
            return Resumability::Refused("it is COMPLETED".into());
        }
        if self.disposition() == Disposition::RolledBack {
            return Resumability::Refused("it is rolled back".into());
        }
        if self.is_being_undone() {
            let why =
                "what succeeded is being undone, and not all of it is: go on by `rok rollback`";
            return Resumability::Refused(why.into());
        }
        self.gates_refuse(now).unwrap_or(Resumability::NextEpoch)
    }

    /// The first step, by declaration order, that a person must decide on.
    pub(crate) fn first_undecided(&self) -> Option<(StepIx, HoldReason)> {
        self.steps.iter().zip(0..).find_map(|(slot, ix)| {
            if slot.state == StepState::Waiting && !slot.approved {
                Some((ix, HoldReason::ManualGate))
            } else if slot.undecided {
                Some((ix, HoldReason::InterruptedStep))
            } else {
                None
            }
        })
    }

    pub(crate) const fn progress(&self) -> &Progress {
        &self.progress
    }

    pub(crate) fn schedule_mut(&mut self) -> &mut Schedule {
        &mut self.schedule
    }

    pub(crate) const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    pub(crate) fn clock(&self) -> &ActiveClock {
        &self.clock
    }

    pub(crate) fn saw_late(&self, ack: AckId) -> bool {
        self.late_acks.contains(&ack)
    }

    /// Moves retries that are due into the ready set. No event: it is a
    /// function of time, and comes out the same after a fold.
    pub(crate) fn offer_due_retries(&mut self, now: Timestamp) {
        while let Some(&(due, ix)) = self.progress.retries.first() {
            if due > now {
                break;
            }
            self.progress.retries.pop_first();
            self.offer_again(ix);
        }
    }

    /// Attempts that were marked to be stopped since the last call.
    pub(crate) fn take_fresh_stops(&mut self) -> Vec<StepIx> {
        core::mem::take(&mut self.fresh_stops)
    }

    /// Takes the proof out, to hand it to its one use.
    pub(crate) fn take_proof(&mut self) -> Option<Reconciled> {
        self.proof.take()
    }

    /// Puts the proof back until the result is published.
    pub(crate) fn keep_proof(&mut self, proof: Reconciled) {
        self.proof = Some(proof);
    }

    /// Whether the epoch's check accepted its reconciliation and let it pass.
    #[must_use]
    pub const fn passed_the_check(&self) -> bool {
        self.accepted.check && self.accepted.last
    }

    /// The proof, if the check of this epoch was passed.
    #[must_use]
    pub const fn proof(&self) -> Option<&Reconciled> {
        self.proof.as_ref()
    }
}

impl Progress {
    pub(crate) fn new(steps: usize) -> Self {
        let counts = StepCounts {
            total: steps as u32,
            ..StepCounts::default()
        };
        Self {
            counts,
            ..Self::default()
        }
    }

    pub(crate) fn running(&self) -> u32 {
        self.running.iter().sum()
    }
}
