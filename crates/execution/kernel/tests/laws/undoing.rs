//! What is undone, held against the laws: in reverse order of completion, each
//! success once, nothing before its event, nothing by itself that must be asked.

use super::World;
use rok_events::{Body, Event, StepEndData, UsageData};
use rok_kernel::{Input, Rejected, Resumability, Rollbackable, StepDone, StepEnd, StepSuccess};
use rok_vocabulary::{Actor, Attempt, Disposition, ErrorClass, RunPhase, StepId};
use std::collections::BTreeSet;

/// What the events say of undoing.
#[derive(Default)]
pub(super) struct Seen {
    /// What succeeded, can be undone and is not, in order of completion.
    standing: Vec<StepId>,
    /// Attempts at compensations that were recorded as begun.
    begun: BTreeSet<(StepId, Attempt)>,
    /// Interrupted compensations that must not be repeated by themselves.
    undecided: BTreeSet<StepId>,
}

impl World {
    pub(super) fn see_undoing(&mut self, event: &Event) {
        let seen = &mut self.undoing;
        match &event.body {
            Body::StepSucceeded { step, .. } => {
                let ix = self.shadow.find(step.as_str()).unwrap();
                let definition = self.shadow.definition(ix);
                let by_children = definition.for_each.is_some() && !step.as_str().ends_with(']');
                if definition.compensate.is_some() && !by_children {
                    seen.standing.push(step.clone());
                }
            }
            Body::RunRollbackStarted { data, .. } => {
                let reversed: Vec<StepId> = seen.standing.iter().rev().cloned().collect();
                assert_eq!(data.steps, reversed);
                seen.undecided
                    .retain(|id| !data.again.contains(id) && !data.done.contains(id));
            }
            Body::StepCompensationFailed { step, class, .. } => {
                let origin = step.as_str().split('[').next().unwrap();
                let step_of_plan = self.plan.step(self.plan.find_str(origin).unwrap());
                if *class == ErrorClass::WorkerLost && !step_of_plan.idempotent {
                    seen.undecided.insert(step.clone());
                }
            }
            Body::StepCompensationStarted { step, attempt } => {
                assert!(!seen.undecided.contains(step), "repeated unasked");
                assert_eq!(seen.standing.last(), Some(step), "not in reverse order");
                assert!(seen.begun.insert((step.clone(), *attempt)), "begun twice");
            }
            Body::StepCompensated { step, .. } => {
                assert_eq!(
                    seen.standing.pop().as_ref(),
                    Some(step),
                    "not in reverse order"
                );
            }
            Body::StepStarted { .. } => {
                assert!(seen.begun.is_empty(), "a step after what undoes one");
            }
            _ => {}
        }
    }

    pub(super) fn same_undoing(&self) {
        let (live, folded) = (self.state(), &self.shadow);
        assert_eq!(live.rollback(), folded.rollback());
        assert_eq!(live.disposition(), folded.disposition());
        assert_eq!(live.used(), folded.used());
        assert!(live.lifted().eq(folded.lifted()));
        let budget = self.plan.plan().budget.as_ref();
        if let Some(most) = budget.and_then(|budget| budget.max_steps)
            && live.lifted().next().is_none()
            && self
                .plan
                .plan()
                .steps
                .iter()
                .all(|step| step.fallback.is_none())
        {
            assert!(live.used().attempts <= most, "more attempts than allowed");
        }
        assert_eq!(live.rollbackable(&[], &[]), folded.rollbackable(&[], &[]));
    }

    /// What an attempt used.
    pub(super) fn used(&mut self) -> Box<StepEndData> {
        let tokens = self.choices.below(10);
        let usage = UsageData {
            tokens,
            ..UsageData::default()
        };
        Box::new(StepEndData {
            usage,
            ..StepEndData::default()
        })
    }

    /// An attempt at a compensation ends, and its report may come twice.
    pub(super) fn undone(&mut self, done: u32, attempt: Attempt, class: Option<ErrorClass>) {
        let id = self.state().done(done).id.clone();
        assert!(
            self.undoing.begun.contains(&(id, attempt)),
            "an effect before its event"
        );
        let fails = self.choices.one_in(6);
        let class = class.or_else(|| fails.then_some(ErrorClass::ValidationFailed));
        let epoch = self.state().epoch();
        let report = |class: Option<ErrorClass>| {
            let reason = "it stands".into();
            Input::CompensationDone(StepDone {
                epoch,
                step: done,
                attempt,
                end: match class {
                    Some(class) => StepEnd::Failed { class, reason },
                    None => StepEnd::Succeeded(StepSuccess::default()),
                },
                data: Box::default(),
                left: Vec::new(),
            })
        };
        self.say(report(class)).unwrap();
        if self.choices.one_in(4) {
            let seq = self.state().next_seq();
            self.say(report(None)).unwrap();
            assert_eq!(
                self.state().next_seq(),
                seq,
                "a late result was not absorbed (law 3)"
            );
        }
    }

    /// Asks for what succeeded to be undone, deciding what must be decided.
    pub(super) fn roll_back(&mut self) -> Result<(), Rejected> {
        let mut open = Vec::new();
        if let Rollbackable::Undecided(ids) = self.state().rollbackable(&[], &[]) {
            let undecided = self.say(rollback(Vec::new(), Vec::new()));
            assert!(matches!(undecided, Err(Rejected::NotRollbackable { .. })));
            open = ids;
        }
        let by_hand = |_: &StepId| self.choices.one_in(2);
        let (done, again) = open.into_iter().partition(by_hand);
        self.say(rollback(done, again))
    }

    pub(super) fn check_what_is_undone(&self) {
        let state = self.state();
        let rolled_back = state.disposition() == Disposition::RolledBack;
        if rolled_back {
            assert_eq!(state.phase(), RunPhase::Failed);
            assert!(matches!(
                state.resumability(self.now),
                Resumability::Refused(_)
            ));
            assert!(self.undoing.standing.is_empty(), "work left behind");
        }
        if let Some(rollback) = state.rollback() {
            assert_eq!(rollback.is_complete(), rolled_back);
            assert_eq!(rollback.is_complete(), self.undoing.standing.is_empty());
        }
    }
}

fn rollback(done: Vec<StepId>, again: Vec<StepId>) -> Input {
    Input::Rollback {
        actor: Actor::Manual,
        reason: None,
        done,
        again,
    }
}
