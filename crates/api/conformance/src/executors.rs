//! Executors: the rules of their contract as cases, and an executor with the
//! work that shows how it behaves.

use crate::conform::{Check, report};
use crate::engine::Fault;
use rok_executor::contract::{Deed, Finding, RULES, Rule, SECRET, Subject, secrets};
use rok_executor::{Executor, Work, Workspace};
use rok_orchestration::{ComponentResult, RunReport};
use rok_secrets::Secrets;
use rok_vocabulary::Timestamp;
use std::fmt;
use std::sync::Arc;

/// A rule of the contract of executors, as a case.
#[derive(Debug, Clone, Copy)]
pub struct ExecutorCase {
    rule: &'static Rule,
}

/// Every rule of the contract of executors, in the order in which they are
/// checked.
pub fn executor_cases() -> impl Iterator<Item = ExecutorCase> {
    RULES.iter().map(|rule| ExecutorCase { rule })
}

impl ExecutorCase {
    /// Its area and the rule's name: `executor/a_success_is_reported_once`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("executor/{}", self.rule.name)
    }

    /// What holds, in a sentence.
    #[must_use]
    pub const fn about(&self) -> &'static str {
        self.rule.about
    }

    /// Holds an executor against it.
    ///
    /// # Errors
    ///
    /// What is not as it must be.
    pub fn check(&self, bench: &ExecutorBench) -> Result<(), Fault> {
        match self.rule.check(bench) {
            Finding::Kept => Ok(()),
            Finding::Broken(why) => Err(Fault::Broken(why.replace(SECRET, "***"))),
            Finding::Unshown(deed) => Err(Fault::Unshown(match (bench.work)(deed) {
                Err(why) => why,
                // The work is there; the rule asks for more.
                Ok(_) => "it writes nowhere: there is no place to look at".to_owned(),
            })),
        }
    }
}

type Make = dyn Fn() -> Arc<dyn Executor> + Send + Sync;
type WorkFor = dyn Fn(Deed) -> Result<Work, String> + Send + Sync;

/// An executor, and work that shows how it behaves.
pub struct ExecutorBench {
    make: Box<Make>,
    work: Box<WorkFor>,
    workspace: Option<Arc<Workspace>>,
    runs: String,
}

impl ExecutorBench {
    /// The executor that is made so, anew for each case, and its work; or why it
    /// has none that would do that.
    pub fn new(
        make: impl Fn() -> Arc<dyn Executor> + Send + Sync + 'static,
        work: impl Fn(Deed) -> Result<Work, String> + Send + Sync + 'static,
    ) -> Self {
        Self {
            make: Box::new(make),
            work: Box::new(work),
            workspace: None,
            runs: "contract".to_owned(),
        }
    }

    /// The same, which may write there.
    #[must_use]
    pub fn writing_to(mut self, workspace: Arc<Workspace>) -> Self {
        self.workspace = Some(workspace);
        self
    }

    /// The same, whose runs are called so: for one that remembers them.
    #[must_use]
    pub fn called(mut self, runs: String) -> Self {
        self.runs = runs;
        self
    }
}

impl fmt::Debug for ExecutorBench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecutorBench").finish_non_exhaustive()
    }
}

impl Subject for ExecutorBench {
    fn executor(&self) -> Arc<dyn Executor> {
        (self.make)()
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        (self.work)(deed).ok()
    }

    fn workspace(&self) -> Option<Arc<Workspace>> {
        self.workspace.clone()
    }

    fn runs(&self) -> String {
        self.runs.clone()
    }

    fn secrets(&self) -> Secrets {
        secrets()
    }
}

/// Holds an executor against cases, as [`conform`](crate::conform) does an engine.
pub fn conform_executor(
    bench: &ExecutorBench,
    cases: impl IntoIterator<Item = ExecutorCase>,
    clock: impl Fn() -> Timestamp,
    told: impl FnMut(&ComponentResult),
) -> RunReport {
    let checks = cases.into_iter().map(|case| Check {
        name: case.full_name(),
        about: Some(case.about()),
        verdict: Box::new(move || case.check(bench)),
    });
    report("executor", checks, clock, told)
}
