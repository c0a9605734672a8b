//! Decisions of people, through the binary: manual gates with several
//! approvers, overrides, pauses; with a live process and without one.

mod support;

#[path = "support/live.rs"]
mod live;

use live::Live;
use serde_json::{Value, json};
use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::Command;
use support::{Bench, Ran};

const RUN: &str = "r";

fn bench(plan: &str) -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", plan);
    bench
}

/// `rok` as somebody, `ada` or `ada+role`.
fn by(bench: &Bench, who: &str, args: &[&str]) -> Ran {
    let (user, roles) = who.split_once('+').unwrap_or((who, ""));
    let mut command = bench.command(args);
    command.env("ROK_USER", user).env("ROK_ROLES", roles);
    Ran::from(command.output().expect("rok starts"))
}

fn approve(bench: &Bench, who: &str) -> Ran {
    by(bench, who, &["approve", RUN, "gate", "--reason", "seen"])
}

fn answer_for(bench: &Bench, who: &str, gate: &str) -> Ran {
    by(
        bench,
        who,
        &["override", RUN, gate, "--reason", "the data is fine"],
    )
}

fn start(bench: &Bench, more: &[&str]) -> Command {
    bench.command([&["run", "plan.yaml", "--run-id", RUN], more].concat())
}

fn run(bench: &Bench) -> Ran {
    Ran::from(start(bench, &[]).output().expect("rok starts"))
}

fn log(bench: &Bench) -> PathBuf {
    bench.runs().join(RUN).join("events.jsonl")
}

fn summary(bench: &Bench) -> Value {
    bench.rok(["summary", RUN, "--json"]).exits(0).json()
}

fn text(bench: &Bench, command: &str) -> String {
    bench.rok([command, RUN]).exits(0).out
}

fn state(bench: &Bench, step: &str) -> Value {
    let steps = summary(bench)["steps"].take();
    let steps = steps.as_array().expect("a list of steps");
    let found = steps.iter().find(|of| of["id"] == step);
    found.expect("the step is in the plan")["state"].clone()
}

fn of_type(bench: &Bench, event_type: &str) -> Vec<Value> {
    let events = bench.events(RUN).into_iter();
    events
        .filter(|event| event["event_type"] == event_type)
        .collect()
}

/// The run is closed like that, and its record is whole.
#[track_caller]
fn is_closed(bench: &Bench, phase: &str, outcome: &str) {
    let found = summary(bench);
    assert_eq!(
        (&found["phase"], &found["outcome"]),
        (&json!(phase), &json!(outcome))
    );
    assert_eq!(found["reconciliation"]["status"], "COMPLETE");
    bench.rok(["verify", RUN, "--sealed"]).exits(0);
}

const FOUR_EYES: &str = "plan: four-eyes
steps:
  gate:
    gate: manual
    approvers: { any_of: [user:ann, role:rm], count: 2, not_submitter: true }
    expires: 24h
    run: echo published
";

#[test]
fn four_eyes_are_two_persons_and_neither_submitted_the_run() {
    let bench = bench(FOUR_EYES);
    let held = run(&bench).exits(1);
    assert!(
        held.err.contains("rok approve r gate --reason"),
        "{}",
        held.err
    );
    let hold = &of_type(&bench, "run.held")[0]["data"];
    assert_eq!(
        hold["release"],
        "approve or reject: 2 of user:ann or role:rm, other than the submitter"
    );
    assert!(hold["expires_at"].is_string());

    let submitter = approve(&bench, "tester+rm").exits(5).err;
    assert!(
        submitter.contains("whoever submitted the run may not"),
        "{submitter}"
    );
    let nobody = approve(&bench, "eve").exits(5).err;
    assert!(
        nobody.contains("user:eve may not approve `gate`: user:ann or role:rm"),
        "{nobody}"
    );
    assert_eq!(of_type(&bench, "gate.approved").len(), 0);

    let first = approve(&bench, "ann").exits(0).err;
    assert!(
        first.contains("still waits: 1 of 2 approvals given (user:ann)"),
        "{first}"
    );
    let again = approve(&bench, "ann+rm").exits(1).err;
    assert!(again.contains("counts once: 1 more must"), "{again}");
    for command in ["status", "summary", "explain"] {
        let shown = text(&bench, command);
        assert!(
            shown.contains("1 of 2 approvals given (user:ann)"),
            "{command}: {shown}"
        );
    }
    let explained = bench.rok(["explain", RUN, "gate"]).exits(0).out;
    assert!(
        explained.contains("1 approval is missing: user:ann or role:rm"),
        "{explained}"
    );
    assert!(explained.contains("rok approve r gate"), "{explained}");
    bench.rok(["resume", RUN]).exits(1);

    approve(&bench, "bob+rm").exits(0);
    let approvals = of_type(&bench, "gate.approved");
    let data = |at: usize| approvals[at]["data"].clone();
    assert_eq!(
        (&data(0)["as"], &data(0)["missing"]),
        (&json!("user:ann"), &json!(1))
    );
    assert_eq!(
        (&data(1)["as"], &data(1)["given"]),
        (&json!("role:rm"), &json!(2))
    );
    bench.rok(["resume", RUN]).exits(0);
    is_closed(&bench, "COMPLETED", "succeeded");
}

