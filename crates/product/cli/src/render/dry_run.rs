//! A dry run for people.

use super::agents;
use super::gate::shell_word;
use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::{
    BudgetDimension, DryRun, DryStep, PlannedBudget, StepState, format_duration,
};
use std::fmt::Write as _;
use std::time::Duration;

fn span(ms: u64) -> String {
    format_duration(Duration::from_millis(ms))
}

/// What would happen, in the order of its happening.
pub(crate) fn dry_run(dry: &DryRun, look: Look) -> String {
    let paint = Paint::of(look);
    let mut text = String::new();
    let plan = &dry.plan;
    let _ = writeln!(
        text,
        "{}",
        paint.strong(&format!("Dry run: {plan}, version {}", dry.plan_version))
    );
    let _ = writeln!(text, "{}", paint.rule('='));
    head(&mut text, dry, paint);
    let waves = dry.steps.last().map_or(0, |step| step.wave);
    let (count, noun) = (dry.steps.len(), if waves == 1 { "wave" } else { "waves" });
    let _ = writeln!(text, "\nSteps: {count} in {waves} {noun}");
    let _ = writeln!(text, "{}", paint.rule('-'));
    let mut wave = 0;
    for step in &dry.steps {
        if step.wave != wave {
            wave = step.wave;
            let _ = writeln!(text, "{}", paint.faint(&format!("wave {wave}")));
        }
        one(&mut text, step, paint);
    }
    record(&mut text, dry, paint);
    text.push_str("\nNothing was executed, and nothing was written.\n");
    text
}

fn head(text: &mut String, dry: &DryRun, paint: Paint) {
    let verdict = match &dry.refused {
        None if dry.findings.is_empty() => {
            format!("{} it would start", paint.sign(StepState::Succeeded))
        }
        None => format!("{} it would fail", paint.sign(StepState::Failed)),
        Some(refusal) => {
            let word = if refusal.denied { "denied" } else { "refused" };
            let why = format!("{}: {}", refusal.class, clean(&refusal.reason));
            let sign = paint.sign(StepState::Failed);
            format!("{sign} it would be {word}: {why}")
        }
    };
    let _ = writeln!(text, "Verdict: {verdict}");
    let _ = writeln!(text, "Profile: {}", clean(&dry.profile));
    let _ = writeln!(text, "Submitter: {}", clean(&dry.submitter));
    if let Some(inputs) = dry.inputs.as_object().filter(|inputs| !inputs.is_empty()) {
        let pairs: Vec<String> = inputs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let _ = writeln!(text, "Inputs: {}", clean(&pairs.join(", ")));
    }
    let limits = &dry.limits;
    let most = limits.max_duration_ms.map_or_else(
        || "no limit of time".to_owned(),
        |ms| format!("{} of active time", span(ms)),
    );
    let _ = writeln!(
        text,
        "Limits: {} steps at once, {} processes, {most}",
        limits.max_parallel, limits.max_processes
    );
    if let Some(planned) = &dry.budget {
        let _ = writeln!(text, "Budget: {}", budget(planned));
    }
    for secret in &dry.secrets {
        let state = if secret.present { "present" } else { "MISSING" };
        let _ = writeln!(text, "Secret: {} ({state})", clean(&secret.name));
    }
    for finding in &dry.findings {
        let label = paint.bad("Finding:");
        let reason = format!("{}: {}", finding.class, clean(&finding.reason));
        let _ = writeln!(text, "{label} step {}: {reason}", clean(&finding.step));
    }
}

/// `5 USD, 1000 attempts (the plan makes 12 at most); beyond that the run fails`
fn budget(planned: &PlannedBudget) -> String {
    let limits = planned
        .limits
        .iter()
        .map(|(dimension, most)| match dimension {
            BudgetDimension::CostUsd => format!("{most} USD"),
            BudgetDimension::EnergyKwh => format!("{most} kWh"),
            BudgetDimension::Tokens => format!("{most} tokens"),
            BudgetDimension::Time => {
                let most = Duration::try_from_secs_f64(most / 1000.0).unwrap_or(Duration::MAX);
                format!("{} of work", format_duration(most))
            }
            BudgetDimension::Steps => match planned.most_attempts {
                Some(all) => format!("{most} attempts (the plan makes {all} at most)"),
                None => format!("{most} attempts"),
            },
        });
    let then = match planned.on_exceeded.as_str() {
        "hold" => "is held",
        _ => "fails",
    };
    let limits: Vec<String> = limits.collect();
    format!("{}; beyond that the run {then}", limits.join(", "))
}

