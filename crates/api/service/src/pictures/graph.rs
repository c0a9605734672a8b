//! From plans and runs to the graph that is drawn.

use rok_facades::runs::{RunSummary, StepSummary, StepTotals};
use rok_pictures::{Edge, EdgeKind, Gate, Graph, Node, State};
use rok_plan::{Plan, Step};
use rok_vocabulary::StepState;
use std::collections::BTreeMap;
use std::time::Duration;

/// A plan's steps and edges.
pub(super) fn of_plan(plan: &Plan) -> Graph {
    let name = plan.name.as_deref().unwrap_or_default();
    Graph {
        title: format!("{}, version {}", plan.id, plan.version),
        subtitle: name.to_owned(),
        nodes: plan.steps.iter().map(node).collect(),
        edges: edges(plan),
    }
}

fn node(step: &Step) -> Node {
    let mut details: Vec<String> = step.description.iter().cloned().collect();
    if let Some(condition) = &step.condition {
        details.push(format!("if {}", condition.source()));
    }
    Node {
        gate: step.gate.map(|gate| match gate {
            rok_plan::Gate::Hard => Gate::Hard,
            rok_plan::Gate::Manual => Gate::Manual,
        }),
        name: name_of(step.name.as_deref(), step.id.as_str()),
        optional: !step.required,
        note: step
            .for_each
            .as_ref()
            .map_or("", |_| "for each item")
            .to_owned(),
        details,
        ..Node::new(step.id.as_str())
    }
}

/// A name that says no more than the id is none.
pub(super) fn name_of(name: Option<&str>, id: &str) -> String {
    name.filter(|name| *name != id)
        .unwrap_or_default()
        .to_owned()
}

fn edges(plan: &Plan) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (to, step) in plan.steps.iter().enumerate() {
        let lists = [
            (&step.needs, EdgeKind::Needs),
            (&step.after, EdgeKind::After),
        ];
        for (list, kind) in lists {
            edges.extend(list.iter().map(|from| Edge {
                from: *from,
                to,
                kind,
            }));
        }
    }
    // Last: where one of them closed a cycle, it is the one that is left out.
    let stand_ins = plan.steps.iter().enumerate();
    edges.extend(stand_ins.filter_map(|(from, step)| {
        step.fallback.map(|to| Edge {
            from,
            to,
            kind: EdgeKind::Fallback,
        })
    }));
    edges
}

/// A run's steps, how they stand, and what came of them while it ran.
pub(super) fn of_run(plan: &Plan, run: &RunSummary) -> Graph {
    let mut graph = of_plan(plan);
    graph.title = format!("Run {}", run.run_id);
    let ended = run.completed_at.map(|at| at.since(run.created_at));
    graph.subtitle = standing(run, ended);
    let places: BTreeMap<&str, usize> = plan
        .steps
        .iter()
        .map(|step| step.id.as_str())
        .zip(0..)
        .collect();
    for step in &run.steps {
        if let Some(at) = places.get(step.id.as_str()) {
            stand(&mut graph.nodes[*at], step);
        }
    }
    for passed in &run.overrides {
        if let Some(at) = places.get(passed.step.as_str()) {
            let words = format!("overridden by {}: {}", passed.actor, passed.reason);
            graph.nodes[*at].details.push(words);
        }
    }
    graph
}

fn stand(node: &mut Node, step: &StepSummary) {
    node.state = Some(state(step.state));
    let mut notes = Vec::new();
    if step.attempt > 0 {
        notes.push(format!("attempt {}", step.attempt + 1));
    }
    if let Some(wall) = step.wall_ms {
        notes.push(took(Duration::from_millis(wall)));
    }
    if let Some(children) = step.children {
        node.children = children.total as usize;
        if children.succeeded + children.compensated < children.total {
            notes.push(counts(children));
        }
    }
    node.note = notes.join(" · ");
    if let Some(error) = &step.error {
        node.details
            .push(format!("{} ({})", error.reason, error.class));
    }
    node.details.extend(step.skip_reason.clone());
    let asked = step.decision.as_ref().map(|gate| gate.message.clone());
    node.details
        .extend(asked.filter(|message| !message.is_empty()));
}

/// How many are in which state; nothing of states that none is in.
pub(super) fn counts(totals: StepTotals) -> String {
    let counts = [
        (totals.succeeded, "succeeded"),
        (totals.failed, "failed"),
        (totals.skipped, "skipped"),
        (totals.compensated, "compensated"),
        (totals.waiting, "waiting"),
        (totals.running, "running"),
        (totals.pending, "pending"),
    ];
    let counts: Vec<String> = counts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    counts.join(", ")
}

/// The run's status in a line; how long it took in all says what an epoch
/// alone does not.
pub(super) fn standing(run: &RunSummary, in_all: Option<Duration>) -> String {
    let outcome = match run.outcome {
        Some(outcome) if outcome.as_str() != run.status => format!(" ({outcome})"),
        _ => String::new(),
    };
    let mut parts = vec![
        format!("{}{outcome}", run.status),
        format!("plan {}, version {}", run.plan, run.plan_version),
        run.created_at.to_string(),
        lasted(run, in_all),
    ];
    parts.extend(run.hold.as_ref().map(|hold| hold.message.clone()));
    parts.extend(run.error.as_ref().map(|error| error.reason.clone()));
    parts.join(" · ")
}

/// How long a run took: of one that has several epochs both, the last one and
/// from the first to the last.
pub(super) fn lasted(run: &RunSummary, in_all: Option<Duration>) -> String {
    let last = took(Duration::from_millis(run.duration_ms));
    match in_all.filter(|_| run.epoch.0 > 0) {
        Some(in_all) => format!(
            "{} from creation to end, {last} of it in epoch {}",
            took(in_all),
            run.epoch
        ),
        None => last,
    }
}

/// A step's state as pictures show it.
pub(super) const fn state(state: StepState) -> State {
    match state {
        StepState::Pending => State::Pending,
        StepState::Waiting => State::Waiting,
        StepState::Running => State::Running,
        StepState::Succeeded => State::Succeeded,
        StepState::Failed => State::Failed,
        StepState::Skipped => State::Skipped,
        StepState::Compensated => State::Compensated,
    }
}

/// How long something took, as people read it.
pub(super) fn took(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.2}s", duration.as_secs_f64()),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
    }
}