#[test]
fn two_approvals_reach_the_process_that_drives_the_run() {
    let bench = bench(FOUR_EYES);
    let mut owner = Live::start(start(&bench, &["--wait"]));
    assert!(owner.until(&log(&bench), |log| log.contains("run.held")));
    approve(&bench, "eve").exits(5);
    approve(&bench, "ann").exits(0);
    assert!(!owner.ended());
    approve(&bench, "bob+rm").exits(0);
    owner.wait().exits(0);
    is_closed(&bench, "COMPLETED", "succeeded");
}

#[test]
fn what_was_approved_outlives_the_process_that_was_told() {
    let bench = bench(FOUR_EYES);
    let mut owner = Live::start(start(&bench, &["--wait"]));
    assert!(owner.until(&log(&bench), |log| log.contains("run.held")));
    approve(&bench, "ann").exits(0);
    owner.kill();
    approve(&bench, "bob+rm").exits(0);
    assert_eq!(state(&bench, "gate"), "waiting");
    let summary = text(&bench, "summary");
    assert!(
        summary.contains("approved, and not started yet"),
        "{summary}"
    );
    bench.rok(["resume", RUN]).exits(0);
    assert_eq!(of_type(&bench, "step.started").len(), 1);
    is_closed(&bench, "COMPLETED", "succeeded");
}

#[test]
fn a_gate_expires_under_the_eyes_of_its_owner() {
    let bench = bench("plan: p\nsteps: { gate: { gate: manual, expires: 300ms, run: echo no } }\n");
    let owner = Live::start(start(&bench, &["--wait"]));
    owner.wait().exits(1);
    let failed = &of_type(&bench, "step.failed")[0];
    assert_eq!(
        (&failed["error_class"], &failed["reason"]),
        (
            &json!("timeout"),
            &json!("expired after 300ms without approval")
        )
    );
    assert_eq!(of_type(&bench, "step.started").len(), 0);
    is_closed(&bench, "FAILED", "failed");
}

#[test]
fn a_gate_that_expired_without_an_owner_fails_when_one_comes() {
    let bench = bench("plan: p\nsteps: { gate: { gate: manual, expires: 1ms, run: echo no } }\n");
    run(&bench).exits(1);
    let late = approve(&bench, "ann").exits(1).err;
    assert!(late.contains("manual gate `gate` expired at"), "{late}");
    assert!(
        bench
            .rok(["explain", RUN, "gate"])
            .exits(0)
            .out
            .contains("expired at")
    );
    bench.rok(["resume", RUN]).exits(1);
    is_closed(&bench, "FAILED", "failed");
}

#[test]
fn several_gates_are_decided_one_by_one() {
    let bench = bench(
        "plan: p
steps:
  gate: { gate: manual, run: echo one }
  other: { gate: manual, run: echo two, required: false }
",
    );
    let held = run(&bench).exits(1).err;
    for command in ["approve r gate", "reject r gate", "approve r other"] {
        assert!(held.contains(command), "{held}");
    }
    by(
        &bench,
        "ann",
        &["reject", RUN, "other", "--reason", "not today"],
    )
    .exits(0);
    approve(&bench, "ann").exits(0);
    bench.rok(["resume", RUN]).exits(0);
    is_closed(&bench, "COMPLETED", "partial");
}

const GATED: &str = "plan: gated
overrides: { max: 1, expires: 1h, not_submitter: true }
steps:
  check: { gate: hard, run: 'echo checked >>checks; exit 65' }
  then: { needs: [check], run: echo done }
";

