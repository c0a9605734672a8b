//! Calls of workers: what they are told, how their answers are read, keys,
//! what is not configured, and time.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod port;

use rok_exec_service::{Environment, ServiceExecutor, ServiceMap};
use rok_executor::contract;
use rok_executor::{
    CancelReason, Executor, ReportSink, ServiceWork, StepFailure, StepReport, StepRequest, Work,
};
use rok_test_support::http::{Server, answer};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use serde_json::{Value, json};

use std::io::Write as _;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const KEY: &str = "k-0123456789abcdef";

fn step(service: &str) -> StepRequest {
    contract::request(
        "r1",
        "worker",
        0,
        Work::Service(ServiceWork {
            service: service.into(),
            site: "site_123".into(),
            domain: "example.com".into(),
        }),
    )
}

fn sink() -> (Arc<dyn ReportSink>, Receiver<StepReport>) {
    let (sender, reports) = channel();
    let sender = Mutex::new(sender);
    let sink = move |report| drop(sender.lock().unwrap().send(report));
    (Arc::new(sink), reports)
}

fn executor(map: &str, environment: &[(&str, &str)], deny: &[&str]) -> ServiceExecutor {
    let map = ServiceMap::parse(map, "services.toml").unwrap();
    let environment = Environment::of(environment.iter().copied());
    let deny = deny.iter().map(ToString::to_string).collect();
    ServiceExecutor::new(map, environment, deny)
}

fn perform(executor: &ServiceExecutor, request: StepRequest) -> Result<Value, StepFailure> {
    let (sink, reports) = sink();
    executor.start(request, sink);
    let report = reports.recv_timeout(Duration::from_secs(60)).unwrap();
    report.result.end.map(|success| success.outputs)
}

/// One service, `worker`, at this server, with its key in `K`.
fn at(server: &Server) -> String {
    let base = server.url("");
    format!("[worker]\nworker_key='w'\nname='Worker'\nbase_url='{base}'\napi_key_env='K'\n")
}

fn called(status: &str, body: &str) -> (Result<Value, StepFailure>, Server) {
    let server = Server::answering(answer(status, "content-type: application/json\r\n", body));
    let executor = executor(&at(&server), &[("K", KEY)], &[]);
    (perform(&executor, step("worker")), server)
}

#[test]
fn a_worker_is_told_the_site_the_run_and_the_domain() {
    let (end, server) = called("200 OK", r#"{"findings":[],"summary":"fine"}"#);
    assert_eq!(end.unwrap()["summary"], "fine");
    let [seen] = &server.seen()[..] else {
        panic!("one call")
    };
    assert_eq!(seen.line, "POST /api/run HTTP/1.1");
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    let expected = json!({ "site_id": "site_123", "run_id": "r1", "domain": "example.com" });
    assert_eq!(body, expected);
    let bearer = format!("Bearer {KEY}");
    for (name, value) in [
        ("authorization", bearer.as_str()),
        ("x-request-id", "r1"),
        ("idempotency-key", "r1/0/worker"),
        ("rok-attempt", "0"),
        ("content-type", "application/json"),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

#[rstest]
#[case::status("500 Oops", "{}", ErrorClass::ValidationFailed, "answered 500")]
#[case::patience("503 Busy", "{}", ErrorClass::TransientIo, "answered 503")]
#[case::no_json("200 OK", "<p>", ErrorClass::ValidationFailed, "without JSON")]
#[case::no_object("200 OK", "[1]", ErrorClass::ValidationFailed, "that is no object")]
#[case::says_so(
    "200 OK",
    r#"{"success":false,"error":"quota used up"}"#,
    ErrorClass::ValidationFailed,
    "quota used up"
)]
fn bad_answers_fail(
    #[case] status: &str,
    #[case] body: &str,
    #[case] class: ErrorClass,
    #[case] says: &str,
) {
    let failure = called(status, body).0.unwrap_err();
    assert_eq!(failure.class, class);
    assert!(failure.reason.contains(says), "{failure}");
}

#[test]
fn a_redirect_is_not_followed() {
    let server = Server::answering(answer("307 Go", "location: /elsewhere\r\n", ""));
    let executor = executor(&at(&server), &[("K", KEY)], &[]);
    let failure = perform(&executor, step("worker")).unwrap_err();
    assert!(failure.reason.contains("answered 307"), "{failure}");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_key_that_a_worker_repeats_is_masked() {
    let (end, _server) = called("200 OK", &format!(r#"{{"echo":"{KEY}"}}"#));
    assert_eq!(end.unwrap()["echo"], "***");
    let (end, _server) = called("500 Oops", KEY);
    let failure = end.unwrap_err();
    assert!(
        failure.reason.contains("***") && !failure.reason.contains(KEY),
        "{failure}"
    );
}

#[rstest]
#[case::key("api_key_env='K'", "Worker config invalid: No API key found")]
#[case::none("", "Worker config invalid: No API key found")]
#[case::file(
    "api_key_file='/nonexistent/key'",
    "Worker config invalid: No API key found"
)]
#[case::command(
    "key_command='false'",
    "Worker config invalid: `false` did not print an API key: exit status: 1"
)]
#[case::nothing("key_command='true'", "Worker config invalid: No API key found")]
fn a_missing_key_is_that_service_s_failure(#[case] source: &str, #[case] says: &str) {
    let map =
        format!("[worker]\nworker_key='w'\nname='W'\nbase_url='http://127.0.0.1:9'\n{source}");
    let executor = executor(&map, &[], &[]);
    let request = step("worker");
    assert!(executor.preflight(&request).is_empty());
    let failure = perform(&executor, request).unwrap_err();
    assert_eq!(failure.class, ErrorClass::ConfigError);
    assert_eq!(failure.reason, says);
}

