//! The kernel: the seed's eight methods over the state, and `handle`, which
//! calls them.

mod artifacts;
mod budget;
mod close;
mod commands;
mod compensation;
mod expect;
mod fallback;
mod fanout;
mod gates;
mod handle;
mod overrides;
mod pause;
mod policies;
mod progress;
mod recover;

use crate::compiled::CompiledPlan;
use crate::effect::{Decision, Effect};
use crate::input::{PolicyAnswer, RunSpec};
use crate::reconciled::{Reconciled, compare};
use crate::state::{ApplyError, PolicyState, RunState, Standing};
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::{
    Body, Contract, CreatedData, DeclaredData, Event, ExpectationsData, PlanRef, PolicyData,
    PolicyStage, ReconciliationStage, SCHEMA, StateChange, StateData,
};
use rok_phases::{PhaseError, PhaseInput, next};
use rok_rac::{Deadline, Duty, Expected, Scope};
use rok_trace_ids::TraceId;
use rok_vocabulary::{
    Actor, Attempt, ErrorClass, ExpectationStatus, Outcome, Profile, RunId, RunPhase, StepId,
    StepState, Timestamp,
};

/// An order that the kernel's rules refuse. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KernelError {
    /// No such transition.
    #[error(transparent)]
    Phase(#[from] PhaseError),
    /// The proof belongs to another run, epoch or check.
    #[error(
        "the proof of {proof_run} epoch {proof_epoch} is not that of the check that was passed"
    )]
    ForeignProof {
        /// The proof's run.
        proof_run: RunId,
        /// The proof's epoch.
        proof_epoch: rok_vocabulary::Epoch,
    },
    /// The kernel's own event cannot be applied: a fault of rok.
    #[error("internal: {0}")]
    Apply(#[from] ApplyError),
}

/// Whether a run may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorization {
    /// It is AUTHORIZED.
    Granted,
    /// It is being closed as denied.
    Denied,
}

/// What the governance check came to.
#[derive(Debug)]
pub enum GovernanceCheck {
    /// Acks are still on their way.
    Waiting {
        /// How long it will wait; `None` under a hold.
        until: Option<Timestamp>,
    },
    /// The run must fail.
    Refused {
        /// Why, for people.
        reasons: Vec<String>,
    },
    /// The duties are reconciled.
    Passed(Reconciled),
}

/// The single authority over a run's lifecycle. Callers are L5 only.
///
/// Methods collect events; [`take_decision`](Self::take_decision) hands them
/// over with the effects that came due. Nothing may be done before the
/// decision is durable, and a kernel whose commit failed must be dropped.
#[derive(Debug)]
pub struct RunOrchestrationKernel {
    state: RunState,
    events: Vec<Event>,
    step_effects: Vec<Effect>,
    actor: Actor,
    draining: bool,
    /// The reviews that were open when the last decision was taken.
    decided_reviews: Vec<crate::compiled::StepIx>,
    /// What was outstanding when the last decision was taken.
    decided: Standing,
}

/// Creates the kernel of a new run: the factory of seed 000. The first
/// decision, which declares the expectations at T0, is in it.
pub fn create_rok(
    run: RunId,
    plan: Arc<CompiledPlan>,
    spec: RunSpec,
    now: Timestamp,
) -> Result<(RunOrchestrationKernel, Decision), KernelError> {
    let mut kernel = RunOrchestrationKernel::over(RunState::new(plan, run));
    kernel.create(spec, now)?;
    let decision = kernel.take_decision();
    Ok((kernel, decision))
}

impl RunOrchestrationKernel {
    /// A kernel over a state that was folded from a log.
    #[must_use]
    pub fn over(mut state: RunState) -> Self {
        drop(state.take_fresh_stops());
        state.take_fresh_compensation_stop();
        Self {
            decided: state.standing(),
            decided_reviews: state.open_reviews(),
            state,
            events: Vec::new(),
            step_effects: Vec::new(),
            actor: Actor::Runner,
            draining: false,
        }
    }

