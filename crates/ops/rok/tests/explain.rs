//! `rok explain` in a table of situations: what it says of a run or a step,
//! what led to it, and what can be done.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/live.rs"]
mod live;

use live::Live;
use rstest::rstest;
use serde_json::Value;
use std::path::Path;
use support::Bench;

const RUN: &str = "run_abc";

/// A run that came to where the situation wants it, and whoever drives it.
struct Scene {
    bench: Bench,
    owner: Option<Live>,
}

/// A plan that was run to its end, or until only holds remained.
fn ran(plan: &str, code: i32) -> Scene {
    ran_with(plan, &[], code)
}

fn ran_with(plan: &str, arguments: &[&str], code: i32) -> Scene {
    let bench = Bench::new();
    bench.write("plan.yaml", &format!("plan: situation\n{plan}"));
    let run = ["run", "plan.yaml", "--run-id", RUN, "-q"];
    bench.rok(run.iter().chain(arguments)).exits(code);
    Scene { bench, owner: None }
}

/// A plan whose process lives, with this text in its log.
fn running(plan: &str, until: &str) -> Scene {
    let bench = Bench::new();
    bench.write("plan.yaml", &format!("plan: situation\n{plan}"));
    let mut owner = Live::start(bench.command(["run", "plan.yaml", "--run-id", RUN, "-q"]));
    let log = bench.runs().join(RUN).join("events.jsonl");
    assert!(
        owner.until(&log, |text| text.contains(until)),
        "{until} never came"
    );
    if plan.contains("echo begun") {
        let output = bench.runs().join(RUN).join("logs").join("a.0.log");
        assert!(owner.until(&output, |text| !text.is_empty()));
    }
    let owner = Some(owner);
    Scene { bench, owner }
}

impl Scene {
    /// The same, after a command.
    fn then(self, arguments: &[&str], code: i32) -> Self {
        self.bench.rok(arguments).exits(code);
        self
    }

    /// What is offered is not refused: it is done in a copy of the folder. What
    /// it comes to is another matter.
    fn takes(&self, command: &str) {
        // What slept for long ends at once where it is begun again.
        self.bench.write("go", "");
        let copy = Bench::new();
        copy_folder(self.bench.path(), copy.path());
        let words = command.replace('…', "because");
        // What follows a live run is shown without waiting for more.
        let words = words.split(' ').filter(|word| *word != "--follow");
        let mut rok = copy.command(words);
        // Another person than the one who has approved already.
        rok.env("ROK_USER", "ann");
        let policies = ["none.cedar", "end.cedar"].map(|name| copy.path().join(name));
        if let Some(file) = policies.iter().find(|file| file.exists()) {
            rok.env("ROK_POLICIES", file);
        }
        let output = rok.output().expect("rok starts");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(!told.contains("error["), "{command}: {told}");
    }

    /// The same, after its process was killed.
    fn killed(mut self) -> Self {
        self.owner.take().expect("somebody drives it").kill();
        self
    }
}

fn succeeded() -> Scene {
    ran("steps: { a: { run: \"true\" } }\n", 0)
}

fn partial() -> Scene {
    ran(
        "steps: { a: { run: \"true\" }, b: { run: exit 65, required: false }, c: { needs: [b], run: \"true\", required: false } }\n",
        0,
    )
}

fn hard_gate_failed() -> Scene {
    ran(
        "steps: { a: { gate: hard, run: exit 1 }, b: { needs: [a], run: \"true\" } }\n",
        1,
    )
}

fn required_failed() -> Scene {
    ran(
        "steps: { a: { run: exit 65 }, b: { needs: [a], run: \"true\" }, c: { needs: [b], run: \"true\" } }\n",
        1,
    )
}

fn retries_used_up() -> Scene {
    ran(
        "steps: { a: { run: exit 75, retry: { max: 2, base: 1ms } } }\n",
        1,
    )
}

fn no_retries() -> Scene {
    ran("steps: { a: { run: exit 75 } }\n", 1)
}

fn not_idempotent_failed() -> Scene {
    ran("steps: { a: { run: exit 75, idempotent: false } }\n", 1)
}

fn retried() -> Scene {
    ran(
        "steps: { a: { run: test $ROK_ATTEMPT -gt 0 || exit 75, retry: { max: 2, base: 1ms } } }\n",
        0,
    )
}

