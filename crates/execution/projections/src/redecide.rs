//! A log decided again: what was said to the kernel is read from what it
//! recorded, and its answer is held against the record.
//!
//! What people, owners and the machine did is taken as it stands: it was not
//! the kernel's to decide.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::{
    AckData, ArtifactLeft, ArtifactMade, Body, Event, PolicyData, PolicyStage, StepEndData,
};
use rok_execution_policy::Breach;
use rok_kernel::{
    Admission, ApplyError, Breached, CompiledPlan, Input, PolicyAnswer, Rollback,
    RunOrchestrationKernel, RunState, StepDone, StepEnd, StepSuccess, Violated,
};
use rok_rac::DomainAck;
use rok_vocabulary::{EnforcementLevel, RunId, RunPhase, Seq, StepId, StepState};
use serde_json::Value;

/// What came of deciding a log again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Redecided {
    /// Events in the log.
    pub events: u64,
    /// Decisions that came out alike.
    pub alike: u64,
    /// Decisions that were taken as they stand: what people, owners and the
    /// machine did.
    pub given: u64,
    /// Decisions that came out otherwise.
    pub divergences: Vec<Divergence>,
}

/// A decision that came out otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// The first event of the recorded decision.
    pub seq: Seq,
    /// What was recorded, an event each: type and step.
    pub recorded: Vec<String>,
    /// What the kernel decides, or why it refuses.
    pub decided: Vec<String>,
}

/// Decides decisions of a log again, in order.
#[derive(Debug)]
pub struct Redecide {
    plan: Arc<CompiledPlan>,
    run: RunId,
    kernel: RunOrchestrationKernel,
    found: Redecided,
}

impl Redecide {
    /// Before the first decision.
    #[must_use]
    pub fn new(plan: Arc<CompiledPlan>, run: RunId) -> Self {
        let state = RunState::new(Arc::clone(&plan), run.clone());
        Self {
            plan,
            run,
            kernel: RunOrchestrationKernel::over(state),
            found: Redecided::default(),
        }
    }

    /// Takes one whole decision. After one that came out otherwise the kernel
    /// goes on from what was recorded; `before` gives that record again.
    pub fn decision<'e>(
        &mut self,
        events: &'e [Event],
        before: impl Iterator<Item = &'e Event>,
    ) -> Result<(), ApplyError> {
        let Some(first) = events.first() else {
            return Ok(());
        };
        self.found.events += events.len() as u64;
        let Some(input) = input_of(events, self.kernel.state()) else {
            self.found.given += 1;
            return self.take(events);
        };
        let decided = match self.kernel.handle(first.at, input) {
            Ok(decision) if decision.events == events => {
                self.found.alike += 1;
                return Ok(());
            }
            Ok(decision) => decision.events,
            Err(rejected) => {
                self.diverged(events, Vec::from([rejected.to_string()]));
                return self.take(events);
            }
        };
        if stopping(events, &decided) {
            self.found.given += 1;
        } else {
            self.diverged(events, decided.iter().map(told).collect());
        }
        let mut state = RunState::new(Arc::clone(&self.plan), self.run.clone());
        for event in before.chain(events) {
            state.apply(event)?;
        }
        self.kernel = RunOrchestrationKernel::over(state);
        Ok(())
    }

    /// What came of it.
    #[must_use]
    pub fn into_found(self) -> Redecided {
        self.found
    }

    fn diverged(&mut self, recorded: &[Event], decided: Vec<String>) {
        self.found.divergences.push(Divergence {
            seq: recorded.first().map_or(Seq::FIRST, |event| event.seq),
            recorded: recorded.iter().map(told).collect(),
            decided,
        });
    }

    fn take(&mut self, events: &[Event]) -> Result<(), ApplyError> {
        let empty = RunState::new(Arc::clone(&self.plan), self.run.clone());
        let kernel = core::mem::replace(&mut self.kernel, RunOrchestrationKernel::over(empty));
        let mut state = kernel.into_state();
        for event in events {
            state.apply(event)?;
        }
        self.kernel = RunOrchestrationKernel::over(state);
        Ok(())
    }
}

