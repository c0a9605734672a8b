//! `plan`: check, list, show, begin.

use crate::args::{PlanCommand, PlanFormat, ShowAs};
use crate::exit::Exit;
use crate::failure;
use crate::render;
use crate::terminal::Terminal;
use rok_service::views::Syntax;
use rok_service::{PlanReport, Problem, Service, ServiceError, Warning};
use serde::Serialize;
use std::fmt::Write as _;

/// A verdict on a plan as JSON.
#[derive(Serialize)]
struct Verdict {
    source: String,
    valid: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<String>,
    faults: Vec<FaultJson>,
}

/// A fault as JSON; without a place where the file cannot be read.
#[derive(Serialize)]
struct FaultJson {
    #[serde(flatten)]
    problem: Problem,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<usize>,
}

#[derive(Serialize)]
struct Lint {
    source: String,
    warnings: Vec<Warning>,
}

/// Use cases of plans.
pub(crate) fn plan(
    service: &Service,
    terminal: &mut Terminal,
    command: PlanCommand,
) -> Result<Exit, ServiceError> {
    match command {
        PlanCommand::Validate { plans } => validate(service, terminal, &plans),
        PlanCommand::List => list(service, terminal),
        PlanCommand::Show { plan, form } => match form {
            None => show(service, terminal, &plan),
            Some(ShowAs::ExecutionPlan) => {
                let (document, notes) = service.plan_as_document(&plan)?;
                terminal.show_json(&document)?;
                for note in notes {
                    terminal.note(&format!("note: {note}\n"));
                }
                Ok(Exit::Success)
            }
        },
        PlanCommand::New { id, format } => {
            let syntax = match format {
                PlanFormat::Yaml => Syntax::Yaml,
                PlanFormat::Toml => Syntax::Toml,
            };
            let template = service.plan_template(&id, syntax)?;
            terminal.show(&template)?;
            Ok(Exit::Success)
        }
        PlanCommand::Import(args) => super::import::import(service, terminal, args),
        PlanCommand::Schema => {
            terminal.show_json(&service.plan_schema())?;
            Ok(Exit::Success)
        }
        PlanCommand::Lint { plans } => lint(service, terminal, &plans),
        PlanCommand::Test(args) => super::plan_test(service, terminal, args),
    }
}

/// All plans are checked; the first refusal decides the exit code.
fn validate(
    service: &Service,
    terminal: &mut Terminal,
    plans: &[String],
) -> Result<Exit, ServiceError> {
    let reports: Vec<PlanReport> = plans
        .iter()
        .map(|name| service.plan_validate(name))
        .collect();
    let mut exit = Exit::Success;
    for error in reports
        .iter()
        .filter_map(|report| report.result.as_ref().err())
    {
        if exit == Exit::Success {
            exit = Exit::of_kind(error.kind());
        }
    }
    if terminal.json {
        let verdicts: Vec<Verdict> = reports.iter().map(verdict).collect();
        terminal.show_json(&verdicts)?;
        return Ok(exit);
    }
    for report in &reports {
        match &report.result {
            Ok(plan) => {
                let steps = plan.steps.len();
                let noun = if steps == 1 { "step" } else { "steps" };
                let source = render::clean(&report.source);
                let text = format!("{source}: valid ({}, {steps} {noun})\n", plan.plan);
                terminal.show(&text)?;
            }
            Err(error) => {
                failure::tell(terminal, error);
            }
        }
    }
    Ok(exit)
}

fn verdict(report: &PlanReport) -> Verdict {
    let faults = match &report.result {
        Ok(_) => Vec::new(),
        Err(error) => {
            let places: Vec<(usize, usize)> = match error {
                ServiceError::Plan(errors) => {
                    errors.faults.iter().map(|f| (f.line, f.column)).collect()
                }
                _ => Vec::new(),
            };
            let problems = error.problems().into_iter().enumerate();
            problems
                .map(|(at, problem)| FaultJson {
                    problem,
                    line: places.get(at).map(|place| place.0),
                    column: places.get(at).map(|place| place.1),
                })
                .collect()
        }
    };
    Verdict {
        source: report.source.clone(),
        valid: report.result.is_ok(),
        plan: report.result.as_ref().ok().map(|plan| plan.plan.clone()),
        faults,
    }
}

fn list(service: &Service, terminal: &mut Terminal) -> Result<Exit, ServiceError> {
    let plans = service.plans_at_hand()?;
    if terminal.json {
        terminal.show_json(&plans)?;
    } else {
        let text = render::plans(&plans, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

fn show(service: &Service, terminal: &mut Terminal, name: &str) -> Result<Exit, ServiceError> {
    if terminal.json {
        let canonical = service.plan_canonical(name)?;
        if terminal.yaml {
            let plan: serde_json::Value =
                serde_json::from_slice(&canonical).map_err(|error| ServiceError::Output {
                    why: error.to_string(),
                })?;
            terminal.show_json(&plan)?;
        } else {
            // Byte for byte: its digest is the plan's.
            terminal.show(&String::from_utf8_lossy(&canonical))?;
            terminal.show("\n")?;
        }
    } else {
        let text = render::plan(&service.plan_view(name)?, terminal.out_look);
        terminal.show(&text)?;
    }
    Ok(Exit::Success)
}

/// A warning fails nothing: what fails is `validate`.
fn lint(
    service: &Service,
    terminal: &mut Terminal,
    plans: &[String],
) -> Result<Exit, ServiceError> {
    let mut found = Vec::new();
    for name in plans {
        found.push(Lint {
            source: name.clone(),
            warnings: service.plan_lint(name)?,
        });
    }
    if terminal.json {
        terminal.show_json(&found)?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for lint in &found {
        let source = render::clean(&lint.source);
        if lint.warnings.is_empty() {
            let _ = writeln!(text, "{source}: nothing to say");
        }
        for warning in &lint.warnings {
            let message = render::clean(&warning.message);
            let step = warning.step.as_ref().map(|step| format!("step {step}: "));
            let _ = writeln!(text, "{source}: {}{message}", step.unwrap_or_default());
            if let Some(hint) = &warning.hint {
                let _ = writeln!(text, "  help: {}", render::clean(hint));
            }
        }
    }
    terminal.show(&text)?;
    Ok(Exit::Success)
}