fn condition_false() -> Scene {
    ran(
        "inputs: { n: { type: integer, default: 1 } }\nsteps: { a: { run: \"true\", if: inputs.n > 5 }, b: { needs: [a], run: \"true\" } }\n",
        0,
    )
}

fn timed_out_step() -> Scene {
    ran(
        "steps: { a: { run: sleep 600, timeout: 50ms, kill_grace: 0s } }\n",
        1,
    )
}

fn timed_out_run() -> Scene {
    ran(
        "max_duration: 100ms\nsteps: { a: { run: sleep 600, kill_grace: 0s }, b: { needs: [a], run: \"true\" } }\n",
        1,
    )
}

fn waiting() -> Scene {
    ran(
        "steps: { build: { run: \"true\" }, publish: { needs: [build], gate: manual, run: \"true\" }, tell: { needs: [publish], run: \"true\" } }\n",
        1,
    )
}

fn rejected() -> Scene {
    waiting().then(&["reject", RUN, "publish", "--reason", "too late"], 0)
}

fn approved() -> Scene {
    waiting().then(&["approve", RUN, "publish", "--reason", "fine"], 0)
}

fn cancelled() -> Scene {
    waiting().then(&["cancel", RUN, "--reason", "not today"], 0)
}

fn executing() -> Scene {
    running(
        "steps: { a: { run: echo begun; test -e go || exec sleep 600 }, b: { needs: [a], run: \"true\" } }\n",
        "step.started",
    )
}

fn interrupted() -> Scene {
    let mut scene = executing();
    let procs = scene.bench.runs().join(RUN).join("procs");
    let recorded = || {
        let entries = std::fs::read_dir(&procs).into_iter().flatten().flatten();
        let mut names = entries.map(|entry| entry.file_name());
        names.any(|name| name == "a.0" || name == "a.1")
    };
    // Its owner dies once the process is on record.
    while !recorded() {
        let owner = scene.owner.as_mut().expect("somebody drives it");
        assert!(!owner.ended(), "its step runs");
        std::thread::yield_now();
    }
    scene.killed()
}

fn interrupted_not_idempotent() -> Scene {
    running(
        "steps: { a: { run: echo begun; test -e go || exec sleep 600, idempotent: false } }\n",
        "step.started",
    )
    .killed()
    .then(&["resume", RUN, "-q"], 1)
}

fn retry_due() -> Scene {
    running(
        "steps: { a: { run: exit 75, retry: { max: 1, base: 10m, max_delay: 10m } } }\n",
        "step.retried",
    )
}

