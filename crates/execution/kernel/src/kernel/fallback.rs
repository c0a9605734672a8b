//! Fallbacks: a step that failed for good hands over to another one.

use super::{KernelError, RunOrchestrationKernel};
use rok_events::{Body, FellBackData};
use rok_vocabulary::Timestamp;

impl RunOrchestrationKernel {
    /// Records of every step that failed for good that its fallback runs.
    pub(super) fn fall_back(&mut self, now: Timestamp) -> Result<(), KernelError> {
        while let Some(ix) = self.state.fresh_fallback() {
            let plan = self.state.plan();
            let to = plan.graph().fallback(ix);
            let to = to.expect("what waits for a fallback has one");
            let (step, to) = (plan.step(ix).id.clone(), plan.step(to).id.clone());
            let data = FellBackData { to };
            self.emit(now, Body::StepFellBack { step, data })?;
        }
        Ok(())
    }
}
