//! `kill -9` at every event, then resume: the run ends as if nothing had
//! happened, nothing that finished runs twice, and nothing of a killed attempt
//! is alive when the next one begins.

mod support;

#[path = "support/journal.rs"]
mod journal;
#[path = "support/live.rs"]
mod live;

use journal::{Attempt, End, Journal, ONCE, RUN, alive, attempts};
use live::Live;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use support::{Bench, Ran};

/// Cases that go on at once: they wait for processes more than they compute.
const AT_ONCE: usize = 4;

/// A run in a folder of its own, with the journal of its steps.
struct Case {
    bench: Bench,
}

impl Case {
    fn new() -> Self {
        let bench = Bench::new();
        journal::lay(&bench);
        Self { bench }
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
        Live::start(
            self.bench
                .command(["run", "plan.yaml", "--run-id", RUN, "--quiet"]),
        )
    }

    fn resume(&self) -> Live {
        Live::start(self.bench.command(["resume", RUN, "--json"]))
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
                        let args = ["approve", RUN, step, "--reason", "it may go on"];
                        self.bench.rok(args).exits(0);
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
        let succeeded = attempts(&events, "step.succeeded");
        let steps: BTreeSet<&String> = succeeded.iter().map(|(step, _)| step).collect();
        assert_eq!(steps.len(), succeeded.len(), "a step succeeded twice");
        for (step, attempt) in &succeeded {
            let last = journal.begun.iter().rfind(|(begun, _)| begun == step);
            assert_eq!(last, Some(&(step.clone(), *attempt)), "{step} ran again");
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

/// Does each of a number of things, several at once.
fn each(n: usize, work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= n {
                        return;
                    }
                    work(at);
                }
            });
        }
    });
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
        let args = ["approve", RUN, "release", "--reason", "go on"];
        case.bench.rok(args).exits(0);
        let mut owner = case.resume();
        killed = owner.until(&case.log(), enough);
        owner.kill();
    }
    if killed && n % 3 == 0 {
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
    let started = std::time::Instant::now();
    each(decisions.len(), |at| killed_at(decisions[at], &end));
    eprintln!("LIVE {} in {:?}", decisions.len(), started.elapsed());
}
