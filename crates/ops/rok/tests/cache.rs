//! `cache: true` through the real binary: a result of the same inputs is taken,
//! any other is not, and nothing is believed that is not proved.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod support;

use rstest::rstest;
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use support::{Bench, Ran};

/// `make` reads a file and a folder, and comes after `before`, whose artifact
/// it may read too.
const PLAN: &str = r#"plan: p
inputs: { n: { type: integer, default: 1 }, unused: { type: string, default: a } }
steps:
  before:
    run: cat base.txt > made.txt
    artifacts: [{ path: made.txt, required: true }]
  make:
    needs: [before]
    cache: true
    reads: [in.txt, "src/**"]
    env: { N: "${{ inputs.n }}" }
    run: |
      echo ran >> ran.log
      mkdir -p out; cat in.txt made.txt > out/a.txt; cp /bin/true out/tool
      echo '{"v":7}' > "$ROK_OUTPUT"; echo x > "$ROK_ARTIFACTS/own.txt"
    outputs: { v: { type: integer } }
    artifacts: [{ path: "out/*", required: true }, { path: own.txt, required: true }]
  use:
    needs: [make]
    run: test ${{ steps.make.outputs.v }} = 7; cat out/a.txt; out/tool; cat "$ROK_ARTIFACTS/own.txt"
"#;

struct House {
    bench: Bench,
    runs: u32,
}

impl House {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("plan.yaml", PLAN);
        bench.write("in.txt", "in\n");
        bench.write("base.txt", "base\n");
        fs::create_dir(bench.path().join("src")).unwrap();
        bench.write("src/a", "a");
        Self { bench, runs: 0 }
    }

    /// Runs the plan as the next of `r1`, `r2`, …
    fn run(&mut self, more: &[&str]) -> Ran {
        self.runs += 1;
        let id = format!("r{}", self.runs);
        let args = ["run", "plan.yaml", "--run-id", &id, "--json"];
        self.bench.rok(args.into_iter().chain(more.iter().copied()))
    }

    /// How often `make` was really run.
    fn made(&self) -> usize {
        let log = fs::read_to_string(self.bench.path().join("ran.log"));
        log.unwrap_or_default().lines().count()
    }

    fn step(&self, run: &str, step: &str) -> Value {
        let summary = self.bench.rok(["summary", run, "--json"]).exits(0).json();
        let steps = summary["steps"].as_array().expect("steps").clone();
        let found = steps.into_iter().find(|found| found["id"] == step);
        found.expect("the step is in the plan")
    }

    /// How the last attempt of a step ended, as the log has it.
    fn end(&self, run: &str, step: &str) -> Value {
        let events = self.bench.events(run).into_iter();
        let mut ends = events.filter(|event| {
            event["step_id"] == step
                && matches!(
                    event["event_type"].as_str(),
                    Some("step.succeeded" | "step.failed")
                )
        });
        ends.next_back().expect("it has ended")
    }

    fn entry(&self) -> PathBuf {
        let shard = fs::read_dir(self.bench.runs().join(".cache~"))
            .unwrap()
            .next()
            .unwrap()
            .unwrap();
        let entry = fs::read_dir(shard.path()).unwrap().next().unwrap().unwrap();
        entry.path()
    }

    /// Nothing was taken, the run is right all the same, and it is said why.
    fn missed(&mut self, why: &str) {
        let before = self.made();
        self.run(&[]).exits(0);
        let run = format!("r{}", self.runs);
        assert_eq!(self.made(), before + 1);
        let note = self.end(&run, "make")["data"]["cache_note"].clone();
        assert!(
            note.as_str().is_some_and(|note| note.contains(why)),
            "{note}"
        );
        let shown = self.bench.rok(["summary", &run]).exits(0).out;
        assert!(shown.contains("an earlier result is not taken"), "{shown}");
    }
}

fn spoil(path: &std::path::Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(path, "spoiled").unwrap();
}

