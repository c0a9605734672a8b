//! From a request to an operation's answer: who asks, is the form right, may
//! they, and only then the operation.

use crate::app::App;
use crate::auth;
use crate::call::{Call, Caller};
use crate::incoming;
use crate::operation::{Access, Body as Wanted, Operation};
use crate::problem::Problem;
use crate::query::Values;
use crate::respond;
use axum::RequestExt as _;
use axum::body::Body;
use axum::extract::RawPathParams;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use rok_service::views::{AccessAction, AccessTarget, RunId};
use std::sync::Arc;

/// Answers a request to an operation.
pub(crate) async fn dispatch(
    app: Arc<App>,
    operation: &'static Operation,
    request: Request<Body>,
) -> Response {
    let answer = tell(&app, operation.id, answer(&app, operation, request).await);
    app.metrics
        .server
        .answered(operation.id, answer.status().as_u16());
    answer
}

/// A request to no operation: of a method or to an address that is not there.
pub(crate) async fn nowhere(app: Arc<App>, request: Request<Body>, allowed: &str) -> Response {
    let answer = async {
        let (parts, _) = request.into_parts();
        fit(&app, &parts.headers)?;
        if allowed.is_empty() {
            let detail = "there is nothing at this address";
            return Err(Problem::new(StatusCode::NOT_FOUND, "ROK0203", detail)
                .help("/openapi.json lists every address"));
        }
        let detail = "this address does not take this method";
        let status = StatusCode::METHOD_NOT_ALLOWED;
        Err(Problem::new(status, "ROK0203", detail).header(header::ALLOW, allowed))
    };
    let answer = tell(&app, "none", answer.await);
    app.metrics
        .server
        .answered("none", answer.status().as_u16());
    answer
}

fn tell(app: &App, operation: &str, answer: Result<Response, Problem>) -> Response {
    let response = answer.unwrap_or_else(|mut problem| {
        if let Some(inner) = problem.inner.take() {
            let line = format!("{operation}: {} {}: {inner}", problem.status, problem.code);
            app.options.log.tell(&line);
        }
        problem.response()
    });
    respond::hardened(response)
}

async fn answer(
    app: &Arc<App>,
    operation: &'static Operation,
    mut request: Request<Body>,
) -> Result<Response, Problem> {
    fit(app, request.headers())?;
    let caller = match operation.access {
        Access::Open => None,
        _ => Some(auth::caller(app, request.headers())?),
    };
    let path = path_of(&mut request).await?;
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let values = Values::read(operation, &path, query, &parts.headers)?;
    let run = match (&caller, operation.access) {
        (Some(caller), Access::Run(action)) => {
            let let_in = let_in(app, caller, &values, action).await;
            Some(let_in.inspect_err(|problem| count(app, &values, problem))?)
        }
        (Some(caller), Access::Server) => {
            app.may(caller, AccessAction::View, AccessTarget::Server)?;
            None
        }
        (Some(caller), Access::ServerTo(action)) => {
            app.may(caller, action, AccessTarget::Server)?;
            None
        }
        _ => None,
    };
    let (body, file) = match operation.body {
        Some(Wanted::File) => {
            let file = incoming::read(app, &parts.headers, body).await?;
            (Bytes::new(), Some(file))
        }
        wanted => {
            let body = read_body(app, wanted, &parts.method, &parts.headers, body).await?;
            (body, None)
        }
    };
    let call = Call {
        caller,
        values,
        headers: parts.headers,
        body,
        file,
        run,
    };
    let asked = call.run.as_ref().map(|identity| identity.run.clone());
    let answering = (operation.handler)(Arc::clone(app), call);
    let answer = if operation.patient {
        answering.await
    } else {
        let limited = tokio::time::timeout(app.options.limits.answer_time, answering).await;
        limited.unwrap_or_else(|_| Err(Problem::busy("the answer took too long")))
    };
    answer.inspect_err(|problem| {
        if let Some(run) = asked {
            app.metrics.failed(run.as_str(), problem.code);
        }
    })
}

/// Counts the run in the path, where it is broken.
fn count(app: &App, values: &Values, problem: &Problem) {
    if let Some(run) = values.text("run") {
        app.metrics.failed(run, problem.code);
    }
}

/// What holds for every request, whatever it asks for.
fn fit(app: &App, headers: &HeaderMap) -> Result<(), Problem> {
    if app.options.no_auth {
        auth::refuse_strangers(headers)?;
    }
    // Two lengths are how one request hides within another.
    if headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH)
    {
        return Err(Problem::bad("the body has two lengths"));
    }
    Ok(())
}

async fn path_of(request: &mut Request<Body>) -> Result<Vec<(String, String)>, Problem> {
    let params = request.extract_parts::<RawPathParams>().await;
    let params = params.map_err(|_| Problem::bad("the path is not UTF-8"))?;
    let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    Ok(params.iter().map(owned).collect())
}

/// The run in the path, where the caller may do this to it. A run that they
/// may not even look at is not there.
async fn let_in(
    app: &Arc<App>,
    caller: &Caller,
    values: &Values,
    action: AccessAction,
) -> Result<Arc<rok_service::views::RunIdentity>, Problem> {
    let run: RunId = values.needed("run")?;
    let caller = caller.clone();
    app.perform(move |app| {
        let identity = app.visible(&caller, &run)?;
        if action != AccessAction::View {
            app.may(&caller, action, AccessTarget::Run(&identity))?;
        }
        Ok(identity)
    })
    .await
}

async fn read_body(
    app: &App,
    wanted: Option<Wanted>,
    method: &Method,
    headers: &HeaderMap,
    body: Body,
) -> Result<Bytes, Problem> {
    let limit = app.options.limits.body_bytes;
    let too_large = || Problem::too_large(limit as u64);
    if length(headers).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let reading = Limited::new(body, limit).collect();
    let read = tokio::time::timeout(app.options.limits.body_time, reading).await;
    let bytes = match read {
        Err(_) => return Err(Problem::too_slow()),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
        Ok(Err(_)) => return Err(Problem::bad("the body broke off")),
        Ok(Ok(body)) => body.to_bytes(),
    };
    match wanted {
        None if bytes.is_empty() => Ok(bytes),
        None => Err(Problem::bad(format!("{method} takes no body here"))),
        Some(Wanted::Json { required: true, .. }) if bytes.is_empty() => {
            Err(Problem::bad("a body is needed: a JSON object"))
        }
        Some(_) if bytes.is_empty() => Ok(bytes),
        Some(_) if is_encoded(headers) => Err(Problem::encoded()),
        Some(_) if !is_json(headers) => Err(Problem::other_media("application/json")),
        Some(_) => Ok(bytes),
    }
}

/// How long a body says that it is.
pub(crate) fn length(headers: &HeaderMap) -> Option<u64> {
    let length = headers.get(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

/// Whether a body is compressed, or anything else but what it says to be.
pub(crate) fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// JSON is UTF-8: a `charset` that says otherwise is refused.
fn is_json(headers: &HeaderMap) -> bool {
    let mut kinds = headers.get_all(header::CONTENT_TYPE).iter();
    let (kind, second) = (kinds.next(), kinds.next());
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut parts = kind.split(';').map(str::trim);
    let json = parts
        .next()
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"));
    let utf8 = |part: &str| {
        let value = part.to_ascii_lowercase();
        !value.starts_with("charset=") || matches!(&value[8..], "utf-8" | "\"utf-8\"")
    };
    json && second.is_none() && parts.all(utf8)
}
