//! Batches: one plan over a list of inputs, one run per item.

use super::requests::Submission;
use super::views::ErrorView;
use rok_chain::Digest;
use rok_vocabulary::{BatchId, Outcome, PlanId, RunId, RunPhase, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most items of a batch.
pub const MAX_BATCH_ITEMS: usize = 10_000;

/// The label that says of which batch a run is.
pub const BATCH_LABEL: &str = "rok.batch";
/// The label that says of which item, from 0.
pub const BATCH_INDEX_LABEL: &str = "rok.batch.index";
/// The label that says how many items the batch has.
pub const BATCH_ITEMS_LABEL: &str = "rok.batch.items";

/// One plan, and the inputs of each run. The same batch again is the same runs:
/// what was made is not made again.
#[derive(Debug, Clone)]
pub struct BatchSubmission {
    /// The batch.
    pub batch: BatchId,
    /// What all runs have in common; it names no run and has no key.
    pub common: Submission,
    /// The inputs of each run; these win over the common ones.
    pub items: Vec<Map<String, Value>>,
    sha256: String,
}

impl BatchSubmission {
    /// A batch of these items.
    #[must_use]
    pub fn new(batch: BatchId, common: Submission, items: Vec<Map<String, Value>>) -> Self {
        let text = serde_json::to_vec(&items).expect("it is JSON");
        Self {
            sha256: Digest::of(&text).to_hex(),
            batch,
            common,
            items,
        }
    }

    /// The run of an item, from 0.
    #[must_use]
    pub fn run(&self, index: usize) -> RunId {
        item_run(&self.batch, index)
    }

    /// What is submitted for an item.
    #[must_use]
    pub fn item(&self, index: usize) -> Submission {
        let mut item = self.common.clone();
        let own = self.items.get(index).cloned();
        item.inputs.extend(own.unwrap_or_default());
        item.labels.extend([
            (BATCH_LABEL.to_owned(), self.batch.to_string()),
            (BATCH_INDEX_LABEL.to_owned(), index.to_string()),
            (BATCH_ITEMS_LABEL.to_owned(), self.items.len().to_string()),
        ]);
        item
    }

    /// What the items were when it was made, sha-256, hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// The run of an item of a batch.
#[must_use]
pub fn item_run(batch: &BatchId, index: usize) -> RunId {
    let id = format!("{batch}.{index}");
    id.parse().expect("a batch's id leaves room for the index")
}

/// How a batch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchStatus {
    /// Some runs have not ended, and some of those are driven.
    Running,
    /// Some have not ended or were not submitted, and nothing drives any: that is
    /// somebody's to do.
    Interrupted,
    /// Some have not ended, and nobody has any of them now: whoever serves the
    /// database takes them up.
    Queued,
    /// All that have not ended wait for somebody's decision.
    Held,
    /// Every run has succeeded.
    Success,
    /// Some runs have, or have in part.
    Partial,
    /// None has.
    Failure,
}

/// A batch and its runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchResult {
    /// The batch.
    pub batch_id: BatchId,
    /// Its plan.
    pub plan: PlanId,
    /// How it stands.
    pub status: BatchStatus,
    /// The items, in order.
    pub results: Vec<BatchItem>,
    /// When its first run was created.
    pub started_at: Timestamp,
    /// When its last run ended, once all have.
    pub completed_at: Option<Timestamp>,
}

/// An item of a batch, and its run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BatchItem {
    /// Which, from 0.
    pub index: u32,
    /// Its run.
    pub run_id: RunId,
    /// Where the run stands, as in lists of runs; `not_submitted` where there is
    /// none yet.
    pub status: String,
    /// The phase.
    pub phase: Option<RunPhase>,
    /// How execution ended.
    pub outcome: Option<Outcome>,
    /// When it was created.
    pub created_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// It waits for somebody's decision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// It has not ended, waits for nobody, and no process drives it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// It has not ended, and no server has it now: one takes it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub queued: bool,
    /// Why it failed; told of the first hundred that did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorView>,
}

