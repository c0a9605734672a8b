//! Small pictures, as they are.

use crate::models;
use insta::assert_snapshot;
use rok_pictures::{
    Graph, GraphOptions, TextOptions, Timeline, graph_dot, graph_mermaid, graph_svg, graph_text,
    report_html, timeline_svg, timeline_text,
};
use rstest::rstest;

/// Without the style, which changes more often and means less.
const INLINE: GraphOptions = GraphOptions {
    expand: false,
    inline: true,
};

/// An element a line, so that a difference can be read.
fn lines(svg: &str) -> String {
    svg.replace("><", ">\n<")
}

#[test]
fn a_graph_for_browsers() {
    assert_snapshot!(lines(&graph_svg(&models::graph(), INLINE)));
}

#[test]
fn a_graph_for_markdown_and_graphviz() {
    assert_snapshot!(graph_mermaid(&models::graph(), INLINE));
    assert_snapshot!(graph_dot(&models::graph(), INLINE));
}

#[rstest]
#[case("wide", 100, false)]
#[case("narrow", 34, false)]
#[case("ascii", 80, true)]
fn for_terminals(#[case] name: &str, #[case] width: usize, #[case] ascii: bool) {
    let options = TextOptions { width, ascii };
    let graph = graph_text(&models::graph(), INLINE, options);
    let timeline = timeline_text(&models::timeline(), options)
        + "\n"
        + &timeline_text(&models::undone(), options);
    for line in graph.lines().chain(timeline.lines()) {
        assert!(line.chars().count() <= width, "{line}");
        assert!(!ascii || line.is_ascii(), "{line}");
    }
    assert_snapshot!(format!("terminal_{name}"), format!("{graph}\n{timeline}"));
}

#[test]
fn a_timeline_for_browsers() {
    assert_snapshot!(lines(&timeline_svg(&models::timeline(), true)));
    assert_snapshot!(lines(&timeline_svg(&models::undone(), true)));
}

#[test]
fn what_is_empty_is_drawn_too() {
    let graph = Graph::new("nothing");
    assert!(graph_svg(&graph, INLINE).contains("0 steps, 0 edges"));
    let text = graph_text(&graph, INLINE, TextOptions::default());
    assert_eq!(text, "nothing: 0 steps, 0 edges, 0 layers\n\n");
    let timeline = Timeline::default();
    assert!(timeline_svg(&timeline, false).ends_with("</svg>\n"));
    assert!(timeline_text(&timeline, TextOptions::default()).contains('┬'));
}

#[test]
fn a_picture_alone_has_its_style_for_light_and_dark_and_says_what_it_is() {
    for svg in [
        graph_svg(&models::graph(), GraphOptions::default()),
        timeline_svg(&models::timeline(), false),
    ] {
        let document = roxmltree::Document::parse(&svg).expect("it is XML");
        let root = document.root_element();
        assert_eq!(root.attribute("role"), Some("graphics-document document"));
        let named = root.attribute("aria-labelledby").expect("it has a name");
        for id in named.split(' ') {
            let found = document
                .descendants()
                .find(|n| n.attribute("id") == Some(id));
            assert!(
                found
                    .and_then(|n| n.text())
                    .is_some_and(|text| !text.is_empty())
            );
        }
        let style = document
            .descendants()
            .find(|n| n.has_tag_name(("http://www.w3.org/2000/svg", "style")));
        let style = style.and_then(|n| n.text()).expect("it has a style");
        assert!(style.contains("@media(prefers-color-scheme:dark)"));
    }
}

#[test]
fn a_report_is_whole_without_scripts_and_asks_for_nothing() {
    let html = report_html(&models::report());
    for part in [
        "Run r1",
        "it waits",
        "step-11",
        "one\ntwo",
        "Nobody has decided",
        "<svg",
        "data-search",
        "<details open",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(html.contains("default-src 'none'"));
    // A namespace is a name; nothing is fetched from it.
    let rest = html.replace("http://www.w3.org/2000/svg", "");
    for reference in [
        "http:",
        "https:",
        "src=\"",
        "url(",
        "@import",
        "unsafe-inline",
        "style=\"",
        "onclick",
    ] {
        assert!(!rest.contains(reference), "{reference}");
    }
    // Each picture has its own ids.
    let ids: Vec<&str> = html
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len(), "{ids:?}");
    assert_eq!(
        html,
        report_html(&models::report()),
        "the same model gives the same bytes"
    );
}
