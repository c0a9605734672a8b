//! Steps at real agents on loopback, well and faulty ones, and at functions
//! that take over.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_agents::{AgentSpec, Need, Terms};
use rok_exec_agent::{AgentDirectory, AgentExecutor, AgentFunction, AgentsFile, HybridExecutor};
use rok_executor::contract;
use rok_executor::contract::{Deed, SECRET, Subject, a_call, assert_kept};
use rok_executor::{
    AgentRecord, AgentWork, AttemptRef, CancelReason, Executor, ExecutorError, GivenProcess,
    PreflightFault, ProcessWork, Program, Remains, ReportSink, StepFailure, StepReport,
    StepRequest, StepSuccess, Work, Workspace,
};
use rok_facades::agents::AgentsEngine as _;
use rok_secrets::Secrets;
use rok_test_support::agents::{Manner, TestAgent};
use rok_vocabulary::{ErrorClass, Federation, RunId, TrustLevel};
use rstest::rstest;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(60);
/// Short, so that silence and slowness are seen soon.
const TIMES: &str = "heartbeat = '20ms'\nsilence = '500ms'\n";

/// A function that takes over, and says so.
fn here() -> AgentFunction {
    let spec = AgentSpec {
        agent_id: "here".parse().unwrap(),
        capabilities: ["sum".parse().unwrap()].into(),
        trust_level: TrustLevel::Verified,
        region: None,
        slots: 4,
    };
    AgentFunction::new(spec, |order| {
        Ok(json!({ "by": "here", "with": order.with }))
    })
}

/// An executor over these agents, with what the file says besides.
fn over(
    agents: &[(&TestAgent, TrustLevel)],
    extra: &str,
    functions: Vec<AgentFunction>,
) -> AgentExecutor {
    let dir = tempfile::tempdir().unwrap();
    let mut text = format!("{TIMES}{extra}\n");
    for (agent, trust) in agents {
        let table = agent.table(*trust);
        let id = table.split(['.', ']']).nth(1).unwrap();
        std::fs::write(dir.path().join(format!("{id}.pub")), agent.key().to_pem()).unwrap();
        text.push_str(&table);
    }
    let path = dir.path().join("agents.toml");
    std::fs::write(&path, text).unwrap();
    let file = AgentsFile::read(&path).unwrap();
    AgentExecutor::new(Arc::new(AgentDirectory::new(file, functions)))
}

fn work() -> AgentWork {
    AgentWork {
        capability: "sum".parse().unwrap(),
        need: Need::of("sum".parse().unwrap()),
        federation: Some(Federation::RemotePrefer),
        with: Map::from_iter([("n".to_owned(), json!(7))]),
        terms: Terms::default(),
        idempotent: true,
        max_latency: None,
        process: None,
    }
}

fn step_of(step: &str, attempt: u32, work: AgentWork) -> StepRequest {
    contract::request("r1", step, attempt, Work::Agent(Box::new(work)))
}

fn step(work: AgentWork) -> StepRequest {
    step_of("a", 0, work)
}

fn start(executor: &AgentExecutor, request: StepRequest) -> Receiver<StepReport> {
    let (sender, reports) = channel();
    let sender = Mutex::new(sender);
    let sink: Arc<dyn ReportSink> =
        Arc::new(move |report| drop(sender.lock().unwrap().send(report)));
    executor.start(request, sink);
    reports
}

fn perform(executor: &AgentExecutor, request: StepRequest) -> StepReport {
    let reports = start(executor, request);
    let report = reports.recv_timeout(LONG).unwrap();
    // It ends once.
    assert!(reports.recv().is_err());
    report
}

fn record(report: &StepReport) -> &AgentRecord {
    report.result.record.agent.as_ref().unwrap()
}

