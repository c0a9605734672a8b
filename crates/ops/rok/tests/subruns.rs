//! Sub-runs by the real binary: found, linked, recorded, cancelled, resumed,
//! and never made twice.

mod support;

#[path = "support/running.rs"]
mod running;

use rstest::rstest;
use running::{Fifo, Running, Scene};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use support::{Bench, Ran};

const PARENT: &str = "plan: parent
inputs: { regions: { type: array, default: [eu] } }
steps:
  deploy:
    plan: child
    with: { region: '${{ inputs.regions[0] }}', count: 2 }
  tell:
    needs: [deploy]
    run: [echo, '${{ steps.deploy.outputs.finish.text }}']
";

const CHILD: &str = "plan: child
inputs: { region: { type: string }, count: { type: integer } }
steps:
  begin: { run: 'true' }
  finish:
    needs: [begin]
    run: |
      echo $ROK_RUN_ID >>journal
      echo '{\"text\":\"${{ inputs.region }}\"}' >/dev/null
      echo \"{\\\"text\\\":\\\"$R x $C\\\"}\" >\"$ROK_OUTPUT\"
    env: { R: '${{ inputs.region }}', C: '${{ inputs.count }}' }
";

fn child() -> String {
    CHILD.replace(
        "      echo '{\"text\":\"${{ inputs.region }}\"}' >/dev/null\n",
        "",
    )
}

fn bench(parent: &str, child: &str) -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", parent);
    fs::create_dir(bench.path().join("plans")).expect("a folder");
    bench.write("plans/child.yaml", child);
    bench
}

fn run(bench: &Bench, more: &[&str]) -> Ran {
    let args = ["run", "plan.yaml", "--run-id", "r", "--quiet"];
    bench.rok(args.into_iter().chain(more.iter().copied()))
}

fn json_of(bench: &Bench, run: &str) -> Value {
    bench.rok(["summary", run, "--json"]).exits(0).json()
}

/// The run of a step.
fn run_of(bench: &Bench, at: usize) -> String {
    let step = &json_of(bench, "r")["steps"][at];
    step["run"].as_str().expect("it names its run").to_owned()
}

fn folders(bench: &Bench) -> Vec<PathBuf> {
    let entries = fs::read_dir(bench.runs()).expect("the runs");
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .filter(|path| path.join("events.jsonl").exists())
        .collect()
}

#[test]
fn a_sub_run_is_a_run_of_its_own_and_both_know_each_other() {
    let bench = bench(PARENT, &child());
    run(&bench, &[]).exits(0);
    let child = run_of(&bench, 0);
    assert_eq!(bench.rok(["logs", "r", "tell"]).exits(0).out, "eu x 2\n");
    for run in ["r", &child] {
        bench.rok(["verify", run, "--sealed"]).exits(0);
    }
    let summary = json_of(&bench, &child);
    assert_eq!(summary["parent"], json!({ "run": "r", "step": "deploy" }));
    assert_eq!(summary["inputs"], json!({ "region": "eu", "count": 2 }));
    assert_eq!(summary["reconciliation"]["status"], "COMPLETE");
    let created = &bench.events(&child)[0]["data"];
    assert_eq!(created["parent"]["attempt"], "0.0");
    let named = &bench.events("r")[0]["data"]["plans"]["child"]["sha256"];
    assert_eq!(named, &created["plan"]["sha256"]);
    let started = bench
        .events("r")
        .into_iter()
        .find(|event| event["event_type"] == "step.started" && event["step_id"] == "deploy");
    assert_eq!(started.expect("it starts")["data"]["run"], child);
    let list = bench.rok(["ls"]).exits(0).out;
    assert!(list.contains("child, for r"), "{list}");
    let why = bench.rok(["explain", "r", "deploy"]).exits(0).out;
    assert!(why.contains(&child) && why.contains("COMPLETED"), "{why}");
    let why = bench.rok(["explain", &child]).exits(0).out;
    assert!(why.contains("step `deploy` of run r"), "{why}");
    let logs = bench.rok(["logs", "r", "deploy"]).exits(3);
    assert!(logs.err.contains(&child), "{}", logs.err);
    let verified = || bench.rok(["verify", "r"]).exits(0).out;
    let note = format!("its sub-run {child} is not here");
    assert!(!verified().contains(&note));
    fs::remove_dir_all(bench.runs().join(&child)).expect("it is ours");
    assert!(verified().contains(&note));
}

