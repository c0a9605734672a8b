//! What there is to say of a step whose work is a run of its own, and of such
//! a run.

use super::Story;
use crate::load::Loaded;
use crate::waits::waits;
use rok_facades::runs::{Explanation, RunsError};
use rok_kernel::StepIx;
use rok_vocabulary::{RunId, StepState};

impl Story<'_> {
    /// Tells how the run of a step is.
    pub(super) fn sub_run(&self, ix: StepIx, story: &mut Explanation) -> bool {
        let Some(child) = self.state.step(ix).run.clone() else {
            return false;
        };
        let store = self.store;
        match Loaded::read(store, &child) {
            Ok(loaded) => {
                let holder = store.driver(&child).ok().flatten();
                let told = super::explain(store, &loaded, None, holder);
                let told = told.map_or_else(|error| error.message, |told| told.headline);
                story.because.push(format!("its run {child}: {told}"));
                let waits = waits(store, loaded.state()).is_some();
                if waits && self.state.step(ix).state == StepState::Running {
                    story.headline = format!("step `{}` waits for its run {child}", self.id(ix));
                }
            }
            Err(error) => {
                story.because.push(unreadable(&child, &error));
            }
        }
        let look = rok_facades::runs::Remedy {
            does: "tells of that run".into(),
            command: Some(format!("explain {child}")),
        };
        story.remedies.push(look);
        true
    }

    /// Tells of a step that runs and whose run cannot be read.
    pub(super) fn unreadable_sub_run(&self, ix: StepIx) -> Option<String> {
        let child = self.state.step(ix).run.as_ref()?;
        let error = Loaded::read(self.store, child).err()?;
        Some(unreadable(child, &error))
    }

    /// Tells whose run this is.
    pub(super) fn parent(&self, story: &mut Explanation) {
        let created = self.state.created();
        let Some(parent) = created.and_then(|created| created.parent.as_ref()) else {
            return;
        };
        let told = format!(
            "it is the run of step `{}` of run {}",
            parent.step, parent.run
        );
        story.because.push(told);
    }
}

fn unreadable(child: &RunId, error: &RunsError) -> String {
    format!("its run {child} cannot be read: {}", error.message)
}