/// How it ended, who did it, and whom it was taken from: `by here after r1
/// (agent_lost)`.
fn told(report: &StepReport) -> String {
    let record = record(report);
    let mut text = match &report.result.end {
        Ok(success) => format!("by {}", success.outputs["by"].as_str().unwrap()),
        Err(failure) => format!("✗ {}", failure.class),
    };
    if let (Ok(_), Some(by)) = (&report.result.end, &record.by) {
        assert_eq!(text, format!("by {}", by.agent));
    }
    for tried in &record.tried {
        let why = tried.trigger.map_or("refused", |trigger| trigger.as_str());
        let _ = write!(text, " after {} ({why})", tried.taker.agent);
    }
    text
}

/// Agents for each way to behave: functions, and one on loopback that stays.
struct Agents(TestAgent);

impl Subject for Agents {
    fn executor(&self) -> Arc<dyn Executor> {
        let can = |capability: &str| AgentSpec {
            agent_id: capability.parse().unwrap(),
            capabilities: [capability.parse().unwrap()].into(),
            ..here().spec().clone()
        };
        let fails = StepFailure::new(ErrorClass::ContractInputMissing, "it has nothing");
        let blabs = StepFailure::new(ErrorClass::ValidationFailed, SECRET);
        let functions = vec![
            AgentFunction::new(can("answers"), |_| Ok(json!({ "n": 1 }))),
            AgentFunction::new(can("fails"), move |_| Err(fails.clone())),
            AgentFunction::new(can("blabs"), move |_| Err(blabs.clone())),
        ];
        Arc::new(over(&[(&self.0, SIGNED)], "", functions))
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let capability = match deed {
            Deed::Answers => "answers",
            Deed::Fails => "fails",
            Deed::Stays => "sum",
            Deed::Blabs => "blabs",
            Deed::Foreign => return Some(a_call()),
        };
        Some(Work::Agent(Box::new(AgentWork {
            capability: capability.parse().unwrap(),
            need: Need::of(capability.parse().unwrap()),
            ..work()
        })))
    }

    fn secrets(&self) -> Secrets {
        Secrets::from_pairs([("token".parse().unwrap(), SECRET)]).unwrap()
    }
}

#[test]
fn agents_keep_the_contract_of_executors() {
    assert_kept(&Agents(TestAgent::start("r1", Manner::Slow)));
}

const SIGNED: TrustLevel = TrustLevel::Signed;

#[rstest]
#[case::works(Manner::Works, SIGNED, "by r1")]
#[case::proves_its_key(Manner::Works, TrustLevel::Verified, "by r1")]
#[case::fails(
    Manner::Fails(ErrorClass::ValidationFailed),
    SIGNED,
    "✗ validation_failed"
)]
#[case::dies(Manner::Dies, SIGNED, "by here after r1 (agent_lost)")]
#[case::hangs(Manner::Hangs, SIGNED, "by here after r1 (agent_lost)")]
#[case::slow(Manner::Slow, SIGNED, "by here after r1 (latency)")]
#[case::forges(Manner::Forges, SIGNED, "by here after r1 (signature_mismatch)")]
#[case::signs_nothing(Manner::SignsNothing, SIGNED, "by here after r1 (signature_mismatch)")]
#[case::nothing_to_sign(Manner::SignsNothing, TrustLevel::Unverified, "by r1")]
#[case::replays(Manner::Replays, SIGNED, "by here after r1 (signature_mismatch)")]
#[case::replays_unsigned(
    Manner::Replays,
    TrustLevel::Unverified,
    "by here after r1 (signature_mismatch)"
)]
#[case::babbles(Manner::Babbles, SIGNED, "by here after r1 (agent_lost)")]
#[case::babbles_unsigned(
    Manner::Babbles,
    TrustLevel::Unverified,
    "by here after r1 (agent_lost)"
)]
#[case::lists(Manner::Lists, SIGNED, "by here after r1 (refused)")]
#[case::does_less_than_nothing(Manner::DoesLessThanNothing, TrustLevel::Verified, "by here")]
#[case::impostor(Manner::Impostor, TrustLevel::Verified, "by here")]
#[case::refuses(Manner::Refuses, SIGNED, "by here after r1 (refused)")]
#[case::strict(Manner::Cannot("eu-only".into()), SIGNED, "by here after r1 (refused)")]
#[case::soft(Manner::Cannot("no-cache".into()), SIGNED, "by r1")]
#[case::unheard_of(Manner::Cannot("gdpr".into()), SIGNED, "by here after r1 (refused)")]
#[case::busy(Manner::Busy, SIGNED, "by here")]
fn whatever_an_agent_does_the_step_ends_once(
    #[case] manner: Manner,
    #[case] trust: TrustLevel,
    #[case] expected: &str,
) {
    let agent = TestAgent::start("r1", manner.clone());
    let policies = "[[policies]]\nname = 'eu-only'\ntype = 'privacy'\nenforcement_level = 'strict'\n\
                    [[policies]]\nname = 'no-cache'\ntype = 'privacy'\nenforcement_level = 'soft'\n";
    let executor = over(&[(&agent, trust)], policies, vec![here()]);
    let max_latency = (manner == Manner::Slow).then_some(Duration::from_millis(300));
    let report = perform(
        &executor,
        step(AgentWork {
            max_latency,
            ..work()
        }),
    );
    assert_eq!(told(&report), expected);
    if let Ok(success) = &report.result.end {
        assert_eq!(success.outputs["with"], json!({ "n": 7 }));
    }
    if manner == Manner::Works {
        assert!((report.result.usage.cost_usd - 0.01).abs() < 1e-9);
    }
    if expected.starts_with("by r1") && matches!(manner, Manner::Cannot(_)) {
        assert_eq!(record(&report).notes, ["no-cache: it is beyond me"]);
    }
}