#[test]
fn a_run_goes_on_with_the_plan_that_it_found() {
    let bench = bench(
        PARENT,
        &child().replace("begin: { run: 'true' }", "begin: { run: '[ -e mended ]' }"),
    );
    run(&bench, &[]).exits(1);
    let first = run_of(&bench, 0);
    // A newer file, and one that is no plan at all.
    bench.write("plans/child.yaml", "nonsense");
    bench.write("plans/mended", "");
    bench.rok(["resume", "r", "--quiet"]).exits(0);
    assert_eq!(
        run_of(&bench, 0),
        first,
        "the next epoch is the next epoch of the same run"
    );
    assert_eq!(json_of(&bench, &first)["epoch"], 1);
    assert_eq!(folders(&bench).len(), 2);
    for run in ["r", &first] {
        bench.rok(["verify", run, "--sealed"]).exits(0);
    }
    let plans = bench.runs().join("r/plans");
    let plan = fs::read_dir(plans).expect("a folder").flatten().next();
    fs::write(plan.expect("a plan").path(), "{}").expect("it is ours");
    bench.rok(["verify", "r"]).exits(4);
}

#[rstest]
#[case::missing(
    "plan: p\nsteps: { a: { plan: nowhere } }\n",
    "there is no plan `nowhere`"
)]
#[case::cycle("plan: child\nsteps: { a: { plan: child } }\n", "child → child")]
#[case::unknown_input(
    "plan: p\nsteps: { a: { plan: child, with: { regio: x, count: 1 } } }\n",
    "has no input `regio`"
)]
#[case::missing_input(
    "plan: p\nsteps: { a: { plan: child, with: { region: x } } }\n",
    "needs the input `count`"
)]
fn a_plan_that_cannot_be_run_is_refused_before_the_run_exists(
    #[case] plan: &str,
    #[case] why: &str,
) {
    let bench = bench(plan, &child());
    let ran = run(&bench, &[]).exits(2);
    assert!(
        ran.err.contains("ROK0119") && ran.err.contains(why),
        "{}",
        ran.err
    );
    let dry = run(&bench, &["--mode", "dry-run"]).exits(2);
    assert_eq!((dry.out.as_str(), &dry.err), ("", &ran.err));
    let verdict = bench.rok(["plan", "validate", "plan.yaml"]).exits(2);
    assert!(verdict.err.contains(why), "{}", verdict.err);
    assert!(!bench.runs().exists());
}

#[test]
fn all_that_is_wrong_with_the_plans_of_a_plan_is_told_at_once() {
    let plan = "plan: p
steps:
  a: { plan: nowhere }
  b: { plan: nowhere }
  c: { plan: broken }
  d: { plan: child, with: { regio: x } }
  e: { plan: back }
";
    let bench = bench(plan, &child());
    bench.write("broken.yaml", "plan: broken\nstepz: {}\n");
    bench.write("back.yaml", "plan: back\nsteps: { a: { plan: p } }\n");
    let told = bench.rok(["plan", "validate", "plan.yaml"]).exits(2).err;
    let told: &str = &told;
    for why in [
        "there is no plan `nowhere`",
        "unknown key `stepz`",
        "plan `child` has no input `regio`",
        "plan `child` needs the input `count`",
        "plans run each other: p → back → p",
    ] {
        assert_eq!(told.matches(why).count(), 1, "{why} in {told}");
    }
    let json = bench.rok(["plan", "validate", "plan.yaml", "--json"]);
    let json = json.exits(2).json();
    assert_eq!(json[0]["valid"], false, "{json}");
    assert_eq!(json[0]["faults"][0]["code"], "ROK0119", "{json}");
}

#[test]
fn two_files_of_one_plan_are_refused() {
    let bench = bench(PARENT, &child());
    bench.write("child.json", "{}");
    let ran = run(&bench, &[]).exits(2);
    assert!(ran.err.contains("more than once"), "{}", ran.err);
}

