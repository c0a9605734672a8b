//! Fan-outs by the real binary: items, order, failures, gates, kill -9, epochs.

mod support;

#[path = "support/running.rs"]
mod running;

use running::{Fifo, Running, Scene};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use support::Bench;

const PER_REGION: &str = r#"plan: per-region
inputs: { regions: { type: array, default: [eu, us, ap] } }
steps:
  stage:
    run: 'echo "{\"regions\":$REGIONS}" >"$ROK_OUTPUT"'
    env: { REGIONS: "${{ inputs.regions }}" }
  deploy:
    needs: [stage]
    for_each: "${{ steps.stage.outputs.regions }}"
    max_parallel: 2
    env: { AT: "${{ item_index }}" }
    cwd: "in-${{ item }}"
    run: 'echo to ${{ item }}; echo $ROK_IDEMPOTENCY_KEY >key; echo "{\"at\":$AT,\"to\":\"${{ item }}\"}" >"$ROK_OUTPUT"'
    artifacts: [{ path: "in-${{ item }}/key" }]
  tell:
    needs: [deploy]
    run: [echo, "${{ steps.deploy.outputs.map(o, o.to) }}"]
"#;

fn bench(plan: &str) -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", plan);
    for region in ["eu", "us", "ap"] {
        fs::create_dir(bench.path().join(format!("in-{region}"))).expect("a folder");
    }
    bench
}

fn run(bench: &Bench, more: &[&str]) -> support::Ran {
    let args = ["run", "plan.yaml", "--run-id", "r", "--quiet"];
    bench.rok(args.into_iter().chain(more.iter().copied()))
}

fn step<'v>(summary: &'v Value, id: &str) -> &'v Value {
    let steps = summary["steps"].as_array().expect("a list");
    let found = steps.iter().find(|step| step["id"] == id);
    found.unwrap_or_else(|| panic!("no step {id} in {summary}"))
}

fn summary(bench: &Bench) -> Value {
    bench.rok(["summary", "r", "--json"]).exits(0).json()
}

#[test]
fn each_item_has_a_child_and_outputs_keep_their_order() {
    let bench = bench(PER_REGION);
    run(&bench, &[]).exits(0);
    let deploy = step(&summary(&bench), "deploy").clone();
    assert_eq!(
        deploy["outputs"],
        json!([{"at":0,"to":"eu"},{"at":1,"to":"us"},{"at":2,"to":"ap"}])
    );
    assert_eq!(deploy["children"]["succeeded"], 3);
    let told = bench.rok(["logs", "r", "tell"]).exits(0);
    assert_eq!(told.out, "[\"eu\",\"us\",\"ap\"]\n");
    let log = bench.runs().join("r/logs/deploy[1].0.log");
    assert_eq!(fs::read_to_string(log).expect("its log"), "to us\n");
    assert_eq!(
        bench.rok(["logs", "r", "deploy[2]"]).exits(0).out,
        "to ap\n"
    );
    let key = fs::read_to_string(bench.path().join("in-us/key")).expect("its key");
    assert_eq!(key, "r/0/deploy[1]\n");
    let listed = bench.rok(["status", "r", "deploy"]).exits(0).out;
    assert!(listed.contains("deploy[2]"), "{listed}");
    let all = bench.rok(["summary", "r", "--all"]).exits(0).out;
    assert!(all.contains("deploy[0]"), "{all}");
    let short = bench.rok(["summary", "r"]).exits(0).out;
    assert!(
        !short.contains("deploy[0]") && short.contains("children: 3 total"),
        "{short}"
    );
    let why = bench.rok(["explain", "r", "deploy"]).exits(0).out;
    assert!(why.contains("it has 3 children: 3 succeeded"), "{why}");
    bench.rok(["logs", "r", "deploy"]).exits(3);
    bench.rok(["explain", "r", "deploy[3]"]).exits(3);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
    let started = bench
        .events("r")
        .into_iter()
        .find(|event| event["event_type"] == "step.started" && event["step_id"] == "deploy");
    let fan_out = started.expect("the parent starts")["data"]["fan_out"].clone();
    assert_eq!(
        (&fan_out["items"], fan_out["sha256"].as_str().map(str::len)),
        (&json!(3), Some(64))
    );
}

#[test]
fn an_empty_list_succeeds_with_an_empty_list() {
    let bench = bench(PER_REGION);
    run(&bench, &["--input", "regions=[]"]).exits(0);
    let summary = summary(&bench);
    assert_eq!(step(&summary, "deploy")["outputs"], json!([]));
    assert_eq!(step(&summary, "tell")["state"], "succeeded");
}

#[test]
fn what_is_no_list_and_what_is_too_long_is_a_config_error() {
    let plan = "plan: p\ninputs: { n: { type: object, default: {} } }\nsteps:\n  a: { for_each: \"inputs.n.x\", run: 'true' }\n";
    for (input, why) in [
        (
            "n={\"x\":3}".to_owned(),
            "must be a list, and is of type int",
        ),
        (
            format!("n={{\"x\":{:?}}}", vec![1; 10_001]),
            "has 10001 items, and a fan-out has at most 10000",
        ),
        ("n={}".to_owned(), "for_each: "),
    ] {
        let bench = bench(plan);
        let ran = run(&bench, &["--input", &input]).exits(1);
        assert!(
            ran.out.contains(why) && ran.out.contains("config_error"),
            "{}",
            ran.out
        );
    }
}

const SOME_FAIL: &str = "plan: p
steps:
  a:
    for_each: '[0, 65, 0, 75]'
    run: exit ${{ item }}
    retry: { max: 1, base: 1ms }
  b: { needs: [a], run: 'true' }
";

