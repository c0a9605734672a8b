//! The report as JUnit XML, which CI systems read.

use crate::data::unfit;
use crate::look::Look;
use crate::registry::FormatError;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use rok_orchestration::{ComponentResult, Finding, Level, ReplayReport, ResultStatus, RunReport};

/// A suite, a case for each component. What went wrong with the run as a whole
/// is a case in error, so that no reader takes it for a success.
pub(crate) fn write(report: &RunReport, _: Look) -> Result<String, FormatError> {
    let mut out = Report::new(format!("rok {}", report.stage));
    out.set_time(Duration::from_millis(report.execution_time_ms));
    let mut suite = TestSuite::new(report.stage.as_str());
    suite.set_time(Duration::from_millis(report.execution_time_ms));
    suite.add_property(("correlation_id", report.correlation_id.as_str()));
    suite.add_property(("status", report.status.as_str()));
    for result in &report.results {
        suite.add_test_case(case(&report.stage, result));
    }
    let diverged = report.replay.as_ref().filter(|replay| replay.diverged);
    if let Some(replay) = diverged {
        suite.add_test_case(divergence(&report.stage, replay));
    }
    let explained = report.summary.failed > 0 || (diverged.is_some() && report.messages.is_empty());
    let unexplained = !report.status.is_good() && !explained;
    if report.error.is_some() || unexplained {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        let message = match &report.error {
            Some(error) => {
                status.set_type(error.kind.as_str());
                error.message.clone()
            }
            None => report.messages.join("; "),
        };
        status.set_message(xml(&message));
        let mut case = TestCase::new(report.status.as_str(), status);
        case.set_classname(report.stage.as_str());
        suite.add_test_case(case);
    }
    let mut said = report.messages.clone();
    said.extend(report.replay.iter().flat_map(ReplayReport::in_words));
    if !said.is_empty() {
        suite.set_system_out(xml(&said.join("\n")));
    }
    out.add_test_suite(suite);
    out.to_string().map_err(|error| unfit("junit", &error))
}

/// What came out otherwise than recorded, as a case of its own: the components
/// may all have passed.
fn divergence(stage: &str, replay: &ReplayReport) -> TestCase {
    let words = replay.in_words();
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
    status
        .set_type("diverged")
        .set_message(xml(&words.join("; ")))
        .set_description(xml(&words.join("\n")));
    let mut case = TestCase::new("replay", status);
    case.set_classname(stage);
    case
}

fn case(stage: &str, result: &ComponentResult) -> TestCase {
    let status = match result.status {
        ResultStatus::Pass | ResultStatus::Warn => TestCaseStatus::success(),
        ResultStatus::Skip => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(xml(&result.messages.join("; ")));
            status
        }
        ResultStatus::Fail => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            let class = result.error_class.as_deref().unwrap_or("failed");
            let first = result.errors.first().map(|error| error.message.as_str());
            status
                .set_type(class)
                .set_message(xml(first.unwrap_or(class)))
                .set_description(lines(&result.errors));
            status
        }
    };
    let mut case = TestCase::new(xml(&result.component), status);
    case.set_classname(stage);
    case.set_time(Duration::from_millis(result.duration_ms));
    let mut said = result.messages.clone();
    match result.status {
        // These stand in the case's own status.
        ResultStatus::Skip => said.clear(),
        ResultStatus::Fail => {}
        // A success has nowhere else to tell what is to be looked at.
        ResultStatus::Pass | ResultStatus::Warn => {
            said.extend(result.errors.iter().map(line));
        }
    }
    if !said.is_empty() {
        case.set_system_out(xml(&said.join("\n")));
    }
    case
}

fn line(finding: &Finding) -> String {
    let level = match finding.level {
        Level::Error => "",
        Level::Warning => "warning: ",
        Level::Note => "note: ",
    };
    match finding.place() {
        Some(place) => format!("{place}: {level}{}", finding.message),
        None => format!("{level}{}", finding.message),
    }
}

fn lines(findings: &[Finding]) -> String {
    xml(&findings.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Without the two characters that XML forbids and the writer lets through.
fn xml(text: &str) -> String {
    text.replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
