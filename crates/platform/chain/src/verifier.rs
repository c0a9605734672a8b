//! Checks a log line by line: framing, sequence, chain and seals.

use crate::{ChainHash, LineHeader, header};
use alloc::string::{String, ToString};
use rok_vocabulary::{Epoch, RunId, Seq};

/// The event types that may open a segment after a seal.
pub const AFTER_SEAL: &[&str] = &[
    "override.approved",
    "run.override_applied",
    "run.resumed",
    "run.rollback_started",
    "step.compensated",
    "step.compensation_failed",
    "run.rolled_back",
    "ack.received",
    "log.repaired",
];

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineFault {
    /// The line is no event.
    #[error("not an event: {message}")]
    Unreadable {
        /// The byte of the line at which reading stopped.
        at: usize,
        /// What was met there.
        message: String,
    },
    /// The line belongs to another run.
    #[error("belongs to run `{found}`, not `{expected}`")]
    OtherRun {
        /// The log's run.
        expected: String,
        /// The line's run.
        found: String,
    },
    /// A line is missing, doubled or out of order.
    #[error("has seq {found} where {expected} is due: a line is missing, doubled or out of order")]
    WrongSeq {
        /// The seq that is due.
        expected: u64,
        /// The line's seq.
        found: u64,
    },
    /// `event_id` is not `RUN_ID:SEQ`.
    #[error("has event_id `{found}`, not `{expected}`")]
    WrongEventId {
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// `chain` is not the hash of what came before.
    #[error("has chain {found} where {expected} is due")]
    WrongChain {
        /// The first 16 hex digits of the hash before this line.
        expected: String,
        /// The line's `chain`.
        found: String,
    },
    /// `log_hash` is not the hash of what came before.
    #[error("has log_hash {found} where {expected} is due")]
    WrongLogHash {
        /// The hash before this line.
        expected: ChainHash,
        /// The line's `log_hash`.
        found: String,
    },
    /// A `run.sealed` with `more`: a seal ends its decision.
    #[error("is a seal in the middle of a decision")]
    SealNotLast,
    /// A seal was followed by an event that may not follow it.
    #[error("is a `{event_type}`, which may not follow a seal")]
    AfterSeal {
        /// The event's type.
        event_type: String,
    },
}

impl LineFault {
    /// The byte of the line that the fault is about; 0 where it is the whole
    /// line.
    #[must_use]
    pub const fn at(&self) -> usize {
        match self {
            Self::Unreadable { at, .. } => *at,
            _ => 0,
        }
    }
}

/// A `run.sealed` that the verifier passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedLine {
    /// The epoch that it closed.
    pub epoch: Epoch,
    /// Its seq.
    pub seq: Seq,
    /// The hash up to and including it.
    pub head: ChainHash,
}

/// Checks the lines of one log in order. A line that is refused leaves the
/// verifier as it was.
///
/// ```
/// use rok_chain::{LineFault, Verifier};
///
/// let mut verifier = Verifier::new(&"r".parse()?);
/// assert!(matches!(verifier.line(b"garbage"), Err(LineFault::Unreadable { .. })));
/// # Ok::<(), rok_vocabulary::IdError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Verifier {
    run: RunId,
    next: u64,
    head: ChainHash,
    more: bool,
    sealed: Option<SealedLine>,
}

impl Verifier {
    /// A verifier that expects the first line of a run's log.
    #[must_use]
    pub fn new(run: &RunId) -> Self {
        let head = ChainHash::genesis(run);
        Self {
            run: run.clone(),
            next: 0,
            head,
            more: false,
            sealed: None,
        }
    }

    /// Takes the next line, given without its newline.
    pub fn line(&mut self, line: &[u8]) -> Result<(), LineFault> {
        let header: LineHeader<'_> =
            header::decode(line).map_err(|error| LineFault::Unreadable {
                at: error.at,
                message: error.message,
            })?;
        self.check(&header)?;
        self.head = self.head.next(line);
        if header.event_type == "run.sealed" {
            let epoch = Epoch(header.epoch.unwrap_or_default());
            self.sealed = Some(SealedLine {
                epoch,
                seq: Seq(self.next),
                head: self.head,
            });
        }
        self.next += 1;
        self.more = header.more;
        Ok(())
    }

    fn check(&self, header: &LineHeader<'_>) -> Result<(), LineFault> {
        if header.run_id != self.run.as_str() {
            return Err(LineFault::OtherRun {
                expected: self.run.to_string(),
                found: cut(header.run_id),
            });
        }
        if header.seq != self.next {
            return Err(LineFault::WrongSeq {
                expected: self.next,
                found: header.seq,
            });
        }
        if !is_event_id(header.event_id, &self.run, self.next) {
            return Err(LineFault::WrongEventId {
                expected: alloc::format!("{}:{}", self.run, self.next),
                found: cut(header.event_id),
            });
        }
        if header.chain.as_bytes() != self.head.short() {
            return Err(LineFault::WrongChain {
                expected: self.head.short_str(),
                found: cut(header.chain),
            });
        }
        if let Some(found) = header.log_hash
            && found.as_bytes() != self.head.hex()
        {
            return Err(LineFault::WrongLogHash {
                expected: self.head,
                found: cut(found),
            });
        }
        if header.more && header.event_type == "run.sealed" {
            return Err(LineFault::SealNotLast);
        }
        if self.is_sealed() && !AFTER_SEAL.contains(&header.event_type) {
            return Err(LineFault::AfterSeal {
                event_type: cut(header.event_type),
            });
        }
        Ok(())
    }

    /// The run whose log is checked.
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The hash up to and including the last line taken.
    pub const fn head(&self) -> ChainHash {
        self.head
    }

    /// The seq of the line that is due.
    pub const fn next_seq(&self) -> Seq {
        Seq(self.next)
    }

    /// Whether the last line taken ended its decision; true at the start.
    pub const fn at_boundary(&self) -> bool {
        !self.more
    }

    /// The last seal taken, followed by other lines or not.
    pub const fn last_seal(&self) -> Option<SealedLine> {
        self.sealed
    }

    /// Whether the last line taken was a seal.
    pub const fn is_sealed(&self) -> bool {
        matches!(self.sealed, Some(sealed) if sealed.seq.0 + 1 == self.next)
    }
}

/// Faults quote what they met, but not without bounds.
fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Whether `id` is `run:seq`, without an allocation.
fn is_event_id(id: &str, run: &RunId, seq: u64) -> bool {
    let digits = id
        .strip_prefix(run.as_str())
        .and_then(|rest| rest.strip_prefix(':'));
    digits.is_some_and(|digits| {
        let canonical = digits == "0" || !digits.starts_with(['0', '+']);
        canonical && digits.parse() == Ok(seq)
    })
}
