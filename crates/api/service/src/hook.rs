//! The hook of git that has every commit checked: installed for a folder, and
//! taken away again. One that is somebody else's, or was changed, is never
//! touched.

use crate::error::ServiceError;
use crate::service::Service;
use rok_orchestration::{OrchestratorError, Trouble};
use serde::Serialize;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What a hook of ours begins with.
const HEAD: &str = r#"#!/bin/sh
# Installed by `rok orch install-hook`, and never changed by hand; `rok orch uninstall-hook` takes it away.
# Where git says which repository it is, it does not say where its top is.
if [ -n "$GIT_DIR" ]; then
  GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_WORK_TREE=${GIT_WORK_TREE:-$PWD}
  export GIT_DIR GIT_WORK_TREE
fi
# Checks by the components of a folder below the top. A branch that has none there has nothing to judge by; a commit
# that takes them away is judged by nobody, and does not pass.
below() {
  set -- "$1" "$1/.rok" "$1/rok.toml"
  staged=$(git --literal-pathspecs ls-files -- "$2" "$3") || return 1
  if [ -z "$staged" ] && [ ! -e "$2/components" ] && [ ! -e "$3" ]; then
    taken=$(git --literal-pathspecs diff --cached --name-only --no-renames --diff-filter=D -- "$2" "$3") || return 1
    [ -z "$taken" ] || refuse "$1" 'the commit takes away what this folder is checked by' || return 1
    printf >&2 'rok: nothing is judged in %s: this branch has no components there\n' "$1"
    return 0
  fi
  (cd "$1" 2>/dev/null || refuse "$1" 'this folder, whose components check commits, is gone' || exit 1
    rok orch --stage pre-commit --format human)
}
refuse() {
  printf >&2 'rok: nothing is committed: %s: %s\n' "$2" "$1"
  printf >&2 '  restore it, or have it checked no more: rok orch uninstall-hook "%s"\n' "$1"
  return 1
}
"#;

/// What one of an earlier version began with.
const EARLIER_HEAD: &str = r#"#!/bin/sh
# Installed by `rok orch install-hook`; it may be removed, and is never changed by hand.
# Where git says which repository it is, it does not say where its top is.
if [ -n "$GIT_DIR" ]; then
  GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_WORK_TREE=${GIT_WORK_TREE:-$PWD}
  export GIT_DIR GIT_WORK_TREE
fi
"#;

/// What is run at the top of the work tree.
const TOP: &str = "rok orch --stage pre-commit --format human || exit 1";

/// A hook that was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookInstalled {
    /// Its file.
    pub file: PathBuf,
    /// installed, added to the hook of another folder here, renewed where an
    /// earlier version wrote it, made executable, or unchanged.
    pub change: &'static str,
}

/// A hook that was taken away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HookRemoved {
    /// Its file.
    pub file: PathBuf,
    /// removed, or not installed.
    pub change: &'static str,
    /// The folders whose components still check commits, seen from the top of
    /// the work tree.
    pub left: Vec<String>,
}

impl Service {
    /// Lets every commit of the repository here be checked first, by the
    /// components of this folder; those of other folders of the work tree stay.
    pub fn install_hook(&self) -> Result<HookInstalled, ServiceError> {
        let file = hook_file(self.cwd())?;
        let folder = root_in_work_tree(self.cwd())?;
        if folder.contains('\n') {
            return Err(no_hook(
                "the folder's name has a line feed",
                "give it another one",
            ));
        }
        let help = "call `rok orch --stage pre-commit --format human || exit 1` from it yourself";
        let Some(mut hook) = Hook::read(&file, help)? else {
            if let Some(above) = file.parent() {
                fs::create_dir_all(above).map_err(|error| unwritten(&file, &error))?;
            }
            let folders = vec![folder];
            self.write_new_file(&file, text_of(&folders).as_bytes())?;
            let change = "installed";
            make_executable(&file)?;
            return Ok(HookInstalled { file, change });
        };
        let change = if !hook.folders.contains(&folder) {
            hook.folders.push(folder);
            hook.write(&file)?;
            "added"
        } else if hook.text != text_of(&hook.folders) {
            hook.write(&file)?;
            "renewed"
        } else if !hook.executable {
            make_executable(&file)?;
            "made executable"
        } else {
            "unchanged"
        };
        Ok(HookInstalled { file, change })
    }

