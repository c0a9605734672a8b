//! Whatever a plan, a step or a person wrote stays text.

use crate::models;
use proptest::prelude::*;
use rok_pictures::{
    Body, Cell, GraphOptions, TextOptions, graph_dot, graph_mermaid, graph_svg, graph_text,
    report_html, timeline_svg, timeline_text,
};

const HOSTILE: &[&str] = &[
    "</title></svg><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onload='alert(1)",
    "]]></style><script>alert(1)</script><!--",
    "a\u{0}b\u{1b}[31mc\u{202e}d\u{fffe}\u{7}",
    "\"]; n9 -> n0 [URL=\"javascript:alert(1)\"]",
    "x\"]\n  click n0 call alert(1)",
    "</pre></details></textarea></script>",
];

/// Every text of every model is this one.
fn everywhere(text: &str) -> rok_pictures::Report {
    let mut report = models::report();
    let set = |field: &mut String| text.clone_into(field);
    set(&mut report.title);
    for mark in report.notices.iter_mut().chain(&mut report.verdict) {
        set(&mut mark.words);
    }
    report.facts = vec![
        (text.into(), Cell::code(text)),
        (text.into(), Cell::text(text)),
    ];
    set(&mut report.graph.title);
    set(&mut report.graph.subtitle);
    for node in &mut report.graph.nodes {
        set(&mut node.id);
        set(&mut node.note);
        node.details = vec![text.into()];
    }
    set(&mut report.timeline.title);
    set(&mut report.timeline.subtitle);
    for row in &mut report.timeline.rows {
        set(&mut row.id);
        set(&mut row.took);
        row.details = vec![text.into()];
        for span in &mut row.spans {
            set(&mut span.words);
        }
    }
    for band in &mut report.timeline.bands {
        set(&mut band.words);
    }
    for section in &mut report.sections {
        set(&mut section.title);
        set(&mut section.intro);
        match &mut section.body {
            Body::Facts(facts) => facts.push((text.into(), Cell::text(text))),
            Body::Table(table) => {
                table.columns.iter_mut().for_each(set);
                for cell in table.rows.iter_mut().flatten() {
                    set(&mut cell.text);
                }
            }
            Body::Logs(logs) => {
                for log in logs {
                    set(&mut log.title);
                    set(&mut log.text);
                }
            }
            Body::Empty(why) => set(why),
        }
    }
    report
}

/// The names of all elements and attributes: they must not depend on texts.
fn structure(svg: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(svg).unwrap_or_else(|e| panic!("{e}: {svg}"));
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let mut names: Vec<String> = elements
        .flat_map(|element| {
            let attributes = element.attributes().map(|a| a.name().to_owned());
            attributes
                .chain([element.tag_name().name().to_owned()])
                .collect::<Vec<_>>()
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// How often each tag opens and closes, by a scan that knows no escapes.
fn tags(html: &str) -> Vec<String> {
    let mut tags: Vec<String> = html
        .split('<')
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || "/!-".contains(*c))
                .collect()
        })
        .collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

fn harmless(text: &str) {
    let (report, plain) = (everywhere(text), everywhere("plain"));
    let options = GraphOptions::default();
    assert_eq!(
        structure(&graph_svg(&report.graph, options)),
        structure(&graph_svg(&plain.graph, options))
    );
    assert_eq!(
        structure(&timeline_svg(&report.timeline, false)),
        structure(&timeline_svg(&plain.timeline, false))
    );
    let html = report_html(&report);
    assert_eq!(tags(&html), tags(&report_html(&plain)));
    assert_eq!(html.matches("<script>").count(), 1);
    let terminal = TextOptions {
        width: 60,
        ascii: false,
    };
    for picture in [
        graph_text(&report.graph, options, terminal),
        timeline_text(&report.timeline, terminal),
        graph_mermaid(&report.graph, options),
        graph_dot(&report.graph, options),
        html,
    ] {
        let orders = |c: char| {
            c.is_control() && !matches!(c, '\n' | '\t') || ('\u{202a}'..='\u{202e}').contains(&c)
        };
        assert!(!picture.contains(orders), "{picture:?}");
    }
}

#[test]
fn markup_and_control_characters_stay_text() {
    for text in HOSTILE {
        harmless(text);
    }
}

#[test]
fn labels_of_other_languages_are_closed() {
    for text in HOSTILE {
        let graph = everywhere(text).graph;
        let lines = |picture: String| picture.lines().count();
        let plain = everywhere("plain").graph;
        let options = GraphOptions::default();
        assert_eq!(
            lines(graph_mermaid(&graph, options)),
            lines(graph_mermaid(&plain, options))
        );
        let dot = graph_dot(&graph, options);
        assert_eq!(lines(dot.clone()), lines(graph_dot(&plain, options)));
        for line in dot.lines() {
            let mut quotes = 0;
            let mut escaped = false;
            for c in line.chars() {
                quotes += usize::from(c == '"' && !escaped);
                escaped = c == '\\' && !escaped;
            }
            assert_eq!(quotes % 2, 0, "{line}");
        }
    }
}

#[test]
fn what_was_written_can_be_read_again() {
    let graph = everywhere("a<b>&\"c\"'d'").graph;
    let svg = graph_svg(&graph, GraphOptions::default());
    let document = roxmltree::Document::parse(&svg).expect("it is XML");
    let labels = document
        .descendants()
        .filter(|n| n.attribute("class") == Some("t id"));
    for label in labels {
        assert_eq!(label.text(), Some("a<b>&\"c\"'d'"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_is_harmless(text in "\\PC{0,30}[<>&\"'\\\\\n\u{0}]{0,6}\\PC{0,10}") {
        harmless(&text);
    }
}
