//! What a run offers to expressions.

use alloc::collections::BTreeMap;
use alloc::string::String;
use rok_vocabulary::{Attempt, Epoch, ErrorClass, StepState};
use serde_json::Value;

/// What a run offers to expressions. Only what an expression names is asked
/// for, and nothing is copied: a scope over 10,000 steps costs nothing.
///
/// The JSON form decides the CEL type: a JSON integer is an `int`, a JSON
/// number with a fraction or exponent (`1.0`) a `double`. A scope therefore
/// hands over the value of a `number` as a float: [`Kind::coerce`](crate::Kind::coerce)
/// makes it one, once, when inputs and outputs are accepted.
pub trait Scope {
    /// The value of an input; `None` when it has none.
    fn input(&self, name: &str) -> Option<&Value>;

    /// The state of a step; `None` when there is no such step.
    fn step(&self, id: &str) -> Option<StepView<'_>>;

    /// The run itself.
    fn run(&self) -> RunView<'_>;

    /// The item of a fan-out's child.
    fn item(&self) -> Option<&Value> {
        None
    }

    /// The place of that item, 0-based.
    fn item_index(&self) -> Option<u32> {
        None
    }
}

/// What expressions see of a step.
#[derive(Debug, Clone, Copy)]
pub struct StepView<'a> {
    /// `steps.ID.state`
    pub state: StepState,
    /// `steps.ID.outputs`: an object, or null before it succeeded.
    pub outputs: &'a Value,
    /// `steps.ID.error_class`: null unless it failed.
    pub error_class: Option<ErrorClass>,
    /// `steps.ID.attempt`
    pub attempt: Attempt,
}

/// What expressions see of the run.
#[derive(Debug, Clone, Copy)]
pub struct RunView<'a> {
    /// `run.id`
    pub id: &'a str,
    /// `run.plan`: the plan's id.
    pub plan: &'a str,
    /// `run.epoch`
    pub epoch: Epoch,
    /// `run.labels`
    pub labels: &'a BTreeMap<String, String>,
}
