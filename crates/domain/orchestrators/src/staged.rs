//! What is staged, as files to look at.
//!
//! A commit holds what is staged, whatever the work tree holds. Where the two
//! are alike the work tree is looked at; where they are not, a copy of what is
//! staged, outside of it. Nothing in the work tree is ever moved or changed.

use crate::git::{ask, git, line, paths};
use crate::kept::{self, Kept};
use crate::trouble::config;
use rok_orchestration::OrchestratorError;
use rok_vocabulary::RunId;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is staged for the next commit.
#[derive(Debug)]
pub(crate) struct Staged {
    /// The files, but for what it takes away; seen from the folder.
    pub(crate) files: Vec<String>,
    /// The files that it takes away, seen from the folder.
    pub(crate) deleted: Vec<String>,
    /// The work tree.
    pub(crate) tree: PathBuf,
    /// Where in it the folder is.
    prefix: String,
    /// The files of the work tree that are otherwise, or that git does not
    /// know; seen from its root.
    pub(crate) differing: Vec<String>,
    /// What git keeps of each staged file: mode, content, path.
    pub(crate) entries: BTreeSet<String>,
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
                let names = paths(git(folder, words)?)?;
                match names.iter().find(|name| name.contains('\n')) {
                    Some(name) => Err(format!("the name {name:?} has a line feed")),
                    None => Ok(names),
                }
            };
            let files = staged("--diff-filter=d")?;
            let deleted = staged("--diff-filter=D")?;
            let tree = line(&git(folder, ["rev-parse", "--show-toplevel"])?);
            let tree = PathBuf::from(tree);
            let prefix = line(&git(folder, ["rev-parse", "--show-prefix"])?);
            let differing = differing(&tree)?;
            let entries = entries(&tree)?;
            Ok(Self {
                files,
                deleted,
                tree,
                prefix,
                differing,
                entries,
            })
        };
        ask().map_err(|why| refuse(&why))
    }

    /// Keeps for a run, whose record will be in `runs`, what is staged by name,
    /// and where the work tree differs a copy of all of it. Comes with the
    /// folder that stands for the one that `rok` is called in, in a copy.
    pub(crate) fn keep(
        &self,
        run: &RunId,
        runs: &Path,
    ) -> Result<(Kept, Option<PathBuf>), OrchestratorError> {
        let keep = || -> Result<_, String> {
            let place = std::env::temp_dir();
            let told = |error: std::io::Error| format!("{}: {error}", place.display());
            let kept = Kept::make(run, runs, &self.entries).map_err(told)?;
            if self.differing.is_empty() {
                return Ok((kept, None));
            }
            let tree = kept.tree();
            fs::create_dir(&tree).map_err(told)?;
            let mut prefix = OsString::from("--prefix=");
            prefix.push(&tree);
            prefix.push("/");
            let words = ["checkout-index", "--all", "--force", "--quiet"];
            let words = words.map(OsString::from).into_iter();
            // An option that older versions of git do not know.
            let hidden = hidden(&self.tree)?.skipped;
            let all = hidden.then(|| OsString::from("--ignore-skip-worktree-bits"));
            git(&self.tree, words.chain(all).chain([prefix]))?;
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

    /// Says that a copy is looked at, and why; nothing where none is.
    pub(crate) fn otherwise(&self) -> Option<String> {
        let names = named(&self.differing);
        (!self.differing.is_empty()).then(|| {
            format!("a copy of what is staged is looked at; the work tree differs in {names}")
        })
    }

    /// Refuses what would be judged by manifests that are not staged so, and
    /// submodules, whose files no copy has.
    pub(crate) fn refuse_mixed(&self, roots: &[PathBuf]) -> Result<(), OrchestratorError> {
        let known = |file: &str| {
            let mut paths = self.entries.iter().filter_map(|it| it.split_once('\t'));
            paths.any(|(_, path)| path == file)
        };
        let manifest = self.differing.iter().find(|file| {
            let path = self.tree.join(file);
            roots.iter().any(|root| path.starts_with(root)) && known(file)
        });
        if let Some(file) = manifest {
            return Err(config(
                "ROK0223",
                format!("{file} is not staged as it is, and says what is run"),
                "stage it, or put it back",
            ));
        }
        // Mode, content and stage stand before the path.
        let module = self.entries.iter().find(|it| it.starts_with("160000 "));
        let module = module.and_then(|entry| Some(entry.split_once('\t')?.1));
        match module {
            Some(module) => Err(config(
                "ROK0223",
                format!(
                    "the work tree differs in {}, and a copy of what is staged would lack the submodule {module}",
                    named(&self.differing)
                ),
                "stage or put aside what differs, name the files by --files, or say --all-files",
            )),
            None => Ok(()),
        }
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
    let mut differing = unstaged(tree, "none")?;
    let unknown = [
        "ls-files",
        "--others",
        "--exclude-standard",
        "--directory",
        "--no-empty-directory",
        "-z",
    ];
    differing.extend(paths(git(tree, unknown)?)?);
    differing.extend(hidden(tree)?.files);
    Ok(differing)
}

/// The tracked files that differ; of submodules all but what is `ignored`.
pub(crate) fn unstaged(tree: &Path, ignored: &str) -> Result<Vec<String>, String> {
    let submodules = format!("--ignore-submodules={ignored}");
    let words = [
        "diff",
        "--name-only",
        "--no-relative",
        "--no-renames",
        "--no-ext-diff",
        &submodules,
        "-z",
    ];
    paths(git(tree, words)?)
}

/// The files of a copy of what is staged that are otherwise, or gone: compared
/// by an index of its own, beside the copy, that was told nothing else.
pub(crate) fn changed_in(
    copy: &Path,
    tree: &Path,
    entries: &BTreeSet<String>,
) -> Result<Vec<String>, String> {
    let of = line(&git(tree, ["rev-parse", "--absolute-git-dir"])?);
    let asked = |words: &[&str], told: &[u8]| {
        let mut command = Command::new("git");
        command.args(words).current_dir(copy);
        command.env("GIT_DIR", &of).env("GIT_WORK_TREE", copy);
        command.env("GIT_INDEX_FILE", copy.with_extension("index"));
        ask(&mut command, told)
    };
    fs::create_dir_all(copy).map_err(|error| format!("{}: {error}", copy.display()))?;
    let told = kept::listing(entries);
    asked(&["update-index", "-z", "--index-info"], told.as_bytes())?;
    let words = ["diff", "--name-only", "--no-renames", "--no-ext-diff", "-z"];
    paths(asked(&words, b"")?)
}

/// Files that git was told not to compare: it cannot say that they are as they
/// are staged.
#[derive(Default)]
struct Hidden {
    files: Vec<String>,
    /// Some are not even to be in the work tree.
    skipped: bool,
}

fn hidden(tree: &Path) -> Result<Hidden, String> {
    let mut hidden = Hidden::default();
    for told in paths(git(tree, ["ls-files", "-v", "-z"])?)? {
        let Some((tag, file)) = told.split_once(' ') else {
            return Err(format!("git tells of `{told}`"));
        };
        // In small letters: assumed to be unchanged.
        let skipped = tag.eq_ignore_ascii_case("s");
        if skipped || tag.chars().any(char::is_lowercase) {
            hidden.skipped |= skipped;
            hidden.files.push(file.to_owned());
        }
    }
    Ok(hidden)
}

/// What is staged, file by file.
pub(crate) fn entries(tree: &Path) -> Result<BTreeSet<String>, String> {
    let told = paths(git(tree, ["ls-files", "--stage", "-z"])?)?;
    // A conflict has more than one content of a file.
    let open = told
        .iter()
        .filter_map(|entry| entry.split_once('\t'))
        .find(|(kept, _)| !kept.ends_with(" 0"));
    match open {
        Some((_, file)) => Err(format!("{file} is in conflict")),
        None => Ok(told.into_iter().collect()),
    }
}
