//! Several executors as one: the first that accepts a piece of work gets it.

use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepFailure, StepReport, StepRequest, Withdrawn, Work, Workspace,
};
use rok_vocabulary::{ErrorClass, RunId};
use std::sync::Arc;

/// These, in order, and then the last one.
pub(super) fn first_of(own: &[Arc<dyn Executor>], last: Arc<dyn Executor>) -> Arc<dyn Executor> {
    if own.is_empty() {
        return last;
    }
    let all = own.iter().cloned().chain([last]);
    Arc::new(FirstOf(all.collect()))
}

struct FirstOf(Vec<Arc<dyn Executor>>);

impl FirstOf {
    fn for_work(&self, work: &Work) -> Option<&Arc<dyn Executor>> {
        self.0.iter().find(|executor| executor.accepts(work))
    }
}

impl Executor for FirstOf {
    fn accepts(&self, work: &Work) -> bool {
        self.for_work(work).is_some()
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let executor = self.for_work(&request.work);
        executor.map_or_else(Vec::new, |executor| executor.preflight(request))
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        if let Some(executor) = self.for_work(&request.work) {
            return executor.start(request, sink);
        }
        let reason = format!("no executor for `{}` steps is here", request.work.kind());
        let failure = StepFailure::new(ErrorClass::Internal, reason);
        sink.report(StepReport::not_started(request.attempt, failure));
    }

    /// Whoever does not know the attempt ignores it.
    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        for executor in &self.0 {
            executor.cancel(attempt, reason);
        }
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        let mut remains = Remains::default();
        for executor in &self.0 {
            let of_it = executor.stop_remains(run, workspace)?;
            remains.killed.extend(of_it.killed);
        }
        Ok(remains)
    }

    fn withdraw(&self, run: &RunId) -> Result<Vec<Withdrawn>, ExecutorError> {
        let mut withdrawn = Vec::new();
        for executor in &self.0 {
            withdrawn.extend(executor.withdraw(run)?);
        }
        Ok(withdrawn)
    }
}
