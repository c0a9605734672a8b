//! The report as SARIF 2.1.0, which code scanning reads.

use crate::data::unfit;
use crate::look::Look;
use crate::registry::FormatError;
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;
use rok_orchestration::{ComponentResult, Finding, Level, ResultStatus, RunReport};
use serde_json::{Value, json};

/// The schema that the document says it follows.
const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// A run with a rule for each component and what it checks by, and a result for
/// each finding.
pub(crate) fn write(report: &RunReport, _: Look) -> Result<String, FormatError> {
    let mut rules: Vec<String> = Vec::new();
    let mut results = Vec::new();
    for component in &report.results {
        for finding in &component.errors {
            let rule = rule(component, finding);
            let index = rules.iter().position(|known| *known == rule);
            let index = index.unwrap_or_else(|| {
                rules.push(rule.clone());
                rules.len() - 1
            });
            results.push(result(&rule, index, component, finding));
        }
    }
    let rules: Vec<Value> = rules.into_iter().map(|id| json!({ "id": id })).collect();
    let mut invocation = json!({
        "executionSuccessful": report.status.is_good(),
        "exitCode": report.exit_code,
        "startTimeUtc": report.started_at,
        "endTimeUtc": report.completed_at,
    });
    // What failed may be no component.
    let level = if report.exit_code == 0 {
        "note"
    } else {
        "error"
    };
    let warned = report.results.iter();
    let warned = warned.filter(|result| result.status == ResultStatus::Warn);
    let warned = warned.flat_map(|result| {
        let is_result = |told: &&String| result.errors.iter().any(|one| one.message == **told);
        let told = result.messages.iter().filter(move |told| !is_result(told));
        told.map(|message| ("warning", format!("{}: {message}", result.component)))
    });
    let error = report.error.iter();
    let error = error.map(|error| ("error", error.message.clone()));
    let messages = report.messages.iter();
    let messages = messages.map(|message| (level, message.clone()));
    let replay = report.replay.iter().flat_map(|replay| {
        let level = if replay.diverged { "error" } else { "note" };
        replay.in_words().into_iter().map(move |text| (level, text))
    });
    let notes: Vec<Value> = warned
        .chain(error)
        .chain(messages)
        .chain(replay)
        .map(|(level, text)| json!({ "level": level, "message": { "text": text } }))
        .collect();
    if !notes.is_empty() {
        invocation["toolExecutionNotifications"] = notes.into();
    }
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rok",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            } },
            "automationDetails": { "id": format!("rok/{}/{}", report.stage, report.correlation_id) },
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    });
    let mut text =
        serde_json::to_string_pretty(&document).map_err(|error| unfit("sarif", &error))?;
    text.push('\n');
    Ok(text)
}

/// The component, and the rule of its own where it names one.
fn rule(component: &ComponentResult, finding: &Finding) -> String {
    match &finding.rule {
        Some(rule) => format!("{}/{rule}", component.component),
        None => component.component.clone(),
    }
}

fn result(rule: &str, index: usize, component: &ComponentResult, finding: &Finding) -> Value {
    let level = match finding.level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Note => "note",
    };
    let mut result = json!({
        "ruleId": rule,
        "ruleIndex": index,
        "level": level,
        "message": { "text": finding.message },
        "properties": { "component": component.component },
    });
    if let Some(file) = &finding.file {
        let mut place = json!({ "artifactLocation": { "uri": uri(file) } });
        if let Some(line) = finding.line.filter(|line| *line > 0) {
            place["region"] = json!({ "startLine": line });
            if let Some(column) = finding.column.filter(|column| *column > 0) {
                place["region"]["startColumn"] = column.into();
            }
        }
        result["locations"] = json!([{ "physicalLocation": place }]);
    }
    result
}

/// A path as a URI reference.
fn uri(path: &str) -> String {
    let is_kept = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/+@,=".contains(&byte);
    let mut uri = if path.starts_with('/') {
        "file://".to_owned()
    } else {
        String::new()
    };
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if is_kept(byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::uri;
    use rstest::rstest;

    #[rstest]
    #[case("src/a.rs", "src/a.rs")]
    #[case("./src/a b.rs", "src/a%20b.rs")]
    #[case("/r/ä.rs", "file:///r/%C3%A4.rs")]
    #[case("a:b", "a%3Ab")]
    fn paths_are_uris(#[case] path: &str, #[case] expected: &str) {
        assert_eq!(uri(path), expected);
    }
}
