//! Functions keep the contract of executors, and one that does not fails by the
//! name of the case.

use rok_conformance::{ExecutorBench, ExecutorKind, Stand, conform_executor, executor_cases};
use rok_executor::contract::RULES;
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, Functions, PreflightFault, Remains,
    ReportSink, StepReport, StepRequest, StepSuccess, Work, Workspace,
};
use rok_orchestration::{ReportStatus, ResultStatus, RunReport};
use rok_vocabulary::{RunId, Timestamp};
use rstest::rstest;
use std::sync::Arc;

/// Tells every failure as a success.
struct Rosy(Functions);

impl Executor for Rosy {
    fn accepts(&self, work: &Work) -> bool {
        self.0.accepts(work)
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        self.0.preflight(request)
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let rosy = move |mut report: StepReport| {
            report.result.end = Ok(StepSuccess::default());
            sink.report(report);
        };
        self.0.start(request, Arc::new(rosy));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.0.cancel(attempt, reason);
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        self.0.stop_remains(run, workspace)
    }
}

fn held(executor: Arc<dyn Executor>) -> RunReport {
    let folder = tempfile::tempdir().expect("a folder");
    let stand = Stand::open(ExecutorKind::Call, folder.path()).expect("a stand");
    let clock = || Timestamp::from_millis(0);
    conform_executor(&stand.bench(executor), executor_cases(), clock, |_| ())
}

fn names(report: &RunReport, status: ResultStatus) -> Vec<&str> {
    let results = report.results.iter();
    let ended = results.filter(|result| result.status == status);
    ended.map(|result| result.component.as_str()).collect()
}

#[test]
fn functions_conform() {
    let report = held(Arc::new(Stand::functions()));
    assert_eq!(
        (report.status, report.exit_code),
        (ReportStatus::Success, 0)
    );
    assert_eq!(names(&report, ResultStatus::Pass).len(), RULES.len());
}

#[test]
fn an_executor_that_lies_fails_by_the_cases_name() {
    let report = held(Arc::new(Rosy(Stand::functions())));
    assert_eq!((report.status, report.exit_code), (ReportStatus::Failed, 1));
    let name = "executor/a_failure_is_reported_once_with_its_reason";
    assert!(names(&report, ResultStatus::Fail).contains(&name));
    let mut results = report.results.iter();
    let result = results
        .find(|result| result.component == name)
        .expect("it is there");
    assert_eq!(result.errors[0].rule.as_deref(), Some(name));
    assert_eq!(
        result.errors[0].message,
        "work that fails was reported as a success"
    );
    let rule = RULES
        .iter()
        .find(|rule| name.ends_with(rule.name))
        .expect("a rule");
    assert_eq!(result.messages, [format!("the rule: {}", rule.about)]);
    // What it keeps is not counted against it.
    assert!(names(&report, ResultStatus::Pass).contains(&"executor/a_success_is_reported_once"));
}

#[test]
fn what_cannot_be_shown_is_skipped_with_the_reason() {
    let functions: Arc<dyn Executor> = Arc::new(Stand::functions());
    let bench = ExecutorBench::new(
        move || Arc::clone(&functions),
        |_| Err("it does nothing".to_owned()),
    );
    let clock = || Timestamp::from_millis(0);
    let report = conform_executor(&bench, executor_cases(), clock, |_| ());
    assert_eq!((report.status, report.exit_code), (ReportStatus::Failed, 1));
    assert_eq!(names(&report, ResultStatus::Skip).len(), RULES.len());
    let why = "it could not be shown: it does nothing";
    assert!(report.results.iter().all(|result| result.messages == [why]));
    assert_eq!(
        report.messages,
        ["no case could be shown with this executor"]
    );
}

#[rstest]
#[case("run", true)]
#[case("call", true)]
#[case("http", true)]
#[case("service", true)]
#[case("agent", true)]
#[case("plan", false)]
#[case("Run", false)]
#[case("", false)]
fn kinds_are_named_as_plans_name_them(#[case] text: &str, #[case] is: bool) {
    let parsed = text.parse::<ExecutorKind>();
    assert_eq!(parsed.is_ok(), is);
    if let Ok(kind) = parsed {
        assert_eq!(kind.as_str(), text);
    }
}
