//! What is staged, as files to look at.
//!
//! A commit holds what is staged, whatever the work tree holds. Where the two
//! are alike the work tree is looked at; where they are not, a copy of what is
//! staged, outside of it. Nothing in the work tree is ever moved or changed.

use crate::git::{git, line, paths};
use crate::trouble::config;
use rok_orchestration::OrchestratorError;
use std::ffi::OsString;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// What is staged for the next commit.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The files, but for what it takes away; seen from the folder.
    pub(crate) files: Vec<String>,
    /// The work tree.
    tree: PathBuf,
    /// Where in it the folder is.
    prefix: String,
    /// The files of the work tree that are otherwise, or that git does not
    /// know; seen from its root.
    pub(crate) differing: Vec<String>,
}

/// What is staged, copied. It goes with this.
#[derive(Debug)]
pub(crate) struct Copied {
    root: PathBuf,
    /// The folder that stands for the one that `rok` is called in.
    pub(crate) folder: PathBuf,
    kept: bool,
}

fn refuse(why: &str) -> OrchestratorError {
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
            let staged = [
                "diff",
                "--cached",
                "--name-only",
                "--relative",
                "--no-renames",
                "--no-ext-diff",
                "--diff-filter=d",
                "-z",
            ];
            let files = paths(git(folder, staged)?)?;
            let tree = line(&git(folder, ["rev-parse", "--show-toplevel"])?);
            let tree = PathBuf::from(tree);
            let prefix = line(&git(folder, ["rev-parse", "--show-prefix"])?);
            let differing = differing(&tree)?;
            Ok(Self {
                files,
                tree,
                prefix,
                differing,
            })
        };
        ask().map_err(|why| refuse(&why))
    }

    /// Copies what is staged, all of it, to a new folder of this name that only
    /// this user may look into.
    pub(crate) fn copy(&self, name: &str) -> Result<Copied, OrchestratorError> {
        let place = std::env::temp_dir();
        let copy = || -> Result<Copied, String> {
            let told = |error: std::io::Error| format!("{}: {error}", place.display());
            let root = place.canonicalize().map_err(told)?;
            let root = root.join(format!("rok-staged-{name}"));
            DirBuilder::new().mode(0o700).create(&root).map_err(told)?;
            let copied = Copied {
                folder: root.join(&self.prefix),
                root,
                kept: false,
            };
            let mut prefix = OsString::from("--prefix=");
            prefix.push(&copied.root);
            prefix.push("/");
            let words = ["checkout-index", "--all", "--force", "--quiet"];
            let words = words.map(OsString::from).into_iter();
            git(&self.tree, words.chain([prefix]))?;
            // Where nothing of it is staged it is empty.
            fs::create_dir_all(&copied.folder).map_err(told)?;
            Ok(copied)
        };
        copy().map_err(|why| {
            config(
                "ROK0223",
                format!("cannot copy what is staged: {why}"),
                "make room there, or set TMPDIR",
            )
        })
    }

    /// Says that a copy is looked at, and why; nothing where none is.
    pub(crate) fn otherwise(&self) -> Option<String> {
        let names = named(&self.differing);
        (!self.differing.is_empty()).then(|| {
            format!("a copy of what is staged is looked at; the work tree differs in {names}")
        })
    }

    /// The tracked files that are otherwise by now than what is staged.
    pub(crate) fn changed_since(&self) -> Result<Vec<String>, OrchestratorError> {
        unstaged(&self.tree).map_err(|why| refuse(&why))
    }
}

/// A few files by name, and how many there are besides.
pub(crate) fn named(files: &[String]) -> String {
    let shown: Vec<&str> = files.iter().take(3).map(String::as_str).collect();
    match files.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// What of a work tree no commit of what is staged would hold.
fn differing(tree: &Path) -> Result<Vec<String>, String> {
    let mut differing = unstaged(tree)?;
    let unknown = [
        "ls-files",
        "--others",
        "--exclude-standard",
        "--directory",
        "--no-empty-directory",
        "-z",
    ];
    differing.extend(paths(git(tree, unknown)?)?);
    Ok(differing)
}

fn unstaged(tree: &Path) -> Result<Vec<String>, String> {
    let words = [
        "diff",
        "--name-only",
        "--no-relative",
        "--no-renames",
        "--no-ext-diff",
        "--ignore-submodules=dirty",
        "-z",
    ];
    paths(git(tree, words)?)
}

impl Copied {
    /// Leaves the copy to a run that is not at its end, and tells where it is.
    pub(crate) fn keep(&mut self) -> &Path {
        self.kept = true;
        &self.root
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        if !self.kept {
            // What a component left unremovable, the system's own sweep takes.
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
