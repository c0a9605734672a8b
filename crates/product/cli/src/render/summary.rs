//! Seed 004's summary, widened; and the same in three lines.

use super::agents;
use super::diagnosis::diagnosis;
use super::paint::{Paint, clean, seconds};
use crate::terminal::Look;
use rok_service::views::{
    ApprovalView, BudgetDimension, BudgetView, Disposition, ErrorClass, ErrorView, HoldView,
    Lesson, LessonKind, Outcome, ReconciliationStatus, RollbackView, RunPhase, RunSummary,
    StepState, StepSummary, StepTotals, judged_in_words,
};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::time::Duration;

/// The least width of the column of step ids.
const STEP_WIDTH: usize = 30;

/// As many violations of policies are shown, and as many warnings; the others are
/// counted.
const VIOLATIONS_SHOWN: usize = 10;

/// The whole summary as plain text, without colours: what `rok summary`
/// prints into a file.
#[must_use]
pub fn summary_text(run: &RunSummary) -> String {
    summary(run, Look::PLAIN)
}

/// The whole summary.
pub(crate) fn summary(run: &RunSummary, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    head(&mut out, run, paint).expect("a string takes everything");
    duties(&mut out, run, paint).expect("a string takes everything");
    listed(&mut out, run, paint).expect("a string takes everything");
    out
}

fn head(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    writeln!(
        out,
        "{}",
        paint.strong(&format!("Run Summary: {}", run.run_id))
    )?;
    writeln!(out, "{}", paint.rule('='))?;
    writeln!(out, "Status: {}", status_word(run, paint))?;
    if let Some(error) = &run.error {
        writeln!(out, "Error: {}", error_line(error))?;
    }
    if let Some(hold) = &run.hold {
        writeln!(out, "Waits: {}", hold_line(hold))?;
    }
    write!(out, "Plan: {}, version {}", run.plan, run.plan_version)?;
    match &run.plan_name {
        Some(name) => writeln!(out, " ({})", clean(name))?,
        None => writeln!(out)?,
    }
    if let Some(parent) = &run.parent {
        writeln!(out, "Parent: step {} of run {}", parent.step, parent.run)?;
    }
    writeln!(out, "Profile: {}{}", run.profile, degraded(run, paint))?;
    writeln!(
        out,
        "Created: {} by {}",
        run.created_at,
        clean(&run.submitter)
    )?;
    if let Some(completed) = run.completed_at {
        writeln!(out, "Completed: {completed}")?;
    }
    let took = seconds(Duration::from_millis(run.duration_ms));
    let (from, until) = (run.created_at, run.completed_at);
    match until.filter(|_| run.epoch.0 > 0) {
        // Of the epoch alone: whoever reads the instants above must be told.
        Some(until) => {
            let in_all = seconds(until.since(from));
            writeln!(
                out,
                "Duration: {took} in epoch {}, {in_all} since its creation",
                run.epoch
            )?;
        }
        None => writeln!(out, "Duration: {took}")?,
    }
    if run.epoch.0 > 0 {
        let mut decisions = run.approvals.iter().rev();
        let began = decisions.find(|one| ["resumed", "rolled back"].contains(&&*one.decision));
        let began = began.map_or("resumed", |one| &one.decision);
        writeln!(out, "Epoch: {} ({began})", run.epoch)?;
    }
    if !run.labels.is_empty() {
        let labels = run
            .labels
            .iter()
            .map(|(name, value)| format!("{}={}", clean(name), clean(value)));
        writeln!(out, "Labels: {}", labels.collect::<Vec<_>>().join(", "))?;
    }
    writeln!(out)
}

