//! TOML plans: the same plan as in YAML and JSON, with the same bytes; types
//! as they are written; bounded, whatever the file holds.

use proptest::prelude::*;
use rok_plan::{FaultCode, Plan, parse};
use rstest::rstest;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const YAML: &str = include_str!("plans/everything.yaml");
const TOML: &str = include_str!("plans/everything.toml");

fn read(text: &str, name: &str) -> Plan {
    parse(text.as_bytes(), name).unwrap_or_else(|e| panic!("{}", e.render()))
}

/// `line:column message (hint)` of each fault.
fn faults(text: &str) -> Vec<String> {
    let errors = parse(text.as_bytes(), "p.toml").expect_err("it has a fault");
    let line = |fault: &rok_plan::Fault| {
        let hint = fault.hint.as_ref().map(|hint| format!(" ({hint})"));
        let place = format!("{}:{}", fault.line, fault.column);
        format!("{place} {}{}", fault.message, hint.unwrap_or_default())
    };
    errors.faults.iter().map(line).collect()
}

#[test]
fn every_key_reads_as_in_yaml() {
    // TOML has no null.
    let yaml = read(&YAML.replace("true, ~]", "true]"), "p.yaml");
    let toml = read(TOML, "p.TOML");
    let canonical = |plan: &Plan| String::from_utf8(plan.to_canonical_json()).expect("JSON");
    assert_eq!(canonical(&toml), canonical(&yaml));
    assert!(toml == yaml);
}

#[rstest]
#[case::headers(
    "[steps.b]\nrun = 'x'\n[steps.a]\nrun = 'x'\n[steps.b.env]\nX = 'y'\n[steps.c]\nrun = 'x'\n"
)]
#[case::dotted("steps.b.run = 'x'\nsteps.a.run = 'x'\nsteps.b.env.X = 'y'\nsteps.c.run = 'x'\n")]
#[case::inline("steps = { b = { run = 'x', env.X = 'y' }, a = { run = 'x' }, c.run = 'x' }\n")]
#[case::a_part_first(
    "[steps.b.env]\nX = 'y'\n[steps.a]\nrun = 'x'\n[steps.b]\nrun = 'x'\n[steps]\nc.run = 'x'\n"
)]
#[case::over_lines(
    "steps = {\n  b = { run = 'x', env = { X = 'y' }, }, # a note\n  a = { run = 'x' },\n  c = { run = 'x' },\n}\n"
)]
fn steps_stand_in_the_order_of_the_file(#[case] steps: &str) {
    let plan = read(&format!("plan = 'p'\n{steps}"), "p.toml");
    let ids: Vec<_> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["b", "a", "c"]);
    assert_eq!(plan.steps[0].env.len(), 1);
}

#[test]
fn lines_end_alike_wherever_the_file_was_written() {
    let text = "plan = 'p'\n[steps.a]\nrun = '''\none\ntwo\n'''\n";
    assert_eq!(
        read(text, "p.toml"),
        read(&text.replace('\n', "\r\n"), "p.toml")
    );
}

