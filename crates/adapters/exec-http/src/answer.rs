//! What an answer means for its step: outputs, or a class of failure.

use crate::client::{Answer, RequestError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, SET_COOKIE};
use rok_executor::{StepFailure, StepSuccess, strict_json};
use rok_vocabulary::ErrorClass;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

/// How much of a body goes into a reason.
const SHOWN_CHARS: usize = 200;

/// Headers that are for a browser to keep, and grant something.
const KEPT_BACK: &[reqwest::header::HeaderName] = &[SET_COOKIE];

/// Judges an answer by its status; `what` names the request.
pub(crate) fn judge(
    what: &str,
    expect: &[u16],
    answer: &Answer,
) -> Result<StepSuccess, StepFailure> {
    let status = answer.status;
    let expected = if expect.is_empty() {
        status.is_success()
    } else {
        expect.contains(&status.as_u16())
    };
    if !expected {
        return Err(unexpected(what, answer));
    }
    let (name, body) = body(answer).map_err(|why| {
        let reason = format!("{what} answered {status}: {why}");
        StepFailure::new(ErrorClass::ValidationFailed, reason)
    })?;
    let mut outputs = json!({ "status": status.as_u16(), "headers": headers(&answer.headers) });
    outputs[name] = body;
    Ok(StepSuccess {
        outputs,
        artifacts: Vec::new(),
    })
}

/// The failure of an answer with another status than was expected.
pub fn unexpected(what: &str, answer: &Answer) -> StepFailure {
    let shown = match line(&answer.body) {
        Some(line) => format!(": {line}"),
        None => String::new(),
    };
    let reason = format!("{what} answered {}{shown}", answer.status);
    let class = class_of(answer.status);
    let asked = retry_after(&answer.headers, SystemTime::now());
    let asked = asked.filter(|_| class == ErrorClass::TransientIo);
    StepFailure::new(class, reason).retry_after(asked)
}

/// The failure of a request that nothing came back of.
pub fn failure(what: &str, error: &RequestError) -> StepFailure {
    let class = match error {
        RequestError::Egress(_) | RequestError::Redirect { .. } => ErrorClass::PolicyViolation,
        RequestError::Connection { .. } => ErrorClass::TransientIo,
        RequestError::Certificate { .. } | RequestError::TooLarge { .. } => {
            ErrorClass::ValidationFailed
        }
        RequestError::Request { .. } => ErrorClass::ConfigError,
    };
    StepFailure::new(class, format!("{what}: {error}"))
}

fn class_of(status: StatusCode) -> ErrorClass {
    match status.as_u16() {
        408 | 425 | 429 | 502 | 503 | 504 => ErrorClass::TransientIo,
        _ => ErrorClass::ValidationFailed,
    }
}

/// How long the other side asks to be left alone: seconds, or until a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = httpdate::parse_http_date(text).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn headers(headers: &HeaderMap) -> Value {
    let mut all = Map::new();
    for name in headers.keys().filter(|name| !KEPT_BACK.contains(name)) {
        let values = headers.get_all(name).iter();
        let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let values: Vec<String> = values.collect();
        all.insert(name.to_string(), values.join(", ").into());
    }
    Value::Object(all)
}

/// The body by its type: JSON as a value, text as text, anything else encoded.
fn body(answer: &Answer) -> Result<(&'static str, Value), String> {
    if answer.body.is_empty() {
        return Ok(("body", Value::Null));
    }
    let kind = answer.headers.get(CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if is_json(kind) {
        let value = strict_json(&answer.body);
        let value = value.map_err(|error| {
            format!("its body cannot be taken as the `{kind}` it says: {error}")
        })?;
        return Ok(("body", value));
    }
    Ok(match std::str::from_utf8(&answer.body) {
        Ok(text) => ("body", text.into()),
        Err(_) => ("body_base64", STANDARD.encode(&answer.body).into()),
    })
}

pub(crate) fn is_json(kind: &str) -> bool {
    let kind = kind.to_ascii_lowercase();
    kind == "application/json" || kind.ends_with("+json")
}

/// The first line of a body that says anything, without control characters.
fn line(body: &[u8]) -> Option<String> {
    let start = &body[..body.len().min(4096)];
    let text = String::from_utf8_lossy(start);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let line: String = line.chars().filter(|c| !c.is_control()).collect();
    Some(match line.char_indices().nth(SHOWN_CHARS) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("7", Some(7))]
    #[case(" 0 ", Some(0))]
    #[case("Thu, 01 Jan 1970 00:02:00 GMT", Some(20))]
    #[case("Thu, 01 Jan 1970 00:01:00 GMT", Some(0))]
    #[case("-1", None)]
    #[case("soon", None)]
    fn patience(#[case] text: &str, #[case] seconds: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, text.parse().unwrap());
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs));
    }

    #[rstest]
    #[case("application/json", b"{\"a\":1}", "body", json!({ "a": 1 }))]
    #[case("application/problem+json; charset=utf-8", b"[1]", "body", json!([1]))]
    #[case("text/html", "<p>\u{fc}".as_bytes(), "body", json!("<p>\u{fc}"))]
    #[case("", b"", "body", Value::Null)]
    #[case("image/png", b"\x89PNG", "body_base64", json!("iVBORw=="))]
    fn bodies(#[case] kind: &str, #[case] bytes: &[u8], #[case] name: &str, #[case] value: Value) {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, kind.parse().unwrap());
        let answer = Answer {
            status: StatusCode::OK,
            headers,
            body: bytes.to_vec(),
            redirects: 0,
        };
        let success = judge("GET x", &[], &answer).unwrap();
        assert_eq!(success.outputs[name], value);
    }
}
