//! One run that is being driven: its kernel, its encoder, and how its effects
//! are performed.

mod agents;
mod ahead;
mod asking;
mod compensation;
mod context;
mod files;
mod injected;
mod preflight;
mod services;

use crate::facts::{Ending, acked, evaluated, run_facts};
use crate::made::{Made, cwd_of};
use crate::recorded::RecordedEnd;
use crate::row::{self, Fixed};
use crate::services::Services;
use crate::stage::Job;
use files::declared;
use rok_chain::Seal;
use rok_events::{Body, Encoder, Event};
use rok_executor::{
    AttemptRecord, AttemptRef, CallWork, CancelReason, PlanWork, ProcessWork, Program, ReportSink,
    ServiceWork, StepFailure, StepReport, StepRequest, StepResult, Work,
};
use rok_expr::SecretText;
use rok_facades::{OutcomeFacts, PolicyVerdict, StepSpan};
use rok_kernel::{
    Decision, Effect, Input, Rejected, ResolvedAction, RunOrchestrationKernel, RunState, StepIx,
    StopReason, SubInputs,
};
use rok_log::{Commit, Document, Fence, Record};
use rok_plan::Shell;
use rok_projections::{Console, Notices, ServiceRun};
use rok_rac::Duty;
use rok_secrets::{Masker, Secrets};
use rok_trace_ids::{SpanId, TraceId, traceparent};
use rok_vocabulary::{
    Attempt, Epoch, ErrorClass, IdempotencyKey, Seq, StepRef, StepState, Timestamp,
};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

pub use context::RunContext;
pub(crate) use services::kbase;

/// One run that is being driven.
#[derive(Debug)]
pub struct RunRunner {
    kernel: RunOrchestrationKernel,
    context: RunContext,
    masker: Masker,
    trace: TraceId,
    encoder: Encoder,
    committed: Seq,
    fence: Fence,
    lines: Vec<u8>,
    events: u32,
    seal: Option<Seal>,
    documents: Vec<Document>,
    effects: Vec<Effect>,
    pub(crate) fresh: Vec<Event>,
    pub(crate) wake_at: Option<Timestamp>,
    verdict: Option<PolicyVerdict>,
    spans: Vec<StepSpan>,
    /// The epoch that verdict and spans are of.
    spans_of: Epoch,
    fixed: Fixed,
    made: Made,
    service_run: Option<ServiceRun>,
    notices: Option<Notices>,
    console: Option<Console>,
    /// Lines of what is not durable yet.
    pub(crate) told: Vec<String>,
    records: Vec<Record>,
}

impl RunRunner {
    pub(crate) fn new(
        kernel: RunOrchestrationKernel,
        context: RunContext,
        encoder: Encoder,
        fence: Fence,
    ) -> Self {
        let masker = context
            .secrets
            .as_ref()
            .map_or_else(|_| Masker::new(&Secrets::none()), Masker::new);
        let state = kernel.state();
        let plan = state.plan().plan();
        let service_run = ServiceRun::of(plan, state.run_id());
        let services = service_run.is_some();
        Self {
            notices: Notices::of(plan, state.run_id()),
            console: services.then(|| Console::of(plan)),
            told: Vec::new(),
            service_run,
            records: Vec::new(),
            committed: kernel.state().next_seq(),
            trace: TraceId::of(kernel.state().run_id()),
            kernel,
            context,
            masker,
            encoder,
            fence,
            lines: Vec::new(),
            events: 0,
            seal: None,
            documents: Vec::new(),
            effects: Vec::new(),
            fresh: Vec::new(),
            wake_at: None,
            verdict: None,
            spans: Vec::new(),
            spans_of: Epoch::FIRST,
            fixed: Fixed::default(),
            made: Made::default(),
        }
    }

    /// The run's state, as decided; perhaps not durable yet.
    #[must_use]
    pub const fn state(&self) -> &RunState {
        self.kernel.state()
    }

    /// What the run needs besides its log.
    #[must_use]
    pub const fn context(&self) -> &RunContext {
        &self.context
    }

    /// The domains and executors of this run, among those of its shard.
    pub(crate) fn services(&self, of_shard: &Arc<Services>) -> Arc<Services> {
        Arc::clone(self.context.services.as_ref().unwrap_or(of_shard))
    }

    pub(crate) fn set_fence(&mut self, fence: Fence) {
        self.fence = fence;
    }