fn denied() -> Scene {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: situation\nsteps: { a: { run: \"true\" } }\n",
    );
    bench.write("none.cedar", "@id(\"nobody\")\nforbid (principal, action == Action::\"run\", resource);\n@id(\"all\")\npermit (principal, action, resource);\n");
    bench
        .rok([
            "run",
            "plan.yaml",
            "--run-id",
            RUN,
            "-q",
            "--policies",
            "none.cedar",
        ])
        .exits(5);
    Scene { bench, owner: None }
}

fn end_forbidden() -> Scene {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: situation\nsteps: { a: { run: \"true\" } }\n",
    );
    bench.write("end.cedar", "@id(\"no-end\")\nforbid (principal, action == Action::\"complete\", resource);\n@id(\"all\")\npermit (principal, action, resource);\n");
    bench
        .rok([
            "run",
            "plan.yaml",
            "--run-id",
            RUN,
            "-q",
            "--policies",
            "end.cedar",
        ])
        .exits(5);
    Scene { bench, owner: None }
}

fn half_approved() -> Scene {
    let plan = "steps: { publish: { gate: manual, approvers: { any_of: [\"user:tester\", \"user:ann\"], count: 2 }, run: \"true\" } }\n";
    ran(plan, 1).then(&["approve", RUN, "publish", "--reason", "fine"], 0)
}

fn expired_and_not_resumed() -> Scene {
    let plan = "steps: { publish: { gate: manual, expires: 1ms, run: \"true\" }, tell: { needs: [publish], run: \"true\" } }\n";
    let scene = ran(plan, 1);
    // It waits in wall time, and that has passed by now.
    assert!(
        scene
            .bench
            .rok(["status", RUN])
            .exits(0)
            .err
            .contains("resume")
    );
    scene
}

fn approved_by_all() -> Scene {
    let scene = half_approved();
    let mut command = scene
        .bench
        .command(["approve", RUN, "publish", "--reason", "fine"]);
    let done = command.env("ROK_USER", "ann").output().expect("rok starts");
    assert!(done.status.success());
    scene
}

fn rejected_and_to_be_undone() -> Scene {
    let plan = "on_failure: rollback\nsteps: { stage: { run: \"true\", compensate: { run: \"true\" } }, publish: { needs: [stage], gate: manual, run: \"true\" } }\n";
    ran(plan, 1).then(&["reject", RUN, "publish", "--reason", "no"], 0)
}

fn overrides_used_up() -> Scene {
    let plan = "overrides: { max: 1 }\nsteps: { a: { gate: hard, run: exit 1 }, b: { after: [a], gate: hard, run: exit 1 } }\n";
    let scene = ran(plan, 1);
    let mut command = scene
        .bench
        .command(["override", RUN, "a", "--reason", "known"]);
    let done = command.env("ROK_USER", "ann").output().expect("rok starts");
    assert!(done.status.success());
    scene.then(&["resume", RUN, "-q"], 1)
}

fn gate_failed_and_rolled_back() -> Scene {
    let plan = "overrides: { max: 1 }\nsteps: { a: { run: \"true\", compensate: { run: echo back } }, b: { needs: [a], gate: hard, run: exit 1 } }\n";
    ran(plan, 1).then(&["rollback", RUN, "--reason", "clean up", "-q"], 0)
}

fn not_retried_for_its_class() -> Scene {
    ran("steps: { a: { run: exit 65, retry: { max: 2 } } }\n", 1)
}

fn fell_back() -> Scene {
    ran(
        "steps: { a: { run: exit 65, fallback: b }, b: { run: \"true\" }, c: { needs: [a], run: \"true\" } }\n",
        0,
    )
}

fn taken_from_the_cache() -> Scene {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: situation\nsteps: { a: { run: \"true\", cache: true } }\n",
    );
    for run in ["before", RUN] {
        bench
            .rok(["run", "plan.yaml", "--run-id", run, "-q"])
            .exits(0);
    }
    Scene { bench, owner: None }
}

fn children_undone() -> Scene {
    let plan = "steps: { each: { for_each: \"[0, 1]\", run: \"true\", compensate: { run: echo back } }, ship: { needs: [each], run: exit 65 } }\n";
    ran(plan, 1).then(&["rollback", RUN, "--reason", "clean up", "-q"], 0)
}

fn not_all_undone() -> Scene {
    let plan = "steps: { stage: { run: \"true\", compensate: { run: exit 65 } }, ship: { needs: [stage], run: exit 65 } }\n";
    ran(plan, 1).then(&["rollback", RUN, "--reason", "clean up", "-q"], 1)
}

fn over_budget() -> Scene {
    ran(
        "budget: { max_steps: 1, on_exceeded: hold }\nmax_parallel: 1\nsteps: { a: { run: \"true\" }, b: { needs: [a], run: \"true\" } }\n",
        1,
    )
}

fn expired() -> Scene {
    ran(
        "steps: { publish: { gate: manual, expires: 1ms, run: \"true\" } }\n",
        1,
    )
    .then(&["status", RUN], 0)
    .then(&["resume", RUN, "-q"], 1)
}

fn paused() -> Scene {
    interrupted().then(&["pause", RUN, "--reason", "lunch"], 0)
}

fn overridable() -> Scene {
    ran(
        "overrides: { max: 1 }\nsteps: { a: { gate: hard, run: exit 1 }, b: { needs: [a], run: \"true\" } }\n",
        1,
    )
}

fn overridden() -> Scene {
    let scene = overridable();
    let mut command = scene
        .bench
        .command(["override", RUN, "a", "--reason", "known"]);
    let done = command.env("ROK_USER", "ann").output().expect("rok starts");
    assert!(done.status.success());
    scene
}

fn overridden_and_resumed() -> Scene {
    overridden().then(&["resume", RUN, "-q"], 0)
}

fn child_failed() -> Scene {
    ran(
        "steps: { each: { for_each: \"[0, 1, 2]\", run: \"test ${{ item }} -ne 1\" } }\n",
        1,
    )
}

const UNDONE: &str = "steps: { stage: { run: \"true\", compensate: { run: \"true\" } }, look: { needs: [stage], run: \"true\" }, ship: { needs: [look], run: exit 65 } }\n";

fn could_be_rolled_back() -> Scene {
    ran(UNDONE, 1)
}

fn rolled_back() -> Scene {
    could_be_rolled_back().then(&["rollback", RUN, "--reason", "clean up", "-q"], 0)
}

/// Situation, step or none, words of the headline, of what led to it or comes
/// next, and of a command that helps (none: there is no such command).
#[rstest]
#[case::run_succeeded(succeeded(), "", "COMPLETED", "1 of 1 steps succeeded", "")]
#[case::run_partial(partial(), "", "partial", "step `b` failed", "")]
#[case::run_failed_by_a_hard_gate(
    hard_gate_failed(),
    "",
    "FAILED",
    "hard gate `a` failed",
    "logs RUN a"
)]
#[case::run_failed_and_resumable(required_failed(), "", "FAILED", "step `a` failed", "resume RUN")]
#[case::run_timed_out(timed_out_run(), "", "timed_out", "step `a` failed", "resume RUN")]
#[case::run_cancelled(cancelled(), "", "cancelled", "skipped: publish", "resume RUN")]
#[case::run_denied(denied(), "", "denied", "nobody", "")]
#[case::run_refused_at_its_end(end_forbidden(), "", "no-end", "the governance check", "")]
#[case::run_rejected(rejected(), "", "FAILED", "too late", "resume RUN")]
#[case::run_waits_for_a_person(
    waiting(),
    "",
    "it waits",
    "no process drives it",
    "approve RUN publish"
)]
#[case::run_executes(
    executing(),
    "",
    "it is executing",
    "step `a` is running",
    "events RUN --follow"
)]
#[case::run_was_interrupted(interrupted(), "", "interrupted", "no process drives it", "resume RUN")]
#[case::run_waits_for_a_decision(
    interrupted_not_idempotent(),
    "",
    "not idempotent",
    "held since",
    "approve RUN a"
)]
#[case::run_waits_for_a_retry(
    retry_due(),
    "",
    "it is executing",
    "is tried again at",
    "events RUN --follow"
)]
#[case::run_approved_and_not_driven(approved(), "", "no process drives it", "", "resume RUN")]
#[case::step_succeeded(succeeded(), "a", "step `a` succeeded", "", "logs RUN a")]
#[case::step_succeeded_later(retried(), "a", "succeeded, retry 1", "", "logs RUN a")]
#[case::step_failed_and_is_never_retried(
    no_retries(),
    "a",
    "failed (transient_io)",
    "no retries",
    "logs RUN a"
)]
#[case::step_failed_after_all_retries(
    retries_used_up(),
    "a",
    "failed (transient_io)",
    "all 2 retries were used up",
    "logs RUN a"
)]
#[case::step_failed_and_has_no_retries(
    required_failed(),
    "a",
    "failed (validation_failed)",
    "the plan gives it no retries",
    "logs RUN a"
)]
#[case::step_failed_and_is_not_idempotent(
    not_idempotent_failed(),
    "a",
    "failed (transient_io)",
    "not idempotent",
    "logs RUN a"
)]
#[case::step_timed_out(
    timed_out_step(),
    "a",
    "failed (timeout)",
    "the plan gives it no retries",
    "logs RUN a"
)]
#[case::step_never_started(
    timed_out_run(),
    "b",
    "failed (timeout)",
    "it never started: the run's time was up before its turn",
    ""
)]
#[case::step_is_a_failed_hard_gate(
    hard_gate_failed(),
    "a",
    "failed (hard_gate_failed)",
    "it is a hard gate",
    "logs RUN a"
)]
#[case::step_is_optional_and_failed(
    partial(),
    "b",
    "failed (validation_failed)",
    "at best partial",
    "logs RUN b"
)]
#[case::step_skipped_by_its_condition(
    condition_false(),
    "a",
    "skipped",
    "`inputs.n > 5` was false",
    ""
)]
#[case::step_skipped_with_what_it_needs(
    condition_false(),
    "b",
    "skipped",
    "it needs `a`, which is skipped",
    ""
)]
#[case::step_skipped_after_a_failure(
    required_failed(),
    "b",
    "Dependencies failed or timed out",
    "it needs `a`, which is failed",
    ""
)]
#[case::step_skipped_transitively(
    required_failed(),
    "c",
    "Dependencies failed or timed out",
    "it needs `b`, which is skipped",
    ""
)]
#[case::step_skipped_by_a_hard_gate(hard_gate_failed(), "b", "hard gate `a` failed", "", "")]
#[case::step_waits_for_a_person(
    waiting(),
    "publish",
    "waits for a decision",
    "",
    "approve RUN publish"
)]
#[case::step_waits_for_others(
    waiting(),
    "tell",
    "waits for other steps",
    "it needs `publish`, which is waiting",
    ""
)]
#[case::step_was_rejected(rejected(), "publish", "too late", "", "")]
#[case::step_is_running(executing(), "a", "is running", "", "logs RUN a")]
#[case::run_left_a_process(interrupted(), "", "interrupted", "may be alive", "resume RUN")]
#[case::step_lost_its_process(
    interrupted(),
    "a",
    "was running when its process ended",
    "may be alive",
    "logs RUN a"
)]
#[case::step_waits_for_its_retry(retry_due(), "a", "is tried again at", "", "logs RUN a")]
#[case::step_must_be_decided_on(
    interrupted_not_idempotent(),
    "a",
    "a person must decide",
    "",
    "approve RUN a"
)]
#[case::step_is_blocked_in_a_dead_run(
    interrupted(),
    "b",
    "waits for other steps",
    "it needs `a`, which is running",
    ""
)]
#[case::run_waits_for_a_second_person(
    half_approved(),
    "",
    "it waits",
    "tester",
    "approve RUN publish"
)]
#[case::step_waits_for_a_second_person(
    half_approved(),
    "publish",
    "waits for a decision",
    "1",
    "approve RUN publish"
)]
#[case::run_whose_gate_expired(expired(), "", "FAILED", "expired", "resume RUN")]
#[case::step_that_expired(expired(), "publish", "expired", "", "")]
#[case::run_whose_gate_expired_and_that_nobody_drives(
    expired_and_not_resumed(),
    "",
    "in time",
    "fails as soon as the run goes on",
    "resume RUN"
)]
#[case::step_that_expired_and_has_not_failed(
    expired_and_not_resumed(),
    "publish",
    "expired at",
    "fails as soon as the run goes on",
    "resume RUN"
)]
#[case::run_approved_by_all(
    approved_by_all(),
    "",
    "step `publish` is approved",
    "no process drives it",
    "resume RUN"
)]
#[case::run_rejected_and_to_be_undone(
    rejected_and_to_be_undone(),
    "",
    "it is to be rolled back",
    "left to undo: stage",
    "resume RUN"
)]
#[case::run_with_no_override_left(
    overrides_used_up(),
    "",
    "FAILED",
    "all were given",
    "logs RUN b"
)]
#[case::run_rolled_back_with_a_failed_gate(
    gate_failed_and_rolled_back(),
    "",
    "rolled back",
    "it is rolled back",
    "logs RUN b"
)]
#[case::step_not_retried_for_its_class(
    not_retried_for_its_class(),
    "a",
    "failed (validation_failed)",
    "only transient_io is tried again",
    "logs RUN a"
)]
#[case::run_with_a_fallback(
    fell_back(),
    "",
    "its fallback stands for it",
    "`b`, the fallback of `a`, succeeded",
    ""
)]
#[case::step_that_fell_back(fell_back(), "a", "failed", "its fallback `b` succeeded", "logs RUN a")]
#[case::step_that_stood_in(
    fell_back(),
    "b",
    "succeeded",
    "it is the fallback of `a`, which failed",
    "logs RUN b"
)]
#[case::step_from_the_cache(
    taken_from_the_cache(),
    "a",
    "succeeded",
    "taken from the cache, of step `a` of run before",
    ""
)]
#[case::step_whose_children_were_undone(
    children_undone(),
    "each",
    "undone by its compensation",
    "",
    "logs RUN each[0] --compensation"
)]
#[case::run_not_all_undone(
    not_all_undone(),
    "",
    "the compensation of `stage` failed",
    "not undone: stage",
    "rollback RUN"
)]
#[case::run_over_its_budget(over_budget(), "", "it waits", "held since", "unpause RUN")]
#[case::run_is_paused(paused(), "", "paused by user:tester: lunch", "", "unpause RUN")]
#[case::run_could_be_overridden(
    overridable(),
    "",
    "FAILED",
    "hard gate `a` failed",
    "override RUN a"
)]
#[case::run_was_overridden(overridden(), "", "FAILED", "user:ann", "resume RUN")]
#[case::run_completed_by_an_override(overridden_and_resumed(), "", "partial", "user:ann", "")]
#[case::step_passed_by_an_override(overridden_and_resumed(), "a", "override", "", "")]
#[case::run_with_a_failed_child(child_failed(), "", "FAILED", "each", "resume RUN")]
#[case::output_of_a_failed_child(child_failed(), "", "FAILED", "each", "logs RUN each[1]")]
#[case::step_with_a_failed_child(child_failed(), "each", "failed", "each[1]", "")]
#[case::child_that_failed(child_failed(), "each[1]", "failed", "", "logs RUN each[1]")]
#[case::run_could_be_rolled_back(
    could_be_rolled_back(),
    "",
    "FAILED",
    "step `ship` failed",
    "rollback RUN"
)]
#[case::run_was_rolled_back(rolled_back(), "", "rolled back", "", "")]
#[case::step_was_compensated(rolled_back(), "stage", "undone by its compensation", "", "")]
#[case::step_with_nothing_to_undo(rolled_back(), "look", "succeeded", "nothing", "logs RUN look")]
fn situations(
    #[case] scene: Scene,
    #[case] step: &str,
    #[case] headline: &str,
    #[case] because: &str,
    #[case] command: &str,
) {
    let mut arguments = vec!["explain", RUN, "--json"];
    arguments.extend(Some(step).filter(|step| !step.is_empty()));
    let found = scene.bench.rok(arguments).exits(0).json();
    let texts = |key: &str| -> Vec<String> {
        let list = found[key].as_array().expect("a list");
        list.iter().map(ToString::to_string).collect()
    };
    let said = found["headline"].as_str().expect("a headline");
    assert!(said.contains(headline), "{headline:?} is not in {found:#}");
    let led = [texts("because"), texts("next")].concat();
    assert!(
        because.is_empty()
            || led.iter().any(|text| text.contains(because))
            || said.contains(because),
        "{because:?} is not in {found:#}"
    );
    let commands = commands(&found);
    if command.is_empty() {
        let changes = ["resume", "approve", "reject", "cancel"];
        let harmful = commands
            .iter()
            .find(|command| changes.iter().any(|verb| command.starts_with(verb)));
        assert!(
            harmful.is_none() || step.is_empty(),
            "{harmful:?} is no help in {found:#}"
        );
    } else {
        let command = command.replace("RUN", RUN);
        assert!(
            commands.iter().any(|found| found.starts_with(&command)),
            "{command:?} is not in {found:#}"
        );
    }
    for command in commands {
        scene.takes(&command);
    }
}

