//! Policies, and what they would decide.

use super::paint::{Paint, clean};
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::StepState;
use rok_service::{PolicyDecision, PolicyReport};
use std::fmt::Write as _;

/// The policies in force, then the decisions.
pub(crate) fn policies(report: &PolicyReport, look: Look) -> String {
    let mut out = String::new();
    if !report.policies.is_empty() {
        let mut table = table(look, &["policy", "effect", "level", "where", "what"]);
        for policy in &report.policies {
            let level = policy.enforcement_level.map(|level| level.to_string());
            table.add_row([
                clean(&policy.id),
                policy.effect.clone(),
                level.unwrap_or_default(),
                clean(&format!("{}:{}", policy.source, policy.line)),
                clean(policy.description.as_deref().unwrap_or_default()),
            ]);
        }
        out.push_str(&text(&table));
    }
    if !out.is_empty() && !report.decisions.is_empty() {
        out.push('\n');
    }
    let paint = Paint::of(look);
    for decision in &report.decisions {
        tell(&mut out, decision, paint);
    }
    out
}

fn tell(out: &mut String, decision: &PolicyDecision, paint: Paint) {
    let state = if decision.granted {
        StepState::Succeeded
    } else {
        StepState::Failed
    };
    let sign = paint.sign(state);
    let (action, reason) = (clean(&decision.action), clean(&decision.reason));
    let _ = writeln!(out, "{sign} {action}: {reason}");
    for violation in &decision.violations {
        let what = violation.reason.as_deref().unwrap_or_default();
        let (level, policy) = (violation.enforcement_level, clean(&violation.policy));
        let _ = writeln!(out, "    violated, {level}: {policy} {}", clean(what));
    }
    for error in &decision.errors {
        let _ = writeln!(out, "    error: {}", clean(error));
    }
}
