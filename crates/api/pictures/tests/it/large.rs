//! Large graphs: drawn soon, and no wider than somebody would scroll.

use rok_pictures::{Edge, EdgeKind, Graph, GraphOptions, Node, TextOptions, graph_svg, graph_text};

/// Small numbers that look like chance, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits fit") % below
    }
}

fn needs(graph: &mut Graph, from: usize, to: usize) {
    let kind = EdgeKind::Needs;
    graph.edges.push(Edge { from, to, kind });
}

/// Steps that each follow up to three of the forty before them.
fn mesh(steps: usize) -> Graph {
    let mut dice = Dice(7);
    let mut graph = Graph::new("mesh");
    for at in 0..steps {
        graph.add(Node::new(format!("task-{at}")));
        for _ in 0..if at < 12 { 0 } else { 1 + dice.roll(3) } {
            needs(&mut graph, at - 1 - dice.roll(at.min(40) - 1), at);
        }
    }
    graph
}

/// Some inputs, a layer of very many steps of one kind, one that joins them.
fn fan(width: usize) -> Graph {
    let mut dice = Dice(3);
    let mut graph = Graph::new("fan");
    let join = graph.add(Node::new("join"));
    let inputs: Vec<usize> = (0..width / 5)
        .map(|at| graph.add(Node::new(format!("input_ID{at:05}"))))
        .collect();
    for at in 0..width {
        let step = graph.add(Node::new(format!("diff_ID{at:05}")));
        for _ in 0..2 {
            needs(&mut graph, inputs[dice.roll(inputs.len())], step);
        }
        needs(&mut graph, step, join);
    }
    graph
}

fn size(svg: &str) -> (i32, i32) {
    let frame = svg.split("viewBox=\"0 0 ").nth(1);
    let frame = frame
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    let sides: Vec<i32> = frame
        .split(' ')
        .filter_map(|side| side.parse().ok())
        .collect();
    assert_eq!(sides.len(), 2, "{frame}");
    (sides[0], sides[1])
}

#[test]
fn five_hundred_steps_fit_a_poster() {
    let (width, height) = size(&graph_svg(&mesh(500), GraphOptions::default()));
    assert!(width < 4500 && height < 7000, "{width} x {height}");
}

#[test]
fn kinds_of_steps_are_drawn_as_one_each_and_all_on_demand() {
    let graph = fan(500);
    let svg = graph_svg(&graph, GraphOptions::default());
    assert!(
        svg.contains("diff ×500") && svg.contains("input ×100"),
        "{svg}"
    );
    assert!(svg.contains("601 steps drawn as 3"));
    let text = graph_text(&graph, GraphOptions::default(), TextOptions::default());
    assert!(
        text.contains("diff ×500  ← input ×100") || text.contains("diff ×500  ← input"),
        "{text}"
    );
    let expand = GraphOptions {
        expand: true,
        ..GraphOptions::default()
    };
    let all = graph_svg(&graph, expand);
    assert_eq!(all.matches("<title>diff_").count(), 500);
    let (width, height) = size(&all);
    assert!(width < 9000 && height < 9000, "{width} x {height}");
}

#[test]
fn a_graph_in_which_everything_is_linked_ends_soon() {
    // As many long edges as there can be: beyond a bound they are straight.
    let mut graph = Graph::new("knot");
    for at in 0..220 {
        graph.add(Node::new(format!("s{at}")));
        for before in 0..at {
            needs(&mut graph, before, at);
        }
    }
    let svg = graph_svg(&graph, GraphOptions::default());
    assert!(svg.contains("24090 edges"));
}
