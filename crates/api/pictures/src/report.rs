//! What a report is, and the one page that shows it.

mod html;

use crate::graph::Graph;
use crate::state::State;
use crate::timeline::Timeline;
use alloc::string::String;
use alloc::vec::Vec;

/// Everything about a run on one page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// What it is of.
    pub title: String,
    /// How it ended, or stands.
    pub verdict: Option<Mark>,
    /// What must not be overlooked, first of all.
    pub notices: Vec<Mark>,
    /// Names and values, in order.
    pub facts: Vec<(String, Cell)>,
    /// The steps and what follows what.
    pub graph: Graph,
    /// When what happened.
    pub timeline: Timeline,
    /// The rest, in order.
    pub sections: Vec<Section>,
}

/// A state and words for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// Its sign and colour.
    pub state: State,
    /// In words.
    pub words: String,
}

/// A part of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// A sentence under it; may be empty.
    pub intro: String,
    /// What it holds. Where there is nothing, `empty` says so.
    pub body: Body,
}

/// What a section holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Names and values.
    Facts(Vec<(String, Cell)>),
    /// A table; one with many rows can be searched and sorted.
    Table(Table),
    /// Outputs of programs.
    Logs(Vec<Log>),
    /// Nothing, and why.
    Empty(String),
}

/// Rows under columns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Table {
    /// The headings.
    pub columns: Vec<String>,
    /// The cells, as many in each row as there are columns.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table, or a value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// A sign before it.
    pub state: Option<State>,
    /// By what it is sorted; else by its text.
    pub order: Option<i64>,
    /// For ids, digests and code.
    pub code: bool,
}

/// The end of a program's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Whose.
    pub title: String,
    /// How that ended.
    pub state: Option<State>,
    /// The lines.
    pub text: String,
    /// More stands before.
    pub cut: bool,
    /// Shown at once; else on demand.
    pub open: bool,
}

impl Cell {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }

    /// An id, a digest, code.
    pub fn code(text: impl Into<String>) -> Self {
        Self {
            code: true,
            ..Self::text(text)
        }
    }

    /// A text that is sorted by a number.
    pub fn ordered(text: impl Into<String>, order: i64) -> Self {
        Self {
            order: Some(order),
            ..Self::text(text)
        }
    }

    /// A state, by its word.
    #[must_use]
    pub fn state(state: State) -> Self {
        Self {
            state: Some(state),
            ..Self::text(state.word())
        }
    }
}

/// The report as one HTML file that needs nothing else: no request is made, and
/// none could be (its content security policy forbids it). Without scripts it
/// is whole; with them, tables can be searched and sorted.
#[must_use]
pub fn report_html(report: &Report) -> String {
    html::page(report)
}
