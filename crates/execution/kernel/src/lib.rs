//! The Run Orchestration Kernel (ROK): the single authority over a run's
//! lifecycle.
//!
//! A pure state machine. Inputs and instants come in, a [`Decision`] comes
//! out: events to be made durable, effects to be performed after that, and
//! when to wake up. The kernel has no clock, no I/O and no entropy; it names
//! no facade, no store and no executor.
//!
//! ```text
//! Input ──handle──▶ Decision { events, effects, wake_at }
//!           │ emit        │
//!           ▼             ▼
//!       RunState ◀─apply─ Event        (a fold of the log is the same state)
//! ```
//!
//! [`RunState::apply`] is the only mutation. Effects are a function of state
//! ([`RunState::outstanding`]), so recovery is: fold the log, then perform what
//! is outstanding. [`Reconciled`] is the proof that the governance check was
//! passed: without one, finalizing does not compile.
//!
//! The seed's life of a run, by the methods that [`handle`](RunOrchestrationKernel::handle)
//! calls:
//!
//! ```
//! # use rok_kernel::{CompiledPlan, GovernanceCheck, Input, RunSpec, create_rok};
//! # use rok_events::{PolicyData, PolicyStage, Settings};
//! # use rok_kernel::{Admission, PolicyAnswer};
//! # use rok_rac::{DomainAck, Duty};
//! # use rok_vocabulary::{Actor, Epoch, Outcome, RunId, RunPhase, Timestamp};
//! # let spec = RunSpec { execution_policies: Vec::new(), priority: 0, request: None, inputs: Default::default(), labels: Default::default(), settings: Settings::default(),
//! #     cwd: None, engine: "0".into(), policies: None, replays: None, submitter: Actor::Manual, reason: None, plans: Default::default(), parent: None, expected: Vec::new() };
//! # let policy = |stage| PolicyAnswer { data: PolicyData { stage, allowed: true, blocking: true,
//! #     policies: Vec::new(), action: None, command: None, dimension: None }, reason: None, violations: Vec::new() };
//! let plan = rok_plan::parse(b"plan: p\nsteps:\n  a: { call: f }\n", "p.yaml")?;
//! let plan = CompiledPlan::new(plan, "00".into())?;
//! let (run, now): (RunId, _) = ("run_abc".parse()?, Timestamp::from_millis(0));
//! let done = |duty| DomainAck::success(&"run_abc".parse().unwrap(), Epoch(0), duty, "record-1", now).unwrap();
//!
//! // Expectations are declared at T0: they are in the first decision.
//! let (mut rok, first) = create_rok(run, plan, spec, now)?;
//! assert_eq!(first.events.len(), 7);
//! rok.handle(now, Input::Ack { ack: done(Duty::START_TRACE), record: None })?;
//! rok.authorize(Some(policy(PolicyStage::Authorize)), now)?;
//! rok.begin_execution("worker-1", now)?;
//! rok.execution_complete(Outcome::Succeeded, now)?;
//!
//! // The check waits for what the domains owe …
//! assert!(matches!(rok.governance_check(now)?, GovernanceCheck::Waiting { .. }));
//! let answer = Some(policy(PolicyStage::Complete));
//! rok.handle(now, Input::PolicyEvaluated { answer, ack: done(Duty::EVALUATE_POLICY), record: None })?;
//! rok.handle(now, Input::Ack { ack: done(Duty::CREATE_INCIDENT), record: None })?;
//! // … and passes with the last answer, which brings the run to FINALIZING.
//! rok.handle(now, Input::Ack { ack: done(Duty::COMPLETE_TRACE), record: None })?;
//! assert_eq!(rok.state().phase(), RunPhase::Finalizing);
//! assert!(rok.state().proof().is_some());
//! rok.handle(now, Input::Published(Ok(())))?;
//! assert_eq!(rok.state().phase(), RunPhase::Completed);
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
//!
//! ```compile_fail
//! # fn f(mut rok: rok_kernel::RunOrchestrationKernel, now: rok_vocabulary::Timestamp) {
//! // There is no way to finalize without the proof of a passed check.
//! rok.finalize(now);
//! # }
//! ```
#![no_std]

extern crate alloc;

mod clock;
mod compiled;
mod effect;
mod input;
mod inputs;
mod kernel;
mod needs;
mod reconciled;
mod request;
mod scope;
mod state;
mod steps;

pub use compiled::{CompiledPlan, StepIx};
pub use effect::{Decision, Effect, Rejected};
pub use input::{
    Admission, Breached, Command, CommandKind, Input, LostAttempt, PolicyAnswer, Repair, RunSpec,
    StepDone, StepEnd, StepSuccess, Violated,
};
pub use kernel::{Authorization, GovernanceCheck, KernelError, RunOrchestrationKernel, create_rok};
pub use needs::Needs;
pub use reconciled::Reconciled;
pub use request::{ResolveError, ResolvedAction, ResolvedArtifact, ResolvedStep, SubInputs};
pub use scope::RunScope;
pub use state::{
    ApplyError, Closing, Done, DoneIx, FanOut, Hold, Override, PolicyState, Resumability, Rollback,
    Rollbackable, RunState, Stopping, SubRunError, Undo, Used,
};
pub use steps::{Approval, GateWait, StandIn, StepSlot, StopReason};
