//! Negotiation: who may take a step, and in what order they are asked. The same
//! candidates in any order come to the same table.

use crate::spec::AgentSpec;
use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::fmt;
use rok_vocabulary::{AgentId, AgentPlace, Capability, Federation, TrustLevel};

/// What an agent must be able to do that is given a process.
pub const RUN: &str = "run";

/// What is told of an agent that has no free slot, though it seemed to.
const SAID_BUSY: &str = "it says that it is busy";

/// What a step asks of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What it must be able to do.
    pub capabilities: BTreeSet<Capability>,
    /// How far it must be trusted.
    pub min_trust: TrustLevel,
    /// Where it should be.
    pub region: Option<String>,
    /// Which agents are preferred, and who takes over.
    pub federation: Federation,
}

impl Need {
    /// A need of one capability, and nothing else.
    #[must_use]
    pub fn of(capability: Capability) -> Self {
        Self {
            capabilities: [capability].into(),
            min_trust: TrustLevel::Unverified,
            region: None,
            federation: Federation::LocalPrefer,
        }
    }
}

/// Whether an agent can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Health {
    /// Nothing speaks against it.
    #[default]
    Up,
    /// It could not be reached, and why.
    Down(String),
    /// It is not trusted any more, and why.
    Quarantined(String),
}

/// An agent that might take a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What it is.
    pub spec: AgentSpec,
    /// Where it is.
    pub place: AgentPlace,
    /// How many steps it is doing.
    pub load: u32,
    /// Whether it can be asked.
    pub health: Health,
    /// It was given this very step before, and has it still.
    pub holds: bool,
    /// It is asked only where no other does it.
    pub stands_in: bool,
}

impl Candidate {
    /// One that does nothing now, and that nothing speaks against.
    #[must_use]
    pub const fn new(spec: AgentSpec, place: AgentPlace) -> Self {
        Self {
            spec,
            place,
            load: 0,
            health: Health::Up,
            holds: false,
            stands_in: false,
        }
    }

    /// This machine, which runs processes where no agent does. How much it does
    /// at once is for whoever starts processes to say.
    #[must_use]
    pub fn this_machine() -> Self {
        let spec = AgentSpec {
            agent_id: AgentId::THIS_MACHINE.parse().expect("it is an agent's id"),
            capabilities: [RUN.parse().expect("it is a capability")].into(),
            trust_level: TrustLevel::Verified,
            region: None,
            slots: u32::MAX,
        };
        Self {
            stands_in: true,
            ..Self::new(spec, AgentPlace::Local)
        }
    }
}

/// Why an agent is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// It cannot do what is asked.
    Capability {
        /// What it cannot do.
        missing: Vec<Capability>,
    },
    /// It is not trusted enough.
    Trust {
        /// How far it is trusted.
        has: TrustLevel,
        /// How far it must be.
        needs: TrustLevel,
    },
    /// It could not be reached.
    Down(String),
    /// It is not trusted any more.
    Quarantined(String),
    /// It has no free slot.
    Busy {
        /// How many it has.
        slots: u32,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Capability { missing } => {
                let missing: Vec<&str> = missing.iter().map(Capability::as_str).collect();
                write!(f, "it cannot {}", missing.join(", "))
            }
            Self::Trust { has, needs } => write!(f, "it is {has}, and {needs} is asked for"),
            Self::Down(why) => write!(f, "it cannot be reached: {why}"),
            Self::Quarantined(why) => write!(f, "it is in quarantine: {why}"),
            Self::Busy { slots } => write!(f, "it is busy: no slot of {slots} is free"),
        }
    }
}

/// What the negotiation says of one agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The agent.
    pub agent: AgentId,
    /// Where it is.
    pub place: AgentPlace,
    /// How far it is trusted.
    pub trust: TrustLevel,
    /// Its region.
    pub region: Option<String>,
    /// How many steps it is doing.
    pub load: u32,
    /// How many it does at once.
    pub slots: u32,
    /// Why it is asked, or why not.
    pub verdict: Result<String, Refusal>,
}

impl Row {
    /// The reason, in words.
    #[must_use]
    pub fn reason(&self) -> String {
        match &self.verdict {
            Ok(why) => why.clone(),
            Err(refusal) => refusal.to_string(),
        }
    }
}

/// Every agent: those that are asked, in order, then the others by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// A row an agent.
    pub rows: Vec<Row>,
}

impl Table {
    /// Those that are asked, in order.
    pub fn taken(&self) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(|row| row.verdict.is_ok())
    }

    /// Nobody can be asked now, and somebody could once a slot is free.
    #[must_use]
    pub fn waits(&self) -> bool {
        let busy = |row: &Row| matches!(row.verdict, Err(Refusal::Busy { .. }));
        self.taken().next().is_none() && self.rows.iter().any(busy)
    }
}

impl Table {
    /// Why nobody will ever do it, however they stand: nobody can, or is trusted
    /// enough.
    #[must_use]
    pub fn hopeless(&self) -> Option<String> {
        let for_good = |row: &Row| {
            matches!(
                row.verdict,
                Err(Refusal::Capability { .. } | Refusal::Trust { .. })
            )
        };
        self.rows.iter().all(for_good).then(|| self.told())
    }

