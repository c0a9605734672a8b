//! The ticker: read, decide, store, do, strike out. Each step may be the last
//! before a crash; the next look goes on from what is stored.

use crate::entry::{Entry, TABLE, store, unknown};
use crate::submit::{Order, Standing, Submit, SubmitError};
use crate::view;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_facades::schedules::{FiringView, ScheduleTrouble, TickReport};
use rok_log::Cells;
use rok_schedule::{Done, Effect, Item, Record, Schedule, each};
use rok_vocabulary::{RunId, ScheduleId, Timestamp};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// After this a thing that may be done later is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// How often it is looked whether a run has ended that another waits for.
const GLANCE: Duration = Duration::from_secs(1);

/// Changes by others between reading and storing; more is no contention but a
/// fault of the store.
const ATTEMPTS: usize = 1000;

/// What a look came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ticked {
    /// What was decided, what went wrong, when to look again.
    pub report: TickReport,
    /// Runs that were created, or found to be there.
    pub submitted: Vec<RunId>,
    /// Runs that go on, as far as is known, and are not on order.
    pub running: Vec<(String, RunId)>,
}

/// What the last look at a schedule left.
struct Seen {
    bytes: Vec<u8>,
    wake_at: Option<Timestamp>,
    running: Vec<RunId>,
}

/// Keeps the schedules of a store. Any number of tickers may keep the same.
pub struct Ticker {
    pub(crate) cells: Box<dyn Cells>,
    pub(crate) submit: Box<dyn Submit>,
    seen: Mutex<HashMap<String, Seen>>,
}

/// A look at one schedule.
struct Look<'a> {
    ticker: &'a Ticker,
    id: &'a str,
    now: Timestamp,
    ticked: &'a mut Ticked,
    /// Something is to be tried again.
    again: bool,
    /// More could be done at once, and was not to be.
    more: bool,
    troubles: Vec<String>,
}

impl Ticker {
    /// A ticker over cells, whose runs somebody keeps.
    #[must_use]
    pub fn new(cells: Box<dyn Cells>, submit: Box<dyn Submit>) -> Self {
        Self {
            cells,
            submit,
            seen: Mutex::default(),
        }
    }

    /// Looks at every schedule that may have something to do: decides what is
    /// due, and has runs created, `most` of them. One that goes wrong keeps no
    /// other from going on.
    pub fn tick(&self, now: Timestamp, most: usize) -> Result<Ticked, RunsError> {
        let mut ticked = Ticked::default();
        let cells = self.cells.cells(TABLE).map_err(|error| store(&error))?;
        for (id, bytes) in &cells {
            if let Some(seen) = self.seen().get(id)
                && seen.bytes == *bytes
                && seen.wake_at.is_none_or(|wake| wake > now)
            {
                ticked.wake(seen.wake_at);
                ticked.runs(id, &seen.running);
                continue;
            }
            self.look(id, now, most, &mut ticked);
        }
        let known = |id: &String| cells.iter().any(|(known, _)| known == id);
        self.seen().retain(|id, _| known(id));
        Ok(ticked)
    }

