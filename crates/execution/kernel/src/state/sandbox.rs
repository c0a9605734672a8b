//! Which sandbox a step's processes run in.

use super::RunState;
use crate::compiled::StepIx;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use rok_chain::Digest;
use rok_events::{SandboxData, StartedData};
use rok_execution_policy::{ExecutionPolicy, SandboxBounds, bounds_of, demands, tightened};
use rok_plan::{Action, Sandbox, Step};
use rok_vocabulary::{RunId, SandboxMode};

impl RunState {
    /// The sandbox of a step's processes; `None` where they have none, or there
    /// are none.
    #[must_use]
    pub fn sandbox(&self, ix: StepIx) -> Option<Cow<'_, Sandbox>> {
        let step = self.definition(ix);
        let mode = self.settings().sandbox;
        let own = step.sandbox.as_ref();
        if mode == SandboxMode::Off {
            return None;
        }
        if let Some(bounds) = self.sandbox_bounds(ix).filter(|_| has_process(step)) {
            return Some(Cow::Owned(tightened(own, &bounds)));
        }
        if mode == SandboxMode::Required && own.is_none() {
            return has_process(step).then(Cow::default);
        }
        own.map(Cow::Borrowed)
    }

    /// What injected policies demand of it.
    fn sandbox_bounds(&self, ix: StepIx) -> Option<SandboxBounds> {
        let policies = self.execution_policies();
        if policies.is_empty() {
            return None;
        }
        let (plan, submitter) = (&self.plan().plan().id, self.submitter().to_string());
        let step = &self.definition(ix).id;
        bounds_of(policies, plan.as_str(), &submitter, step.as_str())
    }

    /// The injected policies that demand a sandbox of a step.
    #[must_use]
    pub fn sandbox_demanded_by(&self, ix: StepIx) -> Vec<String> {
        let (plan, submitter) = (&self.plan().plan().id, self.submitter().to_string());
        let step = &self.definition(ix).id;
        let policies = self.execution_policies();
        let demands = demands(policies, plan.as_str(), &submitter, step.as_str());
        demands.map(|(policy, _)| policy.to_string()).collect()
    }

    /// The policies that were injected into the run.
    #[must_use]
    pub fn execution_policies(&self) -> &[ExecutionPolicy] {
        self.created()
            .map_or(&[], |created| created.execution_policies.as_slice())
    }

    /// What `step.started` says of it.
    #[must_use]
    pub fn sandbox_told(&self, ix: StepIx) -> Option<SandboxData> {
        let step = self.definition(ix);
        if !is_process(&step.action) {
            return None;
        }
        let off = self.settings().sandbox == SandboxMode::Off;
        let sandbox = match self.sandbox(ix) {
            Some(sandbox) => sandbox,
            None => Cow::Borrowed(step.sandbox.as_ref()?),
        };
        Some(SandboxData {
            sha256: Digest::of(sandbox.to_canonical_json().as_bytes()).to_hex(),
            permits: sandbox.to_string(),
            off,
        })
    }

    /// What there is to say of a step's start besides that it did.
    pub(crate) fn started_data(&self, ix: StepIx, run: Option<RunId>) -> Option<Box<StartedData>> {
        let sandbox = self.sandbox_told(ix);
        (run.is_some() || sandbox.is_some()).then(|| {
            Box::new(StartedData {
                run,
                sandbox,
                ..StartedData::default()
            })
        })
    }
}

fn has_process(step: &Step) -> bool {
    let undone = step.compensate.as_ref().map(|undo| &undo.action);
    is_process(&step.action) || undone.is_some_and(is_process)
}

fn is_process(action: &Action) -> bool {
    matches!(action, Action::Argv(_) | Action::Shell { .. })
}
