//! What a test file may not say, each with its place and a hint.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_plan_test::{KEYS, KeySpec, Place, TestFile};
use rstest::rstest;

const PLAN: &str = "
plan: p
inputs: { n: { type: integer, default: 1 } }
steps:
  build: { run: make, compensate: { run: unmake } }
  ship: { needs: [build], gate: manual, run: ship }
";

fn faults(text: &str) -> String {
    let plan = rok_plan::parse(PLAN.as_bytes(), "p.yaml").unwrap();
    let result = TestFile::new(text.as_bytes(), "t.yaml").and_then(|file| file.tests(&plan));
    result.map_or_else(|errors| errors.to_string(), |tests| format!("{tests:?}"))
}

/// A file with one test that says this.
fn of_test(text: &str) -> String {
    faults(&format!("plan: p.yaml\ntests:\n  t: {text}\n"))
}

#[rstest]
#[case(
    "{ expect: { outcome: succeded } }",
    "3:27: unknown outcome `succeded` (did you mean `succeeded`?)"
)]
#[case(
    "{ stebs: {}, expect: { retries: 0 } }",
    "3:8: unknown key in a test `stebs` (did you mean `steps`?)"
)]
#[case(
    "{ steps: { bild: {} }, expect: { retries: 0 } }",
    "3:17: unknown step `bild` (did you mean `build`?)"
)]
#[case(
    "{ steps: { build: { dealy: 1s } }, expect: { retries: 0 } }",
    "unknown key in a stub `dealy` (did you mean `delay`?)"
)]
#[case(
    "{ steps: { build: { delay: 5 } }, expect: { retries: 0 } }",
    "`5` is no duration: the unit is missing"
)]
#[case(
    "{ steps: { build: { fails: transient } }, expect: { retries: 0 } }",
    "unknown error class `transient`"
)]
#[case(
    "{ steps: { build: { fails: { times: 2 } } }, expect: { retries: 0 } }",
    "`class` is missing in `fails`"
)]
#[case(
    "{ steps: { ship: { compensate: { delay: 1s } } }, expect: { retries: 0 } }",
    "step `ship` has no `compensate` for the stub to stand for"
)]
#[case(
    "{ steps: { build: { compensate: { outputs: {} } } }, expect: { retries: 0 } }",
    "unknown key in `compensate` `outputs`"
)]
#[case(
    "{ steps: { build: { usage: { energy_kwh: -1 } } }, expect: { retries: 0 } }",
    "`energy_kwh` cannot be -1"
)]
#[case("{ expect: {} }", "`expect` is empty, so the test cannot fail")]
#[case(
    "{ expect: { steps: { build: {} } } }",
    "step `build` is empty, and expects nothing"
)]
#[case("{ expect: { never: [] } }", "`never` is empty, and expects nothing")]
#[case("{ inputs: { n: 2 } }", "test `t` expects nothing, so it cannot fail")]
#[case("{ inputs: { m: 2 }, expect: { retries: 0 } }", "test `t`: input `m`")]
#[case("{ inputs: { n: two }, expect: { retries: 0 } }", "input `n`")]
#[case(
    "{ expect: { steps: { build: runing } } }",
    "unknown step state `runing` (did you mean `running`?)"
)]
#[case(
    "{ expect: { steps: { build: { atempts: 2 } } } }",
    "unknown key in an expected step `atempts` (did you mean `attempts`?)"
)]
#[case(
    "{ expect: { order: [build, shop] } }",
    "unknown step `shop` (did you mean `ship`?)"
)]
#[case(
    "{ expect: { events: [step.started shop] } }",
    "unknown step `shop` (did you mean `ship`?)"
)]
#[case(
    "{ expect: { held: shop } }",
    "unknown step `shop` (did you mean `ship`?)"
)]
#[case(
    "{ expect: { duration: { min: 2s, max: 1s } } }",
    "`duration` is empty: `min` is above `max`"
)]
#[case(
    "{ expect: { duration: {} } }",
    "`duration` has neither `min` nor `max`"
)]
#[case("{ expect: { retries: -1 } }", "`retries` cannot be -1")]
#[case("{ expect: { retries: } }", "`retries` says nothing")]
#[case(
    "{ commands: [{ at: 1s }], expect: { retries: 0 } }",
    "the command says nothing to do (exactly one of approve, reject, override, cancel, pause, unpause, resume, rollback)"
)]
#[case(
    "{ commands: [{ approve: ship, cancel: true }], expect: { retries: 0 } }",
    "the command says approve and cancel at once"
)]
#[case(
    "{ commands: [{ cancel: false }], expect: { retries: 0 } }",
    "`cancel` takes `true` and nothing else"
)]
#[case(
    "{ commands: [{ approve: ship, answer: no }], expect: { retries: 0 } }",
    "unknown answer `no`"
)]
#[case(
    "{ commands: [{ approve: ship, by: bea }], expect: { retries: 0 } }",
    "`bea` names no actor"
)]
#[case("", "test `t` is empty")]
fn what_a_test_may_not_say(#[case] text: &str, #[case] fault: &str) {
    let told = of_test(text);
    assert!(told.contains(fault), "{told}");
}

