//! What is known of agents outlives the process that learnt it.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_agents::{AgentSpec, Need, Terms};
use rok_component::BreakerRules;
use rok_exec_agent::{AgentBook, AgentDirectory, AgentExecutor, AgentFunction, AgentsFile};
use rok_executor::contract;
use rok_executor::{AgentWork, Executor, StepReport, StepRequest, Withdrawn, Work};
use rok_facades::agents::{AgentView, AgentsEngine as _};
use rok_log::{Cells, MemoryCells};
use rok_test_support::agents::{Manner, TestAgent};
use rok_vocabulary::{Federation, TrustLevel};
use rstest::rstest;
use serde_json::{Map, json};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// An agent, and what is kept of it.
struct House {
    agent: TestAgent,
    cells: MemoryCells,
    rules: BreakerRules,
}

impl House {
    fn new(manner: Manner, threshold: u32) -> Self {
        let rules = BreakerRules {
            threshold,
            cool_down: Duration::from_secs(60),
            ..BreakerRules::default()
        };
        Self {
            agent: TestAgent::start("r1", manner),
            cells: MemoryCells::new(),
            rules,
        }
    }

    /// A process that begins now: it knows what is kept, and nothing else.
    fn process(&self) -> AgentExecutor {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("r1.pub"), self.agent.key().to_pem()).unwrap();
        let table = self.agent.table(TrustLevel::Signed);
        let path = dir.path().join("agents.toml");
        let text = format!("heartbeat = '20ms'\nsilence = '500ms'\n{table}");
        std::fs::write(&path, text).unwrap();
        let spec = AgentSpec {
            agent_id: "here".parse().unwrap(),
            capabilities: ["sum".parse().unwrap()].into(),
            trust_level: TrustLevel::Verified,
            region: None,
            slots: 4,
        };
        let here = AgentFunction::new(spec, |_| Ok(json!({ "by": "here" })));
        let directory = AgentDirectory::new(AgentsFile::read(&path).unwrap(), [here]);
        let book = AgentBook::new(Arc::new(self.cells.clone()), self.rules);
        AgentExecutor::new(Arc::new(directory.keeping(book)))
    }

    /// How a step ends in a process of its own.
    fn step(&self, step: &str) -> String {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let sink = move |report| drop(sender.lock().unwrap().send(report));
        let process = self.process();
        process.start(request(step), Arc::new(sink));
        let report: StepReport = reports.recv_timeout(Duration::from_secs(60)).unwrap();
        match report.result.end {
            Ok(success) => success.outputs["by"].as_str().unwrap().to_owned(),
            Err(failure) => failure.to_string(),
        }
    }

    /// An attempt that the agent is at; what comes of it is told, should its
    /// process live.
    fn begun(&self, process: &AgentExecutor, number: u32) -> Receiver<StepReport> {
        let (sender, reports) = channel();
        let sender = Mutex::new(sender);
        let sink = move |report| drop(sender.lock().unwrap().send(report));
        let orders = || self.agent.asked("GET /v1/orders");
        let before = orders();
        process.start(attempt("a", number), Arc::new(sink));
        while orders() == before {
            std::thread::yield_now();
        }
        reports
    }

    /// What is told to end of the run, by a process that begins now.
    fn withdrawn(&self) -> Vec<Withdrawn> {
        self.process().withdraw(&"r".parse().unwrap()).unwrap()
    }

    fn listed(&self) -> AgentView {
        let mut all = self.process().list().unwrap().into_iter();
        all.find(|one| one.agent_id.as_str() == "r1").unwrap()
    }

    /// Whether the agent is offered the next step.
    fn is_asked(&self, step: &str) -> bool {
        let before = self.agent.asked("POST /v1/offers");
        self.step(step);
        self.agent.asked("POST /v1/offers") > before
    }
}

fn request(step: &str) -> StepRequest {
    attempt(step, 0)
}

fn attempt(step: &str, number: u32) -> StepRequest {
    contract::request(
        "r",
        step,
        number,
        Work::Agent(Box::new(AgentWork {
            capability: "sum".parse().unwrap(),
            need: Need::of("sum".parse().unwrap()),
            federation: Some(Federation::RemotePrefer),
            with: Map::new(),
            terms: Terms::default(),
            idempotent: true,
            max_latency: None,
            process: None,
        })),
    )
}

#[test]
fn a_forger_is_not_asked_by_the_next_process_either() {
    let house = House::new(Manner::Forges, 5);
    assert_eq!(house.step("a"), "here");
    assert!(!house.is_asked("b"));
    let listed = house.listed();
    assert_eq!(listed.state, "quarantined");
    assert!(listed.since.is_some() && listed.last_seen_at.is_some());
    let why = listed.reason.unwrap();
    assert!(why.contains("signature"), "{why}");
    // Until a person says otherwise.
    house.process().reset(&listed.agent_id).unwrap();
    assert!(house.is_asked("c"));
}

