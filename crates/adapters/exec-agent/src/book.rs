//! What is known of agents, kept beyond this process: when each was last seen,
//! why it is down or not trusted, and its circuit breaker. Any number of
//! processes share it. What cannot be read is no leave to ask the agent.

use crate::config::RemoteAgent;
use crate::orders::OpenOrder;
use rok_chain::Digest;
use rok_component::{Admission, Breaker, BreakerRules, BreakerState, Outcome};
use rok_log::Cells;
use rok_vocabulary::{AgentId, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::sync::Arc;

/// The cells of agents.
const AGENTS: &str = "agents";
/// Those of the orders that agents may be working on, by run.
const ORDERS: &str = "agent-orders";
/// Others may be faster so often, and not for ever.
const MAX_TURNS: usize = 1000;

/// Where what is known of agents is kept, and when a breaker opens.
#[derive(Clone)]
pub struct AgentBook {
    cells: Arc<dyn Cells>,
    rules: BreakerRules,
}

impl fmt::Debug for AgentBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgentBook")
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// Something that speaks against an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Against {
    pub(crate) since: Timestamp,
    pub(crate) why: String,
}

/// What is known of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Known {
    /// When it last answered as itself.
    pub(crate) seen_at: Option<Timestamp>,
    /// It could not be reached, or was silent.
    pub(crate) down: Option<Against>,
    /// It is not trusted any more.
    pub(crate) quarantined: Option<Against>,
    pub(crate) breaker: Breaker,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    /// For whoever looks into the file.
    agent: AgentId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    seen_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    down: Option<Against>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantined: Option<Against>,
    breaker: Value,
}

impl AgentBook {
    /// A book in these cells.
    #[must_use]
    pub fn new(cells: Arc<dyn Cells>, rules: BreakerRules) -> Self {
        Self { cells, rules }
    }

    /// What is known of it, or why that cannot be said.
    pub(crate) fn look(&self, agent: &RemoteAgent) -> Result<Known, String> {
        let seen = self.cell(agent)?;
        read(seen.as_deref())
    }

    /// Asks for leave to give it work; whoever gets it tells what came of it.
    /// Refused: why.
    pub(crate) fn admit(&self, agent: &RemoteAgent, now: Timestamp) -> Result<(), String> {
        let admitted = self.turn(agent, |known| {
            let (admission, breaker) = known.breaker.admit(now, &self.rules);
            let next = Known {
                breaker,
                ..known.clone()
            };
            (admission, next)
        })?;
        match admitted {
            Admission::Go | Admission::Trial => Ok(()),
            Admission::Refused { until } | Admission::OnTrial { until, .. } => Err(resting(until)),
        }
    }

    /// Takes in what came of work that it was given.
    pub(crate) fn record(
        &self,
        agent: &RemoteAgent,
        outcome: Outcome,
        now: Timestamp,
    ) -> Result<(), String> {
        self.change(agent, |known| {
            known.breaker = known.breaker.record(now, outcome, &self.rules);
        })
    }

    /// Changes what is known of it.
    pub(crate) fn change(
        &self,
        agent: &RemoteAgent,
        change: impl Fn(&mut Known),
    ) -> Result<(), String> {
        self.turn(agent, |known| {
            let mut next = known.clone();
            change(&mut next);
            ((), next)
        })
    }

