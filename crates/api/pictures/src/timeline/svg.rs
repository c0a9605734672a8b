//! A timeline as SVG: a bar for each attempt, lines for what was waited for.

use super::scale::{Scale, duration};
use super::{Row, Span, SpanKind, Timeline};
use crate::state::State;
use crate::svg::{Flow, LABEL, Sheet, icon, open, text_width};
use crate::text::{Xml, shorten};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// A row's height, and that of its bars.
const ROW: i32 = 22;
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

/// Where things are.
struct Chart<'a> {
    timeline: &'a Timeline,
    scale: Scale,
    /// Left of the chart.
    left: i32,
    /// Top of the first axis.
    top: i32,
}

pub(super) fn draw(timeline: &Timeline, inline: bool) -> String {
    let widest = timeline
        .rows
        .iter()
        .map(|row| text_width(&shorten(&row.id, ID_COLUMNS), LABEL));
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
    let chart = Chart {
        timeline,
        scale: Scale::new(timeline, i64::from(CHART), CUT),
        left,
        top: sheet.y() + 12,
    };
    let height = chart.bottom() + MARGIN;
    chart.bands(&mut body);
    chart.grid(&mut body);
    chart.path(&mut body);
    for (at, row) in timeline.rows.iter().enumerate() {
        chart.row(at, row, &mut body);
    }
    let critical = timeline.rows.iter().filter(|row| row.critical).count();
    let description = format!(
        "{} steps in {}; {critical} on the critical path",
        timeline.rows.len(),
        duration(timeline.until - timeline.from)
    );
    let mut out = open(
        "timeline",
        (width, height),
        &timeline.title,
        &description,
        inline,
    );
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

impl Chart<'_> {
    /// The top of a row.
    fn y(&self, at: usize) -> i32 {
        let at_i32 = i32::try_from(at).unwrap_or(0);
        let axes = i32::try_from(at / AXIS_EVERY).unwrap_or(0) + 1;
        self.top + at_i32 * ROW + axes * AXIS
    }

    fn bottom(&self) -> i32 {
        let rows = self.timeline.rows.len();
        self.y(rows.saturating_sub(1)) + if rows == 0 { 0 } else { ROW } + 8
    }

    fn x(&self, at: i64) -> i32 {
        self.left + i32::try_from(self.scale.x(at)).unwrap_or(0)
    }

    /// When the whole run stood still.
    fn bands(&self, out: &mut String) {
        let (top, height) = (self.top + AXIS, self.bottom() - self.top - AXIS);
        for band in &self.timeline.bands {
            let (x, end) = (self.x(band.from), self.x(band.until));
            let _ = write!(
                out,
                "<g class=\"wait\" role=\"graphics-symbol img\"><title>{}</title>\
                 <rect class=\"box band\" x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"{height}\"/></g>",
                Xml(&band.words),
                (end - x).max(2)
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
            for tick in &ticks {
                let _ = write!(
                    out,
                    "<text class=\"f s mid\" x=\"{}\" y=\"{y}\">{}</text>",
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
                 <text class=\"f s mid\" x=\"{middle}\" y=\"{}\">{words}</text></g>",
                middle - 3,
                middle + 3,
                self.top + AXIS - 9
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
            let (y, to_y) = (self.y(from) + ROW / 2, self.y(to) + ROW / 2);
            let _ = write!(d, "M{x} {y}V{to_y}H{end}");
        }
        if !d.is_empty() {
            let _ = write!(out, "<path class=\"mark path\" d=\"{d}\"/>");
        }
    }

    fn row(&self, at: usize, row: &Row, out: &mut String) {
        let top = self.y(at);
        let mid = top + ROW / 2;
        let _ = write!(
            out,
            "<g class=\"{}\" role=\"graphics-symbol img\"><title>{}</title>\
             <rect class=\"hit\" x=\"0\" y=\"{top}\" width=\"{}\" height=\"{ROW}\"/>",
            row.state.class(),
            Xml(&row.full()),
            self.left + CHART + TOOK + MARGIN
        );
        icon(row.state, MARGIN + 6, mid, out);
        let class = if row.critical { "m id b" } else { "t id" };
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{}\" y=\"{}\">{}</text>",
            MARGIN + SIGN,
            mid + 4,
            Xml(&shorten(&row.id, ID_COLUMNS))
        );
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
    if !timeline.bands.is_empty() {
        flow.item("the run stood still", |out, x, y| {
            let _ = write!(
                out,
                "<g class=\"wait\"><rect class=\"box band\" x=\"{x}\" y=\"{}\" width=\"22\" height=\"14\"/></g>",
                y - 7
            );
        });
    }
    if timeline.rows.iter().any(|row| row.critical) {
        flow.item("critical path", |out, x, y| {
            let _ = write!(out, "<path class=\"mark path\" d=\"M{x} {y}h22\"/>");
        });
    }
    flow.end();
}