    /// The fence that it is driven by.
    #[must_use]
    pub const fn fence(&self) -> Fence {
        self.fence
    }

    /// A run that was created just now: nothing of it is durable.
    pub(crate) fn begin_at_zero(&mut self) {
        self.committed = Seq::FIRST;
    }

    pub(crate) fn has_effects(&self) -> bool {
        !self.effects.is_empty()
    }

    /// Since when, or from when on, the run is due to be claimed where it is
    /// let go now; `None`: when somebody asks for it.
    #[must_use]
    pub fn due(&self, now: Timestamp) -> Option<Timestamp> {
        row::due(self.state(), self.wake_at, now)
    }

    /// When it must be looked at again by itself.
    #[must_use]
    pub const fn wake_at(&self) -> Option<Timestamp> {
        self.wake_at
    }

    /// The attempts that are under way.
    #[must_use]
    pub fn running(&self) -> BTreeSet<AttemptRef> {
        let effects = self.state().outstanding().into_iter();
        effects
            .filter_map(|effect| self.started_by(&effect))
            .collect()
    }

    /// The attempt that an effect starts, if it starts one.
    pub(crate) fn started_by(&self, effect: &Effect) -> Option<AttemptRef> {
        match *effect {
            Effect::StartStep { step, attempt } => Some(self.attempt_ref(step, attempt)),
            Effect::StartCompensation { done, attempt } => {
                Some(self.compensation_ref(done, attempt))
            }
            _ => None,
        }
    }

    pub(crate) fn drain(&mut self) {
        self.kernel.drain();
    }

    pub(crate) fn add_document(&mut self, document: Document) {
        self.documents.push(document);
    }

    /// Lets the kernel decide on an input.
    pub(crate) fn handle(
        &mut self,
        now: Timestamp,
        input: Input,
    ) -> Result<Option<String>, Rejected> {
        let mut decision = self.kernel.handle(now, input)?;
        let denied = decision.denied.take();
        self.take(decision);
        Ok(denied)
    }

    /// Encodes a decision for the next commit.
    pub(crate) fn take(&mut self, decision: Decision) {
        let Decision {
            events,
            effects,
            wake_at,
            ..
        } = decision;
        self.wake_at = wake_at;
        self.effects.extend(effects);
        if events.is_empty() {
            return;
        }
        self.events += events.len() as u32;
        for event in &events {
            self.note_span(event);
            self.note_made(event);
            self.note_services(event);
            self.note_notices(event);
            self.note_domains(event);
        }
        self.encoder.encode(&events, &mut self.lines);
        self.seal = match events.last() {
            Some(Event {
                seq,
                epoch,
                body: Body::RunSealed { phase, outcome },
                ..
            }) => Some(Seal {
                epoch: *epoch,
                seq: *seq,
                head: self.encoder.head(),
                phase: *phase,
                outcome: *outcome,
            }),
            _ => None,
        };
        if self.fresh.is_empty() {
            self.fresh = events;
        } else {
            self.fresh.extend(events);
        }
    }

    /// Whether an event of a folded log is to be noted.
    pub(crate) fn is_noted(event: &Event) -> bool {
        match &event.body {
            Body::StepSucceeded { .. }
            | Body::StepFailed { .. }
            | Body::StepCompensated { .. }
            | Body::StepCompensationFailed { .. }
            | Body::RunRollbackStarted { .. }
            | Body::RunResumed { .. }
            | Body::ArtifactEmitted { .. } => true,
            Body::AckReceived { data } => data.duty == Duty::EVALUATE_POLICY && !data.late,
            _ => false,
        }
    }

    /// Remembers what the domains are told at the end and the state does not
    /// keep: attempts, and the policies' verdict.
    pub(crate) fn note(&mut self, event: &Event) {
        if let Body::AckReceived { data } = &event.body {
            let record = data.record.as_deref();
            self.verdict = record.and_then(|raw| serde_json::from_str(raw.get()).ok());
        }
        self.note_span(event);
        self.note_made(event);
    }

    pub(crate) const fn masker(&self) -> &Masker {
        &self.masker
    }

