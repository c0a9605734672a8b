//! A kernel on a bench: effects are answered when the test says so, and a state
//! folded beside it must always be the same.

use rok_events::{AgentData, Body, Contract, Event, PolicyData, PolicyStage, Settings};
use rok_kernel::{
    Admission, Command, CommandKind, CompiledPlan, Decision, Effect, Input, PolicyAnswer, Rejected,
    RunOrchestrationKernel, RunSpec, RunState, StepDone, StepEnd, StepSuccess, create_rok,
};
use rok_rac::{DomainAck, Duty, Expected};
use rok_vocabulary::{
    AckErrorKind, Actor, Attempt, Epoch, ErrorClass, Outcome, Profile, RunId, RunPhase, Timestamp,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_000_000);

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn duty(text: &str) -> Duty {
    text.parse().unwrap()
}

pub(crate) struct Bench {
    kernel: RunOrchestrationKernel,
    shadow: RunState,
    pub(crate) now: Timestamp,
    pub(crate) events: Vec<Event>,
    /// Effects that were asked for and are not answered.
    pub(crate) open: Vec<Effect>,
    pub(crate) wake_at: Option<Timestamp>,
    commands: u32,
}

pub(crate) struct Setup {
    pub(crate) plan: &'static str,
    pub(crate) settings: Settings,
    pub(crate) expected: Vec<Expected>,
}

pub(crate) fn plan(plan: &'static str) -> Setup {
    Setup {
        plan,
        settings: Settings::default(),
        expected: Vec::new(),
    }
}

impl Setup {
    pub(crate) fn profile(mut self, profile: Profile) -> Self {
        self.settings.profile = profile;
        self
    }

    pub(crate) fn contract(mut self, contract: Contract) -> Self {
        self.settings.contract = contract;
        self
    }

    pub(crate) fn expect(mut self, expected: Expected) -> Self {
        self.expected.push(expected);
        self
    }

    /// A run in CREATED.
    pub(crate) fn create(self) -> Bench {
        let text = format!("plan: p\n{}", self.plan);
        let parsed =
            rok_plan::parse(text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{e}\n{text}"));
        let compiled = CompiledPlan::new(parsed, "00".repeat(32)).unwrap();
        let run: RunId = "run".parse().unwrap();
        let spec = RunSpec {
            execution_policies: Vec::new(),
            priority: 0,
            request: None,
            replays: None,
            inputs: Arc::new(json!({})),
            labels: BTreeMap::new(),
            settings: self.settings,
            cwd: None,
            engine: "test".into(),
            policies: None,
            submitter: Actor::Manual,
            reason: None,
            plans: BTreeMap::new(),
            parent: None,
            expected: self.expected,
        };
        let shadow = RunState::new(Arc::clone(&compiled), run.clone());
        let (kernel, decision) = create_rok(run, compiled, spec, T0).unwrap();
        let mut bench = Bench {
            kernel,
            shadow,
            now: T0,
            events: Vec::new(),
            open: Vec::new(),
            wake_at: None,
            commands: 0,
        };
        bench.take(decision);
        bench
    }

    /// A run in EXECUTING, its first steps started.
    pub(crate) fn start(self) -> Bench {
        let mut bench = self.create();
        bench.begin();
        bench
    }
}

impl Bench {
    pub(crate) fn state(&self) -> &RunState {
        self.kernel.state()
    }

    pub(crate) fn phase(&self) -> RunPhase {
        self.state().phase()
    }

    /// Phase and outcome.
    pub(crate) fn end(&self) -> (RunPhase, Outcome) {
        assert!(self.state().is_sealed(), "not sealed: {:?}", self.state());
        (self.phase(), self.state().outcome().unwrap())
    }

    fn take(&mut self, decision: Decision) {
        for event in &decision.events {
            self.shadow.apply(event).unwrap();
        }
        let (live, folded) = (self.kernel.state(), &self.shadow);
        assert_eq!(live.phase(), folded.phase());
        assert_eq!(live.steps(), folded.steps());
        assert_eq!(live.ledger(), folded.ledger());
        assert_eq!(live.outstanding(), folded.outstanding());
        self.events.extend(decision.events);
        self.open.extend(decision.effects);
        let outstanding = self.kernel.state().outstanding();
        self.open.retain(|effect| outstanding.contains(effect));
        self.wake_at = decision.wake_at;
    }

    pub(crate) fn try_say(&mut self, input: Input) -> Result<(), Rejected> {
        let decision = self.kernel.handle(self.now, input)?;
        self.take(decision);
        Ok(())
    }

    pub(crate) fn say(&mut self, input: Input) {
        self.try_say(input).unwrap();
    }

