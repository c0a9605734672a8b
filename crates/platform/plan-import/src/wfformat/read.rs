//! The file as tasks. Only what a plan needs is read; the rest costs nothing.
//! A task that is not of its form is told, and does not hide the others.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::quoted;
use crate::error::Refusals;

/// A workflow as it is on record.
#[derive(Debug)]
pub(super) struct Workflow {
    pub(super) name: String,
    pub(super) version: String,
    /// Whether edges may call a task by its name.
    pub(super) edges_by_name: bool,
    pub(super) tasks: Vec<Task>,
}

/// A task, in the order of the file.
#[derive(Debug)]
pub(super) struct Task {
    /// Its JSON pointer.
    pub(super) place: String,
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) parents: Vec<String>,
    pub(super) children: Option<Vec<String>>,
    /// In seconds.
    pub(super) runtime: Option<f64>,
    pub(super) command: Option<Command>,
}

#[derive(Debug)]
pub(super) struct Command {
    /// Its JSON pointer.
    pub(super) place: String,
    pub(super) program: String,
    pub(super) arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File<'a> {
    name: Option<String>,
    schema_version: Option<String>,
    #[serde(borrow)]
    workflow: Option<&'a RawValue>,
}

/// `workflow`, up to 1.4.
#[derive(Deserialize)]
struct Flat<'a> {
    #[serde(borrow)]
    tasks: Option<Vec<&'a RawValue>>,
}

/// `workflow`, from 1.5 on.
#[derive(Deserialize)]
struct Split<'a> {
    #[serde(borrow)]
    specification: Option<Flat<'a>>,
    #[serde(borrow)]
    execution: Option<Flat<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTask {
    id: Option<String>,
    name: Option<String>,
    #[serde(default)]
    parents: Vec<String>,
    children: Option<Vec<String>>,
    #[serde(alias = "runtime")]
    runtime_in_seconds: Option<f64>,
    command: Option<RawCommand>,
}

#[derive(Deserialize)]
struct RawCommand {
    program: Option<String>,
    #[serde(default)]
    arguments: Vec<String>,
}

impl Workflow {
    /// `None` goes with a refusal.
    pub(super) fn read(bytes: &[u8], refusals: &mut Refusals) -> Option<Self> {
        let text = match core::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{feff}'),
            Err(error) => {
                let what = format!("the file is not UTF-8 from byte {} on", error.valid_up_to());
                refusals.push("", what, None);
                return None;
            }
        };
        let file: File<'_> = part(text, "", refusals)?;
        let version = file.schema_version.unwrap_or_default();
        let split = match version.as_str() {
            "1.4" => false,
            "1.5" | "1.6" => true,
            "" => {
                refusals.push(
                    "/schemaVersion",
                    "the file does not say which WfFormat it is",
                    "versions 1.4 to 1.6 can be imported",
                );
                return None;
            }
            other => {
                let what = format!("WfFormat {} is not known", quoted(other));
                refusals.push(
                    "/schemaVersion",
                    what,
                    "versions 1.4 to 1.6 can be imported",
                );
                return None;
            }
        };
        let Some(workflow) = file.workflow else {
            refusals.push("/workflow", "the file has no workflow", None);
            return None;
        };
        let tasks = if split {
            split_tasks(&part(workflow.get(), "/workflow", refusals)?, refusals)
        } else {
            let flat: Flat<'_> = part(workflow.get(), "/workflow", refusals)?;
            listed(&flat, "/workflow/tasks", refusals)
        };
        if tasks.is_empty() && refusals.is_empty() {
            refusals.push("/workflow", "the workflow has no tasks", None);
        }
        (!tasks.is_empty()).then(|| Self {
            name: file.name.unwrap_or_else(|| "workflow".to_owned()),
            version,
            edges_by_name: !split,
            tasks,
        })
    }
}

/// What a task is stands in one list, and how it went in another.
fn split_tasks(workflow: &Split<'_>, refusals: &mut Refusals) -> Vec<Task> {
    let specified = workflow.specification.as_ref();
    let mut tasks = specified.map_or_else(Vec::new, |part| {
        listed(part, "/workflow/specification/tasks", refusals)
    });
    let executed = workflow.execution.as_ref();
    let executed = executed.map_or_else(Vec::new, |part| {
        listed(part, "/workflow/execution/tasks", refusals)
    });
    let known: BTreeMap<String, usize> = tasks
        .iter()
        .enumerate()
        .map(|(at, task)| (task.id.clone(), at))
        .collect();
    let mut seen = alloc::collections::BTreeSet::new();
    for execution in executed {
        let Some(at) = known.get(&execution.id) else {
            let what = format!(
                "{} was executed and is not specified",
                quoted(&execution.id)
            );
            refusals.push(execution.place, what, None);
            continue;
        };
        if !seen.insert(*at) {
            let what = format!("{} was executed twice", quoted(&execution.id));
            refusals.push(execution.place, what, None);
            continue;
        }
        tasks[*at].runtime = execution.runtime;
        tasks[*at].command = execution.command;
    }
    tasks
}

fn listed(part_of: &Flat<'_>, place: &str, refusals: &mut Refusals) -> Vec<Task> {
    let tasks = part_of.tasks.iter().flatten().enumerate();
    tasks
        .filter_map(|(at, raw)| task(raw, format!("{place}/{at}"), refusals))
        .collect()
}

fn task(raw: &RawValue, place: String, refusals: &mut Refusals) -> Option<Task> {
    let raw: RawTask = part(raw.get(), &place, refusals)?;
    let Some(id) = raw
        .id
        .or_else(|| raw.name.clone())
        .filter(|id| !id.is_empty())
    else {
        refusals.push(place, "the task has no id", None);
        return None;
    };
    let command = raw.command.and_then(|command| {
        Some(Command {
            place: format!("{place}/command"),
            program: command.program.filter(|program| !program.is_empty())?,
            arguments: command.arguments,
        })
    });
    Some(Task {
        name: raw.name.filter(|name| !name.trim().is_empty()),
        parents: raw.parents,
        children: raw.children,
        runtime: raw.runtime_in_seconds,
        command,
        place,
        id,
    })
}

/// A part of the file by its form, or what is wrong with it.
fn part<'a, T: Deserialize<'a>>(text: &'a str, place: &str, refusals: &mut Refusals) -> Option<T> {
    match serde_json::from_str(text) {
        Ok(part) => Some(part),
        Err(error) => {
            let what = if place.is_empty() {
                error.to_string()
            } else {
                // Line and column are those of the part.
                let what = error.to_string();
                what.split(" at line ")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            refusals.push(place, what, None);
            None
        }
    }
}
