//! The shell around the layer check: the only place that reads manifests,
//! sources and the commit's date.

mod cargo;
mod git;
mod modules;
mod paths;

use std::path::{Path, PathBuf};

use crate::check_layers::{Date, Graph, Policy, PolicyError};

/// Everything that the check needs.
#[derive(Debug)]
pub struct Gathered {
    /// The workspace.
    pub graph: Graph,
    /// `layers.toml`.
    pub policy: Policy,
    /// HEAD's commit date; none where there is no git history.
    pub today: Option<Date>,
}

/// Why the workspace could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum GatherError {
    /// Cargo does not understand the workspace.
    #[error("cargo metadata failed in {root}: {cause}")]
    Metadata {
        /// The workspace root.
        root: PathBuf,
        /// What cargo said.
        cause: String,
    },
    /// A file that must be there is not.
    #[error("cannot read {path}: {cause}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// `layers.toml` cannot be used.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// Looks at the workspace in `root`.
pub fn gather(root: &Path) -> Result<Gathered, GatherError> {
    let path = root.join("layers.toml");
    let text = read(&path)?;
    let policy = Policy::parse(&text)?;
    Ok(Gathered {
        graph: graph(root)?,
        policy,
        today: git::head_date(root),
    })
}

/// The workspace alone, without the policy.
pub fn graph(root: &Path) -> Result<Graph, GatherError> {
    let mut graph = Graph::default();
    let members = cargo::read(root, &mut graph)?;
    modules::read_all(root, &members, &mut graph);
    Ok(graph)
}

fn read(path: &Path) -> Result<String, GatherError> {
    std::fs::read_to_string(path).map_err(|cause| GatherError::Read {
        path: path.to_owned(),
        cause,
    })
}