    /// Has a schedule looked at the next time, whatever was seen of it.
    pub(crate) fn forget(&self, id: &str) {
        self.seen().remove(id);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, HashMap<String, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, id: &str, now: Timestamp, most: usize, ticked: &mut Ticked) {
        let mut look = Look {
            ticker: self,
            id,
            now,
            ticked,
            again: false,
            more: false,
            troubles: Vec::new(),
        };
        let left = look.turns(most);
        let more = look.more.then_some(now);
        let again = more.or(look.again.then(|| now.after(RETRY)));
        let mut troubles = std::mem::take(&mut look.troubles);
        let wake_at = match left {
            Ok((entry, schedule)) => {
                let waits = entry.state.waits_for_runs() && entry.state.paused.is_none();
                let glance = waits.then(|| now.after(GLANCE));
                let due = entry.state.wake_at(&schedule);
                // A due time that could not be decided is not waited for.
                let due = due.filter(|due| *due > now || !look.again);
                let wake_at = [again, glance, due].into_iter().flatten().min();
                let running = entry.state.running.values().map(|running| &running.run);
                let running = running.filter(|run| !entry.is_ordered(&schedule, run));
                let running: Vec<_> = running.cloned().collect();
                ticked.runs(id, &running);
                if let Ok(Some(bytes)) = self.cells.cell(TABLE, id)
                    && Entry::read(id, &bytes).is_ok_and(|stored| stored == entry)
                {
                    let seen = Seen {
                        bytes,
                        wake_at,
                        running,
                    };
                    self.seen().insert(id.to_owned(), seen);
                }
                wake_at
            }
            // Removed meanwhile.
            Err(error) if error.code == "ROK0180" => None,
            Err(error) => {
                troubles.push(error.message);
                Some(now.after(RETRY))
            }
        };
        ticked.wake(wake_at);
        troubles.dedup();
        for message in troubles {
            let schedule = id.to_owned();
            let trouble = ScheduleTrouble { schedule, message };
            ticked.report.troubles.push(trouble);
        }
    }

    /// Changes a schedule's entry in one step. `change` is done again where
    /// somebody else was faster.
    pub(crate) fn change<T>(
        &self,
        id: &str,
        mut change: impl FnMut(&mut Entry, &Schedule) -> Result<T, RunsError>,
    ) -> Result<(T, Entry, Schedule), RunsError> {
        for _ in 0..ATTEMPTS {
            let (bytes, before) = self.entry(id)?;
            let schedule = before.schedule()?;
            let mut after = before.clone();
            let result = change(&mut after, &schedule)?;
            if after == before {
                return Ok((result, before, schedule));
            }
            let next = after.next();
            let swapped = self.cells.swap(TABLE, id, Some(&bytes), Some(&next));
            if swapped.map_err(|error| store(&error))? {
                return Ok((result, Entry::read(id, &next)?, schedule));
            }
        }
        let message = format!("schedule {id} is changed faster than it can be stored");
        Err(RunsError::new(ErrorKind::Storage, "ROK0106", message))
    }

    pub(crate) fn entry(&self, id: &str) -> Result<(Vec<u8>, Entry), RunsError> {
        let cell = match id.parse::<ScheduleId>() {
            Ok(_) => self.cells.cell(TABLE, id).map_err(|error| store(&error))?,
            Err(_) => None,
        };
        let Some(bytes) = cell else {
            let all = self.cells.cells(TABLE).map_err(|error| store(&error))?;
            let known: Vec<String> = all.into_iter().map(|(id, _)| id).collect();
            return Err(unknown(id, &known));
        };
        let entry = Entry::read(id, &bytes)?;
        Ok((bytes, entry))
    }

    /// What a schedule runs for now.
    pub(crate) fn items(
        &self,
        entry: &Entry,
        schedule: &Schedule,
    ) -> Result<Vec<Option<Item>>, String> {
        match schedule.items() {
            Ok(items) => Ok(items),
            Err(path) => self.submit.items(&entry.folder().join(path)).map(each),
        }
    }

    /// Lets go of runs that have ended. One that cannot be asked after goes on;
    /// gives why.
    pub(crate) fn settle(&self, entry: &mut Entry, schedule: &Schedule) -> Vec<String> {
        let (mut ended, mut troubles) = (Vec::new(), Vec::new());
        for running in entry.state.running.values() {
            match self.submit.standing(&running.run) {
                Ok(Standing::Ended) => ended.push(running.run.clone()),
                Ok(Standing::Missing) if !entry.is_ordered(schedule, &running.run) => {
                    ended.push(running.run.clone());
                }
                Ok(Standing::Missing | Standing::GoesOn) => {}
                Err(SubmitError::Refused(why) | SubmitError::Later(why)) => troubles.push(why),
            }
        }
        entry.state.ended(&ended);
        troubles
    }
}

