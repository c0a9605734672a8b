//! Schedules by the terminal: the page's commands, ticks that are killed, ticks
//! side by side, and what is refused.

#[expect(dead_code, reason = "this file needs a part of it")]
mod support;

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;

use page::play;
use rstest::rstest;
use std::collections::BTreeSet;
use support::Bench;

const PAGE: &str = include_str!("../../../../docs/howto/schedules.md");

/// The page's yaml blocks.
fn blocks() -> Vec<&'static str> {
    let blocks = PAGE.split("```yaml\n").skip(1);
    blocks
        .map(|text| text.split("```").next().expect("a block ends"))
        .collect()
}

#[test]
fn the_commands_of_the_page() {
    let bench = Bench::new();
    let [plan, schedule] = blocks()[..] else {
        panic!("the page shows a plan and a schedule");
    };
    bench.write("site.yaml", plan);
    bench.write("sites.yaml", schedule);
    play(&bench, PAGE);
}

#[test]
fn the_page_has_every_key() {
    for key in rok_schedule::KEYS {
        let row = format!("| `{}` | {} | {} |", key.key, key.takes, key.doc);
        assert!(PAGE.contains(&row), "docs/howto/schedules.md lacks\n{row}");
    }
}

/// A plan whose step writes a line, and a schedule of every minute for it.
fn bench(step: &str, keys: &str) -> Bench {
    let bench = Bench::new();
    let plan = format!("plan: p\ninputs: {{ n: {{ type: string }} }}\nsteps:\n  s:\n{step}\n");
    bench.write("p.yaml", &plan);
    let schedule = format!(
        "schedule: s\nplan: p.yaml\ncron: '* * * * *'\npaused: true\nfor_each: [1, 2]\n\
         inputs: {{ n: '${{{{ item }}}}' }}\n{keys}"
    );
    bench.write("s.yaml", &schedule);
    bench.rok(["schedule", "add", "s.yaml"]).exits(0);
    bench
}

/// Decides the firings of some minutes of a day that is over; nothing runs yet.
fn backfill(bench: &Bench, minutes: u32) {
    // A paused schedule holds what is backfilled; its minutes do not disturb.
    let until = format!("2026-01-01T00:{minutes:02}:00Z");
    let args = [
        "schedule",
        "backfill",
        "s",
        "--from",
        "2026-01-01T00:00:00Z",
        "--until",
    ];
    bench
        .rok(args.iter().copied().chain([until.as_str()]))
        .exits(0);
    // From now on nothing else falls due.
    let text = std::fs::read_to_string(bench.path().join("s.yaml")).expect("the file");
    bench.write(
        "s.yaml",
        &text.replace("paused: true\n", "until: 2026-01-02T00:00:00Z\n"),
    );
    bench.rok(["schedule", "add", "s.yaml"]).exits(0);
    bench.rok(["schedule", "unpause", "s"]).exits(0);
}

const WRITE: &str = "    run: echo \"$ROK_RUN_ID\" >> journal";

fn journal(bench: &Bench) -> Vec<String> {
    let text = std::fs::read_to_string(bench.path().join("journal")).unwrap_or_default();
    text.lines().map(ToOwned::to_owned).collect()
}

#[test]
fn ticks_side_by_side_run_each_firing_once() {
    let bench = bench(WRITE, "");
    backfill(&bench, 10);
    let ticks: Vec<_> = (0..3)
        .map(|_| {
            bench
                .command(["schedule", "tick"])
                .stdout(std::process::Stdio::null())
                .spawn()
        })
        .collect();
    for tick in ticks {
        let status = tick.expect("it starts").wait().expect("it ends");
        assert!(status.success(), "{status}");
    }
    // Where one waited for a run of another, that is left for the next.
    bench.rok(["schedule", "tick"]).exits(0);
    let lines = journal(&bench);
    let unique: BTreeSet<_> = lines.iter().collect();
    assert_eq!((lines.len(), unique.len()), (20, 20));
    let runs = bench
        .rok(["ls", "--status", "succeeded", "--json"])
        .exits(0)
        .json();
    assert_eq!(runs.as_array().map(Vec::len), Some(20));
    let list = bench.rok(["schedule", "list", "--json"]).exits(0).json();
    assert_eq!(
        (&list[0]["waiting"], &list[0]["running"]),
        (&0.into(), &serde_json::json!([]))
    );
}