fn one(text: &mut String, step: &DryStep, paint: Paint) {
    let mut about = vec![step.why.clone()];
    if let Some(gate) = &step.gate {
        about.push(format!("{gate} gate"));
    }
    if let Some(condition) = &step.condition {
        about.push(format!("if {condition}"));
    }
    if let Some(items) = &step.for_each {
        about.push(format!("for each of {items}"));
    }
    if let Some(timeout) = step.timeout_ms {
        about.push(format!("at most {}", span(timeout)));
    }
    if let Some(fallback) = &step.fallback {
        about.push(format!("{fallback} instead if it fails"));
    }
    if step.retries > 0 {
        about.push(format!("up to {} retries", step.retries));
    }
    if !step.required {
        about.push("not required".to_owned());
    }
    let id = paint.strong(&clean(&step.id));
    let about = clean(&about.join("; "));
    let name = step.name.as_deref().unwrap_or_default();
    let name = match clean(name) {
        name if name.is_empty() => name,
        name => format!(" ({name})"),
    };
    let _ = writeln!(text, "  {id}{name}  {}", paint.faint(&about));
    let command: Vec<String> = match step.kind.as_str() {
        "run" => step.command.iter().map(|word| shell_word(word)).collect(),
        _ => step.command.clone(),
    };
    let command = clean(&command.join(" "));
    let _ = writeln!(text, "      {}: {command}", step.kind);
    for (name, value) in &step.env {
        let value = shell_word(value);
        let _ = writeln!(text, "      env: {}={}", clean(name), clean(&value));
    }
    if let Some(cwd) = &step.cwd {
        let _ = writeln!(text, "      in: {}", clean(cwd));
    }
    for path in &step.artifacts {
        let _ = writeln!(text, "      artifact: {}", clean(path));
    }
    if let Some(why) = &step.stays_here {
        let _ = writeln!(text, "      done here, and by no agent: {}", clean(why));
    }
    if let Some(sandbox) = &step.sandbox {
        let (permits, by) = (clean(&sandbox.permits), clean(&sandbox.by.join(", ")));
        let permits = if sandbox.off {
            let off = "none: sandboxes are switched off here";
            format!("{} ({by} asks for: {permits})", paint.warn(off))
        } else {
            format!("{permits} (by {by})")
        };
        let _ = writeln!(text, "      sandbox: {permits}");
    }
    for line in agents::candidates(&step.agents) {
        let _ = writeln!(text, "      agent {line}");
    }
    if let Some(cache) = &step.cache {
        let word = match cache.hit {
            Some(true) => "hit",
            Some(false) => "miss",
            None => "not known yet",
        };
        let _ = writeln!(text, "      cache: {word} ({})", clean(&cache.why));
    }
}

fn record(text: &mut String, dry: &DryRun, paint: Paint) {
    if !dry.policies.is_empty() {
        let _ = writeln!(text, "\nPolicies:");
    }
    for decision in &dry.policies {
        let sign = paint.sign(if decision.allowed {
            StepState::Succeeded
        } else {
            StepState::Failed
        });
        let step = decision.step.as_ref().map(|step| format!(" {step}"));
        let what = format!("{}{}", decision.action, step.unwrap_or_default());
        let why = decision.reason.as_deref().unwrap_or_default();
        let (what, actor) = (clean(&what), clean(&decision.actor));
        let _ = writeln!(text, "  {sign} {what} by {actor}: {}", clean(why));
    }
    if !dry.duties.is_empty() {
        let _ = writeln!(text, "\nDuties:");
    }
    for duty in &dry.duties {
        let _ = writeln!(text, "  {:<28} {}", clean(&duty.id), clean(&duty.due));
    }
}
