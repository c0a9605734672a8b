//! What the index holds of a run: [`RunRow`], and how it is asked for.

use rok_vocabulary::{
    Disposition, Epoch, HoldReason, Outcome, PlanId, RunId, RunPhase, Seq, Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::Arc;

/// A run's labels, sorted by key; cheap to clone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels(Arc<BTreeMap<String, String>>);

impl Deref for Labels {
    type Target = BTreeMap<String, String>;
    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl From<BTreeMap<String, String>> for Labels {
    fn from(labels: BTreeMap<String, String>) -> Self {
        Self(Arc::new(labels))
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Labels {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(labels: I) -> Self {
        let labels = labels
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        Self(Arc::new(labels.collect()))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        BTreeMap::deserialize(deserializer).map(Self::from)
    }
}

/// A run as the index holds it: a projection of the log, written with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRow {
    /// The plan.
    pub plan: PlanId,
    /// The phase.
    pub phase: RunPhase,
    /// How execution ended, once it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why the run is held, while it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<HoldReason>,
    /// What became of it after FAILED, where that is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disposition: Option<Disposition>,
    /// Whether a rollback was begun and is not done.
    #[serde(default, skip_serializing_if = "is_false")]
    pub undoing: bool,
    /// The epoch.
    pub epoch: Epoch,
    /// The run's labels.
    #[serde(default, skip_serializing_if = "is_empty")]
    pub labels: Labels,
    /// When the run was created.
    pub created_at: Timestamp,
    /// When its last event happened.
    pub updated_at: Timestamp,
    /// When the run must be looked at again, if nothing happens before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wake_at: Option<Timestamp>,
    /// How urgent the run is among those that wait: -100 to 100.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub priority: i8,
    /// With which others it must not go on at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// The seq that is due.
    pub next_seq: Seq,
}

/// How many runs with one key may go on at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concurrency {
    /// The key.
    pub key: String,
    /// How many; at least one.
    pub limit: u32,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(priority: &i8) -> bool {
    *priority == 0
}

fn is_empty(labels: &Labels) -> bool {
    labels.is_empty()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
const fn is_false(flag: &bool) -> bool {
    !*flag
}

impl RunRow {
    /// The row of a run that is being created.
    pub fn new(plan: PlanId, created_at: Timestamp) -> Self {
        Self {
            plan,
            phase: RunPhase::Created,
            outcome: None,
            hold: None,
            disposition: None,
            undoing: false,
            epoch: Epoch::FIRST,
            labels: Labels::default(),
            created_at,
            updated_at: created_at,
            wake_at: None,
            priority: 0,
            concurrency: None,
            next_seq: Seq::FIRST,
        }
    }

    /// Whether the run is closed, or waits under a hold.
    pub const fn rests(&self) -> bool {
        self.phase.is_terminal() || self.hold.is_some()
    }
}

/// In which order runs are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum RunOrder {
    /// By id.
    #[default]
    ById,
    /// The one that was created last first, and by id, backwards, among those
    /// of one moment. What was created nobody knows when comes before all.
    NewestFirst,
}

/// Where an entry stands in a list: the next page goes on behind it, whatever
/// came or went meanwhile. Its text is for machines to hand back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// When the run was created; `None` where the entry is broken.
    pub created_at: Option<Timestamp>,
    /// The entry's name.
    pub name: String,
}

/// A text that is no [`Cursor`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this is no cursor of a list: take the one that came with the page before")]
pub struct CursorError;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.created_at {
            write!(f, "{}", at.as_millis())?;
        }
        write!(f, ":{}", self.name)
    }
}

impl FromStr for Cursor {
    type Err = CursorError;
    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (at, name) = text.split_once(':').ok_or(CursorError)?;
        let millis = match at {
            "" => None,
            at => Some(at.parse().map_err(|_| CursorError)?),
        };
        Ok(Self {
            created_at: millis.map(Timestamp::from_millis),
            name: name.to_owned(),
        })
    }
}

