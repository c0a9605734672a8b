//! Every format on one report: snapshots for the eye, and what each format's
//! own readers insist on.

use proptest::prelude::*;
use rok_formats::{FormatError, Formatters, Look};
use rok_orchestration::{
    ComponentArtifact, ComponentResult, ExecutionMode, Finding, Level, OrchestratorError,
    ReplayReport, ReportStatus, ResultStatus, RunReport, Trouble,
};
use rok_vocabulary::Timestamp;
use rstest::rstest;
use serde_json::{Value, json};

const T0: i64 = 1_764_000_000_000;

fn result(name: &str, status: ResultStatus, ms: u64, attempts: u32) -> ComponentResult {
    let mut result = ComponentResult::new(name, status);
    result.version = Some("1.2.0".into());
    result.kind = Some("validator".into());
    result.fingerprint = Some("ab".repeat(32));
    result.duration_ms = ms;
    result.attempts = attempts;
    result
}

/// One of each.
fn report() -> RunReport {
    let at = Timestamp::from_millis(T0);
    let mut report: RunReport = RunReport::begun("ci", "CIOrchestrator", "run-7", at);
    report.mode = ExecutionMode::Async;
    report.run_id = "run-7".parse().ok();
    let mut pass = result("fmt", ResultStatus::Pass, 410, 1);
    pass.output = Some(json!({ "files": 12, "tool": { "name": "rustfmt", "edition": 2024 } }));
    pass.artifacts.push(ComponentArtifact {
        path: "out/report.json".into(),
        sha256: "cd".repeat(32),
        bytes: 12,
    });
    let mut warn = result("licences", ResultStatus::Warn, 1200, 2);
    warn.messages.push("deprecated by deny".into());
    warn.output = Some(json!({ "tool": { "name": "rustfmt", "edition": 2024 } }));
    let mut fail = result("clippy", ResultStatus::Fail, 12_310, 1);
    fail.error_class = Some("validation_failed".into());
    fail.errors = vec![
        Finding {
            file: Some("src/lib.rs".into()),
            line: Some(12),
            column: Some(5),
            rule: Some("unused".into()),
            ..Finding::error("unused variable `x`, <b>: 100% sure")
        },
        Finding {
            level: Level::Warning,
            ..Finding::error("exit code 101")
        },
    ];
    let mut skip = result("docs", ResultStatus::Skip, 0, 0);
    skip.messages
        .push("Dependencies failed or timed out".into());
    let mut late = result("unit", ResultStatus::Fail, 60_000, 1);
    late.timed_out = true;
    late.error_class = Some("timeout".into());
    late.errors.push(Finding::error("no end after 60 s"));
    report.results = vec![pass, warn, fail, skip, late];
    report.settle(None, Timestamp::from_millis(T0 + 73_920));
    report
}

fn render(name: &str, look: Look) -> String {
    let rendered = Formatters::standard().render(name, &report(), look);
    rendered.expect("the name is a standard one")
}

#[rstest]
#[case("human", Look::PLAIN, "human")]
#[case("human", Look::ASCII, "human_ascii")]
#[case("human", Look { color: true, ..Look::PLAIN }, "human_color")]
#[case("json", Look::PLAIN, "json")]
#[case("yaml", Look::PLAIN, "yaml")]
#[case("junit", Look::PLAIN, "junit")]
#[case("sarif", Look::PLAIN, "sarif")]
#[case("github", Look::PLAIN, "github")]
fn snapshots(#[case] name: &str, #[case] look: Look, #[case] snapshot: &str) {
    insta::assert_snapshot!(snapshot, render(name, look));
}

// Seed 003's map of signs.
#[test]
fn the_signs_are_the_seed_s() {
    let (text, ascii) = (render("human", Look::PLAIN), render("human", Look::ASCII));
    for (word, sign) in [
        ("PASS", "✅"),
        ("FAIL", "❌"),
        ("WARN", "⚠️"),
        ("SKIP", "⏭️"),
        ("TIME", "⏱️"),
    ] {
        assert!(text.contains(sign), "{sign}: {text}");
        assert!(ascii.contains(&format!("[{word}]")), "{word}: {ascii}");
    }
    assert!(ascii.is_ascii(), "{ascii}");
}

