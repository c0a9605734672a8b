//! The conformance suite on the embedded engine, on a server, and on engines
//! whose executor is deliberately broken: each is found out by the case's name.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/mod.rs"]
mod support;

use rok_conformance::{Engine, cases};
use rok_exec_process::ProcessExecutor;
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepReport, StepRequest, StepSuccess, Work, Workspace,
};
use rok_facades::runs::RunsFacade;
use rok_runner::Services;
use rok_runs::{Governed, Runs, RunsSetup};
use rok_vocabulary::{ErrorClass, RunId};
use rstest::rstest;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
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
    let done = bench.rok(["conformance", "--server", url, "--json"]);
    server.kill().expect("it lives");
    server.wait().expect("it ends");
    let report = done.exits(0).json();
    assert_eq!(report["summary"]["passed"], cases().count());
}

#[rstest]
#[case(&["conformance", "--case", "kaos"], 3, "ROK0240")]
#[case(&["conformance", "--format", "kunit"], 2, "ROK0220")]
#[case(&["conformance", "--store", "sqlite:rok.db"], 2, "ROK0117")]
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

/// The cases of these areas that an engine with that executor fails.
fn failed(flaw: Option<Flaw>, areas: &[&str]) -> Vec<String> {
    let folder = tempfile::tempdir().expect("a folder");
    let setup = RunsSetup::new(
        folder.path().join("runs"),
        "user:ada".parse().expect("an actor"),
    );
    let processes = || ProcessExecutor::builder().build().expect("an executor");
    let executor: Arc<dyn Executor> = match flaw {
        Some(flaw) => Arc::new(Broken {
            inner: processes(),
            flaw,
        }),
        None => Arc::new(processes()),
    };
    let (facades, _) = rok::compose::facades(&[], &[]).expect("the default policies");
    let services = move |_: &_| {
        let services = Services::new(facades.clone()).executor(Arc::clone(&executor));
        Ok(Governed {
            services,
            policies: None,
        })
    };
    let runs = RunsFacade::new(Arc::new(Runs::new(setup, Arc::new(services))));
    let engine = Engine::new(runs, folder.path().to_owned());
    cases()
        .filter(|case| areas.contains(&case.area) && case.check(&engine).is_err())
        .map(rok_conformance::Case::full_name)
        .collect()
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
