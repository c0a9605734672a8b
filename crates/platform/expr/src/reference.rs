//! What an expression reads.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// One thing that an expression reads, and where it says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// What is read.
    pub target: Target,
    /// Byte offsets within the scalar's text.
    pub range: Range<usize>,
}

/// What an expression reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// `inputs.NAME`
    Input(String),
    /// `secrets.NAME`
    Secret(String),
    /// `steps.ID.…`
    Step {
        /// The step.
        id: String,
        /// What of it, for example `["outputs", "accuracy"]` or `["state"]`;
        /// as far as the names are literal. Never empty.
        path: Vec<String>,
    },
    /// `run.FIELD`
    Run(String),
    /// `item`
    Item,
    /// `item_index`
    ItemIndex,
}
