//! Undoing, end to end: both forms, killed at every event, with a compensation
//! that fails at first and one that must not be repeated unasked; each effect
//! is undone exactly once, in reverse order.

mod support;

#[path = "support/at_once.rs"]
mod at_once;
#[path = "support/live.rs"]
mod live;

use at_once::each;
use live::Live;
use rstest::rstest;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use support::{Bench, Ran};

const RUN: &str = "undone";

/// A step does something, and its compensation undoes it: like a service that
/// knows the idempotency key, at most once for each key. Both keep a journal,
/// and hold a lock, so that two at once are seen.
const STEP: &str = r#"
exec 9>>"$HOME/$ROK_STEP_ID.lock"
flock -n 9 || echo "overlap $ROK_STEP_ID" >>"$HOME/journal"
echo "begin $1 $ROK_STEP_ID $ROK_ATTEMPT ${ROK_COMPENSATES:-0}" >>"$HOME/journal"
case $1 in
undo-flaky) [ -e "$HOME/mended" ] || { echo "not yet" >&2; exit 75; } ;;
esac
grep -qxF "$ROK_IDEMPOTENCY_KEY $1" "$HOME/effects" 2>/dev/null ||
  echo "$ROK_IDEMPOTENCY_KEY $1" >>"$HOME/effects"
case $1 in
do) echo '{"made": "'"$ROK_STEP_ID"'"}' >"$ROK_OUTPUT" ;;
fail) exit 65 ;;
esac
"#;

fn plan(on_failure: &str) -> String {
    format!(
        r#"
plan: undone
on_failure: {on_failure}
max_parallel: 1
defaults: {{ timeout: 60s }}
steps:
  a: {{ run: [sh, step.sh, do], outputs: {{ made: {{ type: string }} }},
       compensate: {{ run: [sh, step.sh, "undo-${{{{ steps.a.outputs.made }}}}"] }} }}
  once: {{ run: [sh, step.sh, do], needs: [a], idempotent: false, compensate: {{ run: [sh, step.sh, undo] }} }}
  none: {{ run: [sh, step.sh, do], needs: [once] }}
  each: {{ run: [sh, step.sh, do], needs: [once], for_each: "[1, 2]", compensate: {{ run: [sh, step.sh, "undo-${{{{ item }}}}"] }} }}
  flaky: {{ run: [sh, step.sh, do], needs: [each], compensate: {{ run: [sh, step.sh, undo-flaky] }} }}
  z: {{ run: [sh, step.sh, do], needs: [flaky], compensate: {{ run: [sh, step.sh, undo] }} }}
  boom: {{ run: [sh, step.sh, fail], needs: [z], compensate: {{ run: [sh, step.sh, undo] }} }}
"#
    )
}

/// What is undone, in the order in which it is.
const REVERSED: [&str; 6] = ["z", "flaky", "each[1]", "each[0]", "once", "a"];

struct Case {
    bench: Bench,
}

impl Case {
    fn new(on_failure: &str) -> Self {
        let bench = Bench::new();
        bench.write("plan.yaml", &plan(on_failure));
        bench.write("step.sh", STEP);
        Self { bench }
    }

    fn log(&self) -> PathBuf {
        self.bench.runs().join(RUN).join("events.jsonl")
    }

    fn lines(&self) -> usize {
        lines(&fs::read_to_string(self.log()).unwrap_or_default())
    }

    fn run(&self) -> Live {
        let args = ["run", "plan.yaml", "--run-id", RUN, "--json"];
        Live::start(self.bench.command(args))
    }

    fn go_on(&self, verb: &str, more: &[String]) -> Live {
        let args = [verb, RUN, "--json"].map(str::to_owned);
        Live::start(self.bench.command(args.iter().chain(more)))
    }

    fn summary(&self) -> Value {
        self.bench.rok(["summary", RUN, "--json"]).exits(0).json()
    }

