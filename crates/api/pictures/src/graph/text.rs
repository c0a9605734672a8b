//! A graph as text: a line for each step, layer by layer, with what it follows.

use super::{Drawn, EdgeKind, if_fails};
use crate::layout::ranks;
use crate::text::{TextOptions, clean, columns, shorten_with, wrap};
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The signs of a look.
struct Signs {
    alone: &'static str,
    first: &'static str,
    middle: &'static str,
    last: &'static str,
    needs: &'static str,
    after: &'static str,
    instead: &'static str,
    undoes: &'static str,
    times: &'static str,
    dot: &'static str,
    more: &'static str,
}

const UNICODE: Signs = Signs {
    alone: "─",
    first: "┬",
    middle: "├",
    last: "└",
    needs: "←",
    after: "⇠",
    instead: "↤",
    undoes: "↶",
    times: "×",
    dot: " · ",
    more: "…",
};

const ASCII: Signs = Signs {
    alone: "-",
    first: "+",
    middle: "|",
    last: "`",
    needs: "<-",
    after: "<~",
    instead: "<=",
    undoes: "<<",
    times: "x",
    dot: ", ",
    more: "~",
};

/// An id gets at least so many columns, however narrow the terminal.
const MIN_ID: usize = 8;

pub(super) fn draw(drawn: &Drawn<'_>, options: TextOptions) -> String {
    let signs = if options.ascii { &ASCII } else { &UNICODE };
    let links = drawn.links();
    let nodes = &drawn.graph.nodes;
    let ranks = ranks(nodes.len(), &links);
    let layers = ranks.iter().max().map_or(0, |max| max + 1);
    let mut parents: Vec<Vec<(EdgeKind, usize)>> = vec![Vec::new(); nodes.len()];
    for link in &links {
        parents[link.to].push((EdgeKind::of(link.kind), link.from));
    }
    let mut out = head(drawn, layers, signs, options.width);
    let number = columns(&layers.to_string());
    for layer in 0..layers {
        let members: Vec<usize> = (0..nodes.len()).filter(|at| ranks[*at] == layer).collect();
        for (at, member) in members.iter().enumerate() {
            let number = if at == 0 {
                format!("{:>number$}", layer + 1)
            } else {
                " ".repeat(number)
            };
            let branch = match (at, members.len()) {
                (0, 1) => signs.alone,
                (0, _) => signs.first,
                (at, all) if at + 1 == all => signs.last,
                _ => signs.middle,
            };
            let mut line = format!("{number} {branch} ");
            step(drawn, *member, &parents[*member], options, signs, &mut line);
            out.push_str(line.trim_end());
            out.push('\n');
        }
    }
    out
}

fn head(drawn: &Drawn<'_>, layers: usize, signs: &Signs, width: usize) -> String {
    let noun = if layers == 1 { "layer" } else { "layers" };
    let mut out = String::new();
    let title = format!(
        "{}: {}, {layers} {noun}",
        clean(&drawn.graph.title),
        drawn.description()
    );
    let dotted = drawn.graph.subtitle.replace(" · ", signs.dot);
    for line in wrap(&title, width).into_iter().chain(wrap(&dotted, width)) {
        let _ = writeln!(out, "{line}");
    }
    out.push('\n');
    out
}

/// Sign, id, remarks, and what it follows; what does not fit is counted.
fn step(
    drawn: &Drawn<'_>,
    at: usize,
    parents: &[(EdgeKind, usize)],
    options: TextOptions,
    signs: &Signs,
    line: &mut String,
) {
    let node = &drawn.graph.nodes[at];
    if let Some(state) = node.state {
        let _ = write!(line, "{} ", state.sign(options.ascii));
    }
    let times = match drawn.counts[at] {
        1 => String::new(),
        count => format!(" {}{count}", signs.times),
    };
    let room = |line: &str| options.width.saturating_sub(columns(line));
    let id_room = room(line).saturating_sub(columns(&times)).max(MIN_ID);
    line.push_str(&shorten_with(&node.id, id_room, signs.more));
    line.push_str(&times);
    let name = clean(&node.name);
    // The edges say more than a name: it gets no more than half of what is left.
    if !name.is_empty() && room(line) / 2 > MIN_ID {
        let name = shorten_with(&name, room(line) / 2 - 2, signs.more);
        let _ = write!(line, "  {name}");
    }
    let remarks = node.remarks();
    if !remarks.is_empty() {
        let remarks = format!("  ({})", remarks.join(signs.dot)).replace(" · ", signs.dot);
        if columns(&remarks) <= room(line) {
            line.push_str(&remarks);
        } else if room(line) > MIN_ID {
            line.push_str(&shorten_with(&remarks, room(line), signs.more));
        }
    }
    let mut shown = 0;
    let mut kind_before = None;
    for (kind, parent) in parents {
        let arrow = match kind {
            EdgeKind::Needs => signs.needs,
            EdgeKind::After => signs.after,
            EdgeKind::Fallback => signs.instead,
            EdgeKind::Compensation => signs.undoes,
        };
        let id = clean(&drawn.graph.nodes[*parent].id);
        let part = if *kind == EdgeKind::Fallback {
            format!("  {arrow} {}", if_fails(&drawn.graph.nodes[*parent]))
        } else if kind_before == Some(*kind) {
            format!(", {id}")
        } else {
            format!("  {arrow} {id}")
        };
        let rest = parents.len() - shown - 1;
        let after = if rest == 0 {
            0
        } else {
            columns(&format!(" +{rest}"))
        };
        if columns(&part) + after > room(line) {
            break;
        }
        line.push_str(&part);
        kind_before = Some(*kind);
        shown += 1;
    }
    let hidden = parents.len() - shown;
    if hidden > 0 {
        let more = if shown == 0 {
            format!("  {} {hidden}", signs.needs)
        } else {
            format!(" +{hidden}")
        };
        if columns(&more) <= room(line) {
            line.push_str(&more);
        }
    }
}
