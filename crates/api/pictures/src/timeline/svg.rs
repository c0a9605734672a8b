//! A timeline as SVG: a bar for each attempt, lines for what was waited for.

use super::scale::{Scale, duration};
use super::{BandKind, Moment, Row, Span, SpanKind, Timeline};
use crate::state::State;
use crate::svg::{Flow, LABEL, NAME, SMALL, Sheet, UNDER, icon, open, text_width};
use crate::text::{Xml, shorten};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// A row's height, and that of its bars.
const ROW: i32 = 22;
/// With a name above its id.
const NAMED: i32 = 34;
const BAR: i32 = 12;
/// The axis is drawn again after so many rows: nobody scrolls back for it.
const AXIS_EVERY: usize = 40;
const AXIS: i32 = 24;
/// The columns: ids, the chart, how long it took.
const ID_COLUMNS: usize = 32;
const ID_WIDTH: (i32, i32) = (90, 250);
const CHART: i32 = 820;
const TOOK: i32 = 84;
const SIGN: i32 = 20;
const MARGIN: i32 = 24;
/// How wide a stretch is drawn that is cut short.
const CUT: i64 = 64;
/// Between marks of the axis.
const APART: i64 = 84;
/// A line of words above the axis, and their columns.
const MOMENT: i32 = 15;
const MOMENT_COLUMNS: usize = 40;

/// Where things are.
struct Chart<'a> {
    timeline: &'a Timeline,
    scale: Scale,
    /// Left of the chart.
    left: i32,
    /// Top of the first axis.
    top: i32,
    /// The tops of the rows, and the end of the last.
    tops: Vec<i32>,
}

