//! Pausing a run: what runs finishes, nothing new starts, the run's clock
//! stands still. A pause is a hold, and outlives its owner like any other.

use super::commands::Order;
use super::{KernelError, RunOrchestrationKernel};
use crate::effect::Rejected;
use alloc::string::ToString;
use rok_events::{Body, HeldData};
use rok_vocabulary::{HoldReason, RunPhase, Timestamp};

impl RunOrchestrationKernel {
    /// Only a run that executes can be paused, and once.
    pub(super) fn may_pause(&self) -> Result<(), Rejected> {
        let phase = self.state.phase();
        let ending = self.state.is_halted() || self.state.closing().is_some();
        match self.state.hold().filter(|_| self.state.is_paused()) {
            Some(hold) => Err(Rejected::PausedBefore {
                by: hold.by.to_string(),
                since: hold.since,
            }),
            None if phase != RunPhase::Executing => Err(Rejected::NotToPause {
                why: alloc::format!("it is {phase}"),
            }),
            None if ending => Err(Rejected::NotToPause {
                why: "it is being brought to an end".into(),
            }),
            None => Ok(()),
        }
    }

    /// Only a paused run can be unpaused.
    pub(super) fn may_unpause(&self) -> Result<(), Rejected> {
        if self.state.is_paused() {
            Ok(())
        } else {
            Err(Rejected::NotPaused)
        }
    }

    pub(super) fn pause(&mut self, order: Order<'_>, now: Timestamp) -> Result<(), KernelError> {
        let Order { id, reason, .. } = order;
        let data = HeldData {
            hold: HoldReason::Pause,
            release: "unpause".into(),
            expires_at: None,
            command: Some(id),
        };
        self.emit(
            now,
            Body::RunHeld {
                step: None,
                reason,
                data,
            },
        )
    }

    pub(super) fn unpause(&mut self, order: Order<'_>, now: Timestamp) -> Result<(), KernelError> {
        let Order { id, reason, .. } = order;
        let command = Some(id);
        self.emit(now, Body::RunReleased { reason, command })
    }

    /// A decision was taken, so the run goes on: unless it did not wait, or is
    /// paused, which only an end or `unpause` ends.
    pub(super) fn release(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.is_paused() {
            return Ok(());
        }
        self.let_go(now)
    }

    /// The run is held no more, whatever held it.
    pub(super) fn let_go(&mut self, now: Timestamp) -> Result<(), KernelError> {
        if self.state.hold().is_none() {
            return Ok(());
        }
        let (reason, command) = (None, None);
        self.emit(now, Body::RunReleased { reason, command })
    }
}
