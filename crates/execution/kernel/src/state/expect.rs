//! What the plan expects, and whether it is there.

use super::RunState;
use alloc::format;
use alloc::string::String;
use rok_plan::{Expect, Expected};
use rok_vocabulary::{StepId, StepState};

impl RunState {
    /// What meets an obligation of the plan, if it is there: an artifact's
    /// digest, or the attempt at which a step succeeded.
    pub(crate) fn meets(&self, expect: &Expect) -> Option<String> {
        let succeeded = |id: &str| {
            let slot = self.step(self.find(id)?);
            (slot.state == StepState::Succeeded).then_some(slot.attempt)
        };
        match expect.what {
            Expected::Step => succeeded(&expect.key)
                .map(|attempt| format!("{}/{}/{attempt}", self.run_id(), expect.key)),
            Expected::Artifact => {
                let (step, sha256) = self.emitted.get(&expect.key)?;
                succeeded(step.as_str()).map(|_| sha256.clone())
            }
        }
    }

    pub(super) fn note_emitted(&mut self, step: &StepId, path: &str, sha256: &str) {
        let mut expected = self.plan.plan().expect.iter();
        if expected.any(|expect| expect.key == path) {
            self.emitted
                .insert(path.into(), (step.clone(), sha256.into()));
        }
    }
}
