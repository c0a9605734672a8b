//! What the kernel says of files: what a success made, what was put aside.

use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use crate::effect::Rejected;
use alloc::format;
use alloc::vec::Vec;
use rok_events::{ArtifactLeft, ArtifactMade, Body};
use rok_vocabulary::Timestamp;

impl RunOrchestrationKernel {
    /// The artifacts of a success, before the success itself.
    pub(super) fn note_made(
        &mut self,
        ix: StepIx,
        artifacts: Vec<ArtifactMade>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        for made in artifacts {
            let (step, attempt) = (self.state.step_id(ix), self.state.step(ix).attempt);
            let ArtifactMade {
                path,
                sha256,
                bytes,
                place,
                executable,
            } = made;
            let body = Body::ArtifactEmitted {
                step,
                attempt,
                path,
                sha256,
                bytes,
                place,
                executable,
            };
            self.emit(now, body)?;
        }
        Ok(())
    }

    /// What was put aside on a step's account, before the attempt's end.
    pub(super) fn note_left(
        &mut self,
        ix: StepIx,
        left: Vec<ArtifactLeft>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        for left in left {
            let (step, attempt) = (self.state.step_id(ix), self.state.step(ix).attempt);
            let ArtifactLeft {
                path,
                sha256,
                bytes,
                reason,
            } = left;
            let body = Body::ArtifactQuarantined {
                step,
                attempt,
                path,
                sha256,
                bytes,
                reason,
            };
            self.emit(now, body)?;
        }
        Ok(())
    }

    /// Something was put aside outside of any attempt.
    pub(super) fn left(
        &mut self,
        ix: StepIx,
        left: Vec<ArtifactLeft>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        if !self.state.places().contains(&ix) {
            let why = format!("the run has no step {ix}");
            return Err(Rejected::Impossible { why });
        }
        if self.state.is_sealed() {
            let phase = self.state.phase();
            return Err(Rejected::Closed { phase });
        }
        self.note_left(ix, left, now)?;
        Ok(())
    }
}
