//! What is on record of a schedule: how far it is decided, what is still to be
//! done about it, and what became of the last firings.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{RunId, ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::firing::{Cause, Firing};
use crate::item::Item;
use crate::model::Schedule;

/// Records that are kept of each schedule. Each run has its own log; these only
/// answer "what happened of late".
pub const RECENT: usize = 100;

/// Items and runs that one record names.
pub const NAMED: usize = 5;

/// Firings of one schedule that wait for their turn at most: what is beyond is
/// skipped, and that is recorded.
pub const MAX_WAITING: usize = 10_000;

/// A schedule's state. It is replaced as a whole, in one step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// What fell due up to and with this is decided. Never goes back, whatever
    /// the clock does.
    pub cursor: Timestamp,
    /// Why nothing is fired, where that is so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// What is decided and is to be done, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outbox: Vec<Effect>,
    /// Firings that wait for their turn, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<Firing>,
    /// The run that goes on, by its item's key; an item has one at a time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub running: BTreeMap<String, Running>,
    /// What was decided of late, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<Record>,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Since when.
    pub since: Timestamp,
    /// Who paused it.
    pub by: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Something that is to be done, and may be done again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Create the run of a firing, unless it is there.
    Submit(Firing),
    /// Cancel a run, unless it has ended.
    Cancel(RunId),
}

/// A run that goes on, as far as is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Running {
    /// The run.
    pub run: RunId,
    /// The due time that it is for.
    pub due: Timestamp,
    /// It is to be cancelled.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub cancelling: bool,
}

/// What became of firings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// When that was decided.
    pub at: Timestamp,
    /// When they were due; of several due times the last.
    pub due: Timestamp,
    /// The first of several due times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why they were considered.
    pub cause: Cause,
    /// What became of them.
    pub what: What,
    /// Why, where they did not start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
    /// What the engine said, where it refused a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How many firings.
    pub count: usize,
    /// There are more: it was not worth the counting.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub more: bool,
    /// The first few items.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// The first few runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<RunId>,
}

/// What became of a firing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Its run is to be created.
    Started,
    /// It waits for its turn.
    Waits,
    /// It has no run.
    Skipped,
    /// Its run was refused: the plan is wrong, or an input.
    Refused,
    /// Its run is to be cancelled.
    Cancelled,
}

impl What {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Waits => "waits",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why a firing did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It was missed, and `catch_up` does not make up for it.
    Missed,
    /// It was missed, and more were than `catch_up_max` makes up for.
    BeyondCap,
    /// An earlier run goes on.
    Overlap,
    /// A later firing took its place.
    Superseded,
    /// The schedule was paused.
    Paused,
    /// Too many wait already.
    Full,
    /// It is under way already.
    Already,
    /// It had its run before.
    Done,
    /// The list of items is empty.
    NoItems,
}

impl Why {
    /// In words.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed, and `catch_up` does not make up for it",
            Self::BeyondCap => "missed, and beyond `catch_up_max`",
            Self::Overlap => "an earlier run goes on",
            Self::Superseded => "a later firing took its place",
            Self::Paused => "the schedule was paused",
            Self::Full => "too many wait already",
            Self::Already => "it is under way already",
            Self::Done => "it had its run before",
            Self::NoItems => "there are no items",
        }
    }
}

/// What came of doing an effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Done {
    /// It is done, now or before.
    Done,
    /// It can never be done; why.
    Refused(String),
}

impl State {
    /// A schedule that is new at `now`: nothing before that is its own.
    #[must_use]
    pub fn new(schedule: &Schedule, now: Timestamp) -> Self {
        Self {
            cursor: now,
            paused: schedule.paused.then(|| Pause {
                since: now,
                by: String::from("the schedule's file"),
                reason: None,
            }),
            outbox: Vec::new(),
            waiting: Vec::new(),
            running: BTreeMap::new(),
            recent: Vec::new(),
        }
    }

    /// Lets go of runs that have ended.
    pub fn ended(&mut self, runs: &[RunId]) {
        self.running
            .retain(|_, running| !runs.contains(&running.run));
    }

    /// Strikes out what was done. What is not on order any more is left alone,
    /// so that several may report the same.
    pub fn delivered(&mut self, id: &ScheduleId, done: &[(Effect, Done)], now: Timestamp) {
        for (effect, result) in done {
            let Some(place) = self.outbox.iter().position(|ordered| ordered == effect) else {
                continue;
            };
            self.outbox.remove(place);
            let Done::Refused(message) = result else {
                continue;
            };
            let record = match effect {
                Effect::Submit(firing) => {
                    let run = firing.run_id(id);
                    self.running.retain(|_, running| running.run != run);
                    Record::of(firing, What::Refused, None, now)
                }
                Effect::Cancel(run) => {
                    let mut running = self.running.values();
                    let due = running.find(|running| running.run == *run);
                    let due = due.map_or(now, |running| running.due);
                    let firing = Firing::new(due, None, Cause::Due);
                    let mut record = Record::of(&firing, What::Refused, None, now);
                    record.runs.push(run.clone());
                    record
                }
            };
            self.note(Record {
                message: Some(message.clone()),
                ..record
            });
        }
    }

    /// When there is something to decide or to do: at once where it is past.
    #[must_use]
    pub fn wake_at(&self, schedule: &Schedule) -> Option<Timestamp> {
        if self.paused.is_some() {
            return None;
        }
        let due = schedule.next_due(self.cursor)?;
        Some(schedule.starts_at(due))
    }

    /// Whether something hangs on the end of a run.
    #[must_use]
    pub fn waits_for_runs(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Keeps a record, or adds it to the last one where they are alike.
    pub(crate) fn note(&mut self, record: Record) {
        match self.recent.last_mut() {
            Some(last) if last.is_like(&record) => last.add(record),
            _ => self.recent.push(record),
        }
        let surplus = self.recent.len().saturating_sub(RECENT);
        self.recent.drain(..surplus);
    }
}

impl Record {
    /// The record of one firing.
    pub(crate) fn of(firing: &Firing, what: What, why: Option<Why>, at: Timestamp) -> Self {
        Self {
            at,
            due: firing.due,
            since: None,
            cause: firing.cause,
            what,
            why,
            message: None,
            count: 1,
            more: false,
            items: firing.item.iter().map(Item::label).collect(),
            runs: Vec::new(),
        }
    }

    /// Whether the next record only goes on with this one.
    fn is_like(&self, next: &Self) -> bool {
        let same = self.cause == next.cause
            && self.what == next.what
            && self.why == next.why
            && self.message == next.message
            && self.more == next.more;
        same && (self.what == What::Skipped || self.due == next.due)
    }

    fn add(&mut self, next: Self) {
        if next.due > self.due {
            self.since = Some(self.since.unwrap_or(self.due));
            self.due = next.due;
        }
        self.at = next.at;
        self.count += next.count;
        for item in next.items {
            if self.items.len() < NAMED && !self.items.contains(&item) {
                self.items.push(item);
            }
        }
        let room = NAMED.saturating_sub(self.runs.len());
        self.runs.extend(next.runs.into_iter().take(room));
    }
}
