//! Tests of plans for people.

use super::event::event_at;
use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::{StepState, TestVerdict, format_duration};
use rok_service::{PlanTestReport, TestFileReport, TestReport};
use std::fmt::Write as _;
use std::time::Duration;

/// Columns of a test's name.
const NAME: usize = 60;

/// A file's tests, a line each; more where one did not pass. Quiet: only those.
pub(crate) fn plan_test(file: &TestFileReport, look: Look, quiet: bool) -> String {
    let paint = Paint::of(look);
    let mut text = String::new();
    let shown: Vec<&TestReport> = file
        .tests
        .iter()
        .filter(|test| !quiet || test.verdict != TestVerdict::Passed)
        .collect();
    if shown.is_empty() && file.error.is_none() {
        return text;
    }
    let plan = file.plan.as_ref().map(|plan| format!(" ({plan})"));
    let _ = writeln!(
        text,
        "{}{}",
        paint.strong(&clean(&file.file)),
        plan.unwrap_or_default()
    );
    for test in shown {
        one(&mut text, file, test, look);
    }
    text
}

fn one(text: &mut String, file: &TestFileReport, test: &TestReport, look: Look) {
    let paint = Paint::of(look);
    let sign = paint.sign(match test.verdict {
        TestVerdict::Passed => StepState::Succeeded,
        TestVerdict::Failed | TestVerdict::Broken => StepState::Failed,
    });
    let name = clean(&test.name);
    let virtual_time = format_duration(Duration::from_millis(test.virtual_ms));
    let _ = writeln!(
        text,
        "  {sign} {name:<NAME$} {}",
        paint.faint(&format!("{virtual_time} in {} ms", test.wall_ms))
    );
    if test.verdict == TestVerdict::Passed {
        return;
    }
    let _ = writeln!(
        text,
        "      {}",
        paint.faint(&format!("{}:{}", clean(&file.file), test.line))
    );
    for mismatch in &test.mismatches {
        let _ = writeln!(text, "      {}", paint.bad(&clean(&mismatch.what)));
        let _ = writeln!(text, "        expected  {}", clean(&mismatch.expected));
        let _ = writeln!(text, "        actual    {}", clean(&mismatch.actual));
    }
    if let Some(fault) = &test.fault {
        let label = paint.bad("the test is wrong:");
        let _ = writeln!(text, "      {label} {}", clean(&fault.message));
        if let Some(hint) = &fault.hint {
            let _ = writeln!(text, "        {} {}", paint.hint("help:"), clean(hint));
        }
    }
    if !test.tail.is_empty() {
        let (shown, all) = (test.tail.len(), test.events);
        let _ = writeln!(text, "      the last {shown} of {all} events:");
    }
    for event in &test.tail {
        let since = event.at.since(test.created_at);
        let time = format!("{:>12}", format!("+{}", format_duration(since)));
        let _ = write!(text, "      {}", event_at(event, &time, look));
    }
}

/// How many passed, and how long it took.
pub(crate) fn plan_test_total(report: &PlanTestReport, look: Look) -> String {
    let paint = Paint::of(look);
    let mut parts = vec![format!("{} passed", report.passed)];
    if report.failed > 0 {
        parts.push(paint.bad(&format!("{} failed", report.failed)));
    }
    if report.broken > 0 {
        parts.push(paint.bad(&format!("{} broken", report.broken)));
    }
    let count = report.passed + report.failed + report.broken;
    let noun = if count == 1 { "test" } else { "tests" };
    let virtual_time = format_duration(Duration::from_millis(report.virtual_ms));
    format!(
        "{count} {noun}: {}; {virtual_time} of virtual time in {} ms\n",
        parts.join(", "),
        report.wall_ms
    )
}
