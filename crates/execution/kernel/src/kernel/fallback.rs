//! Fallbacks: a step that failed for good hands over to another one, and an
//! attempt that was taken away from its agent.

use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use alloc::boxed::Box;
use rok_events::AgentData;
use rok_events::{Body, FellBackData};
use rok_vocabulary::{Attempt, Timestamp};

impl RunOrchestrationKernel {
    /// Records of every step that failed for good that its fallback runs.
    pub(super) fn fall_back(&mut self, now: Timestamp) -> Result<(), KernelError> {
        while let Some(ix) = self.state.fresh_fallback() {
            let plan = self.state.plan();
            let to = plan.graph().fallback(ix);
            let to = to.expect("what waits for a fallback has one");
            let (step, to) = (plan.step(ix).id.clone(), plan.step(to).id.clone());
            let fell = Body::StepFellBack {
                step,
                attempt: Attempt::FIRST,
                reason: None,
                data: Box::new(FellBackData::Step { to }),
            };
            self.emit(now, fell)?;
        }
        Ok(())
    }

    /// Records whom an attempt was taken away from, and why, before its end.
    pub(super) fn note_agents(
        &mut self,
        ix: StepIx,
        attempt: Attempt,
        agent: &AgentData,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        for (at, tried) in agent.tried.iter().enumerate() {
            let Some(trigger) = tried.trigger else {
                continue;
            };
            let next = agent.tried.get(at + 1).map(|next| &next.agent);
            let data = FellBackData::Agent {
                from_agent: tried.agent.clone(),
                to_agent: next.or(agent.id.as_ref()).cloned(),
                place: tried.place,
                trust: tried.trust,
                trigger,
            };
            let fell = Body::StepFellBack {
                step: self.state.step_id(ix),
                attempt,
                reason: Some(tried.reason.clone()),
                data: Box::new(data),
            };
            self.emit(now, fell)?;
        }
        Ok(())
    }
}