fn duties(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    writeln!(out, "Steps: {}", totals(&run.totals))?;
    writeln!(out, "Retries: {}", run.retries)?;
    if !run.gate_failures.is_empty() {
        writeln!(
            out,
            "Hard gate failures: {}",
            paint.bad(&run.gate_failures.join(", "))
        )?;
    }
    violations(out, run, paint)?;
    warnings(out, run, paint)?;
    reconciliation(out, run, paint)?;
    if let Some(incident) = &run.incident {
        let category = incident
            .category
            .as_deref()
            .map(|c| format!(", {}", clean(c)));
        writeln!(
            out,
            "Incident: {} (severity {}, {}{})",
            clean(&incident.id),
            incident.severity,
            clean(&incident.status),
            category.unwrap_or_default(),
        )?;
        if let Some(first) = &incident.occurrence_of {
            writeln!(out, "  again: it is handled as {}", clean(first))?;
        }
    }
    if !run.budget.is_empty() {
        writeln!(out, "Budget: {}", budget(&run.budget, paint))?;
    }
    // A failure tells itself, and much that is left is no news for people.
    let near = |lesson: &&Lesson| lesson.kind == LessonKind::NearThreshold;
    for lesson in run.lessons.iter().filter(near) {
        writeln!(out, "Lesson: {}", paint.warn(&clean(&lesson.message)))?;
    }
    if let Some(rollback) = &run.rollback {
        undone(out, rollback, paint)?;
    }
    for approval in &run.approvals {
        let reason = approval
            .reason
            .as_deref()
            .map(|r| format!(": {}", clean(r)));
        writeln!(
            out,
            "Decision: {} by {} at {}{}",
            decided(approval),
            clean(&approval.actor),
            approval.at,
            reason.unwrap_or_default(),
        )?;
    }
    for one in &run.overrides {
        let used = match (&one.used_in, &one.review) {
            (None, _) => format!("not used yet, good until {}", one.expires_at),
            (Some(epoch), None) => format!("used from epoch {epoch} on, not reviewed"),
            (Some(epoch), Some(review)) => format!(
                "used from epoch {epoch} on, review {} {}",
                clean(&review.id),
                clean(&review.status)
            ),
        };
        writeln!(
            out,
            "Override: {} by {} ({used}): {}",
            paint.bad(&one.step),
            clean(&one.actor),
            clean(&one.reason),
        )?;
    }
    if let Some(found) = &run.diagnosis {
        diagnosis(out, found, paint)?;
    }
    let seal = if run.sealed { "sealed" } else { "open" };
    writeln!(out, "Log: {} events, {seal}", run.events)?;
    if !run.artifacts.is_empty() {
        writeln!(out, "Artifacts: {}", run.artifacts.len())?;
    }
    writeln!(out)
}

/// What policies forbid of it, a line each.
fn violations(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    for one in run.violations.iter().take(VIOLATIONS_SHOWN) {
        let what = clean(&one.in_words());
        let what = if one.blocking {
            paint.bad(&format!("{what} (denied)"))
        } else {
            paint.warn(&format!("{what} (recorded, blocks nothing)"))
        };
        writeln!(out, "Policy violation: {what}")?;
    }
    let shown = run.violations.len().min(VIOLATIONS_SHOWN);
    let more = (run.violation_count as usize).saturating_sub(shown);
    if more > 0 {
        let run = &run.run_id;
        writeln!(
            out,
            "  and {more} more: rok events {run} --type policy.violated"
        )?;
    }
    Ok(())
}

/// What components of a stage warn of, a line each.
fn warnings(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    let mut all = run.warnings();
    for (step, warning) in all.by_ref().take(VIOLATIONS_SHOWN) {
        let warning = paint.warn(&clean(&warning));
        writeln!(out, "Warning: {step}: {warning}")?;
    }
    match all.count() {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more: rok orch report {}", run.run_id),
    }
}

/// `publish approved`; `paused`, where it is about the run.
fn decided(approval: &ApprovalView) -> String {
    let parts = [approval.step.as_str(), approval.decision.as_str()];
    let parts = parts.iter().filter(|part| !part.is_empty());
    parts.map(|part| clean(part)).collect::<Vec<_>>().join(" ")
}

/// `4.2 of 5 USD (84 %), 12 of 1000 attempts (1 %)`
fn budget(limits: &[BudgetView], paint: Paint) -> String {
    let parts = limits.iter().map(|limit| {
        let BudgetView {
            limit: most, used, ..
        } = limit;
        // Sums of tenths are no tenths: what is shown is read by people.
        let used = &((used * 1e6).round() / 1e6);
        let text = match limit.dimension {
            BudgetDimension::CostUsd => format!("{used} of {most} USD"),
            BudgetDimension::EnergyKwh => format!("{used} of {most} kWh"),
            BudgetDimension::Steps => format!("{used} of {most} attempts"),
            BudgetDimension::Tokens => format!("{used} of {most} tokens"),
            BudgetDimension::Time => {
                let time = |ms: f64| seconds(Duration::from_millis(ms as u64));
                format!("{} of {} of work", time(*used), time(*most))
            }
        };
        let share = if *most > 0.0 {
            format!(" ({:.0} %)", used / most * 100.0)
        } else {
            String::new()
        };
        let text = text + &share;
        match (limit.exceeded, limit.lifted) {
            (true, true) => paint.warn(&(text + ", exceeded, and let go on")),
            (true, false) => paint.bad(&(text + ", exceeded")),
            _ => text,
        }
    });
    parts.collect::<Vec<_>>().join(", ")
}

