//! The report as text for people and as JSON for programs.

use std::fmt::Write as _;

use super::report::{ContractResult, ExceptionState, Report, Status, Violation};

/// How many places of one violation are shown to people; JSON has all.
const PLACES_SHOWN: usize = 5;

/// The report as one JSON object, indented, with a line feed at its end.
pub fn json(report: &Report) -> String {
    let mut text =
        serde_json::to_string_pretty(report).expect("a report has string keys and plain values");
    text.push('\n');
    text
}

/// The report for people. It ends with the tally and what was looked at.
pub fn human(report: &Report) -> String {
    let mut out = String::new();
    for contract in report
        .contracts
        .iter()
        .filter(|c| c.status == Status::Violations)
    {
        broken(&mut out, contract);
    }
    exceptions(&mut out, report);
    for fault in &report.faults {
        line(&mut out, &format!("bad policy: {fault}"));
    }
    for note in &report.notes {
        line(&mut out, &format!("note: {note}"));
    }
    if report.status != Status::Clean {
        out.push('\n');
    }
    let idle: Vec<&str> = report
        .contracts
        .iter()
        .filter(|c| c.status == Status::Idle)
        .map(|c| c.id.as_str())
        .collect();
    if !idle.is_empty() {
        line(
            &mut out,
            &format!("waiting for planned crates: {}", idle.join(", ")),
        );
    }
    let test = &report.self_test;
    line(
        &mut out,
        &format!(
            "self-test: {} of {} forbidden edges caught",
            test.caught, test.injected
        ),
    );
    let at = &report.looked_at;
    let day = at.today.map(|d| format!(", on {d}")).unwrap_or_default();
    line(
        &mut out,
        &format!(
            "contracts: {} passed, {} failed; looked at {} crates, {} edges between them, \
             {} to others, {} files, {} paths{day}",
            report.passed, report.failed, at.crates, at.edges, at.outside_edges, at.files, at.paths
        ),
    );
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn broken(out: &mut String, contract: &ContractResult) {
    line(out, &format!("{}: {}", contract.id, contract.title));
    for violation in &contract.violations {
        show(out, violation);
    }
    line(out, &format!("  why:     {}", contract.why.trim()));
    line(out, &format!("  instead: {}", contract.instead.trim()));
    line(
        out,
        &format!(
            "  more:    cargo xtask check-layers explain {}\n",
            contract.id
        ),
    );
}

fn show(out: &mut String, violation: &Violation) {
    line(out, &format!("  {}", violation.what));
    for place in violation.places.iter().take(PLACES_SHOWN) {
        let _ = writeln!(out, "    {}:{}  {}", place.file, place.line, place.text);
    }
    if let Some(more) = violation
        .places
        .len()
        .checked_sub(PLACES_SHOWN)
        .filter(|n| *n > 0)
    {
        line(
            out,
            &format!("    and {more} more (--format json has them all)"),
        );
    }
}

fn exceptions(out: &mut String, report: &Report) {
    for exception in &report.exceptions {
        let pair = match &exception.to {
            Some(to) => format!("{} → {to}", exception.from),
            None => exception.from.clone(),
        };
        let head = format!(
            "exception to {} for {pair}, {}, until {}: {}",
            exception.contract, exception.owner, exception.expires, exception.reason
        );
        match exception.state {
            ExceptionState::InUse => line(out, &head),
            ExceptionState::Expired => {
                line(out, &format!("expired {head}"));
                for violation in &exception.covers {
                    show(out, violation);
                }
                line(
                    out,
                    "  instead: mend the import, or renew the exception with a reason\n",
                );
            }
            ExceptionState::Unused => {
                line(out, &format!("unused {head}"));
                line(
                    out,
                    "  instead: nothing breaks the contract this way; delete it from layers.toml\n",
                );
            }
        }
    }
}
