//! The reader of execution plans: each fault is told with its place, all at
//! once, and nothing else than what the form says is taken.

use super::{ExecutionNode, ExecutionPlan, NamedEdge, NamedNode, PlanEdge};
use alloc::borrow::ToOwned as _;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::PlanMode;
use serde_json::{Map, Value};

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", at(.place))]
pub struct DocumentFault {
    /// The place, such as `nodes[1].mode`; empty for the document itself.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

fn at(place: &str) -> String {
    if place.is_empty() {
        return String::new();
    }
    format!("`{place}` ")
}

impl ExecutionPlan {
    /// Reads a document.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn of_json(document: &Value) -> Result<Self, Vec<DocumentFault>> {
        let mut reader = Reader { faults: Vec::new() };
        let plan = reader.plan(document);
        match plan {
            Some(plan) if reader.faults.is_empty() => Ok(plan),
            _ => Err(reader.faults),
        }
    }
}

struct Reader {
    faults: Vec<DocumentFault>,
}

impl Reader {
    fn plan(&mut self, document: &Value) -> Option<ExecutionPlan> {
        let keys = ["plan_id", "nodes", "edges", "default_mode", "description"];
        let all = self.object("", document, &keys)?;
        let plan_id = self.needed("", all, "plan_id");
        let plan_id = plan_id.and_then(|id| self.text("plan_id", id));
        let nodes = self.needed("", all, "nodes");
        let nodes = nodes.map(|nodes| self.list("nodes", nodes, Self::node));
        let edges = all.get("edges");
        let edges = edges.map_or_else(Vec::new, |edges| self.list("edges", edges, Self::edge));
        let mode = all.get("default_mode");
        let mode = mode.map_or(Some(PlanMode::Local), |m| self.mode("default_mode", m));
        let description = all.get("description").filter(|text| !text.is_null());
        let description = description.map(|text| self.text("description", text));
        Some(ExecutionPlan {
            plan_id: plan_id?,
            nodes: nodes?,
            edges,
            default_mode: mode?,
            description: description.flatten(),
        })
    }

    fn node(&mut self, place: &str, node: &Value) -> Option<ExecutionNode> {
        if let Value::String(id) = node {
            return Some(ExecutionNode::Id(id.clone()));
        }
        if !node.is_object() {
            let what = "must be a component's id, or {id, mode}";
            return self.tell(place, format!("{what}, and is {}", kind(node)));
        }
        let keys = self.object(place, node, &["id", "mode"])?;
        let id = self.needed(place, keys, "id");
        let id = id.and_then(|id| self.text(&format!("{place}.id"), id));
        let mode = keys.get("mode").filter(|mode| !mode.is_null());
        let mode = mode.map(|mode| self.mode(&format!("{place}.mode"), mode));
        Some(ExecutionNode::Named(NamedNode {
            id: id?,
            mode: mode.flatten(),
        }))
    }

    fn edge(&mut self, place: &str, edge: &Value) -> Option<PlanEdge> {
        match edge {
            Value::Array(ends) if ends.len() == 2 => {
                let from = self.text(&format!("{place}[0]"), &ends[0]);
                let to = self.text(&format!("{place}[1]"), &ends[1]);
                Some(PlanEdge::Pair(from?, to?))
            }
            Value::Array(ends) => {
                let what = format!("must have two ends, and has {}", ends.len());
                self.tell(place, what)
            }
            Value::Object(_) => {
                let keys = self.object(place, edge, &["from", "to"])?;
                let from = self.needed(place, keys, "from");
                let from = from.and_then(|from| self.text(&format!("{place}.from"), from));
                let to = self.needed(place, keys, "to");
                let to = to.and_then(|to| self.text(&format!("{place}.to"), to));
                Some(PlanEdge::Named(NamedEdge {
                    from: from?,
                    to: to?,
                }))
            }
            other => {
                let what = "must be [from, to] or {from, to}";
                self.tell(place, format!("{what}, and is {}", kind(other)))
            }
        }
    }

    fn tell<T>(&mut self, place: &str, what: String) -> Option<T> {
        let place = place.to_owned();
        self.faults.push(DocumentFault { place, what });
        None
    }

