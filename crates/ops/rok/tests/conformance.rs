//! The conformance suite on the embedded engine, on a server, and on engines
//! whose executor is deliberately broken: each is found out by the case's name.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/mod.rs"]
mod support;

#[path = "conformance/twins.rs"]
mod twins;

use rok_conformance::{Case, Engine, Fault, House, cases, conform, executor_cases};
use rok_exec_agent::{AgentDirectory, AgentExecutor, AgentsFile};
use rok_exec_process::ProcessExecutor;
use rok_execution_policy::ExecutionPolicy;
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepFailure, StepReport, StepRequest, StepSuccess, Work, Workspace,
};
use rok_facades::runs::RunsFacade;
use rok_orchestration::ReportStatus;
use rok_runner::Services;
use rok_runs::{Governed, Runs, RunsSetup};
use rok_vocabulary::{ErrorClass, RunId, Timestamp};
use rstest::rstest;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use support::Bench;

#[test]
fn the_embedded_engine_conforms() {
    let bench = Bench::new();
    let done = bench.rok(["conformance", "--format", "human", "--junit", "suite.xml"]);
    let done = done.exits(0);
    let count = cases().count();
    assert!(count > 30, "{count}");
    assert!(
        done.out.contains("chaos/a_cancelled_run_ends"),
        "{}",
        done.out
    );
    let junit = std::fs::read_to_string(bench.path().join("suite.xml")).expect("a file");
    assert_eq!(junit.matches("<testcase ").count(), count);
    assert!(!junit.contains("<failure"), "{junit}");
    // Nothing of it is left among the runs of the folder.
    assert_eq!(
        bench.rok(["ls", "--json"]).exits(0).json(),
        Value::Array(Vec::new())
    );
}

#[test]
fn a_server_conforms() {
    let bench = Bench::new();
    let policies = bench.rok(["conformance", "--show-policies"]).exits(0).out;
    bench.write("policies.json", &policies);
    bench.write("rok.toml", "execution_policies = [\"policies.json\"]\n");
    let serve = [
        "serve",
        "--insecure-no-auth",
        "--listen",
        "127.0.0.1:0",
        "--store",
        "sqlite:rok.db",
    ];
    let mut server = bench
        .command(serve)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("rok starts");
    let mut line = String::new();
    let out = server.stdout.as_mut().expect("a pipe");
    BufReader::new(out).read_line(&mut line).expect("a line");
    let url = line
        .trim()
        .strip_prefix("rok serves on ")
        .expect("it serves");
    let suite = ["conformance", "--server", url, "--junit", "suite.xml"];
    let done = bench.rok(suite.into_iter().chain(["--json"]));
    let told = [
        "conformance",
        "--server",
        url,
        "--case",
        "federation/a_step",
    ];
    let table = bench.rok(told.into_iter().chain(["--format", "human"]));
    // Some that are shown, and three that cannot be.
    let some = ["--case", "schema", "--strict", "--junit", "strict.xml"];
    let demanded = bench.rok(told.into_iter().chain(some).chain(["--format", "human"]));
    server.kill().expect("it lives");
    server.wait().expect("it ends");
    let report = done.exits(0).json();
    // Agents of the suite are given to an engine of its own process alone, and
    // nobody sees there what a server decides.
    let unshown = cases().filter(|case| case.area == "federation");
    let unshown: Vec<String> = unshown.map(Case::full_name).collect();
    let results = report["results"].as_array().expect("results");
    let skipped = results.iter().filter(|result| result["status"] == "skip");
    let skipped: Vec<&Value> = skipped.collect();
    let names: Vec<&str> = skipped
        .iter()
        .filter_map(|r| r["component"].as_str())
        .collect();
    assert_eq!(names, unshown);
    assert_eq!(report["summary"]["passed"], cases().count() - unshown.len());
    assert_eq!(report["status"], "partial");
    let junit = std::fs::read_to_string(bench.path().join("suite.xml")).expect("a file");
    assert_eq!(junit.matches("<skipped").count(), unshown.len());
    for result in skipped {
        let why = result["messages"][0].as_str().expect("why");
        assert!(why.starts_with("it could not be shown: "), "{why}");
        let written = why.replace('\'', "&apos;");
        assert!(junit.contains(&written), "{why}: {junit}");
    }
    // Where all of them are asked for, what cannot be shown has failed.
    let demanded = demanded.exits(1);
    let ended = "FAILED: 3 passed, 3 failed; ";
    assert!(demanded.out.contains(ended), "{}", demanded.out);
    assert!(!demanded.out.contains("skipped"), "{}", demanded.out);
    assert!(
        demanded.err.contains("FAIL federation/a_step"),
        "{}",
        demanded.err
    );
    let junit = std::fs::read_to_string(bench.path().join("strict.xml")).expect("a file");
    assert_eq!(junit.matches("<failure").count(), 3, "{junit}");
    assert!(junit.contains("it could not be shown: "), "{junit}");
    assert_eq!(junit.matches("<skipped").count(), 0, "{junit}");
    // Nothing of these was shown: that is no success.
    let table = table.exits(1).out;
    assert!(table.contains("could not be shown"), "{table}");
}