/// An event in a few words; of one of the same type and step, what differs is
/// in its data.
fn told(event: &Event) -> String {
    let mut text = event.body.event_type().to_string();
    if let Some(step) = event.body.step() {
        text.push(' ');
        text.push_str(step.as_str());
    }
    text
}

/// Whether an owner that was about to stop left out what would have started.
fn stopping(recorded: &[Event], decided: &[Event]) -> bool {
    let started = |event: &Event| {
        matches!(
            event.body,
            Body::StepStarted { .. }
                | Body::StepCompensationStarted { .. }
                | Body::ComponentDeprecated { .. }
        )
    };
    let left: Vec<&Event> = decided.iter().filter(|event| !started(event)).collect();
    left.len() < decided.len()
        && left.len() == recorded.len()
        && left.iter().zip(recorded).all(|(a, b)| a.body == b.body)
}

/// What was said to the kernel, as far as the record tells.
fn input_of(events: &[Event], state: &RunState) -> Option<Input> {
    let first = events.first()?;
    match &first.body {
        Body::PolicyEvaluated { reason, data, .. } if data.stage == PolicyStage::Authorize => {
            let answer = answer(data, reason.as_ref(), events);
            Some(Input::Admitted(Admission::Checked(Some(answer))))
        }
        Body::PolicyEvaluated { reason, data, .. } if data.stage == PolicyStage::Complete => {
            let (ack, record) = ack(events, state)?;
            Some(Input::PolicyEvaluated {
                answer: Some(answer(data, reason.as_ref(), events)),
                ack,
                record,
            })
        }
        Body::AckReceived { data } if !data.late => match state.phase() {
            // The kernel's own word closes the epoch: the result was published.
            RunPhase::Finalizing => Some(Input::Published(Ok(()))),
            _ if own(data) => Some(Input::Tick),
            _ => {
                let (ack, record) = ack(events, state)?;
                Some(Input::Ack { ack, record })
            }
        },
        Body::RunStateChanged(change) if change.to == RunPhase::Executing => {
            let owner = change.data.owner.clone()?;
            Some(Input::Claimed { owner })
        }
        Body::PolicyViolated { step: Some(_), .. } => breached(events, state).map(Input::Breached),
        Body::StepStarted { .. } | Body::PolicyViolated { step: None, .. } => Some(Input::Tick),
        Body::StepSucceeded { .. }
        | Body::StepFailed { .. }
        | Body::StepFellBack { .. }
        | Body::ArtifactEmitted { .. }
        | Body::ArtifactQuarantined { .. } => done(events, state).map(Input::StepDone),
        _ => None,
    }
}

fn own(data: &AckData) -> bool {
    data.duty.to_string() == "orchestrator/finalize_run"
}

fn answer(data: &PolicyData, reason: Option<&String>, events: &[Event]) -> PolicyAnswer {
    let violated = events.iter().filter_map(|event| match &event.body {
        // One of several policies is the answer as a whole.
        Body::PolicyViolated { reason, data, .. } => match &data.policies[..] {
            [policy] => Some(Violated {
                policy: policy.clone(),
                strict: data.blocking,
                reason: reason.clone(),
            }),
            _ => None,
        },
        _ => None,
    });
    PolicyAnswer {
        data: data.clone(),
        reason: reason.cloned(),
        violations: violated.collect(),
    }
}

