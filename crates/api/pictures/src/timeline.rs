//! What a timeline is, and the pictures of it.

mod scale;
mod svg;
mod text;

use crate::graph::Gate;
use crate::state::State;
use crate::text::TextOptions;
use alloc::string::String;
use alloc::vec::Vec;

/// When what happened in a run. Instants are milliseconds of one clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Timeline {
    /// What it is of.
    pub title: String,
    /// How it stands, in a line; may be empty.
    pub subtitle: String,
    /// Where it begins.
    pub from: i64,
    /// Where it ends, or what is known of it does.
    pub until: i64,
    /// The steps, in the order in which they are shown.
    pub rows: Vec<Row>,
    /// When the whole run stood still.
    pub bands: Vec<Band>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub state: State,
    /// What it guards.
    pub gate: Option<Gate>,
    /// The run would have ended earlier had it ended earlier.
    pub critical: bool,
    /// What it did and waited for, in order.
    pub spans: Vec<Span>,
    /// How long its last attempt took, in words.
    pub took: String,
    /// More about it, a line each.
    pub details: Vec<String>,
}

/// A part of a step's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub until: i64,
    /// What was done.
    pub kind: SpanKind,
    /// In words.
    pub words: String,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// It could have started, and waited for its turn.
    Queued,
    /// It waited for a person.
    Decision,
    /// It waited before its next attempt.
    Delay,
    /// An attempt, and how it went.
    Attempt(State),
}

/// When the whole run stood still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub until: i64,
    /// Why.
    pub words: String,
}

/// The timeline as SVG: a bar for each attempt, as high as it has steps.
#[must_use]
pub fn timeline_svg(timeline: &Timeline, inline: bool) -> String {
    svg::draw(timeline, inline)
}

/// The timeline as text, a line for each step.
#[must_use]
pub fn timeline_text(timeline: &Timeline, text: TextOptions) -> String {
    text::draw(timeline, text)
}

impl Row {
    /// Everything about a step, for whoever points at it or listens.
    fn full(&self) -> String {
        let mut out = self.id.clone();
        let mut add = |sign: &str, text: &str| {
            if !text.is_empty() {
                out.push_str(sign);
                out.push_str(text);
            }
        };
        add(": ", self.state.word());
        add(", ", self.gate.map_or("", Gate::words));
        add(
            ", ",
            if self.critical {
                "on the critical path"
            } else {
                ""
            },
        );
        for span in &self.spans {
            add("\n", &span.words);
        }
        for detail in &self.details {
            add("\n", detail);
        }
        out
    }
}
