//! A server over a database that is killed again and again while clients
//! submit: every run ends once, and none is lost.

#[expect(dead_code, reason = "this file starts servers alone")]
#[path = "support/mod.rs"]
mod support;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::Bench;

const RUNS: usize = 1000;
const KILLS: usize = 50;
const CLIENTS: usize = 4;
/// Far beyond what the whole of it takes.
const PATIENCE: Duration = Duration::from_secs(540);

/// One step, as short as a process can be; sent by each client as its own. On a
/// slow machine many kills may meet the same one, and none of them is its fault.
const PLAN: &str = "
plan: short
steps: { a: { run: ['true'], retry: { max: 100, base: 10ms, classes: [worker_lost] } } }
";

struct Storm {
    bench: Bench,
    address: SocketAddr,
    began: Instant,
}

impl Storm {
    fn start(&self) -> Child {
        let listen = self.address.to_string();
        let args = [
            "serve",
            "--insecure-no-auth",
            "--listen",
            &listen,
            "--store",
            "sqlite:rok.db",
            // A run of a server that was killed is not waited for long.
            "--set",
            "lease_ms=2000",
            "--set",
            "max_processes=4",
        ];
        let mut child = self
            .bench
            .command(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("rok starts");
        let mut line = String::new();
        let out = child.stdout.as_mut().expect("a pipe");
        BufReader::new(out).read_line(&mut line).expect("a line");
        assert!(line.starts_with("rok serves on "), "{line:?}");
        child
    }

    /// An answer of the server, where it lives long enough to give one whole.
    fn ask(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> Option<(u16, Value)> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let key = key.map_or_else(String::new, |key| format!("idempotency-key: {key}\r\n"));
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n{key}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len(),
        );
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let status = head.split(' ').nth(1)?.parse().ok()?;
        Some((status, serde_json::from_str(body).ok()?))
    }

    /// The same until it is given.
    fn insist(&self, method: &str, path: &str, key: Option<&str>, body: &str) -> (u16, Value) {
        loop {
            match self.ask(method, path, key, body) {
                // It stops, or too much is asked of it: the client comes again.
                Some((503, _)) | None => {}
                Some(answer) => return answer,
            }
            assert!(self.began.elapsed() < PATIENCE, "{method} {path}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.insist("GET", path, None, "");
        assert_eq!(status, 200, "{path}: {body}");
        body
    }

    /// Submits under a key, and again where the answer was cut off.
    fn submit(&self, key: &str) -> String {
        let body = json!({ "definition": PLAN }).to_string();
        let (status, made) = self.insist("POST", "/api/v1/runs", Some(key), &body);
        assert_eq!(status, 201, "{made}");
        made["run_id"].as_str().expect("an id").to_owned()
    }

    /// It ended once, as it should, and its record says so. How often a server
    /// took it over from one that was killed.
    fn is_clean(&self, run: &str) -> usize {
        loop {
            let at = format!("/api/v1/runs/{run}/wait?wait=60s");
            let standing = self.get(&at);
            if standing["sealed"] == true {
                assert_eq!(standing["status"], "succeeded", "{standing}");
                break;
            }
            assert!(self.began.elapsed() < PATIENCE, "{standing}");
        }
        let log = self.get(&format!("/api/v1/runs/{run}/events?limit=1000"));
        let events = log["events"].as_array().expect("events");
        let count = |kind: &str| {
            let those = events.iter().filter(|event| event["event_type"] == kind);
            those.count()
        };
        let once = ["run.created", "step.succeeded", "run.sealed"].map(count);
        assert_eq!(once, [1, 1, 1], "{log}");
        let (status, report) = self.insist("GET", &verify_of(run), None, "");
        assert_eq!(status, 200, "{report}");
        assert_eq!(report["verdict"], "intact", "{report}");
        let audit = self.get(&format!("/api/v1/runs/{run}/audit"));
        let reconciled = &audit["reconciliation"];
        assert_eq!(reconciled["status"], "COMPLETE", "{run}: {reconciled}");
        count("run.recovered")
    }
}

fn verify_of(run: &str) -> String {
    format!("/api/v1/runs/{run}/verification")
}

/// Each of so many numbers, shared among threads.
fn each(storm: &Arc<Storm>, count: usize, what: impl Fn(&Storm, usize) + Send + Sync + 'static) {
    let (next, what) = (Arc::new(AtomicUsize::new(0)), Arc::new(what));
    let threads = (0..CLIENTS).map(|_| {
        let (storm, next, what) = (Arc::clone(storm), Arc::clone(&next), Arc::clone(&what));
        std::thread::spawn(move || {
            loop {
                let number = next.fetch_add(1, Ordering::SeqCst);
                if number >= count {
                    return;
                }
                what(&storm, number);
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.join().expect("no client fails");
    }
}

#[test]
fn a_server_that_is_killed_fifty_times_loses_no_run_and_ends_none_twice() {
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let storm = Arc::new(Storm {
        bench: Bench::new(),
        address: free.expect("a port"),
        began: Instant::now(),
    });
    let made: Arc<Mutex<BTreeMap<usize, String>>> = Arc::default();
    let acknowledged = Arc::new(AtomicUsize::new(0));

    let mut server = storm.start();
    let clients = {
        let (storm, made) = (Arc::clone(&storm), Arc::clone(&made));
        let acknowledged = Arc::clone(&acknowledged);
        std::thread::spawn(move || {
            each(&storm, RUNS, move |storm, number| {
                let run = storm.submit(&format!("key-{number}"));
                made.lock().expect("no client fails").insert(number, run);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            });
        })
    };
    for kill in 0..KILLS {
        // Between two answers or within one, as it comes.
        let so_many = (kill + 1) * RUNS / (KILLS + 1);
        while acknowledged.load(Ordering::SeqCst) < so_many {
            assert!(storm.began.elapsed() < PATIENCE && !clients.is_finished());
            std::thread::sleep(Duration::from_millis(1));
        }
        server.kill().expect("it lives");
        server.wait().expect("it ends");
        server = storm.start();
    }
    clients.join().expect("every run is acknowledged");

    let made = made.lock().expect("no client fails").clone();
    let ids: BTreeSet<String> = made.values().cloned().collect();
    assert_eq!((made.len(), ids.len()), (RUNS, RUNS), "a run a key");
    let runs: Vec<String> = ids.iter().cloned().collect();
    let taken_over = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken_over);
    each(&storm, RUNS, move |storm, number| {
        count.fetch_add(storm.is_clean(&runs[number]), Ordering::SeqCst);
    });
    let taken_over = taken_over.load(Ordering::SeqCst);
    assert!(taken_over > 0, "no kill met a run that was under way");
    // There is no run besides.
    let mut listed = BTreeSet::new();
    let mut path = "/api/v1/runs?limit=500".to_owned();
    loop {
        let page = storm.get(&path);
        let runs = page["runs"].as_array().expect("runs");
        listed.extend(
            runs.iter()
                .filter_map(|run| run["run_id"].as_str().map(str::to_owned)),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/runs?limit=500&cursor={cursor}");
    }
    assert_eq!(listed, ids);
    // The same request again is the same run, after all of it.
    assert_eq!(storm.submit("key-0"), made[&0]);
    server.kill().expect("it lives");
    server.wait().expect("it ends");
}
