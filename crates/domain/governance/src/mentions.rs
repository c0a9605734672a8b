//! Which parts of the context the policies look at, so that no other part is
//! built for a request. Invariant: what is not mentioned cannot change a
//! decision; where that cannot be told, everything counts as mentioned.

use cedar_policy::Policy;
use serde_json::Value;
use std::collections::BTreeSet;

/// What is looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mentions {
    attributes: BTreeSet<String>,
    /// The context is used as a whole, or a policy could not be read.
    whole: bool,
    /// A run is named, by its id.
    runs: bool,
}

/// The entity types whose ids are those of runs.
const OF_RUNS: [&str; 2] = ["Run", "Labels"];

impl Mentions {
    /// Adds what a policy looks at.
    pub(crate) fn add(&mut self, policy: &Policy) {
        let named = policy.entity_literals().into_iter();
        let mut types = named.map(|uid| uid.type_name().to_string());
        self.runs |= types.any(|name| OF_RUNS.contains(&name.as_str()));
        match policy.to_json() {
            Ok(json) => self.walk(&json),
            Err(_) => self.whole = true,
        }
    }

    /// Whether an attribute of the context is looked at.
    pub(crate) fn has(&self, attribute: &str) -> bool {
        self.whole || self.attributes.contains(attribute)
    }

    /// Whether anything is looked at that differs from one run of a plan to the
    /// next.
    pub(crate) fn tell_runs_apart(&self) -> bool {
        self.whole || self.runs || !self.attributes.is_empty()
    }

    fn walk(&mut self, json: &Value) {
        match json {
            Value::Object(map) => {
                if map.get("Var").and_then(Value::as_str) == Some("context") {
                    self.whole = true;
                    return;
                }
                for (key, value) in map {
                    match attribute_of_context(key, value) {
                        Some(name) => {
                            self.attributes.insert(name.to_owned());
                        }
                        None => self.walk(value),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            _ => {}
        }
    }
}

/// The name in `context.name` and `context has name`.
fn attribute_of_context<'a>(operator: &str, operands: &'a Value) -> Option<&'a str> {
    if operator != "." && operator != "has" {
        return None;
    }
    let variable = operands.get("left")?.get("Var")?.as_str()?;
    let attribute = operands.get("attr")?;
    // `context has a.b` names a path.
    let first = attribute.get(0).unwrap_or(attribute).as_str()?;
    (variable == "context").then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("true", &[], false)]
    #[case("context.inputs.a == 1", &["inputs"], false)]
    #[case("context[\"inputs\"][\"a\"] == 1", &["inputs"], false)]
    #[case("context[\"in\\u{70}uts\"].a == 1", &["inputs"], false)]
    #[case("context has step && context.labels.hasTag(\"x\")", &["labels", "step"], false)]
    #[case("context has counts.failed", &["counts"], false)]
    #[case("context == {}", &[], true)]
    #[case("[context].contains({a: 1})", &[], true)]
    #[case("(if true then context else {a: 1}).a == 1", &[], true)]
    #[case("principal has step", &[], false)]
    fn mentions(#[case] when: &str, #[case] attributes: &[&str], #[case] whole: bool) {
        let policy = format!("permit (principal, action, resource) when {{ {when} }};");
        let mut mentions = Mentions::default();
        mentions.add(&policy.parse().unwrap());
        let found: Vec<&str> = mentions.attributes.iter().map(String::as_str).collect();
        assert_eq!(
            (found, mentions.whole),
            (attributes.to_vec(), whole),
            "{when}"
        );
        let further = whole || !attributes.is_empty();
        assert_eq!(mentions.tell_runs_apart(), further, "{when}");
    }

    #[rstest]
    #[case("permit (principal, action, resource);", false)]
    #[case(
        "permit (principal in Role::\"a\", action, resource == Plan::\"p\");",
        false
    )]
    #[case(
        "permit (principal, action, resource) when { resource is Run in Plan::\"p\" };",
        false
    )]
    #[case("permit (principal, action, resource == Run::\"r1\");", true)]
    #[case("permit (principal, action, resource in Run::\"r1\");", true)]
    #[case(
        "forbid (principal, action, resource) unless { resource != Run::\"r1\" };",
        true
    )]
    #[case(
        "permit (principal, action, resource) when { [Run::\"r1\"].contains(resource) };",
        true
    )]
    #[case(
        "permit (principal, action, resource) when { Labels::\"r1\".hasTag(\"a\") };",
        true
    )]
    fn runs_that_are_named(#[case] policy: &str, #[case] named: bool) {
        let mut mentions = Mentions::default();
        mentions.add(&policy.parse().unwrap());
        assert_eq!(mentions.tell_runs_apart(), named, "{policy}");
    }
}
