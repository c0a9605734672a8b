//! A job and its steps.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;
use rok_plan::{Entry, Node};

use super::edges::StepEdges;
use super::reader::{Reader, quoted};
use super::{Defaults, Env, Shell};
use crate::draft::{Run, Step};

/// What one argument of a process may hold.
const MAX_SCRIPT: usize = 128 * 1024 - 1;

/// Variables that only GitHub's runner sets, by how they begin.
const RUNNERS: &[&str] = &["GITHUB_", "RUNNER_", "ACTIONS_"];

/// Commands to GitHub's runner that do more than show something.
const COMMANDS: &[&str] = &[
    "set-output",
    "set-env",
    "save-state",
    "add-path",
    "add-mask",
];

/// A job, as far as a plan can say it.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    name: Option<String>,
    env: Env,
    /// Whether its failure is none of the workflow.
    pub(super) goes_on: bool,
    pub(super) steps: Vec<JobStep>,
}

#[derive(Debug)]
pub(super) struct JobStep {
    name: Option<String>,
    run: String,
    shell: Option<Shell>,
    cwd: Option<String>,
    env: Env,
    minutes: Option<u64>,
    /// Whether its failure is none of the job.
    pub(super) goes_on: bool,
}

impl Job {
    pub(super) fn read(
        entry: &Entry,
        outer: &Env,
        defaults: &Defaults,
        reader: &mut Reader<'_>,
    ) -> Self {
        let node = &*entry.node;
        let defaults = reader.defaults(node, defaults);
        let env = reader.env(node);
        let mut job = Self {
            id: entry.key.clone(),
            name: reader.name(node),
            goes_on: reader.goes_on(node),
            steps: Vec::new(),
            env,
        };
        job.keys(entry, reader);
        let steps = node.get("steps").and_then(Node::list).unwrap_or_default();
        for step in steps {
            let known: Vec<&str> = outer
                .iter()
                .chain(&job.env)
                .map(|(name, _)| name.as_str())
                .collect();
            let step = JobStep::read(step, &defaults, &known, reader);
            job.steps.extend(step);
        }
        if let Some(minutes) = reader.minutes(node) {
            match (&mut job.steps[..], node.entry("timeout-minutes")) {
                ([step], _) => {
                    step.minutes = Some(step.minutes.map_or(minutes, |own| own.min(minutes)));
                }
                (_, Some(limit)) => reader.refuse(
                    &limit.span,
                    "`timeout-minutes` limits several steps together",
                    "give each step its own, or the plan `max_duration`",
                ),
                (_, None) => {}
            }
        } else {
            reader
                .note("a job without `timeout-minutes` has no limit, where GitHub's is six hours");
        }
        job
    }

    fn keys(&self, entry: &Entry, reader: &mut Reader<'_>) {
        let node = &*entry.node;
        let Some(entries) = node.map() else {
            let what = format!(
                "a job is a mapping, and {} is {}",
                quoted(&self.id),
                node.describe()
            );
            reader.refuse(&entry.span, what, None);
            return;
        };
        reader.condition(node);
        for key in entries {
            match key.key.as_str() {
                "name" | "needs" | "env" | "defaults" | "if" | "steps" | "timeout-minutes"
                | "continue-on-error" => {}
                "runs-on" => runs_on(key, reader),
                "permissions" => reader.permissions(key),
                "uses" => reader.refuse(
                    &key.span,
                    "`uses` calls another workflow",
                    "import that one as well, and write its steps here",
                ),
                _ => reader.unknown(key, "a job"),
            }
        }
        if node.get("uses").is_none()
            && node
                .get("steps")
                .and_then(Node::list)
                .is_none_or(<[_]>::is_empty)
        {
            reader.refuse(
                &entry.span,
                format!("the job {} has no steps", quoted(&self.id)),
                None,
            );
        }
    }

    /// The plan's steps, in the order of the job's.
    pub(super) fn steps(self, edges: Vec<StepEdges>) -> impl Iterator<Item = Step> {
        let (job, env, optional) = (self.name, self.env, self.goes_on);
        self.steps.into_iter().zip(edges).map(move |(step, edges)| {
            let name = match (&job, &step.name) {
                (Some(job), Some(step)) => Some(format!("{job}: {step}")),
                (job, step) => step.clone().or_else(|| job.clone()),
            };
            Step {
                name,
                needs: edges.needs,
                after: edges.after,
                env: merged(&env, step.env),
                cwd: step.cwd,
                timeout: step.minutes.map(|minutes| format!("{minutes}m")),
                optional: optional || step.goes_on,
                ..Step::new(edges.id, command(step.run, step.shell))
            }
        })
    }
}

