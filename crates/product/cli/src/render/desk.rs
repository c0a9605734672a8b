//! Incidents and lessons.

use super::paint::{Paint, clean};
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::{
    Incident, IncidentHistory, IncidentStatus, Lesson, LessonKind, LessonState, Severity, StepState,
};
use std::fmt::Write as _;

/// Incidents, a line each.
pub(crate) fn incidents(incidents: &[Incident], look: Look) -> String {
    let header = [
        "incident", "severity", "status", "plan", "run", "times", "since",
    ];
    let mut table = table(look, &header);
    for incident in incidents {
        table.add_row([
            clean(&incident.id),
            incident.severity.to_string(),
            status(incident, uncolored(look)),
            incident.plan.to_string(),
            incident.run_id.to_string(),
            incident.count.to_string(),
            incident.created_at.to_string(),
        ]);
    }
    text(&table)
}

/// Colours would be counted as columns.
fn uncolored(look: Look) -> Paint {
    Paint::of(Look {
        color: false,
        ..look
    })
}

fn status(incident: &Incident, paint: Paint) -> String {
    let state = match incident.status {
        IncidentStatus::Open if incident.severity >= Severity::High => StepState::Failed,
        IncidentStatus::Open | IncidentStatus::Acknowledged => StepState::Waiting,
        IncidentStatus::Resolved | IncidentStatus::Closed => StepState::Succeeded,
    };
    format!("{} {}", paint.sign(state), incident.status)
}

/// An incident, and all that is known of it.
pub(crate) fn incident(history: &IncidentHistory, look: Look) -> String {
    let incident = &history.incident;
    let mut out = format!("Incident: {}\n", clean(&incident.id));
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(out, "{name}: {}", clean(what));
    };
    line("Status", &status(incident, uncolored(look)));
    line("Severity", incident.severity.as_str());
    line("Run", incident.run_id.as_str());
    line("Plan", incident.plan.as_str());
    if let Some(step) = &incident.step {
        line("Step", step.as_str());
    }
    let class = incident.error_class.map(|class| class.to_string());
    match (&incident.reason, class) {
        (Some(reason), Some(class)) => line("Why", &format!("{reason} ({class})")),
        (Some(reason), None) => line("Why", reason),
        (None, Some(class)) => line("Why", &class),
        (None, None) => {}
    }
    line("Since", &incident.created_at.to_string());
    for again in &history.occurrences {
        let (id, at, run) = (&again.id, again.at, &again.run_id);
        line("Again", &format!("{id} at {at} in run {run}"));
    }
    for done in &history.handled {
        let (at, by, to) = (done.at, &done.by, done.to);
        line("Handled", &format!("{to} by {by} at {at}: {}", done.reason));
    }
    out
}

/// Lessons, a line each.
pub(crate) fn lessons(lessons: &[Lesson], look: Look) -> String {
    let mut table = table(look, &["lesson", "kind", "state", "run", "what"]);
    for lesson in lessons {
        table.add_row([
            clean(&lesson.id),
            lesson.kind.as_str().to_owned(),
            state(lesson, uncolored(look)),
            lesson.run_id.to_string(),
            clean(&lesson.message),
        ]);
    }
    text(&table)
}

fn state(lesson: &Lesson, paint: Paint) -> String {
    let state = match (lesson.state, lesson.kind) {
        (LessonState::Pending, LessonKind::Failure) => StepState::Failed,
        (LessonState::Pending, _) => StepState::Waiting,
        (LessonState::Deferred, _) => StepState::Pending,
        (LessonState::Dismissed, _) => StepState::Skipped,
        (LessonState::ConvertedToDraft, _) => StepState::Succeeded,
    };
    format!("{} {}", paint.sign(state), lesson.state)
}

/// A lesson, with the policy that it drafts.
pub(crate) fn lesson(lesson: &Lesson, look: Look) -> String {
    let mut out = format!("Lesson: {}\n", clean(&lesson.id));
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(out, "{name}: {}", clean(what));
    };
    line("State", &state(lesson, uncolored(look)));
    line("Kind", lesson.kind.as_str());
    line("What", &lesson.message);
    line("Run", lesson.run_id.as_str());
    line("Since", &lesson.created_at.to_string());
    if let Some(before) = &lesson.deferred {
        let (by, at, reason) = (&before.by, before.at, &before.reason);
        line("Deferred", &format!("by {by} at {at}: {reason}"));
    }
    if let (Some(by), Some(at)) = (&lesson.decided_by, lesson.decided_at) {
        let reason = lesson.reason.as_deref().unwrap_or_default();
        line("Decided", &format!("by {by} at {at}: {reason}"));
    }
    if let Some(draft) = &lesson.draft {
        out.push_str("\nDraft:\n");
        out.push_str(&lines(draft));
    }
    out
}

/// A text of several lines, each cleaned.
pub(crate) fn lines(text: &str) -> String {
    text.lines().map(|line| clean(line) + "\n").collect()
}