#[test]
fn a_tick_that_is_killed_loses_nothing() {
    let bench = bench(WRITE, "");
    backfill(&bench, 6);
    // Each is killed once it has got a little further than the one before.
    for lines in [1, 3, 5] {
        let mut tick = bench.command(["schedule", "tick"]);
        let mut tick = tick
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it starts");
        while journal(&bench).len() < lines && tick.try_wait().expect("it is ours").is_none() {
            std::thread::yield_now();
        }
        tick.kill().expect("it is killed");
        tick.wait().expect("it ends");
    }
    bench.rok(["schedule", "tick"]).exits(0);
    let runs = bench.rok(["ls", "--json"]).exits(0).json();
    let runs = runs.as_array().expect("a list").clone();
    assert_eq!(runs.len(), 12);
    for run in &runs {
        assert_eq!(run["status"], "succeeded", "{run}");
        let id = run["run_id"].as_str().expect("an id");
        bench.rok(["verify", id, "--sealed"]).exits(0);
    }
    let ran: BTreeSet<_> = journal(&bench).into_iter().collect();
    assert_eq!(ran.len(), 12);
    bench.rok(["schedule", "tick"]).exits(0);
    assert_eq!(
        bench.rok(["ls", "--json"]).json().as_array().map(Vec::len),
        Some(12)
    );
}

#[rstest]
#[case::fails("    run: exit 3", 1, "failed")]
#[case::held("    gate: manual\n    run: 'true'", 1, "held")]
fn a_run_that_does_not_succeed(#[case] step: &str, #[case] code: i32, #[case] end: &str) {
    let bench = bench(step, "");
    bench
        .rok(["schedule", "trigger", "s", "--item", "1"])
        .exits(0);
    let ticked = bench.rok(["schedule", "tick", "--json"]).exits(code).json();
    assert_eq!(ticked["runs"][0]["end"], end, "{ticked}");
    let list = bench
        .rok(["schedule", "list", "s", "--json"])
        .exits(0)
        .json();
    let going = usize::from(end == "held");
    assert_eq!(list[0]["running"].as_array().map(Vec::len), Some(going));
    // Another firing for the item that is held is skipped; for the other not.
    let again = bench
        .rok(["schedule", "trigger", "s", "--json"])
        .exits(0)
        .json();
    let what: Vec<_> = again
        .as_array()
        .expect("a list")
        .iter()
        .map(|f| f["what"].as_str())
        .collect();
    if end == "held" {
        assert_eq!(what, [Some("skipped"), Some("started")], "{again}");
    } else {
        assert_eq!(what, [Some("started")], "{again}");
    }
}

#[test]
fn a_run_that_is_refused_is_told_of_and_kept_in_mind() {
    let bench = bench(WRITE, "");
    bench.write("p.yaml", "plan: p\nsteps: { s: { run: 'true' } }\n");
    bench.rok(["schedule", "trigger", "s"]).exits(0);
    let ticked = bench.rok(["schedule", "tick"]).exits(1);
    assert!(ticked.out.contains("refused 2 (trigger)"), "{}", ticked.out);
    assert!(ticked.out.contains('n'), "{}", ticked.out);
    bench.rok(["schedule", "tick"]).exits(0);
    let list = bench.rok(["schedule", "list"]).exits(0);
    assert!(list.out.contains("refused 2"), "{}", list.out);
    assert!(!bench.runs().join("p").exists() && journal(&bench).is_empty());
}

#[test]
fn the_run_is_submitted_by_who_asked() {
    let bench = bench(WRITE, "");
    bench
        .rok([
            "schedule", "trigger", "s", "--item", "2", "--reason", "a try",
        ])
        .exits(0);
    bench.rok(["schedule", "tick"]).exits(0);
    let id = journal(&bench).pop().expect("it ran");
    let summary = bench.rok(["summary", &id, "--json"]).exits(0).json();
    assert_eq!(summary["submitter"], "user:tester");
    assert_eq!(summary["labels"]["schedule"], "s");
    assert_eq!(summary["labels"]["item"], "2");
    assert_eq!(summary["inputs"]["n"], "2");
    let log = std::fs::read_to_string(bench.runs().join(&id).join("events.jsonl"));
    assert!(log.expect("a log").contains("triggered: a try"));
}

#[test]
fn an_item_can_be_chosen_only_where_there_is_one() {
    let bench = bench(WRITE, "");
    let none = bench
        .rok(["schedule", "trigger", "s", "--item", "3"])
        .exits(3);
    assert!(
        none.err.contains("no item `3`") && none.err.contains("1, 2"),
        "{}",
        none.err
    );
}

