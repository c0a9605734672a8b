//! Taking over an interrupted run.

use super::RunOrchestrationKernel;
use crate::effect::Rejected;
use crate::input::{LostAttempt, Repair};
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::{Body, RecoveredData, RepairedData};
use rok_vocabulary::{ErrorClass, RunPhase, Timestamp};

impl RunOrchestrationKernel {
    /// A new owner goes on with the same epoch: attempts that were running are
    /// lost, whatever else is outstanding is performed again.
    pub(super) fn recovered(
        &mut self,
        owner: String,
        repaired: Option<Repair>,
        killed: u32,
        mut lost: Vec<LostAttempt>,
        now: Timestamp,
    ) -> Result<(), Rejected> {
        // Before the repair is noted, which is an event of now.
        let down_ms = now.since(self.state.last_at()).as_millis() as u64;
        if let Some(Repair {
            dropped_bytes,
            dropped_lines,
        }) = repaired
        {
            let data = RepairedData {
                dropped_bytes,
                dropped_lines,
            };
            self.emit(now, Body::LogRepaired { data })?;
        }
        if self.state.is_sealed() {
            if repaired.is_some() {
                self.seal_again(now)?;
            }
            return Ok(());
        }
        self.emit(
            now,
            Body::RunRecovered {
                data: RecoveredData {
                    owner,
                    down_ms,
                    killed,
                },
            },
        )?;
        if self.state.phase() == RunPhase::Executing {
            for ix in self.running_places() {
                // A sub-run has a record of its own, and goes on with its parent.
                if self.state.is_sub_run(ix) {
                    continue;
                }
                let reason = "the worker that ran it is gone".into();
                let known = lost.iter().position(|lost| lost.step == ix);
                let LostAttempt { data, left, .. } =
                    known.map(|at| lost.swap_remove(at)).unwrap_or_default();
                self.note_left(ix, left, now)?;
                self.attempt_failed(ix, ErrorClass::WorkerLost, reason, data, now)?;
            }
            self.compensation_lost(now)?;
            if self.state.closing().is_some() {
                self.try_close(now)?;
            } else {
                self.advance(now)?;
            }
        }
        Ok(())
    }
}