#[rstest]
#[case::text(
    "name = 1.10",
    "2:8 `name` must be text, and is a number with a fraction (put it in quotes if you mean the text `1.10`)"
)]
#[case::variable(
    "env.PORT = 8080",
    "2:12 `PORT` of `env` must be text, and is a number (put it in quotes if you mean the text `8080`)"
)]
#[case::date(
    "name = 2026-11-21",
    "2:8 `2026-11-21` is a date or a time of TOML (a plan has no such type: put it in quotes)"
)]
#[case::time(
    "name = 2026-11-21T08:00:00Z",
    "2:8 `2026-11-21T08:00:00Z` is a date or a time of TOML (a plan has no such type: put it in quotes)"
)]
#[case::duration(
    "max_duration = 60",
    "2:16 `max_duration` must be a duration, and is a number (write `\"60s\"` for seconds)"
)]
#[case::quoted_number(
    "version = '3'",
    "2:11 `version` must be a whole number, and is text (remove the quotes)"
)]
#[case::fraction(
    "version = 3.5",
    "2:11 `version` must be a whole number, and is a number with a fraction (it is a whole number from 0 up)"
)]
#[case::infinite(
    "version = -inf",
    "2:11 `version` is out of bounds (it is a whole number from 0 up)"
)]
#[case::too_large(
    "version = 0xffffffffffffffffffffffffffffffffffffffff",
    "2:11 `version` is out of bounds (it is a whole number from 0 up)"
)]
#[case::word(
    "order = true",
    "2:9 `order` must be one of `dag`, `sequential`, and is a boolean"
)]
#[case::list(
    "secrets = 'A'",
    "2:11 `secrets` must be a list, and is text (write `[\"A\"]`)"
)]
#[case::in_full(
    "defaults.retry = 3",
    "2:18 `retry` of `defaults` must be a mapping with the keys of `retry`, and is a number (write `{ max = 3 }`)"
)]
#[case::unknown("verison = 3", "2:1 unknown key `verison` (did you mean `version`?)")]
#[case::merge("'<<' = 3", "2:1 unknown key `<<`")]
#[case::default(
    "inputs.a = { type = 'string', default = 1.10 }",
    "2:41 `default` of `a` must be text, and is a number with a fraction"
)]
#[case::twice(
    "name = 'a'\nname = 'b'",
    "3:1 `name` is given twice (rename or remove one of the two)"
)]
#[case::header_twice(
    "[env]\nA = 'a'\n[labels]\n[env]\nB = 'b'",
    "5:2 `env` is given twice (write all keys of a table under its one header)"
)]
#[case::into_inline(
    "env = { A = 'a' }\n[env]\nB = 'b'",
    "3:2 `env` is given twice (a table in `{ }` is whole: write all of it there, or none)"
)]
#[case::below_inline(
    "env = { A = 'a' }\n[env.x]\nB = 'b'",
    "3:2 `env` is given twice (a table in `{ }` is whole: write all of it there, or none)"
)]
#[case::into_dotted(
    "env.A = 'a'\n[env]\nB = 'b'",
    "3:2 `env` is given twice (dotted keys have made this table: go on with them, or write it under its header)"
)]
#[case::into_list(
    "secrets = ['A']\n[[secrets]]\nB = 'b'",
    "3:3 `secrets` is given twice (a list in `[ ]` is whole: write all of it there, or use `[[ ]]` alone)"
)]
#[case::into_text(
    "name = 'a'\nname.b = 'c'",
    "3:1 `name` is given twice (rename or remove one of the two)"
)]
fn faults_have_place_and_hint(#[case] lines: &str, #[case] fault: &str) {
    let text = format!("plan = 'p'\n{lines}\n");
    let found = faults(&text);
    let rest = "1:1 `steps` is missing (add `steps = …`)";
    let others: Vec<_> = found.iter().filter(|found| *found != rest).collect();
    assert_eq!(others, [fault], "{text}");
}

#[test]
fn every_fault_is_told_at_once() {
    let text = "plan = 'P'\nversoin = 1\n[steps.a]\nrun = 'x'\ntimeout = 60\nneeds = ['b', 'c']\n[steps.a]\nrun = 5\n[steps.d]\nrun = 'echo ${{ inputs.x }}'\n";
    assert_eq!(
        faults(text),
        [
            "1:8 `plan` is no plan id: `P` (it must match [a-z0-9][a-z0-9-]{0,63})",
            "2:1 unknown key `versoin` (did you mean `version`?)",
            "5:11 `timeout` of step `a` must be a duration, and is a number (write `\"60s\"` for seconds)",
            "6:10 there is no step `b` (did you mean `a`?)",
            "6:15 there is no step `c` (did you mean `a`?)",
            "7:8 `a` is given twice (write all keys of a table under its one header)",
            "10:17 unknown input `x` (the plan declares no inputs)",
        ]
    );
}

#[test]
fn every_fault_of_the_syntax_is_told_at_once() {
    let text = "plan = p\nname = \nversion == 1\n[steps.a\nrun = 'x\nenv = { A = 'b' B = 'c' }\n";
    let found = faults(text);
    assert!(found.len() >= 5, "{found:#?}");
    assert_eq!(
        found[0],
        "1:8 this is not TOML: string values must be quoted (put a text in quotes: `\"…\"`, or `'…'` where it holds backslashes)"
    );
    for (line, what) in [
        (2, "a value is missing here"),
        (3, "extra `=`"),
        (4, "unclosed table"),
    ] {
        let begins = format!("{line}:");
        assert!(
            found
                .iter()
                .any(|f| f.starts_with(&begins) && f.contains(what)),
            "{found:#?}"
        );
    }
}

