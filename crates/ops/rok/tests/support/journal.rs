//! A plan of thirty steps that keep a journal outside the run folder: every
//! attempt says when it begins and ends, and whether another attempt of its
//! step is still alive.

use crate::support::Bench;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

/// What each step runs. An attempt and all that it starts hold a lock on the
/// step, so a lock that cannot be had is a process of another attempt.
const STEP: &str = r#"
name=$ROK_STEP_ID attempt=$ROK_ATTEMPT
say() { echo "$1 $name $attempt $2" >>"$HOME/journal"; }
exec 9>>"$HOME/$name.lock"
flock -n 9 || say overlap $$
say begin "$(date +%s%N)"
case $1 in
token) echo '{"token": "from the first step"}' >"$ROK_OUTPUT" ;;
last) echo "{\"heard\": \"$TOKEN\"}" >"$ROK_OUTPUT" ;;
flaky) [ -e "$HOME/$name.failed" ] || { : >"$HOME/$name.failed"; say end "$(date +%s%N)"; exit 75; } ;;
leaver) setsid sh -c 'sleep 100' & ;;
wrong) say end "$(date +%s%N)"; exit 65 ;;
blocked) setsid sh -c 'sleep 100' & read -r _ <"$HOME/fifo" ;;
esac
say end "$(date +%s%N)"
"#;

/// The run's id in every test.
pub(crate) const RUN: &str = "crashed";
/// Thirty steps: a hard gate, four branches at once, retries, an optional
/// failure with what depends on it and what comes after it, a step that cannot
/// be repeated, one that leaves a process behind, a person's decision, a fan,
/// and a last step that reads the first one's output.
pub(crate) fn plan() -> String {
    let mut plan = String::from("plan: thirty\nmax_parallel: 4\nmax_duration: 20s\nsteps:\n");
    let mut step = |id: &str, kind: &str, more: &str| {
        writeln!(
            plan,
            "  {id}: {{ run: [sh, step.sh, {kind}], timeout: 60s{more} }}"
        )
        .expect("a string takes everything");
    };
    step("first", "token", ", gate: hard");
    for (branch, length) in [("a", 6), ("b", 6)] {
        for n in 1..=length {
            let before = if n == 1 {
                "first".to_owned()
            } else {
                format!("{branch}{}", n - 1)
            };
            let (kind, more) = match (branch, n) {
                ("a", 3) => ("flaky", ", retry: { max: 3, base: 10ms, max_delay: 20ms }"),
                ("b", 3) => ("plain", ", idempotent: false"),
                ("b", 4) => ("leaver", ""),
                ("a", 5) => ("plain", ", gate: hard"),
                _ => ("plain", ""),
            };
            let needs = format!(", needs: [{before}]{more}");
            step(&format!("{branch}{n}"), kind, &needs);
        }
    }
    step("c1", "plain", ", needs: [first]");
    step("c2", "wrong", ", needs: [c1], required: false");
    step("c3", "plain", ", needs: [c2], required: false");
    step("c4", "plain", ", needs: [c1], after: [c2]");
    step("c5", "plain", ", needs: [c4], after: [c3]");
    for n in 1..=5 {
        step(&format!("d{n}"), "plain", ", needs: [first]");
    }
    step("join", "plain", ", needs: [a6, b6, c5, d1, d2, d3, d4, d5]");
    step("release", "plain", ", gate: manual, needs: [join]");
    for n in 1..=4 {
        step(&format!("e{n}"), "plain", ", needs: [release]");
    }
    let token = ", needs: [e1, e2, e3, e4], env: { TOKEN: \"${{ steps.first.outputs.token }}\" }";
    step("last", "last", token);
    plan
}

/// Lays a plan and the steps' script into a folder.
pub(crate) fn lay(bench: &Bench, plan: &str) {
    bench.write("plan.yaml", plan);
    bench.write("step.sh", STEP);
}

/// What a run came to, as far as it must not depend on crashes.
#[derive(Debug, PartialEq)]
pub(crate) struct End {
    /// COMPLETED or FAILED.
    pub(crate) phase: String,
    /// How execution ended.
    pub(crate) outcome: String,
    /// The states of all steps.
    pub(crate) steps: BTreeMap<String, String>,
    /// What the last step made of the first one's output.
    pub(crate) heard: Value,
}

impl End {
    /// Reads a summary.
    pub(crate) fn of(summary: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let steps = summary["steps"].as_array().expect("a list of steps");
        let last = steps.iter().find(|step| step["id"] == "last");
        Self {
            phase: text(&summary["phase"]),
            outcome: text(&summary["outcome"]),
            steps: steps
                .iter()
                .map(|step| (text(&step["id"]), text(&step["state"])))
                .collect(),
            heard: last
                .map(|step| step["outputs"]["heard"].clone())
                .unwrap_or_default(),
        }
    }
}

/// One attempt of one step.
pub(crate) type Attempt = (String, u64);

/// What the steps wrote down.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Attempts in the order in which they began.
    pub(crate) begun: Vec<Attempt>,
    /// Attempts that met another one of their step.
    pub(crate) overlaps: Vec<String>,
}

impl Journal {
    /// Reads it from the folder that the steps had as HOME.
    pub(crate) fn of(home: &Path) -> Self {
        let text = fs::read_to_string(home.join("journal")).unwrap_or_default();
        let mut journal = Self::default();
        for line in text.lines() {
            let mut words = line.split(' ').map(str::to_owned);
            let mut next = || words.next().unwrap_or_default();
            let (word, step, attempt) = (next(), next(), next());
            match word.as_str() {
                "begin" => {
                    let attempt = attempt.parse().expect("an attempt is a number");
                    journal.begun.push((step, attempt));
                }
                "overlap" => journal.overlaps.push(line.to_owned()),
                _ => {}
            }
        }
        journal
    }
}

/// The attempts of which the log says `event_type`.
pub(crate) fn attempts(events: &[Value], event_type: &str) -> BTreeSet<Attempt> {
    let of_type = events
        .iter()
        .filter(|event| event["event_type"] == event_type);
    of_type
        .map(|event| {
            let step = event["step_id"].as_str().unwrap_or_default().to_owned();
            (step, event["attempt"].as_u64().unwrap_or_default())
        })
        .collect()
}

/// The attempts with which steps were finished, well or badly.
pub(crate) fn ended(events: &[Value]) -> BTreeSet<Attempt> {
    let failed = events.iter().filter(|event| event["data"]["final"] == true);
    let failed: Vec<Value> = failed.cloned().collect();
    let mut ended = attempts(&failed, "step.failed");
    ended.extend(attempts(events, "step.succeeded"));
    ended
}

/// Whether a lock on each step can be had: nothing of any attempt is alive.
pub(crate) fn alive(home: &Path) -> Vec<String> {
    let mut held = Vec::new();
    for entry in fs::read_dir(home).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "lock") {
            let file = fs::File::open(&path).expect("the lock is a file");
            if file.try_lock().is_err() {
                held.push(path.display().to_string());
            }
        }
    }
    held
}
