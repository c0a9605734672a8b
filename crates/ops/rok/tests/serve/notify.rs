//! `notify`: the row comes with the end of the run, the webhook or the mail at
//! least once.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use super::{Served, bench};
use rok_log::{Durability, OUTBOX, Records as _};
use rok_store_sqlite::SqliteStore;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const FLAGS: [&str; 3] = ["--insecure-no-auth", "--store", "sqlite:rok.db"];
const SECRET: &str = "a key that nobody may see";
const ENV: [(&str, &str); 2] = [
    ("ROK_WEBHOOK_SECRET", SECRET),
    ("ROK_EGRESS_ALLOW", "127.0.0.1"),
];

/// A request as it came: its head, its body.
type Came = (String, Value);

/// Never answers the first so many, takes the others; tells what came.
fn receiver(hangs: usize) -> (String, Receiver<Came>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    let (noted, came) = channel();
    std::thread::spawn(move || {
        let mut open = Vec::new();
        for (n, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if let Some(n) = line.strip_prefix("content-length:") {
                    length = n.trim().parse().unwrap();
                }
                if line.trim().is_empty() {
                    break;
                }
                head.push_str(&line);
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let told = noted.send((head, serde_json::from_slice(&body).unwrap()));
            if n < hangs {
                open.push(stream);
            } else if told.is_ok() {
                let answer = "HTTP/1.1 204 ok\r\nconnection: close\r\n\r\n";
                (&stream).write_all(answer.as_bytes()).unwrap();
            }
        }
    });
    (url, came)
}

fn next(came: &Receiver<Came>) -> Came {
    let patience = Duration::from_secs(60);
    came.recv_timeout(patience).expect("a webhook comes")
}

/// The rows of a table of the database that a server left.
fn rows(served: &Served, table: &str) -> Vec<Value> {
    let file = served.bench.path().join("rok.db");
    let store = SqliteStore::open(&file, Durability::Flush).unwrap();
    let rows = store.records(table, None, 1_000).unwrap();
    let rows = rows.into_iter();
    rows.map(|(_, json)| serde_json::from_slice(&json).unwrap())
        .collect()
}

fn submit(served: &Served, run: &str, plan: &str) {
    let asked = json!({ "definition": plan, "run_id": run });
    served.post("/api/v1/runs?wait=30s", &asked).is(201);
}

#[test]
fn whoever_a_plan_names_is_told_once_how_its_run_ended() {
    let (url, came) = receiver(0);
    let mut served = Served::told(bench(), &FLAGS, &ENV);
    let plan = format!(
        "plan: bad\nnotify: [{{ webhook: '{url}' }}]\nsteps: {{ a: {{ run: ['false'] }} }}\n"
    );
    submit(&served, "r1", &plan);
    let (head, event) = next(&came);
    assert!(head.starts_with("POST /hook "), "{head}");
    assert!(head.contains("webhook-signature: v1,"), "{head}");
    assert_eq!(event["specversion"], "1.0");
    assert_eq!(event["type"], "rok.run.completed");
    assert_eq!(event["source"], "/api/v1/runs/r1");
    assert_eq!(event["data"]["outcome"], "failed");
    assert_eq!(event["data"]["plan_id"], "bad");
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    let id = event["id"].as_str().unwrap();
    assert!(told.contains(&format!("notify.delivered {id}")), "{told}");
    assert!(!told.contains(SECRET) && !told.contains("/hook"), "{told}");
    assert_eq!(rows(&served, OUTBOX), Vec::<Value>::new());
    let kbase = rows(&served, "kbase_events");
    let [row] = &kbase[..] else {
        panic!("{kbase:?}")
    };
    assert_eq!(row["service"], "notifications");
    assert_eq!(row["type"], "webhook_request");
    assert_eq!(
        row["payload"],
        json!({ "diagnosis_event_id": null, "recipient": url })
    );
    assert_eq!(row["id"], event["id"]);
    assert!(came.try_recv().is_err(), "told once");
    let database = std::fs::read(served.bench.path().join("rok.db")).unwrap();
    let key = SECRET.as_bytes();
    assert!(!database.windows(key.len()).any(|bytes| bytes == key));
}

#[test]
fn a_server_that_was_killed_as_it_sent_sends_the_same_again() {
    let (url, came) = receiver(1);
    let mut served = Served::told(bench(), &FLAGS, &ENV);
    let plan = format!(
        "plan: good\nnotify: [{{ webhook: '{url}' }}]\nsteps: {{ a: {{ run: ['true'] }} }}\n"
    );
    submit(&served, "r1", &plan);
    let (_, first) = next(&came);
    served.child.kill().unwrap();
    served.child.wait().unwrap();
    assert_eq!(rows(&served, OUTBOX).len(), 1);
    served.restart_told(&FLAGS, &ENV);
    let (head, second) = next(&came);
    assert_eq!(first, second);
    assert!(
        head.contains(&format!("webhook-id: {}", first["id"].as_str().unwrap())),
        "{head}"
    );
    assert_eq!(first["data"]["outcome"], "succeeded");
    served.stop();
    assert_eq!(rows(&served, OUTBOX), Vec::<Value>::new());
}