    /// Has commits checked no more by the components of this folder, or of one
    /// that is named as it is seen from the top of the work tree.
    pub fn uninstall_hook(&self, folder: Option<&str>) -> Result<HookRemoved, ServiceError> {
        let file = hook_file(self.cwd())?;
        let folder = match folder {
            Some(".") => String::new(),
            Some(named) => {
                let named = named.strip_prefix("./").unwrap_or(named);
                named.trim_end_matches('/').to_owned()
            }
            None => root_in_work_tree(self.cwd())?,
        };
        let help = "take out of it yourself what calls `rok orch`, or remove the file where nothing else is in it";
        let (mut change, mut left) = ("not installed", Vec::new());
        if let Some(mut hook) = Hook::read(&file, help)? {
            if hook.folders.contains(&folder) {
                hook.folders.retain(|known| *known != folder);
                hook.write(&file)?;
                change = "removed";
            }
            let shown = |known: String| {
                if known.is_empty() {
                    ".".to_owned()
                } else {
                    known
                }
            };
            left = hook.folders.into_iter().map(shown).collect();
        }
        Ok(HookRemoved { file, change, left })
    }
}

/// A hook of ours.
struct Hook {
    text: String,
    /// The folders whose components check commits, seen from the top; `""` is
    /// the top itself.
    folders: Vec<String>,
    /// One that is not is passed over by git.
    executable: bool,
}

impl Hook {
    /// Reads it; `None` where there is none. One that is not ours is refused.
    fn read(file: &Path, help: &'static str) -> Result<Option<Self>, ServiceError> {
        // What a link leads to is somebody's, too.
        let found = match fs::symlink_metadata(file) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(no_folder_for(file));
            }
            Err(error) => return Err(unwritten(file, &error)),
        };
        let text = fs::read_to_string(file).ok().filter(|_| found.is_file());
        let ours = text.and_then(|text| Some((folders_of(&text)?, text)));
        let (folders, text) = ours.ok_or_else(|| ServiceError::ForeignHook {
            file: file.to_owned(),
            help,
        })?;
        let executable = found.permissions().mode() & 0o100 != 0;
        Ok(Some(Self {
            text,
            folders,
            executable,
        }))
    }

    /// Writes it for its folders; without any it goes.
    fn write(&self, file: &Path) -> Result<(), ServiceError> {
        let told = |error: io::Error| unwritten(file, &error);
        if self.folders.is_empty() {
            return fs::remove_file(file).map_err(told);
        }
        rok_files::replace(file, text_of(&self.folders).as_bytes()).map_err(told)?;
        make_executable(file)
    }
}

/// The text of a hook for these folders.
fn text_of(folders: &[String]) -> String {
    let lines = folders.iter().map(|folder| match folder.as_str() {
        "" => format!("{TOP}\n"),
        folder => format!("below './{}' || exit 1\n", quoted(folder)),
    });
    std::iter::once(HEAD.to_owned()).chain(lines).collect()
}

/// The folders of a hook; `None` where not all of it was written here.
fn folders_of(text: &str) -> Option<Vec<String>> {
    let (lines, folder_of): (&str, fn(&str) -> Option<&str>) = match text.strip_prefix(HEAD) {
        Some(lines) => (lines, of_line),
        None => (text.strip_prefix(EARLIER_HEAD)?, of_earlier_line),
    };
    let folders = lines.lines().map(|line| match line {
        TOP => Some(String::new()),
        line => unquoted(folder_of(line)?),
    });
    let folders: Option<Vec<String>> = folders.collect();
    folders.filter(|folders| !folders.is_empty())
}

/// The folder of a line, quoted.
fn of_line(line: &str) -> Option<&str> {
    line.strip_prefix("below './")?.strip_suffix("' || exit 1")
}

