//! The door to tests of plans: a plan against stubs, on a virtual clock.

use crate::runs::{EventLine, RunsError};
use rok_plan::Plan;
use rok_plan_test::PlanTest;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

/// One test of a plan.
#[derive(Debug, Clone, Copy)]
pub struct PlanTestCase<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The test, checked against the plan.
    pub test: &'a PlanTest,
    /// Policy files that are in force; none: the permissive default.
    pub policies: &'a [PathBuf],
    /// Policy files that the plan names, on top of those.
    pub plan_policies: &'a [PathBuf],
}

/// What came of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanTestResult {
    /// How it ended.
    pub verdict: TestVerdict,
    /// What was expected and is not so, in the order of the test.
    pub mismatches: Vec<Mismatch>,
    /// Why nothing can be said of the run, and how to mend the test.
    pub fault: Option<TestFault>,
    /// The virtual run's events.
    pub events: Vec<EventLine>,
    /// How much virtual time passed.
    pub virtual_ms: u64,
}

/// How a test ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TestVerdict {
    /// All is as expected.
    Passed,
    /// Something is not as expected.
    Failed,
    /// The test itself is wrong: nothing can be said of the plan.
    Broken,
}

/// Something that was expected and is not so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// What, as the test's keys have it: `steps.build.state`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What is.
    pub actual: String,
}

/// What is wrong with a test that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestFault {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
}

/// Runs tests of plans. Synchronous; touches nothing but the policy files.
pub trait PlanTestEngine: Send + Sync {
    /// Runs one test. An error means that it could not be set up: its policy
    /// files cannot be read.
    fn run(&self, case: PlanTestCase<'_>) -> Result<PlanTestResult, RunsError>;
}

/// The facade: a cheap handle on the engine.
#[derive(Clone)]
pub struct PlanTestsFacade(Arc<dyn PlanTestEngine>);

impl PlanTestsFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn PlanTestEngine>) -> Self {
        Self(engine)
    }

    /// Runs one test.
    pub fn run(&self, case: PlanTestCase<'_>) -> Result<PlanTestResult, RunsError> {
        self.0.run(case)
    }
}

impl std::fmt::Debug for PlanTestsFacade {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlanTestsFacade").finish_non_exhaustive()
    }
}