fn undone(out: &mut String, rollback: &RollbackView, paint: Paint) -> std::fmt::Result {
    let word = rollback.state.replace('_', " ");
    let left = rollback.not_undone();
    let word = if left.is_empty() {
        paint.good(&word)
    } else {
        paint.warn(&word)
    };
    writeln!(out, "Rollback: {word}")?;
    let lists = [
        ("undone", &rollback.undone),
        ("of these by hand", &rollback.by_hand),
        ("not undone", &left),
        ("nothing to undo", &rollback.nothing_to_undo),
        ("somebody must look", &rollback.undecided),
    ];
    for (what, steps) in lists.iter().filter(|(_, steps)| !steps.is_empty()) {
        writeln!(out, "  {what}: {}", steps.join(", "))?;
    }
    if let Some(failed) = &rollback.failed {
        let error = error_line(&failed.error);
        writeln!(out, "  compensation of {} failed: {error}", failed.step)?;
    }
    Ok(())
}

fn reconciliation(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    let found = &run.reconciliation;
    let word = found.status.as_str();
    let word = match found.status {
        ReconciliationStatus::Complete => paint.good(word),
        ReconciliationStatus::Incomplete | ReconciliationStatus::Stale => paint.warn(word),
        ReconciliationStatus::Disabled => {
            return writeln!(
                out,
                "Reconciliation: {} (the audit contract is off)",
                paint.warn(word)
            );
        }
    };
    let open = !run.phase.is_terminal();
    let word = if open { paint.strong("so far") } else { word };
    writeln!(
        out,
        "Reconciliation: {word} (expected {}, acked {}, missing {}, drift {})",
        found.expected,
        found.acked,
        found.missing.len(),
        found.drift.len(),
    )?;
    // What an open run still owes is not missing yet.
    let missing = if open { &[][..] } else { &found.missing };
    for duty in missing {
        writeln!(out, "  missing {duty}")?;
    }
    for duty in &found.drift {
        writeln!(out, "  drift {duty}")?;
    }
    for failed in &found.failed {
        writeln!(
            out,
            "  failed {}: {} ({})",
            failed.duty,
            clean(&failed.error),
            failed.kind
        )?;
    }
    Ok(())
}

fn listed(out: &mut String, run: &RunSummary, paint: Paint) -> std::fmt::Result {
    writeln!(out, "Steps:")?;
    writeln!(out, "{}", paint.rule('-'))?;
    lines(out, &run.steps, paint)
}

/// Steps, a line each, with the errors of those that failed.
pub(crate) fn steps(steps: &[StepSummary], look: Look) -> String {
    let mut out = String::new();
    lines(&mut out, steps, Paint::of(look)).expect("a string takes everything");
    out
}

fn lines(out: &mut String, steps: &[StepSummary], paint: Paint) -> std::fmt::Result {
    let width = steps.iter().map(|step| step.id.len()).max();
    let width = width.unwrap_or(0).max(STEP_WIDTH);
    for step in steps {
        writeln!(
            out,
            "  {} {}",
            paint.sign(if step.queued {
                StepState::Waiting
            } else {
                step.state
            }),
            step_line(step, width, paint)
        )?;
        if let (StepState::Failed, Some(error)) = (step.state, &step.error) {
            writeln!(out, "      Error: {}", error_line(error))?;
        }
        if let Some(deprecated) = &step.deprecated {
            writeln!(out, "      Warning: {}", paint.warn(&clean(deprecated)))?;
        }
    }
    Ok(())
}

