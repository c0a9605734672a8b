//! `kill -9` at every event, then resume: the run ends as if nothing had
//! happened, nothing that finished runs twice, and nothing of a killed attempt
//! is alive when the next one begins.

mod support;

#[path = "support/at_once.rs"]
mod at_once;
#[path = "support/copy.rs"]
mod copy;
#[path = "support/journal.rs"]
mod journal;
#[path = "support/live.rs"]
mod live;

use at_once::each;
use copy::copy;
use journal::{Attempt, End, Journal, RUN, alive, attempts, ended};
use live::Live;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::{Bench, Ran};

/// A run in a folder of its own, with the journal of its steps.
struct Case {
    bench: Bench,
    /// What the run had done before the journal began.
    before: Vec<Value>,
}

/// What lies beside a log came after lines of it: an owner who died there has
/// left nothing of what came later.
fn leave_what_came_before(folder: &Path, events: &[Value]) {
    let begun = attempts(events, "step.started");
    let began = |name: &str| {
        begun
            .iter()
            .any(|(step, attempt)| name == format!("{step}.{attempt}.log"))
    };
    let answered = |path: &Path| {
        let answer = parse(&fs::read(path).expect("it is ours"));
        answer["seq"]
            .as_u64()
            .is_none_or(|seq| seq < events.len() as u64)
    };
    let inside = |of: &str| {
        fs::read_dir(folder.join(of))
            .into_iter()
            .flatten()
            .flatten()
    };
    for log in inside("logs").map(|entry| entry.path()) {
        let name = log
            .file_name()
            .and_then(|name| name.to_str())
            .expect("text");
        if !began(name) {
            fs::remove_file(&log).expect("it is ours");
        }
    }
    for answer in inside("inbox").map(|entry| entry.path()) {
        if answer.extension().is_some_and(|end| end == "answer") && !answered(&answer) {
            fs::remove_file(&answer).expect("it is ours");
        }
    }
}

impl Case {
    fn new() -> Self {
        Self::of(&journal::plan())
    }

    fn of(plan: &str) -> Self {
        let bench = Bench::new();
        journal::lay(&bench, plan);
        Self {
            bench,
            before: Vec::new(),
        }
    }

    /// A run whose owner died when the log was this.
    fn cut(origin: &Case, log: &[u8]) -> Self {
        let bench = Bench::new();
        let folder = bench.runs().join(RUN);
        copy(&origin.bench.runs().join(RUN), &folder);
        fs::write(folder.join("events.jsonl"), log).expect("it is ours");
        let _ = fs::remove_file(folder.join("seal.json"));
        let before: Vec<Value> = whole(log).iter().map(|line| parse(line)).collect();
        leave_what_came_before(&folder, &before);
        Self { bench, before }
    }

    fn home(&self) -> &Path {
        self.bench.path()
    }

    fn log(&self) -> PathBuf {
        self.bench.runs().join(RUN).join("events.jsonl")
    }

    fn lines(&self) -> usize {
        lines(&fs::read_to_string(self.log()).unwrap_or_default())
    }

    fn run(&self) -> Live {
        Live::start(self.running())
    }

    /// Time in which nobody drives the run must not count, neither towards
    /// this timeout nor towards the plan's `max_duration`.
    fn running(&self) -> Command {
        let args = ["run", "plan.yaml", "--run-id", RUN, "--json"];
        let mut command = self.bench.command(args);
        command.env("ROK_GOVERNANCE_TIMEOUT_MS", "1000");
        command
    }

    fn resume(&self) -> Live {
        Live::start(self.bench.command(["resume", RUN, "--json"]))
    }

    fn decide(&self, verb: &str, step: &str) -> Ran {
        self.bench.rok([verb, RUN, step, "--reason", "I say so"])
    }

    /// Resumes and decides until the run is closed; gives its summary.
    fn finish(&self) -> Value {
        for _ in 0..6 {
            let ran = self.resume().wait();
            let summary = if ran.out.is_empty() {
                let Ran { err, .. } = &ran;
                assert!(err.contains("it is COMPLETED"), "{err}");
                self.bench.rok(["summary", RUN, "--json"]).exits(0).json()
            } else {
                ran.json()
            };
            match summary["hold"]["steps"].as_array() {
                None => return summary,
                Some(steps) => {
                    assert_eq!(ran.code, 1, "{}", ran.err);
                    for step in steps {
                        let step = step.as_str().expect("a step id");
                        self.decide("approve", step).exits(0);
                    }
                }
            }
        }
        panic!("the run comes to no end");
    }

