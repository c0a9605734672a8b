//! What a graph is, and the pictures of it.

mod collapse;
mod dot;
mod mermaid;
mod svg;
mod text;

use crate::state::State;
use crate::text::TextOptions;
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// A plan, or a run of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Graph {
    /// What it is of.
    pub title: String,
    /// How it stands, in a line; may be empty.
    pub subtitle: String,
    /// The steps, in declaration order.
    pub nodes: Vec<Node>,
    /// What follows what. One that names no node is left out.
    pub edges: Vec<Edge>,
}

/// A step.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// Its name for people; may be empty.
    pub name: String,
    /// Where it stands; none in a plan.
    pub state: Option<State>,
    /// What it guards.
    pub gate: Option<Gate>,
    /// Its failure fails nothing else.
    pub optional: bool,
    /// For how many it stands, as a step that is fanned out does for its
    /// children; else 0.
    pub children: usize,
    /// A few words beside its state: how long it took, which attempt.
    pub note: String,
    /// More about it, a line each; shown where there is room or on demand.
    pub details: Vec<String>,
}

/// What a step guards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// Its failure stops what has not started.
    Hard,
    /// A person decides.
    Manual,
}

impl Gate {
    /// The words for people.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Hard => "hard gate",
            Self::Manual => "manual gate",
        }
    }
}

/// What follows what, by places in [`Graph::nodes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edge {
    /// What comes first.
    pub from: usize,
    /// What follows it.
    pub to: usize,
    /// How.
    pub kind: EdgeKind,
}

/// How one step follows another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EdgeKind {
    /// By success.
    Needs,
    /// By order alone.
    After,
    /// In its place, when it finally fails.
    Fallback,
    /// To undo it.
    Compensation,
}

impl EdgeKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Needs, Self::After, Self::Fallback, Self::Compensation];

    /// The word for people.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Needs => "needs",
            Self::After => "after",
            Self::Fallback => "fallback",
            Self::Compensation => "compensation",
        }
    }

    /// What the line means, in a legend.
    const fn words(self) -> &'static str {
        match self {
            Self::Fallback => "instead, if it fails",
            kind => kind.word(),
        }
    }

    const fn of(kind: u8) -> Self {
        Self::ALL[kind as usize % Self::ALL.len()]
    }
}

impl Node {
    /// A step of a plan.
    #[must_use]
    pub fn new(id: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// Its marks in words: gate, optional, note.
    fn remarks(&self) -> Vec<Cow<'_, str>> {
        let gate = self.gate.map(|gate| Cow::Borrowed(gate.words()));
        let optional = self.optional.then_some(Cow::Borrowed("optional"));
        let note = (!self.note.is_empty()).then(|| crate::text::clean(&self.note));
        gate.into_iter().chain(optional).chain(note).collect()
    }
}

/// What an edge to a fallback says: of which step it is one.
fn if_fails(node: &Node) -> String {
    alloc::format!("if {} fails", crate::text::shorten(&node.id, IF_COLUMNS))
}

/// Columns of an id within such a label.
const IF_COLUMNS: usize = 24;

impl Graph {
    /// A graph without steps.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            ..Self::default()
        }
    }

    /// Adds a step and says its place.
    pub fn add(&mut self, node: Node) -> usize {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// How a graph is drawn.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct GraphOptions {
    /// Every step on its own, however wide it gets; else steps that are alike
    /// are drawn as one where they would not fit side by side.
    pub expand: bool,
    /// For a page that has the style rules already.
    pub inline: bool,
}

/// The graph as SVG.
#[must_use]
pub fn graph_svg(graph: &Graph, options: GraphOptions) -> String {
    svg::draw(&drawn(graph, options), options.inline)
}

/// The graph as a Mermaid flowchart.
#[must_use]
pub fn graph_mermaid(graph: &Graph, options: GraphOptions) -> String {
    mermaid::draw(&drawn(graph, options))
}

/// The graph for Graphviz.
#[must_use]
pub fn graph_dot(graph: &Graph, options: GraphOptions) -> String {
    dot::draw(&drawn(graph, options))
}

/// The graph as text, layer by layer.
#[must_use]
pub fn graph_text(graph: &Graph, options: GraphOptions, text: TextOptions) -> String {
    text::draw(&drawn(graph, options), text)
}

/// The steps and edges that a picture shows.
struct Drawn<'a> {
    graph: Cow<'a, Graph>,
    /// For how many steps each stands.
    counts: Vec<usize>,
    /// How many steps the graph had.
    steps: usize,
}

fn drawn(graph: &Graph, options: GraphOptions) -> Drawn<'_> {
    let steps = graph.nodes.len();
    let whole = Drawn {
        graph: Cow::Borrowed(graph),
        counts: graph
            .nodes
            .iter()
            .map(|node| node.children.max(1))
            .collect(),
        steps,
    };
    if options.expand {
        return whole;
    }
    match collapse::collapse(graph) {
        Some((graph, counts)) => Drawn {
            graph: Cow::Owned(graph),
            counts,
            steps,
        },
        None => whole,
    }
}

impl Drawn<'_> {
    /// The edges that can be drawn.
    fn links(&self) -> Vec<crate::layout::Link> {
        links(&self.graph)
    }

    /// What the picture is of, in words.
    fn description(&self) -> String {
        let plural = |n: usize, word: &str| {
            let s = if n == 1 { "" } else { "s" };
            alloc::format!("{n} {word}{s}")
        };
        let mut out = plural(self.steps, "step");
        let drawn = self.graph.nodes.len();
        if drawn < self.steps {
            let _ = write!(out, " drawn as {drawn}");
        }
        let _ = write!(out, ", {}", plural(self.links().len(), "edge"));
        out
    }
}

fn links(graph: &Graph) -> Vec<crate::layout::Link> {
    let links = graph.edges.iter().map(|edge| crate::layout::Link {
        from: edge.from,
        to: edge.to,
        kind: edge.kind as u8,
    });
    crate::layout::acyclic(graph.nodes.len(), &links.collect::<Vec<_>>())
}