/// GitHub's shell, where none is named, is `bash -e`; a plan's `bash` fails
/// with the first part of a pipe as well.
fn command(script: String, shell: Option<Shell>) -> Run {
    match shell {
        None => Run::Argv(
            ["bash", "-e", "-c", &script]
                .map(ToString::to_string)
                .to_vec(),
        ),
        Some(Shell::Sh) => Run::Shell {
            shell: Some("sh"),
            line: script,
        },
        Some(Shell::Bash) => Run::Shell {
            shell: Some("bash"),
            line: script,
        },
    }
}

fn merged(outer: &Env, inner: Env) -> Env {
    let kept = outer
        .iter()
        .filter(|(name, _)| inner.iter().all(|(other, _)| other != name));
    let kept: Env = kept.cloned().collect();
    kept.into_iter().chain(inner).collect()
}

fn runs_on(entry: &Entry, reader: &mut Reader<'_>) {
    let mut labels: Vec<&Node> = alloc::vec![&*entry.node];
    labels.extend(
        entry
            .node
            .list()
            .unwrap_or_default()
            .iter()
            .map(|node| &**node),
    );
    for label in labels.into_iter().filter_map(Node::text) {
        if label.contains("${{") {
            reader.refuse(
                &entry.span,
                "`runs-on` holds an expression of GitHub's",
                "name the runner, or remove it",
            );
        } else if label.to_ascii_lowercase().contains("windows") {
            reader.refuse(
                &entry.span,
                "the job runs on Windows",
                "its steps are written for another shell",
            );
        }
    }
    reader.note("left out: `runs-on`; steps run on this machine");
}

impl JobStep {
    fn read(
        node: &Node,
        defaults: &Defaults,
        known: &[&str],
        reader: &mut Reader<'_>,
    ) -> Option<Self> {
        let Some(entries) = node.map() else {
            reader.refuse(
                &node.span,
                format!("a step is a mapping, and this is {}", node.describe()),
                None,
            );
            return None;
        };
        reader.condition(node);
        for key in entries {
            match key.key.as_str() {
                "id" | "name" | "run" | "env" | "shell" | "if" | "working-directory"
                | "timeout-minutes" | "continue-on-error" => {}
                "uses" => uses(key, reader),
                "with" if node.get("uses").is_some() => {}
                _ => reader.unknown(key, "a step"),
            }
        }
        let name = reader.name(node);
        let env = reader.env(node);
        let goes_on = reader.goes_on(node);
        let minutes = reader.minutes(node);
        let shell = node
            .get("shell")
            .and_then(|node| reader.shell(node))
            .or(defaults.shell);
        let cwd = node
            .get("working-directory")
            .and_then(|node| reader.text(node, "`working-directory`"));
        let Some(run) = node.get("run") else {
            if node.get("uses").is_none() {
                reader.refuse(&node.span, "the step does nothing", None);
            }
            return None;
        };
        let script = reader.text(run, "`run`")?;
        let known = known
            .iter()
            .copied()
            .chain(env.iter().map(|(name, _)| name.as_str()));
        check(&script, &run.span, &known.collect::<Vec<_>>(), reader);
        Some(Self {
            name,
            run: script,
            shell,
            cwd: cwd.or_else(|| defaults.cwd.clone()),
            env,
            minutes,
            goes_on,
        })
    }
}

fn uses(entry: &Entry, reader: &mut Reader<'_>) {
    let checkout = entry
        .node
        .text()
        .is_some_and(|action| action.starts_with("actions/checkout@"));
    let hint = if checkout {
        "a plan runs in its folder, where the files are: remove the step"
    } else {
        "write what it does as `run`"
    };
    reader.refuse(&entry.span, "`uses` runs an action", hint);
}

/// What a script says to GitHub's runner, which is not there.
fn check(script: &str, span: &Range<usize>, known: &[&str], reader: &mut Reader<'_>) {
    if script.trim().is_empty() {
        reader.refuse(span, "`run` is empty", None);
    }
    if script.len() > MAX_SCRIPT {
        reader.refuse(
            span,
            "`run` is longer than 128 KiB",
            "put it into a file, and run that",
        );
    }
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut said: Vec<&str> = Vec::new();
    for word in script
        .split(|c| !name(c))
        .filter(|word| !known.contains(word))
    {
        if RUNNERS.iter().any(|begin| word.starts_with(begin)) && !said.contains(&word) {
            said.push(word);
            let hint = match word {
                "GITHUB_ENV" | "GITHUB_OUTPUT" | "GITHUB_STATE" => {
                    "hand values on by the file that ROK_OUTPUT names"
                }
                _ => "set it in `env`, if a step can do without GitHub",
            };
            reader.refuse(
                span,
                format!("`run` names {}, which only GitHub sets", quoted(word)),
                hint,
            );
        }
    }
    for command in COMMANDS {
        if script.contains(&format!("::{command}")) {
            reader.refuse(
                span,
                format!("`run` writes `::{command}`, which only GitHub reads"),
                "hand values on by the file that ROK_OUTPUT names",
            );
        }
    }
}