    /// What must be true of every run, however often it was killed.
    fn check(&self, summary: &Value, undisturbed: &End) {
        assert_eq!(&End::of(summary), undisturbed);
        self.bench.rok(["verify", RUN, "--sealed"]).exits(0);
        let events = self.bench.events(RUN);
        let journal = Journal::of(self.home());
        assert_eq!(journal.overlaps, Vec::<String>::new());
        assert_eq!(alive(self.home()), Vec::<String>::new());
        no_attempt_twice(&journal);
        let (done, done_before) = (ended(&events), ended(&self.before));
        let steps: BTreeSet<&String> = done.iter().map(|(step, _)| step).collect();
        assert_eq!(steps.len(), done.len(), "a step was finished twice");
        for (step, attempt) in &done {
            let last = journal.begun.iter().rfind(|(begun, _)| begun == step);
            let last = last.map(|(_, attempt)| attempt);
            let expected = (!done_before.contains(&(step.clone(), *attempt))).then_some(attempt);
            assert_eq!(last, expected, "{step} ran again");
        }
        for attempt in attempts(&self.before, "step.started") {
            assert!(!journal.begun.contains(&attempt), "{attempt:?} ran again");
        }
        let started = attempts(&events, "step.started");
        for attempt in &journal.begun {
            assert!(started.contains(attempt), "{attempt:?} began unrecorded");
        }
    }
}

fn lines(log: &str) -> usize {
    log.matches('\n').count()
}

fn parse(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("each line is JSON")
}

/// The lines of the log's whole decisions.
fn whole(log: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    while lines.pop_if(|line| is_open(line)).is_some() {}
    lines
}

/// Whether a decision does not end with this line.
fn is_open(line: &[u8]) -> bool {
    !line.ends_with(b"\n") || parse(line)["more"] == true
}

fn no_attempt_twice(journal: &Journal) {
    let once: BTreeSet<&Attempt> = journal.begun.iter().collect();
    assert_eq!(once.len(), journal.begun.len(), "{:?}", journal.begun);
}

/// A run that nobody disturbs, with its case.
fn undisturbed() -> (Case, End) {
    let case = Case::new();
    let ran = case.run().wait();
    assert_eq!(ran.code, 1, "it waits for a person: {}", ran.err);
    let summary = case.finish();
    let end = End::of(&summary);
    assert_eq!(end.phase, "COMPLETED");
    assert_eq!(end.outcome, "partial");
    assert_eq!(end.steps.len(), 30);
    assert_eq!(end.heard, "from the first step");
    let state = |step: &str| end.steps[step].as_str();
    assert_eq!(
        [state("c2"), state("c3"), state("c5")],
        ["failed", "skipped", "succeeded"]
    );
    case.check(&summary, &end);
    (case, end)
}

/// The owner is killed when the log has so many lines, whether in `run` or in
/// the `resume` after the decision; every third time the next owner is killed
/// too.
fn killed_at(n: usize, undisturbed: &End) {
    let case = Case::new();
    let enough = |log: &str| lines(log) >= n;
    let mut owner = case.run();
    let mut killed = owner.until(&case.log(), enough);
    if killed {
        owner.kill();
    } else {
        // It waits at the gate; so it is the next owner's turn.
        owner.wait().exits(1);
        case.decide("approve", "release").exits(0);
        let mut owner = case.resume();
        killed = owner.until(&case.log(), enough);
        owner.kill();
    }
    if killed && n.is_multiple_of(3) {
        let more = case.lines() + n % 7 + 1;
        let mut owner = case.resume();
        owner.until(&case.log(), |log| lines(log) >= more);
        owner.kill();
    }
    let summary = case.finish();
    case.check(&summary, undisturbed);
}

#[test]
fn killed_at_every_event() {
    let (case, end) = undisturbed();
    let log = fs::read_to_string(case.log()).expect("the run has a log");
    // A decision comes in one write, so its last line stands for all of it.
    let decisions: Vec<usize> = log
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.contains("\"more\":true"))
        .map(|(n, _)| n + 1)
        .collect();
    each(decisions.len(), |at| killed_at(decisions[at], &end));
}

