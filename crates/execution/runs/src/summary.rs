//! A run's state and history as the views that the layers above get.

use crate::begun::{self, Begun};
use crate::fault;
use crate::gates;
use crate::load::Loaded;
use rok_events::AgentData;
use rok_facades::runs::{
    AckView, AgentStepView, ApprovalView, ArtifactView, AuditView, BudgetView, DiagnosisView,
    ErrorView, ExpectationView, IncidentView, ParentView, RunSummary, RunsError, StepSummary,
    StepTotals, TriedView, ViolationView,
};
use rok_facades::{Incident, Lesson};
use rok_kernel::{RunState, StandIn, StepIx};
use rok_plan::Gate;
use rok_projections::{History, Replay, Violation};
use rok_rac::{Duty, Reconciliation, Scope};
use rok_vocabulary::{BudgetDimension, Disposition, ErrorClass, Outcome, RunPhase, StepState};
use serde_json::Value;
use std::path::PathBuf;

/// What [`status`] says, and what a list says of a run that is a stub or
/// cannot be read.
pub(crate) const STATUSES: [&str; 10] = [
    "created",
    "preflight_validated",
    "blocked",
    "executing",
    "succeeded",
    "partial",
    "failed",
    "rolled_back",
    COLLECTED,
    BROKEN,
];
/// As many violations of policies are in a summary: each child of a fan-out may
/// have one.
const VIOLATIONS_MAX: usize = 100;
pub(crate) const COLLECTED: &str = "collected";
pub(crate) const BROKEN: &str = "broken";

/// Seed 004's word for where a run stands, and `partial` for one that is
/// COMPLETED with work failed: nothing else decides it.
pub(crate) fn status(
    phase: RunPhase,
    held: bool,
    said: Disposition,
    outcome: Option<Outcome>,
) -> &'static str {
    match phase {
        RunPhase::Failed if said == Disposition::RolledBack => "rolled_back",
        RunPhase::Completed if outcome == Some(Outcome::Partial) => "partial",
        RunPhase::Created => "created",
        RunPhase::Authorized => "preflight_validated",
        RunPhase::Executing if held => "blocked",
        RunPhase::Executing | RunPhase::GovernanceCheck | RunPhase::Finalizing => "executing",
        RunPhase::Completed => "succeeded",
        RunPhase::Failed => "failed",
    }
}

/// The word for a run that waits, be it for a sub-run of its.
pub(crate) fn of_held(state: &RunState) -> &'static str {
    status(state.phase(), true, state.disposition(), state.outcome())
}

fn reconciliation(state: &RunState) -> Reconciliation {
    if !state.settings().contract.reconciles() {
        return Reconciliation::disabled();
    }
    match state.last_reconciliation() {
        Some(last) => last.clone(),
        None => state
            .ledger()
            .reconcile(Scope::Everything, state.active(state.last_at())),
    }
}

/// The incident that the domain recorded for a duty.
pub(crate) fn incident_of(loaded: &Loaded, duty: &Duty) -> Option<IncidentView> {
    let record = loaded.history().record(duty)?;
    let incident: Incident = serde_json::from_str(record).ok()?;
    let word = |value: Value| value.as_str().map(ToString::to_string);
    Some(IncidentView {
        id: incident.id,
        severity: incident.severity,
        status: serde_json::to_value(incident.status)
            .ok()
            .and_then(word)
            .unwrap_or_default(),
        category: serde_json::to_value(incident.category).ok().and_then(word),
        occurrence_of: incident.occurrence_of,
    })
}

/// A run without a folder, as its log tells it.
#[must_use]
pub fn summarize(replay: Replay) -> (RunSummary, AuditView) {
    let loaded = Loaded {
        replay,
        dir: PathBuf::new(),
    };
    (summary(&loaded), audit(&loaded))
}

/// The lessons that stand beside the policies' verdict.
fn lessons(loaded: &Loaded) -> Vec<Lesson> {
    #[derive(serde::Deserialize)]
    struct Taught {
        #[serde(default)]
        lessons: Vec<Lesson>,
    }
    let acks = loaded.history().acks().iter().rev();
    let mut of_epoch = acks.filter(|ack| ack.epoch == loaded.state().epoch());
    let judged = of_epoch.find(|ack| ack.data.duty == Duty::EVALUATE_POLICY);
    let record = judged.and_then(|ack| ack.data.record.as_deref());
    record
        .and_then(|record| serde_json::from_str::<Taught>(record.get()).ok())
        .map(|taught| taught.lessons)
        .unwrap_or_default()
}

