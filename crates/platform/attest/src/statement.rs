//! in-toto Statement v1: what a claim is about, of which kind it is, and the claim.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Something that a claim is about: an in-toto `ResourceDescriptor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its name for people.
    pub name: String,
    /// What it is: algorithm and digest.
    pub digest: BTreeMap<String, String>,
    /// What else is known of it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub annotations: Map<String, Value>,
}

impl Subject {
    /// A file by its sha-256, hex.
    pub fn file(name: impl Into<String>, sha256: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            digest: [("sha256".to_owned(), sha256.into())].into(),
            annotations: Map::new(),
        }
    }

    /// Adds something that is known of it.
    #[must_use]
    pub fn annotated(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.annotations.insert(name.into(), value.into());
        self
    }
}

/// A claim about subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    predicate: Value,
}

/// Bytes that are no Statement v1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("holds no in-toto Statement v1: {what}")]
pub struct StatementError {
    /// What is wrong, and where.
    pub what: String,
}

impl Statement {
    /// A claim of a kind about subjects.
    pub fn new(
        subject: Vec<Subject>,
        predicate_type: impl Into<String>,
        predicate: impl Into<Value>,
    ) -> Self {
        Self {
            kind: STATEMENT.into(),
            subject,
            predicate_type: predicate_type.into(),
            predicate: predicate.into(),
        }
    }

    /// Reads a Statement v1.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StatementError> {
        let read: Self = serde_json::from_slice(bytes).map_err(|error| StatementError {
            what: error.to_string(),
        })?;
        if read.kind != STATEMENT {
            let kind: String = read.kind.chars().take(80).collect();
            return Err(StatementError {
                what: format!("its _type is `{kind}`"),
            });
        }
        Ok(read)
    }

    /// The statement as it is signed.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a statement holds texts and JSON only")
    }

    /// What it is about.
    #[must_use]
    pub fn subject(&self) -> &[Subject] {
        &self.subject
    }

    /// Of which kind it is.
    #[must_use]
    pub fn predicate_type(&self) -> &str {
        &self.predicate_type
    }

    /// The claim.
    #[must_use]
    pub fn predicate(&self) -> &Value {
        &self.predicate
    }

    /// Where this statement says something else than `other`, first first, as
    /// a JSON pointer; `None`: they say the same.
    #[must_use]
    pub fn differs_from(&self, other: &Self) -> Option<String> {
        // The usual case, without a copy of either.
        if self == other {
            return None;
        }
        let value = |statement: &Self| {
            serde_json::to_value(statement).expect("a statement holds texts and JSON only")
        };
        differing(&value(self), &value(other), &mut String::new())
    }
}

/// The first place where two values differ.
fn differing(one: &Value, two: &Value, at: &mut String) -> Option<String> {
    use std::fmt::Write as _;
    let length = at.len();
    match (one, two) {
        (Value::Object(one), Value::Object(two)) => {
            for key in one.keys().chain(two.keys()) {
                let _ = write!(at, "/{}", key.replace('~', "~0").replace('/', "~1"));
                let (Some(one), Some(two)) = (one.get(key), two.get(key)) else {
                    return Some(at.clone());
                };
                if let Some(found) = differing(one, two, at) {
                    return Some(found);
                }
                at.truncate(length);
            }
            None
        }
        (Value::Array(one), Value::Array(two)) => {
            for index in 0..one.len().max(two.len()) {
                let _ = write!(at, "/{index}");
                let (Some(one), Some(two)) = (one.get(index), two.get(index)) else {
                    return Some(at.clone());
                };
                if let Some(found) = differing(one, two, at) {
                    return Some(found);
                }
                at.truncate(length);
            }
            None
        }
        _ if one == two => None,
        _ => Some(at.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[test]
    fn it_has_the_standards_form() {
        let subject = Subject::file("a", "00").annotated("step", "build");
        let statement = Statement::new(vec![subject], "https://e.org/p/v1", json!({ "x": 1 }));
        let text = String::from_utf8(statement.to_json()).unwrap();
        assert_eq!(
            text,
            r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"00"},"annotations":{"step":"build"}}],"predicateType":"https://e.org/p/v1","predicate":{"x":1}}"#
        );
        assert_eq!(Statement::from_json(text.as_bytes()).unwrap(), statement);
        for (old, new) in [
            ("Statement/v1", "Statement/v0.1"),
            ("\"subject\"", "\"subjects\""),
        ] {
            assert!(Statement::from_json(text.replace(old, new).as_bytes()).is_err());
        }
    }

    #[rstest]
    #[case(json!({ "a": 1 }), json!({ "a": 1 }), None)]
    #[case(json!({ "a": 1, "b": 2 }), json!({ "b": 2, "a": 1 }), None)]
    #[case(json!({ "a": 1 }), json!({ "a": 2 }), Some("/predicate/a"))]
    #[case(json!({ "a": 1 }), json!({}), Some("/predicate/a"))]
    #[case(json!({}), json!({ "a/b": 1 }), Some("/predicate/a~1b"))]
    #[case(json!({ "a": [1, { "b": 2 }] }), json!({ "a": [1, { "b": 3 }] }), Some("/predicate/a/1/b"))]
    #[case(json!({ "a": [1] }), json!({ "a": [1, 2] }), Some("/predicate/a/1"))]
    #[case(json!({ "a": {} }), json!({ "a": [] }), Some("/predicate/a"))]
    fn the_first_difference_is_named(
        #[case] one: Value,
        #[case] two: Value,
        #[case] at: Option<&str>,
    ) {
        let statement = |predicate| Statement::new(vec![], "p", predicate);
        assert_eq!(statement(one).differs_from(&statement(two)).as_deref(), at);
    }
}
