//! A step's request: addresses read, secrets filled in, headers of ours added.

use crate::client::{Outgoing, RequestError, header};
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue, USER_AGENT};
use reqwest::{Method, Url};
use rok_executor::{StepFailure, StepRequest};
use rok_expr::{Part, SecretText};
use rok_plan::{ResolvedBody, ResolvedRequest};
use rok_secrets::Secrets;
use rok_vocabulary::ErrorClass;
use serde_json::Value;

/// How we introduce ourselves.
const AGENT: &str = concat!("rok/", env!("CARGO_PKG_VERSION"));

/// What a step's request comes to on the wire.
pub(crate) fn outgoing(
    step: &StepRequest,
    request: &ResolvedRequest,
) -> Result<Outgoing, StepFailure> {
    let config = |reason: String| StepFailure::new(ErrorClass::ConfigError, reason);
    let unfit = |error: RequestError| config(error.to_string());
    let url = address(&request.url).map_err(config)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let value = revealed(value, &step.secrets)?;
        let (name, value) = header(name, &value).map_err(unfit)?;
        headers.append(name, value);
    }
    let body = match &request.body {
        None => Vec::new(),
        Some(body) => {
            let default = if body.json {
                HeaderValue::from_static("application/json")
            } else {
                HeaderValue::from_static("text/plain; charset=utf-8")
            };
            headers.entry(CONTENT_TYPE).or_insert(default);
            filled_in(body, &step.secrets)?
        }
    };
    let mut ours = ours(step).map_err(unfit)?;
    // What a plan says of its own accord stands.
    for name in headers.keys() {
        ours.remove(name);
    }
    Ok(Outgoing {
        method: Method::from_bytes(request.method.as_bytes())
            .map_err(|_| config(format!("`{}` is no method", request.method)))?,
        url,
        ours,
        headers,
        body,
        redirects: request.redirects,
        expect: request.expect.clone(),
        max_bytes: request.max_bytes,
    })
}

/// The headers that every request of a step has: who asks, for which attempt,
/// and within which trace.
pub fn ours(step: &StepRequest) -> Result<HeaderMap, RequestError> {
    let attempt = step.attempt.step.attempt.to_string();
    let key = step.key.to_string();
    let mut ours = HeaderMap::new();
    ours.insert(USER_AGENT, HeaderValue::from_static(AGENT));
    let pairs = [
        ("idempotency-key", Some(key.as_str())),
        ("rok-attempt", Some(attempt.as_str())),
        ("traceparent", step.traceparent.as_deref()),
    ];
    for (name, value) in pairs {
        if let Some(value) = value {
            let (name, value) = header(name, value)?;
            ours.insert(name, value);
        }
    }
    Ok(ours)
}

/// Reads an address; nothing of it is said but what is wrong.
pub fn address(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("`url` is no address: {error}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "`url` has the scheme `{}`; only `http` and `https` are carried out",
            url.scheme()
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("`url` holds a user or password: put it into a header".to_owned());
    }
    Ok(url)
}

fn revealed(text: &SecretText, secrets: &Secrets) -> Result<String, StepFailure> {
    let text = text.reveal(|name| secrets.get(name.as_str()));
    text.map_err(|error| StepFailure::new(ErrorClass::ConfigError, error.to_string()))
}

fn filled_in(body: &ResolvedBody, secrets: &Secrets) -> Result<Vec<u8>, StepFailure> {
    if !body.json {
        return revealed(&body.text, secrets).map(String::into_bytes);
    }
    let mut out = String::new();
    for part in body.text.parts() {
        match part {
            Part::Text(text) => out.push_str(text),
            Part::Secret(name) => {
                let one = SecretText::from_parts([Part::Secret(name.clone())]);
                let quoted = Value::from(revealed(&one, secrets)?).to_string();
                out.push_str(&quoted[1..quoted.len() - 1]);
            }
        }
    }
    Ok(out.into_bytes())
}
