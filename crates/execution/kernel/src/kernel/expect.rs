//! What the plan expects on top of the standard duties. The kernel answers for
//! it, from what its events say: nobody else has to be asked.

use super::{KernelError, RunOrchestrationKernel};
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;
use rok_plan::Plan;
use rok_rac::{Deadline, DomainAck, Duty, Expected};
use rok_vocabulary::{RunPhase, Timestamp};

/// The plan's obligations, due when execution is over: nothing meets them then.
pub(super) fn expected(plan: &Plan) -> Vec<Expected> {
    let deadline = Deadline::after_entering(RunPhase::GovernanceCheck, Duration::ZERO);
    let expects = plan.expect.iter();
    expects
        .map(|expect| Expected::new(duty(expect), deadline))
        .collect()
}

fn duty(expect: &rok_plan::Expect) -> Duty {
    format!(
        "{}/{}/{}",
        expect.what.domain(),
        expect.what.action(),
        expect.key
    )
    .parse()
    .expect("a plan's obligation is a duty")
}

impl RunOrchestrationKernel {
    /// Acknowledges what the plan expects and is there.
    pub(super) fn acknowledge_expected(&mut self, now: Timestamp) -> Result<(), KernelError> {
        let plan = alloc::sync::Arc::clone(self.state.plan());
        for expect in &plan.plan().expect {
            let duty = duty(expect);
            if !self.state.ledger().is_open(&duty) {
                continue;
            }
            let Some(result) = self.state.meets(expect) else {
                continue;
            };
            let (run, epoch) = (self.state.run_id().clone(), self.state.epoch());
            let at = self.state.active(now);
            let ack = DomainAck::success(&run, epoch, duty, &result, at)
                .expect("a result is not empty, and short");
            self.emit_ack(&ack, None, false, now)?;
        }
        Ok(())
    }
}
