//! What a run waits for, and the commands that move it on.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::views::{HoldReason, HoldView, RunId};
use std::fmt::Write as _;

/// What a run waits for, and the exact commands that release it.
pub(crate) fn hold(run: &RunId, hold: &HoldView, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    let _ = writeln!(out, "{} {}", paint.warn("waiting:"), clean(&hold.message));
    match hold.reason {
        HoldReason::ManualGate | HoldReason::InterruptedStep => {
            for step in &hold.steps {
                let _ = writeln!(out, "  rok approve {run} {step} --reason \"…\"");
                let _ = writeln!(out, "  rok reject {run} {step} --reason \"…\"");
            }
        }
        HoldReason::Pause | HoldReason::Budget => {}
    }
    let _ = writeln!(out, "then:");
    let _ = writeln!(out, "  rok resume {run}");
    if look.ascii {
        out.replace('…', "...")
    } else {
        out
    }
}

/// How to go on with a run that was stopped by a signal.
pub(crate) fn interrupted(run: &RunId, look: Look) -> String {
    let paint = Paint::of(look);
    format!(
        "{} the run was stopped and can be resumed:\n  rok resume {run}\n",
        paint.warn("stopped:")
    )
}
