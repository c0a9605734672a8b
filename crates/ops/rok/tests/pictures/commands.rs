//! `graph`, `timeline` and `report` of what was really run.

use crate::support::Bench;
use std::fs;

/// A failure that is retried, a failure that is final, what follows it, and a
/// gate that waits.
pub(crate) const PLAN: &str = r#"
plan: looked-at
max_parallel: 1
steps:
  fetch: { run: '[ "$ROK_ATTEMPT" = 1 ] || { echo "connection refused"; exit 75; }', retry: { max: 2, base: 50ms } }
  parse: { needs: [fetch], run: 'echo "<b>parsed</b> & done"' }
  lint: { required: false, run: 'echo broken; exit 3' }
  tell: { needs: [lint], run: echo told }
  publish: { needs: [parse], gate: manual, run: echo published }
"#;

/// A run that waits at its gate.
pub(crate) fn held() -> Bench {
    let bench = Bench::new();
    bench.write("plan.yaml", PLAN);
    bench
        .rok(["run", "plan.yaml", "--run-id", "r1", "--quiet"])
        .exits(1);
    bench
}

#[test]
fn a_plan_and_its_run_are_drawn_in_every_form() {
    let bench = held();
    let forms = [
        ("svg", "<svg xmlns=\"http://www.w3.org/2000/svg\""),
        ("mermaid", "flowchart TB\n"),
        ("dot", "digraph \""),
        ("ascii", ": 5 steps, 3 edges, 3 layers\n"),
    ];
    for (form, sign) in forms {
        for name in ["plan.yaml", "r1", "runs/r1"] {
            let ran = bench.rok(["graph", name, "--format", form]).exits(0);
            assert!(ran.out.contains(sign), "{name} as {form}: {}", ran.out);
            assert_eq!(ran.err, "");
        }
    }
    let run = bench.rok(["graph", "r1", "--format", "ascii"]).exits(0).out;
    for line in [
        "✓ fetch  (attempt 2 · ",
        "✗ lint  (optional · ",
        "⊘ tell  ← lint",
        "‖ publish  (manual gate)  ← parse",
    ] {
        assert!(run.contains(line), "{line} in {run}");
    }
    let builtin = bench
        .rok(["graph", "deliverable", "--format", "ascii"])
        .exits(0);
    assert!(
        builtin
            .out
            .contains("8 ─ publish_internal  (manual gate)  ⇠ verify_artifacts"),
        "{}",
        builtin.out
    );
}

#[test]
fn a_name_that_is_neither_a_plan_nor_a_run_is_refused() {
    let bench = Bench::new();
    let ran = bench.rok(["graph", "delivrable"]).exits(3);
    assert!(
        ran.err
            .contains("error[ROK0002]: neither a plan nor a run: delivrable"),
        "{}",
        ran.err
    );
    assert!(
        ran.err
            .contains("did you mean the built-in plan `deliverable`?"),
        "{}",
        ran.err
    );
    bench.rok(["timeline", "nothing"]).exits(2);
    bench.rok(["report", "nothing"]).exits(2);
}

#[test]
fn a_picture_goes_to_the_file_that_is_named_and_nowhere_else() {
    let bench = held();
    for (command, file) in [
        ("graph", "g.svg"),
        ("timeline", "t.svg"),
        ("report", "r.html"),
    ] {
        let ran = bench.rok([command, "r1", "-o", file]).exits(0);
        assert_eq!(ran.out, "");
        assert_eq!(ran.err, format!("wrote {file}\n"));
        let written = fs::read_to_string(bench.path().join(file)).expect("the file is there");
        assert_eq!(written, bench.rok([command, "r1"]).exits(0).out);
    }
    let ran = bench
        .rok(["report", "r1", "-o", "no/such/folder/r.html"])
        .exits(1);
    assert!(
        ran.err
            .contains("error[ROK0012]: cannot write the result: no/such/folder/r.html"),
        "{}",
        ran.err
    );
}

