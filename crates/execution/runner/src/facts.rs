//! A run's state as the domains see it, and their answers as inputs.

use crate::run_runner::RunContext;
use rok_events::{PolicyData, PolicyStage};
use rok_facades::{
    Answer, Authorization, Diagnosis, FacadeError, Lesson, OutcomeFacts, PolicyVerdict, RunFacts,
    StepCounts, Violation,
};
use rok_kernel::{Input, PolicyAnswer, RunState, Violated};
use rok_rac::Reconciliation;
use rok_vocabulary::{EnforcementLevel, ErrorClass, Outcome, Profile, StepId, Timestamp};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();
static NO_INPUTS: Value = Value::Null;

/// The run as it stands.
pub(crate) fn run_facts<'a>(
    state: &'a RunState,
    context: &'a RunContext,
    now: Timestamp,
) -> RunFacts<'a> {
    RunFacts {
        run: state.run_id(),
        epoch: state.epoch(),
        plan: &state.plan().plan().id,
        labels: state.labels().unwrap_or(&NO_LABELS),
        inputs: state.inputs().map_or(&NO_INPUTS, |inputs| inputs),
        submitter: &context.submitter,
        roles: &context.roles,
        profile: state.settings().profile,
        created_at: state.created_at(),
        now,
    }
}

/// What is only borrowed by [`outcome_facts`].
pub(crate) struct Ending {
    class: Option<ErrorClass>,
    reason: Option<String>,
    step: Option<StepId>,
    reconciliation: Reconciliation,
    verdict: Option<PolicyVerdict>,
}

impl Ending {
    pub(crate) fn of(state: &RunState, verdict: Option<PolicyVerdict>, now: Timestamp) -> Self {
        let first = state.first_failure();
        let overridden = state.overridden().next();
        let (class, reason) = match (state.stopping(), first) {
            (Some(stopping), _) => (Some(stopping.class), Some(stopping.reason.clone())),
            (None, Some(ix)) => (state.step(ix).class, state.step(ix).reason.clone()),
            (None, None) => match overridden {
                Some(ix) => (
                    Some(ErrorClass::HardGateFailed),
                    state.step(ix).reason.clone(),
                ),
                None => (None, None),
            },
        };
        let active = state.active(now);
        Self {
            class,
            reason,
            step: first
                .or(overridden)
                .map(|ix| state.plan().step(ix).id.clone()),
            reconciliation: state
                .ledger()
                .reconcile(rok_rac::Scope::GovernanceCheck, active),
            verdict,
        }
    }

    pub(crate) fn facts<'a>(
        &'a self,
        state: &'a RunState,
        context: &'a RunContext,
        now: Timestamp,
    ) -> OutcomeFacts<'a> {
        let counts = state.counts();
        let duration = state.active(now).since(state.active(state.epoch_began()));
        let time_use = state
            .plan()
            .plan()
            .max_duration
            .map(|max| duration.as_secs_f64() / max.as_secs_f64().max(f64::EPSILON));
        OutcomeFacts {
            run: run_facts(state, context, now),
            outcome: state.outcome().unwrap_or(Outcome::Failed),
            error_class: self.class,
            reason: self.reason.as_deref(),
            step: self.step.as_ref(),
            counts: StepCounts {
                total: counts.total,
                succeeded: counts.succeeded,
                failed: counts.failed,
                skipped: counts.skipped,
                retries: counts.retries,
            },
            gate_failures: state.gate_failures(),
            duration,
            reconciliation: Some(&self.reconciliation),
            time_use,
            budget_use: state.budget_use(),
            verdict: self.verdict.as_ref(),
        }
    }
}

/// An authorization as the kernel records it.
pub(crate) fn authorization(
    stage: PolicyStage,
    action: Option<&str>,
    answer: Authorization,
) -> PolicyAnswer {
    let Authorization {
        granted,
        reason,
        policies,
        violations,
        errors,
    } = answer;
    let reason = if errors.is_empty() {
        reason
    } else {
        format!("{reason}: {}", errors.join("; "))
    };
    PolicyAnswer {
        data: PolicyData {
            stage,
            allowed: granted,
            blocking: true,
            policies,
            action: action.map(Into::into),
            command: None,
            dimension: None,
        },
        reason: Some(reason).filter(|reason| !reason.is_empty()),
        violations: violations.into_iter().map(violated).collect(),
    }
}

fn violated(violation: Violation) -> Violated {
    Violated {
        policy: violation.policy,
        strict: violation.enforcement_level == EnforcementLevel::Strict,
        reason: violation.reason,
    }
}

/// A domain's answer as an input.
pub(crate) fn acked<R: Serialize>(answer: Answer<R>) -> Input {
    let record = answer.record.as_ref().and_then(raw);
    Input::Ack {
        ack: answer.ack,
        record,
    }
}

/// What the governance domain records of a run's end. Its lessons owe no ack:
/// they travel with the verdict.
#[derive(Serialize)]
struct Judged<'a> {
    #[serde(flatten)]
    verdict: &'a PolicyVerdict,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    lessons: Vec<Lesson>,
    /// Why none could be drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    lessons_error: Option<String>,
    /// What the services of the run found.
    #[serde(skip_serializing_if = "Option::is_none")]
    diagnosis: Option<Diagnosis>,
    /// Why nobody can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    synthesis_error: Option<String>,
}

/// The policies' answer as an input.
pub(crate) fn evaluated(
    answer: Answer<PolicyVerdict>,
    lessons: Result<Vec<Lesson>, FacadeError>,
    diagnosis: Option<Result<Diagnosis, String>>,
    profile: Profile,
) -> Input {
    let lessons_error = lessons.as_ref().err().map(ToString::to_string);
    let (diagnosis, synthesis_error) = match diagnosis {
        Some(Ok(diagnosis)) => (Some(diagnosis), None),
        Some(Err(error)) => (None, Some(error)),
        None => (None, None),
    };
    let judged = answer.record.as_ref().map(|verdict| Judged {
        verdict,
        lessons: lessons.unwrap_or_default(),
        lessons_error,
        diagnosis,
        synthesis_error,
    });
    let record = judged.as_ref().and_then(raw);
    let verdict = answer.record.map(|verdict| {
        let soft = verdict.enforcement_level == Some(EnforcementLevel::Soft);
        let blocking = !soft && profile != Profile::ObserveOnly;
        PolicyAnswer {
            data: PolicyData {
                stage: PolicyStage::Complete,
                allowed: verdict.allowed,
                blocking,
                policies: verdict.policies,
                action: None,
                command: None,
                dimension: None,
            },
            reason: Some(verdict.reason).filter(|reason| !reason.is_empty()),
            violations: verdict.violations.into_iter().map(violated).collect(),
        }
    });
    Input::PolicyEvaluated {
        answer: verdict,
        ack: answer.ack,
        record,
    }
}

fn raw(record: &impl Serialize) -> Option<Box<RawValue>> {
    to_raw_value(record).ok()
}