#[test]
fn what_is_refused_and_how_it_is_told() {
    let bench = bench(WRITE, "");
    let unknown = bench.rok(["schedule", "pause", "t"]).exits(3);
    assert!(unknown.err.contains("error[ROK0180]"), "{}", unknown.err);
    bench.write(
        "bad.yaml",
        "schedule: b\nplan: p.yaml\ncron: 0 7 * * *\noverlaps: skip\n",
    );
    let bad = bench.rok(["schedule", "add", "bad.yaml"]).exits(2);
    for told in ["error[ROK0181]", "bad.yaml:4:1", "did you mean `overlap`?"] {
        assert!(bad.err.contains(told), "{}", bad.err);
    }
    let json = bench
        .rok(["schedule", "add", "bad.yaml", "--json"])
        .exits(2);
    assert!(json.err.contains("\"code\": \"ROK0181\""), "{}", json.err);
    bench.write("b.yaml", "schedule: b\nplan: q.yaml\ncron: 0 7 * * *\n");
    let no_plan = bench.rok(["schedule", "add", "b.yaml"]).exits(3);
    assert!(no_plan.err.contains("q.yaml"), "{}", no_plan.err);
    bench.rok(["schedule", "add", "nothing.yaml"]).exits(2);
    let future = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--until",
        "2999-01-01T00:00:00Z",
    ];
    let args = ["schedule", "backfill", "s"].into_iter().chain(future);
    let future = bench.rok(args).exits(2);
    assert!(future.err.contains("error[ROK0182]"), "{}", future.err);
    let args = [
        "schedule",
        "backfill",
        "s",
        "--from",
        "yesterday",
        "--until",
        "today",
    ];
    assert!(bench.rok(args).exits(2).err.contains("--from"));
    bench.rok(["schedule", "tick", "--until", "soon"]).exits(2);

    let record = bench.runs().join(".schedules~/s.json");
    std::fs::write(&record, "{").expect("it is damaged");
    let damaged = bench.rok(["schedule", "tick"]).exits(1);
    assert!(damaged.err.contains("cannot be read"), "{}", damaged.err);
    let damaged = bench.rok(["schedule", "unpause", "s"]).exits(4);
    assert!(damaged.err.contains("error[ROK0183]"), "{}", damaged.err);
    assert!(
        bench
            .rok(["schedule", "list"])
            .exits(0)
            .out
            .contains("trouble")
    );
    bench.rok(["schedule", "remove", "s"]).exits(0);
    assert_eq!(
        bench.rok(["schedule", "list", "--json"]).exits(0).json(),
        serde_json::json!([])
    );
}

#[test]
fn it_goes_on_until_it_is_told_to_end() {
    let bench = bench(WRITE, "");
    let text = std::fs::read_to_string(bench.path().join("s.yaml")).expect("the file");
    let text = text
        .replace("'* * * * *'", "'* * * * * *'")
        .replace("paused: true\n", "");
    bench.write("s.yaml", &text);
    bench.rok(["schedule", "remove", "s"]).exits(0);
    bench.rok(["schedule", "add", "s.yaml"]).exits(0);
    bench.rok(["schedule", "tick", "--until", "3s"]).exits(0);
    let lines = journal(&bench);
    let unique: BTreeSet<_> = lines.iter().collect();
    assert!(lines.len() >= 2 && unique.len() == lines.len(), "{lines:?}");
}

/// A server that keeps the schedules; it is killed when it is dropped.
struct Server(std::process::Child);

