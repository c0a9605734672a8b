//! One random history of a pool, fed to two stores that must not differ.

use super::differ::{answer, claim_word};
use super::inbox::{command, command_id};
use super::{Fixture, NOW, id, later, owner};
use crate::{
    Answer, Collect, CommitResult, Cursor, Fence, Lease, PoolStore, Pull, Pulled, RunFilter,
    RunOrder, Script,
};
use rok_vocabulary::{HoldReason, Outcome, RunId, RunPhase, Seq, Timestamp};
use std::time::Duration;

const RUNS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

struct Player {
    handles: Vec<Box<dyn PoolStore>>,
    scripts: Vec<Script>,
    fences: Vec<Fence>,
    now: Timestamp,
}

/// Plays the same history of claims, leases, commits, commands, collecting and
/// time, drawn from `bytes`, on both stores, and compares what they answer and what is due
/// after each step.
///
/// # Panics
/// When they differ.
pub fn same_queue_history(
    a: &impl Fixture<Store: PoolStore>,
    b: &impl Fixture<Store: PoolStore>,
    bytes: &[u8],
) {
    let (mut a, mut b) = (Player::new(&a.open()), Player::new(&b.open()));
    for (n, step) in bytes.chunks_exact(2).enumerate() {
        let (left, right) = (a.play(step[0], step[1]), b.play(step[0], step[1]));
        assert_eq!(left, right, "step {n} ({step:?})");
        assert_eq!(a.look(), b.look(), "after step {n} ({step:?}: {left})");
    }
}

fn script(at: usize) -> Script {
    let script = Script::new(&id(RUNS[at]));
    match at {
        0 | 1 => script.with_concurrency("x", 1),
        2 => script.with_concurrency("x", 2).with_priority(1),
        3 => script.with_priority(-3),
        _ => script.with_labels([("n", (at % 2).to_string())].into_iter().collect()),
    }
}

impl Player {
    fn new(store: &impl PoolStore) -> Self {
        Self {
            handles: vec![store.another(), store.another()],
            scripts: (0..RUNS.len()).map(script).collect(),
            fences: vec![Fence::UNCLAIMED; RUNS.len()],
            now: NOW,
        }
    }

    /// One step. `how` chooses what is done, `what` run, handle and variant.
    fn play(&mut self, how: u8, what: u8) -> String {
        let at = usize::from(what) % RUNS.len();
        let variant = what / 6;
        let run = id(RUNS[at]);
        let (fence, now) = (self.fences[at], self.now);
        let lease = Lease::new(now, Duration::from_millis(10 + u64::from(variant % 4) * 10));
        let handle = &mut self.handles[usize::from(variant % 2)];
        match how % 13 {
            0 => {
                let claim = handle.claim(&run, &owner("player"), lease);
                let fence = claim.as_ref().map(|claim| claim.fence);
                self.fences[at] = fence.unwrap_or(self.fences[at]);
                claim.map_or_else(|error| claim_word(&error), |claim| format!("{claim:?}"))
            }
            1 | 2 => self.pull(variant, lease),
            3 => {
                let runs = self.fences.iter().zip(RUNS);
                let held: Vec<_> = runs.map(|(fence, run)| (id(run), *fence)).collect();
                answer(self.handles[0].renew(&held, lease))
            }
            4 => {
                let due = (!variant.is_multiple_of(3)).then(|| now.after(Duration::from_millis(7)));
                handle.release(&run, fence, due);
                "released".into()
            }
            5 => answer(handle.put(&run, &command(&format!("c{}", variant % 3), 1))),
            6 => {
                let reply = Answer::accepted(Seq(u64::from(variant)));
                answer(handle.done(&run, &command_id(&format!("c{}", variant % 3)), &reply))
            }
            7 => {
                self.now = now.after(Duration::from_millis(u64::from(variant)));
                "later".into()
            }
            8 => {
                let script = &self.scripts[at];
                let seen = Collect {
                    run,
                    next_seq: script.row().next_seq,
                    head: script.head(),
                    now,
                    stub: vec![variant],
                    records: Vec::new(),
                };
                answer(handle.collect(&seen))
            }
            _ => self.commit(at, &run, variant),
        }
    }

    fn pull(&mut self, variant: u8, lease: Lease) -> String {
        let pull = Pull {
            owner: owner("a pool"),
            lease,
            limit: usize::from(variant % 4),
            aging: Duration::from_millis(u64::from(variant % 5) * 3),
        };
        let pulled = match self.handles[usize::from(variant % 2)].claim_due(&pull) {
            Ok(pulled) => pulled,
            Err(error) => return answer::<()>(Err(error)),
        };
        let mut words = String::new();
        for Pulled {
            run,
            claim,
            may_begin,
            asked,
            ..
        } in pulled
        {
            let at = RUNS.iter().position(|name| *name == run.as_str());
            if let (Some(at), Ok(claim)) = (at, &claim) {
                self.fences[at] = claim.fence;
            }
            words += &[
                run.as_str(),
                &format!("{may_begin} {asked}"),
                &answer(claim),
            ]
            .join(" ");
        }
        words
    }

    fn commit(&mut self, at: usize, run: &RunId, variant: u8) -> String {
        let mut script = self.scripts[at].clone();
        let fence = self.fences[at];
        let commit = match variant % 6 {
            _ if script.row().next_seq == Seq(0) => {
                script = script.created_at(self.now);
                script.create()
            }
            _ if script.row().phase.is_terminal() => script.resume(fence),
            0 => script.steps(fence, 2),
            1 => script.phase(fence, RunPhase::Executing),
            2 => script.hold(fence, HoldReason::Pause),
            3 => script.release(fence),
            4 => script.seal(fence, Outcome::Succeeded),
            _ => script.seal(fence, Outcome::Failed),
        };
        debug_assert_eq!(commit.run, *run);
        let result = self.handles[usize::from(variant % 2)].commit(&[commit]);
        if let Ok([CommitResult::Committed { .. }]) = result.as_deref() {
            self.scripts[at] = script;
        }
        answer(result)
    }

    /// What is due, and what lists show.
    fn look(&self) -> String {
        let store = &self.handles[0];
        let backlogs = [self.now, self.now.after(Duration::from_millis(25))]
            .map(|at| answer(store.backlog(at)))
            .join(" ");
        let mut seen = [answer(store.next_due()), backlogs].join(" ");
        let filter = RunFilter {
            order: RunOrder::NewestFirst,
            ..RunFilter::default()
        };
        let filters = [
            filter.clone(),
            RunFilter {
                after: Some(Cursor {
                    created_at: Some(later(9)),
                    name: "d".into(),
                }),
                limit: Some(2),
                ..filter.clone()
            },
            RunFilter {
                concurrency: Some("x".into()),
                outcomes: vec![Outcome::Succeeded, Outcome::Failed],
                ..filter.clone()
            },
            RunFilter {
                phases: vec![RunPhase::Created, RunPhase::Executing],
                held: Some(false),
                labels: [("n".to_owned(), "1".to_owned())].into(),
                ..filter
            },
        ];
        for filter in filters {
            seen += &answer(store.list(&filter));
        }
        for run in RUNS.map(id) {
            seen += &[answer(store.stub(&run)), answer(store.standing(&run))].join(" ");
        }
        seen
    }
}
