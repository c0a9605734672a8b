//! What is to be fired, skipped and cancelled: a function of the schedule, its
//! state, the time and the items.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{RunId, Timestamp};

use crate::firing::{Asked, Cause, Firing};
use crate::item::Item;
use crate::model::{CatchUp, ForEach, Overlap, Schedule};
use crate::state::{Effect, MAX_WAITING, Pause, Record, Running, State, What, Why};

/// Due times that one backfill covers at most.
pub const MAX_BACKFILL: usize = 1000;

/// Missed due times that are counted; beyond that it says "more".
const COUNTED: usize = 1000;

/// A range that cannot be filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BackfillError {
    /// It has no due time.
    #[error("nothing was due from {from} to {until}")]
    Empty {
        /// Its begin.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// It is not over yet.
    #[error("it ends at {until}, and it is {now}: only what was due can be made up for")]
    Future {
        /// Its end.
        until: Timestamp,
        /// The time.
        now: Timestamp,
    },
    /// It has too many due times.
    #[error("more than {MAX_BACKFILL} due times from {from} to {until}")]
    TooMany {
        /// Its begin.
        from: Timestamp,
        /// Its end.
        until: Timestamp,
    },
    /// More firings would wait than may.
    #[error("{firings} firings would wait, and {MAX_WAITING} may")]
    Full {
        /// How many.
        firings: usize,
    },
}

/// What a schedule runs for at a firing: nothing in particular, or each item.
#[must_use]
pub fn each(items: Vec<Item>) -> Vec<Option<Item>> {
    items.into_iter().map(Some).collect()
}

impl Schedule {
    /// What it runs for, unless that stands in a file, whose path this is.
    pub fn items(&self) -> Result<Vec<Option<Item>>, &str> {
        match &self.for_each {
            None => Ok(alloc::vec![None]),
            Some(ForEach::Items(items)) => Ok(each(items.clone())),
            Some(ForEach::File(path)) => Err(path),
        }
    }
}

/// Decides everything that fell due up to `now`, and starts what waits and has
/// its turn. The same state, time and items come to the same; where nothing
/// changes, the same state comes back.
#[must_use]
pub fn decide(schedule: &Schedule, state: &State, now: Timestamp, items: &[Option<Item>]) -> State {
    let mut judge = Judge::new(schedule, state, now);
    if judge.state.paused.is_none() {
        judge.due_times(items);
    }
    judge.start_waiting();
    judge.state
}

/// Starts what waits and has its turn; decides no due time. For when it is not
/// known what the schedule runs for now.
#[must_use]
pub fn proceed(schedule: &Schedule, state: &State, now: Timestamp) -> State {
    let mut judge = Judge::new(schedule, state, now);
    judge.start_waiting();
    judge.state
}

/// Fires a schedule now, for these items, paused or not. Its overlap policy
/// holds as for any other firing.
#[must_use]
pub fn trigger(
    schedule: &Schedule,
    state: &State,
    now: Timestamp,
    items: &[Option<Item>],
    asked: Asked,
) -> State {
    let mut judge = Judge::new(schedule, state, now);
    judge.asked = Some(asked);
    judge.fire(now, Cause::Trigger, items, false);
    judge.state
}

/// Fires for each due time from `from` on and before `until`, one after
/// another. What `has_run` says had its run already keeps it, and is not fired.
pub fn backfill(
    schedule: &Schedule,
    state: &State,
    now: Timestamp,
    (from, until): (Timestamp, Timestamp),
    items: &[Option<Item>],
    asked: Asked,
    has_run: impl Fn(&RunId) -> bool,
) -> Result<State, BackfillError> {
    if until > now {
        return Err(BackfillError::Future { until, now });
    }
    let mut dues = Vec::new();
    let mut at = Timestamp::from_millis(from.as_millis() - 1);
    while let Some(due) = schedule.next_due(at).filter(|due| *due < until) {
        if dues.len() == MAX_BACKFILL {
            return Err(BackfillError::TooMany { from, until });
        }
        dues.push(due);
        at = due;
    }
    if dues.is_empty() {
        return Err(BackfillError::Empty { from, until });
    }
    let firings = dues.len().saturating_mul(items.len()) + state.waiting.len();
    if firings > MAX_WAITING {
        return Err(BackfillError::Full { firings });
    }
    let mut judge = Judge::new(schedule, state, now);
    judge.asked = Some(asked);
    for due in dues {
        let mut left = Vec::with_capacity(items.len());
        for item in items {
            let firing = Firing::new(due, item.clone(), Cause::Backfill);
            if !has_run(&firing.run_id(&schedule.id)) {
                left.push(item.clone());
            } else if judge.is_under_way(&key(item.as_ref()), &firing) {
                judge.not_fired(&firing, Why::Already);
            } else {
                judge.not_fired(&firing, Why::Done);
            }
        }
        if items.is_empty() || !left.is_empty() {
            judge.fire(due, Cause::Backfill, &left, true);
        }
    }
    judge.start_waiting();
    Ok(judge.state)
}

