//! Which agent did a step, and why others did not.

use super::Story;
use rok_events::StepEndData;
use rok_facades::runs::Explanation;
use rok_kernel::StepIx;
use rok_vocabulary::StepState;

impl Story<'_> {
    /// What is on record of a step's last end; children of a fan-out have none.
    pub(super) fn end_of(&self, ix: StepIx) -> Option<&StepEndData> {
        if self.state.child(ix).is_some() {
            return None;
        }
        self.loaded.history().step(ix).end.as_ref()
    }

    /// Tells whom the step was taken away from, why, and who had it last.
    pub(super) fn agents(&self, ix: StepIx, story: &mut Explanation) {
        let Some(agent) = self.end_of(ix).and_then(|end| end.agent.as_deref()) else {
            return;
        };
        let succeeded = self.state.step(ix).state == StepState::Succeeded;
        for tried in &agent.tried {
            let (id, reason) = (&tried.agent, &tried.reason);
            story.because.push(match tried.trigger {
                Some(trigger) => {
                    format!("it was taken away from agent `{id}` ({trigger}): {reason}")
                }
                None => format!("agent `{id}` did not take it: {reason}"),
            });
        }
        let why = agent.reason.as_deref();
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let did = if succeeded { "did it" } else { "had it last" };
        story.because.push(match &agent.id {
            Some(id) if id.is_this_machine() => format!("this machine {did}{why}"),
            Some(id) => format!("agent `{id}` {did}{why}"),
            None => format!("no agent did it{why}"),
        });
    }
}
