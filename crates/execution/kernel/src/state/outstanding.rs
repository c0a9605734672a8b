//! Effects as a function of state: what was asked for and is not answered.

use super::{PolicyState, RunState};
use crate::effect::Effect;
use alloc::vec::Vec;
use rok_rac::Duty;
use rok_vocabulary::{RunPhase, StepState, Timestamp};

/// The effects that belong to the run as a whole, as a small set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing(u8);

const STANDING: [Effect; 7] = [
    Effect::StartTrace,
    Effect::Admit,
    Effect::EvaluatePolicy,
    Effect::CreateIncident,
    Effect::OpenDriftIncident,
    Effect::CompleteTrace,
    Effect::Publish,
];

impl Standing {
    /// The effects in `self` that are not in `before`.
    pub(crate) fn since(self, before: Self) -> impl Iterator<Item = Effect> {
        let fresh = self.0 & !before.0;
        (0..STANDING.len())
            .filter(move |i| fresh & (1 << i) != 0)
            .map(|i| STANDING[i].clone())
    }
}

impl RunState {
    /// The duty that tells the incident domain of unexpected acks.
    pub(crate) fn drift_duty() -> Duty {
        Duty::CREATE_INCIDENT
            .keyed("drift")
            .expect("`drift` is a valid key")
    }

    /// Whether an incident about drift was asked for and is not recorded.
    pub(crate) fn drift_is_open(&self) -> bool {
        // Only with drift there is more than the standard duties and the plan's.
        self.ledger.expectations().len() > 5 && self.ledger.is_open(&Self::drift_duty())
    }

    /// When the incident about drift is due, in active time.
    pub(crate) fn drift_due(&self) -> Option<Timestamp> {
        self.ledger.expectation(&Self::drift_duty())?.due
    }

    /// Everything that was asked for and is not answered.
    #[must_use]
    pub fn outstanding(&self) -> Vec<Effect> {
        let mut effects: Vec<Effect> = self.standing().since(Standing(0)).collect();
        effects.extend(self.review_effects());
        for (slot, ix) in self.steps.iter().zip(0..) {
            if slot.state == StepState::Running && !self.is_fanned_out(ix) {
                effects.push(Effect::StartStep {
                    step: ix,
                    attempt: slot.attempt,
                });
                if let Some(reason) = slot.stop {
                    effects.push(Effect::CancelStep {
                        step: ix,
                        attempt: slot.attempt,
                        reason,
                    });
                }
            }
        }
        if let Some(rollback) = self.rollback()
            && let Some(done) = rollback.running()
        {
            let attempt = self.undo_attempt(done);
            effects.push(Effect::StartCompensation { done, attempt });
            if let Some((reason, _)) = rollback.stop() {
                effects.push(Effect::CancelCompensation {
                    done,
                    attempt,
                    reason,
                });
            }
        }
        effects
    }

    pub(crate) fn standing(&self) -> Standing {
        if self.created.is_none() || !self.entered || self.sealed || self.phase().is_terminal() {
            return Standing(0);
        }
        let contract = self.settings().contract;
        let open = |duty: &Duty| contract.reconciles() && self.ledger.is_open(duty);
        let ending = self.phase() == RunPhase::GovernanceCheck || self.closing.is_some();
        let policy_open = contract.governs() && ending && self.policy == PolicyState::Open;
        let finalizing = self.phase() == RunPhase::Finalizing && self.closing.is_none();
        let drift = (ending || finalizing) && contract.reconciles() && self.drift_is_open();
        let incident = ending && !policy_open && open(&Duty::CREATE_INCIDENT);
        let wanted = [
            open(&Duty::START_TRACE),
            self.phase() == RunPhase::Created && !self.admitted && self.closing.is_none(),
            policy_open,
            incident,
            drift && !policy_open && !incident,
            ending && !policy_open && !incident && open(&Duty::COMPLETE_TRACE),
            finalizing && !drift,
        ];
        Standing(
            wanted
                .iter()
                .zip(0..)
                .fold(0, |set, (wanted, i)| set | (u8::from(*wanted) << i)),
        )
    }
}
