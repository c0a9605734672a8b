//! What a function is given of the steps that its own one needs.

use crate::compiled::StepIx;
use crate::state::RunState;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use rok_chain::Digest;
use serde_json::{Map, Value};

/// Outputs by step id. All children of a fan-out share one of them, and its
/// digest: each of them costs the same, however long the list is that their
/// step was fanned out over.
#[derive(Debug, Clone)]
pub struct Needs {
    outputs: Arc<Value>,
    sha256: Option<Digest>,
}

impl Needs {
    /// Outputs by step id, an object.
    #[must_use]
    pub fn new(outputs: Map<String, Value>) -> Self {
        Self {
            outputs: Arc::new(Value::Object(outputs)),
            sha256: None,
        }
    }

    /// The same, to be shared: its digest is computed once, here.
    pub(crate) fn shared(self) -> Self {
        Self {
            sha256: Some(self.digest()),
            ..self
        }
    }

    /// Outputs by step id, an object.
    #[must_use]
    pub const fn outputs(&self) -> &Arc<Value> {
        &self.outputs
    }

    /// The digest of the outputs.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let json = || serde_json::to_vec(&*self.outputs).expect("a JSON value is always JSON");
        self.sha256.unwrap_or_else(|| Digest::of(&json()))
    }
}

/// Whether the digest is known already makes no difference.
impl PartialEq for Needs {
    fn eq(&self, other: &Self) -> bool {
        self.outputs == other.outputs
    }
}

impl RunState {
    /// What a function is given of the steps that a step needs.
    pub(crate) fn needs(&self, ix: StepIx) -> Needs {
        let fan = self.child(ix).and_then(|(parent, _)| self.fan_out(parent));
        let shared = fan.and_then(|fan| fan.needs().cloned());
        shared.unwrap_or_else(|| Needs::new(self.needs_outputs(ix)))
    }

    /// The outputs of the steps that a step needs, by id.
    pub(crate) fn needs_outputs(&self, ix: StepIx) -> Map<String, Value> {
        let needs = self.definition(ix).needs.iter().filter_map(|need| {
            let outputs = self.outputs(*need as StepIx)?;
            let id = &self.plan().step(*need as StepIx).id;
            Some((id.to_string(), (**outputs).clone()))
        });
        needs.collect()
    }
}