impl Server {
    fn start(bench: &Bench) -> Self {
        use std::io::BufRead as _;
        let args = ["serve", "--listen", "127.0.0.1:0", "--insecure-no-auth"];
        let mut command = bench.command(args);
        command.stdout(std::process::Stdio::piped());
        command.stderr(std::process::Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let out = child.stdout.take().expect("it is piped");
        let mut line = String::new();
        std::io::BufReader::new(out)
            .read_line(&mut line)
            .expect("it says where it listens");
        assert!(line.starts_with("rok serves on"), "{line}");
        Self(child)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until something is so, for half a minute at most.
fn until(what: &str, is: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while !is() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_server_keeps_schedules_and_goes_on_where_one_was_killed() {
    let step = "    run: |\n      echo \"begins $ROK_RUN_ID\" >> journal\n      \
                while [ ! -e go ]; do sleep 0.05; done\n      echo \"ends $ROK_RUN_ID\" >> journal";
    let bench = bench(step, "");
    bench.rok(["schedule", "trigger", "s"]).exits(0);
    let server = Server::start(&bench);
    until("both begin", || journal(&bench).len() >= 2);
    drop(server);
    let server = Server::start(&bench);
    // What the first left of the two steps was ended before they began anew.
    until("both begin anew", || journal(&bench).len() >= 4);
    bench.write("go", "");
    let ended = || {
        let runs = bench.rok(["ls", "--status", "succeeded", "--json"]);
        runs.json().as_array().map_or(0, Vec::len)
    };
    until("both go on to their ends", || ended() == 2);
    // Another is taken up without a word to the server.
    bench
        .rok(["schedule", "trigger", "s", "--item", "1"])
        .exits(0);
    until("a third comes", || ended() == 3);
    let ends: Vec<_> = journal(&bench)
        .into_iter()
        .filter(|line| line.starts_with("ends"))
        .collect();
    let unique: BTreeSet<_> = ends.iter().collect();
    assert_eq!((ends.len(), unique.len()), (3, 3));
    drop(server);
    assert_eq!(
        bench.rok(["ls", "--json"]).json().as_array().map(Vec::len),
        Some(3)
    );
}

#[test]
fn a_long_run_holds_up_no_other() {
    let step = "    timeout: 30s\n    run: |\n      if [ ${{ inputs.n }} = 1 ]; then while [ ! -e go ]; do sleep 0.05; done\n      \
                else touch go; fi";
    let bench = bench(step, "");
    bench.rok(["schedule", "trigger", "s"]).exits(0);
    bench.rok(["schedule", "tick"]).exits(0);
}

#[test]
fn a_tick_that_is_told_to_stop_leaves_its_runs_to_the_next() {
    let step =
        "    run: |\n      echo begins >> journal\n      while [ ! -e go ]; do sleep 0.05; done";
    let bench = bench(step, "");
    bench.rok(["schedule", "trigger", "s"]).exits(0);
    let mut tick = bench.command(["schedule", "tick", "--json"]);
    let tick = tick
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("it starts");
    until("both begin", || journal(&bench).len() == 2);
    let pid = i32::try_from(tick.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it is told");
    let ran = support::Ran::from(tick.wait_with_output().expect("it ends")).exits(143);
    let ends = ran.json();
    let ends = ends["runs"]
        .as_array()
        .expect("runs")
        .iter()
        .map(|run| &run["end"]);
    assert_eq!(ends.collect::<Vec<_>>(), ["interrupted", "interrupted"]);
    bench.write("go", "");
    let ticked = bench.rok(["schedule", "tick"]).exits(0);
    assert_eq!(ticked.out.matches("succeeded").count(), 2, "{}", ticked.out);
}

#[test]
fn with_a_server_its_schedules_are_asked_for_and_none_of_the_folder() {
    let bench = Bench::new();
    let nobody = ["schedule", "list", "--server", "http://127.0.0.1:1"];
    let refused = bench.rok(nobody).exits(1);
    assert!(refused.err.contains("ROK0213"), "{}", refused.err);
}

/// What the plan would refuse at every firing is refused at once.
#[rstest]
#[case(
    "inputs: { m: x }",
    "`m`: the plan does not declare it; `n`: is not given"
)]
#[case("", "`n`: is not given")]
#[case("inputs: { n: x, w: y }", "`w`: ")]
fn inputs_must_fit_the_plan(#[case] inputs: &str, #[case] told: &str) {
    let bench = Bench::new();
    let plan = "plan: p\ninputs: { n: { type: string }, w: { type: integer, default: 1 } }\nsteps: { s: { run: 'true' } }\n";
    bench.write("p.yaml", plan);
    let schedule = format!("schedule: s\nplan: p.yaml\ncron: '* * * * *'\n{inputs}\n");
    bench.write("s.yaml", &schedule);
    let ran = bench.rok(["schedule", "add", "s.yaml"]).exits(2);
    assert!(ran.err.contains(told), "{}", ran.err);
    assert!(ran.err.contains("ROK0181"), "{}", ran.err);
    let listed = bench.rok(["schedule", "list", "--json"]).exits(0).json();
    assert_eq!(listed.as_array().unwrap().len(), 0);
}

#[test]
fn a_field_out_of_bounds_is_told_in_our_words() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { s: { run: 'true' } }\n");
    bench.write("s.yaml", "schedule: s\nplan: p.yaml\ncron: '99 * * * *'\n");
    let ran = bench.rok(["schedule", "add", "s.yaml"]).exits(2);
    assert!(
        ran.err.contains("minutes and seconds are 0 to 59"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("Component"), "{}", ran.err);
}
