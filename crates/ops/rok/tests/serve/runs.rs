//! A run from elsewhere: submitted, followed, decided, looked at.

use super::{Served, bench};
use rstest::rstest;
use serde_json::json;

/// A run whose sub-run waits waits for somebody as well, with either kind of
/// store, and goes on once that is decided.
#[rstest]
#[case::folders(&["--insecure-no-auth"])]
#[case::database(&["--insecure-no-auth", "--store", "sqlite:rok.db"])]
fn a_run_whose_sub_run_waits_is_not_waited_for(#[case] flags: &[&str]) {
    let bench = bench();
    bench.write("par.yaml", "plan: par\nsteps: { p: { plan: hello } }\n");
    let served = Served::with(bench, flags);
    let asked = json!({ "plan": "par", "run_id": "r1" });
    let begun = std::time::Instant::now();
    let made = served.post("/api/v1/runs?wait=60s", &asked).is(201).json();
    assert!(begun.elapsed().as_secs() < 50, "{made}");
    assert_eq!(made["status"], "blocked", "{made}");
    assert_eq!(made["hold"]["steps"], json!(["ask"]));
    let child = made["hold"]["run"].as_str().expect("it names the run");
    let list = served.get("/api/v1/runs?status=blocked").is(200).json();
    let listed = list["runs"].as_array().expect("runs").iter();
    let listed: Vec<_> = listed.map(|run| run["run_id"].clone()).collect();
    assert!(listed.contains(&json!("r1")), "{list}");
    let why = served.get("/api/v1/runs/r1/explain").is(200).body;
    assert!(why.contains(&format!("approve {child} ask")), "{why}");
    let reason = json!({ "reason": "fine" });
    served
        .post(&format!("/api/v1/runs/{child}/steps/ask/approve"), &reason)
        .is(200);
    let ended = served.get("/api/v1/runs/r1/wait?wait=60s").is(200).json();
    assert_eq!(ended["status"], "succeeded", "{ended}");
}

#[test]
fn a_run_is_submitted_waits_is_approved_and_ends() {
    let served = Served::open(bench());
    let asked = json!({ "plan": "hello", "run_id": "r1", "inputs": { "who": "ada" } });
    let made = served.post("/api/v1/runs?wait=30s", &asked).is(201);
    assert_eq!(made.header("location"), Some("/api/v1/runs/r1"));
    assert_eq!(made.json()["status"], "blocked");
    assert_eq!(made.json()["hold"]["steps"], json!(["ask"]));

    let mut events = served.client.follow("/api/v1/runs/r1/events");
    let held = events.by_ref().find(|event| event.kind == "run.held");
    let held = held.expect("it is held");
    assert!(held.id.starts_with("r1:"), "{held:?}");

    let why = json!({ "reason": "looks right" });
    let told = served
        .post("/api/v1/runs/r1/steps/ask/approve", &why)
        .is(200);
    assert_eq!(told.json()["driven"], true);
    // The stream goes on with what the decision brought, and ends with the seal.
    let after: Vec<_> = events.collect();
    assert_eq!(
        after.last().map(|event| event.kind.as_str()),
        Some("run.sealed")
    );

    let run = served.get("/api/v1/runs/r1").is(200).json();
    assert_eq!(run["status"], "succeeded");
    let summary = served.get("/api/v1/runs/r1/summary").is(200).json();
    assert_eq!(summary["approvals"][0]["reason"], "looks right");
    assert_eq!(summary["reconciliation"]["status"], "COMPLETE");
    let log = served.get("/api/v1/runs/r1/logs/greet").is(200);
    assert_eq!(log.body, "hello ada\n");
    let made = served.get("/api/v1/runs/r1/artifacts/out.txt").is(200);
    assert_eq!(made.body, "42\n");
    assert_eq!(
        made.header("content-disposition"),
        Some("attachment; filename=\"out.txt\"; filename*=UTF-8''out.txt")
    );
    served.bench.rok(["verify", "r1", "--sealed"]).exits(0);
}

