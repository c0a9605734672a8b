//! What tools print, and what is read from it.

use super::*;
use alloc::format;
use rstest::rstest;

#[rstest]
#[case("src/a.rs:3:5: unused", "src/a.rs:3:5", Level::Error, "unused")]
#[case("a.c:3: warning: odd", "a.c:3", Level::Warning, "odd")]
#[case(
    "./x.py:12:1: E302 expected 2 lines",
    "./x.py:12:1",
    Level::Error,
    "E302 expected 2 lines"
)]
#[case("  x.sh:1: note: see below", "x.sh:1", Level::Note, "see below")]
#[case(
    "Diff in /r/src/a.rs:7:",
    "/r/src/a.rs:7",
    Level::Error,
    "not formatted"
)]
#[case("Diff in src/a.rs:7:3:", "src/a.rs:7:3", Level::Error, "not formatted")]
fn a_line_with_a_place(
    #[case] line: &str,
    #[case] place: &str,
    #[case] level: Level,
    #[case] message: &str,
) {
    let found = Finding::all_in(line, 9);
    let [finding] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!(finding.place().as_deref(), Some(place));
    assert_eq!((finding.level, finding.message.as_str()), (level, message));
}

#[rstest]
#[case("")]
#[case("all is well")]
#[case("12:30:01 started")]
#[case("http://127.0.0.1:8080: refused")]
#[case("thread 'main' panicked at src/a.rs:3:5:")]
#[case("running 3 tests: 2")]
#[case("key=a.b:3: x")]
#[case("a.rs:0: nothing is there")]
#[case("a.rs:3:")]
fn no_place_no_finding(#[case] line: &str) {
    assert_eq!(Finding::all_in(line, 9), []);
}

#[test]
fn a_compiler_s_place_follows_its_message() {
    let output = "error[E0308]: mismatched types\n  --> src/a.rs:3:5\n   |\nwarning: unused `x`\n   --> src/b.rs:1:1\n--> c.rs:1:1\n";
    let found = Finding::all_in(output, 9);
    assert_eq!(
        found.len(),
        2,
        "a place without a message is none: {found:?}"
    );
    assert_eq!(found[0].rule.as_deref(), Some("E0308"));
    assert_eq!(found[0].place().as_deref(), Some("src/a.rs:3:5"));
    assert_eq!(found[1].level, Level::Warning);
}

#[test]
fn there_is_an_end_to_it() {
    let lines: Vec<String> = (1..=50).map(|n| format!("a.rs:{n}: x")).collect();
    let output = lines.join("\n");
    assert_eq!(Finding::all_in(&output, 10).len(), 10);
}