#[rstest]
#[case("tests: {}\n", "t.yaml:1:1: `plan` is missing (add `plan: …`)")]
#[case("plan: p.yaml\n", "`tests` is missing")]
#[case("plan: p.yaml\ntests: {}\n", "there is no test in `tests`")]
#[case(
    "plan: p.yaml\ntests: [a]\n",
    "`tests` must be a mapping of tests by name, and is a list"
)]
#[case("plan: [p]\ntests: {}\n", "`plan` must be text, and is a list")]
#[case("plan: p\nplan: q\n", "`plan`")]
fn what_a_file_may_not_say(#[case] text: &str, #[case] fault: &str) {
    let told = faults(text);
    assert!(told.contains(fault), "{told}");
}

#[test]
fn all_faults_are_told_at_once() {
    let told = faults(
        "plan: p.yaml\nextra: 1\ntests:\n  a: { expect: { phase: DONE } }\n  b: { steps: { x: {} }, expect: {} }\n",
    );
    assert_eq!(told.lines().count(), 4, "{told}");
}

#[test]
fn a_test_has_what_it_does_not_say_from_the_defaults() {
    let plan = rok_plan::parse(PLAN.as_bytes(), "p.yaml").unwrap();
    let text = "
plan: p.yaml
defaults: { roles: [qa], steps: { build: { delay: 1s, fails: { class: timeout } } }, expect: { retries: 0 } }
tests:
  a: { steps: { build: { delay: 2s } } }
";
    let file = TestFile::new(text.as_bytes(), "t.yaml").unwrap();
    let tests = file.tests(&plan).unwrap();
    let stub = tests[0].stub("build").unwrap();
    assert_eq!(stub.delay.unwrap().as_secs(), 2);
    assert!(stub.fails.is_some());
    assert_eq!(tests[0].stub("build[3]"), Some(stub));
    assert_eq!(tests[0].roles, ["qa"]);
    assert_eq!(tests[0].expect.retries, Some(0));
    assert_eq!(tests[0].inputs["n"], 1);
}

/// The tables of docs/plan-test.md, from the table that the decoder reads.
#[test]
fn the_reference_is_the_table() {
    let mut tables = String::new();
    for place in Place::ALL {
        use std::fmt::Write as _;
        let title = place.title();
        writeln!(
            tables,
            "\n### Keys of {title}\n\n| key | takes | meaning |\n| --- | --- | --- |"
        )
        .unwrap();
        for KeySpec {
            key, takes, doc, ..
        } in KeySpec::of(*place)
        {
            writeln!(tables, "| `{key}` | {takes} | {doc} |").unwrap();
        }
    }
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../docs/plan-test.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mark =
        "<!-- keys: written by `ROK_UPDATE_DOCS=1 cargo test -p rok-plan-test --test faults` -->\n";
    let (head, found) = text.split_once(mark).expect("the page has its mark");
    if std::env::var_os("ROK_UPDATE_DOCS").is_some() {
        std::fs::write(path, format!("{head}{mark}{tables}")).unwrap();
    } else {
        assert_eq!(found, tables, "run it again with ROK_UPDATE_DOCS=1");
    }
    assert!(KEYS.len() > 50);
}
