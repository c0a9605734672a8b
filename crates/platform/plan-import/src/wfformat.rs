//! WfCommons WfFormat, versions 1.4 to 1.6: tasks to steps, parents to `needs`.

mod read;

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use rok_expr::Template;

use self::read::{Command, Task, Workflow};
use crate::draft::{Draft, Run, Step, count};
use crate::error::{ImportError, Refusals};
use crate::ids::StepIds;
use crate::options::{Imported, Options, Tasks};
use crate::order;

/// The largest file: what it lists of files and machines is more than a plan
/// may hold.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// A step for every task of a workflow; `name` is the file's name for messages.
///
/// What a task waits for is its parents. Children must say the same: an edge
/// that only one side knows is refused.
pub fn wfformat(
    bytes: &[u8],
    name: &str,
    tasks: Tasks,
    options: &Options,
) -> Result<Imported, ImportError> {
    let mut refusals = Refusals::default();
    if bytes.len() > MAX_BYTES {
        refusals.push("", "the file is larger than 64 MiB", None);
        return Err(refusals.into_error(name));
    }
    let Some(workflow) = Workflow::read(bytes, &mut refusals) else {
        return Err(refusals.into_error(name));
    };
    let parents = edges(&workflow, &mut refusals);
    let mut ids = StepIds::default();
    let ids: Vec<String> = workflow
        .tasks
        .iter()
        .map(|task| ids.unique(&task.id))
        .collect();
    let mut steps = Vec::with_capacity(ids.len());
    for (at, task) in workflow.tasks.iter().enumerate() {
        let Some(run) = run(task, tasks, &mut refusals) else {
            continue;
        };
        let mut step = Step::new(ids[at].clone(), run);
        let named = task.name.as_ref().unwrap_or(&task.id);
        step.name = (*named != ids[at]).then(|| named.clone());
        step.needs = parents[at]
            .iter()
            .map(|parent| ids[*parent].clone())
            .collect();
        steps.push(step);
    }
    if !refusals.is_empty() {
        return Err(refusals.into_error(name));
    }
    let what = match tasks {
        Tasks::Command => "runs the command that is on record".to_string(),
        Tasks::Sleep { scale } => format!("sleeps as long as it took, times {scale}"),
    };
    let draft = Draft {
        comment: format!(
            "Imported from WfCommons WfFormat {}: {}, each of which {what}.",
            workflow.version,
            count(steps.len(), "task"),
        ),
        name: workflow.name,
        steps,
        notes: notes(tasks),
        ..Draft::default()
    };
    draft.finish(options, name)
}

fn notes(tasks: Tasks) -> Vec<String> {
    let mut notes = alloc::vec![
        "left out: files, machines, and all that was measured but the tasks' runtimes".to_string(),
    ];
    if tasks == Tasks::Command {
        notes.push(
            "the files that commands read are not brought about: have them in the plan's folder"
                .to_string(),
        );
    }
    notes
}

/// Each task's parents, by index, in the order of the file.
fn edges(workflow: &Workflow, refusals: &mut Refusals) -> Vec<Vec<usize>> {
    let names = Names::of(workflow, refusals);
    let mut lists = [Vec::new(), Vec::new()];
    for task in &workflow.tasks {
        let sides = [
            ("parents", Some(&task.parents)),
            ("children", task.children.as_ref()),
        ];
        for (list, (side, listed)) in lists.iter_mut().zip(sides) {
            let listed = listed.map(|listed| {
                let found = listed.iter().enumerate().filter_map(|(n, other)| {
                    let found = names.find(other);
                    if found.is_none() {
                        let place = format!("{}/{side}/{n}", task.place);
                        let what = format!("{} is not the id of a task", quoted(other));
                        refusals.push(place, what, None);
                    }
                    found
                });
                found.collect::<Vec<usize>>()
            });
            list.push(listed);
        }
    }
    let [parents, children] = lists;
    let parents: Vec<Vec<usize>> = parents.into_iter().map(Option::unwrap_or_default).collect();
    repeated(workflow, &parents, refusals);
    if refusals.is_empty() {
        one_sided(workflow, &parents, &children, refusals);
    }
    if let Some(circle) = order::circle(&parents) {
        let ids: Vec<String> = circle
            .iter()
            .chain(circle.first())
            .map(|at| quoted(&workflow.tasks[*at].id))
            .collect();
        let place = format!("{}/parents", workflow.tasks[circle[0]].place);
        refusals.push(
            place,
            format!("tasks wait for each other: {}", shortened(&ids)),
            None,
        );
    }
    parents
}

/// A circle may be as long as the file.
fn shortened(ids: &[String]) -> String {
    const SHOWN: usize = 20;
    if ids.len() <= SHOWN {
        return ids.join(" → ");
    }
    format!(
        "{} → … → {}",
        ids[..SHOWN - 1].join(" → "),
        ids[ids.len() - 1]
    )
}

fn repeated(workflow: &Workflow, parents: &[Vec<usize>], refusals: &mut Refusals) {
    for (task, parents) in workflow.tasks.iter().zip(parents) {
        let mut seen = alloc::collections::BTreeSet::new();
        for parent in parents.iter().filter(|parent| !seen.insert(**parent)) {
            let what = format!("{} is a parent twice", quoted(&workflow.tasks[*parent].id));
            refusals.push(format!("{}/parents", task.place), what, None);
        }
    }
}

