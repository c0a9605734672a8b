//! Routing: one attempt of a step on its way from agent to agent, until one has
//! done it or nobody is left. A step that is not idempotent never begins twice.

use crate::negotiate::{Need, Refusal, Row, Table};
use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use rok_vocabulary::{AgentId, AgentPlace, ErrorClass, FallbackTrigger, Federation, TrustLevel};

/// An agent that is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taker {
    /// The agent.
    pub agent: AgentId,
    /// Where it is.
    pub place: AgentPlace,
    /// How far it is trusted.
    pub trust: TrustLevel,
    /// Its region.
    pub region: Option<String>,
}

/// An agent that was asked, and did not do the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tried {
    /// Who.
    pub taker: Taker,
    /// Why the step was taken away from it; `None`: it did not take it.
    pub trigger: Option<FallbackTrigger>,
    /// Why, in words.
    pub why: String,
}

/// What happened to the agent that was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happened {
    /// It refuses.
    Refused {
        /// Why.
        why: String,
        /// A strict policy is why.
        policy: bool,
    },
    /// It has no free slot.
    Busy,
    /// It cannot be reached, and nothing has begun.
    Unreachable(String),
    /// It was silent in the middle of the work.
    Silent(String),
    /// It takes too long.
    Late {
        /// How long.
        why: String,
        /// Whether it may have begun.
        begun: bool,
    },
    /// What it answered is not its own, or of other work.
    Forged(String),
    /// Too few remote agents can be reached.
    QuorumLost(String),
}

/// Nobody does the step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// Decides about retries.
    pub class: ErrorClass,
    /// For people.
    pub reason: String,
    /// Somebody would, once a slot is free: it is worth to wait.
    pub busy: bool,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Move<'a> {
    /// This agent is asked.
    Offer(&'a Taker),
    /// Nobody is left.
    GiveUp(GivenUp),
}

/// One attempt of a step on its way.
#[derive(Debug, Clone)]
pub struct Routing {
    federation: Federation,
    idempotent: bool,
    queue: VecDeque<Taker>,
    tried: Vec<Tried>,
    /// Those that are full, or were when they were asked.
    busy: BTreeSet<AgentId>,
    /// Remote agents are out of the question.
    local_only: bool,
    refused_by_policy: bool,
    /// Nobody may take over.
    ended: Option<GivenUp>,
    /// Why nobody fits.
    nobody: (ErrorClass, String),
}

impl Routing {
    /// Before anybody is asked.
    #[must_use]
    pub fn new(need: &Need, idempotent: bool, table: &Table) -> Self {
        let mut routing = Self {
            federation: need.federation,
            idempotent,
            queue: VecDeque::new(),
            tried: Vec::new(),
            busy: BTreeSet::new(),
            local_only: false,
            refused_by_policy: false,
            ended: None,
            nobody: (ErrorClass::ConfigError, String::new()),
        };
        routing.renew(table);
        routing
    }

    /// Looks again at who can be asked: whoever had no free slot may have one.
    /// Nobody is asked twice who said more than that.
    pub fn renew(&mut self, table: &Table) {
        let free = |row: &&Row| {
            !self
                .tried
                .iter()
                .any(|tried| tried.taker.agent == row.agent)
                && (row.place == AgentPlace::Local || !self.local_only)
        };
        self.queue = table.taken().filter(free).map(taker).collect();
        let busy = table.rows.iter().filter(|row| {
            matches!(row.verdict, Err(Refusal::Busy { .. }))
                && (row.place == AgentPlace::Local || !self.local_only)
        });
        self.busy = busy.map(|row| row.agent.clone()).collect();
        self.nobody = nobody(table);
    }

