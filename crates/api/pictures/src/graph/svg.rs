//! A graph as SVG: shapes by gate, signs and colours by state, lines by kind.

use super::{Drawn, EdgeKind, Gate, Node, if_fails};
use crate::layout::{Layout, Link, Place, Size, layout};
use crate::state::State;
use crate::svg::{Flow, LABEL, NAME, SMALL, Sheet, UNDER, icon, open, text_width};
use crate::text::{Xml, columns, shorten};
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// Beyond so many boxes each has one line: more of the graph is seen at once.
const ROOMY: usize = 80;
/// Columns of an id, and of the line under it.
const ID_COLUMNS: usize = 30;
const NAME_COLUMNS: usize = 40;
const NOTE_COLUMNS: usize = 46;
/// Heights of boxes with two lines and with one.
const TALL: i32 = 46;
const LOW: i32 = 28;
/// From a box's side to its text; with a sign before it.
const PAD: i32 = 13;
const SIGN: i32 = 20;
/// How far the sides of a manual gate stand out, and the corners of a hard
/// gate are cut.
const POINT: i32 = 12;
const CUT: i32 = 9;
/// An edge that arrives this far from its box's middle goes straight.
const STRAIGHT: i32 = 8;
/// Around the picture.
const MARGIN: i32 = 24;
/// A layer is wrapped beyond this, at least and at most.
const WRAP: (i32, i32) = (2200, 5200);
/// Room for a title and a legend that can be read.
const MIN_WIDTH: i32 = 440;

/// Heights of lines of text: the first, and those under it.
const FIRST: i32 = 12;
const LINE: i32 = 15;

