//! What the virtual world does: time, stubs, commands, and what is told where
//! something is not as expected.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use rok_facades::plan_tests::{PlanTestCase, PlanTestEngine as _, PlanTestResult, TestVerdict};
use rok_facades::testing;
use rok_plan_test::TestFile;
use rok_test_runner::TestRunner;
use rstest::rstest;
use std::sync::Arc;

fn play(plan: &str, test: &str) -> PlanTestResult {
    let plan = rok_plan::parse(plan.as_bytes(), "p.yaml").unwrap();
    let text = format!("plan: p.yaml\ntests:\n  t: {test}\n");
    let file = TestFile::new(text.as_bytes(), "t.yaml").unwrap();
    let tests = file.tests(&plan).unwrap();
    let runner = TestRunner::new(Arc::new(|_, _| Ok((testing::facades(), None))));
    let case = PlanTestCase {
        plan: &plan,
        test: &tests[0],
        policies: &[],
        plan_policies: &[],
    };
    runner.run(case).unwrap()
}

fn mismatches(result: &PlanTestResult) -> Vec<String> {
    let told = result.mismatches.iter();
    told.map(|m| format!("{}: {} / {}", m.what, m.expected, m.actual))
        .collect()
}

#[track_caller]
fn passes(plan: &str, test: &str) {
    let result = play(plan, test);
    let told = (mismatches(&result), &result.fault);
    assert_eq!(result.verdict, TestVerdict::Passed, "{told:?}");
}

const CHAIN: &str = "
plan: p
steps:
  a: { run: a }
  b: { needs: [a], run: b }
  c: { run: c }
";

#[rstest]
#[case::order("{ steps: { a: { delay: 2s } }, expect: { order: [[a, c], b], duration: 2s } }")]
#[case::at(
    "{ steps: { a: { delay: 2s }, b: { delay: 3s } }, expect: { steps: { b: { started: 2s, ended: 5s } } } }"
)]
#[case::partial(
    "{ steps: { c: { fails: validation_failed } }, expect: { outcome: failed, steps: { b: succeeded } } }"
)]
#[case::skip(
    "{ steps: { a: { fails: timeout } }, expect: { steps: { b: { state: skipped, reason: Dependencies failed } } } }"
)]
#[case::cancel(
    "{ steps: { a: { delay: 1h } }, commands: [{ at: 5s, cancel: true }], expect: { outcome: cancelled, duration: 5s, steps: { a: { class: cancelled } } } }"
)]
#[case::usage(
    "{ steps: { a: { usage: { cpu: 2s, max_rss_kib: 100, tokens: 3, cost_usd: 0.5 } } }, expect: { outcome: succeeded } }"
)]
#[case::late_command(
    "{ commands: [{ at: 5s, cancel: true, answer: refused }], expect: { outcome: succeeded } }"
)]
#[case::resumed(
    "{ steps: { a: { fails: { class: validation_failed } } }, commands: [{ resume: true }], expect: { outcome: failed, events: [run.sealed, run.resumed, run.sealed] } }"
)]
#[case::not_resumed(
    "{ commands: [{ resume: true, answer: refused }], expect: { outcome: succeeded } }"
)]
fn the_world_is_as_it_would_be(#[case] test: &str) {
    passes(CHAIN, test);
}

const UNDONE: &str = "
plan: p
expect: [{ domain: steps, action: succeed, key: b }]
steps:
  a: { run: a, retry: { max: 1 }, compensate: { run: undo a } }
  b: { needs: [a], run: b, compensate: { run: undo b } }
  c: { needs: [b], run: c }
";

/// A compensation is no attempt at its step: it has a stub of its own.
#[rstest]
#[case::asked_for(
    "{ steps: { a: { delay: 1h, fails: { class: transient_io, times: 1 } }, c: { fails: validation_failed } }, commands: [{ rollback: true }], expect: { steps: { a: compensated, b: compensated, c: failed }, events: [run.sealed, run.rollback_started, step.compensated b, step.compensated a, run.rolled_back, run.sealed] } }"
)]
#[case::nothing_without(
    "{ steps: { c: { fails: validation_failed } }, expect: { never: [step.compensation_started], steps: { a: succeeded } } }"
)]
#[case::fails_and_goes_on(
    "{ steps: { a: { compensate: { delay: 5s, fails: { class: validation_failed, times: 1 } } }, c: { fails: validation_failed } }, commands: [{ rollback: true }, { rollback: true }], expect: { steps: { a: compensated, b: compensated }, events: [step.compensated b, step.compensation_failed a, run.sealed, run.rollback_started, step.compensated a, run.rolled_back] } }"
)]
#[case::refused(
    "{ commands: [{ rollback: true, answer: refused }], expect: { outcome: succeeded } }"
)]
#[case::duties(
    "{ expect: { expectations: { steps/succeed/b: ACKED, policies/evaluate_policy: ACKED } } }"
)]
fn what_was_done_is_undone(#[case] test: &str) {
    passes(UNDONE, test);
}

