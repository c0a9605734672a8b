//! The seal of an epoch: what lies beside the log (`seal.json`, or the run's
//! row) and shows a cut log and a changed last line.

use crate::{ChainHash, header};
use alloc::string::String;
use rok_vocabulary::{Epoch, Outcome, RunPhase, Seq};
use serde::{Deserialize, Serialize};

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
    /// How execution ended; absent where it never began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
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
    /// No event of the sealed segment names a terminal phase.
    #[error("no event up to line {} names the phase that was sealed", .seq.0 + 1)]
    NoPhase {
        /// The seq of `run.sealed`.
        seq: Seq,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    event_type: &'a str,
    #[serde(default)]
    epoch: Epoch,
    #[serde(default)]
    new_state: Option<&'a str>,
    #[serde(default)]
    data: Option<Data>,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    phase: Option<RunPhase>,
    #[serde(default)]
    outcome: Option<Outcome>,
}

impl Seal {
    /// Reads the seal at `seq` back from `log`, whose hash up to and including
    /// that line is `head`: for a store whose seal was lost in a crash between
    /// the events and the seal. The phase is what `run.sealed` says in its
    /// `data`, else what the last `run.state_changed` before it entered; the
    /// outcome what `run.sealed` or `run.completed` says.
    pub fn from_log(log: &[u8], seq: Seq, head: ChainHash) -> Result<Self, SealError> {
        let mut lines = log.split(|b| *b == b'\n');
        let before = lines.by_ref().take(usize::try_from(seq.0).unwrap_or(usize::MAX));
        let (mut phase, mut outcome) = (None, None);
        for line in before {
            let Ok(line) = header::decode::<Line<'_>>(line) else { continue };
            let data = line.data.unwrap_or_default();
            match line.event_type {
                "run.state_changed" => phase = line.new_state.and_then(|word| word.parse().ok()),
                "run.completed" => outcome = data.outcome,
                // The next epoch has its own.
                "run.sealed" => (phase, outcome) = (None, None),
                _ => {}
            }
        }
        let sealed = lines.next().and_then(|line| header::decode::<Line<'_>>(line).ok());
        let sealed = sealed
            .filter(|line| line.event_type == "run.sealed")
            .ok_or(SealError::NoSeal { seq })?;
        let data = sealed.data.unwrap_or_default();
        let phase = data
            .phase
            .or(phase)
            .filter(|phase: &RunPhase| phase.is_terminal())
            .ok_or(SealError::NoPhase { seq })?;
        Ok(Self { epoch: sealed.epoch, seq, head, phase, outcome: data.outcome.or(outcome) })
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
