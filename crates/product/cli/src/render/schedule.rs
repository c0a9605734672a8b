//! Schedules, their due times and their firings.

use super::paint::{Paint, clean};
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::{
    AddedSchedule, DriveEnd, DrivenRun, DueView, FiringView, Outcome, RemovedSchedule,
    ScheduleTrouble, ScheduleView, StepState,
};
use std::fmt::Write as _;

/// Firings that a list shows of each schedule; JSON has all that are kept.
const SHOWN: usize = 5;

/// Schedules, a few lines each.
pub(crate) fn schedules(views: &[ScheduleView], look: Look) -> String {
    let paint = Paint::of(look);
    let blocks: Vec<String> = views.iter().map(|view| schedule(view, paint)).collect();
    blocks.join("\n")
}

fn schedule(view: &ScheduleView, paint: Paint) -> String {
    let mut out = String::new();
    let state = match (&view.trouble, &view.paused) {
        (Some(_), _) => paint.sign(StepState::Failed),
        (None, Some(_)) => paint.sign(StepState::Waiting),
        (None, None) => paint.sign(StepState::Succeeded),
    };
    let _ = writeln!(
        out,
        "{state} {}: {} {}",
        clean(&view.schedule),
        clean(&view.cron),
        paint.faint(&clean(&view.timezone))
    );
    let mut line = |name: &str, what: &str| {
        let _ = writeln!(out, "  {name}: {}", clean(what));
    };
    if let Some(description) = &view.description {
        line("for", description);
    }
    line("plan", &view.plan);
    if let Some(items) = &view.for_each {
        line("for each", items);
    }
    if let Some(trouble) = &view.trouble {
        line("trouble", trouble);
    }
    if let Some(pause) = &view.paused {
        let reason = pause.reason.as_ref().map(|reason| format!(": {reason}"));
        let reason = reason.unwrap_or_default();
        let since = pause.since;
        line("paused", &format!("since {since} by {}{reason}", pause.by));
    }
    if !view.next.is_empty() {
        let next: Vec<_> = view.next.iter().map(|due| due.local.as_str()).collect();
        line("next", &next.join(", "));
    }
    for run in &view.running {
        let how = match (run.ordered, run.cancelling) {
            (true, _) => " (to be started)",
            (_, true) => " (to be cancelled)",
            _ => "",
        };
        line("runs", &format!("{}, due {}{how}", run.run_id, run.due));
    }
    if view.waiting > 0 {
        line("waiting", &view.waiting.to_string());
    }
    for firing in view.recent.iter().take(SHOWN) {
        let _ = writeln!(out, "  {}", firing_line(firing, paint));
    }
    out
}

/// Firings, a line each.
pub(crate) fn firings(firings: &[FiringView], look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    for firing in firings {
        let line = firing_line(firing, paint);
        let _ = writeln!(out, "{}: {line}", clean(&firing.schedule));
    }
    out
}

fn firing_line(firing: &FiringView, paint: Paint) -> String {
    let sign = paint.sign(match firing.what.as_str() {
        "started" => StepState::Running,
        "waits" => StepState::Waiting,
        "skipped" => StepState::Skipped,
        _ => StepState::Failed,
    });
    let mut line = format!("{sign} {}", clean(&firing.what));
    if firing.count > 1 || firing.more {
        let more = if firing.more { " or more" } else { "" };
        let _ = write!(line, " {}{more}", firing.count);
    }
    let cause = firing.cause.replace('_', " ");
    let _ = match firing.since {
        Some(since) => write!(line, " ({cause}), due {since} to {}", firing.due),
        None => write!(line, " ({cause}), due {}", firing.due),
    };
    if !firing.items.is_empty() {
        let items: Vec<_> = firing.items.iter().map(|item| clean(item)).collect();
        let more = if firing.count > items.len() {
            ", …"
        } else {
            ""
        };
        let _ = write!(line, ", for {}{more}", items.join(", "));
    }
    if let [run] = &firing.runs[..] {
        let _ = write!(line, ": {run}");
    }
    if let Some(why) = &firing.why {
        let why: Vec<String> = why.lines().map(clean).collect();
        let _ = write!(line, ": {}", why.join("\n    "));
    }
    line
}

/// What came of adding a schedule.
pub(crate) fn added(added: &AddedSchedule, look: Look) -> String {
    let view = &added.schedule;
    let id = clean(&view.schedule);
    format!(
        "{} {id}\n{}",
        clean(&added.change),
        next_line(view, Paint::of(look))
    )
}

/// A schedule that goes on.
pub(crate) fn unpaused(view: &ScheduleView, look: Look) -> String {
    let id = clean(&view.schedule);
    format!("unpaused {id}\n{}", next_line(view, Paint::of(look)))
}

fn next_line(view: &ScheduleView, paint: Paint) -> String {
    match (&view.paused, view.next.first()) {
        (Some(_), _) => format!("  {} it is paused\n", paint.hint("note:")),
        (None, Some(due)) => format!("  next: {}\n", due.local),
        (None, None) => format!("  {} it is never due again\n", paint.hint("note:")),
    }
}

/// A schedule that was removed, and what is left of it.
pub(crate) fn removed(removed: &RemovedSchedule) -> String {
    let mut out = format!("removed {}\n", clean(&removed.schedule));
    if removed.dropped > 0 {
        let _ = writeln!(
            out,
            "  firings that waited are dropped: {}",
            removed.dropped
        );
    }
    for run in &removed.running {
        let what = if run.ordered {
            "is not started"
        } else {
            "is left as it is"
        };
        let _ = writeln!(out, "  {what}: {}", run.run_id);
    }
    out
}

/// Due times, a line each.
pub(crate) fn due_times(dues: &[DueView], look: Look) -> String {
    let mut table = table(look, &["due", "schedule", "starts"]);
    for due in dues {
        let starts = due.starts.to_string();
        table.add_row([due.local.clone(), clean(&due.schedule), starts]);
    }
    text(&table)
}

/// What keeps a schedule from going on.
pub(crate) fn trouble(trouble: &ScheduleTrouble, look: Look) -> String {
    let paint = Paint::of(look);
    let message: Vec<String> = trouble.message.lines().map(clean).collect();
    let label = paint.bad("trouble:");
    let id = clean(&trouble.schedule);
    format!("{label} {id}: {}\n", message.join("\n    "))
}

/// How a run ended.
pub(crate) fn driven(run: &DrivenRun, look: Look) -> String {
    let paint = Paint::of(look);
    let (sign, what) = match &run.end {
        Ok(DriveEnd::Ended { outcome, .. }) => {
            let sign = match outcome {
                Outcome::Succeeded => paint.sign(StepState::Succeeded),
                Outcome::Partial => paint.partial(),
                _ => paint.sign(StepState::Failed),
            };
            (sign, outcome.to_string())
        }
        Ok(DriveEnd::Held(_)) => (
            paint.sign(StepState::Waiting),
            "waits for a decision".to_owned(),
        ),
        Ok(DriveEnd::Interrupted) => (
            paint.sign(StepState::Waiting),
            "interrupted; the next tick goes on with it".to_owned(),
        ),
        Err(error) => {
            let message = clean(&error.message);
            (paint.sign(StepState::Failed), message)
        }
    };
    format!("{}: {sign} {}: {what}\n", clean(&run.schedule), run.run)
}
