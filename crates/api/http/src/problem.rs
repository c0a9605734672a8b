//! Refusals as RFC 9457 problems. Invariant: what a client is told names no
//! path of the server, and a failure of the server itself says only that.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use rok_service::views::ErrorKind;
use rok_service::{ErrorPage, ServiceError};
use schemars::JsonSchema;
use serde::Serialize;

/// The media type of problems.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A refusal.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) detail: String,
    pub(crate) help: Option<String>,
    pub(crate) errors: Vec<ProblemLine>,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the server's own log is told besides.
    pub(crate) inner: Option<String>,
}

/// One of several faults.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ProblemLine {
    /// The code of its page.
    code: &'static str,
    /// What is wrong, and where.
    message: String,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<String>,
}

/// RFC 9457, with rok's code, help, and every fault where there are several.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(crate) struct ProblemBody<'a> {
    /// The address of the code's page on this server.
    #[serde(rename = "type")]
    kind: String,
    /// What the code means.
    title: &'a str,
    /// The status.
    status: u16,
    /// What is wrong here.
    detail: &'a str,
    /// The stable code, `ROK0104`.
    code: &'a str,
    /// How to mend it.
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    /// Every fault, where there are several.
    #[serde(default, skip_serializing_if = "<[_]>::is_empty")]
    errors: &'a [ProblemLine],
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code,
            detail: detail.into(),
            help: None,
            errors: Vec::new(),
            headers: Vec::new(),
            inner: None,
        }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &str) -> Self {
        let value = HeaderValue::from_str(value);
        self.headers.extend(value.ok().map(|value| (name, value)));
        self
    }

    /// A request that cannot be read.
    pub(crate) fn bad(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "ROK0204", detail)
    }

    /// More than is taken.
    pub(crate) fn too_large(limit: u64) -> Self {
        let detail = format!("the body has more than {limit} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "ROK0205", detail)
    }

    /// A body that does not come.
    pub(crate) fn too_slow() -> Self {
        let detail = "the body did not come in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "ROK0206", detail)
            .header(header::CONNECTION, "close")
    }

    /// A body that is of another kind.
    pub(crate) fn other_media(kind: &'static str) -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        Self::new(status, "ROK0209", format!("the body must be {kind}"))
            .header(header::ACCEPT, kind)
    }

    /// A body that is not sent as it is.
    pub(crate) fn encoded() -> Self {
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        let detail = "the body has a Content-Encoding, and none is understood";
        Self::new(status, "ROK0209", detail)
            .help("send it as it is")
            .header(header::ACCEPT_ENCODING, "identity")
    }

    /// Nothing is known by this name, or nothing that the caller may see.
    pub(crate) fn no_run(run: &str) -> Self {
        let detail = format!("there is no run `{run}`");
        Self::new(StatusCode::NOT_FOUND, "ROK0101", detail)
    }

    /// No room now.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        Self::new(status, "ROK0208", detail).header(header::RETRY_AFTER, "1")
    }

    /// The server failed; only its own log is told how.
    pub(crate) fn internal(inner: impl Into<String>) -> Self {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        Self {
            inner: Some(inner.into()),
            ..Self::new(status, "ROK0114", "the server failed; its own log says how")
        }
    }

    /// A use case that was refused; `hide` are paths that no client is told.
    pub(crate) fn of(error: &ServiceError, hide: &[String]) -> Self {
        let status = status_of(error);
        if status.is_server_error() {
            let storage = status == StatusCode::SERVICE_UNAVAILABLE;
            let detail = if storage {
                "the store cannot be used now; the server's own log says why"
            } else {
                "the record is not what was written; the server's own log says more"
            };
            return Self {
                inner: Some(error.to_string()),
                ..Self::new(status, error.code(), detail)
            };
        }
        if let Some(detail) = of_registry(error) {
            return Self {
                inner: Some(error.to_string()),
                ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error.code(), detail)
            };
        }
        Self::told(status, error, hide)
    }

    /// What somebody gave is not what it says: that is theirs to know.
    pub(crate) fn of_given(error: &ServiceError, hide: &[String]) -> Self {
        match error.kind() {
            ErrorKind::Protocol => Self::told(StatusCode::UNPROCESSABLE_ENTITY, error, hide),
            _ => Self::of(error, hide),
        }
    }

    fn told(status: StatusCode, error: &ServiceError, hide: &[String]) -> Self {
        let hidden = |text: &str| hide.iter().fold(text.to_owned(), |t, p| t.replace(p, "…"));
        let lines = error.problems().into_iter().map(|problem| ProblemLine {
            code: problem.code,
            message: hidden(&problem.message),
            help: problem.help.as_deref().map(hidden),
        });
        let mut lines: Vec<ProblemLine> = lines.collect();
        let mut problem = Self::new(status, error.code(), hidden(&error.to_string()));
        if let [line] = lines.as_mut_slice() {
            problem.detail.clone_from(&line.message);
            problem.help = line.help.take();
        } else {
            problem.errors = lines;
        }
        problem
    }
}

/// The registry as a whole cannot be read; only the server's own log is told
/// why, since that names its files.
fn of_registry(error: &ServiceError) -> Option<&'static str> {
    let whole = matches!(error.code(), "ROK0231" | "ROK0232" | "ROK0233" | "ROK0236");
    whole.then_some("the server's registry cannot be read; its own log says why")
}

fn status_of(error: &ServiceError) -> StatusCode {
    match (error.code(), error.kind()) {
        ("ROK0101", _) | (_, ErrorKind::NotFound) => StatusCode::NOT_FOUND,
        ("ROK0122", _) => StatusCode::BAD_REQUEST,
        ("ROK0116", _) | (_, ErrorKind::State | ErrorKind::Busy) => StatusCode::CONFLICT,
        (_, ErrorKind::Usage) => StatusCode::UNPROCESSABLE_ENTITY,
        (_, ErrorKind::Denied) => StatusCode::FORBIDDEN,
        (_, ErrorKind::Protocol) => StatusCode::INTERNAL_SERVER_ERROR,
        (_, ErrorKind::Storage) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl Problem {
    /// The problem as an answer.
    pub(crate) fn response(self) -> Response {
        let title = ErrorPage::of(self.code).map_or("refused", ErrorPage::title);
        let body = ProblemBody {
            kind: format!("/api/v1/errors/{}", self.code),
            title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            help: self.help.as_deref(),
            errors: &self.errors,
        };
        let json = serde_json::to_vec(&body).expect("texts only");
        let mut response = Response::new(Body::from(json));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(PROBLEM_JSON);
        headers.insert(header::CONTENT_TYPE, kind);
        for (name, value) in self.headers {
            headers.insert(name, value);
        }
        response
    }
}
