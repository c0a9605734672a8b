//! Hostile text: nothing panics, and everything ends within its bounds.

use crate::world::{Plan, World};
use proptest::prelude::*;
use rok_expr::{Condition, EvalError, Fault, ShellLine, Site, Template};
use rstest::rstest;
use serde_json::json;

/// Parses, checks and evaluates as everything that a text may be.
fn exercise(text: &str) {
    let world = World {
        item: Some(json!([1, "a"])),
        ..World::default()
    };
    let within = |faults: Vec<Fault>| {
        for fault in faults {
            assert!(
                text.get(fault.range.clone()).is_some(),
                "{text:?}: {fault:?}"
            );
        }
    };
    for site in [Site::Plain, Site::Secrets] {
        match Template::parse(text, site) {
            Ok(template) => {
                assert_eq!(template.source(), text);
                within(template.check(&Plan));
                let _ = (template.text(&world), template.value(&world));
                for reference in template.references() {
                    assert!(text.get(reference.range).is_some());
                }
            }
            Err(faults) => {
                assert!(!faults.is_empty());
                within(faults);
            }
        }
    }
    match Condition::parse(text) {
        Ok(condition) => {
            within(condition.check(&Plan));
            let _ = condition.eval(&world);
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            within(faults);
        }
    }
    match ShellLine::parse(text) {
        Ok(line) => {
            within(line.check(&Plan));
            within(line.warnings().to_vec());
            let _ = line.resolve(&world);
        }
        Err(faults) => {
            assert!(!faults.is_empty());
            within(faults);
        }
    }
}

const TOKENS: &[&str] = &[
    "inputs",
    ".",
    "dataset",
    "rows",
    "tags",
    "steps",
    "build",
    "outputs",
    "state",
    "run",
    "labels",
    "item",
    "secrets",
    "x",
    "y",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    "'a'",
    "\"b\"",
    "r'\\'",
    "b'c'",
    "'''",
    "'",
    "\\",
    "`",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    ",",
    "in",
    "1",
    "2u",
    "3.5",
    "-9223372036854775808",
    "1e309",
    "0x",
    "true",
    "null",
    "size",
    "has",
    "map",
    "filter",
    "all",
    "exists_one",
    "exists",
    ".map(x, ",
    ".all(y, ",
    "has(",
    "int(",
    "string(",
    "type(",
    "matches",
    " ",
    "\n",
    "// c\n",
    "//",
    "é",
    "\u{0}",
    "@",
    "#",
    "${{",
    "}}",
    "$",
    "steps['build']",
];

proptest! {
    #[test]
    fn arbitrary_text(text in any::<String>()) {
        exercise(&text);
        exercise(&format!("${{{{{text}}}}}"));
    }

    #[test]
    fn text_of_tokens(tokens in prop::collection::vec(prop::sample::select(TOKENS), 0..24), wrapped in any::<bool>()) {
        let text = tokens.concat();
        exercise(&if wrapped { format!("${{{{ {text} }}}}") } else { text });
    }
}

#[rstest]
#[case("(", "1", ")")]
#[case("[", "1", "]")]
#[case("{'a': ", "1", "}")]
#[case("!", "true", "")]
#[case("-", "1", "")]
#[case("!-", "1", "")]
#[case("size(", "1", ")")]
#[case("true ? 1 : ", "1", "")]
#[case("true ? ", "1", " : 1")]
#[case("1 + ", "1", "")]
#[case("[1].map(x, ", "1", ")")]
#[case("", "inputs.a", ".a")]
#[case("", "inputs.a", "[0]")]
#[case("", "[1]", ".map(x, x)")]
#[case("inputs.a[", "0", "]")]
#[case("", "'a'", " + 'b'")]
#[case("has(", "inputs.a", ")")]
#[case("f(1 + ", "1", ")")]
fn deep_nesting_is_refused(#[case] open: &str, #[case] leaf: &str, #[case] close: &str) {
    // As deep as 4 KiB allow, and far beyond.
    for depth in [40, 4000 / (open.len() + close.len()), 100_000] {
        let text = format!("{}{leaf}{}", open.repeat(depth), close.repeat(depth));
        // A run of one prefix operator is folded by the parser.
        if (open == "!" || open == "-") && text.len() < 1000 {
            continue;
        }
        assert!(
            Condition::parse(&text).is_err(),
            "{open}{leaf}{close} {depth}"
        );
        exercise(&text);
    }
}

