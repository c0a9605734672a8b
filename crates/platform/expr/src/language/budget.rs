//! The work that one evaluation may do.

use super::eval::Stop;
use crate::bounds::{MAX_WORK, WORK_BYTES};

/// What is left of an evaluation's work.
#[derive(Debug)]
pub(crate) struct Budget {
    left: u64,
}

impl Budget {
    pub(crate) const fn new() -> Self {
        Self { left: MAX_WORK }
    }

    /// Pays for nodes or items, before they are touched.
    pub(crate) fn pay(&mut self, units: usize) -> Result<(), Stop> {
        let Some(left) = self.left.checked_sub(units as u64) else {
            // Nothing may go on from here, whatever it costs.
            self.left = 0;
            return Err(Stop::Bound("it would do more work than one expression may"));
        };
        self.left = left;
        Ok(())
    }

    /// Pays for bytes that are read or copied.
    pub(crate) fn pay_bytes(&mut self, bytes: usize) -> Result<(), Stop> {
        self.pay(1 + bytes / WORK_BYTES)
    }
}
