//! Replays for people.

use super::diff;
use super::paint::{Paint, clean};
use crate::terminal::Look;
use rok_service::Replayed;
use rok_service::views::{RedecidedView, StepState};
use std::fmt::Write as _;

/// What came of deciding a log again.
pub(crate) fn redecided(found: &RedecidedView, look: Look) -> String {
    let paint = Paint::of(look);
    let mut text = String::new();
    let same = found.divergences.is_empty();
    let (state, verdict) = if same {
        (StepState::Succeeded, "every decision came out as recorded")
    } else {
        (
            StepState::Failed,
            "decisions came out otherwise than recorded",
        )
    };
    let _ = writeln!(text, "{} {verdict}", paint.sign(state));
    let _ = writeln!(text, "Run: {}", found.run_id);
    let _ = writeln!(text, "Events: {}", found.events);
    let _ = writeln!(
        text,
        "Decisions: {} alike, {} otherwise, {} given (what people, owners and the machine did)",
        found.alike,
        found.divergences.len(),
        found.given
    );
    for divergence in &found.divergences {
        let _ = writeln!(text, "\nevent {}:", divergence.seq);
        let _ = writeln!(
            text,
            "  recorded  {}",
            clean(&divergence.recorded.join(", "))
        );
        let _ = writeln!(
            text,
            "  decided   {}",
            clean(&divergence.decided.join(", "))
        );
    }
    text
}

/// What a replay came to, beside the run that it replays.
pub(crate) fn replayed(found: &Replayed, ended: bool, look: Look) -> String {
    let paint = Paint::of(look);
    let (state, verdict) = if !ended {
        let verdict = "it has not come to its end: this is how far it came";
        (StepState::Waiting, verdict)
    } else if found.diverged {
        (StepState::Failed, "it came to something else")
    } else {
        (StepState::Succeeded, "it came to the same")
    };
    let mut text = format!("{} {verdict}\n", paint.sign(state));
    let _ = writeln!(
        text,
        "Replay: {} of {} from {}\n",
        found.run_id,
        found.replays,
        clean(&found.from)
    );
    text.push_str(&diff(&found.diff, look));
    text
}
