//! What there is to say of a fan-out beyond its step's state.

use super::Story;
use crate::summary::children;
use rok_facades::runs::Explanation;
use rok_kernel::StepIx;
use rok_vocabulary::StepState;

/// How many children are named.
const NAMED: usize = 5;

impl Story<'_> {
    /// Tells how the children of a fan-out are. False where the step is none.
    pub(super) fn fan_out(&self, ix: StepIx, story: &mut Explanation) -> bool {
        let (Some(fan), Some(totals)) = (self.state.fan_out(ix), children(self.state, ix)) else {
            return false;
        };
        let parts = [
            (totals.succeeded, "succeeded"),
            (totals.failed, "failed"),
            (totals.skipped, "did not run"),
            (totals.compensated, "undone"),
            (totals.running, "are running"),
            (totals.pending, "have not started"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts.map(|(n, word)| format!("{n} {word}")).collect();
        let told = match totals.total {
            0 => "its list is empty: there was nothing to do".to_owned(),
            total => format!("it has {total} children: {}", parts.join(", ")),
        };
        story.because.push(told);
        for state in [StepState::Running, StepState::Failed] {
            let children = fan.children();
            let found = children.filter(|child| self.state.step(*child).state == state);
            for child in found.take(NAMED) {
                let slot = self.state.step(child);
                let id = self.id(child);
                let reason = slot.reason.as_deref().unwrap_or("no reason is recorded");
                story.because.push(match (state, slot.retry_due) {
                    (StepState::Running, _) => {
                        format!("`{id}` is running, attempt {}", slot.attempt)
                    }
                    (_, Some(due)) => format!("`{id}` is tried again at {due}: {reason}"),
                    _ => format!("`{id}` failed: {reason}"),
                });
            }
        }
        let id = self.id(ix);
        if self.state.step(ix).state == StepState::Running {
            story.headline = format!("step `{id}` is fanned out, and its children do the work");
        }
        let list = self.remedy("lists its children", &format!("status RUN {id}"));
        story.remedies.push(list);
        true
    }
}
