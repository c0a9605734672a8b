//! What people may decide on: random gates and ceilings, and overrides.

use super::{Choices, World};
use rok_kernel::CommandKind;
use rok_rac::Duty;
use rok_vocabulary::{RunPhase, StepId};
use std::time::Duration;

pub(super) fn manual_gate(choices: &mut Choices) -> &'static str {
    match choices.below(4) {
        0 => "    gate: manual\n    approvers: { count: 2, not_submitter: true }\n",
        1 => "    gate: manual\n    expires: 30s\n",
        2 => {
            "    gate: manual\n    approvers: { any_of: [user:a, role:r], count: 2 }\n    expires: 1m\n"
        }
        _ => "    gate: manual\n",
    }
}

/// How often, and by whom, failed hard gates may be overridden.
pub(super) fn overrides(choices: &mut Choices) -> &'static str {
    match choices.below(6) {
        0 => "overrides: { max: 2 }\n",
        1 => "overrides: { max: 3, expires: 30s, not_submitter: true }\n",
        2 => "overrides: { any_of: [role:r] }\n",
        _ => "",
    }
}

pub(super) fn review(gate: &StepId) -> Duty {
    format!("incidents/review_override/{gate}").parse().unwrap()
}

impl World {
    /// Now and then somebody overrides what failed.
    pub(super) fn answer_for_gates(&mut self) {
        for gate in self.state().failed_gates().to_vec() {
            if self.choices.one_in(6) {
                continue;
            }
            let (seq, before) = (self.state().next_seq(), self.state().overrides().len());
            let answer = self.command(CommandKind::Override(gate));
            let (applied, after) = (self.state().overrides().len() - before, self.state());
            assert_eq!(after.next_seq().0 - seq.0, 3 * applied as u64, "{answer:?}");
            assert!(after.is_sealed() && after.phase() == RunPhase::Failed || applied == 0);
        }
        if self.choices.one_in(4) {
            self.now = self.now.after(Duration::from_secs(31));
        }
    }
}