    /// Remembers a finished attempt for the trace of its epoch.
    fn note_span(&mut self, event: &Event) {
        let (step, attempt, data, state, error_class) = match &event.body {
            Body::StepSucceeded {
                step,
                attempt,
                data,
            } => (step, attempt, data, StepState::Succeeded, None),
            Body::StepFailed {
                step,
                attempt,
                class,
                data,
                ..
            }
            | Body::StepCompensationFailed {
                step,
                attempt,
                class,
                data,
                ..
            } => (step, attempt, data, StepState::Failed, Some(*class)),
            Body::StepCompensated {
                step,
                attempt,
                reason: None,
                data,
            } => (step, attempt, data, StepState::Compensated, None),
            Body::RunResumed { .. } | Body::RunRollbackStarted { .. } => {
                // Of another epoch, or the first of a new one.
                if self.spans_of != event.epoch {
                    self.spans_of = event.epoch;
                    self.verdict = None;
                    self.spans.clear();
                }
                return;
            }
            _ => return,
        };
        let compensates = matches!(
            event.body,
            Body::StepCompensated { .. } | Body::StepCompensationFailed { .. }
        );
        self.spans.push(StepSpan {
            step: step.clone(),
            attempt: *attempt,
            started_at: data.started_at.unwrap_or(event.at),
            ended_at: event.at,
            state,
            error_class,
            compensates,
        });
    }

    /// What waits to be made durable.
    pub(crate) fn commit(&mut self) -> Option<Commit> {
        if self.lines.is_empty() {
            return None;
        }
        let state = self.kernel.state();
        let row = self.fixed.row(state, self.wake_at);
        let lines = std::mem::take(&mut self.lines);
        let run = state.run_id().clone();
        let mut commit = Commit::new(
            run,
            self.committed,
            lines,
            self.events,
            self.encoder.head(),
            row,
        );
        commit.fence = self.fence;
        commit.seal = self.seal.take();
        commit.documents = std::mem::take(&mut self.documents);
        commit.records = std::mem::take(&mut self.records);
        self.events = 0;
        self.committed = commit.next_seq();
        Some(commit)
    }

