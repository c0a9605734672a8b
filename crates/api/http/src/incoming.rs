//! A body that is a file: kept aside part by part, within bounds of size, time
//! and number, and never as a whole in memory.

use crate::app::App;
use crate::dispatch::{is_encoded, length};
use crate::operation::OCTETS;
use crate::problem::Problem;
use axum::body::Body;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use rok_service::{Incoming, ServiceError};
use std::sync::Arc;
use tokio::time::timeout;

/// Takes the file in. Whether whoever sends it may was asked before.
pub(crate) async fn read(
    app: &Arc<App>,
    headers: &HeaderMap,
    body: Body,
) -> Result<Incoming, Problem> {
    let limits = app.options.limits;
    if length(headers).is_some_and(|length| length > limits.bundle_bytes) {
        return Err(Problem::too_large(limits.bundle_bytes));
    }
    let kind = headers.get(header::CONTENT_TYPE);
    if kind.is_none_or(|kind| kind.as_bytes() != OCTETS.as_bytes()) {
        return Err(Problem::other_media(OCTETS));
    }
    if is_encoded(headers) {
        return Err(Problem::encoded());
    }
    let turn = Arc::clone(&app.bundles).try_acquire_owned();
    let _turn = turn.map_err(|_| Problem::busy("too many bundles come in now"))?;
    let whole = timeout(limits.bundle_time, take(app, body)).await;
    whole.map_err(|_| Problem::too_slow())?
}

async fn take(app: &Arc<App>, mut body: Body) -> Result<Incoming, Problem> {
    let limits = app.options.limits;
    let mut incoming = kept(app, Incoming::open).await?;
    let mut came = 0;
    loop {
        let frame = timeout(limits.body_time, body.frame()).await;
        let frame = match frame.map_err(|_| Problem::too_slow())? {
            None if came == 0 => return Err(Problem::bad("a body is needed: a file")),
            None => return Ok(incoming),
            Some(frame) => frame.map_err(|_| Problem::bad("the body broke off"))?,
        };
        // Trailers say nothing here.
        let Ok(part) = frame.into_data() else {
            continue;
        };
        came += part.len() as u64;
        if came > limits.bundle_bytes {
            return Err(Problem::too_large(limits.bundle_bytes));
        }
        incoming = kept(app, move || with(incoming, &part)).await?;
    }
}

fn with(mut incoming: Incoming, part: &Bytes) -> Result<Incoming, ServiceError> {
    incoming.take(part)?;
    Ok(incoming)
}

/// A disk is waited for on a thread of its own.
async fn kept(
    app: &Arc<App>,
    work: impl FnOnce() -> Result<Incoming, ServiceError> + Send + 'static,
) -> Result<Incoming, Problem> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|error| Problem::internal(error.to_string()))?;
    done.map_err(|error| app.problem(&error))
}
