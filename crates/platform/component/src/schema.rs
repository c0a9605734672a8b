//! The manifest as JSON Schema, for editors: what it shares with plans comes
//! from the schema of plans.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use rok_vocabulary::{Channel, ComponentStatus, ComponentType};
use serde_json::{Map, Value, json};

use crate::keys::{ENTRYPOINT, KEYS};

const NAME: &str = "^[a-z][a-z0-9_-]{0,63}$";
const TAG: &str = "^[a-z0-9][a-z0-9._-]{0,63}$";
const CAPABILITY: &str = "^[a-z0-9][a-z0-9._:-]{0,63}$";
const SEMVER: &str = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?$";

/// The keys of a manifest that must be there.
const REQUIRED: &[&str] = &["name", "version", "type", "status", "entrypoint"];

/// Where the definitions stand, as references write it.
const DEFINITIONS: &str = "#/$defs/";

/// The schema of manifests, JSON Schema draft 2020-12.
#[must_use]
pub fn json_schema() -> Value {
    let mut of_plan = rok_plan::json_schema();
    let definitions = of_plan["$defs"].take();
    let step = &definitions["step"]["properties"];
    let mut properties = Map::new();
    for spec in KEYS {
        let mut schema = property(spec.key, step, &definitions);
        schema["description"] = Value::from(spec.doc);
        properties.insert(spec.key.to_string(), schema);
    }
    let mut used = BTreeSet::new();
    for schema in properties.values() {
        collect(schema, &definitions, &mut used);
    }
    let mut defs = Map::new();
    for name in used {
        defs.insert(name.clone(), definitions[&name].clone());
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rok component",
        "type": "object",
        "additionalProperties": false,
        "required": REQUIRED,
        "properties": properties,
        "$defs": defs,
    })
}

fn property(key: &str, step: &Value, definitions: &Value) -> Value {
    let text = json!({ "type": ["string", "number", "boolean"] });
    let list = |pattern: &str| json!({ "type": "array", "uniqueItems": true, "items": { "type": "string", "pattern": pattern } });
    match key {
        "name" | "deprecated_by" => json!({ "type": "string", "pattern": NAME }),
        "version" => json!({ "type": "string", "pattern": SEMVER }),
        "type" => json!({ "enum": ComponentType::WORDS }),
        "status" => json!({ "enum": ComponentStatus::WORDS }),
        "channel" => json!({ "enum": Channel::WORDS }),
        "tags" => list(TAG),
        "capabilities" => list(CAPABILITY),
        "files" => json!({ "type": "array", "minItems": 1, "items": { "type": "string" } }),
        "requires" => json!({
            "type": "object",
            "propertyNames": { "pattern": NAME },
            "additionalProperties": { "type": ["string", "number"] },
        }),
        "entrypoint" => entrypoint(step, definitions),
        "inputs" | "secrets" => definitions["plan"]["properties"][key].clone(),
        "outputs" | "timeout" | "idempotent" | "retry" => step[key].clone(),
        // `description` and `owner`: as written.
        _ => text,
    }
}

fn entrypoint(step: &Value, definitions: &Value) -> Value {
    let keys = ENTRYPOINT.iter();
    let properties: Map<String, Value> = keys
        .map(|key| ((*key).to_string(), step[*key].clone()))
        .collect();
    let executors = definitions["step"]["oneOf"].as_array();
    let executors = executors.into_iter().flatten().filter(|executor| {
        let key = executor["required"][0].as_str();
        key.is_some_and(|key| ENTRYPOINT.contains(&key))
    });
    let executors: Value = executors.cloned().collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "oneOf": executors,
    })
}

/// The definitions that a schema refers to, and those that they do.
fn collect(schema: &Value, definitions: &Value, used: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(|name| name.strip_prefix(DEFINITIONS))
                && used.insert(name.to_string())
            {
                collect(&definitions[name], definitions, used);
            }
            for value in object.values() {
                collect(value, definitions, used);
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, definitions, used);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests;
