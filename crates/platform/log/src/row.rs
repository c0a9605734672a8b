//! What the index holds of a run: [`RunRow`], and how it is asked for.

use rok_vocabulary::{
    Disposition, Epoch, HoldReason, Outcome, PlanId, RunId, RunPhase, Seq, Timestamp,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Deref;
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
    /// The seq that is due.
    pub next_seq: Seq,
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
            next_seq: Seq::FIRST,
        }
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
    /// cannot be read. Listed whatever the filter, never hidden.
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
    /// Only entries whose name sorts after this one: the last of the page
    /// before.
    pub after: Option<String>,
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
    }

    /// Whether an entry of this name comes after the page before.
    pub fn is_after(&self, name: &str) -> bool {
        self.after.as_deref().is_none_or(|after| name > after)
    }
}
