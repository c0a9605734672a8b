//! An executor around rok's own: every process of a plan learns at which site
//! it runs.

use rok_exec_process::ProcessExecutor;
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains, ReportSink,
    StepRequest, Work, Workspace,
};
use rok_expr::SecretText;
use rok_vocabulary::RunId;
use std::sync::Arc;

/// Starts processes with the variable `ACME_SITE`.
pub struct Stamped {
    processes: ProcessExecutor,
    site: String,
}

impl Stamped {
    /// At this site.
    pub fn new(site: &str) -> Result<Self, ExecutorError> {
        Ok(Self {
            processes: ProcessExecutor::new()?,
            site: site.to_owned(),
        })
    }
}

impl Executor for Stamped {
    fn accepts(&self, work: &Work) -> bool {
        self.processes.accepts(work)
    }

    /// Those of rok's own: it has no launcher, so a step that asks for a sandbox
    /// is refused before its run begins.
    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        self.processes.preflight(request)
    }

    fn start(&self, mut request: StepRequest, sink: Arc<dyn ReportSink>) {
        if let Work::Process(work) = &mut request.work {
            let site = SecretText::plain(self.site.clone());
            work.env.push(("ACME_SITE".to_owned(), site));
        }
        self.processes.start(request, sink);
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.processes.cancel(attempt, reason);
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        self.processes.stop_remains(run, workspace)
    }
}
