//! Execution plans: documents that name components and what depends on what.

use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::PlanMode;
use serde::{Deserialize, Serialize};

/// A plan as a document of components and edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecutionPlan {
    /// The plan's id.
    pub plan_id: String,
    /// The components, each once, in order.
    pub nodes: Vec<ExecutionNode>,
    /// What must have succeeded before what.
    #[serde(default)]
    pub edges: Vec<PlanEdge>,
    /// Where nodes run.
    #[serde(default = "local")]
    pub default_mode: PlanMode,
    /// Shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A node: a component's id alone, or with where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ExecutionNode {
    /// The component's id.
    Id(String),
    /// The id in a mapping.
    Named(NamedNode),
}

/// A node as a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedNode {
    /// The component's id.
    pub id: String,
    /// Where it runs, if not where the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PlanMode>,
}

/// An edge, from what comes first to what needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PlanEdge {
    /// `[from, to]`.
    Pair(String, String),
    /// `{from, to}`.
    Named(NamedEdge),
}

/// An edge as a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedEdge {
    /// What comes first.
    pub from: String,
    /// What needs it.
    pub to: String,
}

const fn local() -> PlanMode {
    PlanMode::Local
}

impl ExecutionNode {
    /// The component's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Named(node) => &node.id,
        }
    }

    /// Where it runs, if not where the plan says.
    #[must_use]
    pub const fn mode(&self) -> Option<PlanMode> {
        match self {
            Self::Id(_) => None,
            Self::Named(node) => node.mode,
        }
    }
}

impl PlanEdge {
    /// What comes first, and what needs it.
    #[must_use]
    pub fn ends(&self) -> (&str, &str) {
        match self {
            Self::Pair(from, to) => (from, to),
            Self::Named(edge) => (&edge.from, &edge.to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn nodes_and_edges_in_both_forms() {
        let text =
            r#"{"plan_id":"p","nodes":["a",{"id":"b"}],"edges":[["a","b"],{"from":"a","to":"b"}]}"#;
        let plan: ExecutionPlan = serde_json::from_str(text).unwrap();
        assert_eq!(plan.default_mode, PlanMode::Local);
        assert_eq!(plan.nodes[1].id(), "b");
        assert_eq!(plan.edges[0].ends(), plan.edges[1].ends());
        let text = r#"{"plan_id":"p","nodes":[{"id":"b","mode":"hybrid"}]}"#;
        let plan: ExecutionPlan = serde_json::from_str(text).unwrap();
        assert_eq!(plan.nodes[0].mode(), Some(PlanMode::Hybrid));
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let text = r#"{"plan_id":"p","nodes":[],"edgs":[]}"#;
        assert!(serde_json::from_str::<ExecutionPlan>(text).is_err());
        let text = r#"{"plan_id":"p","nodes":[],"default_mode":"everywhere"}"#;
        assert!(serde_json::from_str::<ExecutionPlan>(text).is_err());
        for nodes in [
            r#"[{"id":"a","mod":"local"}]"#,
            r#"[{"id":"a","mode":"away"}]"#,
        ] {
            let text = format!(r#"{{"plan_id":"p","nodes":{nodes}}}"#);
            assert!(serde_json::from_str::<ExecutionPlan>(&text).is_err());
        }
    }
}
