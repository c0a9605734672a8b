//! A timeline as text: a line for each step.

use super::scale::Scale;
use super::{Row, SpanKind, Timeline};
use crate::state::State;
use crate::text::{TextOptions, columns, shorten_with, wrap};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The signs of a look.
struct Signs {
    good: char,
    bad: char,
    queued: char,
    decision: char,
    delay: char,
    cut: char,
    tick: char,
    critical: char,
    more: &'static str,
    dot: &'static str,
}

const UNICODE: Signs = Signs {
    good: '█',
    bad: '▒',
    queued: '·',
    decision: '‖',
    delay: '┄',
    cut: '⋮',
    tick: '┬',
    critical: '◆',
    more: "…",
    dot: " · ",
};

const ASCII: Signs = Signs {
    good: '#',
    bad: 'x',
    queued: '.',
    decision: '=',
    delay: '-',
    cut: ':',
    tick: '+',
    critical: '*',
    more: "~",
    dot: ", ",
};

/// The least that ids and bars get, however narrow the terminal.
const MIN_ID: usize = 8;
const MIN_BARS: usize = 10;
/// The most that the last column gets.
const TOOK: usize = 12;
/// Columns of a stretch that is cut short.
const CUT: i64 = 3;

pub(super) fn draw(timeline: &Timeline, options: TextOptions) -> String {
    let signs = if options.ascii { &ASCII } else { &UNICODE };
    let widest = |of: &dyn Fn(&Row) -> usize| timeline.rows.iter().map(of).max().unwrap_or(0);
    let took = widest(&|row| columns(&row.took)).min(TOOK);
    let state = columns(State::Pending.sign(options.ascii));
    // Mark, state, id, bars, took, with a blank between them.
    let around = 2 + state + 1 + 2 + took + 1;
    let room = options.width.saturating_sub(around);
    let id = widest(&|row| columns(&row.id)).clamp(MIN_ID, (room / 2).max(MIN_ID));
    let bars = room.saturating_sub(id).max(MIN_BARS);
    let scale = Scale::new(timeline, i64::try_from(bars).unwrap_or(80) - 1, CUT);
    let mut out = String::new();
    let dotted = timeline.subtitle.replace(" · ", signs.dot);
    for text in [&timeline.title, &dotted] {
        for line in wrap(text, options.width) {
            let _ = writeln!(out, "{line}");
        }
    }
    out.push('\n');
    let indent = 2 + state + 1 + id + 2;
    axis(&scale, bars, indent, signs, &mut out);
    for row in &timeline.rows {
        let mark = if row.critical { signs.critical } else { ' ' };
        let name = shorten_with(&row.id, id, signs.more);
        let pad = id - columns(&name).min(id);
        let mut line = String::new();
        let _ = write!(
            line,
            "{mark} {} {name}{:pad$}  {}",
            row.state.sign(options.ascii),
            "",
            cells(row, &scale, bars, signs)
        );
        if !row.took.is_empty() {
            let words = shorten_with(&row.took, took, signs.more);
            let pad = took - columns(&words).min(took);
            let _ = write!(line, " {:pad$}{words}", "");
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    legend(timeline, signs, options.width, &mut out);
    out
}

fn axis(scale: &Scale, bars: usize, indent: usize, signs: &Signs, out: &mut String) {
    let mut words = vec![' '; indent + bars];
    let mut marks = words.clone();
    for tick in scale.ticks(10) {
        let at = indent + usize::try_from(tick.x).unwrap_or(0);
        let length = tick.words.chars().count();
        let free = |from: usize| {
            words[from.saturating_sub(1)..]
                .iter()
                .take(length + 1)
                .all(|c| *c == ' ')
        };
        if at + length <= indent + bars && free(at) {
            for (place, c) in tick.words.chars().enumerate() {
                words[at + place] = c;
            }
        }
        if let Some(mark) = marks.get_mut(at) {
            *mark = signs.tick;
        }
    }
    for line in [words, marks] {
        let line: String = line.into_iter().collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

/// A column shows the most telling of what happened in it.
fn cells(row: &Row, scale: &Scale, bars: usize, signs: &Signs) -> String {
    let mut cells: Vec<(u8, char)> = vec![(0, ' '); bars];
    let column = |at: i64| usize::try_from(scale.x(at)).unwrap_or(0).min(bars - 1);
    for cut in scale.stretches.iter().filter(|stretch| stretch.cut) {
        if let Some(cell) = cells.get_mut(column(cut.from) + 1) {
            cell.1 = signs.cut;
        }
    }
    for span in &row.spans {
        let (rank, sign) = match span.kind {
            SpanKind::Queued => (1, signs.queued),
            SpanKind::Delay => (2, signs.delay),
            SpanKind::Decision => (3, signs.decision),
            SpanKind::Attempt(State::Failed) => (5, signs.bad),
            SpanKind::Attempt(_) => (4, signs.good),
        };
        for cell in &mut cells[column(span.from)..=column(span.until)] {
            if rank > cell.0 {
                *cell = (rank, sign);
            }
        }
    }
    cells.into_iter().map(|(_, sign)| sign).collect()
}

/// What the signs mean; only those that occur.
fn legend(timeline: &Timeline, signs: &Signs, width: usize, out: &mut String) {
    let has = |kind: fn(SpanKind) -> bool| {
        let mut spans = timeline.rows.iter().flat_map(|row| &row.spans);
        spans.any(|span| kind(span.kind))
    };
    let attempt = has(|kind| matches!(kind, SpanKind::Attempt(state) if state != State::Failed));
    let entries = [
        (attempt, signs.good, "attempt"),
        (
            has(|kind| kind == SpanKind::Attempt(State::Failed)),
            signs.bad,
            "failed attempt",
        ),
        (has(|kind| kind == SpanKind::Queued), signs.queued, "queued"),
        (
            has(|kind| kind == SpanKind::Decision),
            signs.decision,
            "waits for a person",
        ),
        (
            has(|kind| kind == SpanKind::Delay),
            signs.delay,
            "delay before a retry",
        ),
        (
            timeline.rows.iter().any(|row| row.critical),
            signs.critical,
            "critical path",
        ),
    ];
    let mut line = String::new();
    out.push('\n');
    for (_, sign, words) in entries.into_iter().filter(|(occurs, ..)| *occurs) {
        let entry = alloc::format!("{sign} {words}");
        if !line.is_empty() && columns(&line) + 3 + columns(&entry) > width {
            let _ = writeln!(out, "{line}");
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { "   " });
        line.push_str(&entry);
    }
    let _ = writeln!(out, "{line}");
}
