//! Ten thousand steps: a run or a clear error, in time and memory that grow no
//! faster than the plan.

use crate::measured::{measured, refused};
use crate::support::Bench;
use rstest::rstest;
use std::fmt::Write as _;
use std::time::Duration;

const STEPS: usize = 10_000;

fn many(steps: usize, head: &str, step: impl Fn(usize) -> String) -> String {
    let mut text = format!("plan: big\n{head}steps:\n");
    for n in 0..steps {
        writeln!(text, "  s{n}: {{ {} }}", step(n)).expect("a string takes all");
    }
    text
}

fn after(n: usize) -> String {
    n.checked_sub(1)
        .map_or_else(String::new, |before| format!(", needs: [s{before}]"))
}

/// One of a hundred runs, the others are skipped.
fn sparse(n: usize) -> String {
    let condition = if n.is_multiple_of(100) {
        "true"
    } else {
        "false"
    };
    format!("run: [/bin/true], if: '{condition}'")
}

#[rstest]
#[case::cycle(many(STEPS, "", |n| format!("run: x, needs: [s{}]", (n + 1) % STEPS)), "s0 → s1 → s2 → ")]
#[case::unknown(many(STEPS, "", |n| format!("run: x, needs: [t{n}, u{n}]")), "plan.yaml: 20000 faults")]
#[case::unknown_reads(many(STEPS, "", |n| format!("run: [echo, '${{{{ steps.t{n}.outputs.x }}}}']")), "plan.yaml: 10000 faults")]
#[case::wrong_keys(many(STEPS, "", |n| format!("run: x, ned{n}: 1, timeuot: 3")), "plan.yaml: 20000 faults")]
#[case::duplicates(many(STEPS, "", |_| "run: x".into()).replace("  s9", "  s8"), "is given twice")]
fn ten_thousand_faulty_steps_are_refused(#[case] plan: String, #[case] part: &str) {
    let bench = Bench::new();
    bench.write("plan.yaml", &plan);
    let error = refused(&bench, "plan.yaml");
    assert!(
        error.contains(part),
        "{}",
        &error[error.floor_char_boundary(error.len() - 500)..]
    );
}

#[rstest]
#[case::wide("", sparse)]
#[case::sequential("order: sequential\n", sparse)]
#[case::skipped_by_the_first("", |n| format!("run: [/bin/false]{}", after(n)))]
#[case::reads_the_first("", |n| if n == 0 { "run: 'echo {\"x\":1} >\"$ROK_OUTPUT\"'".into() } else { format!("run: 'echo ${{{{ steps.s0.outputs.x }}}}', needs: [s0], if: 'steps.s0.outputs.x == {n}'") })]
fn ten_thousand_steps_run(#[case] head: &str, #[case] step: impl Fn(usize) -> String) {
    let bench = Bench::new();
    bench.write("plan.yaml", &many(STEPS, head, step));
    measured(bench.command(["plan", "validate", "plan.yaml"]))
        .ran
        .exits(0);
    let ran = measured(bench.command(["run", "plan.yaml", "--run-id", "r", "--json"])).ran;
    let totals = ran.json()["totals"].clone();
    assert_eq!(totals["total"], STEPS, "{totals}");
    assert_eq!(totals["pending"], 0, "{totals}");
    let verified = measured(bench.command(["verify", "r", "--sealed"]));
    verified.ran.exits(0);
    let kept = bench.runs().join("r/events.jsonl");
    assert!(kept.exists());
}

#[test]
fn two_thousand_processes_run() {
    let bench = Bench::new();
    bench.write("plan.yaml", &many(2000, "", |_| "run: [/bin/true]".into()));
    let ran = measured(bench.command(["run", "plan.yaml", "--run-id", "r", "--quiet"]))
        .ran
        .exits(0);
    assert!(
        ran.out.contains("2000 total (2000 completed"),
        "{}",
        &ran.out[..600]
    );
    let started = bench
        .events("r")
        .into_iter()
        .filter(|event| event["event_type"] == "step.started");
    assert_eq!(started.count(), 2000);
}

/// Ten times the steps cost at most twenty times the work: linear, and room
/// for a noisy machine.
#[test]
fn cost_is_linear() {
    let cost = |steps: usize| -> Duration {
        let bench = Bench::new();
        bench.write("plan.yaml", &many(steps, "", sparse));
        let used =
            measured(bench.command(["run", "plan.yaml", "--quiet", "--durability", "flush"]));
        used.ran.exits(0);
        used.cpu
    };
    let (few, many) = (cost(1000), cost(STEPS));
    assert!(many < few * 20, "{few:?} and {many:?}");
}
