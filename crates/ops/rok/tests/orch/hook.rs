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

/// A folder that went takes no check along in silence: the commit is refused, and
/// it is said why and what to do.
#[test]
fn a_hook_of_a_folder_that_is_gone_says_so_and_lets_nothing_pass() {
    let bench = repository();
    commit_all(&bench);
    for folder in ["sub", "it's"] {
        let path = bench.path().join(folder);
        fs::create_dir_all(path.join(".rok/components")).expect("a folder");
        let mut command = bench.command(["orch", "install-hook"]);
        let installed = command.current_dir(&path).output().expect("rok starts");
        Ran::from(installed).exits(0);
    }
    let file = bench.path().join(".git/hooks/pre-commit");
    let text = fs::read_to_string(&file).expect("the hook");
    for folder in ["it's", "sub"] {
        fs::remove_dir_all(bench.path().join(folder)).expect("it goes");
    }
    bench.write("a.txt", "fine\n");
    git(&bench, &["add", "a.txt"]).exits(0);
    let refused = git(&bench, &["commit", "-q", "-m", "one"]).exits(1);
    assert!(refused.err.contains("is gone: ./sub\n"), "{}", refused.err);
    let mends = "restore it, or take its line out of .git/hooks/pre-commit";
    assert!(refused.err.contains(mends), "{}", refused.err);
    // Without that line it is the other's turn.
    let (lines, last) = text.trim_end().rsplit_once('\n').expect("two lines");
    let without = |line: &str| {
        let kept: Vec<&str> = text.lines().filter(|known| !known.contains(line)).collect();
        fs::write(&file, kept.join("\n") + "\n").expect("the hook");
    };
    assert!(lines.contains("./sub") && last.contains("it"), "{text}");
    without("./sub");
    let refused = git(&bench, &["commit", "-q", "-m", "one"]).exits(1);
    assert!(refused.err.contains("is gone: ./it's\n"), "{}", refused.err);
    // A line as an earlier version wrote it is renewed, not added to.
    let old = "(cd './sub' && rok orch --stage pre-commit --format human) || exit 1";
    let head = text.split("(cd").next().expect("its head");
    fs::write(&file, format!("{head}{old}\n")).expect("the hook");
    fs::create_dir_all(bench.path().join("sub/.rok/components")).expect("a folder");
    let mut command = bench.command(["orch", "install-hook"]);
    let command = command.current_dir(bench.path().join("sub"));
    Ran::from(command.output().expect("rok starts")).exits(0);
    let renewed = fs::read_to_string(&file).expect("the hook");
    assert_eq!(renewed.matches("(cd './sub'").count(), 1, "{renewed}");
    assert!(!renewed.contains(old), "{renewed}");
}
