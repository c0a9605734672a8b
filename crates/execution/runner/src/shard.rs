//! A shard turns: it drains inputs, lets each run decide, makes everything
//! durable in ONE commit, and performs the effects.

mod ahead;
mod attempts;
mod commands;
mod recover;

use crate::error::RunnerError;
use crate::run_runner::{RunContext, RunRunner};
use crate::services::Services;
use rok_events::{Encoder, Event};
use rok_executor::{AttemptRef, ReportSink, StepReport};
use rok_kernel::{CompiledPlan, Input, Rejected, RunOrchestrationKernel, RunSpec, create_rok};
use rok_log::{Claim, CommitResult, Document, DocumentKind, Lease, LogBytes, Owner, Store};
use rok_projections::Replay;
use rok_rac::DomainAck;
use rok_vocabulary::{CommandId, ErrorClass, RunId, Timestamp};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use commands::{CLOSED_BROKEN, PendingAnswer};

pub use attempts::Attempts;
pub use commands::CommandOutcome;
pub use recover::{Found, RecoverError, repair_of};

/// What reaches a shard from other threads.
#[derive(Debug)]
pub enum Message {
    /// An attempt is over.
    Report(Box<StepReport>),
    /// There may be commands in a run's inbox.
    Inbox(RunId),
    /// A domain answers a duty by itself.
    Ack(Box<DomainAck>),
    /// Something is said to a run.
    Say(RunId, Box<Input>),
    /// The shard's driver should look around.
    Wake,
}

/// A sender of messages to a shard.
#[derive(Debug, Clone)]
pub struct ShardHandle(Sender<Message>);

impl ShardHandle {
    /// Sends a message. One to a shard that is gone is dropped: its runs have
    /// another owner by then, who folds their logs.
    pub fn send(&self, message: Message) {
        drop(self.0.send(message));
    }
}

impl ReportSink for ShardHandle {
    fn report(&self, report: StepReport) {
        self.send(Message::Report(Box::new(report)));
    }
}

/// What a turn did.
#[derive(Debug, Default)]
pub struct Turn {
    /// How many inputs were taken.
    pub inputs: usize,
    /// Events that became durable, by run.
    pub events: Vec<(RunId, Vec<Event>)>,
    /// What runs of services tell of them, line by line.
    pub told: Vec<String>,
    /// Runs that were lost to another owner.
    pub lost: Vec<RunId>,
    /// Runs that cannot be driven on, not even to be closed; they are dropped.
    pub broken: Vec<(RunId, RunnerError)>,
    /// Commands that were answered.
    pub commands: Vec<(RunId, CommandId, CommandOutcome)>,
}

/// What came of telling a run something.
enum Told {
    /// It was taken; the reason where a policy denied it.
    Taken(Option<String>),
    /// It makes no sense to the run.
    Refused(Rejected),
    /// The run broke over it, and is being closed.
    Broke,
    /// The run is not driven here.
    Absent,
}

/// For how long a run that was created here is claimed, in a store that has
/// leases.
pub const CLAIM_LEASE: Duration = Duration::from_secs(60);

/// How long a run is left alone that could not be driven on.
const BROKEN_REST: Duration = Duration::from_secs(60);

/// Owns runs and turns them.
pub struct Shard {
    store: Box<dyn Store>,
    services: Arc<Services>,
    runs: BTreeMap<RunId, RunRunner>,
    inputs: VecDeque<(RunId, Input)>,
    answers: Vec<PendingAnswer>,
    sender: ShardHandle,
    sink: Arc<dyn ReportSink>,
    receiver: Receiver<Message>,
    claim_as: Owner,
    /// Runs that were created here and are not durable yet.
    newborn: Vec<RunId>,
    broken: Vec<(RunId, RunnerError)>,
    keep_events: bool,
    /// What is under way, for who must stop it from another thread.
    attempts: Attempts,
    /// Attempts that were stopped because the owner stops. Nothing is said of
    /// them: the next owner goes on with their runs.
    stopped: HashSet<AttemptRef>,
    /// Runs that were told to stop.
    interrupted: HashSet<RunId>,
}

