//! A request whose form was checked, and who makes it.

use crate::problem::Problem;
use crate::query::Values;
use crate::schemas::UNFIT_REASON;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use rok_executor::strict_json;
use rok_service::Incoming;
use rok_service::views::{Actor, RunIdentity};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) actor: Actor,
    /// The roles that their token carries.
    pub(crate) roles: Vec<String>,
}

/// A request.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Option<Caller>,
    /// Values of path, query and headers that fit the operation's parameters.
    pub(crate) values: Values,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// The body, where it is a file.
    pub(crate) file: Option<Incoming>,
    /// The run in the path, which the caller may see.
    pub(crate) run: Option<Arc<RunIdentity>>,
}

impl Call {
    /// Who asks; the operation is not open to everybody.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller
            .as_ref()
            .ok_or_else(|| Problem::internal("an operation for known callers was called by nobody"))
    }

    /// The run in the path.
    pub(crate) fn run(&self) -> Result<&Arc<RunIdentity>, Problem> {
        self.run
            .as_ref()
            .ok_or_else(|| Problem::internal("an operation on a run was called without one"))
    }

    /// The body; an absent one is `{}`.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        let bytes: &[u8] = if self.body.is_empty() {
            b"{}"
        } else {
            &self.body
        };
        // A list of values in the order of the fields would be taken, too.
        if bytes.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::bad("the body is a list, and an object is needed"));
        }
        let read = serde_json::from_slice(bytes).map_err(|error| unfit(&error))?;
        // Of what the operation has no fields for, inputs above all, the last
        // would win.
        strict_json(bytes).map_err(|error| Problem::bad(format!("the body: {error}")))?;
        Ok(read)
    }
}

/// A reason that is none is refused as everywhere; it quotes nothing.
fn unfit(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    if error.is_data() && text.starts_with(UNFIT_REASON) {
        let what = text.split(" at line ").next().unwrap_or_default();
        let detail = format!("`reason`: {what}");
        return Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "ROK0112", detail)
            .help("say why, in a few words: the record keeps it");
    }
    Problem::bad(fault(error))
}

/// What is wrong with a body, without a value of it: that may be a secret.
fn fault(error: &serde_json::Error) -> String {
    let place = format!("at line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    let named = ["unknown field", "missing field", "duplicate field"];
    let names_a_field = named.iter().any(|words| text.starts_with(words));
    if error.is_data() && !names_a_field {
        return format!("a value in the body is not of the right type or form, {place}");
    }
    if error.is_data() {
        return format!("the body: {text}");
    }
    format!("the body is not JSON, {place}")
}
