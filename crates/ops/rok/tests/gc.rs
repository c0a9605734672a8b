//! Retention through the real binary: what the rules name becomes a stub that
//! verifies, what must stay stays, and a kill leaves a run or a stub.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use support::{Bench, Ran};

const PLAN: &str = r#"plan: p
inputs: { text: { type: string } }
steps:
  make:
    run: echo ${{ inputs.text }} | tee out.txt; echo same > same.txt; echo own > "$ROK_ARTIFACTS/own"
    artifacts: [{ path: "*.txt", required: true }, { path: own, required: true }]
"#;

/// A `rok` in the background, killed when it is dropped.
struct Live(Child);

impl Live {
    fn start(mut command: Command) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    fn ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A folder with the closed runs `a`, `b` and `c`, oldest first.
fn house() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    for run in ["a", "b", "c"] {
        one(&bench, run).exits(0);
    }
    bench
}

fn one(bench: &Bench, run: &str) -> Ran {
    let input = format!("text={run}");
    bench.rok(["run", "plan.yaml", "--run-id", run, "-i", &input])
}

fn gc(bench: &Bench, rules: &[&str]) -> Value {
    let args = ["gc", "--json"].into_iter().chain(rules.iter().copied());
    bench.rok(args).exits(0).json()
}

/// The runs that a report says were collected.
fn collected(report: &Value) -> Vec<&str> {
    let runs = report["collected"].as_array().unwrap().iter();
    runs.map(|run| run["run_id"].as_str().unwrap()).collect()
}

fn kept(report: &Value) -> Vec<(&str, &str)> {
    let runs = report["kept"].as_array().unwrap().iter();
    runs.map(|run| {
        (
            run["run_id"].as_str().unwrap(),
            run["why"].as_str().unwrap(),
        )
    })
    .collect()
}

fn contents(bench: &Bench) -> BTreeSet<PathBuf> {
    let shards = fs::read_dir(bench.runs().join(".cas~/sha256"))
        .into_iter()
        .flatten()
        .flatten();
    let files = shards.flat_map(|shard| fs::read_dir(shard.path()).unwrap().flatten());
    files.map(|file| file.path()).collect()
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect()
}

#[test]
fn what_is_not_among_the_newest_becomes_a_stub_that_verifies() {
    let bench = house();
    let head = bench.rok(["verify", "a", "--json"]).exits(0).json()["head"].clone();
    assert_eq!(contents(&bench).len(), 5, "a, b, c, same, own");
    let dry = gc(&bench, &["--keep", "1", "--dry-run"]);
    assert_eq!(
        (collected(&dry), &dry["contents"]),
        (vec!["a", "b"], &json!(2))
    );
    assert_eq!(contents(&bench).len(), 5, "a dry run changes nothing");
    bench.rok(["verify", "a"]).exits(0);

    let done = gc(&bench, &["--keep", "1"]);
    assert_eq!(collected(&done), ["a", "b"]);
    assert_eq!(
        (&done["contents"], &done["freed_bytes"]),
        (&dry["contents"], &dry["freed_bytes"])
    );
    assert_eq!(contents(&bench).len(), 3, "what `c` names stays");
    let left: BTreeSet<String> = ["lock", "seal.json", "stub.json"].map(str::to_owned).into();
    assert_eq!(names(&bench.runs().join("a")), left);

    let stub = bench
        .rok(["verify", "a", "--sealed", "--json"])
        .exits(0)
        .json();
    assert_eq!(
        (&stub["verdict"], &stub["head"], &stub["phase"]),
        (&json!("collected"), &head, &json!("COMPLETED"))
    );
    let shown = bench.rok(["verify", "a"]).exits(0).out;
    assert!(
        shown.starts_with("✓ STUB: head matches seal, content collected on 20"),
        "{shown}"
    );
    assert!(
        shown.contains("by user:tester (not among the newest 1)"),
        "{shown}"
    );
    let listed = bench.rok(["ls"]).exits(0).out;
    assert_eq!(
        listed.matches("COLLECTED").count() + listed.matches("collected").count(),
        2,
        "{listed}"
    );
    for command in [
        ["summary", "a"],
        ["resume", "a"],
        ["export", "a"],
        ["explain", "a"],
    ] {
        let more: &[&str] = if command[0] == "export" {
            &["-o", "a.tar.zst"]
        } else {
            &[]
        };
        let ran = bench.rok(command.iter().chain(more));
        assert!(ran.err.contains("ROK0160"), "{command:?}: {}", ran.err);
        assert_ne!(ran.code, 0);
    }
    bench.rok(["verify", "c", "--sealed"]).exits(0);
    let again = gc(&bench, &["--keep", "1"]);
    assert_eq!(
        (collected(&again), &again["freed_bytes"]),
        (vec![], &json!(0))
    );
}

