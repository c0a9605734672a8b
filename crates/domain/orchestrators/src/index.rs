//! The index of git that a run judges: which it is, what it holds, and indexes
//! made of what it held, whose files are compared whatever the first one says
//! of them.

use crate::git::{ask, git, line, parts, path, paths, shown};
use crate::judged;
use crate::kept;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The variable by which git names an index.
pub(crate) const VARIABLE: &str = "GIT_INDEX_FILE";

/// What git keeps of each staged file: mode, content, path.
pub(crate) type Entries = BTreeSet<Vec<u8>>;

/// Whether the index is another one than the work tree's own: git makes a
/// commit of named files, and of all changes, in one beside it.
pub(crate) fn is_another(tree: &Path) -> Result<bool, String> {
    let Some(named) = std::env::var_os(VARIABLE).filter(|named| !named.is_empty()) else {
        return Ok(false);
    };
    let own = git_folder(tree)?.join("index");
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // git reads a relative one from the top of the work tree.
    Ok(real(&tree.join(named)) != real(&own))
}

/// What the index holds, file by file.
pub(crate) fn entries(tree: &Path) -> Result<Entries, String> {
    listed(&git(tree, ["ls-files", "--stage", "-z"])?)
}

/// What the index in a file holds.
pub(crate) fn entries_of(file: &Path, tree: &Path) -> Result<Entries, String> {
    // To git one that is not there is an empty one.
    fs::symlink_metadata(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let mut command = Command::new("git");
    command
        .args(["ls-files", "--stage", "-z"])
        .current_dir(tree);
    listed(&ask(command.env(VARIABLE, file), b"")?)
}

fn listed(told: &[u8]) -> Result<Entries, String> {
    // A conflict has more than one content of a file.
    let open = parts(told)
        .filter_map(apart)
        .find(|(kept, _)| !kept.ends_with(b" 0"));
    match open {
        Some((_, file)) => Err(format!("{} is in conflict", shown(&file))),
        None => Ok(parts(told).map(<[u8]>::to_vec).collect()),
    }
}

/// What is kept of a file, and its path.
pub(crate) fn apart(entry: &[u8]) -> Option<(&[u8], PathBuf)> {
    let at = entry.iter().position(|byte| *byte == b'\t')?;
    Some((&entry[..at], path(&entry[at + 1..])))
}

/// Makes what git takes for the folder of a work tree of this repository: its
/// branch is the same, its index holds these entries and no word on how to
/// compare them.
pub(crate) fn make_folder(folder: &Path, tree: &Path, entries: &Entries) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", folder.display());
    let common = tree.join(line(&git(tree, ["rev-parse", "--git-common-dir"])?));
    let common = common.canonicalize().map_err(told)?;
    fs::create_dir(folder).map_err(told)?;
    fs::copy(git_folder(tree)?.join("HEAD"), folder.join("HEAD")).map_err(told)?;
    let mut words = common.into_os_string();
    words.push("\n");
    fs::write(folder.join("commondir"), words.as_encoded_bytes()).map_err(told)?;
    let mut command = Command::new("git");
    command.args(["update-index", "-z", "--index-info"]);
    command.current_dir(tree).env("GIT_DIR", folder);
    command.env("GIT_WORK_TREE", tree).env_remove(VARIABLE);
    ask(&mut command, &kept::listing(entries)).map(drop)
}

/// The id of the tree that a commit of the index of such a folder would hold.
/// What git writes to tell it goes again.
pub(crate) fn tree_of(folder: &Path, tree: &Path) -> Result<String, String> {
    let objects = folder.join("objects");
    let told = |error: std::io::Error| format!("{}: {error}", objects.display());
    let known = line(&git(tree, ["rev-parse", "--git-path", "objects"])?);
    let mut known = tree.join(known).into_os_string();
    known.push("\n");
    fs::create_dir_all(objects.join("info")).map_err(told)?;
    let alternates = objects.join("info/alternates");
    fs::write(alternates, known.as_encoded_bytes()).map_err(told)?;
    let mut command = Command::new("git");
    // Of a file that is elsewhere the id is known all the same.
    command.args(["write-tree", "--missing-ok"]);
    command.current_dir(tree).env("GIT_DIR", folder);
    command.env("GIT_WORK_TREE", tree).env_remove(VARIABLE);
    let id = judged::id(&ask(command.env("GIT_OBJECT_DIRECTORY", &objects), b"")?);
    fs::remove_dir_all(&objects).map_err(told)?;
    Ok(id)
}

/// Puts all files of the index of such a folder into a new one, which is then
/// its work tree.
pub(crate) fn check_out(folder: &Path, copy: &Path) -> Result<(), String> {
    let told = |error: std::io::Error| format!("{}: {error}", copy.display());
    fs::create_dir(copy).map_err(told)?;
    let mut command = Command::new("git");
    command.args(["checkout-index", "--all", "--force", "--quiet", "--index"]);
    command.current_dir(copy).env("GIT_DIR", folder);
    command.env("GIT_WORK_TREE", copy).env_remove(VARIABLE);
    // Their times are written to that index, which is nobody else's.
    ask(&mut command, b"")?;
    let mut words = std::ffi::OsString::from("gitdir: ");
    words.push(folder);
    words.push("\n");
    fs::write(copy.join(".git"), words.as_encoded_bytes()).map_err(told)
}

/// The files of a work tree that are otherwise than these entries, or gone; of
/// submodules all but what is `ignored`. Their contents are compared, by an
/// index of its own in `scratch` that was told nothing else.
pub(crate) fn changed(
    work: &Path,
    tree: &Path,
    entries: &Entries,
    scratch: &Path,
    ignored: &str,
) -> Result<Vec<PathBuf>, String> {
    let of = git_folder(tree)?;
    let asked = |words: &[&OsStr], told: &[u8]| {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "core.fsmonitor=false",
            "-c",
            "diff.autoRefreshIndex=true",
        ]);
        command.args(words).current_dir(work);
        command.env("GIT_DIR", &of).env("GIT_WORK_TREE", work);
        ask(command.env(VARIABLE, scratch), told)
    };
    fs::create_dir_all(work).map_err(|error| format!("{}: {error}", work.display()))?;
    // One that somebody put there may say what is not to be compared.
    match fs::remove_file(scratch) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(format!("{}: {error}", scratch.display()));
        }
        _ => {}
    }
    let words = ["update-index", "-z", "--index-info"].map(OsStr::new);
    asked(&words, &kept::listing(entries))?;
    let submodules = format!("--ignore-submodules={ignored}");
    let words = [
        "diff",
        "--name-only",
        "--no-renames",
        "--no-ext-diff",
        &submodules,
        "-z",
    ];
    Ok(paths(&asked(&words.map(OsStr::new), b"")?))
}

/// What git keeps of this work tree alone.
fn git_folder(tree: &Path) -> Result<PathBuf, String> {
    Ok(line(&git(tree, ["rev-parse", "--absolute-git-dir"])?))
}