#[test]
fn an_overridden_gate_lets_the_next_epoch_pass_and_is_never_forgotten() {
    let bench = bench(GATED);
    run(&bench).exits(1);
    let who = "passes it (anybody, other than the submitter may)";
    let told = bench.rok(["explain", RUN]).exits(0).out;
    assert!(told.contains(who), "{told}");
    let refused = bench.rok(["resume", RUN]).exits(1).err;
    assert!(
        refused.contains("that is final without an override"),
        "{refused}"
    );
    let command = "rok override r check --reason";
    assert!(refused.contains(command), "{refused}");
    let checked = bench.rok(["resume", RUN, "--check"]).exits(1).out;
    assert!(checked.contains(command), "{checked}");
    assert!(text(&bench, "explain").contains(command));

    let own = answer_for(&bench, "tester", "check").exits(5).err;
    assert!(own.contains("whoever submitted the run may not"), "{own}");
    answer_for(&bench, "ann", "then").exits(1);
    let lines = bench.events(RUN).len();
    let done = answer_for(&bench, "ann", "check").exits(0);
    assert!(done.err.contains("rok resume r"), "{}", done.err);
    let segment: Vec<Value> = bench.events(RUN).split_off(lines);
    let types: Vec<&str> = segment
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .collect();
    assert_eq!(
        types,
        ["override.approved", "run.override_applied", "run.sealed"]
    );
    assert_eq!(segment[1]["override_reason"], "the data is fine");
    assert_eq!(segment[1]["data"]["approval"], segment[0]["event_id"]);
    assert_eq!(segment[1]["actor"], "user:ann");
    bench.rok(["verify", RUN, "--sealed"]).exits(0);
    answer_for(&bench, "bob", "check").exits(1);

    bench.rok(["resume", RUN]).exits(0);
    is_closed(&bench, "COMPLETED", "partial");
    let checks = std::fs::read_to_string(bench.path().join("checks")).expect("it ran once");
    assert_eq!(
        checks.lines().count(),
        1,
        "an overridden gate does not run again"
    );
    let skip = &of_type(&bench, "step.skipped")
        .pop()
        .expect("the gate was skipped");
    assert_eq!(skip["data"]["cause"], "override");
    let review = of_type(&bench, "ack.received").into_iter();
    let mut review = review.filter(|ack| ack["data"]["duty"] == "incidents/review_override/check");
    let record = review.next().expect("the review was asked for")["data"]["record"].take();
    assert_eq!(
        (&record["status"], &record["step"]),
        (&json!("OPEN"), &json!("check"))
    );

    let found = summary(&bench);
    assert_eq!(found["overrides"][0]["actor"], "user:ann");
    assert_eq!(found["overrides"][0]["review"]["status"], "OPEN");
    for command in ["summary", "explain", "verify"] {
        let shown = text(&bench, command);
        assert!(
            shown.contains("user:ann") && shown.contains("the data is fine"),
            "{shown}"
        );
    }
    assert!(text(&bench, "summary").contains("PARTIAL"));
}

#[test]
fn a_plan_without_overrides_permits_none() {
    let bench = bench("plan: p\nsteps: { check: { gate: hard, run: exit 65 } }\n");
    run(&bench).exits(1);
    let refused = answer_for(&bench, "ann", "check").exits(1).err;
    assert!(
        refused.contains("the plan permits no override"),
        "{refused}"
    );
    let refused = bench.rok(["resume", RUN]).exits(1).err;
    assert!(
        refused.contains("the plan permits no override"),
        "{refused}"
    );
}

#[test]
fn an_override_that_expired_lets_nothing_pass() {
    let bench = bench(
        "plan: p\noverrides: { expires: 1ms }\nsteps: { check: { gate: hard, run: exit 65 } }\n",
    );
    run(&bench).exits(1);
    answer_for(&bench, "ann", "check").exits(0);
    let late = bench.rok(["resume", RUN]).exits(1).err;
    assert!(
        late.contains("the override of the hard gate `check` expired"),
        "{late}"
    );
}

#[test]
fn policies_decide_on_overrides_too() {
    let bench = bench("plan: p\noverrides: {}\nsteps: { check: { gate: hard, run: exit 65 } }\n");
    bench.write(
        "four-eyes.cedar",
        r#"permit (principal, action, resource);
@id("four-eyes") @reason("another person has to decide")
forbid (principal, action == Action::"override", resource) when { context.is_submitter };
"#,
    );
    bench.write("rok.toml", "policies = [\"four-eyes.cedar\"]\n");
    run(&bench).exits(1);
    let own = answer_for(&bench, "tester", "check").exits(5).err;
    assert!(own.contains("another person has to decide"), "{own}");
    answer_for(&bench, "ann", "check").exits(0);
    let approved = &of_type(&bench, "override.approved")[0]["data"];
    assert!(approved["policies"].is_array(), "{approved}");
}