/// Pauses a schedule. What fell due before and is not decided yet is skipped
/// with what falls due meanwhile: decide first.
#[must_use]
pub fn pause(state: &State, now: Timestamp, by: String, reason: Option<String>) -> State {
    let mut state = state.clone();
    let since = now;
    state.paused.get_or_insert(Pause { since, by, reason });
    state
}

/// Lets a paused schedule go on. What fell due meanwhile is skipped, and that
/// is recorded.
#[must_use]
pub fn unpause(schedule: &Schedule, state: &State, now: Timestamp) -> State {
    let mut judge = Judge::new(schedule, state, now);
    if judge.state.paused.take().is_some() {
        let mut dues = schedule.last_due(state.cursor, now, COUNTED + 1);
        dues.retain(|due| schedule.starts_at(*due) <= now);
        judge.skip(&dues, Why::Paused, 1);
        judge.pass(&dues);
        judge.start_waiting();
    }
    judge.state
}

/// A state while it is being decided.
struct Judge<'a> {
    schedule: &'a Schedule,
    state: State,
    now: Timestamp,
    /// Who asks for what is fired.
    asked: Option<Asked>,
    /// What waits, by its item.
    waits: BTreeMap<String, BTreeSet<(Timestamp, bool)>>,
}

/// The key of what a firing runs for.
fn key(item: Option<&Item>) -> String {
    item.map_or_else(String::new, Item::key)
}

/// What tells a firing from others of its item.
fn moment(firing: &Firing) -> (Timestamp, bool) {
    (firing.due, firing.cause == Cause::Trigger)
}

impl<'a> Judge<'a> {
    fn new(schedule: &'a Schedule, state: &State, now: Timestamp) -> Self {
        let mut waits = BTreeMap::<String, BTreeSet<_>>::new();
        for firing in &state.waiting {
            let of_item = waits.entry(key(firing.item.as_ref())).or_default();
            of_item.insert(moment(firing));
        }
        Self {
            schedule,
            waits,
            asked: None,
            state: state.clone(),
            now,
        }
    }

    /// Everything that fell due since the cursor.
    fn due_times(&mut self, items: &[Option<Item>]) {
        let schedule = self.schedule;
        // A cron expression is due once a second at most.
        let on_time = usize::try_from(schedule.grace.as_secs()).unwrap_or(usize::MAX);
        let most = on_time.saturating_add(2 + COUNTED.max(schedule.catch_up_max));
        let mut dues = schedule.last_due(self.state.cursor, self.now, most);
        let more = dues.len() == most;
        // Each starts before the next is due: only the last may be early.
        dues.pop_if(|due| schedule.starts_at(*due) > self.now);
        let late = |due: Timestamp| schedule.starts_at(due).after(schedule.grace) < self.now;
        let on_time = dues.partition_point(|due| late(*due));
        let (missed, on_time) = dues.split_at(on_time);
        let behind_others = self.missed(missed, !on_time.is_empty(), more, items);
        for due in on_time {
            self.fire(*due, Cause::Due, items, behind_others);
        }
        self.pass(&dues);
    }

    /// What was missed. Gives whether some of it is made up for one after
    /// another, so that what is due now joins it.
    fn missed(
        &mut self,
        missed: &[Timestamp],
        next_is_due: bool,
        more: bool,
        items: &[Option<Item>],
    ) -> bool {
        let (made_up, why) = match self.schedule.catch_up {
            CatchUp::None => (0, Why::Missed),
            CatchUp::Latest => (usize::from(!next_is_due), Why::Missed),
            CatchUp::All => (self.schedule.catch_up_max, Why::BeyondCap),
        };
        let (skipped, made_up) = missed.split_at(missed.len().saturating_sub(made_up));
        self.skip(skipped, why, items.len());
        if more && let Some(last) = self.state.recent.last_mut() {
            last.more |= last.why == Some(why) && last.at == self.now;
        }
        let in_turn = self.schedule.catch_up == CatchUp::All;
        for due in made_up {
            self.fire(*due, Cause::CatchUp, items, in_turn);
        }
        in_turn && !made_up.is_empty()
    }

    fn pass(&mut self, dues: &[Timestamp]) {
        if let Some(last) = dues.last() {
            self.state.cursor = self.state.cursor.max(*last);
        }
    }

    fn skip(&mut self, dues: &[Timestamp], why: Why, items: usize) {
        let (Some(first), Some(last)) = (dues.first(), dues.last()) else {
            return;
        };
        let firing = Firing::new(*last, None, Cause::Due);
        let record = Record {
            since: (first != last).then_some(*first),
            count: dues.len().min(COUNTED) * items.max(1),
            more: dues.len() > COUNTED,
            ..Record::of(&firing, What::Skipped, Some(why), self.now)
        };
        self.state.note(record);
    }

