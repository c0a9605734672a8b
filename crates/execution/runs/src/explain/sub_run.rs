//! What there is to say of a step whose work is a run of its own, and of such
//! a run.

use super::Story;
use crate::home::Home;
use crate::load::Loaded;
use rok_facades::runs::Explanation;
use rok_kernel::StepIx;
use rok_log::Durability;
use rok_vocabulary::StepState;

impl Story<'_> {
    /// Tells how the run of a step is.
    pub(super) fn sub_run(&self, ix: StepIx, story: &mut Explanation) -> bool {
        let Some(child) = self.state.step(ix).run.clone() else {
            return false;
        };
        let root = self.loaded.dir.parent().unwrap_or(&self.loaded.dir);
        let store = Home::folders(root.to_owned(), Durability::Flush);
        match Loaded::read(&store, &child) {
            Ok(loaded) => {
                let holder = store.driver(&child).ok().flatten();
                let told = super::explain(&loaded, None, holder);
                let told = told.map_or_else(|error| error.message, |told| told.headline);
                story.because.push(format!("its run {child}: {told}"));
                let waits = loaded.state().hold().is_some();
                if waits && self.state.step(ix).state == StepState::Running {
                    story.headline = format!("step `{}` waits for its run {child}", self.id(ix));
                }
            }
            Err(error) => {
                story
                    .because
                    .push(format!("its run {child} cannot be read: {}", error.message));
            }
        }
        let look = rok_facades::runs::Remedy {
            does: "tells of that run".into(),
            command: Some(format!("explain {child}")),
        };
        story.remedies.push(look);
        true
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
