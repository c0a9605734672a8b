//! A shard, its store, clock and domains, and the runs in it.

use crate::hand::Hand;
use crate::logbook;
use rok_events::{Contract, Event, Settings};
use rok_executor::StepFailure;
use rok_facades::Facades;
use rok_facades::testing::TestEngine;
use rok_kernel::{CompiledPlan, Input, Repair, RunSpec, RunState};
use rok_log::{
    Command, CommandKind, EventReader, Inbox, Lease, MemoryStore, Owner, RunQueue, Store,
};
use rok_rac::{DomainAck, Expected};
use rok_runner::{
    Clock, CommandOutcome, Message, RunContext, RunnerError, Services, Shard, Turn, VirtualClock,
};
use rok_secrets::Secrets;
use rok_vocabulary::{Actor, ErrorClass, Outcome, Profile, RunId, RunPhase, StepState, Timestamp};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Turns are counted, so that a run that never rests fails its test.
const TURNS: usize = 2_000;

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// Taken when every lease has run out, and as soon running out itself.
pub(crate) fn ran_out() -> Lease {
    Lease::new(Timestamp::from_millis(i64::MAX), Duration::ZERO)
}

pub(crate) fn id(run: &str) -> RunId {
    run.parse().unwrap()
}

pub(crate) fn compile(steps: &str) -> Arc<CompiledPlan> {
    let text = format!("plan: p\n{steps}");
    let plan = rok_plan::parse(text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{e}\n{text}"));
    let digest = rok_chain::Digest::of(&plan.to_canonical_json()).to_hex();
    CompiledPlan::new(plan, digest).unwrap()
}

/// What a run is made from.
pub(crate) struct Order {
    pub(crate) plan: Arc<CompiledPlan>,
    pub(crate) settings: Settings,
    pub(crate) expected: Vec<Expected>,
}

pub(crate) fn order(steps: &str) -> Order {
    Order {
        plan: compile(steps),
        settings: Settings::default(),
        expected: Vec::new(),
    }
}

impl Order {
    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.settings.profile = profile;
        self
    }

    pub(crate) fn contract(mut self, contract: Contract) -> Self {
        self.settings.contract = contract;
        self
    }

    pub(crate) fn expect(mut self, expected: impl IntoIterator<Item = Expected>) -> Self {
        self.expected.extend(expected);
        self
    }
}

pub(crate) fn facades(engine: &Arc<TestEngine>) -> Facades {
    rok_facades::testing::facades_over(engine)
}

pub(crate) struct House {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) hand: Arc<Hand>,
    pub(crate) shard: Shard,
    plans: BTreeMap<RunId, Arc<CompiledPlan>>,
    /// Runs that a worker claims as soon as they are authorized.
    claims: bool,
    pub(crate) events: BTreeMap<RunId, Vec<Event>>,
    pub(crate) lost: Vec<RunId>,
    pub(crate) broken: Vec<(RunId, RunnerError)>,
    pub(crate) answers: Vec<CommandOutcome>,
    commands: u32,
}

pub(crate) fn house() -> House {
    house_with(rok_facades::testing::facades())
}

pub(crate) fn house_with(facades: Facades) -> House {
    let store = MemoryStore::new();
    let (clock, hand) = (Arc::new(VirtualClock::new(T0)), Arc::new(Hand::default()));
    let shard = shard(Box::new(store.clone()), facades, &clock, &hand, "first");
    House {
        store,
        clock,
        hand,
        shard,
        plans: BTreeMap::new(),
        claims: true,
        events: BTreeMap::new(),
        lost: Vec::new(),
        broken: Vec::new(),
        answers: Vec::new(),
        commands: 0,
    }
}

pub(crate) fn shard(
    store: Box<dyn Store>,
    facades: Facades,
    clock: &Arc<VirtualClock>,
    hand: &Arc<Hand>,
    owner: &'static str,
) -> Shard {
    let services = Services::new(facades)
        .executor(Arc::clone(hand) as _)
        .clock(Arc::clone(clock) as _);
    Shard::new(store, services, Owner::new(owner)).reporting_events()
}