    /// Fires a due time for each item.
    fn fire(&mut self, due: Timestamp, cause: Cause, items: &[Option<Item>], in_turn: bool) {
        if items.is_empty() {
            self.not_fired(&Firing::new(due, None, cause), Why::NoItems);
        }
        for item in items {
            let asked = self.asked.clone();
            let firing = Firing {
                asked,
                ..Firing::new(due, item.clone(), cause)
            };
            self.admit(firing, in_turn);
        }
    }

    /// Lets a firing start, wait or fall, by what goes on for its item.
    fn admit(&mut self, firing: Firing, in_turn: bool) {
        let item = key(firing.item.as_ref());
        let runs = self.state.running.contains_key(&item);
        // What somebody asked for now overtakes what waits.
        let asked_for = firing.cause == Cause::Trigger;
        let behind = self.state.paused.is_some() || self.waits.contains_key(&item);
        if !runs && (asked_for || !behind) {
            return self.start(firing);
        }
        if self.is_under_way(&item, &firing) {
            return self.not_fired(&firing, Why::Already);
        }
        match self.schedule.overlap {
            _ if in_turn => self.wait(firing),
            Overlap::Queue => self.wait(firing),
            Overlap::Skip => self.not_fired(&firing, Why::Overlap),
            Overlap::CancelPrevious => {
                self.cancel(&item, &firing);
                self.wait(firing);
                self.start_waiting();
            }
        }
    }

    /// Whether the same firing goes on or waits.
    fn is_under_way(&self, item: &str, firing: &Firing) -> bool {
        let run = firing.run_id(&self.schedule.id);
        let running = self.state.running.get(item);
        let waiting = self.waits.get(item);
        running.is_some_and(|running| running.run == run)
            || waiting.is_some_and(|waiting| waiting.contains(&moment(firing)))
    }

    fn start(&mut self, firing: Firing) {
        let run = firing.run_id(&self.schedule.id);
        let running = Running {
            run: run.clone(),
            due: firing.due,
            cancelling: false,
        };
        let item = key(firing.item.as_ref());
        self.state.running.insert(item, running);
        let mut record = Record::of(&firing, What::Started, None, self.now);
        record.runs.push(run);
        self.state.note(record);
        self.state.outbox.push(Effect::Submit(firing));
    }

    fn wait(&mut self, firing: Firing) {
        if self.state.waiting.len() >= MAX_WAITING {
            return self.not_fired(&firing, Why::Full);
        }
        let of_item = self.waits.entry(key(firing.item.as_ref())).or_default();
        of_item.insert(moment(&firing));
        let record = Record::of(&firing, What::Waits, None, self.now);
        self.state.note(record);
        self.state.waiting.push(firing);
    }

    fn not_fired(&mut self, firing: &Firing, why: Why) {
        let record = Record::of(firing, What::Skipped, Some(why), self.now);
        self.state.note(record);
    }

    /// Cancels what goes on for an item, and drops what waits: a later firing
    /// takes its place. What somebody asked for stays.
    fn cancel(&mut self, item: &str, by: &Firing) {
        let running = self.state.running.get_mut(item);
        if let Some(running) = running.filter(|running| !running.cancelling) {
            running.cancelling = true;
            let run = running.run.clone();
            let mut record = Record::of(by, What::Cancelled, Some(Why::Superseded), self.now);
            record.due = running.due;
            record.runs.push(run.clone());
            self.state.note(record);
            self.state.outbox.push(Effect::Cancel(run));
        }
        let waiting = core::mem::take(&mut self.state.waiting);
        let (dropped, kept): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|firing| {
            let asked_for = matches!(firing.cause, Cause::Backfill | Cause::Trigger);
            !asked_for && key(firing.item.as_ref()) == item
        });
        self.state.waiting = kept;
        for firing in &dropped {
            if let Some(of_item) = self.waits.get_mut(item) {
                of_item.remove(&moment(firing));
            }
        }
        self.waits.retain(|_, of_item| !of_item.is_empty());
        for firing in dropped {
            self.not_fired(&firing, Why::Superseded);
        }
    }

    /// Starts what waits and has its turn: the first of each item.
    fn start_waiting(&mut self) {
        let held = self.state.paused.is_some();
        let waiting = core::mem::take(&mut self.state.waiting);
        self.waits.clear();
        for firing in waiting {
            let item = key(firing.item.as_ref());
            let asked_for = firing.cause == Cause::Trigger;
            let behind = held || self.waits.contains_key(&item);
            if (behind && !asked_for) || self.state.running.contains_key(&item) {
                self.waits.entry(item).or_default().insert(moment(&firing));
                self.state.waiting.push(firing);
            } else {
                self.start(firing);
            }
        }
    }
}

/// When a schedule is due next, `count` times at most.
#[must_use]
pub fn next_due_times(schedule: &Schedule, after: Timestamp, count: usize) -> Vec<Timestamp> {
    let mut dues = Vec::new();
    let mut at = after;
    while dues.len() < count {
        let Some(due) = schedule.next_due(at) else {
            break;
        };
        dues.push(due);
        at = due;
    }
    dues
}

#[cfg(test)]
mod tests;