    pub(crate) fn take_effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }

    /// Performs again all that is not answered, attempts aside.
    pub(crate) fn perform_again(&mut self) {
        self.effects = self.state().outstanding();
        self.effects.retain(|effect| {
            let attempt = matches!(
                effect,
                Effect::StartStep { .. } | Effect::StartCompensation { .. }
            );
            !attempt
        });
    }

    /// Performs an effect. What answers at once is returned as the next input.
    pub(crate) fn perform(
        &mut self,
        effect: &Effect,
        services: &Services,
        sink: &Arc<dyn ReportSink>,
    ) -> Option<Input> {
        let now = services.now().max(self.state().last_at());
        let facades = services.facades();
        match effect {
            Effect::StartTrace => Some(acked(facades.traces.start_trace(&run_facts(
                self.state(),
                &self.context,
                now,
            )))),
            Effect::Admit => Some(Input::Admitted(self.admit(services, now))),
            Effect::EvaluatePolicy => {
                let ending = Ending::of(self.state(), None, now);
                let facts = ending.facts(self.state(), &self.context, now);
                let answer = facades.governance.evaluate_policy(&facts);
                let judged = OutcomeFacts {
                    verdict: answer.record.as_ref(),
                    ..facts
                };
                let lessons = facades.governance.lessons(&judged);
                self.verdict.clone_from(&answer.record);
                let diagnosis = self.diagnosis(services);
                let profile = self.state().settings().profile;
                Some(evaluated(answer, lessons, diagnosis, profile))
            }
            Effect::CreateIncident => {
                let ending = Ending::of(self.state(), self.verdict.clone(), now);
                let facts = ending.facts(self.state(), &self.context, now);
                Some(acked(facades.incidents.record_run_outcome(&facts)))
            }
            Effect::OpenDriftIncident => {
                let ending = Ending::of(self.state(), self.verdict.clone(), now);
                let facts = ending.facts(self.state(), &self.context, now);
                Some(acked(facades.incidents.open_drift_incident(&facts)))
            }
            Effect::ReviewOverride { step } => {
                let facts = run_facts(self.state(), &self.context, now);
                let gate = &self.state().plan().step(*step).id;
                let why = self.state().override_in_words(*step);
                let answer = facades.incidents.open_override_review(&facts, gate, &why);
                Some(acked(answer))
            }
            Effect::CompleteTrace => {
                let ending = Ending::of(self.state(), self.verdict.clone(), now);
                let facts = ending.facts(self.state(), &self.context, now);
                Some(acked(facades.traces.complete_trace(&facts, &self.spans)))
            }
            // What is committed is what readers read: there is nothing to send
            // on one node. The commit that finalizing goes with is the publication.
            Effect::Publish => Some(Input::Published(Ok(()))),
            Effect::StartStep { step, attempt } => self.start_step(*step, *attempt, services, sink),
            Effect::CancelStep {
                step,
                attempt,
                reason,
            } => {
                let reason = match reason {
                    StopReason::Cancelled => CancelReason::Cancelled,
                    StopReason::RunTimeout => CancelReason::RunTimeout,
                };
                self.cancel(*step, *attempt, reason, services);
                None
            }
            Effect::StartCompensation { done, attempt } => {
                self.start_compensation(*done, *attempt, services, sink)
            }
            Effect::CancelCompensation { done, attempt, .. } => {
                let attempt = self.compensation_ref(*done, *attempt);
                Self::cancel_attempt(&attempt, CancelReason::Cancelled, services);
                None
            }
        }
    }

    pub(crate) fn attempt_ref(&self, step: StepIx, attempt: Attempt) -> AttemptRef {
        let state = self.state();
        let step = state.step_id(step);
        AttemptRef {
            run: state.run_id().clone(),
            step: StepRef {
                epoch: state.epoch(),
                step,
                attempt,
                compensates: false,
            },
        }
    }

    pub(crate) fn cancel_attempt(attempt: &AttemptRef, reason: CancelReason, services: &Services) {
        if services.stage().cancel(attempt, reason) {
            return;
        }
        for executor in services.executors() {
            executor.cancel(attempt, reason);
        }
    }

    pub(crate) fn cancel(
        &self,
        step: StepIx,
        attempt: Attempt,
        reason: CancelReason,
        services: &Services,
    ) {
        let attempt = self.attempt_ref(step, attempt);
        Self::cancel_attempt(&attempt, reason, services);
    }

    /// Stops all running attempts because the owner stops.
    pub(crate) fn interrupt(&self, services: &Services) {
        for attempt in self.running() {
            Self::cancel_attempt(&attempt, CancelReason::Interrupted, services);
        }
    }

    fn start_step(
        &self,
        step: StepIx,
        attempt: Attempt,
        services: &Services,
        sink: &Arc<dyn ReportSink>,
    ) -> Option<Input> {
        let request = self.request(step, attempt);
        let breached = request.as_ref().ok();
        let breached = breached.and_then(|request| self.breached(step, request));
        if breached.as_ref().is_some_and(|found| found.blocked) {
            return breached.map(Input::Breached);
        }
        let attempt = self.attempt_ref(step, attempt);
        match self.start(attempt, request, Some(step), services, sink) {
            Some(report) => Some(self.done(step, report)),
            None => breached.map(Input::Breached),
        }
    }

    /// Hands a request to its executor, with what a step's artifacts need around
    /// it. What cannot even be started is over.
    fn start(
        &self,
        attempt: AttemptRef,
        request: Result<StepRequest, StepFailure>,
        step: Option<StepIx>,
        services: &Services,
        sink: &Arc<dyn ReportSink>,
    ) -> Option<StepReport> {
        let failure = match request {
            Ok(mut request) => match services.executor_for(&request.work) {
                Some(executor) => {
                    request.traceparent = Some(self.traceparent(&request.attempt.step));
                    let (executor, sink) = (Arc::clone(executor), Arc::clone(sink));
                    let recorded = self.recorded(&request.attempt.step);
                    match step.and_then(|step| self.staged(step, recorded.is_some())) {
                        None => executor.start(request, sink),
                        Some((files, step)) => services.stage().start(Job {
                            request,
                            executor,
                            sink,
                            files,
                            step,
                            masker: self.masker.clone(),
                            cache: self.context.cache.clone(),
                            recorded,
                        }),
                    }
                    return None;
                }
                None => StepFailure::new(
                    ErrorClass::ConfigError,
                    format!(
                        "no executor for `{}` steps is set up here",
                        request.work.kind()
                    ),
                ),
            },
            Err(failure) => failure,
        };
        let result = StepResult {
            end: Err(failure),
            started_at: None,
            wall: Duration::ZERO,
            usage: rok_executor::Usage::default(),
            exit_code: None,
            record: AttemptRecord::default(),
        };
        Some(StepReport { attempt, result })
    }

    /// What stands for an attempt's result, where the run is a replay.
    fn recorded(&self, of: &StepRef) -> Option<RecordedEnd> {
        let recorded = self.context.recorded.as_ref().filter(|_| !of.compensates);
        recorded?.of(of.step.as_str()).cloned()
    }

    fn traceparent(&self, of: &StepRef) -> String {
        let run = self.state().run_id();
        let span = if of.compensates {
            SpanId::of_compensation(run, of.epoch, &of.step, of.attempt)
        } else {
            SpanId::of_attempt(run, of.epoch, &of.step, of.attempt)
        };
        traceparent(self.trace, span)
    }

    /// A step's request, with everything but secrets filled in, and without its
    /// place in the trace: preflight, which asks for every step, needs none.
    fn request(&self, ix: StepIx, attempt: Attempt) -> Result<StepRequest, StepFailure> {
        let secrets = self.context.secrets.clone();
        let secrets =
            secrets.map_err(|reason| StepFailure::new(ErrorClass::ConfigError, reason))?;
        self.request_with(ix, attempt, secrets)
    }

    fn request_with(
        &self,
        ix: StepIx,
        attempt: Attempt,
        secrets: Secrets,
    ) -> Result<StepRequest, StepFailure> {
        let state = self.state();
        let config = |reason: String| StepFailure::new(ErrorClass::ConfigError, reason);
        let step = state.definition(ix);
        let resolved = state
            .resolve(ix)
            .map_err(|error| config(error.to_string()))?;
        let work = match resolved.action {
            ResolvedAction::Plan { id, inputs } => {
                let run = state.sub_run_of(ix, &id, &inputs);
                let run = run.map_err(|error| config(error.to_string()))?;
                let SubInputs { values, texts } = inputs;
                let plan = id;
                Work::Plan(PlanWork {
                    run,
                    plan,
                    values,
                    texts,
                })
            }
            ResolvedAction::Agent { ask, with } => {
                Work::Agent(Box::new(agents::work(state, step, &ask, with)))
            }
            action => {
                let work = self.work(ix, action, resolved.env, resolved.cwd.as_deref());
                agents::given(state, step, work)?
            }
        };
        let run = state.run_id();
        Ok(StepRequest {
            attempt: self.attempt_ref(ix, attempt),
            key: IdempotencyKey::new(run, state.epoch(), &state.step_id(ix)),
            work,
            inputs: state.inputs().map(Arc::clone).unwrap_or_default(),
            secrets,
            // The run's own limit is the kernel's: its clock may stand still.
            timeout: step.timeout,
            kill_grace: step.kill_grace,
            traceparent: None,
            artifacts: resolved.artifacts.into_iter().map(declared).collect(),
            workspace: self.context.workspace.clone(),
        })
    }

    /// What an executor is to do.
    fn work(
        &self,
        ix: StepIx,
        action: ResolvedAction,
        env: Vec<(String, SecretText)>,
        cwd: Option<&str>,
    ) -> Work {
        let program = match action {
            ResolvedAction::Call {
                function,
                needs,
                item,
            } => {
                let needs = Arc::clone(needs.outputs());
                return Work::Call(CallWork {
                    function,
                    needs,
                    item,
                });
            }
            ResolvedAction::Http(request) => return Work::Http(request),
            ResolvedAction::Service {
                service,
                site,
                domain,
            } => {
                return Work::Service(ServiceWork {
                    service,
                    site,
                    domain,
                });
            }
            // What undoes a step is a process or a function.
            ResolvedAction::Agent { ask, .. } => {
                Program::Argv(vec![format!("agent:{}", ask.capability)])
            }
            ResolvedAction::Plan { id, .. } => Program::Argv(vec![format!("plan:{id}")]),
            ResolvedAction::Argv(argv) => Program::Argv(argv),
            ResolvedAction::Shell {
                shell,
                script,
                values,
            } => Program::Shell {
                bash: shell == Shell::Bash,
                script,
                values,
            },
        };
        let cwd = cwd_of(self.state(), cwd);
        let sandbox = self.state().sandbox(ix);
        let sandbox = sandbox.map(|sandbox| Box::new(sandbox.into_owned()));
        Work::Process(ProcessWork {
            program,
            env,
            cwd,
            sandbox,
        })
    }

    /// Hides secrets in a text.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        self.masker.mask_str(text).into_owned()
    }

    /// The place of a step in the plan.
    pub(crate) fn find(&self, step: &rok_vocabulary::StepId) -> Option<StepIx> {
        self.state().find(step.as_str())
    }

    /// Outputs of a finished step.
    #[must_use]
    pub fn outputs(&self, step: StepIx) -> Option<&Arc<Value>> {
        self.state().outputs(step)
    }
}
