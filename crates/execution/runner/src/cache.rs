//! Results of earlier runs: the port behind which they lie, and the key by
//! which two attempts are the same work.

use crate::stage::Upstream;
use rok_artifacts::{Digest, Place};
use rok_events::CachedData;
use rok_vocabulary::{RunId, Seq, StepId};
use serde_json::Value;

/// Where results of earlier runs are looked for and kept.
pub trait StepCache: Send + Sync + std::fmt::Debug {
    /// Looks for a result. What is found has been held against the log that
    /// tells of it and against the store; what is not right is a miss.
    fn find(&self, key: &str) -> CacheAnswer;

    /// Keeps where a result stands, once it is durable. What cannot be kept is
    /// not found the next time, which costs time and no truth.
    fn keep(&self, key: &str, run: &RunId, step: &StepId, seq: Seq);
}

/// What came of looking.
#[derive(Debug)]
pub enum CacheAnswer {
    /// There is one.
    Hit(Box<CacheHit>),
    /// There is none; where something should have been, why not.
    Miss(Option<String>),
}

/// A result of an earlier run.
#[derive(Debug, Clone)]
pub struct CacheHit {
    /// Where it stands.
    pub from: CachedData,
    /// What it handed on.
    pub outputs: Value,
    /// What it made: path, place, content, whether it may be executed.
    pub artifacts: Vec<(String, Place, Digest, bool)>,
}

/// What is known of an attempt's inputs before its files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputsBase {
    /// The digest of the resolved step.
    pub step: String,
    /// What each step before it came to, by id.
    pub before: Vec<(String, String)>,
    /// Whether an earlier result is looked for.
    pub looks: bool,
}

/// Texts one after another, so that no two lists of them look the same.
#[derive(Debug)]
pub(crate) struct Feed(Vec<u8>);

impl Feed {
    pub(crate) fn new(form: &str) -> Self {
        let mut feed = Self(Vec::with_capacity(512));
        feed.text(form);
        feed
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.0
            .extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn sha256(&self) -> String {
        Digest::of(&self.0).sha256
    }
}

/// What a step came to: its outputs, what it made, and what came before it.
pub(crate) fn result_of(
    id: &str,
    state: &str,
    outputs: Option<&Value>,
    made: &[Upstream],
    before: &[(String, String)],
) -> String {
    let mut feed = Feed::new("rok-result-1");
    feed.text(id);
    feed.text(state);
    feed.text(&outputs.map(ToString::to_string).unwrap_or_default());
    for artifact in made {
        feed.text(&artifact.path);
        feed.text(&artifact.digest.sha256);
    }
    feed.text("before");
    for (id, result) in before {
        feed.text(id);
        feed.text(result);
    }
    feed.sha256()
}
