//! The examples of the pages about errors, played as they stand there: what a
//! page shows is what `rok` says, with the exit code that the page names.

#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/page.rs"]
mod page;
#[expect(dead_code, reason = "this file needs a part of it")]
#[path = "support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};
use support::Bench;

/// The pages that are played; every one of them is tried in the same folder.
const PLAYED: &[&str] = &[
    "ROK0001", "ROK0002", "ROK0003", "ROK0004", "ROK0005", "ROK0006", "ROK0007", "ROK0008",
    "ROK0009", "ROK0010", "ROK0011", "ROK0012", "ROK0013", "ROK0014", "ROK0101", "ROK0102",
    "ROK0103", "ROK0104", "ROK0105", "ROK0109", "ROK0110", "ROK0111", "ROK0112", "ROK0113",
    "ROK0115", "ROK0116", "ROK0117", "ROK0118", "ROK0119", "ROK0120", "ROK0122", "ROK0123",
    "ROK0140", "ROK0141", "ROK0145", "ROK0160", "ROK0161", "ROK0162", "ROK0170", "ROK0173",
    "ROK0180", "ROK0181", "ROK0182", "ROK0190", "ROK0211", "ROK0212", "ROK0240",
];

const FILES: &[(&str, &str)] = &[
    (
        "etl.yaml",
        "plan: etl
inputs: { region: { type: string, default: eu }, min_accuracy: { type: number, default: 1 } }
steps:
  fetch: { run: [\"true\"] }
  load: { run: [\"true\"], needs: [fetch] }
",
    ),
    (
        "gated.yaml",
        "plan: gated
steps:
  build: { run: ['true'] }
  check: { run: ['false'], gate: hard, needs: [build] }
  ship: { run: ['true'], needs: [check] }
",
    ),
    (
        "deploy.yaml",
        "plan: deploy
concurrency: { key: deploy-eu, on_limit: reject }
steps:
  build: { run: 'touch began; while [ ! -e go ]; do sleep 0.05; done' }
  publish: { run: ['true'], needs: [build], gate: manual }
",
    ),
    (
        "secret.yaml",
        "plan: secret\nsecrets: [PUBLISH_TOKEN]\nsteps: { a: { gate: manual, run: ['true'] } }\n",
    ),
    (
        "release.yaml",
        "plan: release\nsteps: { a: { plan: deploy-all } }\n",
    ),
    (
        "site.yaml",
        "plan: site\ninputs: { n: { type: integer } }\nsteps: { a: { run: ['true'] } }\n",
    ),
    ("sites.csv", "n\n1\nx\n"),
    ("inputs.yaml", "region: eu\nregion: us\n"),
    (
        "release.cedar",
        "permit (principal, action, resource);\n\npermt (principal, action, resource);\n",
    ),
    ("services.toml", "[x]\nurl = 1\n"),
    (
        "ci.yaml",
        "name: ci
on: push
jobs:
  build:
    runs-on: x
    steps:
      - name: check out
        uses: actions/checkout@v4
",
    ),
    (
        "hourly.yaml",
        "schedule: hourly\nplan: etl.yaml\ncron: \"0 * * * *\"\n",
    ),
];

/// A run that goes on until it is dropped.
struct Live(Child, std::path::PathBuf);

impl Drop for Live {
    fn drop(&mut self) {
        let _ = fs::write(&self.1, "");
        let _ = self.0.wait();
    }
}

/// A folder with everything that the pages speak of.
fn house() -> (Bench, Live) {
    let bench = Bench::new();
    for (name, text) in FILES {
        bench.write(name, text);
    }
    for folder in ["examples", "empty", ".github/workflows"] {
        fs::create_dir_all(bench.path().join(folder)).expect("it is ours");
    }
    let workflow = bench.path().join(".github/workflows/ci.yaml");
    fs::rename(bench.path().join("ci.yaml"), workflow).expect("it is ours");
    let run = |plan: &str, id: &str| bench.rok(["run", plan, "--run-id", id, "--quiet"]);
    run("etl.yaml", "nightly-3").exits(0);
    bench.rok(["gc", "--older-than", "0s"]).exits(0);
    for id in ["0199a", "0199b", "tampered"] {
        run("etl.yaml", id).exits(0);
    }
    run("gated.yaml", "run_abc").exits(1);
    let made = ["run", "secret.yaml", "--run-id", "upload-7", "--quiet"];
    let mut made = bench.command(made);
    made.env("PUBLISH_TOKEN", "quite-long-enough");
    assert_eq!(made.output().expect("it runs").status.code(), Some(1));
    handle(&bench);
    let log = bench.runs().join("tampered/events.jsonl");
    let text = fs::read_to_string(&log).expect("a log");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[9] = lines[9].replace("\"actor\":\"runner\"", "\"actor\":\"nobody\"");
    fs::write(&log, lines.join("\n") + "\n").expect("it is ours");
    bench.rok(["hold", "0199a", "--reason", "case 12"]).exits(0);
    for key in ["rok.key", "own.key"] {
        bench.rok(["key", "new", "--out", key]).exits(0);
    }
    let open = fs::Permissions::from_mode(0o644);
    fs::set_permissions(bench.path().join("rok.key"), open).expect("it is ours");
    bench.rok(["schedule", "add", "hourly.yaml"]).exits(0);
    let live = live(&bench);
    (bench, live)
}

/// The first line about an incident, in the desk's book.
const LINE: &str = "runs/.desk~/0000000000000001.json";

/// Handles what failed, twice.
fn handle(bench: &Bench) {
    let listed = bench.rok(["incidents", "--json"]).exits(0).json();
    let id = listed[0]["id"].as_str().expect("an id");
    for what in ["acknowledge", "resolve"] {
        let args = ["incidents", what, id, "--reason", "the cable"];
        bench.rok(args).exits(0);
    }
}

/// The run `run_live`, once its first step has begun.
fn live(bench: &Bench) -> Live {
    let mut live = bench.command(["run", "deploy.yaml", "--run-id", "run_live", "--quiet"]);
    live.stdout(Stdio::null()).stderr(Stdio::null());
    let live = Live(live.spawn().expect("it runs"), bench.path().join("go"));
    let by = Instant::now() + Duration::from_secs(30);
    while !bench.path().join("began").exists() {
        assert!(Instant::now() < by, "the step does not begin");
        std::thread::sleep(Duration::from_millis(10));
    }
    live
}

/// A run that is driven holds the place of its key: to resume it is refused at
/// once, and waits neither for its end nor for its own place.
#[test]
fn a_run_that_is_driven_is_not_waited_for_by_resuming_it() {
    for on_limit in ["reject", "queue"] {
        let bench = Bench::new();
        let (name, text) = FILES[2];
        bench.write(name, &text.replace("reject", on_limit));
        let live = live(&bench);
        let refused = bench.rok(["resume", "run_live"]).exits(1).err;
        assert!(refused.contains("ROK0103"), "{on_limit}: {refused}");
        drop(live);
    }
}

/// Writes what only one page speaks of, and takes it away again.
fn with_its_file(bench: &Bench, code: &str, play: impl FnOnce()) {
    let line = fs::read_to_string(bench.path().join(LINE)).expect("a line");
    let changed = line.replace("cable", "weather");
    let (file, text) = match code {
        "ROK0145" => (LINE, changed.as_str()),
        "ROK0001" => (
            "etl.yaml",
            "plan: etl\ninputs: { region: { type: string } }\nsteps:\n  fetch: { run: [\"true\"] }
  load: { run: [\"true\"], need: [fetch] }\n",
        ),
        "ROK0007" => ("rok.toml", "\ngrace_periode_ms = 1\n"),
        "ROK0009" => ("rok.toml", "dir = runs\n"),
        "ROK0181" => (
            "nightly.yaml",
            "schedule: nightly\nplan: etl.yaml\ncron: \"0 3 * * *\"\noverlaps: skip\n",
        ),
        "ROK0180" => (
            "nightly.yaml",
            "schedule: nightly\nplan: etl.yaml\ncron: \"0 3 * * *\"\n",
        ),
        _ => return play(),
    };
    let path = bench.path().join(file);
    let before = fs::read_to_string(&path).ok();
    bench.write(file, text);
    if code == "ROK0180" {
        bench.rok(["schedule", "add", "nightly.yaml"]).exits(0);
    }
    play();
    match before {
        Some(before) => fs::write(&path, before).expect("it is ours"),
        None => fs::remove_file(&path).expect("it is ours"),
    }
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_pages_show_is_what_rok_says() {
    let (bench, live) = house();
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../docs/errors");
    let home = bench.path().canonicalize().expect("it is there");
    let mut wrong = String::new();
    for code in PLAYED {
        let text = fs::read_to_string(docs.join(format!("{code}.md"))).expect("a page");
        let (_, example) = text.split_once("## Example").expect("an example");
        let scenes = page::scenes(example);
        assert!(!scenes.is_empty(), "{code} shows no command");
        for (command, shown) in scenes {
            with_its_file(&bench, code, || {
                let ran = page::shell(&bench, command);
                let said = format!("{}\n{}", ran.out, ran.err);
                let said = said.replace(&format!("{}/", home.display()), "");
                let said = words(&said);
                let mut rest = said.as_str();
                for part in words(&shown.join("\n")).split('…') {
                    match rest.split_once(part.trim()) {
                        Some((_, behind)) => rest = behind,
                        None => {
                            let _ = writeln!(wrong, "{code}: `{part}` is not in: {said}");
                            break;
                        }
                    }
                }
                // A page of a fault says how the program ends; one of a server does not.
                let exit = format!("Exit code {}", ran.code);
                if !words(&text).contains(&exit) {
                    let _ = writeln!(wrong, "{code}: the page does not say: {exit}");
                }
            });
        }
    }
    drop(live);
    assert_eq!(wrong, "");
}
