//! Which agent did a step, and why others did not.

use super::Story;
use rok_events::{AgentData, StepEndData};
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
        if self.state.child(ix).is_none() {
            for (attempt, why, agent) in &self.loaded.history().step(ix).before {
                let number = attempt.0 + 1;
                story
                    .because
                    .push(format!("attempt {number} failed: {why}"));
                story.because.extend(taken_away(agent));
                if let (Some(id), Some(reason)) = (&agent.id, &agent.reason) {
                    story.because.push(format!("agent `{id}` had it: {reason}"));
                }
            }
        }
        let Some(agent) = self.end_of(ix).and_then(|end| end.agent.as_deref()) else {
            return;
        };
        let succeeded = self.state.step(ix).state == StepState::Succeeded;
        story.because.extend(taken_away(agent));
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

/// Whom an attempt was taken away from, and who did not take it.
fn taken_away(agent: &AgentData) -> impl Iterator<Item = String> {
    agent.tried.iter().map(|tried| {
        let (id, reason) = (&tried.agent, &tried.reason);
        match tried.trigger {
            Some(trigger) => format!("it was taken away from agent `{id}` ({trigger}): {reason}"),
            None => format!("agent `{id}` did not take it: {reason}"),
        }
    })
}