#[test]
fn the_same_work_is_taken_with_all_that_it_made() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    fs::remove_dir_all(house.bench.path().join("out")).unwrap();
    house.run(&["-i", "unused=b"]).exits(0);
    assert_eq!(house.made(), 1);
    let (first, second) = (house.end("r1", "make"), house.end("r2", "make"));
    let from = json!({ "run": "r1", "step": "make", "seq": first["seq"] });
    assert_eq!(second["data"]["cached"], from);
    assert_eq!(second["data"]["outputs"], json!({ "v": 7 }));
    assert_eq!(second["inputs_hash"], first["inputs_hash"]);
    assert_eq!(
        second["data"]["inputs_sha256"],
        first["data"]["inputs_sha256"]
    );
    assert_eq!(house.step("r2", "make")["cached_from"], "r1");
    let shown = house.bench.rok(["summary", "r2"]).exits(0).out;
    assert!(shown.contains("(cached, from r1)"), "{shown}");
    let artifacts = |run: &str| {
        let events = house.bench.events(run).into_iter();
        let events = events.filter(|event| {
            event["event_type"] == "artifact.emitted" && event["step_id"] == "make"
        });
        events
            .map(|event| (event["artifact_path"].clone(), event["data"].clone()))
            .collect::<Vec<_>>()
    };
    assert_eq!(artifacts("r1"), artifacts("r2"));
    assert_eq!(artifacts("r1").len(), 3);
    // What is taken stands for itself: it needs neither the run nor its folder.
    fs::remove_dir_all(house.bench.runs().join("r1")).unwrap();
    house.bench.rok(["verify", "r2", "--sealed"]).exits(0);
}

#[test]
fn what_lies_where_a_result_belongs_is_kept_aside() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    house.bench.write("out/a.txt", "mine");
    house.run(&[]).exits(0);
    let aside = house.bench.runs().join("r2/quarantine/make.0/found");
    assert!(aside.is_dir());
    assert_eq!(
        fs::read_to_string(house.bench.path().join("out/a.txt")).unwrap(),
        "in\nbase\n"
    );
}

/// Everything that the result comes of makes it another one.
#[rstest]
#[case::input("", &["-i", "n=2"])]
#[case::file("echo more >> in.txt", &[])]
#[case::same_size("printf 'IN\n' > in.txt", &[])]
#[case::changed_in_folder("echo b > src/a", &[])]
#[case::new_in_folder("mkdir src/deep; echo > src/deep/b", &[])]
#[case::renamed_in_folder("mv src/a src/b", &[])]
#[case::upstream("echo other > base.txt", &[])]
#[case::command("sed -i 's/mkdir -p out/mkdir -p out out2/' plan.yaml", &[])]
#[case::environment("sed -i 's/env: { N/env: { M: x, N/' plan.yaml", &[])]
#[case::artifacts("sed -i 's/own.txt, required: true/own.txt, required: false/' plan.yaml", &[])]
#[case::told_not_to("", &["--no-cache"])]
fn other_work_is_done(#[case] script: &str, #[case] more: &[&str]) {
    let mut house = House::new();
    house.run(&[]).exits(0);
    let sh = std::process::Command::new("sh")
        .args(["-ec", script])
        .current_dir(house.bench.path())
        .status();
    assert!(sh.unwrap().success());
    house.run(more).exits(0);
    assert_eq!(house.made(), 2, "{}", house.end("r2", "make"));
    assert_eq!(house.end("r2", "make")["data"]["cache_note"], Value::Null);
    // And what was done is there from now on.
    let again: Vec<&str> = more
        .iter()
        .copied()
        .filter(|flag| *flag != "--no-cache")
        .collect();
    house.run(&again).exits(0);
    assert_eq!(house.made(), 2);
}

/// A step before it that does other work and comes to the same is no reason.
#[test]
fn the_same_results_before_it_are_enough() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    let plan = PLAN.replace(
        "run: cat base.txt > made.txt",
        "run: cp base.txt made.txt; touch made.txt",
    );
    house.bench.write("plan.yaml", &plan);
    house.run(&[]).exits(0);
    assert_eq!(house.made(), 1);
}

#[test]
fn a_secret_counts_by_its_name() {
    let bench = Bench::new();
    let plan = "plan: p\nsecrets: [TOKEN]\nsteps:\n  make: { cache: true, env: { T: '${{ secrets.TOKEN }}' }, run: echo ran >> ran.log }\n";
    bench.write("plan.yaml", plan);
    for token in ["hunter2-one", "hunter2-two"] {
        let ran = bench
            .command(["run", "plan.yaml"])
            .env("TOKEN", token)
            .output()
            .unwrap();
        assert!(ran.status.success());
    }
    assert_eq!(
        fs::read_to_string(bench.path().join("ran.log")).unwrap(),
        "ran\n"
    );
}