#[rstest]
#[case::failed("begin: { run: exit 65 }", "", "validation_failed")]
#[case::partial(
    "begin: { run: exit 65, required: false }\n  other: { run: 'true' }",
    "",
    "validation_failed"
)]
#[case::inputs(
    "begin: { run: 'true' }",
    "count: { type: string, minLength: 5 }",
    "config_error"
)]
fn a_sub_run_that_does_not_succeed_fails_its_step(
    #[case] step: &str,
    #[case] input: &str,
    #[case] class: &str,
) {
    let mut child = child()
        .replace("begin: { run: 'true' }", step)
        .replace("needs: [begin]", "after: [begin]");
    if !input.is_empty() {
        child = child.replace("count: { type: integer }", input);
    }
    let bench = bench(PARENT, &child);
    run(&bench, &[]).exits(1);
    let steps = &json_of(&bench, "r")["steps"];
    assert_eq!(steps[0]["error"]["class"], class, "{steps}");
    assert_eq!(steps[1]["state"], "skipped");
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

#[test]
fn any_success_will_do_where_the_plan_says_so() {
    let child = child()
        .replace("begin: { run: 'true' }", "begin: { run: exit 65 }")
        .replace("needs: [begin]", "after: [begin]");
    let bench = bench(
        PARENT,
        &child.replace("plan: child\n", "plan: child\nsuccess: any\n"),
    );
    run(&bench, &[]).exits(0);
    assert_eq!(json_of(&bench, "r")["outcome"], "succeeded");
}

#[test]
fn a_fan_out_of_sub_runs() {
    let parent = "plan: parent
inputs: { regions: { type: array, default: [eu, us, ap] } }
steps:
  deploy:
    for_each: inputs.regions
    max_parallel: 2
    plan: child
    with: { region: '${{ item }}', count: '${{ item_index }}' }
  tell:
    needs: [deploy]
    run: [echo, \"${{ steps.deploy.outputs.map(o, o.finish.text) }}\"]
";
    let bench = bench(parent, &child());
    run(&bench, &[]).exits(0);
    let told = bench.rok(["logs", "r", "tell"]).exits(0).out;
    assert_eq!(told, "[\"eu x 0\",\"us x 1\",\"ap x 2\"]\n");
    assert_eq!(folders(&bench).len(), 4);
}

/// A child that stays until it is told that it may pass.
const STAYS: &str = "plan: child
steps:
  first: { run: 'echo first >>journal' }
  stays:
    needs: [first]
    kill_grace: 200ms
    run: |
      echo stays $ROK_ATTEMPT >>journal
      [ -e pass ] && exit 0
      echo up >ready
      STAY
";

fn scene() -> Scene {
    let scene = Scene::new("plan: parent\nsteps: { sub: { plan: child } }\n");
    scene.write("child.yaml", STAYS);
    scene
}

fn the_child(scene: &Scene) -> String {
    run_of(&scene.bench, 0)
}

/// `kill -9` in the middle of a sub-run: both go on in the same epoch, and
/// there is still one of each.
#[test]
fn a_killed_sub_run_goes_on_with_its_parent() {
    let scene = scene();
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    run.signal(Signal::KILL);
    run.finish();
    let child = the_child(&scene);
    let list = scene.bench.rok(["ls"]).exits(0).out;
    let told = list.matches("executing, interrupted").count();
    assert_eq!(told, 2, "{list}");
    scene.bench.write("pass", "");
    Running::start(scene.bench.command(["resume", "r"]))
        .finish()
        .exits(0);
    assert_eq!(the_child(&scene), child);
    assert_eq!(folders(&scene.bench).len(), 2);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    let journal = fs::read_to_string(scene.bench.path().join("journal")).expect("written");
    assert_eq!(journal, "first\nstays 0\nstays 1\n");
    for run in ["r", &child] {
        scene.bench.rok(["verify", run, "--sealed"]).exits(0);
        assert_eq!(json_of(&scene.bench, run)["epoch"], 0);
    }
    assert_eq!(
        scene.step("sub")["attempt"],
        0,
        "the step was not tried again"
    );
}

#[test]
fn a_signal_stops_both_and_leaves_nothing_alive() {
    let scene = scene();
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    run.signal(Signal::INT);
    run.finish().exits(130);
    assert_eq!(scene.survivors(), Vec::<String>::new());
    scene.bench.write("pass", "");
    Running::start(scene.bench.command(["resume", "r"]))
        .finish()
        .exits(0);
}

#[test]
fn cancelling_the_parent_cancels_the_sub_run() {
    let scene = scene();
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    scene
        .bench
        .rok(["cancel", "r", "--reason", "enough"])
        .exits(0);
    run.finish().exits(1);
    assert_eq!(scene.class("sub"), "cancelled");
    assert_eq!(
        json_of(&scene.bench, &the_child(&scene))["outcome"],
        "cancelled"
    );
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

/// Nobody drives them: the command itself sees both to their end.
#[test]
fn cancelling_a_killed_parent_cancels_the_sub_run() {
    let scene = scene();
    let ready = Fifo::new(&scene, "ready");
    let run = scene.start();
    ready.read();
    run.signal(Signal::KILL);
    run.finish();
    scene
        .bench
        .rok(["cancel", "r", "--reason", "enough"])
        .exits(0);
    for run in ["r", &the_child(&scene)] {
        let summary = json_of(&scene.bench, run);
        assert_eq!(
            (&summary["outcome"], &summary["sealed"]),
            (&json!("cancelled"), &json!(true))
        );
    }
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

fn events_of(scene: &Scene, run: &str) -> Vec<String> {
    let events = scene.bench.events(run);
    let types = events
        .iter()
        .filter_map(|event| event["event_type"].as_str());
    types.map(str::to_owned).collect()
}

/// Why a run was paused.
fn why_held(scene: &Scene, run: &str) -> Option<String> {
    let events = scene.bench.events(run);
    let held = events
        .iter()
        .find(|event| event["event_type"] == "run.held")?;
    Some(held["reason"].as_str().unwrap_or_default().to_owned())
}

fn until(what: &str, done: impl Fn() -> bool) {
    let begun = std::time::Instant::now();
    while !done() {
        assert!(begun.elapsed().as_secs() < 60, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// The step that runs goes on, and no other begins.
const PAUSED: &str = "plan: child
steps:
  stays:
    run: |
      echo up >ready
      cat go
      echo stays >>journal
  last: { needs: [stays], run: 'echo last >>journal' }
";

fn paused() -> (Scene, Fifo, Fifo) {
    let scene = scene();
    scene.write("child.yaml", PAUSED);
    let (ready, go) = (Fifo::new(&scene, "ready"), Fifo::new(&scene, "go"));
    (scene, ready, go)
}

fn journal(scene: &Scene) -> String {
    fs::read_to_string(scene.bench.path().join("journal")).unwrap_or_default()
}

#[test]
fn pausing_the_parent_pauses_the_sub_run_and_unpausing_lets_both_go_on() {
    let (scene, ready, _go) = paused();
    let run = Running::start(scene.bench.command([
        "run",
        "plan.yaml",
        "--run-id",
        "r",
        "--quiet",
        "--wait",
    ]));
    ready.read();
    let child = the_child(&scene);
    scene
        .bench
        .rok(["pause", "r", "--reason", "lunch"])
        .exits(0);
    until("the sub-run is paused", || {
        why_held(&scene, &child).is_some()
    });
    let why = why_held(&scene, &child).expect("it is held");
    assert!(why.starts_with("run r was paused by user:"), "{why}");
    assert!(why.ends_with(": lunch"), "{why}");
    scene.write("go", "");
    until("the step that ran has ended", || {
        journal(&scene) == "stays\n"
    });
    assert_eq!(json_of(&scene.bench, &child)["status"], "blocked");
    scene.bench.rok(["unpause", "r"]).exits(0);
    run.finish().exits(0);
    assert_eq!(journal(&scene), "stays\nlast\n");
    scene.bench.rok(["verify", &child, "--sealed"]).exits(0);
}

/// Whoever takes a paused run over finds its sub-run paused, and lets both go
/// on together; a pause of the sub-run's own is not the parent's to end.
#[rstest]
#[case::by_the_parent(false)]
#[case::by_a_person(true)]
fn a_paused_sub_run_of_a_killed_parent_goes_on_when_the_parent_does(#[case] own: bool) {
    let (scene, ready, _go) = paused();
    let run = scene.start();
    ready.read();
    let child = the_child(&scene);
    let target = if own { child.as_str() } else { "r" };
    scene.bench.rok(["pause", target]).exits(0);
    until("the sub-run is paused", || {
        events_of(&scene, &child).contains(&"run.held".to_owned())
    });
    run.signal(Signal::KILL);
    run.finish();
    if !own {
        scene.bench.rok(["unpause", "r"]).exits(0);
    }
    let resumed = Running::start(scene.bench.command(["resume", "r", "--quiet"]));
    if own {
        // It waits for the one who paused it.
        resumed.finish().exits(1);
        assert_eq!(json_of(&scene.bench, &child)["status"], "blocked");
        return;
    }
    ready.read();
    scene.write("go", "");
    resumed.finish().exits(0);
    assert_eq!(journal(&scene), "stays\nlast\n");
}

#[test]
fn a_step_s_timeout_ends_its_sub_run() {
    let scene = Scene::new("plan: parent\nsteps: { sub: { plan: child, timeout: 1s } }\n");
    scene.write("child.yaml", &STAYS.replace("      echo up >ready\n", ""));
    scene.run().exits(1);
    assert_eq!(scene.class("sub"), "timeout");
    assert_eq!(
        json_of(&scene.bench, &the_child(&scene))["outcome"],
        "cancelled"
    );
    assert_eq!(scene.survivors(), Vec::<String>::new());
}

#[test]
fn a_sub_run_that_waits_for_a_person_holds_its_parent() {
    let bench = bench(
        PARENT,
        &child().replace(
            "begin: { run: 'true' }",
            "begin: { gate: manual, run: 'true' }",
        ),
    );
    let ran = bench.rok(["run", "plan.yaml", "--run-id", "r"]).exits(1);
    let child = run_of(&bench, 0);
    let approve = format!("rok approve {child} begin");
    assert!(
        ran.err.contains(&approve) && ran.err.contains("rok resume r"),
        "{}",
        ran.err
    );
    let why = bench.rok(["explain", "r", "deploy"]).exits(0).out;
    assert!(why.contains("waits for its run"), "{why}");
    bench
        .rok(["approve", &child, "begin", "--reason", "fine"])
        .exits(0);
    bench.rok(["resume", "r", "--quiet"]).exits(0);
    assert_eq!(json_of(&bench, "r")["steps"][0]["attempt"], 0);
}

/// Its log says nothing of it: it is told by where the sub-run stands, however
/// deep the gate lies.
#[rstest]
#[case::child(false)]
#[case::grandchild(true)]
fn a_parent_whose_sub_run_waits_is_blocked_wherever_it_is_told(#[case] deep: bool) {
    let gated = "plan: child\nsteps: { two: { gate: manual, run: 'true' } }\n";
    let within = "plan: child\nsteps: { inner: { plan: inner } }\n";
    let bench = bench(
        "plan: parent\nsteps: { p: { plan: child }, q: { needs: [p], run: 'true' } }\n",
        if deep { within } else { gated },
    );
    bench.write("plans/inner.yaml", &gated.replace("child", "inner"));
    run(&bench, &[]).exits(1);
    let waiting = if deep {
        let child = &json_of(&bench, &run_of(&bench, 0))["steps"][0];
        child["run"].as_str().expect("it has a run").to_owned()
    } else {
        run_of(&bench, 0)
    };
    let approve = format!("rok approve {waiting} two");
    let ran = bench.rok(["status", "r"]).exits(0);
    assert!(ran.out.contains("BLOCKED"), "{}", ran.out);
    assert!(ran.err.contains(&approve), "{}", ran.err);
    assert!(ran.err.contains("rok resume r"), "{}", ran.err);
    let summary = bench.rok(["summary", "r"]).exits(0).out;
    assert!(
        summary.contains("BLOCKED") && summary.contains("manual gate two"),
        "{summary}"
    );
    let json = bench.rok(["status", "r", "--json"]).exits(0).json();
    assert_eq!(json["status"], "blocked");
    assert_eq!(json["hold"]["run"], json!(waiting));
    assert_eq!(json["hold"]["steps"], json!(["two"]));
    let why = bench.rok(["explain", "r"]).exits(0).out;
    let why: &str = &why;
    for told in ["it waits: step `p` waits for its run", &approve, "resume r"] {
        assert!(why.contains(told), "{told} in {why}");
    }
    assert!(!why.contains("interrupted"), "{why}");
    let status_of = |args: &[&str]| {
        let list = bench.rok(["ls", "--json"].iter().chain(args)).exits(0);
        let list = list.json();
        let mut list = list.as_array().expect("runs").iter();
        let row = list.find(|row| row["run_id"] == "r");
        row.map(|row| row["status"].clone())
    };
    // Also where its sub-run is not among those that are asked for.
    for args in [&[][..], &["--status", "blocked"], &["--plan", "parent"]] {
        assert_eq!(status_of(args), Some(json!("blocked")), "{args:?}");
    }
    bench
        .rok(["approve", &waiting, "two", "--reason", "fine"])
        .exits(0);
    assert_eq!(status_of(&[]), Some(json!("executing")));
    bench.rok(["resume", "r", "--quiet"]).exits(0);
    assert_eq!(status_of(&[]), Some(json!("succeeded")));
}

/// What cannot be read waits for nobody, and is said.
#[test]
fn a_parent_whose_waiting_sub_run_is_gone_or_broken_is_not_blocked() {
    let bench = bench(
        "plan: parent\nsteps: { p: { plan: child } }\n",
        "plan: child\nsteps: { two: { gate: manual, run: 'true' } }\n",
    );
    run(&bench, &[]).exits(1);
    let child = bench.runs().join(run_of(&bench, 0));
    let log = child.join("events.jsonl");
    let text = fs::read_to_string(&log).expect("a log");
    fs::write(&log, text.replacen("two", "TWO", 1)).expect("it is ours");
    for gone in [false, true] {
        if gone {
            fs::remove_dir_all(&child).expect("it is ours");
        }
        let json = bench.rok(["status", "r", "--json"]).exits(0).json();
        assert_eq!(json["status"], "executing", "{json}");
        bench.rok(["ls"]).exits(0);
        let why = bench.rok(["explain", "r"]).exits(0).out;
        assert!(why.contains("cannot be read"), "{why}");
    }
}

/// A rollback does not undo the run of a step: what is left of it is named, and
/// nobody is told of a rollback that is done.
#[rstest]
#[case::nothing_else("", "'true'", "FAILED", false)]
#[case::with_others(
    "  o: { run: 'true', compensate: { run: 'true' } }\n",
    "'true'",
    "ROLLED_BACK",
    false
)]
#[case::failed_half_way("", "exit 1", "FAILED", true)]
fn what_a_rollback_leaves_of_a_sub_run_is_never_silent(
    #[case] others: &str,
    #[case] last: &str,
    #[case] word: &str,
    #[case] can: bool,
) {
    let parent = format!(
        "plan: parent\non_failure: rollback\nsteps:\n{others}  p: {{ plan: child }}\n  q: {{ needs: [p{}], run: 'exit 1' }}\n",
        if others.is_empty() { "" } else { ", o" }
    );
    let bench = bench(
        &parent,
        &format!(
            "plan: child\nsteps:\n  one: {{ run: 'true', compensate: {{ run: 'echo undone >>journal' }} }}\n  two: {{ needs: [one], run: {last} }}\n"
        ),
    );
    let lint = bench.rok(["plan", "lint", "plan.yaml"]);
    assert!(
        lint.out.contains("does not undo the run of a step"),
        "{}{}",
        lint.out,
        lint.err
    );
    run(&bench, &[]).exits(1);
    let summary = json_of(&bench, "r");
    let left = &summary["rollback"];
    assert_eq!(left["state"], "incomplete", "{left}");
    let steps = summary["steps"].as_array().expect("steps").iter();
    let child = { steps }.find(|step| step["id"] == "p").expect("p")["run"].clone();
    let expected =
        json!([{ "step": "p", "run": child, "steps": ["one"], "can_be_rolled_back": can }]);
    assert_eq!(left["sub_runs"], expected);
    let child = child.as_str().expect("a run");
    let told = format!("{word}, ROLLBACK INCOMPLETE (not undone: p (run {child}: one))");
    for command in ["status", "summary"] {
        let out = bench.rok([command, "r"]).exits(0).out;
        assert!(out.contains(&told), "{told} in {out}");
    }
    let why = bench.rok(["explain", "r"]).exits(0).out;
    let what = format!("of whose run {child} there is left: one");
    assert!(why.contains(&what), "{why}");
    assert_eq!(why.contains(&format!("rollback {child}")), can, "{why}");
    assert_eq!(why.contains("Undo it by hand"), !can, "{why}");
    if can {
        let undone = bench.rok(["rollback", child, "--reason", "enough"]);
        assert!(undone.out.contains("ROLLED_BACK"), "{}", undone.out);
        let journal = fs::read_to_string(bench.path().join("plans/journal"));
        assert_eq!(journal.expect("written"), "undone\n");
        assert_eq!(json_of(&bench, "r").get("rollback"), Some(&Value::Null));
    }
}

/// A sub-run whose step says what undoes it is undone by that.
#[test]
fn a_step_undoes_its_sub_run_by_a_compensation_of_its_own() {
    let bench = bench(
        "plan: parent\non_failure: rollback\nsteps:\n  p: { plan: child, compensate: { run: 'true' } }\n  q: { needs: [p], run: 'exit 1' }\n",
        "plan: child\nsteps: { one: { run: 'true', compensate: { run: 'true' } } }\n",
    );
    run(&bench, &[]).exits(1);
    let rollback = &json_of(&bench, "r")["rollback"];
    assert_eq!(rollback["state"], "rolled_back", "{rollback}");
    assert_eq!(rollback["undone"], json!(["p"]));
}

#[test]
fn a_plan_within_a_plan_within_a_plan() {
    let bench = bench(
        PARENT,
        "plan: child\ninputs: { region: { type: string }, count: { type: integer } }\nsteps: { finish: { plan: inner } }\n",
    );
    bench.write(
        "plans/inner.yaml",
        "plan: inner\nsteps: { last: { run: 'echo ok' } }\n",
    );
    let parent = PARENT.replace(
        "steps.deploy.outputs.finish.text",
        "steps.deploy.outputs.finish",
    );
    bench.write("plan.yaml", &parent);
    run(&bench, &[]).exits(0);
    assert_eq!(folders(&bench).len(), 3);
    bench.rok(["verify", "r", "--sealed"]).exits(0);
}

/// The plans that steps name travel with a run; its sub-runs are named.
#[test]
fn a_parent_verifies_where_it_is_taken_in() {
    let bench = bench(PARENT, &child());
    run(&bench, &[]).exits(0);
    let child = run_of(&bench, 0);
    let ran = bench.rok(["export", "r", "-o", "r.tar.zst"]).exits(0);
    let told = format!("not in it: sub-run {child}");
    assert!(ran.out.contains(&told), "{}", ran.out);
    bench.rok(["verify", "r.tar.zst", "--sealed"]).exits(0);
    bench
        .rok(["import", "r.tar.zst", "--dir", "taken"])
        .exits(0);
    bench
        .rok(["verify", "r", "--dir", "taken", "--sealed"])
        .exits(0);
    let export = [
        "export",
        "r",
        "--dir",
        "taken",
        "-o",
        "again.tar.zst",
        "--json",
    ];
    assert_eq!(
        bench.rok(export).exits(0).json()["sub_runs"],
        json!([child])
    );
    let read = |name: &str| fs::read(bench.path().join(name)).expect("a bundle");
    assert!(read("r.tar.zst") == read("again.tar.zst"));
}
