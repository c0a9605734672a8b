//! What must hold of `tree`, case by case.

use super::*;
use crate::fault::Findings;
use crate::source::Source;
use alloc::format;
use alloc::string::ToString;
use rstest::rstest;

fn tree(text: &str) -> (Option<Rc<Node>>, Vec<String>) {
    let source = Source::new(text);
    let mut findings = Findings::default();
    let root = load(&source, &mut findings);
    if findings.is_empty() {
        return (root, Vec::new());
    }
    let errors = findings.into_errors("t", &source);
    (
        root,
        errors
            .faults
            .iter()
            .map(|f| format!("{}:{} {}", f.line, f.column, f.message))
            .collect(),
    )
}

#[rstest]
#[case("", Plain::Null)]
#[case("~", Plain::Null)]
#[case("true", Plain::Bool(true))]
#[case("True", Plain::OddBool(true))]
#[case("yes", Plain::Text)]
#[case("0", Plain::Integer(0))]
#[case("-12", Plain::Integer(-12))]
#[case("+12", Plain::Integer(12))]
#[case("0x1F", Plain::Integer(31))]
#[case("0o17", Plain::Integer(15))]
#[case("017", Plain::Integer(17))]
#[case("0x", Plain::Text)]
#[case("-0x1", Plain::Text)]
#[case("1.10", Plain::Float(1.1))]
#[case("1.", Plain::Float(1.0))]
#[case(".5", Plain::Float(0.5))]
#[case("-1e3", Plain::Float(-1000.0))]
#[case("1e", Plain::Text)]
#[case(".", Plain::Text)]
#[case("1e999", Plain::NoNumber)]
#[case("-.inf", Plain::NoNumber)]
#[case(".nan", Plain::NoNumber)]
#[case("1_000", Plain::Text)]
#[case("12:30", Plain::Text)]
#[case("inf", Plain::Text)]
fn bare_scalars(#[case] text: &str, #[case] plain: Plain) {
    assert_eq!(resolve(text), plain);
}

#[test]
fn spans_are_bytes_of_the_source() {
    let text = "\u{e9}: [a, \"b\"]\nk:\n  - |\n    two\n    lines\n  - plain text  # note\n";
    let (root, faults) = tree(text);
    assert!(faults.is_empty(), "{faults:?}");
    let root = root.unwrap();
    let at = |node: &Node| text[node.span.clone()].to_string();
    let list = root.get("\u{e9}").unwrap();
    assert_eq!(at(list), "[a, \"b\"]");
    assert_eq!(at(&list.list().unwrap()[1]), "\"b\"");
    let items = root.get("k").unwrap().list().unwrap();
    assert_eq!(items[0].text(), Some("two\nlines\n"));
    assert!(at(&items[0]).starts_with("two\n"));
    assert_eq!(at(&items[1]), "plain text");
}

#[test]
fn json_is_read_by_the_same_parser() {
    let text = "{\"a\":{\"b\":[1,true,null,\"\\u00e9\\/\"]},\n\t\"c\":-1.5e3}";
    let (root, faults) = tree(text);
    assert!(faults.is_empty(), "{faults:?}");
    let root = root.unwrap();
    let items = root.get("a").unwrap().get("b").unwrap().list().unwrap();
    assert_eq!(items[3].text(), Some("\u{e9}/"));
    assert_eq!(
        root.get("c").unwrap().scalar(),
        Some(("-1.5e3", Style::Plain))
    );
}

#[test]
fn json_may_escape_what_lies_beyond_the_basic_plane() {
    let text = r#"{"a": "\ud83d\ude00!", "b": {"a": "\ud83d", "a": 1}}"#;
    assert_eq!(tree(text).1.len(), 1, "half a pair is no character");
    let text = r#"{"a": "\ud83d\ude00!", "b": {"a": 1, "a": 2}}"#;
    let (root, faults) = tree(text);
    assert_eq!(root.unwrap().get("a").unwrap().text(), Some("\u{1f600}!"));
    assert_eq!(faults, ["1:38 `a` is given twice"]);
}

#[rstest]
#[case("a: 1\nb: 2\na: 3\n", "3:1 `a` is given twice")]
#[case("a: !!str 1\n", "1:4 YAML tags have no place in a plan")]
#[case("a: &x {b: 1}\nc:\n  <<: *x\n", "3:3 `<<` merges are not YAML 1.2")]
#[case("a: 1\n---\nb: 2\n", "2:1 the file holds more than one document")]
#[case("a: 1\n<<: {b: 1}\n", "2:1 `<<` merges are not YAML 1.2")]
#[case("%YAML 1.1\n---\na: 1\n", "1:1 the file has a YAML directive")]
#[case("? [a]\n: 1\n", "1:3 a list cannot be a key")]
#[case("{a: 1}: 2\n", "1:1 a mapping cannot be a key")]
#[case("a: &x k\n*x : 2\n", "2:1 an alias cannot be a key")]
#[case(": 1\n", "1:1 a key is missing here")]
#[case(
    "? kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\n: 1\n",
    "1:3 the key is longer than 128 characters"
)]
#[case("a: &x [*x]\n", "1:8 the alias stands within what it names")]
fn yaml_that_plans_do_not_use(#[case] text: &str, #[case] fault: &str) {
    assert_eq!(tree(text).1, [fault]);
}

#[rstest]
#[case("a:\n\tb: 1\n", "tab")]
#[case("a: b: c\n", "mapping values")]
#[case("a: *nowhere\n", "unknown anchor")]
#[case("a: \"open\n", "quoted scalar")]
#[case("a: [1, 2\n", "")]
#[case("a: }\n", "")]
fn what_is_not_yaml(#[case] text: &str, #[case] part: &str) {
    let (root, faults) = tree(text);
    assert!(root.is_none());
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(
        faults[0].contains("this is not YAML") && faults[0].contains(part),
        "{faults:?}"
    );
}

#[rstest]
#[case(63, true)]
#[case(64, false)]
fn depth(#[case] lists: usize, #[case] fine: bool) {
    let flow = format!("a: {}{}", "[".repeat(lists), "]".repeat(lists));
    assert_eq!(tree(&flow).1.is_empty(), fine);
    let block = format!("a:\n {}x\n", "- ".repeat(lists));
    assert_eq!(tree(&block).1.is_empty(), fine);
    let by_alias = format!(
        "a: &x {}{}\nb: [*x]",
        "[".repeat(lists - 1),
        "]".repeat(lists - 1)
    );
    assert_eq!(tree(&by_alias).1.is_empty(), fine);
}

#[test]
fn an_alias_bomb_is_counted_and_never_built() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    text.extend((1..40).map(|level| {
        let aliases = alloc::vec![format!("*a{}", level - 1); 10].join(", ");
        format!("a{level}: &a{level} [{aliases}]\n")
    }));
    let (root, faults) = tree(&text);
    assert!(root.is_none());
    assert!(
        faults[0].contains("200,000 values after aliases"),
        "{faults:?}"
    );
}

#[test]
fn a_long_text_that_aliases_repeat_is_counted_in_bytes() {
    let long = "x".repeat(1024 * 1024);
    let text = format!("a: &a {long}\nb: [{}]\n", alloc::vec!["*a"; 20].join(", "));
    assert!(tree(&text).1[0].contains("16 MiB of text after aliases"));
}
