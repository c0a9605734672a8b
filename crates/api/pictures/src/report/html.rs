//! A report as HTML. What came from elsewhere is escaped, always; style and
//! script are constants, allowed by their digests and nothing else.

use super::{Body, Cell, Log, Mark, Report, Section, Table};
use crate::graph::{GraphOptions, graph_svg};
use crate::state::{DARK, LIGHT, State, Theme, chips};
use crate::svg::style;
use crate::text::{Xml, clean};
use crate::timeline::timeline_svg;
use alloc::format;
use alloc::string::String;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::fmt::Write as _;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// A table with more rows can be searched.
const SEARCHABLE: usize = 8;

pub(super) fn page(report: &Report) -> String {
    let style = stylesheet();
    let title = clean(&report.title);
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{}'; script-src '{}'; \
         img-src data:; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{}</title>\n<link rel=\"icon\" href=\"data:,\">\n<style>{style}</style>\n</head>\n<body>\n",
        digest(&style),
        digest(SCRIPT),
        Xml(&title)
    );
    header(report, &mut out);
    out.push_str("<main>\n");
    facts(&report.facts, &mut out);
    picture("graph", "Graph", &graph(report), &mut out);
    picture(
        "timeline",
        "Timeline",
        &timeline_svg(&report.timeline, true),
        &mut out,
    );
    for (at, section) in report.sections.iter().enumerate() {
        self::section(at, section, &mut out);
    }
    let _ = write!(
        out,
        "</main>\n<script>{SCRIPT}</script>\n</body>\n</html>\n"
    );
    out
}

fn graph(report: &Report) -> String {
    let options = GraphOptions {
        inline: true,
        ..GraphOptions::default()
    };
    graph_svg(&report.graph, options)
}

/// How a policy names what it allows.
fn digest(text: &str) -> String {
    format!(
        "sha256-{}",
        STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

fn stylesheet() -> String {
    let mut out = String::new();
    variables(&mut out, &LIGHT);
    out.push_str("@media(prefers-color-scheme:dark){");
    variables(&mut out, &DARK);
    out.push_str("}\n");
    out.push_str(&style());
    out.push_str(&chips());
    out.push_str(STYLE);
    out
}

fn variables(out: &mut String, theme: &Theme) {
    let _ = writeln!(
        out,
        ":root{{--page:{};--text:{};--faint:{};--line:{};--grid:{};--plain:{};--mark:{}}}",
        theme.page, theme.text, theme.faint, theme.line, theme.grid, theme.plain, theme.mark
    );
}

fn header(report: &Report, out: &mut String) {
    let _ = write!(out, "<header>\n<h1>{}</h1>\n", Xml(&clean(&report.title)));
    if let Some(verdict) = &report.verdict {
        let _ = writeln!(out, "<p class=\"verdict\">{}</p>", chip(verdict));
    }
    for notice in &report.notices {
        let _ = writeln!(
            out,
            "<p class=\"notice {}\">{}<span>{}</span></p>",
            notice.state.class(),
            sign(notice.state),
            Xml(&notice.words)
        );
    }
    out.push_str("<nav aria-label=\"Sections\"><a href=\"#graph\">Graph</a> <a href=\"#timeline\">Timeline</a>");
    for (at, section) in report.sections.iter().enumerate() {
        let _ = write!(out, " <a href=\"#s{at}\">{}</a>", Xml(&section.title));
    }
    out.push_str("</nav>\n</header>\n");
}

/// A state's sign, drawn: not every font has them.
fn sign(state: State) -> String {
    let solid = matches!(state, State::Running | State::Partial);
    format!(
        "<svg class=\"sign\" viewBox=\"-7 -7 14 14\" width=\"14\" height=\"14\" aria-hidden=\"true\"><path{} d=\"{}\"/></svg>",
        if solid { " class=\"solid\"" } else { "" },
        state.icon()
    )
}

fn chip(mark: &Mark) -> String {
    format!(
        "<span class=\"chip {}\">{}{}</span>",
        mark.state.class(),
        sign(mark.state),
        Xml(&clean(&mark.words))
    )
}

fn facts(facts: &[(String, Cell)], out: &mut String) {
    out.push_str("<dl class=\"facts\">\n");
    for (name, value) in facts {
        let _ = writeln!(
            out,
            "<div><dt>{}</dt><dd>{}</dd></div>",
            Xml(name),
            content(value)
        );
    }
    out.push_str("</dl>\n");
}

/// A wide picture scrolls by itself; the page never does sideways.
fn picture(id: &str, title: &str, svg: &str, out: &mut String) {
    let _ = write!(
        out,
        "<section id=\"{id}\"><h2>{title}</h2>\n<div class=\"scroll picture\" tabindex=\"0\" role=\"region\" aria-label=\"{title}\">{svg}</div></section>\n"
    );
}

fn section(at: usize, section: &Section, out: &mut String) {
    let _ = writeln!(
        out,
        "<section id=\"s{at}\"><h2>{}</h2>",
        Xml(&section.title)
    );
    if !section.intro.is_empty() {
        let _ = writeln!(out, "<p class=\"intro\">{}</p>", Xml(&section.intro));
    }
    match &section.body {
        Body::Facts(rows) => facts(rows, out),
        Body::Table(rows) => table(rows, &section.title, out),
        Body::Logs(all) => logs(all, out),
        Body::Empty(why) => {
            let _ = writeln!(out, "<p class=\"intro\">{}</p>", Xml(why));
        }
    }
    out.push_str("</section>\n");
}

fn table(table: &Table, title: &str, out: &mut String) {
    let searchable = if table.rows.len() > SEARCHABLE {
        " data-search"
    } else {
        ""
    };
    let _ = write!(
        out,
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{}\"><table{searchable}>\n<thead><tr>",
        Xml(title)
    );
    for column in &table.columns {
        let _ = write!(out, "<th scope=\"col\">{}</th>", Xml(column));
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in &table.rows {
        out.push_str("<tr>");
        for cell in row {
            let _ = match cell.order {
                Some(order) => write!(out, "<td class=\"n\" data-o=\"{order}\">"),
                None => write!(out, "<td>"),
            };
            out.push_str(&content(cell));
            out.push_str("</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table></div>\n");
}

fn content(cell: &Cell) -> String {
    let text = Xml(&cell.text);
    match (cell.state, cell.code) {
        (Some(state), _) => chip(&Mark {
            state,
            words: cell.text.clone(),
        }),
        (None, true) => format!("<code>{text}</code>"),
        (None, false) => format!("{text}"),
    }
}

fn logs(logs: &[Log], out: &mut String) {
    for log in logs {
        let open = if log.open { " open" } else { "" };
        let _ = write!(out, "<details{open}><summary>");
        if let Some(state) = log.state {
            let words = String::from(state.word());
            out.push_str(&chip(&Mark { state, words }));
        }
        let cut = if log.cut {
            "<span class=\"intro\">the last lines</span>"
        } else {
            ""
        };
        let _ = writeln!(
            out,
            "<code>{}</code>{cut}</summary><pre tabindex=\"0\">{}</pre></details>",
            Xml(&log.title),
            Xml(log.text.trim_end())
        );
    }
}
