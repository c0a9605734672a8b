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
    /// What held for the whole run at once.
    pub bands: Vec<Band>,
    /// When something began that concerns the whole run.
    pub moments: Vec<Moment>,
}

/// A step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// Its name for people; may be empty.
    pub name: String,
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
    /// An attempt at undoing it, and how that went: compensated, failed, or
    /// running.
    Compensation(State),
}

impl SpanKind {
    /// Something was done.
    const fn is_work(self) -> bool {
        matches!(self, Self::Attempt(_) | Self::Compensation(_))
    }
}

/// What held for the whole run at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BandKind {
    /// It stood still.
    Still,
    /// It was closed, between two epochs.
    Closed,
    /// What had succeeded was undone.
    Rollback,
}

impl BandKind {
    const ALL: [Self; 3] = [Self::Still, Self::Closed, Self::Rollback];

    const fn words(self) -> &'static str {
        match self {
            Self::Still => "the run stood still",
            Self::Closed => "closed between epochs",
            Self::Rollback => "rollback",
        }
    }
}

/// When something began that concerns the whole run, as an epoch does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// When.
    pub at: i64,
    /// What, in few words.
    pub words: String,
}

/// A time in which something held for the whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Band {
    /// What.
    pub kind: BandKind,
    /// Where it begins.
    pub from: i64,
    /// Where it ends.
    pub until: i64,
    /// What and why, in words.
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

impl Timeline {
    /// Something was tried more than once: the time beside a row is that of
    /// its last attempt only, and must say so.
    fn took_heading(&self) -> &'static str {
        let attempts = |row: &Row| {
            let spans = row.spans.iter();
            spans
                .filter(|span| matches!(span.kind, SpanKind::Attempt(_)))
                .count()
        };
        if self.rows.iter().any(|row| attempts(row) > 1) {
            "last attempt"
        } else {
            "took"
        }
    }
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
        add(", ", &self.name);
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
