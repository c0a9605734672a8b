//! Retention: which runs are kept, which are collected, and what is left.

use rok_vocabulary::{Actor, RunId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A run is to be held, or released.
#[derive(Debug, Clone)]
pub struct HoldRequest {
    /// Whether it is released.
    pub release: bool,
    /// Who says so.
    pub actor: Actor,
    /// Why.
    pub reason: String,
}

/// One line of a run's holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeldView {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// Whether the run is held from then on.
    pub held: bool,
    /// Why.
    pub reason: String,
}

/// What is to be collected. Without a rule nothing is.
#[derive(Debug, Clone)]
pub struct CollectRequest {
    /// Runs that were closed longer ago than this.
    pub older_than: Option<Duration>,
    /// The newest so many are kept, whatever else is said; alone: all others
    /// are collected.
    pub keep: Option<usize>,
    /// The oldest, until what is left has no more bytes than this.
    pub max_bytes: Option<u64>,
    /// Changes nothing.
    pub dry_run: bool,
    /// Who collects.
    pub actor: Actor,
}

/// What was collected, or would be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollectReport {
    /// Nothing was changed.
    pub dry_run: bool,
    /// Runs of which a stub is left.
    pub collected: Vec<CollectedRun>,
    /// Runs that the rules name and that are kept, and why.
    pub kept: Vec<KeptRun>,
    /// Runs that were to be collected and are there still, since that failed.
    pub failed: Vec<KeptRun>,
    /// Contents that nobody names any more.
    pub contents: u64,
    /// Their bytes.
    pub content_bytes: u64,
    /// Contents that nobody names, too young to be taken while runs go on.
    pub young: u64,
    /// Results kept for the cache that point to what is gone.
    pub cache_entries: u64,
    /// Folders and files that a kill left half-made.
    pub unfinished: u64,
    /// Bytes that are free, or would be, in all.
    pub freed_bytes: u64,
    /// Bytes of the runs and contents that are left.
    pub left_bytes: u64,
}

/// A run that was collected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CollectedRun {
    /// The run.
    pub run_id: RunId,
    /// Which rule named it.
    pub why: String,
    /// Bytes of its folder that are gone.
    pub bytes: u64,
}

/// A run that was named by a rule and is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KeptRun {
    /// The run.
    pub run_id: String,
    /// Why it is kept, or what failed.
    pub why: String,
}
