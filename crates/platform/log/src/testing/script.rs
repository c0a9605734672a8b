//! Writes logs that are right, without knowing what events mean: [`Script`].

use crate::{Commit, Concurrency, Document, DocumentKind, Fence, Labels, Lease, RunRow};
use rok_chain::{ChainHash, Seal};
use rok_vocabulary::{HoldReason, Outcome, PlanId, RunId, RunPhase, Seq, Timestamp};
use std::time::Duration;

/// When scripted runs are created; each event comes a second later.
pub const SCRIPT_START: Timestamp = Timestamp::from_millis(1_771_283_112_000);

/// A lease that outlasts a test in which time stands still.
pub const SCRIPT_LEASE: Lease = Lease {
    now: SCRIPT_START,
    until: Timestamp::from_millis(SCRIPT_START.as_millis() + 60_000),
};

/// Writes the log of one run, a commit at a time. Clone it to try a commit
/// that will be refused.
///
/// ```
/// use rok_log::{Fence, MemoryStore, RunStore, Script};
/// use rok_vocabulary::Seq;
///
/// let mut script = Script::new(&"r".parse()?);
/// let commit = script.create();
/// assert_eq!(commit.next_seq(), Seq(2));
/// MemoryStore::new().commit(&[commit])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Script {
    run: RunId,
    head: ChainHash,
    row: RunRow,
}

impl Script {
    /// A script at the start of a run's log, of plan `scripted`.
    pub fn new(run: &RunId) -> Self {
        let plan: PlanId = "scripted".parse().expect("it is a plan id");
        let head = ChainHash::genesis(run);
        Self {
            run: run.clone(),
            head,
            row: RunRow::new(plan, SCRIPT_START),
        }
    }

    /// The same, of another plan.
    #[must_use]
    pub fn of_plan(mut self, plan: PlanId) -> Self {
        self.row.plan = plan;
        self
    }

    /// The same, with labels.
    #[must_use]
    pub fn with_labels(mut self, labels: Labels) -> Self {
        self.row.labels = labels;
        self
    }

    /// The same, created then.
    #[must_use]
    pub fn created_at(mut self, at: Timestamp) -> Self {
        self.row = RunRow {
            priority: self.row.priority,
            concurrency: self.row.concurrency,
            labels: self.row.labels,
            ..RunRow::new(self.row.plan, at)
        };
        self
    }

    /// The same, that urgent.
    #[must_use]
    pub const fn with_priority(mut self, priority: i8) -> Self {
        self.row.priority = priority;
        self
    }

    /// The same, with a concurrency key.
    #[must_use]
    pub fn with_concurrency(mut self, key: &str, limit: u32) -> Self {
        self.row.concurrency = Some(Concurrency {
            key: key.into(),
            limit,
        });
        self
    }

    /// The run.
    pub const fn run(&self) -> &RunId {
        &self.run
    }

    /// The row after the last commit.
    pub const fn row(&self) -> &RunRow {
        &self.row
    }

    /// The hash after the last commit.
    pub const fn head(&self) -> ChainHash {
        self.head
    }

    /// The commit that creates the run: two lines and a plan document.
    pub fn create(&mut self) -> Commit {
        let labels = self
            .row
            .labels
            .iter()
            .map(|(key, value)| format!("\"{key}\":\"{value}\""));
        let labels = labels.collect::<Vec<_>>().join(",");
        let plan = format!("{{\"id\":\"{}\"}}", self.row.plan);
        let created = format!(",\"data\":{{\"plan\":{plan},\"labels\":{{{labels}}}}}");
        let mut commit = self.commit(
            Fence::UNCLAIMED,
            &[
                ("run.created", created),
                state(None, RunPhase::Created, None),
            ],
        );
        commit
            .documents
            .push(Document::new(DocumentKind::Plan, plan.into_bytes()));
        commit
    }

    /// One decision of `lines` lines that changes nothing in the row.
    pub fn steps(&mut self, fence: Fence, lines: usize) -> Commit {
        let lines: Vec<_> = (0..lines)
            .map(|_| ("step.started", String::new()))
            .collect();
        self.commit(fence, &lines)
    }

