//! Files that are large, deep or without end, and expressions that would be.

use crate::measured::{measured, refused};
use crate::support::Bench;
use rstest::rstest;
use serde_json::json;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};

const ONE_STEP: &str = "plan: p\nsteps: { a: { run: x } }\n";

/// A file of a head and a line again and again, without holding it in memory:
/// what the test uses counts as what `rok` uses.
fn pad(bench: &Bench, head: &str, line: &str, bytes: usize, tail: &str) {
    let path = bench.write("plan.yaml", head);
    let file = File::options().append(true).open(path).expect("ours");
    let mut file = BufWriter::new(file);
    for _ in 0..bytes / line.len() {
        file.write_all(line.as_bytes()).expect("there is room");
    }
    file.write_all(tail.as_bytes()).expect("there is room");
    file.flush().expect("there is room");
}

const MB: usize = 1024 * 1024;

#[test]
fn a_file_of_17_mb_is_refused() {
    let bench = Bench::new();
    pad(&bench, ONE_STEP, "# x\n", 17 * MB, "");
    let error = refused(&bench, "plan.yaml");
    assert!(error.contains("the file is larger than 16 MiB"), "{error}");
}

#[test]
fn a_file_of_15_mb_is_read() {
    let bench = Bench::new();
    pad(
        &bench,
        ONE_STEP,
        "# a comment of some length, as people write them\n",
        15 * MB,
        "",
    );
    measured(bench.command(["plan", "validate", "plan.yaml"]))
        .ran
        .exits(0);
}

#[test]
fn many_faults_of_a_large_file_are_shown_soon() {
    let bench = Bench::new();
    let tail: String = (0..1000).fold(String::new(), |mut text, n| {
        let _ = writeln!(text, "k{n}: 1");
        text
    });
    pad(
        &bench,
        ONE_STEP,
        "# a comment of some length, as people write them\n",
        15 * MB,
        &tail,
    );
    let error = refused(&bench, "plan.yaml");
    assert_eq!(error.matches("unknown key").count(), 500);
    assert!(
        error.contains("plan.yaml: 1000 faults"),
        "{}",
        &error[error.len() - 200..]
    );
}

/// Places far apart are both shown.
#[test]
fn a_duplicate_far_away_is_shown_with_the_first() {
    let bench = Bench::new();
    pad(
        &bench,
        "plan: p\nsteps: { a: { run: x } }\n",
        "# x\n",
        MB,
        "plan: q\n",
    );
    let error = refused(&bench, "plan.yaml");
    assert!(
        error.contains("`plan` is given twice") && error.contains("first given here"),
        "{error}"
    );
    let last = 3 + MB / 4;
    assert!(
        error.contains(&format!("plan.yaml:{last}:1")) && error.contains("plan.yaml:1:1"),
        "{error}"
    );
}

fn nested(open: &str, n: usize) -> String {
    format!("plan: p\nx: {}\n", open.repeat(n))
}

fn bomb(levels: usize) -> String {
    let mut text =
        String::from("plan: p\nx0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..levels {
        let aliases = vec![format!("*x{}", level - 1); 10].join(", ");
        let _ = writeln!(text, "x{level}: &x{level} [{aliases}]");
    }
    text
}

/// A step of many variables, and as many aliases of it.
fn aliased(n: usize) -> String {
    let mut text = String::from("plan: p\nsteps:\n  a: &a { run: x, env: {");
    for n in 0..n {
        let _ = write!(text, "V{n}: x, ");
    }
    text.push_str("} }\n");
    for n in 0..n {
        let _ = writeln!(text, "  b{n}: *a");
    }
    text
}

#[rstest]
#[case::alias_bomb(bomb(30), "after aliases")]
#[case::alias_of_steps(aliased(999), "after aliases")]
#[case::alias_of_itself("plan: p\nsteps: &s { a: *s }\n".into(), "error[")]
#[case::open_lists(nested("[", MB), "levels")]
#[case::open_maps(nested("{a: ", MB / 4), "levels")]
#[case::dashes(nested("- ", MB / 2), "error[")]
#[case::questions(nested("? ", MB / 2), "error[")]
#[case::many_values(format!("plan: p\nx: [{}]\n", "1,".repeat(300_000)), "200,000")]
#[case::documents("---\nplan: p\n".repeat(100_000), "document")]
#[case::long_key(format!("plan: p\n{}: 1\n", "k".repeat(MB)), "error[")]
#[case::long_line(format!("plan: {}\n", "p".repeat(8 * MB)), "error[")]
#[case::open_quote(format!("plan: \"{}", "x".repeat(4 * MB)), "error[")]
#[case::tabs("\t".repeat(MB), "error[")]
#[case::blanks(" \n".repeat(4 * MB), "error[")]
#[case::stars("*".repeat(MB), "error[")]
#[case::percents("%\n".repeat(100_000), "error[")]
fn what_has_no_end_is_refused_soon(#[case] plan: String, #[case] part: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", &plan);
    drop(plan);
    let error = refused(&bench, "plan.yaml");
    assert!(
        error.contains(part),
        "{}",
        &error[..error.floor_char_boundary(2000)]
    );
    assert!(error.len() < 2 * MB, "{} bytes of error", error.len());
}

