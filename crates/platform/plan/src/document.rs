//! A file that is no plan, as a tree with its places: for those who make plans
//! of other formats, within the same bounds.

use alloc::rc::Rc;
use alloc::string::{String, ToString};

use crate::fault::PlanErrors;
use crate::parse::read;
use crate::source::{Holds, Lines};
use crate::tree::Node;

/// A YAML, JSON or TOML file, of which nothing is known but its syntax.
#[derive(Debug)]
pub struct Document {
    root: Rc<Node>,
    text: String,
    lines: Lines,
}

impl Document {
    /// Reads a file: TOML where its name ends in `.toml`, else YAML or JSON.
    /// What plans do not use (tags, merge keys, a key twice) is a fault here
    /// as well.
    pub fn read(bytes: &[u8], name: &str) -> Result<Self, PlanErrors> {
        read(
            bytes,
            name,
            "there is nothing in it",
            Holds::Code,
            |root, source, _| {
                Some(Self {
                    root: Rc::clone(root),
                    text: source.text().to_string(),
                    lines: Lines::of(source.text()),
                })
            },
        )
    }

    /// The whole of it.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Line and column of a byte, both from 1.
    #[must_use]
    pub fn position(&self, byte: usize) -> (usize, usize) {
        self.lines.position(&self.text, byte)
    }
}
