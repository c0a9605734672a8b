//! The OpenAPI 3.1 document, made from the table of operations, and the same
//! for people.

use crate::operation::{Access, Body, Content, Kind, OCTETS, Operation, Param, Place, Reply, Verb};
use crate::operations::operations;
use crate::problem::{PROBLEM_JSON, ProblemBody};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// The OpenAPI 3.1 document of the server.
#[must_use]
pub fn openapi() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut generator = SchemaGenerator::new(settings);
    let problem = generator.subschema_for::<ProblemBody<'static>>();
    let mut paths: Map<String, Value> = Map::new();
    for operation in operations() {
        let verb = match operation.verb {
            Verb::Get => "get",
            Verb::Post => "post",
            Verb::Delete => "delete",
        };
        let path = operation.path.replace("{*", "{");
        let told = told(operation, &mut generator);
        let place = paths.entry(path).or_insert_with(|| json!({}));
        place[verb] = told;
    }
    let schemas = Value::Object(generator.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "rok",
            "description": "Runs of plans under an audit contract: submitted, looked at, decided.",
            "version": env!("CARGO_PKG_VERSION"),
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token made by `rok token create`.",
                },
            },
            "responses": {
                "problem": {
                    "description": "Refused: what is wrong, and how to mend it (RFC 9457).",
                    "content": { PROBLEM_JSON: { "schema": problem } },
                },
            },
        },
    })
}

fn told(operation: &Operation, generator: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    for reply in operation.replies {
        responses.insert(reply.status.to_string(), answer(reply, generator));
    }
    responses.insert(
        "default".to_owned(),
        json!({ "$ref": "#/components/responses/problem" }),
    );
    let params: Vec<Value> = operation.params.iter().map(parameter).collect();
    if let Some(created) = responses.get_mut("201") {
        created["links"] = links(operation);
    }
    let mut told = json!({
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.doc,
        "parameters": params,
        "responses": responses,
    });
    match operation.body {
        Some(Body::Json { schema, required }) => {
            told["requestBody"] = json!({
                "required": required,
                "content": { "application/json": { "schema": schema(generator) } },
            });
        }
        Some(Body::File) => {
            told["requestBody"] = json!({
                "required": true,
                "content": { OCTETS: {} },
            });
        }
        None => {}
    }
    if operation.access == Access::Open {
        told["security"] = json!([]);
    }
    told
}

/// What can be asked of what was just created: a run, or a batch of them.
fn links(made_by: &Operation) -> Value {
    let (name, id) = match made_by.id {
        "submit_batch" => ("batch", "$response.body#/batch_id"),
        _ => ("run", "$response.body#/run_id"),
    };
    let of_it = operations().filter(|operation| {
        let mut params = operation.params.iter();
        params.any(|param| param.name == name && param.place == Place::Path)
    });
    let link = |operation: &Operation| {
        let link = json!({ "operationId": operation.id, "parameters": { name: id } });
        (operation.id.to_owned(), link)
    };
    Value::Object(of_it.map(link).collect())
}

fn answer(reply: &Reply, generator: &mut SchemaGenerator) -> Value {
    let text = || json!({ "type": "string" });
    let content = match reply.content {
        Content::Json(schema) => json!({ "application/json": { "schema": schema(generator) } }),
        Content::JsonOrStream(schema) => json!({
            "application/json": { "schema": schema(generator) },
            "text/event-stream": { "schema": text() },
        }),
        Content::Of(OCTETS) => json!({ OCTETS: {} }),
        Content::Of(kind) => json!({ kind: { "schema": text() } }),
        Content::Nothing => return json!({ "description": reply.doc }),
    };
    let mut content = content;
    // What every operation is asked first is refused as a problem everywhere.
    if reply.status >= 400 {
        let problem = generator.subschema_for::<ProblemBody<'static>>();
        content[PROBLEM_JSON] = json!({ "schema": problem });
    }
    json!({ "description": reply.doc, "content": content })
}

fn parameter(param: &Param) -> Value {
    let schema = schema(param.kind);
    let (place, schema) = match param.place {
        Place::Path => ("path", schema),
        Place::Query => ("query", schema),
        Place::Repeated => ("query", json!({ "type": "array", "items": schema })),
        Place::Header => ("header", schema),
    };
    json!({
        "name": param.name,
        "in": place,
        "required": param.place == Place::Path,
        "description": param.doc,
        "schema": schema,
    })
}

fn schema(kind: Kind) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match kind {
        Kind::RunId => text("^[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}$"),
        Kind::BatchId => text("^[A-Za-z0-9][A-Za-z0-9._-]{0,58}$"),
        Kind::PlanId => text("^[a-z0-9][a-z0-9-]{0,63}$"),
        Kind::StepId => text("^[A-Za-z_][A-Za-z0-9_-]{0,127}(\\[(0|[1-9][0-9]{0,8})\\])?$"),
        Kind::ErrorCode => text("^ROK[0-9]{4}$"),
        Kind::Word(words) => json!({ "type": "string", "enum": words }),
        Kind::Text(bytes) => json!({ "type": "string", "minLength": 1, "maxLength": bytes }),
        Kind::Path => json!({ "type": "string", "minLength": 1, "maxLength": 4096 }),
        Kind::Label => text("^[^=]+=.*$"),
        Kind::Count(from, to) => json!({ "type": "integer", "minimum": from, "maximum": to }),
        Kind::Bool => json!({ "type": "boolean" }),
        Kind::Instant => json!({ "type": "string", "format": "date-time" }),
        Kind::Wait(_) => text("^[0-9]+(ms|s|m)$"),
        Kind::Key => text("^[!-~]{1,255}$"),
    }
}

/// Every operation, for people: no script, nothing from elsewhere.
pub(crate) fn page() -> String {
    let mut html = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>rok: operations</title>\n\
         <style>body{font:1rem/1.5 system-ui;max-width:60rem;margin:2rem auto;padding:0 1rem;\
         color-scheme:light dark}code{font-size:.95em}</style>\n<h1>rok</h1>\n\
         <p>The same for programs: <a href=\"/openapi.json\">/openapi.json</a>. \
         Errors are problem+json (RFC 9457).</p>\n",
    );
    let mut tag = "";
    for operation in operations() {
        if operation.tag != tag {
            tag = operation.tag;
            let _ = writeln!(html, "<h2>{tag}</h2>");
        }
        let verb = match operation.verb {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Delete => "DELETE",
        };
        let _ = writeln!(
            html,
            "<h3><code>{verb} {}</code></h3>\n<p>{}</p>",
            operation.path, operation.doc
        );
        if operation.params.is_empty() {
            continue;
        }
        html.push_str("<ul>\n");
        for param in operation.params {
            let _ = writeln!(html, "<li><code>{}</code>: {}</li>", param.name, param.doc);
        }
        html.push_str("</ul>\n");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn references<'a>(value: &'a Value, found: &mut BTreeSet<&'a str>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = openapi();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 10, "{found:?}");
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("a local reference");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn the_page_for_people_names_every_operation() {
        let page = page();
        for operation in operations() {
            assert!(page.contains(operation.path), "{}", operation.path);
        }
    }
}