/// What policies forbade of an attempt's work.
fn breached(events: &[Event], state: &RunState) -> Option<Breached> {
    let all = events.iter().map_while(|event| match &event.body {
        Body::PolicyViolated {
            step: Some(step),
            attempt,
            reason,
            data,
        } => Some((event.epoch, step, *attempt, reason, data)),
        _ => None,
    });
    let all: Vec<_> = all.collect();
    let (epoch, step, attempt, ..) = *all.first()?;
    let breaches = all.iter().map(|(.., reason, data)| {
        let policy = data.policies.first()?.clone();
        let told = reason.as_ref()?;
        let why = told.strip_prefix(&format!("policy `{policy}`: "))?.into();
        Some(Breach {
            level: if data.blocking {
                EnforcementLevel::Strict
            } else {
                EnforcementLevel::Soft
            },
            policy,
            step: Some(step.clone()),
            dimension: data.dimension,
            why,
        })
    });
    let undoing = state.rollback().and_then(Rollback::running);
    let undoing = undoing.filter(|ix| state.done(*ix).id == *step);
    Some(Breached {
        epoch,
        step: undoing.or_else(|| state.find(step.as_str()))?,
        compensates: undoing.is_some(),
        attempt,
        breaches: breaches.collect::<Option<_>>()?,
        blocked: all.iter().any(|(.., data)| data.blocking),
    })
}

type Record = Option<Box<serde_json::value::RawValue>>;

/// The ack of a decision, with its record.
fn ack(events: &[Event], state: &RunState) -> Option<(DomainAck, Record)> {
    let (event, data) = events.iter().find_map(|event| match &event.body {
        Body::AckReceived { data } => Some((event, data)),
        _ => None,
    })?;
    let ack = DomainAck::restore(
        data.id,
        state.run_id(),
        event.epoch,
        data.duty.clone(),
        data.status,
        data.result_id.as_deref(),
        data.error.as_deref(),
        data.error_kind,
        event.at,
    );
    Some((ack.ok()?, data.record.clone()))
}

/// The end of an attempt, from what the kernel made of it.
fn done(events: &[Event], state: &RunState) -> Option<StepDone> {
    let running = |step: &StepId| {
        let ix = state.find(step.as_str())?;
        (state.step(ix).state == StepState::Running).then_some(ix)
    };
    let (step, attempt, end, data, epoch) = events.iter().find_map(|event| match &event.body {
        Body::StepSucceeded {
            step,
            attempt,
            data,
        } => {
            let outputs = data.outputs.as_ref();
            let success = StepSuccess {
                outputs: outputs.map_or(Value::Null, |outputs| (**outputs).clone()),
                artifacts: made(events, step),
            };
            Some((
                step,
                *attempt,
                StepEnd::Succeeded(success),
                data,
                event.epoch,
            ))
        }
        Body::StepFailed {
            step,
            attempt,
            class,
            reason,
            data,
        } => {
            let failed = StepEnd::Failed {
                class: *class,
                reason: reason.clone(),
            };
            Some((step, *attempt, failed, data, event.epoch))
        }
        _ => None,
    })?;
    Some(StepDone {
        epoch,
        step: running(step)?,
        attempt,
        end,
        data: Box::new(StepEndData {
            outputs: None,
            last: false,
            undecided: false,
            ..(**data).clone()
        }),
        left: left(events, step),
    })
}

fn made(events: &[Event], of: &StepId) -> Vec<ArtifactMade> {
    let made = events.iter().filter_map(|event| match &event.body {
        Body::ArtifactEmitted {
            step,
            path,
            sha256,
            bytes,
            place,
            executable,
            ..
        } if step == of => Some(ArtifactMade {
            path: path.clone(),
            sha256: sha256.clone(),
            bytes: *bytes,
            place: *place,
            executable: *executable,
        }),
        _ => None,
    });
    made.collect()
}

