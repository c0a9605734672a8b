//! The report as annotations of GitHub Actions: workflow commands, a line each.

use crate::look::Look;
use crate::registry::FormatError;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;
use rok_orchestration::{Finding, Level, ResultStatus, RunReport};

/// An annotation for each finding, one for each warning, and how it ended.
#[expect(clippy::unnecessary_wraps, reason = "the signature of formatters")]
pub(crate) fn write(report: &RunReport, _: Look) -> Result<String, FormatError> {
    let mut out = String::new();
    for result in &report.results {
        for finding in &result.errors {
            let command = match finding.level {
                Level::Error => "error",
                Level::Warning => "warning",
                Level::Note => "notice",
            };
            annotate(&mut out, command, &result.component, finding);
        }
        if result.status == ResultStatus::Warn {
            for message in &result.messages {
                annotate(
                    &mut out,
                    "warning",
                    &result.component,
                    &Finding::error(message),
                );
            }
        }
    }
    if let Some(error) = &report.error {
        annotate(&mut out, "error", "rok", &Finding::error(&error.message));
    }
    let command = if report.exit_code == 0 {
        "notice"
    } else {
        "error"
    };
    // What failed may be no component.
    for message in &report.messages {
        annotate(&mut out, command, "rok", &Finding::error(message));
    }
    if let Some(replay) = &report.replay {
        let command = if replay.diverged { "error" } else { "notice" };
        for text in replay.in_words() {
            annotate(&mut out, command, "rok", &Finding::error(&text));
        }
    }
    let sum = &report.summary;
    let closing = format!(
        "{}: {}; {} passed, {} warned, {} failed, {} skipped",
        report.stage,
        report.status.as_str(),
        sum.passed,
        sum.warned,
        sum.failed,
        sum.skipped,
    );
    annotate(&mut out, command, "rok", &Finding::error(&closing));
    Ok(out)
}

fn annotate(out: &mut String, command: &str, title: &str, finding: &Finding) {
    let number = |number: Option<u32>| number.map(|number| number.to_string());
    let properties = [
        ("file", finding.file.clone()),
        ("line", finding.file.as_ref().and(number(finding.line))),
        ("col", finding.file.as_ref().and(number(finding.column))),
        ("title", Some(title.to_string())),
    ];
    let properties: Vec<String> = properties
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name}={}", property(&value?))))
        .collect();
    let (properties, message) = (properties.join(","), data(&finding.message));
    let _ = writeln!(out, "::{command} {properties}::{message}");
}

/// What stands behind `::`: a line that could begin another command is none, and
/// what a terminal would act on is told, not done.
fn data(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '%' => out.push_str("%25"),
            '\r' => out.push_str("%0D"),
            '\n' => out.push_str("%0A"),
            '\u{2028}' | '\u{2029}' => out.extend(c.escape_unicode()),
            c if c.is_control() && c != '\t' => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
