//! `verify` on runs that were changed: it finds what is wrong, names where,
//! and writes nothing. `resume` goes on from no such log.

mod support;

#[path = "support/copy.rs"]
mod copy;

use copy::copy;
use rok_chain::{ChainHash, Seal, verify_log};
use rok_vocabulary::RunId;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use support::{Bench, Ran};

const RUN: &str = "judged";
const PLAN: &str = r#"
plan: judged
max_parallel: 1
steps:
  make:
    run: 'echo "{\"n\": 7}" > "$ROK_OUTPUT"; echo data > "$ROK_ARTIFACTS/data.txt"'
    artifacts: [{ path: data.txt, required: true }]
  gate: { run: "true", gate: manual, needs: [make] }
  end: { run: "true", needs: [gate] }
"#;

/// A run folder that a test may spoil.
struct Spoiled {
    bench: Bench,
}

/// A run that waits for a person: its log is open.
fn held() -> Spoiled {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.rok(["run", "plan.yaml", "--run-id", RUN]).exits(1);
    Spoiled { bench }
}

/// A run that is COMPLETED and sealed.
fn sealed() -> Spoiled {
    let run = held();
    let decide = ["approve", RUN, "gate", "--reason", "seen"];
    run.bench.rok(decide).exits(0);
    run.bench.rok(["resume", RUN]).exits(0);
    run
}

impl Spoiled {
    fn again(&self) -> Self {
        let bench = Bench::new();
        copy(&self.folder(), &bench.runs().join(RUN));
        Self { bench }
    }

    fn folder(&self) -> PathBuf {
        self.bench.runs().join(RUN)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.folder().join(name)).expect("it is there")
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.folder().join(name), bytes).expect("it is ours");
    }

    fn log(&self) -> Vec<u8> {
        self.read("events.jsonl")
    }

    fn lines(&self) -> Vec<String> {
        let log = String::from_utf8(self.log()).expect("a log is UTF-8");
        log.lines().map(str::to_owned).collect()
    }

    fn write_lines(&self, lines: &[String]) {
        self.write("events.jsonl", lines.join("\n") + "\n");
    }

    /// Verifies, and sees that nothing was written.
    fn verify(&self, args: &[&str]) -> Ran {
        let before = snapshot(self.bench.path());
        let args = [&["verify", RUN, "--json"], args].concat();
        let ran = self.bench.rok(args);
        assert!(snapshot(self.bench.path()) == before, "verify wrote");
        ran
    }

    /// What is wrong, first.
    #[track_caller]
    fn fault(&self) -> Value {
        let report = self.verify(&[]).exits(4).json();
        assert_eq!(report["verdict"], "broken");
        report["faults"][0].clone()
    }

    /// What is wrong is on one of these lines (from 1) of the log.
    #[track_caller]
    fn wrong_at(&self, lines: &[usize]) {
        let fault = self.fault();
        assert_eq!(fault["file"], "events.jsonl", "{fault}");
        let line = fault["line"].as_u64().expect("a line") as usize;
        assert!(lines.contains(&line), "{fault}, expected {lines:?}");
    }

    /// No driver goes on from this log, and none changes it.
    #[track_caller]
    fn no_driver_goes_on(&self) -> String {
        let log = self.log();
        let ran = self.bench.rok(["resume", RUN]).exits(4);
        assert!(self.log() == log, "a log that is broken was changed");
        ran.err
    }
}

/// Every file below a folder: when it was changed, its size and content.
fn snapshot(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, Vec<u8>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, metadata) = (entry.path(), entry.metadata().expect("it is there"));
            let changed = metadata.modified().expect("files have times");
            if metadata.is_dir() {
                folders.push(path.clone());
                found.insert(path, (changed, Vec::new()));
            } else {
                let content = fs::read(&path).expect("it is readable");
                found.insert(path, (changed, content));
            }
        }
    }
    found
}

/// The line (from 1) that a byte of a log is on.
fn line_of(log: &[u8], byte: usize) -> usize {
    log[..byte].split(|b| *b == b'\n').count()
}