#[test]
fn a_timeline_shows_attempts_waits_and_the_critical_path() {
    let bench = held();
    let text = bench
        .rok(["timeline", "r1", "--format", "ascii"])
        .exits(0)
        .out;
    let line = |id: &str| {
        let found = text.lines().find(|line| line.contains(id));
        found.unwrap_or_else(|| panic!("{id} in {text}")).to_owned()
    };
    let fetch = line(" fetch ");
    assert!(fetch.starts_with("◆ ✓"), "{text}");
    assert!(
        fetch.contains('▒') && fetch.contains('┄') && fetch.contains('█'),
        "{text}"
    );
    assert!(line(" parse ").starts_with("◆ ✓"), "{text}");
    assert!(line(" lint ").starts_with("  ✗"), "{text}");
    // What never ran comes last.
    assert!(text.find(" tell").expect("it is there") > text.find(" publish").expect("it is there"));

    bench
        .rok(["approve", "r1", "publish", "--reason", "looks good"])
        .exits(0);
    bench.rok(["resume", "r1", "--quiet"]);
    let svg = bench
        .rok(["timeline", "r1", "--format", "svg"])
        .exits(0)
        .out;
    let events = bench.events("r1");
    let started = events
        .iter()
        .filter(|event| event["event_type"] == "step.started");
    assert_eq!(svg.matches("\nattempt ").count(), started.count());
    for part in [
        "attempt 1 failed after",
        "attempt 2 succeeded after",
        "waited before the next attempt",
        "waited for a decision",
        "the run stood still: manual gate",
        "publish: succeeded, manual gate, on the critical path",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
}

#[test]
fn a_report_holds_what_the_record_says() {
    let bench = held();
    bench
        .rok(["approve", "r1", "publish", "--reason", "<i>fine</i>"])
        .exits(0);
    bench.rok(["resume", "r1", "--quiet"]);
    let head = bench.rok(["verify", "r1", "--json"]).exits(0).json()["head"]
        .as_str()
        .expect("a head")
        .to_owned();
    let html = bench.rok(["report", "r1"]).exits(0).out;
    for part in [
        "exit code 3",
        "&lt;b&gt;parsed&lt;/b&gt; &amp; done",
        "&lt;i&gt;fine&lt;/i&gt;",
        "orchestrator/finalize_run",
        "Dependencies failed or timed out",
        "intact and sealed",
        &head,
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(!html.contains("<b>") && !html.contains("<i>"));
}

#[test]
fn nothing_is_drawn_of_a_log_that_was_changed() {
    let bench = held();
    let log = bench.runs().join("r1/events.jsonl");
    let text = fs::read_to_string(&log).expect("the run has a log");
    fs::write(
        &log,
        text.replace("connection refused", "connection accepted"),
    )
    .expect("it is written");
    for command in ["graph", "timeline", "report"] {
        let ran = bench.rok([command, "r1"]).exits(4);
        assert_eq!(ran.out, "");
        assert!(ran.err.contains("error[ROK0105]"), "{}", ran.err);
    }
}

#[test]
fn a_fan_out_is_one_box_and_a_bar_for_each_child() {
    let bench = Bench::new();
    let step = r#"{ for_each: '["eu", "us", "ap"]', run: 'test "${{ item }}" != us || { echo "us is down"; exit 3; }' }"#;
    bench.write(
        "fan.yaml",
        &format!("plan: fan\nsteps:\n  deploy: {step}\n"),
    );
    let plan = bench
        .rok(["graph", "fan.yaml", "--format", "ascii"])
        .exits(0);
    assert!(
        plan.out.contains("─ deploy  (for each item)"),
        "{}",
        plan.out
    );
    bench
        .rok(["run", "fan.yaml", "--run-id", "f", "--quiet"])
        .exits(1);
    let graph = bench.rok(["graph", "f", "--format", "ascii"]).exits(0).out;
    assert!(graph.contains("✗ deploy ×3"), "{graph}");
    assert!(graph.contains("2 succeeded, 1 failed"), "{graph}");
    let timeline = bench.rok(["timeline", "f", "--format", "ascii"]).exits(0);
    for line in ["✗ deploy ", "✓ deploy[0]", "✗ deploy[1]", "✓ deploy[2]"] {
        assert!(timeline.out.contains(line), "{line} in {}", timeline.out);
    }
    let report = bench.rok(["report", "f"]).exits(0).out;
    assert!(report.contains("us is down"), "the failed child's log");
}

#[test]
fn a_fallback_hangs_on_its_step_and_names_stand_with_their_ids() {
    let bench = Bench::new();
    bench.write(
        "p.yaml",
        "plan: p\nsteps:\n  fetch: { name: Fetch & check, run: exit 3, fallback: mirror }\n  mirror: { run: 'true' }\n",
    );
    bench
        .rok(["run", "p.yaml", "--run-id", "r", "--quiet"])
        .exits(0);
    let report = bench.rok(["report", "r"]).exits(0).out;
    assert!(report.contains("fetch failed, and mirror ran in its place."));
    for name in ["p.yaml", "r"] {
        for (form, parts) in [
            (
                "svg",
                [
                    "if fetch fails</text>",
                    ">Fetch &amp; check</text>",
                    ">fetch</text>",
                ],
            ),
            (
                "mermaid",
                [
                    "n0 -.->|\"if fetch fails\"| n1",
                    "<br/>Fetch #amp; check",
                    "fetch<br/>",
                ],
            ),
            (
                "dot",
                [
                    "n0 -> n1 [style=dashed, label=\"if fetch fails\"]",
                    "\\nFetch & check",
                    "fetch\\n",
                ],
            ),
            (
                "ascii",
                ["mirror", "↤ if fetch fails", "fetch  Fetch & check"],
            ),
        ] {
            let drawn = bench.rok(["graph", name, "--format", form]).exits(0).out;
            for part in parts {
                assert!(drawn.contains(part), "{part} in {drawn}");
            }
        }
    }
}

const UNDONE: &str = r#"
plan: undone
steps:
  first: { name: Lay <it> out, run: "true", compensate: { run: test -e ok } }
  each: { needs: [first], for_each: '["eu", "us"]', run: "true", compensate: { run: "true" } }
  last: { needs: [each], run: test -e go }
"#;

fn line<'a>(text: &'a str, id: &str) -> &'a str {
    let found = text.lines().find(|line| line.contains(id));
    found.unwrap_or_else(|| panic!("{id} in {text}"))
}

