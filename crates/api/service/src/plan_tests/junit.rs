//! The report as JUnit XML, which CI systems read.

use super::{PlanTestReport, TestFileReport, TestReport};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use rok_facades::plan_tests::TestVerdict;
use std::fmt::Write as _;
use std::time::Duration;

/// A suite a file, a case a test. A file with faults is a case in error.
pub(super) fn write(report: &PlanTestReport) -> String {
    let mut out = Report::new("rok plan test");
    out.set_time(Duration::from_millis(report.wall_ms));
    for file in &report.files {
        out.add_test_suite(suite(file));
    }
    // The text is in memory: nothing can fail but what the types rule out.
    out.to_string().unwrap_or_default()
}

fn suite(file: &TestFileReport) -> TestSuite {
    let mut suite = TestSuite::new(file.file.as_str());
    if let Some(plan) = &file.plan {
        suite.add_property(("plan", plan.as_str()));
    }
    if let Some(error) = &file.error {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_type("faults").set_message(error.to_string());
        let mut case = TestCase::new("the file", status);
        case.set_classname(file.file.as_str());
        suite.add_test_case(case);
    }
    for test in &file.tests {
        suite.add_test_case(case(file, test));
    }
    suite
}

fn case(file: &TestFileReport, test: &TestReport) -> TestCase {
    let status = match test.verdict {
        TestVerdict::Passed => TestCaseStatus::success(),
        TestVerdict::Failed => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let count = test.mismatches.len();
            let noun = if count == 1 { "thing is" } else { "things are" };
            status
                .set_type("mismatch")
                .set_message(format!("{count} {noun} not as expected"))
                .set_description(description(test));
            status
        }
        TestVerdict::Broken => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            let fault = test.fault.as_ref();
            status
                .set_type("broken")
                .set_message(fault.map_or("", |fault| fault.message.as_str()))
                .set_description(description(test));
            status
        }
    };
    let mut case = TestCase::new(test.name.as_str(), status);
    case.set_classname(file.file.as_str());
    case.set_time(Duration::from_millis(test.wall_ms));
    case.add_property(("virtual_ms", test.virtual_ms.to_string().as_str()));
    case
}

fn description(test: &TestReport) -> String {
    let mut text = String::new();
    for mismatch in &test.mismatches {
        let _ = writeln!(
            text,
            "{}: expected {}, was {}",
            mismatch.what, mismatch.expected, mismatch.actual
        );
    }
    if let Some(hint) = test.fault.as_ref().and_then(|fault| fault.hint.as_ref()) {
        let _ = writeln!(text, "help: {hint}");
    }
    for event in &test.tail {
        let parts = [
            &event.step,
            &event.new_state,
            &event.error_class,
            &event.reason,
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().map(String::as_str).collect();
        let (seq, kind) = (event.seq, &event.event_type);
        let _ = writeln!(text, "{seq:>5} {kind:<22} {}", parts.join("  "));
    }
    text
}
