//! Where the output is that shows why something failed.

use super::Story;
use crate::logs::has_output;
use rok_facades::runs::{Explanation, Remedy};
use rok_kernel::StepIx;
use rok_vocabulary::StepState;

impl Story<'_> {
    /// The output of a step that failed: of a fan-out that of the child that
    /// did, of a sub-run what there is to say of that run.
    pub(super) fn output_of_failed(&self, ix: StepIx, story: &mut Explanation) {
        if let Some(run) = &self.state.step(ix).run {
            story.remedies.push(Remedy {
                does: "tells why the run of the failed step failed".into(),
                command: Some(format!("explain {run}")),
            });
            return;
        }
        let children = self.state.fan_out(ix).map(rok_kernel::FanOut::children);
        let mut failed = children.into_iter().flatten();
        let failed = failed.find(|child| self.state.step(*child).state == StepState::Failed);
        let id = self.id(failed.unwrap_or(ix));
        if has_output(self.loaded, &id, false) {
            let command = format!("logs RUN {id}");
            story
                .remedies
                .push(self.remedy("shows the output of the failed step", &command));
        }
    }

    /// The output of what undid a step, or each of a fan-out's children.
    pub(super) fn output_of_undoing(&self, ix: StepIx, does: &str, story: &mut Explanation) {
        /// How many children are named.
        const NAMED: usize = 5;
        let children = self.state.fan_out(ix).map(rok_kernel::FanOut::children);
        let places = children.map_or_else(|| vec![ix], Iterator::collect);
        let ids = places.into_iter().map(|ix| self.id(ix));
        for id in ids
            .filter(|id| has_output(self.loaded, id, true))
            .take(NAMED)
        {
            let command = format!("logs RUN {id} --compensation");
            story.remedies.push(self.remedy(does, &command));
        }
    }
}