/// Where a flipped byte may be noticed: in its line, or, where it is the chain
/// that was changed, in the line that the chain vouches for.
fn noticed(log: &[u8], byte: usize) -> Vec<usize> {
    let line = line_of(log, byte);
    let ends_line = log[byte] == b'\n';
    let in_chain = !ends_line && {
        let end = log[byte..].iter().position(|b| *b == b'\n').unwrap_or(0);
        end < r#""chain":"0123456789abcdef"}"#.len()
    };
    if in_chain && line > 1 {
        vec![line - 1, line]
    } else {
        vec![line]
    }
}

#[test]
fn a_sealed_run_is_intact_and_stays_untouched() {
    let run = sealed();
    let report = run.verify(&["--sealed"]).exits(0).json();
    assert_eq!(report["verdict"], "intact");
    assert_eq!(report["lines"], run.lines().len());
    assert_eq!(report["phase"], "COMPLETED");
    assert_eq!(report["artifacts"], 1);
    assert_eq!(report["faults"], json!([]));
    let seal: Value = serde_json::from_slice(&run.read("seal.json")).expect("a seal");
    assert_eq!(report["head"], seal["head"]);
}

#[test]
fn every_flipped_byte_is_found_in_its_line() {
    let run = sealed();
    let id: RunId = RUN.parse().expect("a run id");
    let seal = Seal::from_json(&run.read("seal.json")).expect("a seal");
    let log = run.log();
    for byte in 0..log.len() {
        let mut changed = log.clone();
        changed[byte] ^= 1 << (byte % 8);
        let report = verify_log(&id, &changed, Some(&seal));
        let fault = report.fault.expect("every byte is proved");
        let expected = noticed(&log, byte);
        let line = fault.line as usize;
        assert!(
            expected.contains(&line),
            "byte {byte}: {fault}, expected {expected:?}"
        );
    }
}

#[test]
fn verify_names_the_line_of_a_flipped_byte() {
    let run = sealed();
    let log = run.log();
    let starts: Vec<usize> = std::iter::once(0)
        .chain(
            log.iter()
                .enumerate()
                .filter(|(_, b)| **b == b'\n')
                .map(|(n, _)| n + 1),
        )
        .filter(|at| *at < log.len())
        .collect();
    // Each line's first byte and one within; every 8th byte of the last line.
    let within = starts.iter().map(|at| at + 40);
    let last = (*starts.last().expect("lines")..log.len()).step_by(8);
    for byte in starts.iter().copied().chain(within).chain(last) {
        let mut changed = log.clone();
        changed[byte] ^= 2;
        run.write("events.jsonl", &changed);
        run.wrong_at(&noticed(&log, byte));
    }
    run.write("events.jsonl", &log[..log.len() - 1]);
    run.wrong_at(&[starts.len()]);
    run.no_driver_goes_on();
}

#[test]
fn a_removed_a_swapped_and_a_doubled_line_are_found() {
    let run = sealed();
    let lines = run.lines();
    for n in 0..lines.len() {
        let mut removed = lines.clone();
        removed.remove(n);
        run.write_lines(&removed);
        run.wrong_at(&[n + 1]);
    }
    for n in (0..lines.len() - 1).step_by(3) {
        let mut swapped = lines.clone();
        swapped.swap(n, n + 1);
        run.write_lines(&swapped);
        run.wrong_at(&[n + 1]);
        let mut doubled = lines.clone();
        doubled.insert(n, lines[n].clone());
        run.write_lines(&doubled);
        run.wrong_at(&[n + 2]);
    }
    run.no_driver_goes_on();
}

#[test]
fn a_cut_of_a_sealed_log_is_found() {
    let run = sealed();
    let log = run.log();
    let ends: Vec<usize> = log
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == b'\n')
        .map(|(n, _)| n + 1)
        .collect();
    for cut in ends
        .iter()
        .rev()
        .skip(1)
        .step_by(3)
        .copied()
        .chain([0, 1, ends[0] + 7])
    {
        run.write("events.jsonl", &log[..cut]);
        let fault = run.fault();
        assert_eq!(fault["file"], "events.jsonl", "{fault}");
        // The first line that is missing: whole decisions are what there is.
        let line = fault["line"].as_u64().expect("a line") as usize;
        assert!(line <= line_of(&log, cut), "{fault} for a cut at {cut}");
    }
    run.no_driver_goes_on();
}

