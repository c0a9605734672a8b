//! What a tree may hold, whatever it is read from.

use core::ops::Range;

use crate::fault::{FaultCode, Finding};
use crate::source::MAX_BYTES;

/// Containers within containers; people stop at six.
pub(super) const MAX_DEPTH: usize = 64;

/// Scalars, lists, mappings and keys after aliases: 10,000 steps of 20 each.
const MAX_NODES: usize = 200_000;

/// Characters of a key: the longest of our names. YAML itself ends at 1,024,
/// escapes included.
const MAX_KEY: usize = 128;

/// What a finished node stands for once aliases are expanded.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weight {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    pub(super) height: usize,
}

impl Weight {
    /// A scalar or a key.
    pub(super) const fn text(text: &str) -> Self {
        Self {
            nodes: 1,
            bytes: text.len(),
            height: 0,
        }
    }

    /// A list or a mapping without what is in it.
    pub(super) const CONTAINER: Self = Self {
        nodes: 1,
        bytes: 0,
        height: 1,
    };

    /// Adds a part to the whole, within bounds.
    pub(super) fn count(&mut self, part: Self, span: &Range<usize>) -> Result<(), Finding> {
        self.nodes = self.nodes.saturating_add(part.nodes);
        self.bytes = self.bytes.saturating_add(part.bytes);
        let limit = |message| {
            Finding::new(FaultCode::Limit, span.clone(), message)
                .hint("split it, or keep the data in files that steps read")
        };
        if self.nodes > MAX_NODES {
            return Err(limit(
                "the file holds more than 200,000 values after aliases",
            ));
        }
        if self.bytes > MAX_BYTES {
            return Err(limit(
                "the file holds more than 16 MiB of text after aliases",
            ));
        }
        Ok(())
    }
}

/// A key of a bearable length.
pub(super) fn key(text: &str, span: &Range<usize>) -> Result<(), Finding> {
    if text.chars().nth(MAX_KEY).is_some() {
        let message = "the key is longer than 128 characters";
        return Err(Finding::new(FaultCode::Limit, span.clone(), message));
    }
    Ok(())
}

pub(super) fn too_deep(span: Range<usize>) -> Finding {
    Finding::new(
        FaultCode::Limit,
        span,
        "the file is nested deeper than 64 levels",
    )
}
