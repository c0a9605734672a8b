//! The machine that obeys the table, and what it remembers.

use crate::table::{PhaseInput, next};
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{RunId, RunPhase, Timestamp};

/// A transition that was made. Immutable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseTransition {
    /// The phase that was left.
    pub from: RunPhase,
    /// The phase that was entered.
    pub to: RunPhase,
    /// When.
    pub at: Timestamp,
    /// What happened.
    pub input: PhaseInput,
    /// Why, for people.
    pub reason: Option<String>,
}

/// Where a run stands in its current epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseContext {
    /// The run.
    pub run_id: RunId,
    /// Its phase.
    pub phase: RunPhase,
    /// When the phase was entered.
    pub entered_at: Timestamp,
    /// Why the run failed, once it has.
    pub error: Option<String>,
    /// Whether the incident was acknowledged; never goes back to false.
    pub incident_created: bool,
    /// Whether the policy evaluation was acknowledged; never goes back.
    pub policy_evaluated: bool,
    /// Whether the trace's completion was acknowledged; never goes back.
    pub trace_completed: bool,
    /// Whether the last reconciliation found every declared duty answered.
    pub all_acks_received: bool,
    /// The transitions so far, oldest first.
    pub history: Vec<PhaseTransition>,
}

/// A transition that does not exist. The machine is unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no transition from {from} on `{input}`")]
pub struct PhaseError {
    /// The phase that the run is in.
    pub from: RunPhase,
    /// What was said to have happened.
    pub input: PhaseInput,
}

/// Enforces the table and records history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseStateMachine {
    context: PhaseContext,
}

impl PhaseStateMachine {
    /// A machine in CREATED.
    #[must_use]
    pub fn new(run_id: RunId, at: Timestamp) -> Self {
        Self {
            context: PhaseContext {
                run_id,
                phase: RunPhase::Created,
                entered_at: at,
                error: None,
                incident_created: false,
                policy_evaluated: false,
                trace_completed: false,
                all_acks_received: false,
                history: Vec::new(),
            },
        }
    }

    /// The phase.
    #[must_use]
    pub const fn phase(&self) -> RunPhase {
        self.context.phase
    }

    /// Everything that is remembered.
    #[must_use]
    pub const fn context(&self) -> &PhaseContext {
        &self.context
    }

    /// Follows the table. An error leaves the machine as it was.
    pub fn transition(
        &mut self,
        input: PhaseInput,
        at: Timestamp,
        reason: Option<&str>,
    ) -> Result<&PhaseTransition, PhaseError> {
        let from = self.context.phase;
        let to = next(from, input).ok_or(PhaseError { from, input })?;
        self.context.phase = to;
        self.context.entered_at = at;
        if to == RunPhase::Failed {
            self.context.error = reason.map(Into::into);
        }
        self.context.history.push(PhaseTransition {
            from,
            to,
            at,
            input,
            reason: reason.map(Into::into),
        });
        Ok(self
            .context
            .history
            .last()
            .expect("a transition was pushed just now"))
    }

    /// The incident was acknowledged.
    pub fn note_incident(&mut self) {
        self.context.incident_created = true;
    }

    /// The policy evaluation was acknowledged.
    pub fn note_policy(&mut self) {
        self.context.policy_evaluated = true;
    }

    /// The trace's completion was acknowledged.
    pub fn note_trace(&mut self) {
        self.context.trace_completed = true;
    }

    /// A reconciliation found every duty answered, or not.
    pub fn note_acks(&mut self, all_received: bool) {
        self.context.all_acks_received = all_received;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::VALID_TRANSITIONS;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    fn machine_in(phase: RunPhase) -> PhaseStateMachine {
        let mut machine = PhaseStateMachine::new("run".parse().unwrap(), Timestamp::default());
        machine.context.phase = phase;
        machine
    }

    /// Every (phase, input) pair: the table's rows are followed, every other
    /// pair is refused and changes nothing.
    #[test]
    fn every_pair() {
        let at = Timestamp::from_millis(7);
        let mut followed = 0;
        for &from in RunPhase::ALL {
            for &input in PhaseInput::ALL {
                let mut machine = machine_in(from);
                let before = machine.clone();
                let rows: Vec<_> = VALID_TRANSITIONS
                    .iter()
                    .filter(|row| row.from == from && row.input == input)
                    .collect();
                assert!(rows.len() <= 1, "{from} on {input} is ambiguous");
                match machine.transition(input, at, Some("why")) {
                    Ok(transition) => {
                        assert_eq!(transition.to, rows[0].to);
                        assert_eq!(machine.phase(), rows[0].to);
                        assert_eq!(machine.context().entered_at, at);
                        followed += 1;
                    }
                    Err(error) => {
                        assert!(rows.is_empty(), "{from} on {input} was refused");
                        assert_eq!(error, PhaseError { from, input });
                        assert_eq!(machine, before);
                    }
                }
            }
        }
        assert_eq!(followed, VALID_TRANSITIONS.len());
    }

    #[test]
    fn every_phase_and_every_input_is_in_the_table() {
        let phases: BTreeSet<_> = VALID_TRANSITIONS
            .iter()
            .flat_map(|row| [row.from, row.to])
            .collect();
        let inputs: BTreeSet<_> = VALID_TRANSITIONS.iter().map(|row| row.input).collect();
        assert_eq!(phases.len(), RunPhase::ALL.len());
        assert_eq!(inputs.len(), PhaseInput::ALL.len());
        for input in PhaseInput::ALL {
            assert_eq!(input.as_str().parse(), Ok(*input));
        }
    }

    #[test]
    fn terminal_phases_have_no_exit() {
        assert!(VALID_TRANSITIONS.iter().all(|row| !row.from.is_terminal()));
    }

    #[test]
    fn completed_is_reached_through_the_governance_check_only() {
        let mut reach = BTreeSet::from([RunPhase::Completed]);
        for _ in RunPhase::ALL {
            for row in VALID_TRANSITIONS {
                if reach.contains(&row.to) && row.from != RunPhase::GovernanceCheck {
                    reach.insert(row.from);
                }
            }
        }
        assert!(
            !reach.contains(&RunPhase::Executing),
            "the check can be bypassed"
        );
    }

    proptest! {
        #[test]
        fn history_is_a_path_through_the_table(inputs in proptest::collection::vec(0..PhaseInput::ALL.len(), 0..30)) {
            let mut machine = PhaseStateMachine::new("run".parse().unwrap(), Timestamp::default());
            for (i, input) in inputs.into_iter().enumerate() {
                let _ = machine.transition(PhaseInput::ALL[input], Timestamp::from_millis(i as i64), None);
            }
            let mut phase = RunPhase::Created;
            for step in &machine.context().history {
                prop_assert_eq!(step.from, phase);
                prop_assert_eq!(next(step.from, step.input), Some(step.to));
                phase = step.to;
            }
            prop_assert_eq!(phase, machine.phase());
            let terminal = machine.context().history.iter().filter(|t| t.to.is_terminal()).count();
            prop_assert!(terminal <= 1);
        }
    }
}