fn left(events: &[Event], of: &StepId) -> Vec<ArtifactLeft> {
    let left = events.iter().filter_map(|event| match &event.body {
        Body::ArtifactQuarantined {
            step,
            path,
            sha256,
            bytes,
            reason,
            ..
        } if step == of => Some(ArtifactLeft {
            path: path.clone(),
            sha256: sha256.clone(),
            bytes: *bytes,
            reason: reason.clone(),
        }),
        _ => None,
    });
    left.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_events::{Contract, Settings};
    use rok_kernel::{RunSpec, StepIx, create_rok};
    use rok_vocabulary::{Actor, Attempt, Epoch, ErrorClass, Timestamp};

    fn plan(text: &str) -> Arc<CompiledPlan> {
        let plan = rok_plan::parse(text.as_bytes(), "p.yaml").unwrap();
        CompiledPlan::new(plan, "00".into()).unwrap()
    }

    /// The decisions of a run whose one step fails with a transient error.
    fn decisions(plan: &Arc<CompiledPlan>) -> Vec<Vec<Event>> {
        let spec = RunSpec {
            inputs: Arc::default(),
            labels: alloc::collections::BTreeMap::new(),
            settings: Settings {
                contract: Contract::Off,
                ..Settings::default()
            },
            cwd: None,
            engine: "test".into(),
            policies: None,
            submitter: Actor::Manual,
            reason: None,
            execution_policies: Vec::new(),
            priority: 0,
            request: None,
            replays: None,
            plans: alloc::collections::BTreeMap::new(),
            parent: None,
            expected: Vec::new(),
        };
        let now = Timestamp::from_millis(1000);
        let run: RunId = "r".parse().unwrap();
        let (mut kernel, created) = create_rok(run, Arc::clone(plan), spec, now).unwrap();
        let mut all = Vec::from([created.events]);
        let owner = "w".to_string();
        let failed = StepDone {
            epoch: Epoch(0),
            step: 0 as StepIx,
            attempt: Attempt::FIRST,
            end: StepEnd::Failed {
                class: ErrorClass::TransientIo,
                reason: "busy".into(),
            },
            data: Box::default(),
            left: Vec::new(),
        };
        let inputs = [
            Input::Admitted(Admission::Checked(None)),
            Input::Claimed { owner },
            Input::StepDone(failed),
        ];
        for input in inputs {
            all.push(kernel.handle(now, input).unwrap().events);
        }
        all
    }

    fn again(plan: &Arc<CompiledPlan>, recorded: &[Vec<Event>]) -> Redecided {
        let mut redecide = Redecide::new(Arc::clone(plan), "r".parse().unwrap());
        for (at, events) in recorded.iter().enumerate() {
            let before = recorded[..at].iter().flatten();
            redecide.decision(events, before).unwrap();
        }
        redecide.into_found()
    }

    #[test]
    fn another_decision_is_a_divergence() {
        let fails = plan("plan: p\nsteps: { a: { call: f } }\n");
        let retries = plan("plan: p\nsteps: { a: { call: f, retry: { max: 1 } } }\n");
        let recorded = decisions(&fails);
        let same = again(&fails, &recorded);
        assert!(same.divergences.is_empty(), "{same:?}");
        assert!(same.alike >= 2, "{same:?}");

        let mut redecide = Redecide::new(retries, "r".parse().unwrap());
        for (at, events) in recorded.iter().enumerate() {
            let before = recorded[..at].iter().flatten();
            // What follows a divergence need not fit the other plan.
            if redecide.decision(events, before).is_err() {
                break;
            }
        }
        let found = redecide.into_found();
        let [divergence] = &found.divergences[..] else {
            panic!("one divergence: {found:?}");
        };
        assert_eq!(divergence.decided, ["step.failed a", "step.retried a"]);
        assert_eq!(divergence.recorded[0], "step.failed a");
    }

    #[test]
    fn an_owner_that_stops_starts_nothing_and_that_is_no_divergence() {
        let plan = plan("plan: p\nsteps: { a: { call: f } }\n");
        let mut recorded = decisions(&plan);
        recorded.truncate(3);
        let claimed = recorded.last_mut().unwrap();
        claimed.retain(|event| !matches!(event.body, Body::StepStarted { .. }));
        let found = again(&plan, &recorded);
        assert!(found.divergences.is_empty(), "{found:?}");
    }
}
