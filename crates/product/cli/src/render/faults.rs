//! The faults of a plan or of a file of inputs, with the offending text underlined.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rok_service::views::{Fault, PlanErrors};
use std::fmt::Write as _;
use std::ops::Range;

/// Lines longer than this are shown in part, so that a one-line JSON file
/// stays readable.
const MAX_LINE: usize = 4096;

/// Places of a fault that are further apart, in bytes, are shown apart; a place
/// that is longer is shown in part.
const MAX_EXCERPT: usize = 16 * 1024;

/// Every fault, then a line that counts them.
pub(crate) fn faults(errors: &PlanErrors, code: &str, look: Look) -> String {
    let paint = Paint::of(look);
    let long = errors.source.lines().any(|line| line.len() > MAX_LINE);
    let mut out = String::new();
    for fault in &errors.faults {
        if long || errors.source.is_empty() {
            plain(&mut out, errors, fault, code, paint);
        } else {
            out.push_str(&snippet(errors, fault, code, look));
            out.push_str("\n\n");
        }
    }
    let count = errors.faults.len() + errors.omitted;
    let noun = if count == 1 { "fault" } else { "faults" };
    let _ = writeln!(
        out,
        "{}: {count} {noun} {}",
        clean(&errors.file),
        paint.faint(&format!("(rok help {code})"))
    );
    out
}

fn snippet(errors: &PlanErrors, fault: &Fault, code: &str, look: Look) -> String {
    let source = errors.source.as_str();
    let primary = within(source, &fault.span);
    let related = fault
        .related
        .iter()
        .map(|related| (within(source, &related.span), related.label.as_str()));
    // The renderer looks through all that it is given, for each fault anew.
    let (near, far): (Vec<_>, Vec<_>) = related.partition(|(span, _)| {
        span.start.abs_diff(primary.start) <= MAX_EXCERPT
            && span.end.abs_diff(primary.start) <= MAX_EXCERPT
    });
    let spans = near.iter().map(|(span, _)| span).chain([&primary]);
    let excerpt = Excerpt::of(source, spans);
    let mut snippet = Snippet::source(excerpt.text)
        .path(clean(&errors.file))
        .line_start(excerpt.line(fault, &primary))
        .annotation(AnnotationKind::Primary.span(excerpt.within(&primary)));
    for (span, label) in &near {
        let context = AnnotationKind::Context.span(excerpt.within(span));
        snippet = snippet.annotation(context.label(*label));
    }
    let mut group = Level::ERROR
        .primary_title(fault.message.as_str())
        .id(code)
        .element(snippet);
    for (span, label) in &far {
        let excerpt = Excerpt::of(source, [span]);
        let line = 1 + source[..excerpt.start].matches('\n').count();
        let context = AnnotationKind::Context.span(excerpt.within(span));
        let snippet = Snippet::source(excerpt.text)
            .path(clean(&errors.file))
            .line_start(line)
            .annotation(context.label(*label));
        group = group.element(snippet);
    }
    if let Some(hint) = &fault.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    let renderer = if look.color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let decor = if look.ascii || !look.tty {
        DecorStyle::Ascii
    } else {
        DecorStyle::Unicode
    };
    renderer
        .decor_style(decor)
        .term_width(look.width)
        .render(&[group])
}

/// The span held within the text, on characters' borders; a long one its head.
fn within(source: &str, span: &Range<usize>) -> Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let last = source.len().min(start + MAX_EXCERPT);
    let end = source.ceil_char_boundary(span.end.clamp(start, last));
    start..end
}

/// Whole lines of a text.
struct Excerpt<'s> {
    text: &'s str,
    start: usize,
}

impl<'s> Excerpt<'s> {
    /// The lines from the first to the last of some spans.
    fn of<'r>(source: &'s str, spans: impl IntoIterator<Item = &'r Range<usize>>) -> Self {
        let (mut start, mut end) = (source.len(), 0);
        for span in spans {
            (start, end) = (start.min(span.start), end.max(span.end));
        }
        start = source[..start].rfind('\n').map_or(0, |at| at + 1);
        end += source[end..]
            .find('\n')
            .map_or(source.len() - end, |at| at + 1);
        Self {
            text: &source[start..end],
            start,
        }
    }

    /// The number of its first line.
    fn line(&self, fault: &Fault, primary: &Range<usize>) -> usize {
        let before = &self.text[..primary.start - self.start];
        fault
            .line
            .saturating_sub(before.matches('\n').count())
            .max(1)
    }

    fn within(&self, span: &Range<usize>) -> Range<usize> {
        span.start - self.start..span.end - self.start
    }
}

fn plain(out: &mut String, errors: &PlanErrors, fault: &Fault, code: &str, paint: Paint) {
    let label = paint.bad(&format!("error[{code}]"));
    let _ = writeln!(out, "{label}: {}", clean(&fault.message));
    let _ = writeln!(
        out,
        "  at {}:{}:{}",
        clean(&errors.file),
        fault.line,
        fault.column
    );
    if let Some(hint) = &fault.hint {
        let _ = writeln!(out, "  {} {}", paint.hint("help:"), clean(hint));
    }
    out.push('\n');
}
