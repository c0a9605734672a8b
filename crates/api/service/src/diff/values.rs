//! Where two JSON values differ.

use serde::Serialize;
use serde_json::Value;

/// A place where two values differ. A side without a value there is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValueDiff {
    /// The place: a JSON Pointer (RFC 6901) without its first slash.
    pub path: String,
    /// The first side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left: Option<Value>,
    /// The second side.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub right: Option<Value>,
}

/// Every place where two values differ. A null and nothing are the same.
pub(super) fn compare(left: &Value, right: &Value) -> Vec<ValueDiff> {
    let mut found = Vec::new();
    walk("", Some(left), Some(right), &mut found);
    found
}

fn walk(path: &str, left: Option<&Value>, right: Option<&Value>, found: &mut Vec<ValueDiff>) {
    let (left, right) = (something(left), something(right));
    match (left, right) {
        (left, right) if left == right => {}
        (Some(Value::Object(l)), Some(Value::Object(r))) => {
            for (key, value) in l {
                walk(&below(path, key), Some(value), r.get(key), found);
            }
            for (key, value) in r.iter().filter(|(key, _)| !l.contains_key(*key)) {
                walk(&below(path, key), None, Some(value), found);
            }
        }
        (Some(Value::Array(l)), Some(Value::Array(r))) => {
            for at in 0..l.len().max(r.len()) {
                walk(&below(path, &at.to_string()), l.get(at), r.get(at), found);
            }
        }
        (left, right) => found.push(ValueDiff {
            path: path.to_owned(),
            left: left.cloned(),
            right: right.cloned(),
        }),
    }
}

fn something(value: Option<&Value>) -> Option<&Value> {
    value.filter(|value| !value.is_null())
}

fn below(path: &str, key: &str) -> String {
    let key = key.replace('~', "~0").replace('/', "~1");
    if path.is_empty() {
        key
    } else {
        format!("{path}/{key}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case::same(json!({ "a": [1, null] }), json!({ "a": [1], "b": null }), &[])]
    #[case::deep(json!({ "a": { "b": 1 } }), json!({ "a": { "b": 2 } }), &["a/b"])]
    #[case::gone(json!({ "a": 1, "c": 2 }), json!({ "c": 2 }), &["a"])]
    #[case::come(json!({}), json!({ "x/y": 1 }), &["x~1y"])]
    #[case::longer(json!([1]), json!([1, 2, 3]), &["1", "2"])]
    #[case::another_type(json!({ "a": 1 }), json!({ "a": "1" }), &["a"])]
    #[case::whole(json!(1), json!([1]), &[""])]
    fn places(#[case] left: Value, #[case] right: Value, #[case] expected: &[&str]) {
        let found = compare(&left, &right);
        let paths: Vec<&str> = found.iter().map(|diff| diff.path.as_str()).collect();
        assert_eq!(paths, expected);
        let back = compare(&right, &left);
        assert_eq!(back.len(), found.len());
        for (there, back) in found.iter().zip(back) {
            assert_eq!((&there.left, &there.right), (&back.right, &back.left));
        }
    }
}