    /// Every agent that is not asked with the reason, in words.
    #[must_use]
    pub fn told(&self) -> String {
        self.told_of(&BTreeSet::new())
    }

    /// The same, and that these said that they are busy when they were asked.
    pub(crate) fn told_of(&self, busy: &BTreeSet<AgentId>) -> String {
        let why = |row: &Row| match &row.verdict {
            Err(refusal) => Some(refusal.to_string()),
            Ok(_) if busy.contains(&row.agent) => Some(SAID_BUSY.into()),
            Ok(_) => None,
        };
        let told = self.rows.iter();
        let told = told.filter_map(|row| Some(format!("{}: {}", row.agent, why(row)?)));
        let told: Vec<String> = told.collect();
        if told.is_empty() {
            return "there is no agent: name some in the file of the setting `agents`".into();
        }
        format!("no agent fits: {}", told.join("; "))
    }
}

/// Judges every candidate.
#[must_use]
pub fn negotiate(need: &Need, candidates: &[Candidate]) -> Table {
    let mut fit: Vec<&Candidate> = Vec::new();
    let mut unfit: Vec<(&Candidate, Refusal)> = Vec::new();
    for candidate in candidates {
        match refusal(need, candidate) {
            None => fit.push(candidate),
            Some(refusal) => unfit.push((candidate, refusal)),
        }
    }
    fit.sort_by(|a, b| preferred(need, a, b));
    unfit.sort_by(|(a, _), (b, _)| a.spec.agent_id.cmp(&b.spec.agent_id));
    let taken = fit
        .into_iter()
        .map(|candidate| row(candidate, Ok(why(need, candidate))));
    let refused = unfit
        .into_iter()
        .map(|(candidate, refusal)| row(candidate, Err(refusal)));
    Table {
        rows: taken.chain(refused).collect(),
    }
}

fn refusal(need: &Need, candidate: &Candidate) -> Option<Refusal> {
    let spec = &candidate.spec;
    let missing: Vec<Capability> = need
        .capabilities
        .difference(&spec.capabilities)
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Some(Refusal::Capability { missing });
    }
    if spec.trust_level < need.min_trust {
        return Some(Refusal::Trust {
            has: spec.trust_level,
            needs: need.min_trust,
        });
    }
    match &candidate.health {
        Health::Down(why) => return Some(Refusal::Down(why.clone())),
        Health::Quarantined(why) => return Some(Refusal::Quarantined(why.clone())),
        Health::Up => {}
    }
    let slots = spec.slots;
    (candidate.load >= slots && !candidate.holds).then_some(Refusal::Busy { slots })
}

/// Who has the work already, then those that need no standing in for; by place, region and load; ids decide ties.
fn preferred(need: &Need, a: &Candidate, b: &Candidate) -> Ordering {
    let place = |candidate: &Candidate| {
        let local = candidate.place == AgentPlace::Local;
        local != (need.federation == Federation::LocalPrefer)
    };
    let elsewhere = |candidate: &Candidate| !in_region(need, candidate);
    // load/slots of the one against the other, without division.
    let share = |one: &Candidate, other: &Candidate| {
        u64::from(one.load) * u64::from(other.spec.slots.max(1))
    };
    b.holds
        .cmp(&a.holds)
        .then_with(|| a.stands_in.cmp(&b.stands_in))
        .then_with(|| place(a).cmp(&place(b)))
        .then_with(|| elsewhere(a).cmp(&elsewhere(b)))
        .then_with(|| share(a, b).cmp(&share(b, a)))
        .then_with(|| a.spec.agent_id.cmp(&b.spec.agent_id))
}

/// Whether it is where it should be; everywhere is, where no region is asked for.
fn in_region(need: &Need, candidate: &Candidate) -> bool {
    need.region.is_none() || need.region == candidate.spec.region
}

fn why(need: &Need, candidate: &Candidate) -> String {
    if candidate.stands_in {
        return "this machine, where no agent does it".into();
    }
    let (load, slots) = (candidate.load, candidate.spec.slots);
    let mut why = format!("{load} of {slots} slots taken");
    if let Some(region) = &need.region {
        let place = if in_region(need, candidate) {
            format!("in {region}")
        } else {
            format!("not in {region}")
        };
        why = format!("{place}, {why}");
    }
    if candidate.holds {
        why = format!("it has this work already, {why}");
    }
    why
}

fn row(candidate: &Candidate, verdict: Result<String, Refusal>) -> Row {
    let spec = &candidate.spec;
    Row {
        agent: spec.agent_id.clone(),
        place: candidate.place,
        trust: spec.trust_level,
        region: spec.region.clone(),
        load: candidate.load,
        slots: spec.slots,
        verdict,
    }
}

/// Whether enough remote agents can be reached; else, how many there are.
pub fn has_quorum(candidates: &[Candidate], quorum: u32) -> Result<(), String> {
    let remote = candidates
        .iter()
        .filter(|candidate| candidate.place == AgentPlace::Remote);
    let up = remote
        .filter(|candidate| candidate.health == Health::Up)
        .count();
    if u32::try_from(up).is_ok_and(|up| up < quorum) {
        return Err(format!(
            "{up} remote agents can be reached, and the quorum is {quorum}"
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
