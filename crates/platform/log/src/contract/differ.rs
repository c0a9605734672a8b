//! One random history, fed to two stores that must not differ.

use super::inbox::{command, command_id};
use super::{Fixture, id, lease, owner};
use crate::{
    Answer, ClaimError, CommitResult, Fence, RunFilter, RunOrder, Script, Store, StoreError,
};
use rok_chain::Digest;
use rok_vocabulary::{HoldReason, Outcome, RunPhase, Seq};
use std::collections::BTreeMap;

const RUNS: [&str; 3] = ["a", "b", "c"];

/// What a history is about to do: known to both stores alike.
struct Player<S> {
    handles: Vec<S>,
    scripts: BTreeMap<&'static str, Script>,
    fences: BTreeMap<&'static str, Fence>,
}

/// Plays the same history, drawn from `bytes`, on both stores, and compares
/// what they answer and what can be read after each step. Two handles on each
/// store take turns.
///
/// # Panics
/// When they differ.
pub fn same_history(a: &impl Fixture, b: &impl Fixture, bytes: &[u8]) {
    let mut a = Player::new(a);
    let mut b = Player::new(b);
    for (n, step) in bytes.chunks_exact(2).enumerate() {
        let (left, right) = (a.play(step[0], step[1]), b.play(step[0], step[1]));
        assert_eq!(left, right, "step {n} ({step:?})");
        assert_eq!(a.look(), b.look(), "after step {n} ({step:?}: {left})");
    }
}

impl<S: Store> Player<S> {
    fn new(fixture: &impl Fixture<Store = S>) -> Self {
        Self {
            handles: vec![fixture.open(), fixture.open()],
            scripts: RUNS.map(|run| (run, Script::new(&id(run)))).into(),
            fences: RUNS.map(|run| (run, Fence::UNCLAIMED)).into(),
        }
    }

    /// One step. `how` chooses what is done, `what` run, handle and variant.
    fn play(&mut self, how: u8, what: u8) -> String {
        let run = RUNS[usize::from(what) % RUNS.len()];
        let variant = what / 3;
        let handle = &mut self.handles[usize::from(variant % 2)];
        let run_id = id(run);
        match how % 8 {
            0 => {
                let claim = handle.claim(&run_id, &owner("player"), lease());
                if let Ok(claim) = &claim {
                    self.fences.insert(run, claim.fence);
                }
                claim.map_or_else(|error| claim_word(&error), |claim| format!("{claim:?}"))
            }
            1 => {
                // Only who has it lets it go.
                let fence = self.fences[run];
                self.handles
                    .iter_mut()
                    .for_each(|handle| handle.release(&run_id, fence, None));
                "released".into()
            }
            2 => answer(handle.put(&run_id, &command(&format!("c{}", variant % 4), 1))),
            3 => answer(handle.take(&run_id)),
            4 => {
                let reply = Answer::accepted(Seq(u64::from(variant)));
                answer(handle.done(&run_id, &command_id(&format!("c{}", variant % 4)), &reply))
            }
            _ => self.commit(run, variant),
        }
    }

    fn commit(&mut self, run: &'static str, variant: u8) -> String {
        let mut script = self.scripts[run].clone();
        let mut fence = self.fences[run];
        if variant % 11 == 10 {
            fence = fence.next();
        }
        if variant % 13 == 12 {
            script.steps(fence, 1);
        }
        let sealed = script.row().phase.is_terminal();
        let commit = match variant % 7 {
            _ if script.row().next_seq == Seq(0) => script.create(),
            _ if sealed => script.resume(fence),
            0 | 1 => script.steps(fence, 1 + usize::from(variant % 3)),
            2 => script.phase(fence, RunPhase::Executing),
            3 => script.hold(fence, HoldReason::Pause),
            4 => script.release(fence),
            5 => script.seal(fence, Outcome::Succeeded),
            _ => script.seal(fence, Outcome::Failed),
        };
        let handles = &mut self.handles;
        // The handle that has the run writes; another must not.
        let result = if variant % 17 == 16 {
            handles[1].commit(&[])
        } else {
            write(handles, &commit)
        };
        if let Ok([CommitResult::Committed { .. }]) = result.as_deref() {
            self.scripts.insert(run, script);
        }
        answer(result)
    }

    /// All that can be read.
    fn look(&self) -> String {
        let store = &self.handles[0];
        let mut seen = format!(
            "{:?}\n",
            store.list(&RunFilter::default()).map_err(|e| word(&e))
        );
        let newest = RunFilter {
            order: RunOrder::NewestFirst,
            limit: Some(2),
            ..RunFilter::default()
        };
        seen += &answer(store.list(&newest));
        for run in RUNS.map(id) {
            let log = store.read(&run).map(|log| Digest::of(&log.bytes));
            seen += &[answer(log), answer(store.seal(&run))].join(" ");
            let (row, first) = (store.get(&run), store.answer(&run, &command_id("c0")));
            seen += &[answer(row), answer(first)].join(" ");
        }
        seen
    }
}

/// Offers the commit to each handle until one takes it.
fn write<S: Store>(
    handles: &mut [S],
    commit: &crate::Commit,
) -> Result<Vec<CommitResult>, StoreError> {
    let mut last = Vec::new();
    for handle in handles {
        last = handle.commit(std::slice::from_ref(commit))?;
        if matches!(last[..], [CommitResult::Committed { .. }]) {
            break;
        }
    }
    Ok(last)
}

pub(super) fn answer<T: std::fmt::Debug>(result: Result<T, StoreError>) -> String {
    match result {
        Ok(value) => format!("{value:?}"),
        Err(error) => word(&error),
    }
}

/// Errors differ in paths; not in kind.
fn word(error: &StoreError) -> String {
    let text = format!("{error:?}");
    text.split([' ', '(']).next().unwrap_or_default().to_owned()
}

pub(super) fn claim_word(error: &ClaimError) -> String {
    match error {
        ClaimError::Held { run, .. } => format!("{run} is held"),
        ClaimError::Store(error) => word(error),
    }
}