    /// Says something that must be absorbed.
    pub(crate) fn says_nothing_new(&mut self, input: Input) {
        let seq = self.state().next_seq();
        self.say(input);
        assert_eq!(self.state().next_seq(), seq, "it was not absorbed");
    }

    pub(crate) fn after(&mut self, time: Duration) -> &mut Self {
        self.now = self.now.after(time);
        self
    }

    /// Jumps to when the last decision wants to be woken.
    pub(crate) fn wake(&mut self) {
        self.now = self.wake_at.expect("something is due");
        self.say(Input::Tick);
    }

    pub(crate) fn begin(&mut self) {
        self.answer_all();
        self.say(Input::Claimed { owner: "w".into() });
    }

    pub(crate) fn is_open(&self, effect: &Effect) -> bool {
        self.open.contains(effect)
    }

    /// Answers every effect of the run as a whole, successfully, until none is
    /// left. Attempts are the test's to end.
    pub(crate) fn answer_all(&mut self) {
        self.answer_all_but(&[]);
    }

    pub(crate) fn answer_all_but(&mut self, left: &[Effect]) {
        let answered = |effect: &Effect| {
            !left.contains(effect)
                && !matches!(
                    effect,
                    Effect::StartStep { .. }
                        | Effect::CancelStep { .. }
                        | Effect::StartCompensation { .. }
                        | Effect::CancelCompensation { .. }
                )
        };
        while let Some(at) = self.open.iter().position(answered) {
            let effect = self.open.remove(at);
            self.answer(&effect);
        }
    }

    pub(crate) fn answer(&mut self, effect: &Effect) {
        let input = match effect {
            Effect::Admit if self.state().settings().contract.governs() => Input::Admitted(
                Admission::Checked(Some(policy(PolicyStage::Authorize, true))),
            ),
            Effect::Admit => Input::Admitted(Admission::Checked(None)),
            Effect::EvaluatePolicy => self.verdict(true),
            Effect::Publish => Input::Published(Ok(())),
            Effect::StartTrace => self.done(&Duty::START_TRACE),
            Effect::CreateIncident => self.done(&Duty::CREATE_INCIDENT),
            Effect::OpenDriftIncident => self.done(&duty("incidents/create_incident/drift")),
            Effect::CompleteTrace => self.done(&Duty::COMPLETE_TRACE),
            Effect::ReviewOverride { step } => self.done(&self.review(*step)),
            Effect::StartStep { .. }
            | Effect::CancelStep { .. }
            | Effect::StartCompensation { .. }
            | Effect::CancelCompensation { .. } => unreachable!("the test's"),
        };
        self.say(input);
    }

    /// The duty to have an override reviewed.
    pub(crate) fn review(&self, step: u32) -> Duty {
        let gate = &self.state().plan().step(step).id;
        duty(&format!("incidents/review_override/{gate}"))
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.state().epoch()
    }

    /// A SUCCESS of a duty, with the result `r`.
    pub(crate) fn done(&self, duty: &Duty) -> Input {
        self.done_as(duty, "r")
    }

    pub(crate) fn done_as(&self, duty: &Duty, result: &str) -> Input {
        let run = self.state().run_id();
        let ack = DomainAck::success(run, self.epoch(), duty.clone(), result, self.now).unwrap();
        Input::Ack { ack, record: None }
    }

    pub(crate) fn failure(&self, duty: &Duty, kind: AckErrorKind) -> DomainAck {
        let run = self.state().run_id();
        DomainAck::failed(run, self.epoch(), duty.clone(), kind, "no", self.now).unwrap()
    }

    /// The policies' answer at the check.
    pub(crate) fn verdict(&self, allowed: bool) -> Input {
        let run = self.state().run_id();
        let duty = Duty::EVALUATE_POLICY;
        let ack = DomainAck::success(run, self.epoch(), duty, "v", self.now).unwrap();
        Input::PolicyEvaluated {
            answer: Some(policy(PolicyStage::Complete, allowed)),
            ack,
            record: None,
        }
    }

    fn step_done(&self, step: u32, end: StepEnd) -> Input {
        Input::StepDone(StepDone {
            epoch: self.epoch(),
            step,
            attempt: self.state().step(step).attempt,
            end,
            data: Box::default(),
            left: Vec::new(),
        })
    }

    pub(crate) fn succeed(&mut self, step: u32) {
        self.succeed_with(step, Value::Null);
    }

    pub(crate) fn succeed_with(&mut self, step: u32, outputs: Value) {
        let success = StepSuccess {
            outputs,
            artifacts: Vec::new(),
        };
        let input = self.step_done(step, StepEnd::Succeeded(success));
        self.say(input);
    }