/// No run leaves the totals when it is collected.
#[test]
fn collected_runs_count_in_the_metrics() {
    let bench = house();
    let count = |line: &str| {
        let text = bench.rok(["metrics"]).exits(0).out;
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    };
    count("rok_steps_total{state=\"succeeded\"} 3");
    gc(&bench, &["--keep", "1"]);
    count("rok_runs_by_status{status=\"collected\"} 2");
    count("rok_runs_by_status{status=\"succeeded\"} 1");
    count("rok_runs_total{outcome=\"succeeded\"} 3");
    count("rok_run_duration_seconds_count{outcome=\"succeeded\",plan=\"p\"} 3");
    count("rok_steps_total{state=\"succeeded\"} 1");
}

/// Of each run that is kept it is told once why.
#[test]
fn a_run_that_cannot_be_read_is_named_once() {
    let bench = house();
    fs::write(bench.runs().join("a/events.jsonl"), "no event\n").unwrap();
    let report = gc(&bench, &["--older-than", "0s"]);
    let kept = report["kept"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "{report}");
    assert_eq!(kept[0]["run_id"], "a");
    let why = kept[0]["why"].as_str().unwrap();
    assert!(why.starts_with("it cannot be read: "), "{why}");
    assert_eq!(report["collected"].as_array().unwrap().len(), 2);
}

/// A kill between the last line and seal.json leaves it missing: resuming a
/// closed run writes it, and says so though there is nothing to resume.
#[test]
fn a_missing_seal_is_written_again_when_the_run_is_taken_over() {
    let bench = house();
    let seal = bench.runs().join("a/seal.json");
    let before = fs::read_to_string(&seal).unwrap();
    fs::remove_file(&seal).unwrap();
    let told = bench.rok(["verify", "a"]).exits(0).out;
    assert!(
        told.contains("`rok resume` and `rok gc` write it again"),
        "{told}"
    );
    let refused = bench.rok(["resume", "a"]).exits(1).err;
    assert!(refused.contains("ROK0104"), "{refused}");
    assert!(refused.contains("is written again"), "{refused}");
    assert_eq!(fs::read_to_string(&seal).unwrap(), before);
    let told = bench.rok(["verify", "a"]).exits(0).out;
    assert!(!told.contains("seal.json"), "{told}");
}

/// Collecting writes it, too: a failed run would begin anew by being resumed.
#[test]
fn a_run_without_its_seal_is_collected_with_it() {
    let bench = house();
    bench.write("bad.yaml", "plan: bad\nsteps: { a: { run: 'exit 3' } }\n");
    bench.rok(["run", "bad.yaml", "--run-id", "f"]).exits(1);
    bench.rok(["resume", "f"]).exits(1);
    // That of an earlier epoch is no better than none.
    let old = fs::read_to_string(bench.runs().join("f/seal.json")).unwrap();
    bench.rok(["resume", "f"]).exits(1);
    for run in ["a", "b"] {
        fs::remove_file(bench.runs().join(run).join("seal.json")).unwrap();
    }
    fs::write(bench.runs().join("f/seal.json"), old).unwrap();
    let rules = ["--older-than", "0s"];
    for more in [&["--dry-run"][..], &[]] {
        let report = gc(&bench, &[&rules, more].concat());
        assert_eq!(report["kept"], json!([]), "{report}");
        assert_eq!(report["collected"].as_array().unwrap().len(), 4);
        let there = bench.runs().join("b/seal.json").exists();
        assert_eq!(there, more.is_empty());
    }
    for run in ["a", "b", "c", "f"] {
        bench.rok(["verify", run]).exits(0);
    }
    let epoch = &bench.rok(["verify", "f", "--json"]).exits(0).json()["epoch"];
    assert_eq!(*epoch, 2);
}

