//! What is staged, as files to look at.
//!
//! A commit holds what is staged, whatever the work tree holds. Where the two
//! are alike the work tree is looked at; where they are not, a copy of what is
//! staged, outside of it. Nothing in the work tree is ever moved or changed.

use crate::git::{git, line, parts, path, paths, shown};
use crate::index::{self, Entries};
use crate::kept::Kept;
use crate::trouble::config;
use rok_orchestration::OrchestratorError;
use rok_vocabulary::RunId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What is staged for the next commit.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The files, but for what it takes away; seen from the folder.
    pub(crate) files: Vec<String>,
    /// The files that it takes away, seen from the folder.
    pub(crate) deleted: Vec<String>,
    /// Those of the files that no list can hold, and why.
    unlisted: BTreeMap<String, String>,
    /// The folder that `rok` is called in.
    pub(crate) folder: PathBuf,
    /// The work tree.
    pub(crate) tree: PathBuf,
    /// Where in it the folder is.
    prefix: PathBuf,
    /// The files of the work tree that are otherwise, or that git does not
    /// know; seen from its root.
    pub(crate) differing: Vec<PathBuf>,
    /// What git keeps of each staged file.
    pub(crate) entries: Entries,
    /// Whether the commit is made in another index than the work tree's own.
    pub(crate) in_another: bool,
}

pub(crate) fn refuse(why: &str) -> OrchestratorError {
    config(
        "ROK0223",
        format!("cannot tell what is staged: {why}"),
        "name the files by --files, or say --all-files",
    )
}

impl Staged {
    /// Asks git.
    pub(crate) fn ask(folder: &Path) -> Result<Self, OrchestratorError> {
        let ask = || -> Result<Self, String> {
            let staged = |which: &str| {
                let words = [
                    "diff",
                    "--cached",
                    "--name-only",
                    "--relative",
                    "--no-renames",
                    "--no-ext-diff",
                    which,
                    "-z",
                ];
                Ok::<_, String>(paths(&git(folder, words)?))
            };
            let lossy = |path: &PathBuf| path.to_string_lossy().into_owned();
            let files = staged("--diff-filter=d")?;
            let unlisted = files
                .iter()
                .filter_map(|file| Some((lossy(file), why_unlisted(file)?)))
                .collect();
            let tree = line(&git(folder, ["rev-parse", "--show-toplevel"])?);
            Ok(Self {
                files: files.iter().map(lossy).collect(),
                deleted: staged("--diff-filter=D")?.iter().map(lossy).collect(),
                unlisted,
                folder: folder.to_owned(),
                prefix: line(&git(folder, ["rev-parse", "--show-prefix"])?),
                differing: differing(&tree)?,
                entries: index::entries(&tree)?,
                in_another: index::is_another(&tree)?,
                tree,
            })
        };
        ask().map_err(|why| refuse(&why))
    }

    /// Keeps for a run, whose record will be in `runs`, what is staged by name
    /// and as an index, and where the work tree differs a copy of all of it.
    /// Comes with the folder that stands for the one that `rok` is called in, in
    /// a copy.
    pub(crate) fn keep(
        &self,
        run: &RunId,
        runs: &Path,
    ) -> Result<(Kept, Option<PathBuf>), OrchestratorError> {
        let keep = || -> Result<_, String> {
            let place = std::env::temp_dir();
            let told = |error: std::io::Error| format!("{}: {error}", place.display());
            let kept = Kept::make(run, runs, &self.entries).map_err(told)?;
            index::make_folder(&kept.git(), &self.tree, &self.entries)?;
            if self.differing.is_empty() {
                return Ok((kept, None));
            }
            let tree = kept.tree();
            index::check_out(&kept.git(), &tree)?;
            let folder = tree.join(&self.prefix);
            // Where nothing of it is staged it is empty.
            fs::create_dir_all(&folder).map_err(told)?;
            Ok((kept, Some(folder)))
        };
        keep().map_err(|why| {
            config(
                "ROK0223",
                format!("cannot keep what is staged: {why}"),
                "make room there, or set TMPDIR",
            )
        })
    }

    /// Refuses what some component would have to be told, and cannot be.
    pub(crate) fn refuse_unlisted(
        &self,
        concerned: &BTreeMap<String, Vec<String>>,
    ) -> Result<(), OrchestratorError> {
        for (component, files) in concerned {
            if let Some(why) = files.iter().find_map(|file| self.unlisted.get(file)) {
                return Err(config(
                    "ROK0223",
                    format!("{why}, and concerns component {component}, which cannot be told it"),
                    "give the file another name (`git mv`), or leave it out of the commit (`git restore --staged`)",
                ));
            }
        }
        Ok(())
    }

    /// Says that a copy is looked at, and why; nothing where none is.
    pub(crate) fn otherwise(&self) -> Option<String> {
        let names = named(&self.differing);
        (!self.differing.is_empty()).then(|| {
            format!("a copy of what is staged is looked at; the work tree differs in {names}")
        })
    }

    /// What is staged: what is kept of each file, and its path.
    pub(crate) fn kept(&self) -> impl Iterator<Item = (&[u8], PathBuf)> {
        self.entries.iter().filter_map(|entry| index::apart(entry))
    }

    /// Refuses submodules, whose files no copy has.
    pub(crate) fn refuse_modules(&self) -> Result<(), OrchestratorError> {
        match self.kept().find(|(kept, _)| kept.starts_with(b"160000 ")) {
            Some((_, module)) => Err(config(
                "ROK0223",
                format!(
                    "the work tree differs in {}, and a copy of what is staged would lack the submodule {}",
                    named(&self.differing),
                    shown(&module),
                ),
                "stage or put aside what differs, name the files by --files, or say --all-files",
            )),
            None => Ok(()),
        }
    }
}

/// Why no list of files can hold a name; `None`: it can.
fn why_unlisted(file: &Path) -> Option<String> {
    match file.to_str() {
        None => Some(format!("the name `{}` is not UTF-8", shown(file))),
        Some(name) if name.contains('\n') => Some(format!("the name {name:?} has a line feed")),
        Some(_) => None,
    }
}

/// A few files by name, and how many there are besides.
pub(crate) fn named(files: &[PathBuf]) -> String {
    let shown: Vec<String> = files.iter().take(3).map(|file| shown(file)).collect();
    match files.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What of a work tree no commit of what is staged would hold.
pub(crate) fn differing(tree: &Path) -> Result<Vec<PathBuf>, String> {
    let unstaged = [
        "diff",
        "--name-only",
        "--no-relative",
        "--no-renames",
        "--no-ext-diff",
        "--ignore-submodules=none",
        "-z",
    ];
    let unknown = [
        "ls-files",
        "--others",
        "--exclude-standard",
        "--directory",
        "--no-empty-directory",
        "-z",
    ];
    let mut differing = paths(&git(tree, unstaged)?);
    differing.extend(paths(&git(tree, unknown)?));
    differing.extend(hidden(tree)?);
    Ok(differing)
}

/// Files that git was told not to compare: it cannot say that they are as they
/// are staged.
fn hidden(tree: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let mut hidden = BTreeSet::new();
    for told in parts(&git(tree, ["ls-files", "-v", "-z"])?) {
        let (Some(tag), Some(file)) = (told.first(), told.get(2..)) else {
            return Err("git tells of no file".to_owned());
        };
        // In small letters: assumed to be unchanged; S: not even in the tree.
        if tag.is_ascii_lowercase() || *tag == b'S' {
            hidden.insert(path(file));
        }
    }
    Ok(hidden)
}
