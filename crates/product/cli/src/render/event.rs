//! An event on a line, for people.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::EventLine;
use std::fmt::Write as _;

/// `12:00:01.250   17  step.failed        build.1  validation_failed: …`
pub(crate) fn event(event: &EventLine, look: Look) -> String {
    let at = event.at.to_string();
    event_at(event, at.get(11..23).unwrap_or(&at), look)
}

/// The same, with another way to tell the time.
pub(super) fn event_at(event: &EventLine, time: &str, look: Look) -> String {
    let paint = Paint::of(look);
    let kind = format!("{:<22}", clean(&event.event_type));
    let kind = match event.event_type.as_str() {
        "step.failed"
        | "step.compensation_failed"
        | "budget.exceeded"
        | "gate.failed"
        | "policy.violated"
        | "gate.rejected" => paint.bad(&kind),
        "step.succeeded" | "step.compensated" | "gate.approved" | "run.completed"
        | "run.rolled_back" => paint.good(&kind),
        "step.waiting" | "run.held" | "step.retried" => paint.warn(&kind),
        _ => kind,
    };
    let mut line = format!("{} {:>5}  {kind}", paint.faint(time), event.seq);
    if let Some(step) = &event.step {
        let attempt = if event.attempt > 0 {
            format!(" (retry {})", event.attempt)
        } else {
            String::new()
        };
        let _ = write!(line, "  {}{attempt}", paint.strong(&clean(step)));
    }
    if let Some(state) = &event.new_state {
        let _ = write!(line, "  {}", clean(state));
    }
    if event.actor != "runner" {
        let _ = write!(line, "  by {}", clean(&event.actor));
    }
    match (&event.error_class, &event.reason) {
        (Some(class), Some(reason)) => {
            let _ = write!(line, "  {}: {}", clean(class), clean(reason));
        }
        (Some(text), None) | (None, Some(text)) => {
            let _ = write!(line, "  {}", clean(text));
        }
        (None, None) => {}
    }
    if let Some(detail) = detail(event) {
        let _ = write!(line, "  {}", clean(&detail));
    }
    let mut line = line.trim_end().to_owned();
    line.push('\n');
    line
}

/// What only this type's line has, where that is what matters about it.
fn detail(event: &EventLine) -> Option<String> {
    let places: &[&str] = match event.event_type.as_str() {
        "expectation.declared" => &["/data/id"],
        "ack.received" => &["/data/duty", "/data/status"],
        "audit.reconciled" => &["/data/stage", "/data/result/status"],
        "budget.exceeded" => &["/data/dimension"],
        "run.completed" => &["/data/phase", "/data/outcome"],
        "artifact.emitted" | "artifact.quarantined" => &["/artifact_path"],
        _ => return None,
    };
    let line: serde_json::Value = serde_json::from_str(&event.line).ok()?;
    let found: Vec<&str> = places
        .iter()
        .filter_map(|place| line.pointer(place)?.as_str())
        .collect();
    Some(found.join(" "))
}