#[test]
fn whoever_was_cut_off_goes_on_after_the_last_event_that_they_saw() {
    let served = Served::open(bench());
    served
        .post(
            "/api/v1/runs?wait=30s",
            &json!({ "plan": "hello", "run_id": "r1" }),
        )
        .is(201);
    served.post("/api/v1/runs/r1/cancel", &json!({})).is(200);
    served.get("/api/v1/runs/r1/wait?wait=30s").is(200);

    let all: Vec<_> = served.client.follow("/api/v1/runs/r1/events").collect();
    let seen = &all[4];
    let rest = served.client.with("last-event-id", &seen.id);
    let rest: Vec<_> = rest.follow("/api/v1/runs/r1/events").collect();
    assert_eq!(rest, all[5..]);
    let data = all
        .iter()
        .map(|event| serde_json::from_str(&event.data).expect("JSON"));
    assert_eq!(
        data.collect::<Vec<serde_json::Value>>(),
        served.bench.events("r1")
    );

    let last = served.client.with("accept", "text/event-stream");
    let last = last.with("last-event-id", &all.last().expect("a seal").id);
    last.get("/api/v1/runs/r1/events").is(204);
    let beyond = format!("r1:{}", all.len());
    for nobodys in ["r2:4", &beyond] {
        let stream = served.client.with("accept", "text/event-stream");
        let stream = stream.with("last-event-id", nobodys);
        stream.get("/api/v1/runs/r1/events").is(400);
    }

    let page = served
        .get("/api/v1/runs/r1/events?limit=3&type=step.*")
        .is(200)
        .json();
    assert_eq!(page["events"].as_array().map(Vec::len), Some(3));
    let next = page["next_from"].as_u64().expect("there is more");
    let page = served
        .get(&format!("/api/v1/runs/r1/events?type=step.*&from={next}"))
        .is(200)
        .json();
    assert_eq!(page["events"][0]["seq"], next);
    assert_eq!(page["sealed"], true);
}

#[test]
fn pages_of_runs_are_newest_first_and_leave_none_out() {
    let served = Served::open(bench());
    let plan = "plan: quick\nsteps: { a: { run: ['true'] } }\n";
    for run in ["a", "b", "c", "d", "e"] {
        let asked = json!({ "definition": plan, "run_id": run, "labels": { "team": "data" } });
        served.post("/api/v1/runs?wait=30s", &asked).is(201);
    }
    let mut found = Vec::new();
    let mut path = "/api/v1/runs?limit=2&label=team%3Ddata".to_owned();
    loop {
        let page = served.get(&path).is(200).json();
        let runs = page["runs"].as_array().expect("runs").clone();
        assert!(runs.len() <= 2);
        found.extend(
            runs.iter()
                .map(|run| run["run_id"].as_str().expect("an id").to_owned()),
        );
        let Some(cursor) = page["next_cursor"].as_str() else {
            break;
        };
        path = format!("/api/v1/runs?limit=2&label=team%3Ddata&cursor={cursor}");
    }
    assert_eq!(found, ["e", "d", "c", "b", "a"]);
    let none = served.get("/api/v1/runs?status=failed").is(200).json();
    assert_eq!(none["runs"], json!([]));
}

#[test]
fn metrics_count_what_ran_and_what_was_asked() {
    let served = Served::open(bench());
    let plan =
        "plan: quick\nsteps: { a: { run: ['true'] }, b: { run: ['false'], required: false } }\n";
    served
        .post(
            "/api/v1/runs?wait=30s",
            &json!({ "definition": plan, "run_id": "r" }),
        )
        .is(201);
    served.get("/livez").is(200);
    served.get("/readyz").is(200);
    served.get("/api/v1/runs/nobody").is(404);
    let text = served.get("/metrics").is(200).body;
    for line in [
        "rok_runs_total{outcome=\"partial\"} 1",
        "rok_steps_total{state=\"succeeded\"} 1",
        "rok_run_duration_seconds_count{outcome=\"partial\",plan=\"quick\"} 1",
        "rok_http_requests_total{operation=\"get_run\",status=\"4xx\"} 1",
        "rok_runs_driven 0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("nobody"), "{text}");
}

#[test]
fn a_server_that_is_told_to_stop_leaves_runs_that_can_be_resumed() {
    let mut served = Served::with(bench(), &["--insecure-no-auth", "--grace", "0s"]);
    let asked = json!({ "plan": "hello", "run_id": "r1" });
    served.post("/api/v1/runs?wait=30s", &asked).is(201);
    let events = served.client.follow("/api/v1/runs/r1/events");
    let (code, told) = served.stop();
    assert_eq!(code, Some(0), "{told}");
    // Whoever followed was let go, and nobody new is let in.
    assert!(events.last().is_some());
    assert!(std::net::TcpStream::connect(served.client.address()).is_err());
    let check = served
        .bench
        .rok(["resume", "r1", "--check", "--json"])
        .exits(0);
    assert_eq!(check.json()["how"], "same_epoch");
}

#[test]
fn a_request_with_a_key_makes_one_run_however_often_it_comes() {
    let served = Served::open(bench());
    let asked = json!({ "plan": "hello", "inputs": { "who": "ada" } });
    let keyed = served.client.with("idempotency-key", "k-1");
    // All at once: none of them is refused, and none makes a second run.
    let made: Vec<_> = std::thread::scope(|scope| {
        let ask = || keyed.post("/api/v1/runs?wait=30s", &asked).is(201).json();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("an answer"))
            .collect()
    });
    assert!(
        made.iter().all(|run| run["run_id"] == made[0]["run_id"]),
        "{made:?}"
    );
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"].as_array().map(Vec::len), Some(1));

    let other = json!({ "plan": "hello", "inputs": { "who": "eve" } });
    let refused = keyed.post("/api/v1/runs", &other).is(409).json();
    assert_eq!(refused["code"], "ROK0121");
    let second = served.client.with("idempotency-key", "k-2");
    let second = second.post("/api/v1/runs", &asked).is(201).json();
    assert_ne!(second["run_id"], made[0]["run_id"]);
    served
        .client
        .with("idempotency-key", "k 1")
        .post("/api/v1/runs", &asked)
        .is(400);
    let named = json!({ "plan": "hello", "run_id": "r1" });
    keyed.post("/api/v1/runs", &named).is(422);
}