#[rstest]
#[case::slow(Manner::Slow)]
#[case::forges(Manner::Forges)]
fn under_quarantine_nobody_takes_over(#[case] manner: Manner) {
    let agent = TestAgent::start("r1", manner);
    let executor = over(&[(&agent, SIGNED)], "", vec![here()]);
    let report = perform(
        &executor,
        step(AgentWork {
            federation: Some(Federation::Quarantine),
            max_latency: Some(Duration::from_millis(300)),
            ..work()
        }),
    );
    let failure = report.result.end.as_ref().unwrap_err();
    assert_eq!(failure.class, ErrorClass::PolicyViolation);
    assert!(
        failure
            .reason
            .contains("under quarantine nobody takes over"),
        "{failure}"
    );
    assert_eq!(record(&report).by, None);
}

/// Two are asked for, and one of them is gone: the other is not asked either.
#[rstest]
#[case::falls_back(Federation::RemotePrefer, "by here after r1 (lost_quorum)")]
#[case::quarantine(Federation::Quarantine, "✗ policy_violation after r1 (lost_quorum)")]
fn a_lost_quorum(#[case] federation: Federation, #[case] expected: &str) {
    let agent = TestAgent::start("r1", Manner::Works);
    let gone = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = gone.local_addr().unwrap().port();
    drop(gone);
    let extra = format!(
        "quorum = 2\n[agents.r2]\nurl = 'http://127.0.0.1:{port}'\ncapabilities = ['draw']\n"
    );
    let executor = over(&[(&agent, SIGNED)], &extra, vec![here()]);
    let report = perform(
        &executor,
        step(AgentWork {
            federation: Some(federation),
            ..work()
        }),
    );
    assert_eq!(told(&report), expected);
    assert_eq!(agent.asked("POST"), 0);
}

#[test]
fn the_next_agent_goes_on_where_one_dies() {
    let (first, second) = (
        TestAgent::start("r1", Manner::Dies),
        TestAgent::start("r2", Manner::Works),
    );
    let executor = over(&[(&first, SIGNED), (&second, SIGNED)], "", vec![]);
    let report = perform(&executor, step(work()));
    assert_eq!(told(&report), "by r2 after r1 (agent_lost)");
    // Whoever was silent is asked how it is before it is asked again.
    let report = perform(&executor, step_of("b", 0, work()));
    assert_eq!(told(&report), "by r2");
}

