//! The report for the places where people read code: GitHub's annotations and
//! SARIF 2.1.0. Each has what no contract excuses, and every fault.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::graph::Place;
use super::report::{ContractResult, ExceptionState, Report, Violation};

/// The rule id of what is wrong with the policy itself.
const POLICY: &str = "LYR000";

/// One thing to show at one place.
struct Note<'a> {
    rule: &'a str,
    text: String,
    at: Option<&'a Place>,
}

/// As GitHub workflow commands, a line each.
pub fn github(report: &Report) -> String {
    let mut out = String::new();
    for note in notes(report) {
        let place = note.at.map_or_else(
            || "file=layers.toml,line=1".to_owned(),
            |at| format!("file={},line={}", property(&at.file), at.line),
        );
        let _ = writeln!(
            out,
            "::error {place},title={}::{}",
            note.rule,
            data(&note.text)
        );
    }
    out
}

/// As a SARIF log, indented, with a line feed at its end.
pub fn sarif(report: &Report) -> String {
    let rules: Vec<Value> = report.contracts.iter().map(rule).collect();
    let results: Vec<Value> = notes(report).iter().map(result).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "check-layers", "rules": rules } },
            "results": results,
        }],
    });
    format!("{log:#}\n")
}

fn notes(report: &Report) -> Vec<Note<'_>> {
    let mut notes = Vec::new();
    for contract in &report.contracts {
        for violation in &contract.violations {
            let text = format!("{}. Instead: {}", violation.what, contract.instead.trim());
            notes.extend(at_each_place(&contract.id, &text, violation));
        }
    }
    for exception in report
        .exceptions
        .iter()
        .filter(|e| e.state != ExceptionState::InUse)
    {
        let state = match exception.state {
            ExceptionState::Expired => format!("expired on {}", exception.expires),
            _ => "excuses nothing any more".to_owned(),
        };
        let text = format!(
            "the exception for {} ({}) {state}",
            exception.from, exception.owner
        );
        notes.push(Note {
            rule: &exception.contract,
            text,
            at: None,
        });
    }
    notes.extend(report.faults.iter().map(|f| Note {
        rule: POLICY,
        text: f.clone(),
        at: None,
    }));
    notes
}

fn at_each_place<'a>(
    rule: &'a str,
    text: &str,
    violation: &'a Violation,
) -> impl Iterator<Item = Note<'a>> {
    violation.places.iter().map(move |at| Note {
        rule,
        text: text.to_owned(),
        at: Some(at),
    })
}

fn rule(contract: &ContractResult) -> Value {
    json!({
        "id": contract.id,
        "shortDescription": { "text": contract.title },
        "fullDescription": { "text": contract.why.trim() },
        "help": { "text": contract.instead.trim() },
    })
}

fn result(note: &Note<'_>) -> Value {
    let (file, line) = note
        .at
        .map_or(("layers.toml", 1), |at| (at.file.as_str(), at.line));
    json!({
        "ruleId": note.rule,
        "level": "error",
        "message": { "text": note.text },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": file },
            "region": { "startLine": line },
        } }],
    })
}

/// What a workflow command's message may not hold as it is.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// What a workflow command's property may not hold as it is.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