#[test]
fn the_seal_vouches_for_the_log_and_the_log_for_the_seal() {
    let run = sealed();
    let seal = run.read("seal.json");
    for byte in (0..seal.len()).step_by(5) {
        let mut changed = seal.clone();
        changed[byte] ^= 1;
        run.write("seal.json", &changed);
        run.fault();
    }
    let mut other: Value = serde_json::from_slice(&seal).expect("a seal");
    for (field, value) in [
        ("phase", json!("FAILED")),
        ("outcome", json!("partial")),
        ("epoch", json!(1)),
        ("seq", json!(3)),
    ] {
        let before = other[field].take();
        other[field] = value;
        run.write("seal.json", other.to_string());
        run.fault();
        other[field] = before;
    }
    run.write("seal.json", b"");
    run.fault();
    // A crash leaves a sealed log without its seal; that is said.
    fs::remove_file(run.folder().join("seal.json")).expect("it is there");
    let report = run.verify(&[]).exits(0).json();
    assert!(
        report["notes"].to_string().contains("seal.json is missing"),
        "{report}"
    );
}

#[test]
fn plan_and_artifacts_are_what_the_log_says() {
    let run = sealed();
    let (plan, log) = (run.read("plan.json"), run.log());
    for byte in [0, plan.len() / 2, plan.len() - 1] {
        let mut changed = plan.clone();
        changed[byte] ^= 1;
        run.write("plan.json", &changed);
        assert_eq!(run.fault()["file"], "plan.json");
    }
    run.write("plan.json", [&plan[..], b"\n"].concat());
    assert_eq!(run.fault()["file"], "plan.json");
    fs::remove_file(run.folder().join("plan.json")).expect("it is there");
    assert_eq!(run.fault()["file"], "plan.json");
    run.write("plan.json", &plan);

    let artifact = run.read("artifacts/data.txt");
    for changed in [&b"dat4\n"[..], b"data", b"data\n\n", b""] {
        run.write("artifacts/data.txt", changed);
        let fault = run.fault();
        assert_eq!(fault["file"], "data.txt");
        assert!(fault["what"].to_string().contains("`make`"), "{fault}");
    }
    fs::remove_file(run.folder().join("artifacts/data.txt")).expect("it is there");
    assert_eq!(run.fault()["file"], "data.txt");
    run.write("artifacts/data.txt", &artifact);
    run.verify(&["--sealed"]).exits(0);

    // A folder whose log is of another run is not that run's.
    fs::rename(run.folder(), run.bench.runs().join("other")).expect("it is ours");
    assert_eq!(
        fs::read(run.bench.runs().join("other/events.jsonl")).ok(),
        Some(log)
    );
    run.bench.rok(["verify", "other"]).exits(4);
}

#[test]
fn an_open_log_says_that_it_is_open() {
    let run = held();
    let lines = run.lines();
    let report = run.verify(&[]).exits(0).json();
    assert_eq!(report["verdict"], "open");
    assert_eq!(report["lines"], lines.len());
    assert_eq!(run.verify(&["--sealed"]).exits(4).json()["verdict"], "open");
    let human = run.bench.rok(["verify", RUN]).exits(0).out;
    assert!(
        human.contains(&format!("intact to line {}", lines.len())),
        "{human}"
    );

    // A cut between decisions cannot be told from a crash.
    let ends = |line: &String| !line.contains("\"more\":true");
    let decision = lines[..lines.len() - 1]
        .iter()
        .rposition(ends)
        .expect("decisions")
        + 1;
    run.write_lines(&lines[..decision]);
    let report = run.verify(&[]).exits(0).json();
    assert_eq!(
        (&report["verdict"], &report["lines"]),
        (&json!("open"), &json!(decision))
    );
    // Within the log, an open one is proved like a sealed one.
    let mut changed = lines.clone();
    changed[3] = changed[3].replacen("5000", "5001", 1);
    run.write_lines(&changed);
    run.wrong_at(&[4]);
    run.no_driver_goes_on();
}

