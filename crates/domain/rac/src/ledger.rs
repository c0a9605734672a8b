//! The ledger of one epoch: expectations on one side, acks on the other.

use crate::ack::DomainAck;
use crate::duty::Duty;
use crate::expectation::{AuditExpectation, Expected};
use crate::reconciliation::{FailedDuty, Reconciliation, Scope};
use alloc::vec::Vec;
use core::time::Duration;
use rok_vocabulary::{
    AckStatus, Epoch, ExpectationStatus, ReconciliationStatus, RunId, RunPhase, Timestamp,
};

/// What a declaration came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// The duty is new.
    New,
    /// The duty was declared before; nothing changed.
    Already,
}

/// What an ack came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It answers a declared duty.
    Answer,
    /// The same ack came before; nothing changed.
    Redelivery,
    /// The duty has another answer already: drift.
    Duplicate,
    /// Nobody declared the duty: drift.
    Unexpected,
    /// It undoes an earlier SUCCESS, whose duty is open again.
    Undone,
    /// It undoes what was never done; nothing changed.
    NothingToUndo,
}

/// The expectations and acks of one epoch of one run.
///
/// Times are the run's active clock, on which holds and down times do not
/// count; the caller converts.
#[derive(Debug, Clone, PartialEq)]
pub struct Ledger {
    run: RunId,
    epoch: Epoch,
    expectations: Vec<AuditExpectation>,
    acks: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq)]
struct Entry {
    ack: DomainAck,
    received: Received,
    undone: bool,
}

impl Ledger {
    /// An empty ledger for one epoch of a run.
    #[must_use]
    pub fn new(run: RunId, epoch: Epoch) -> Self {
        Self {
            run,
            epoch,
            expectations: Vec::new(),
            acks: Vec::new(),
        }
    }

    /// The run.
    #[must_use]
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// All expectations, in the order of their declaration.
    #[must_use]
    pub fn expectations(&self) -> &[AuditExpectation] {
        &self.expectations
    }

    /// All acks that were not mere redeliveries, in the order they came.
    pub fn acks(&self) -> impl Iterator<Item = (&DomainAck, Received)> {
        self.acks.iter().map(|entry| (&entry.ack, entry.received))
    }

    /// The expectation of a duty.
    #[must_use]
    pub fn expectation(&self, duty: &Duty) -> Option<&AuditExpectation> {
        self.expectations.iter().find(|e| e.id == *duty)
    }

    /// Whether a duty was declared and is not answered, nor given up.
    #[must_use]
    pub fn is_open(&self, duty: &Duty) -> bool {
        self.expectation(duty)
            .is_some_and(|e| e.status == ExpectationStatus::Pending)
    }

    /// Declares a duty; declaring it again changes nothing.
    pub fn declare(&mut self, expected: Expected, now: Timestamp) -> Declared {
        if self.expectation(&expected.duty).is_some() {
            return Declared::Already;
        }
        let Expected {
            duty,
            deadline,
            liveness,
            metadata,
        } = expected;
        let due = deadline
            .phase()
            .is_none()
            .then(|| now.after(deadline.allowed()));
        self.expectations.push(AuditExpectation {
            id: duty,
            run_id: self.run.clone(),
            epoch: self.epoch,
            deadline,
            due,
            liveness,
            status: ExpectationStatus::Pending,
            created_at: now,
            acked_at: None,
            metadata,
        });
        Declared::New
    }

    /// Starts the clock of every duty that is due after entering `phase`.
    pub fn entered(&mut self, phase: RunPhase, now: Timestamp) {
        for expectation in &mut self.expectations {
            if expectation.due.is_none() && expectation.deadline.phase() == Some(phase) {
                expectation.due = Some(now.after(expectation.deadline.allowed()));
            }
        }
    }

    /// Starts the clock of every open duty that has none: the run is being
    /// closed, and the phase that would have started it will not come.
    pub fn closing(&mut self, allowed: Duration, now: Timestamp) {
        for expectation in &mut self.expectations {
            if expectation.due.is_none() {
                expectation.due = Some(now.after(allowed));
            }
        }
    }

    /// Gives up every open duty whose deadline has passed: PENDING → MISSING.
    /// The sign of life is not given up: late, it makes the run STALE.
    pub fn expire(&mut self, now: Timestamp) {
        for expectation in &mut self.expectations {
            let late = expectation.due.is_some_and(|due| due <= now);
            let open = expectation.status == ExpectationStatus::Pending && !expectation.liveness;
            if late && open {
                expectation.status = ExpectationStatus::Missing;
            }
        }
    }

    /// The earliest deadline of an open duty in scope.
    #[must_use]
    pub fn next_deadline(&self, scope: Scope) -> Option<Timestamp> {
        self.expectations
            .iter()
            .filter(|e| e.status == ExpectationStatus::Pending && scope.holds(e))
            .filter_map(|e| e.due)
            .min()
    }

