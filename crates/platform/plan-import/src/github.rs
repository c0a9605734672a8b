//! GitHub Actions workflows: the subset of `jobs`, `needs` and `run`.
//!
//! A job's steps become steps in a row; a job that needs another waits for the
//! last of them. What depends on GitHub (actions, expressions, services) is
//! refused; what says nothing here (triggers, runners, permissions) is left
//! out and noted.

mod edges;
mod job;
mod reader;
mod values;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_plan::{Document, Entry, Node};

use self::job::Job;
use self::reader::Reader;
use crate::draft::{Draft, count};
use crate::error::ImportError;
use crate::ids::StepIds;
use crate::options::{Imported, Options};

/// What `defaults.run` says.
#[derive(Debug, Clone, Default)]
struct Defaults {
    shell: Option<Shell>,
    cwd: Option<String>,
}

/// The shells that mean the same here and there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shell {
    Sh,
    Bash,
}

type Env = Vec<(String, String)>;

/// A step for every `run` of a workflow; `name` is the file's name, for
/// messages and, where the workflow has none, for the plan's id.
pub fn github(bytes: &[u8], name: &str, options: &Options) -> Result<Imported, ImportError> {
    let document =
        Document::read(bytes, name).map_err(|errors| ImportError::of_faults(errors, name, ""))?;
    let mut reader = Reader::new(&document);
    let workflow = Workflow::read(document.root(), &mut reader);
    let (refusals, secrets, notes) = reader.finish();
    match workflow {
        Some(workflow) if refusals.is_empty() => {
            workflow.draft(name, secrets, notes).finish(options, name)
        }
        _ => Err(refusals.into_error(name)),
    }
}

/// A workflow, as far as a plan can say it.
struct Workflow {
    name: Option<String>,
    env: Env,
    jobs: Vec<Job>,
    /// The jobs that each needs, by index.
    needs: Vec<Vec<usize>>,
}

impl Workflow {
    fn read(root: &Node, reader: &mut Reader<'_>) -> Option<Self> {
        let Some(entries) = root.map() else {
            let what = format!("a workflow is a mapping, and this is {}", root.describe());
            reader.refuse(&root.span, what, None);
            return None;
        };
        let mut env = reader.env(root);
        let defaults = reader.defaults(root, &Defaults::default());
        for entry in entries {
            match entry.key.as_str() {
                "name" | "env" | "defaults" | "jobs" => {}
                "on" => reader.note("left out: `on`, what starts the workflow"),
                "run-name" => reader.note("left out: `run-name`"),
                "permissions" => reader.permissions(entry),
                _ => reader.unknown(entry, "a workflow"),
            }
        }
        let Some(listed) = root
            .get("jobs")
            .and_then(Node::map)
            .filter(|jobs| !jobs.is_empty())
        else {
            let span = root
                .entry("jobs")
                .map_or(root.span.start..root.span.start, |e| e.span.clone());
            reader.refuse(&span, "the workflow has no jobs", None);
            return None;
        };
        // As GitHub has it; programs look at it.
        if !env.iter().any(|(name, _)| name == "CI") {
            env.push(("CI".to_string(), "true".to_string()));
        }
        let jobs: Vec<Job> = listed
            .iter()
            .map(|job| Job::read(job, &env, &defaults, reader))
            .collect();
        let needs = edges::of_jobs(listed, reader);
        Some(Self {
            name: reader.name(root),
            env,
            jobs,
            needs,
        })
    }

    fn draft(self, file: &str, secrets: Vec<String>, mut notes: Vec<String>) -> Draft {
        let stem = file.rsplit(['/', '\\']).next().unwrap_or(file);
        let stem = stem.split('.').next().unwrap_or(stem);
        let name = self.name.unwrap_or_else(|| stem.to_string());
        if self.jobs.len() > 1 {
            notes.push("jobs share the plan's folder, where GitHub gives each its own".to_string());
        }
        if !secrets.is_empty() {
            notes.push(
                "a secret that is not set stops the run, where GitHub takes it for empty"
                    .to_string(),
            );
        }
        notes.push("put the plan into the folder that the repository is checked out to: its steps run there, with what is installed there".to_string());
        let mut ids = StepIds::default();
        let mut steps = Vec::new();
        let order = edges::steps(&self.jobs, &self.needs, &mut ids);
        for (job, edges) in self.jobs.into_iter().zip(order) {
            steps.extend(job.steps(edges));
        }
        Draft {
            comment: format!(
                "Imported from a GitHub Actions workflow: {}.",
                count(self.needs.len(), "job")
            ),
            name,
            env: self.env,
            secrets,
            steps,
            notes,
        }
    }
}

/// A mapping's entries by key, for jobs.
fn index(jobs: &[Entry]) -> BTreeMap<&str, usize> {
    jobs.iter()
        .enumerate()
        .map(|(at, job)| (job.key.as_str(), at))
        .collect()
}