/// The same of a line as earlier versions wrote it.
fn of_earlier_line(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("(cd './")?.strip_suffix(") || exit 1")?;
    let rest = rest.strip_suffix("rok orch --stage pre-commit --format human")?;
    if let Some(folder) = rest.strip_suffix("' && ") {
        return Some(folder);
    }
    let (folder, rest) = rest.split_once("' 2>/dev/null || {")?;
    let told = format!(
        " echo >&2 'rok: nothing is committed: this folder, whose components check commits, is gone: ./{folder}'; \
         echo >&2 '  restore it, or take its line out of '\"$0\"; exit 1; }}; "
    );
    (rest == told).then_some(folder)
}

/// A name between the quotes of a shell.
fn quoted(folder: &str) -> String {
    folder.replace('\'', "'\\''")
}

/// The name that is so quoted; `None` where it would end before its end.
fn unquoted(text: &str) -> Option<String> {
    let folder = text.replace("'\\''", "'");
    (quoted(&folder) == text).then_some(folder)
}

fn make_executable(file: &Path) -> Result<(), ServiceError> {
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(file, executable).map_err(|error| unwritten(file, &error))
}

fn unwritten(file: &Path, error: &io::Error) -> ServiceError {
    let why = format!("{}: {error}", file.display());
    ServiceError::Output { why }
}

/// git is told to look for hooks where no file can be.
fn no_folder_for(file: &Path) -> ServiceError {
    let folder = file.parent().unwrap_or(file).display();
    let trouble = Trouble::new(
        "ROK0225",
        format!(
            "git looks for hooks in {folder}, which is no folder: `core.hooksPath` turns them off"
        ),
    );
    let help = "`git config --show-origin core.hooksPath` tells where that is set; \
                `git config --unset core.hooksPath` there, or name a folder";
    ServiceError::Orchestrator(OrchestratorError::Config(trouble.help(help)))
}

fn no_hook(why: &str, help: &str) -> ServiceError {
    let trouble = Trouble::new("ROK0223", format!("there is no repository here: {why}"));
    ServiceError::Orchestrator(OrchestratorError::Config(trouble.help(help)))
}

/// What git says to these words in a folder, a line.
fn git_says(folder: &Path, words: &[&str]) -> Result<String, ServiceError> {
    let refuse = |why: &str| no_hook(why, "change into a git work tree");
    let output = Command::new("git")
        .args(words)
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| refuse(&format!("git does not start: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(refuse(said.lines().next().unwrap_or("git fails")));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
}

/// Where git looks for the hook.
fn hook_file(folder: &Path) -> Result<PathBuf, ServiceError> {
    if git_says(folder, &["rev-parse", "--is-inside-work-tree"])? != "true" {
        let why = "git has no work tree here, and nobody commits where there is none";
        return Err(no_hook(why, "change into a git work tree"));
    }
    let path = git_says(folder, &["rev-parse", "--git-path", "hooks/pre-commit"])?;
    Ok(folder.join(path))
}

/// The folder whose components are to be asked, seen from the top of its work
/// tree: the nearest one up from here that has any, else the top.
fn root_in_work_tree(folder: &Path) -> Result<String, ServiceError> {
    let prefix = git_says(folder, &["rev-parse", "--show-prefix"])?;
    let mut root = prefix.trim_end_matches('/');
    let mut folder = folder;
    loop {
        let has = |name: &str| folder.join(name).exists();
        if root.is_empty() || has(".rok") || has("rok.toml") {
            return Ok(root.to_owned());
        }
        root = root.rsplit_once('/').map_or("", |(up, _)| up);
        folder = folder.parent().unwrap_or(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_tells_its_folders_and_one_that_was_changed_tells_none() {
        let folders = ["it's", "", "a b/c"].map(str::to_owned).to_vec();
        let text = text_of(&folders);
        assert_eq!(folders_of(&text), Some(folders));
        let check = "rok orch --stage pre-commit --format human";
        let earlier = format!("{EARLIER_HEAD}(cd './it'\\''s' && {check}) || exit 1\n{TOP}\n");
        let known = folders_of(&earlier).expect("an earlier version wrote it");
        assert_eq!(known, ["it's", ""]);
        for changed in [
            format!("{text}echo more\n"),
            text.replace("|| exit 1", "|| exit 0"),
            format!("{HEAD}below './a' || evil '' || exit 1\n"),
            HEAD.to_owned(),
            String::new(),
        ] {
            assert_eq!(folders_of(&changed), None, "{changed}");
        }
    }
}
