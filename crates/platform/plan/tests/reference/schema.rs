//! The JSON Schema accepts what the parser accepts.

use rok_plan::{KEYS, Support, builtin, json_schema, parse, template};
use rstest::rstest;
use serde_json::{Value, json};

/// Checks a value against as much of JSON Schema as the plan's schema uses.
/// Patterns are left to the parser's tests.
fn fits(schema: &Value, value: &Value, root: &Value) -> Result<(), String> {
    for (word, rule) in schema.as_object().ok_or("a schema is an object")? {
        let fine = match word.as_str() {
            "$ref" => {
                let pointer = rule
                    .as_str()
                    .and_then(|r| r.strip_prefix('#'))
                    .ok_or("a local reference")?;
                fits(root.pointer(pointer).ok_or("a definition")?, value, root)?;
                true
            }
            "type" => match rule {
                Value::String(name) => is(name, value),
                names => names
                    .as_array()
                    .ok_or("types")?
                    .iter()
                    .any(|n| is(n.as_str().unwrap_or(""), value)),
            },
            "enum" => rule.as_array().ok_or("an enum")?.contains(value),
            "not" => fits(rule, value, root).is_err(),
            "anyOf" => rule
                .as_array()
                .ok_or("a list")?
                .iter()
                .any(|s| fits(s, value, root).is_ok()),
            "oneOf" => {
                rule.as_array()
                    .ok_or("a list")?
                    .iter()
                    .filter(|s| fits(s, value, root).is_ok())
                    .count()
                    == 1
            }
            "required" => {
                let names = rule.as_array().ok_or("names")?;
                names
                    .iter()
                    .all(|name| value.get(name.as_str().unwrap_or("")).is_some())
            }
            "properties" => {
                for (name, schema) in rule.as_object().ok_or("properties")? {
                    if let Some(value) = value.get(name) {
                        fits(schema, value, root).map_err(|e| format!("{name}: {e}"))?;
                    }
                }
                true
            }
            "additionalProperties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if schema["properties"].get(name).is_none() {
                        if *rule == json!(false) {
                            return Err(format!("{name} is not allowed"));
                        }
                        fits(rule, value, root).map_err(|e| format!("{name}: {e}"))?;
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    fits(rule, item, root)?;
                }
                true
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|n| n >= rule.as_f64().unwrap_or(n)),
            "maximum" => value
                .as_f64()
                .is_none_or(|n| n <= rule.as_f64().unwrap_or(n)),
            "minItems" => value
                .as_array()
                .is_none_or(|list| list.len() as u64 >= rule.as_u64().unwrap_or(0)),
            "minProperties" => value
                .as_object()
                .is_none_or(|map| map.len() as u64 >= rule.as_u64().unwrap_or(0)),
            "$schema" | "$defs" | "title" | "description" | "pattern" | "propertyNames" => true,
            other => return Err(format!("the schema uses `{other}`")),
        };
        if !fine {
            return Err(format!("`{word}` does not hold"));
        }
    }
    Ok(())
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "string" => value.is_string(),
        "number" => value.is_number(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

#[rstest]
#[case::everything(include_str!("../plans/everything.yaml").to_owned())]
#[case::deliverable(builtin("deliverable").unwrap_or_default().to_owned())]
#[case::new(template("fresh", rok_plan::Syntax::Yaml).unwrap())]
fn what_the_parser_accepts_the_schema_accepts(#[case] text: String) {
    let plan = parse(text.as_bytes(), "plan.yaml").unwrap_or_else(|e| panic!("{}", e.render()));
    let json: Value = serde_json::from_slice(&plan.to_canonical_json()).unwrap();
    let schema = json_schema();
    assert_eq!(fits(&schema, &json, &schema), Ok(()));
}

#[rstest]
#[case(json!({ "plan": "p" }))]
#[case(json!({ "plan": "p", "steps": {} }))]
#[case(json!({ "plan": "p", "steps": { "a": {} } }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": "x", "call": "f" } } }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": [] } } }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": "x", "mode": "everywhere" } } }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": "x" } }, "on_failure": "undo" }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": "x", "retry": { "classes": ["unknown"] } } } }))]
#[case(json!({ "plan": "p", "steps": { "a": { "run": "x" } }, "zebra": 1 }))]
fn what_the_parser_refuses_the_schema_refuses(#[case] value: Value) {
    let schema = json_schema();
    assert!(parse(value.to_string().as_bytes(), "plan.json").is_err());
    assert!(fits(&schema, &value, &schema).is_err());
}

#[test]
fn every_key_is_in_the_schema_and_says_whether_it_comes_later() {
    let schema = json_schema();
    let definitions = schema["$defs"].as_object().expect("definitions");
    let total: usize = definitions
        .values()
        .filter_map(|d| Some(d["properties"].as_object()?.len()))
        .sum();
    assert_eq!(total, KEYS.len());
    for spec in KEYS {
        let found = definitions
            .values()
            .filter_map(|d| d["properties"].get(spec.key))
            .any(|property| {
                let description = property["description"].as_str().unwrap_or("");
                description.contains(spec.doc)
                    && (spec.support == Support::Later)
                        == description.starts_with("Not supported yet")
            });
        assert!(found, "{} of {}", spec.key, spec.place.title());
    }
}