/// Each executor as this rok has it, its own rules under hostile settings too:
/// what the suite asks is the suite's own.
#[rstest]
fn every_executor_of_this_rok_keeps_its_contract(
    #[values("run", "call", "http", "service", "agent")] kind: &str,
) {
    let bench = Bench::new();
    bench.write("rok.toml", "egress_deny = [\"*\"]\n");
    let suite = ["conformance", "--executor", kind, "--junit", "suite.xml"];
    let done = bench.rok(suite.into_iter().chain(["--json"])).exits(0);
    let report = done.json();
    assert_eq!(report["status"], "success", "{report}");
    let results = report["results"].as_array().expect("results");
    let names = results.iter().filter_map(|one| one["component"].as_str());
    let rules = executor_cases().map(|case| case.full_name());
    assert_eq!(names.collect::<Vec<_>>(), rules.collect::<Vec<_>>());
    let junit = std::fs::read_to_string(bench.path().join("suite.xml")).expect("a file");
    assert_eq!(junit.matches("<testcase ").count(), results.len());
}

#[test]
fn the_rules_of_executors_are_listed_with_what_they_say() {
    let bench = Bench::new();
    let list = ["conformance", "--executor", "run", "--list"];
    let told = bench.rok(list).exits(0).out;
    for case in executor_cases() {
        let line = told
            .lines()
            .find(|line| line.starts_with(&case.full_name()));
        assert!(
            line.is_some_and(|line| line.ends_with(case.about())),
            "{told}"
        );
    }
    let some = list
        .into_iter()
        .chain(["--json", "--case", "executor/a_stop"]);
    let some = bench.rok(some).exits(0).json();
    assert_eq!(some.as_array().map(Vec::len), Some(4), "{some}");
}

#[rstest]
#[case(&["conformance", "--executor", "plan"], 3, "ROK0241")]
#[case(&["conformance", "--executor", "kaos"], 3, "ROK0241")]
#[case(&["conformance", "--executor", "run", "--case", "chaos"], 3, "ROK0240")]
#[case(&["conformance", "--executor", "run", "--server", "http://127.0.0.1:1"], 2, "ROK0241")]
#[case(&["conformance", "--agent", "nobody"], 3, "ROK0173")]
#[case(&["conformance", "--case", "kaos"], 3, "ROK0240")]
#[case(&["conformance", "--format", "kunit"], 2, "ROK0220")]
#[case(&["conformance", "--store", "sqlite:rok.db"], 2, "ROK0117")]
#[case(&["conformance", "--case", "federation", "--server", "http://127.0.0.1:1"], 1, "ROK0213")]
fn what_cannot_be_checked_is_refused(
    #[case] arguments: &[&str],
    #[case] code: i32,
    #[case] told: &str,
) {
    let done = Bench::new().rok(arguments).exits(code);
    assert!(done.err.contains(told), "{}", done.err);
}

/// What is wrong with an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    /// Tells failures as successes.
    Rosy,
    /// Takes every failure for a final one.
    Final,
    /// Forgets what the work said that it cost.
    Thrifty,
    /// Says that all work cost a lot.
    Spendthrift,
    /// Takes every failure for one that may pass.
    Hopeful,
    /// Tells successes as failures.
    Gloomy,
    /// Says that work took no time.
    Swift,
    /// Makes results up.
    Inventive,
    /// Finds fault with everything beforehand.
    Picky,
}

struct Broken {
    inner: ProcessExecutor,
    flaw: Flaw,
}

