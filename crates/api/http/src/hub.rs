//! Who follows which run, and what was read for all of them.
//!
//! Whoever drives a run here says that it went on; a follower waits for that
//! without a thread. What is read of a log is read once for all followers. A
//! run that another process drives is looked at with every heartbeat.

use crate::app::App;
use crate::problem::Problem;
use rok_service::RunHandle;
use rok_service::views::{EventLine, EventQuery, RunId, Seq};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{Mutex as AsyncMutex, watch};

/// Events that are kept of a followed run: those who lag further behind read
/// the log themselves.
const TAIL: usize = 1024;
/// The most events that are read at once: whoever is given a part asks again
/// before they wait.
const PART: usize = 1024;
/// Channels nobody listens to are looked for when there are so many more.
const SWEEP_EVERY: usize = 256;

/// What the followers of one run share.
pub(crate) struct Channel {
    went_on: watch::Sender<u64>,
    /// Told by a pool alone.
    rests: watch::Sender<u64>,
    tail: AsyncMutex<Tail>,
}

#[derive(Default)]
struct Tail {
    /// The seq of the first event that is kept.
    first: u64,
    lines: VecDeque<Arc<EventLine>>,
    /// Whether the log had no more of them when it was read last.
    is_all: bool,
}

/// Events that were read, and whether the log had no more of them.
pub(crate) struct Part {
    pub(crate) events: Vec<Arc<EventLine>>,
    pub(crate) is_all: bool,
}

impl Tail {
    fn end(&self) -> u64 {
        self.first + self.lines.len() as u64
    }
}

/// Everybody who follows.
#[derive(Default)]
pub(crate) struct Hub {
    channels: Mutex<HashMap<RunId, Weak<Channel>>>,
}

impl Hub {
    fn channels(&self) -> std::sync::MutexGuard<'_, HashMap<RunId, Weak<Channel>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The channel of a run.
    pub(crate) fn channel(&self, run: &RunId) -> Arc<Channel> {
        let mut channels = self.channels();
        if let Some(channel) = channels.get(run).and_then(Weak::upgrade) {
            return channel;
        }
        if channels.len() % SWEEP_EVERY == SWEEP_EVERY - 1 {
            channels.retain(|_, channel| channel.strong_count() > 0);
        }
        let channel = Arc::new(Channel {
            went_on: watch::Sender::new(0),
            rests: watch::Sender::new(0),
            tail: AsyncMutex::default(),
        });
        channels.insert(run.clone(), Arc::downgrade(&channel));
        channel
    }

    /// Any of them may have gone on.
    pub(crate) fn all_went_on(&self) {
        for channel in self.channels().values().filter_map(Weak::upgrade) {
            channel.went_on.send_modify(|times| *times += 1);
            channel.rests.send_modify(|times| *times += 1);
        }
    }

    /// A run that a pool drives is closed, or waits for somebody.
    pub(crate) fn rests(&self, run: &RunId) {
        let channel = self.channels().get(run).and_then(Weak::upgrade);
        if let Some(channel) = channel {
            channel.rests.send_modify(|times| *times += 1);
        }
    }

    /// A run went on: its followers look again.
    pub(crate) fn went_on(&self, run: &RunId) {
        let channel = self.channels().get(run).and_then(Weak::upgrade);
        if let Some(channel) = channel {
            channel.went_on.send_modify(|times| *times += 1);
        }
    }
}

impl Channel {
    /// Wakes whenever the run goes on.
    pub(crate) fn listen(&self) -> watch::Receiver<u64> {
        self.went_on.subscribe()
    }

    /// Wakes when a run that a pool drives is closed, or waits for somebody.
    pub(crate) fn listen_for_rest(&self) -> watch::Receiver<u64> {
        self.rests.subscribe()
    }

    /// The events from `next` on: as far as there are any now, or a part of them.
    pub(crate) async fn from(
        &self,
        app: &Arc<App>,
        run: &Arc<RunHandle>,
        next: u64,
    ) -> Result<Part, Problem> {
        let mut tail = self.tail.lock().await;
        if next < tail.first {
            drop(tail);
            let events = read(app, run, next).await?;
            let is_all = events.len() < PART;
            return Ok(Part { events, is_all });
        }
        // The tail has no gap: where it would, it begins anew.
        if tail.lines.is_empty() || next > tail.end() {
            tail.lines.clear();
            tail.first = next;
        }
        if next == tail.end() {
            let new = read(app, run, next).await?;
            tail.is_all = new.len() < PART;
            tail.lines.extend(new);
        }
        let skip = usize::try_from(next - tail.first).unwrap_or(usize::MAX);
        let events = tail.lines.iter().skip(skip).cloned().collect();
        let excess = tail.lines.len().saturating_sub(TAIL);
        tail.lines.drain(..excess);
        tail.first += excess as u64;
        let is_all = tail.is_all;
        Ok(Part { events, is_all })
    }
}

async fn read(
    app: &Arc<App>,
    run: &Arc<RunHandle>,
    from: u64,
) -> Result<Vec<Arc<EventLine>>, Problem> {
    let run = Arc::clone(run);
    let query = EventQuery {
        from: Some(Seq(from)),
        limit: Some(PART),
        ..EventQuery::default()
    };
    let lines: Vec<EventLine> = app.blocking(move |_| run.events(&query)).await?;
    Ok(lines.into_iter().map(Arc::new).collect())
}
