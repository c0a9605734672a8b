//! `agent`: work of an agent that can do it.

use alloc::format;
use alloc::vec::Vec;
use rok_expr::Template;
use rok_vocabulary::{Capability, InputName, TrustLevel};

use super::{Decoder, Written, read};
use crate::fault::{FaultCode, Finding, quoted};
use crate::model::AgentAction;
use crate::tree::Node;

/// Keys that say which agent.
pub(super) const AGENT_ONLY: &[&str] = &[
    "capabilities",
    "region",
    "min_trust",
    "federation",
    "max_latency",
];

/// Keys that mean nothing to an agent, which has files and an environment of
/// its own.
const WITHOUT_EFFECT: &[&str] = &["env", "cwd", "shell", "reads", "cache", "artifacts"];

pub(super) struct AgentDraft<'t> {
    ask: AgentAction,
    pub(super) with: Vec<(InputName, Written<'t, Template>)>,
}

impl Decoder<'_> {
    pub(super) fn agent<'t>(&mut self, step: &'t Node, agent: &Node) -> Option<AgentDraft<'t>> {
        let keys = step
            .map()?
            .iter()
            .filter(|entry| WITHOUT_EFFECT.contains(&entry.key.as_str()));
        self.without_effect(keys, "on an `agent`, which starts no process here");
        let capability = self.capability(agent);
        let ask = self.asked(step, capability);
        let with = self.with(step);
        Some(AgentDraft {
            ask: ask?,
            with: with?,
        })
    }

    /// Which agents a step asks.
    pub(super) fn asked(
        &mut self,
        step: &Node,
        capability: Option<Capability>,
    ) -> Option<AgentAction> {
        let also = step.get("capabilities").and_then(Node::list).unwrap_or(&[]);
        let also: Vec<_> = also.iter().map(|node| self.capability(node)).collect();
        Some(AgentAction {
            capability: capability?,
            capabilities: also.into_iter().collect::<Option<_>>()?,
            region: read::text(step, "region"),
            min_trust: read::parsed(step, "min_trust").unwrap_or(TrustLevel::Unverified),
            federation: read::parsed(step, "federation"),
            max_latency: read::duration(step, "max_latency"),
            with: Vec::new(),
        })
    }

    fn capability(&mut self, node: &Node) -> Option<Capability> {
        let text = node.text()?;
        match text.parse() {
            Ok(capability) => Some(capability),
            Err(_) => {
                let message = format!("{} is no capability", quoted(text));
                let finding = Finding::new(FaultCode::BadName, node.span.clone(), message);
                let hint = "small letters, digits, `.`, `_`, `:` and `-`, as in `summarize`";
                self.findings.push(finding.hint(hint));
                None
            }
        }
    }
}

impl AgentDraft<'_> {
    pub(super) fn finish(self) -> AgentAction {
        let with = self.with.into_iter();
        AgentAction {
            with: with.map(|(name, value)| (name, value.expression)).collect(),
            ..self.ask
        }
    }
}