    fn effects(&self) -> Vec<String> {
        let text = fs::read_to_string(self.bench.path().join("effects")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What somebody finds who looks whether interrupted compensations took
    /// effect, said in flags.
    fn looked(&self, undecided: &Value) -> Vec<String> {
        let steps = undecided.as_array().into_iter().flatten();
        let flags = steps.flat_map(|step| {
            let step = step.as_str().expect("a step's id").to_owned();
            let key = format!("{RUN}/0/{step}/compensate undo");
            let flag = if self.effects().contains(&key) {
                "--done"
            } else {
                "--again"
            };
            [flag.to_owned(), step]
        });
        flags.collect()
    }

    /// Goes on, by `resume` and `rollback` in turn where both do, until nothing
    /// is left to undo.
    fn finish(&self) -> Value {
        for round in 0..10 {
            if !self.log().exists() {
                self.run().wait();
                continue;
            }
            let summary = self.summary();
            if summary["status"] == "rolled_back" {
                return summary;
            }
            if summary["sealed"] == false {
                if !summary["hold"].is_null() {
                    let approve = ["approve", RUN, "once", "--reason", "go on"];
                    self.bench.rok(approve).exits(0);
                }
                let undoing = summary["rollback"]["state"] == "under_way";
                let verb = if undoing && round % 2 == 0 {
                    "rollback"
                } else {
                    "resume"
                };
                self.go_on(verb, &[]).wait();
                continue;
            }
            if !summary["rollback"]["failed"].is_null() {
                self.bench.write("mended", "");
            }
            let flags = self.looked(&summary["rollback"]["undecided"]);
            if !flags.is_empty() {
                let asked = self.go_on("rollback", &[]).wait().exits(1);
                assert!(asked.err.contains("ROK0131"), "{}", asked.err);
            }
            self.go_on("rollback", &flags).wait();
        }
        panic!("it comes to no end: {}", self.summary());
    }

    /// What must be true of every run, however often it was killed.
    fn check(&self, summary: &Value) {
        assert_eq!(summary["phase"], "FAILED");
        let rollback = &summary["rollback"];
        assert_eq!(rollback["undone"], serde_json::json!(REVERSED));
        assert_eq!(rollback["nothing_to_undo"], serde_json::json!(["none"]));
        let states = summary["steps"].as_array().expect("a list of steps");
        let state = |id: &str| &states.iter().find(|step| step["id"] == id).expect(id)["state"];
        for id in ["a", "once", "each", "flaky", "z"] {
            assert_eq!(state(id), "compensated", "{id}");
        }
        assert_eq!(
            (state("none"), state("boom")),
            (&"succeeded".into(), &"failed".into())
        );
        self.bench.rok(["verify", RUN, "--sealed"]).exits(0);
        let refused = self.bench.rok(["resume", RUN]).exits(1);
        assert!(refused.err.contains("ROK0104"), "{}", refused.err);
        self.bench.rok(["rollback", RUN]).exits(1);
        self.check_effects();
        self.check_journal();
    }

    /// Every effect was undone once, in reverse order, under the step's key.
    fn check_effects(&self) {
        let undone: Vec<String> = self
            .effects()
            .into_iter()
            .filter(|line| line.contains("/compensate "))
            .collect();
        let expected = REVERSED.map(|id| {
            let how = match id {
                "a" => "undo-a",
                "each[0]" => "undo-1",
                "each[1]" => "undo-2",
                "flaky" => "undo-flaky",
                _ => "undo",
            };
            format!("{RUN}/0/{id}/compensate {how}")
        });
        assert_eq!(undone, expected);
    }

    fn check_journal(&self) {
        let journal = fs::read_to_string(self.bench.path().join("journal")).expect("a journal");
        assert!(!journal.contains("overlap"), "{journal}");
        let events = self.bench.events(RUN);
        let of_type = |event_type: &str| -> Vec<(String, u64)> {
            let found = events.iter().filter(|e| e["event_type"] == event_type);
            found
                .map(|event| {
                    let step = event["step_id"].as_str().expect("a step").to_owned();
                    (step, event["attempt"].as_u64().expect("a number"))
                })
                .collect()
        };
        let recorded: BTreeSet<(String, u64)> =
            of_type("step.compensation_started").into_iter().collect();
        let mut begun = BTreeSet::new();
        for line in journal.lines().filter(|line| line.ends_with(" 1")) {
            let words: Vec<&str> = line.split(' ').collect();
            let attempt = (words[2].to_owned(), words[3].parse().expect("a number"));
            assert!(recorded.contains(&attempt), "{line} began unrecorded");
            assert!(begun.insert(attempt), "{line} began twice");
        }
        let done = of_type("step.compensated");
        assert_eq!(done.len(), REVERSED.len());
        for (step, attempt) in done {
            let later = begun.iter().any(|(of, n)| *of == step && *n > attempt);
            assert!(!later, "{step} was undone again");
        }
    }
}

fn lines(log: &str) -> usize {
    log.matches('\n').count()
}

/// The lines at which decisions end: one write each.
fn decisions(log: &str) -> Vec<usize> {
    let ends = log.lines().enumerate();
    ends.filter(|(_, line)| !line.contains("\"more\":true"))
        .map(|(n, _)| n + 1)
        .collect()
}

/// The owner is killed when the log has so many lines; every third time the
/// next owner is killed too.
fn killed_at(case: &Case, mut owner: Live, n: usize) {
    if !owner.until(&case.log(), |log| lines(log) >= n) {
        return;
    }
    owner.kill();
    if n.is_multiple_of(3) {
        let more = case.lines() + n % 5 + 1;
        let mut owner = case.go_on("rollback", &[]);
        owner.until(&case.log(), |log| lines(log) >= more);
        owner.kill();
    }
}

#[rstest]
#[case::by_the_plan("rollback")]
#[case::by_a_person("stop")]
fn killed_at_every_event(#[case] on_failure: &str) {
    let case = Case::new(on_failure);
    case.run().wait().exits(1);
    let before = if on_failure == "stop" {
        case.lines()
    } else {
        0
    };
    let summary = case.finish();
    case.check(&summary);
    let log = fs::read_to_string(case.log()).expect("the run has a log");
    let at: Vec<usize> = decisions(&log)
        .into_iter()
        .filter(|n| *n > before)
        .collect();
    each(at.len(), |i| {
        let case = Case::new(on_failure);
        if on_failure == "stop" {
            case.run().wait().exits(1);
            // The second rollback, after the failing compensation, is killed
            // as the first one is.
            killed_at(&case, case.go_on("rollback", &[]), at[i]);
            case.bench.write("mended", "");
            killed_at(&case, case.go_on("rollback", &[]), at[i]);
        } else {
            killed_at(&case, case.run(), at[i]);
        }
        let summary = case.finish();
        case.check(&summary);
    });
}

/// One run whose owners are killed again and again.
#[test]
fn killed_again_and_again() {
    let case = Case::new("rollback");
    let mut owner = case.run();
    for more in 2.. {
        let enough = case.lines() + more;
        if !owner.until(&case.log(), |log| lines(log) >= enough) {
            break;
        }
        owner.kill();
        let sealed = case.summary()["sealed"] == true;
        owner = case.go_on(if sealed { "rollback" } else { "resume" }, &[]);
    }
    drop(owner);
    let summary = case.finish();
    case.check(&summary);
}

/// A policy file that lets nobody roll back, and then somebody.
#[test]
fn policies_decide_who_may() {
    let case = Case::new("stop");
    case.bench.write("mended", "");
    case.bench.write(
        "p.cedar",
        "permit (principal, action in [Action::\"run\", Action::\"complete\"], resource);\n\
         permit (principal, action == Action::\"rollback\", resource) \
         when { context has reason && context.reason == \"agreed\" };\n",
    );
    let rok = |args: &[&str]| -> Ran {
        let all = [args, &["--policies", "p.cedar"]].concat();
        case.bench.rok(all)
    };
    rok(&["run", "plan.yaml", "--run-id", RUN]).exits(1);
    rok(&["rollback", RUN, "--reason", "alone"]).exits(5);
    assert_eq!(case.effects().len(), 8, "nothing was undone");
    rok(&["rollback", RUN, "--reason", "agreed"]).exits(0);
    let events = case.bench.events(RUN);
    let asked: Vec<(&Value, &Value)> = events
        .iter()
        .filter(|e| e["data"]["action"] == "rollback")
        .map(|e| (&e["data"]["allowed"], &e["event_type"]))
        .collect();
    let evaluated = Value::from("policy.evaluated");
    let (no, yes) = (Value::from(false), Value::from(true));
    assert_eq!(asked, [(&no, &evaluated), (&yes, &evaluated)]);
    rok(&["verify", RUN, "--sealed"]).exits(0);
}

/// Where a policy asks for a role, a third person without one is refused in
/// words, and the run says who asked and what was said.
#[test]
fn a_third_person_needs_the_role() {
    let case = Case::new("stop");
    case.bench.write("mended", "");
    case.bench.write(
        "p.cedar",
        "permit (principal, action in [Action::\"run\", Action::\"complete\"], resource);\n\
         @id(\"operators-undo\") permit (principal in Role::\"operator\", action == Action::\"rollback\", resource);\n",
    );
    case.bench.write("rok.toml", "policies = [\"p.cedar\"]\n");
    let by = |user: &str, roles: &str| -> Ran {
        let mut command = case.bench.command(["rollback", RUN]);
        command.env("ROK_USER", user).env("ROK_ROLES", roles);
        Ran::from(command.output().expect("rok starts"))
    };
    let run = ["run", "plan.yaml", "--run-id", RUN];
    case.bench.rok(run).exits(1);
    let refused = by("eve", "").exits(5);
    let told = format!("{}{}", refused.out, refused.err);
    let why = format!("User::\"eve\" may not rollback Run::\"{RUN}\", since no policy permits it");
    assert!(told.contains(&why), "{told}");
    assert_eq!(case.effects().len(), 8, "nothing was undone");
    let summary = case.bench.rok(["summary", RUN]).exits(0).out;
    assert!(summary.contains(&why), "{summary}");
    by("eve", "viewer").exits(5);
    by("oda", "operator").exits(0);
    let ls = case
        .bench
        .rok(["ls", "--status", "rolled_back", "--json"])
        .json();
    assert_eq!(ls[0]["run_id"], RUN, "{ls}");
}

#[test]
fn what_cannot_be_rolled_back_says_why() {
    let bench = Bench::new();
    bench.write(
        "ok.yaml",
        "plan: ok\nsteps:\n  a: { run: 'true', compensate: { run: 'true' } }\n",
    );
    bench.write(
        "none.yaml",
        "plan: none\nsteps:\n  a: { run: 'true' }\n  b: { run: 'false', needs: [a] }\n",
    );
    bench.write(
        "held.yaml",
        "plan: held\nsteps:\n  a: { run: 'true', gate: manual, compensate: { run: 'true' } }\n",
    );
    bench.rok(["run", "ok.yaml", "--run-id", "ok"]).exits(0);
    bench.rok(["run", "none.yaml", "--run-id", "none"]).exits(1);
    bench.rok(["run", "held.yaml", "--run-id", "held"]).exits(1);
    for (run, why) in [
        ("ok", "it is COMPLETED: only a FAILED run is rolled back"),
        (
            "none",
            "there is nothing to undo: no step that succeeded has `compensate`",
        ),
        ("held", "it is EXECUTING, not FAILED"),
    ] {
        let events = bench.events(run).len();
        let refused = bench.rok(["rollback", run]).exits(1);
        assert!(refused.err.contains("error[ROK0131]"), "{}", refused.err);
        assert!(refused.err.contains(why), "{}", refused.err);
        assert_eq!(bench.events(run).len(), events, "a refusal wrote something");
    }
    let unknown = bench.rok(["rollback", "none", "--done", "x"]).exits(3);
    assert!(unknown.err.contains("ROK0111"), "{}", unknown.err);
}

/// That a failed step leaves what the plan expects of it undone is the same
/// failure: no protocol was violated, and undoing it by hand is done.
#[rstest]
#[case::by_the_plan("rollback")]
#[case::by_hand("stop")]
fn what_a_failed_step_owed_is_no_violation(#[case] on_failure: &str) {
    let bench = Bench::new();
    let plan = format!(
        "plan: owing\non_failure: {on_failure}\nexpect:\n  - {{ domain: steps, action: succeed, key: b }}\n  \
         - {{ domain: artifacts, action: emit, key: b.txt }}\nsteps:\n  \
         a: {{ run: 'true', compensate: {{ run: 'true' }} }}\n  \
         b: {{ run: 'false', needs: [a], artifacts: [{{ path: b.txt, required: true }}] }}\n"
    );
    bench.write("plan.yaml", &plan);
    let ran = bench
        .rok(["run", "plan.yaml", "--run-id", "owing", "--json"])
        .exits(1)
        .json();
    let missing = &ran["reconciliation"]["missing"];
    assert_eq!(missing.as_array().map(Vec::len), Some(2), "{ran}");
    if on_failure == "stop" {
        bench.rok(["rollback", "owing"]).exits(0);
    }
    let summary = bench.rok(["summary", "owing", "--json"]).exits(0).json();
    assert_eq!(summary["status"], "rolled_back");
}

/// A run whose time is up, or that is cancelled, is undone too; a second
/// cancellation stops the undoing.
#[test]
fn a_run_that_timed_out_is_undone() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: late\non_failure: rollback\nmax_duration: 1s\nsteps:\n  \
         a: { run: 'true', compensate: { run: 'echo undone' } }\n  b: { run: sleep 30, needs: [a], kill_grace: 0s }\n",
    );
    let summary = bench
        .rok(["run", "plan.yaml", "--run-id", "late", "--json"])
        .exits(1)
        .json();
    assert_eq!(
        (&summary["outcome"], &summary["status"]),
        (&"timed_out".into(), &"rolled_back".into())
    );
    let log = bench.rok(["logs", "late", "a", "--compensation"]).exits(0);
    assert_eq!(log.out, "undone\n");
}

