//! The use case of foreign workflows: a file of elsewhere as a plan file.

use crate::error::ServiceError;
use crate::plan_file;
use crate::service::Service;
use rok_plan_import::{ImportError, Imported, Options, Tasks};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// What a workflow file is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImportFormat {
    /// WfCommons WfFormat, JSON.
    WfFormat,
    /// A GitHub Actions workflow, YAML.
    GitHub,
    /// An execution plan: components of the registry, and edges.
    ExecutionPlan,
}

/// What becomes of the tasks of a WfFormat file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ImportTasks {
    /// Each runs its own command.
    Command,
    /// Each sleeps as long as it took, times this.
    Sleep(f64),
}

/// A workflow that a person wants as a plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImportRequest {
    /// Its file.
    pub file: PathBuf,
    /// Its format; else by the file's name.
    pub from: Option<ImportFormat>,
    /// The plan's id; else one that is made of the workflow's name.
    pub id: Option<String>,
    /// Steps at once.
    pub max_parallel: Option<u32>,
    /// What becomes of tasks; else their commands.
    pub tasks: Option<ImportTasks>,
}

/// A plan that was made of a workflow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PlanImport {
    /// Its id.
    pub plan: String,
    /// How many steps it has.
    pub steps: usize,
    /// The plan file, YAML.
    pub text: String,
    /// What was left out, and what is not the same.
    pub notes: Vec<String>,
}

impl Service {
    /// Makes a plan of a workflow, or tells everything that cannot be carried
    /// over.
    pub fn plan_import(&self, request: &ImportRequest) -> Result<PlanImport, ServiceError> {
        let name = request.file.to_string_lossy();
        let options = Options {
            id: request.id.clone(),
            max_parallel: request.max_parallel,
        };
        let bytes = plan_file::read_foreign(&request.file, self.cwd())?;
        if request.from == Some(ImportFormat::ExecutionPlan) {
            return self.execution_plan(request, &bytes);
        }
        let imported = match (format(request)?, request.tasks) {
            (ImportFormat::GitHub, Some(_)) => Err(refusal(
                &name,
                "a GitHub workflow's steps are what they are: `--as` and `--scale` are for WfFormat",
            )),
            (ImportFormat::ExecutionPlan, _) => Err(refusal(&name, "it was read already")),
            (ImportFormat::GitHub, None) => rok_plan_import::github(&bytes, &name, &options),
            (ImportFormat::WfFormat, tasks) => {
                let tasks = match tasks {
                    None | Some(ImportTasks::Command) => Tasks::Command,
                    Some(ImportTasks::Sleep(scale)) => Tasks::Sleep { scale },
                };
                rok_plan_import::wfformat(&bytes, &name, tasks, &options)
            }
        };
        let Imported {
            text,
            id,
            steps,
            notes,
        } = imported.map_err(|error| ServiceError::Import(Box::new(error)))?;
        Ok(PlanImport {
            plan: id,
            steps,
            text,
            notes,
        })
    }

    /// Writes a file that is not there yet, seen from the current folder.
    pub fn write_new_file(&self, file: &Path, bytes: &[u8]) -> Result<(), ServiceError> {
        let path = self.cwd().join(file);
        let created = OpenOptions::new().write(true).create_new(true).open(path);
        let written = created.and_then(|mut open| open.write_all(bytes));
        written.map_err(|error| ServiceError::Output {
            why: match error.kind() {
                ErrorKind::AlreadyExists => format!(
                    "{} is there already; remove it, or name another file",
                    file.display()
                ),
                _ => format!("{}: {error}", file.display()),
            },
        })
    }
}

fn refusal(file: &str, what: &str) -> ImportError {
    ImportError {
        file: file.to_owned(),
        refusals: vec![rok_plan_import::Refusal {
            place: String::new(),
            what: what.to_owned(),
            hint: None,
        }],
        omitted: 0,
    }
}

/// JSON is WfFormat, YAML a GitHub workflow, unless the request says so.
fn format(request: &ImportRequest) -> Result<ImportFormat, ServiceError> {
    let extension = request.file.extension().and_then(|e| e.to_str());
    match (request.from, extension) {
        (Some(format), _) => Ok(format),
        (None, Some("json")) => Ok(ImportFormat::WfFormat),
        (None, Some("yaml" | "yml")) => Ok(ImportFormat::GitHub),
        (None, _) => Err(ServiceError::Import(Box::new(refusal(
            &request.file.to_string_lossy(),
            "its name does not tell the format: say `--from wfformat` or `--from github`",
        )))),
    }
}
