//! What a step declared, and where it may lie.

use crate::digest::ArtifactError;
use crate::identity::Identity;
use crate::pattern::Pattern;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// An artifact that a step declares: a path, or a pattern of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// Absolute, or relative to the step's folder or, where nothing new is
    /// there, to the run's.
    pub path: String,
    /// Whether the step fails when there is none.
    pub required: bool,
    /// Whether `*`, `?`, `[` and `{` mean more than themselves.
    pub pattern: bool,
}

impl Declared {
    /// Whether it can be looked for at all.
    pub fn check(&self) -> Result<(), ArtifactError> {
        Pattern::new(&self.path, self.pattern).map(drop)
    }
}

/// Which folder a path starts from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The step's working directory.
    #[default]
    Cwd,
    /// The run's `ROK_ARTIFACTS`.
    Run,
}

/// The folders that a step's paths may start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roots {
    /// Its working directory, absolute.
    pub cwd: PathBuf,
    /// The run's `ROK_ARTIFACTS`; `None` for a run without a folder.
    pub run: Option<PathBuf>,
}

impl Roots {
    /// Where a path lies that starts from a place.
    #[must_use]
    pub fn file(&self, place: Place, path: &str) -> PathBuf {
        match (place, &self.run) {
            (Place::Run, Some(run)) => run.join(path),
            _ => self.cwd.join(path),
        }
    }

    /// The folders to look in, in order. An absolute path starts from neither.
    fn places(&self, path: &str) -> Vec<(Place, &Path)> {
        let mut places = vec![(Place::Cwd, &*self.cwd)];
        if let (Some(run), false) = (&self.run, Path::new(path).is_absolute()) {
            places.push((Place::Run, run));
        }
        places
    }

    /// The folder that a declared path must not lead out of: the one that it
    /// starts from, or the one that it names itself.
    #[must_use]
    pub fn bound(&self, place: Place, path: &str) -> PathBuf {
        let named = Path::new(path);
        let leaves = |part: Component<'_>| part == Component::ParentDir;
        if named.is_absolute() || named.components().any(leaves) {
            let file = self.file(place, path);
            return file.parent().map_or(file.clone(), Path::to_owned);
        }
        match (place, &self.run) {
            (Place::Run, Some(run)) => run.clone(),
            _ => self.cwd.clone(),
        }
    }
}

/// Something that stands where an artifact was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    pub(crate) path: String,
    pub(crate) place: Place,
    pub(crate) file: PathBuf,
    /// It is a link on the way to what was declared, and leads out of the root.
    pub(crate) leaves: bool,
}

/// What stands where a step's artifacts are declared, by declaration and place.
/// Behind a link out of the root nothing is looked at: the link stands for it.
pub(crate) fn candidates(
    declared: &Declared,
    roots: &Roots,
) -> Result<Vec<Candidate>, ArtifactError> {
    let pattern = Pattern::new(&declared.path, declared.pattern)?;
    let mut out = Vec::new();
    for (place, root) in roots.places(&declared.path) {
        let way_out = pattern.way_out(root);
        let leaves = way_out.is_some();
        let entries = match way_out {
            Some(link) => vec![link],
            None => pattern.entries(root)?,
        };
        out.extend(entries.into_iter().map(|(path, file)| Candidate {
            path,
            place,
            file,
            leaves,
        }));
    }
    Ok(out)
}

/// What a path or pattern leads to in a step's own folder, in order. A path
/// is given where something stands.
pub fn matches(
    declared: &Declared,
    roots: &Roots,
) -> Result<Vec<(String, PathBuf)>, ArtifactError> {
    Pattern::new(&declared.path, declared.pattern)?.entries(&roots.cwd)
}

/// What stands at a path: the entry itself, and what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    entry: Identity,
    content: Option<Identity>,
}

impl State {
    pub(crate) fn of(file: &Path) -> Option<Self> {
        Some(Self {
            entry: Identity::of_entry(file)?,
            // A folder behind a link changes with what is in it; the link does not.
            content: std::fs::metadata(file)
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|meta| Identity::of(&meta)),
        })
    }

    /// When it was last changed, in nanoseconds of the system's clock.
    pub(crate) fn changed_ns(&self) -> i64 {
        let content = self
            .content
            .map_or(i64::MIN, |content| content.changed_ns());
        content.max(self.entry.changed_ns())
    }
}
