//! Folding a log: the same `apply` as live.

use crate::history::History;
use crate::large::Contents;
use crate::notices::Notices;
use crate::service_run::ServiceRun;
use alloc::string::String;
use alloc::sync::Arc;
use rok_chain::ChainHash;
use rok_events::{DecodeError, Event, decode};
use rok_kernel::{ApplyError, CompiledPlan, RunState};
use rok_vocabulary::RunId;

/// A line that cannot be folded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The line is no event of the run.
    #[error("line {line}: {source}")]
    Decode {
        /// 1-based.
        line: u64,
        /// What is wrong.
        source: DecodeError,
    },
    /// The event cannot follow the events before it.
    #[error("line {line}: {source}")]
    Apply {
        /// 1-based.
        line: u64,
        /// What is wrong.
        source: ApplyError,
    },
    /// A result that is too large for the line cannot be read back.
    #[error("line {line}: {what}")]
    Content {
        /// 1-based.
        line: u64,
        /// Which, and why.
        what: String,
    },
}

impl ReplayError {
    /// The line that is wrong, 1-based.
    #[must_use]
    pub const fn line(&self) -> u64 {
        match self {
            Self::Decode { line, .. } | Self::Apply { line, .. } | Self::Content { line, .. } => {
                *line
            }
        }
    }
}

/// A log that is being folded. The chain's links are the store's to check; the
/// head is computed here, so that a driver can go on from it.
#[derive(Debug)]
pub struct Replay {
    state: RunState,
    history: History,
    service_run: Option<ServiceRun>,
    notices: Option<Notices>,
    run: RunId,
    head: ChainHash,
    lines: u64,
    contents: Contents,
}

impl Replay {
    /// A fold before the first line.
    #[must_use]
    pub fn new(plan: Arc<CompiledPlan>, run: RunId) -> Self {
        Self {
            head: ChainHash::genesis(&run),
            history: History::new(Arc::clone(&plan)),
            service_run: ServiceRun::of(plan.plan(), &run),
            notices: Notices::of(plan.plan(), &run),
            state: RunState::new(plan, run.clone()),
            run,
            lines: 0,
            contents: Contents::default(),
        }
    }

    /// Reads results that are too large for a line from there.
    #[must_use]
    pub fn with_contents(mut self, contents: Contents) -> Self {
        self.contents = contents;
        self
    }

    /// Folds one line, without its newline.
    pub fn line(&mut self, line: &[u8]) -> Result<Event, ReplayError> {
        let number = self.lines + 1;
        let mut event = decode(line, &self.run)
            .map_err(|source| ReplayError::Decode {
                line: number,
                source,
            })?
            .event;
        self.contents
            .fill(&mut event)
            .map_err(|what| ReplayError::Content { line: number, what })?;
        self.state
            .apply(&event)
            .map_err(|source| ReplayError::Apply {
                line: number,
                source,
            })?;
        self.history.note(&event);
        if let Some(services) = &mut self.service_run {
            services.note(&event);
        }
        if let Some(notices) = &mut self.notices {
            notices.note(&event, self.service_run.as_ref());
        }
        self.head = self.head.next(line);
        self.lines = number;
        Ok(event)
    }

    /// Folds whole lines, each with its newline.
    pub fn lines(&mut self, lines: &[u8]) -> Result<(), ReplayError> {
        let mut rest = lines;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
            self.line(&rest[..end])?;
            rest = rest.get(end + 1..).unwrap_or_default();
        }
        Ok(())
    }

    /// The kernel's state.
    #[must_use]
    pub const fn state(&self) -> &RunState {
        &self.state
    }

    /// What the state does not keep.
    #[must_use]
    pub const fn history(&self) -> &History {
        &self.history
    }

    /// The run of services that it is; `None` where its plan calls none.
    #[must_use]
    pub const fn service_run(&self) -> Option<&ServiceRun> {
        self.service_run.as_ref()
    }

    /// Who is told how the run ended; `None` where its plan names nobody.
    #[must_use]
    pub const fn notices(&self) -> Option<&Notices> {
        self.notices.as_ref()
    }

    /// The hash after the last line.
    #[must_use]
    pub const fn head(&self) -> ChainHash {
        self.head
    }

    /// How many lines were folded.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.lines
    }

    /// Hands over the state, to go on from it.
    #[must_use]
    pub fn into_state(self) -> RunState {
        self.state
    }
}