    /// The run enters another phase.
    pub fn phase(&mut self, fence: Fence, phase: RunPhase) -> Commit {
        let line = state(Some(self.row.phase), phase, None);
        self.row.phase = phase;
        self.commit(fence, &[line])
    }

    /// The run is held.
    pub fn hold(&mut self, fence: Fence, hold: HoldReason) -> Commit {
        self.row.hold = Some(hold);
        self.commit(
            fence,
            &[("run.held", format!(",\"data\":{{\"hold\":\"{hold}\"}}"))],
        )
    }

    /// The run goes on.
    pub fn release(&mut self, fence: Fence) -> Commit {
        self.row.hold = None;
        self.commit(fence, &[("run.released", String::new())])
    }

    /// The epoch ends and is sealed.
    pub fn seal(&mut self, fence: Fence, outcome: Outcome) -> Commit {
        let phase = if outcome.may_complete() {
            RunPhase::Completed
        } else {
            RunPhase::Failed
        };
        let ended = format!(",\"data\":{{\"phase\":\"{phase}\",\"outcome\":\"{outcome}\"}}");
        let lines = [
            state(Some(self.row.phase), phase, Some(outcome)),
            ("run.completed", ended.clone()),
            ("run.sealed", ended),
        ];
        (self.row.phase, self.row.outcome, self.row.hold) = (phase, Some(outcome), None);
        let mut commit = self.commit(fence, &lines);
        commit.seal = Some(Seal {
            epoch: self.row.epoch,
            seq: Seq(commit.next_seq().0 - 1),
            head: commit.head,
            phase,
            outcome,
        });
        commit
    }

    /// The next epoch begins.
    pub fn resume(&mut self, fence: Fence) -> Commit {
        let lines = [
            ("run.resumed", String::new()),
            state(Some(self.row.phase), RunPhase::Created, None),
        ];
        self.row.epoch = self.row.epoch.next();
        (self.row.phase, self.row.outcome, self.row.hold) = (RunPhase::Created, None, None);
        self.commit(fence, &lines)
    }

    /// One decision with these lines: type, and what else they hold (from a
    /// comma on).
    pub fn commit(&mut self, fence: Fence, lines: &[(&str, String)]) -> Commit {
        let expect_seq = self.row.next_seq;
        let mut bytes = Vec::new();
        for (n, (event_type, rest)) in lines.iter().enumerate() {
            let seq = self.row.next_seq;
            self.row.updated_at = self.row.created_at.after(Duration::from_secs(seq.0));
            let more = if n + 1 < lines.len() {
                ",\"more\":true"
            } else {
                ""
            };
            let hash = match *event_type {
                "run.state_changed" | "run.sealed" => format!(",\"log_hash\":\"{}\"", self.head),
                _ => String::new(),
            };
            let line = format!(
                "{{\"event_id\":\"{run}:{seq}\",\"event_type\":\"{event_type}\",\
                 \"run_id\":\"{run}\",\"timestamp_utc\":\"{at}\",\"actor\":\"runner\",\
                 \"attempt\":0,\"seq\":{seq},\"epoch\":{epoch}{hash}{rest}{more},\
                 \"chain\":\"{chain}\"}}",
                run = self.run,
                at = self.row.updated_at,
                epoch = self.row.epoch,
                chain = self.head.short_str(),
            );
            self.head = self.head.next(line.as_bytes());
            self.row.next_seq = seq.next();
            bytes.extend_from_slice(line.as_bytes());
            bytes.push(b'\n');
        }
        let (run, row) = (self.run.clone(), self.row.clone());
        let commit = Commit::new(run, expect_seq, bytes, lines.len() as u32, self.head, row);
        Commit { fence, ..commit }
    }
}

fn state(from: Option<RunPhase>, to: RunPhase, outcome: Option<Outcome>) -> (&'static str, String) {
    let from = from
        .map(|from| format!(",\"previous_state\":\"{from}\""))
        .unwrap_or_default();
    let data = outcome
        .map(|outcome| format!(",\"data\":{{\"outcome\":\"{outcome}\"}}"))
        .unwrap_or_default();
    (
        "run.state_changed",
        format!("{from},\"new_state\":\"{to}\"{data}"),
    )
}