fn copy_folder(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        // What attempts keep beside the runs is one user's and one machine's.
        if entry.file_name().to_string_lossy().starts_with("rok-") {
            continue;
        }
        let (kind, to) = (
            entry.file_type().expect("a kind"),
            to.join(entry.file_name()),
        );
        if kind.is_dir() {
            std::fs::create_dir_all(&to).expect("a folder");
            copy_folder(&entry.path(), &to);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), &to).expect("a copy");
        }
    }
}

fn commands(found: &Value) -> Vec<String> {
    let remedies = found["remedies"].as_array().expect("a list");
    let commands = remedies
        .iter()
        .filter_map(|remedy| remedy["command"].as_str());
    commands.map(ToOwned::to_owned).collect()
}

#[test]
fn a_step_that_the_plan_does_not_have_is_refused() {
    let scene = succeeded();
    let refused = scene.bench.rok(["explain", RUN, "nobody"]).exits(3);
    assert!(refused.err.contains("ROK0111"), "{}", refused.err);
}

#[test]
fn a_broken_log_is_not_explained_away() {
    let scene = succeeded();
    let log = scene.bench.runs().join(RUN).join("events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    std::fs::write(&log, text.replacen("succeeded", "suceeeded", 1)).expect("a file");
    let refused = scene.bench.rok(["explain", RUN]).exits(4);
    assert!(refused.err.contains("ROK0105"), "{}", refused.err);
}
