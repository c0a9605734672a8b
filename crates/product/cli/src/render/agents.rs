//! Agents: the list, and who would take a step.

use super::paint::clean;
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::{AgentStepView, AgentView, CandidateView, Capability};
use std::fmt::Write as _;

/// Agents, a line each.
pub(crate) fn agents(agents: &[AgentView], look: Look) -> String {
    let header = [
        "agent",
        "place",
        "trust",
        "region",
        "load",
        "last seen",
        "state",
        "can",
    ];
    let mut table = table(look, &header);
    for agent in agents {
        let can: Vec<&str> = agent.capabilities.iter().map(Capability::as_str).collect();
        let mut state = match &agent.reason {
            Some(why) => format!("{}: {}", agent.state, clean(why)),
            None => agent.state.clone(),
        };
        if agent.failures > 0 {
            let _ = write!(state, "; failures in a row: {}", agent.failures);
        }
        let seen = agent.last_seen_at.map(|at| at.to_string());
        table.add_row([
            agent.agent_id.to_string(),
            agent.place.to_string(),
            agent.trust_level.to_string(),
            clean(agent.region.as_deref().unwrap_or("–")),
            format!("{}/{}", agent.load, agent.slots),
            seen.unwrap_or_else(|| "–".to_owned()),
            state,
            can.join(", "),
        ]);
    }
    text(&table)
}

/// Who did a step: `agent here, after r1 (agent_lost)`.
pub(super) fn done_by(agent: &AgentStepView) -> String {
    let by = agent.agent_id.as_ref().map(|id| {
        if id.is_this_machine() {
            "this machine".to_owned()
        } else {
            format!("agent {id}")
        }
    });
    let mut text = by.unwrap_or_else(|| "no agent".to_owned());
    for (at, tried) in agent.tried.iter().enumerate() {
        let why = tried.trigger.map_or("refused", |trigger| trigger.as_str());
        text.push_str(if at == 0 { ", after " } else { ", " });
        let _ = write!(text, "{} ({why})", tried.agent_id);
    }
    for note in &agent.notes {
        let _ = write!(text, "; cannot honour {}", clean(note));
    }
    if let Some(why) = &agent.reason {
        let _ = write!(text, ": {}", clean(why));
    }
    text
}

/// Who would be asked for a step, in order, and who not.
pub(super) fn candidates(candidates: &[CandidateView]) -> Vec<String> {
    let mut rank = 0;
    let lines = candidates.iter().map(|one| {
        let mark = if one.taken {
            rank += 1;
            format!("{rank}.")
        } else {
            "–".to_owned()
        };
        let (id, place, trust) = (&one.agent_id, one.place, one.trust_level);
        format!("{mark:<3} {id} ({place}, {trust}): {}", clean(&one.reason))
    });
    lines.collect()
}