    /// The owner is about to stop: results are still taken, nothing new starts.
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Hands over the state, to fold on from it.
    #[must_use]
    pub fn into_state(self) -> RunState {
        self.state
    }

    /// The run's state.
    #[must_use]
    pub const fn state(&self) -> &RunState {
        &self.state
    }

    fn create(&mut self, spec: RunSpec, now: Timestamp) -> Result<(), KernelError> {
        let RunSpec {
            inputs,
            labels,
            settings,
            cwd,
            engine,
            policies,
            execution_policies,
            submitter,
            reason,
            priority,
            request,
            replays,
            plans,
            parent,
            expected,
        } = spec;
        let plan = self.state.plan();
        let data = CreatedData {
            schema: SCHEMA,
            plan: PlanRef {
                id: plan.plan().id.clone(),
                version: plan.plan().version,
                sha256: plan.sha256().into(),
            },
            inputs,
            labels,
            settings,
            cwd,
            engine,
            policies,
            execution_policies,
            priority,
            request,
            replays,
            plans,
            parent,
        };
        let trace_id = TraceId::of(self.state.run_id()).to_string();
        self.actor = submitter;
        self.emit(
            now,
            Body::RunCreated {
                trace_id,
                reason,
                data: Box::new(data),
            },
        )?;
        self.actor = Actor::Runner;
        let mut further = expect::expected(self.state.plan().plan());
        further.extend(expected);
        self.declare_expectations(further, now)
    }

    /// Declares what every domain owes the run, at T0 of the epoch, and enters
    /// CREATED. Duties that were declared before change nothing.
    pub fn declare_expectations(
        &mut self,
        further: Vec<Expected>,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let settings = self.state.settings();
        let mut declared = Vec::new();
        if settings.contract.reconciles() {
            let check =
                Deadline::after_entering(RunPhase::GovernanceCheck, settings.governance_timeout);
            let limit = self
                .state
                .plan()
                .plan()
                .max_duration
                .unwrap_or(settings.default_run_timeout);
            let standard = [
                Expected::new(
                    Duty::START_TRACE,
                    Deadline::after(core::time::Duration::from_secs(5)),
                ),
                Expected::new(Duty::EVALUATE_POLICY, check),
                Expected::new(Duty::CREATE_INCIDENT, check),
                Expected::new(Duty::COMPLETE_TRACE, check),
                Expected::new(
                    Duty::FINALIZE_RUN,
                    Deadline::after(limit + settings.grace_period),
                )
                .liveness(),
            ];
            for expected in standard.into_iter().chain(further) {
                if self.declare(&expected, now)? {
                    declared.push(expected.duty().clone());
                }
            }
        }
        let from = (self.state.epoch().0 > 0).then_some(RunPhase::Failed);
        let pending = self.pending();
        self.emit(
            now,
            Body::RunStateChanged(Box::new(StateChange {
                from,
                to: RunPhase::Created,
                class: None,
                reason: None,
                data: StateData {
                    input: None,
                    outcome: None,
                    owner: None,
                    governance: self.governance_word(),
                    expectations: ExpectationsData { declared, pending },
                },
            })),
        )
    }

    /// False, and nothing happens, where the duty was declared before.
    fn declare(&mut self, expected: &Expected, now: Timestamp) -> Result<bool, KernelError> {
        if self.state.ledger().expectation(expected.duty()).is_some() {
            return Ok(false);
        }
        let data = DeclaredData {
            id: expected.duty().clone(),
            deadline: expected.deadline(),
            liveness: expected.is_liveness(),
            metadata: expected.metadata().clone(),
        };
        let data = Box::new(data);
        self.emit(now, Body::ExpectationDeclared { data })?;
        Ok(true)
    }

