//! The judgement over a whole log: [`verify_log`].
//!
//! It reads and judges; it never repairs. The first line that is wrong is
//! named, and where two lines could be the wrong one, both are.

use crate::{ChainHash, Framing, LineFault, LineHeader, Seal, SealedLine, TornTail, Verifier};
use core::fmt;
use rok_vocabulary::{Epoch, RunId, Seq};

/// What state a log is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogState {
    /// It holds no whole decision.
    Empty,
    /// It is intact and does not end in a seal. A cut of an open log cannot be
    /// told from a crash.
    Open,
    /// It is intact and ends in a seal.
    Sealed,
    /// It is not what was written; the report's fault says where.
    Broken,
}

impl fmt::Display for LogState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Empty => "empty",
            Self::Open => "open",
            Self::Sealed => "sealed",
            Self::Broken => "broken",
        })
    }
}

/// How the log and the seal beside it agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealCheck {
    /// The log holds no seal, and none lies beside it.
    None,
    /// The seal beside the log is the log's last one.
    Matches,
    /// The log is sealed, and no seal lies beside it: the writer died between
    /// the two, or someone took it away. A claim writes it again.
    Missing,
    /// The seal beside the log is that of an earlier epoch. A claim writes the
    /// later one.
    Behind {
        /// The seq of the log's last seal.
        sealed: Seq,
    },
    /// The log is not what the seal says, or broken otherwise.
    Contradicted,
}

/// What is wrong with a log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// The line cannot be what was written here.
    #[error(transparent)]
    Line(#[from] LineFault),
    /// The next line's `chain` was computed over other bytes than these: this
    /// line was changed, or the one that followed it was taken out and those
    /// behind it numbered anew.
    #[error("was changed, or a line after it was taken out: the next line's chain does not fit it")]
    Changed,
    /// As [`Wrong::Changed`], but the next line is the last one, so that it
    /// may be its `chain` that was changed.
    #[error("was changed, or the chain of the line after it was")]
    ChangedOrNext,
    /// The seal says that the log goes on.
    #[error("is missing: the run was sealed at line {}, and the log ends before", .sealed.0 + 1)]
    Cut {
        /// The seq that was sealed.
        sealed: Seq,
    },
    /// The seal names this line, which is no `run.sealed`.
    #[error("is no run.sealed, and the seal says that it is")]
    NotSealed,
    /// The sealed line's hash is not the seal's.
    #[error("is not what was sealed: the log's hash is {found}, the seal's {expected}")]
    OtherHead {
        /// The seal's hash.
        expected: ChainHash,
        /// The log's hash.
        found: ChainHash,
    },
    /// The sealed line's epoch is not the seal's.
    #[error("seals epoch {found}, and the seal says {expected}")]
    OtherEpoch {
        /// The seal's epoch.
        expected: Epoch,
        /// The line's epoch.
        found: Epoch,
    },
}

/// The first thing that is wrong with a log, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line} (byte {byte}) {what}")]
pub struct LogFault {
    /// The line, from 1.
    pub line: u64,
    /// The byte of the log, from 0: where the line begins, or where reading it
    /// stopped.
    pub byte: u64,
    /// What is wrong there.
    pub what: Wrong,
}

/// What [`verify_log`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogReport {
    /// How many lines the log has; a last one without a newline counts.
    pub lines: u64,
    /// How many events are intact, from the first on, in whole decisions.
    pub events: u64,
    /// How many bytes those have.
    pub bytes: u64,
    /// The hash up to and including the last of them.
    pub head: ChainHash,
    /// The log's state.
    pub state: LogState,
    /// The last seal in the intact part, followed by other lines or not.
    pub last_seal: Option<SealedLine>,
    /// How the log and the seal beside it agree.
    pub seal: SealCheck,
    /// The first thing that is wrong.
    pub fault: Option<LogFault>,
    /// What a writer that died left after the last whole decision.
    pub torn_tail: Option<TornTail>,
}

/// Where the last whole decision ended.
#[derive(Clone, Copy)]
struct Mark {
    events: u64,
    bytes: usize,
    head: ChainHash,
    last_seal: Option<SealedLine>,
    sealed: bool,
}

/// Judges `log`, every byte of it as stored, against the seal beside it.
#[must_use]
pub fn verify_log(run: &RunId, log: &[u8], seal: Option<&Seal>) -> LogReport {
    let framing = Framing::of(log);
    // Behind an unreadable line nothing is known; reading faults there, or
    // before. Where the seal says that more was whole, what looks torn was cut.
    let whole = memchr::memchr_iter(b'\n', &log[..framing.complete]).count() as u64;
    let cut = seal.is_some_and(|seal| seal.seq.0 >= whole);
    let limit = if cut || framing.unreadable.is_some() {
        log.len()
    } else {
        framing.complete
    };
    let mut walk = Walk::new(run, seal);
    let mut fault = walk.lines(&log[..limit]);
    if fault.is_none() {
        fault = seal.and_then(|seal| walk.against(seal));
    }
    let mark = walk.mark;
    let newlines = memchr::memchr_iter(b'\n', log).count();
    let unended = usize::from(!log.is_empty() && log.last() != Some(&b'\n'));
    LogReport {
        lines: (newlines + unended) as u64,
        events: mark.events,
        bytes: mark.bytes as u64,
        head: mark.head,
        state: match &fault {
            Some(_) => LogState::Broken,
            None if mark.events == 0 => LogState::Empty,
            None if mark.sealed => LogState::Sealed,
            None => LogState::Open,
        },
        last_seal: mark.last_seal,
        seal: match (&fault, seal, mark.last_seal) {
            (Some(_), _, _) => SealCheck::Contradicted,
            (None, None, None) => SealCheck::None,
            (None, None, Some(_)) => SealCheck::Missing,
            (None, Some(seal), Some(last)) if last.seq > seal.seq => {
                SealCheck::Behind { sealed: last.seq }
            }
            (None, Some(_), _) => SealCheck::Matches,
        },
        fault,
        torn_tail: framing.torn_tail(log),
    }
}

