//! Step functions: what they are given and what they may answer.

use super::state::PipelineState;
use rok_executor::{Call, Functions, StepFailure};
use rok_vocabulary::{Attempt, ErrorClass, RunId, StepId};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a step function answers: done, or the class of the failure, which
/// decides about retries, and the reason for people.
pub type StepResult = Result<(), (ErrorClass, String)>;

type StepFunction = dyn Fn(&Context, &StepId) -> StepResult + Send + Sync;

/// A run, as its starter and its step functions see it.
#[derive(Debug, Clone)]
pub struct Context {
    pub(super) run_id: RunId,
    pub(super) run_dir: PathBuf,
    pub(super) state: PipelineState,
    pub(super) attempt: Attempt,
    pub(super) inputs: Arc<Value>,
}

impl Context {
    /// The run.
    #[must_use]
    pub const fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// Its folder, absolute; the log is `events.jsonl` in it.
    #[must_use]
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Where it stood when this was made.
    #[must_use]
    pub const fn state(&self) -> PipelineState {
        self.state
    }

    /// The attempt, 0-based; 0 outside a step function.
    #[must_use]
    pub const fn attempt(&self) -> Attempt {
        self.attempt
    }

    /// The run's inputs: a JSON object.
    #[must_use]
    pub fn inputs(&self) -> &Value {
        &self.inputs
    }
}

/// A function for each step, by the step's id.
#[derive(Clone, Default)]
pub struct StepFunctions(BTreeMap<String, Arc<StepFunction>>);

impl StepFunctions {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the function of a step. A later one of the same step wins.
    #[must_use]
    pub fn with(
        mut self,
        step: impl Into<String>,
        function: impl Fn(&Context, &StepId) -> StepResult + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(step.into(), Arc::new(function));
        self
    }

    /// The same functions, as the engine calls them.
    pub(super) fn registered(self, run_dir: &Path) -> Functions {
        let mut functions = Functions::new();
        for (name, function) in self.0 {
            let run_dir = run_dir.to_path_buf();
            functions = functions.register(name, move |call| call_one(&*function, &run_dir, call));
        }
        functions
    }
}

fn call_one(
    function: &StepFunction,
    run_dir: &Path,
    call: &Call<'_>,
) -> Result<Value, StepFailure> {
    let attempt = call.attempt();
    let ctx = Context {
        run_id: attempt.run.clone(),
        run_dir: run_dir.to_path_buf(),
        state: PipelineState::Executing,
        attempt: attempt.step.attempt,
        inputs: Arc::new(call.inputs().clone()),
    };
    match function(&ctx, &attempt.step.step) {
        Ok(()) => Ok(Value::Null),
        Err((class, reason)) => Err(StepFailure::new(class, reason)),
    }
}

impl fmt::Debug for StepFunctions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