    /// Whether an open duty in scope may still be answered in time.
    #[must_use]
    pub fn is_waiting(&self, scope: Scope, now: Timestamp) -> bool {
        self.expectations.iter().any(|e| {
            e.status == ExpectationStatus::Pending
                && scope.holds(e)
                && e.due.is_none_or(|due| due > now)
        })
    }

    /// What an ack would come to, without taking it.
    #[must_use]
    pub fn classify(&self, ack: &DomainAck) -> Received {
        let duty = ack.duty();
        // An answer that was undone may be given anew, under the same id too.
        if self
            .acks
            .iter()
            .any(|e| e.ack.id() == ack.id() && !e.undone)
        {
            return Received::Redelivery;
        }
        let answered = self
            .acks
            .iter()
            .any(|e| e.received == Received::Answer && !e.undone && e.ack.duty() == duty);
        match (ack.status(), self.expectation(duty)) {
            (AckStatus::RolledBack, _) => {
                let undoes = self.acks.iter().any(|e| e.undoable_by(ack));
                if undoes {
                    Received::Undone
                } else {
                    Received::NothingToUndo
                }
            }
            (_, None) => Received::Unexpected,
            (_, Some(_)) if answered => Received::Duplicate,
            (_, Some(_)) => Received::Answer,
        }
    }

    /// Takes an ack.
    pub fn receive(&mut self, ack: DomainAck) -> Received {
        let received = self.classify(&ack);
        match received {
            Received::Redelivery | Received::NothingToUndo => return received,
            Received::Answer => {
                let status = match ack.status() {
                    AckStatus::Failed => ExpectationStatus::Failed,
                    _ => ExpectationStatus::Acked,
                };
                self.set_status(ack.duty(), status, Some(ack.created_at()));
            }
            Received::Undone => {
                let answers = self.acks.iter_mut().filter(|e| e.undoable_by(&ack));
                let mut reopened = false;
                for entry in answers {
                    entry.undone = true;
                    reopened |= entry.received == Received::Answer;
                }
                if reopened {
                    self.set_status(ack.duty(), ExpectationStatus::Pending, None);
                }
            }
            Received::Duplicate | Received::Unexpected => {}
        }
        self.acks.push(Entry {
            ack,
            received,
            undone: false,
        });
        received
    }

    fn set_status(&mut self, duty: &Duty, status: ExpectationStatus, at: Option<Timestamp>) {
        if let Some(expectation) = self.expectations.iter_mut().find(|e| e.id == *duty) {
            expectation.status = status;
            expectation.acked_at = at;
        }
    }

    /// Compares the two sides, at `now`, over (domain, action, key):
    /// `missing = expected − acked`, `drift = acked − expected`.
    #[must_use]
    pub fn reconcile(&self, scope: Scope, now: Timestamp) -> Reconciliation {
        let in_scope = || self.expectations.iter().filter(|e| scope.holds(e));
        let unanswered = |e: &&AuditExpectation| {
            matches!(
                e.status,
                ExpectationStatus::Pending | ExpectationStatus::Missing
            )
        };
        let expected = in_scope().count();
        let missing: Vec<Duty> = in_scope()
            .filter(unanswered)
            .map(|e| e.id.clone())
            .collect();
        let drift: Vec<Duty> = self
            .acks
            .iter()
            .filter(|e| {
                matches!(e.received, Received::Duplicate | Received::Unexpected) && !e.undone
            })
            .map(|e| e.ack.duty().clone())
            .collect();
        let failed: Vec<FailedDuty> = self
            .acks
            .iter()
            .filter(|e| e.received == Received::Answer && e.ack.status() == AckStatus::Failed)
            .filter_map(|e| {
                Some(FailedDuty {
                    duty: e.ack.duty().clone(),
                    kind: e.ack.error_kind()?,
                    error: e.ack.error()?.into(),
                })
            })
            .collect();
        let stale = self
            .expectations
            .iter()
            .any(|e| e.liveness && unanswered(&e) && e.due.is_some_and(|due| due <= now));
        let status = if stale {
            ReconciliationStatus::Stale
        } else if missing.is_empty() && drift.is_empty() && failed.is_empty() {
            ReconciliationStatus::Complete
        } else {
            ReconciliationStatus::Incomplete
        };
        Reconciliation {
            status,
            expected: expected as u32,
            acked: (expected - missing.len()) as u32,
            missing,
            drift,
            failed,
        }
    }
}

impl Entry {
    fn undoable_by(&self, rollback: &DomainAck) -> bool {
        self.ack.status() == AckStatus::Success
            && !self.undone
            && self.ack.duty() == rollback.duty()
            && self.ack.result_id() == rollback.result_id()
    }
}

#[cfg(test)]
mod tests;
