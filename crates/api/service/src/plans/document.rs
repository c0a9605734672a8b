//! Execution plans: documents of components and edges, as plans and back.

use super::import::{ImportRequest, PlanImport};
use crate::error::ServiceError;
use crate::service::Service;
use rok_orchestration::{
    ExecutionNode, ExecutionPlan, NamedEdge, NamedNode, OrchestratorError, PlanEdge, Trouble,
};
use rok_plan::{CheckedFile, FaultCode, Gate, OnFailure, Plan, Step};
use serde_json::Value;

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
        let mut notes = Vec::new();
        if plan.steps.iter().any(|step| !step.after.is_empty()) {
            notes.push("edges of `after` and `order` have no place in it".to_owned());
        }
        let document = ExecutionPlan {
            plan_id: plan.id.to_string(),
            nodes: plan.steps.iter().map(|step| node(&plan, step)).collect(),
            edges: edges.collect(),
            default_mode: plan.default_mode,
            description: plan.description.clone(),
        };
        Ok((document, notes))
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
            let document = root.json().map_err(|fault| fault.to_string());
            let document = document.and_then(|value| {
                serde_json::from_value::<ExecutionPlan>(value).map_err(|error| error.to_string())
            });
            match document {
                Ok(document) => Some(document),
                Err(why) => {
                    let message = format!("it is no execution plan: {why}");
                    faults.tell(FaultCode::WrongValue, root.span(), message);
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
