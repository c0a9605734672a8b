//! Sub-runs: the executor of `plan` steps. Each is a run of its own, with its
//! own folder, audit and seal, driven on a thread of its own.

pub(crate) mod drive;
pub(crate) mod plans;

pub(crate) use drive::{PARENT_RUN, documents_of, missing_plans, named_plans, sub_runs};

use crate::engine::Runs;
use crate::setup::{RunsSetup, ServicesFor};
use rok_events::{Settings, SubPlan};
use rok_execution_policy::ExecutionPolicy;
use rok_executor::{
    AttemptRecord, AttemptRef, CancelReason, Executor, ExecutorError, PlanWork, PreflightFault,
    Remains, ReportSink, StepFailure, StepReport, StepRequest, StepResult, StepSuccess, Usage,
    Work, Workspace,
};
use rok_facades::runs::{HoldView, StopSignal};
use rok_kernel::{Command, CommandKind, Hold, Input, RunState};
use rok_runner::{Clock as _, Message, Services, ShardHandle, SystemClock};
use rok_vocabulary::{Actor, CommandId, ErrorClass, HoldReason, PlanId, RunId, RunPhase};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the sub-runs of one run have in common.
pub(crate) struct Family {
    pub(crate) setup: RunsSetup,
    pub(crate) services_for: ServicesFor,
    /// The executors of the run itself: its sub-runs share their limits.
    pub(crate) services: Services,
    pub(crate) of: Lineage,
    pub(crate) live: Mutex<BTreeMap<AttemptRef, Arc<Link>>>,
    pub(crate) parent: Mutex<Option<ShardHandle>>,
    pub(crate) paused: Paused,
}

/// What sub-runs have of the run that they are within.
pub(crate) struct Lineage {
    /// What its decisions depend on: its sub-runs are as strict.
    pub(crate) settings: Settings,
    pub(crate) plans: BTreeMap<PlanId, SubPlan>,
    pub(crate) submitter: Actor,
    pub(crate) secrets_file: Option<PathBuf>,
    /// The policies that were injected into it: they hold for all of it.
    pub(crate) execution_policies: Vec<ExecutionPolicy>,
}

/// Why a run is paused, where it is: its sub-runs are as well.
pub(crate) type Paused = Arc<Mutex<Option<String>>>;

/// The executor of a run's `plan` steps.
#[derive(Clone)]
pub(crate) struct SubRuns(Arc<Family>);

/// What an attempt and the run that does its work know of each other.
pub(crate) struct Link {
    pub(crate) attempt: AttemptRef,
    pub(crate) child: RunId,
    /// Stops the driver, and leaves the run resumable.
    pub(crate) stop: StopSignal,
    state: Mutex<LinkState>,
    parent: Option<ShardHandle>,
    paused: Paused,
}

#[derive(Default)]
struct LinkState {
    handle: Option<ShardHandle>,
    ended_by: Option<StepFailure>,
    held: Option<HoldView>,
    /// What was last said about a pause: it is said once.
    said: Option<CommandKind>,
}

impl Link {
    fn state(&self) -> MutexGuard<'_, LinkState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The run is driven by this shard now.
    pub(crate) fn driven_by(&self, handle: ShardHandle) {
        let mut state = self.state();
        if let Some(failure) = &state.ended_by {
            handle.send(self.cancellation(failure));
        }
        state.handle = Some(handle);
    }

    /// What the run waits for, if only that is left.
    pub(crate) fn waits_for(&self, held: Option<HoldView>) {
        let mut state = self.state();
        if state.held != held {
            state.held = held;
            if let Some(parent) = &self.parent {
                parent.send(Message::Wake);
            }
        }
    }

    /// The run was paused with its parent, which goes on.
    pub(crate) fn lets_go(&self, child: &RunState) -> bool {
        let why = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let by_parent = |hold: &Hold| hold.reason == HoldReason::Pause && hold.by == Actor::Runner;
        why.is_none() && child.hold().is_some_and(by_parent)
    }