/// One entry of a list of runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunEntry {
    /// A run.
    Run {
        /// Its id.
        run: RunId,
        /// Its row.
        row: RunRow,
    },
    /// A run whose content was collected: what is left is a stub.
    Collected {
        /// Its id.
        run: RunId,
        /// Its row, as it was.
        row: RunRow,
    },
    /// Something that stands where a run should and is none, or one that
    /// cannot be read. Listed whatever the filter, unless it is known all the
    /// same when it began, and of which plan.
    Broken {
        /// Its name; a run id, or what stands in its place.
        name: String,
        /// What is wrong with it, and where.
        why: String,
    },
}

impl RunEntry {
    /// The entry's name, by which lists are sorted.
    pub fn name(&self) -> &str {
        match self {
            Self::Run { run, .. } | Self::Collected { run, .. } => run.as_str(),
            Self::Broken { name, .. } => name,
        }
    }

    /// Where the entry stands in a list.
    pub fn cursor(&self) -> Cursor {
        Cursor {
            created_at: self.row().map(|row| row.created_at),
            name: self.name().to_owned(),
        }
    }

    /// The row, unless the entry is broken.
    pub const fn row(&self) -> Option<&RunRow> {
        match self {
            Self::Run { row, .. } | Self::Collected { row, .. } => Some(row),
            Self::Broken { .. } => None,
        }
    }
}

/// Which runs to list. The default lists all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunFilter {
    /// Any of these phases; all of them if empty.
    pub phases: Vec<RunPhase>,
    /// Any of these outcomes; with none, runs without one too.
    pub outcomes: Vec<Outcome>,
    /// Only held runs, or only runs that are not.
    pub held: Option<bool>,
    /// Only runs of this plan.
    pub plan: Option<PlanId>,
    /// Only runs created then or later.
    pub since: Option<Timestamp>,
    /// Only runs with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Only runs with this concurrency key.
    pub concurrency: Option<String>,
    /// In which order.
    pub order: RunOrder,
    /// Only entries that stand behind this one: the last of the page before.
    pub after: Option<Cursor>,
    /// At most so many entries.
    pub limit: Option<usize>,
}

impl RunFilter {
    /// Whether a run with this row is asked for, paging aside.
    pub fn matches(&self, row: &RunRow) -> bool {
        (self.phases.is_empty() || self.phases.contains(&row.phase))
            && (self.outcomes.is_empty()
                || row
                    .outcome
                    .is_some_and(|outcome| self.outcomes.contains(&outcome)))
            && self.held.is_none_or(|held| held == row.hold.is_some())
            && self.plan.as_ref().is_none_or(|plan| *plan == row.plan)
            && self.since.is_none_or(|since| row.created_at >= since)
            && self
                .labels
                .iter()
                .all(|(key, value)| row.labels.get(key) == Some(value))
            && self.concurrency.as_ref().is_none_or(|key| {
                let own = row.concurrency.as_ref();
                own.is_some_and(|own| own.key == *key)
            })
    }

    /// Whether an entry stands behind the page before.
    pub fn is_after(&self, created_at: Option<Timestamp>, name: &str) -> bool {
        self.after.as_ref().is_none_or(|after| {
            let before = (after.created_at, after.name.as_str());
            self.order.compare(before, (created_at, name)).is_lt()
        })
    }

    /// Sorts entries, drops those of the pages before, and cuts the page.
    pub fn page(&self, mut entries: Vec<RunEntry>) -> Vec<RunEntry> {
        fn at(entry: &RunEntry) -> (Option<Timestamp>, &str) {
            (entry.row().map(|row| row.created_at), entry.name())
        }
        entries.retain(|entry| {
            let (created_at, name) = at(entry);
            self.is_after(created_at, name)
        });
        entries.sort_unstable_by(|a, b| self.order.compare(at(a), at(b)));
        entries.truncate(self.limit.unwrap_or(usize::MAX));
        entries
    }
}

impl RunOrder {
    /// Which of two entries, by creation and name, stands first.
    pub fn compare(self, a: (Option<Timestamp>, &str), b: (Option<Timestamp>, &str)) -> Ordering {
        // What has no time is newer than all.
        let newness = |at: Option<Timestamp>| (at.is_none(), at);
        match self {
            Self::ById => a.1.cmp(b.1),
            Self::NewestFirst => (newness(b.0), b.1).cmp(&(newness(a.0), a.1)),
        }
    }
}