/// Edges that a parent or a child knows alone.
fn one_sided(
    workflow: &Workflow,
    parents: &[Vec<usize>],
    children: &[Option<Vec<usize>>],
    refusals: &mut Refusals,
) {
    const HINT: &str = "an edge stands at both its ends: which of the two is right?";
    let of_parents: alloc::collections::BTreeSet<(usize, usize)> = pairs(parents.iter().map(Some))
        .map(|(child, parent)| (parent, child))
        .collect();
    let of_children: alloc::collections::BTreeSet<(usize, usize)> =
        pairs(children.iter().map(Option::as_ref)).collect();
    for (parent, child) in of_children.difference(&of_parents) {
        let (parent, child) = (&workflow.tasks[*parent], &workflow.tasks[*child]);
        let what = format!(
            "{} is a child of {}, and does not name it as its parent",
            quoted(&child.id),
            quoted(&parent.id)
        );
        refusals.push(format!("{}/children", parent.place), what, HINT);
    }
    for (parent, child) in of_parents
        .difference(&of_children)
        .filter(|(parent, _)| children[*parent].is_some())
    {
        let (parent, child) = (&workflow.tasks[*parent], &workflow.tasks[*child]);
        let what = format!(
            "{} is a parent of {}, and does not name it as its child",
            quoted(&parent.id),
            quoted(&child.id)
        );
        refusals.push(format!("{}/parents", child.place), what, HINT);
    }
}

fn pairs<'l>(
    lists: impl Iterator<Item = Option<&'l Vec<usize>>>,
) -> impl Iterator<Item = (usize, usize)> {
    lists
        .enumerate()
        .flat_map(|(at, list)| list.into_iter().flatten().map(move |other| (at, *other)))
}

/// Tasks by what edges call them: ids, and in 1.4 names as well.
struct Names<'w>(BTreeMap<&'w str, Option<usize>>);

impl<'w> Names<'w> {
    fn of(workflow: &'w Workflow, refusals: &mut Refusals) -> Self {
        let mut names = BTreeMap::new();
        for (at, task) in workflow.tasks.iter().enumerate() {
            if names.insert(task.id.as_str(), Some(at)).is_some() {
                let what = format!("{} is the id of another task too", quoted(&task.id));
                refusals.push(format!("{}/id", task.place), what, None);
            }
        }
        if workflow.edges_by_name {
            for (at, name) in workflow
                .tasks
                .iter()
                .enumerate()
                .filter_map(|(at, task)| Some((at, task.name.as_deref()?)))
            {
                names
                    .entry(name)
                    // A name that stands for two tasks stands for none.
                    .and_modify(|found| *found = found.filter(|other| *other == at))
                    .or_insert(Some(at));
            }
        }
        Self(names)
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.0.get(name).copied().flatten()
    }
}

fn run(task: &Task, tasks: Tasks, refusals: &mut Refusals) -> Option<Run> {
    match tasks {
        Tasks::Sleep { scale } => {
            let Some(runtime) = task.runtime else {
                refusals.push(
                    task.place.as_str(),
                    format!("no runtime of {} is on record", quoted(&task.id)),
                    None,
                );
                return None;
            };
            let seconds = runtime * scale;
            if !(seconds.is_finite() && (0.0..MAX_SLEEP).contains(&seconds)) {
                let what = format!("{} cannot sleep for {seconds} seconds", quoted(&task.id));
                refusals.push(task.place.as_str(), what, None);
                return None;
            }
            Some(Run::Argv(alloc::vec![
                "sleep".to_string(),
                decimal(seconds)
            ]))
        }
        Tasks::Command => {
            let Some(command) = &task.command else {
                let what = format!("no command of {} is on record", quoted(&task.id));
                refusals.push(task.place.as_str(), what, "`--as sleep` stands in for it");
                return None;
            };
            argv(command, refusals).map(Run::Argv)
        }
    }
}

/// A year: more is a mistake.
const MAX_SLEEP: f64 = 366.0 * 86_400.0;

/// Seconds to the microsecond, without an exponent.
fn decimal(seconds: f64) -> String {
    let text = format!("{seconds:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// Signs that only a shell gives a meaning to, where they stand alone.
const SHELL: &[&str] = &[
    "|", "||", "&", "&&", ";", "<", ">", ">>", "<<", "1>", "2>", "1>>", "2>>", "&>", ">&", "2>&1",
    "1>&2", "`",
];

fn argv(command: &Command, refusals: &mut Refusals) -> Option<Vec<String>> {
    let mut fine = true;
    for (n, argument) in command
        .arguments
        .iter()
        .enumerate()
        .filter(|(_, argument)| SHELL.contains(&argument.as_str()))
    {
        fine = false;
        let what = format!(
            "{} means something to a shell, and a command on record has none",
            quoted(argument)
        );
        refusals.push(
            format!("{}/arguments/{n}", command.place),
            what,
            "`--as sleep` stands in for the tasks",
        );
    }
    let words = core::iter::once(&command.program).chain(&command.arguments);
    fine.then(|| {
        words
            .map(|word| Template::literal(word.as_str()).source().to_string())
            .collect()
    })
}

/// A name of the file, cut to a readable length.
fn quoted(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("`{shown}`")
}
