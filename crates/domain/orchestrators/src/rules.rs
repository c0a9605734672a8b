//! What says what is judged, and how: manifests, settings, the lock, policies.
//! What is staged is judged by what is staged of them, as whoever clones the
//! commit would judge it; by anything else it is not judged at all.

use crate::git::{git, paths, shown};
use crate::staged::{self, Staged};
use crate::trouble::config;
use rok_component::SUFFIXES;
use rok_orchestration::OrchestratorError;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Refuses rules that the commit has not, or not so. Those outside of the work
/// tree are no part of any commit.
pub(crate) fn refuse_unstaged(staged: &Staged, rules: &[PathBuf]) -> Result<(), OrchestratorError> {
    let known: BTreeSet<PathBuf> = staged.kept().map(|(_, file)| file).collect();
    for rule in rules {
        for place in places(rule, &staged.tree) {
            if rule.is_dir() {
                let strange = strange_in(&staged.tree, &place)?;
                if let Some(file) = strange.first() {
                    return Err(unstaged(file));
                }
            } else if rule.symlink_metadata().is_ok()
                // What is behind a link, or in a submodule, is known by that.
                && !place.ancestors().any(|up| known.contains(up))
            {
                return Err(unstaged(&place));
            }
            let differs = |file: &&PathBuf| {
                known.contains(*file) && (file.starts_with(&place) || place.starts_with(file))
            };
            if let Some(file) = staged.differing.iter().find(differs) {
                return Err(otherwise(file));
            }
        }
    }
    Ok(())
}

/// Refuses to judge without manifests that are staged, and not there.
pub(crate) fn refuse_missing(staged: &Staged, roots: &[PathBuf]) -> Result<(), OrchestratorError> {
    let known: BTreeSet<PathBuf> = staged.kept().map(|(_, file)| file).collect();
    let missing = staged.differing.iter().find(|file| {
        let path = staged.tree.join(file);
        let name = file.to_string_lossy();
        SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
            && roots.iter().any(|root| path.starts_with(root))
            && known.contains(*file)
    });
    missing.map_or(Ok(()), |file| Err(otherwise(file)))
}

/// Says which rules the commit takes away.
pub(crate) fn taken_away<'s>(
    staged: &'s Staged,
    rules: &'s [PathBuf],
) -> impl Iterator<Item = String> + 's {
    let gone = staged.deleted.iter().filter(|file| {
        let mut rules = rules.iter();
        rules.any(|rule| *rule == staged.folder.join(file))
    });
    gone.map(|file| format!("the commit takes away {file}, which said what is judged and how"))
}

/// Where in the work tree a rule is, and what it leads to; seen from the top.
fn places(rule: &Path, tree: &Path) -> BTreeSet<PathBuf> {
    let named = rule
        .parent()
        .zip(rule.file_name())
        .and_then(|(folder, name)| {
            let folder = folder.canonicalize().ok()?;
            Some(folder.join(name))
        });
    let real = rule.canonicalize().ok();
    let all = [Some(rule.to_owned()), named, real].into_iter().flatten();
    all.filter_map(|path| Some(path.strip_prefix(tree).ok()?.to_owned()))
        .collect()
}

/// The files in a folder that git does not know, ignored ones too.
fn strange_in(tree: &Path, folder: &Path) -> Result<Vec<PathBuf>, OrchestratorError> {
    let words = ["--literal-pathspecs", "ls-files", "--others", "-z", "--"].map(OsStr::new);
    let top = folder.as_os_str().is_empty();
    let folder = if top {
        OsStr::new(".")
    } else {
        folder.as_os_str()
    };
    let told = git(tree, words.into_iter().chain([folder]));
    Ok(paths(&told.map_err(|why| staged::refuse(&why))?))
}

fn unstaged(file: &Path) -> OrchestratorError {
    config(
        "ROK0223",
        format!("{} is not staged, and says what is judged", shown(file)),
        "`git add` it where the commit is to have it; else put it aside: `git stash -u`, or move it away where git ignores it",
    )
}

fn otherwise(file: &Path) -> OrchestratorError {
    config(
        "ROK0223",
        format!(
            "{} is not staged as it is, and says what is judged",
            shown(file)
        ),
        "`git add` it, or put it aside: `git stash`",
    )
}
