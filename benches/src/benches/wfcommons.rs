//! Real workflow graphs, each task a sleep: does a run keep every edge, and
//! does it take hardly longer than a scheduler that costs nothing?

use crate::args::Args;
use crate::command;
use crate::load::Failed;
use crate::measure::{Goal, Measure, Spent, Unit};
use crate::place::Place;
use crate::report::Table;
use crate::schedule::{Task, list_schedule, lower_bound};
use rok_plan::{Action, Plan};
use rok_plan_import::{Options, Tasks, wfformat};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Steps at once, measured one after the other.
const AT_ONCE: &[u32] = &[8, 16, 32];

/// How long the shortest task sleeps, in seconds: less, and processes would be
/// measured instead of a schedule.
const SHORTEST: f64 = 0.01;

/// How long a run should take at least, in seconds.
const MAKESPAN: f64 = 20.0;

/// How long each task sleeps where its own journal is asked, in seconds.
const JOURNALLED: f64 = 0.02;

pub(super) fn run(args: &Args, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let Some(folder) = &args.wfinstances else {
        table.skip(
            "no folder of WfCommons instances: name one with --wfinstances or ROK_WFINSTANCES; \
             they are at https://github.com/wfcommons/WfInstances",
        );
        return Ok(());
    };
    table.setting(format!(
        "`rok run`, fsync, audit contract in full, one run each; every task sleeps as long as it \
         took, scaled so that the shortest sleeps {} ms and the run takes {MAKESPAN} s at least",
        SHORTEST * 1e3
    ));
    table.setting(
        "list: a scheduler without cost that starts the first ready task of the file; lower: the \
         longest path, or the work shared out; held against list: the whole process",
    );
    let rok = command::rok(args)?;
    let files = instances(folder)?;
    if files.is_empty() {
        return Err(Failed(format!("no .json in {}", folder.display())));
    }
    for file in files {
        instance(&file, &rok, place, table)?;
    }
    Ok(())
}

fn instances(folder: &Path) -> Result<Vec<PathBuf>, Failed> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn instance(file: &Path, rok: &Path, place: &Place, table: &mut Table) -> Result<(), Failed> {
    let bytes = fs::read(file)?;
    let whole = imported(file, &bytes, Tasks::Sleep { scale: 1.0 }, 1)?;
    let name = whole.1.id.to_string();
    let tasks = tasks(&whole.1);
    table.setting(format!(
        "{name}: {} tasks, {} edges, {:.0} s of work, longest path {:.0} s",
        tasks.len(),
        tasks.iter().map(|task| task.needs.len()).sum::<usize>(),
        tasks.iter().map(|task| task.seconds).sum::<f64>(),
        lower_bound(&tasks, tasks.len()),
    ));
    journalled(file, &bytes, rok, place)?;
    for &at_once in AT_ONCE {
        let scale = scale(&tasks, at_once);
        let (text, plan) = imported(file, &bytes, Tasks::Sleep { scale }, at_once)?;
        let dir = place.folder()?;
        let spent = drive(rok, &dir, &text)?;
        edges_kept(&plan, &of_log(&dir)?)?;
        let tasks = self::tasks(&plan);
        let (lower, list) = (
            lower_bound(&tasks, at_once as usize),
            list_schedule(&tasks, at_once as usize),
        );
        let row = |what: &str| format!("{name}, {at_once} at once, {what}");
        let seconds = |seconds: f64| {
            let wall = std::time::Duration::from_secs_f64(seconds);
            let cpu = std::time::Duration::ZERO;
            [Spent { wall, cpu }]
        };
        table.add(Measure::took(row("lower"), Unit::Ms, &seconds(lower)).without_cpu());
        table.add(Measure::took(row("list"), Unit::Ms, &seconds(list)).without_cpu());
        table.add(Measure::took(row("rok"), Unit::Ms, &[spent]));
        let ratio = spent.wall.as_secs_f64() / list;
        table.add(Measure::times(row("rok / list"), vec![ratio]).goal(Goal::AtMost(1.1)));
    }
    Ok(())
}

/// What brings the shortest task to its least, and the run to its length.
fn scale(tasks: &[Task], at_once: u32) -> f64 {
    let shortest = tasks.iter().map(|task| task.seconds);
    let shortest = shortest.filter(|s| *s > 0.0).fold(f64::INFINITY, f64::min);
    let makespan = list_schedule(tasks, at_once as usize);
    (SHORTEST / shortest).max(MAKESPAN / makespan)
}

fn imported(
    file: &Path,
    bytes: &[u8],
    tasks: Tasks,
    at_once: u32,
) -> Result<(String, Plan), Failed> {
    let options = Options {
        id: None,
        max_parallel: Some(at_once),
    };
    let name = file.display().to_string();
    let imported = wfformat(bytes, &name, tasks, &options)
        .map_err(|error| Failed(format!("cannot be imported: {error}")))?;
    let plan = rok_plan::parse(imported.text.as_bytes(), "plan.yaml")?;
    Ok((imported.text, plan))
}

