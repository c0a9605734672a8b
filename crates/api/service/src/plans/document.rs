//! Execution plans: documents of components and edges, as plans and back.

use super::import::{ImportRequest, PlanImport};
use crate::error::ServiceError;
use crate::service::Service;
use rok_orchestration::{
    ExecutionNode, ExecutionPlan, NamedEdge, NamedNode, OrchestratorError, PlanEdge, Trouble,
};
use rok_plan::{CheckedFile, FaultCode, Gate, OnFailure, Plan, Step};
use serde_json::Value;

/// Keys of a plan that decide nothing of a run.
const SAYS_NOTHING: &[&str] = &["name", "labels", "version", "owner"];

impl Service {
    /// A plan as an execution plan: its steps are nodes, its `needs` edges.
    /// What comes with it is left out, and told.
    pub fn plan_as_document(
        &self,
        name: &str,
    ) -> Result<(ExecutionPlan, Vec<String>), ServiceError> {
        let text = self.plan_text(name)?;
        let plan = text.parse()?;
        let of_plan = [
            (plan.on_failure != OnFailure::Stop).then_some("on_failure"),
            plan.budget.as_ref().map(|_| "budget"),
        ];
        let of_plan = of_plan.into_iter().flatten().map(str::to_owned);
        let decides: Vec<String> = of_plan
            .chain(plan.steps.iter().filter_map(decisive))
            .collect();
        if !decides.is_empty() {
            return Err(wrong(format!(
                "an execution plan has no place for {}; without them it would be another plan",
                decides.join(", ")
            )));
        }
        let id = |at: &usize| plan.steps[*at].id.to_string();
        let edges = plan.steps.iter().flat_map(|step| {
            let to = step.id.to_string();
            let needs = step.needs.iter();
            needs.map(move |from| {
                PlanEdge::Named(NamedEdge {
                    from: id(from),
                    to: to.clone(),
                })
            })
        });
        let document = ExecutionPlan {
            plan_id: plan.id.to_string(),
            nodes: plan.steps.iter().map(|step| node(&plan, step)).collect(),
            edges: edges.collect(),
            default_mode: plan.default_mode,
            description: plan.description.clone(),
        };
        let notes = self.as_another(&plan, &document)?;
        Ok((document, notes))
    }

    /// Refuses a document that would not be this plan again: what a node does is
    /// what the registry has by its name. Comes with what is left out and decides
    /// nothing.
    fn as_another(
        &self,
        plan: &Plan,
        document: &ExecutionPlan,
    ) -> Result<Vec<String>, ServiceError> {
        let refuse = |why: String| {
            let help = "its nodes are components of the registry: `rok registry list`";
            let trouble = Trouble::new("ROK0224", why).help(help);
            ServiceError::Orchestrator(OrchestratorError::Config(trouble))
        };
        let again = self.plan_of_document(document).map_err(|error| {
            refuse(format!(
                "an execution plan of it could not be read again: {error}"
            ))
        })?;
        let unread = |error: serde_json::Error| wrong(error.to_string());
        let again = rok_plan::parse(&again, "plan.json")?.to_canonical_json();
        let again: Value = serde_json::from_slice(&again).map_err(unread)?;
        let this: Value = serde_json::from_slice(&plan.to_canonical_json()).map_err(unread)?;
        for step in &plan.steps {
            let id = step.id.to_string();
            if this["steps"][&id] != again["steps"][&id] {
                return Err(refuse(format!(
                    "an execution plan has no place for what step `{id}` does: the component `{id}` of the registry is another one"
                )));
            }
        }
        let keys = this.as_object().into_iter().flat_map(serde_json::Map::keys);
        let (notes, lost): (Vec<&String>, Vec<&String>) = keys
            .filter(|key| this[*key] != again[*key] && *key != "steps")
            .partition(|key| SAYS_NOTHING.contains(&key.as_str()));
        if lost.is_empty() {
            let notes = notes.iter();
            return Ok(notes
                .map(|key| format!("`{key}` has no place in it"))
                .collect());
        }
        let lost: Vec<&str> = lost.iter().map(|key| key.as_str()).collect();
        Err(refuse(format!(
            "an execution plan has no place for {}; without them it would be another plan",
            lost.join(", ")
        )))
    }

    /// An execution plan as a plan file.
    pub(super) fn execution_plan(
        &self,
        request: &ImportRequest,
        bytes: &[u8],
    ) -> Result<PlanImport, ServiceError> {
        if request.tasks.is_some() {
            return Err(wrong("`--as` and `--scale` are for WfFormat".to_owned()));
        }
        let name = request.file.to_string_lossy();
        let file = CheckedFile::new(bytes, &name)?;
        let read = file.decode(|root, faults| {
            let mut wrong = |what: &dyn std::fmt::Display| {
                let message = format!("it is no execution plan: {what}");
                faults.tell(FaultCode::WrongValue, root.span(), message);
            };
            let document = match root.json() {
                Ok(document) => document,
                Err(fault) => {
                    wrong(&fault);
                    return None;
                }
            };
            match ExecutionPlan::of_json(&document) {
                Ok(document) => Some(document),
                Err(found) => {
                    for fault in &found {
                        wrong(fault);
                    }
                    None
                }
            }
        });
        let mut document = read?;
        if let Some(id) = &request.id {
            document.plan_id.clone_from(id);
        }
        let plan = self.plan_of_document(&document)?;
        let mut plan: Value =
            serde_json::from_slice(&plan).map_err(|error| wrong(error.to_string()))?;
        if let Some(most) = request.max_parallel {
            plan["max_parallel"] = most.into();
        }
        let text = rok_yaml::document(&plan);
        // What is handed out is a plan, whatever was written.
        let read = rok_plan::parse(text.as_bytes(), "plan.yaml")?;
        Ok(PlanImport {
            plan: read.id.to_string(),
            steps: read.steps.len(),
            text,
            notes: Vec::new(),
        })
    }
}

/// What of a step decides whether, when or how often it runs, and that nodes
/// and edges cannot say.
fn decisive(step: &Step) -> Option<String> {
    let gate = |gate| match gate {
        Gate::Hard => "gate: hard",
        Gate::Manual => "gate: manual",
    };
    let found = [
        step.condition.as_ref().map(|_| "if"),
        step.gate.map(gate),
        step.for_each.as_ref().map(|_| "for_each"),
        step.fallback.map(|_| "fallback"),
        step.compensate.as_ref().map(|_| "compensate"),
        step.sandbox.as_ref().map(|_| "sandbox"),
        (!step.after.is_empty()).then_some("after"),
    ];
    let found: Vec<&str> = found.into_iter().flatten().collect();
    (!found.is_empty()).then(|| format!("{} of step `{}`", found.join(", "), step.id))
}

/// A step as a node, with its mode where that is not the plan's.
fn node(plan: &Plan, step: &Step) -> ExecutionNode {
    let id = step.id.to_string();
    match step.mode {
        mode if mode == plan.default_mode => ExecutionNode::Id(id),
        mode => ExecutionNode::Named(NamedNode {
            id,
            mode: Some(mode),
        }),
    }
}

fn wrong(message: String) -> ServiceError {
    ServiceError::Orchestrator(OrchestratorError::Config(Trouble::new("ROK0224", message)))
}
