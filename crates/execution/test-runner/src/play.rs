//! Plays a run: turns of a shard while there is something to do, then a jump
//! of the clock to what is due next.

use crate::stubs::StubExecutor;
use rok_chain::Digest;
use rok_events::{Settings, SubPlan};
use rok_facades::Facades;
use rok_facades::plan_tests::{Mismatch, PlanTestCase, TestFault};
use rok_facades::runs::EventLine;
use rok_kernel::{CompiledPlan, Input, Resumability, Rollbackable, RunSpec, RunState};
use rok_log::{Command, CommandKind, EventReader as _, Inbox as _, MemoryStore, Owner};
use rok_plan::{Action, Plan};
use rok_plan_test::{Answer, CommandLine, Held, Verb};
use rok_projections::Replay;
use rok_runner::{Clock as _, CommandOutcome, RunContext, Services, Shard, VirtualClock};
use rok_secrets::Secrets;
use rok_vocabulary::{PlanId, RunId, RunPhase, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// When every virtual run is created.
const EPOCH: Timestamp = Timestamp::from_millis(1_767_225_600_000);

/// The id of every virtual run: retries' jitter is a hash of it.
const RUN: &str = "test";

/// Turns of one test: a plan of 10,000 steps with retries stays far below.
const MAX_TURNS: u32 = 2_000_000;

/// A run that was played.
pub(crate) struct Played {
    pub(crate) replay: Replay,
    pub(crate) events: Vec<EventLine>,
    pub(crate) virtual_time: Duration,
    /// Commands that were not answered as the test says.
    pub(crate) answers: Vec<Mismatch>,
    pub(crate) fault: Option<TestFault>,
}

/// Plays a test's run to its end: sealed, held where the test expects that,
/// or with nothing due any more.
pub(crate) fn play(
    case: &PlanTestCase<'_>,
    facades: Facades,
    policies: Option<String>,
) -> Result<Played, TestFault> {
    let canonical = case.plan.to_canonical_json();
    let compiled = CompiledPlan::new(case.plan.clone(), Digest::of(&canonical).to_hex())
        .map_err(|error| broken(&error))?;
    let run: RunId = RUN.parse().map_err(|error| broken(&error))?;
    let clock = Arc::new(VirtualClock::new(EPOCH));
    let stubs = Arc::new(StubExecutor::new(case.plan, case.test, Arc::clone(&clock)));
    let services = Services::new(facades)
        .clock(Arc::clone(&clock) as Arc<dyn rok_runner::Clock>)
        .executor(Arc::clone(&stubs) as Arc<dyn rok_executor::Executor>);
    let store = MemoryStore::new();
    let mut shard = Shard::new(Box::new(store.clone()), services, Owner::new("test"));
    let spec = RunSpec {
        execution_policies: Vec::new(),
        priority: 0,
        request: None,
        replays: None,
        inputs: Arc::new(Value::Object(case.test.inputs.clone())),
        labels: {
            let mut labels = case.plan.labels.clone();
            labels.extend(case.test.labels.clone());
            labels
        },
        settings: settings(case),
        cwd: Some("/".into()),
        engine: env!("CARGO_PKG_VERSION").into(),
        policies,
        submitter: case.test.submitter.clone(),
        reason: None,
        plans: stubbed(case.plan),
        parent: None,
        expected: Vec::new(),
    };
    let context = RunContext {
        recorded: None,
        services: None,
        owner: "test".into(),
        submitter: case.test.submitter.clone(),
        roles: case.test.roles.clone(),
        user: case.test.submitter.clone(),
        user_roles: case.test.roles.clone(),
        secrets: secrets(case),
        workspace: None,
        files: None,
        cache: None,
    };
    shard
        .create(
            run.clone(),
            Arc::clone(&compiled),
            canonical.into(),
            spec,
            context,
        )
        .map_err(|error| broken(&error))?;
    let mut stage = Stage {
        case,
        shard,
        store,
        run,
        clock,
        stubs,
        commands: case.test.commands.iter().cloned().collect(),
        given: 0,
        answers: Vec::new(),
    };
    stage.play()?;
    stage.played(compiled)
}

fn broken(error: &dyn std::fmt::Display) -> TestFault {
    TestFault {
        message: format!("the run could not be played: {error}"),
        hint: None,
    }
}

/// As on a machine with the test's CPUs; nothing is started ahead of a free
/// slot, so that the record has each start where it belongs.
fn settings(case: &PlanTestCase<'_>) -> Settings {
    let (plan, cpus) = (case.plan, case.test.cpus);
    let profile = case.test.profile;
    Settings {
        profile: profile.max(plan.profile.unwrap_or(profile)),
        max_parallel: plan.max_parallel.unwrap_or_else(|| cpus.max(64)),
        max_processes: plan.max_parallel.unwrap_or(cpus),
        start_ahead: 0,
        ..Settings::default()
    }
}

/// Values for the secrets that the plan names: no stub looks at them.
fn secrets(case: &PlanTestCase<'_>) -> Result<Secrets, String> {
    let value = |name: &rok_vocabulary::InputName| format!("secret-value-of-{name}");
    let pairs = case.plan.secrets.iter();
    Secrets::from_pairs(pairs.map(|name| (name.clone(), value(name))))
        .map_err(|error| error.to_string())
}

struct Stage<'a> {
    case: &'a PlanTestCase<'a>,
    shard: Shard,
    store: MemoryStore,
    run: RunId,
    clock: Arc<VirtualClock>,
    stubs: Arc<StubExecutor>,
    commands: VecDeque<CommandLine>,
    given: u32,
    answers: Vec<Mismatch>,
}