#[test]
fn cancelling_twice_stops_the_undoing() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: twice\non_failure: rollback\nsteps:\n  \
         a: { run: 'true', compensate: { run: 'true' } }\n  \
         b: { run: 'true', needs: [a], compensate: { run: 'test -e go || exec sleep 60' }, kill_grace: 0s }\n  \
         c: { run: exec sleep 60, needs: [b], kill_grace: 0s }\n",
    );
    let mut owner = Live::start(bench.command(["run", "plan.yaml", "--run-id", "twice", "--json"]));
    let log = bench.runs().join("twice").join("events.jsonl");
    let has = |word: &'static str| move |log: &str| log.contains(word);
    assert!(owner.until(&log, has("\"step_id\":\"c\"")));
    bench
        .rok(["cancel", "twice", "--reason", "enough"])
        .exits(0);
    assert!(owner.until(&log, has("step.compensation_started")));
    bench
        .rok(["cancel", "twice", "--reason", "leave it"])
        .exits(0);
    let summary = owner.wait().exits(1).json();
    assert_eq!(summary["outcome"], "cancelled");
    assert_eq!(summary["rollback"]["state"], "incomplete");
    assert_eq!(
        summary["rollback"]["remaining"],
        serde_json::json!(["b", "a"])
    );
    bench.write("go", "");
    bench.rok(["rollback", "twice"]).exits(0);
    assert_eq!(
        bench.rok(["summary", "twice", "--json"]).json()["rollback"]["undone"],
        serde_json::json!(["b", "a"])
    );
}

