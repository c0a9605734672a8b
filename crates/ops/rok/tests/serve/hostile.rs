//! Requests that mean harm, or are simply wrong: each is refused by the right
//! status, tells nothing, and the server goes on.

use super::{Served, bench};
use rstest::rstest;
use serde_json::{Value, json};

/// One server for all cases of a test would hide which one broke it; so each
/// case ends with a run that works.
#[track_caller]
fn goes_on(served: &Served) {
    served.get("/livez").is(200);
    let asked = json!({ "plan": "hello" });
    served.post("/api/v1/runs?wait=30s", &asked).is(201);
}

/// What no client may be told: where things lie, and what it sent itself.
#[track_caller]
fn tells_nothing(served: &Served, body: &str) {
    let place = served.bench.path().to_string_lossy();
    for word in [&*place, "hunter2", "panicked", "src/", ".tokens"] {
        assert!(!body.contains(word), "{word} is in {body}");
    }
}

#[rstest]
#[case::not_json("{\"plan\": hunter2", 400)]
#[case::nothing("", 400)]
#[case::a_list("[]", 400)]
#[case::a_text("\"hunter2\"", 400)]
#[case::an_unknown_field("{\"plan\":\"hello\",\"sudo\":\"hunter2\"}", 400)]
#[case::a_field_twice("{\"plan\":\"hello\",\"plan\":\"other\"}", 400)]
#[case::neither("{}", 400)]
#[case::both("{\"plan\":\"hello\",\"definition\":\"plan: x\"}", 400)]
#[case::rounded("{\"plan\":\"hello\",\"inputs\":{\"n\":9007199254740993.0}}", 400)]
#[case::a_wrong_type("{\"plan\":\"hello\",\"inputs\":\"hunter2\"}", 400)]
#[case::a_path_as_plan("{\"plan\":\"../hunter2\"}", 400)]
#[case::a_path_as_run("{\"plan\":\"hello\",\"run_id\":\"../../hunter2\"}", 400)]
#[case::the_parent_as_run("{\"plan\":\"hello\",\"run_id\":\"..\"}", 400)]
#[case::a_reserved_label("{\"plan\":\"hello\",\"labels\":{\"rok.x\":\"hunter2\"}}", 400)]
#[case::no_such_plan("{\"plan\":\"nope\"}", 404)]
#[case::no_plan_at_all("{\"definition\":\"hunter2\"}", 422)]
#[case::an_unknown_input("{\"plan\":\"hello\",\"inputs\":{\"sudo\":\"hunter2\"}}", 422)]
#[case::not_utf8("{\"plan\":\"\u{0}\"}", 400)]
fn a_body_that_is_wrong_is_refused(#[case] body: &str, #[case] status: u16) {
    let served = Served::open(bench());
    let request = served.client.request("POST", "/api/v1/runs", Some(body));
    let answer = served.client.raw(request.as_bytes()).is(status);
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    let problem = answer.json();
    assert_eq!(problem["status"], status);
    let code = problem["code"].as_str().expect("a code");
    assert_eq!(problem["type"], format!("/api/v1/errors/{code}"));
    served.get(&format!("/api/v1/errors/{code}")).is(200);
    if status == 400 {
        tells_nothing(&served, &answer.body);
    }
    let runs = served.get("/api/v1/runs").is(200).json();
    assert_eq!(runs["runs"], json!([]));
    goes_on(&served);
}

#[test]
fn json_that_is_nested_for_ever_is_refused() {
    let served = Served::open(bench());
    let deep = "[".repeat(1_000_000);
    let body = format!("{{\"plan\":\"hello\",\"inputs\":{{\"who\":{deep}");
    let request = served.client.request("POST", "/api/v1/runs", Some(&body));
    served.client.raw(request.as_bytes()).is(400);
    goes_on(&served);
}

#[test]
fn a_body_that_is_too_large_is_refused_by_its_length_and_by_its_bytes() {
    let served = Served::open(bench());
    let head = |length: &str| {
        format!(
            "POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\nconnection: close\r\n{length}\r\n\r\n"
        )
    };
    // None of it needs to be sent.
    let told = head("content-length: 999999999999");
    let answer = served.client.raw(told.as_bytes()).is(413);
    assert_eq!(answer.json()["code"], "ROK0205");
    let mut chunked = head("transfer-encoding: chunked").into_bytes();
    for _ in 0..80 {
        chunked.extend(b"10000\r\n");
        chunked.extend(vec![b' '; 0x10000]);
        chunked.extend(b"\r\n");
    }
    served.client.raw(&chunked).is(413);
    goes_on(&served);
}

