//! A disk that is full: nothing is acknowledged that is not stored, readiness
//! fails, and once there is room everything goes on.
//!
//! The disk is a small tmpfs in a mount namespace of the server's own.

use super::{Served, bench};
use rstest::rstest;
use serde_json::{Value, json};
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// Far beyond what it takes to notice that there is room, or none.
const PATIENCE: Duration = Duration::from_secs(60);

/// A step that ends when a file comes that lies on another disk.
const LATE: &str = "
plan: late
steps: { a: { run: [sh, -c, 'until [ -e go ]; do sleep 0.02; done'], idempotent: true } }
";

/// A server whose runs lie on a disk of a few megabytes.
struct Cramped {
    served: Served,
    /// The server's disk, seen from here.
    disk: PathBuf,
}

impl Cramped {
    fn start(flags: &[&str]) -> Self {
        let bench = bench();
        bench.write("late.yaml", LATE);
        let disk = bench.path().join("disk");
        fs::create_dir(&disk).expect("a folder");
        let mut args = vec!["serve", "--listen", "127.0.0.1:0", "--insecure-no-auth"];
        args.extend(flags);
        let rok = bench.command(args);
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount"]);
        command.args([
            "sh",
            "-c",
            "mount -t tmpfs -o size=8m disk disk && exec \"$@\"",
            "rok",
        ]);
        command.arg(rok.get_program()).args(rok.get_args());
        command.current_dir(bench.path()).env_clear();
        for (name, value) in rok.get_envs() {
            command.env(name, value.expect("each is set"));
        }
        let served = Served::by(bench, command);
        let root = PathBuf::from(format!("/proc/{}/root", served.child.id()));
        let disk = root.join(disk.strip_prefix("/").expect("a whole path"));
        Self { served, disk }
    }

    /// Leaves not a byte of room.
    fn fill(&self) {
        let path = self.disk.join("filler");
        let filler = fs::File::options().create(true).append(true).open(path);
        let mut filler = filler.expect("room for a name");
        let mut size = 1 << 16;
        while size > 0 {
            match filler.write_all(&vec![b'x'; size]) {
                Ok(()) => {}
                Err(_) => size /= 2,
            }
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.disk.join("filler")).expect("it is there");
    }

    /// Waits until the process of a step is there and on record.
    fn works(&self, runs: &str, run: &str, step: &str) {
        let record = format!("{runs}/{run}/procs/{step}.0");
        let record = self.disk.join(record);
        let began = Instant::now();
        while fs::metadata(&record).map_or(0, |record| record.len()) == 0 {
            assert!(began.elapsed() < PATIENCE, "no {}", record.display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until readiness has this status.
    fn is_ready(&self, status: u16) {
        let began = Instant::now();
        while self.served.get("/readyz").status != status {
            if status == 503 {
                // What the server was writing may have left some since.
                self.fill();
            }
            assert!(began.elapsed() < PATIENCE, "/readyz never answers {status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn submit(&self, key: &str, plan: &str) -> super::Answer {
        let client = self.served.client.with("idempotency-key", key);
        client.post("/api/v1/runs", &json!({ "plan": plan }))
    }

    /// It ends as it should, once, and its record says so.
    fn succeeds(&self, run: &str) {
        let began = Instant::now();
        loop {
            let at = format!("/api/v1/runs/{run}/wait?wait=60s");
            let standing = self.served.get(&at).is(200).json();
            if standing["sealed"] == true {
                assert_eq!(standing["status"], "succeeded", "{standing}");
                break;
            }
            assert!(began.elapsed() < PATIENCE, "{standing}");
        }
        let verified = self.served.get(&format!("/api/v1/runs/{run}/verification"));
        assert_eq!(verified.is(200).json()["verdict"], "intact");
    }

    fn listed(&self) -> usize {
        let listed = self.served.get("/api/v1/runs").is(200).json();
        listed["runs"].as_array().map_or(0, Vec::len)
    }
}

fn id(made: &Value) -> String {
    made["run_id"].as_str().expect("an id").to_owned()
}

#[rstest]
#[case::run_folders("runs", &["--dir", "disk/runs"])]
#[case::a_database("rok.db.files", &["--store", "sqlite:disk/rok.db", "--dir", "disk/runs"])]
fn a_full_disk_stops_what_cannot_be_stored_and_nothing_else(
    #[case] runs: &str,
    #[case] flags: &[&str],
) {
    let server = Cramped::start(flags);
    let gated = id(&server.submit("one", "hello").is(201).json());
    let wait = format!("/api/v1/runs/{gated}/wait?wait=30s");
    assert_eq!(server.served.get(&wait).json()["status"], "blocked");
    let late = id(&server.submit("two", "late").is(201).json());
    server.works(runs, &late, "a");
    server.is_ready(200);

    server.fill();
    server.is_ready(503);
    // The work of a step ends where its end cannot be stored.
    server.served.bench.write("go", "");
    let refused = server.submit("three", "hello");
    assert!(refused.status >= 500, "{}", refused.body);
    let problem = refused.json();
    assert!(problem["code"].is_string(), "{problem}");
    let approve = format!("/api/v1/runs/{gated}/steps/ask/approve");
    let told = server.served.post(&approve, &json!({ "reason": "fine" }));
    // Refused, or stored in the inbox where what ended meanwhile left room.
    let is_stored = told.status == 200;
    assert!(is_stored || told.status >= 500, "{}", told.body);
    if is_stored {
        assert_eq!(told.json()["answer"], "delivered", "{}", told.body);
    }
    // It lives, and what is stored can be read.
    server.served.get("/livez").is(200);
    let standing = server.served.get(&format!("/api/v1/runs/{gated}")).is(200);
    let standing = standing.json();
    // An approval that was stored may have been taken up since.
    let went_on = is_stored && standing["status"] == "executing";
    assert!(went_on || standing["status"] == "blocked", "{standing}");

    server.make_room();
    server.is_ready(200);
    assert_eq!(server.listed(), 2, "what was refused is not there");
    server.succeeds(&late);
    let third = id(&server.submit("three", "hello").is(201).json());
    for run in [&gated, &third] {
        if is_stored && run == &gated {
            server.succeeds(run);
            continue;
        }
        let wait = format!("/api/v1/runs/{run}/wait?wait=30s");
        assert_eq!(server.served.get(&wait).json()["status"], "blocked");
        let approve = format!("/api/v1/runs/{run}/steps/ask/approve");
        let why = json!({ "reason": "fine" });
        server.served.post(&approve, &why).is(200);
        server.succeeds(run);
    }
    assert_eq!(server.listed(), 3);
}