    /// STANDARD goes on in spite of drift, with an incident of its own: its
    /// duty is declared once there is drift. True where it was, just now.
    fn declare_drift(&mut self, now: Timestamp) -> Result<bool, KernelError> {
        let settings = self.state.settings();
        if settings.profile != Profile::Standard || !settings.contract.reconciles() {
            return Ok(false);
        }
        let active = self.state.active(now);
        let ledger = self.state.ledger();
        if ledger
            .reconcile(Scope::GovernanceCheck, active)
            .drift
            .is_empty()
        {
            return Ok(false);
        }
        let deadline = Deadline::after(settings.governance_timeout);
        self.declare(&Expected::new(RunState::drift_duty(), deadline), now)
    }

    fn governance_word(&self) -> Option<String> {
        let settings = self.state.settings();
        (settings.contract == Contract::Off).then(|| "disabled".into())
    }

    fn pending(&self) -> Vec<Duty> {
        let expectations = self.state.ledger().expectations().iter();
        expectations
            .filter(|e| e.status == ExpectationStatus::Pending)
            .map(|e| e.id.clone())
            .collect()
    }

    /// Takes the answer of the policies: CREATED → AUTHORIZED, or the run is
    /// closed as denied. `None` where governance is switched off.
    pub fn authorize(
        &mut self,
        answer: Option<PolicyAnswer>,
        now: Timestamp,
    ) -> Result<Authorization, KernelError> {
        self.require(PhaseInput::Granted)?;
        let denied = answer
            .as_ref()
            .filter(|answer| !answer.data.allowed)
            .map(|answer| {
                answer
                    .reason
                    .clone()
                    .unwrap_or_else(|| "the policies do not allow the run".into())
            });
        if let Some(answer) = answer {
            self.record_policy(None, answer, now)?;
        }
        match denied {
            None => {
                self.transition(PhaseInput::Granted, now, Change::default())?;
                Ok(Authorization::Granted)
            }
            Some(reason) => {
                self.begin_close(
                    PhaseInput::Denied,
                    Outcome::Denied,
                    ErrorClass::PolicyViolation,
                    reason,
                    now,
                )?;
                Ok(Authorization::Denied)
            }
        }
    }

    /// Records what the policies said, and what they forbid.
    fn record_policy(
        &mut self,
        step: Option<StepId>,
        answer: PolicyAnswer,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let PolicyAnswer {
            data,
            reason,
            violations,
        } = answer;
        let blocking = data.blocking && !data.allowed;
        let forbids = data.stage == PolicyStage::Complete && !data.allowed;
        let asked = Body::PolicyEvaluated {
            step,
            reason: reason.clone(),
            data: Box::new(data.clone()),
        };
        self.emit(now, asked)?;
        if violations.is_empty() && forbids {
            let data = PolicyData { blocking, ..data };
            return self.policy_violated(reason, data, now);
        }
        for violated in violations {
            let whole = reason.as_ref().filter(|_| violated.strict);
            let why = violated.reason.or_else(|| whole.cloned());
            let data = PolicyData {
                blocking: blocking && violated.strict,
                policies: alloc::vec![violated.policy],
                ..data.clone()
            };
            self.policy_violated(why, data, now)?;
        }
        Ok(())
    }

    fn policy_violated(
        &mut self,
        reason: Option<String>,
        data: PolicyData,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let violated = Body::PolicyViolated {
            step: None,
            attempt: Attempt::FIRST,
            reason,
            data: Box::new(data),
        };
        self.emit(now, violated)
    }

    /// A worker claimed the run: AUTHORIZED → EXECUTING.
    pub fn begin_execution(&mut self, owner: &str, now: Timestamp) -> Result<(), KernelError> {
        self.transition(
            PhaseInput::Claimed,
            now,
            Change {
                owner: Some(owner.into()),
                ..Change::default()
            },
        )
    }

    /// Execution is over, whatever its result: EXECUTING → `GOVERNANCE_CHECK`.
    pub fn execution_complete(
        &mut self,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let change = Change {
            outcome: Some(outcome),
            governance: self.governance_word(),
            ..Change::default()
        };
        self.transition(PhaseInput::ExecutionOver, now, change)
    }

