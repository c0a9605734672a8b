//! What a hook judges is what git will commit: whichever index that is made in,
//! whatever git was told of a file, and however a file is called.

use super::hook::{commit_all, copies, git};
use super::{bench, ends, orch};
use crate::support::{Bench, Ran};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;

/// A component of the hook that runs this.
fn hooked(script: &str) -> String {
    let script = serde_json::to_string(script).expect("a text");
    format!("type: validator\nchannel: canary\ntags: [pre-commit]\nentrypoint: {{ run: {script} }}")
}

/// A repository with two files, all committed, and the hook.
fn repository(script: &str) -> Bench {
    let bench = bench(&[("judge", &hooked(script))]);
    git(&bench, &["init", "-q"]).exits(0);
    bench.write(".gitignore", "rok-staged-*\n");
    bench.write("a.txt", "a\n");
    bench.write("b.txt", "b\n");
    commit_all(&bench);
    bench.rok(["orch", "install-hook"]).exits(0);
    bench
}

fn told(ran: &Ran) -> String {
    format!("{}{}", ran.out, ran.err)
}

/// Asks git what is committed, in the folder that it is called in and in the
/// work tree, and tells of nothing that git does not answer.
const NO_SECRETS: &str = "for at in . \"$COMPONENT_WORKTREE\"; do told=$(git -C \"$at\" diff --cached) || exit 9; printf '%s\\n' \"$told\" >> $HOME/.git/told; if printf '%s' \"$told\" | grep '^+SECRET'; then exit 1; fi; done";

#[test]
fn components_see_the_index_that_is_committed() {
    for beside in [false, true] {
        let bench = repository(NO_SECRETS);
        if beside {
            bench.write("new.txt", "unknown to git\n");
        }
        // Of all that is changed, and of named files beside what is staged.
        bench.write("a.txt", "SECRET\n");
        git(&bench, &["commit", "-qam", "leak"]).exits(1);
        git(&bench, &["commit", "-qm", "leak", "a.txt"]).exits(1);
        git(&bench, &["add", "a.txt"]).exits(0);
        git(&bench, &["commit", "-qm", "leak"]).exits(1);
        bench.write("b.txt", "fine\n");
        fs::remove_file(bench.path().join(".git/told")).expect("it was told");
        git(&bench, &["commit", "-qm", "no leak", "b.txt"]).exits(0);
        let told = fs::read_to_string(bench.path().join(".git/told")).expect("it was told");
        assert_eq!(told.matches("+fine").count(), 2, "{told}");
        let names = git(&bench, &["show", "--format=", "--name-only"]).exits(0);
        assert_eq!(names.out, "b.txt\n");
        let staged = git(&bench, &["diff", "--cached", "--name-only"]).exits(0);
        assert_eq!(staged.out, "a.txt\n", "it stays staged");
        assert_eq!(copies(&bench), [""; 0]);
    }
}

#[test]
fn a_component_that_stages_in_the_index_of_a_commit_lets_none_pass() {
    let bench = repository("cd \"$COMPONENT_WORKTREE\"; git rm -q --cached b.txt");
    bench.write("a.txt", "changed\n");
    let refused = git(&bench, &["commit", "-qam", "x"]).exits(1);
    let told = told(&refused);
    assert!(told.contains("changed meanwhile: b.txt"), "{told}");
}

#[test]
fn a_commit_in_a_linked_tree_is_judged_in_its_own_index() {
    let bench = repository(NO_SECRETS);
    let words = ["worktree", "add", "-q", "-b", "more", ".git/linked"];
    git(&bench, &words).exits(0);
    bench.write(".git/linked/a.txt", "SECRET\n");
    let linked = |words: &[&str]| git(&bench, &[&["-C", ".git/linked"], words].concat());
    linked(&["commit", "-qam", "x"]).exits(1);
    linked(&["add", "-A"]).exits(0);
    linked(&["commit", "-qm", "x"]).exits(1);
    bench.write(".git/linked/a.txt", "fine\n");
    linked(&["commit", "-qm", "what is staged is secret"]).exits(1);
    linked(&["commit", "-qam", "x"]).exits(0);
}

