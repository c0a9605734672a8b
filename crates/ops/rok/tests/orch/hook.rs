//! The hook: every commit is checked, and only what is staged.

use super::{bench, ends, orch, result};
use crate::support::{Bench, Ran};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const NO_TABS: &str = "type: validator\nchannel: canary\ntags: [pre-commit]\nfiles: [\"**/*.txt\"]\nentrypoint: { run: \"printf '%s\\\\n' \\\"$COMPONENT_FILES\\\" > \\\"${COMPONENT_WORKTREE:-.}/seen\\\"; grep -n bad $COMPONENT_FILES && exit 1; exit 0\" }";

/// git, with `rok` on the path, in an environment of its own.
pub(super) fn git(bench: &Bench, args: &[&str]) -> Ran {
    let rok = Path::new(env!("CARGO_BIN_EXE_rok"));
    let here = rok
        .parent()
        .expect("a folder")
        .to_string_lossy()
        .into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("git");
    command
        .args(["-c", "user.name=ada", "-c", "user.email=ada@example.com"])
        .args(args)
        .current_dir(bench.path())
        .env_clear()
        .env("PATH", format!("{here}:{path}"))
        .env("HOME", bench.path())
        .env("TMPDIR", bench.path())
        .env("ROK_USER", "tester");
    Ran::from(command.output().expect("git starts"))
}

pub(super) fn repository() -> Bench {
    let bench = bench(&[("words", NO_TABS)]);
    git(&bench, &["init", "-q"]).exits(0);
    git(&bench, &["add", ".rok"]).exits(0);
    bench
}