#[test]
fn a_place_within_a_text_is_found() {
    let text = "plan = 'p'\n[steps.a]\nrun = \"\"\"\necho \\\"hi\\\"\necho ${{ inputs.nothing }}\n\"\"\"\n";
    assert!(faults(text)[0].starts_with("5:10 "), "{:?}", faults(text));
}

/// Generous for a debug build on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

#[rstest]
#[case::large("# x\n".repeat(17 * 1024 * 1024 / 4), FaultCode::Limit)]
#[case::comments("# x\n".repeat(3_000_000), FaultCode::Limit)]
#[case::blank(" \n".repeat(400_000), FaultCode::Syntax)]
#[case::open_lists(format!("a = {}", "[".repeat(1_000_000)), FaultCode::Limit)]
#[case::open_maps(format!("a = {}", "{a=".repeat(500_000)), FaultCode::Limit)]
#[case::open_headers("[".repeat(1_000_000), FaultCode::Syntax)]
#[case::closed("]".repeat(1_000_000), FaultCode::Syntax)]
#[case::deep_header(format!("[{}a]", "a.".repeat(500_000)), FaultCode::Limit)]
#[case::deep_key(format!("{}a = 1", "a.".repeat(500_000)), FaultCode::Limit)]
#[case::deep_headers((0..300).fold(String::new(), |s, n| format!("{s}[{}a]\n", "a.".repeat(n))), FaultCode::Limit)]
#[case::many_values(format!("a = [{}]", "1,".repeat(300_000)), FaultCode::Limit)]
#[case::many_keys((0..300_000).fold(String::new(), |mut s, n| { let _ = writeln!(s, "k{n} = 1"); s }), FaultCode::Limit)]
#[case::many_tables("[[a]]\n".repeat(300_000), FaultCode::Limit)]
#[case::same_key("a = 1\n".repeat(100_000), FaultCode::DuplicateKey)]
#[case::same_table("[a]\nb = 1\n".repeat(100_000), FaultCode::DuplicateKey)]
#[case::one_long_text(format!("plan = '{}'", "x".repeat(8_000_000)), FaultCode::MissingKey)]
#[case::one_long_key(format!("{} = 1", "x".repeat(1_000_000)), FaultCode::Limit)]
#[case::one_quote(format!("a = \"{}", "x".repeat(4_000_000)), FaultCode::Syntax)]
#[case::long_quote(format!("a = \"\"\"{}", "x\n".repeat(4_000_000)), FaultCode::Syntax)]
#[case::equals("=".repeat(1_000_000), FaultCode::Syntax)]
#[case::dots(".".repeat(1_000_000), FaultCode::Syntax)]
#[case::signs(format!("a = {}1", "-".repeat(1_000_000)), FaultCode::Syntax)]
#[case::digits(format!("a = {}", "1".repeat(1_000_000)), FaultCode::MissingKey)]
#[case::escapes(format!("a = \"{}\"", "\\u".repeat(1_000_000)), FaultCode::Syntax)]
#[case::faults("[[a]]\nc = b\n".repeat(50_000), FaultCode::Syntax)]
fn harm_is_refused(#[case] text: String, #[case] code: FaultCode) {
    let start = Instant::now();
    let errors = parse(text.as_bytes(), "p.toml").expect_err("it means harm");
    let _ = (errors.to_string(), errors.render());
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    assert_eq!(errors.faults[0].code, code, "{}", errors.faults[0].message);
}

#[test]
fn ten_thousand_steps_are_read() {
    let mut text = String::from("plan = 'big'\n");
    for n in 0..10_000 {
        writeln!(
            text,
            "[steps.s{n}]\nrun = ['echo', 'hi']\ntimeout = '60s'\nretry.max = 1"
        )
        .unwrap();
    }
    assert_eq!(read(&text, "p.toml").steps.len(), 10_000);
}

/// A plan's values, in order.
#[derive(Debug, Clone)]
enum Tree {
    Text(String),
    Number(String),
    Bool(bool),
    List(Vec<Tree>),
    Map(Vec<(String, Tree)>),
}