pub(super) fn draw(timeline: &Timeline, inline: bool) -> String {
    let widest = timeline.rows.iter().map(|row| {
        let id = shorten(&row.id, ID_COLUMNS);
        if named(row) {
            let name = shorten(&row.name, ID_COLUMNS);
            text_width(&name, NAME).max(text_width(&id, UNDER))
        } else {
            text_width(&id, LABEL)
        }
    });
    let ids = widest.max().unwrap_or(0).clamp(ID_WIDTH.0, ID_WIDTH.1);
    let left = MARGIN + SIGN + ids + 14;
    let width = left + CHART + TOOK + MARGIN;
    let mut body = String::new();
    let mut sheet = Sheet::new(
        &mut body,
        width,
        &timeline.title,
        &timeline.subtitle,
        MARGIN,
    );
    legend(timeline, &mut sheet);
    let scale = Scale::new(timeline, i64::from(CHART), CUT);
    let y = sheet.y() + 12;
    let moments = moments(timeline, &scale);
    let lines = moments
        .iter()
        .map(|placed| placed.line + 1)
        .max()
        .unwrap_or(0);
    let top = y + MOMENT * lines;
    let chart = Chart {
        timeline,
        scale,
        left,
        top,
        tops: tops(timeline, top),
    };
    let height = chart.bottom() + MARGIN;
    chart.bands(&mut body);
    chart.moments(&moments, y, &mut body);
    chart.grid(&mut body);
    chart.path(&mut body);
    for (at, row) in timeline.rows.iter().enumerate() {
        chart.row(at, row, &mut body);
    }
    let mut out = open(
        "timeline",
        (width, height),
        &timeline.title,
        &description(timeline),
        inline,
    );
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

/// What the picture is of, in words.
fn description(timeline: &Timeline) -> String {
    let rows = &timeline.rows;
    let critical = rows.iter().filter(|row| row.critical).count();
    let mut out = format!(
        "{} steps in {}; {critical} on the critical path",
        rows.len(),
        duration(timeline.until - timeline.from)
    );
    let undone = |row: &Row| {
        let spans = row.spans.iter();
        spans
            .filter(|span| matches!(span.kind, SpanKind::Compensation(_)))
            .count()
    };
    // The row of a fan-out sums up those of its children, which follow it.
    let sums_up = |at: usize| {
        let next = rows.get(at + 1);
        next.is_some_and(|next| {
            next.id
                .strip_prefix(&*rows[at].id)
                .is_some_and(|rest| rest.starts_with('['))
        })
    };
    let own = rows.iter().enumerate().filter(|(at, _)| !sums_up(*at));
    match own.map(|(_, row)| undone(row)).sum::<usize>() {
        0 => {}
        1 => out.push_str("; 1 compensation"),
        more => {
            let _ = write!(out, "; {more} compensations");
        }
    }
    for band in &timeline.bands {
        let _ = write!(out, "; {}", band.words);
    }
    out
}

impl Chart<'_> {
    /// The top of a row.
    fn y(&self, at: usize) -> i32 {
        self.tops.get(at).copied().unwrap_or(self.top)
    }

    /// The middle of a row.
    fn mid(&self, at: usize) -> i32 {
        self.y(at) + self.timeline.rows.get(at).map_or(ROW, height) / 2
    }

    fn bottom(&self) -> i32 {
        let last = self.timeline.rows.len();
        self.y(last) + 8
    }

    fn x(&self, at: i64) -> i32 {
        self.left + i32::try_from(self.scale.x(at)).unwrap_or(0)
    }

    /// What held for the whole run at once.
    fn bands(&self, out: &mut String) {
        let (top, height) = (self.top + AXIS, self.bottom() - self.top - AXIS);
        for band in &self.timeline.bands {
            let (x, end) = (self.x(band.from), self.x(band.until));
            let _ = write!(
                out,
                "<g class=\"{}\" role=\"graphics-symbol img\"><title>{}</title>\
                 <rect class=\"box band\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/></g>",
                class_of(band.kind),
                Xml(&band.words),
                (end - x).max(2)
            );
        }
    }

    /// What began when, above the axis, with a line through all rows.
    fn moments(&self, moments: &[Placed], y: i32, out: &mut String) {
        for Placed {
            x,
            words,
            line,
            to_the_left,
        } in moments
        {
            let (x, y) = (
                self.left + i32::try_from(*x).unwrap_or(0),
                y + MOMENT * line,
            );
            let (side, anchor) = if *to_the_left { (-4, " end") } else { (4, "") };
            let _ = write!(
                out,
                "<path class=\"mark moment\" d=\"M{x} {}V{}\"/><text class=\"m s{anchor}\" x=\"{}\" y=\"{}\">{}</text>",
                y - 8,
                self.bottom(),
                x + side,
                y,
                Xml(words)
            );
        }
    }

    fn grid(&self, out: &mut String) {
        let ticks = self.scale.ticks(APART);
        let (top, bottom) = (self.top + AXIS - 4, self.bottom());
        let mut lines = String::new();
        let at = |x: i64| self.left + i32::try_from(x).unwrap_or(0);
        for tick in &ticks {
            let _ = write!(lines, "M{} {top}V{bottom}", at(tick.x));
        }
        let _ = write!(out, "<path class=\"grid\" d=\"{lines}\"/>");
        let axes = self.timeline.rows.len().saturating_sub(1) / AXIS_EVERY + 1;
        for axis in 0..axes {
            let y = self.y(axis * AXIS_EVERY) - 9;
            let _ = write!(
                out,
                "<text class=\"f s end\" x=\"{}\" y=\"{y}\">{}</text>",
                self.left + CHART + TOOK,
                self.timeline.took_heading()
            );
            for tick in &ticks {
                let _ = write!(
                    out,
                    "<text class=\"f s mid on\" x=\"{}\" y=\"{y}\">{}</text>",
                    at(tick.x),
                    tick.words
                );
            }
        }
        for cut in self.scale.stretches.iter().filter(|stretch| stretch.cut) {
            let (x, end) = (at(cut.x), at(cut.end));
            let middle = i32::midpoint(x, end);
            let words = duration(cut.until - cut.from);
            let _ = write!(
                out,
                "<g role=\"graphics-symbol img\"><title>{words} in which nothing ran, drawn short</title>\
                 <path class=\"l cut\" d=\"M{} {top}V{bottom}M{} {top}V{bottom}\"/>\
                 <text class=\"f s mid\" x=\"{middle}\" y=\"{}\">{words} idle</text></g>",
                middle - 3,
                middle + 3,
                // Not among the instants: it is no instant.
                bottom + 13
            );
        }
    }

    /// From each step of the critical path to the next.
    fn path(&self, out: &mut String) {
        let mut ends: Vec<(i64, i64, usize)> = Vec::new();
        for (at, row) in self
            .timeline
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.critical)
        {
            let attempts = || {
                row.spans
                    .iter()
                    .filter(|span| matches!(span.kind, SpanKind::Attempt(_)))
            };
            if let (Some(first), Some(last)) = (attempts().next(), attempts().next_back()) {
                ends.push((last.until, first.from, at));
            }
        }
        ends.sort_unstable();
        let mut d = String::new();
        for pair in ends.windows(2) {
            let ((until, _, from), (_, start, to)) = (pair[0], pair[1]);
            let (x, end) = (self.x(until), self.x(start));
            let (y, to_y) = (self.mid(from), self.mid(to));
            let _ = write!(d, "M{x} {y}V{to_y}H{end}");
        }
        if !d.is_empty() {
            let _ = write!(out, "<path class=\"mark path\" d=\"{d}\"/>");
        }
    }

    fn row(&self, at: usize, row: &Row, out: &mut String) {
        let (top, mid, height) = (self.y(at), self.mid(at), height(row));
        let _ = write!(
            out,
            "<g class=\"{}\" role=\"graphics-symbol img\"><title>{}</title>\
             <rect class=\"hit\" x=\"0\" y=\"{top}\" width=\"{}\" height=\"{height}\"/>",
            row.state.class(),
            Xml(&row.full()),
            self.left + CHART + TOOK + MARGIN
        );
        icon(row.state, MARGIN + 6, mid, out);
        label(row, mid, out);
        for span in &row.spans {
            self.span(span, row.critical, mid, out);
        }
        if !row.took.is_empty() {
            let _ = write!(
                out,
                "<text class=\"f s end\" x=\"{}\" y=\"{}\">{}</text>",
                self.left + CHART + TOOK,
                mid + 4,
                Xml(&shorten(&row.took, 12))
            );
        }
        out.push_str("</g>");
    }

    fn span(&self, span: &Span, critical: bool, mid: i32, out: &mut String) {
        let (x, end) = (self.x(span.from), self.x(span.until));
        match span.kind {
            SpanKind::Queued => line(out, "l queued", x, end, mid),
            SpanKind::Delay => line(out, "l delay", x, end, mid),
            SpanKind::Decision => {
                let _ = write!(out, "<g class=\"wait\">");
                line(out, "decision", x, end, mid);
                out.push_str("</g>");
            }
            SpanKind::Compensation(state) => {
                let width = (end - x).max(3);
                let sign = compensation_sign(state);
                let _ = write!(
                    out,
                    "<g class=\"{}\"><rect class=\"bar undone\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{BAR}\" rx=\"2\"/>",
                    sign.class(),
                    mid - BAR / 2
                );
                // Seen however short it was, and told from an attempt by more
                // than its colour.
                icon(sign, x + width / 2, mid, out);
                out.push_str("</g>");
            }
            SpanKind::Attempt(state) => {
                let width = (end - x).max(3);
                let mark = if critical { " crit" } else { "" };
                let _ = write!(
                    out,
                    "<g class=\"{}\"><rect class=\"bar{mark}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{BAR}\" rx=\"2\"/>",
                    state.class(),
                    mid - BAR / 2
                );
                // A failure is seen however short it was.
                if state == State::Failed {
                    let _ = write!(
                        out,
                        "<path class=\"i\" d=\"M{} {}l7 7m0 -7l-7 7\"/>",
                        x + width / 2 - 3,
                        mid - 3
                    );
                }
                out.push_str("</g>");
            }
        }
    }
}