fn budget(state: &RunState) -> Vec<BudgetView> {
    let Some(budget) = &state.plan().plan().budget else {
        return Vec::new();
    };
    let (exceeded, lifted): (Vec<_>, Vec<_>) =
        (state.exceeded().collect(), state.lifted().collect());
    let view = |dimension: &BudgetDimension| {
        Some(BudgetView {
            dimension: *dimension,
            limit: budget.limit(*dimension)?,
            used: state.used().of(*dimension),
            exceeded: exceeded.contains(dimension),
            lifted: lifted.contains(dimension),
        })
    };
    BudgetDimension::ALL.iter().filter_map(view).collect()
}

/// What its services found, where it calls any.
fn diagnosis(loaded: &Loaded) -> Option<DiagnosisView> {
    let run = loaded.replay.service_run()?;
    Some(DiagnosisView {
        website_id: run.website_id.clone(),
        domain: run.domain.clone(),
        event_id: run.diagnosis_event_id.clone(),
        diagnosis: run.diagnosis.clone(),
        error: run.synthesis_error.clone(),
    })
}

pub(crate) fn summary(loaded: &Loaded) -> RunSummary {
    let (state, history) = (loaded.state(), loaded.history());
    let plan = state.plan().plan();
    let (class, reason) = state.end();
    let ended = state.is_sealed().then(|| history.sealed_at()).flatten();
    let last = ended.unwrap_or_else(|| state.last_at());
    RunSummary {
        run_id: state.run_id().clone(),
        plan: plan.id.clone(),
        plan_version: plan.version,
        plan_name: plan.name.clone(),
        plan_sha256: state.plan().sha256().into(),
        phase: state.phase(),
        status: status(
            state.phase(),
            state.hold().is_some(),
            state.disposition(),
            state.outcome(),
        )
        .into(),
        outcome: state.outcome(),
        epoch: state.epoch(),
        error: reason.map(|reason| ErrorView {
            class: class.unwrap_or(ErrorClass::Unknown),
            reason: reason.into(),
        }),
        hold: gates::hold(state),
        parent: state
            .created()
            .and_then(|created| created.parent.as_ref())
            .map(|parent| ParentView {
                run: parent.run.clone(),
                step: parent.step.to_string(),
            }),
        submitter: history.submitter(),
        labels: state.labels().cloned().unwrap_or_default(),
        priority: state.created().map_or(0, |created| created.priority),
        inputs: state
            .inputs()
            .map(|inputs| (**inputs).clone())
            .unwrap_or_default(),
        created_at: state.created_at(),
        completed_at: ended,
        duration_ms: last.since(state.epoch_began()).as_millis() as u64,
        profile: state.profile_in_words(),
        degraded: state.is_degraded(),
        totals: StepTotals {
            queued: (0..plan.steps.len() as StepIx)
                .filter(|ix| waits(loaded, *ix))
                .count() as u32,
            ..totals(state)
        },
        retries: state.counts().retries,
        gate_failures: state
            .gate_failures()
            .iter()
            .map(ToString::to_string)
            .collect(),
        violations: violations(history),
        violation_count: history.violations().len() as u32,
        reconciliation: reconciliation(state),
        incident: incident_of(loaded, &Duty::CREATE_INCIDENT),
        lessons: lessons(loaded),
        budget: budget(state),
        rollback: crate::rollback::view(loaded),
        approvals: history
            .decisions()
            .iter()
            .map(|decision| ApprovalView {
                step: decision
                    .step
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                decision: decision.what.into(),
                actor: decision.actor.to_string(),
                reason: decision.reason.clone(),
                at: decision.at,
            })
            .collect(),
        overrides: gates::overrides(loaded),
        driven_by: None,
        queued: None,
        sealed: state.is_sealed(),
        events: loaded.replay.count(),
        steps: (0..state.plan().len() as StepIx)
            .map(|ix| step(loaded, ix))
            .collect(),
        artifacts: history
            .artifacts()
            .iter()
            .map(|artifact| ArtifactView {
                step: artifact.step.to_string(),
                path: artifact.path.clone(),
                sha256: artifact.sha256.clone(),
                bytes: artifact.bytes,
            })
            .collect(),
        diagnosis: diagnosis(loaded),
    }
}