impl Stage<'_> {
    fn play(&mut self) -> Result<(), TestFault> {
        for _ in 0..MAX_TURNS {
            self.turn()?;
            if self.stubs.fault().is_some() {
                return Ok(());
            }
            // What people do at an instant comes after what happens by itself.
            if self.shard.is_busy() || self.stubs.release() || self.claim() {
                continue;
            }
            let Some(next) = self.next()? else {
                return Ok(());
            };
            match next {
                Next::At(at) => self.clock.advance_to(at),
                Next::Command(command) => self.give(command)?,
            }
        }
        Err(TestFault {
            message: format!("the run does not end within {MAX_TURNS} turns"),
            hint: Some("give the plan's retries an end".into()),
        })
    }

    fn turn(&mut self) -> Result<(), TestFault> {
        let turn = self.shard.turn().map_err(|error| broken(&error))?;
        if let Some((_, error)) = turn.broken.first() {
            return Err(broken(error));
        }
        for (_, _, outcome) in turn.commands {
            let answer = match &outcome {
                CommandOutcome::Accepted => (Answer::Accepted, String::new()),
                CommandOutcome::Refused { reason, denied } => {
                    let answer = if *denied {
                        Answer::Denied
                    } else {
                        Answer::Refused
                    };
                    (answer, reason.clone())
                }
            };
            self.answered(answer.0, &answer.1);
        }
        Ok(())
    }

    fn state(&self) -> Result<&RunState, TestFault> {
        match self.shard.run(&self.run) {
            Some(runner) => Ok(runner.state()),
            None => Err(broken(&"the run is gone")),
        }
    }

    /// A run that is authorized waits for a worker: here it is.
    fn claim(&mut self) -> bool {
        let waits = self
            .state()
            .is_ok_and(|state| state.phase() == RunPhase::Authorized && state.closing().is_none());
        if waits {
            let owner = "test".into();
            self.shard.say(&self.run, Input::Claimed { owner });
        }
        waits
    }

    /// What comes next once nothing is left to do at this instant.
    fn next(&mut self) -> Result<Option<Next>, TestFault> {
        let state = self.state()?;
        let (sealed, held) = (state.is_sealed(), state.hold().is_some());
        let command = self.commands.front();
        let at = command.and_then(|command| command.at);
        let due = at.map(|at| EPOCH.after(at));
        let untimed = command.is_some() && at.is_none();
        if due.is_some_and(|due| due <= self.clock.now()) || (untimed && (held || sealed)) {
            return Ok(self.commands.pop_front().map(Next::Command));
        }
        let expects_hold = matches!(self.case.test.expect.held, Some(Held::By { .. }));
        let stays = held && command.is_none() && expects_hold;
        let timer = self.shard.wake_at().filter(|_| !stays);
        let next = [timer, self.stubs.next_due(), due].into_iter().flatten();
        match next.min() {
            Some(at) => Ok(Some(Next::At(at))),
            // Nothing happens any more, and the command waits for a hold.
            None => Ok(self.commands.pop_front().map(Next::Command)),
        }
    }

    fn give(&mut self, command: CommandLine) -> Result<(), TestFault> {
        self.given += 1;
        let test = self.case.test;
        let roles = match &command.roles {
            Some(roles) => roles.clone(),
            None if command.by == test.submitter => test.roles.clone(),
            None => Vec::new(),
        };
        let (kind, step) = match &command.verb {
            Verb::Approve(step) => (CommandKind::Approve, Some(step.clone())),
            Verb::Reject(step) => (CommandKind::Reject, Some(step.clone())),
            Verb::Override(step) => (CommandKind::Override, Some(step.clone())),
            Verb::Cancel => (CommandKind::Cancel, None),
            Verb::Pause => (CommandKind::Pause, None),
            Verb::Unpause => (CommandKind::Unpause, None),
            Verb::Resume => return self.resume(command),
            Verb::Rollback => return self.roll_back(command),
        };
        let id = format!("command-{}", self.given);
        let sent = Command {
            id: id.parse().map_err(|error| broken(&error))?,
            kind,
            step,
            reason: Some(command.reason.clone()),
            actor: command.by.clone(),
            roles,
            at: self.clock.now(),
        };
        self.store
            .put(&self.run, &sent)
            .map_err(|error| broken(&error))?;
        // Its answer comes with the turn.
        self.commands.push_front(command);
        self.shard.read_inbox(&self.run);
        self.turn()
    }

    fn resume(&mut self, command: CommandLine) -> Result<(), TestFault> {
        let refused = match self.state()?.resumability(self.clock.now()) {
            Resumability::NextEpoch => None,
            Resumability::SameEpoch => Some("the run is not closed".to_owned()),
            Resumability::Refused(reason) => Some(reason),
        };
        let input = Input::Resume {
            actor: command.by.clone(),
            reason: Some(command.reason.clone()),
            command: None,
        };
        self.begin_epoch(command, refused.as_deref(), input);
        Ok(())
    }

    fn roll_back(&mut self, command: CommandLine) -> Result<(), TestFault> {
        let refused = match self.state()?.rollbackable(&[], &[]) {
            Rollbackable::NextEpoch(_) => None,
            Rollbackable::SameEpoch => Some("it is being rolled back".to_owned()),
            Rollbackable::Undecided(_) => Some("a compensation was interrupted".to_owned()),
            Rollbackable::Refused(reason) => Some(reason),
        };
        let input = Input::Rollback {
            actor: command.by.clone(),
            reason: Some(command.reason.clone()),
            done: Vec::new(),
            again: Vec::new(),
        };
        self.begin_epoch(command, refused.as_deref(), input);
        Ok(())
    }

    /// Says what begins the next epoch, unless the run refuses that.
    fn begin_epoch(&mut self, command: CommandLine, refused: Option<&str>, input: Input) {
        let answer = match refused {
            Some(_) => Answer::Refused,
            None => Answer::Accepted,
        };
        self.commands.push_front(command);
        self.answered(answer, refused.unwrap_or_default());
        if answer == Answer::Accepted {
            self.shard.say(&self.run, input);
        }
    }

    /// Compares an answer with what the test says of the command.
    fn answered(&mut self, answer: Answer, why: &str) {
        let Some(command) = self.commands.pop_front() else {
            return;
        };
        if command.answer != answer {
            let actual = match why {
                "" => answer.as_str().to_owned(),
                why => format!("{}: {why}", answer.as_str()),
            };
            self.answers.push(Mismatch {
                what: format!("commands: {} by {}", command.verb, command.by),
                expected: command.answer.as_str().to_owned(),
                actual,
            });
        }
    }

    /// The log of the run, read again from the store.
    fn played(self, compiled: Arc<CompiledPlan>) -> Result<Played, TestFault> {
        let log = self.store.read(&self.run).map_err(|error| broken(&error))?;
        let events: Vec<EventLine> = log.lines().map(rok_runs::line_of).collect();
        let mut replay = Replay::new(compiled, self.run);
        replay.lines(&log.bytes).map_err(|error| broken(&error))?;
        Ok(Played {
            replay,
            events,
            virtual_time: self.clock.now().since(EPOCH),
            answers: self.answers,
            fault: self.stubs.fault(),
        })
    }
}

/// What comes next.
enum Next {
    At(Timestamp),
    Command(CommandLine),
}

/// Steps are stubbed: the plans that they name are not looked for.
fn stubbed(plan: &Plan) -> BTreeMap<PlanId, SubPlan> {
    let named = plan.steps.iter().filter_map(|step| match &step.action {
        Action::Plan { id, .. } => Some(id.clone()),
        _ => None,
    });
    let stub = SubPlan {
        sha256: Digest::of(b"a stub").to_hex(),
        cwd: None,
        plans: BTreeMap::new(),
    };
    named.map(|id| (id, stub.clone())).collect()
}
