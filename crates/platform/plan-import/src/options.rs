//! What a caller may choose, and what comes back.

use alloc::string::String;
use alloc::vec::Vec;

/// What holds for the plan whatever it is imported from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    /// The plan's id; else one that is made of the workflow's name.
    pub id: Option<String>,
    /// Steps at once; else what plans have without it.
    pub max_parallel: Option<u32>,
}

/// What becomes of the tasks of a WfFormat file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Tasks {
    /// Each runs its own command.
    Command,
    /// Each sleeps as long as it took, times this.
    Sleep {
        /// The factor: finite, and not negative.
        scale: f64,
    },
}

/// A plan that was made of a workflow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The plan file, YAML.
    pub text: String,
    /// Its id.
    pub id: String,
    /// How many steps it has.
    pub steps: usize,
    /// What was left out, and what is not the same.
    pub notes: Vec<String>,
}
