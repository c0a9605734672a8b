//! `graph`, `timeline`, `report`: pictures, to standard output or a file.

use crate::args::{GraphArgs, GraphFormat, ReportArgs, TimelineArgs, TimelineFormat};
use crate::exit::Exit;
use crate::terminal::Terminal;
use rok_pictures::{
    Gate, Graph, GraphOptions, State, TextOptions, graph_dot, graph_mermaid, graph_svg, graph_text,
    report_html, timeline_svg, timeline_text,
};
use rok_service::{Service, ServiceError};
use serde::Serialize;
use std::path::Path;

/// Steps and what follows what.
pub(crate) fn graph(
    service: &Service,
    terminal: &mut Terminal,
    args: &GraphArgs,
) -> Result<Exit, ServiceError> {
    refuse_two_forms(terminal, args.format.is_some())?;
    let graph = service.graph(&args.name)?;
    if terminal.json {
        let data = terminal.data(&GraphData::of(&graph))?;
        return hand_over(service, terminal, args.output.as_deref(), &data);
    }
    let options = GraphOptions {
        expand: args.expand,
        ..GraphOptions::default()
    };
    let format = args
        .format
        .unwrap_or(if to_people(terminal, args.output.as_deref()) {
            GraphFormat::Ascii
        } else {
            GraphFormat::Svg
        });
    let picture = match format {
        GraphFormat::Svg => graph_svg(&graph, options),
        GraphFormat::Mermaid => graph_mermaid(&graph, options),
        GraphFormat::Dot => graph_dot(&graph, options),
        GraphFormat::Ascii => graph_text(&graph, options, text(terminal)),
    };
    hand_over(service, terminal, args.output.as_deref(), &picture)
}

/// When what happened.
pub(crate) fn timeline(
    service: &Service,
    terminal: &mut Terminal,
    args: &TimelineArgs,
) -> Result<Exit, ServiceError> {
    refuse_two_forms(terminal, args.format.is_some())?;
    let run = service.find(&args.run)?;
    if terminal.json {
        let data = terminal.data(&run.timing()?)?;
        return hand_over(service, terminal, args.output.as_deref(), &data);
    }
    let timeline = run.timeline()?;
    let format = args
        .format
        .unwrap_or(if to_people(terminal, args.output.as_deref()) {
            TimelineFormat::Ascii
        } else {
            TimelineFormat::Svg
        });
    let picture = match format {
        TimelineFormat::Svg => timeline_svg(&timeline, false),
        TimelineFormat::Ascii => timeline_text(&timeline, text(terminal)),
    };
    hand_over(service, terminal, args.output.as_deref(), &picture)
}

/// Everything about a run on one page.
pub(crate) fn report(
    service: &Service,
    terminal: &mut Terminal,
    args: &ReportArgs,
) -> Result<Exit, ServiceError> {
    let instead = "`rok summary RUN --json` has what stands on it as data";
    only_text(terminal, "--json of a report", instead)?;
    let report = service.find(&args.run)?.report()?;
    hand_over(
        service,
        terminal,
        args.output.as_deref(),
        &report_html(&report),
    )
}

/// Refuses data of what is no data.
pub(super) fn only_text(
    terminal: &Terminal,
    what: &str,
    instead: &'static str,
) -> Result<(), ServiceError> {
    if terminal.json {
        let what = what.to_owned();
        return Err(ServiceError::NotSupported { what, instead });
    }
    Ok(())
}

/// A picture has one form.
fn refuse_two_forms(terminal: &Terminal, format: bool) -> Result<(), ServiceError> {
    if terminal.json && format {
        return Err(ServiceError::BadName {
            what: "--format and --json name two forms: leave one out".to_owned(),
        });
    }
    Ok(())
}

/// A graph as data.
#[derive(Serialize)]
struct GraphData<'a> {
    title: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    subtitle: &'a str,
    nodes: Vec<NodeData<'a>>,
    edges: Vec<EdgeData<'a>>,
}

#[derive(Serialize)]
struct NodeData<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gate: Option<&'static str>,
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    children: Option<usize>,
}

#[derive(Serialize)]
struct EdgeData<'a> {
    from: &'a str,
    to: &'a str,
    kind: &'static str,
}

impl<'a> GraphData<'a> {
    fn of(graph: &'a Graph) -> Self {
        let nodes = graph.nodes.iter().map(|node| NodeData {
            id: &node.id,
            name: &node.name,
            state: node.state.map(State::word),
            gate: node.gate.map(|gate| match gate {
                Gate::Hard => "hard",
                Gate::Manual => "manual",
            }),
            optional: node.optional,
            children: (node.children > 0).then_some(node.children),
        });
        let id = |at: usize| graph.nodes.get(at).map(|node| node.id.as_str());
        let edges = graph.edges.iter().filter_map(|edge| {
            Some(EdgeData {
                from: id(edge.from)?,
                to: id(edge.to)?,
                kind: edge.kind.word(),
            })
        });
        Self {
            title: &graph.title,
            subtitle: &graph.subtitle,
            nodes: nodes.collect(),
            edges: edges.collect(),
        }
    }
}

/// Whether somebody watches who cannot see SVG.
fn to_people(terminal: &Terminal, file: Option<&Path>) -> bool {
    terminal.out_look.tty && file.is_none()
}

fn text(terminal: &Terminal) -> TextOptions {
    TextOptions {
        width: terminal.out_look.width,
        ascii: terminal.out_look.ascii,
    }
}

/// A picture is the result: it stands on standard output, or in the file that
/// was named.
pub(super) fn hand_over(
    service: &Service,
    terminal: &mut Terminal,
    file: Option<&Path>,
    picture: &str,
) -> Result<Exit, ServiceError> {
    match file {
        Some(file) => {
            service.write_file(file, picture.as_bytes())?;
            terminal.note(&format!(
                "wrote {}\n",
                crate::render::clean(&file.to_string_lossy())
            ));
        }
        None => terminal.show(picture)?,
    }
    Ok(Exit::Success)
}
