//! Components, to be looked at and fetched: other programs run them, each
//! under a lock of its own.

use crate::app::App;
use crate::call::Call;
use crate::operation::{Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::query::Values;
use crate::respond;
use crate::schemas::ComponentPage;
use axum::http::StatusCode;
use rok_service::ComponentAsk;
use rok_service::views::ComponentView;
use schemars::SchemaGenerator;
use std::sync::Arc;

/// What a manifest is written in is for its reader to tell.
const TEXT: &str = "text/plain; charset=utf-8";

/// Components on a page, where it is not said.
const PAGE: usize = 100;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/api/v1/registry", "list_components", list)
        .doc(
            "registry",
            "Components, by name and version, whatever they may do.",
        )
        .params(&[
            Param::repeated(
                "filter",
                Kind::Text(1024),
                "Such as type=validator,lifecycle=canary.",
            ),
            Param::repeated("tag", Kind::Text(64), "All of these tags."),
            Param::repeated(
                "name",
                Kind::Text(256),
                "Any of these names and globs, with a version if need be: fmt@^1.",
            ),
            Param::query(
                "q",
                Kind::Text(256),
                "What stands in name, description, owner or a tag.",
            ),
            Param::query("limit", Kind::Count(1, 500), "Components on a page."),
            Param::query("cursor", Kind::Text(256), "Where the page begins."),
        ])
        .replies(&[Reply::json(
            "The components.",
            SchemaGenerator::subschema_for::<ComponentPage>,
        )]),
    Operation::get("/api/v1/registry/{component}", "get_component", get)
        .doc(
            "registry",
            "The latest version of a component, or the one that is named.",
        )
        .params(&[Param::path(
            "component",
            Kind::Text(256),
            "Its name, or its name and version, fmt@1.2.0.",
        )])
        .replies(&[Reply::json(
            "The component.",
            SchemaGenerator::subschema_for::<ComponentView>,
        )]),
    Operation::get(
        "/api/v1/registry/manifests/{fingerprint}",
        "get_manifest",
        manifest,
    )
    .doc(
        "registry",
        "The manifest with this SHA-256, as it is written.",
    )
    .params(&[Param::path(
        "fingerprint",
        Kind::Text(64),
        "The SHA-256 of its bytes.",
    )])
    .replies(&[Reply::of("The manifest.", TEXT)]),
];

fn list(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let (ask, limit) = (ask(&call.values), call.values.parsed("limit"));
        let cursor = call.values.text("cursor").map(str::to_owned);
        let views = app
            .blocking(move |service| service.components()?.list(&ask))
            .await?;
        let page = page(views, cursor.as_deref(), limit.unwrap_or(PAGE))?;
        respond::json(StatusCode::OK, &page)
    })
}

fn ask(values: &Values) -> ComponentAsk {
    let all = |name| values.all(name).map(str::to_owned).collect();
    ComponentAsk {
        filters: all("filter"),
        tags: all("tag"),
        names: all("name"),
        text: values.text("q").map(str::to_owned),
    }
}

/// The part of the components that begins at a cursor. A cursor is the
/// fingerprint of the last component of the page before.
fn page(
    mut views: Vec<ComponentView>,
    cursor: Option<&str>,
    limit: usize,
) -> Result<ComponentPage, Problem> {
    if let Some(cursor) = cursor {
        let last = views.iter().position(|view| view.fingerprint == cursor);
        let last = last.ok_or_else(|| {
            Problem::bad("the cursor's component is gone").help("begin again without a cursor")
        })?;
        views.drain(..=last);
    }
    let more = views.len() > limit;
    views.truncate(limit);
    let last = views.last().filter(|_| more);
    Ok(ComponentPage {
        next_cursor: last.map(|view| view.fingerprint.clone()),
        components: views.into_iter().map(told).collect(),
    })
}

/// A component without paths of the server.
fn told(view: ComponentView) -> ComponentView {
    ComponentView {
        source: view.file.clone(),
        ..view
    }
}

fn get(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let name: String = call.values.needed("component")?;
        let view = app
            .blocking(move |service| service.components()?.inspect(&name))
            .await?;
        respond::json(StatusCode::OK, &told(view))
    })
}

fn manifest(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let fingerprint: String = call.values.needed("fingerprint")?;
        let bytes = app
            .blocking(move |service| service.components()?.manifest(&fingerprint))
            .await?;
        Ok(respond::document(TEXT, bytes))
    })
}