impl std::fmt::Debug for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shard")
            .field("runs", &self.runs.keys())
            .finish_non_exhaustive()
    }
}

impl Shard {
    /// A shard without runs.
    #[must_use]
    pub fn new(store: Box<dyn Store>, services: Services, owner: Owner) -> Self {
        let (sender, receiver) = channel();
        let sender = ShardHandle(sender);
        Self {
            sink: Arc::new(sender.clone()),
            store,
            services: Arc::new(services),
            runs: BTreeMap::new(),
            inputs: VecDeque::new(),
            answers: Vec::new(),
            sender,
            receiver,
            claim_as: owner,
            newborn: Vec::new(),
            broken: Vec::new(),
            keep_events: false,
            attempts: Attempts::default(),
            stopped: HashSet::new(),
            interrupted: HashSet::new(),
        }
    }

    /// Turns hand over the events that became durable.
    #[must_use]
    pub fn reporting_events(mut self) -> Self {
        self.keep_events = true;
        self
    }

    /// The attempts that are under way here.
    #[must_use]
    pub fn attempts(&self) -> Attempts {
        self.attempts.clone()
    }

    /// A sender of messages to this shard.
    #[must_use]
    pub fn handle(&self) -> ShardHandle {
        self.sender.clone()
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// A run that is driven here.
    #[must_use]
    pub fn run(&self, run: &RunId) -> Option<&RunRunner> {
        self.runs.get(run)
    }

    /// Creates a run; it is durable after the next turn. `plan_bytes` are the
    /// plan's canonical bytes.
    pub fn create(
        &mut self,
        run: RunId,
        plan: Arc<CompiledPlan>,
        plan_bytes: Arc<[u8]>,
        spec: RunSpec,
        context: RunContext,
    ) -> Result<(), RunnerError> {
        if self.runs.contains_key(&run) {
            return Err(RunnerError::Exists { run });
        }
        let encoder = Encoder::new(&run);
        let now = self.services.now();
        let (kernel, decision) = create_rok(run.clone(), plan, spec, now)?;
        let mut runner = RunRunner::new(kernel, context, encoder, rok_log::Fence::UNCLAIMED);
        runner.begin_at_zero();
        runner.add_document(Document::new(DocumentKind::Plan, plan_bytes));
        runner.take(decision);
        self.newborn.push(run.clone());
        self.runs.insert(run, runner);
        Ok(())
    }

    /// Lays a document beside a run that was created and is not durable yet.
    pub fn attach(&mut self, run: &RunId, document: Document) {
        if let Some(runner) = self.runs.get_mut(run) {
            runner.add_document(document);
        }
    }

    /// Adopts a run that was claimed: folds its log. Nothing is said to it yet.
    pub fn adopt(
        &mut self,
        run: &RunId,
        plan: Arc<CompiledPlan>,
        context: RunContext,
        claim: &Claim,
    ) -> Result<(), RunnerError> {
        let log = self.store.read(run)?;
        self.adopt_log(run, plan, context, claim.fence, &log)
    }

    /// The same, where the log was read already.
    pub fn adopt_log(
        &mut self,
        run: &RunId,
        plan: Arc<CompiledPlan>,
        context: RunContext,
        fence: rok_log::Fence,
        log: &LogBytes,
    ) -> Result<(), RunnerError> {
        let runner = Self::fold(run, plan, context, fence, log)?;
        self.runs.insert(run.clone(), runner);
        Ok(())
    }

    fn load(
        &self,
        run: &RunId,
        plan: Arc<CompiledPlan>,
        context: RunContext,
        fence: rok_log::Fence,
    ) -> Result<RunRunner, RunnerError> {
        let log = self.store.read(run)?;
        Self::fold(run, plan, context, fence, &log)
    }

    fn fold(
        run: &RunId,
        plan: Arc<CompiledPlan>,
        context: RunContext,
        fence: rok_log::Fence,
        log: &LogBytes,
    ) -> Result<RunRunner, RunnerError> {
        let mut replay = Replay::new(plan, run.clone());
        if let Some(files) = &context.files {
            replay = replay.with_contents(files.results());
        }
        let broken = |source| RunnerError::Replay {
            run: run.clone(),
            source,
        };
        let events = log.lines().map(|line| replay.line(line).map_err(broken));
        let noted: Vec<Event> = events
            .filter(|event| event.as_ref().map_or(true, RunRunner::is_noted))
            .collect::<Result<_, _>>()?;
        let encoder = Encoder::resume(run.clone(), replay.head());
        let services = replay.service_run().cloned();
        let notices = replay.notices().cloned();
        let kernel = RunOrchestrationKernel::over(replay.into_state());
        let mut runner = RunRunner::new(kernel, context, encoder, fence);
        runner.over_services(services, notices);
        for event in &noted {
            runner.note(event);
        }
        Ok(runner)
    }

    /// Says something to a run in the next turn.
    pub fn say(&mut self, run: &RunId, input: Input) {
        self.inputs.push_back((run.clone(), input));
    }

    /// Performs again what a folded run has outstanding, attempts aside: those
    /// are lost, and `Input::Recovered` deals with them.
    pub fn perform_outstanding(&mut self, run: &RunId) -> Result<(), RunnerError> {
        let runner = self
            .runs
            .get(run)
            .ok_or_else(|| RunnerError::Unknown { run: run.clone() })?;
        let effects = runner.state().outstanding();
        let attempts = |effect: &rok_kernel::Effect| {
            matches!(
                effect,
                rok_kernel::Effect::StartStep { .. }
                    | rok_kernel::Effect::CancelStep { .. }
                    | rok_kernel::Effect::StartCompensation { .. }
                    | rok_kernel::Effect::CancelCompensation { .. }
            )
        };
        let due: Vec<_> = effects.into_iter().filter(|e| !attempts(e)).collect();
        self.perform(run, due);
        Ok(())
    }

    /// Goes on with the sub-runs of a run that was taken over: they have records
    /// of their own, and are not lost.
    pub fn go_on_with_sub_runs(&mut self, run: &RunId) {
        let Some(runner) = self.runs.get(run) else {
            return;
        };
        let state = runner.state();
        let effects = state
            .outstanding()
            .into_iter()
            .filter(|effect| match effect {
                rok_kernel::Effect::StartStep { step, .. }
                | rok_kernel::Effect::CancelStep { step, .. } => state.is_sub_run(*step),
                _ => false,
            });
        let effects = effects.collect();
        self.perform(run, effects);
    }

    /// Lets go of a run: its claim is released, its memory dropped. It is due
    /// to others at once, or when what it waits for comes.
    pub fn release(&mut self, run: &RunId) {
        self.inputs.retain(|(of, _)| of != run);
        self.attempts.forget(run);
        if let Some(runner) = self.runs.remove(run) {
            let due = runner.due(self.services.now());
            self.store.release(run, runner.fence(), due);
        }
    }

    /// Nothing new starts in a run; results are still taken.
    pub fn drain(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.get_mut(run) {
            runner.drain();
        }
    }

    /// Nothing new starts in a run; its running attempts are stopped, so that
    /// it can be released.
    pub fn interrupt(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.get_mut(run) {
            self.interrupted.insert(run.clone());
            runner.drain();
            let services = runner.services(&self.services);
            runner.interrupt(&services);
        }
    }

    /// Drops a run that another owner has, or may have by now: its attempts are
    /// stopped, its claim is left as it is.
    pub fn abandon(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.remove(run) {
            self.stop_attempts(&runner);
        }
        self.forget(run);
    }

    /// The runs that are driven here, and the fences that they are driven by.
    pub fn runs(&self) -> impl Iterator<Item = (&RunId, &RunRunner)> {
        self.runs.iter()
    }

    /// How many runs are driven here.
    #[must_use]
    pub fn len(&self) -> usize {
        self.runs.len()
    }

    /// Whether no run is driven here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.runs.is_empty()
    }