/// The last decision of a held run has several lines: the step that succeeded,
/// the gate that waits, the hold.
#[test]
fn a_torn_decision_is_repaired_as_a_whole() {
    let origin = held();
    let (log, lines) = (origin.log(), origin.lines());
    let open = |line: &&String| line.contains("\"more\":true");
    let torn_lines = lines[..lines.len() - 1]
        .iter()
        .rev()
        .take_while(open)
        .count();
    assert!(torn_lines >= 2);
    let kept: usize = lines[..lines.len() - 1 - torn_lines]
        .iter()
        .map(|l| l.len() + 1)
        .sum();
    let mut tails: Vec<Vec<u8>> = (kept + 1..log.len())
        .step_by((log.len() - kept) / 6)
        .map(|cut| log[kept..cut].to_vec())
        .collect();
    // The last line without its newline, and what a file system may leave.
    tails.push(log[kept..log.len() - 1].to_vec());
    tails.push(vec![0; 300]);
    for tail in tails {
        let run = origin.again();
        run.write("events.jsonl", [&log[..kept], &tail].concat());
        let report = run.verify(&[]).exits(0).json();
        assert_eq!(report["verdict"], "open");
        let told = format!("unfinished decision of {} bytes", tail.len());
        assert!(report["notes"].to_string().contains(&told), "{report}");
        run.bench.rok(["resume", RUN]).exits(1);
        let after = run.log();
        assert!(after.starts_with(&log[..kept]));
        let events = run.bench.events(RUN);
        let repair = &events[lines.len() - 1 - torn_lines];
        assert_eq!(repair["event_type"], "log.repaired");
        assert_eq!(repair["data"]["dropped_bytes"], tail.len());
        run.verify(&[]).exits(0);
    }
}

/// Chains lines anew, as someone does who wants a changed log to look whole,
/// and seals the result: only replay can tell.
fn forge(run: &Spoiled, lines: &[Value]) {
    let id: RunId = RUN.parse().expect("a run id");
    let mut head = ChainHash::genesis(&id);
    let mut log = Vec::new();
    let mut seal = None;
    for (seq, event) in lines.iter().enumerate() {
        let mut event = event.clone();
        event["seq"] = json!(seq);
        event["event_id"] = json!(format!("{RUN}:{seq}"));
        if event.get("log_hash").is_some() {
            event["log_hash"] = json!(head.to_hex());
        }
        if seq > 0 {
            event["chain"] = json!(head.short_str());
        }
        let line = event.to_string();
        head = head.next(line.as_bytes());
        log.extend_from_slice(line.as_bytes());
        log.push(b'\n');
        if event["event_type"] == "run.sealed" {
            seal = Some(Seal::from_log(&log, rok_vocabulary::Seq(seq as u64), head));
        }
    }
    run.write("events.jsonl", log);
    let _ = fs::remove_file(run.folder().join("seal.json"));
    if let Some(seal) = seal {
        run.write("seal.json", seal.expect("it is sealed").to_json());
    }
}

fn parsed(run: &Spoiled) -> Vec<Value> {
    run.lines()
        .iter()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect()
}

fn place(events: &[Value], fits: impl Fn(&Value) -> bool) -> usize {
    events.iter().position(fits).expect("it is in the log")
}

fn is_type(event_type: &'static str) -> impl Fn(&Value) -> bool {
    move |event| event["event_type"] == event_type
}

#[test]
fn a_log_that_is_chained_anew_without_a_lie_is_accepted() {
    let run = sealed();
    let events = parsed(&run);
    forge(&run, &events);
    run.verify(&["--sealed"]).exits(0);
}