#[rstest]
#[case::two_lengths("content-length: 4\r\ntransfer-encoding: chunked")]
#[case::two_lengths_the_other_way("transfer-encoding: chunked\r\ncontent-length: 4")]
#[case::lengths_that_differ("content-length: 4\r\ncontent-length: 30")]
#[case::a_list_of_lengths("content-length: 4, 30")]
#[case::a_negative_length("content-length: -1")]
#[case::a_signed_length("content-length: +4")]
#[case::no_length_at_all("content-length: x")]
#[case::an_unknown_coding("transfer-encoding: xchunked")]
#[case::a_coding_before_chunked("transfer-encoding: chunked, identity")]
#[case::a_space_before_the_colon("content-length : 4")]
#[case::a_folded_header("x: 1\r\n content-length: 4")]
#[case::a_byte_that_is_none("x: \0")]
#[case::a_bare_return("x: 1\rcontent-length: 4")]
fn a_request_cannot_hide_in_another(#[case] headers: &str) {
    let served = Served::open(bench());
    // Where the first is read to another end, the second is answered too.
    let hidden = "0\r\n\r\nGET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
    let request = format!(
        "POST /api/v1/runs HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n{headers}\r\n\r\n{hidden}"
    );
    let answer = served.client.raw(request.as_bytes()).is(400);
    assert!(!answer.body.contains("rok_http"), "{}", answer.body);
    assert!(!answer.body.contains("HTTP/1.1"), "{}", answer.body);
    goes_on(&served);
}

#[rstest]
#[case("/api/v1/runs/r1/artifacts/../../../plan.yaml")]
#[case("/api/v1/runs/r1/artifacts/..%2f..%2f..%2fhello.yaml")]
#[case("/api/v1/runs/r1/artifacts/%2e%2e/%2e%2e/.tokens.json")]
#[case("/api/v1/runs/r1/artifacts/%2fetc%2fpasswd")]
#[case("/api/v1/runs/r1/artifacts//etc/passwd")]
#[case("/api/v1/runs/r1/artifacts/out.txt%00.json")]
#[case("/api/v1/runs/r1/artifacts/..\\..\\hello.yaml")]
#[case("/api/v1/runs/r1/artifacts/events.jsonl")]
#[case("/api/v1/runs/r1/artifacts/%ff")]
#[case("/api/v1/runs/../.tokens.json")]
#[case("/api/v1/runs/%2e%2e/summary")]
#[case("/api/v1/runs/r1%2f..%2fr1/summary")]
#[case("/api/v1/runs/r1/logs/..%2f..%2fevents.jsonl")]
#[case("/api/v1/plans/..%2fhello")]
#[case("/api/v1/errors/..%2f..%2fREADME")]
fn no_path_leads_out_of_a_run(#[case] path: &str) {
    let served = Served::open(bench());
    served.bench.write("runs.txt", "outside");
    served
        .post(
            "/api/v1/runs?wait=30s",
            &json!({ "plan": "hello", "run_id": "r1" }),
        )
        .is(201);
    let answer = served.get(path);
    assert!(
        matches!(answer.status, 400 | 404),
        "{path}: {}\n{}",
        answer.head,
        answer.body
    );
    tells_nothing(&served, &answer.body);
    goes_on(&served);
}

#[rstest]
#[case("/api/v1/runs?limit=0")]
#[case("/api/v1/runs?limit=501")]
#[case("/api/v1/runs?limit=1&limit=2")]
#[case("/api/v1/runs?sudo=1")]
#[case("/api/v1/runs?cursor=hunter2")]
#[case("/api/v1/runs?label=hunter2")]
#[case("/api/v1/runs?since=yesterday")]
#[case("/livez?sudo=1")]
fn a_query_that_is_wrong_is_refused(#[case] path: &str) {
    let served = Served::open(bench());
    let answer = served.get(path).is(400);
    let code = answer.json()["code"].as_str().map(str::to_owned);
    let code = code.expect("a code");
    assert!(matches!(code.as_str(), "ROK0204" | "ROK0122"), "{code}");
    tells_nothing(&served, &answer.body);
}