    /// The runs that the next turn says something to, or answers.
    #[must_use]
    pub fn spoken_to(&self) -> HashSet<&RunId> {
        let inputs = self.inputs.iter().map(|(run, _)| run);
        inputs.chain(self.answers.iter().map(|a| &a.run)).collect()
    }

    /// Whether nothing of a run is under way that only this owner can end:
    /// its sub-runs have records of their own.
    #[must_use]
    pub fn is_idle(&self, run: &RunId) -> bool {
        let Some(runner) = self.runs.get(run) else {
            return true;
        };
        let state = runner.state();
        let mut sub_runs = state.places().filter(|ix| state.is_sub_run(*ix));
        let sub_runs: HashSet<_> = sub_runs.by_ref().map(|ix| state.step_id(ix)).collect();
        let running = runner.running();
        running.iter().all(|attempt| {
            let of = &attempt.step;
            self.stopped.contains(attempt) || (!of.compensates && sub_runs.contains(&of.step))
        })
    }

    /// One turn. An error means that the store failed: everything in memory is
    /// dropped and all attempts are stopped, because none of it may be gone on
    /// from.
    pub fn turn(&mut self) -> Result<Turn, RunnerError> {
        self.turn_while(&|| true)
    }

    /// A turn that performs nothing once `owns` says that the claims may have
    /// run out while the store was busy.
    pub fn turn_while(&mut self, owns: &dyn Fn() -> bool) -> Result<Turn, RunnerError> {
        let mut turn = Turn::default();
        let now = self.services.now();
        self.receive();
        self.fire_timers(now);
        self.take_inputs(&mut turn);
        self.commit(&mut turn)?;
        self.answer_commands(&mut turn)?;
        if !owns() {
            self.drop_all();
            return Err(RunnerError::LeaseOver);
        }
        self.perform_all();
        turn.broken = std::mem::take(&mut self.broken);
        Ok(turn)
    }

