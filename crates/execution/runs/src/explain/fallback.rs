//! What there is to say of a step that has a fallback.

use super::Story;
use rok_facades::runs::Explanation;
use rok_kernel::{StandIn, StepIx};

impl Story<'_> {
    /// Steps that failed, with the fallbacks that succeeded in their stead.
    pub(super) fn stood_in(&self) -> impl Iterator<Item = (StepIx, StepIx)> {
        self.ids().filter_map(|ix| {
            let to = self.state.plan().graph().fallback(ix)?;
            (self.state.step(ix).stand_in == StandIn::Succeeded).then_some((ix, to))
        })
    }

    /// Tells what came of the step that stands in for one that failed.
    pub(super) fn fallback(&self, ix: StepIx, story: &mut Explanation) {
        let Some(to) = self.state.plan().graph().fallback(ix) else {
            return;
        };
        let (id, slot) = (self.id(to), self.state.step(to));
        story.because.push(match self.state.step(ix).stand_in {
            StandIn::None => format!("its fallback `{id}` was not run: the run was being stopped"),
            StandIn::Awaited => format!("its fallback `{id}` runs instead, and is {}", slot.state),
            StandIn::Succeeded => format!(
                "its fallback `{id}` succeeded, and stands for it: what needs it went on with the outputs of `{id}`"
            ),
            StandIn::Failed => format!("its fallback `{id}` ran instead, and is {}", slot.state),
        });
    }
}
