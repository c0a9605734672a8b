//! Which commit a run judges, as its labels tell it.

use std::collections::BTreeMap;

/// The label with the commit that was checked out as the run began.
pub const GIT_COMMIT_LABEL: &str = "git_commit";
/// The label with the tree that is judged, where git has it: that of the commit,
/// or of what was staged.
pub const GIT_TREE_LABEL: &str = "git_tree";
/// The label that says what is judged: `clean`, `staged`, `dirty`, `none` or
/// `unknown`.
pub const GIT_STATE_LABEL: &str = "git_state";

/// What a run judges, in words; `None`: its labels do not say.
#[must_use]
pub fn judged_in_words(labels: &BTreeMap<String, String>) -> Option<String> {
    let label = |name: &str| labels.get(name).map(String::as_str);
    let commit = match label(GIT_COMMIT_LABEL) {
        Some(commit) => format!("commit {commit}"),
        None => "no commit yet".to_owned(),
    };
    let tree = label(GIT_TREE_LABEL).map(|tree| format!("tree {tree}"));
    let tree = tree.unwrap_or_else(|| "a tree that is not named".to_owned());
    Some(match label(GIT_STATE_LABEL)? {
        "clean" => format!("{commit}, {tree}, and nothing else"),
        "staged" => format!("what was staged: {tree}, on {commit}"),
        "dirty" => format!("the work tree with changes that are in no commit, on {commit}"),
        "none" => "files that are in no git repository".to_owned(),
        "unknown" => "files of a repository, of which git tells no commit".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(&[], None)]
    #[case(&[("git_state", "mine")], None)]
    #[case(&[("git_state", "none")], Some("files that are in no git repository"))]
    #[case(
        &[("git_state", "clean"), ("git_commit", "c0"), ("git_tree", "7e")],
        Some("commit c0, tree 7e, and nothing else")
    )]
    #[case(
        &[("git_state", "staged"), ("git_tree", "7e")],
        Some("what was staged: tree 7e, on no commit yet")
    )]
    #[case(
        &[("git_state", "dirty"), ("git_commit", "c0")],
        Some("the work tree with changes that are in no commit, on commit c0")
    )]
    fn labels_say_what_is_judged(#[case] labels: &[(&str, &str)], #[case] words: Option<&str>) {
        let labels = labels.iter();
        let labels = labels.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(judged_in_words(&labels.collect()).as_deref(), words);
    }
}
