//! What is held, and what was collected.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::{CollectReport, HeldView, StepState};
use std::fmt::Write as _;

/// A hold, or its end.
pub(crate) fn held(run: &str, held: &HeldView) -> String {
    let verb = if held.held { "held" } else { "released" };
    format!(
        "{verb} {run} by {}: {}\n",
        clean(&held.actor),
        clean(&held.reason)
    )
}

/// What was collected, what is kept against a rule, and what that frees.
pub(crate) fn collected(report: &CollectReport, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let verb = if report.dry_run {
        "would collect"
    } else {
        "collected"
    };
    for run in &report.collected {
        let sign = paint.sign(StepState::Succeeded);
        let _ = writeln!(
            out,
            "{sign} {verb} {} ({}): {}",
            run.run_id,
            bytes(run.bytes),
            clean(&run.why)
        );
    }
    for run in &report.kept {
        let sign = paint.sign(StepState::Skipped);
        let _ = writeln!(
            out,
            "{sign} kept {}: {}",
            clean(&run.run_id),
            clean(&run.why)
        );
    }
    for run in &report.failed {
        let sign = paint.sign(StepState::Failed);
        let _ = writeln!(
            out,
            "{sign} failed to collect {}: {}",
            clean(&run.run_id),
            clean(&run.why)
        );
    }
    let failed = match report.failed.len() {
        0 => String::new(),
        failed => format!(", {failed} failed"),
    };
    let _ = writeln!(
        out,
        "Runs: {} {verb}, {} kept against a rule{failed}",
        report.collected.len(),
        report.kept.len()
    );
    let _ = writeln!(
        out,
        "Contents: {} that no run names ({})",
        report.contents,
        bytes(report.content_bytes)
    );
    if report.young > 0 {
        let _ = writeln!(
            out,
            "{} {} more are too young to be told from what a run is storing now",
            paint.hint("note:"),
            report.young
        );
    }
    if report.unfinished + report.cache_entries > 0 {
        let _ = writeln!(
            out,
            "Left over: {} half-made, {} results of the cache without their run",
            report.unfinished, report.cache_entries
        );
    }
    let freed = if report.dry_run {
        "Would free"
    } else {
        "Freed"
    };
    let _ = writeln!(
        out,
        "{freed}: {}; left: {}",
        bytes(report.freed_bytes),
        bytes(report.left_bytes)
    );
    out
}

/// `1.2 MB`
fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1000.0;
    let mut unit = 0;
    while size >= 999.95 && unit + 1 < UNITS.len() {
        size /= 1000.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}