/// Whatever is changed in a stub, it does not verify any more.
#[test]
fn a_stub_that_was_changed_is_broken() {
    let bench = house();
    gc(&bench, &["--keep", "2"]);
    let path = bench.runs().join("a/stub.json");
    let text = fs::read_to_string(&path).unwrap();
    let stub: Value = serde_json::from_str(&text).unwrap();
    let zeros = "0".repeat(64);
    let lines = stub["last"].as_array().unwrap().len();
    let change = |pointer: &str, value: Value| {
        let mut stub = stub.clone();
        *stub.pointer_mut(pointer).unwrap() = value;
        fs::write(&path, stub.to_string()).unwrap();
        bench.rok(["verify", "a"]).exits(4);
    };
    change("/head", json!(zeros));
    change("/before", json!(zeros));
    change("/seal/outcome", json!("failed"));
    change("/lines", json!(1));
    change("/run_id", json!("b"));
    change("/schema", json!(1));
    change("/schema", json!(3));
    change("/submitter", json!(null));
    change("/last", json!([]));
    change("/row/outcome", json!("failed"));
    change("/row/phase", json!("FAILED"));
    change("/row/next_seq", json!(1));
    change("/why", json!("the auditor asked for it"));
    change("/collected_by", json!("user:mallory"));
    change("/collected_at", json!("2020-01-01T00:00:00.000Z"));
    change("/submitter", json!("user:mallory"));
    change("/plan_sha256", json!(zeros));
    change("/log/sha256", json!(zeros));
    change("/log/bytes", json!(1));
    change("/row/plan", json!("another"));
    change("/artifacts", json!([]));
    change("/removed", json!([]));
    change("/kept", json!(["attestation.dsse.json"]));
    change("/digest", json!(zeros));
    change("/digest", json!(null));
    let last = stub["last"][lines - 1].as_str().unwrap();
    change(
        &format!("/last/{}", lines - 1),
        json!(last.replace("COMPLETED", "FAILED")),
    );
    fs::write(&path, "{}").unwrap();
    bench.rok(["verify", "a"]).exits(4);
    // Those of before said nothing of who submitted the run.
    let mut before = stub.clone();
    for later in ["submitter", "digest"] {
        before.as_object_mut().unwrap().remove(later);
    }
    before["schema"] = json!(1);
    fs::write(&path, before.to_string()).unwrap();
    bench.rok(["verify", "a"]).exits(0);
    fs::write(&path, &text).unwrap();
    bench.rok(["verify", "a"]).exits(0);
    let seal = bench.runs().join("a/seal.json");
    fs::copy(bench.runs().join("b/seal.json"), &seal).unwrap();
    bench.rok(["verify", "a"]).exits(4);
    fs::remove_file(&seal).unwrap();
    bench.rok(["verify", "a"]).exits(4);
}

/// A stub whose digest is that of what it says now.
fn again_digested(stub: &Value) -> String {
    let mut stub = stub.clone();
    stub.as_object_mut().unwrap().remove("digest");
    let digest = rok_artifacts::Digest::of(stub.to_string().as_bytes());
    stub["digest"] = json!(digest.sha256);
    stub.to_string()
}