fn step_line(step: &StepSummary, width: usize, paint: Paint) -> String {
    let state = if step.queued {
        "queued"
    } else {
        step.state.as_str()
    };
    let mut line = format!("{:width$}  {state:<11}", step.id);
    if let Some(wall) = step.wall_ms {
        let _ = write!(line, " {:>9}", seconds(Duration::from_millis(wall)));
    }
    let mut beside = Vec::new();
    if let Some(run) = &step.run {
        beside.push(format!("run {run}"));
    }
    if let Some(to) = &step.fell_back_to {
        beside.push(format!("fell back to {to}"));
    }
    if let Some(agent) = &step.agent {
        beside.push(agents::done_by(agent));
    }
    if let Some(children) = &step.children {
        beside.push(match children.total {
            0 => "an empty list".to_owned(),
            _ => format!("children: {}", totals(children)),
        });
    }
    if let Some(run) = &step.cached_from {
        beside.push(format!("cached, from {}", clean(run)));
    }
    if let Some(note) = &step.cache_note {
        beside.push(clean(note));
    }
    if step.attempt > 0 {
        beside.push(format!("retry {}", step.attempt));
    }
    if let Some(at) = step.retry_at {
        beside.push(format!("next attempt at {at}"));
    }
    if step.queued {
        beside.push("waits for a place, as many run as may".to_owned());
    }
    if step.state == StepState::Waiting {
        beside.push(match &step.decision {
            None => "approved, and not started yet".to_owned(),
            Some(gate) if gate.message.is_empty() => "waits for a decision".to_owned(),
            Some(gate) => format!("waits for a decision: {}", clean(&gate.message)),
        });
    }
    let out_of_time = |error: &ErrorView| error.class == ErrorClass::Timeout;
    if step.state == StepState::Failed
        && step.started_at.is_none()
        && step.error.as_ref().is_some_and(out_of_time)
    {
        beside.push("never started".to_owned());
    }
    if let Some(reason) = &step.skip_reason {
        beside.push(clean(reason));
    }
    if !beside.is_empty() {
        let _ = write!(
            line,
            " {}",
            paint.faint(&format!("({})", beside.join(", ")))
        );
    }
    line.trim_end().to_owned()
}

/// The run in three lines.
pub(crate) fn status(run: &RunSummary, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let took = seconds(Duration::from_millis(run.duration_ms));
    let dot = paint.dot();
    let _ = writeln!(
        out,
        "{}  {}  {} {dot} {} {dot} {took}",
        paint.strong(run.run_id.as_str()),
        status_word(run, paint),
        run.plan,
        run.phase,
    );
    let _ = writeln!(out, "  steps: {}", totals(&run.totals));
    for (queued, word) in [(false, "running"), (true, "queued")] {
        let under_way = { run.steps.iter() }
            .filter(|step| step.state == StepState::Running && step.queued == queued);
        let names: Vec<&str> = under_way.map(|step| step.id.as_str()).collect();
        if !names.is_empty() {
            let _ = writeln!(out, "  {word}: {}", names.join(", "));
        }
    }
    if let Some(error) = &run.error {
        let _ = writeln!(out, "  error: {}", error_line(error));
    }
    if !run.budget.is_empty() {
        let _ = writeln!(out, "  budget: {}", budget(&run.budget, paint));
    }
    if run.violation_count > 0 {
        let denied = run.violations.iter().any(|one| one.blocking);
        let word = if denied { "denied" } else { "recorded" };
        let count = run.violation_count;
        let _ = writeln!(out, "  policy violations: {count} ({word})");
    }
    let warned: Vec<&str> = run.warnings().map(|(step, _)| step).collect();
    if !warned.is_empty() {
        let count = warned.len();
        let steps: BTreeSet<&str> = warned.into_iter().collect();
        let steps: Vec<&str> = steps.into_iter().collect();
        let _ = writeln!(out, "  warnings: {count} ({})", steps.join(", "));
    }
    if let Some(judged) = judged_in_words(&run.labels) {
        let _ = writeln!(out, "  judges: {}", clean(&judged));
    }
    if let Some(hold) = &run.hold {
        let _ = writeln!(out, "  waits: {}", hold_line(hold));
    }
    out
}