#[test]
fn a_failed_child_fails_the_step_and_the_others_run_on() {
    let bench = bench(SOME_FAIL);
    run(&bench, &[]).exits(1);
    let summary = summary(&bench);
    let a = step(&summary, "a");
    assert_eq!(a["error"]["class"], "validation_failed");
    let reason = a["error"]["reason"].as_str().expect("a reason");
    assert!(
        reason.starts_with("2 of 4 children failed: a[1], a[3]; a[1]: "),
        "{reason}"
    );
    assert_eq!(summary["retries"], 1, "a[3] alone is tried again");
    assert_eq!(step(&summary, "b")["state"], "skipped");
    let counts = &a["children"];
    assert_eq!(
        (&counts["succeeded"], &counts["failed"]),
        (&json!(2), &json!(2))
    );
    let text = bench.rok(["status", "r", "a"]).exits(0).out;
    assert!(text.contains("retry 1"), "{text}");
}

#[test]
fn a_failed_child_of_a_hard_gate_stops_what_has_not_started() {
    let plan = "plan: p
steps:
  a:
    gate: hard
    max_parallel: 1
    for_each: '[0, 1, 0]'
    run: exit ${{ item }}
  b: { after: [a], run: 'true' }
";
    let bench = bench(plan);
    run(&bench, &[]).exits(1);
    let summary = summary(&bench);
    assert_eq!(summary["gate_failures"], json!(["a"]));
    let a = step(&summary, "a");
    assert_eq!(a["error"]["class"], "hard_gate_failed");
    assert_eq!(
        (&a["children"]["skipped"], &a["children"]["failed"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(step(&summary, "b")["state"], "skipped");
    let gates = bench
        .events("r")
        .into_iter()
        .filter(|e| e["event_type"] == "gate.failed");
    assert_eq!(gates.count(), 1);
}

#[test]
fn the_gate_of_a_fan_out_is_passed_once() {
    let plan =
        "plan: p\nsteps:\n  a: { gate: manual, for_each: '[1, 2]', run: [echo, '${{ item }}'] }\n";
    let scene = Scene::new(plan);
    scene.run().exits(1);
    let bench = &scene.bench;
    bench
        .rok(["approve", "r", "a", "--reason", "fine"])
        .exits(0);
    bench.rok(["resume", "r", "--quiet"]).exits(0);
    let waiting = bench
        .events("r")
        .into_iter()
        .filter(|e| e["event_type"] == "step.waiting");
    assert_eq!(waiting.count(), 1);
}

/// How often each step was started.
fn starts(bench: &Bench) -> BTreeMap<String, usize> {
    let mut starts = BTreeMap::new();
    for event in bench.events("r") {
        if event["event_type"] == "step.started" {
            let id = event["step_id"].as_str().expect("a step").to_owned();
            *starts.entry(id).or_default() += 1;
        }
    }
    starts
}

#[test]
fn the_next_epoch_keeps_children_for_the_same_items() {
    let plan = "plan: p
steps:
  a:
    for_each: \"[1, 2, 3]\"
    run: '[ ${{ item }} != 2 ] || [ -e mended ]'
  b: { for_each: \"[1, 2].filter(n, n > run.epoch)\", max_parallel: 1, run: '[ ${{ item }} != 1 ]' }
";
    let bench = bench(plan);
    run(&bench, &[]).exits(1);
    bench.write("mended", "");
    bench.rok(["resume", "r", "--quiet"]).exits(0);
    let starts = starts(&bench);
    let of = |id: &str| starts.get(id).copied().unwrap_or(0);
    assert_eq!((of("a[0]"), of("a[1]"), of("a[2]")), (1, 2, 1));
    assert_eq!((of("b[0]"), of("b[1]")), (2, 1), "other items: anew");
    assert_eq!(step(&summary(&bench), "a")["children"]["succeeded"], 3);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// `kill -9` while a child runs: only what was not finished runs again.
#[test]
fn a_killed_fan_out_goes_on_with_the_children_that_were_not_finished() {
    let plan = "plan: p
steps:
  a:
    for_each: '[0, 1, 2, 3]'
    max_parallel: 1
    env: { AT: '${{ item }}' }
    run: |
      echo $AT $ROK_ATTEMPT $ROK_IDEMPOTENCY_KEY >>journal
      [ $AT != 2 ] || [ $ROK_ATTEMPT != 0 ] || { echo up >ready; STAY; }
";
    let scene = Scene::new(plan);
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    run.signal(Signal::KILL);
    run.finish();
    scene.bench.rok(["verify", "r"]).exits(0);
    Running::start(scene.bench.command(["resume", "r"]))
        .finish()
        .exits(0);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    let journal = fs::read_to_string(scene.bench.path().join("journal")).expect("written");
    assert_eq!(
        journal,
        "0 0 r/0/a[0]\n1 0 r/0/a[1]\n2 0 r/0/a[2]\n2 1 r/0/a[2]\n3 0 r/0/a[3]\n"
    );
    assert_eq!(scene.step("a")["children"]["succeeded"], 4);
}

#[test]
fn cancelling_stops_running_children_and_skips_the_rest() {
    let plan = "plan: p\nsteps:\n  a:\n    for_each: '[0, 1, 2, 3]'\n    max_parallel: 2\n    kill_grace: 200ms\n    run: 'if [ ${{ item }} = 1 ]; then echo up >ready; fi; STAY'\n";
    let scene = Scene::new(plan);
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    scene
        .bench
        .rok(["cancel", "r", "--reason", "enough"])
        .exits(0);
    run.finish().exits(1);
    assert_eq!(scene.class("a"), "cancelled");
    let counts = &scene.step("a")["children"];
    assert_eq!(
        (&counts["failed"], &counts["skipped"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(scene.survivors(), Vec::<String>::new());
    scene.bench.rok(["verify", "r", "--sealed"]).exits(0);
}
