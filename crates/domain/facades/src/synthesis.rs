//! Synthesis: what the services of a run found, as one diagnosis. It owes no
//! ack, and its failure is told, never the run's.

use crate::answer::{EngineError, call};
use rok_vocabulary::RunId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;

/// So many failures in a row mark a worker degraded for a site; when it reports,
/// it is so no longer.
pub const DEGRADED_AFTER: u32 = 3;

/// What one service of a run came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ServiceFact<'a> {
    /// Its slug.
    pub service: &'a str,
    /// Whether the plan requires it.
    pub required: bool,
    /// `completed`, `failed`, `timeout`, `skipped`, `running` or `pending`.
    pub status: &'a str,
    /// Why it did not complete.
    pub error: Option<&'a str>,
    /// What it answered.
    pub payload: Option<&'a Value>,
}

/// What the services of a run came to.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceRunFacts<'a> {
    /// The run.
    pub run: &'a RunId,
    /// The site's id.
    pub website_id: &'a str,
    /// Its domain.
    pub domain: &'a str,
    /// Every service of the plan, in its order.
    pub services: Vec<ServiceFact<'a>>,
}

/// One thing that a service found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signal {
    /// Who found it.
    pub service: String,
    /// `technical`, `rankings`, `authority`, `content`, `analytics` or `vitals`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `info`, `low`, `medium`, `high` or `critical`.
    pub severity: String,
    /// What it is, in a line.
    pub headline: String,
    /// What shows it.
    pub evidence: Value,
}

/// A signal that a rule made a cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    /// The rule.
    pub rule: String,
    /// The signal.
    #[serde(flatten)]
    pub signal: Signal,
}

/// What a run's services found, taken together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// What matters most; null where nothing was found.
    pub primary_cause: Option<Cause>,
    /// What else was found.
    pub supporting_causes: Vec<Cause>,
    /// What is different, at most five lines.
    pub what_changed: Vec<String>,
    /// What to do, at most five lines.
    pub what_to_do_next: Vec<String>,
    /// `high`, `medium` or `low`.
    pub confidence: String,
    /// The same as a number, 0 to 100.
    pub confidence_score: u32,
    /// Services of the plan that did not report.
    pub missing_services: Vec<String>,
    /// Those of them whose time was up.
    pub timed_out_services: Vec<String>,
    /// Services whose workers failed this site three times in a row or more,
    /// this run included; null where nobody counts.
    #[serde(default)]
    pub degraded_services: Option<Vec<String>>,
    /// Which rules these were, sha-256, hex.
    pub rules: String,
}

/// What makes a diagnosis.
pub trait SynthesisEngine: Send + Sync {
    /// Takes together what the services of a run found.
    fn synthesize(&self, facts: &ServiceRunFacts<'_>) -> Result<Diagnosis, EngineError>;
}

/// The door to the synthesis domain.
#[derive(Clone)]
pub struct SynthesisFacade(Arc<dyn SynthesisEngine>);

impl SynthesisFacade {
    /// The door to this engine.
    #[must_use]
    pub fn new(engine: Arc<dyn SynthesisEngine>) -> Self {
        Self(engine)
    }

    /// The diagnosis, or why there is none: a panic is a reason too.
    pub fn synthesize(&self, facts: &ServiceRunFacts<'_>) -> Result<Diagnosis, String> {
        call(|| self.0.synthesize(facts)).map_err(|error| error.to_string())
    }
}