pub(crate) fn create_in(shard: &mut Shard, run: &str, order: Order) -> Result<(), RunnerError> {
    let Order {
        plan,
        settings,
        expected,
    } = order;
    let spec = RunSpec {
        execution_policies: Vec::new(),
        priority: 0,
        request: None,
        replays: None,
        inputs: Arc::new(json!({})),
        labels: BTreeMap::new(),
        settings,
        cwd: None,
        engine: "test".into(),
        policies: None,
        submitter: Actor::Manual,
        reason: None,
        plans: BTreeMap::new(),
        parent: None,
        expected,
    };
    let bytes = plan.plan().to_canonical_json();
    shard.create(id(run), plan, bytes.into(), spec, context())
}

fn context() -> RunContext {
    RunContext {
        recorded: None,
        services: None,
        owner: "worker".into(),
        submitter: Actor::Manual,
        roles: Vec::new(),
        user: Actor::Manual,
        user_roles: Vec::new(),
        secrets: Ok(Secrets::none()),
        workspace: None,
        files: None,
        cache: None,
    }
}

impl House {
    /// No worker claims anything.
    pub(crate) fn without_workers(mut self) -> Self {
        self.claims = false;
        self
    }

    pub(crate) fn create(&mut self, run: &str, order: Order) {
        self.try_create(run, order).unwrap();
    }

    pub(crate) fn try_create(&mut self, run: &str, order: Order) -> Result<(), RunnerError> {
        self.plans.insert(id(run), Arc::clone(&order.plan));
        create_in(&mut self.shard, run, order)
    }

    /// Creates a run and lets it go on until nothing happens by itself.
    pub(crate) fn run(&mut self, run: &str, order: Order) {
        self.create(run, order);
        self.settle();
    }

    /// One turn. An error means that the store failed.
    pub(crate) fn try_turn(&mut self) -> Result<usize, RunnerError> {
        let Turn {
            inputs,
            events,
            lost,
            broken,
            commands,
            told: _,
        } = self.shard.turn()?;
        for (run, events) in events {
            self.events.entry(run).or_default().extend(events);
        }
        self.lost.extend(lost);
        self.broken.extend(broken);
        self.answers
            .extend(commands.into_iter().map(|(_, _, outcome)| outcome));
        Ok(inputs)
    }

    pub(crate) fn turn(&mut self) -> usize {
        self.try_turn().unwrap()
    }

    /// Turns until nothing happens by itself at this instant.
    pub(crate) fn try_settle(&mut self) -> Result<(), RunnerError> {
        let mut idle = 0;
        for _ in 0..TURNS {
            let inputs = self.try_turn()?;
            let claimed = self.claims && self.claim_all();
            let rests = inputs == 0 && !claimed && !self.shard.is_busy();
            // A command counts as no input, and what it starts may report.
            idle = if rests { idle + 1 } else { 0 };
            if idle == 2 {
                return Ok(());
            }
        }
        panic!("the shard does not come to rest");
    }

    pub(crate) fn settle(&mut self) {
        self.try_settle().unwrap();
    }

    /// Turns until something is so.
    pub(crate) fn turn_until(&mut self, so: impl Fn(&Self) -> bool) {
        for _ in 0..TURNS {
            if so(self) {
                return;
            }
            self.turn();
            if self.claims {
                self.claim_all();
            }
        }
        panic!("it never comes to that");
    }

    fn claim_all(&mut self) -> bool {
        let waiting = self.plans.keys().filter(|run| {
            self.shard.run(run).is_some_and(|runner| {
                let state = runner.state();
                state.phase() == RunPhase::Authorized && state.closing().is_none()
            })
        });
        let waiting: Vec<RunId> = waiting.cloned().collect();
        for run in &waiting {
            self.claim(run.as_str());
        }
        !waiting.is_empty()
    }

    pub(crate) fn claim(&mut self, run: &str) {
        let owner = "worker".into();
        self.shard.say(&id(run), Input::Claimed { owner });
    }

    pub(crate) fn state(&self, run: &str) -> &RunState {
        self.shard.run(&id(run)).expect("it is driven").state()
    }

