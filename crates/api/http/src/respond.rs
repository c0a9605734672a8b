//! Answers: JSON, texts, files, streams, each with the headers that keep a
//! browser from making more of it than it is.

use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::Frame;
use rok_service::views::StopSignal;
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// What a run made is shown as a document of its own: no script, no form, no
/// request to anywhere.
const SANDBOX: &str =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'";
/// A report brings a script of its own, and may do nothing else with it.
const SANDBOX_WITH_SCRIPTS: &str = "sandbox allow-scripts; default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'";

fn with(status: StatusCode, kind: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let kind = HeaderValue::from_static(kind);
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// JSON.
pub(crate) fn json(status: StatusCode, view: &impl Serialize) -> Result<Response, Problem> {
    let bytes = serde_json::to_vec(view).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(with(status, "application/json", bytes.into()))
}

/// JSON that is there already.
pub(crate) fn json_bytes(bytes: Vec<u8>) -> Response {
    with(StatusCode::OK, "application/json", bytes.into())
}

/// A document that a run, or the server, wrote.
pub(crate) fn document(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = with(StatusCode::OK, kind, body.into());
    let policy = if kind.starts_with("text/html") {
        SANDBOX_WITH_SCRIPTS
    } else {
        SANDBOX
    };
    let policy = HeaderValue::from_static(policy);
    response
        .headers_mut()
        .insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}

/// A file to be kept, never shown.
pub(crate) fn attachment(name: &str, bytes: u64, body: Body) -> Response {
    let mut response = document("application/octet-stream", body);
    let disposition = format!(
        "attachment; filename=\"{}\"; filename*=UTF-8''{}",
        plain(name),
        encoded(name)
    );
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes));
    if let Ok(value) = HeaderValue::from_str(&disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    response
}

/// The last part of a path, in letters that every header takes.
fn plain(name: &str) -> String {
    let keeps = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    name.chars()
        .map(|c| if keeps(c) { c } else { '_' })
        .collect()
}

fn encoded(name: &str) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes everything");
        }
    }
    text
}

/// Sets a header on an answer.
pub(crate) fn set(mut response: Response, name: HeaderName, value: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// What every answer carries.
pub(crate) fn hardened(mut response: Response) -> Response {
    let headers = response.headers_mut();
    let mut at_least = |name: HeaderName, value: &'static str| {
        headers
            .entry(name)
            .or_insert(HeaderValue::from_static(value));
    };
    at_least(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    at_least(header::REFERRER_POLICY, "no-referrer");
    at_least(header::CACHE_CONTROL, "no-store");
    at_least(header::X_FRAME_OPTIONS, "DENY");
    at_least(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'",
    );
    response
}

/// A body whose parts come from a channel: it ends when the sender goes.
pub(crate) struct Stream {
    parts: mpsc::Receiver<Bytes>,
    /// Told once nobody reads any more.
    left: Option<StopSignal>,
}

impl Stream {
    /// A body, and where its parts are put. A client that does not read keeps
    /// the sender waiting, not the server's memory.
    pub(crate) fn open() -> (mpsc::Sender<Bytes>, Body) {
        Self::with(None)
    }

    /// The same; `left` is given once the client has gone, or has all of it.
    pub(crate) fn telling(left: StopSignal) -> (mpsc::Sender<Bytes>, Body) {
        Self::with(Some(left))
    }

    fn with(left: Option<StopSignal>) -> (mpsc::Sender<Bytes>, Body) {
        let (sender, parts) = mpsc::channel(16);
        (sender, Body::new(Self { parts, left }))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(left) = &self.left {
            left.stop();
        }
    }
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.poll_recv(context);
        part.map(|part| part.map(|bytes| Ok(Frame::data(bytes))))
    }
}