/// `✗ FAILED (timed_out)`: seed 004's word, and the outcome where it says more.
fn status_word(run: &RunSummary, paint: Paint) -> String {
    if (run.phase, run.outcome) == (RunPhase::Completed, Some(Outcome::Partial)) {
        // Never a plain success with work failed or skipped.
        let (sign, word) = (paint.partial(), paint.warn("PARTIAL"));
        let why = if !run.overrides.is_empty() {
            "a failed hard gate was overridden"
        } else if run.steps.iter().any(|step| step.fell_back_to.is_some()) {
            "a step failed, and its fallback stands for it"
        } else {
            "what was not required failed"
        };
        return format!("{sign} {word} (completed; {why})");
    }
    let open = !run.phase.is_terminal() && run.hold.is_none();
    if let (true, Some(queued)) = (open, &run.queued) {
        let (sign, word) = (paint.sign(StepState::Waiting), paint.warn("QUEUED"));
        return match queued.due {
            Some(due) => format!("{sign} {word} (nothing to do before {due})"),
            None if queued.left_by.is_some() => {
                format!(
                    "{sign} {word} (its server is gone; another one over the database takes it up)"
                )
            }
            None => format!("{sign} {word} (a server over the database takes it up)"),
        };
    }
    if open && run.driven_by.is_none() {
        let sign = paint.sign(StepState::Waiting);
        let running = |step: &StepSummary| step.state == StepState::Running;
        let approved =
            |step: &&StepSummary| step.state == StepState::Waiting && step.decision.is_none();
        if let (false, Some(step)) = (
            run.steps.iter().any(running),
            run.steps.iter().find(approved),
        ) {
            let (word, step) = (paint.warn("NOT DRIVEN"), clean(&step.id));
            return format!(
                "{sign} {word} ({step} is approved, and no process drives the run: resume it)"
            );
        }
        let word = paint.warn("INTERRUPTED");
        return format!("{sign} {word} (no process drives it: resume it)");
    }
    let word = run.status.to_uppercase();
    let state = match run.phase {
        _ if run.hold.is_some() => StepState::Waiting,
        RunPhase::Completed => StepState::Succeeded,
        RunPhase::Failed if run.status == Disposition::RolledBack.as_str() => {
            StepState::Compensated
        }
        RunPhase::Failed => StepState::Failed,
        _ => StepState::Running,
    };
    let painted = match state {
        StepState::Succeeded => paint.good(&word),
        StepState::Failed => paint.bad(&word),
        StepState::Waiting => paint.warn(&word),
        _ => paint.strong(&word),
    };
    if let Some(left) = undone_in_part(run) {
        let incomplete = paint.bad("ROLLBACK INCOMPLETE");
        let sign = paint.sign(state);
        return format!("{sign} {painted}, {incomplete} (not undone: {left})");
    }
    let more = match (run.phase, run.outcome) {
        (RunPhase::Failed, Some(Outcome::TimedOut)) => " (timed out)",
        (RunPhase::Failed, Some(Outcome::Cancelled)) => " (cancelled)",
        (RunPhase::Failed, Some(Outcome::Denied)) => " (denied)",
        (RunPhase::Failed, Some(Outcome::Succeeded)) => " (its steps succeeded)",
        _ => "",
    };
    format!("{} {painted}{more}", paint.sign(state))
}

/// What a rollback that went no further has left.
fn undone_in_part(run: &RunSummary) -> Option<String> {
    let over = run.phase.is_terminal();
    let rollback = run.rollback.as_ref().filter(|_| over)?;
    let left = rollback.not_undone();
    (!left.is_empty()).then(|| left.join(", "))
}

fn degraded(run: &RunSummary, paint: Paint) -> String {
    if run.degraded {
        format!(", {}", paint.warn("DEGRADED: a domain was unavailable"))
    } else {
        String::new()
    }
}

fn totals(totals: &StepTotals) -> String {
    let parts = [
        (totals.succeeded, "completed"),
        (totals.failed, "failed"),
        (totals.skipped, "skipped"),
        (totals.compensated, "undone"),
        (totals.running.saturating_sub(totals.queued), "running"),
        (totals.queued, "queued"),
        (totals.waiting, "waiting"),
        (totals.pending, "pending"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .enumerate()
        .filter(|(at, (count, _))| *at < 3 || *count > 0)
        .map(|(_, (count, word))| format!("{count} {word}"))
        .collect();
    format!("{} total ({})", totals.total, parts.join(", "))
}

fn error_line(error: &ErrorView) -> String {
    if error.reason.is_empty() {
        error.class.to_string()
    } else {
        format!("{} ({})", clean(&error.reason), error.class)
    }
}

fn hold_line(hold: &HoldView) -> String {
    format!("{} since {}", clean(&hold.message), hold.since)
}
