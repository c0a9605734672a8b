//! The seal of an epoch: what lies beside the log (`seal.json`, or the run's
//! row) and shows a cut log and a changed last line.

use crate::{ChainHash, header};
use alloc::string::String;
use rok_vocabulary::{Epoch, Outcome, RunPhase, Seq};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// What was sealed. Durable before a terminal state is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The epoch that `run.sealed` closed.
    pub epoch: Epoch,
    /// The seq of `run.sealed`.
    pub seq: Seq,
    /// The hash of the log up to and including `run.sealed`.
    pub head: ChainHash,
    /// The terminal phase.
    pub phase: RunPhase,
    /// How execution ended.
    pub outcome: Outcome,
}

/// A seal that cannot be told from the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The log holds no `run.sealed` at that place.
    #[error("line {} is no run.sealed", .seq.0 + 1)]
    NoSeal {
        /// Where it was looked for.
        seq: Seq,
    },
    /// Its `data` does not say which phase and outcome it seals.
    #[error("line {} does not say what it seals: {message}", .seq.0 + 1)]
    Unsaid {
        /// The seq of `run.sealed`.
        seq: Seq,
        /// What is wrong with its `data`.
        message: String,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    event_type: &'a str,
    #[serde(default)]
    epoch: Epoch,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Sealed {
    phase: RunPhase,
    outcome: Outcome,
}

impl Seal {
    /// Reads the seal at `seq` back from `log`, whose hash up to and including
    /// that line is `head`: for a store whose seal was lost in a crash between
    /// the events and the seal. `run.sealed` says `phase` and `outcome` in its
    /// `data`.
    pub fn from_log(log: &[u8], seq: Seq, head: ChainHash) -> Result<Self, SealError> {
        let n = usize::try_from(seq.0).unwrap_or(usize::MAX);
        let line = log.split(|b| *b == b'\n').nth(n).unwrap_or_default();
        let line = header::decode::<Line<'_>>(line)
            .ok()
            .filter(|line| line.event_type == "run.sealed")
            .ok_or(SealError::NoSeal { seq })?;
        let data = line.data.map_or("null", RawValue::get).as_bytes();
        let Sealed { phase, outcome } =
            header::decode(data).map_err(|error| SealError::Unsaid {
                seq,
                message: error.message,
            })?;
        if !phase.is_terminal() {
            let message = alloc::format!("{phase} is not a terminal phase");
            return Err(SealError::Unsaid { seq, message });
        }
        Ok(Self {
            epoch: line.epoch,
            seq,
            head,
            phase,
            outcome,
        })
    }

    /// The seal as it lies in `seal.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a seal holds numbers and words only")
    }

    /// Reads `seal.json`; an error is a message and the byte it is about.
    pub fn from_json(bytes: &[u8]) -> Result<Self, (usize, String)> {
        header::decode(bytes).map_err(|error| (error.at, error.message))
    }
}
