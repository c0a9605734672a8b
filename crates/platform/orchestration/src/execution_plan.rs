//! Execution plans: documents that name components and what depends on what.

mod decode;

use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::PlanMode;
use serde::Serialize;

pub use decode::DocumentFault;

/// A plan as a document of components and edges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ExecutionPlan {
    /// The plan's id.
    pub plan_id: String,
    /// The components, each once, in order.
    pub nodes: Vec<ExecutionNode>,
    /// What must have succeeded before what.
    pub edges: Vec<PlanEdge>,
    /// Where nodes run.
    pub default_mode: PlanMode,
    /// Shown to people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// A node: a component's id alone, or with where it runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum ExecutionNode {
    /// The component's id.
    Id(String),
    /// The id in a mapping.
    Named(NamedNode),
}

/// A node as a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PlanEdge {
    /// `[from, to]`.
    Pair(String, String),
    /// `{from, to}`.
    Named(NamedEdge),
}

/// An edge as a mapping.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedEdge {
    /// What comes first.
    pub from: String,
    /// What needs it.
    pub to: String,
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
