//! What is said over the network: the JSON of `rok-agent/1`. How it is carried
//! is documented in `docs/howto/agents.md`.

use crate::spec::AgentSpec;
use crate::terms::Terms;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{AgentId, Attempt, Capability, Epoch, ErrorClass, RunId, StepId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The protocol's name, in everything that is signed.
pub const PROTOCOL: &str = "rok-agent/1";

/// What an agent says of itself; signed, it holds the challenge that it was
/// asked with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentCard {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// The challenge, as it was asked.
    #[serde(default)]
    pub challenge: String,
    /// What it is.
    pub spec: AgentSpec,
    /// How many steps it is doing.
    #[serde(default)]
    pub load: u32,
    /// Whether it has the work of the key that it was asked about.
    #[serde(default)]
    pub holds: bool,
}

/// A JSON text, and a signature over its very bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The text.
    pub payload: String,
    /// Ed25519, base64; absent where nothing is signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

impl Signed {
    /// What a signature is made over: what the text is, then its bytes. One of a
    /// card is none of a result.
    #[must_use]
    pub fn message(what: SignedWhat, payload: &str) -> Vec<u8> {
        let what = match what {
            SignedWhat::Card => "card",
            SignedWhat::Result => "result",
        };
        format!("{PROTOCOL} {what}\n{payload}").into_bytes()
    }
}

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedWhat {
    /// An [`AgentCard`].
    Card,
    /// A [`WorkResult`].
    Result,
}

/// A step that is offered. What it works on is told once it is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offer {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// The run.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The step.
    pub step_id: StepId,
    /// The attempt.
    pub attempt: Attempt,
    /// The same for every attempt at the step: what was done under it is never
    /// done again.
    pub key: String,
    /// Of this very order: a result holds it.
    pub nonce: String,
    /// What is to be done.
    pub capability: Capability,
    /// What else it must be able to do.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub capabilities: BTreeSet<Capability>,
    /// What it accepts with the step.
    #[serde(default)]
    pub terms: Terms,
    /// How long the work may take, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// A step that is given to an agent that accepted it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Order {
    /// What was offered.
    #[serde(flatten)]
    pub offer: Offer,
    /// What it works on: the step's `with`.
    #[serde(default)]
    pub with: Map<String, Value>,
}

/// What an agent works on that is asked to [`RUN`](crate::RUN): a process, and
/// what it is told. No shell splits it, and nothing of it is a path here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessOrder {
    /// The program and its arguments. Not empty.
    pub argv: Vec<String>,
    /// The variables that the plan sets.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The run's inputs: `ROK_INPUTS`.
    #[serde(default)]
    pub inputs: Map<String, Value>,
}

/// How work stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorkStatus {
    /// It goes on.
    Running {
        /// Grows as long as the work itself is alive.
        beat: u64,
    },
    /// It is over.
    Done {
        /// A [`WorkResult`], signed.
        result: Signed,
    },
}

/// What work came to, and of which order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WorkResult {
    /// [`PROTOCOL`].
    pub protocol: String,
    /// Who did it.
    pub agent_id: AgentId,
    /// The run.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The step.
    pub step_id: StepId,
    /// The attempt.
    pub attempt: Attempt,
    /// The order's nonce.
    pub nonce: String,
    /// What it hands on: an object, or null.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub outputs: Value,
    /// Why it failed; absent: it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<WorkError>,
    /// What it used.
    #[serde(default, skip_serializing_if = "WorkUsage::is_nothing")]
    pub usage: WorkUsage,
    /// What it printed, for the step's log.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub log: String,
}

/// Why work failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkError {
    /// Decides about retries.
    pub class: ErrorClass,
    /// For people.
    pub reason: String,
}

/// What work used.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkUsage {
    /// US dollars.
    #[serde(default)]
    pub cost_usd: f64,
    /// Kilowatt hours.
    #[serde(default)]
    pub energy_kwh: f64,
    /// Tokens of language models.
    #[serde(default)]
    pub tokens: u64,
}

impl WorkUsage {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl WorkResult {
    /// The result of an order that went well.
    #[must_use]
    pub fn of(offer: &Offer, agent: AgentId, outputs: Value) -> Self {
        Self {
            protocol: PROTOCOL.into(),
            agent_id: agent,
            run_id: offer.run_id.clone(),
            epoch: offer.epoch,
            step_id: offer.step_id.clone(),
            attempt: offer.attempt,
            nonce: offer.nonce.clone(),
            outputs,
            error: None,
            usage: WorkUsage::default(),
            log: String::new(),
        }
    }

    /// Whether it is the result of this very order, by this agent; else what
    /// differs.
    pub fn answers(&self, offer: &Offer, agent: &AgentId) -> Result<(), &'static str> {
        let parts = [
            ("protocol", self.protocol == PROTOCOL),
            ("agent_id", self.agent_id == *agent),
            ("run_id", self.run_id == offer.run_id),
            ("epoch", self.epoch == offer.epoch),
            ("step_id", self.step_id == offer.step_id),
            ("attempt", self.attempt == offer.attempt),
            ("nonce", self.nonce == offer.nonce),
        ];
        match parts.iter().find(|(_, same)| !same) {
            Some((part, _)) => Err(part),
            None => Ok(()),
        }
    }
}
