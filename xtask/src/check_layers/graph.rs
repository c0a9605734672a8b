//! What the workspace looks like: crates, the edges between them, the paths
//! that their sources name. Facts only; no rule is applied here.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What one look at the workspace found.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    /// Every workspace member, by package name.
    pub crates: BTreeMap<String, Crate>,
    /// Every dependency that a manifest declares, on members and on others.
    pub edges: Vec<Edge>,
    /// Every path in a source file that leads out of its crate.
    pub mentions: Vec<Mention>,
    /// Source files that a crate takes from outside its own folder.
    pub escapes: Vec<Escape>,
    /// Source files that could not be read or parsed.
    pub unreadable: Vec<Unreadable>,
    /// How many source files were read.
    pub files: usize,
}

/// A workspace member.
#[derive(Clone, Debug)]
pub struct Crate {
    /// The package name.
    pub name: String,
    /// The folder, relative to the workspace root, with `/` between parts.
    pub folder: String,
    /// What `[package.metadata.layer]` claims.
    pub claims: Claims,
    /// Whether the library's root carries a plain `#![no_std]`.
    pub no_std: bool,
    /// Where the library begins, for a finding to point at.
    pub root: Option<Place>,
}

/// The three words of `[package.metadata.layer]`, as they stand.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The layer, such as `L5`.
    pub layer: Option<String>,
    /// The role, such as `pure`.
    pub role: Option<String>,
    /// The domain, such as `incidents`.
    pub domain: Option<String>,
}

/// When a dependency is compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EdgeKind {
    /// `[dependencies]`, and code that ships.
    Normal,
    /// `[build-dependencies]`, and `build.rs`.
    Build,
    /// `[dev-dependencies]`, and code under `cfg(test)`.
    Dev,
}

/// A dependency that a manifest declares.
#[derive(Clone, Debug)]
pub struct Edge {
    /// The importer's package name.
    pub from: String,
    /// The dependency's package name, whatever it was renamed to.
    pub to: String,
    /// When it is compiled in.
    pub kind: EdgeKind,
    /// The manifest's line.
    pub at: Place,
}

/// A path in a source file that leads out of its crate.
#[derive(Clone, Debug)]
pub struct Mention {
    /// The crate whose source it is.
    pub from: String,
    /// The package that the path's first word stands for; `std` for the
    /// standard library.
    pub to: String,
    /// The whole path, with renames and imports undone.
    pub path: String,
    /// Whether it is in shipped, build or test code.
    pub kind: EdgeKind,
    /// Whether other crates can see it: `pub use`, `pub type`, `pub extern crate`.
    pub public: bool,
    /// The source line.
    pub at: Place,
}

/// A source file that a crate takes from outside its own folder.
#[derive(Clone, Debug)]
pub struct Escape {
    /// The crate that does it.
    pub from: String,
    /// The file that it takes, as written.
    pub target: String,
    /// The source line.
    pub at: Place,
}

/// A source file that could not be looked at.
#[derive(Clone, Debug, Serialize)]
pub struct Unreadable {
    /// The file, relative to the workspace root.
    pub file: String,
    /// Why.
    pub cause: String,
}

/// A line of a file, and what stands there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file, relative to the workspace root.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What stands there, shortened.
    pub text: String,
}

impl Place {
    /// A place in `file` at `line`, where `text` stands.
    pub fn new(file: impl Into<String>, line: usize, text: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line,
            text: text.into(),
        }
    }
}

impl Crate {
    /// The claim to a layer, or `-`.
    pub fn layer(&self) -> &str {
        self.claims.layer.as_deref().unwrap_or("-")
    }

    /// The claim to a role, or `-`.
    pub fn role(&self) -> &str {
        self.claims.role.as_deref().unwrap_or("-")
    }

    /// The claim to a domain, or `-`.
    pub fn domain(&self) -> &str {
        self.claims.domain.as_deref().unwrap_or("-")
    }

    /// The last part of the folder.
    pub fn folder_name(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or(&self.folder)
    }
}

impl fmt::Display for Crate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} {})", self.name, self.layer(), self.role())
    }
}

impl EdgeKind {
    /// The three kinds, in the order of a manifest.
    pub const ALL: [Self; 3] = [Self::Normal, Self::Build, Self::Dev];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Build => "build",
            Self::Dev => "dev",
        }
    }
}

impl fmt::Display for EdgeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Graph {
    /// Adds a member.
    pub fn add(&mut self, member: Crate) {
        self.crates.insert(member.name.clone(), member);
    }

    /// The edges from one member to another.
    pub fn internal_edges(&self) -> impl Iterator<Item = &Edge> {
        self.edges
            .iter()
            .filter(|e| self.crates.contains_key(&e.to))
    }

    /// The same crates with nothing between them: where the self-test injects.
    #[must_use]
    pub fn crates_only(&self) -> Self {
        Self {
            crates: self.crates.clone(),
            ..Self::default()
        }
    }
}