#[test]
fn who_answers_the_list_was_seen_just_then() {
    let house = House::new(Manner::Works, 5);
    let first = house.listed().last_seen_at.expect("it answered");
    let now = loop {
        let now = rok_executor::wall_clock();
        if now > first {
            break now;
        }
        std::thread::yield_now();
    };
    assert!(house.listed().last_seen_at >= Some(now));
}

#[rstest]
#[case(1, false)]
#[case(5, true)]
fn one_that_keeps_failing_is_left_alone_by_all(#[case] threshold: u32, #[case] asked: bool) {
    let mut house = House::new(Manner::Hangs, threshold);
    assert_eq!(house.step("a"), "here");
    assert_eq!(house.is_asked("b"), asked);
    let listed = house.listed();
    assert_eq!(listed.failures, if asked { 2 } else { 1 });
    let open = if asked { "closed" } else { "open" };
    assert_eq!(listed.breaker.as_deref(), Some(open));
    if !asked {
        assert_eq!(listed.state, "down");
        let why = listed.reason.unwrap();
        assert!(why.contains("left alone until"), "{why}");
        // It is over: one attempt tries it out.
        house.rules.cool_down = Duration::ZERO;
        house.process().reset(&listed.agent_id).unwrap();
        house.step("c");
        assert!(house.is_asked("d"));
    }
}

#[test]
fn what_cannot_be_read_is_no_leave_to_ask() {
    let house = House::new(Manner::Forges, 5);
    house.step("a");
    let (key, value) = house.cells.cells("agents").unwrap().remove(0);
    let broken: &[u8] = b"{\"agent\":\"r1\",\"breaker\":{},\"more\":1}";
    let swapped = house.cells.swap("agents", &key, Some(&value), Some(broken));
    assert!(swapped.unwrap());
    assert!(!house.is_asked("b"));
    let listed = house.listed();
    assert_eq!(listed.state, "quarantined");
    let why = listed.reason.unwrap();
    assert!(why.contains("cannot be read"), "{why}");
    house.process().reset(&listed.agent_id).unwrap();
    assert!(house.is_asked("c"));
}

/// Of several processes that see it fail, each failure counts.
#[test]
fn failures_of_several_processes_add_up() {
    let house = House::new(Manner::Hangs, 3);
    std::thread::scope(|scope| {
        for step in ["a", "b", "c"] {
            scope.spawn(|| house.step(step));
        }
    });
    let listed = house.listed();
    assert_eq!(listed.failures, 3, "{listed:?}");
    assert_eq!(listed.breaker.as_deref(), Some("open"));
}

#[test]
fn an_agent_that_is_unknown_is_not_reset() {
    let house = House::new(Manner::Works, 5);
    let error = house
        .process()
        .reset(&"nobody".parse().unwrap())
        .unwrap_err();
    assert_eq!(error.code, "ROK0173");
}

/// The next owner tells the agent that nobody waits for what a dead one ordered,
/// and never says that an agent ended what it was not heard to end.
#[test]
fn what_a_dead_process_ordered_is_withdrawn_by_the_next() {
    let house = House::new(Manner::Slow, 5);
    let process = house.process();
    drop(house.begun(&process, 0));
    // It is gone, and tells nobody.
    std::mem::forget(process);
    house.agent.stop();
    for _ in 0..2 {
        let withdrawn = house.withdrawn();
        let [one] = &withdrawn[..] else {
            panic!("{withdrawn:?}");
        };
        assert_eq!((one.step.step.as_str(), one.by.agent.as_str()), ("a", "r1"));
        let why = one.unheard.as_ref().unwrap();
        assert!(why.contains("may go on there"), "{why}");
    }
    house.agent.go_on();
    assert_eq!(house.withdrawn()[0].unheard, None);
    assert_eq!(house.agent.withdrawn(), 1);
    assert_eq!(house.withdrawn(), []);
}

/// The work is found again and not begun twice; the order before is withdrawn,
/// so that the work ends when the next one is.
#[test]
fn an_attempt_takes_the_place_of_the_one_before() {
    let house = House::new(Manner::Slow, 5);
    let dead = house.process();
    drop(house.begun(&dead, 0));
    std::mem::forget(dead);
    let next = house.process();
    let reports = house.begun(&next, 1);
    while house.agent.withdrawn() == 0 {
        std::thread::yield_now();
    }
    house.agent.finish();
    let report = reports.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(report.result.end.is_ok(), "{:?}", report.result.end);
    assert_eq!((house.agent.begun(), house.agent.withdrawn()), (1, 1));
    assert_eq!(house.withdrawn(), []);
}
