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