/// The owner died when the log was this: the next one drops what is torn, says
/// so, and goes on.
fn died_with(origin: &Case, log: &[u8], undisturbed: &End) {
    let case = Case::cut(origin, log);
    let kept: usize = whole(log).iter().map(|line| line.len()).sum();
    let torn = log.len() - kept;
    let verified = case.bench.rok(["verify", RUN, "--json"]).exits(0).json();
    assert_eq!(verified["lines"], case.before.len());
    assert_eq!(
        verified["notes"]
            .to_string()
            .contains("unfinished decision"),
        torn > 0
    );
    let summary = case.finish();
    case.check(&summary, undisturbed);
    let events = case.bench.events(RUN);
    let repairs = events
        .iter()
        .filter(|event| event["event_type"] == "log.repaired");
    let dropped: Vec<&Value> = repairs
        .map(|event| &event["data"]["dropped_bytes"])
        .collect();
    assert_eq!(dropped, if torn > 0 { vec![torn] } else { Vec::new() });
}

#[test]
fn died_after_every_line_of_the_log() {
    let (origin, end) = undisturbed();
    let log = fs::read(origin.log()).expect("the run has a log");
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let first = lines
        .iter()
        .position(|line| !is_open(line))
        .expect("a decision");
    each(lines.len() - first, |at| {
        let n = first + 1 + at;
        let kept: usize = lines[..n].iter().map(|line| line.len()).sum();
        died_with(&origin, &log[..kept], &end);
    });
}

/// Lets the system end the process at the first byte beyond `bytes` of any
/// file that it writes: in the middle of a write, wherever that is.
fn dying_at(bytes: u64, command: &Command) -> Live {
    let mut dying = Command::new("prlimit");
    dying
        .args([format!("--fsize={bytes}"), "--core=0".into()])
        .arg(command.get_program())
        .args(command.get_args())
        .current_dir(command.get_current_dir().expect("a bench has a folder"))
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
    Live::start(dying)
}

#[test]
fn died_in_the_middle_of_a_write() {
    const POINTS: u64 = 24;
    let (origin, end) = undisturbed();
    let folder = origin.bench.runs().join(RUN);
    let plan = fs::read(folder.join("plan.json")).expect("the run has a plan");
    let log = fs::read(origin.log()).expect("the run has a log");
    let first = log.split_inclusive(|byte| *byte == b'\n');
    let first: usize = first.take(7).map(<[u8]>::len).sum();
    // Nothing but the log may be cut short.
    let (from, to) = (plan.len().max(first) as u64 + 1, log.len() as u64 * 9 / 10);
    each(POINTS as usize, |at| {
        let case = Case::new();
        let bytes = from + (to - from) * at as u64 / POINTS;
        let ran = dying_at(bytes, &case.running()).wait();
        let mut least = bytes as usize;
        if ran.code == 1 {
            case.decide("approve", "release").exits(0);
            least = least.max(fs::read(case.log()).expect("a log").len());
            let resuming = case.bench.command(["resume", RUN, "--json"]);
            assert_eq!(dying_at(bytes, &resuming).wait().code, -1);
        } else {
            assert_eq!(ran.code, -1, "{}", ran.err);
        }
        let log = fs::read(case.log()).expect("the run has a log");
        assert_eq!(log.len(), least);
        let summary = case.finish();
        case.check(&summary, &end);
        let torn = log.len() - whole(&log).concat().len();
        let log = fs::read_to_string(case.log()).expect("the run has a log");
        assert_eq!(log.contains("log.repaired"), torn > 0);
    });
}

/// One run whose owners are killed again and again.
#[test]
fn killed_again_and_again() {
    let (_, end) = undisturbed();
    // A step may be lost as often as it may be retried, and here each is often.
    let patient = "max_parallel: 4\ndefaults: { retry: { max: 100 } }\n";
    let case = Case::of(&journal::plan().replacen("max_parallel: 4\n", patient, 1));
    let mut owner = case.run();
    for more in (8..).step_by(3) {
        let enough = case.lines() + more;
        if !owner.until(&case.log(), |log| lines(log) >= enough) {
            break;
        }
        owner.kill();
        owner = case.resume();
    }
    drop(owner);
    let summary = case.finish();
    case.check(&summary, &end);
    let events = case.bench.events(RUN);
    let owners = events
        .iter()
        .filter(|event| event["event_type"] == "run.recovered");
    assert!(owners.count() > 3);
}