#[test]
fn what_is_not_idempotent_is_not_done_elsewhere() {
    let (first, second) = (
        TestAgent::start("r1", Manner::Dies),
        TestAgent::start("r2", Manner::Works),
    );
    let executor = over(&[(&first, SIGNED), (&second, SIGNED)], "", vec![here()]);
    let report = perform(
        &executor,
        step(AgentWork {
            idempotent: false,
            ..work()
        }),
    );
    assert_eq!(told(&report), "✗ worker_lost after r1 (agent_lost)");
    assert_eq!(second.begun(), 0);
}

/// What comes after the step was taken away is not asked for; the agent is told.
#[test]
fn a_late_answer_changes_nothing() {
    let agent = TestAgent::start("r1", Manner::Slow);
    let executor = over(&[(&agent, SIGNED)], "", vec![here()]);
    let report = perform(
        &executor,
        step(AgentWork {
            max_latency: Some(Duration::from_millis(200)),
            ..work()
        }),
    );
    assert_eq!(told(&report), "by here after r1 (latency)");
    agent.finish();
    let report = perform(&executor, step_of("b", 0, work()));
    assert_eq!(told(&report), "by r1");
    assert_eq!((agent.begun(), agent.withdrawn()), (2, 1));
}

/// A step that waited for its turn says so, and many that wait ask an agent no
/// more often than one does.
#[test]
fn who_waits_for_a_busy_agent_in_vain_says_so() {
    let agent = TestAgent::start("r1", Manner::Busy);
    let executor = over(&[(&agent, SIGNED)], "", vec![]);
    let all: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|id| {
            let mut request = step_of(id, 0, work());
            request.timeout = Some(Duration::from_millis(600));
            start(&executor, request)
        })
        .collect();
    for reports in all {
        let report = reports.recv_timeout(LONG).unwrap();
        let failure = report.result.end.as_ref().unwrap_err();
        assert_eq!(failure.class, ErrorClass::Timeout);
        let waited = "every agent that fits is busy: r1";
        assert_eq!(
            failure.reason,
            format!("no answer in time, after 600ms: {waited}")
        );
        assert_eq!(record(&report).reason.as_deref(), Some(waited));
    }
    let offers = agent.asked("POST /v1/offers");
    assert!(offers < 20, "{offers} offers");
}

#[test]
fn a_forger_is_not_asked_again() {
    let agent = TestAgent::start("r1", Manner::Forges);
    let executor = over(&[(&agent, SIGNED)], "", vec![here()]);
    perform(&executor, step(work()));
    let asked = agent.asked("POST");
    assert_eq!(
        told(&perform(&executor, step_of("b", 0, work()))),
        "by here"
    );
    assert_eq!(agent.asked("POST"), asked);
    let listed = executor.list().unwrap();
    let forger = listed
        .iter()
        .find(|view| view.agent_id.as_str() == "r1")
        .unwrap();
    assert_eq!(forger.state, "quarantined");
    assert!(
        forger.reason.as_ref().unwrap().contains("signature"),
        "{forger:?}"
    );
}

/// An owner died and its attempt is made again: whoever has the work is asked
/// first, and does not begin it twice.
#[test]
fn an_attempt_that_is_made_again_is_not_begun_twice() {
    let (first, second) = (
        TestAgent::start("r1", Manner::Works),
        TestAgent::start("r2", Manner::Slow),
    );
    let agents = [(&first, SIGNED), (&second, SIGNED)];
    let executor = over(&agents, "", vec![]);
    let dying = over(&[(&second, SIGNED)], "", vec![]);
    let reports = start(&dying, step(work()));
    while second.begun() == 0 {
        std::thread::yield_now();
    }
    drop(dying);
    let lost = reports.recv_timeout(LONG).unwrap();
    assert_eq!(lost.result.end.unwrap_err().class, ErrorClass::WorkerLost);
    second.finish();
    let report = perform(&executor, step_of("a", 1, work()));
    assert_eq!(told(&report), "by r2");
    assert_eq!((first.begun(), second.begun()), (0, 1));
}

