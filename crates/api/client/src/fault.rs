//! What a server refuses, as the engine of a folder would have refused it.

use rok_service::ErrorPage;
use rok_service::views::{ErrorKind, RunsError};
use serde::Deserialize;

/// A code that the server knows and this program does not.
const UNKNOWN: &str = "ROK0213";

#[derive(Debug, Deserialize)]
struct Problem {
    detail: String,
    code: String,
    #[serde(default)]
    help: Option<String>,
    #[serde(default)]
    errors: Vec<Line>,
}

#[derive(Debug, Deserialize)]
struct Line {
    message: String,
}

/// The refusal in an answer.
pub(crate) fn refused(status: u16, body: &[u8]) -> RunsError {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return unreachable(format!("the server answered with status {status}"))
            .help("is it a rok server? `curl URL/livez` tells");
    };
    let page = ErrorPage::of(&problem.code);
    let code = page.map_or(UNKNOWN, |page| page.code);
    let kind = match (status, code) {
        (401 | 403 | 421, _) => ErrorKind::Denied,
        (404, "ROK0101") | (409, "ROK0116") => ErrorKind::Usage,
        (404, _) => ErrorKind::NotFound,
        (409, "ROK0103") => ErrorKind::Busy,
        (409, _) => ErrorKind::State,
        (422, "ROK0143") | (500, _) => ErrorKind::Protocol,
        (status, _) if status > 500 => ErrorKind::Storage,
        _ => ErrorKind::Usage,
    };
    let mut message = problem.detail;
    for line in &problem.errors {
        message.push('\n');
        message.push_str(&line.message);
    }
    let mut error = RunsError::new(kind, code, message);
    // The server tells how HTTP shows one; here it is a setting.
    error.help = match status {
        401 => Some(
            "`ROK_TOKEN` is the token that is shown to the server; `rok token create`, where the server runs, makes one"
                .to_owned(),
        ),
        _ => problem.help,
    };
    error
}

/// The server cannot be reached, or does not speak as it should.
pub(crate) fn unreachable(message: impl Into<String>) -> RunsError {
    RunsError::new(ErrorKind::Storage, UNKNOWN, message)
}

/// What means nothing when it is asked of a server: why, and what to do.
pub(crate) fn elsewhere(what: &str, why: &str, instead: &str) -> RunsError {
    RunsError::new(ErrorKind::Usage, "ROK0010", format!("{what} {why}")).help(instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_what_it_would_be_here() {
        let body = br#"{"type":"x","title":"t","status":404,"detail":"there is no run `x`","code":"ROK0101"}"#;
        let error = refused(404, body);
        assert_eq!((error.kind, error.code), (ErrorKind::Usage, "ROK0101"));
        let body = br#"{"detail":"no","code":"ROK9999","help":"wait"}"#;
        let error = refused(409, body);
        assert_eq!((error.kind, error.code), (ErrorKind::State, UNKNOWN));
        assert_eq!(error.help.as_deref(), Some("wait"));
        let body = br#"{"detail":"a token is needed","code":"ROK0201","help":"send it"}"#;
        let help = refused(401, body).help.expect("a help");
        assert!(help.starts_with("`ROK_TOKEN` is the token"), "{help}");
        assert_eq!(refused(502, b"<html>").kind, ErrorKind::Storage);
    }
}