pub(crate) fn violations(history: &History) -> Vec<ViolationView> {
    let view = |violation: &Violation| ViolationView {
        policies: violation.data.policies.clone(),
        stage: violation.data.stage.as_str().to_owned(),
        blocking: violation.data.blocking,
        step: violation.step.as_ref().map(ToString::to_string),
        dimension: violation.data.dimension,
        reason: violation.reason.clone().unwrap_or_default(),
        epoch: violation.epoch,
        at: violation.at,
    };
    let first = history.violations().iter().take(VIOLATIONS_MAX);
    first.map(view).collect()
}

fn totals(state: &RunState) -> StepTotals {
    let mut totals = StepTotals {
        total: state.counts().total,
        ..StepTotals::default()
    };
    for slot in state.steps() {
        count(&mut totals, slot.state);
    }
    totals
}

/// Whether a step is to run and waits for a place.
fn waits(loaded: &Loaded, ix: StepIx) -> bool {
    begun::of(loaded, ix) == Begun::Waits
}

/// How many children of a fan-out are in which state.
pub(crate) fn children(state: &RunState, ix: StepIx) -> Option<StepTotals> {
    let places = state.fan_out(ix)?.children();
    let mut totals = StepTotals {
        total: places.len() as u32,
        ..StepTotals::default()
    };
    for child in places {
        count(&mut totals, state.step(child).state);
    }
    Some(totals)
}

fn count(totals: &mut StepTotals, state: StepState) {
    let count = match state {
        StepState::Pending => &mut totals.pending,
        StepState::Waiting => &mut totals.waiting,
        StepState::Running => &mut totals.running,
        StepState::Succeeded => &mut totals.succeeded,
        StepState::Compensated => &mut totals.compensated,
        StepState::Failed => &mut totals.failed,
        StepState::Skipped => &mut totals.skipped,
    };
    *count += 1;
}

/// A step, and behind it the children of its fan-out.
pub(crate) fn with_children(loaded: &Loaded, id: &str) -> Result<Vec<StepSummary>, RunsError> {
    let state = loaded.state();
    let Some(ix) = state.find(id) else {
        return Err(fault::unknown_step_of(state, id));
    };
    let children = state.fan_out(ix).map(rok_kernel::FanOut::children);
    let places = std::iter::once(ix).chain(children.into_iter().flatten());
    Ok(places.map(|ix| step(loaded, ix)).collect())
}

fn step(loaded: &Loaded, ix: StepIx) -> StepSummary {
    let (state, history) = (loaded.state(), loaded.history());
    let (step, slot) = (state.definition(ix), state.step(ix));
    let of_plan = state.child(ix).is_none();
    let wall_ms = if of_plan {
        let end = history.step(ix).end.as_ref();
        end.filter(|end| end.started_at.is_some())
            .map(|end| end.wall_ms)
    } else {
        let (began, ended) = (slot.started_at, slot.ended_at);
        began.zip(ended).map(|(a, b)| b.since(a).as_millis() as u64)
    };
    let failed = slot.state == StepState::Failed;
    let told = of_plan.then(|| history.step(ix).end.as_ref()).flatten();
    let told = told.filter(|_| slot.is_finished());
    let cached = told.and_then(|end| end.cached.as_ref());
    let begun = begun::of(loaded, ix);
    StepSummary {
        id: state.step_id(ix).to_string(),
        name: step.name.clone(),
        state: slot.state,
        attempt: slot.attempt.0,
        gate: step.gate.map(|gate| match gate {
            Gate::Hard => "hard".into(),
            Gate::Manual => "manual".into(),
        }),
        required: state.plan().is_required(state.origin(ix)),
        error: slot
            .reason
            .as_ref()
            .filter(|_| failed)
            .map(|reason| ErrorView {
                class: slot.class.unwrap_or(ErrorClass::Unknown),
                reason: reason.clone(),
            }),
        skip_reason: slot
            .reason
            .clone()
            .filter(|_| slot.state == StepState::Skipped),
        started_at: slot.started_at,
        queued: begun == Begun::Waits,
        began_at: match begun {
            Begun::Since(at) => at,
            Begun::Unknown | Begun::Waits => None,
        },
        ended_at: slot.ended_at,
        wall_ms,
        retry_at: slot.retry_due,
        decision: gates::gate(state, ix),
        outputs: slot.outputs.clone(),
        run: slot.run.clone(),
        fell_back_to: state
            .plan()
            .graph()
            .fallback(ix)
            .filter(|_| slot.stand_in != StandIn::None)
            .map(|to| state.step_id(to).to_string()),
        agent: told.and_then(|end| end.agent.as_deref()).map(agent_view),
        children: children(state, ix),
        cached_from: cached.map(|cached| cached.run.clone()),
        cache_note: told.and_then(|end| end.cache_note.clone()),
        deprecated: step
            .deprecated
            .clone()
            .filter(|_| of_plan && slot.started_at.is_some()),
    }
}