    /// How long the check waits for what is still on its way, in active time:
    /// each duty until its deadline, all of them for at most the governance
    /// timeout. An incident about drift is asked for when the rest is done, and
    /// has its own time. `None`: nothing is on its way.
    fn check_waits_until(&self) -> Option<Timestamp> {
        let state = &self.state;
        let settings = state.settings();
        let drift = state.ledger().expectation(&RunState::drift_duty());
        let limit = state.phase_since().after(settings.governance_timeout);
        let limit = drift
            .and_then(|e| e.due)
            .map_or(limit, |due| due.max(limit));
        if settings.contract.governs() && *state.policy() == PolicyState::Open {
            return Some(limit);
        }
        let open = state.ledger().expectations().iter();
        open.filter(|e| e.status == ExpectationStatus::Pending && !e.liveness)
            .map(|e| e.due.map_or(limit, |due| due.min(limit)))
            .max()
    }

    /// Compares expectations with acks, once all that is on its way has come
    /// or its deadline has passed. Never polls: ask again when something came,
    /// or at `until`.
    pub fn governance_check(&mut self, now: Timestamp) -> Result<GovernanceCheck, KernelError> {
        self.require(PhaseInput::CheckPassed)?;
        let active = self.state.active(now);
        let waits = |until: Option<Timestamp>| until.filter(|until| active < *until);
        let mut until = waits(self.check_waits_until());
        if until.is_none() && self.declare_drift(now)? {
            until = waits(self.check_waits_until());
        }
        if let Some(until) = until {
            let until = self.state.clock().wall(until);
            return Ok(GovernanceCheck::Waiting { until });
        }
        let comparison = compare(&self.state, ReconciliationStage::GovernanceCheck, now);
        let mut reasons = comparison.reasons;
        reasons.extend(self.policy_refusal());
        self.emit(
            now,
            Body::AuditReconciled {
                data: Box::new(comparison.data),
            },
        )?;
        match self.state.take_proof() {
            Some(proof) if reasons.is_empty() => Ok(GovernanceCheck::Passed(proof)),
            _ => Ok(GovernanceCheck::Refused { reasons }),
        }
    }

    /// Why the policies stop the run at the check, if they do.
    fn policy_refusal(&self) -> Option<String> {
        let settings = self.state.settings();
        if !settings.contract.governs() || settings.profile == Profile::ObserveOnly {
            return None;
        }
        match self.state.policy() {
            PolicyState::Answered(data) if data.allowed || !data.blocking => None,
            PolicyState::Answered(data) if data.policies.is_empty() => {
                Some("the policies do not allow the outcome".into())
            }
            PolicyState::Answered(data) => Some(alloc::format!(
                "the outcome is forbidden by policy {}",
                data.policies.join(", ")
            )),
            PolicyState::Open | PolicyState::Failed => {
                // A missing or failed ack is a reason of the reconciliation.
                let duty = self.state.ledger().expectation(&Duty::EVALUATE_POLICY);
                let told = duty.is_some_and(|duty| duty.status != ExpectationStatus::Acked);
                (!told).then(|| "the policies could not be evaluated".into())
            }
        }
    }

    /// The check was passed: `GOVERNANCE_CHECK` → FINALIZING.
    pub fn begin_finalization(
        &mut self,
        proof: &Reconciled,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        self.check_proof(proof)?;
        let change = Change {
            governance: self.governance_word(),
            ..Change::default()
        };
        self.transition(PhaseInput::CheckPassed, now, change)
    }

    fn check_proof(&self, proof: &Reconciled) -> Result<(), KernelError> {
        if proof.run() == self.state.run_id() && proof.epoch() == self.state.epoch() {
            return Ok(());
        }
        Err(KernelError::ForeignProof {
            proof_run: proof.run().clone(),
            proof_epoch: proof.epoch(),
        })
    }