#[test]
fn attestations_stay_and_are_checked_by_their_key() {
    let bench = house();
    bench.rok(["key", "new", "--out", "key"]).exits(0);
    let (key, public) = ("key", "key.pub");
    bench.rok(["attest", "a", "--key", key]).exits(0);
    gc(&bench, &["--keep", "2"]);
    let report = bench
        .rok(["verify", "a", "--key", public, "--json"])
        .exits(0)
        .json();
    assert_eq!(report["attestations"][0]["signature"], "valid");
    // A stub whose digest was made anew as well is held against the envelopes.
    let path = bench.runs().join("a/stub.json");
    let text = fs::read_to_string(&path).unwrap();
    for pointer in ["/log/sha256", "/plan_sha256"] {
        let mut stub: Value = serde_json::from_str(&text).unwrap();
        *stub.pointer_mut(pointer).unwrap() = json!("0".repeat(64));
        fs::write(&path, again_digested(&stub)).unwrap();
        bench.rok(["verify", "a", "--key", public]).exits(4);
    }
    fs::write(&path, &text).unwrap();
    // The envelopes of another run are not those of this one.
    bench.rok(["attest", "b", "--key", key]).exits(0);
    for file in ["attestation.dsse.json", "provenance.dsse.json"] {
        fs::copy(
            bench.runs().join("b").join(file),
            bench.runs().join("a").join(file),
        )
        .unwrap();
    }
    bench.rok(["verify", "a", "--key", public]).exits(4);
    for file in ["attestation.dsse.json", "provenance.dsse.json"] {
        fs::remove_file(bench.runs().join("a").join(file)).unwrap();
    }
    bench.rok(["verify", "a"]).exits(4);
}

#[test]
fn a_held_run_is_never_collected() {
    let bench = house();
    let held = bench.rok(["hold", "a", "--reason", "case 17"]).exits(0).out;
    assert_eq!(held, "held a by user:tester: case 17\n");
    let again = bench.rok(["hold", "a", "--reason", "case 18"]);
    assert!(
        again.err.contains("ROK0162") && again.err.contains("case 17"),
        "{}",
        again.err
    );
    let report = gc(&bench, &["--older-than", "0s", "--max-size", "0"]);
    assert_eq!(collected(&report), ["b", "c"]);
    assert!(
        kept(&report).contains(&("a", "it is held (user:tester: case 17)")),
        "{report}"
    );
    bench.rok(["verify", "a", "--sealed"]).exits(0);
    // What cannot be read holds.
    let holds = bench.runs().join("a/holds.jsonl");
    let text = fs::read_to_string(&holds).unwrap();
    fs::write(&holds, format!("{text}{{\"at\":")).unwrap();
    assert_eq!(
        collected(&gc(&bench, &["--older-than", "0s"])),
        Vec::<&str>::new()
    );
    bench
        .rok(["hold", "a", "--release", "--reason", "closed"])
        .exits(0);
    let ran = bench.rok(["hold", "a", "--release", "--reason", "closed"]);
    assert!(ran.err.contains("ROK0162"), "{}", ran.err);
    assert_eq!(collected(&gc(&bench, &["--older-than", "0s"])), ["a"]);
    let said = fs::read_to_string(&holds).unwrap();
    assert!(
        said.contains("case 17") && said.contains("closed"),
        "who held it stays: {said}"
    );
}