fn agent_view(agent: &AgentData) -> AgentStepView {
    let tried = agent.tried.iter().map(|tried| TriedView {
        agent_id: tried.agent.clone(),
        trigger: tried.trigger,
        reason: tried.reason.clone(),
    });
    AgentStepView {
        agent_id: agent.id.clone(),
        place: agent.place,
        trust_level: agent.trust,
        tried: tried.collect(),
        notes: agent.notes.clone(),
        reason: agent.reason.clone(),
    }
}

pub(crate) fn audit(loaded: &Loaded) -> AuditView {
    let (state, history) = (loaded.state(), loaded.history());
    let mut ledger = state.ledger().clone();
    ledger.expire(state.active(state.last_at()));
    AuditView {
        run_id: state.run_id().clone(),
        epoch: state.epoch(),
        profile: state.settings().profile,
        expectations: ledger
            .expectations()
            .iter()
            .map(|expectation| ExpectationView {
                id: expectation.id.to_string(),
                status: expectation.status,
                created_at: expectation.created_at,
                deadline: expectation.due,
                acked_at: expectation.acked_at,
                liveness: expectation.liveness,
            })
            .collect(),
        acks: history
            .acks()
            .iter()
            .filter(|ack| ack.epoch == state.epoch())
            .map(|ack| AckView {
                id: ack.data.id.to_string(),
                duty: ack.data.duty.to_string(),
                status: ack.data.status,
                result_id: ack.data.result_id.clone(),
                error: ack.data.error.clone(),
                at: ack.at,
            })
            .collect(),
        reconciliation: reconciliation(state),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const NONE: Disposition = Disposition::None;
    const UNDONE: Disposition = Disposition::RolledBack;

    #[rstest]
    #[case(RunPhase::Created, false, NONE, None, "created")]
    #[case(RunPhase::Authorized, false, NONE, None, "preflight_validated")]
    #[case(RunPhase::Executing, false, NONE, None, "executing")]
    #[case(RunPhase::Executing, true, NONE, None, "blocked")]
    #[case(
        RunPhase::GovernanceCheck,
        false,
        NONE,
        Some(Outcome::Partial),
        "executing"
    )]
    #[case(
        RunPhase::Finalizing,
        false,
        NONE,
        Some(Outcome::Succeeded),
        "executing"
    )]
    #[case(
        RunPhase::Completed,
        false,
        NONE,
        Some(Outcome::Succeeded),
        "succeeded"
    )]
    #[case(RunPhase::Completed, false, NONE, Some(Outcome::Partial), "partial")]
    #[case(RunPhase::Failed, false, NONE, Some(Outcome::Partial), "failed")]
    #[case(RunPhase::Failed, false, NONE, Some(Outcome::Succeeded), "failed")]
    #[case(RunPhase::Failed, false, NONE, Some(Outcome::TimedOut), "failed")]
    #[case(RunPhase::Failed, false, UNDONE, Some(Outcome::Failed), "rolled_back")]
    fn every_phase_has_the_seeds_word(
        #[case] phase: RunPhase,
        #[case] held: bool,
        #[case] said: Disposition,
        #[case] outcome: Option<Outcome>,
        #[case] word: &str,
    ) {
        assert_eq!(status(phase, held, said, outcome), word);
    }
}