/// The syntaxes that a tree is written in.
#[derive(Clone, Copy, PartialEq)]
enum To {
    Json,
    /// Block style.
    Yaml,
    /// On one line.
    Toml,
}

impl Tree {
    fn write(&self, to: To, indent: usize, out: &mut String) {
        let (open, is) = if to == To::Toml {
            ("{ ", " = ")
        } else {
            ("{", ": ")
        };
        match self {
            Self::Text(text) => quote(text, to, out),
            Self::Number(number) => out.push_str(number),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::List(items) if to == To::Yaml && !items.is_empty() => {
                for item in items {
                    let _ = write!(out, "\n{:indent$}- ", "");
                    item.write(to, indent + 2, out);
                }
            }
            Self::Map(entries) if to == To::Yaml && !entries.is_empty() => {
                for (key, value) in entries {
                    let _ = write!(out, "\n{:indent$}", "");
                    quote(key, to, out);
                    out.push_str(is);
                    value.write(to, indent + 2, out);
                }
            }
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    item.write(to, indent, out);
                }
                out.push(']');
            }
            Self::Map(entries) => {
                out.push_str(open);
                for (at, (key, value)) in entries.iter().enumerate() {
                    out.push_str(if at > 0 { ", " } else { "" });
                    quote(key, to, out);
                    out.push_str(is);
                    value.write(to, indent, out);
                }
                out.push('}');
            }
        }
    }

    fn text(&self, to: To) -> String {
        let mut out = String::new();
        self.write(to, 0, &mut out);
        out
    }
}

/// In double quotes, with escapes for all that is not plain ASCII.
fn quote(text: &str, to: To, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match (c, u32::from(c)) {
            ('"' | '\\', _) => out.extend(['\\', c]),
            (' '..='~', _) => out.push(c),
            (_, code @ ..=0xffff) => {
                let _ = write!(out, "\\u{code:04x}");
            }
            (_, code) if to == To::Json => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
                let _ = code;
            }
            (_, code) => {
                let _ = write!(out, "\\U{code:08x}");
            }
        }
    }
    out.push('"');
}

/// How a step stands in a TOML file.
#[derive(Debug, Clone, Copy)]
enum Form {
    Inline,
    Dotted,
    Header,
}

/// The plan in TOML: dotted and inline steps under `[steps]`, from the first
/// step that has a header on each under its own.
fn toml(head: &[(String, Tree)], steps: &[(String, Tree)], forms: &[Form]) -> String {
    let mut out = String::new();
    for (key, value) in head {
        let _ = writeln!(out, "{key} = {}", value.text(To::Toml));
    }
    out.push_str("[steps]\n");
    let mut headers = false;
    for ((id, step), form) in steps.iter().zip(forms) {
        let Tree::Map(keys) = step else {
            unreachable!("a step is a map")
        };
        headers |= matches!(form, Form::Header);
        match form {
            _ if headers => {
                let _ = writeln!(out, "[steps.{id}] # a step");
                for (key, value) in keys {
                    let _ = writeln!(out, "  {key} = {}", value.text(To::Toml));
                }
            }
            Form::Inline => {
                let _ = writeln!(out, "{id} = {}", step.text(To::Toml));
            }
            _ => {
                for (key, value) in keys {
                    let _ = writeln!(out, "{id} . '{key}' = {}", value.text(To::Toml));
                }
            }
        }
    }
    out
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{1,30}",
        "\\PC{1,20}",
        "[\t\n\r \u{85}\u{2028}\u{feff}\u{7f}\u{80}\u{1b}\u{fffe}\u{10ffff}é'\":#\\\\]{1,15}",
    ]
}

/// Text without expressions, and with a visible character for what wants one.
fn word() -> impl Strategy<Value = Tree> {
    text().prop_map(|text| {
        Tree::Text(format!(
            "x{}",
            text.replace("${{", "$${{").replace('\0', "")
        ))
    })
}