    pub(crate) fn phase(&self, run: &str) -> RunPhase {
        self.state(run).phase()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Lets time pass; what is due on the way comes when it is due.
    pub(crate) fn pass(&mut self, time: Duration) {
        let until = self.now().after(time);
        while let Some(due) = self.shard.wake_at().filter(|due| *due <= until) {
            self.clock.advance_to(due);
            self.settle();
        }
        self.clock.advance_to(until);
        self.settle();
    }

    /// Lets time pass while nobody is there.
    pub(crate) fn pass_quietly(&mut self, time: Duration) {
        self.clock.advance(time);
    }

    /// Jumps to when something is due by itself.
    pub(crate) fn wake(&mut self) {
        let due = self.shard.wake_at().expect("something is due");
        self.clock.advance_to(due);
        self.settle();
    }

    pub(crate) fn end(&mut self, run: &str, step: &str) {
        self.hand.end(run, step, Ok(Value::Null));
        self.settle();
    }

    pub(crate) fn fail(&mut self, run: &str, step: &str, class: ErrorClass) {
        let failure = StepFailure::new(class, "the test said so");
        self.hand.end(run, step, Err(failure));
        self.settle();
    }

    /// Lays a command into the run's inbox.
    pub(crate) fn command(&mut self, run: &str, kind: CommandKind, step: Option<&str>) {
        self.post(run, kind, step);
        self.settle();
    }

    pub(crate) fn post(&mut self, run: &str, kind: CommandKind, step: Option<&str>) {
        self.post_by(run, "manual", kind, step);
    }

    /// A command of somebody, `user:ada` or `user:ada+role`.
    pub(crate) fn command_by(
        &mut self,
        run: &str,
        who: &str,
        kind: CommandKind,
        step: Option<&str>,
    ) {
        self.post_by(run, who, kind, step);
        self.settle();
    }

    fn post_by(&mut self, run: &str, who: &str, kind: CommandKind, step: Option<&str>) {
        self.commands += 1;
        let (actor, role) = who.split_once('+').unwrap_or((who, ""));
        let command = Command {
            id: format!("c{}", self.commands).parse().unwrap(),
            kind,
            step: step.map(|step| step.parse().unwrap()),
            reason: Some("because".into()),
            actor: actor.parse().unwrap(),
            at: self.now(),
            roles: role.split_whitespace().map(str::to_owned).collect(),
        };
        self.store.put(&id(run), &command).unwrap();
        self.shard.handle().send(Message::Inbox(id(run)));
    }

    /// A domain answers by itself.
    pub(crate) fn ack(&mut self, ack: DomainAck) {
        self.shard.handle().send(Message::Ack(Box::new(ack)));
    }

    /// Drops the shard as a crash does, and lets another owner go on, over the
    /// given store.
    pub(crate) fn crash(&mut self, store: Box<dyn Store>, facades: Facades) {
        self.hand.lose_everything();
        self.shard = shard(store, facades, &self.clock, &self.hand, "second");
        for (run, plan) in self.plans.clone() {
            if self.store.read(&run).is_ok() {
                self.take_over(&run, plan);
            }
        }
    }

    fn take_over(&mut self, run: &RunId, plan: Arc<CompiledPlan>) {
        let claim = self.store.claim(run, &Owner::new("second"), ran_out());
        let claim = claim.unwrap();
        self.shard.adopt(run, plan, context(), &claim).unwrap();
        let repaired = claim.repaired.map(|repair| Repair {
            dropped_bytes: repair.dropped_bytes,
            dropped_lines: repair.dropped_lines,
        });
        let owner = "second".into();
        self.shard.say(
            run,
            Input::Recovered {
                owner,
                repaired,
                killed: 0,
                lost: Vec::new(),
            },
        );
        self.shard.perform_outstanding(run).unwrap();
    }

    /// How it ended, with the log held against the rules.
    pub(crate) fn ended(&self, run: &str) -> (RunPhase, Outcome) {
        let state = self.state(run);
        assert!(state.is_sealed(), "{run} is in {}", state.phase());
        logbook::check(&self.store, &id(run), state);
        (state.phase(), state.outcome().unwrap())
    }

    /// Phase, outcome, and the steps' states.
    pub(crate) fn result(&self, run: &str) -> (RunPhase, Outcome, Vec<StepState>) {
        let (phase, outcome) = self.ended(run);
        (phase, outcome, self.steps(run))
    }

    pub(crate) fn steps(&self, run: &str) -> Vec<StepState> {
        let steps = self.state(run).steps().iter();
        steps.map(|slot| slot.state).collect()
    }

    pub(crate) fn events_of(&self, run: &str) -> &[Event] {
        self.events.get(&id(run)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn count(&self, run: &str, event_type: &str) -> usize {
        let of_type = |event: &&Event| event.body.event_type().as_str() == event_type;
        self.events_of(run).iter().filter(of_type).count()
    }
}
