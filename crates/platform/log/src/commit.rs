//! What the write port takes: [`Commit`], and what travels in it.

use crate::{CommitFault, RunRow};
use memchr::memmem::Finder;
use rok_chain::{ChainHash, Digest, Seal};
use rok_vocabulary::{RunId, Seq};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

/// Counts the owners of a run. Each claim raises it; a commit with another
/// fence than the current one is stale. 0 before the first claim.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

impl Fence {
    /// The fence of a run that nobody has claimed yet.
    pub const UNCLAIMED: Self = Self(0);

    /// The fence of the next owner.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// Keeps the runs of several tenants of one store apart. `default` unless one
/// is named. `[a-z0-9][a-z0-9-]{0,63}`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Namespace(Arc<str>);

/// A text that is no namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no namespace: it must match [a-z0-9][a-z0-9-]{{0,63}}")]
pub struct NamespaceError {
    /// The text that was met, cut to 80 characters.
    pub text: String,
}

static DEFAULT: LazyLock<Namespace> = LazyLock::new(|| Namespace(Arc::from("default")));

impl Namespace {
    /// The namespace's name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Namespace {
    fn default() -> Self {
        DEFAULT.clone()
    }
}

impl FromStr for Namespace {
    type Err = NamespaceError;
    fn from_str(text: &str) -> Result<Self, NamespaceError> {
        let word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(word) && !text.starts_with('-') {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NamespaceError {
                text: text.chars().take(80).collect(),
            })
        }
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What is durable when `commit` returns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Durability {
    /// The data is on stable storage: it survives the loss of power.
    #[default]
    Fsync,
    /// The data is with the operating system: it survives the process only.
    Flush,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DocumentKind {
    /// The canonical bytes of the run's plan.
    Plan,
    /// The canonical bytes of a plan that its steps name.
    SubPlan,
}

impl DocumentKind {
    /// The kind's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::SubPlan => "sub_plan",
        }
    }
}

/// Content that lies in the store once, by its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// The content's digest.
    pub digest: Digest,
    /// The content.
    pub bytes: Arc<[u8]>,
    /// What it is.
    pub kind: DocumentKind,
}

impl Document {
    /// The document with this content.
    pub fn new(kind: DocumentKind, bytes: impl Into<Arc<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self {
            digest: Digest::of(&bytes),
            bytes,
            kind,
        }
    }
}

/// A row of a domain's table (incident, lesson, KBase, outbox …), computed from
/// the events that it travels with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The table.
    pub kind: &'static str,
    /// The row's key. A later record with the same kind and key replaces it.
    pub key: String,
    /// The row, as JSON.
    pub json: Vec<u8>,
}

/// Made once: a searcher costs more than the search of a line.
static MORE: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(b"\"more\":true"));
static SEALED: LazyLock<Finder<'_>> =
    LazyLock::new(|| Finder::new(b"\"event_type\":\"run.sealed\""));

/// Whole decisions of one run, and all that must become true with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The run's namespace.
    pub namespace: Namespace,
    /// The run.
    pub run: RunId,
    /// The seq of the first line. 0 creates the run.
    pub expect_seq: Seq,
    /// The owner's fence, as its claim gave it; [`Fence::UNCLAIMED`] creates.
    pub fence: Fence,
    /// Whole decisions; each line ends in a newline.
    pub lines: Vec<u8>,
    /// How many lines there are.
    pub events: u32,
    /// The hash of the log up to and including the last line.
    pub head: ChainHash,
    /// The run's row after the last line.
    pub row: RunRow,
    /// The seal, if the last line is a `run.sealed`.
    pub seal: Option<Seal>,
    /// Documents that the lines name by digest.
    pub documents: Vec<Document>,
    /// Rows of the domains' tables.
    pub records: Vec<Record>,
}

impl Commit {
    /// A commit without seal, documents or records, by nobody in particular:
    /// set the fence that the claim gave. Sets `row.next_seq`.
    pub fn new(
        run: RunId,
        expect_seq: Seq,
        lines: Vec<u8>,
        events: u32,
        head: ChainHash,
        row: RunRow,
    ) -> Self {
        let row = RunRow {
            next_seq: Seq(expect_seq.0 + u64::from(events)),
            ..row
        };
        Self {
            namespace: Namespace::default(),
            run,
            expect_seq,
            fence: Fence::UNCLAIMED,
            lines,
            events,
            head,
            row,
            seal: None,
            documents: Vec::new(),
            records: Vec::new(),
        }
    }

    /// The seq of the line after the last.
    pub const fn next_seq(&self) -> Seq {
        Seq(self.expect_seq.0 + self.events as u64)
    }

    /// Whether this commit creates its run.
    pub const fn creates(&self) -> bool {
        self.expect_seq.0 == 0
    }

    fn last_line(&self) -> &[u8] {
        let line = self.lines.strip_suffix(b"\n").unwrap_or(&self.lines);
        let start = memchr::memrchr(b'\n', line).map_or(0, |at| at + 1);
        &line[start..]
    }

    /// Whether the parts agree with each other, at the cost of one look for
    /// newlines and one at the last line. The chain is the encoder's business: what it hashed is what
    /// is written.
    pub fn check(&self) -> Result<(), CommitFault> {
        if self.lines.last() != Some(&b'\n') {
            return Err(CommitFault::Unended);
        }
        let lines = memchr::memchr_iter(b'\n', &self.lines).count();
        if lines != self.events as usize {
            return Err(CommitFault::Count {
                events: self.events,
                lines,
            });
        }
        if self.row.next_seq != self.next_seq() {
            return Err(CommitFault::Row {
                row: self.row.next_seq,
                lines: self.next_seq(),
            });
        }
        if let Some(seal) = &self.seal
            && (seal.head != self.head || seal.seq.next() != self.next_seq())
        {
            return Err(CommitFault::Seal { seq: seal.seq });
        }
        let last = self.last_line();
        if MORE.find(last).is_some() {
            return Err(CommitFault::Unfinished);
        }
        let is_seal = SEALED.find(last).is_some();
        if is_seal != self.seal.is_some() {
            return Err(CommitFault::Unsealed { is_seal });
        }
        if let Some(document) = self
            .documents
            .iter()
            .find(|d| Digest::of(&d.bytes) != d.digest)
        {
            return Err(CommitFault::Document {
                digest: document.digest,
            });
        }
        Ok(())
    }
}

/// What became of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum CommitResult {
    /// It is in the log, as durable as the store was asked to make it.
    Committed {
        /// The seq that is due.
        next_seq: Seq,
    },
    /// Nothing was written: the log is elsewhere, or another owner has it.
    Stale {
        /// The seq that is due.
        next_seq: Seq,
        /// The run's fence; 0 where the run does not exist.
        fence: Fence,
    },
}
