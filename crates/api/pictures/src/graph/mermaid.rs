//! A graph as a Mermaid flowchart.

use super::{Drawn, EdgeKind, Gate, Node, if_fails};
use crate::state::{LIGHT, State};
use crate::text::clean;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use core::fmt;
use core::fmt::Write as _;

/// A text in a quoted label, by Mermaid's own entity codes.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in clean(self.0).chars() {
            match c {
                '"' => f.write_str("#quot;")?,
                '#' => f.write_str("#35;")?,
                '&' => f.write_str("#amp;")?,
                '<' => f.write_str("#lt;")?,
                '>' => f.write_str("#gt;")?,
                '`' => f.write_str("#96;")?,
                '\\' => f.write_str("#92;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

pub(super) fn draw(drawn: &Drawn<'_>) -> String {
    let mut out = String::from("flowchart TB\n");
    let _ = writeln!(
        out,
        "  accTitle: {}",
        clean(&drawn.graph.title).replace([';', '#'], " ")
    );
    let mut states = BTreeSet::new();
    for (at, node) in drawn.graph.nodes.iter().enumerate() {
        let (open, close) = match node.gate {
            Some(Gate::Hard) => ("{{", "}}"),
            Some(Gate::Manual) => ("[/", "\\]"),
            None => ("(", ")"),
        };
        let _ = write!(out, "  n{at}{open}\"");
        label(&mut out, node, drawn.counts[at]);
        let _ = write!(out, "\"{close}");
        if let Some(state) = node.state {
            let _ = write!(out, ":::{}", state.class());
            states.insert(state);
        }
        out.push('\n');
    }
    for link in drawn.links() {
        let arrow = match EdgeKind::of(link.kind) {
            EdgeKind::Needs => String::from("-->"),
            EdgeKind::After => String::from("-.->"),
            EdgeKind::Fallback => {
                let words = if_fails(&drawn.graph.nodes[link.from]);
                format!("-.->|\"{}\"|", Quoted(&words))
            }
            EdgeKind::Compensation => String::from("-. undone by .->"),
        };
        let _ = writeln!(out, "  n{} {arrow} n{}", link.from, link.to);
    }
    for state in states {
        let paint = state.light();
        let _ = writeln!(
            out,
            "  classDef {} fill:{},stroke:{},color:{}",
            state.class(),
            paint.fill,
            paint.ink,
            LIGHT.text
        );
    }
    out
}

fn label(out: &mut String, node: &Node, count: usize) {
    if let Some(state) = node.state {
        let _ = write!(out, "{} ", State::sign(state, false));
    }
    let _ = write!(out, "{}", Quoted(&node.id));
    if count > 1 {
        let _ = write!(out, " ×{count}");
    }
    if !node.name.is_empty() {
        let _ = write!(out, "<br/>{}", Quoted(&node.name));
    }
    for remark in node.remarks() {
        let _ = write!(out, "<br/>{}", Quoted(&remark));
    }
}