    /// What comes next.
    #[must_use]
    pub fn next(&self) -> Move<'_> {
        match (&self.ended, self.queue.front()) {
            (Some(ended), _) => Move::GiveUp(ended.clone()),
            (None, Some(taker)) => Move::Offer(taker),
            (None, None) => Move::GiveUp(self.exhausted()),
        }
    }

    /// Tells what happened to the agent that [`Routing::next`] named.
    pub fn happened(&mut self, what: Happened) {
        if self.ended.is_some() {
            return;
        }
        let Some(taker) = self.queue.pop_front() else {
            return;
        };
        let (trigger, why, begun) = match what {
            Happened::Busy => {
                self.busy.insert(taker.agent);
                return;
            }
            Happened::Refused { why, policy } => {
                self.refused_by_policy |= policy;
                (None, why, false)
            }
            Happened::Unreachable(why) => (Some(FallbackTrigger::Unreachable), why, false),
            Happened::Silent(why) => (Some(FallbackTrigger::AgentLost), why, true),
            Happened::Late { why, begun } => (Some(FallbackTrigger::Latency), why, begun),
            Happened::Forged(why) => (Some(FallbackTrigger::SignatureMismatch), why, true),
            Happened::QuorumLost(why) => (Some(FallbackTrigger::LostQuorum), why, false),
        };
        let told = format!("agent {}: {why}", taker.agent);
        self.tried.push(Tried {
            taker,
            trigger,
            why,
        });
        if let Some(trigger) = trigger {
            self.fall_back(trigger, begun, &told);
        }
    }

    /// Who was asked before, in order, and why the step is not theirs.
    #[must_use]
    pub fn tried(&self) -> &[Tried] {
        &self.tried
    }

    /// Why none of a table's agents does it, where nobody was asked but those
    /// that said that they are busy.
    #[must_use]
    pub fn why_nobody(&self, table: &Table) -> String {
        table.told_of(&self.busy)
    }

    fn fall_back(&mut self, trigger: FallbackTrigger, begun: bool, told: &str) {
        let federal = matches!(
            trigger,
            FallbackTrigger::Latency
                | FallbackTrigger::SignatureMismatch
                | FallbackTrigger::LostQuorum
        );
        let end = |class, reason| GivenUp {
            class,
            reason,
            busy: false,
        };
        if federal && self.federation == Federation::Quarantine {
            let reason = format!("{told} ({trigger}); under quarantine nobody takes over");
            self.ended = Some(end(ErrorClass::PolicyViolation, reason));
        } else if begun && !self.idempotent {
            let reason = format!(
                "{told} ({trigger}); the step is not idempotent, and whether it is done is not known"
            );
            self.ended = Some(end(ErrorClass::WorkerLost, reason));
        } else if trigger == FallbackTrigger::Latency {
            // Local ones first: who is slow is often slow together.
            let queue = self.queue.make_contiguous();
            queue.sort_by_key(|taker| taker.place);
        } else if federal {
            self.local_only = true;
            self.queue.retain(|taker| taker.place == AgentPlace::Local);
        }
    }

    fn exhausted(&self) -> GivenUp {
        let last = self.tried.iter().rev().find_map(|tried| tried.trigger);
        if last.is_none() && !self.busy.is_empty() {
            let busy: Vec<&str> = self.busy.iter().map(AgentId::as_str).collect();
            return GivenUp {
                class: ErrorClass::TransientIo,
                reason: format!("every agent that fits is busy: {}", busy.join(", ")),
                busy: true,
            };
        }
        if self.tried.is_empty() {
            let (class, reason) = self.nobody.clone();
            return GivenUp {
                class,
                reason,
                busy: false,
            };
        }
        let told = self.tried.iter().map(|tried| match tried.trigger {
            Some(trigger) => format!("{} ({trigger}): {}", tried.taker.agent, tried.why),
            None => format!("{}: {}", tried.taker.agent, tried.why),
        });
        let told: Vec<String> = told.collect();
        let class = match last {
            Some(FallbackTrigger::Latency) => ErrorClass::Timeout,
            Some(FallbackTrigger::SignatureMismatch) => ErrorClass::PolicyViolation,
            Some(FallbackTrigger::AgentLost) => ErrorClass::WorkerLost,
            Some(FallbackTrigger::LostQuorum | FallbackTrigger::Unreachable) => {
                ErrorClass::TransientIo
            }
            None if self.refused_by_policy => ErrorClass::PolicyViolation,
            None => ErrorClass::ValidationFailed,
        };
        GivenUp {
            class,
            reason: format!("no agent does it: {}", told.join("; ")),
            busy: false,
        }
    }
}

fn taker(row: &Row) -> Taker {
    Taker {
        agent: row.agent.clone(),
        place: row.place,
        trust: row.trust,
        region: row.region.clone(),
    }
}

/// Why nobody of a table can be asked. What may pass is another class than
/// what does not.
fn nobody(table: &Table) -> (ErrorClass, String) {
    let refusals = || {
        table
            .rows
            .iter()
            .filter_map(|row| row.verdict.as_ref().err())
    };
    let class = if refusals().any(|refusal| matches!(refusal, Refusal::Down(_))) {
        ErrorClass::TransientIo
    } else if refusals().any(|refusal| matches!(refusal, Refusal::Quarantined(_))) {
        ErrorClass::PolicyViolation
    } else {
        ErrorClass::ConfigError
    };
    (class, table.told())
}

#[cfg(test)]
mod tests;
