//! Which sandbox a step's processes run in.

use super::RunState;
use crate::compiled::StepIx;
use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::ToString as _;
use rok_chain::Digest;
use rok_events::{SandboxData, StartedData};
use rok_plan::{Action, Sandbox};
use rok_vocabulary::{RunId, SandboxMode};

impl RunState {
    /// The sandbox of a step's processes; `None` where they have none, or there
    /// are none.
    #[must_use]
    pub fn sandbox(&self, ix: StepIx) -> Option<Cow<'_, Sandbox>> {
        match self.settings().sandbox {
            SandboxMode::Off => None,
            SandboxMode::Asked => self.definition(ix).sandbox.as_ref().map(Cow::Borrowed),
            SandboxMode::Required => self.required_sandbox(ix),
        }
    }

    fn required_sandbox(&self, ix: StepIx) -> Option<Cow<'_, Sandbox>> {
        let step = self.definition(ix);
        let undone = step.compensate.as_ref().map(|undo| &undo.action);
        let has_process = is_process(&step.action) || undone.is_some_and(is_process);
        match &step.sandbox {
            Some(sandbox) => Some(Cow::Borrowed(sandbox)),
            None => has_process.then(Cow::default),
        }
    }

    /// What `step.started` says of it.
    pub(crate) fn sandbox_told(&self, ix: StepIx) -> Option<SandboxData> {
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

fn is_process(action: &Action) -> bool {
    matches!(action, Action::Argv(_) | Action::Shell { .. })
}
