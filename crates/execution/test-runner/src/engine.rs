//! The engine: sets the stage, plays the run, judges it.

use crate::judge::{Seen, judge};
use crate::play::{Played, play};
use rok_events::EventType;
use rok_facades::Facades;
use rok_facades::plan_tests::{
    Mismatch, PlanTestCase, PlanTestEngine, PlanTestResult, TestFault, TestVerdict,
};
use rok_facades::runs::RunsError;
use rok_plan_test::EventPattern;
use std::path::PathBuf;
use std::sync::Arc;

/// Makes the domains for a test, under these policy files and those that its
/// plan names, and the digest of those files.
pub type FacadesFor = Arc<
    dyn Fn(&[PathBuf], &[PathBuf]) -> Result<(Facades, Option<String>), RunsError> + Send + Sync,
>;

/// Runs tests of plans.
#[derive(Clone)]
pub struct TestRunner {
    facades: FacadesFor,
}

impl std::fmt::Debug for TestRunner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TestRunner").finish_non_exhaustive()
    }
}

impl TestRunner {
    /// A runner over what makes the domains; each test gets new ones.
    #[must_use]
    pub fn new(facades: FacadesFor) -> Self {
        Self { facades }
    }
}

impl PlanTestEngine for TestRunner {
    fn run(&self, case: PlanTestCase<'_>) -> Result<PlanTestResult, RunsError> {
        if let Some(fault) = unknown_event(&case) {
            return Ok(broken(fault));
        }
        let (facades, policies) = (self.facades)(case.policies, case.plan_policies)?;
        Ok(match play(&case, facades, policies) {
            Ok(played) => result(&case, played),
            Err(fault) => broken(fault),
        })
    }
}

fn result(case: &PlanTestCase<'_>, played: Played) -> PlanTestResult {
    let Played {
        replay,
        events,
        virtual_time,
        answers,
        fault,
    } = played;
    let virtual_ms = u64::try_from(virtual_time.as_millis()).unwrap_or(u64::MAX);
    let (summary, audit) = rok_runs::summarize(replay);
    let mismatches: Vec<Mismatch> = if fault.is_some() {
        Vec::new()
    } else {
        let seen = Seen {
            summary: &summary,
            audit: &audit,
            events: &events,
        };
        let judged = judge(&case.test.expect, &seen);
        answers.into_iter().chain(judged).collect()
    };
    let verdict = match (&fault, mismatches.is_empty()) {
        (Some(_), _) => TestVerdict::Broken,
        (None, true) => TestVerdict::Passed,
        (None, false) => TestVerdict::Failed,
    };
    PlanTestResult {
        verdict,
        mismatches,
        fault,
        events,
        virtual_ms,
    }
}

fn broken(fault: TestFault) -> PlanTestResult {
    PlanTestResult {
        verdict: TestVerdict::Broken,
        mismatches: Vec::new(),
        fault: Some(fault),
        events: Vec::new(),
        virtual_ms: 0,
    }
}

/// An event type that does not exist never happens: `never` would hold for
/// nothing.
fn unknown_event(case: &PlanTestCase<'_>) -> Option<TestFault> {
    let expect = &case.test.expect;
    let unknown = |pattern: &&EventPattern| pattern.event_type.parse::<EventType>().is_err();
    let pattern = expect.events.iter().chain(&expect.never).find(unknown)?;
    Some(TestFault {
        message: format!("there is no event type `{}`", pattern.event_type),
        hint: Some("`rok events RUN` shows the types: `step.failed`, `gate.approved`, …".into()),
    })
}