    /// Pauses the run with its parent, and lets it go on with it. A pause that
    /// a person asked for stays: it is theirs to end.
    pub(crate) fn follow(&self, child: &RunState) {
        let why = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        let hold = child.hold();
        let pause = hold.filter(|hold| hold.reason == HoldReason::Pause);
        let (kind, reason, id) = match (&*why, pause) {
            (Some(why), None) if child.phase() == RunPhase::Executing => {
                // Each pause is another: the place in the log tells them apart.
                let id = format!("parent-pause-{}", child.next_seq().0);
                (CommandKind::Pause, why.clone(), id)
            }
            (None, Some(hold)) if hold.by == Actor::Runner => {
                let reason = format!("run {} goes on", self.attempt.run);
                let id = format!("parent-unpause-{}", child.next_seq().0);
                (CommandKind::Unpause, reason, id)
            }
            _ => {
                self.state().said = None;
                return;
            }
        };
        let mut state = self.state();
        let said = state.said.as_ref() == Some(&kind);
        let Some(handle) = state.handle.clone().filter(|_| !said) else {
            return;
        };
        state.said = Some(kind.clone());
        let command = Command {
            id: id.parse().expect("words and numbers are a command id"),
            actor: Actor::Runner,
            roles: Vec::new(),
            kind,
            reason: Some(reason),
            authorization: None,
        };
        handle.send(Message::Say(
            self.child.clone(),
            Box::new(Input::Command(command)),
        ));
    }

    /// Ends the run, in order: it is cancelled.
    fn end(&self, failure: StepFailure) {
        let mut state = self.state();
        if state.ended_by.is_some() {
            return;
        }
        if let Some(handle) = &state.handle {
            handle.send(self.cancellation(&failure));
        }
        state.ended_by = Some(failure);
    }

    /// The run can never go on.
    pub(crate) fn never(&self, why: String) {
        self.end(StepFailure::new(ErrorClass::ConfigError, why));
    }

    fn ended_by(&self) -> Option<StepFailure> {
        self.state().ended_by.clone()
    }

    /// No person asks for it, so no policy is asked either: a sub-run ends with
    /// the step that it is for.
    fn cancellation(&self, why: &StepFailure) -> Message {
        let (id, reason) = cancelled_by(&self.attempt, why);
        let command = Command {
            id,
            actor: Actor::Runner,
            roles: Vec::new(),
            kind: CommandKind::Cancel,
            reason: Some(reason),
            authorization: None,
        };
        Message::Say(self.child.clone(), Box::new(Input::Command(command)))
    }
}

/// By which command an attempt ends its run, and why.
pub(crate) fn cancelled_by(attempt: &AttemptRef, why: &StepFailure) -> (CommandId, String) {
    let AttemptRef { run, step } = attempt;
    let id = format!("parent-{}-{}", step.epoch, step.attempt);
    let id = id.parse().expect("words and numbers are a command id");
    let reason = format!("step `{}` of run {run}: {}", step.step, why.reason);
    (id, reason)
}

impl SubRuns {
    pub(crate) fn new(family: Family) -> Self {
        Self(Arc::new(family))
    }

    fn live(&self) -> MutexGuard<'_, BTreeMap<AttemptRef, Arc<Link>>> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The shard of the run whose steps these are.
    pub(crate) fn serve(&self, parent: ShardHandle) {
        let mut of = self.0.parent.lock().unwrap_or_else(PoisonError::into_inner);
        *of = Some(parent);
    }

    /// Tells the sub-runs whether their run is paused. What a budget holds back
    /// is new steps only: they go on, as steps do.
    pub(crate) fn paused_with(&self, state: &RunState) {
        let why = why_paused(state);
        let mut paused = { &self.0.paused }
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if *paused == why {
            return;
        }
        *paused = why;
        drop(paused);
        for link in self.live().values() {
            if let Some(handle) = &link.state().handle {
                handle.send(Message::Wake);
            }
        }
    }

    /// What a run waits for, where all that runs of it are sub-runs that wait.
    pub(crate) fn all_wait(&self, state: &RunState) -> Option<HoldView> {
        let waits = |link: &Arc<Link>| link.state().held.is_some();
        if !self.live().values().any(waits) {
            return None;
        }
        let running = state
            .outstanding()
            .into_iter()
            .filter_map(|effect| match effect {
                rok_kernel::Effect::StartStep { step, .. } => Some(step),
                _ => None,
            });
        let running: Vec<_> = running.collect();
        let live = self.live();
        let held = running.iter().map(|ix| {
            let id = state.step_id(*ix);
            let link = live.values().find(|link| link.attempt.step.step == id)?;
            let held = link.state().held.clone()?;
            Some((id, link.child.clone(), held))
        });
        let held: Option<Vec<_>> = held.collect();
        let (id, child, hold) = held?.into_iter().next()?;
        if state.is_paused() {
            // They wait with it: what ends that is said of the run itself.
            return crate::gates::hold(state);
        }
        Some(HoldView {
            message: format!("step `{id}` waits for its run {child}: {}", hold.message),
            run: hold.run.or(Some(child)),
            ..hold
        })
    }

