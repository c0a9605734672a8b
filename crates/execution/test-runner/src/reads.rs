//! Whose outputs a plan reads.

use rok_expr::{Reference, Target};
use rok_plan::{Action, Plan};
use std::collections::BTreeMap;

/// For each step whose outputs an expression reads: one place that does.
pub(crate) fn readers(plan: &Plan) -> BTreeMap<String, String> {
    let mut readers = BTreeMap::new();
    let mut note = |by: &str, references: Vec<Reference>| {
        for reference in references {
            if let Target::Step { id, path } = reference.target
                && path.first().is_some_and(|first| first == "outputs")
            {
                let what = path.join(".");
                let place = format!("`steps.{id}.{what}` in {by}");
                readers.entry(id).or_insert(place);
            }
        }
    };
    for (name, template) in &plan.env {
        note(&format!("`env.{name}`"), template.references());
    }
    for step in &plan.steps {
        let by = format!("step `{}`", step.id);
        match &step.action {
            Action::Argv(args) => {
                for arg in args {
                    note(&by, arg.references());
                }
            }
            Action::Shell { line, .. } => note(&by, line.references()),
            Action::Call(_) => {}
            Action::Http(request) => {
                for template in request.templates() {
                    note(&by, template.references());
                }
            }
            Action::Service { site, domain, .. } => {
                note(&by, site.references());
                note(&by, domain.references());
            }
            Action::Agent(agent) => {
                for (_, value) in &agent.with {
                    note(&by, value.references());
                }
            }
            Action::Plan { with, .. } => {
                for (_, value) in with {
                    note(&by, value.references());
                }
            }
        }
        if let Some(items) = &step.for_each {
            note(&by, items.references());
        }
        if let Some(condition) = &step.condition {
            note(&by, condition.references());
        }
        let env = step.env.iter().map(|(_, template)| template);
        let paths = step.artifacts.iter().map(|artifact| &artifact.path);
        for template in env.chain(paths).chain(&step.cwd) {
            note(&by, template.references());
        }
    }
    readers
}