impl BatchItem {
    /// Whether its run has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.phase.is_some_and(RunPhase::is_terminal)
    }

    /// How a batch stands by this item alone, where it has not ended.
    fn open(&self) -> Option<BatchStatus> {
        match self.phase {
            Some(phase) if phase.is_terminal() => None,
            None => Some(BatchStatus::Interrupted),
            Some(_) if self.interrupted => Some(BatchStatus::Interrupted),
            Some(_) if self.queued => Some(BatchStatus::Queued),
            Some(_) if self.held => Some(BatchStatus::Held),
            Some(_) => Some(BatchStatus::Running),
        }
    }
}

impl BatchStatus {
    /// How a batch of these items stands.
    #[must_use]
    pub fn of(items: &[BatchItem]) -> Self {
        let completed = |item: &&BatchItem| item.phase == Some(RunPhase::Completed);
        let succeeded =
            |item: &&BatchItem| completed(item) && item.outcome == Some(Outcome::Succeeded);
        let open = |status: Self| items.iter().any(|item| item.open() == Some(status));
        let unended = [Self::Running, Self::Interrupted, Self::Queued, Self::Held];
        if let Some(status) = unended.into_iter().find(|status| open(*status)) {
            status
        } else if items.iter().filter(succeeded).count() == items.len() {
            Self::Success
        } else if items.iter().any(|item| completed(&item)) {
            Self::Partial
        } else {
            Self::Failure
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn item(text: &str) -> BatchItem {
        let (phase, outcome) = match text {
            "ok" => (Some(RunPhase::Completed), Some(Outcome::Succeeded)),
            "partly" => (Some(RunPhase::Completed), Some(Outcome::Partial)),
            "bad" => (Some(RunPhase::Failed), Some(Outcome::Failed)),
            // Its execution succeeded, and its check did not.
            "refused" => (Some(RunPhase::Failed), Some(Outcome::Succeeded)),
            "going" | "left" | "queued" | "held" => (Some(RunPhase::Executing), None),
            _ => (None, None),
        };
        BatchItem {
            index: 0,
            run_id: "b.0".parse().unwrap(),
            status: String::new(),
            phase,
            outcome,
            created_at: None,
            completed_at: None,
            held: text == "held",
            interrupted: text == "left",
            queued: text == "queued",
            error: None,
        }
    }

    #[rstest]
    #[case(&["ok", "ok"], BatchStatus::Success)]
    #[case(&["ok", "bad"], BatchStatus::Partial)]
    #[case(&["ok", "partly"], BatchStatus::Partial)]
    #[case(&["partly"], BatchStatus::Partial)]
    #[case(&["bad", "bad"], BatchStatus::Failure)]
    #[case(&["refused"], BatchStatus::Failure)]
    #[case(&["ok", "refused"], BatchStatus::Partial)]
    #[case(&["ok", "going"], BatchStatus::Running)]
    #[case(&["going", "none", "left", "held"], BatchStatus::Running)]
    #[case(&["bad", "none"], BatchStatus::Interrupted)]
    #[case(&["ok", "left", "held"], BatchStatus::Interrupted)]
    #[case(&["queued", "held", "ok"], BatchStatus::Queued)]
    #[case(&["held", "ok"], BatchStatus::Held)]
    fn a_batch_stands_as_its_runs_do(#[case] items: &[&str], #[case] status: BatchStatus) {
        let items: Vec<BatchItem> = items.iter().map(|text| item(text)).collect();
        assert_eq!(BatchStatus::of(&items), status);
    }

    #[test]
    fn every_item_of_the_longest_batch_has_a_run() {
        let id = "b".repeat(59).parse::<BatchId>().unwrap();
        assert_eq!(item_run(&id, MAX_BATCH_ITEMS - 1).as_str().len(), 64);
        assert!("b".repeat(60).parse::<BatchId>().is_err());
    }
}
