//! The published schema knows every key that the parser does.

use super::*;

#[test]
fn every_key_has_a_schema_that_refers_to_nothing_unknown() {
    let schema = json_schema();
    let properties = schema["properties"].as_object().unwrap();
    assert_eq!(properties.len(), KEYS.len());
    for (key, schema) in properties {
        assert!(
            schema.is_object() && schema.as_object().unwrap().len() > 1,
            "{key}: {schema}"
        );
    }
    for key in ENTRYPOINT {
        let schema = &properties["entrypoint"]["properties"][key];
        assert!(schema["description"].is_string(), "{key}");
    }
    let text = schema.to_string();
    let definitions = schema["$defs"].as_object().unwrap();
    for reference in text.split("#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(definitions.contains_key(name), "{name}");
    }
    assert!(!definitions.contains_key("step") && !definitions.contains_key("plan"));
}

#[test]
fn an_entrypoint_is_one_of_the_executors() {
    let schema = json_schema();
    let executors = schema["properties"]["entrypoint"]["oneOf"]
        .as_array()
        .unwrap();
    let required = |executor: &Value| executor["required"][0].as_str().unwrap().to_string();
    let executors: alloc::vec::Vec<_> = executors.iter().map(required).collect();
    assert!(executors.contains(&"run".to_string()) && !executors.contains(&"plan".to_string()));
}