/// Expressions are bounded when they are read …
#[rstest]
#[case::long(format!("1 == {}", "1 + ".repeat(2000) + "1"), "4096")]
#[case::deep(format!("{}1{} == 1", "(".repeat(1000), ")".repeat(1000)), "deep")]
#[case::brackets("[".repeat(4000), "error[")]
#[case::nots(format!("{}true", "!".repeat(4000)), "500 nodes")]
#[case::minuses(format!("{}1 == 1", "-".repeat(4000)), "500 nodes")]
#[case::dots(format!("inputs{}", ".a".repeat(1500)), "error[")]
#[case::ternaries(format!("{}true", "true ? true : ".repeat(250)), "error[")]
#[case::nodes(format!("[{}1] == []", "1,".repeat(1500)), "nodes")]
#[case::nested_loops("[1].all(a, [1].all(b, [1].all(c, true)))".into(), "error[")]
#[case::regex("'aaaa'.matches('(a+)+$')".into(), "error[")]
#[case::unknown_function("system('touch pwned') == ''".into(), "error[")]
#[case::open_string("'x".into(), "error[")]
#[case::open_escape("'\\".into(), "error[")]
#[case::number("99999999999999999999999 > 0".into(), "error[")]
#[case::no_boolean("1 + 1".into(), "error[")]
#[case::empty(" ".into(), "error[")]
#[case::nothing_but_text("'a'".into(), "error[")]
fn an_expression_is_bounded(#[case] expression: String, #[case] part: &str) {
    let bench = Bench::new();
    let plan = json!({ "plan": "p", "steps": { "a": { "run": "x", "if": expression } } });
    bench.write("plan.json", &plan.to_string());
    let error = refused(&bench, "plan.json");
    assert!(
        error.contains(part),
        "{}",
        &error[..error.floor_char_boundary(2000)]
    );
}

/// … and when they are evaluated: the step fails, the run ends.
#[rstest]
#[case::pairs("inputs.list.all(x, inputs.list.all(y, x + y >= 0))", "more work")]
#[case::pair_lists(
    "size(inputs.list.map(x, inputs.list.map(y, [x, y]))) > 0",
    "more work"
)]
#[case::doubling(
    "inputs.list.all(x, size(inputs.text + inputs.text + inputs.text + inputs.text) > 0)",
    "more work"
)]
#[case::overflow("9223372036854775807 + inputs.list[1] > 0", "does not fit its type")]
#[case::division("1 / inputs.list[0] == 1", "zero")]
#[case::modulo("1 % inputs.list[0] == 1", "zero")]
#[case::index("inputs.list[123456789] == 1", "123456789")]
#[case::smallest("-9223372036854775807 - inputs.list[2] < 0", "does not fit its type")]
fn an_evaluation_is_bounded(#[case] expression: &str, #[case] part: &str) {
    let bench = Bench::new();
    let inputs = json!({ "list": { "type": "array" }, "text": { "type": "string" } });
    let plan = json!({ "plan": "p", "inputs": inputs, "steps": { "a": { "run": "true", "if": expression }, "b": { "run": "true" } } });
    bench.write("plan.json", &plan.to_string());
    let list: Vec<u32> = (0..10_000).collect();
    let text = "x".repeat(100_000);
    bench.write(
        "inputs.json",
        &json!({ "list": list, "text": text }).to_string(),
    );
    let args = [
        "run",
        "plan.json",
        "--inputs",
        "inputs.json",
        "--run-id",
        "r",
        "--json",
    ];
    let summary = measured(bench.command(args)).ran.exits(1).json();
    let error = &summary["steps"][0]["error"];
    assert_eq!(error["class"], "config_error", "{error}");
    let reason = error["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(part), "{reason}");
    assert_eq!(summary["steps"][1]["state"], "succeeded");
    let events = bench.events("r");
    assert_eq!(events[events.len() - 1]["event_type"], "run.sealed");
}

/// Inputs have bounds of their own.
#[test]
fn inputs_are_bounded() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: p\ninputs: { list: { type: array } }\nsteps: { a: { run: 'true' } }\n",
    );
    let deep = format!("list={}", "[".repeat(50_000));
    measured(bench.command(["run", "plan.yaml", "--input", &deep]))
        .ran
        .exits(2);
    bench.write("inputs.json", &format!("{{\"list\": {}", "[".repeat(MB)));
    measured(bench.command(["run", "plan.yaml", "--inputs", "inputs.json"]))
        .ran
        .exits(2);
    let endless = measured(bench.command(["run", "plan.yaml", "--inputs", "/dev/zero"]))
        .ran
        .exits(2);
    assert!(
        endless.err.contains("not a regular file: it is a device"),
        "{}",
        endless.err
    );
    assert!(!bench.runs().exists());
}
