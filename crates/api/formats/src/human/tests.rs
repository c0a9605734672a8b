//! Laws of what people are shown.

use super::*;
use alloc::vec::Vec;
use proptest::prelude::*;
use rok_orchestration::{
    DryRunReport, ExecutionMode, Finding, PlannedComponent, ProfileReport, ProfiledComponent,
    ReportError,
};
use rok_vocabulary::Timestamp;

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,140}",
        "\\PC{0,80}",
        "[a-z]{1,8}",
        "[\u{1b}\n\r\t\u{202e}x日🙂]{0,70}"
    ]
}

fn any_result() -> impl Strategy<Value = ComponentResult> {
    let status = prop_oneof![
        Just(ResultStatus::Pass),
        Just(ResultStatus::Warn),
        Just(ResultStatus::Skip),
        Just(ResultStatus::Fail),
    ];
    let texts = prop::collection::vec(any_text(), 0..4);
    (
        any_text(),
        status,
        any::<bool>(),
        texts,
        any_text(),
        0_u32..4,
        any::<u32>(),
    )
        .prop_map(|(name, status, late, texts, file, attempts, ms)| {
            let mut result = ComponentResult::new(&name, status);
            result.timed_out = late && status == ResultStatus::Fail;
            result.error_class = Some(file.clone());
            result.attempts = attempts;
            result.duration_ms = u64::from(ms);
            let finding = |text: &String| Finding {
                file: Some(file.clone()),
                line: Some(ms),
                ..Finding::error(text)
            };
            result.errors = texts.iter().map(finding).collect();
            result.messages = texts;
            result
        })
}

fn any_report() -> impl Strategy<Value = RunReport> {
    let results = prop::collection::vec(any_result(), 0..5);
    (results, any_text(), any_text(), any::<[bool; 3]>()).prop_map(|(results, id, text, with)| {
        let at = Timestamp::from_millis(0);
        let mut report: RunReport = RunReport::begun(&text, &id, &id, at);
        report.mode = ExecutionMode::Profile;
        report.results = results;
        report.messages.push(text.clone());
        if with[0] {
            report.dry_run = Some(DryRunReport {
                plan: serde_json::json!({ "plan": text, "steps": [id, text] }),
                components: alloc::vec![PlannedComponent {
                    component: id.clone(),
                    why: text.clone(),
                    does: text.clone(),
                    ..PlannedComponent::default()
                }],
                ..DryRunReport::default()
            });
        }
        if with[1] {
            report.profile = Some(ProfileReport {
                wall_ms: u64::from(u32::MAX),
                components: alloc::vec![ProfiledComponent {
                    component: id.clone(),
                    from_ms: 7,
                    wall_ms: u64::MAX,
                    cpu_ms: u64::MAX,
                    ..ProfiledComponent::default()
                }],
                critical_path: alloc::vec![id, text.clone()],
                ..ProfileReport::default()
            });
        }
        if with[2] {
            report.error = Some(ReportError {
                kind: "registry".to_string(),
                code: "ROK0221".to_string(),
                message: text.clone(),
                help: Some(text),
                retryable: false,
            });
        }
        report.settle(None, at);
        report
    })
}

/// The text without its line ends and indents.
fn joined(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

#[test]
fn errors_are_told_whole_on_as_many_lines_as_they_take() {
    let at = Timestamp::from_millis(0);
    let mut report: RunReport = RunReport::begun("ci", "X", "r", at);
    let words: Vec<String> = (0..60).map(|n| alloc::format!("word{n}")).collect();
    let long = words.join(" ");
    let mut failed = ComponentResult::new("a", ResultStatus::Fail);
    failed
        .errors
        .push(Finding::error(&alloc::format!("first line\n{long}")));
    let skipped = ComponentResult::new("b", ResultStatus::Skip).message(long.as_str());
    report.results = alloc::vec![failed, skipped];
    report.error = Some(ReportError {
        kind: "config".to_string(),
        code: "ROK0109".to_string(),
        message: alloc::format!("input `a` is wrong\ninput `b` is wrong: {long}"),
        help: Some(long.clone()),
        retryable: false,
    });
    report.settle(None, at);
    let text = write(&report, Look::PLAIN).unwrap();
    assert_eq!(joined(&text).matches(&long).count(), 4, "{text}");
    assert!(text.contains("\n       first line\n"), "{text}");
    assert!(
        text.contains("error[ROK0109]: input `a` is wrong\n    input `b` is wrong: word0"),
        "{text}"
    );
    let word = "q".repeat(250);
    report.error = None;
    report.results = alloc::vec![ComponentResult::new("c", ResultStatus::Pass).message(&*word)];
    let text = write(&report, Look::PLAIN).unwrap();
    assert_eq!(
        text.matches('q').count(),
        250,
        "a long word is broken: {text}"
    );
}

#[test]
fn memory_that_is_not_known_is_not_told() {
    let at = Timestamp::from_millis(0);
    let mut report: RunReport = RunReport::begun("ci", "X", "r", at);
    let part = |name: &str, kib| ProfiledComponent {
        component: name.to_string(),
        max_rss_kib: kib,
        ..ProfiledComponent::default()
    };
    let profile = |kib| ProfileReport {
        max_rss_kib: kib,
        components: alloc::vec![part("small", 0), part("large", kib)],
        ..ProfileReport::default()
    };
    report.profile = Some(profile(0));
    let text = write(&report, Look::PLAIN).unwrap();
    assert!(!text.contains("KiB"), "{text}");
    report.profile = Some(profile(2048));
    let text = write(&report, Look::PLAIN).unwrap();
    assert_eq!(text.matches(" 2048 KiB").count(), 2, "{text}");
    assert!(!text.contains(" 0 KiB"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_line_is_wider_than_the_screen_and_none_gives_orders(
        report in any_report(),
        ascii in any::<bool>(),
        width in 0_usize..300,
    ) {
        let look = Look { color: false, ascii, width };
        let text = write(&report, look).unwrap();
        for line in text.lines() {
            // Terminals show a sign with U+FE0F two columns wide.
            let wide = line.matches('\u{fe0f}').count();
            prop_assert!(rok_pictures::columns(line) + wide <= look.columns(), "{line:?}");
            prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            prop_assert!(!ascii || line.is_ascii(), "{line:?}");
        }
    }

    #[test]
    fn colours_change_nothing_but_colours(report in any_report()) {
        let plain = write(&report, Look::PLAIN).unwrap();
        let painted = write(&report, Look { color: true, ..Look::PLAIN }).unwrap();
        let mut bare = String::new();
        let mut escape = false;
        for c in painted.chars() {
            match c {
                '\u{1b}' => escape = true,
                'm' if escape => escape = false,
                _ if escape => {}
                c => bare.push(c),
            }
        }
        let trimmed = |text: &str| text.lines().map(str::trim_end).map(str::to_string).collect::<Vec<_>>();
        prop_assert_eq!(trimmed(&bare), trimmed(&plain));
    }
}
