//! A timeline as text: a line for each step.

use super::scale::{Scale, duration};
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
    undone: char,
    not_undone: char,
    moment: char,
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
    undone: '↶',
    not_undone: '!',
    moment: '▾',
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
    undone: '<',
    not_undone: '!',
    moment: 'v',
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
/// From so many columns on the last one has a heading.
const ROOMY: usize = 60;
/// Columns of a stretch that is cut short.
const CUT: i64 = 3;

pub(super) fn draw(timeline: &Timeline, options: TextOptions) -> String {
    let signs = if options.ascii { &ASCII } else { &UNICODE };
    let widest = |of: &dyn Fn(&Row) -> usize| timeline.rows.iter().map(of).max().unwrap_or(0);
    let took = widest(&|row| columns(&row.took));
    let heading = timeline.took_heading();
    // A narrow terminal is told under the picture what the times are of.
    let headed = took > 0 && options.width >= ROOMY;
    let took = if headed {
        took.max(columns(heading))
    } else {
        took
    }
    .min(TOOK);
    let state = columns(State::Pending.sign(options.ascii));
    // Mark, state, id, bars, took, with a blank between them.
    let around = 2 + state + 1 + 2 + took + 1;
    let room = options.width.saturating_sub(around);
    let label = |row: &Row| match columns(&row.name) {
        0 => columns(&row.id),
        name => columns(&row.id) + 2 + name,
    };
    let ids = widest(&|row| columns(&row.id)).clamp(MIN_ID, (room / 2).max(MIN_ID));
    let id = widest(&label).min(room * 2 / 5).max(ids);
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
    moments(timeline, &scale, (indent, bars), signs, &mut out);
    let above = headed.then_some((heading, took));
    axis(&scale, bars, indent, signs, above, &mut out);
    for row in &timeline.rows {
        let mark = if row.critical { signs.critical } else { ' ' };
        let mut name = shorten_with(&row.id, id, signs.more);
        let left = id - columns(&name).min(id);
        if !row.name.is_empty() && left > MIN_ID {
            let _ = write!(name, "  {}", shorten_with(&row.name, left - 2, signs.more));
        }
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
    legend(timeline, &scale, signs, options.width, &mut out);
    if took > 0 && !headed {
        let _ = writeln!(out, "times: {heading}");
    }
    out
}

/// What began when, in as many lines as it takes; a word that has no room to
/// the right of its sign stands to the left.
fn moments(
    timeline: &Timeline,
    scale: &Scale,
    (indent, bars): (usize, usize),
    signs: &Signs,
    out: &mut String,
) {
    let mut lines: Vec<Vec<char>> = Vec::new();
    for moment in &timeline.moments {
        let at = indent + usize::try_from(scale.x(moment.at)).unwrap_or(0);
        let words: Vec<char> = shorten_with(&moment.words, bars.saturating_sub(2), signs.more)
            .chars()
            .collect();
        let right = at + 2 + words.len() <= indent + bars;
        let from = if right {
            at
        } else {
            (indent + bars).saturating_sub(words.len() + 2).min(at)
        };
        let text: Vec<char> = if right {
            [signs.moment, ' '].into_iter().chain(words).collect()
        } else {
            words.into_iter().chain([' ', signs.moment]).collect()
        };
        let until = from + text.len();
        let free = |line: &Vec<char>| {
            let taken = line.iter().take(until + 1).skip(from.saturating_sub(1));
            taken.clone().all(|c| *c == ' ')
        };
        let line = lines.iter().position(free).unwrap_or_else(|| {
            lines.push(vec![' '; indent + bars + 2]);
            lines.len() - 1
        });
        for (place, c) in text.into_iter().enumerate() {
            if let Some(cell) = lines[line].get_mut(from + place) {
                *cell = c;
            }
        }
    }
    for line in lines {
        let line: String = line.into_iter().collect();
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn axis(
    scale: &Scale,
    bars: usize,
    indent: usize,
    signs: &Signs,
    heading: Option<(&str, usize)>,
    out: &mut String,
) {
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
    if let Some((heading, width)) = heading {
        let shown = shorten_with(heading, width, signs.more);
        words.push(' ');
        words.extend(core::iter::repeat_n(
            ' ',
            width - columns(&shown).min(width),
        ));
        words.extend(shown.chars());
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
            SpanKind::Compensation(State::Failed) => (7, signs.not_undone),
            SpanKind::Compensation(_) => (6, signs.undone),
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
fn legend(timeline: &Timeline, scale: &Scale, signs: &Signs, width: usize, out: &mut String) {
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
        (
            has(|kind| matches!(kind, SpanKind::Compensation(state) if state != State::Failed)),
            signs.undone,
            "compensation",
        ),
        (
            has(|kind| kind == SpanKind::Compensation(State::Failed)),
            signs.not_undone,
            "compensation that failed",
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
    let entries = entries.into_iter().filter(|(occurs, ..)| *occurs);
    let entries = entries.map(|(_, sign, words)| alloc::format!("{sign} {words}"));
    for entry in entries.chain(cuts(scale, signs)) {
        if !line.is_empty() && columns(&line) + 3 + columns(&entry) > width {
            let _ = writeln!(out, "{line}");
            line.clear();
        }
        line.push_str(if line.is_empty() { "" } else { "   " });
        line.push_str(&shorten_with(&entry, width, signs.more));
    }
    let _ = writeln!(out, "{line}");
}

/// How long nothing ran where the axis is cut; those that are too many are
/// counted.
fn cuts(scale: &Scale, signs: &Signs) -> Option<String> {
    let cut = scale.stretches.iter().filter(|stretch| stretch.cut);
    let cuts: Vec<String> = cut.map(|cut| duration(cut.until - cut.from)).collect();
    if cuts.is_empty() {
        return None;
    }
    let shown = &cuts[..cuts.len().min(CUTS_SHOWN)];
    let more = match cuts.len() - shown.len() {
        0 => String::new(),
        more => alloc::format!(" and {more} more"),
    };
    let shown = shown.join(", ");
    Some(alloc::format!(
        "{} cut short, nothing ran: {shown}{more}",
        signs.cut
    ))
}

/// So many of them are told.
const CUTS_SHOWN: usize = 4;