#[test]
fn a_run_that_was_never_recorded_does_not_exist() {
    let case = Case::new();
    assert_eq!(dying_at(1000, &case.running()).wait().code, -1);
    let left: Vec<_> = fs::read_dir(case.bench.runs())
        .expect("the root")
        .flatten()
        .filter(|entry| entry.file_name() != ".gitignore")
        .collect();
    assert_eq!(
        left.len(),
        1,
        "it died between making the folder and naming it"
    );
    case.bench.rok(["resume", RUN]).exits(2);
    assert_eq!(
        case.bench.rok(["ls", "--json"]).exits(0).json(),
        serde_json::json!([])
    );
    case.run().wait().exits(1);
}

/// A step that waits until its fifo is written to, with a child that has left
/// its group and session.
fn blocked(more: &str) -> Case {
    let case = Case::of(&format!(
        "plan: blocked\nsteps:\n  stuck: {{ run: [sh, step.sh, blocked], timeout: 60s{more} }}\n  \
         then: {{ run: [sh, step.sh, plain], needs: [stuck] }}\n"
    ));
    let fifo = Command::new("mkfifo")
        .arg(case.home().join("fifo"))
        .status();
    assert!(fifo.expect("mkfifo is there").success());
    case
}

impl Case {
    fn journal(&self) -> PathBuf {
        self.home().join("journal")
    }

    /// Starts, waits until the step waits, kills the owner.
    fn kill_while_stuck(&self) {
        let mut owner = self.run();
        assert!(owner.until(&self.journal(), |text| text.contains("begin stuck 0")));
        owner.kill();
        assert_ne!(
            alive(self.home()),
            Vec::<String>::new(),
            "its step outlives it"
        );
    }

    fn unblock(&self) {
        fs::write(self.home().join("fifo"), "go on\n").expect("the step reads it");
    }
}

#[test]
fn what_a_killed_attempt_left_is_gone_before_the_next_begins() {
    let case = blocked("");
    case.kill_while_stuck();
    let mut owner = case.resume();
    assert!(owner.until(&case.journal(), |text| text.contains("begin stuck 1")));
    case.unblock();
    let summary = owner.wait().exits(0).json();
    assert_eq!(summary["status"], "succeeded");
    let journal = Journal::of(case.home());
    assert_eq!(journal.overlaps, Vec::<String>::new());
    assert_eq!(alive(case.home()), Vec::<String>::new());
    let recovered = case.bench.events(RUN);
    let recovered = recovered
        .iter()
        .find(|event| event["event_type"] == "run.recovered");
    let killed = recovered.expect("an owner took over")["data"]["killed"].as_u64();
    assert!(
        killed.is_some_and(|n| n >= 2),
        "shell and child: {killed:?}"
    );
}

#[test]
fn a_step_that_cannot_be_repeated_waits_for_a_decision() {
    for verb in ["approve", "reject"] {
        let case = blocked(", idempotent: false");
        case.kill_while_stuck();
        let held = case.resume().wait().exits(1).json();
        assert_eq!(held["hold"]["steps"], serde_json::json!(["stuck"]));
        assert_eq!(held["hold"]["reason"], "interrupted_step");
        assert_eq!(alive(case.home()), Vec::<String>::new());
        assert_eq!(
            Journal::of(case.home()).begun.len(),
            1,
            "it was not tried again"
        );
        case.decide(verb, "stuck").exits(0);
        if verb == "approve" {
            let mut owner = case.resume();
            assert!(owner.until(&case.journal(), |text| text.contains("begin stuck 1")));
            case.unblock();
            let summary = owner.wait().exits(0).json();
            assert_eq!(summary["status"], "succeeded");
        } else {
            let summary = case.bench.rok(["summary", RUN, "--json"]).exits(0).json();
            assert_eq!(summary["phase"], "FAILED");
            assert_eq!(summary["steps"][0]["error"]["class"], "worker_lost");
            assert_eq!(summary["steps"][1]["state"], "skipped");
            assert_eq!(
                Journal::of(case.home()).begun.len(),
                1,
                "it was not tried again"
            );
        }
        case.bench.rok(["verify", RUN, "--sealed"]).exits(0);
    }
}

