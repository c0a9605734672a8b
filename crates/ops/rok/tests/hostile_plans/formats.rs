//! Encodings, JSON, what is no file, and what comes later.

use crate::measured::{measured, refused};
use crate::support::Bench;
use rstest::rstest;
use std::fs;
use std::os::unix::fs::symlink;

fn written(name: &str, bytes: &[u8]) -> Bench {
    let bench = Bench::new();
    fs::write(bench.path().join(name), bytes).expect("ours");
    bench
}

#[rstest]
#[case::plain("plan.yaml", b"plan: p\nsteps: { a: { run: echo fine } }\n")]
#[case::byte_order_mark(
    "plan.yaml",
    b"\xef\xbb\xbfplan: p\nsteps: { a: { run: echo fine } }\n"
)]
#[case::windows(
    "plan.yaml",
    b"plan: p\r\nsteps:\r\n  a:\r\n    run: |\r\n      echo fine\r\n"
)]
#[case::no_last_newline("plan.yaml", b"plan: p\nsteps: { a: { run: echo fine } }")]
#[case::document(
    "plan.yaml",
    b"%YAML 1.2\n---\nplan: p\nsteps: { a: { run: echo fine } }\n...\n"
)]
#[case::any_name("plan", b"plan: p\nsteps: { a: { run: echo fine } }\n")]
#[case::json(
    "plan.json",
    b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"echo fine\"}}}"
)]
#[case::json_with_tabs("plan.json", b"{\n\t\"plan\": \"p\",\n\t\"steps\": {\n\t\t\"a\": { \"run\": [\"echo\", \"f\\u0069ne\"] }\n\t}\n}\n")]
#[case::json_windows(
    "plan.json",
    b"\xef\xbb\xbf{\"plan\":\"p\",\r\n\"steps\":{\"a\":{\"run\":\"echo fine\"}}}\r\n"
)]
fn odd_and_fine(#[case] name: &str, #[case] bytes: &[u8]) {
    let bench = written(name, bytes);
    measured(bench.command(["run", &format!("./{name}"), "--run-id", "r"]))
        .ran
        .exits(0);
    assert_eq!(bench.rok(["logs", "r", "a"]).exits(0).out, "fine\n");
}

#[rstest]
#[case::empty(b"", "the file is empty")]
#[case::utf16(b"\xff\xfep\0l\0a\0n\0", "the file is UTF-16")]
#[case::latin1(b"plan: p\ndescription: caf\xe9\n", "not UTF-8 from here on")]
#[case::nul(
    b"plan: p\nsteps: { a: { run: \"a\0b\" } }\n",
    "holds the character U+0000"
)]
#[case::nuls(&[0; 4096], "U+0000")]
#[case::escape(
    b"plan: p\nname: \"\x1b[2J\"\nsteps: { a: { run: x } }\n",
    "holds the character U+001B"
)]
#[case::escaped_escape(b"plan: \"\\e[2J\"\nsteps: { a: { run: x } }\n", "\\u{1b}[2J")]
#[case::turned_text("plan: p\nname: \"\u{202e}\"\nsteps: { a: { run: x } }\n".as_bytes(), "U+202E")]
#[case::tab(b"plan: p\nsteps:\n\ta: { run: x }\n", "indent with spaces")]
#[case::binary(b"\x7fELF\x02\x01\x01\0\0", "error[ROK0001]")]
#[case::word(b"hello", "error[ROK0001]")]
#[case::list(b"- plan: p\n", "error[ROK0001]")]
#[case::null(b"null", "error[ROK0001]")]
#[case::json_list(b"[]", "error[ROK0001]")]
#[case::json_twice(
    b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"x\"}}} {}",
    "error[ROK0001]"
)]
#[case::json_cut(b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"x\"", "error[ROK0001]")]
#[case::json_duplicate(
    b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"x\"},\"\\u0061\":{\"run\":\"y\"}}}",
    "`a` is given twice"
)]
#[case::json_surrogate(
    b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"\\ud800\"}}}",
    "error[ROK0001]"
)]
#[case::json_nul(
    b"{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":\"echo \\u0000\"}}}",
    "holds a NUL"
)]
#[case::json_numbers(b"{\"plan\":\"p\",\"version\":1e999,\"max_parallel\":99999999999999999999,\"max_duration\":\"999999999999999999d\",\"steps\":{\"a\":{\"run\":\"x\"}}}", "3 faults")]
#[case::names(b"{\"plan\":\"../p\",\"env\":{\"A=B\":\"x\",\"\":\"y\",\"ROK_RUN_ID\":\"z\"},\"steps\":{\"../a\":{\"run\":\"x\"},\"\":{\"run\":\"x\"}}}", "6 faults")]
fn wrong_from_the_first_byte(#[case] bytes: &[u8], #[case] part: &str) {
    let error = refused(&written("plan.yaml", bytes), "plan.yaml");
    assert!(error.contains(part), "{error}");
    assert!(!error.contains(['\u{1b}', '\0', '\u{202e}']), "{error:?}");
}

