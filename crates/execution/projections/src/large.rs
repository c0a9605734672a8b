//! Results that are too large for a line: the log names them by digest, and a
//! fold reads them back before they are applied.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use rok_chain::Digest;
use rok_events::{Body, ContentRef, Event};

type Load = dyn Fn(&ContentRef) -> Result<Vec<u8>, String> + Send + Sync;

/// Where a log's large results are read from.
#[derive(Clone, Default)]
pub struct Contents(Option<Arc<Load>>);

impl Contents {
    /// Reads them by this function. What it gives is held against the digest.
    pub fn new(
        load: impl Fn(&ContentRef) -> Result<Vec<u8>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(load)))
    }

    /// Puts a result that stands elsewhere into the event that names it; an
    /// error says why it cannot be read back.
    pub fn fill(&self, event: &mut Event) -> Result<(), String> {
        let Body::StepSucceeded { step, data, .. } = &mut event.body else {
            return Ok(());
        };
        let Some(of) = &data.outputs_ref else {
            return Ok(());
        };
        let lost = |why: &dyn fmt::Display| {
            format!("the outputs of step `{step}` (sha256 {}): {why}", of.sha256)
        };
        let load = self
            .0
            .as_ref()
            .ok_or_else(|| lost(&"there is no store to read them from"))?;
        let bytes = load(of).map_err(|why| lost(&why))?;
        if Digest::of(&bytes).to_hex() != of.sha256 {
            return Err(lost(&"what the store has is something else"));
        }
        let outputs = serde_json::from_slice(&bytes).map_err(|error| lost(&error.to_string()))?;
        data.outputs = Some(Arc::new(outputs));
        Ok(())
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Contents").field(&self.0.is_some()).finish()
    }
}