#[test]
fn ten_thousand_hours_take_no_time() {
    let plan = "
plan: slow
steps:
  poll: { run: poll, timeout: 100d, retry: { max: 9, base: 30d, max_delay: 365d } }
";
    passes(
        plan,
        "{ steps: { poll: { delay: 10d, fails: { class: transient_io, times: 9 } } }, expect: { outcome: succeeded, retries: 9, duration: { min: 10000h } } }",
    );
}

#[test]
fn a_test_is_equal_to_itself() {
    let test = "{ steps: { a: { fails: { class: transient_io, times: 1 } } }, expect: { outcome: failed } }";
    let lines = || -> Vec<String> {
        let events = play(CHAIN, test).events;
        events.iter().map(|event| event.line.to_string()).collect()
    };
    assert_eq!(lines(), lines());
}

#[test]
fn processes_share_the_machine() {
    let plan = "plan: wide\nsteps: { a: { run: a }, b: { run: b }, c: { run: c } }\n";
    let steps = "a: { delay: 10s }, b: { delay: 10s }, c: { delay: 10s }";
    passes(
        plan,
        &format!("{{ cpus: 1, steps: {{ {steps} }}, expect: {{ duration: 30s }} }}"),
    );
    passes(
        plan,
        &format!("{{ cpus: 3, steps: {{ {steps} }}, expect: {{ duration: 10s }} }}"),
    );
}

#[test]
fn outputs_are_checked_and_read_as_in_any_run() {
    let plan = "
plan: p
steps:
  a: { run: a, outputs: { n: { type: integer } } }
  b: { needs: [a], if: steps.a.outputs.n > 1, run: b }
";
    passes(
        plan,
        "{ steps: { a: { outputs: { n: 2 } } }, expect: { steps: { a: { outputs: { n: 2.0 } }, b: succeeded } } }",
    );
    passes(
        plan,
        "{ steps: { a: { outputs: { n: 1 } } }, expect: { outcome: succeeded, steps: { b: skipped } } }",
    );
    passes(
        plan,
        "{ steps: { a: { outputs: { n: many } } }, expect: { steps: { a: { state: failed, class: validation_failed } } } }",
    );
}

#[test]
fn outputs_that_are_read_are_never_made_up() {
    let plan = "
plan: p
steps:
  a: { run: a }
  b: { needs: [a], run: [b, \"${{ steps.a.outputs.n }}\"] }
";
    let result = play(plan, "{ expect: { outcome: failed } }");
    assert_eq!(result.verdict, TestVerdict::Broken);
    let fault = result.fault.unwrap();
    assert!(
        fault.message.contains("`steps.a.outputs.n` in step `b`"),
        "{fault:?}"
    );
    assert!(
        fault.hint.unwrap().contains("add `a: { outputs:"),
        "the hint says how"
    );
    // Where the step does not hand anything on, nothing is asked of it.
    passes(
        plan,
        "{ steps: { a: { fails: validation_failed } }, expect: { steps: { b: skipped } } }",
    );
}

#[test]
fn artifacts_are_made_where_they_are_required() {
    let plan = "
plan: p
steps:
  a: { run: a, artifacts: [{ path: must, required: true }, { path: may, required: false }] }
";
    passes(
        plan,
        "{ expect: { outcome: succeeded, artifacts: [must] } }",
    );
    passes(
        plan,
        "{ steps: { a: { artifacts: { may: text } } }, expect: { artifacts: [must, may] } }",
    );
    passes(
        plan,
        "{ steps: { a: { artifacts: { must: ~ } } }, expect: { steps: { a: { class: validation_failed, reason: \"required artifact `must` was not written\" } } } }",
    );
    let result = play(plan, "{ expect: { artifacts: [may] } }");
    assert_eq!(mismatches(&result), ["artifacts: may / must"]);
}

#[test]
fn a_gate_waits_for_its_person() {
    let plan = "plan: p\nsteps: { a: { run: a }, g: { needs: [a], gate: manual, run: g } }\n";
    passes(plan, "{ expect: { held: g, phase: EXECUTING } }");
    passes(
        plan,
        "{ expect: { held: { reason: manual_gate, steps: [g] } } }",
    );
    passes(
        plan,
        "{ commands: [{ approve: g }], expect: { outcome: succeeded, held: false } }",
    );
    passes(
        plan,
        "{ commands: [{ reject: g, reason: because }], expect: { steps: { g: { state: failed, reason: because, attempts: 0 } } } }",
    );
    let result = play(plan, "{ expect: { outcome: succeeded } }");
    assert_eq!(
        mismatches(&result),
        ["outcome: succeeded / none: manual gate g waits for a decision"]
    );
    let result = play(
        plan,
        "{ commands: [{ at: 0s, approve: g, answer: denied }], expect: { retries: 0 } }",
    );
    let told = mismatches(&result);
    assert!(
        told[0].starts_with("commands: approve g by user:tester: denied / "),
        "{told:?}"
    );
}

#[rstest]
#[case("{ expect: { outcome: failed } }", "outcome: failed / succeeded")]
#[case("{ expect: { phase: FAILED } }", "phase: FAILED / COMPLETED")]
#[case("{ expect: { error: timeout } }", "error: timeout / none")]
#[case(
    "{ expect: { held: a } }",
    "held: that the run waits / it does not wait"
)]
#[case("{ expect: { retries: 1 } }", "retries: 1 / 0")]
#[case("{ expect: { gate_failures: [a] } }", "gate_failures: a / none")]
#[case(
    "{ expect: { reconciliation: STALE } }",
    "reconciliation: STALE / COMPLETE"
)]
#[case(
    "{ expect: { expectations: { logs/start_trace: MISSING } } }",
    "expectations.logs/start_trace: MISSING / ACKED"
)]
#[case(
    "{ expect: { expectations: { logs/stop: ACKED } } }",
    "expectations.logs/stop: ACKED / none"
)]
#[case("{ expect: { duration: 1s } }", "duration: 1s / 0s")]
#[case("{ expect: { duration: { min: 1s } } }", "duration: at least 1s / 0s")]
#[case(
    "{ expect: { order: [b, a] } }",
    "order: b → a / `a` begins before `b` has ended"
)]
#[case("{ expect: { events: [step.failed] } }", "events: step.failed / none")]
#[case(
    "{ expect: { events: [step.started b, step.started a] } }",
    "events: step.started a / none after step.started b"
)]
#[case(
    "{ expect: { never: [step.started b] } }",
    "never: no step.started b / it is event "
)]
#[case("{ expect: { violated: [p1] } }", "violated: p1 / none")]
#[case(
    "{ expect: { steps: { a: failed } } }",
    "steps.a.state: failed / succeeded"
)]
#[case(
    "{ expect: { steps: { a: { attempts: 2 } } } }",
    "steps.a.attempts: 2 / 1"
)]
#[case(
    "{ expect: { steps: { a: { class: timeout } } } }",
    "steps.a.class: timeout / none"
)]
#[case(
    "{ expect: { steps: { a: { outputs: { n: 1 } } } } }",
    "steps.a.outputs.n: 1 / none"
)]
#[case(
    "{ expect: { steps: { a: { started: 3s } } } }",
    "steps.a.started: 3s / 0s"
)]
#[case(
    "{ expect: { steps: { a: { reason: x } } } }",
    "steps.a.reason: … x … / none"
)]
#[case(
    "{ expect: { incident: { severity: high } } }",
    "incident.severity: high / "
)]
fn what_is_not_so_is_told(#[case] test: &str, #[case] mismatch: &str) {
    let result = play(CHAIN, test);
    assert_eq!(result.verdict, TestVerdict::Failed);
    let told = mismatches(&result);
    assert!(told.len() == 1 && told[0].starts_with(mismatch), "{told:?}");
}

