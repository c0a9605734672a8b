//! Which commit a run judges, asked of git as it begins, for its labels.

use crate::git::{git, line};
use crate::index;
use crate::scope::is_repository;
use crate::staged;
use rok_facades::runs::{GIT_COMMIT_LABEL, GIT_STATE_LABEL, GIT_TREE_LABEL};
use std::collections::BTreeMap;
use std::path::Path;

/// The labels of a run about the files of a folder; of what is staged where that
/// is kept in `kept`, as [`index::make_folder`] makes it. What git cannot tell is
/// said in a label, too, and why is for the report.
pub(crate) fn labels(
    folder: &Path,
    kept: Option<&Path>,
) -> (BTreeMap<String, String>, Option<String>) {
    if !is_repository(folder) {
        return (named([(GIT_STATE_LABEL, "none")]), None);
    }
    match told(folder, kept) {
        Ok(labels) => (labels, None),
        Err(why) => {
            let message = format!("the record does not tell the commit that is judged: {why}");
            (named([(GIT_STATE_LABEL, "unknown")]), Some(message))
        }
    }
}

fn told(folder: &Path, kept: Option<&Path>) -> Result<BTreeMap<String, String>, String> {
    let tree = line(&git(folder, ["rev-parse", "--show-toplevel"])?);
    // Where there is no commit yet git says nothing.
    let commit = id(&git(&tree, ["rev-parse", "--revs-only", "HEAD"])?);
    let mut labels = match kept {
        Some(kept) => named([
            (GIT_STATE_LABEL, "staged"),
            (GIT_TREE_LABEL, &index::tree_of(kept, &tree)?),
        ]),
        None if commit.is_empty() || !is_clean(&tree)? => named([(GIT_STATE_LABEL, "dirty")]),
        None => {
            let of_commit = id(&git(&tree, ["rev-parse", "HEAD^{tree}"])?);
            named([(GIT_STATE_LABEL, "clean"), (GIT_TREE_LABEL, &of_commit)])
        }
    };
    if !commit.is_empty() {
        labels.insert(GIT_COMMIT_LABEL.to_owned(), commit);
    }
    Ok(labels)
}

/// Whether a work tree is as it was committed: nothing is staged, changed or
/// unknown to git.
fn is_clean(tree: &Path) -> Result<bool, String> {
    let staged = ["diff", "--cached", "--name-only", "--no-ext-diff", "-z"];
    Ok(git(tree, staged)?.is_empty() && staged::differing(tree)?.is_empty())
}

/// An id that is an answer of one line.
pub(crate) fn id(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer).trim().to_owned()
}

fn named<const N: usize>(labels: [(&str, &str); N]) -> BTreeMap<String, String> {
    let owned = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    owned.into()
}