#[test]
fn a_run_of_services_names_its_diagnosis() {
    let (url, came) = receiver(0);
    let served = Served::told(bench(), &FLAGS, &ENV);
    let plan = format!(
        "plan: s\nsuccess: any\nnotify: [{{ webhook: '{url}' }}]\ninputs:\n  website_id: {{ type: string, default: w1 }}\n  \
         domain: {{ type: string, default: example.com }}\nsteps:\n  seo: {{ service: technical-seo }}\n"
    );
    submit(&served, "r1", &plan);
    let (_, event) = next(&came);
    let kbase = rows(&served, "kbase_events");
    let diagnosis = kbase.iter().find(|row| row["type"] == "diagnosis");
    let diagnosis = &diagnosis.expect("a diagnosis")["id"];
    assert_eq!(event["data"]["diagnosis_event_id"], *diagnosis);
    assert_eq!(event["data"]["website_id"], "w1");
    let asked = kbase.iter().find(|row| row["service"] == "notifications");
    let asked = asked.expect("a request");
    assert_eq!(asked["website_id"], "w1");
    assert_eq!(
        asked["payload"],
        json!({ "diagnosis_event_id": diagnosis, "recipient": url })
    );
}

/// A mail server that hangs up on the first so many letters, and takes the
/// others; tells each.
fn mailbox(hangs: usize) -> (String, Receiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("smtp+plain://{}", listener.local_addr().unwrap());
    let (noted, came) = channel();
    std::thread::spawn(move || {
        for (n, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let say = |what: &str| (&stream).write_all(format!("{what}\r\n").as_bytes());
            say("220 ready").unwrap();
            let (mut letter, mut within) = (String::new(), false);
            for line in lines.map_while(Result::ok) {
                if within && line != "." {
                    letter.push_str(&line);
                    letter.push('\n');
                    continue;
                }
                let said = match line.get(..4) {
                    None => {
                        noted.send(std::mem::take(&mut letter)).unwrap();
                        within = false;
                        if n < hangs {
                            break;
                        }
                        say("250 taken")
                    }
                    Some("DATA") => {
                        within = true;
                        say("354 go on")
                    }
                    Some("QUIT") => say("221 bye"),
                    Some(_) => say("250 ok"),
                };
                if said.is_err() {
                    break;
                }
            }
        }
    });
    (url, came)
}

#[test]
fn a_mail_tells_what_the_services_found_again_until_it_is_taken() {
    let (server, came) = mailbox(1);
    let env = [
        ("ROK_SMTP", server.as_str()),
        ("ROK_SMTP_FROM", "rok <rok@rok.example>"),
    ];
    let mut served = Served::told(bench(), &FLAGS, &env);
    let plan = "plan: s\nsuccess: any\nnotify: [{ email: ops@example.com }]\ninputs:\n  website_id: { type: string, default: w1 }\n  \
         domain: { type: string, default: \"example.com\\nBcc: eve@example.com\" }\nsteps:\n  seo: { service: technical-seo }\n";
    submit(&served, "r1", plan);
    let patience = Duration::from_secs(60);
    let first = came.recv_timeout(patience).expect("a letter comes");
    let second = came.recv_timeout(patience).expect("it comes again");
    assert_eq!(first, second);
    let (head, text) = first.split_once("\n\n").unwrap();
    assert!(head.contains("To: ops@example.com"), "{head}");
    assert!(!head.contains("\nBcc"), "{head}");
    assert!(text.contains("Missing services: technical-seo"), "{text}");
    let kbase = rows(&served, "kbase_events");
    let row = |kind: &str| kbase.iter().find(|row| row["type"] == kind).unwrap();
    let (asked, diagnosis) = (row("email_request"), &row("diagnosis")["id"]);
    assert_eq!(asked["service"], "notifications");
    let payload = json!({ "diagnosis_event_id": diagnosis, "recipient": "ops@example.com" });
    assert_eq!(asked["payload"], payload);
    assert!(text.contains(diagnosis.as_str().unwrap()), "{text}");
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains("notify.failed") && told.contains("notify.delivered"),
        "{told}"
    );
    assert!(!told.contains("ops@example.com"), "{told}");
    assert_eq!(rows(&served, OUTBOX), Vec::<Value>::new());
}

#[test]
fn what_cannot_be_delivered_is_refused_before_there_is_a_run() {
    let plan =
        "plan: p\nnotify: [{ webhook: 'https://example.com' }]\nsteps: { a: { run: ['true'] } }\n";
    let bench = bench();
    bench.write("p.yaml", plan);
    let by_mail = plan.replace("webhook: 'https://example.com'", "email: ops@example.com");
    bench.write("mail.yaml", &by_mail);
    bench.write("above.yaml", "plan: above\nsteps: { a: { plan: p } }\n");
    let said = bench.rok(["run", "p.yaml"]).exits(2).err;
    assert!(said.contains("a folder of runs has no outbox"), "{said}");
    let said = bench.rok(["run", "above.yaml"]).exits(2).err;
    assert!(said.contains("move `notify` to its plan"), "{said}");
    bench.rok(["plan", "validate", "mail.yaml"]).exits(0);
    let serve = ["serve", "--listen", "127.0.0.1:0"];
    let short = bench
        .command(serve.iter().chain(&FLAGS))
        .env("ROK_WEBHOOK_SECRET", "short-one")
        .output()
        .unwrap();
    let said = String::from_utf8(short.stderr).unwrap();
    assert_eq!(short.status.code(), Some(2), "{said}");
    assert!(
        said.contains("fewer than 16 bytes") && !said.contains("short-one"),
        "{said}"
    );
    let served = Served::with(bench, &FLAGS);
    let asked = json!({ "definition": plan });
    let said = served.post("/api/v1/runs", &asked).is(422).body;
    assert!(said.contains("ROK_WEBHOOK_SECRET"), "{said}");
    let asked = json!({ "definition": by_mail });
    let said = served.post("/api/v1/runs", &asked).is(422).body;
    assert!(said.contains("no server to send mail by"), "{said}");
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"], json!([]));
}
