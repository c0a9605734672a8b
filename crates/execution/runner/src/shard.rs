//! A shard turns: it drains inputs, lets each run decide, makes everything
//! durable in ONE commit, and performs the effects.

use crate::error::RunnerError;
use crate::run_runner::{RunContext, RunRunner};
use crate::services::Services;
use rok_events::{Encoder, Event};
use rok_executor::{ExecutorError, ReportSink, StepReport};
use rok_kernel::{CompiledPlan, Input, Rejected, RunOrchestrationKernel, RunSpec, create_rok};
use rok_log::{Answer, Claim, CommitResult, Document, DocumentKind, Owner, Store};
use rok_projections::Replay;
use rok_rac::DomainAck;
use rok_vocabulary::{CommandId, RunId, Seq, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};

/// What reaches a shard from other threads.
#[derive(Debug)]
pub enum Message {
    /// An attempt is over.
    Report(Box<StepReport>),
    /// There may be commands in a run's inbox.
    Inbox(RunId),
    /// A domain answers a duty by itself.
    Ack(Box<DomainAck>),
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

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandOutcome {
    /// It is in the log.
    Accepted,
    /// It makes no sense, or a policy refuses it.
    Refused {
        /// Why.
        reason: String,
        /// Whether a policy refused it.
        denied: bool,
    },
}

/// What a turn did.
#[derive(Debug, Default)]
pub struct Turn {
    /// How many inputs were taken.
    pub inputs: usize,
    /// Events that became durable, by run.
    pub events: Vec<(RunId, Vec<Event>)>,
    /// Runs that were lost to another owner.
    pub lost: Vec<RunId>,
    /// Commands that were answered.
    pub commands: Vec<(RunId, CommandId, CommandOutcome)>,
}

struct PendingAnswer {
    run: RunId,
    id: CommandId,
    outcome: CommandOutcome,
    seq: Seq,
}

/// Owns runs and turns them.
pub struct Shard {
    store: Box<dyn Store>,
    services: Services,
    runs: BTreeMap<RunId, RunRunner>,
    inputs: VecDeque<(RunId, Input)>,
    answers: Vec<PendingAnswer>,
    sender: ShardHandle,
    sink: Arc<dyn ReportSink>,
    receiver: Receiver<Message>,
    claim_as: Owner,
    /// Runs that were created here and are not durable yet.
    newborn: Vec<RunId>,
    keep_events: bool,
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
            services,
            runs: BTreeMap::new(),
            inputs: VecDeque::new(),
            answers: Vec::new(),
            sender,
            receiver,
            claim_as: owner,
            newborn: Vec::new(),
            keep_events: false,
        }
    }

    /// Turns hand over the events that became durable.
    #[must_use]
    pub fn reporting_events(mut self) -> Self {
        self.keep_events = true;
        self
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

    /// Adopts a run that was claimed: folds its log. Nothing is said to it yet.
    pub fn adopt(
        &mut self,
        run: &RunId,
        plan: Arc<CompiledPlan>,
        context: RunContext,
        claim: &Claim,
    ) -> Result<(), RunnerError> {
        let runner = self.load(run, plan, context, claim.fence)?;
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
        let mut replay = Replay::new(plan, run.clone());
        let broken = |source| RunnerError::Replay {
            run: run.clone(),
            source,
        };
        let events = log.lines().map(|line| replay.line(line).map_err(broken));
        let spans: Vec<Event> = events
            .filter(|event| event.as_ref().map_or(true, RunRunner::has_span))
            .collect::<Result<_, _>>()?;
        let encoder = Encoder::resume(run.clone(), replay.head());
        let kernel = RunOrchestrationKernel::over(replay.into_state());
        let mut runner = RunRunner::new(kernel, context, encoder, fence);
        spans.iter().for_each(|event| runner.note_span(event));
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
                rok_kernel::Effect::StartStep { .. } | rok_kernel::Effect::CancelStep { .. }
            )
        };
        self.perform(
            run,
            effects
                .into_iter()
                .filter(|effect| !attempts(effect))
                .collect(),
        );
        Ok(())
    }

    /// Lets go of a run: its claim is released, its memory dropped.
    pub fn release(&mut self, run: &RunId) {
        self.runs.remove(run);
        self.inputs.retain(|(of, _)| of != run);
        self.store.release(run);
    }

    /// Nothing new starts in a run; results are still taken.
    pub fn drain(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.get_mut(run) {
            runner.drain();
        }
    }

    /// Ends whatever an earlier, dead owner left of a run's attempts; returns
    /// how many processes that were.
    pub fn stop_remains(&self, run: &RunId) -> Result<u32, ExecutorError> {
        let Some(workspace) = self
            .runs
            .get(run)
            .and_then(|runner| runner.context().workspace.clone())
        else {
            return Ok(0);
        };
        let mut killed = 0;
        for executor in self.services.executors() {
            killed += executor.stop_remains(run, &workspace)?.killed.len();
        }
        Ok(killed as u32)
    }

    /// Nothing new starts in a run; its running attempts are stopped, so that
    /// it can be released.
    pub fn interrupt(&mut self, run: &RunId) {
        if let Some(runner) = self.runs.get_mut(run) {
            runner.drain();
            runner.interrupt(&self.services);
        }
    }

    /// One turn. An error means that the store failed: everything in memory is
    /// dropped, because none of it may be gone on from.
    pub fn turn(&mut self) -> Result<Turn, RunnerError> {
        let mut turn = Turn::default();
        let now = self.services.now();
        self.receive();
        self.fire_timers(now);
        while let Some((run, input)) = self.inputs.pop_front() {
            turn.inputs += 1;
            self.decide(&run, input, now)?;
        }
        self.commit(&mut turn)?;
        self.answer_commands(&mut turn)?;
        self.perform_all();
        Ok(turn)
    }

    fn receive(&mut self) {
        while let Ok(message) = self.receiver.try_recv() {
            self.take(message);
        }
    }

    /// Waits for the next message without taking it in.
    pub fn next_message(&mut self, timeout: std::time::Duration) -> Option<Message> {
        self.receiver.recv_timeout(timeout).ok()
    }

    /// Takes a message in; the next turn deals with it.
    pub fn take(&mut self, message: Message) {
        match message {
            Message::Report(report) => {
                let run = report.attempt.run.clone();
                let Some(runner) = self.runs.get(&run) else {
                    return;
                };
                let Some(step) = runner.find(&report.attempt.step.step) else {
                    return;
                };
                let input = runner.done(step, *report);
                self.inputs.push_back((run, input));
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
            Message::Inbox(run) => self.read_inbox(&run),
            Message::Wake => {}
        }
    }

    /// Takes commands from a run's inbox.
    pub fn read_inbox(&mut self, run: &RunId) {
        // An unreadable inbox is looked at again with the next message.
        let Ok(commands) = self.store.take(run) else {
            return;
        };
        for command in commands {
            let Some(runner) = self.runs.get(run) else {
                return;
            };
            let roles: &[String] = if command.actor == runner.context().submitter {
                &runner.context().roles
            } else {
                &[]
            };
            let outcome = match runner.command(&command, roles, &self.services) {
                Ok(input) => self.obey(run, input),
                Err(reason) => CommandOutcome::Refused {
                    reason,
                    denied: false,
                },
            };
            let seq = self
                .runs
                .get(run)
                .map_or(Seq::FIRST, |runner| runner.state().next_seq());
            self.answers.push(PendingAnswer {
                run: run.clone(),
                id: command.id,
                outcome,
                seq,
            });
        }
    }

    fn obey(&mut self, run: &RunId, input: Input) -> CommandOutcome {
        let now = self.services.now();
        let Some(runner) = self.runs.get_mut(run) else {
            return CommandOutcome::Refused {
                reason: "the run is not driven here".into(),
                denied: false,
            };
        };
        match runner.handle(now, input) {
            Ok(None) => CommandOutcome::Accepted,
            Ok(Some(reason)) => CommandOutcome::Refused {
                reason,
                denied: true,
            },
            Err(rejected) => CommandOutcome::Refused {
                reason: rejected.to_string(),
                denied: false,
            },
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
    fn decide(&mut self, run: &RunId, input: Input, now: Timestamp) -> Result<(), RunnerError> {
        let Some(runner) = self.runs.get_mut(run) else {
            return Ok(());
        };
        let result = catch_unwind(AssertUnwindSafe(|| runner.handle(now, input)));
        match result {
            Ok(Ok(_)) => Ok(()),
            // A refused input changes nothing; whoever sent it is not there.
            Ok(Err(Rejected::Kernel(error))) => self.close_broken(run, &error.to_string()),
            Ok(Err(_)) => Ok(()),
            Err(panic) => self.close_broken(run, &panic_text(&*panic)),
        }
    }

    /// The supervisor: memory is not trusted any more, the run is folded from
    /// its log and closed.
    fn close_broken(&mut self, run: &RunId, reason: &str) -> Result<(), RunnerError> {
        let Some(broken) = self.runs.remove(run) else {
            return Ok(());
        };
        broken.interrupt(&self.services);
        let plan = Arc::clone(broken.state().plan());
        let mut runner = self.load(run, plan, broken.context().clone(), broken.fence())?;
        let now = self.services.now();
        let fault = Input::Fault {
            reason: format!("rok panicked: {reason}"),
        };
        match catch_unwind(AssertUnwindSafe(|| runner.handle(now, fault).map(|_| ()))) {
            Ok(Ok(())) => {
                self.runs.insert(run.clone(), runner);
                Ok(())
            }
            Ok(Err(rejected)) => Err(rejected.into()),
            Err(panic) => Err(RunnerError::Panicked {
                run: run.clone(),
                reason: panic_text(&*panic),
            }),
        }
    }

    /// ONE commit for everything that was decided in this turn.
    fn commit(&mut self, turn: &mut Turn) -> Result<(), RunnerError> {
        let commits: Vec<rok_log::Commit> = self
            .runs
            .values_mut()
            .filter_map(RunRunner::commit)
            .collect();
        if commits.is_empty() {
            return Ok(());
        }
        let results = self
            .store
            .commit(&commits)
            .inspect_err(|_| self.runs.clear())?;
        for (commit, result) in commits.iter().zip(results) {
            match result {
                CommitResult::Committed { .. } => {
                    let Some(runner) = self.runs.get_mut(&commit.run) else {
                        continue;
                    };
                    let events = std::mem::take(&mut runner.fresh);
                    if self.keep_events {
                        turn.events.push((commit.run.clone(), events));
                    }
                }
                CommitResult::Stale { .. } => {
                    if let Some(runner) = self.runs.remove(&commit.run) {
                        runner.interrupt(&self.services);
                    }
                    turn.lost.push(commit.run.clone());
                }
            }
        }
        self.claim_newborn()
    }

    /// A run is created unclaimed and claimed once it is durable.
    fn claim_newborn(&mut self) -> Result<(), RunnerError> {
        for run in std::mem::take(&mut self.newborn) {
            let Some(runner) = self.runs.get_mut(&run) else {
                continue;
            };
            match self.store.claim(&run, &self.claim_as) {
                Ok(claim) => runner.set_fence(claim.fence),
                Err(rok_log::ClaimError::Store(error)) => return Err(error.into()),
                Err(_) => return Err(runner.lost()),
            }
        }
        Ok(())
    }

    /// Commands are answered once what came of them is durable.
    fn answer_commands(&mut self, turn: &mut Turn) -> Result<(), RunnerError> {
        for PendingAnswer {
            run,
            id,
            outcome,
            seq,
        } in std::mem::take(&mut self.answers)
        {
            let answer = match &outcome {
                CommandOutcome::Accepted => Answer::accepted(Seq(seq.0.saturating_sub(1))),
                CommandOutcome::Refused { reason, denied } => {
                    let word = if *denied { "denied by policy: " } else { "" };
                    Answer::refused(format!("{word}{reason}"))
                }
            };
            self.store.done(&run, &id, &answer)?;
            turn.commands.push((run, id, outcome));
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
            let (services, sink) = (&self.services, &self.sink);
            let result = catch_unwind(AssertUnwindSafe(|| runner.perform(&effect, services, sink)));
            match result {
                Ok(Some(input)) => self.inputs.push_back((run.clone(), input)),
                Ok(None) => {}
                Err(panic) => {
                    let reason = format!("rok panicked: {}", panic_text(&*panic));
                    self.inputs
                        .push_back((run.clone(), Input::Fault { reason }));
                }
            }
        }
    }

    /// Whether the next turn has something to do without a message.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        !self.inputs.is_empty()
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

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".into())
}