#[test]
fn a_commit_with_a_bad_file_is_refused_and_a_good_one_is_made() {
    let bench = repository();
    bench.rok(["orch", "install-hook"]).exits(0);
    bench.write("a.txt", "fine\n");
    bench.write("b.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    git(&bench, &["commit", "-q", "-m", "one"]).exits(0);
    git(&bench, &["add", "b.txt"]).exits(0);
    let refused = git(&bench, &["commit", "-q", "-m", "two"]).exits(1);
    let told = format!("{}{}", refused.out, refused.err);
    assert!(told.contains("❌ words"), "{told}");
    git(&bench, &["rev-parse", "--verify", "-q", "HEAD"]).exits(0);
    let log = git(&bench, &["log", "--format=%s"]).exits(0).out;
    assert_eq!(log, "one\n");
}

#[test]
fn only_components_that_staged_files_concern_run_and_see_only_those() {
    let bench = repository();
    commit_all(&bench);
    bench.write("bad.txt", "bad\n");
    bench.write("code.rs", "x\n");
    git(&bench, &["add", "code.rs"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(0).json();
    assert_eq!(ends(&report), [("words", "skip")]);
    let why = result(&report, "words")["messages"][0]
        .as_str()
        .expect("why");
    assert_eq!(why, "the one file is not its concern");
    bench.write("ok name.txt", "fine\n");
    git(&bench, &["add", "ok name.txt"]).exits(0);
    orch(&bench, "--stage pre-commit --staged").json();
    let seen = fs::read_to_string(bench.path().join("seen")).expect("it ran");
    assert_eq!(
        seen, "ok name.txt\n",
        "what is not staged is not its affair"
    );
    // Named files, or all of them.
    orch(&bench, "--stage pre-commit --files bad.txt").exits(1);
    let seen = fs::read_to_string(bench.path().join("seen")).expect("it ran");
    assert_eq!(seen, "bad.txt\n");
}

/// Everything of the folder, committed without a hook.
pub(super) fn commit_all(bench: &Bench) {
    git(bench, &["add", "-A"]).exits(0);
    git(bench, &["commit", "-q", "--no-verify", "-m", "all"]).exits(0);
}

/// The copies of what is staged that are left.
pub(super) fn copies(bench: &Bench) -> Vec<String> {
    let entries = fs::read_dir(bench.path()).expect("the folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names
        .filter(|name| name.starts_with("rok-staged-"))
        .collect()
}

#[test]
fn what_is_staged_is_judged_whatever_the_work_tree_holds() {
    let bench = repository();
    commit_all(&bench);
    bench.rok(["orch", "install-hook"]).exits(0);
    bench.write("a.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    bench.write("a.txt", "fine\n");
    let refused = git(&bench, &["commit", "-q", "-m", "bad"]).exits(1);
    let told = format!("{}{}", refused.out, refused.err);
    assert!(
        told.contains("a copy of what is staged is looked at; the work tree differs in a.txt"),
        "{told}"
    );
    git(&bench, &["add", "a.txt"]).exits(0);
    bench.write("a.txt", "bad again, and not staged\n");
    bench.write("new.txt", "bad, and unknown to git\n");
    git(&bench, &["commit", "-q", "-m", "fine"]).exits(0);
    let committed = git(&bench, &["show", "HEAD:a.txt"]).exits(0).out;
    assert_eq!(committed, "fine\n");
    let kept = fs::read_to_string(bench.path().join("a.txt")).expect("the file");
    assert_eq!(
        kept, "bad again, and not staged\n",
        "the work tree is nobody's"
    );
    assert_eq!(copies(&bench), [""; 0], "no copy is left");
    let status = git(&bench, &["status", "--porcelain"]).exits(0).out;
    assert_eq!(
        status, " M a.txt\n?? new.txt\n?? seen\n",
        "the runs are no part of the repository"
    );
}

const WHERE: &str = "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: \"printf '%s\\\\n' \\\"$PWD\\\" \\\"$COMPONENT_WORKTREE\\\" > \\\"$HOME/.git/where\\\"; cat a.txt\" }";

#[test]
fn a_work_tree_that_is_as_staged_is_looked_at_itself_and_else_a_copy() {
    let bench = bench(&[("here", WHERE)]);
    git(&bench, &["init", "-q"]).exits(0);
    let root = bench.path().canonicalize().expect("the folder");
    fs::create_dir_all(root.join("sub/.rok")).expect("a folder");
    fs::rename(
        root.join(".rok/components"),
        root.join("sub/.rok/components"),
    )
    .expect("it moves");
    commit_all(&bench);
    bench.write("sub/a.txt", "x\n");
    git(&bench, &["add", "sub"]).exits(0);
    // What `rok` runs in, and where it was called.
    let places = |message: &str| {
        let mut command = bench.command(["orch", "--stage", "pre-commit"]);
        command.current_dir(root.join("sub"));
        let ran = Ran::from(command.output().expect("rok starts")).exits(0);
        let told = ran.json()["messages"][0]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert!(told.starts_with(message), "{told}");
        let text = fs::read_to_string(root.join(".git/where")).expect("it ran");
        let lines: Vec<PathBuf> = text.lines().map(PathBuf::from).collect();
        (lines[0].clone(), lines[1].clone())
    };
    let sub = root.join("sub");
    assert_eq!(places(""), (sub.clone(), sub.clone()));
    bench.write("b.txt", "");
    let (copy, tree) =
        places("a copy of what is staged is looked at; the work tree differs in b.txt");
    assert_eq!(tree, sub);
    assert!(copy != sub && copy.ends_with("sub"), "{}", copy.display());
    assert!(
        !copy.exists() && copies(&bench).is_empty(),
        "no copy is left"
    );
}

#[test]
fn a_component_that_changes_what_it_judges_lets_no_commit_pass() {
    let fixes = "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: \"sed -i s/bad/good/ a.txt\" }";
    let bench = bench(&[("fixes", fixes)]);
    git(&bench, &["init", "-q"]).exits(0);
    commit_all(&bench);
    bench.write("a.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(1).json();
    assert_eq!(report["status"], "failed");
    assert_eq!(
        report["messages"][0],
        "changed meanwhile: a.txt; what was looked at is not what is staged"
    );
    // The run's own record says so, whoever reads it.
    let run = report["run_id"].as_str().expect("a run");
    let summary = bench.rok(["summary", run, "--json"]).exits(0).json();
    assert_eq!(
        (&summary["status"], &summary["outcome"]),
        (&"failed".into(), &"failed".into())
    );
    let told = summary["error"]["reason"].to_string();
    assert!(told.contains("changed meanwhile: a.txt"), "{told}");
    let listed = bench.rok(["ls"]).exits(0).out;
    assert!(listed.to_lowercase().contains("failed"), "{listed}");
    bench.rok(["verify", run]).exits(0);
    git(&bench, &["add", "a.txt"]).exits(0);
    orch(&bench, "--stage pre-commit").exits(0);
}

#[test]
fn a_component_that_changes_the_copy_that_it_judges_lets_no_commit_pass() {
    let fixes = "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: \"sed -i s/bad/good/ a.txt; touch beside\" }";
    let bench = bench(&[("fixes", fixes)]);
    git(&bench, &["init", "-q"]).exits(0);
    commit_all(&bench);
    bench.write("a.txt", "bad\n");
    bench.write("empty.txt", "");
    git(&bench, &["add", "a.txt"]).exits(0);
    git(&bench, &["add", "--intent-to-add", "empty.txt"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(1).json();
    assert_eq!(
        report["messages"][1], "changed meanwhile: a.txt; what was looked at is not what is staged",
        "{report}"
    );
    bench.write("a.txt", "good\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    orch(&bench, "--stage pre-commit").exits(0);
    assert_eq!(copies(&bench), [""; 0]);
}

#[test]
fn a_name_that_is_two_lines_is_refused() {
    let bench = repository();
    commit_all(&bench);
    bench.write("a.txt\nb.txt", "bad\n");
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "-A"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(2).json();
    let told = report["error"].to_string();
    assert!(told.contains("has a line feed"), "{told}");
}

#[test]
fn what_git_was_told_not_to_compare_is_looked_at_as_it_is_staged() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let bench = repository();
        commit_all(&bench);
        bench.write("a.txt", "bad\n");
        git(&bench, &["add", "a.txt"]).exits(0);
        git(&bench, &["update-index", flag, "a.txt"]).exits(0);
        bench.write("a.txt", "fine\n");
        let report = orch(&bench, "--stage pre-commit").exits(1).json();
        assert_eq!(ends(&report), [("words", "fail")], "{flag}");
    }
}

#[test]
fn a_component_that_stages_what_nobody_looked_at_lets_no_commit_pass() {
    let stages = "type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: { run: \"cd $COMPONENT_WORKTREE; echo bad > a.txt; git add a.txt\" }";
    for beside in [false, true] {
        let bench = bench(&[("stages", stages)]);
        git(&bench, &["init", "-q"]).exits(0);
        commit_all(&bench);
        bench.write("a.txt", "fine\n");
        git(&bench, &["add", "a.txt"]).exits(0);
        if beside {
            bench.write("other.txt", "");
        }
        let report = orch(&bench, "--stage pre-commit").exits(1).json();
        assert_eq!(report["status"], "failed");
        let messages = report["messages"].to_string();
        assert!(messages.contains("changed meanwhile: a.txt"), "{messages}");
    }
}

#[test]
fn what_no_copy_would_show_rightly_is_refused() {
    // A check that is otherwise in the work tree than in the commit.
    let bench = repository();
    commit_all(&bench);
    let file = ".rok/components/words.component.yaml";
    let manifest = fs::read_to_string(bench.path().join(file)).expect("the manifest");
    bench.write("a.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    bench.write(file, &manifest.replace("exit 1", "exit 0"));
    let report = orch(&bench, "--stage pre-commit").exits(2).json();
    let told = report["error"].to_string();
    assert!(
        told.contains("words.component.yaml is not staged as it is"),
        "{told}"
    );
    // A submodule, of which a copy would have an empty folder.
    let bench = repository();
    commit_all(&bench);
    let head = git(&bench, &["rev-parse", "HEAD"]).exits(0).out;
    let link = format!("160000,{},sub", head.trim());
    git(&bench, &["update-index", "--add", "--cacheinfo", &link]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(2).json();
    let told = report["error"].to_string();
    assert!(told.contains("would lack the submodule sub"), "{told}");
}

#[test]
fn a_file_that_is_not_there_is_no_reason_to_pass() {
    let bench = repository();
    fs::create_dir(bench.path().join("sub")).expect("a folder");
    bench.write("sub/bad.txt", "bad\n");
    for file in ["nosuch.txt", "sub", "../bad.txt", ".", "/etc/passwd"] {
        let report = orch(&bench, &format!("--stage pre-commit --files {file}"))
            .exits(2)
            .json();
        let told = report["error"].to_string();
        assert!(told.contains("is no file of"), "{file}: {told}");
    }
    orch(&bench, "--stage pre-commit --files ./sub/bad.txt").exits(1);
}

#[test]
fn a_hook_is_installed_once_and_a_foreign_one_is_never_touched() {
    let bench = repository();
    let first = bench.rok(["orch", "install-hook"]).exits(0);
    assert!(first.out.starts_with("installed: "), "{}", first.out);
    let file = bench.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&file).expect("the hook");
    assert!(
        text.contains("rok orch --stage pre-commit --format human || exit 1\n"),
        "{text}"
    );
    let mode = fs::metadata(&file).expect("the hook").permissions().mode();
    assert_eq!(mode & 0o111, 0o111, "it can be run");
    let again = bench.rok(["orch", "install-hook"]).exits(0);
    assert!(again.out.starts_with("unchanged: "), "{}", again.out);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).expect("its mode");
    let mended = bench.rok(["orch", "install-hook"]).exits(0);
    assert!(
        mended.out.starts_with("made executable: "),
        "{}",
        mended.out
    );
    let mode = fs::metadata(&file).expect("the hook").permissions().mode();
    assert_eq!(mode & 0o100, 0o100, "it can be run again");
    fs::write(&file, "#!/bin/sh\necho mine\n").expect("a hook");
    let refused = bench.rok(["orch", "install-hook"]).exits(2);
    assert!(refused.err.contains("ROK0225"), "{}", refused.err);
    assert_eq!(
        fs::read_to_string(&file).expect("the hook"),
        "#!/bin/sh\necho mine\n"
    );
    fs::remove_file(&file).expect("it goes");
    std::os::unix::fs::symlink("nowhere", &file).expect("a link");
    bench.rok(["orch", "install-hook"]).exits(2);
    assert!(
        !bench.path().join(".git/hooks/nowhere").exists(),
        "nothing behind a link"
    );
}

#[test]
fn outside_a_repository_there_is_no_hook() {
    let bench = bench(&[("words", NO_TABS)]);
    let mut command = bench.command(["orch", "install-hook"]);
    command.env(
        "GIT_CEILING_DIRECTORIES",
        bench.path().parent().expect("a folder"),
    );
    let refused = Ran::from(command.output().expect("rok starts")).exits(2);
    assert!(refused.err.contains("ROK0223"), "{}", refused.err);
}

/// A component of a folder below, all committed, and the hook of that folder.
fn hooked_below(bench: &Bench, folder: &str) {
    let file = format!("{folder}/.rok/components/below.component.yaml");
    let path = bench.path().join(folder);
    fs::create_dir_all(path.join(".rok/components")).expect("a folder");
    let text = format!("name: below\nversion: 1.0.0\nstatus: active\n{NO_TABS}\n");
    bench.write(&file, &text);
    commit_all(bench);
    below(bench, folder, "install-hook").exits(0);
}

/// A command about hooks, in a folder below.
fn below(bench: &Bench, folder: &str, what: &str) -> Ran {
    let mut command = bench.command(["orch", what]);
    command.current_dir(bench.path().join(folder));
    Ran::from(command.output().expect("rok starts"))
}

/// A folder that went takes no check along in silence: the commit is refused, and
/// it is said why and what to do.
#[test]
fn a_hook_of_a_folder_that_is_gone_says_so_and_lets_nothing_pass() {
    let bench = repository();
    for folder in ["sub", "it's"] {
        hooked_below(&bench, folder);
    }
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    let commit = || git(&bench, &["commit", "-q", "-m", "one"]);
    let refused = |told: &str, folder: &str| {
        let ran = commit().exits(1);
        let line = format!("rok: nothing is committed: {told}: ./{folder}\n");
        assert!(ran.err.contains(&line), "{}", ran.err);
        let mends = format!("rok orch uninstall-hook \"./{folder}\"");
        assert!(ran.err.contains(&mends), "{}", ran.err);
    };
    for folder in ["it's", "sub"] {
        fs::remove_dir_all(bench.path().join(folder)).expect("it goes");
    }
    let gone = "this folder, whose components check commits, is gone";
    refused(gone, "sub");
    // The commit takes it away, so nobody would judge by it.
    git(&bench, &["rm", "-r", "-q", "--cached", "sub"]).exits(0);
    refused(
        "the commit takes away what this folder is checked by",
        "sub",
    );
    bench.rok(["orch", "uninstall-hook", "./sub"]).exits(0);
    refused(gone, "it's");
    bench.rok(["orch", "uninstall-hook", "it's"]).exits(0);
    commit().exits(0);
}

#[test]
fn a_branch_without_a_folder_of_the_hook_is_judged_by_the_others() {
    let bench = repository();
    commit_all(&bench);
    bench.rok(["orch", "install-hook"]).exits(0);
    git(&bench, &["checkout", "-q", "-b", "without"]).exits(0);
    git(&bench, &["checkout", "-q", "-b", "with"]).exits(0);
    hooked_below(&bench, "sub");
    git(&bench, &["checkout", "-q", "without"]).exits(0);
    // What git ignores may be left of it, as runs are.
    fs::create_dir_all(bench.path().join("sub/.rok/runs")).expect("a folder");
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    let ran = git(&bench, &["commit", "-q", "-m", "one"]).exits(0);
    let told = "rok: nothing is judged in ./sub: this branch has no components there\n";
    assert_eq!(ran.err.matches(told).count(), 1, "{}", ran.err);
    bench.write("a.txt", "bad\n");
    git(&bench, &["commit", "-q", "-a", "-m", "two"]).exits(1);
    // Components that are there, and unknown to git, are no reason to pass.
    fs::create_dir_all(bench.path().join("sub/.rok/components")).expect("a folder");
    bench.write("sub/.rok/components/x.component.yaml", "name: x\n");
    bench.write("a.txt", "fine again\n");
    git(&bench, &["commit", "-q", "-a", "-m", "two"]).exits(1);
}

#[test]
fn a_hook_of_an_earlier_version_is_renewed() {
    let bench = repository();
    hooked_below(&bench, "sub");
    let file = bench.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&file).expect("the hook");
    let earlier = "#!/bin/sh\n# Installed by `rok orch install-hook`; it may be removed, and is never changed by hand.\n# Where git says which repository it is, it does not say where its top is.\nif [ -n \"$GIT_DIR\" ]; then\n  GIT_DIR=$(git rev-parse --absolute-git-dir) GIT_WORK_TREE=${GIT_WORK_TREE:-$PWD}\n  export GIT_DIR GIT_WORK_TREE\nfi\n(cd './sub' && rok orch --stage pre-commit --format human) || exit 1\n";
    fs::write(&file, earlier).expect("the hook");
    let renewed = below(&bench, "sub", "install-hook").exits(0);
    assert!(renewed.out.starts_with("renewed: "), "{}", renewed.out);
    assert_eq!(fs::read_to_string(&file).expect("the hook"), text);
}

#[test]
fn a_hook_is_uninstalled_folder_by_folder_and_a_foreign_one_never() {
    let bench = repository();
    hooked_below(&bench, "sub");
    bench.rok(["orch", "install-hook"]).exits(0);
    let file = bench.path().join(".git/hooks/pre-commit");
    let removed = below(&bench, "sub", "uninstall-hook").exits(0);
    assert!(
        removed.out.starts_with("removed: ") && removed.out.ends_with("by the components of .\n"),
        "{}",
        removed.out
    );
    let again = below(&bench, "sub", "uninstall-hook").exits(0);
    assert!(again.out.starts_with("not installed: "), "{}", again.out);
    bench.write("a.txt", "bad\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    git(&bench, &["commit", "-q", "-m", "bad"]).exits(1);
    let text = fs::read_to_string(&file).expect("the hook");
    let changed = format!("{text}echo mine\n");
    fs::write(&file, &changed).expect("the hook");
    let refused = bench.rok(["orch", "uninstall-hook"]).exits(2);
    assert!(
        refused.err.contains("ROK0225") && refused.err.contains("remove the file"),
        "{}",
        refused.err
    );
    assert_eq!(fs::read_to_string(&file).expect("the hook"), changed);
    fs::write(&file, text).expect("the hook");
    let removed = bench.rok(["orch", "uninstall-hook", "."]).exits(0);
    assert!(removed.out.starts_with("removed: "), "{}", removed.out);
    assert!(!file.exists(), "nothing else was in it");
    let none = bench.rok(["orch", "uninstall-hook", "--json"]).exits(0);
    assert_eq!(none.json()["change"], "not installed");
    git(&bench, &["commit", "-q", "-m", "bad"]).exits(0);
}

#[test]
fn hooks_are_where_git_looks_for_them() {
    let bench = repository();
    commit_all(&bench);
    git(&bench, &["config", "core.hooksPath", ".git/own"]).exits(0);
    let own = bench.path().join(".git/own/pre-commit");
    bench.rok(["orch", "install-hook"]).exits(0);
    assert!(own.exists(), "in the folder that is named");
    // A linked work tree has the hooks of the repository.
    let tree = ["worktree", "add", "-q", "-b", "more", ".git/linked"];
    git(&bench, &["config", "--unset", "core.hooksPath"]).exits(0);
    git(&bench, &tree).exits(0);
    below(&bench, ".git/linked", "install-hook").exits(0);
    let file = bench.path().join(".git/hooks/pre-commit");
    assert!(file.exists());
    below(&bench, ".git/linked", "uninstall-hook").exits(0);
    assert!(!file.exists() && own.exists());
    git(&bench, &["config", "core.hooksPath", ".git/own"]).exits(0);
    bench.rok(["orch", "uninstall-hook"]).exits(0);
    assert!(!own.exists());
    // Somebody turned hooks off.
    git(&bench, &["config", "core.hooksPath", "/dev/null"]).exits(0);
    for what in ["install-hook", "uninstall-hook"] {
        let refused = bench.rok(["orch", what]).exits(2);
        assert!(
            refused.err.contains("ROK0225") && refused.err.contains("--unset core.hooksPath"),
            "{}",
            refused.err
        );
    }
}