/// A box as it is drawn.
struct Card {
    /// Its lines, with the class of each.
    lines: Vec<(&'static str, String)>,
    size: Size,
}

pub(super) fn draw(drawn: &Drawn<'_>, inline: bool) -> String {
    let cards = cards(drawn);
    let mut sizes: Vec<Size> = cards.iter().map(|card| card.size).collect();
    for link in fallbacks(drawn) {
        // What stands above a box is no wider than the box: it covers no other.
        let words = text_width(&if_fails(&drawn.graph.nodes[link.from]), SMALL);
        sizes[link.to].w = sizes[link.to].w.max((words + 1) / 2 * 2);
    }
    let placed = layout(&sizes, &drawn.links(), wrap(&sizes));
    let width = placed.width.max(MIN_WIDTH) + 2 * MARGIN;
    let mut body = String::new();
    let mut sheet = Sheet::new(
        &mut body,
        width,
        &drawn.graph.title,
        &drawn.graph.subtitle,
        MARGIN,
    );
    legend(drawn, &mut sheet);
    let top = sheet.y() + 10;
    let left = (width - placed.width) / 2;
    let _ = write!(body, "<g transform=\"translate({left} {top})\">");
    edges(&placed, &mut body);
    labels(drawn, &placed, &mut body);
    for (at, place) in placed.places.iter().enumerate() {
        node(drawn, at, &cards[at], *place, &mut body);
    }
    body.push_str("</g>");
    let height = top + placed.height + MARGIN;
    let mut out = open(
        "graph",
        (width, height),
        &drawn.graph.title,
        &drawn.description(),
        inline,
    );
    out.push_str(&body);
    out.push_str("</svg>\n");
    out
}

fn cards(drawn: &Drawn<'_>) -> Vec<Card> {
    let tall = drawn.graph.nodes.len() <= ROOMY;
    let card = |(node, count): (&Node, &usize)| {
        let times = if *count > 1 {
            format!(" ×{count}")
        } else {
            String::new()
        };
        let id = format!(
            "{}{times}",
            shorten(&node.id, ID_COLUMNS - columns(&times).min(10))
        );
        let note = if tall {
            shorten(&words(node).join(" · "), NOTE_COLUMNS)
        } else {
            String::new()
        };
        let name = if tall {
            shorten(&node.name, NAME_COLUMNS)
        } else {
            String::new()
        };
        let mut lines = Vec::new();
        let mut text = text_width(&note, SMALL);
        if name.is_empty() {
            text = text.max(text_width(&id, LABEL));
            lines.push(("t id", id));
        } else {
            text = text
                .max(text_width(&name, NAME))
                .max(text_width(&id, UNDER));
            lines.extend([("t nm", name), ("f idf", id)]);
        }
        if !note.is_empty() {
            lines.push(("f s", note));
        }
        let sign = if node.state.is_some() { SIGN } else { 0 };
        let point = if node.gate == Some(Gate::Manual) {
            2 * POINT - 8
        } else {
            0
        };
        Card {
            size: Size {
                // Centres must be whole.
                w: (text + sign + 2 * PAD + point + 1) / 2 * 2,
                h: match lines.len() {
                    _ if !tall => LOW,
                    0..=2 => TALL,
                    _ => TALL + LINE,
                },
            },
            lines,
        }
    };
    drawn
        .graph
        .nodes
        .iter()
        .zip(&drawn.counts)
        .map(card)
        .collect()
}

/// State and remarks in words.
fn words(node: &Node) -> Vec<String> {
    let state = node.state.map(|state| String::from(state.word()));
    let remarks = node
        .remarks()
        .into_iter()
        .map(alloc::borrow::Cow::into_owned);
    state.into_iter().chain(remarks).collect()
}

/// How wide a layer may be: about as wide as the picture is high.
fn wrap(sizes: &[Size]) -> i32 {
    let area: u64 = sizes
        .iter()
        .map(|size| {
            u64::try_from(size.w + 24).unwrap_or(0) * u64::try_from(size.h + 60).unwrap_or(0)
        })
        .sum();
    let side = i32::try_from((area * 3).isqrt()).unwrap_or(i32::MAX);
    side.clamp(WRAP.0, WRAP.1)
}

fn edges(placed: &Layout, out: &mut String) {
    let mut heads = String::new();
    let mut arrivals: BTreeMap<(i32, i32), usize> = BTreeMap::new();
    for piece in &placed.pieces {
        *arrivals.entry(piece.to).or_default() += 1;
    }
    for kind in EdgeKind::ALL {
        let mut d = String::new();
        for piece in placed
            .pieces
            .iter()
            .filter(|piece| piece.kind == kind as u8)
        {
            let ((x, y), (to_x, to_y)) = (piece.from, piece.to);
            // A bend that small looks like a mistake: the box is wide enough.
            let alone = piece.arrives && arrivals.get(&piece.to) == Some(&1);
            let near = alone && (x - to_x).abs() <= STRAIGHT;
            let to_x = if near { x } else { to_x };
            let end = if piece.arrives { to_y - 6 } else { to_y };
            let _ = write!(d, "M{x} {y}");
            if x == to_x {
                let _ = write!(d, "V{end}");
            } else {
                if piece.rise != y {
                    let _ = write!(d, "V{}", piece.rise);
                }
                let half = i32::midpoint(piece.rise, end);
                let _ = write!(d, "C{x} {half} {to_x} {half} {to_x} {end}");
            }
            if piece.arrives {
                let _ = write!(heads, "M{} {}h8l-4 7z", to_x - 4, to_y - 7);
            }
        }
        if !d.is_empty() {
            let _ = write!(out, "<path class=\"l e {}\" d=\"{d}\"/>", kind.word());
        }
    }
    if !heads.is_empty() {
        let _ = write!(out, "<path class=\"head\" d=\"{heads}\"/>");
    }
}

/// The edges to fallbacks.
fn fallbacks(drawn: &Drawn<'_>) -> impl Iterator<Item = Link> {
    let links = drawn.links().into_iter();
    links.filter(|link| EdgeKind::of(link.kind) == EdgeKind::Fallback)
}

/// What the edges to fallbacks say, where they arrive.
fn labels(drawn: &Drawn<'_>, placed: &Layout, out: &mut String) {
    for link in fallbacks(drawn) {
        let place = placed.places[link.to];
        let words = if_fails(&drawn.graph.nodes[link.from]);
        let _ = write!(
            out,
            "<text class=\"f s mid on\" x=\"{}\" y=\"{}\">{}</text>",
            place.x + place.w / 2,
            place.y - 13,
            Xml(&words)
        );
    }
}

fn node(drawn: &Drawn<'_>, at: usize, card: &Card, place: Place, out: &mut String) {
    let node = &drawn.graph.nodes[at];
    let state = node.state.map_or("plan", State::class);
    let _ = write!(
        out,
        "<g class=\"n {state}\" role=\"graphics-symbol img\"><title>{}</title>",
        Xml(&full(node, drawn.counts[at]))
    );
    if drawn.counts[at] > 1 {
        for offset in [6, 3] {
            outline(node, place, offset, out);
        }
    }
    outline(node, place, 0, out);
    let mid = place.y + place.h / 2;
    let point = if node.gate == Some(Gate::Manual) {
        POINT - 4
    } else {
        0
    };
    let mut x = place.x + PAD + point;
    if let Some(state) = node.state {
        icon(state, x + 6, mid, out);
        x += SIGN;
    }
    let under = i32::try_from(card.lines.len()).unwrap_or(1) - 1;
    let mut baseline = mid + (FIRST - LINE * under) / 2 - 2;
    for (class, line) in &card.lines {
        let _ = write!(
            out,
            "<text class=\"{class}\" x=\"{x}\" y=\"{baseline}\">{}</text>",
            Xml(line)
        );
        baseline += LINE;
    }
    out.push_str("</g>");
}

/// Everything about a step, for whoever points at it or listens.
fn full(node: &Node, count: usize) -> String {
    let mut out = node.id.clone();
    if count > 1 {
        let _ = write!(out, " ×{count}");
    }
    if !node.name.is_empty() {
        let _ = write!(out, ", {}", node.name);
    }
    let words = words(node);
    if !words.is_empty() {
        let _ = write!(out, ": {}", words.join(", "));
    }
    for detail in &node.details {
        let _ = write!(out, "\n{detail}");
    }
    out
}

fn outline(node: &Node, place: Place, offset: i32, out: &mut String) {
    let Place { x, y, w, h } = place;
    let (x, y) = (x + offset, y + offset);
    let class = match (node.gate, node.optional) {
        (Some(Gate::Hard), _) => "box hard",
        (_, true) => "box opt",
        _ => "box",
    };
    let _ = match node.gate {
        Some(Gate::Hard) => write!(
            out,
            "<path class=\"{class}\" d=\"M{} {y}h{}l{CUT} {CUT}v{}l-{CUT} {CUT}h-{}l-{CUT} -{CUT}v-{}z\"/>",
            x + CUT,
            w - 2 * CUT,
            h - 2 * CUT,
            w - 2 * CUT,
            h - 2 * CUT
        ),
        Some(Gate::Manual) => write!(
            out,
            "<path class=\"{class}\" d=\"M{} {y}h{}l{POINT} {}l-{POINT} {}h-{}l-{POINT} -{}z\"/>",
            x + POINT,
            w - 2 * POINT,
            h / 2,
            h - h / 2,
            w - 2 * POINT,
            h - h / 2
        ),
        None => write!(
            out,
            "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"7\"/>"
        ),
    };
}

/// What the shapes, signs and lines mean; only those that occur.
fn legend(drawn: &Drawn<'_>, sheet: &mut Sheet<'_>) {
    let nodes = &drawn.graph.nodes;
    let states: BTreeSet<State> = nodes.iter().filter_map(|node| node.state).collect();
    let gates: BTreeSet<Gate> = nodes.iter().filter_map(|node| node.gate).collect();
    let kinds: BTreeSet<u8> = drawn.links().iter().map(|link| link.kind).collect();
    let mut flow = Flow::new(sheet);
    for state in states {
        flow.item(state.word(), |out, x, y| {
            let _ = write!(out, "<g class=\"{}\">", state.class());
            icon(state, x + 9, y, out);
            out.push_str("</g>");
        });
    }
    let sample = |gate, optional| Node {
        gate,
        optional,
        ..Node::default()
    };
    let mut shape = |node: Node, words: &str| {
        flow.item(words, |out, x, y| {
            let place = Place {
                x,
                y: y - 7,
                w: 22,
                h: 14,
            };
            out.push_str("<g class=\"mini\">");
            small_outline(&node, place, out);
            out.push_str("</g>");
        });
    };
    for gate in gates {
        shape(sample(Some(gate), false), gate.words());
    }
    if nodes.iter().any(|node| node.optional) {
        shape(sample(None, true), "optional");
    }
    for kind in kinds {
        let kind = EdgeKind::of(kind);
        flow.item(kind.words(), |out, x, y| {
            let _ = write!(
                out,
                "<path class=\"l e {}\" d=\"M{x} {y}h22\"/>",
                kind.word()
            );
        });
    }
    flow.end();
}

/// The shapes of the legend, with corners to their size.
fn small_outline(node: &Node, place: Place, out: &mut String) {
    let Place { x, y, w, h } = place;
    let _ = match node.gate {
        Some(Gate::Hard) => write!(
            out,
            "<path class=\"box hard\" d=\"M{} {y}h{}l4 4v{}l-4 4h-{}l-4 -4v-{}z\"/>",
            x + 4,
            w - 8,
            h - 8,
            w - 8,
            h - 8
        ),
        Some(Gate::Manual) => write!(
            out,
            "<path class=\"box\" d=\"M{} {y}h{}l6 7l-6 7h-{}l-6 -7z\"/>",
            x + 6,
            w - 12,
            w - 12
        ),
        None => {
            let class = if node.optional { "box opt" } else { "box" };
            write!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" rx=\"4\"/>"
            )
        }
    };
}
