//! The format as JSON Schema, for editors: written from the key table alone.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde_json::{Map, Value, json};

use crate::keys::{KeySpec, Names, Place, RETRYABLE, Support, Ty};

const ENV_NAME: &str = "^(?!ROK_)[A-Za-z_][A-Za-z0-9_]{0,127}$";
const INPUT_NAME: &str = "^[A-Za-z_][A-Za-z0-9_]{0,127}$";
const STEP_ID: &str = "^[A-Za-z_][A-Za-z0-9_-]{0,127}$";
const PLAN_ID: &str = "^[a-z0-9][a-z0-9-]{0,63}$";
const DURATION: &str = "^([0-9]+(ms|s|m|h|d))+$";

/// The schema of plan files, JSON Schema draft 2020-12. What comes later is in
/// it, with a description that says so, and allows no value.
#[must_use]
pub fn json_schema() -> Value {
    let mut definitions = Map::new();
    for place in Place::ALL {
        definitions.insert(name(*place).to_string(), object(*place));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rok plan",
        "$ref": reference(Place::Plan),
        "$defs": definitions,
    })
}

/// The last word of a place: its definition's name.
fn name(place: Place) -> &'static str {
    let title = place.title();
    title.rsplit(' ').next().unwrap_or(title).trim_matches('`')
}

fn reference(place: Place) -> String {
    format!("#/$defs/{}", name(place))
}

fn object(place: Place) -> Value {
    let mut properties = Map::new();
    for spec in KeySpec::of(place) {
        properties.insert(spec.key.to_string(), property(spec));
    }
    let required: Vec<&str> = KeySpec::of(place)
        .filter(|spec| spec.required)
        .map(|spec| spec.key)
        .collect();
    let mut schema = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    if place == Place::Step {
        schema["oneOf"] = json!([{ "required": ["run"] }, { "required": ["call"] }, { "required": ["http"] }, { "required": ["service"] }, { "required": ["agent"] }, { "required": ["plan"] }]);
    }
    schema
}

fn property(spec: &KeySpec) -> Value {
    if spec.support == Support::Later {
        return json!({ "description": format!("Not supported yet. {}", spec.doc), "not": {} });
    }
    let mut schema = value(spec.ty);
    let default = spec
        .default
        .map(|default| format!(" Default: {default}."))
        .unwrap_or_default();
    schema["description"] = Value::from(format!("{}{default}", spec.doc));
    schema
}

fn value(ty: Ty) -> Value {
    let text = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match ty {
        // A text field takes the scalar as written, so `1.10` is no mistake.
        Ty::Text | Ty::Template => json!({ "type": ["string", "number", "boolean"] }),
        Ty::Condition => json!({ "type": ["string", "boolean"] }),
        Ty::Items => json!({ "type": "string" }),
        Ty::PlanId => text(PLAN_ID),
        Ty::StepId => text(STEP_ID),
        Ty::SecretName => text(ENV_NAME),
        Ty::Duration { .. } => text(DURATION),
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Whole { min, max: i64::MAX } => json!({ "type": "integer", "minimum": min }),
        Ty::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Ty::Number => json!({ "type": "number" }),
        Ty::Words(words, _) => json!({ "enum": words }),
        Ty::RetryClass => json!({ "enum": RETRYABLE }),
        Ty::Command => json!({ "anyOf": [
            { "type": ["string", "number", "boolean"] },
            { "type": "array", "minItems": 1, "items": value(Ty::Template) },
        ] }),
        Ty::Json => json!({ "not": { "type": "null" } }),
        Ty::List(item) => json!({ "type": "array", "items": value(*item) }),
        Ty::Map(names, item) => mapping(names, *item),
        Ty::Object(place) => json!({ "$ref": reference(place) }),
    }
}

fn mapping(names: Names, item: Ty) -> Value {
    let mut schema = json!({ "type": "object", "additionalProperties": value(item) });
    let pattern = match names {
        Names::Any => return schema,
        Names::Env => ENV_NAME,
        Names::Input => INPUT_NAME,
        Names::Step => STEP_ID,
    };
    schema["propertyNames"] = json!({ "pattern": pattern });
    if names == Names::Step {
        schema["minProperties"] = Value::from(1);
    }
    schema
}
