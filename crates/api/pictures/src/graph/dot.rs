//! A graph for Graphviz.

use super::{Drawn, EdgeKind, Gate, if_fails};
use crate::state::LIGHT;
use crate::text::clean;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::fmt::Write as _;

/// A text between double quotes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in clean(self.0).chars() {
            if matches!(c, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(c)?;
        }
        Ok(())
    }
}

pub(super) fn draw(drawn: &Drawn<'_>) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "digraph \"{}\" {{", Quoted(&drawn.graph.title));
    let _ = writeln!(
        out,
        "  rankdir=TB; node [shape=box, style=\"rounded,filled\", fillcolor=\"{}\", color=\"{}\", fontcolor=\"{}\", fontname=\"monospace\", fontsize=11];\n  edge [color=\"{}\", fontcolor=\"{}\", fontname=\"monospace\", fontsize=10];",
        LIGHT.plain, LIGHT.line, LIGHT.text, LIGHT.line, LIGHT.faint
    );
    for (at, node) in drawn.graph.nodes.iter().enumerate() {
        let _ = write!(out, "  n{at} [label=\"");
        if let Some(state) = node.state {
            let _ = write!(out, "{} ", state.sign(false));
        }
        let _ = write!(out, "{}", Quoted(&node.id));
        if drawn.counts[at] > 1 {
            let _ = write!(out, " ×{}", drawn.counts[at]);
        }
        if !node.name.is_empty() {
            let _ = write!(out, "\\n{}", Quoted(&node.name));
        }
        for remark in node.remarks() {
            let _ = write!(out, "\\n{}", Quoted(&remark));
        }
        out.push('"');
        out.push_str(match node.gate {
            Some(Gate::Hard) => ", shape=octagon, style=filled",
            Some(Gate::Manual) => ", shape=hexagon, style=filled",
            None if node.optional => ", style=\"rounded,filled,dashed\"",
            None => "",
        });
        if let Some(state) = node.state {
            let paint = state.light();
            let _ = write!(
                out,
                ", fillcolor=\"{}\", color=\"{}\"",
                paint.fill, paint.ink
            );
        }
        if drawn.counts[at] > 1 {
            out.push_str(", peripheries=2");
        }
        out.push_str("];\n");
    }
    for link in drawn.links() {
        let kind = EdgeKind::of(link.kind);
        let style = match kind {
            EdgeKind::Needs => String::new(),
            EdgeKind::After => String::from(" [style=dashed]"),
            EdgeKind::Fallback => {
                let words = if_fails(&drawn.graph.nodes[link.from]);
                format!(" [style=dashed, label=\"{}\"]", Quoted(&words))
            }
            EdgeKind::Compensation => String::from(" [style=dotted, label=\"undone by\"]"),
        };
        let _ = writeln!(out, "  n{} -> n{}{style};", link.from, link.to);
    }
    out.push_str("}\n");
    out
}
