//! Input that means harm, and plans that are merely large: refused or read
//! within time and memory.

use proptest::prelude::*;
use rok_plan::{FaultCode, parse};
use rstest::rstest;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

const STEPS: usize = 10_000;

/// Generous for a debug build on a busy machine; release takes a tenth.
const PATIENCE: Duration = Duration::from_secs(30);

fn first(text: &str) -> (FaultCode, String) {
    let start = Instant::now();
    let errors = parse(text.as_bytes(), "p").expect_err("it means harm");
    let _ = (errors.to_string(), errors.render());
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    (errors.faults[0].code, errors.faults[0].message.clone())
}

#[test]
fn a_file_of_17_mb() {
    let (code, message) = first(&"# x\n".repeat(17 * 1024 * 1024 / 4));
    assert_eq!(
        (code, message.as_str()),
        (FaultCode::Limit, "the file is larger than 16 MiB")
    );
}

#[rstest]
#[case::open_lists("[".repeat(1_000_000), FaultCode::Limit)]
#[case::open_maps("{a: ".repeat(1_000_000), FaultCode::Limit)]
#[case::block_lists("- ".repeat(500_000), FaultCode::Limit)]
#[case::block_maps("? ".repeat(500_000), FaultCode::WrongType)]
#[case::deep_lines((0..2000).fold(String::new(), |s, n| s + &" ".repeat(n) + "a:\n"), FaultCode::Limit)]
#[case::many_values(format!("a: [{}]", "1,".repeat(300_000)), FaultCode::Limit)]
#[case::many_keys((0..300_000).fold(String::new(), |mut s, n| { let _ = writeln!(s, "k{n}: 1"); s }), FaultCode::Limit)]
#[case::many_documents("---\na: 1\n".repeat(100_000), FaultCode::YamlFeature)]
#[case::many_anchors((0..150_000).fold(String::new(), |mut s, n| { let _ = writeln!(s, "- &a{n} x"); s }), FaultCode::WrongType)]
#[case::one_long_text(format!("plan: {}", "x".repeat(8_000_000)), FaultCode::MissingKey)]
#[case::one_long_key(format!("{}: x", "x".repeat(1_000_000)), FaultCode::Syntax)]
#[case::one_quote(format!("\"{}", "x".repeat(4_000_000)), FaultCode::Syntax)]
#[case::comments("# x\n".repeat(3_000_000), FaultCode::Syntax)]
#[case::blank(" \n".repeat(4_000_000), FaultCode::Syntax)]
#[case::tabs("\t".repeat(1_000_000), FaultCode::Syntax)]
#[case::dashes("-".repeat(1_000_000), FaultCode::WrongType)]
#[case::colons(":".repeat(1_000_000), FaultCode::Syntax)]
#[case::stars("*".repeat(1_000_000), FaultCode::Syntax)]
#[case::bangs("!".repeat(100_000), FaultCode::Syntax)]
#[case::percents("%\n".repeat(100_000), FaultCode::Syntax)]
#[case::pipes("|\n".repeat(100_000), FaultCode::WrongType)]
fn harm_is_refused(#[case] text: String, #[case] code: FaultCode) {
    assert_eq!(first(&text).0, code, "{}", first(&text).1);
}

#[test]
fn an_alias_bomb_costs_nothing() {
    let mut text =
        String::from("plan: p\nx0: &x0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..30 {
        let aliases = vec![format!("*x{}", level - 1); 10].join(", ");
        writeln!(text, "x{level}: &x{level} [{aliases}]").unwrap();
    }
    let start = Instant::now();
    let (code, message) = first(&text);
    assert_eq!(code, FaultCode::Limit);
    assert!(message.contains("after aliases"), "{message}");
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn aliases_within_bounds_are_ordinary() {
    let text = "plan: p\nsteps:\n  a: &a { run: echo, retry: &r { max: 2 } }\n  b: *a\n  c: { call: f, retry: *r }\n";
    let plan = parse(text.as_bytes(), "p").unwrap();
    assert_eq!((plan.steps.len(), plan.steps[2].retry.max), (3, 2));
}

#[test]
fn a_fault_that_aliases_repeat_is_said_once() {
    let text = format!(
        "plan: p\nsteps:\n  a: &a {{ run: echo, timeout: 5 }}\n{}",
        (1..2000)
            .map(|n| format!("  b{n}: *a"))
            .collect::<Vec<_>>()
            .join("\n")
    );
    let errors = parse(text.as_bytes(), "p").unwrap_err();
    assert_eq!((errors.faults.len(), errors.omitted), (1, 0), "{errors}");
}

#[rstest]
#[case::byte_order_mark("\u{feff}plan: p\nsteps: { a: { run: echo } }\n")]
#[case::line_ends_of_windows("plan: p\r\nsteps:\r\n  a:\r\n    run: |\r\n      echo\r\n")]
#[case::explicit_document("%YAML 1.2\n---\nplan: p\nsteps: { a: { run: echo } }\n...\n")]
#[case::keys_that_are_no_strings_to_yaml(
    "plan: p\nlabels: { 1: a, true: b }\nsteps: { yes: { run: echo } }\n"
)]
#[case::json_with_tabs(
    "{\n\t\"plan\": \"p\",\n\t\"steps\": {\n\t\t\"a\": { \"run\": \"echo\" }\n\t}\n}\n"
)]
#[case::json_in_a_line("{\"plan\":\"p\",\"steps\":{\"a\":{\"run\":[\"echo\",\"\\u00e9\\/\"]}}}")]
fn odd_and_fine(#[case] text: &str) {
    let plan = parse(text.as_bytes(), "p").unwrap_or_else(|e| panic!("{}", e.render()));
    assert_eq!(plan.steps.len(), 1);
}