#[test]
fn a_failure_is_never_kept() {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        "plan: p\nsteps:\n  make: { cache: true, run: 'echo ran >> ran.log; exit 1' }\n",
    );
    for _ in 0..2 {
        bench.rok(["run", "plan.yaml"]).exits(1);
    }
    assert_eq!(
        fs::read_to_string(bench.path().join("ran.log")).unwrap(),
        "ran\nran\n"
    );
}

/// A hard gate's verdict is kept only where its plan says so in as many words.
#[rstest]
#[case("cache: true, ", 1)]
#[case("", 2)]
fn a_hard_gate(#[case] cache: &str, #[case] runs: usize) {
    let bench = Bench::new();
    bench.write(
        "plan.yaml",
        &format!("plan: p\nsteps:\n  gate: {{ {cache}gate: hard, run: echo ran >> ran.log }}\n"),
    );
    for _ in 0..2 {
        bench.rok(["run", "plan.yaml"]).exits(0);
    }
    assert_eq!(
        fs::read_to_string(bench.path().join("ran.log"))
            .unwrap()
            .lines()
            .count(),
        runs
    );
}

#[rstest]
#[case(
    "reads: [absent.txt]",
    "`absent.txt`, which the step reads, does not exist"
)]
#[case("reads: [src]", "is no regular file")]
fn what_it_reads_must_be_there(#[case] reads: &str, #[case] part: &str) {
    let mut house = House::new();
    house.bench.write(
        "plan.yaml",
        &format!("plan: p\nsteps:\n  make: {{ {reads}, run: echo ran >> ran.log }}\n"),
    );
    house.run(&[]).exits(1);
    let error = house.step("r1", "make")["error"].clone();
    assert_eq!(error["class"], "contract_input_missing");
    assert!(error["reason"].as_str().unwrap().contains(part), "{error}");
    assert_eq!(house.made(), 0);
}

#[test]
fn a_damaged_entry_is_a_miss() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    spoil(&house.entry());
    house.missed("its entry is damaged");
    house.run(&[]).exits(0);
    assert_eq!(house.made(), 2, "it is mended by the next run");
}

#[test]
fn an_entry_that_points_elsewhere_is_a_miss() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    let entry = house.entry();
    let mut forged: Value = serde_json::from_slice(&fs::read(&entry).unwrap()).unwrap();
    forged["seq"] = json!(house.end("r1", "use")["seq"]);
    fs::write(&entry, forged.to_string()).unwrap();
    house.missed("is of other work");
}

#[test]
fn a_changed_log_is_not_believed() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    let log = house.bench.runs().join("r1/events.jsonl");
    let text = fs::read_to_string(&log).unwrap();
    fs::write(&log, text.replace(r#"{"v":7}"#, r#"{"v":8}"#)).unwrap();
    house.missed("the log of run r1 is not intact");
    fs::remove_dir_all(house.bench.runs().join("r1")).unwrap();
    house.run(&[]).exits(0);
    assert_eq!(house.made(), 2, "the second run's result stands by then");
}

#[test]
fn a_run_that_is_gone_is_a_miss() {
    let mut house = House::new();
    house.run(&[]).exits(0);
    fs::remove_dir_all(house.bench.runs().join("r1")).unwrap();
    house.missed("r1");
}

#[rstest]
#[case(true)]
#[case(false)]
fn a_content_that_is_not_right_is_a_miss(#[case] there: bool) {
    let mut house = House::new();
    house.run(&[]).exits(0);
    let event = house
        .bench
        .events("r1")
        .into_iter()
        .find(|event| event["artifact_path"] == "out/a.txt");
    let sha256 = event.unwrap()["data"]["sha256"]
        .as_str()
        .unwrap()
        .to_owned();
    let content =
        house
            .bench
            .runs()
            .join(format!(".cas~/sha256/{}/{}", &sha256[..2], &sha256[2..]));
    if there {
        spoil(&content);
    } else {
        fs::remove_file(&content).unwrap();
    }
    house.missed("the store has no right content");
    assert_eq!(
        fs::read_to_string(&content).unwrap(),
        "in\nbase\n",
        "the run has mended it"
    );
}