/// Each forged log is chained and sealed without a flaw; what it claims does
/// not follow from its own events.
#[test]
fn a_claim_that_the_events_do_not_give_is_refused() {
    type Change = fn(&mut Vec<Value>) -> usize;
    let forgeries: [(&str, Change); 10] = [
        ("a reconciliation without one of its acks", |events| {
            let ack = place(events, |event| {
                event["data"]["duty"] == "incidents/create_incident"
            });
            events.remove(ack);
            place(events, is_type("audit.reconciled"))
        }),
        ("a reconciliation with other counts", |events| {
            let at = place(events, is_type("audit.reconciled"));
            events[at]["data"]["result"]["acked"] = json!(5);
            at
        }),
        ("a clean reconciliation of a failed ack", |events| {
            let ack = place(events, |event| {
                event["data"]["duty"] == "logs/complete_trace"
            });
            let data = events[ack]["data"].as_object_mut().expect("data");
            data.remove("result_id");
            data.remove("record");
            data.extend([
                ("status".to_owned(), json!("FAILED")),
                ("error".to_owned(), json!("no")),
                ("error_kind".to_owned(), json!("refused")),
            ]);
            // Its id is of another status; so the ack itself may be refused.
            ack
        }),
        ("a finalization without its reconciliation", |events| {
            let at = place(events, is_type("audit.reconciled"));
            events.remove(at);
            at
        }),
        ("a completion without the final reconciliation", |events| {
            let at = events
                .iter()
                .rposition(is_type("audit.reconciled"))
                .expect("it is there");
            events.remove(at);
            at
        }),
        ("a phase that is left out", |events| {
            let at = place(events, |event| event["new_state"] == "GOVERNANCE_CHECK");
            events.remove(at);
            at
        }),
        ("a step that succeeds without having run", |events| {
            let at = place(events, |event| {
                event["event_type"] == "step.started" && event["step_id"] == "end"
            });
            // The decision before it ends with the step now.
            events.remove(at);
            at
        }),
        ("a gate that nobody opened", |events| {
            let at = place(events, is_type("gate.approved"));
            events.remove(at);
            at
        }),
        ("a total that is not the steps'", |events| {
            let at = place(events, is_type("run.completed"));
            events[at]["data"]["steps"]["succeeded"] = json!(2);
            at
        }),
        ("a seal of another outcome", |events| {
            let at = place(events, is_type("run.sealed"));
            events[at]["data"]["outcome"] = json!("partial");
            at
        }),
    ];
    let origin = sealed();
    for (what, change) in forgeries {
        let run = origin.again();
        let mut events = parsed(&run);
        let at = change(&mut events);
        forge(&run, &events);
        let report = run.verify(&[]);
        assert_eq!(report.code, 4, "{what}: {}", report.out);
        let fault = &report.json()["faults"][0];
        let line = fault["line"].as_u64().unwrap_or_default() as usize;
        assert!(line > at, "{what}: {fault} is before line {}", at + 1);
        run.no_driver_goes_on();
        for command in ["summary", "explain"] {
            assert_ne!(run.bench.rok([command, RUN]).code, 0, "{command} of {what}");
        }
    }
}

#[test]
fn what_follows_a_seal_must_be_allowed_there() {
    let origin = sealed();
    let mut foreign = vec![
        "{\"note\":\"mine\"}".to_owned(),
        String::new(),
        "x".to_owned(),
    ];
    foreign.push(origin.lines()[11].clone());
    for line in foreign {
        let run = origin.again();
        let lines = [origin.lines(), vec![line]].concat();
        run.write_lines(&lines);
        run.wrong_at(&[lines.len() - 1, lines.len()]);
        run.no_driver_goes_on();
    }
    // An event that fits the chain, of a type that has no place there.
    let run = origin.again();
    let mut events = parsed(&run);
    let started = events[place(&events, is_type("step.started"))].clone();
    events.push(started);
    forge(&run, &events);
    run.write("seal.json", {
        let mut seal: Value = serde_json::from_slice(&run.read("seal.json")).expect("a seal");
        seal["seq"] = json!(events.len() - 2);
        seal.to_string()
    });
    run.wrong_at(&[events.len()]);
    run.no_driver_goes_on();
}

#[test]
fn what_is_unknown_is_shown_and_not_driven() {
    type Change = fn(&mut Vec<Value>) -> usize;
    let unknown: [(&str, Change); 3] = [
        ("step.teleported", |events| {
            let at = place(events, is_type("step.started"));
            events[at]["event_type"] = json!("step.teleported");
            at
        }),
        ("unknown log schema 99", |events| {
            events[0]["data"]["schema"] = json!(99);
            0
        }),
        ("step.teleported", |events| {
            let mut last = events.last().expect("events").clone();
            last["event_type"] = json!("step.teleported");
            events.push(last);
            events.len() - 1
        }),
    ];
    let origin = held();
    for (what, change) in unknown {
        let run = origin.again();
        let mut events = parsed(&run);
        let at = change(&mut events);
        forge(&run, &events);
        let fault = run.fault();
        assert!(fault["what"].to_string().contains(what), "{fault}");
        assert_eq!(fault["line"], at + 1, "{fault}");
        let told = run.no_driver_goes_on();
        assert!(told.contains(what), "{told}");
        let decide = ["approve", RUN, "gate", "--reason", "blind"];
        run.bench.rok(decide).exits(4);
        // A viewer shows it, byte for byte, and says that it cannot be believed.
        let shown = run.bench.rok(["events", RUN, "--json"]).exits(4).out;
        let line = &run.lines()[at];
        assert!(shown.lines().any(|shown| shown == line), "{shown}");
        let human = run.bench.rok(["events", RUN]).exits(4).out;
        let event_type = events[at]["event_type"].as_str().expect("a type");
        assert!(human.contains(event_type), "{human}");
    }
}

