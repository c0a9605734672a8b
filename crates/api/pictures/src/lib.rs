//! Pictures of plans and runs: graphs, timelines and reports as text.
//!
//! It draws what it is given and knows nothing of runs, files or terminals: the
//! model is plain data, and the same model gives the same bytes. Lengths are
//! whole pixels, so no platform rounds differently.
//!
//! ```text
//! Graph ────▶ collapse ─▶ layout (ranks, chains, order, place) ─▶ SVG
//!      └────▶ collapse ─▶ Mermaid, DOT, text
//! Timeline ─▶ scale (ticks, breaks) ─▶ SVG, text
//! Report ───▶ both pictures, tables, logs ─▶ one HTML file
//! ```
//!
//! ```
//! use rok_pictures::{Edge, EdgeKind, Graph, Node, State, graph_svg, graph_text, GraphOptions, TextOptions};
//!
//! let mut graph = Graph::new("nightly");
//! let fetch = graph.add(Node { state: Some(State::Succeeded), ..Node::new("fetch") });
//! let check = graph.add(Node::new("check"));
//! graph.edges.push(Edge { from: fetch, to: check, kind: EdgeKind::Needs });
//! assert!(graph_svg(&graph, GraphOptions::default()).contains("<title>fetch"));
//! let text = graph_text(&graph, GraphOptions::default(), TextOptions::default());
//! assert!(text.contains("✓ fetch"));
//! ```
#![no_std]

extern crate alloc;

mod state;
mod svg;
mod text;

mod graph;
mod layout;

mod timeline;

mod report;

pub use graph::{
    Edge, EdgeKind, Gate, Graph, GraphOptions, Node, graph_dot, graph_mermaid, graph_svg,
    graph_text,
};
pub use report::{Body, Cell, Log, Mark, Report, Section, Table, report_html};
pub use state::State;
pub use text::{TextOptions, clean, columns, shorten_with};
pub use timeline::{
    Band, BandKind, Moment, Row, Span, SpanKind, Timeline, timeline_svg, timeline_text,
};
