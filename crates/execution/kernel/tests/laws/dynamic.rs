//! Steps that come to be in a run: the children of fan-outs, and fallbacks.

use super::{Choices, World};
use rok_events::{SkipCause, SubPlan};
use rok_kernel::{Needs, ResolvedAction, StandIn, StepIx, StepSuccess};
use rok_vocabulary::{Outcome, PlanId, StepState};
use serde_json::json;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// One that always has the same items, one whose items differ from epoch to
/// epoch, or one whose list cannot be evaluated.
pub(crate) fn random_fan_out(choices: &mut Choices, yaml: &mut String) {
    let list = match choices.below(16) {
        0 | 1 => {
            let items = choices.below(5);
            format!("{:?}", (0..items).collect::<Vec<_>>())
        }
        2 => "[1, 2, 3].filter(n, n > run.epoch)".into(),
        3 if choices.one_in(2) => "[[1]][7]".into(),
        _ => return,
    };
    let _ = writeln!(yaml, "    for_each: \"{list}\"");
    if choices.one_in(2) {
        let _ = writeln!(yaml, "    max_parallel: {}", 1 + choices.below(2));
    }
}

/// The plan of the steps that are runs of their own.
pub(crate) fn other_plan() -> BTreeMap<PlanId, SubPlan> {
    let other = SubPlan {
        sha256: "11".repeat(32),
        cwd: None,
        plans: BTreeMap::new(),
    };
    BTreeMap::from([("other".parse().unwrap(), other)])
}

impl World {
    /// A fan-out has succeeded when its children have, and hands on what they do.
    pub(crate) fn check_fan_outs(&self) {
        let state = self.state();
        for ix in 0..self.plan.len() as u32 {
            let Some(fan) = state.fan_out(ix) else {
                continue;
            };
            let slots: Vec<_> = fan.children().map(|child| state.step(child)).collect();
            let done = |state| matches!(state, StepState::Succeeded | StepState::Compensated);
            let sound = slots.iter().all(|slot| done(slot.state));
            let parent = state.step(ix);
            assert_eq!(sound, done(parent.state), "{parent:?}");
            assert!(
                slots.iter().all(|slot| slot.is_finished()),
                "a child is left"
            );
            if sound {
                let outputs = parent.outputs.as_deref().unwrap().as_array().unwrap();
                assert_eq!(outputs.len(), fan.items().len());
            }
        }
    }

    /// Something else from one time to the next.
    pub(crate) fn handed_on(&self) -> StepSuccess {
        StepSuccess {
            outputs: json!({ "at": self.now.to_string() }),
            ..StepSuccess::default()
        }
    }

    /// A function is given what the steps before its own have handed on by now,
    /// whether a fan-out's children share it or not.
    pub(crate) fn check_needs(&self, ix: StepIx) {
        let now = self.shadow.definition(ix).needs.iter().filter_map(|need| {
            let need = *need as StepIx;
            let outputs = self.shadow.outputs(need)?;
            Some((self.plan.step(need).id.to_string(), (**outputs).clone()))
        });
        if let ResolvedAction::Call { needs, .. } = self.shadow.resolve(ix).unwrap().action {
            let now = Needs::new(now.collect());
            assert_eq!(needs, now);
            assert_eq!(needs.digest(), now.digest());
        }
    }

    /// A fallback that succeeded stands for its step, and runs for no other reason.
    pub(crate) fn check_fallbacks(&self) {
        let state = self.state();
        for ix in 0..self.plan.len() as u32 {
            let Some(fallback) = self.plan.graph().fallback(ix) else {
                continue;
            };
            let (slot, other) = (state.step(ix), state.step(fallback));
            assert_ne!(slot.stand_in, StandIn::Awaited, "a fallback is left");
            let stood_in = slot.stand_in == StandIn::Succeeded;
            let passed = other.skip == Some(SkipCause::Override);
            let sound = passed
                || other.state == StepState::Compensated
                || other.state == StepState::Succeeded
                || other.stand_in == StandIn::Succeeded;
            assert_eq!(stood_in, sound, "{slot:?} {other:?}");
            if stood_in {
                assert_eq!(slot.outputs, other.outputs);
                assert_ne!(state.outcome(), Some(Outcome::Succeeded));
            }
        }
    }
}