/// The plan's sleeps, as they stand in it.
fn tasks(plan: &Plan) -> Vec<Task> {
    let steps = plan.steps.iter();
    steps
        .map(|step| Task {
            seconds: match &step.action {
                Action::Argv(words) => words.last().and_then(|word| word.source().parse().ok()),
                _ => None,
            }
            .unwrap_or_default(),
            needs: step.needs.clone(),
        })
        .collect()
}

fn drive(rok: &Path, dir: &Path, plan: &str) -> Result<Spent, Failed> {
    fs::write(dir.join("plan.yaml"), plan)?;
    let mut command = Command::new(rok);
    command
        .args([
            "run",
            "plan.yaml",
            "--quiet",
            "--dir",
            "runs",
            "--run-id",
            "r",
        ])
        .current_dir(dir);
    command::run(&mut command)
}

/// Runs the graph with tasks that write down when they begin and end, and asks
/// both the log and them.
fn journalled(file: &Path, bytes: &[u8], rok: &Path, place: &Place) -> Result<(), Failed> {
    let mut workflow: Value = serde_json::from_slice(bytes).map_err(|e| Failed(e.to_string()))?;
    let script = format!(
        "echo \"+$ROK_STEP_ID\" >>journal; sleep {JOURNALLED}; echo \"-$ROK_STEP_ID\" >>journal"
    );
    let command = json!({ "program": "sh", "arguments": ["-c", script] });
    for list in ["/workflow/execution/tasks", "/workflow/tasks"] {
        let tasks = workflow.pointer_mut(list).and_then(Value::as_array_mut);
        for task in tasks.into_iter().flatten() {
            task["command"] = command.clone();
        }
    }
    let bytes = workflow.to_string().into_bytes();
    let (text, plan) = imported(file, &bytes, Tasks::Command, AT_ONCE[AT_ONCE.len() - 1])?;
    let dir = place.folder()?;
    drive(rok, &dir, &text)?;
    edges_kept(&plan, &of_log(&dir)?)?;
    let journal = fs::read_to_string(dir.join("journal"))?;
    let of_tasks = journal.lines().map(|line| {
        let (sign, step) = line.split_at(1);
        (sign == "+", step.to_owned())
    });
    edges_kept(&plan, &moments(of_tasks))
}

/// When each step begins and ends, counted in moments.
type Moments = BTreeMap<String, (usize, usize)>;

fn moments(list: impl Iterator<Item = (bool, String)>) -> Moments {
    let mut moments = Moments::new();
    for (at, (begins, step)) in list.enumerate() {
        let moment = moments.entry(step).or_insert((usize::MAX, usize::MAX));
        *(if begins { &mut moment.0 } else { &mut moment.1 }) = at;
    }
    moments
}

fn of_log(dir: &Path) -> Result<Moments, Failed> {
    let log = fs::read_to_string(dir.join("runs/r/events.jsonl"))?;
    let mut list = Vec::new();
    for line in log.lines() {
        let event: Value = serde_json::from_str(line).map_err(|e| Failed(e.to_string()))?;
        let begins = match event["event_type"].as_str() {
            Some("step.started") => true,
            Some("step.succeeded") => false,
            _ => continue,
        };
        list.push((
            begins,
            event["step_id"].as_str().unwrap_or_default().to_owned(),
        ));
    }
    Ok(moments(list.into_iter()))
}

/// Whether each step began and ended, and began after all that it needs ended.
fn edges_kept(plan: &Plan, moments: &Moments) -> Result<(), Failed> {
    let of = |at: usize| {
        let id = plan.steps[at].id.as_str();
        let moment = moments.get(id).copied();
        moment
            .filter(|(began, ended)| began < ended && *ended < usize::MAX)
            .ok_or_else(|| Failed(format!("step {id} did not begin and end")))
    };
    for (at, step) in plan.steps.iter().enumerate() {
        let (began, _) = of(at)?;
        for &need in &step.needs {
            if of(need)?.1 > began {
                let need = &plan.steps[need].id;
                return Err(Failed(format!(
                    "step {} began before {need} ended",
                    step.id
                )));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{edges_kept, moments};
    use rstest::rstest;

    #[rstest]
    #[case("+a -a +b +c -b -c", true)]
    #[case("+a +c -c -a +b -b", true)]
    #[case("+a +b -a -b +c -c", false)]
    #[case("+a -a +b -b", false)]
    #[case("+a -a +b +c -c", false)]
    fn an_edge_that_is_not_kept_is_seen(#[case] journal: &str, #[case] kept: bool) {
        let text = "plan: p\nsteps: { a: { run: x }, b: { run: x, needs: [a] }, c: { run: x } }\n";
        let plan = rok_plan::parse(text.as_bytes(), "p.yaml").expect("it is valid");
        let words = journal.split(' ').map(|word| word.split_at(1));
        let moments = moments(words.map(|(sign, step)| (sign == "+", step.to_owned())));
        assert_eq!(edges_kept(&plan, &moments).is_ok(), kept);
    }
}