    fn receive(&mut self) {
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
    }

    /// Waits for the next message without taking it in.
    pub fn next_message(&mut self, timeout: Duration) -> Option<Message> {
        self.receiver.recv_timeout(timeout).ok()
    }

    /// Takes a message in; the next turn deals with it.
    pub fn take(&mut self, message: Message) {
        match message {
            Message::Report(report) => {
                self.attempts.remove(&report.attempt);
                let run = report.attempt.run.clone();
                let end = report.result.end.as_ref();
                if self.interrupted.contains(&run)
                    && end.is_err_and(|failure| failure.class == ErrorClass::WorkerLost)
                {
                    self.stopped.insert(report.attempt);
                    return;
                }
                let Some(runner) = self.runs.get(&run) else {
                    return;
                };
                let of = &report.attempt.step;
                let place = if of.compensates {
                    runner.undoing(of)
                } else {
                    runner.find(&of.step)
                };
                let Some(step) = place else {
                    return;
                };
                match catch_unwind(AssertUnwindSafe(|| runner.done(step, *report))) {
                    Ok(input) => self.inputs.push_back((run, input)),
                    Err(panic) => self.close_broken(&run, &panicked(&*panic)),
                }
            }
            Message::Ack(ack) => {
                let run = ack.run_id().clone();
                self.inputs.push_back((
                    run,
                    Input::Ack {
                        ack: *ack,
                        record: None,
                    },
                ));
            }
            Message::Inbox(run) => {
                if self.runs.contains_key(&run) {
                    self.read_inbox(&run);
                }
            }
            Message::Say(run, input) => self.inputs.push_back((run, *input)),
            Message::Wake => {}
        }
    }

    fn fire_timers(&mut self, now: Timestamp) {
        for (run, runner) in &self.runs {
            if runner.wake_at.is_some_and(|at| at <= now) {
                self.inputs.push_back((run.clone(), Input::Tick));
            }
        }
    }

