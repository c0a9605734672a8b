//! A plan for people.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::{InputView, PlanView, StepView};
use std::fmt::Write as _;

/// Head, inputs, steps.
pub(crate) fn plan(plan: &PlanView, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let title = format!("Plan {}, version {}", plan.plan, plan.version);
    let name = plan
        .name
        .as_deref()
        .map(|name| format!(": {}", clean(name)));
    let _ = writeln!(out, "{}{}", paint.strong(&title), name.unwrap_or_default());
    if let Some(description) = &plan.description {
        let _ = writeln!(out, "{}", clean(description));
    }
    let mut rules = vec![
        format!("order {}", plan.order),
        format!("success {}", plan.success),
    ];
    if let Some(duration) = &plan.max_duration {
        rules.push(format!("at most {duration}"));
    }
    if let Some(parallel) = plan.max_parallel {
        rules.push(format!("{parallel} at once"));
    }
    if let Some(profile) = &plan.profile {
        rules.push(format!("profile {profile}"));
    }
    let _ = writeln!(out, "{}", rules.join(", "));
    if !plan.secrets.is_empty() {
        let _ = writeln!(out, "Secrets: {}", plan.secrets.join(", "));
    }
    if !plan.inputs.is_empty() {
        let _ = writeln!(out, "\n{}", paint.hint("Inputs:"));
        let width = plan.inputs.iter().map(|input| input.name.len()).max();
        for spec in &plan.inputs {
            input(&mut out, spec, width.unwrap_or(0));
        }
    }
    let _ = writeln!(out, "\n{}", paint.hint("Steps:"));
    for (at, spec) in plan.steps.iter().enumerate() {
        step(&mut out, at, spec, paint);
    }
    out
}

fn input(out: &mut String, input: &InputView, width: usize) {
    let given = match &input.default {
        Some(default) => format!("default {default}"),
        None => "must be given".to_owned(),
    };
    let _ = write!(
        out,
        "  {:width$}  {}, {}",
        input.name,
        input.kind,
        clean(&given)
    );
    if let Some(description) = &input.description {
        let _ = write!(out, "  {}", clean(description));
    }
    out.push('\n');
}

fn step(out: &mut String, at: usize, step: &StepView, paint: Paint) {
    let mut beside = Vec::new();
    if let Some(gate) = step.gate {
        beside.push(format!("{gate} gate"));
    }
    if !step.required {
        beside.push("not required".to_owned());
    }
    if !step.needs.is_empty() {
        beside.push(format!("needs {}", step.needs.join(", ")));
    }
    if !step.after.is_empty() {
        beside.push(format!("after {}", step.after.join(", ")));
    }
    if let Some(timeout) = &step.timeout {
        beside.push(format!("at most {timeout}"));
    }
    if step.retries > 0 {
        let noun = if step.retries == 1 {
            "retry"
        } else {
            "retries"
        };
        beside.push(format!("{} {noun}", step.retries));
    }
    let beside = if beside.is_empty() {
        String::new()
    } else {
        format!("  {}", paint.faint(&format!("({})", beside.join("; "))))
    };
    let _ = writeln!(out, "  {:>2}. {}{beside}", at + 1, paint.strong(&step.id));
    if let Some(description) = &step.description {
        let _ = writeln!(out, "      {}", clean(description));
    }
    if let Some(condition) = &step.condition {
        let _ = writeln!(out, "      if {}", clean(condition));
    }
    for (at, line) in step.text.trim_end().lines().enumerate() {
        let label = if at == 0 { step.action } else { "" };
        let _ = writeln!(out, "      {label:<4} {}", clean(line));
    }
}