#[test]
fn json_comes_back_and_its_keys_stand_in_one_order() {
    let text = render("json", Look::PLAIN);
    assert_eq!(serde_json::from_str::<RunReport>(&text).unwrap(), report());
    let value: Value = serde_json::from_str(&text).unwrap();
    let keys: Vec<&String> = value.as_object().unwrap().keys().collect();
    assert_eq!(keys[..4], ["status", "exit_code", "stage", "orchestrator"]);
    assert_eq!(
        text,
        render(
            "json",
            Look {
                color: true,
                ascii: true,
                width: 1
            }
        )
    );
}

#[test]
fn yaml_writes_what_repeats_once() {
    let text = render("yaml", Look::PLAIN);
    assert!(text.contains("tool: &a1\n"), "{text}");
    assert!(text.contains("tool: *a1\n"), "{text}");
}

#[test]
fn junit_counts_what_the_report_counts() {
    let text = render("junit", Look::PLAIN);
    let xml = roxmltree::Document::parse(&text).unwrap();
    let suite = xml
        .descendants()
        .find(|n| n.has_tag_name("testsuite"))
        .unwrap();
    let count = |name| suite.attribute(name).unwrap().parse::<u32>().unwrap();
    let sum = report().summary;
    assert_eq!(count("tests"), sum.total);
    assert_eq!(count("failures"), sum.failed);
    assert_eq!(count("skipped"), sum.skipped);
}

/// A replay that came out otherwise is an error of its own, also where every
/// component passed; one that did not is told as such.
#[rstest]
#[case("junit", "errors=\"1\"", "errors=\"0\"")]
#[case("sarif", "\"level\": \"error\"", "\"level\": \"note\"")]
#[case("github", "::error title=rok::replay", "::notice title=rok::replay")]
fn a_replay_is_told(#[case] format: &str, #[case] otherwise: &str, #[case] alike: &str) {
    let at = Timestamp::from_millis(T0);
    let mut report: RunReport = RunReport::begun("ci", "CIOrchestrator", "run-8", at);
    report.results = vec![result("fmt", ResultStatus::Pass, 410, 1)];
    let mut replay = ReplayReport {
        replays: "run-7".into(),
        ..ReplayReport::default()
    };
    report.replay = Some(replay.clone());
    report.settle(None, at);
    let render = |report: &RunReport| {
        let rendered = Formatters::standard().render(format, report, Look::PLAIN);
        rendered.expect("the name is a standard one")
    };
    let text = render(&report);
    for part in [alike, "replay of run-7: came out alike"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    replay.diverged = true;
    replay.divergences = vec!["fmt: was failed, is succeeded".into()];
    report.replay = Some(replay);
    report.settle(Some(ReportStatus::Failed), at);
    let text = render(&report);
    let told = "replay of run-7: diverged: fmt: was failed, is succeeded";
    for part in [otherwise, told] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("message=\"\""), "{text}");
}

#[test]
fn junit_shows_a_refusal_as_an_error() {
    let error = OrchestratorError::Registry(Trouble::new("ROK0221", "no component `x`"));
    let refused: RunReport = RunReport::refused("ci", "r", Timestamp::from_millis(T0), &error);
    let text = Formatters::standard()
        .render("junit", &refused, Look::PLAIN)
        .unwrap();
    assert!(text.contains("errors=\"1\""), "{text}");
}