/// A plan whose first step waits for the test.
fn slow() -> Bench {
    let bench = bench(
        "plan: slow
max_duration: 60s
steps:
  stuck: { run: 'read -r _ <\"$HOME/fifo\"' }
  then: { run: \"true\", needs: [stuck] }
",
    );
    let fifo = Command::new("mkfifo")
        .arg(bench.path().join("fifo"))
        .status();
    assert!(fifo.expect("mkfifo is there").success());
    bench
}

/// Lets the step go on: this opens when the step has.
fn let_go(bench: &Bench) {
    let fifo = OpenOptions::new()
        .write(true)
        .open(bench.path().join("fifo"));
    drop(fifo.expect("the step reads it"));
}

fn stuck(bench: &Bench, more: &[&str]) -> Live {
    let mut owner = Live::start(start(bench, more));
    assert!(owner.until(&log(bench), |log| log.contains("step.started")));
    owner
}

#[test]
fn a_live_run_is_paused_and_goes_on() {
    let bench = slow();
    let mut owner = stuck(&bench, &["--wait"]);
    by(&bench, "ann", &["pause", RUN, "--reason", "lunch"]).exits(0);
    let twice = bench.rok(["pause", RUN]).exits(1).err;
    assert!(twice.contains("paused already, by user:ann"), "{twice}");
    let_go(&bench);
    // `read` fails at the end of the file: the step ends well or badly, but ends.
    assert!(owner.until(&log(&bench), |log| log.contains("step.failed")));
    assert!(!owner.ended(), "a paused run is not over");
    let explained = text(&bench, "explain");
    assert!(
        explained.contains("the run is paused by user:ann: lunch"),
        "{explained}"
    );
    assert!(explained.contains("rok unpause r"), "{explained}");
    assert!(text(&bench, "status").contains("BLOCKED"));
    bench.rok(["unpause", RUN]).exits(0);
    owner.wait().exits(1);
    let decisions = summary(&bench)["approvals"].take();
    let words: Vec<&str> = decisions
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["decision"].as_str())
        .collect();
    assert_eq!(words, ["paused", "unpaused"]);
    is_closed(&bench, "FAILED", "failed");
}

#[test]
fn a_pause_outlives_its_process() {
    let bench = bench(
        "plan: p\nsteps: { one: { run: 'touch began; read -r _ <\"$HOME/fifo\" || :' }, two: { needs: [one], run: echo two } }\n",
    );
    let fifo = Command::new("mkfifo")
        .arg(bench.path().join("fifo"))
        .status();
    assert!(fifo.expect("mkfifo is there").success());
    let owner = stuck(&bench, &[]);
    bench.rok(["pause", RUN]).exits(0);
    let_go(&bench);
    let ended = owner.wait().exits(1);
    assert!(ended.err.contains("rok unpause r"), "{}", ended.err);
    assert_eq!(
        (state(&bench, "one"), state(&bench, "two")),
        (json!("succeeded"), json!("pending"))
    );
    bench.rok(["resume", RUN]).exits(1);
    assert_eq!(of_type(&bench, "step.started").len(), 1);
    let not = bench.rok(["pause", RUN]).exits(1).err;
    assert!(not.contains("paused already"), "{not}");
    let next = bench.rok(["unpause", RUN]).exits(0).err;
    assert!(next.contains("rok resume r"), "{next}");
    assert!(
        bench
            .rok(["unpause", RUN])
            .exits(1)
            .err
            .contains("the run is not paused")
    );
    bench.rok(["resume", RUN]).exits(0);
    is_closed(&bench, "COMPLETED", "succeeded");
}

#[test]
fn an_approval_under_a_pause_starts_nothing() {
    let bench = bench("plan: p\nsteps: { gate: { gate: manual, run: echo hi } }\n");
    run(&bench).exits(1);
    bench.rok(["pause", RUN]).exits(0);
    approve(&bench, "ann").exits(0);
    bench.rok(["resume", RUN]).exits(1);
    assert_eq!(of_type(&bench, "step.started").len(), 0);
    bench.rok(["unpause", RUN]).exits(0);
    bench.rok(["resume", RUN]).exits(0);
    is_closed(&bench, "COMPLETED", "succeeded");
}

#[test]
fn a_paused_run_can_be_cancelled() {
    let bench = bench("plan: p\nsteps: { gate: { gate: manual, run: echo hi } }\n");
    run(&bench).exits(1);
    bench.rok(["pause", RUN]).exits(0);
    bench.rok(["cancel", RUN, "--reason", "enough"]).exits(0);
    is_closed(&bench, "FAILED", "cancelled");
}

#[test]
fn a_reason_that_is_a_book_is_refused_with_the_limit() {
    let bench = bench("plan: p\nsteps: { gate: { gate: manual, run: echo hi } }\n");
    run(&bench).exits(1);
    let book = "x".repeat(8 * 1024 + 1);
    let refused = bench
        .rok(["approve", RUN, "gate", "--reason", &book])
        .exits(2)
        .err;
    assert!(
        refused.contains("the reason is 8193 bytes long, and the limit is 8192"),
        "{refused}"
    );
    bench
        .rok(["approve", RUN, "gate", "--reason", &book[1..]])
        .exits(0);
}