#[test]
fn keys_come_from_a_command_and_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("key");
    std::fs::write(&file, format!("{KEY}\n")).unwrap();
    let file = format!("api_key_file='{}'", file.display());
    for source in [format!("key_command=['echo', '{KEY}']"), file] {
        let server = Server::answering(answer("200 OK", "", "{}"));
        let base = server.url("");
        let map = format!("[worker]\nworker_key='w'\nname='W'\nbase_url='{base}'\n{source}");
        perform(&executor(&map, &[], &[]), step("worker")).unwrap();
        let seen = server.seen();
        assert_eq!(
            seen[0].header("authorization"),
            Some(&*format!("Bearer {KEY}"))
        );
    }
}

#[test]
fn an_unknown_service_is_found_before_the_run() {
    let faults = executor("", &[], &[]).preflight(&step("technical-sea"));
    assert_eq!(faults.len(), 1);
    assert!(faults[0].reason.contains("did you mean `technical-seo`?"));
}

#[test]
fn a_denied_host_is_not_called() {
    let server = Server::answering(answer("200 OK", "", "{}"));
    let executor = executor(&at(&server), &[("K", KEY)], &["127.0.0.1"]);
    let failure = perform(&executor, step("worker")).unwrap_err();
    assert_eq!(failure.class, ErrorClass::PolicyViolation);
    assert!(server.seen().is_empty());
}

#[test]
fn a_timeout_and_a_cancel_really_end_the_call() {
    let (gone, ended) = channel();
    let gone = Mutex::new(gone);
    // The worker never answers; it tells when its connection is closed.
    let server = Server::start(move |_, stream| {
        let mut byte = [0];
        let _ = stream.flush();
        let left = std::io::Read::read(stream, &mut byte);
        let _ = gone.lock().unwrap().send(left.is_ok_and(|n| n == 0));
    });
    let executor = executor(&at(&server), &[("K", KEY)], &[]);
    let mut request = step("worker");
    request.timeout = Some(Duration::from_millis(50));
    let failure = perform(&executor, request).unwrap_err();
    assert_eq!(failure.class, ErrorClass::Timeout);
    assert!(ended.recv_timeout(Duration::from_secs(30)).unwrap());

    let (sink, reports) = sink();
    let request = step("worker");
    let attempt = request.attempt.clone();
    executor.start(request, sink);
    executor.cancel(&attempt, CancelReason::RunTimeout);
    let end = reports
        .recv_timeout(Duration::from_secs(30))
        .unwrap()
        .result
        .end;
    assert_eq!(end.unwrap_err().class, ErrorClass::Timeout);
}

#[rstest]
#[case("200 OK", true, "200 OK")]
#[case("503 Service Unavailable", false, "503 Service Unavailable")]
fn health(#[case] status: &str, #[case] healthy: bool, #[case] said: &str) {
    let server = Server::answering(answer(status, "", "{}"));
    let executor = executor(&at(&server), &[("K", KEY)], &[]);
    let health = executor.health("worker", Duration::from_secs(30));
    assert_eq!((health.healthy, &*health.said), (healthy, said));
    assert_eq!(server.seen()[0].line, "GET /health HTTP/1.1");
    assert_eq!(server.seen()[0].header("authorization"), None);
}