    /// An object with none but these keys.
    fn object<'v>(
        &mut self,
        place: &str,
        value: &'v Value,
        keys: &[&str],
    ) -> Option<&'v Map<String, Value>> {
        let Value::Object(object) = value else {
            return self.tell(place, format!("must be an object, and is {}", kind(value)));
        };
        for unknown in object.keys().filter(|key| !keys.contains(&key.as_str())) {
            let what = format!("has no key `{unknown}`: it has {}", keys.join(", "));
            self.tell::<()>(place, what);
        }
        Some(object)
    }

    fn needed<'v>(
        &mut self,
        place: &str,
        object: &'v Map<String, Value>,
        key: &str,
    ) -> Option<&'v Value> {
        object
            .get(key)
            .or_else(|| self.tell(place, format!("needs `{key}`")))
    }

    fn text(&mut self, place: &str, value: &Value) -> Option<String> {
        match value {
            Value::String(text) => Some(text.clone()),
            other => self.tell(place, format!("must be a text, and is {}", kind(other))),
        }
    }

    fn mode(&mut self, place: &str, value: &Value) -> Option<PlanMode> {
        let word = self.text(place, value)?;
        word.parse().ok().or_else(|| {
            let words = PlanMode::WORDS.join(", ");
            self.tell(place, format!("is `{word}`, and may be {words}"))
        })
    }

    fn list<T>(
        &mut self,
        place: &str,
        value: &Value,
        one: fn(&mut Self, &str, &Value) -> Option<T>,
    ) -> Vec<T> {
        let Value::Array(items) = value else {
            self.tell::<()>(place, format!("must be a list, and is {}", kind(value)));
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(at, item)| one(self, &format!("{place}[{at}]"), item))
            .collect()
    }
}

/// What a value is, in words.
const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use serde_json::json;

    fn faults(document: &Value) -> Vec<String> {
        let faults = ExecutionPlan::of_json(document).unwrap_err();
        faults.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn nodes_and_edges_in_both_forms() {
        let plan = ExecutionPlan::of_json(&json!({
            "plan_id": "p",
            "nodes": ["a", { "id": "b" }, { "id": "c", "mode": "hybrid" }],
            "edges": [["a", "b"], { "from": "a", "to": "b" }],
        }));
        let plan = plan.unwrap();
        assert_eq!(plan.default_mode, PlanMode::Local);
        assert_eq!(plan.nodes[1].id(), "b");
        assert_eq!(plan.nodes[2].mode(), Some(PlanMode::Hybrid));
        assert_eq!(plan.edges[0].ends(), plan.edges[1].ends());
        // What is written is read.
        let again = serde_json::to_value(&plan).unwrap();
        assert_eq!(ExecutionPlan::of_json(&again).unwrap(), plan);
    }

    #[test]
    fn every_fault_is_told_with_its_place() {
        let told = faults(&json!({
            "plan_id": 7,
            "nodes": [["a", "local"], { "id": "b", "mod": "local" }, { "mode": "away" }, 3],
            "edges": [["a"], { "from": "a", "too": "b" }, "a to b", [["a"], "b"]],
            "edgs": [],
            "default_mode": ["local"],
        }));
        assert_eq!(
            told,
            [
                "has no key `edgs`: it has plan_id, nodes, edges, default_mode, description",
                "`plan_id` must be a text, and is a number",
                "`nodes[0]` must be a component's id, or {id, mode}, and is a list",
                "`nodes[1]` has no key `mod`: it has id, mode",
                "`nodes[2]` needs `id`",
                "`nodes[2].mode` is `away`, and may be local, distributed, hybrid",
                "`nodes[3]` must be a component's id, or {id, mode}, and is a number",
                "`edges[0]` must have two ends, and has 1",
                "`edges[1]` has no key `too`: it has from, to",
                "`edges[1]` needs `to`",
                "`edges[2]` must be [from, to] or {from, to}, and is a text",
                "`edges[3][0]` must be a text, and is a list",
                "`default_mode` must be a text, and is a list",
            ]
        );
    }

    #[test]
    fn a_list_is_no_document() {
        let told = faults(&json!(["p", ["a"], [], "local", "text"]));
        assert_eq!(told, ["must be an object, and is a list"]);
        assert_eq!(faults(&json!({})), ["needs `plan_id`", "needs `nodes`"]);
        let told = faults(&json!({ "plan_id": "p", "nodes": {} }));
        assert_eq!(told, ["`nodes` must be a list, and is an object"]);
    }
}
