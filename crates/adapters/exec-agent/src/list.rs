//! The agents as others see them.

use crate::executor::AgentExecutor;
use rok_agents::{Candidate, Health};
use rok_executor::wall_clock;
use rok_facades::agents::{AgentView, AgentsEngine};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_vocabulary::AgentId;
use std::collections::BTreeSet;

impl AgentsEngine for AgentExecutor {
    /// Asks each remote agent, all at once.
    fn list(&self) -> Result<Vec<AgentView>, RunsError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(|error| {
            let message = format!("cannot ask the agents: {error}");
            RunsError::new(ErrorKind::Storage, "ROK0114", message)
        })?;
        let directory = self.directory();
        let asked = wall_clock();
        runtime.block_on(directory.look(None, None));
        let file = directory.file();
        let address = |id: &AgentId| {
            let remote = file
                .agents
                .iter()
                .find(|agent| agent.spec.agent_id == *id)?;
            Some(remote.url.to_string())
        };
        let kept = |id: &AgentId| {
            let mut remote = file.agents.iter();
            let agent = remote.find(|agent| agent.spec.agent_id == *id)?;
            directory.book()?.look(agent).ok()
        };
        let view = |candidate: Candidate| {
            let kept = kept(&candidate.spec.agent_id).unwrap_or_default();
            let against = kept.quarantined.or(kept.down);
            let breaker = kept.breaker;
            let (state, reason) = match candidate.health {
                Health::Up => ("up", None),
                Health::Down(why) => ("down", Some(why)),
                Health::Quarantined(why) => ("quarantined", Some(why)),
            };
            let address = address(&candidate.spec.agent_id);
            // Who is up answered just now; what is kept may be older.
            let answered = address.is_some() && state == "up";
            AgentView {
                address,
                agent_id: candidate.spec.agent_id,
                place: candidate.place,
                capabilities: candidate.spec.capabilities.into_iter().collect(),
                trust_level: candidate.spec.trust_level,
                region: candidate.spec.region,
                slots: candidate.spec.slots,
                load: candidate.load,
                since: against
                    .filter(|_| state != "up")
                    .map(|against| against.since),
                last_seen_at: Some(asked).filter(|_| answered).or(kept.seen_at),
                breaker: Some(breaker.state.as_str().to_owned()),
                failures: breaker.failures,
                state: state.to_owned(),
                reason,
            }
        };
        let candidates = directory.candidates(&BTreeSet::new()).into_iter();
        Ok(candidates.map(view).collect())
    }

    fn reset(&self, agent: &AgentId) -> Result<(), RunsError> {
        match self.directory().reset(agent) {
            Ok(true) => Ok(()),
            Ok(false) => {
                let message = format!("the agents' file has no agent `{agent}`");
                Err(RunsError::new(ErrorKind::NotFound, "ROK0173", message)
                    .help("`rok agents list` lists them"))
            }
            Err(why) => {
                let message = format!("agent `{agent}`: {why}");
                Err(RunsError::new(ErrorKind::Storage, "ROK0114", message))
            }
        }
    }
}
