//! The suite over an engine or an executor, as a report.

use crate::cases::{Case, cases};
use crate::engine::{Engine, Fault};
use rok_orchestration::{ComponentResult, Finding, ReportStatus, ResultStatus, RunReport};
use rok_vocabulary::Timestamp;

/// Holds an engine against cases. `clock` says what time it is; `told` hears of
/// each result as it comes. A suite of no case is no success.
pub fn conform<'c>(
    engine: &Engine,
    cases: impl IntoIterator<Item = &'c Case>,
    clock: impl Fn() -> Timestamp,
    told: impl FnMut(&ComponentResult),
) -> RunReport {
    let checks = cases.into_iter().map(|case| Check {
        name: case.full_name(),
        about: None,
        verdict: Box::new(move || case.check(engine)),
    });
    report("engine", checks, clock, told)
}

/// One case, over what is held against it.
pub(crate) struct Check<'c> {
    pub(crate) name: String,
    /// What holds, where the name alone does not say it.
    pub(crate) about: Option<&'static str>,
    pub(crate) verdict: Box<dyn FnOnce() -> Result<(), Fault> + 'c>,
}

/// The report of these checks over an engine or an executor.
pub(crate) fn report<'c>(
    of: &str,
    checks: impl IntoIterator<Item = Check<'c>>,
    clock: impl Fn() -> Timestamp,
    mut told: impl FnMut(&ComponentResult),
) -> RunReport {
    let began = clock();
    let id = format!("conformance-{}", began.as_millis());
    let mut report = RunReport::begun("conformance", "ConformanceSuite", &id, began);
    for check in checks {
        let result = result_of(check, &clock);
        told(&result);
        report.results.push(result);
    }
    let skipped = |result: &&ComponentResult| result.status == ResultStatus::Skip;
    let unshown = report.results.iter().filter(skipped).count();
    let failed = |result: &ComponentResult| result.status == ResultStatus::Fail;
    let (ended, why) = match unshown {
        _ if report.results.is_empty() => {
            let why = "no case was selected: nothing was shown".to_owned();
            (Some(ReportStatus::Failed), Some(why))
        }
        0 => (None, None),
        all if all == report.results.len() => {
            let why = format!("no case could be shown with this {of}");
            (Some(ReportStatus::Failed), Some(why))
        }
        _ => {
            let partial = !report.results.iter().any(failed);
            let why = match unshown {
                1 => format!("1 case could not be shown with this {of}"),
                _ => format!("{unshown} cases could not be shown with this {of}"),
            };
            (partial.then_some(ReportStatus::Partial), Some(why))
        }
    };
    report.settle(ended, clock());
    report.messages.extend(why);
    report
}

/// Counts every case of a report as failed that could not be shown.
pub fn demand_all(report: &mut RunReport) {
    report.results.iter_mut().for_each(demand);
    let nothing = report.results.is_empty();
    let ended = nothing.then_some(ReportStatus::Failed);
    report.settle(ended, report.completed_at);
}

/// The same of one case.
pub fn demand(result: &mut ComponentResult) {
    if result.status != ResultStatus::Skip {
        return;
    }
    result.status = ResultStatus::Fail;
    for why in std::mem::take(&mut result.messages) {
        let mut finding = Finding::error(&why);
        finding.rule = Some(result.component.clone());
        result.errors.push(finding);
    }
}

fn result_of(check: Check<'_>, clock: impl Fn() -> Timestamp) -> ComponentResult {
    let began = clock();
    let checked = (check.verdict)();
    let status = match checked {
        Ok(()) => ResultStatus::Pass,
        Err(Fault::Broken(_)) => ResultStatus::Fail,
        Err(Fault::Unshown(_)) => ResultStatus::Skip,
    };
    let mut result = ComponentResult::new(&check.name, status);
    result.kind = Some("test".to_owned());
    result.attempts = 1;
    result.duration_ms = u64::try_from(clock().since(began).as_millis()).unwrap_or(u64::MAX);
    match checked {
        Ok(()) => {}
        Err(Fault::Broken(why)) => {
            let mut finding = Finding::error(&why);
            finding.rule = Some(check.name);
            result.errors.push(finding);
            let about = check.about.map(|about| format!("the rule: {about}"));
            result.messages.extend(about);
        }
        Err(unshown) => result.messages.push(unshown.to_string()),
    }
    result
}

/// Holds an engine against every case; for tests. The names of those that could
/// not be shown with it, and why.
///
/// # Panics
///
/// If a case fails, with all that do.
#[must_use]
pub fn assert_conforms(engine: &Engine) -> Vec<String> {
    let (mut failed, mut unshown) = (Vec::new(), Vec::new());
    for case in cases() {
        match case.check(engine) {
            Ok(()) => {}
            Err(Fault::Broken(why)) => failed.push(format!("{}: {why}", case.full_name())),
            Err(Fault::Unshown(why)) => unshown.push(format!("{}: {why}", case.full_name())),
        }
    }
    assert!(
        failed.is_empty(),
        "it does not conform:\n{}",
        failed.join("\n")
    );
    unshown
}
