//! Models that several tests draw.

use rok_pictures::{
    Band, BandKind, Body, Cell, Edge, EdgeKind, Gate, Graph, Log, Mark, Moment, Node, Report, Row,
    Section, Span, SpanKind, State, Table, Timeline,
};

/// One of each: gates, states, kinds of edges.
pub(crate) fn graph() -> Graph {
    let node = |id: &str, state, gate| Node {
        state: Some(state),
        gate,
        ..Node::new(id)
    };
    let mut graph = Graph::new("Run r1");
    graph.subtitle = "failed · plan p, version 1".into();
    graph.add(Node {
        name: "Fetch the prices".into(),
        note: "0.04s".into(),
        ..node("fetch", State::Succeeded, None)
    });
    graph.add(Node {
        details: vec!["92% below 97% (hard_gate_failed)".into()],
        ..node("check", State::Failed, Some(Gate::Hard))
    });
    graph.add(Node {
        optional: true,
        ..node("lint", State::Skipped, None)
    });
    graph.add(node("publish", State::Waiting, Some(Gate::Manual)));
    graph.add(node("mirror", State::Running, None));
    graph.add(node("undo", State::Compensated, None));
    let edges = [
        (0, 1, EdgeKind::Needs),
        (0, 2, EdgeKind::After),
        (1, 3, EdgeKind::Needs),
        (2, 3, EdgeKind::Needs),
        (0, 3, EdgeKind::Needs),
        (1, 4, EdgeKind::Fallback),
        (0, 5, EdgeKind::Compensation),
    ];
    let edge = |(from, to, kind)| Edge { from, to, kind };
    graph.edges.extend(edges.map(edge));
    graph
}

/// An attempt, a retry, a queue, a person, a pause.
pub(crate) fn timeline() -> Timeline {
    let span = |from, until, kind| Span {
        from,
        until,
        kind,
        words: format!("{} ms", until - from),
    };
    let row = |id: &str, state, critical, spans| Row {
        id: id.into(),
        name: String::new(),
        state,
        gate: None,
        critical,
        spans,
        took: "0.30s".into(),
        details: Vec::new(),
    };
    Timeline {
        title: "Run r1".into(),
        subtitle: "blocked · plan p, version 1".into(),
        from: 1_000_000,
        until: 1_000_000 + 90_061_000,
        rows: vec![
            row(
                "fetch",
                State::Succeeded,
                true,
                vec![
                    span(1_000_000, 1_000_300, SpanKind::Attempt(State::Failed)),
                    span(1_000_300, 1_000_600, SpanKind::Delay),
                    span(1_000_600, 1_000_900, SpanKind::Attempt(State::Succeeded)),
                ],
            ),
            row(
                "check",
                State::Succeeded,
                false,
                vec![
                    span(1_000_000, 1_000_200, SpanKind::Queued),
                    span(1_000_200, 1_000_700, SpanKind::Attempt(State::Succeeded)),
                ],
            ),
            row(
                "publish",
                State::Running,
                true,
                vec![
                    span(1_000_900, 91_060_700, SpanKind::Decision),
                    span(91_060_700, 91_061_000, SpanKind::Attempt(State::Running)),
                ],
            ),
            row("tell", State::Pending, false, Vec::new()),
        ],
        bands: vec![Band {
            from: 1_000_900,
            until: 91_060_700,
            words: "the run stood still: manual gate".into(),
            kind: BandKind::Still,
        }],
        moments: Vec::new(),
    }
}

/// Three epochs with a name, two compensations of which one failed first, and
/// the time between the epochs.
pub(crate) fn undone() -> Timeline {
    let mut timeline = timeline();
    let span = |from, until, kind| Span {
        from,
        until,
        kind,
        words: format!("{} ms", until - from),
    };
    timeline.subtitle = "rolled_back (failed)".into();
    timeline.until = 7_201_900 + 1_000_000;
    timeline.rows.truncate(2);
    timeline.rows[0].name = "Fetch <the> prices".into();
    timeline.rows[0].state = State::Compensated;
    timeline.rows[1].state = State::Compensated;
    timeline.rows[0].spans.push(span(
        8_201_500,
        8_201_800,
        SpanKind::Compensation(State::Compensated),
    ));
    timeline.rows[1].spans.extend([
        span(4_600_900, 4_601_300, SpanKind::Compensation(State::Failed)),
        span(
            8_201_000,
            8_201_500,
            SpanKind::Compensation(State::Compensated),
        ),
    ]);
    let band = |kind, from, until, words: &str| Band {
        kind,
        from,
        until,
        words: words.into(),
    };
    timeline.bands = vec![
        band(
            BandKind::Closed,
            1_000_900,
            4_600_900,
            "closed after epoch 0",
        ),
        band(
            BandKind::Rollback,
            4_600_900,
            4_601_300,
            "rollback, incomplete",
        ),
        band(
            BandKind::Closed,
            4_601_300,
            8_201_000,
            "closed after epoch 1",
        ),
        band(BandKind::Rollback, 8_201_000, 8_201_800, "rollback"),
    ];
    let moment = |at, words: &str| Moment {
        at,
        words: words.into(),
    };
    timeline.moments = vec![
        moment(4_600_900, "epoch 1: rollback, incomplete"),
        moment(8_201_000, "epoch 2: rollback"),
    ];
    timeline
}

/// Every kind of section.
pub(crate) fn report() -> Report {
    let section = |title: &str, body| Section {
        title: title.into(),
        intro: "Said of it.".into(),
        body,
    };
    let rows = (0..12).map(|at| {
        vec![
            Cell::ordered(at.to_string(), at),
            Cell::code(format!("step-{at}")),
            Cell::state(State::Succeeded),
        ]
    });
    let log = Log {
        title: "fetch".into(),
        state: Some(State::Failed),
        text: "one\ntwo\n".into(),
        cut: true,
        open: true,
    };
    Report {
        title: "Run r1".into(),
        verdict: Some(Mark {
            state: State::Failed,
            words: "failed".into(),
        }),
        notices: vec![Mark {
            state: State::Waiting,
            words: "it waits".into(),
        }],
        facts: vec![("Plan".into(), Cell::text("p"))],
        graph: graph(),
        timeline: timeline(),
        sections: vec![
            section(
                "Steps",
                Body::Table(Table {
                    columns: vec!["#".into(), "Step".into(), "State".into()],
                    rows: rows.collect(),
                }),
            ),
            section("Logs", Body::Logs(vec![log])),
            section(
                "Proof",
                Body::Facts(vec![("Head".into(), Cell::code("ab"))]),
            ),
            section(
                "Decisions",
                Body::Empty("Nobody has decided anything.".into()),
            ),
        ],
    }
}
