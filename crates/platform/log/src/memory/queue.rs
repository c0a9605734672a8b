//! The queue of the memory store: leases, what is due, and who holds a place.

use super::{MemoryStore, Run, Space};
use crate::{
    Backlog, Claim, ClaimError, Fence, Lease, Owner, Pull, Pulled, RunQueue, RunRow, Signal,
    Standing, StoreError, WorkQueue,
};
use rok_vocabulary::{RunId, Timestamp};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Before every clock's now: what a command waits for is due at once.
const AT_ONCE: Timestamp = Timestamp::from_millis(0);

/// An owner's claim.
#[derive(Debug)]
pub(super) struct Hold {
    owner: Owner,
    until: Timestamp,
    /// Whether it is for the commands only, and takes no place.
    visits: bool,
}

impl Hold {
    pub(super) const fn takes_a_place(&self) -> bool {
        !self.visits
    }
}

/// When each run may be claimed that anybody is to claim.
#[derive(Debug, Default)]
pub(super) struct Queue {
    by_time: BTreeSet<(Timestamp, RunId)>,
    by_run: HashMap<RunId, Timestamp>,
}

impl Queue {
    pub(super) fn set(&mut self, run: &RunId, ready_at: Option<Timestamp>) {
        if self.by_run.get(run).copied() == ready_at {
            return;
        }
        if let Some(before) = self.by_run.remove(run) {
            self.by_time.remove(&(before, run.clone()));
        }
        if let Some(ready_at) = ready_at {
            self.by_run.insert(run.clone(), ready_at);
            self.by_time.insert((ready_at, run.clone()));
        }
    }
}

/// Who holds a place under which concurrency key.
#[derive(Debug, Default)]
pub(super) struct Places {
    by_key: HashMap<String, HashSet<RunId>>,
    by_run: HashMap<RunId, String>,
}

impl Places {
    /// A claimed run holds a place until it is closed.
    pub(super) fn follow(&mut self, run: &RunId, row: &RunRow) {
        self.leave(run);
        if let Some(concurrency) = &row.concurrency
            && !row.phase.is_terminal()
        {
            let places = self.by_key.entry(concurrency.key.clone()).or_default();
            places.insert(run.clone());
            self.by_run.insert(run.clone(), concurrency.key.clone());
        }
    }