#[test]
fn a_timeline_shows_what_was_undone_and_what_could_not_be() {
    let bench = Bench::new();
    bench.write("undone.yaml", UNDONE);
    bench
        .rok(["run", "undone.yaml", "--run-id", "u", "--quiet"])
        .exits(1);
    bench.rok(["rollback", "u"]).exits(1);
    let text = bench
        .rok(["timeline", "u", "--format", "ascii"])
        .exits(0)
        .out;
    assert!(text.contains("epoch 1: rollback, incomplete"), "{text}");
    assert!(line(&text, " first ").contains('!'), "{text}");
    for id in [" each ", " each[0] ", " each[1] "] {
        assert!(line(&text, id).contains("↶ each"), "{text}");
        assert!(line(&text, id).matches('↶').count() > 1, "{text}");
    }
    for words in ["↶ compensation", "! compensation that failed"] {
        assert!(text.contains(words), "{words} in {text}");
    }

    bench.write("ok", "");
    bench.rok(["rollback", "u"]).exits(0);
    let text = bench
        .rok(["timeline", "u", "--format", "ascii"])
        .exits(0)
        .out;
    let first = line(&text, " first ");
    assert!(first.contains('!') && first.contains('↶'), "{text}");
    let report = bench.rok(["report", "u"]).exits(0).out;
    for part in [
        ">Rollback</h2>",
        "It is rolled back.",
        "not undone</span>",
        "undone</span>",
        "exit code 1 (validation_failed)",
        "<td>Lay &lt;it&gt; out</td>",
    ] {
        assert!(report.contains(part), "{part} in {report}");
    }
    let svg = bench.rok(["timeline", "u", "--format", "svg"]).exits(0).out;
    for part in [
        ">epoch 1: rollback, incomplete</text>",
        ">epoch 2: rollback</text>",
        "; 4 compensations; closed between two epochs, ",
        ">compensation</text>",
        ">compensation that failed</text>",
        ">closed between epochs</text>",
        "compensation failed after ",
        "undone after ",
        "2 of 2 children undone in ",
        ">Lay &lt;it&gt; out</text>",
        ">first</text>",
        " from creation to end, ",
    ] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
}

