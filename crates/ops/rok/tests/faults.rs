//! What people hand to `rok` that is not what it seems: each is told at once,
//! by an error that names it.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use rstest::rstest;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use support::Bench;

const PLAN: &str = "plan: p\ninputs: { n: { type: integer, default: 1 } }\nsecrets: [S]\nsteps: { s: { run: 'true', env: { S: '${{ secrets.S }}' } } }\n";

/// A folder with a plan, a sealed run `r`, and files that are none.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench.write("secrets", "S=secret-value\n");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(bench.path().join("secrets"), private).unwrap();
    let run = ["run", "plan.yaml", "--run-id", "r", "--secrets", "secrets"];
    bench.rok(run).exits(0);
    let pipe = bench.path().join("pipe.yaml");
    mknodat(CWD, pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    fs::create_dir(bench.path().join("folder.yaml")).unwrap();
    drop(UnixListener::bind(bench.path().join("socket.yaml")).unwrap());
    bench
}

#[rstest]
#[case::plan(&["run", "FILE"], 2)]
#[case::validate(&["plan", "validate", "FILE"], 2)]
#[case::lint(&["plan", "lint", "FILE"], 2)]
#[case::inputs(&["run", "plan.yaml", "--inputs", "FILE"], 2)]
#[case::secrets(&["run", "plan.yaml", "--secrets", "FILE"], 1)]
#[case::config(&["--config", "FILE", "config", "show"], 2)]
#[case::key(&["attest", "r", "--key", "FILE"], 2)]
#[case::public_key(&["verify", "r", "--key", "FILE"], 2)]
#[case::checkpoint(&["verify", "r", "--checkpoint", "FILE"], 2)]
#[case::bundle(&["import", "FILE"], 2)]
#[case::other_format(&["plan", "import", "FILE"], 2)]
fn what_is_no_regular_file_is_not_waited_for(#[case] args: &[&str], #[case] code: i32) {
    let bench = bench();
    let no_file = [
        ("pipe.yaml", "a pipe"),
        ("folder.yaml", "a folder"),
        ("socket.yaml", "a socket"),
        ("/dev/zero", "a device"),
    ];
    for (file, kind) in no_file {
        let args = args
            .iter()
            .map(|arg| if *arg == "FILE" { file } else { *arg });
        let ran = bench.rok(args).exits(code);
        // Secrets are looked for in a run's preflight: its summary says it.
        let all = format!("{}{}", ran.out, ran.err);
        let told = all.split_whitespace().collect::<Vec<_>>().join(" ");
        let what = format!("not a regular file: it is {kind}");
        assert!(told.contains(&what) && told.contains(file), "{all}");
    }
}

/// A run whose log is gone is broken, and no unknown run.
#[rstest]
#[case::gone("gone", "is missing")]
#[case::link("link", "is a symbolic link")]
#[case::pipe("pipe", "is not a regular file")]
#[case::folder("folder", "is not a regular file")]
fn a_run_without_its_log_is_broken(#[case] left: &str, #[case] what: &str) {
    let bench = bench();
    let log = bench.runs().join("r/events.jsonl");
    let away = bench.path().join("away");
    fs::rename(&log, &away).unwrap();
    match left {
        "link" => std::os::unix::fs::symlink(&away, &log).unwrap(),
        "pipe" => mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap(),
        "folder" => fs::create_dir(&log).unwrap(),
        _ => {}
    }
    for run in ["r", "runs/r"] {
        let report = bench.rok(["verify", run, "--json"]).exits(4).json();
        assert_eq!(report["verdict"], "broken");
        assert_eq!(report["faults"][0]["file"], "events.jsonl");
        let told = report["faults"][0]["what"].as_str().unwrap();
        assert!(told.contains(what), "{told}");
        bench.rok(["status", run]).exits(4);
        bench.rok(["resume", run]).exits(4);
    }
    let listed = bench.rok(["ls"]).exits(4);
    assert!(listed.out.contains("broken"), "{}", listed.out);
}

/// What lies beside a log is not believed: the log is read.
#[test]
fn no_file_beside_the_log_tells_a_list_what_a_run_is() {
    let bench = bench();
    bench.write("plan.yaml", "plan: p\nsteps: { s: { run: 'exit 3' } }\n");
    bench.rok(["run", "plan.yaml", "--run-id", "bad"]).exits(1);
    let bytes = fs::metadata(bench.runs().join("bad/events.jsonl"))
        .unwrap()
        .len();
    let time = "2026-01-01T00:00:00.000Z";
    let row = serde_json::json!({ "bytes": bytes, "row": {
        "plan": "p", "phase": "COMPLETED", "outcome": "succeeded", "epoch": 0,
        "created_at": time, "updated_at": time, "next_seq": bench.events("bad").len(),
    } });
    fs::write(bench.runs().join("bad/row.json"), row.to_string()).unwrap();
    let listed = bench
        .rok(["ls", "--status", "failed", "--json"])
        .exits(0)
        .json();
    assert_eq!(listed[0]["run_id"], "bad", "{listed}");
}
