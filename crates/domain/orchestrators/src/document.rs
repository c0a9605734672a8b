//! Execution plans: documents of component ids and edges, as plans and back.

use crate::compile::{self, Part};
use crate::engine::Shared;
use crate::host;
use crate::trouble::{config, of_registry};
use rok_component::{Component, NamePattern};
use rok_orchestration::{ExecutionContext, ExecutionPlan, OrchestratorError};
use rok_vocabulary::PlanMode;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The plan of a document, as a plan file's JSON: each node is a component of
/// the registry, each edge a `needs`.
pub(crate) fn plan_of(
    shared: &Shared,
    document: &ExecutionPlan,
) -> Result<Vec<u8>, OrchestratorError> {
    let mut components: Vec<Arc<Component>> = Vec::new();
    let mut required: Vec<Vec<String>> = Vec::new();
    for node in &document.nodes {
        let name: NamePattern = node
            .id()
            .parse()
            .map_err(|error: rok_component::NameError| {
                config("ROK0224", error.to_string(), "a node is a component's id")
            })?;
        let found = shared.registry.get(&name, false).map_err(of_registry)?;
        let mode = node.mode().unwrap_or(document.default_mode);
        if !host::is_for_agents(&found.component, mode)
            && let Some(why) = host::lacks(&found.component, &shared.capabilities)
        {
            return Err(wrong(&format!("node `{}` cannot run: {why}", node.id())));
        }
        components.push(found.component);
        required.push(found.requires.iter().map(ToString::to_string).collect());
    }
    let names: Vec<&str> = document.nodes.iter().map(|node| bare(node.id())).collect();
    let mut seen = BTreeSet::new();
    if let Some(twice) = names.iter().find(|name| !seen.insert(**name)) {
        return Err(wrong(&format!("node `{twice}` stands twice")));
    }
    // What a component requires runs before it, as in a stage.
    for (node, required) in names.iter().zip(&required) {
        if let Some(missing) = required.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(wrong(&format!(
                "node `{node}` requires `{missing}`, which is no node"
            )));
        }
    }
    let mut needs = required;
    for edge in &document.edges {
        let (from, to) = edge.ends();
        let place = |name: &str| names.iter().position(|known| *known == bare(name));
        let (Some(from), Some(to)) = (place(from), place(to)) else {
            return Err(wrong(&format!(
                "the edge from `{from}` to `{to}` has an end that is no node"
            )));
        };
        let from = names[from].to_owned();
        if !needs[to].contains(&from) {
            needs[to].push(from);
        }
    }
    let parts: Vec<Part<'_>> = components
        .iter()
        .zip(needs)
        .map(|(component, needs)| Part {
            component,
            needs,
            piped_from: None,
            files: None,
            around: &[],
        })
        .collect();
    let context = ExecutionContext::of_stage(&document.plan_id);
    let plan = compile::plan(&context, "", &parts, &compile::Beside::default())?;
    finished(&plan.to_canonical_json(), document, &components)
}

/// The plan with what the document says of the whole, checked once more.
fn finished(
    plan: &[u8],
    document: &ExecutionPlan,
    components: &[Arc<Component>],
) -> Result<Vec<u8>, OrchestratorError> {
    let mut plan: Value =
        serde_json::from_slice(plan).map_err(|error| wrong(&error.to_string()))?;
    if let Some(fields) = plan.as_object_mut() {
        // Labels and name are those of a stage.
        fields.remove("labels");
        fields.remove("name");
    }
    if let Some(description) = &document.description {
        plan["description"] = description.clone().into();
    }
    if document.default_mode != PlanMode::Local {
        plan["default_mode"] = document.default_mode.as_str().into();
    }
    for (node, mode) in document
        .nodes
        .iter()
        .filter_map(|node| Some((node, node.mode()?)))
    {
        plan["steps"][bare(node.id())]["mode"] = mode.as_str().into();
    }
    for (node, component) in document.nodes.iter().zip(components) {
        let mode = node.mode().unwrap_or(document.default_mode);
        if host::is_for_agents(component, mode) && !component.capabilities.is_empty() {
            plan["steps"][bare(node.id())]["capabilities"] = component.capabilities.clone().into();
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&plan).map_err(|error| wrong(&error.to_string()))?;
    bytes.push(b'\n');
    let checked = rok_plan::parse(&bytes, "plan.json");
    checked.map_err(|errors| crate::trouble::of_plan(&errors))?;
    Ok(bytes)
}

fn bare(name: &str) -> &str {
    name.split('@').next().unwrap_or(name)
}

fn wrong(message: &str) -> OrchestratorError {
    config(
        "ROK0224",
        message,
        "docs/orchestrators.md shows an execution plan",
    )
}