/// What made the run fail stays said, and that something is left to undo.
#[test]
fn an_incomplete_rollback_is_told_with_its_cause_and_what_is_left() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: part\nsteps:\n  \
         a: { run: 'true', compensate: { run: 'test -e go || exit 65' } }\n  \
         b: { run: 'true', needs: [a], compensate: { run: 'true' } }\n  \
         ship: { run: 'echo the server says no >&2; exit 65', needs: [b] }\n",
    );
    bench.rok(["run", "plan.yaml", "--run-id", RUN]).exits(1);
    let told = |args: &[&str]| bench.rok(args).exits(0).out;
    let cause = "ship: exit code 65: the server says no";

    bench
        .rok(["rollback", RUN, "--reason", "clean up"])
        .exits(1);
    let left = "FAILED, ROLLBACK INCOMPLETE (not undone: a)";
    for command in ["status", "summary"] {
        let text = told(&[command, RUN]);
        assert!(text.contains(left) && text.contains(cause), "{text}");
    }
    assert!(told(&["ls"]).contains("failed, rollback incomplete"));
    let listed = bench.rok(["ls", "--json"]).json();
    assert_eq!(listed[0]["rollback"], "incomplete");

    let by_hand = ["rollback", RUN, "--done", "a", "--reason", "looked"];
    bench.rok(by_hand).exits(0);
    let text = told(&["summary", RUN]);
    assert!(
        text.contains(&format!("Error: {cause}; rolled back (")),
        "{text}"
    );
    assert!(
        text.contains("undone: b, a\n  of these by hand: a\n"),
        "{text}"
    );
    assert!(
        text.contains("Decision: rolled back by user:tester"),
        "{text}"
    );
    assert!(text.contains("Epoch: 2 (rolled back)"), "{text}");
    assert!(
        text.contains("(0 completed, 1 failed, 0 skipped, 2 undone)"),
        "{text}"
    );
    assert!(!told(&["ls"]).contains("incomplete"));
}
