//! [`HybridExecutor`]: processes that agents are asked for, and that are started
//! here where none does them. An attempt is with the agents or here, never both.

use crate::attempt::or_here;
use crate::executor::{AgentExecutor, nobody};
use rok_agents::{RUN, Table};
use rok_executor::{
    AttemptRef, CancelReason, Executor, ExecutorError, PreflightFault, ProcessWork, Remains,
    ReportSink, StepReport, StepRequest, Work, Workspace,
};
use rok_vocabulary::RunId;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Where an attempt is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// With the agents; stopped already, perhaps.
    Agents(Option<CancelReason>),
    /// Its process is started.
    Here,
}

type Live = Arc<Mutex<HashMap<AttemptRef, Arc<Mutex<Stage>>>>>;

/// Performs `run` steps that agents may do: by an agent, or, where none does
/// it, by the executor of processes.
pub struct HybridExecutor {
    agents: Arc<AgentExecutor>,
    here: Arc<dyn Executor>,
    live: Live,
}

impl HybridExecutor {
    /// Agents, and what starts processes here.
    #[must_use]
    pub fn new(agents: Arc<AgentExecutor>, here: Arc<dyn Executor>) -> Self {
        Self {
            agents,
            here,
            live: Live::default(),
        }
    }
}

impl fmt::Debug for HybridExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HybridExecutor")
            .field("agents", &self.agents)
            .finish_non_exhaustive()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The process of a request, if it may be started here.
fn process(request: &StepRequest) -> Option<&ProcessWork> {
    match &request.work {
        Work::Agent(work) if or_here(work) => work.process.as_ref().map(|given| &given.work),
        _ => None,
    }
}

/// The request for the process itself.
fn as_process(request: &StepRequest) -> Option<StepRequest> {
    let work = Work::Process(process(request)?.clone());
    Some(StepRequest {
        work,
        ..request.clone()
    })
}

/// An attempt that is with the agents, and may come back.
struct Away {
    request: StepRequest,
    sink: Arc<dyn ReportSink>,
    /// Whoever drops the executor ends what it does here.
    here: Weak<dyn Executor>,
    live: Live,
    stage: Arc<Mutex<Stage>>,
    handed_over: Arc<AtomicBool>,
}

impl Away {
    /// The agents are done with it: that is the end, or it goes on here.
    fn came_back(&self, report: StepReport) {
        if !self.handed_over.load(Ordering::Acquire) {
            return self.end(report);
        }
        // Held until the process is started: a stop comes before, or finds it.
        let mut stage = locked(&self.stage);
        let stopped = match (*stage, self.here.upgrade(), as_process(&self.request)) {
            (Stage::Agents(None), Some(here), Some(mut request)) => {
                *stage = Stage::Here;
                let spent = report.result.wall;
                request.timeout = request.timeout.map(|limit| limit.saturating_sub(spent));
                here.start(request, self.merging(report));
                return;
            }
            (Stage::Agents(Some(reason)), _, _) => reason,
            _ => CancelReason::Interrupted,
        };
        drop(stage);
        let mut report = report;
        report.result.end = Err(stopped.failure());
        self.end(report);
    }

    fn end(&self, report: StepReport) {
        locked(&self.live).remove(&self.request.attempt);
        self.sink.report(report);
    }

    /// Reports what the process came to, with what was known before of agents.
    fn merging(&self, before: StepReport) -> Arc<dyn ReportSink> {
        let (live, sink) = (Arc::clone(&self.live), Arc::clone(&self.sink));
        Arc::new(move |mut report: StepReport| {
            locked(&live).remove(&report.attempt);
            let (asked, done) = (&before.result, &mut report.result);
            done.record.agent.clone_from(&asked.record.agent);
            done.started_at = asked.started_at.or(done.started_at);
            done.wall += asked.wall;
            sink.report(report);
        })
    }
}

impl Executor for HybridExecutor {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Agent(work) if or_here(work))
    }

    /// What neither an agent nor this machine can do.
    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Work::Agent(work) = &request.work else {
            return Vec::new();
        };
        let Some(reason) = self.agents.hopeless(work) else {
            return Vec::new();
        };
        let here = work.need.capabilities.iter().all(|one| one.as_str() == RUN);
        match as_process(request) {
            Some(request) if here => self.here.preflight(&request),
            _ => vec![nobody(request, reason)],
        }
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let stage = Arc::new(Mutex::new(Stage::Agents(None)));
        locked(&self.live).insert(request.attempt.clone(), Arc::clone(&stage));
        let handed_over = Arc::new(AtomicBool::new(false));
        let away = Away {
            request: request.clone(),
            sink,
            here: Arc::downgrade(&self.here),
            live: Arc::clone(&self.live),
            stage,
            handed_over: Arc::clone(&handed_over),
        };
        let back = Arc::new(move |report| away.came_back(report));
        self.agents.start_or_hand_over(&request, back, handed_over);
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let Some(stage) = locked(&self.live).get(attempt).cloned() else {
            return;
        };
        let mut stage = locked(&stage);
        if *stage == Stage::Here {
            drop(stage);
            return self.here.cancel(attempt, reason);
        }
        *stage = Stage::Agents(Some(reason));
        drop(stage);
        self.agents.cancel(attempt, reason);
    }

    fn candidates(&self, work: &Work) -> Option<Table> {
        self.agents.candidates(work)
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // Processes of an earlier owner are the executor's that starts them, and
        // what an agent still does is found again by its key.
        Ok(Remains::default())
    }
}