impl Executor for Broken {
    fn accepts(&self, work: &Work) -> bool {
        self.inner.accepts(work)
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        if self.flaw == Flaw::Picky {
            return vec![PreflightFault {
                step: request.attempt.step.step.to_string(),
                class: ErrorClass::ConfigError,
                reason: "never".to_owned(),
            }];
        }
        self.inner.preflight(request)
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let flaw = self.flaw;
        let spoiling = move |mut report: StepReport| {
            let result = &mut report.result;
            match (flaw, &mut result.end) {
                (Flaw::Rosy, end @ Err(_)) => *end = Ok(StepSuccess::default()),
                (Flaw::Final, Err(failure)) if failure.class == ErrorClass::TransientIo => {
                    failure.class = ErrorClass::ValidationFailed;
                }
                (Flaw::Thrifty, _) => {
                    let usage = &mut result.usage;
                    (usage.cost_usd, usage.energy_kwh, usage.tokens) = (0.0, 0.0, 0);
                }
                (Flaw::Spendthrift, _) => {
                    let usage = &mut result.usage;
                    (usage.cost_usd, usage.energy_kwh, usage.tokens) = (9.0, 9.0, 9);
                }
                (Flaw::Hopeful, Err(failure)) => failure.class = ErrorClass::TransientIo,
                (Flaw::Gloomy, end @ Ok(_)) => {
                    let failure = StepFailure::new(ErrorClass::ValidationFailed, "it must have");
                    *end = Err(failure);
                }
                (Flaw::Inventive, Ok(success)) => success.outputs = serde_json::json!({ "n": 1 }),
                (Flaw::Swift, _) => result.wall = Duration::ZERO,
                _ => {}
            }
            sink.report(report);
        };
        self.inner.start(request, Arc::new(spoiling));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.inner.cancel(attempt, reason);
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        self.inner.stop_remains(run, workspace)
    }
}

/// Whatever else is wrong with an engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Twin {
    /// Strict policies are told alone.
    Lenient,
    /// Soft policies block.
    Severe,
    /// Takes results whoever signed them.
    Credulous,
    /// Gives up a step with its first agent.
    Faint,
    /// Has a step done again that must not be repeated.
    Reckless,
}

struct BrokenAgents {
    inner: AgentExecutor,
    twin: Option<Twin>,
}

impl Executor for BrokenAgents {
    fn accepts(&self, work: &Work) -> bool {
        self.inner.accepts(work)
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        self.inner.preflight(request)
    }

    fn start(&self, mut request: StepRequest, sink: Arc<dyn ReportSink>) {
        if let Work::Agent(work) = &mut request.work {
            match self.twin {
                Some(Twin::Faint) => work.idempotent = false,
                Some(Twin::Reckless) => work.idempotent = true,
                _ => {}
            }
        }
        self.inner.start(request, sink);
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.inner.cancel(attempt, reason);
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        self.inner.stop_remains(run, workspace)
    }
}

fn policies(house: &House, twin: Option<Twin>) -> Vec<ExecutionPolicy> {
    let text = std::fs::read_to_string(&house.policies).expect("the suite's policies");
    let text = match twin {
        Some(Twin::Lenient) => text.replace("\"strict\"", "\"soft\""),
        Some(Twin::Severe) => text.replace("\"soft\"", "\"strict\""),
        _ => text,
    };
    let mut all: Value = serde_json::from_str(&text).expect("JSON");
    serde_json::from_value(all["policies"].take()).expect("policies")
}

fn agents(house: &House, twin: Option<Twin>) -> BrokenAgents {
    if twin == Some(Twin::Credulous) {
        let text = std::fs::read_to_string(&house.agents).expect("the suite's agents");
        let trusting = |line: &&str| !line.starts_with("key") && !line.starts_with("trust_level");
        let lines: Vec<&str> = text.lines().filter(trusting).collect();
        std::fs::write(&house.agents, lines.join("\n")).expect("it is ours");
    }
    let file = AgentsFile::read(&house.agents).expect("an agents' file");
    let directory = AgentDirectory::new(file, []);
    let inner = AgentExecutor::new(Arc::new(directory));
    BrokenAgents { inner, twin }
}

/// An engine that another program than ours composes.
fn engine(folder: &Path, setup: RunsSetup, executors: Vec<Arc<dyn Executor>>) -> Engine {
    Engine::new(composed(setup, executors), folder.to_owned())
}

fn composed(setup: RunsSetup, executors: Vec<Arc<dyn Executor>>) -> RunsFacade {
    let (facades, _) = rok::compose::facades(&[], &[]).expect("the default policies");
    let services = move |_: &_| {
        let all = executors.iter().cloned();
        let services = all.fold(Services::new(facades.clone()), Services::executor);
        Ok(Governed {
            services,
            policies: None,
        })
    };
    RunsFacade::new(Arc::new(Runs::new(setup, Arc::new(services))))
}

/// The runs of an engine with which nothing is wrong.
fn sound(folder: &Path) -> RunsFacade {
    let user = "user:ada".parse().expect("an actor");
    let setup = RunsSetup::new(folder.join("runs"), user);
    let processes = ProcessExecutor::builder().build().expect("an executor");
    composed(setup, vec![Arc::new(processes)])
}

/// The cases of these areas that an engine with that executor fails.
fn failed(flaw: Option<Flaw>, areas: &[&str]) -> Vec<String> {
    failed_by(flaw, None, areas)
}

fn failed_by(flaw: Option<Flaw>, twin: Option<Twin>, areas: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let engine = spoilt(folder.path(), flaw, twin);
    let faults = cases().filter(|case| areas.contains(&case.area));
    let faults = faults.filter_map(|case| Some((case, case.check(&engine).err()?)));
    faults
        .map(|(case, fault)| {
            assert!(matches!(fault, Fault::Broken(_)), "{fault}");
            case.full_name()
        })
        .collect()
}

