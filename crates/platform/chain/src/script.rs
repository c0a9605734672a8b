//! Logs to test with: every third decision has three lines, and the run is
//! sealed and resumed.

use crate::{ChainHash, Seal};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{Epoch, Outcome, RunId, RunPhase, Seq};

pub(crate) fn run() -> RunId {
    "run-1".parse().unwrap()
}

/// A log being written.
pub(crate) struct Script {
    pub(crate) lines: Vec<String>,
    pub(crate) head: ChainHash,
    epoch: u32,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self {
            lines: Vec::new(),
            head: ChainHash::genesis(&run()),
            epoch: 0,
        }
    }

    /// Appends a line of that type; `rest` begins with a comma.
    pub(crate) fn line(&mut self, event_type: &str, rest: &str) {
        let (n, epoch, chain) = (self.lines.len(), self.epoch, self.head.short_str());
        let hash = match event_type {
            "run.state_changed" | "run.sealed" => format!(",\"log_hash\":\"{}\"", self.head),
            _ => String::new(),
        };
        let line = format!(
            "{{\"event_id\":\"run-1:{n}\",\"event_type\":\"{event_type}\",\"run_id\":\"run-1\",\
             \"timestamp_utc\":\"2026-02-16T23:05:12.000Z\",\"actor\":\"runner\",\"attempt\":0,\
             \"seq\":{n},\"epoch\":{epoch}{hash}{rest},\"chain\":\"{chain}\"}}"
        );
        self.head = self.head.next(line.as_bytes());
        self.lines.push(line);
    }

    /// Two decisions: one of a line, one of three.
    pub(crate) fn work(mut self) -> Self {
        self.line("step.started", ",\"step_id\":\"a\"");
        self.line("step.succeeded", ",\"step_id\":\"a\",\"more\":true");
        self.line(
            "run.state_changed",
            ",\"new_state\":\"EXECUTING\",\"more\":true",
        );
        self.line("step.started", ",\"step_id\":\"b\"");
        self
    }

    pub(crate) fn sealed(mut self) -> (Self, Seal) {
        self.line("run.completed", ",\"more\":true");
        self.line(
            "run.sealed",
            ",\"data\":{\"epoch\":0,\"phase\":\"FAILED\",\"outcome\":\"timed_out\"}",
        );
        let seal = Seal {
            epoch: Epoch(self.epoch),
            seq: Seq(self.lines.len() as u64 - 1),
            head: self.head,
            phase: RunPhase::Failed,
            outcome: Outcome::TimedOut,
        };
        (self, seal)
    }

    pub(crate) fn resumed(mut self) -> Self {
        self.epoch += 1;
        self.line("run.resumed", "");
        self
    }

    pub(crate) fn log(&self) -> Vec<u8> {
        self.lines
            .iter()
            .flat_map(|line| format!("{line}\n").into_bytes())
            .collect()
    }

    /// Where line `n`, from 0, begins.
    pub(crate) fn start(&self, n: usize) -> usize {
        self.lines[..n].iter().map(|line| line.len() + 1).sum()
    }
}
