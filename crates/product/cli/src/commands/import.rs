//! `plan import`: a workflow of elsewhere as a plan file.

use crate::args::{ImportArgs, ImportAs, ImportFrom};
use crate::exit::Exit;
use crate::render;
use crate::terminal::Terminal;
use rok_service::{ImportFormat, ImportRequest, ImportTasks, Service, ServiceError};

/// The plan goes to standard output or a new file; what was left out is told
/// beside it.
pub(crate) fn import(
    service: &Service,
    terminal: &mut Terminal,
    args: ImportArgs,
) -> Result<Exit, ServiceError> {
    let tasks = match (args.tasks, args.scale) {
        (None, None) => None,
        (Some(ImportAs::Command), None) => Some(ImportTasks::Command),
        (Some(ImportAs::Command), Some(_)) => {
            return Err(ServiceError::BadName {
                what: "`--scale` is for tasks that sleep: leave out `--as command`".to_owned(),
            });
        }
        (_, scale) => Some(ImportTasks::Sleep(scale.unwrap_or(1.0))),
    };
    let imported = service.plan_import(&ImportRequest {
        file: args.file,
        from: args.from.map(|from| match from {
            ImportFrom::WfFormat => ImportFormat::WfFormat,
            ImportFrom::GitHub => ImportFormat::GitHub,
            ImportFrom::ExecutionPlan => ImportFormat::ExecutionPlan,
        }),
        id: args.id,
        max_parallel: args.max_parallel,
        tasks,
    })?;
    if let Some(file) = &args.output {
        service.write_new_file(file, imported.text.as_bytes())?;
    }
    if terminal.json {
        terminal.show_json(&imported)?;
    } else if args.output.is_none() {
        terminal.show(&imported.text)?;
    }
    if !terminal.json {
        for note in &imported.notes {
            terminal.note(&format!("note: {}\n", render::clean(note)));
        }
    }
    if let Some(file) = &args.output {
        let (steps, file) = (imported.steps, render::clean(&file.to_string_lossy()));
        let noun = if steps == 1 { "step" } else { "steps" };
        terminal.note(&format!(
            "wrote {file} ({}, {steps} {noun})\n",
            imported.plan
        ));
    }
    Ok(Exit::Success)
}
