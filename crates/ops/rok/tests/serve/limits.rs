//! Bounds of what clients may take, on a server within this process: with
//! bounds so small that a test reaches them.

use crate::bench;
use crate::client::{Client, answer};
use crate::support::Bench;
use rok::Functions;
use rok::compose::{Agents, Host, access, runs};
use rok_http::{Limits, Log, ServeOptions, Server};
use rok_service::views::StopSignal;
use rok_service::{Service, Startup, Wiring};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A server within this process.
struct Within {
    client: Client,
    stop: StopSignal,
    thread: Option<JoinHandle<()>>,
    _bench: Bench,
}

impl Within {
    fn with(limits: Limits) -> Self {
        let bench = bench();
        let wiring = Wiring::new(|settings| {
            runs(settings, Functions::new(), &Agents::new(), Host::Embedded)
        });
        let wiring = wiring
            .access(access)
            .in_environment(bench.path(), [("ROK_USER", "tester")]);
        let service = Service::open(wiring, &Startup::default()).expect("settings");
        let options = ServeOptions {
            listen: "127.0.0.1:0".parse().expect("an address"),
            tls: None,
            no_auth: true,
            behind_proxy: false,
            grace: Duration::ZERO,
            limits,
            log: Log::new(|_| ()),
        };
        let server = Server::bind(Arc::new(service), options).expect("it listens");
        let (client, stop) = (Client::of(&server.address().to_string()), StopSignal::new());
        let told = stop.clone();
        let thread = std::thread::spawn(move || server.run(&told).expect("it serves"));
        Self {
            client,
            stop,
            thread: Some(thread),
            _bench: bench,
        }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.stop.stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_body_that_does_not_come_is_not_waited_for() {
    let served = Within::with(Limits {
        body_time: Duration::from_millis(300),
        ..Limits::default()
    });
    let mut stream = served.client.connect();
    let head = "POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{";
    stream.write_all(head.as_bytes()).expect("it reads");
    let slow = answer(stream).is(408);
    assert_eq!(slow.json()["code"], "ROK0206");
    assert_eq!(slow.header("connection"), Some("close"));
    served.client.get("/livez").is(200);
}

#[test]
fn a_head_that_does_not_come_is_not_waited_for() {
    let served = Within::with(Limits {
        header_time: Duration::from_millis(300),
        ..Limits::default()
    });
    let begun = Instant::now();
    let (mut silent, mut slow) = (served.client.connect(), served.client.connect());
    slow.write_all(b"GET /livez HTTP/1.1\r\nho")
        .expect("it reads");
    let mut kept = served.client.connect();
    kept.write_all(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        .expect("it reads");
    let mut told = Vec::new();
    for stream in [&mut silent, &mut slow, &mut kept] {
        told.clear();
        let _ = stream.read_to_end(&mut told);
    }
    // One that was answered and then said nothing is closed as well.
    assert!(told.starts_with(b"HTTP/1.1 200"), "{told:?}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    served.client.get("/livez").is(200);
}

#[test]
fn a_connection_too_many_is_told_to_come_again() {
    let served = Within::with(Limits {
        connections: 2,
        ..Limits::default()
    });
    let kept: Vec<_> = (0..2)
        .map(|_| {
            let mut stream = served.client.connect();
            stream
                .write_all(b"GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
                .expect("it reads");
            let mut first = [0; 12];
            stream.read_exact(&mut first).expect("an answer");
            assert_eq!(&first, b"HTTP/1.1 200");
            stream
        })
        .collect();
    let refused = served.client.get("/livez").is(503);
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(kept);
    // The places are free as soon as the server has seen that they are left.
    let until = Instant::now() + Duration::from_secs(30);
    while served.client.get("/livez").status != 200 {
        assert!(Instant::now() < until, "no place is free again");
        std::thread::yield_now();
    }
}

#[test]
fn ten_thousand_idle_connections_leave_room_for_those_who_ask() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Both ends are in this process.
    let most = limit.maximum.unwrap_or(u64::MAX).min(24_000);
    let raised = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).expect("up to the hard limit");
    let count = usize::try_from((most.saturating_sub(1000) / 2).min(10_000)).expect("a number");
    // None is to go by itself, however long it takes to open them all.
    let served = Within::with(Limits {
        header_time: Duration::from_secs(3600),
        ..Limits::default()
    });
    let idle: Vec<_> = (0..count).map(|_| served.client.connect()).collect();
    let asked = serde_json::json!({ "plan": "hello" });
    served.client.post("/api/v1/runs?wait=30s", &asked).is(201);
    let text = served.client.get("/metrics").is(200).body;
    let open = text
        .lines()
        .find_map(|line| line.strip_prefix("rok_http_connections "));
    let open: usize = open.and_then(|n| n.parse().ok()).expect("a number");
    assert!(open > count, "{open} of {count}");
    drop(idle);
    served.client.get("/livez").is(200);
}
