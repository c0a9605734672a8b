//! `graph`, `timeline`, `report`: pictures, to standard output or a file.

use crate::args::{GraphArgs, GraphFormat, ReportArgs, TimelineArgs, TimelineFormat};
use crate::exit::Exit;
use crate::terminal::Terminal;
use rok_pictures::{
    GraphOptions, TextOptions, graph_dot, graph_mermaid, graph_svg, graph_text, report_html,
    timeline_svg, timeline_text,
};
use rok_service::{Service, ServiceError};
use std::path::Path;

/// Steps and what follows what.
pub(crate) fn graph(
    service: &Service,
    terminal: &mut Terminal,
    args: &GraphArgs,
) -> Result<Exit, ServiceError> {
    let graph = service.graph(&args.name)?;
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
    let timeline = service.find(&args.run)?.timeline()?;
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
    let report = service.find(&args.run)?.report()?;
    hand_over(
        service,
        terminal,
        args.output.as_deref(),
        &report_html(&report),
    )
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