    /// The next instant at which something is due by itself.
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        self.runs.values().filter_map(|runner| runner.wake_at).min()
    }

    /// Lets a run's kernel decide. A panic closes that run, and no other.
    fn tell(&mut self, run: &RunId, input: Input, now: Timestamp) -> Told {
        let Some(runner) = self.runs.get_mut(run) else {
            return Told::Absent;
        };
        let reason = match catch_unwind(AssertUnwindSafe(|| runner.handle(now, input))) {
            Ok(Ok(denied)) => return Told::Taken(denied),
            Ok(Err(Rejected::Kernel(error))) => format!("rok failed: {error}"),
            Ok(Err(rejected)) => return Told::Refused(rejected),
            Err(panic) => panicked(&*panic),
        };
        self.close_broken(run, &reason);
        Told::Broke
    }

    /// The supervisor: memory is not trusted any more, the run is folded from
    /// its log and closed. What it decided in this turn is gone, and with it
    /// the answers to its commands.
    fn close_broken(&mut self, run: &RunId, reason: &str) {
        let Some(broken) = self.runs.remove(run) else {
            return;
        };
        for answer in self.answers.iter_mut().filter(|answer| answer.run == *run) {
            answer.outcome = CommandOutcome::refused(CLOSED_BROKEN);
        }
        match self.fold_and_close(run, &broken, reason) {
            Ok(runner) => drop(self.runs.insert(run.clone(), runner)),
            Err(error) => self.give_up(run, &broken, error),
        }
    }

    fn fold_and_close(
        &self,
        run: &RunId,
        broken: &RunRunner,
        reason: &str,
    ) -> Result<RunRunner, RunnerError> {
        let plan = Arc::clone(broken.state().plan());
        let mut runner = self.load(run, plan, broken.context().clone(), broken.fence())?;
        let now = self.services.now();
        let fault = Input::Fault {
            reason: reason.to_owned(),
        };
        match catch_unwind(AssertUnwindSafe(|| runner.handle(now, fault))) {
            Ok(Ok(_)) => {}
            Ok(Err(rejected)) => return Err(rejected.into()),
            Err(panic) => {
                return Err(RunnerError::Panicked {
                    run: run.clone(),
                    reason: panic_text(&*panic),
                });
            }
        }
        // Answers that came in this turn are gone: they are asked for again.
        runner.perform_again();
        Ok(runner)
    }

    /// A run that cannot be driven on: its attempts are stopped, its log stays
    /// as it is. The other runs go on.
    fn give_up(&mut self, run: &RunId, broken: &RunRunner, error: RunnerError) {
        self.stop_attempts(broken);
        self.forget(run);
        // Another owner, or another version, may know better.
        let due = self.services.now().after(BROKEN_REST);
        self.store.release(run, broken.fence(), Some(due));
        self.broken.push((run.clone(), error));
    }

    /// Stops what an owner that is none any more has started.
    fn stop_attempts(&self, runner: &RunRunner) {
        let services = runner.services(&self.services);
        // An executor that panics here has nobody left to tell.
        drop(catch_unwind(AssertUnwindSafe(|| {
            runner.interrupt(&services);
        })));
    }

    /// Drops what waits for a run that is not driven here any more. Its
    /// commands stay in its inbox, for the next owner.
    fn forget(&mut self, run: &RunId) {
        self.attempts.forget(run);
        if self.interrupted.remove(run) {
            self.stopped.retain(|attempt| attempt.run != *run);
        }
        self.inputs.retain(|(of, _)| of != run);
        self.answers.retain(|answer| answer.run != *run);
        self.newborn.retain(|newborn| newborn != run);
    }

    /// ONE commit for everything that was decided in this turn.
    fn commit(&mut self, turn: &mut Turn) -> Result<(), RunnerError> {
        let mut commits: Vec<rok_log::Commit> = self
            .runs
            .values_mut()
            .filter_map(RunRunner::commit)
            .collect();
        if commits.is_empty() {
            return Ok(());
        }
        let results = loop {
            match self.store.commit(&commits) {
                Ok(results) => break results,
                // Nothing was written, and one run alone is to blame.
                Err(rok_log::StoreError::Invalid { run, fault }) => {
                    commits.retain(|commit| commit.run != run);
                    if let Some(broken) = self.runs.remove(&run) {
                        let id = run.clone();
                        let error = rok_log::StoreError::Invalid { run: id, fault };
                        self.give_up(&run, &broken, error.into());
                    }
                }
                Err(error) => {
                    self.drop_all();
                    return Err(error.into());
                }
            }
        };
        for (commit, result) in commits.iter().zip(results) {
            match result {
                CommitResult::Committed { .. } => {
                    let Some(runner) = self.runs.get_mut(&commit.run) else {
                        continue;
                    };
                    turn.told.append(&mut runner.told);
                    let events = std::mem::take(&mut runner.fresh);
                    runner.settled(&events);
                    if self.keep_events {
                        turn.events.push((commit.run.clone(), events));
                    }
                }
                CommitResult::Stale { .. } => self.lose(&commit.run, turn),
            }
        }
        self.claim_newborn(turn)
    }

    /// Another owner has the run.
    fn lose(&mut self, run: &RunId, turn: &mut Turn) {
        if let Some(runner) = self.runs.remove(run) {
            self.stop_attempts(&runner);
        }
        self.forget(run);
        turn.lost.push(run.clone());
    }

    /// The store failed: nothing in memory may be gone on from.
    fn drop_all(&mut self) {
        for runner in std::mem::take(&mut self.runs).values() {
            self.stop_attempts(runner);
        }
        self.attempts.clear();
        self.inputs.clear();
        self.answers.clear();
        self.newborn.clear();
    }

    /// A run is created unclaimed and claimed once it is durable.
    fn claim_newborn(&mut self, turn: &mut Turn) -> Result<(), RunnerError> {
        for run in std::mem::take(&mut self.newborn) {
            let Some(runner) = self.runs.get_mut(&run) else {
                continue;
            };
            let lease = Lease::new(self.services.now(), CLAIM_LEASE);
            match self.store.claim(&run, &self.claim_as, lease) {
                Ok(claim) => runner.set_fence(claim.fence),
                Err(rok_log::ClaimError::Held { .. }) => self.lose(&run, turn),
                Err(rok_log::ClaimError::Store(error)) => {
                    self.drop_all();
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    fn perform_all(&mut self) {
        let due: Vec<RunId> = self
            .runs
            .iter_mut()
            .filter(|(_, r)| r.has_effects())
            .map(|(run, _)| run.clone())
            .collect();
        for run in due {
            let effects = self
                .runs
                .get_mut(&run)
                .map(RunRunner::take_effects)
                .unwrap_or_default();
            self.perform(&run, effects);
        }
    }

    fn perform(&mut self, run: &RunId, effects: Vec<rok_kernel::Effect>) {
        for effect in effects {
            let Some(runner) = self.runs.get_mut(run) else {
                return;
            };
            let (services, sink) = (runner.services(&self.services), &self.sink);
            let started = runner.started_by(&effect);
            if let Some(attempt) = &started {
                self.attempts.add(attempt.clone(), &services);
            }
            let result = catch_unwind(AssertUnwindSafe(|| {
                runner.perform(&effect, &services, sink)
            }));
            let input = match result {
                Ok(Some(input)) => input,
                // What was started reports later.
                Ok(None) => continue,
                Err(panic) => Input::Fault {
                    reason: panicked(&*panic),
                },
            };
            // An attempt that policies merely note is under way all the same.
            let noted = matches!(&input, Input::Breached(found) if !found.blocked);
            if let Some(attempt) = started.as_ref().filter(|_| !noted) {
                self.attempts.remove(attempt);
            }
            self.inputs.push_back((run.clone(), input));
        }
    }

    /// Whether the next turn has something to do without a message.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.inputs.is_empty() || !self.answers.is_empty()
    }

    /// Waits for a message, at most until something is due by itself.
    pub fn wait(&mut self) {
        if self.is_busy() {
            return;
        }
        let message = match self.wake_at() {
            Some(at) => match self.receiver.recv_timeout(at.since(self.services.now())) {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return,
            },
            // The shard holds a sender itself, so this ends with a message.
            None => match self.receiver.recv() {
                Ok(message) => message,
                Err(_) => return,
            },
        };
        self.take(message);
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> String {
    format!("rok panicked: {}", panic_text(panic))
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".into())
}
