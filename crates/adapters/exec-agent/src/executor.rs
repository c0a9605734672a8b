//! [`AgentExecutor`]: the port's side of agents.

use crate::attempt::{Attempt, candidates, need, or_here};
use crate::directory::AgentDirectory;
use rok_agents::{Offer, PROTOCOL, Table, negotiate};
use rok_exec_http::{Flights, Known, ours};
use rok_executor::{
    AgentWork, AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, Remains,
    ReportSink, StepFailure, StepRequest, Withdrawn, Work, Workspace,
};
use rok_vocabulary::{ErrorClass, RunId};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Steps at agents at once.
const IN_FLIGHT: usize = 1024;

/// Performs `agent` steps. Dropping it ends what is in flight; such attempts
/// are reported as `worker_lost`.
#[derive(Debug)]
pub struct AgentExecutor {
    directory: Arc<AgentDirectory>,
    flights: Flights,
}

impl AgentExecutor {
    /// An executor over a directory, which others may look at meanwhile.
    #[must_use]
    pub fn new(directory: Arc<AgentDirectory>) -> Self {
        Self {
            directory,
            flights: Flights::new(IN_FLIGHT),
        }
    }

    /// Its agents.
    #[must_use]
    pub const fn directory(&self) -> &Arc<AgentDirectory> {
        &self.directory
    }

    /// Who would be asked, by what is known without asking anybody.
    fn table(&self, work: &AgentWork) -> Table {
        let candidates = candidates(&self.directory, work, &BTreeSet::new());
        negotiate(&need(work, &self.directory), &candidates)
    }

    /// What no agent of these will ever do.
    pub(crate) fn hopeless(&self, work: &AgentWork) -> Option<String> {
        let candidates = self.directory.candidates(&BTreeSet::new());
        negotiate(&need(work, &self.directory), &candidates).hopeless()
    }

    /// Has an attempt made; the flag is raised where its report means that this
    /// machine is to do the work.
    pub(crate) fn start_or_hand_over(
        &self,
        request: &StepRequest,
        sink: Arc<dyn ReportSink>,
        handed_over: Arc<AtomicBool>,
    ) {
        let known = Known::default();
        let attempt = self.attempt(request, Arc::clone(&known), handed_over);
        self.flights.start_known(request, sink, known, async move {
            match attempt {
                Ok(attempt) => attempt.perform().await,
                Err(failure) => {
                    let note = format!("not offered: {}\n", failure.reason);
                    (Err(failure), note)
                }
            }
        });
    }

    fn attempt(
        &self,
        request: &StepRequest,
        known: Known,
        handed_over: Arc<AtomicBool>,
    ) -> Result<Attempt, StepFailure> {
        let Work::Agent(work) = &request.work else {
            let kind = request.work.kind();
            let reason = format!("a `{kind}` step was given to the executor of `agent` steps");
            return Err(StepFailure::new(ErrorClass::Internal, reason));
        };
        let headers = ours(request)
            .map_err(|error| StepFailure::new(ErrorClass::ConfigError, error.to_string()))?;
        let mut work = (**work).clone();
        work.need = need(&work, &self.directory);
        work.terms
            .policies
            .extend(self.directory.file().policies.iter().cloned());
        let of = &request.attempt.step;
        let mut also = work.need.capabilities.clone();
        also.remove(&work.capability);
        let timeout = request.timeout.map(|timeout| timeout.as_millis());
        Ok(Attempt {
            offer: Offer {
                protocol: PROTOCOL.to_owned(),
                run_id: request.attempt.run.clone(),
                epoch: of.epoch,
                step_id: of.step.clone(),
                attempt: of.attempt,
                key: request.key.to_string(),
                nonce: String::new(),
                capability: work.capability.clone(),
                capabilities: also,
                terms: work.terms.clone(),
                timeout_ms: timeout.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)),
            },
            directory: Arc::clone(&self.directory),
            work,
            headers,
            known,
            note: String::new(),
            handed_over,
        })
    }
}

/// A step that nobody will ever do.
pub(crate) fn nobody(request: &StepRequest, reason: String) -> PreflightFault {
    PreflightFault {
        step: request.attempt.step.step.to_string(),
        class: ErrorClass::ConfigError,
        reason,
    }
}

impl Executor for AgentExecutor {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Agent(work) if !or_here(work))
    }

    /// Only what no agent can do, or none that is trusted enough: who can be
    /// reached is seen when the step's turn comes.
    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Work::Agent(work) = &request.work else {
            return Vec::new();
        };
        let Some(reason) = self.hopeless(work) else {
            return Vec::new();
        };
        vec![nobody(request, reason)]
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        self.start_or_hand_over(&request, sink, Arc::default());
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        self.flights.cancel(attempt, reason);
    }

    fn candidates(&self, work: &Work) -> Option<Table> {
        match work {
            Work::Agent(work) => Some(self.table(work)),
            _ => None,
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // Work that an agent still does is found again by its key, and is not
        // done twice.
        Ok(Remains::default())
    }

    fn withdraw(&self, run: &RunId) -> Result<Vec<Withdrawn>, ExecutorError> {
        let fault = |why: &str| ExecutorError::Io {
            what: "tell agents that nobody waits for their work".to_owned(),
            source: io::Error::other(why.to_owned()),
        };
        let orders = self.directory.orders(run).map_err(|why| fault(&why))?;
        if orders.is_empty() {
            return Ok(Vec::new());
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| fault(&error.to_string()))?;
        Ok(runtime.block_on(self.directory.withdraw_all(orders)))
    }
}