#[test]
fn a_step_that_is_cancelled_is_withdrawn() {
    let agent = TestAgent::start("r1", Manner::Slow);
    let executor = over(&[(&agent, SIGNED)], "", vec![here()]);
    let request = step(work());
    let attempt = request.attempt.clone();
    let reports = start(&executor, request);
    while agent.begun() == 0 {
        std::thread::yield_now();
    }
    executor.cancel(&attempt, CancelReason::Cancelled);
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(told(&report), "✗ cancelled");
    assert_eq!(record(&report).by.as_ref().unwrap().agent.as_str(), "r1");
    while agent.withdrawn() == 0 {
        std::thread::yield_now();
    }
}

/// Two steps, one slot: the second waits for it.
#[test]
fn a_step_waits_for_a_free_slot() {
    let agent = TestAgent::start("r1", Manner::Slow);
    let executor = over(&[(&agent, SIGNED)], "", vec![]);
    let first = start(&executor, step(work()));
    while agent.begun() == 0 {
        std::thread::yield_now();
    }
    let second = start(&executor, step_of("b", 0, work()));
    agent.finish();
    for reports in [first, second] {
        assert_eq!(told(&reports.recv_timeout(LONG).unwrap()), "by r1");
    }
    assert_eq!(agent.begun(), 2);
}

#[test]
fn a_function_that_panics_fails_its_step() {
    let panics = AgentFunction::new(here().spec().clone(), |_| panic!("on purpose"));
    let executor = over(&[], "", vec![panics]);
    let report = perform(&executor, step(work()));
    assert_eq!(told(&report), "✗ internal");
}

#[rstest]
#[case::nobody(
    "draw",
    TrustLevel::Unverified,
    "no agent fits: here: it cannot draw; r1: it cannot draw"
)]
#[case::trust("sum", TrustLevel::Verified, "")]
fn what_nobody_can_do_is_known_before(
    #[case] capability: &str,
    #[case] min_trust: TrustLevel,
    #[case] fault: &str,
) {
    let agent = TestAgent::start("r1", Manner::Works);
    let executor = over(&[(&agent, SIGNED)], "", vec![here()]);
    let request = step(AgentWork {
        need: Need {
            min_trust,
            ..Need::of(capability.parse().unwrap())
        },
        ..work()
    });
    let faults = executor.preflight(&request);
    let faults: Vec<String> = faults.into_iter().map(|fault| fault.reason).collect();
    assert_eq!(faults.join("; "), fault);
    // Nobody was asked.
    assert!(agent.seen().is_empty());
    let table = executor.candidates(&request.work).unwrap();
    assert_eq!(table.rows.len(), 2);
}

/// What is no number of steps is no forgery either: nobody's key is in doubt.
#[rstest]
fn a_card_that_nobody_can_read_is_told(
    #[values(TrustLevel::Unverified, TrustLevel::Verified)] trust: TrustLevel,
) {
    let agent = TestAgent::start("r1", Manner::DoesLessThanNothing);
    let listed = over(&[(&agent, trust)], "", vec![]).list().unwrap();
    assert_eq!(listed[0].state, "down");
    let why = listed[0].reason.as_deref().unwrap();
    let begins = "its card is refused: it cannot be read: invalid value: integer `-5`";
    assert!(why.starts_with(begins), "{why}");
}

#[test]
fn an_answer_that_is_no_object_is_told() {
    let agent = TestAgent::start("r1", Manner::Lists);
    let report = perform(&over(&[(&agent, SIGNED)], "", vec![here()]), step(work()));
    assert_eq!(
        record(&report).tried[0].why,
        "what it answered cannot be read: it is a list, and a JSON object is expected"
    );
}

#[test]
fn the_list_tells_how_each_stands() {
    let agent = TestAgent::start("r1", Manner::Works);
    let extra = "[agents.gone]\nurl = 'http://127.0.0.1:1'\ncapabilities = ['sum']\n\
                 token_env = 'NO_SUCH_TOKEN_OF_AN_AGENT'\n";
    let executor = over(&[(&agent, TrustLevel::Verified)], extra, vec![here()]);
    let listed = executor.list().unwrap();
    let told: Vec<Value> = listed
        .iter()
        .map(|view| {
            json!([
                view.agent_id,
                view.place,
                view.trust_level,
                view.state,
                view.reason
            ])
        })
        .collect();
    let gone = "its token is missing: NO_SUCH_TOKEN_OF_AN_AGENT is not set";
    assert_eq!(
        told,
        [
            json!(["here", "local", "VERIFIED", "up", null]),
            json!(["gone", "remote", "UNVERIFIED", "down", gone]),
            json!(["r1", "remote", "VERIFIED", "up", null]),
        ]
    );
}