fn named(row: &Row) -> bool {
    !row.name.is_empty()
}

fn height(row: &Row) -> i32 {
    if named(row) { NAMED } else { ROW }
}

/// The top of each row, with an axis before every so many of them.
fn tops(timeline: &Timeline, top: i32) -> Vec<i32> {
    let mut y = top;
    let mut tops = Vec::with_capacity(timeline.rows.len() + 1);
    for (at, row) in timeline.rows.iter().enumerate() {
        if at % AXIS_EVERY == 0 {
            y += AXIS;
        }
        tops.push(y);
        y += height(row);
    }
    tops.push(if timeline.rows.is_empty() {
        y + AXIS
    } else {
        y
    });
    tops
}

/// What began when: where, in which words, and in which line.
fn moments(timeline: &Timeline, scale: &Scale) -> Vec<Placed> {
    let mut ends: Vec<i64> = Vec::new();
    let place = |moment: &Moment| {
        let words = shorten(&moment.words, MOMENT_COLUMNS);
        let x = scale.x(moment.at);
        let width = i64::from(text_width(&words, SMALL)) + 4;
        let to_the_left = x + width > i64::from(CHART + TOOK);
        let from = if to_the_left { x - width } else { x };
        // None covers another: each stands in the first line where it is free.
        let line = ends
            .iter()
            .position(|end| end + 8 <= from)
            .unwrap_or(ends.len());
        if line == ends.len() {
            ends.push(0);
        }
        ends[line] = from + width;
        Placed {
            x,
            words,
            line: i32::try_from(line).unwrap_or(0),
            to_the_left,
        }
    };
    timeline.moments.iter().map(place).collect()
}

