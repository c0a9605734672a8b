//! Requests to servers on loopback: good ones, slow ones, broken ones.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod limits;
mod port;
mod secrets;
mod support;
mod tls;

use rok_exec_http::{Egress, HttpExecutor};
use rok_expr::SecretText;
use rok_plan::Redirects;
use rok_test_support::http::{Server, answer};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use serde_json::json;
use std::io::Write as _;
use std::time::Duration;
use support::{executor, failure, get, outputs, perform, post, step};

#[test]
fn an_answer_becomes_outputs() {
    let json = "content-type: application/json\r\nset-cookie: session=1\r\nx-a: 1\r\nx-a: 2\r\n";
    let server = Server::answering(answer("201 Created", json, r#"{"id":7}"#));
    let out = outputs(post(
        server.url("/x?q=1"),
        false,
        SecretText::plain("hello"),
    ));
    assert_eq!(out["status"], 201);
    assert_eq!(out["body"], json!({ "id": 7 }));
    assert_eq!(out["headers"]["x-a"], "1, 2");
    assert_eq!(out["headers"].get("set-cookie"), None);
    let seen = &server.seen()[0];
    assert_eq!(seen.line, "POST /x?q=1 HTTP/1.1");
    assert_eq!(seen.body, "hello");
    for (name, value) in [
        ("content-type", "text/plain; charset=utf-8"),
        ("idempotency-key", "r1/0/a"),
        ("rok-attempt", "2"),
        (
            "traceparent",
            "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01",
        ),
    ] {
        assert_eq!(seen.header(name), Some(value), "{name}");
    }
}

#[test]
fn a_header_of_the_plan_stands_for_ours() {
    let server = Server::answering(answer("200 OK", "", ""));
    let mut request = post(server.url("/"), true, SecretText::plain("{}"));
    let pairs = [
        ("Idempotency-Key", "mine"),
        ("Content-Type", "application/x-ndjson"),
    ];
    request.headers = pairs.map(|(n, v)| (n.into(), SecretText::plain(v))).into();
    outputs(request);
    let seen = &server.seen()[0];
    assert_eq!(seen.header("idempotency-key"), Some("mine"));
    assert_eq!(seen.header("content-type"), Some("application/x-ndjson"));
    assert_eq!(
        seen.headers
            .iter()
            .filter(|(n, _)| n == "idempotency-key")
            .count(),
        1
    );
}

#[rstest]
#[case(408, ErrorClass::TransientIo)]
#[case(425, ErrorClass::TransientIo)]
#[case(429, ErrorClass::TransientIo)]
#[case(502, ErrorClass::TransientIo)]
#[case(503, ErrorClass::TransientIo)]
#[case(504, ErrorClass::TransientIo)]
#[case(500, ErrorClass::ValidationFailed)]
#[case(400, ErrorClass::ValidationFailed)]
#[case(404, ErrorClass::ValidationFailed)]
#[case(304, ErrorClass::ValidationFailed)]
fn a_class_by_status(#[case] status: u16, #[case] class: ErrorClass) {
    let server = Server::answering(answer(
        &format!("{status} X"),
        "retry-after: 7\r\n",
        if status == 304 {
            ""
        } else {
            "\n why \u{7}it is\n so"
        },
    ));
    let failure = failure(get(server.url("/p?token=x")));
    assert_eq!(failure.class, class);
    let asked = (class == ErrorClass::TransientIo).then_some(Duration::from_secs(7));
    assert_eq!(failure.retry_after, asked);
    assert!(failure.reason.contains("/p answered"), "{failure}");
    assert!(!failure.reason.contains("token"), "{failure}");
    assert!(
        status == 304 || failure.reason.ends_with(": why it is"),
        "{failure}"
    );
}

#[test]
fn what_is_expected_is_a_success_and_nothing_else() {
    let server = Server::answering(answer("404 Not Found", "", "gone"));
    let expecting = |expect: &[u16]| {
        step("a", {
            let mut request = get(server.url("/"));
            request.expect = expect.into();
            request
        })
    };
    let found = perform(&executor(), expecting(&[404, 410])).end.unwrap();
    assert_eq!(found.outputs["status"], 404);
    let found = perform(&executor(), expecting(&[410])).end.unwrap_err();
    assert_eq!(found.class, ErrorClass::ValidationFailed);
}

#[test]
fn json_that_is_none_fails() {
    let server = Server::answering(answer("200 OK", "content-type: application/json\r\n", "{"));
    let failure = failure(get(server.url("/")));
    assert_eq!(failure.class, ErrorClass::ValidationFailed);
    assert!(
        failure
            .reason
            .contains("cannot be taken as the `application/json` it says"),
        "{failure}"
    );
}

#[test]
fn a_redirect_within_the_host_is_followed() {
    let server = Server::start(|seen, stream| {
        let told = if seen.line.starts_with("POST /a") {
            answer("303 See Other", "location: /b\r\n", "")
        } else {
            answer("200 OK", "", "there")
        };
        drop(stream.write_all(told.as_bytes()));
    });
    let out = outputs(post(server.url("/a"), false, SecretText::plain("x")));
    assert_eq!(out["body"], "there");
    let seen = server.seen();
    assert_eq!(seen[1].line, "GET /b HTTP/1.1");
    assert_eq!(seen[1].header("content-type"), None);
}

#[rstest]
#[case(Redirects::SameHost, "307", "does not allow")]
#[case(Redirects::Any, "307", "a body is not handed on")]
fn a_redirect_to_another_host_takes_nothing_along(
    #[case] redirects: Redirects,
    #[case] status: &str,
    #[case] why: &str,
) {
    let other = Server::answering(answer("200 OK", "", "stolen"));
    let to = format!("location: {}\r\n", other.url("/"));
    let server = Server::answering(answer(&format!("{status} X"), &to, ""));
    let mut request = post(server.url("/"), false, SecretText::plain("body"));
    request.redirects = redirects;
    let failure = failure(request);
    assert_eq!(failure.class, ErrorClass::PolicyViolation);
    assert!(failure.reason.contains(why), "{failure}");
    assert!(other.seen().is_empty());
}

#[test]
fn headers_of_the_plan_stay_with_the_first_host() {
    let other = Server::answering(answer("200 OK", "", "ok"));
    let to = format!("location: {}\r\n", other.url("/"));
    let server = Server::answering(answer("302 Found", &to, ""));
    let mut request = get(server.url("/"));
    request.redirects = Redirects::Any;
    request.headers = vec![("Authorization".into(), SecretText::plain("Bearer x"))];
    assert_eq!(outputs(request)["body"], "ok");
    assert_eq!(server.seen()[0].header("authorization"), Some("Bearer x"));
    assert_eq!(other.seen()[0].header("authorization"), None);
}

#[test]
fn a_redirect_is_an_answer_where_it_may_lead_nowhere() {
    let server = Server::answering(answer("302 Found", "location: /b\r\n", ""));
    let mut request = get(server.url("/"));
    request.redirects = Redirects::Never;
    request.expect = vec![302];
    assert_eq!(outputs(request)["headers"]["location"], "/b");
    assert_eq!(server.seen().len(), 1);
}

#[test]
fn a_circle_ends() {
    let server = Server::answering(answer("302 Found", "location: /\r\n", ""));
    let failure = failure(get(server.url("/")));
    assert!(
        failure.reason.contains("one redirect too many"),
        "{failure}"
    );
    assert_eq!(server.seen().len(), 11);
}

#[rstest]
#[case::by_default(Egress::default())]
#[case::denied(Egress::new(["127.0.0.1"], ["127.0.0.0/8"]).unwrap())]
fn a_private_address_is_not_reached(#[case] rules: Egress) {
    let server = Server::answering(answer("200 OK", "", ""));
    let executor = HttpExecutor::new(rules);
    for host in ["127.0.0.1", "0x7f.1", "[::ffff:127.0.0.1]", "localhost"] {
        let url = format!("http://{host}:{}/", server.port());
        let failure = perform(&executor, step("a", get(url))).end.unwrap_err();
        assert_eq!(failure.class, ErrorClass::PolicyViolation, "{failure}");
        assert!(failure.reason.contains("egress to"), "{failure}");
    }
    assert!(server.seen().is_empty());
}

#[test]
fn a_redirect_is_judged_by_the_rules_too() {
    let server = Server::answering(answer(
        "302 Found",
        "location: http://169.254.169.254/\r\n",
        "",
    ));
    let mut request = get(server.url("/"));
    request.redirects = Redirects::Any;
    let failure = failure(request);
    assert!(failure.reason.contains("link-local"), "{failure}");
}

#[rstest]
#[case("ftp://example.com/", "scheme `ftp`")]
#[case("example.com", "is no address")]
#[case("http://user:pw@127.0.0.1/", "user or password")]
fn addresses_that_are_none(#[case] url: &str, #[case] why: &str) {
    let failure = failure(get(url));
    assert_eq!(failure.class, ErrorClass::ConfigError);
    assert!(failure.reason.contains(why), "{failure}");
}

#[test]
fn nobody_listens() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let failure = failure(get(format!("http://127.0.0.1:{port}/")));
    assert_eq!(failure.class, ErrorClass::TransientIo);
    assert!(failure.reason.contains("refused"), "{failure}");
}
