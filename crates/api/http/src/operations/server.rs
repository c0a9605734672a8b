//! What the server says of itself: health, metrics, its document, the pages of
//! errors.

use crate::app::App;
use crate::call::Call;
use crate::openapi::{openapi, page};
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond;
use crate::schemas::Health;
use axum::http::StatusCode;
use rok_service::ErrorPage;
use schemars::SchemaGenerator;
use std::sync::Arc;

const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";
const MARKDOWN: &str = "text/markdown; charset=utf-8";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/livez", "live", live)
        .doc("server", "Whether the server lives.")
        .access(Access::Open)
        .replies(&[Reply::json(
            "It lives.",
            SchemaGenerator::subschema_for::<Health>,
        )]),
    Operation::get("/readyz", "ready", ready)
        .doc(
            "server",
            "Whether a run could be submitted now: a log is written to find out.",
        )
        .access(Access::Open)
        .replies(&[Reply::json(
            "It is ready.",
            SchemaGenerator::subschema_for::<Health>,
        )]),
    Operation::get("/metrics", "get_metrics", metrics)
        .doc("server", "Metrics in the Prometheus text format.")
        .replies(&[Reply::of("The metrics.", METRICS)]),
    Operation::get("/openapi.json", "get_openapi", document)
        .doc("server", "This document.")
        .access(Access::Open)
        .replies(&[Reply::json(
            "The document.",
            SchemaGenerator::subschema_for::<serde_json::Map<String, serde_json::Value>>,
        )]),
    Operation::get("/docs", "get_docs", docs)
        .doc("server", "This document, for people.")
        .access(Access::Open)
        .replies(&[Reply::of("The page.", HTML)]),
    Operation::get("/api/v1/errors/{code}", "get_error_page", error_page)
        .doc("server", "What an error's code means, and how to mend it.")
        .access(Access::Open)
        .params(&[Param::path("code", Kind::ErrorCode, "The code.")])
        .replies(&[Reply::of("The page, Markdown.", MARKDOWN)]),
];

const OK: Health = Health { status: "ok" };

fn live(_: Arc<App>, _: Call) -> Answering {
    Box::pin(async { respond::json(StatusCode::OK, &OK) })
}

fn ready(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        if *app.stopping.borrow() {
            return Err(Problem::busy("the server stops"));
        }
        let ready = app.perform(|app| Ok(app.ready())).await?;
        if let Err(why) = ready {
            let mut problem =
                Problem::busy("runs cannot be carried out now; the server's own log says why");
            problem.inner = Some(why);
            return Err(problem);
        }
        respond::json(StatusCode::OK, &OK)
    })
}

fn metrics(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        let (driven, waiting) = app.drivers.counts();
        app.metrics.server.runs(driven, waiting);
        let of_pool = app.perform(|app| Ok(app.metrics.of_pool())).await?;
        let of_pool = of_pool.unwrap_or_else(|error| {
            // What is counted in memory is told all the same.
            app.options.log.tell(&format!("metrics: {error}"));
            String::new()
        });
        Ok(respond::document(METRICS, app.metrics.text() + &of_pool))
    })
}

fn document(_: Arc<App>, _: Call) -> Answering {
    Box::pin(async { respond::json(StatusCode::OK, &openapi()) })
}

fn docs(_: Arc<App>, _: Call) -> Answering {
    Box::pin(async { Ok(respond::document(HTML, page())) })
}

fn error_page(_: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let page = ErrorPage::of(call.values.text("code").unwrap_or_default());
        let page = page.ok_or_else(|| {
            Problem::new(StatusCode::NOT_FOUND, "ROK0203", "no error has this code")
        })?;
        Ok(respond::document(MARKDOWN, page.text))
    })
}
