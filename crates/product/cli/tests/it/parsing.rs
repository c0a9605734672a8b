//! Command lines that parse and those that do not; help and version.

use crate::fake::{Fake, run};
use insta::assert_snapshot;
use rok_cli::{Terminal, run_on};
use rok_service::{ERROR_PAGES, Wiring};
use rstest::rstest;

#[rstest]
#[case(&[])]
#[case(&["rnu"])]
#[case(&["run"])]
#[case(&["run", "p", "--input", "novalue"])]
#[case(&["run", "p", "--input", "=x"])]
#[case(&["run", "p", "--mode", "turbo"])]
#[case(&["run", "p", "q"])]
#[case(&["approve", "r", "s"])]
#[case(&["approve", "r", "--reason", "x"])]
#[case(&["cancel"])]
#[case(&["rollback"])]
#[case(&["rollback", "r", "--done"])]
#[case(&["resume", "r", "--check", "--wait"])]
#[case(&["events", "r", "--tail", "-1"])]
#[case(&["logs", "r"])]
#[case(&["graph"])]
#[case(&["graph", "deliverable", "--format", "png"])]
#[case(&["timeline", "r", "--format", "mermaid"])]
#[case(&["timeline", "r", "--expand"])]
#[case(&["report"])]
#[case(&["logs", "r", "s", "--attempt", "last"])]
#[case(&["plan"])]
#[case(&["plan", "validate"])]
#[case(&["config"])]
#[case(&["ls", "--set", "dir"])]
#[case(&["--dir"])]
fn nonsense_is_usage(#[case] arguments: &[&str]) {
    let done = run(Fake::new(), arguments);
    assert_eq!(done.code, 2, "{}", done.seen());
    assert_eq!(done.out, "");
    assert!(!done.err.is_empty());
    assert!(done.asked.is_empty());
}

#[test]
fn nonsense_has_a_code_and_a_tip() {
    assert_snapshot!(run(Fake::new(), &["events", "r", "--folow"]).seen());
}

#[rstest]
#[case(&["run", "deliverable", "--json", "--dir", "x"])]
#[case(&["--json", "--dir", "x", "run", "deliverable"])]
#[case(&["-q", "-v", "-v", "status", "run_abc"])]
#[case(&["events", "run_abc", "-n", "5", "-f"])]
#[case(&["ls", "--label", "a=b=c"])]
#[case(&["plan", "list"])]
#[case(&["graph", "deliverable", "--expand", "--format", "dot"])]
#[case(&["timeline", "run_abc"])]
#[case(&["report", "run_abc"])]
fn sense_is_understood(#[case] arguments: &[&str]) {
    assert_eq!(run(Fake::new(), arguments).code, 0);
}

#[test]
fn version_and_help_touch_nothing() {
    // Neither the wiring nor the settings may be asked: this environment
    // contradicts itself.
    let wiring = || {
        Wiring::new(|_| panic!("nobody asked for runs")).in_environment(
            "/nowhere",
            [("ROK_ENABLED", "maybe"), ("ROK_GRACE_PERIOD_MS", "-1")],
        )
    };
    for arguments in [
        &["rok", "--version"][..],
        &["rok", "--help"],
        &["rok", "run", "--help"],
        &["rok", "help"],
        &["rok", "help", "plan", "show"],
        &["rok", "help", "rok0104"],
        &["rok", "help", "errors"],
        &["rok", "help", "exit-codes"],
        &["rok", "completions", "bash"],
        &["rok", "completions", "zsh"],
        &["rok", "completions", "fish"],
        &["rok", "man"],
        &["rok", "man", "plan", "validate"],
    ] {
        let (mut terminal, captured) = Terminal::in_memory();
        assert_eq!(
            run_on(arguments, wiring(), &mut terminal),
            0,
            "{arguments:?}"
        );
        assert!(!captured.stdout().is_empty(), "{arguments:?}");
        assert_eq!(captured.stderr(), "");
    }
}

#[test]
fn completions_and_pages_know_every_command_and_flag() {
    let help = run(Fake::new(), &["--help"]).out;
    let commands = help.split("Commands:").nth(1).unwrap();
    let commands: Vec<&str> = commands
        .lines()
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 20, "{commands:?}");
    let script = run(Fake::new(), &["completions", "bash"]).out;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man1");
    let done = run(Fake::new(), &["man", "--out", out.to_str().unwrap()]);
    assert_eq!((done.code, &*done.out), (0, ""), "{}", done.err);
    for command in commands {
        let page = std::fs::read_to_string(out.join(format!("rok-{command}.1")));
        let page = page.unwrap_or_else(|error| panic!("{command}: {error}"));
        let help = run(Fake::new(), &["help", command]).out;
        let flags = help.split_whitespace().filter(|word| {
            word.starts_with("--")
                && word[2..]
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b == b'-')
        });
        for flag in flags {
            assert!(script.contains(flag), "{command} {flag}: no completion");
            let roff = flag.replace('-', "\\-");
            assert!(page.contains(&roff), "{command} {flag}: not in its page");
        }
    }
}

#[rstest]
#[case(&["policy", "check", "--policy", "p.yaml"], 2, "--mode dry-run")]
#[case(&["man", "nothing"], 2, "`nothing` is no command of rok")]
#[case(&["completions", "tcsh"], 2, "invalid value 'tcsh'")]
#[case(&["summary", "run_abc", "--json", "--yaml"], 2, "cannot be used with")]
fn what_there_is_not_is_refused(#[case] arguments: &[&str], #[case] code: u8, #[case] told: &str) {
    let done = run(Fake::new(), arguments);
    assert_eq!(done.code, code);
    assert!(done.err.contains(told), "{}", done.err);
}

#[rstest]
#[case("help", &["--help"])]
#[case("run", &["run", "--help"])]
#[case("exit_codes", &["help", "exit-codes"])]
#[case("errors", &["help", "errors"])]
fn help_texts(#[case] name: &str, #[case] arguments: &[&str]) {
    assert_snapshot!(format!("help_{name}"), run(Fake::new(), arguments).out);
}

#[test]
fn every_error_has_its_page_on_the_terminal() {
    for page in ERROR_PAGES {
        let done = run(Fake::new(), &["help", page.code]);
        assert_eq!((done.code, done.out.as_str()), (0, page.text));
    }
}

/// Neither of two values is dropped unsaid.
#[rstest]
#[case("--input", "--input")]
#[case("--input", "-i")]
#[case("--label", "--label")]
fn a_name_has_one_value(#[case] first: &str, #[case] second: &str) {
    let done = run(
        Fake::new(),
        &["run", "deliverable", first, "v=a", second, "v=b"],
    );
    assert_eq!(done.code, 2);
    let told = format!("{first} v is given twice");
    assert!(done.err.contains(&told), "{}", done.err);
    assert!(done.asked.is_empty());
}