impl Look<'_> {
    /// Decides and does until nothing is left that can be done now. Gives what
    /// is stored then.
    fn turns(&mut self, most: usize) -> Result<(Entry, Schedule), RunsError> {
        let ticker = self.ticker;
        loop {
            let now = self.now;
            let ((records, troubles), entry, schedule) =
                ticker.change(self.id, |entry, schedule| {
                    let mut troubles = ticker.settle(entry, schedule);
                    let before = entry.state.recent.clone();
                    entry.state = match ticker.items(entry, schedule) {
                        Ok(items) => rok_schedule::decide(schedule, &entry.state, now, &items),
                        Err(why) => {
                            let due = entry.state.wake_at(schedule);
                            troubles.extend(due.filter(|due| *due <= now).map(|_| why));
                            rok_schedule::proceed(schedule, &entry.state, now)
                        }
                    };
                    Ok((news(&before, &entry.state.recent), troubles))
                })?;
            self.tell(&records);
            self.again |= !troubles.is_empty();
            self.troubles.extend(troubles);
            let done = self.perform(&entry, &schedule, most);
            if done.is_empty() {
                self.again |= !entry.state.outbox.is_empty();
                return Ok((entry, schedule));
            }
            let (records, ..) = ticker.change(self.id, |entry, schedule| {
                let before = entry.state.recent.clone();
                entry.state.delivered(&schedule.id, &done, now);
                Ok(news(&before, &entry.state.recent))
            })?;
            self.tell(&records);
        }
    }

    fn tell(&mut self, records: &[Record]) {
        let views = records.iter().map(|record| view::firing(self.id, record));
        let views: Vec<FiringView> = views.collect();
        self.ticked.report.firings.extend(views);
    }

    /// Does what is on order, in order, up to the first thing that has to be
    /// done later. Gives what is done.
    fn perform(&mut self, entry: &Entry, schedule: &Schedule, most: usize) -> Vec<(Effect, Done)> {
        let submit = &self.ticker.submit;
        let mut done = Vec::new();
        for effect in &entry.state.outbox {
            let result = match effect {
                Effect::Submit(_) if self.ticked.submitted.len() >= most => {
                    self.more = true;
                    break;
                }
                Effect::Submit(firing) => {
                    let run = firing.run_id(&schedule.id);
                    let order = Order {
                        schedule,
                        folder: entry.folder(),
                        firing,
                        run: run.clone(),
                    };
                    let result = submit.submit(&order);
                    if result.is_ok() {
                        self.ticked.submitted.push(run);
                    }
                    result
                }
                Effect::Cancel(run) => submit.cancel(run, &schedule.id),
            };
            match result {
                Ok(()) => done.push((effect.clone(), Done::Done)),
                Err(SubmitError::Refused(why)) => done.push((effect.clone(), Done::Refused(why))),
                Err(SubmitError::Later(why)) => {
                    self.again = true;
                    self.troubles.push(why);
                    break;
                }
            }
        }
        done
    }
}

impl Ticked {
    fn wake(&mut self, at: Option<Timestamp>) {
        let report = &mut self.report;
        report.wake_at = [report.wake_at, at].into_iter().flatten().min();
    }

    fn runs(&mut self, id: &str, running: &[RunId]) {
        let runs = running.iter().map(|run| (id.to_owned(), run.clone()));
        self.running.extend(runs);
    }
}

/// The records that came to those before, or were added to the last of them.
pub(crate) fn news(before: &[Record], after: &[Record]) -> Vec<Record> {
    // The oldest may have been dropped: what is new is behind the last known.
    let Some(last) = before.last() else {
        return after.to_vec();
    };
    if let Some(at) = after.iter().rposition(|record| record == last) {
        return after[at + 1..].to_vec();
    }
    // The last one grew: tell only by how much.
    let grown = after.iter().rposition(|record| {
        record.cause == last.cause && record.what == last.what && record.count > last.count
    });
    let Some(at) = grown else {
        return after.to_vec();
    };
    let mut new = after[at..].to_vec();
    new[0].count -= last.count;
    new[0].since = None;
    new[0].items.retain(|item| !last.items.contains(item));
    new[0].runs.retain(|run| !last.runs.contains(run));
    new
}

impl std::fmt::Debug for Ticker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticker").finish_non_exhaustive()
    }
}
