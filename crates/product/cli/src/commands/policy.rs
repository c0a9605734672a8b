//! `policy`: what governs, and what it would decide.

use crate::args::{PolicyAskArgs, PolicyCommand};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{PolicyAsk, PolicyReport, Service, ServiceError};
use std::path::PathBuf;

/// Checks policies, or explains a decision.
pub(crate) fn policy(
    service: &Service,
    terminal: &mut Terminal,
    command: PolicyCommand,
) -> Result<Exit, ServiceError> {
    // What they forbid depends on a run's steps: none is judged here.
    if !service.config().settings.execution_policies.is_empty() {
        let what = "`rok policy` judges Cedar policies, and execution policies are injected too \
                    (--policy, `execution_policies`): `rok run PLAN --mode dry-run` judges those";
        return Err(ServiceError::BadName {
            what: what.to_owned(),
        });
    }
    match command {
        PolicyCommand::Check { files, ask } => {
            let report = service.check_policies(&asked(files, ask))?;
            tell(terminal, &report)?;
            Ok(Exit::Success)
        }
        PolicyCommand::Explain { action, ask } => {
            let report = service.explain_policies(&action, &asked(Vec::new(), ask))?;
            tell(terminal, &report)?;
            let granted = report.decisions.iter().all(|decision| decision.granted);
            Ok(if granted { Exit::Success } else { Exit::Denied })
        }
    }
}

fn asked(files: Vec<PathBuf>, ask: PolicyAskArgs) -> PolicyAsk {
    PolicyAsk {
        files,
        access: ask.access,
        plan: ask.plan,
        actor: ask.actor,
        roles: ask.roles,
        submitter: ask.submitter,
        inputs: ask.inputs,
        labels: ask.labels.into_iter().collect(),
        step: ask.step,
        reason: ask.reason,
        outcome: ask.outcome,
    }
}

fn tell(terminal: &mut Terminal, report: &PolicyReport) -> Result<(), ServiceError> {
    if terminal.json {
        return terminal.show_json(report);
    }
    if report.is_default {
        terminal.note("nobody gave policies: the embedded ones are in force\n");
    }
    let text = render::policies(report, terminal.out_look);
    terminal.show(&text)
}
