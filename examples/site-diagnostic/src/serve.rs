//! A worker's two endpoints: `GET /health` and `POST /api/run`.

use crate::web::Web;
use crate::worker::Worker;
use crate::workers::measure;
use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::sync::Arc;
use subtle::ConstantTimeEq as _;

/// A request has three short fields.
const MAX_REQUEST: usize = 64 * 1024;

struct Station {
    worker: Worker,
    web: Web,
    key: Option<String>,
}

/// A worker over these sites. Without a key it says that it is not well, and
/// refuses every run.
pub fn station(worker: Worker, web: Web, key: Option<String>) -> Router {
    let station = Arc::new(Station { worker, web, key });
    Router::new()
        .route("/health", get(health))
        .route("/api/run", post(run))
        .with_state(station)
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let kind = [(CONTENT_TYPE, "application/json")];
    (status, kind, value.to_string()).into_response()
}

fn refusal(status: StatusCode, error: &str) -> Response {
    answer(status, &json!({ "success": false, "error": error }))
}

async fn health(State(station): State<Arc<Station>>) -> Response {
    let (status, word) = match station.key {
        Some(_) => (StatusCode::OK, "ok"),
        None => (StatusCode::SERVICE_UNAVAILABLE, "needs_config"),
    };
    let service = station.worker.slug();
    answer(status, &json!({ "service": service, "status": word }))
}

async fn run(State(station): State<Arc<Station>>, request: Request) -> Response {
    let Some(key) = &station.key else {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "No API key found");
    };
    if !bears(request.headers(), key) {
        return refusal(
            StatusCode::UNAUTHORIZED,
            "the bearer key is not this worker's",
        );
    }
    let Ok(body) = to_bytes(request.into_body(), MAX_REQUEST).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, "the request cannot be read");
    };
    let Some(domain) = domain(&body) else {
        return refusal(StatusCode::BAD_REQUEST, "the request names no `domain`");
    };
    // What could not be measured is this service's failure, told in words.
    match measure(station.worker, &station.web, &domain).await {
        Ok(measured) => answer(StatusCode::OK, &measured),
        Err(why) => refusal(StatusCode::OK, &why),
    }
}

fn bears(headers: &HeaderMap, key: &str) -> bool {
    let given = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|value| value.strip_prefix(b"Bearer "));
    given.is_some_and(|given| given.ct_eq(key.as_bytes()).into())
}

fn domain(body: &Bytes) -> Option<String> {
    let asked: Value = serde_json::from_slice(body).ok()?;
    Some(asked.get("domain")?.as_str()?.to_owned())
}