/// Ten thousand steps in a shape.
fn many(step: impl Fn(usize) -> String, head: &str) -> String {
    let mut text = format!("plan: big\n{head}\nsteps:\n");
    for n in 0..STEPS {
        writeln!(text, "  s{n}: {}", step(n)).expect("writing to a string");
    }
    text
}

#[rstest]
#[case::wide(many(|_| "{ run: [echo, hi], timeout: 60s, retry: { max: 1 } }".into(), ""))]
#[case::chain(many(|n| if n == 0 { "{ call: f }".into() } else { format!("{{ call: f, needs: [s{}] }}", n - 1) }, ""))]
#[case::sequential(many(|_| "{ call: f }".into(), "order: sequential"))]
#[case::reads_the_first(many(|n| if n == 0 { "{ run: echo }".into() } else { format!("{{ run: \"echo ${{{{ steps.s0.outputs.x }}}}\", needs: [s{}] }}", n - 1) }, ""))]
#[case::reads_the_one_before(many(|n| if n == 0 { "{ run: echo }".into() } else { format!("{{ run: [echo, \"${{{{ steps.s{}.outputs.x }}}}\"], needs: [s{0}] }}", n - 1) }, ""))]
#[case::reads_far_back(many(|n| format!("{{ run: [echo, \"${{{{ steps.s{}.outputs.x }}}}\"] }}", n / 2).replace("steps.s0.outputs.x", "run.id"), "order: sequential"))]
fn ten_thousand_steps_are_read(#[case] text: String) {
    let start = Instant::now();
    let plan =
        parse(text.as_bytes(), "big.yaml").unwrap_or_else(|e| panic!("{}", e.faults[0].message));
    assert!(start.elapsed() < PATIENCE, "took {:?}", start.elapsed());
    println!("{:?}", start.elapsed());
    assert_eq!(plan.steps.len(), STEPS);
    assert_eq!(
        parse(&plan.to_canonical_json(), "big.json").as_ref(),
        Ok(&plan)
    );
}

#[rstest]
#[case::cycle(many(|n| format!("{{ call: f, needs: [s{}] }}", (n + 1) % STEPS), ""))]
#[case::unknown(many(|n| format!("{{ call: f, needs: [t{n}, u{n}, v{n}] }}"), ""))]
#[case::unknown_reads(many(|n| format!("{{ run: [echo, \"${{{{ steps.t{n}.outputs.x }}}}\"] }}"), ""))]
#[case::not_before(many(|n| format!("{{ run: [echo, \"${{{{ steps.s{}.outputs.x }}}}\"] }}", (n + 7) % STEPS), ""))]
#[case::wrong_keys(many(|n| format!("{{ call: f, ned{n}: 1, timeuot: 3 }}"), ""))]
fn ten_thousand_faulty_steps_are_refused(#[case] text: String) {
    first(&text);
}

/// A plan to be mutilated.
const PLAN: &str = include_str!("plans/everything.yaml");

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, "p").map_err(|e| (e.to_string(), e.render()));
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-a-c:?,{}\\[\\]&*!|>'\"%@`# \n\t0-9.~$]{0,60}") {
        let _ = parse(text.as_bytes(), "p").map_err(|e| (e.to_string(), e.render()));
    }

    #[test]
    fn no_mutilated_plan_makes_it_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..20, "[-a-z:{}\\[\\]&*!|>'\" \n$.é0-9]{0,5}"), 1..6),
    ) {
        let mut chars: Vec<char> = PLAN.chars().collect();
        for (at, length, with) in cuts {
            let at = at.index(chars.len());
            let end = (at + length).min(chars.len());
            chars.splice(at..end, with.chars());
        }
        let text: String = chars.into_iter().collect();
        if let Err(errors) = parse(text.as_bytes(), "p") {
            prop_assert!(!errors.faults.is_empty());
            let _ = (errors.to_string(), errors.render());
            for fault in &errors.faults {
                prop_assert!(errors.source.get(fault.span.clone()).is_some(), "{fault:?}");
            }
        }
    }
}
