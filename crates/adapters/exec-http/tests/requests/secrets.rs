//! A canary in headers and bodies: it goes out, and comes back nowhere.

use crate::support::{executor, get, perform, post, step, workspace};
use rok_executor::{Executor as _, StepRequest};
use rok_expr::{Part, SecretText};
use rok_secrets::Secrets;
use rok_test_support::http::{Server, answer};
use rok_vocabulary::ErrorClass;
use rstest::rstest;
use std::io::Write as _;

const CANARY: &str = "canary-\"7f3a\"-s3cr3t";

fn secret(before: &str) -> SecretText {
    let name = "TOKEN".parse().unwrap();
    SecretText::from_parts([Part::Text(before.into()), Part::Secret(name)])
}

fn with_canary(mut request: StepRequest) -> StepRequest {
    request.secrets = Secrets::from_pairs([("TOKEN".parse().unwrap(), CANARY)]).unwrap();
    request
}

fn quoted() -> SecretText {
    let name = "TOKEN".parse().unwrap();
    let text = |text: &str| Part::Text(text.into());
    SecretText::from_parts([text("{\"token\":\""), Part::Secret(name), text("\"}")])
}

/// Says back all that it was told, as a server in debug mode does.
fn echo(status: &'static str) -> Server {
    Server::start(move |seen, stream| {
        let token = seen.header("authorization").unwrap_or_default();
        let told = format!("x-echo: {token}\r\ncontent-type: text/plain\r\n");
        let told = answer(status, &told, &format!("{token} {}", seen.body));
        drop(stream.write_all(told.as_bytes()));
    })
}

#[rstest]
#[case("200 OK")]
#[case("500 Oops")]
#[case("503 Busy")]
fn the_canary_goes_out_and_never_comes_back(#[case] status: &'static str) {
    let server = echo(status);
    let dir = tempfile::tempdir().unwrap();
    let mut request = post(server.url("/"), true, quoted());
    request.headers = vec![("Authorization".into(), secret("Bearer "))];
    let mut request = with_canary(step("a", request));
    request.workspace = Some(workspace(dir.path()));
    let result = perform(&executor(), request);
    let seen = &server.seen()[0];
    assert_eq!(
        seen.header("authorization"),
        Some(&*format!("Bearer {CANARY}"))
    );
    let body: serde_json::Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["token"], CANARY);
    let told = format!("{result:?}");
    let log = std::fs::read_to_string(dir.path().join("logs/a.2.log")).unwrap();
    for place in [&told, &log] {
        assert!(!place.contains("7f3a"), "{place}");
    }
    assert!(told.contains("***"), "{told}");
    assert!(
        log.contains(&format!("POST http://127.0.0.1:{}/\n", server.port())),
        "{log}"
    );
    assert_eq!(result.record.log.unwrap().bytes, log.len() as u64);
}

#[test]
fn a_secret_in_an_address_that_came_from_elsewhere_is_masked() {
    let request = with_canary(step("a", get(format!("http://127.0.0.1:1/{CANARY}"))));
    let failure = perform(&executor(), request).end.unwrap_err();
    assert!(!failure.reason.contains("7f3a"), "{failure}");
}

#[test]
fn a_header_with_a_line_break_is_refused_without_its_value() {
    let mut request = get("http://127.0.0.1:1/");
    let smuggled = SecretText::plain("x\r\nx-evil: 1");
    request.headers = vec![("X-A".into(), smuggled)];
    let failure = perform(&executor(), step("a", request)).end.unwrap_err();
    assert_eq!(failure.class, ErrorClass::ConfigError);
    assert!(failure.reason.contains("header `X-A`"), "{failure}");
    assert!(!failure.reason.contains("evil"), "{failure}");
}

#[test]
fn a_secret_without_a_value_is_found_before_the_run() {
    let mut request = get("http://127.0.0.1:1/");
    request.headers = vec![("X-A".into(), secret(""))];
    let faults = executor().preflight(&step("a", request));
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].class, ErrorClass::ConfigError);
    assert!(
        faults[0].reason.contains("secret `TOKEN` has no value"),
        "{}",
        faults[0]
    );
}

#[test]
fn a_host_that_is_refused_is_found_before_the_run() {
    let executor = rok_exec_http::HttpExecutor::new(rok_exec_http::Egress::default());
    let faults = executor.preflight(&step("a", get("http://10.0.0.1/")));
    assert_eq!(faults[0].class, ErrorClass::PolicyViolation);
}