/// What is not there is unknown; what cannot be read says why.
#[test]
fn what_is_no_file() {
    let bench = Bench::new();
    fs::create_dir(bench.path().join("folder")).expect("ours");
    symlink("loop", bench.path().join("loop")).expect("ours");
    symlink("nowhere", bench.path().join("broken")).expect("ours");
    let long = "n".repeat(5000);
    for (name, code, part) in [
        (
            "absent.yaml",
            3,
            "error[ROK0002]: no plan file at absent.yaml",
        ),
        ("absent", 3, "error[ROK0002]"),
        ("broken", 3, "error[ROK0002]"),
        ("deliverabel", 3, "error[ROK0002]"),
        (
            "folder",
            2,
            "error[ROK0003]: cannot read the plan file folder: not a regular file: it is a folder",
        ),
        ("loop", 2, "error[ROK0003]: cannot read the plan file loop"),
        (&long, 2, "error[ROK0003]"),
        ("/dev/null", 2, "not a regular file: it is a device"),
        ("/dev/zero", 2, "not a regular file: it is a device"),
    ] {
        for args in [
            &["plan", "validate", name][..],
            &["run", name],
            &["plan", "show", name],
        ] {
            let ran = measured(bench.command(args)).ran.exits(code);
            assert!(ran.err.contains(part), "{name}: {}", ran.err);
        }
    }
    assert!(!bench.runs().exists());
}

/// A file's name is shown, and cannot write to the terminal.
#[test]
fn a_hostile_file_name_is_shown_clean() {
    let bench = Bench::new();
    for (name, text) in [
        ("good\u{1b}[2J.yaml", "plan: p\nsteps: { a: { run: x } }\n"),
        ("bad\u{1b}[2J.yaml", "plan: P\nsteps: { a: { run: x } }\n"),
        ("none\u{1b}[2J.yaml", ""),
    ] {
        bench.write(name, text);
        for args in [
            &["plan", "validate", name][..],
            &["plan", "lint", name],
            &["plan", "list"],
            &["run", &format!("{name}x")],
        ] {
            let ran = bench.rok(args);
            assert!(
                !format!("{}{}", ran.out, ran.err).contains('\u{1b}'),
                "{ran:?}"
            );
        }
    }
}

/// Values that no machine can hold a process to are refused.
#[rstest]
#[case::loopback_of_all(
    "plan.yaml",
    "plan: p\ndefaults: { sandbox: { network: loopback } }\nsteps: { a: { run: x } }\n",
    "the kernel can hold no process to it"
)]
#[case::loopback_of_a_step(
    "plan.yaml",
    "plan: p\nsteps: { a: { run: x, sandbox: { network: loopback } } }\n",
    "the kernel can hold no process to it"
)]
fn values_that_cannot_be_enforced_are_refused(
    #[case] name: &str,
    #[case] text: &str,
    #[case] part: &str,
) {
    let error = refused(&written(name, text.as_bytes()), name);
    assert!(error.contains(part), "{error}");
}

#[test]
fn later_flags_are_refused() {
    let bench = written("plan.yaml", b"plan: p\nsteps: { a: { run: touch ran } }\n");
    for flags in [&["--detach"][..], &["--mode", "replay"]] {
        let ran = bench.rok([&["run", "plan.yaml"], flags].concat());
        assert_eq!(ran.code, 2, "{flags:?}: {ran:?}");
    }
    assert!(!bench.path().join("ran").exists() && !bench.runs().exists());
}