#[test]
fn an_event_type_that_does_not_exist_breaks_the_test() {
    let result = play(CHAIN, "{ expect: { never: [step.fail] } }");
    assert_eq!(result.verdict, TestVerdict::Broken);
    assert_eq!(
        result.fault.unwrap().message,
        "there is no event type `step.fail`"
    );
}

#[test]
fn a_pause_holds_and_time_stands_still_for_the_plan() {
    let plan = "plan: p\nmax_duration: 1m\nsteps: { a: { run: a }, b: { needs: [a], run: b } }\n";
    let stubs = "steps: { a: { delay: 10s }, b: { delay: 10s } }";
    passes(
        plan,
        &format!(
            "{{ {stubs}, commands: [{{ at: 5s, pause: true }}], expect: {{ held: {{ reason: pause }}, steps: {{ a: succeeded, b: pending }} }} }}"
        ),
    );
    passes(
        plan,
        &format!(
            "{{ {stubs}, commands: [{{ at: 5s, pause: true }}, {{ at: 1h, unpause: true }}], expect: {{ outcome: succeeded, steps: {{ b: {{ started: 1h }} }} }} }}"
        ),
    );
}

#[test]
fn an_override_lets_the_next_epoch_pass() {
    let plan = "plan: p\noverrides: { max: 1 }\nsteps: { g: { gate: hard, run: g }, b: { needs: [g], run: b } }\n";
    passes(
        plan,
        "{ steps: { g: { fails: validation_failed } }, commands: [{ override: g, reason: known }, { resume: true }], expect: { outcome: partial, events: [gate.failed g, override.approved g, run.resumed, step.succeeded b] } }",
    );
}

#[test]
fn children_of_a_fan_out_have_stubs_of_their_own() {
    let plan = "
plan: p
steps:
  list: { run: list, outputs: { of: { type: array } } }
  each: { needs: [list], for_each: steps.list.outputs.of, run: [do, \"${{ item }}\"] }
";
    passes(
        plan,
        "{ steps: { list: { outputs: { of: [x, y] } }, each: { delay: 5s }, \"each[1]\": { fails: validation_failed } }, expect: { outcome: failed, duration: 5s, events: [\"step.failed each[1]\"] } }",
    );
    let result = play(plan, "{ expect: { outcome: succeeded } }");
    let fault = result.fault.unwrap();
    assert!(
        fault
            .message
            .contains("`steps.list.outputs.of` in step `each`"),
        "{fault:?}"
    );
}
