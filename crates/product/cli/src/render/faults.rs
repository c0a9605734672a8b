//! The faults of a plan file, with the offending text underlined.

use super::paint::{Paint, clean};
use crate::terminal::Look;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use rok_service::views::{Fault, PlanErrors};
use std::fmt::Write as _;

/// Lines longer than this are shown in part, so that a one-line JSON file
/// stays readable.
const MAX_LINE: usize = 4096;

/// Every fault, then a line that counts them.
pub(crate) fn faults(errors: &PlanErrors, look: Look) -> String {
    let paint = Paint::of(look);
    let long = errors.source.lines().any(|line| line.len() > MAX_LINE);
    let mut out = String::new();
    for fault in &errors.faults {
        if long || errors.source.is_empty() {
            plain(&mut out, errors, fault, paint);
        } else {
            out.push_str(&snippet(errors, fault, look));
            out.push_str("\n\n");
        }
    }
    let count = errors.faults.len() + errors.omitted;
    let noun = if count == 1 { "fault" } else { "faults" };
    let _ = writeln!(
        out,
        "{}: {count} {noun} {}",
        errors.file,
        paint.faint("(rok help ROK0001)")
    );
    out
}

fn snippet(errors: &PlanErrors, fault: &Fault, look: Look) -> String {
    let source = errors.source.as_str();
    let mut snippet = Snippet::source(source)
        .path(errors.file.as_str())
        .annotation(AnnotationKind::Primary.span(within(source, &fault.span)));
    for related in &fault.related {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(within(source, &related.span))
                .label(related.label.as_str()),
        );
    }
    let mut group = Level::ERROR
        .primary_title(fault.message.as_str())
        .id("ROK0001")
        .element(snippet);
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

/// The span held within the text, on characters' borders.
fn within(source: &str, span: &std::ops::Range<usize>) -> std::ops::Range<usize> {
    let start = source.floor_char_boundary(span.start.min(source.len()));
    let end = source.ceil_char_boundary(span.end.clamp(start, source.len()));
    start..end
}

fn plain(out: &mut String, errors: &PlanErrors, fault: &Fault, paint: Paint) {
    let label = paint.bad("error[ROK0001]");
    let _ = writeln!(out, "{label}: {}", clean(&fault.message));
    let _ = writeln!(out, "  at {}:{}:{}", errors.file, fault.line, fault.column);
    if let Some(hint) = &fault.hint {
        let _ = writeln!(out, "  {} {}", paint.hint("help:"), clean(hint));
    }
    out.push('\n');
}
