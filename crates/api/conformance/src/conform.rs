//! The suite over an engine, as a report.

use crate::cases::{Case, cases};
use crate::engine::Engine;
use rok_orchestration::{ComponentResult, Finding, ReportStatus, ResultStatus, RunReport};
use rok_vocabulary::Timestamp;

/// Holds an engine against cases. `clock` says what time it is; `told` hears of
/// each result as it comes. A suite of no case is no success.
pub fn conform<'c>(
    engine: &Engine,
    cases: impl IntoIterator<Item = &'c Case>,
    clock: impl Fn() -> Timestamp,
    mut told: impl FnMut(&ComponentResult),
) -> RunReport {
    let began = clock();
    let id = format!("conformance-{}", began.as_millis());
    let mut report = RunReport::begun("conformance", "ConformanceSuite", &id, began);
    for case in cases {
        let result = result_of(case, engine, &clock);
        told(&result);
        report.results.push(result);
    }
    let nothing = report.results.is_empty().then_some(ReportStatus::Failed);
    report.settle(nothing, clock());
    if nothing.is_some() {
        let why = "no case was selected: nothing was shown".to_owned();
        report.messages.push(why);
    }
    report
}

fn result_of(case: &Case, engine: &Engine, clock: impl Fn() -> Timestamp) -> ComponentResult {
    let began = clock();
    let checked = case.check(engine);
    let status = match checked {
        Ok(()) => ResultStatus::Pass,
        Err(_) => ResultStatus::Fail,
    };
    let mut result = ComponentResult::new(&case.full_name(), status);
    result.kind = Some("test".to_owned());
    result.attempts = 1;
    result.duration_ms = u64::try_from(clock().since(began).as_millis()).unwrap_or(u64::MAX);
    if let Err(fault) = checked {
        let mut finding = Finding::error(&fault.0);
        finding.rule = Some(case.full_name());
        result.errors.push(finding);
    }
    result
}

/// Holds an engine against every case; for tests.
///
/// # Panics
///
/// If a case fails, with all that do.
pub fn assert_conforms(engine: &Engine) {
    let failed: Vec<String> = cases()
        .filter_map(|case| {
            let fault = case.check(engine).err()?;
            Some(format!("{}: {}", case.full_name(), fault.0))
        })
        .collect();
    assert!(
        failed.is_empty(),
        "it does not conform:\n{}",
        failed.join("\n")
    );
}