#[test]
fn a_run_has_one_owner() {
    let case = blocked("");
    let mut owner = case.run();
    assert!(owner.until(&case.journal(), |text| text.contains("begin stuck 0")));
    let before = case.lines();
    let second = case.bench.rok(["resume", RUN]).exits(1);
    assert!(second.err.contains("driven by"), "{}", second.err);
    let again = case.running().output().expect("rok starts");
    assert_eq!(Ran::from(again).code, 2, "the id is taken");
    assert_eq!(case.lines(), before);
    case.unblock();
    owner.wait().exits(0);
    let closed = case.bench.rok(["resume", RUN]).exits(1);
    assert!(closed.err.contains("it is COMPLETED"), "{}", closed.err);
    let closed = case.decide("approve", "stuck").exits(1);
    assert!(closed.err.contains("is closed"), "{}", closed.err);
    case.bench.rok(["verify", RUN, "--sealed"]).exits(0);
}

#[test]
fn of_many_who_resume_at_once_one_does() {
    let case = blocked("");
    case.kill_while_stuck();
    let mut owners: Vec<Live> = (0..4).map(|_| case.resume()).collect();
    // Those who are refused end; the one who is not begins the next attempt.
    let begun = |text: &str| text.contains("begin stuck 1");
    let mut seen = owners
        .iter_mut()
        .map(|owner| owner.until(&case.journal(), begun));
    assert!(seen.any(|begun| begun));
    case.unblock();
    let mut codes: Vec<i32> = owners.into_iter().map(|owner| owner.wait().code).collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1, 1]);
    let journal = Journal::of(case.home());
    assert_eq!(journal.overlaps, Vec::<String>::new());
    no_attempt_twice(&journal);
    case.bench.rok(["verify", RUN, "--sealed"]).exits(0);
}

/// Wherever its owner died, a run that is executing can be cancelled, and is
/// closed in order by that.
#[test]
fn cancelled_after_every_decision() {
    let case = Case::of(
        "plan: small\nsteps:\n  one: { run: \"true\" }\n  two: { run: \"true\", idempotent: false }\n  \
         gate: { run: \"true\", gate: manual, needs: [one, two] }\n",
    );
    case.run().wait().exits(1);
    let log = fs::read(case.log()).expect("the run has a log");
    let mut kept = 0;
    let lines = log.split_inclusive(|byte| *byte == b'\n');
    let ends = lines.filter_map(|line| {
        kept += line.len();
        (!is_open(line)).then_some(kept)
    });
    let ends: Vec<usize> = ends.collect();
    assert!(ends.len() > 4);
    each(ends.len(), |at| {
        let case = Case::cut(&case, &log[..ends[at]]);
        case.bench.rok(["cancel", RUN]).exits(0);
        case.bench.rok(["verify", RUN, "--sealed"]).exits(0);
        let summary = case.bench.rok(["summary", RUN, "--json"]).exits(0).json();
        assert_eq!(summary["outcome"], "cancelled", "after {at} decisions");
        assert_eq!(summary["reconciliation"]["status"], "COMPLETE");
    });
}

/// The decision was handed in, and whoever took it died before it was whole.
#[test]
fn a_decision_is_taken_once_though_its_taker_died() {
    let case =
        Case::of("plan: small\nsteps:\n  gate: { run: [sh, step.sh, plain], gate: manual }\n");
    case.run().wait().exits(1);
    let before = fs::read(case.log()).expect("the run has a log").len() as u64;
    let approve = ["approve", RUN, "gate", "--reason", "seen"];
    for more in [0, 10, 400] {
        let dying = case.bench.command(approve);
        let ran = dying_at(before + more, &dying).wait();
        assert_eq!(ran.code, -1, "{}", ran.err);
    }
    let summary = case.resume().wait().exits(0).json();
    assert_eq!(summary["status"], "succeeded");
    assert_eq!(summary["approvals"].as_array().map(Vec::len), Some(1));
    assert_eq!(Journal::of(case.home()).begun.len(), 1);
    case.bench.rok(["verify", RUN, "--sealed"]).exits(0);
}
