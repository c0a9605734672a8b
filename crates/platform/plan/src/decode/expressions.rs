//! Expressions against what the plan declares: known names, and of steps only
//! those that come before.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::Cell;
use rok_expr::{
    Condition, Declarations, Fault, Items, Kind, Reference, ShellLine, StepDecl, Target, Template,
};
use rok_vocabulary::InputName;

use super::agent::AgentDraft;
use super::step::{ActionDraft, StepDraft};
use super::{Decoder, Inputs, Written};
use crate::graph::Graph;
use crate::tree::{Entry, Node};

/// How often every step's name is handed out to look for a nearest one: the
/// first unknown names get a hint, a thousandth does not need one.
const NAME_LISTS: usize = 20;

/// The forms of expression, as far as checking goes.
trait Checked {
    /// Whether it is an expression even where it has no `${{`.
    fn bare(&self) -> bool;
    fn reads(&self) -> Vec<Reference>;
    fn faults(&self, declarations: &dyn Declarations) -> Vec<Fault>;
}

macro_rules! checked {
    ($($form:ty, $bare:literal);+) => { $(
        impl Checked for $form {
            fn bare(&self) -> bool {
                $bare
            }
            fn reads(&self) -> Vec<Reference> {
                self.references()
            }
            fn faults(&self, declarations: &dyn Declarations) -> Vec<Fault> {
                self.check(declarations)
            }
        }
    )+ };
}

checked!(Template, false; Condition, true; Items, true; ShellLine, false);

/// What of a step an expression is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    /// An attempt: of a fan-out, that of a child.
    Attempt,
    /// The step as a whole, before there are items.
    Whole,
    /// Its undoing, which may read what the step itself handed on.
    Undoing,
}

/// One expression, and the step that holds it.
struct Use<'d> {
    expression: &'d dyn Checked,
    node: &'d Node,
    step: Option<usize>,
    about: About,
    reads: Vec<Reference>,
}

impl Decoder<'_> {
    pub(super) fn expressions(
        &mut self,
        inputs: &Inputs,
        secrets: &[InputName],
        of_plan: &[&Written<'_, Template>],
        entries: &[Entry],
        steps: &[StepDraft<'_>],
        graph: &Graph,
    ) {
        let index: BTreeMap<&str, usize> = entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.key.as_str(), at))
            .collect();
        let mut uses = Vec::new();
        for value in of_plan {
            add(&mut uses, value, None);
        }
        for (at, step) in steps.iter().enumerate() {
            step.each(&mut |expression, node| {
                push(&mut uses, expression, node, Some(at), About::Attempt);
            });
            step.each_whole(&mut |expression, node| {
                push(&mut uses, expression, node, Some(at), About::Whole);
            });
            if let Some(undo) = step.undo() {
                undo.each(&mut |expression, node| {
                    push(&mut uses, expression, node, Some(at), About::Undoing);
                });
            }
        }
        let mut queries = BTreeSet::new();
        for (step, target) in uses
            .iter()
            .flat_map(|u| u.reads.iter().map(|read| (u.step, &read.target)))
        {
            if let (Some(step), Target::Step { id, .. }) = (step, target)
                && let Some(&target) = index.get(id.as_str())
            {
                queries.insert((step, target));
            }
        }
        let ancestors = graph.ancestors(queries);
        let lists_left = Cell::new(NAME_LISTS);
        for Use {
            expression,
            node,
            step,
            about,
            reads,
        } in uses
        {
            let broken = |read: &Reference| matches!(&read.target, Target::Input(name) if inputs.broken.contains(name));
            if reads.iter().any(broken) {
                continue; // its input's own fault comes first
            }
            let known = Known {
                inputs,
                secrets,
                index: &index,
                steps,
                step,
                about,
                ancestors: &ancestors,
                lists_left: &lists_left,
            };
            for fault in expression.faults(&known) {
                self.expression_fault(fault, node);
            }
        }
    }
}

fn add<'d, T: Checked>(uses: &mut Vec<Use<'d>>, written: &'d Written<'_, T>, step: Option<usize>) {
    push(
        uses,
        &written.expression,
        written.node,
        step,
        About::Attempt,
    );
}