/// An engine with what is wrong with its executor, and whatever else is.
fn spoilt(folder: &Path, flaw: Option<Flaw>, twin: Option<Twin>) -> Engine {
    let house = House::open(folder).expect("loopback has ports");
    let user = "user:ada".parse().expect("an actor");
    let setup = RunsSetup {
        execution_policies: policies(&house, twin),
        ..RunsSetup::new(folder.join("runs"), user)
    };
    let processes = || ProcessExecutor::builder().build().expect("an executor");
    let executor: Arc<dyn Executor> = match flaw {
        Some(flaw) => Arc::new(Broken {
            inner: processes(),
            flaw,
        }),
        None => Arc::new(processes()),
    };
    let agents: Arc<dyn Executor> = Arc::new(agents(&house, twin));
    engine(folder, setup, vec![executor, agents]).with_agents()
}

#[rstest]
#[case(Twin::Lenient, &["policy"], &["policy/a_strict_policy_blocks_before_anything_runs"])]
#[case(Twin::Severe, &["policy"], &["policy/a_soft_policy_is_told_and_lets_pass"])]
#[case(Twin::Credulous, &["federation"], &[
    "federation/a_step_is_done_here_where_an_agent_forges",
    "federation/under_quarantine_a_forged_result_ends_the_step",
])]
#[case(Twin::Faint, &["federation"], &[
    "federation/a_step_is_done_by_the_agent_that_stands_in_for_a_dead_one",
    "federation/a_step_is_done_here_where_an_agent_is_late",
    "federation/a_step_is_done_here_where_an_agent_forges",
])]
#[case(Twin::Reckless, &["federation"], &[
    "federation/what_may_not_be_repeated_waits_for_a_person",
])]
fn a_broken_twin_is_found_out_by_the_cases_about_it(
    #[case] twin: Twin,
    #[case] areas: &[&str],
    #[case] cases: &[&str],
) {
    assert_eq!(failed_by(None, Some(twin), areas), cases);
}

/// What an engine is not given is not taken for shown.
#[test]
fn what_could_not_be_shown_is_no_success() {
    let folder = tempfile::tempdir().expect("a folder");
    let user = "user:ada".parse().expect("an actor");
    let setup = RunsSetup::new(folder.path().join("runs"), user);
    let processes = ProcessExecutor::builder().build().expect("an executor");
    let engine = engine(folder.path(), setup, vec![Arc::new(processes)]);
    let about = |case: &&Case| {
        case.area == "policy" || case.full_name().starts_with("federation/a_step_is_done")
    };
    let clock = || Timestamp::from_millis(0);
    let report = conform(&engine, cases().filter(about), clock, |_| ());
    assert_eq!(report.status, ReportStatus::Failed, "nothing was shown");
    assert_eq!((report.summary.passed, report.summary.skipped), (0, 6));
    let why = &report.results[0].messages[0];
    assert!(why.contains("not under the suite's policies"), "{why}");
}

#[test]
fn an_engine_that_another_program_composes_conforms() {
    let all: Vec<&str> = cases().map(|case| case.area).collect();
    assert_eq!(failed(None, &all), [""; 0]);
}

#[rstest]
#[case(Flaw::Final, &["retry"], &[
    "retry/what_is_transient_is_tried_again_until_it_succeeds",
    "retry/tries_end",
])]
#[case(Flaw::Thrifty, &["budget"], &[
    "budget/cost_that_is_used_up_stops_the_run",
    "budget/energy_that_is_used_up_stops_the_run",
    "budget/tokens_that_are_used_up_stop_the_run",
])]
#[case(Flaw::Rosy, &["schema", "federation"], &[])]
fn a_broken_executor_is_found_out_by_the_cases_about_it(
    #[case] flaw: Flaw,
    #[case] areas: &[&str],
    #[case] cases: &[&str],
) {
    assert_eq!(failed(Some(flaw), areas), cases);
}

#[test]
fn failures_that_are_told_as_successes_are_found_out() {
    let failed = failed(Some(Flaw::Rosy), &["chaos", "retry"]);
    for case in [
        "chaos/a_step_that_fails_fails_its_run",
        "chaos/a_step_that_is_killed_fails_its_run",
        "chaos/a_step_that_never_ends_is_ended",
        "chaos/a_hard_gate_stops_what_has_not_begun",
        "retry/a_fallback_stands_in_and_the_run_is_partial",
    ] {
        assert!(failed.iter().any(|name| name == case), "{case}: {failed:?}");
    }
    assert!(
        !failed
            .iter()
            .any(|name| name == "chaos/much_output_harms_nothing")
    );
}