    /// Forgets all of it, whatever is stored.
    pub(crate) fn forget(&self, agent: &RemoteAgent) -> Result<(), String> {
        for _ in 0..MAX_TURNS {
            let seen = self.cell(agent)?;
            if self.swap(agent, seen.as_deref(), None)? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// The orders of a run that agents may be working on.
    pub(crate) fn orders(&self, run: &RunId) -> Result<Vec<OpenOrder>, String> {
        let seen = self.cells.cell(ORDERS, &of_run(run));
        read_orders(seen.map_err(|error| unreadable(&error))?.as_deref())
    }

    /// Changes them; where none is left, nothing is kept.
    pub(crate) fn change_orders(
        &self,
        run: &RunId,
        change: impl Fn(&mut Vec<OpenOrder>),
    ) -> Result<(), String> {
        let cell = of_run(run);
        for _ in 0..MAX_TURNS {
            let seen = self.cells.cell(ORDERS, &cell);
            let seen = seen.map_err(|error| unreadable(&error))?;
            let mut orders = read_orders(seen.as_deref())?;
            change(&mut orders);
            let new = (!orders.is_empty())
                .then(|| serde_json::to_vec(&orders).expect("texts and numbers are JSON"));
            if new == seen {
                return Ok(());
            }
            let swapped = self
                .cells
                .swap(ORDERS, &cell, seen.as_deref(), new.as_deref());
            if swapped.map_err(|error| unkept(&error))? {
                return Ok(());
            }
        }
        Err(contended())
    }

    /// Decides on what is stored, and stores what was decided, before anybody
    /// acts on it.
    fn turn<T>(
        &self,
        agent: &RemoteAgent,
        decide: impl Fn(&Known) -> (T, Known),
    ) -> Result<T, String> {
        for _ in 0..MAX_TURNS {
            let seen = self.cell(agent)?;
            let known = read(seen.as_deref())?;
            let (answer, next) = decide(&known);
            if next == known {
                return Ok(answer);
            }
            let next = (next != Known::default()).then(|| write(&agent.spec.agent_id, next));
            if self.swap(agent, seen.as_deref(), next.as_deref())? {
                return Ok(answer);
            }
        }
        Err(contended())
    }

    fn cell(&self, agent: &RemoteAgent) -> Result<Option<Vec<u8>>, String> {
        let cell = self.cells.cell(AGENTS, &key(agent));
        cell.map_err(|error| unreadable(&error))
    }

    fn swap(
        &self,
        agent: &RemoteAgent,
        seen: Option<&[u8]>,
        new: Option<&[u8]>,
    ) -> Result<bool, String> {
        let swapped = self.cells.swap(AGENTS, &key(agent), seen, new);
        swapped.map_err(|error| unkept(&error))
    }
}

/// One that answers elsewhere, or by another key, is another agent.
pub(crate) fn key(agent: &RemoteAgent) -> String {
    let signs = agent.key.as_ref().map(|key| key.id().to_string());
    let signs = signs.unwrap_or_default();
    let named = format!("{}\n{}\n{signs}", agent.spec.agent_id, agent.url);
    Digest::of(named.as_bytes()).to_hex()
}

fn unreadable(why: &dyn fmt::Display) -> String {
    format!("what is known of it cannot be read: {why}")
}

fn unkept(why: &dyn fmt::Display) -> String {
    format!("what is known of it cannot be kept: {why}")
}

/// Any id of a run is a name that cells may have.
fn of_run(run: &RunId) -> String {
    Digest::of(run.as_str().as_bytes()).to_hex()
}

fn read_orders(seen: Option<&[u8]>) -> Result<Vec<OpenOrder>, String> {
    let orders = seen.map(serde_json::from_slice);
    orders
        .unwrap_or_else(|| Ok(Vec::new()))
        .map_err(|error| unreadable(&error))
}

fn contended() -> String {
    "others keep changing what is known of it".to_owned()
}

/// Why nothing is given to one whose breaker is open.
pub(crate) fn resting(until: Timestamp) -> String {
    format!("it kept failing, and is left alone until {until} (its circuit breaker)")
}

/// Until when nothing is given to it.
pub(crate) fn rests(breaker: &Breaker, now: Timestamp) -> Option<Timestamp> {
    match breaker.state {
        BreakerState::Open { until, .. } | BreakerState::HalfOpen { until, .. } => {
            (now < until).then_some(until)
        }
        BreakerState::Closed => None,
    }
}

fn read(seen: Option<&[u8]>) -> Result<Known, String> {
    let Some(seen) = seen else {
        return Ok(Known::default());
    };
    let stored: Stored = serde_json::from_slice(seen).map_err(|error| unreadable(&error))?;
    let breaker = Breaker::parse(stored.breaker.to_string().as_bytes());
    Ok(Known {
        seen_at: stored.seen_at,
        down: stored.down,
        quarantined: stored.quarantined,
        breaker: breaker.map_err(|error| unreadable(&error))?,
    })
}

fn write(agent: &AgentId, known: Known) -> Vec<u8> {
    let breaker = serde_json::from_str(&known.breaker.to_text());
    let stored = Stored {
        agent: agent.clone(),
        seen_at: known.seen_at,
        down: known.down,
        quarantined: known.quarantined,
        breaker: breaker.expect("a breaker's text is JSON"),
    };
    serde_json::to_vec(&stored).expect("texts and numbers are JSON")
}