/// Of many that ask for one name at once, one has it, and the others are told.
#[rstest]
#[case::folders(&["--insecure-no-auth"])]
#[case::database(&["--insecure-no-auth", "--store", "sqlite:rok.db"])]
fn a_name_is_given_to_one_run(#[case] flags: &[&str]) {
    let served = Served::with(bench(), flags);
    for round in 0..4 {
        let run = format!("r{round}");
        let ask = |who: usize| {
            let asked =
                json!({ "plan": "hello", "run_id": &run, "inputs": { "who": who.to_string() } });
            served.post("/api/v1/runs", &asked).status
        };
        let mut told: Vec<u16> = std::thread::scope(|scope| {
            let ask = &ask;
            let threads: Vec<_> = (0..4).map(|who| scope.spawn(move || ask(who))).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("an answer"))
                .collect()
        });
        told.sort_unstable();
        assert_eq!(told, [201, 409, 409, 409]);
        let stands = served
            .get(&format!("/api/v1/runs/{run}/wait?wait=60s"))
            .is(200);
        assert_eq!(stands.json()["status"], "blocked", "it began, and waits");
    }
}

#[rstest]
#[case::a_list(json!(["hello"]), "the body is a list")]
#[case::a_label_without_a_name(json!({ "plan": "hello", "labels": { "": "1" } }), "a label has no name")]
#[case::a_laxer_profile(json!({ "plan": "hello", "profile": "OBSERVE_ONLY" }), "a run can only be stricter")]
fn what_would_be_taken_for_something_else_is_refused(
    #[case] asked: serde_json::Value,
    #[case] why: &str,
) {
    let served = Served::open(bench());
    let refused = served.post("/api/v1/runs", &asked);
    assert!(matches!(refused.status, 400 | 422), "{}", refused.body);
    assert!(refused.body.contains(why), "{}", refused.body);
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"], json!([]));
}

#[test]
fn a_request_that_is_repeated_after_a_crash_goes_on_with_its_run() {
    let mut served = Served::open(bench());
    let asked = json!({ "plan": "hello" });
    let made = served.client.with("idempotency-key", "k-1");
    let made = made.post("/api/v1/runs?wait=30s", &asked).is(201).json();
    served.child.kill().expect("it lives");
    served.child.wait().expect("it ends");
    served.restart(&["--insecure-no-auth"]);
    let again = served.client.with("idempotency-key", "k-1");
    let again = again.post("/api/v1/runs?wait=30s", &asked).is(201).json();
    assert_eq!(again["run_id"], made["run_id"]);
    let run = made["run_id"].as_str().expect("an id");
    let why = json!({ "reason": "fine" });
    let told = served
        .post(&format!("/api/v1/runs/{run}/steps/ask/approve"), &why)
        .is(200);
    assert_eq!(told.json()["driven"], true);
    let ended = served
        .get(&format!("/api/v1/runs/{run}/wait"))
        .is(200)
        .json();
    assert_eq!(ended["status"], "succeeded");
    served.bench.rok(["verify", run, "--sealed"]).exits(0);
}