#[test]
fn what_is_open_driven_or_broken_is_never_collected() {
    let bench = house();
    bench.write(
        "gate.yaml",
        "plan: g\nsteps: { gate: { run: 'true', gate: manual } }\n",
    );
    bench
        .rok(["run", "gate.yaml", "--run-id", "waits"])
        .exits(1);
    let log = bench.runs().join("b/events.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen("step.succeeded", "step.succeedex", 1)).unwrap();
    fs::create_dir(bench.runs().join("stranger")).unwrap();
    let report = gc(&bench, &["--older-than", "0s", "--max-size", "0"]);
    assert_eq!(collected(&report), ["a", "c"]);
    let kept: BTreeSet<&str> = kept(&report).into_iter().map(|(run, _)| run).collect();
    assert_eq!(kept, ["b", "stranger", "waits"].into());
    assert!(log.exists());
    // What a broken log names is evidence too.
    let sha256 = rok_artifacts::Digest::of(b"b\n").sha256;
    assert!(
        bench
            .runs()
            .join(format!(".cas~/sha256/{}/{}", &sha256[..2], &sha256[2..]))
            .exists()
    );
    bench
        .rok(["approve", "waits", "gate", "--reason", "go"])
        .exits(0);
    bench.rok(["resume", "waits"]).exits(0);
}

/// What a step said is evidence as well: a stub could not show that it was
/// changed.
#[test]
fn a_run_whose_output_was_changed_is_never_collected() {
    let bench = house();
    let logs = bench.runs().join("b/logs");
    let file = fs::read_dir(&logs)
        .unwrap()
        .flatten()
        .next()
        .unwrap()
        .path();
    fs::write(&file, "changed\n").unwrap();
    bench.rok(["verify", "b"]).exits(4);
    let report = gc(&bench, &["--older-than", "0s"]);
    assert_eq!(collected(&report), ["a", "c"]);
    let why = kept(&report)[0].1;
    assert!(why.contains("it does not verify: logs/"), "{why}");
    bench.rok(["verify", "b"]).exits(4);
}

#[test]
fn the_oldest_go_until_the_rest_fits() {
    let bench = house();
    let all = gc(&bench, &["--max-size", "1TB", "--dry-run"])["left_bytes"]
        .as_u64()
        .unwrap();
    let report = gc(&bench, &["--max-size", &(all - 1).to_string()]);
    assert_eq!(collected(&report), ["a"]);
    assert!(report["left_bytes"].as_u64().unwrap() < all);
    let report = gc(&bench, &["--max-size", "0", "--keep", "1"]);
    assert_eq!(
        collected(&report),
        ["b"],
        "the newest is kept whatever the size"
    );
}

#[rstest]
#[case(&[], "ROK0161")]
#[case(&["--older-than", "30"], "ROK0005")]
#[case(&["--max-size", "ten"], "ROK0005")]
fn without_a_rule_nothing_goes(#[case] rules: &[&str], #[case] code: &str) {
    let bench = house();
    let ran = bench.rok(["gc"].iter().chain(rules)).exits(2);
    assert!(ran.err.contains(code), "{}", ran.err);
    assert_eq!(contents(&bench).len(), 5);
}

/// Who may hold a run is a policy's business, as with any other command.
#[test]
fn policies_decide_who_may_hold_and_release() {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write(
        "p.cedar",
        "permit (principal, action in [Action::\"run\", Action::\"complete\"], resource);\n\
         permit (principal in Role::\"counsel\", action == Action::\"hold\", resource);\n",
    );
    bench.write("rok.toml", "policies = [\"p.cedar\"]\n");
    one(&bench, "a").exits(0);
    let hold = |roles: &str, extra: &[&str]| -> Ran {
        let args = ["hold", "a", "--reason", "case 17"].iter().chain(extra);
        let output = bench
            .command(args)
            .env("ROK_ROLES", roles)
            .output()
            .unwrap();
        Ran::from(output)
    };
    let denied = hold("", &[]).exits(5).err;
    assert!(
        denied.contains("error[ROK0107]: hold is denied: User::\"tester\" may not hold Run::\"a\", since no policy permits it"),
        "{denied}"
    );
    assert_eq!(
        collected(&gc(&bench, &["--older-than", "0s", "--dry-run"])),
        ["a"]
    );
    hold("counsel", &[]).exits(0);
    hold("operator", &["--release"]).exits(5);
    assert_eq!(
        collected(&gc(&bench, &["--older-than", "0s"])),
        Vec::<&str>::new()
    );
    let elsewhere = bench
        .rok([
            "hold",
            "a",
            "--release",
            "--reason",
            "x",
            "--policies",
            "none.cedar",
        ])
        .code;
    assert_ne!(elsewhere, 0, "leaving policies out opens nothing");
    hold("counsel", &["--release"]).exits(0);
    assert_eq!(collected(&gc(&bench, &["--older-than", "0s"])), ["a"]);
}

/// A plan with a step that another run does, and both runs.
fn with_a_sub_run() -> (Bench, String) {
    let bench = Bench::new();
    bench.write("inner.yaml", "plan: inner\nsteps: { a: { run: 'true' } }\n");
    bench.write(
        "outer.yaml",
        "plan: outer\nsteps: { sub: { plan: inner } }\n",
    );
    bench
        .rok(["run", "outer.yaml", "--run-id", "outer"])
        .exits(0);
    let runs = bench
        .rok(["ls", "--plan", "inner", "--json"])
        .exits(0)
        .json();
    let child = runs[0]["run_id"].as_str().unwrap().to_owned();
    (bench, child)
}

#[test]
fn a_run_and_its_sub_run_are_collected_together_and_both_stubs_verify() {
    let (bench, child) = with_a_sub_run();
    // The newest is the child: what keeps it keeps the run that it is a part of.
    let report = gc(&bench, &["--keep", "1"]);
    assert_eq!(collected(&report), Vec::<&str>::new());
    let both = BTreeSet::from(["outer", child.as_str()]);
    let report = gc(&bench, &["--older-than", "0s"]);
    assert_eq!(BTreeSet::from_iter(collected(&report)), both);
    for run in both {
        let told = bench.rok(["verify", run]).exits(0).out;
        assert!(told.contains("collected"), "{told}");
    }
    let listed = bench
        .rok(["ls", "--status", "collected", "--json"])
        .exits(0)
        .json();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
}

#[rstest]
#[case::parent(true)]
#[case::child(false)]
fn who_is_held_holds_the_family(#[case] parent: bool) {
    let (bench, child) = with_a_sub_run();
    let (held, kin) = if parent {
        ("outer", &*child)
    } else {
        (&*child, "outer")
    };
    bench.rok(["hold", held, "--reason", "case 17"]).exits(0);
    let report = gc(&bench, &["--older-than", "0s"]);
    assert_eq!(collected(&report), Vec::<&str>::new());
    let kept = kept(&report);
    assert!(
        kept.contains(&(held, "it is held (user:tester: case 17)")),
        "{report}"
    );
    let why = format!("run {held}, of which it is a part or which is a part of it, is kept");
    assert!(kept.contains(&(kin, why.as_str())), "{report}");
    bench.rok(["verify", kin, "--sealed"]).exits(0);
    let args = ["hold", held, "--release", "--reason", "closed"];
    bench.rok(args).exits(0);
    assert_eq!(collected(&gc(&bench, &["--older-than", "0s"])).len(), 2);
}

/// A run and its parts are collected together, or not at all.
#[test]
fn kin_of_what_is_kept_is_kept() {
    let bench = house();
    let first = r#""data":{"schema":1,"#;
    let parent = r#""data":{"schema":1,"parent":{"run":"c","step":"s","attempt":"0.0"},"#;
    // As a part of `c` has it. The chain is judged when it is collected, the kin before that.
    let log = bench.runs().join("a/events.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replacen(first, parent, 1)).unwrap();
    let report = gc(&bench, &["--keep", "2", "--dry-run"]);
    assert_eq!(collected(&report), Vec::<&str>::new());
    assert!(
        kept(&report)
            .iter()
            .any(|(run, why)| *run == "a" && why.starts_with("run c, of which it is a part")),
        "{report}"
    );
}

/// Contents that a run stores now are not taken from under it.
#[test]
fn collecting_while_a_run_goes_on_takes_nothing_from_it() {
    let bench = house();
    bench.write(
        "slow.yaml",
        r"plan: slow
steps:
  early: { run: echo early > early, artifacts: [{ path: early, required: true }] }
  late: { needs: [early], run: 'touch begun; until test -e go; do sleep 0.01; done; echo late > late', artifacts: [{ path: late, required: true }] }
  use: { needs: [late, early], run: cat late early }
",
    );
    let mut running = Live::start(bench.command(["run", "slow.yaml", "--run-id", "slow"]));
    while !bench.path().join("begun").exists() {
        std::thread::yield_now();
    }
    let report = gc(&bench, &["--older-than", "0s"]);
    assert_eq!(collected(&report), ["a", "b", "c"]);
    assert_eq!(
        (&report["contents"], &report["young"]),
        (&json!(0), &json!(5)),
        "somebody stores: all are young"
    );
    fs::write(bench.path().join("go"), "").unwrap();
    assert!(running.0.wait().unwrap().success());
    assert_eq!(
        bench.events("slow").last().unwrap()["event_type"],
        "run.sealed"
    );
    bench.rok(["verify", "slow", "--sealed"]).exits(0);
    let report = gc(&bench, &["--older-than", "1d"]);
    assert_eq!(report["contents"], 5, "now nobody does");
    bench.rok(["verify", "slow", "--sealed"]).exits(0);
}

#[test]
fn results_of_the_cache_go_with_their_run() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: p\nsteps: { a: { cache: true, run: echo ran >> ran.log } }\n",
    );
    bench.rok(["run", "plan.yaml"]).exits(0);
    assert_eq!(gc(&bench, &["--older-than", "0s"])["cache_entries"], 1);
    bench.rok(["run", "plan.yaml"]).exits(0);
    assert_eq!(
        fs::read_to_string(bench.path().join("ran.log")).unwrap(),
        "ran\nran\n"
    );
}

