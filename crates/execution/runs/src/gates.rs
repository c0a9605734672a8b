//! Gates that people decide on, and overrides, as the layers above see them.

use crate::load::Loaded;
use crate::summary::incident_of;
use rok_facades::runs::{GateView, GivenApproval, HoldView, OverrideView};
use rok_kernel::{Hold, RunState, StepIx};
use rok_rac::Duty;
use rok_runner::{Clock, SystemClock};
use rok_vocabulary::{Disposition, Domain, HoldReason, StepState, Timestamp};
use std::fmt::Write as _;

/// A step that waits for people's decisions, if it does.
pub(crate) fn gate(state: &RunState, ix: StepIx) -> Option<GateView> {
    let (step, slot) = (state.definition(ix), state.step(ix));
    let waits = (slot.state == StepState::Waiting && !slot.approved) || slot.undecided;
    if !waits {
        return None;
    }
    let approvers = &step.approvers;
    let given = slot.approvals().iter().map(|one| GivenApproval {
        actor: one.actor.to_string(),
        entry: one.entry.clone(),
        at: one.at,
    });
    let since = slot.wait.as_ref().map(|wait| wait.since);
    let mut gate = GateView {
        step: state.step_id(ix).to_string(),
        who: approvers.who(),
        needed: approvers.count,
        missing: state.missing_approvals(ix),
        given: given.collect(),
        since: since.filter(|_| !slot.undecided).or(slot.ended_at),
        expires_at: slot.expires_at(),
        message: String::new(),
    };
    let anybody = approvers.any_of.is_empty() && !approvers.not_submitter;
    gate.message = words(&gate, anybody);
    Some(gate)
}

fn words(gate: &GateView, anybody: bool) -> String {
    let mut parts = Vec::new();
    if gate.needed > 1 {
        let names: Vec<&str> = gate.given.iter().map(|one| one.actor.as_str()).collect();
        let names = match names.as_slice() {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        let given = gate.given.len();
        parts.push(format!("{given} of {} approvals given{names}", gate.needed));
    }
    if !anybody {
        parts.push(format!("{} may approve", gate.who));
    }
    if let Some(at) = gate.expires_at {
        let late = gate.is_expired(SystemClock.now());
        parts.push(if late {
            format!("expired at {at}: it fails as soon as the run goes on")
        } else {
            format!("expires at {at}")
        });
    }
    parts.join("; ")
}

/// Every step that waits for people's decisions.
pub(crate) fn gates(state: &RunState) -> Vec<GateView> {
    let places = state.places();
    places.filter_map(|ix| gate(state, ix)).collect()
}

/// What a run waits for.
pub(crate) fn hold(state: &RunState) -> Option<HoldView> {
    let hold = state.hold()?;
    let gates = gates(state);
    let steps: Vec<String> = gates.iter().map(|gate| gate.step.clone()).collect();
    Some(HoldView {
        reason: hold.reason,
        message: message(hold, &gates, &steps.join(", ")),
        steps,
        since: hold.since,
        gates,
        run: None,
    })
}

fn message(hold: &Hold, gates: &[GateView], steps: &str) -> String {
    let now = SystemClock.now();
    let late = !gates.is_empty() && gates.iter().all(|gate| gate.is_expired(now));
    let mut message = match hold.reason {
        HoldReason::ManualGate if late => format!("nobody decided on manual gate {steps} in time"),
        HoldReason::ManualGate => format!("manual gate {steps} waits for a decision"),
        HoldReason::InterruptedStep => format!(
            "step {steps} was interrupted and is not idempotent: approve to run it again, reject to fail it"
        ),
        HoldReason::Pause => {
            let note = hold.note.as_ref().map(|note| format!(": {note}"));
            format!(
                "the run is paused by {}{}",
                hold.by,
                note.unwrap_or_default()
            )
        }
        HoldReason::Budget => hold
            .note
            .clone()
            .unwrap_or_else(|| "a budget is used up".into()),
    };
    if hold.reason == HoldReason::Pause && !gates.is_empty() {
        let _ = write!(message, "; {steps} waits for a decision");
    }
    for gate in gates.iter().filter(|gate| !gate.message.is_empty()) {
        // A text takes everything.
        let _ = match gates {
            [_] => write!(message, " ({})", gate.message),
            _ => write!(message, "; {}: {}", gate.step, gate.message),
        };
    }
    message
}

/// Every override of a run, with the incident in which it is reviewed.
pub(crate) fn overrides(loaded: &Loaded) -> Vec<OverrideView> {
    let state = loaded.state();
    let views = state.overrides().iter().map(|one| {
        let step = state.plan().step(one.step).id.to_string();
        let duty = Duty::new(Domain::Incidents, "review_override", Some(&step));
        OverrideView {
            review: duty.ok().and_then(|duty| incident_of(loaded, &duty)),
            step,
            actor: one.actor.to_string(),
            reason: one.reason.clone(),
            at: one.at,
            expires_at: one.expires_at,
            approval: format!("{}:{}", state.run_id(), one.approval),
            used_in: one.used_in,
        }
    });
    views.collect()
}

/// The command that lets the next epoch pass what keeps it from beginning, if
/// the plan permits one.
pub(crate) fn override_command(state: &RunState, now: Timestamp) -> Option<String> {
    if state.is_being_undone() || state.disposition() != Disposition::None {
        return None;
    }
    let gate = state.shut_gate(now)?;
    let permitted = state.plan().plan().overrides.as_ref()?;
    let left = state.overrides().len() < permitted.max as usize;
    left.then(|| format!("override {} {gate} --reason …", state.run_id()))
}
