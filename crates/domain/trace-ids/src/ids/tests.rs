//! What must hold of `ids`, case by case.

use super::*;
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;
use rstest::rstest;

fn run() -> RunId {
    "run_abc".parse().unwrap()
}

/// Fixed for ever: an id that changed would orphan every exported span.
#[test]
fn known_ids() {
    let step: StepId = "build".parse().unwrap();
    let ids = [
        TraceId::of(&run()).to_string(),
        SpanId::of_run(&run(), Epoch(0)).to_string(),
        SpanId::of_step(&run(), Epoch(0), &step).to_string(),
        SpanId::of_attempt(&run(), Epoch(0), &step, Attempt(1)).to_string(),
    ];
    assert_eq!(ids, KNOWN);
}

const KNOWN: [&str; 4] = [
    "71bebc443df2d157b4de224cff8cba1b",
    "6ba2022e20a301cf",
    "24f13a8fe231ad3d",
    "2dc5452e901f118a",
];

#[test]
fn what_differs_in_anything_has_another_span() {
    let step = |id: &str| id.parse::<StepId>().unwrap();
    let spans = vec![
        SpanId::of_run(&run(), Epoch(0)),
        SpanId::of_run(&run(), Epoch(1)),
        SpanId::of_step(&run(), Epoch(0), &step("a")),
        SpanId::of_step(&run(), Epoch(1), &step("a")),
        SpanId::of_step(&run(), Epoch(0), &step("b")),
        SpanId::of_attempt(&run(), Epoch(0), &step("a"), Attempt(0)),
        SpanId::of_attempt(&run(), Epoch(0), &step("a"), Attempt(1)),
        SpanId::of_attempt(&run(), Epoch(1), &step("a"), Attempt(0)),
        SpanId::of_compensation(&run(), Epoch(0), &step("a"), Attempt(0)),
        SpanId::of_compensation(&run(), Epoch(0), &step("a"), Attempt(1)),
    ];
    let mut unique = spans.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), spans.len());
}

#[test]
fn an_all_zero_digest_yields_no_all_zero_id() {
    assert_eq!(TraceId::cut(&[0; 32]).to_bytes()[15], 1);
    assert_eq!(SpanId::cut(&[0; 32]).to_string(), "0000000000000001");
}

#[rstest]
#[case("")]
#[case("0000000000000000")]
#[case("00000000000000g1")]
#[case("000000000000000A")]
#[case("01")]
fn no_span_ids(#[case] text: &str) {
    assert!(text.parse::<SpanId>().is_err());
}

#[test]
fn a_traceparent_has_the_w3c_form() {
    let text = traceparent(TraceId::of(&run()), SpanId::of_run(&run(), Epoch(0)));
    let parts: vec::Vec<_> = text.split('-').map(str::len).collect();
    assert_eq!(parts, [2, 32, 16, 2]);
    assert!(text.starts_with("00-") && text.ends_with("-01"));
}

proptest! {
    #[test]
    fn print_and_parse_are_inverse(name in "[A-Za-z0-9_]{1,64}", epoch in 0_u32..9) {
        let run: RunId = name.parse().unwrap();
        let (trace, span) = (TraceId::of(&run), SpanId::of_run(&run, Epoch(epoch)));
        prop_assert_eq!(trace.to_string().parse(), Ok(trace));
        prop_assert_eq!(span.to_string().parse(), Ok(span));
        let json = serde_json::to_string(&span).unwrap();
        prop_assert_eq!(&json, &format!("\"{span}\""));
        prop_assert_eq!(serde_json::from_str::<SpanId>(&json).unwrap(), span);
    }
}
