//! Refusals on the terminal: code, message, help; plans with their text.

use crate::exit::Exit;
use crate::render::{self, Paint};
use crate::terminal::Terminal;
use rok_service::{Problem, ServiceError};
use serde::Serialize;
use std::fmt::Write as _;

/// A refusal as JSON, on standard error.
#[derive(Serialize)]
struct Refusal {
    exit_code: u8,
    errors: Vec<Problem>,
}

/// Tells a refusal, and says how the program ends.
pub(crate) fn tell(terminal: &mut Terminal, error: &ServiceError) -> Exit {
    let exit = Exit::of_kind(error.kind());
    let text = if terminal.json {
        let refusal = Refusal {
            exit_code: exit.code(),
            errors: error.problems(),
        };
        terminal.data(&refusal)
    } else {
        Ok(human(terminal, error))
    };
    terminal.complain(&text.unwrap_or_else(|_| error.to_string()));
    exit
}

fn human(terminal: &Terminal, error: &ServiceError) -> String {
    if let ServiceError::Plan(errors)
    | ServiceError::Inputs(errors)
    | ServiceError::Schedule(errors) = error
    {
        return render::faults(errors, error.code(), terminal.err_look);
    }
    if let ServiceError::Manifests(files) = error {
        let files = files.iter();
        let told = files.map(|errors| render::faults(errors, error.code(), terminal.err_look));
        return told.collect();
    }
    let paint = Paint::of(terminal.err_look);
    let mut text = String::new();
    let problems = error.problems();
    for problem in &problems {
        let label = paint.bad(&format!("error[{}]", problem.code));
        // What was given stands in it, a file's name for one.
        let message: Vec<String> = problem.message.lines().map(render::clean).collect();
        let _ = writeln!(text, "{label}: {}", message.join("\n"));
        if let Some(help) = &problem.help {
            let _ = writeln!(text, "  {} {}", paint.hint("help:"), render::clean(help));
        }
    }
    if let (true, Some(problem)) = (terminal.verbose > 0, problems.first()) {
        let _ = writeln!(text, "  {} rok help {}", paint.hint("more:"), problem.code);
    }
    text
}