    fn usage_of(&self, child: &RunId) -> Usage {
        let family = &self.0;
        let engine = Runs::new(family.setup.clone(), Arc::clone(&family.services_for));
        drive::usage_of(&engine, child)
    }

    fn perform(&self, request: &StepRequest, link: &Arc<Link>) -> Result<StepSuccess, StepFailure> {
        let Work::Plan(work) = &request.work else {
            let reason = format!("a `{}` step was given to sub-runs", request.work.kind());
            return Err(StepFailure::new(ErrorClass::Internal, reason));
        };
        if let Some(timeout) = request.timeout {
            end_after(timeout, Arc::downgrade(link));
        }
        drive::to_its_end(&self.0, request, work, link)
    }
}

/// Why a run is paused, as its sub-runs are told; `None`: it is not.
pub(crate) fn why_paused(state: &RunState) -> Option<String> {
    let hold = state.hold();
    let pause = hold.filter(|hold| hold.reason == HoldReason::Pause)?;
    let run = state.run_id();
    Some(match &pause.note {
        Some(note) => format!("run {run} was paused by {}: {note}", pause.by),
        None => format!("run {run} was paused by {}", pause.by),
    })
}

/// Ends a sub-run whose step has a deadline.
fn end_after(timeout: Duration, link: std::sync::Weak<Link>) {
    std::thread::spawn(move || {
        std::thread::sleep(timeout);
        if let Some(link) = link.upgrade() {
            let reason = format!("it took longer than {timeout:?}");
            link.end(StepFailure::new(ErrorClass::Timeout, reason));
        }
    });
}

impl Executor for SubRuns {
    fn accepts(&self, work: &Work) -> bool {
        matches!(work, Work::Plan(_))
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        let Work::Plan(PlanWork { plan, .. }) = &request.work else {
            return Vec::new();
        };
        let family = &self.0;
        let engine = Runs::new(family.setup.clone(), Arc::clone(&family.services_for));
        drive::missing_secrets(&engine, &family.of, &request.attempt, plan)
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let Work::Plan(work) = &request.work else {
            return;
        };
        let parent = self.0.parent.lock().unwrap_or_else(PoisonError::into_inner);
        let link = Arc::new(Link {
            attempt: request.attempt.clone(),
            child: work.run.clone(),
            stop: StopSignal::new(),
            state: Mutex::default(),
            parent: parent.clone(),
            paused: Arc::clone(&self.0.paused),
        });
        drop(parent);
        self.live()
            .insert(request.attempt.clone(), Arc::clone(&link));
        let this = self.clone();
        std::thread::spawn(move || {
            let (began, clock) = (SystemClock.now(), Instant::now());
            let end = this.perform(&request, &link);
            this.live().remove(&request.attempt);
            sink.report(StepReport {
                attempt: request.attempt.clone(),
                result: StepResult {
                    usage: this.usage_of(&link.child),
                    end,
                    started_at: Some(began),
                    wall: clock.elapsed(),
                    exit_code: None,
                    record: AttemptRecord::default(),
                },
            });
        });
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let Some(link) = self.live().get(attempt).cloned() else {
            return;
        };
        match reason {
            CancelReason::Interrupted => link.stop.stop(),
            CancelReason::Cancelled | CancelReason::RunTimeout => link.end(reason.failure()),
        }
    }

    fn stop_remains(&self, _: &RunId, _: &Workspace) -> Result<Remains, ExecutorError> {
        // What a killed sub-run left is ended by whoever takes that run over.
        Ok(Remains::default())
    }
}

impl Family {
    /// The engine over the same folder, for one sub-run.
    fn engine(&self, link: &Arc<Link>) -> Runs {
        let services_for = Arc::clone(&self.services_for);
        Runs::within(
            self.setup.clone(),
            services_for,
            self.services.clone(),
            Arc::clone(link),
        )
    }
}

/// The usage of nothing.
pub(crate) fn no_usage() -> Usage {
    Usage::default()
}