    /// A success that used so many tokens.
    pub(crate) fn succeed_using(&mut self, step: u32, tokens: u64) {
        let end = StepEnd::Succeeded(StepSuccess::default());
        let Input::StepDone(mut done) = self.step_done(step, end) else {
            unreachable!("it is one");
        };
        done.data.usage.tokens = tokens;
        self.say(Input::StepDone(done));
    }

    /// The end of an attempt that agents were asked for.
    pub(crate) fn end_by(&mut self, step: u32, end: StepEnd, agent: AgentData) {
        let Input::StepDone(mut done) = self.step_done(step, end) else {
            unreachable!("it is one");
        };
        done.data.agent = Some(Box::new(agent));
        self.say(Input::StepDone(done));
    }

    pub(crate) fn fail(&mut self, step: u32, class: ErrorClass) {
        let reason = "it failed".into();
        let input = self.step_done(step, StepEnd::Failed { class, reason });
        self.say(input);
    }

    /// A command of somebody, `user:ada` or `user:ada+role`, that the policies
    /// allow.
    pub(crate) fn ask(&mut self, who: &str, kind: CommandKind) -> Command {
        self.commands += 1;
        let (actor, role) = who.split_once('+').unwrap_or((who, ""));
        Command {
            id: format!("c{}", self.commands).parse().unwrap(),
            actor: actor.parse().unwrap_or(Actor::Manual),
            roles: vec![role.to_owned()],
            kind,
            reason: None,
            authorization: Some(policy(PolicyStage::Action, true)),
        }
    }

    /// Gives a command; the reason where it is denied.
    pub(crate) fn give(&mut self, command: Command) -> Result<Option<String>, Rejected> {
        let mut decision = self.kernel.handle(self.now, Input::Command(command))?;
        let denied = decision.denied.take();
        self.take(decision);
        Ok(denied)
    }

    pub(crate) fn command(&mut self, kind: CommandKind) -> Result<(), Rejected> {
        let command = self.ask("manual", kind);
        self.give(command).map(drop)
    }

    pub(crate) fn approve(&mut self, step: &str) {
        self.command(CommandKind::Approve(step.parse().unwrap()))
            .unwrap();
    }

    /// The owner died: the log is folded, a new owner takes over.
    pub(crate) fn crash(&mut self) {
        let plan = Arc::clone(self.state().plan());
        let mut folded = RunState::new(plan, self.state().run_id().clone());
        for event in &self.events {
            folded.apply(event).unwrap();
        }
        self.kernel = RunOrchestrationKernel::over(folded);
        let owner = "w2".into();
        self.say(Input::Recovered {
            owner,
            repaired: None,
            killed: 0,
            lost: Vec::new(),
        });
        self.open = self.state().outstanding();
    }

    pub(crate) fn drain(&mut self) {
        self.kernel.drain();
    }

    pub(crate) fn resume(&mut self) -> Result<(), Rejected> {
        self.try_say(Input::Resume {
            actor: Actor::Manual,
            reason: None,
            command: None,
        })
    }

    pub(crate) fn is_running(&self, step: u32, attempt: u32) -> bool {
        let attempt = Attempt(attempt);
        self.is_open(&Effect::StartStep { step, attempt })
    }

    /// How many events of a type there are.
    pub(crate) fn count(&self, event_type: &str) -> usize {
        let of_type = |event: &&Event| event.body.event_type().as_str() == event_type;
        self.events.iter().filter(of_type).count()
    }

    /// The class and reason with which the run ended.
    pub(crate) fn cause(&self) -> (Option<ErrorClass>, String) {
        let (class, reason) = self.state().end();
        (class, reason.unwrap_or_default().to_owned())
    }

    /// The reconciliation of the end.
    pub(crate) fn reconciliation(&self) -> &rok_rac::Reconciliation {
        self.state().last_reconciliation().expect("it was recorded")
    }

    /// The status of the kernel's own ack.
    pub(crate) fn finalize_ack(&self) -> rok_vocabulary::AckStatus {
        let mut acks = self
            .events
            .iter()
            .rev()
            .filter_map(|event| match &event.body {
                Body::AckReceived { data } if data.duty == Duty::FINALIZE_RUN => Some(data.status),
                _ => None,
            });
        acks.next().expect("finalize_run is always answered")
    }
}

pub(crate) fn policy(stage: PolicyStage, allowed: bool) -> PolicyAnswer {
    let data = PolicyData {
        stage,
        allowed,
        blocking: true,
        policies: vec!["p".into()],
        action: None,
        command: None,
        dimension: None,
    };
    PolicyAnswer {
        data,
        reason: None,
        violations: Vec::new(),
    }
}
