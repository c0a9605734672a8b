//! `http` steps from end to end: the real binary, servers on loopback.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod support;

use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use support::{Bench, Ran};

/// Gives these answers in turn, the last one for ever; tells what it was asked.
fn server(answers: Vec<String>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        let mut answers = answers.into_iter().peekable();
        for stream in listener.incoming() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut request, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.to_lowercase().strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                request.push_str(&line);
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            request.push_str(&String::from_utf8(body).unwrap());
            noted.lock().unwrap().push(request);
            let answer = answers.next().unwrap();
            if answers.peek().is_none() {
                answers = vec![answer.clone()].into_iter().peekable();
            }
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    (base, asked)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

const JSON: &str = "content-type: application/json\r\n";

fn run(bench: &Bench, plan: &str, env: &[(&str, &str)]) -> Ran {
    bench.write("p.yaml", plan);
    let mut command = bench.command(["run", "p.yaml", "--run-id", "r1"]);
    command
        .env("ROK_EGRESS_ALLOW", "*,127.0.0.1")
        .envs(env.iter().copied());
    Ran::from(command.output().unwrap())
}

fn data<'e>(events: &'e [Value], kind: &str) -> &'e Value {
    let found = events.iter().find(|event| event["event_type"] == kind);
    &found.unwrap_or_else(|| panic!("no {kind}"))["data"]
}

#[test]
fn an_answer_is_read_by_the_steps_behind_it() {
    let (base, asked) = server(vec![answer(
        "201 Created",
        JSON,
        r#"{"id":7,"tags":["a"]}"#,
    )]);
    let bench = Bench::new();
    let plan = format!(
        "plan: p
max_duration: 1m
inputs: {{ name: {{ type: string, default: 'a \"b\"' }}, n: {{ type: integer, default: 3 }} }}
steps:
  make:
    http: {{ method: POST, url: '{base}/x', body: {{ name: '${{{{ inputs.name }}}}', n: '${{{{ inputs.n }}}}' }} }}
  use:
    needs: [make]
    run: echo ${{{{ steps.make.outputs.status }}}} ${{{{ steps.make.outputs.body.id }}}} ${{{{ steps.make.outputs.body.tags }}}}
"
    );
    let ran = run(&bench, &plan, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    let log = std::fs::read_to_string(bench.runs().join("r1/logs/use.0.log")).unwrap();
    assert_eq!(log, "201 7 [\"a\"]\n");
    let asked = asked.lock().unwrap();
    let body: Value = serde_json::from_str(asked[0].rsplit("\r\n\r\n").next().unwrap()).unwrap();
    assert_eq!(body, json!({ "name": "a \"b\"", "n": 3 }));
    assert!(
        asked[0].contains("idempotency-key: r1/0/make\r\n"),
        "{}",
        asked[0]
    );
    let logs = bench.rok(["logs", "r1", "make"]);
    assert!(logs.out.contains("201 Created"), "{logs:?}");
    bench.rok(["verify", "r1"]).exits(0);
}

#[test]
fn retry_after_is_waited_for_within_the_longest_delay() {
    let busy = answer("503 Service Unavailable", "retry-after: 3600\r\n", "busy");
    let (base, asked) = server(vec![busy, answer("200 OK", "", "done")]);
    let bench = Bench::new();
    let plan = format!(
        "plan: p\nmax_duration: 1m\nsteps:
  a: {{ http: {{ url: '{base}/' }}, retry: {{ max: 1, base: 1ms, max_delay: 300ms }} }}\n"
    );
    let ran = run(&bench, &plan, &[]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(asked.lock().unwrap().len(), 2);
    let events = bench.events("r1");
    assert_eq!(data(&events, "step.failed")["retry_after_ms"], 3_600_000);
    let at = |kind: &str, nth: usize| {
        let mut found = events.iter().filter(|event| event["event_type"] == kind);
        found.nth(nth).unwrap()["timestamp_utc"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let due = data(&events, "step.retried")["due"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        at("step.started", 1) >= due && due > at("step.failed", 0),
        "{due}"
    );
    // Replaying decides the same, hint included.
    let verified = bench.rok(["verify", "r1"]);
    assert_eq!(verified.code, 0, "{verified:?}");
    let replayed = bench.rok(["replay", "r1"]);
    assert_eq!(replayed.code, 0, "{replayed:?}");
}

#[test]
fn a_secret_goes_out_and_stands_nowhere() {
    let canary = "canary-3f9c-s3cr3t";
    let echo = answer("200 OK", JSON, &format!("{{\"said\":\"Bearer {canary}\"}}"));
    let (base, asked) = server(vec![echo]);
    let bench = Bench::new();
    let plan = format!(
        "plan: p\nmax_duration: 1m\nsecrets: [TOKEN]\nsteps:
  a: {{ http: {{ url: '{base}/', headers: {{ Authorization: 'Bearer ${{{{ secrets.TOKEN }}}}' }} }} }}\n"
    );
    let ran = run(&bench, &plan, &[("TOKEN", canary)]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(asked.lock().unwrap()[0].contains(canary));
    assert!(!ran.out.contains(canary) && !ran.err.contains(canary));
    let mut folders = vec![bench.runs()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = std::fs::read(&path).unwrap();
                assert!(
                    !String::from_utf8_lossy(&bytes).contains(canary),
                    "{path:?}"
                );
                seen += 1;
            }
        }
    }
    assert!(seen > 3);
}

#[test]
fn a_private_address_is_refused_before_the_run() {
    let bench = Bench::new();
    bench.write(
        "p.yaml",
        "plan: p\nmax_duration: 1m\nsteps: { a: { http: { url: 'http://127.0.0.1:1/' } } }\n",
    );
    let ran = bench.rok(["run", "p.yaml", "--run-id", "r1"]);
    assert_ne!(ran.code, 0);
    assert!(
        ran.out.contains("egress to 127.0.0.1 is refused"),
        "{ran:?}"
    );
    let events = bench.events("r1");
    assert!(
        events
            .iter()
            .all(|event| event["event_type"] != "step.started")
    );
}

#[test]
fn rules_that_are_none_are_refused_at_start() {
    let bench = Bench::new();
    bench.write("p.yaml", "plan: p\nsteps: { a: { run: 'true' } }\n");
    let mut command = bench.command(["run", "p.yaml"]);
    command.env("ROK_EGRESS_DENY", "http://x");
    let ran = Ran::from(command.output().unwrap());
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(ran.err.contains("`http://x` is no host"), "{ran:?}");
}

#[test]
fn a_large_answer_is_kept_by_its_digest() {
    let (base, _) = server(vec![answer("200 OK", "", &"x".repeat(200_000))]);
    let bench = Bench::new();
    let plan =
        format!("plan: p\nmax_duration: 1m\nsteps: {{ a: {{ http: {{ url: '{base}/' }} }} }}\n");
    run(&bench, &plan, &[]).exits(0);
    let summary = bench.rok(["summary", "r1", "--json"]).exits(0).json();
    assert_eq!(summary["outcome"], "succeeded");
    let events = bench.events("r1");
    let data = data(&events, "step.succeeded");
    assert_eq!(data.get("outputs"), None);
    assert!(
        data["outputs_ref"]["bytes"].as_u64().unwrap() > 200_000,
        "{data}"
    );
}