#[test]
fn a_timeline_shows_a_rollback_within_an_epoch_and_one_done_by_hand() {
    let bench = Bench::new();
    let plan = UNDONE.replace("plan: undone", "plan: undone\non_failure: rollback");
    bench.write("undone.yaml", &plan);
    bench
        .rok(["run", "undone.yaml", "--run-id", "u", "--quiet"])
        .exits(1);
    let svg = bench.rok(["timeline", "u", "--format", "svg"]).exits(0).out;
    for part in [">rollback, incomplete</text>", "; 3 compensations;"] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
    assert!(!svg.contains("epoch 1"), "{svg}");
    bench
        .rok(["rollback", "u", "--done", "first", "--reason", "by hand"])
        .exits(0);
    let svg = bench.rok(["timeline", "u", "--format", "svg"]).exits(0).out;
    for part in [">epoch 1: rollback</text>", "\nundone by hand, says user:"] {
        assert!(svg.contains(part), "{part} in {svg}");
    }
}

#[test]
fn a_run_of_several_epochs_is_as_long_as_the_clock_says() {
    let bench = Bench::new();
    bench.write("undone.yaml", UNDONE);
    bench
        .rok(["run", "undone.yaml", "--run-id", "u", "--quiet"])
        .exits(1);
    bench.write("go", "");
    let summary = bench.rok(["resume", "u", "--quiet"]).exits(0).out;
    let duration = line(&summary, "Duration: ");
    assert!(
        duration.contains(" in epoch 1, ") && duration.ends_with(" since its creation"),
        "{duration}"
    );
    for form in ["svg", "ascii"] {
        let drawn = bench.rok(["timeline", "u", "--format", form]).exits(0).out;
        assert!(drawn.contains("from creation to end"), "{drawn}");
        assert!(drawn.contains("epoch 1: resumed"), "{drawn}");
        assert!(drawn.contains("last attempt"), "{drawn}");
    }
    let report = bench.rok(["report", "u"]).exits(0).out;
    assert!(report.contains(" from creation to end, "), "{report}");
}

#[test]
fn a_picture_as_data_is_data_and_what_has_none_is_refused() {
    let bench = held();
    let graph = bench.rok(["graph", "r1", "--json"]).exits(0).json();
    let nodes = graph["nodes"].as_array().expect("nodes").iter();
    let nodes: Vec<&str> = nodes.filter_map(|node| node["id"].as_str()).collect();
    assert!(
        nodes.contains(&"fetch") && nodes.contains(&"publish"),
        "{graph}"
    );
    let edges = graph["edges"].as_array().expect("edges").iter();
    for edge in edges {
        let is_a_node = |end: &str| edge[end].as_str().is_some_and(|id| nodes.contains(&id));
        assert!(is_a_node("from") && is_a_node("to"), "{edge}");
    }
    let yaml = bench.rok(["graph", "r1", "--yaml"]).exits(0).out;
    assert!(yaml.starts_with("title:"), "{yaml}");
    let timing = bench.rok(["timeline", "r1", "--json"]).exits(0).json();
    assert!(timing["steps"].is_array(), "{timing}");
    bench
        .rok(["graph", "r1", "--json", "-o", "g.json"])
        .exits(0);
    let written = fs::read_to_string(bench.path().join("g.json")).expect("the file is there");
    assert!(written.starts_with('{'), "{written}");
    for refused in [&["report", "r1", "--json"][..], &["metrics", "--yaml"]] {
        let refused = bench.rok(refused).exits(2);
        let told = format!("{}{}", refused.out, refused.err);
        assert!(told.contains("ROK0010"), "{told}");
    }
    bench
        .rok(["graph", "r1", "--format", "svg", "--json"])
        .exits(2);
}