    pub(super) fn leave(&mut self, run: &RunId) {
        if let Some(key) = self.by_run.remove(run)
            && let Some(places) = self.by_key.get_mut(&key)
        {
            places.remove(run);
            if places.is_empty() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Whether a run must wait for others with its key.
    fn is_behind(&self, run: &RunId, row: &RunRow) -> bool {
        row.concurrency.as_ref().is_some_and(|concurrency| {
            let taken = self.by_key.get(&concurrency.key).map_or(0, HashSet::len);
            !row.phase.is_terminal()
                && !self.by_run.contains_key(run)
                && taken >= concurrency.limit as usize
        })
    }
}

impl Run {
    /// When the run may be claimed by whoever asks for what is due.
    pub(super) fn ready_at(&self) -> Option<Timestamp> {
        let open = !self.row.phase.is_terminal();
        let asked = !self.inbox.is_empty();
        match &self.hold {
            _ if self.broken => None,
            Some(hold) => (open || asked).then_some(hold.until),
            None if asked => Some(AT_ONCE),
            None => self.due.filter(|_| open),
        }
    }

    /// Whose it is at that time.
    pub(super) fn holder_at(&self, now: Timestamp) -> Option<&Owner> {
        let hold = self.hold.as_ref().filter(|hold| hold.until > now);
        hold.map(|hold| &hold.owner)
    }

    fn claim(
        &mut self,
        run: &RunId,
        owner: &Owner,
        lease: Lease,
        visits: bool,
    ) -> Result<Claim, StoreError> {
        let repaired = self.recover(run)?;
        self.fence = self.fence.next();
        self.broken = false;
        self.hold = Some(Hold {
            owner: owner.clone(),
            until: lease.until,
            visits,
        });
        Ok(Claim {
            fence: self.fence,
            next_seq: self.next_seq,
            head: self.head,
            repaired,
            resealed: false,
        })
    }
}

impl Space {
    pub(super) fn change<T>(
        &mut self,
        run: &RunId,
        f: impl FnOnce(&mut Run) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let found = self.runs.get_mut(run);
        let found = found.ok_or_else(|| StoreError::Unknown { run: run.clone() })?;
        found.is_there(run)?;
        let result = f(found);
        self.queue.set(run, found.ready_at());
        if found.hold.as_ref().is_some_and(Hold::takes_a_place) {
            self.places.follow(run, &found.row);
        }
        result
    }

    fn waits_behind(&self, run: &RunId, found: &Run) -> bool {
        found.inbox.is_empty() && self.places.is_behind(run, &found.row)
    }

    /// What may be claimed at that time, whoever stands before it.
    fn ready(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, &RunId, &Run)> {
        let ready = self.queue.by_time.iter();
        ready
            .take_while(move |(at, _)| *at <= now)
            .map(|(at, run)| (*at, run, &self.runs[run]))
    }

    fn pull(&mut self, pull: &Pull) -> Vec<Pulled> {
        let mut ready: Vec<_> = self
            .ready(pull.lease.now)
            .map(|(at, run, found)| (pull.rank(found.row.priority, at), run.clone()))
            .collect();
        ready.sort_unstable();
        let mut pulled = Vec::new();
        for (_, run) in ready {
            if pulled.len() >= pull.limit {
                break;
            }
            let found = &self.runs[&run];
            if self.waits_behind(&run, found) {
                continue;
            }
            let behind = self.places.is_behind(&run, &found.row);
            let asked = !found.inbox.is_empty();
            let claim = self.change(&run, |found| {
                let claim = found.claim(&run, &pull.owner, pull.lease, behind);
                if claim.is_err() {
                    (found.hold, found.broken) = (None, true);
                }
                claim
            });
            pulled.push(Pulled {
                run,
                claim,
                may_begin: !behind,
                asked,
                log: None,
            });
        }
        pulled
    }
}

impl RunQueue for MemoryStore {
    fn claim(&mut self, run: &RunId, owner: &Owner, lease: Lease) -> Result<Claim, ClaimError> {
        let mut held_by = None;
        let claim = self.change(run, |found| match &found.hold {
            Some(hold) if hold.until > lease.now => {
                held_by = Some(hold.owner.to_string());
                Ok(None)
            }
            _ => found.claim(run, owner, lease, false).map(Some),
        })?;
        claim.ok_or_else(|| ClaimError::Held {
            run: run.clone(),
            by: held_by.unwrap_or_default(),
        })
    }

    fn renew(&mut self, held: &[(RunId, Fence)], lease: Lease) -> Result<Vec<RunId>, StoreError> {
        let mut lost = Vec::new();
        for (run, fence) in held {
            let renewed = self.change(run, |found| match &mut found.hold {
                Some(hold) if found.fence == *fence => {
                    hold.until = lease.until;
                    Ok(true)
                }
                _ => Ok(false),
            });
            match renewed {
                Ok(true) => {}
                Ok(false) | Err(StoreError::Unknown { .. } | StoreError::Collected { .. }) => {
                    lost.push(run.clone());
                }
                Err(error) => return Err(error),
            }
        }
        Ok(lost)
    }

    fn release(&mut self, run: &RunId, fence: Fence, due: Option<Timestamp>) {
        // An unknown run has no claim to give up.
        let _ = self.change(run, |found| {
            if found.fence == fence {
                (found.hold, found.due) = (None, due);
            }
            Ok(())
        });
        self.tell(&Signal::Due);
    }
}

impl WorkQueue for MemoryStore {
    fn claim_due(&mut self, pull: &Pull) -> Result<Vec<Pulled>, StoreError> {
        let mut shared = self.lock();
        let space = shared.spaces.get_mut(&self.namespace);
        Ok(space.map(|space| space.pull(pull)).unwrap_or_default())
    }

    fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let shared = self.lock();
        let Some(space) = shared.spaces.get(&self.namespace) else {
            return Ok(None);
        };
        let mut queue = space.queue.by_time.iter();
        let next = queue.find(|(_, run)| !space.waits_behind(run, &space.runs[run]));
        Ok(next.map(|(at, _)| *at))
    }

    fn owners(&self) -> Result<Vec<Owner>, StoreError> {
        let shared = self.lock();
        let runs = shared.spaces.get(&self.namespace).into_iter();
        let holds = runs.flat_map(|space| space.runs.values().filter_map(|run| run.hold.as_ref()));
        let mut owners: Vec<Owner> = holds.map(|hold| hold.owner.clone()).collect();
        owners.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        owners.dedup();
        Ok(owners)
    }

    fn disown(&mut self, owner: &Owner, now: Timestamp) -> Result<usize, StoreError> {
        let of_owner = |run: &Run| run.hold.as_ref().is_some_and(|hold| hold.owner == *owner);
        let shared = self.lock();
        let runs = shared.spaces.get(&self.namespace).into_iter();
        let runs = runs.flat_map(|space| space.runs.iter().filter(|(_, run)| of_owner(run)));
        let runs: Vec<RunId> = runs.map(|(run, _)| run.clone()).collect();
        drop(shared);
        let mut taken = 0;
        for run in runs {
            taken += self.change(&run, |found| {
                let is_theirs = of_owner(found);
                if is_theirs {
                    found.fence = found.fence.next();
                    (found.hold, found.due) = (None, Some(now));
                }
                Ok(usize::from(is_theirs))
            })?;
        }
        self.tell(&Signal::Due);
        Ok(taken)
    }

    fn standing(&self, run: &RunId) -> Result<Option<Standing>, StoreError> {
        let shared = self.lock();
        let space = shared.spaces.get(&self.namespace);
        let found = space.and_then(|space| space.runs.get(run));
        Ok(found.map(|found| match &found.hold {
            Some(hold) => Standing::Claimed {
                owner: hold.owner.clone(),
                until: hold.until,
            },
            None => Standing::Free {
                due: found.ready_at(),
            },
        }))
    }

    fn backlog(&self, now: Timestamp) -> Result<Backlog, StoreError> {
        let shared = self.lock();
        let mut backlog = Backlog::default();
        let runs = shared.spaces.get(&self.namespace).into_iter();
        for (run, found, space) in runs.flat_map(|space| {
            space
                .runs
                .iter()
                .map(move |(run, found)| (run, found, space))
        }) {
            let claimed = found.hold.as_ref().is_some_and(|hold| hold.until > now);
            let counter = match found.ready_at() {
                _ if claimed => &mut backlog.claimed,
                None => continue,
                Some(_) if space.waits_behind(run, found) => &mut backlog.behind,
                Some(at) if at > now => &mut backlog.later,
                Some(_) => &mut backlog.due,
            };
            *counter += 1;
        }
        Ok(backlog)
    }
}