/// Text without expressions has nothing to check.
fn push<'d>(
    uses: &mut Vec<Use<'d>>,
    expression: &'d dyn Checked,
    node: &'d Node,
    step: Option<usize>,
    about: About,
) {
    let reads = expression.reads();
    if expression.bare()
        || !reads.is_empty()
        || node.text().is_some_and(|text| text.contains("${{"))
    {
        uses.push(Use {
            expression,
            node,
            step,
            about,
            reads,
        });
    }
}

impl StepDraft<'_> {
    fn each<'d>(&'d self, visit: &mut dyn FnMut(&'d dyn Checked, &'d Node)) {
        if let Some(action) = &self.action {
            action.each(visit);
        }
        let values = self.env.iter().map(|(_, value)| value);
        let paths = self.artifacts.iter().map(|(path, _)| path);
        for template in values.chain(paths).chain(&self.reads).chain(&self.cwd) {
            visit(&template.expression, template.node);
        }
    }

    /// What is asked once, of the step as a whole.
    fn each_whole<'d>(&'d self, visit: &mut dyn FnMut(&'d dyn Checked, &'d Node)) {
        if let Some(condition) = &self.condition {
            visit(&condition.expression, condition.node);
        }
        if let Some(items) = &self.for_each {
            visit(&items.expression, items.node);
        }
    }
}

impl ActionDraft<'_> {
    fn each<'d>(&'d self, visit: &mut dyn FnMut(&'d dyn Checked, &'d Node)) {
        match self {
            Self::Argv(items) => items
                .iter()
                .for_each(|item| visit(&item.expression, item.node)),
            Self::Shell { line, .. } => visit(&line.expression, line.node),
            Self::Call(_) => {}
            Self::Http(request) => {
                request.each(&mut |value| visit(&value.expression, value.node));
            }
            Self::Service { site, domain, .. } => {
                visit(&site.expression, site.node);
                visit(&domain.expression, domain.node);
            }
            Self::Agent(AgentDraft { with, .. }) | Self::Plan { with, .. } => {
                for (_, value) in with {
                    visit(&value.expression, value.node);
                }
            }
        }
    }
}

/// The plan as one expression sees it.
struct Known<'a> {
    inputs: &'a Inputs,
    secrets: &'a [InputName],
    index: &'a BTreeMap<&'a str, usize>,
    steps: &'a [StepDraft<'a>],
    step: Option<usize>,
    about: About,
    ancestors: &'a BTreeSet<(usize, usize)>,
    lists_left: &'a Cell<usize>,
}

impl Declarations for Known<'_> {
    fn input(&self, name: &str) -> Option<Kind> {
        self.inputs.sound.get(name).map(|spec| spec.kind.into())
    }

    fn input_names(&self) -> Vec<&str> {
        self.inputs.sound.keys().map(InputName::as_str).collect()
    }

    fn step(&self, id: &str) -> Option<StepDecl> {
        let target = *self.index.get(id)?;
        let own = self.about == About::Undoing && self.step == Some(target);
        let before = |step| self.ancestors.contains(&(step, target));
        Some(StepDecl {
            ancestor: own || self.step.is_some_and(before),
            // Each child is undone by itself, and reads its own outputs.
            fan_out: self.steps[target].fan_out && !own,
        })
    }

    fn item(&self) -> bool {
        self.about != About::Whole && self.step.is_some_and(|step| self.steps[step].fan_out)
    }

    fn step_names(&self) -> Vec<&str> {
        match self.lists_left.get() {
            0 => Vec::new(),
            left => {
                self.lists_left.set(left - 1);
                self.index.keys().copied().collect()
            }
        }
    }

    fn secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret.as_str() == name)
    }

    fn secret_names(&self) -> Vec<&str> {
        self.secrets.iter().map(InputName::as_str).collect()
    }

    fn output(&self, step: &str, name: &str) -> Option<Kind> {
        let step = &self.steps[*self.index.get(step)?];
        step.outputs.get(name).map(|spec| spec.kind.into())
    }

    fn output_names(&self, step: &str) -> Vec<&str> {
        let step = self.index.get(step).map(|at| &self.steps[*at]);
        step.map(|step| step.outputs.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }
}
