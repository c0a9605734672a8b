//! A schedule as its file says it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use rok_vocabulary::{ScheduleId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cron::{Cron, Zone};
use crate::item::Item;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $( $(#[$of:meta])* $variant:ident = $word:literal, )+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $( $(#[$of])* $variant, )+ }

        impl $name {
            /// Every word.
            pub const WORDS: &'static [&'static str] = &[$( $word, )+];

            /// Its word.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl core::str::FromStr for $name {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $( $word => Ok(Self::$variant), )+ _ => Err(()) }
            }
        }
    };
}

words! {
    /// What becomes of a firing while a run of the same schedule and item has
    /// not ended.
    Overlap {
        /// It is skipped, and that is recorded.
        Skip = "skip",
        /// It waits for its turn.
        Queue = "queue",
        /// The earlier run is cancelled, and what waits is dropped.
        CancelPrevious = "cancel_previous",
    }
}

words! {
    /// What becomes of firings that were missed.
    CatchUp {
        /// None of them is made up for.
        None = "none",
        /// The latest one is, unless the next is due already.
        Latest = "latest",
        /// All of them are, one after another, up to the cap.
        All = "all",
    }
}

/// A schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its id.
    pub id: ScheduleId,
    /// What it is for.
    pub description: Option<String>,
    /// The plan: a path seen from the schedule's file, or `builtin:ID`.
    pub plan: String,
    /// When it is due, on the clock of its zone.
    pub cron: Cron,
    /// The zone.
    pub zone: Zone,
    /// What becomes of a firing while an earlier run goes on.
    pub overlap: Overlap,
    /// What becomes of firings that were missed.
    pub catch_up: CatchUp,
    /// How many missed due times are made up for at most; the latest ones.
    pub catch_up_max: usize,
    /// A firing that is later than this is missed.
    pub grace: Duration,
    /// A firing starts up to so much after it is due.
    pub jitter: Duration,
    /// It begins paused.
    pub paused: bool,
    /// What falls due before this is no firing.
    pub from: Option<Timestamp>,
    /// What falls due at this or after it is no firing.
    pub until: Option<Timestamp>,
    /// One run for each of these; `None`: one run.
    pub for_each: Option<ForEach>,
    /// The inputs of its runs.
    pub inputs: BTreeMap<String, Input>,
    /// The labels of its runs.
    pub labels: BTreeMap<String, String>,
}

/// Where the items are.
#[derive(Debug, Clone, PartialEq)]
pub enum ForEach {
    /// In the schedule.
    Items(Vec<Item>),
    /// In a file, seen from the schedule's; it is read at each firing.
    File(String),
}

/// The value of an input, in which expressions may stand.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A scalar as it was written; the plan's declaration gives its type.
    Text(String),
    /// A list or a mapping.
    Json(Value),
}

impl Schedule {
    /// The first time after `after` at which it is due.
    #[must_use]
    pub fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let before_first = |from: Timestamp| Timestamp::from_millis(from.as_millis() - 1);
        let after = self
            .from
            .map_or(after, |from| after.max(before_first(from)));
        let due = self.cron.next(&self.zone, after)?;
        self.until.is_none_or(|until| due < until).then_some(due)
    }

    /// The last `most` times at which it was due after `after`, up to and with
    /// `upto`, in order.
    #[must_use]
    pub fn last_due(&self, after: Timestamp, upto: Timestamp, most: usize) -> Vec<Timestamp> {
        let less = |at: Timestamp| Timestamp::from_millis(at.as_millis() - 1);
        let after = self.from.map_or(after, |from| after.max(less(from)));
        let upto = self.until.map_or(upto, |until| upto.min(less(until)));
        if upto <= after {
            return Vec::new();
        }
        self.cron.last(&self.zone, after, upto, most)
    }

    /// When a firing of this due time starts: up to the jitter later, and
    /// before the next is due. The same on every node and at every look.
    #[must_use]
    pub fn starts_at(&self, due: Timestamp) -> Timestamp {
        let most = match self.cron.next(&self.zone, due) {
            Some(next) => self.jitter.min(next.since(due)),
            None => self.jitter,
        };
        let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
        if most == 0 {
            return due;
        }
        due.after(Duration::from_millis(self.hash(due) % most))
    }

    /// Chance that is none.
    fn hash(&self, due: Timestamp) -> u64 {
        let text = alloc::format!("jitter\n{}\n{due}", self.id);
        let digest = rok_chain::Digest::of(text.as_bytes());
        let head = &digest.to_hex()[..16];
        u64::from_str_radix(head, 16).expect("a digest is hexadecimal")
    }
}
