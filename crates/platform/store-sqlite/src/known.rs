//! What the writer knows of runs without asking: where their rows are, and what
//! those said after its last commit. A hint and no more: whoever follows it
//! names seq and fence in the same statement, and where they are others, looks.

use rok_log::{Commit, Fence, Namespace, RunRow};
use rok_vocabulary::{RunId, Seq};
use std::cell::RefCell;
use std::collections::HashMap;

/// More than a process drives at once; beyond it all is forgotten.
const MOST: usize = 4096;

/// What was written last of runs that are not closed.
#[derive(Debug, Default)]
pub(crate) struct Known(RefCell<HashMap<RunId, Last>>);

#[derive(Debug)]
struct Last {
    no: i64,
    next_seq: Seq,
    fence: Fence,
    row: RunRow,
    namespace: Namespace,
}

impl Known {
    /// The number of the run that this commit goes on with, where all that it
    /// changes of the run's row are its seq, its head and its times.
    pub(crate) fn goes_on(&self, commit: &Commit) -> Option<i64> {
        let known = self.0.borrow();
        let last = known.get(&commit.run)?;
        let same_place = last.next_seq == commit.expect_seq
            && last.fence == commit.fence
            && last.namespace == commit.namespace;
        let says_the_same = || {
            let (before, now) = (&last.row, &commit.row);
            before.phase == now.phase
                && before.outcome == now.outcome
                && before.hold == now.hold
                && before.disposition == now.disposition
                && before.undoing == now.undoing
                && before.epoch == now.epoch
                && before.plan == now.plan
                && before.created_at == now.created_at
                && before.priority == now.priority
                && before.concurrency == now.concurrency
                && before.labels == now.labels
        };
        (commit.seal.is_none() && same_place && says_the_same()).then_some(last.no)
    }

    /// Remembers what a commit made of its run's row.
    pub(crate) fn wrote(&self, commit: &Commit, no: i64) {
        let mut known = self.0.borrow_mut();
        if commit.row.phase.is_terminal() {
            known.remove(&commit.run);
            return;
        }
        if let Some(last) = known.get_mut(&commit.run) {
            (last.no, last.next_seq, last.fence) = (no, commit.next_seq(), commit.fence);
            last.row.clone_from(&commit.row);
            last.namespace.clone_from(&commit.namespace);
            return;
        }
        if known.len() >= MOST {
            known.clear();
        }
        let last = Last {
            no,
            next_seq: commit.next_seq(),
            fence: commit.fence,
            row: commit.row.clone(),
            namespace: commit.namespace.clone(),
        };
        known.insert(commit.run.clone(), last);
    }

    /// Forgets all: a transaction did not come about, or another process wrote.
    pub(crate) fn forget(&self) {
        self.0.borrow_mut().clear();
    }
}
