//! A run and a plan to evaluate and check against.

use rok_expr::{Declarations, Kind, RunView, Scope, StepDecl, StepView};
use rok_vocabulary::{Attempt, Epoch, ErrorClass, StepState};
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub(crate) struct Step {
    pub(crate) state: StepState,
    pub(crate) outputs: Value,
    pub(crate) error_class: Option<ErrorClass>,
}

pub(crate) struct World {
    pub(crate) inputs: BTreeMap<String, Value>,
    pub(crate) steps: BTreeMap<String, Step>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) item: Option<Value>,
}

impl World {
    pub(crate) fn with(name: &str, value: Value) -> Self {
        let mut world = Self::default();
        world.inputs.insert(name.into(), value);
        world
    }
}

impl Default for World {
    fn default() -> Self {
        let inputs = [
            ("dataset", json!("iris")),
            ("rows", json!(150)),
            ("min", json!(0.97)),
            ("whole", json!(1.0)),
            ("big", json!(u64::MAX)),
            ("dry", json!(false)),
            ("nothing", Value::Null),
            ("tags", json!(["a", "b"])),
            ("owner", json!({"name": "ada", "age": 36})),
        ];
        let steps = [
            (
                "build",
                StepState::Succeeded,
                json!({"accuracy": 0.98, "regions": ["eu", "us"]}),
                None,
            ),
            (
                "per-region",
                StepState::Succeeded,
                json!([{"ok": true}, {"ok": false}]),
                None,
            ),
            (
                "broken",
                StepState::Failed,
                Value::Null,
                Some(ErrorClass::Timeout),
            ),
        ];
        Self {
            inputs: inputs.map(|(name, value)| (name.to_string(), value)).into(),
            steps: steps
                .map(|(id, state, outputs, error_class)| {
                    (
                        id.to_string(),
                        Step {
                            state,
                            outputs,
                            error_class,
                        },
                    )
                })
                .into(),
            labels: [("team".to_string(), "data".to_string())].into(),
            item: None,
        }
    }
}

impl Scope for World {
    fn input(&self, name: &str) -> Option<&Value> {
        self.inputs.get(name)
    }

    fn step(&self, id: &str) -> Option<StepView<'_>> {
        self.steps.get(id).map(|step| StepView {
            state: step.state,
            outputs: &step.outputs,
            error_class: step.error_class,
            attempt: Attempt(1),
        })
    }

    fn run(&self) -> RunView<'_> {
        RunView {
            id: "run_1",
            plan: "deliverable",
            epoch: Epoch(2),
            labels: &self.labels,
        }
    }

    fn item(&self) -> Option<&Value> {
        self.item.as_ref()
    }

    fn item_index(&self) -> Option<u32> {
        self.item.as_ref().map(|_| 7)
    }
}

/// The plan of that run, seen from a step after `build` and `per-region`.
pub(crate) struct Plan;

impl Declarations for Plan {
    fn input(&self, name: &str) -> Option<Kind> {
        Some(match name {
            "dataset" => Kind::String,
            "rows" => Kind::Integer,
            "min" => Kind::Number,
            "dry" => Kind::Boolean,
            "tags" => Kind::Array,
            "owner" => Kind::Object,
            _ => return None,
        })
    }

    fn input_names(&self) -> Vec<&str> {
        vec!["dataset", "rows", "min", "dry", "tags", "owner"]
    }

    fn step(&self, id: &str) -> Option<StepDecl> {
        match id {
            "build" => Some(StepDecl {
                ancestor: true,
                fan_out: false,
            }),
            "per-region" => Some(StepDecl {
                ancestor: true,
                fan_out: true,
            }),
            "later" => Some(StepDecl {
                ancestor: false,
                fan_out: false,
            }),
            _ => None,
        }
    }

    fn step_names(&self) -> Vec<&str> {
        vec!["build", "per-region", "later"]
    }

    fn secret(&self, name: &str) -> bool {
        name == "TOKEN"
    }

    fn secret_names(&self) -> Vec<&str> {
        vec!["TOKEN"]
    }

    fn output(&self, step: &str, name: &str) -> Option<Kind> {
        match (step, name) {
            ("build", "accuracy") => Some(Kind::Number),
            ("build", "regions") => Some(Kind::Array),
            _ => None,
        }
    }

    fn output_names(&self, step: &str) -> Vec<&str> {
        if step == "build" {
            vec!["accuracy", "regions"]
        } else {
            Vec::new()
        }
    }
}