    /// The terminal operation: acknowledges `finalize_run`, reconciles for the
    /// last time, enters the terminal phase and seals the epoch. Consumes the
    /// proof of the passed check.
    pub fn finalize(&mut self, proof: Reconciled, now: Timestamp) -> Result<RunPhase, KernelError> {
        self.check_proof(&proof)?;
        drop(proof);
        self.finish(now)
    }

    /// Fails the run from any phase that is not terminal, where it stands: open
    /// duties are performed, for at most the governance timeout, then it ends.
    pub fn fail(
        &mut self,
        class: ErrorClass,
        reason: String,
        now: Timestamp,
    ) -> Result<(), KernelError> {
        let input = match self.state.phase() {
            RunPhase::Executing => PhaseInput::CriticalError,
            RunPhase::Finalizing => PhaseInput::FinalizationFailed,
            _ => PhaseInput::SystemError,
        };
        self.require(input)?;
        self.begin_close(input, Outcome::Failed, class, reason, now)
    }

    fn require(&self, input: PhaseInput) -> Result<(), KernelError> {
        let from = self.state.phase();
        next(from, input)
            .map(|_| ())
            .ok_or(KernelError::Phase(PhaseError { from, input }))
    }

    fn transition(
        &mut self,
        input: PhaseInput,
        now: Timestamp,
        change: Change,
    ) -> Result<(), KernelError> {
        let from = self.state.phase();
        let to = next(from, input).ok_or(PhaseError { from, input })?;
        let Change {
            outcome,
            owner,
            governance,
            class,
            reason,
        } = change;
        let expectations = ExpectationsData {
            declared: Vec::new(),
            pending: self.pending(),
        };
        let data = StateData {
            input: Some(input),
            outcome,
            owner,
            governance,
            expectations,
        };
        let change = StateChange {
            from: Some(from),
            to,
            class,
            reason,
            data,
        };
        self.emit(now, Body::RunStateChanged(Box::new(change)))
    }

    /// Records a fact: applies it to the state and keeps it for the decision.
    fn emit(&mut self, now: Timestamp, body: Body) -> Result<(), KernelError> {
        let resumes = match body {
            Body::RunResumed { .. } => true,
            Body::RunRollbackStarted { .. } => self.state.is_sealed(),
            _ => false,
        };
        let event = Event {
            seq: self.state.next_seq(),
            at: now.max(self.state.last_at()),
            epoch: if resumes {
                self.state.epoch().next()
            } else {
                self.state.epoch()
            },
            actor: self.actor.clone(),
            body,
        };
        self.state.apply(&event)?;
        self.events.push(event);
        Ok(())
    }

    /// Hands over what was decided since the last decision: for those who call
    /// the methods one by one. [`handle`](Self::handle) ends with it.
    pub fn take_decision(&mut self) -> Decision {
        let standing = self.state.standing();
        let before = core::mem::replace(&mut self.decided, standing);
        let mut effects: Vec<Effect> = standing.since(before).collect();
        effects.append(&mut self.fresh_reviews());
        effects.append(&mut self.step_effects);
        for step in self.state.take_fresh_stops() {
            let slot = self.state.step(step);
            if let (StepState::Running, Some(reason)) = (slot.state, slot.stop) {
                effects.push(Effect::CancelStep {
                    step,
                    attempt: slot.attempt,
                    reason,
                });
            }
        }
        if let Some(done) = self.state.take_fresh_compensation_stop() {
            effects.extend(self.compensation_cancel(done));
        }
        Decision {
            events: core::mem::take(&mut self.events),
            effects,
            wake_at: self.wake_at(),
            denied: None,
        }
    }
}

/// The parts of a transition that few have.
#[derive(Default)]
struct Change {
    outcome: Option<Outcome>,
    owner: Option<String>,
    governance: Option<String>,
    class: Option<ErrorClass>,
    reason: Option<String>,
}