/// Starts processes, as far as anybody can tell: they succeed at once, or go on
/// until they are stopped.
#[derive(Default)]
struct Here {
    stays: bool,
    started: AtomicUsize,
    live: Mutex<Option<Arc<dyn ReportSink>>>,
}

impl Here {
    fn started(&self) -> usize {
        self.started.load(Ordering::SeqCst)
    }
}

impl Executor for Here {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Process(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        assert!(self.accepts(&request.work));
        let reason = "there is no such program".to_owned();
        vec![PreflightFault {
            step: request.attempt.step.step.to_string(),
            class: ErrorClass::ConfigError,
            reason,
        }]
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        assert!(self.accepts(&request.work));
        let mut live = self.live.lock().unwrap();
        self.started.fetch_add(1, Ordering::SeqCst);
        if self.stays {
            *live = Some(sink);
        } else {
            sink.report(ended(request.attempt, Ok(json!({ "by": "localhost" }))));
        }
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        if let Some(sink) = self.live.lock().unwrap().take() {
            sink.report(ended(attempt.clone(), Err(reason.failure())));
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        Ok(Remains::default())
    }
}

fn ended(attempt: AttemptRef, end: Result<Value, StepFailure>) -> StepReport {
    let nothing = StepFailure::new(ErrorClass::Internal, "nothing yet");
    let mut report = StepReport::not_started(attempt, nothing);
    report.result.end = end.map(|outputs| StepSuccess {
        outputs,
        artifacts: Vec::new(),
    });
    report
}

/// Work of a `run` step that agents may do, or they and this machine.
fn process(or_here: bool) -> AgentWork {
    AgentWork {
        capability: "run".parse().unwrap(),
        need: Need::of("run".parse().unwrap()),
        process: Some(GivenProcess {
            work: ProcessWork {
                program: Program::Argv(vec!["true".into()]),
                env: Vec::new(),
                cwd: "/".into(),
                sandbox: None,
            },
            or_here,
        }),
        ..work()
    }
}

fn hybrid(agents: AgentExecutor, here: &Arc<Here>) -> HybridExecutor {
    HybridExecutor::new(Arc::new(agents), Arc::clone(here) as Arc<dyn Executor>)
}

fn through(executor: &impl Executor, request: StepRequest) -> (AttemptRef, Receiver<StepReport>) {
    assert!(executor.accepts(&request.work));
    let (sender, reports) = channel();
    let sender = Mutex::new(sender);
    let sink: Arc<dyn ReportSink> =
        Arc::new(move |report| drop(sender.lock().unwrap().send(report)));
    let attempt = request.attempt.clone();
    executor.start(request, sink);
    (attempt, reports)
}

#[rstest]
#[case::works(Manner::Works, Federation::LocalPrefer, true, "by r1")]
#[case::fails(
    Manner::Fails(ErrorClass::ValidationFailed),
    Federation::LocalPrefer,
    true,
    "✗ validation_failed"
)]
#[case::dies(
    Manner::Dies,
    Federation::RemotePrefer,
    true,
    "by localhost after r1 (agent_lost)"
)]
#[case::slow(
    Manner::Slow,
    Federation::RemotePrefer,
    true,
    "by localhost after r1 (latency)"
)]
#[case::forges(
    Manner::Forges,
    Federation::RemotePrefer,
    true,
    "by localhost after r1 (signature_mismatch)"
)]
#[case::refuses(
    Manner::Refuses,
    Federation::RemotePrefer,
    true,
    "by localhost after r1 (refused)"
)]
#[case::busy(Manner::Busy, Federation::RemotePrefer, true, "by localhost")]
#[case::quarantine(
    Manner::Forges,
    Federation::Quarantine,
    true,
    "✗ policy_violation after r1 (signature_mismatch)"
)]
#[case::not_twice(
    Manner::Dies,
    Federation::RemotePrefer,
    false,
    "✗ worker_lost after r1 (agent_lost)"
)]
fn a_process_is_with_an_agent_or_else_here(
    #[case] manner: Manner,
    #[case] federation: Federation,
    #[case] idempotent: bool,
    #[case] expected: &str,
) {
    let agent = TestAgent::start("r1", manner.clone());
    let here = Arc::new(Here::default());
    let executor = hybrid(over(&[(&agent, SIGNED)], "", vec![]), &here);
    let max_latency = (manner == Manner::Slow).then_some(Duration::from_millis(300));
    let (_, reports) = through(
        &executor,
        step(AgentWork {
            federation: Some(federation),
            idempotent,
            max_latency,
            ..process(true)
        }),
    );
    let report = reports.recv_timeout(LONG).unwrap();
    assert!(reports.recv().is_err(), "it ends once");
    assert_eq!(told(&report), expected);
    assert_eq!(here.started(), usize::from(expected.contains("localhost")));
    let busy = (manner == Manner::Busy).then_some("no agent fits: r1: it says that it is busy");
    assert_eq!(record(&report).reason.as_deref(), busy);
}