#[test]
fn a_change_that_is_hidden_from_git_is_found() {
    for flag in ["--assume-unchanged", "--skip-worktree"] {
        let hides = format!("git update-index {flag} b.txt; echo good > b.txt");
        for beside in [false, true] {
            let bench = repository(&hides);
            bench.write("b.txt", "bad\n");
            git(&bench, &["add", "b.txt"]).exits(0);
            if beside {
                bench.write("new.txt", "unknown to git\n");
            }
            let refused = git(&bench, &["commit", "-qm", "x"]).exits(1);
            let told = told(&refused);
            assert!(told.contains("changed meanwhile: b.txt"), "{flag}: {told}");
        }
    }
}

#[test]
fn a_name_that_is_no_text_matters_only_where_somebody_must_be_told_it() {
    let odd = |bench: &Bench| {
        let name = OsStr::from_bytes(b"caf\xe9.txt");
        fs::write(bench.path().join(name), "odd\n").expect("a file");
    };
    // Unknown to git, then tracked and unchanged, then deleted.
    let bench = repository("cat a.txt");
    odd(&bench);
    bench.write("a.txt", "one\n");
    git(&bench, &["commit", "-qam", "one"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").json();
    let message = report["messages"][0].as_str().unwrap_or_default();
    assert!(
        message.ends_with("the work tree differs in caf\\xe9.txt"),
        "{report:#}"
    );
    git(&bench, &["add", "-A"]).exits(0);
    let refused = git(&bench, &["commit", "-qm", "odd"]).exits(1);
    let told = told(&refused);
    assert!(
        told.contains("the name `caf\\xe9.txt` is not UTF-8"),
        "{told}"
    );
    assert!(told.contains("git mv"), "{told}");
    git(&bench, &["commit", "-qm", "odd", "--no-verify"]).exits(0);
    bench.write("a.txt", "two\n");
    git(&bench, &["commit", "-qam", "two"]).exits(0);
    fs::remove_file(bench.path().join(OsStr::from_bytes(b"caf\xe9.txt"))).expect("it goes");
    git(&bench, &["commit", "-qam", "gone"]).exits(0);
    // Staged, and the concern of nobody.
    let other = hooked("cat a.txt") + "\nfiles: [\"*.rs\"]";
    super::component(&bench, "judge", &other);
    commit_all(&bench);
    odd(&bench);
    bench.write("x.rs", "");
    git(&bench, &["add", "-A"]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(0).json();
    assert_eq!(ends(&report), [("judge", "pass")]);
}

#[test]
fn only_what_is_staged_says_what_is_judged() {
    let manifest = ".rok/components/judge.component.yaml";
    let newer = ".rok/components/newer.component.yaml";
    // A component that passes everything, and a change that the real one refuses.
    let lax = "name: judge\nversion: 1.1.0\nstatus: active\n".to_owned() + &hooked("true");
    let made = || {
        let bench = repository("! grep bad a.txt");
        bench.write("a.txt", "bad\n");
        git(&bench, &["add", "a.txt"]).exits(0);
        bench
    };
    let refused = |bench: &Bench, file: &str, how: &str| {
        let told = told(&git(bench, &["commit", "-qm", "x"]).exits(1));
        assert!(told.contains(&format!("{file} is {how}")), "{told}");
        assert!(
            told.contains("ROK0223") && told.contains("git stash"),
            "{told}"
        );
        let why = orch(bench, "--stage pre-commit").exits(2);
        assert!(why.out.contains(file), "{}", why.out);
    };
    // Unknown to git, and told to be of no concern to it.
    let bench = made();
    bench.write(newer, &lax);
    refused(&bench, newer, "not staged, ");
    bench.write(".git/info/exclude", ".rok/components/newer*\n");
    refused(&bench, newer, "not staged, ");
    git(&bench, &["add", "-f", newer]).exits(0);
    git(&bench, &["commit", "-qm", "it is part of it"]).exits(0);
    // Settings of the folder.
    let bench = made();
    fs::create_dir(bench.path().join(".git/elsewhere")).expect("a folder");
    bench.write(".git/elsewhere/judge.component.yaml", &lax);
    bench.write("rok.toml", "registry_roots = [\".git/elsewhere\"]\n");
    refused(&bench, "rok.toml", "not staged, ");
    git(&bench, &["add", "rok.toml"]).exits(0);
    bench.write("rok.toml", "registry_roots = [ \".git/elsewhere\" ]\n");
    refused(&bench, "rok.toml", "not staged as it is");
    // The lock.
    let bench = made();
    let lock = ".rok/components.lock";
    bench.rok(["registry", "lock"]).exits(0);
    refused(&bench, lock, "not staged, ");
    git(&bench, &["add", lock]).exits(0);
    git(&bench, &["commit", "-qm", "x"]).exits(1);
    let text = fs::read_to_string(bench.path().join(manifest)).expect("the manifest");
    bench.write(manifest, &text.replace("1.0.0", "1.0.1"));
    git(&bench, &["add", manifest]).exits(0);
    bench.rok(["registry", "lock"]).exits(0);
    refused(&bench, lock, "not staged as it is");
    git(&bench, &["rm", "-q", "-f", "--cached", lock]).exits(0);
    refused(&bench, lock, "not staged, ");
    // Policies.
    let bench = made();
    bench.write("p.cedar", "permit(principal, action, resource);\n");
    bench.write("rok.toml", "policies = [\"p.cedar\"]\n");
    git(&bench, &["add", "rok.toml"]).exits(0);
    refused(&bench, "p.cedar", "not staged, ");
}

#[test]
fn a_commit_that_takes_the_lock_away_says_so_and_a_named_lock_must_be_there() {
    let bench = repository("cat a.txt");
    let lock = ".rok/components.lock";
    bench.rok(["registry", "lock"]).exits(0);
    commit_all(&bench);
    git(&bench, &["rm", "-q", lock]).exits(0);
    let report = orch(&bench, "--stage pre-commit").exits(0).json();
    let messages = report["messages"].to_string();
    assert!(
        messages.contains("the commit takes away .rok/components.lock"),
        "{messages}"
    );
    bench.write("rok.toml", "registry_lock = \".rok/components.lock\"\n");
    git(&bench, &["add", "-A"]).exits(0);
    for stage in ["pre-commit", "registry"] {
        let report = orch(&bench, &format!("--stage {stage}")).exits(3);
        assert!(
            report
                .out
                .contains("is named in the settings, and is not there"),
            "{}",
            report.out
        );
    }
    let refused = bench.rok(["registry", "validate"]).exits(3);
    assert!(told(&refused).contains("rok registry lock"), "{refused:?}");
    bench.rok(["registry", "lock"]).exits(0);
    bench.rok(["registry", "validate"]).exits(0);
}

#[test]
fn a_repository_without_a_work_tree_gets_no_hook() {
    let bench = bench(&[]);
    git(&bench, &["init", "-q", "--bare", "."]).exits(0);
    let refused = bench.rok(["orch", "install-hook"]).exits(2);
    assert!(refused.err.contains("ROK0223"), "{}", refused.err);
    assert!(!bench.path().join("hooks/pre-commit").exists());
}

#[test]
fn a_registry_that_never_answers_is_told_by_name() {
    let server = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("http://{}", server.local_addr().expect("its address"));
    let bench = repository("true");
    let mut command = bench.command(["registry", "list"]);
    command.env("ROK_REGISTRY_ROOTS", &address);
    let refused = Ran::from(command.output().expect("rok starts")).exits(3);
    assert!(
        refused.err.contains("ROK0236") && refused.err.contains(&address),
        "{refused:?}"
    );
}