/// A writer that died after the seal, in a late ack or a resume.
#[test]
fn a_torn_end_of_a_closed_run_is_repaired_with_an_event() {
    let run = sealed();
    let (log, sealed) = (run.log(), run.lines().len());
    run.write("events.jsonl", [&log[..], b"{\"event_id\":\"jud"].concat());
    run.wrong_at(&[sealed + 1]);
    assert!(run.fault()["what"].to_string().contains("16 bytes"));
    let refused = run.bench.rok(["resume", RUN]).exits(1);
    assert!(refused.err.contains("it is COMPLETED"), "{}", refused.err);
    let events = run.bench.events(RUN);
    assert_eq!(events.len(), sealed + 2);
    assert_eq!(events[sealed]["event_type"], "log.repaired");
    assert_eq!(events[sealed]["data"]["dropped_bytes"], 16);
    assert_eq!(events[sealed + 1]["event_type"], "run.sealed");
    run.verify(&["--sealed"]).exits(0);
    run.bench.rok(["resume", RUN]).exits(1);
    assert_eq!(run.lines().len(), sealed + 2, "once is enough");
}

/// What follows a seal is no part of what was closed, whatever it looks like,
/// and such a run is handed to nobody.
#[test]
fn what_follows_a_seal_is_a_fault() {
    let origin = sealed();
    let (log, lines) = (origin.log(), origin.lines().len());
    for tail in [
        &b"{\"se"[..],
        b"x",
        b"\n",
        b"\0\0\0",
        b"{\"more\":true}\n",
        b"{}\n",
    ] {
        let run = origin.again();
        run.write("events.jsonl", [&log[..], tail].concat());
        run.wrong_at(&[lines + 1]);
        run.verify(&["--sealed"]).exits(4);
        let exported = run.bench.rok(["export", RUN, "-o", "r.tar.zst"]);
        assert!(exported.err.contains("ROK0143"), "{}", exported.err);
        assert!(!run.bench.path().join("r.tar.zst").exists());
    }
    origin
        .bench
        .rok(["export", RUN, "-o", "r.tar.zst"])
        .exits(0);
}

/// A log that is refused is left as it is, its torn end too.
#[test]
fn a_torn_log_that_cannot_be_driven_is_not_repaired() {
    let run = held();
    let mut events = parsed(&run);
    let at = place(&events, is_type("step.started"));
    events[at]["event_type"] = json!("step.teleported");
    forge(&run, &events);
    run.write("events.jsonl", [&run.log()[..], b"{\"event_id\""].concat());
    run.no_driver_goes_on();
    let log = run.log();
    run.bench.rok(["cancel", RUN]).exits(4);
    assert!(run.log() == log, "a log that is broken was changed");
}

#[test]
fn an_outcome_that_the_steps_do_not_give_is_refused() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: judged\nsteps:\n  bad: { run: \"false\" }\n  good: { run: \"true\" }\n",
    );
    bench.rok(["run", "plan.yaml", "--run-id", RUN]).exits(1);
    let run = Spoiled { bench };
    let mut events = parsed(&run);
    let over = place(&events, |event| event["new_state"] == "GOVERNANCE_CHECK");
    events[over]["data"]["outcome"] = json!("succeeded");
    for event in &mut events[over..] {
        let fields = event.as_object_mut().expect("an event");
        fields.remove("error_class");
        fields.remove("reason");
        if fields.get("new_state") == Some(&json!("FAILED")) {
            fields.insert("new_state".into(), json!("COMPLETED"));
            fields["data"]["outcome"] = json!("succeeded");
            fields["data"]["input"] = json!("published");
        }
        if matches!(
            fields["event_type"].as_str(),
            Some("run.completed" | "run.sealed")
        ) {
            fields["data"]["phase"] = json!("COMPLETED");
            fields["data"]["outcome"] = json!("succeeded");
        }
        if fields["data"]["duty"] == "orchestrator/finalize_run" {
            fields["data"]["record"]["outcome"] = json!("succeeded");
        }
    }
    forge(&run, &events);
    run.wrong_at(&[over + 1]);
    run.no_driver_goes_on();
}
