//! What a run offers to the expressions of its plan.

use crate::compiled::StepIx;
use crate::state::{Done, RunState};
use rok_expr::{RunView, Scope, StepView};
use serde_json::Value;

/// A run's state as expressions see it.
#[derive(Debug, Clone, Copy)]
pub struct RunScope<'a> {
    state: &'a RunState,
    item: Option<(&'a Value, u32)>,
    /// The step that is undone, by its id in the plan, and what it handed on.
    own: Option<(&'a str, &'a Value)>,
}

impl<'a> RunScope<'a> {
    /// The scope of a run that exists.
    #[must_use]
    pub const fn new(state: &'a RunState) -> Self {
        Self {
            state,
            item: None,
            own: None,
        }
    }

    /// The scope of one step: a fan-out's child has an item.
    #[must_use]
    pub fn of(state: &'a RunState, ix: StepIx) -> Self {
        let item = state.item(ix);
        let own = None;
        Self { state, item, own }
    }

    /// The scope of what undoes a step: it sees the step's own item and outputs.
    pub(crate) fn undoing(state: &'a RunState, done: &'a Done) -> Self {
        let id = state.plan().step(done.origin).id.as_str();
        let outputs = done.outputs.as_deref().unwrap_or(&Value::Null);
        Self {
            state,
            item: done.item.as_ref().map(|(item, index)| (item, *index)),
            own: Some((id, outputs)),
        }
    }
}

impl Scope for RunScope<'_> {
    fn input(&self, name: &str) -> Option<&Value> {
        self.state.inputs()?.get(name)
    }

    fn step(&self, id: &str) -> Option<StepView<'_>> {
        let slot = self.state.step(self.state.plan().find_str(id)?);
        Some(StepView {
            state: slot.state,
            outputs: match self.own {
                Some((own, outputs)) if own == id => outputs,
                _ => slot.outputs.as_deref().unwrap_or(&Value::Null),
            },
            error_class: slot.class,
            attempt: slot.attempt,
        })
    }

    fn item(&self) -> Option<&Value> {
        self.item.map(|(item, _)| item)
    }

    fn item_index(&self) -> Option<u32> {
        self.item.map(|(_, index)| index)
    }

    fn run(&self) -> RunView<'_> {
        static NO_LABELS: alloc::collections::BTreeMap<
            alloc::string::String,
            alloc::string::String,
        > = alloc::collections::BTreeMap::new();
        RunView {
            id: self.state.run_id().as_str(),
            plan: self.state.plan().plan().id.as_str(),
            epoch: self.state.epoch(),
            labels: self.state.labels().unwrap_or(&NO_LABELS),
        }
    }
}