/// The line that the seal names.
#[derive(Clone, Copy)]
struct Named {
    start: usize,
    hash: ChainHash,
    sealed: Option<SealedLine>,
    /// Where the decision before it ended.
    before: Mark,
}

/// One pass over a log.
struct Walk<'a> {
    verifier: Verifier,
    seal: Option<&'a Seal>,
    mark: Mark,
    named: Option<Named>,
    /// Where the lines that were taken end.
    end: usize,
}

impl<'a> Walk<'a> {
    fn new(run: &RunId, seal: Option<&'a Seal>) -> Self {
        let verifier = Verifier::new(run);
        let head = verifier.head();
        let mark = Mark {
            events: 0,
            bytes: 0,
            head,
            last_seal: None,
            sealed: false,
        };
        Self {
            verifier,
            seal,
            mark,
            named: None,
            end: 0,
        }
    }

    fn lines(&mut self, log: &[u8]) -> Option<LogFault> {
        let (mut start, mut before) = (0, None);
        for end in memchr::memchr_iter(b'\n', log) {
            let seq = self.verifier.next_seq();
            if let Err(fault) = self.verifier.line(&log[start..end]) {
                return Some(self.blame(log, start, before, fault));
            }
            if self.seal.is_some_and(|seal| seal.seq == seq) {
                let sealed = self.verifier.last_seal().filter(|sealed| sealed.seq == seq);
                let (hash, before) = (self.verifier.head(), self.mark);
                self.named = Some(Named {
                    start,
                    hash,
                    sealed,
                    before,
                });
            }
            before = Some((start, self.mark));
            start = end + 1;
            self.end = start;
            if self.verifier.at_boundary() {
                self.mark = Mark {
                    events: self.verifier.next_seq().0,
                    bytes: start,
                    head: self.verifier.head(),
                    last_seal: self.verifier.last_seal(),
                    sealed: self.verifier.is_sealed(),
                };
            }
        }
        None
    }

    /// Names the wrong line. A chain that does not fit tells that this line or
    /// the one before was changed: if the line with the chain that is due
    /// would fit what comes after, its chain was changed, else the other line.
    fn blame(
        &mut self,
        log: &[u8],
        start: usize,
        before: Option<(usize, Mark)>,
        fault: LineFault,
    ) -> LogFault {
        let here = self.verifier.next_seq().0 + 1;
        let found = match (&fault, before) {
            (LineFault::WrongChain { found, .. }, Some(before)) => Some((found, before)),
            _ => None,
        };
        let Some((found, (previous, mark))) = found else {
            let byte = (start + fault.at()) as u64;
            return LogFault {
                line: here,
                byte,
                what: Wrong::Line(fault),
            };
        };
        let end = memchr::memchr(b'\n', &log[start..]).map_or(log.len(), |at| start + at);
        let what = match self.chain_was_changed(&log[start..end], log.get(end + 1..), found) {
            Some(true) => {
                return LogFault {
                    line: here,
                    byte: start as u64,
                    what: Wrong::Line(fault),
                };
            }
            Some(false) => Wrong::Changed,
            None => Wrong::ChangedOrNext,
        };
        self.mark = mark;
        LogFault {
            line: here - 1,
            byte: previous as u64,
            what,
        }
    }

    /// Whether `line` fits what follows once its chain is the one that is due;
    /// `None` when nothing follows that could tell.
    fn chain_was_changed(&self, line: &[u8], rest: Option<&[u8]>, found: &str) -> Option<bool> {
        let due = self.verifier.head();
        let mended = mend(line, found, &due.short())?;
        let head = due.next(&mended);
        if self
            .seal
            .is_some_and(|seal| seal.seq == self.verifier.next_seq())
        {
            return self.seal.map(|seal| seal.head == head);
        }
        let rest = rest?;
        let next = &rest[..memchr::memchr(b'\n', rest)?];
        LineHeader::decode(next).map(|next| next.chain.as_bytes() == head.short())
    }

    /// What the seal says against the lines that were taken.
    fn against(&mut self, seal: &Seal) -> Option<LogFault> {
        let Some(named) = self.named else {
            let (line, byte) = (self.verifier.next_seq().0 + 1, self.end as u64);
            return Some(LogFault {
                line,
                byte,
                what: Wrong::Cut { sealed: seal.seq },
            });
        };
        let what = match named.sealed {
            None => Wrong::NotSealed,
            Some(_) if named.hash != seal.head => Wrong::OtherHead {
                expected: seal.head,
                found: named.hash,
            },
            Some(sealed) if sealed.epoch != seal.epoch => Wrong::OtherEpoch {
                expected: seal.epoch,
                found: sealed.epoch,
            },
            Some(_) => return None,
        };
        self.mark = named.before;
        Some(LogFault {
            line: seal.seq.0 + 1,
            byte: named.start as u64,
            what,
        })
    }
}

/// `line` with `chain` as its chain.
fn mend(line: &[u8], found: &str, chain: &[u8; 16]) -> Option<alloc::vec::Vec<u8>> {
    let key = memchr::memmem::find(line, b"\"chain\":\"")? + b"\"chain\":\"".len();
    let rest = line[key..].strip_prefix(found.as_bytes())?;
    Some([&line[..key], chain, rest].concat())
}

#[cfg(test)]
mod tests;
