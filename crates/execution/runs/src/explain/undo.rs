//! What is undone, what is left to undo, and what can be done about it.

use super::Story;
use crate::logs::has_output;
use crate::rollback::left_of_sub_runs;
use rok_facades::runs::{Explanation, SubRunLeft};
use rok_kernel::{DoneIx, Rollback, Rollbackable, StepIx};
use rok_vocabulary::{Disposition, StepState};

impl Story<'_> {
    /// Of a FAILED run: what a rollback did, or could do.
    pub(super) fn undone(&self, story: &mut Explanation) {
        let state = self.state;
        if state.disposition() == Disposition::RolledBack {
            let undone = self.listed(state.undone());
            let because = format!("rolled back: undone: {undone}");
            story.because.push(because);
            return;
        }
        let left = self.listed(state.to_undo());
        if state.is_being_undone() {
            let because = format!("not undone: {left}");
            story.because.push(because);
        }
        if let Some(ix) = state.rollback().and_then(Rollback::failed) {
            let id = state.done(ix).id.as_str();
            let does = "shows the output of the compensation that failed";
            if has_output(self.loaded, id, true) {
                let command = format!("logs RUN {id} --compensation");
                story.remedies.push(self.remedy(does, &command));
            }
        }
        match state.rollbackable(&[], &[]) {
            Rollbackable::NextEpoch(_) => {
                let does = format!("undoes {left}");
                story
                    .remedies
                    .push(self.remedy(&does, "rollback RUN --reason …"));
            }
            Rollbackable::Undecided(steps) => {
                for step in steps {
                    story.because.push(format!(
                        "the compensation of `{step}` was interrupted, and the step is not idempotent: look whether it is undone"
                    ));
                    let done = format!("rollback RUN --done {step} --reason …");
                    let again = format!("rollback RUN --again {step} --reason …");
                    story
                        .remedies
                        .push(self.remedy("goes on, that step being undone", &done));
                    story
                        .remedies
                        .push(self.remedy("goes on, running its compensation again", &again));
                }
            }
            Rollbackable::SameEpoch | Rollbackable::Refused(_) => {}
        }
    }

    /// What is left of the runs of its steps.
    pub(super) fn sub_runs_left(&self, story: &mut Explanation) {
        for left in left_of_sub_runs(self.store, self.state) {
            let SubRunLeft {
                step, run, steps, ..
            } = &left;
            if let Some(why) = &left.unreadable {
                let because =
                    format!("not undone: step `{step}`; its run {run} cannot be read: {why}");
                story.because.push(because);
                continue;
            }
            let steps = steps.join(", ");
            story.because.push(format!(
                "not undone: step `{step}`, of whose run {run} there is left: {steps}"
            ));
            if left.can_be_rolled_back {
                let command = format!("rollback {run} --reason …");
                story
                    .remedies
                    .push(self.remedy(&format!("undoes {steps}"), &command));
            } else {
                story.next.push(format!(
                    "nothing undoes {steps} of run {run}: only a FAILED run is rolled back. Undo it by hand, and give step `{step}` a `compensate`"
                ));
            }
        }
    }

    /// The first few of what is or can be undone.
    fn listed(&self, of: impl Iterator<Item = DoneIx>) -> String {
        const SHOWN: usize = 10;
        let all: Vec<&str> = of.map(|ix| self.state.done(ix).id.as_str()).collect();
        let shown = all[..all.len().min(SHOWN)].join(", ");
        match all.len().saturating_sub(SHOWN) {
            0 => shown,
            more => format!("{shown} and {more} more"),
        }
    }

    /// Of a run whose steps are being undone.
    pub(super) fn undoing(&self, rollback: &Rollback, story: &mut Explanation) {
        let left = self.listed(rollback.remaining());
        story.headline = match (rollback.running(), &self.holder) {
            (Some(ix), Some(_)) => {
                format!(
                    "it is being rolled back: step `{}` is undone",
                    self.state.done(ix).id
                )
            }
            (None, Some(_)) => "it is being rolled back".into(),
            (None, None) if self.state.undone().next().is_none() && rollback.failed().is_none() => {
                "it is to be rolled back once it goes on: no process drives it".into()
            }
            (_, None) => "its rollback was interrupted: no process drives it".into(),
        };
        if !left.is_empty() {
            let because = format!("left to undo: {left}");
            story.because.push(because);
        }
        let why = rollback.reason.as_deref().unwrap_or("no reason is given");
        story
            .because
            .push(format!("asked for by {}: {why}", rollback.actor));
    }

    pub(super) fn compensated(&self, ix: StepIx, story: &mut Explanation) {
        let id = self.id(ix);
        story.headline = match self.state.undo(&self.state.step_id(ix)) {
            Some(undo) if undo.by_hand => {
                format!("step `{id}` succeeded and was undone by hand")
            }
            _ => {
                self.output_of_undoing(ix, "shows the output of its compensation", story);
                format!("step `{id}` succeeded and was undone by its compensation")
            }
        };
    }

    /// Of a step that succeeded and is not undone: whether it could be.
    pub(super) fn could_be_undone(&self, ix: StepIx, story: &mut Explanation) {
        let Some(undo) = self.state.undo(&self.state.step_id(ix)) else {
            let declares = self.state.definition(ix).compensate.is_some();
            if self.state.is_being_undone() && !declares {
                let why = "the run is rolled back, and it declares no compensation: there is nothing to undo";
                story.because.push(why.into());
            }
            return;
        };
        if self.state.step(ix).state == StepState::Succeeded
            && let (Some(class), Some(reason)) = (undo.class, &undo.reason)
        {
            story
                .because
                .push(format!("its compensation failed ({class}): {reason}"));
        }
    }
}