/// Words above the axis, in their place.
struct Placed {
    x: i64,
    words: String,
    line: i32,
    to_the_left: bool,
}

const fn class_of(kind: BandKind) -> &'static str {
    match kind {
        BandKind::Still => State::Waiting.class(),
        BandKind::Closed => State::Skipped.class(),
        BandKind::Rollback => State::Compensated.class(),
    }
}

/// A compensation that goes on looks like one that is done, but for its state.
const fn compensation_sign(state: State) -> State {
    match state {
        State::Failed | State::Running => state,
        _ => State::Compensated,
    }
}

/// Name and id, or the id alone.
fn label(row: &Row, mid: i32, out: &mut String) {
    let x = MARGIN + SIGN;
    let mark = if row.critical { "m" } else { "t" };
    let mut line = |class: &str, y: i32, text: &str| {
        let text = shorten(text, ID_COLUMNS);
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{}</text>",
            Xml(&text)
        );
    };
    if named(row) {
        line(&format!("{mark} nm"), mid - 2, &row.name);
        line("f idf", mid + 11, &row.id);
    } else {
        let weight = if row.critical { " b" } else { "" };
        line(&format!("{mark} id{weight}"), mid + 4, &row.id);
    }
}

fn line(out: &mut String, class: &str, x: i32, end: i32, y: i32) {
    if end > x {
        let _ = write!(out, "<path class=\"{class}\" d=\"M{x} {y}H{end}\"/>");
    }
}

/// What bars and lines mean; only those that occur.
fn legend(timeline: &Timeline, sheet: &mut Sheet<'_>) {
    let spans = || timeline.rows.iter().flat_map(|row| &row.spans);
    let mut flow = Flow::new(sheet);
    for state in State::ALL {
        let attempted = spans().any(|span| span.kind == SpanKind::Attempt(state));
        // A compensation has an entry of its own.
        if attempted || timeline.rows.iter().any(|row| row.state == state) {
            flow.item(state.word(), |out, x, y| {
                let _ = write!(out, "<g class=\"{}\">", state.class());
                if attempted {
                    let _ = write!(
                        out,
                        "<rect class=\"bar\" x=\"{x}\" y=\"{}\" width=\"22\" height=\"12\" rx=\"2\"/>",
                        y - 6
                    );
                }
                icon(state, x + 11, y, out);
                out.push_str("</g>");
            });
        }
    }
    let compensations = [
        (State::Compensated, "compensation"),
        (State::Running, "compensation under way"),
        (State::Failed, "compensation that failed"),
    ];
    for (state, words) in compensations {
        if spans().any(|span| span.kind == SpanKind::Compensation(state)) {
            flow.item(words, |out, x, y| {
                let _ = write!(
                    out,
                    "<g class=\"{}\"><rect class=\"bar undone\" x=\"{x}\" y=\"{}\" width=\"22\" height=\"12\" rx=\"2\"/>",
                    state.class(),
                    y - 6
                );
                icon(state, x + 11, y, out);
                out.push_str("</g>");
            });
        }
    }
    let kinds = [
        (SpanKind::Queued, "queued", "l queued"),
        (SpanKind::Decision, "waits for a person", "decision"),
        (SpanKind::Delay, "delay before a retry", "l delay"),
    ];
    for (kind, words, class) in kinds {
        if spans().any(|span| span.kind == kind) {
            flow.item(words, |out, x, y| {
                out.push_str("<g class=\"wait\">");
                line(out, class, x, x + 22, y);
                out.push_str("</g>");
            });
        }
    }
    for kind in BandKind::ALL {
        if timeline.bands.iter().any(|band| band.kind == kind) {
            flow.item(kind.words(), |out, x, y| {
                let _ = write!(
                    out,
                    "<g class=\"{}\"><rect class=\"box band\" x=\"{x}\" y=\"{}\" width=\"22\" height=\"14\"/></g>",
                    class_of(kind),
                    y - 7
                );
            });
        }
    }
    if timeline.rows.iter().any(|row| row.critical) {
        flow.item("critical path", |out, x, y| {
            let _ = write!(out, "<path class=\"mark path\" d=\"M{x} {y}h22\"/>");
        });
    }
    flow.end();
}