#[test]
fn what_a_kill_left_half_made_is_cleared() {
    let bench = house();
    let old = bench.runs().join(".new~x~4194300~0");
    fs::create_dir(&old).unwrap();
    fs::write(old.join("plan.json"), "{}").unwrap();
    let of_a_live_process = bench
        .runs()
        .join(format!(".new~x~{}~0", std::process::id()));
    fs::create_dir(&of_a_live_process).unwrap();
    let young = bench.runs().join(".new~y~4194300~1");
    fs::create_dir(&young).unwrap();
    fs::write(bench.runs().join(".cas~/tmp/4194300-0"), "half").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(7200);
    for folder in [&old, &of_a_live_process] {
        fs::File::open(folder)
            .unwrap()
            .set_modified(long_ago)
            .unwrap();
    }
    assert_eq!(gc(&bench, &["--keep", "9", "--dry-run"])["unfinished"], 2);
    assert!(old.exists());
    assert_eq!(gc(&bench, &["--keep", "9"])["unfinished"], 2);
    assert!(!old.exists() && of_a_live_process.exists() && young.exists());
    assert_eq!(names(&bench.runs().join(".cas~/tmp")).len(), 0);
}

/// Killed at whatever point: each run is a run or a stub, both verify, and the
/// next time finishes it.
#[test]
fn killed_while_collecting_there_is_a_run_or_a_stub() {
    let bench = Bench::new();
    bench.write("plan.yaml", "plan: p\nsteps: { a: { run: 'for i in $(seq 300); do echo $i > \"$ROK_ARTIFACTS/$i\"; done' } }\n");
    let runs: Vec<String> = (0..12).map(|n| format!("r{n:02}")).collect();
    for run in &runs {
        bench.rok(["run", "plan.yaml", "--run-id", run]).exits(0);
    }
    let stubs = || {
        runs.iter()
            .filter(|run| bench.runs().join(run).join("stub.json").exists())
            .count()
    };
    for stop_at in 1..runs.len() {
        let mut collecting = Live::start(bench.command(["gc", "--older-than", "0s"]));
        while stubs() < stop_at && !collecting.ended() {
            std::thread::yield_now();
        }
        drop(collecting);
        for run in &runs {
            let verdict = bench.rok(["verify", run, "--json"]).exits(0).json()["verdict"].clone();
            let stub = bench.runs().join(run).join("stub.json").exists();
            assert_eq!(verdict, if stub { "collected" } else { "intact" }, "{run}");
        }
    }
    gc(&bench, &["--older-than", "0s"]);
    for run in &runs {
        assert_eq!(
            names(&bench.runs().join(run)).len(),
            3,
            "the rest is gone too"
        );
        bench.rok(["verify", run, "--sealed"]).exits(0);
    }
}

/// What could not be collected is a failure, and no rule.
#[test]
fn a_run_that_cannot_be_collected_fails_the_command() {
    let bench = house();
    // No lock can be had there, whoever asks.
    fs::create_dir(bench.runs().join(".gc~")).unwrap();
    let ran = bench.rok(["gc", "--keep", "2"]).exits(1);
    let told = "failed to collect a: cannot lock";
    assert!(ran.out.contains(told), "{}", ran.out);
    let counted = "0 collected, 0 kept against a rule, 1 failed";
    assert!(ran.out.contains(counted), "{}", ran.out);
    bench.rok(["verify", "a", "--sealed"]).exits(0);
}
