//! Sub-runs: the run that does a step's work, and which it is. Its id comes of
//! what it is for, so that no crash ever makes two.

use super::RunState;
use crate::compiled::StepIx;
use crate::request::{ResolveError, ResolvedAction, SubInputs};
use alloc::string::String;
use rok_chain::Digest;
use rok_events::SubPlan;
use rok_plan::Action;
use rok_vocabulary::{PlanId, RunId};

/// What a sub-run's id is a digest of, besides its step and inputs.
const FORM: &str = "rok-sub-run-1";

/// Why a step has no run that could do its work: `config_error`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SubRunError {
    /// Its inputs cannot be evaluated.
    #[error(transparent)]
    Inputs(#[from] ResolveError),
    /// Nobody looked for its plan when the run was created.
    #[error("plan `{plan}` was not found when the run was created")]
    NoPlan {
        /// The plan.
        plan: PlanId,
    },
}

impl RunState {
    /// Whether a run does a step's work.
    #[must_use]
    pub fn is_sub_run(&self, ix: StepIx) -> bool {
        matches!(self.definition(ix).action, Action::Plan { .. }) && !self.is_fanned_out(ix)
    }

    /// The plan that steps name by an id, as it was found when the run was
    /// created.
    #[must_use]
    pub fn sub_plan(&self, id: &PlanId) -> Option<&SubPlan> {
        self.created()?.plans.get(id)
    }

    /// The run that does a step's work now; `None` where no run does.
    pub fn sub_run(&self, ix: StepIx) -> Result<Option<RunId>, SubRunError> {
        if !self.is_sub_run(ix) {
            return Ok(None);
        }
        match self.resolve(ix)?.action {
            ResolvedAction::Plan { id, inputs } => self.sub_run_of(ix, &id, &inputs).map(Some),
            _ => Ok(None),
        }
    }

    /// The run of a step with these inputs: the same in every attempt and epoch.
    pub fn sub_run_of(
        &self,
        ix: StepIx,
        plan: &PlanId,
        inputs: &SubInputs,
    ) -> Result<RunId, SubRunError> {
        let Some(found) = self.sub_plan(plan) else {
            let plan = plan.clone();
            return Err(SubRunError::NoPlan { plan });
        };
        let step = self.step_id(ix);
        let inputs = serde_json::to_string(&(&inputs.values, &inputs.texts))
            .expect("JSON values are always JSON");
        let parts = [
            FORM,
            self.run.as_str(),
            step.as_str(),
            &found.sha256,
            &inputs,
        ];
        let hex = Digest::of(parts.join("\n").as_bytes()).to_hex();
        Ok(as_run_id(&hex))
    }
}

/// A UUID of version 8, made of a digest.
fn as_run_id(hex: &str) -> RunId {
    let mut id = String::with_capacity(36);
    let parts = [
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32],
    ];
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            id.push('-');
        }
        id.push_str(match at {
            2 => "8",
            3 => "a",
            _ => "",
        });
        id.push_str(part);
    }
    id.parse().expect("a UUID is a run id")
}
