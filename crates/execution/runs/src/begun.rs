//! Whether the work of a step that was started has begun. The log says when the
//! start was decided; a process waits then where as many run as may, and has a
//! log of its own from its first moment on.

use crate::load::Loaded;
use rok_executor::AttemptRef;
use rok_kernel::StepIx;
use rok_plan::{Action, StepPlace};
use rok_vocabulary::{StepRef, StepState, Timestamp};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// What is known of the work of a step that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    /// Nothing: it is not under way, or does not tell.
    Unknown,
    /// It waits for a place.
    Waits,
    /// It goes on, since then where that is known.
    Since(Option<Timestamp>),
}

/// What is known of a step's work.
pub(crate) fn of(loaded: &Loaded, ix: StepIx) -> Begun {
    let state = loaded.state();
    let (step, slot) = (state.definition(ix), state.step(ix));
    let is_process = matches!(step.action, Action::Argv(_) | Action::Shell { .. })
        && !matches!(step.place, StepPlace::Away(_));
    let does_it_itself = state.fan_out(ix).is_none() && slot.run.is_none();
    if slot.state != StepState::Running || !is_process || !does_it_itself {
        return Begun::Unknown;
    }
    let attempt = AttemptRef {
        run: state.run_id().clone(),
        step: StepRef {
            step: state.step_id(ix),
            epoch: state.epoch(),
            attempt: slot.attempt,
            compensates: false,
        },
    };
    let name = attempt.file_name();
    let logs = loaded.dir.join("logs");
    if !logs.is_dir() {
        return Begun::Unknown;
    }
    if !logs.join(format!("{name}.log")).is_file() {
        return Begun::Waits;
    }
    Begun::Since(written(&loaded.dir.join("procs").join(name)))
}

/// When a file was written last.
fn written(path: &Path) -> Option<Timestamp> {
    let at: SystemTime = path.metadata().and_then(|meta| meta.modified()).ok()?;
    let millis = at.duration_since(UNIX_EPOCH).ok()?.as_millis();
    i64::try_from(millis).ok().map(Timestamp::from_millis)
}
