//! Execution plans: documents that name components and what depends on what.

use alloc::string::String;
use alloc::vec::Vec;
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
    #[serde(default)]
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
    Named {
        /// The component's id.
        id: String,
    },
}

/// An edge, from what comes first to what needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PlanEdge {
    /// `[from, to]`.
    Pair(String, String),
    /// `{from, to}`.
    Named {
        /// What comes first.
        from: String,
        /// What needs it.
        to: String,
    },
}

/// Where nodes run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// Here.
    #[default]
    Local,
    /// On agents.
    Distributed,
    /// On agents where there are any that fit, else here.
    Hybrid,
}

impl ExecutionNode {
    /// The component's id.
    #[must_use]
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Named { id } => id,
        }
    }
}

impl PlanEdge {
    /// What comes first, and what needs it.
    #[must_use]
    pub fn ends(&self) -> (&str, &str) {
        match self {
            Self::Pair(from, to) | Self::Named { from, to } => (from, to),
        }
    }
}

impl PlanMode {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Distributed => "distributed",
            Self::Hybrid => "hybrid",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_edges_in_both_forms() {
        let text =
            r#"{"plan_id":"p","nodes":["a",{"id":"b"}],"edges":[["a","b"],{"from":"a","to":"b"}]}"#;
        let plan: ExecutionPlan = serde_json::from_str(text).unwrap();
        assert_eq!(plan.default_mode, PlanMode::Local);
        assert_eq!(plan.nodes[1].id(), "b");
        assert_eq!(plan.edges[0].ends(), plan.edges[1].ends());
    }

    #[test]
    fn what_is_unknown_is_refused() {
        let text = r#"{"plan_id":"p","nodes":[],"edgs":[]}"#;
        assert!(serde_json::from_str::<ExecutionPlan>(text).is_err());
        let text = r#"{"plan_id":"p","nodes":[],"default_mode":"everywhere"}"#;
        assert!(serde_json::from_str::<ExecutionPlan>(text).is_err());
    }
}