#[test]
fn heads_are_bounded_in_size_and_number() {
    let served = Served::open(bench());
    let long = format!(
        "GET /livez HTTP/1.1\r\nhost: 127.0.0.1\r\nx: {}\r\n\r\n",
        "a".repeat(1_000_000)
    );
    served.client.raw(long.as_bytes()).is(431);
    // As docs/howto/serve.md has it: 64 fields, and some 64 KiB: what comes with
    // the last of these is read as well.
    let fields = |count: usize, length: usize| {
        let own = "host: 127.0.0.1\r\nconnection: close\r\n";
        let more: Vec<_> = (2..count).map(|n| format!("x{n}: 1\r\n")).collect();
        let head = format!("GET /livez HTTP/1.1\r\n{own}{}", more.concat());
        let value = "a".repeat(length.saturating_sub(head.len() + "x: \r\n\r\n".len()));
        let last = if value.is_empty() {
            String::new()
        } else {
            format!("x: {value}\r\n")
        };
        served
            .client
            .raw(format!("{head}{last}\r\n").as_bytes())
            .status
    };
    assert_eq!((fields(64, 0), fields(65, 0)), (200, 431));
    assert_eq!((fields(2, 64_000), fields(2, 200_000)), (200, 431));
    let line = format!(
        "GET /{} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n",
        "a".repeat(1_000_000)
    );
    let refused = served.client.raw(line.as_bytes()).status;
    assert!(matches!(refused, 414 | 431), "{refused}");
    goes_on(&served);
}

#[rstest]
#[case("PUT", "/api/v1/runs", 405)]
#[case("DELETE", "/api/v1/runs/r1", 405)]
#[case("TRACE", "/livez", 405)]
#[case("GET", "/api/v1/runs/r1/cancel", 405)]
#[case("GET", "/api/v2/runs", 404)]
#[case("GET", "/", 404)]
fn what_is_not_there_says_so(#[case] method: &str, #[case] path: &str, #[case] status: u16) {
    let served = Served::open(bench());
    let request = served.client.request(method, path, None);
    let answer = served.client.raw(request.as_bytes()).is(status);
    assert_eq!(answer.json()["code"], "ROK0203");
    assert_eq!(answer.header("allow").is_some(), status == 405);
}

#[test]
fn other_kinds_of_bodies_and_bodies_where_none_is_taken_are_refused() {
    let served = Served::open(bench());
    let send = |head: &str| {
        let text = format!(
            "{head}\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        served.client.raw(text.as_bytes())
    };
    let other = "POST /api/v1/runs HTTP/1.1\r\ncontent-type: text/plain";
    assert_eq!(send(other).is(415).json()["code"], "ROK0209");
    let packed =
        "POST /api/v1/runs HTTP/1.1\r\ncontent-type: application/json\r\ncontent-encoding: gzip";
    assert_eq!(send(packed).is(415).json()["code"], "ROK0209");
    let latin = "POST /api/v1/runs HTTP/1.1\r\ncontent-type: application/json; charset=latin1";
    send(latin).is(415);
    send("POST /api/v1/runs HTTP/1.1").is(415);
    send("GET /livez HTTP/1.1\r\ncontent-type: application/json").is(400);
    goes_on(&served);
}

#[test]
fn without_authentication_no_other_site_gets_in() {
    let served = Served::open(bench());
    for (name, value) in [("origin", "https://evil.example"), ("origin", "null")] {
        served.client.with(name, value).get("/api/v1/runs").is(421);
    }
    let elsewhere = "GET /api/v1/runs HTTP/1.1\r\nhost: evil.example\r\nconnection: close\r\n\r\n";
    served.client.raw(elsewhere.as_bytes()).is(421);
    let bench = bench();
    let ran = bench
        .rok(["serve", "--insecure-no-auth", "--listen", "0.0.0.0:0"])
        .exits(2);
    assert!(ran.err.contains("ROK0211"), "{}", ran.err);
    let ran = bench.rok(["serve", "--listen", "0.0.0.0:0"]).exits(2);
    assert!(
        ran.err.contains("tokens do not travel in the clear"),
        "{}",
        ran.err
    );
}

#[test]
fn a_failure_of_the_store_is_told_in_the_log_alone() {
    let served = Served::open(bench());
    served
        .post(
            "/api/v1/runs?wait=30s",
            &json!({ "plan": "hello", "run_id": "r1" }),
        )
        .is(201);
    served.post("/api/v1/runs/r1/cancel", &json!({})).is(200);
    served.get("/api/v1/runs/r1/wait").is(200);
    let log = served.bench.runs().join("r1/events.jsonl");
    let text = std::fs::read_to_string(&log).expect("a log");
    let mut lines: Vec<Value> = text
        .lines()
        .map(|l| serde_json::from_str(l).expect("JSON"))
        .collect();
    lines[2]["reason"] = json!("changed");
    let lines: Vec<_> = lines.iter().map(|line| format!("{line}\n")).collect();
    let text = lines.concat();
    std::fs::write(&log, text).expect("it is ours");
    let answer = served.get("/api/v1/runs/r1/summary");
    assert_eq!(answer.status, 500, "{}", answer.body);
    tells_nothing(&served, &answer.body);
    goes_on(&served);
}