/// What SARIF 2.1.0 insists on, as far as this document goes there.
#[test]
fn sarif_has_the_shape_that_its_schema_asks_for() {
    let document: Value = serde_json::from_str(&render("sarif", Look::PLAIN)).unwrap();
    assert_eq!(document["version"], "2.1.0");
    let run = &document["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    assert!(run["tool"]["driver"]["name"].is_string());
    let ids: Vec<&Value> = rules.iter().map(|rule| &rule["id"]).collect();
    assert_eq!(ids, ["clippy/unused", "clippy", "unit"]);
    let results = run["results"].as_array().unwrap();
    assert_eq!(results.len(), 3);
    for result in results {
        let index = result["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(result["ruleId"], rules[index]["id"]);
        assert!(result["message"]["text"].is_string());
        let level = result["level"].as_str().unwrap();
        assert!(["none", "note", "warning", "error"].contains(&level));
    }
    let region = &results[0]["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region, &json!({ "startLine": 12, "startColumn": 5 }));
    assert_eq!(run["invocations"][0]["executionSuccessful"], false);
    assert_eq!(run["invocations"][0]["exitCode"], 1);
}

#[test]
fn a_crate_can_add_a_formatter_and_takes_none_away() {
    let formatters = Formatters::standard()
        .with("exit", |report, _| Ok(report.exit_code.to_string()))
        .unwrap();
    assert_eq!(
        formatters.render("exit", &report(), Look::PLAIN).unwrap(),
        "1"
    );
    let error = formatters
        .with("json", |_, _| Ok(String::new()))
        .unwrap_err();
    assert_eq!(error, FormatError::Taken { name: "json" });
}

#[test]
fn a_report_of_nothing_is_told_as_such() {
    let at = Timestamp::from_millis(T0);
    let mut empty: RunReport = RunReport::begun("ci", "CIOrchestrator", "r", at);
    empty.settle(Some(ReportStatus::Cancelled), at);
    let text = Formatters::standard()
        .render("human", &empty, Look::ASCII)
        .unwrap();
    assert!(text.contains("CANCELLED: nothing ran"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_component_wrote_every_format_stays_valid(
        name in "\\PC{0,30}",
        text in "[ -~\n\r\u{0}\u{1b}\u{fffe}\u{202e}é<&>%:,]{0,60}",
        line in any::<u32>(),
    ) {
        let mut report = report();
        let result = &mut report.results[2];
        result.component.clone_from(&name);
        result.errors[0].message.clone_from(&text);
        result.errors[0].file = Some(text.clone());
        result.errors[0].line = Some(line);
        result.messages.push(text.clone());
        let formatters = Formatters::standard();
        let render = |format: &str| formatters.render(format, &report, Look::PLAIN).unwrap();

        prop_assert_eq!(&serde_json::from_str::<RunReport>(&render("json")).unwrap(), &report);
        let xml = render("junit");
        prop_assert!(roxmltree::Document::parse(&xml).is_ok(), "{}", xml);
        prop_assert!(serde_json::from_str::<Value>(&render("sarif")).is_ok());
        // One command a line: none that a component wrote.
        let github = render("github");
        prop_assert_eq!(github.lines().count(), report.results.iter().map(|r| r.errors.len()).sum::<usize>() + 2);
        prop_assert!(github.lines().all(|line| line.starts_with("::")), "{}", github);
    }
}

/// Nothing that a component prints is a command of its own, or anything that a
/// terminal acts on.
#[test]
fn github_has_no_commands_and_no_control_characters_of_others() {
    let mut report = report();
    let hostile =
        "a\u{1b}[31m\u{85}\u{b}b\r\n::set-output name=x::y%0A::error::z\u{2028}::warning::c\u{0}\t";
    report.results[2].errors[0] = Finding {
        file: Some(hostile.into()),
        ..Finding::error(hostile)
    };
    report.results[1].messages.push(hostile.into());
    report.messages.push(hostile.into());
    let text = Formatters::standard().get("github").unwrap()(&report, Look::PLAIN).unwrap();
    let ours = ["::error ", "::warning ", "::notice "];
    for line in text.lines() {
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line:?}");
        assert!(
            !line.chars().any(|c| c.is_control() && c != '\t'),
            "{line:?}"
        );
        assert!(!line.contains(['\u{2028}', '\u{85}']), "{line:?}");
    }
    assert!(
        text.contains("a\\u{1b}[31m\\u{85}\\u{b}b%0D%0A::set-output"),
        "{text}"
    );
    assert!(
        text.contains("y%250A::error::z\\u{2028}::warning::c\\u{0}\t"),
        "{text}"
    );
}
