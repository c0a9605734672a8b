//! What a run of services tells as it goes: the lines of seed 002. They come of
//! the log alone, and nothing depends on them.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use rok_events::{Body, Event};
use rok_plan::Plan;
use rok_vocabulary::{RunPhase, StepId};

use crate::service_run::{ServiceRun, ServiceStatus};

/// The lines of a run of services.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// By service, in the plan's order: the wave that it belongs to, from 1.
    waves: Vec<usize>,
    /// The waves of this epoch that were told.
    told: BTreeSet<usize>,
}

impl Console {
    /// The lines of a run of this plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let all = waves(plan);
        let services = plan.steps.iter().zip(all);
        let services =
            services.filter(|(step, _)| matches!(step.action, rok_plan::Action::Service { .. }));
        Self {
            waves: services.map(|(_, wave)| wave).collect(),
            told: BTreeSet::new(),
        }
    }

    /// What is told of an event, by a run that has taken it in.
    pub fn note(&mut self, event: &Event, run: &ServiceRun, lines: &mut Vec<String>) {
        let begin = lines.len();
        match &event.body {
            Body::RunStateChanged(change) if change.to == RunPhase::Executing => {
                self.told.clear();
                lines.push(format!(
                    "=== Starting Orchestrated Run for {} ===",
                    run.domain
                ));
                lines.push(String::new());
                let (domain, plan) = (&run.domain, &run.plan_id);
                lines.push(said(
                    run,
                    &format!("Started for {domain} using plan {plan}"),
                ));
            }
            Body::RunStateChanged(change) if change.to == RunPhase::GovernanceCheck => {
                let counts = counts(run);
                lines.push(said(run, &format!("Finalizing: {counts}")));
            }
            Body::StepStarted { step, attempt, .. } => self.started(run, step, attempt.0, lines),
            Body::StepSucceeded { step, .. } | Body::StepSkipped { step, .. } => {
                lines.extend(ended(run, step));
            }
            Body::StepFailed { step, data, .. } if data.last => lines.extend(ended(run, step)),
            Body::AckReceived { .. } => lines.extend(diagnosed(event, run)),
            Body::RunCompleted { .. } => summed_up(run, lines),
            _ => {}
        }
        for line in &mut lines[begin..] {
            if line.chars().any(char::is_control) {
                *line = line
                    .chars()
                    .map(|c| if c.is_control() { ' ' } else { c })
                    .collect();
            }
        }
    }

    fn started(&mut self, run: &ServiceRun, step: &StepId, attempt: u32, lines: &mut Vec<String>) {
        let Some(at) = run.services.iter().position(|entry| entry.step == *step) else {
            return;
        };
        let wave = self.waves[at];
        if self.told.insert(wave) {
            let goes = |status| matches!(status, ServiceStatus::Pending | ServiceStatus::Running);
            let of_wave = run.services.iter().zip(&self.waves);
            let of_wave = of_wave.filter(|(entry, of)| **of == wave && goes(entry.status));
            let of_wave: Vec<&str> = of_wave.map(|(entry, _)| entry.service.as_str()).collect();
            let (n, names) = (of_wave.len(), of_wave.join(", "));
            lines.push(said(
                run,
                &format!("Wave {wave}: Submitting {n} services: {names}"),
            ));
        }
        let service = &run.services[at].service;
        lines.push(said(
            run,
            &match attempt {
                0 => format!("Starting service: {service}"),
                again => format!("Starting service: {service} (retry {again})"),
            },
        ));
    }
}

/// The wave of each step, from 1: one more than that of the last that it needs.
fn waves(plan: &Plan) -> Vec<usize> {
    let mut waves = vec![1; plan.steps.len()];
    // Needs have no circles, so that each pass settles one more wave.
    loop {
        let mut settled = true;
        for (at, step) in plan.steps.iter().enumerate() {
            let needs = step.needs.iter().map(|need| waves[*need] + 1);
            let wave = needs.max().unwrap_or(1);
            settled &= waves[at] == wave;
            waves[at] = wave;
        }
        if settled {
            return waves;
        }
    }
}

fn said(run: &ServiceRun, what: &str) -> String {
    format!("[Run {}] {what}", run.run)
}

fn counts(run: &ServiceRun) -> String {
    let count = |status| run.count(status);
    format!(
        "{} completed, {} failed, {} timeout, {} skipped",
        count(ServiceStatus::Completed),
        count(ServiceStatus::Failed),
        count(ServiceStatus::Timeout),
        count(ServiceStatus::Skipped),
    )
}

/// How a service ended.
fn ended(run: &ServiceRun, step: &StepId) -> Option<String> {
    let entry = run.services.iter().find(|entry| entry.step == *step)?;
    let (service, why) = (&entry.service, entry.error.as_deref().unwrap_or_default());
    let ms = entry.duration_ms.unwrap_or_default();
    let what = match entry.status {
        ServiceStatus::Completed => format!("✓ {service} completed in {ms}ms"),
        ServiceStatus::Failed => format!("✗ {service} failed: {why}"),
        ServiceStatus::Timeout => format!("✗ {service} timeout: {why}"),
        ServiceStatus::Skipped => format!("⊘ {service} skipped: {why}"),
        ServiceStatus::Pending | ServiceStatus::Running => return None,
    };
    Some(said(run, &what))
}

/// What came of the synthesis, where this event says it.
fn diagnosed(event: &Event, run: &ServiceRun) -> Option<String> {
    let id = format!("{}:{}", run.run, event.seq.0);
    if run.diagnosis_event_id.as_ref() == Some(&id) {
        return Some(said(run, &format!("✓ Diagnosis written: event_id={id}")));
    }
    None
}

fn summed_up(run: &ServiceRun, lines: &mut Vec<String>) {
    if let Some(why) = &run.synthesis_error {
        lines.push(said(run, &format!("✗ Diagnosis not written: {why}")));
    }
    let status = run.status.as_str();
    lines.push(said(run, &format!("✓ Run finalized with status: {status}")));
    lines.push(String::new());
    lines.push(format!("=== Run Complete: {status} ==="));
    lines.push(format!("Duration: {}ms", run.duration_ms()));
    lines.push(format!(
        "Services: {}/{} completed, {} failed, {} timeout",
        run.count(ServiceStatus::Completed),
        run.services.len(),
        run.count(ServiceStatus::Failed),
        run.count(ServiceStatus::Timeout),
    ));
    let diagnosis = run.diagnosis_event_id.as_deref().unwrap_or("none");
    lines.push(format!("Diagnosis: {diagnosis}"));
}
