//! Lists as tables.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use comfy_table::presets::NOTHING;
use comfy_table::{ContentArrangement, Table};
use rok_service::views::{Entry, RunListing, StepState};
use rok_service::{PlanListing, TokenView};

pub(super) fn table(look: Look, header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING);
    table.set_header(header.iter().map(|word| word.to_uppercase()));
    if look.tty {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(look.width).unwrap_or(u16::MAX));
    }
    table
}

pub(super) fn text(table: &Table) -> String {
    let mut out = String::new();
    for line in table.lines() {
        // The preset pads cells on both sides; a list begins at the margin.
        out.push_str(line.strip_prefix(' ').unwrap_or(&line).trim_end());
        out.push('\n');
    }
    out
}

/// `1 fault`, `2 faults`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    let plural = if n == 1 { "" } else { "s" };
    format!("{n} {noun}{plural}")
}

/// The plan, and whose run it is.
fn plan_of(run: &RunListing) -> String {
    let plan = run.plan.as_ref().map(ToString::to_string);
    let plan = plan.unwrap_or_default();
    match &run.parent {
        Some(parent) => format!("{plan}, for {}", clean(parent)),
        None => plan,
    }
}

/// Runs, a line each.
pub(crate) fn runs(runs: &[RunListing], look: Look) -> String {
    // Colours would be counted as columns, so signs alone tell the state.
    let paint = Paint::of(Look {
        color: false,
        ..look
    });
    let mut table = table(look, &["run", "plan", "status", "outcome", "created"]);
    for run in runs {
        let state = match run.status.as_str() {
            "succeeded" => StepState::Succeeded,
            "failed" | "broken" => StepState::Failed,
            "blocked" => StepState::Waiting,
            "rolled_back" => StepState::Compensated,
            "executing" => StepState::Running,
            _ => StepState::Pending,
        };
        let partial = run.status == "partial";
        let sign = if partial {
            paint.partial()
        } else {
            paint.sign(state)
        };
        let status = match &run.broken {
            Some(why) => format!("{sign} {}: {}", run.status, clean(why)),
            None if run.rollback.as_deref() == Some("incomplete") => {
                format!("{sign} {}, rollback incomplete", run.status)
            }
            None if run.interrupted => {
                let sign = paint.sign(StepState::Waiting);
                format!("{sign} {}, interrupted", run.status)
            }
            None => match &run.queued {
                None => format!("{sign} {}", run.status),
                Some(queued) => {
                    let sign = paint.sign(StepState::Waiting);
                    let how = if queued.left_by.is_some() {
                        "its server is gone"
                    } else {
                        "queued"
                    };
                    format!("{sign} {}, {how}", run.status)
                }
            },
        };
        table.add_row([
            clean(&run.run_id),
            plan_of(run),
            status,
            run.outcome.map(|o| o.to_string()).unwrap_or_default(),
            run.created_at.map(|t| t.to_string()).unwrap_or_default(),
        ]);
    }
    text(&table)
}

/// Plans, a line each.
pub(crate) fn plans(plans: &[PlanListing], look: Look) -> String {
    let mut table = table(look, &["plan", "version", "steps", "source", "name"]);
    for plan in plans {
        let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
        table.add_row([
            plan.plan
                .clone()
                .unwrap_or_else(|| format!("({})", counted(plan.faults, "fault"))),
            number(plan.version),
            number(plan.steps.map(|n| n as u64)),
            clean(&plan.source),
            plan.name.as_deref().map(clean).unwrap_or_default(),
        ]);
    }
    text(&table)
}

/// Settings, a line each.
pub(crate) fn settings(entries: &[Entry], look: Look) -> String {
    let mut table = table(look, &["setting", "value", "source"]);
    for entry in entries {
        let value = match &entry.value {
            Some(value) => clean(&value.to_string()),
            None if entry.key.starts_with("signing_key") || entry.key == "webhook_secret" => {
                "(none)".to_owned()
            }
            None => "(the machine's)".to_owned(),
        };
        table.add_row([
            entry.key.to_owned(),
            value,
            clean(&entry.source.to_string()),
        ]);
    }
    text(&table)
}

/// Tokens, a line each, without their secrets.
pub(crate) fn tokens(tokens: &[TokenView], look: Look) -> String {
    let mut table = table(look, &["token", "user", "roles", "created", "ends"]);
    for token in tokens {
        let ends = match (token.revoked_at, token.expires_at) {
            (Some(at), _) => format!("revoked {at}"),
            (None, Some(at)) => at.to_string(),
            (None, None) => "never".to_owned(),
        };
        table.add_row([
            clean(&token.id),
            clean(&token.user),
            clean(&token.roles.join(", ")),
            token.created_at.to_string(),
            ends,
        ]);
    }
    text(&table)
}