#[test]
fn the_bounds_are_where_they_are_said_to_be() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Condition::parse(&nested(31)).is_ok());
    assert!(Condition::parse(&nested(32)).is_err());
    let listed = |nodes: usize| format!("[{}]", vec!["1"; nodes - 1].join(","));
    assert!(Condition::parse(&listed(500)).is_ok());
    let fault = &Condition::parse(&listed(501)).unwrap_err()[0];
    assert_eq!(fault.message, "the expression has more than 500 nodes");
    let long = |bytes: usize| format!("'{}'", "x".repeat(bytes - 2));
    assert!(Condition::parse(&long(4096)).is_ok());
    assert!(Condition::parse(&long(4097)).is_err());
    let all = "[1].all(x, [2].all(y, [3].all(z, true)))";
    let fault = &Condition::parse(all).unwrap_err()[0];
    assert_eq!(fault.message, "more than 2 comprehensions in each other");
    assert!(Condition::parse("[1].map(x, x).map(x, x).map(x, x).all(x, [2].all(y, true))").is_ok());
}

/// Each of these would run for minutes, or take gigabytes.
#[rstest]
#[case("inputs.long.all(x, inputs.long.all(y, x != y || x == y))")]
#[case("inputs.long.map(x, inputs.long).map(x, x.map(y, y)).size() > 0")]
#[case("inputs.long.all(x, !inputs.text.contains('z'))")]
#[case("inputs.long.map(x, inputs.text + 'x').size() > 0")]
#[case("inputs.long.all(x, inputs.text == inputs.text)")]
#[case("inputs.long.all(x, size(inputs.text) > 0)")]
#[case("inputs.long.all(x, string(bytes(inputs.text + 'a')) != '')")]
#[case("inputs.long.all(x, inputs.long == inputs.long)")]
#[case("inputs.long.all(x, !(-1 in inputs.long))")]
#[case(
    "inputs.long.all(x, 1 / 0 == 1 && inputs.long.all(y, 1 / 0 == 1)) || inputs.long.all(x, inputs.long.all(y, y / 0 == 1 || true))"
)]
#[case(
    "[['x']].map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]) == [[[[[[[[1]]]]]]]] || [['x']].map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]) == [['x']].map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a]).map(a, [a, a, a, a, a, a, a, a, a])"
)]
#[case(
    "['x'].map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a).map(a, a+a+a+a+a+a+a+a+a+a)[0] == ''"
)]
#[case("(inputs.long + inputs.long).size() > 0")]
#[case("inputs.longer.all(x, true)")]
fn work_is_bounded(#[case] text: &str) {
    let mut world = World::with("long", json!((0..10_000).collect::<Vec<_>>()));
    world
        .inputs
        .insert("longer".into(), json!((0..10_001).collect::<Vec<_>>()));
    world
        .inputs
        .insert("text".into(), json!("x".repeat(1 << 20)));
    let condition = Condition::parse(text).expect(text);
    let error = condition.eval(&world).expect_err(text);
    assert!(matches!(error, EvalError::Bound { .. }), "{error}");
}

/// A shared value is written out only within bounds.
#[test]
fn results_are_bounded() {
    let text = format!(
        "${{{{ [['x']]{} }}}}",
        ".map(a, [a, a, a, a, a, a, a, a, a])".repeat(8)
    );
    let template = Template::parse(&text, Site::Plain).unwrap();
    let world = World::default();
    assert!(matches!(
        template.value(&world),
        Err(EvalError::Bound { .. })
    ));
    assert!(matches!(
        template.text(&world),
        Err(EvalError::Bound { .. })
    ));
}

#[test]
fn what_is_allowed_is_enough_for_large_lists() {
    let world = World::with("long", json!((0..10_000).collect::<Vec<_>>()));
    let condition =
        Condition::parse("inputs.long.filter(x, x % 2 == 0).map(x, x + 1).all(x, x % 2 == 1)")
            .unwrap();
    assert_eq!(condition.eval(&world), Ok(true));
}

/// A secret's value is never there; a private value is never told.
#[test]
fn errors_do_not_tell_values() {
    let world = World::with("private", json!({"key": "hunter2"}));
    for text in [
        "int(inputs.private.key) == 1",
        "inputs.private.key",
        "inputs.private.key + 1 == 1",
        "inputs.private[inputs.private.key] == 1",
        "[1][inputs.private.key] == 1",
        "-inputs.private.key == 1",
        "inputs.private.key < 1",
        "double(inputs.private.key) == 1.0",
        "inputs.private.key.x == 1",
    ] {
        let error = Condition::parse(text)
            .expect(text)
            .eval(&world)
            .expect_err(text);
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

/// A megabyte of whatever nests or repeats is scanned once.
#[rstest]
#[case("$((")]
#[case("((")]
#[case("sh ")]
#[case("<<'")]
#[case("cat <<E\n")]
#[case("$(cat <<E\n")]
#[case("\"$(")]
#[case("\"${x")]
#[case("`")]
#[case("\\")]
#[case("x[")]
#[case("$${{")]
#[case("#")]
#[case("eval ")]
fn long_lines_are_scanned_once(#[case] token: &str) {
    let text = format!(
        "{} ${{{{ inputs.dataset }}}}",
        token.repeat((1 << 20) / token.len())
    );
    let _ = ShellLine::parse(&text);
}