fn value() -> impl Strategy<Value = Tree> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Tree::Bool),
        any::<i64>().prop_map(|n| Tree::Number(n.to_string())),
        any::<f64>()
            .prop_filter("finite", |x| x.is_finite())
            .prop_map(|x| Tree::Number(format!("{x:?}"))),
        text().prop_map(Tree::Text),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Tree::List),
            prop::collection::btree_map("[a-z<é \"]{1,6}", inner, 0..4)
                .prop_map(|map| Tree::Map(map.into_iter().collect())),
        ]
    })
}

fn step(at: usize) -> impl Strategy<Value = Tree> {
    let edges = prop::collection::btree_set(0..at.max(1), 0..3);
    let variables = prop::collection::btree_map("[A-NP-Z][A-Z_]{0,5}", word(), 0..3);
    (
        prop::collection::vec(word(), 1..4),
        edges,
        1..100_u32,
        0..9_u32,
        any::<bool>(),
        variables,
    )
        .prop_map(move |(run, edges, seconds, retries, required, env)| {
            let key = |key: &str, value| (key.to_owned(), value);
            let mut keys = vec![
                key("run", Tree::List(run)),
                key("timeout", Tree::Text(format!("{seconds}s"))),
                key("required", Tree::Bool(required)),
                key(
                    "retry",
                    Tree::Map(vec![key("max", Tree::Number(retries.to_string()))]),
                ),
                key("env", Tree::Map(env.into_iter().collect())),
            ];
            if at > 0 {
                let ids = edges.into_iter().map(|n| Tree::Text(format!("s-{n}")));
                keys.push(key("needs", Tree::List(ids.collect())));
            }
            Tree::Map(keys)
        })
}

fn steps() -> impl Strategy<Value = Vec<Tree>> {
    (1..6_usize).prop_flat_map(|count| (0..count).map(step).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn one_plan_in_three_syntaxes_has_one_canonical_form(
        steps in steps(),
        forms in prop::collection::vec(prop_oneof![Just(Form::Inline), Just(Form::Dotted), Just(Form::Header)], 6),
        name in word(),
        list in prop::collection::vec(value(), 0..4),
    ) {
        // Not in the order of their names.
        let count = steps.len();
        let steps: Vec<_> = steps.into_iter().enumerate().map(|(n, step)| (format!("s-{n}"), step)).collect();
        let rotated: Vec<_> = steps.iter().cycle().skip(count / 2).take(count).cloned().collect();
        let input = Tree::Map(vec![("type".into(), Tree::Text("array".into())), ("default".into(), Tree::List(list))]);
        let head = vec![
            ("plan".to_owned(), Tree::Text("p".into())),
            ("name".to_owned(), Tree::Text(match name { Tree::Text(t) => t.chars().filter(|c| matches!(c, ' '..='~' | 'é')).collect(), _ => unreachable!() })),
            ("inputs".to_owned(), Tree::Map(vec![("list".into(), input)])),
        ];
        let whole = Tree::Map(head.iter().cloned().chain([("steps".to_owned(), Tree::Map(rotated.clone()))]).collect());
        let json = read(&whole.text(To::Json), "p.json");
        let yaml = read(&whole.text(To::Yaml), "p.yaml");
        let text = toml(&head, &rotated, &forms);
        let toml = read(&text, "p.toml");
        prop_assert_eq!(json.to_canonical_json(), yaml.to_canonical_json());
        prop_assert_eq!(toml.to_canonical_json(), yaml.to_canonical_json(), "{}", text);
    }

    #[test]
    fn no_text_makes_it_panic(text in "[a-c=.,{}\\[\\]'\"# \n\t0-9+:TZ_\\\\-]{0,60}") {
        let _ = parse(text.as_bytes(), "p.toml").map_err(|e| (e.to_string(), e.render()));
    }

    #[test]
    fn no_mutilated_plan_makes_it_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "[-a-z={}\\[\\]'\" \n$.é0-9]{0,5}"), 1..6),
    ) {
        let mut chars: Vec<char> = TOML.chars().collect();
        for (at, length, with) in cuts {
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            chars.splice(at..end, with.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Err(errors) = parse(text.as_bytes(), "p.toml") {
            prop_assert!(!errors.faults.is_empty());
            let _ = (errors.to_string(), errors.render());
            for fault in &errors.faults {
                prop_assert!(errors.source.get(fault.span.clone()).is_some(), "{fault:?}");
            }
        }
    }
}