#[test]
fn without_agents_it_is_done_here_and_says_so() {
    let here = Arc::new(Here::default());
    let executor = hybrid(over(&[], "", vec![]), &here);
    let (_, reports) = through(&executor, step(process(true)));
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(told(&report), "by localhost");
    let why = record(&report).reason.as_deref().unwrap();
    assert!(why.starts_with("there is no agent"), "{why}");
    let faults = executor.preflight(&step(process(true)));
    assert_eq!(faults[0].reason, "there is no such program");
}

/// What this machine is not known to have, it does not do.
#[test]
fn it_is_not_done_here_where_more_is_asked_for() {
    let here = Arc::new(Here::default());
    let executor = hybrid(over(&[], "", vec![self::here()]), &here);
    let mut work = process(true);
    work.need.capabilities.insert("gpu".parse().unwrap());
    let faults = executor.preflight(&step(work.clone()));
    assert!(faults[0].reason.contains("it cannot gpu"), "{faults:?}");
    let (_, reports) = through(&executor, step(work));
    assert_eq!(told(&reports.recv_timeout(LONG).unwrap()), "✗ config_error");
    assert_eq!(here.started(), 0);
}

#[test]
fn what_is_distributed_alone_is_not_done_here() {
    let agent = TestAgent::start("r1", Manner::Dies);
    let executor = over(&[(&agent, SIGNED)], "", vec![]);
    let (_, reports) = through(&executor, step(process(false)));
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(told(&report), "✗ worker_lost after r1 (agent_lost)");
    let nobody = over(&[], "", vec![]);
    let faults = nobody.preflight(&step(process(false)));
    assert!(
        faults[0].reason.starts_with("there is no agent"),
        "{faults:?}"
    );
}

/// Stopped with the agent, it is not begun here; stopped here, it is stopped.
#[rstest]
#[case::with_the_agent(Manner::Slow, 0)]
#[case::here(Manner::Refuses, 1)]
fn a_process_is_stopped_wherever_it_is(#[case] manner: Manner, #[case] started: usize) {
    let agent = TestAgent::start("r1", manner);
    let here = Arc::new(Here {
        stays: true,
        ..Here::default()
    });
    let executor = hybrid(over(&[(&agent, SIGNED)], "", vec![]), &here);
    let (attempt, reports) = through(&executor, step(process(true)));
    while here.started() == 0 && agent.begun() == 0 {
        std::thread::yield_now();
    }
    executor.cancel(&attempt, CancelReason::Cancelled);
    let report = reports.recv_timeout(LONG).unwrap();
    assert_eq!(report.result.end.unwrap_err().class, ErrorClass::Cancelled);
    assert!(reports.recv().is_err(), "it ends once");
    assert_eq!(here.started(), started);
}
