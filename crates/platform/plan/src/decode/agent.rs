//! `agent`: work of an agent that can do it.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;
use rok_expr::Template;
use rok_vocabulary::{Capability, Federation, InputName, TrustLevel};

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
    capability: Capability,
    capabilities: BTreeSet<Capability>,
    region: Option<String>,
    min_trust: TrustLevel,
    federation: Option<Federation>,
    max_latency: Option<Duration>,
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
        let also = step.get("capabilities").and_then(Node::list).unwrap_or(&[]);
        let also: Vec<_> = also.iter().map(|node| self.capability(node)).collect();
        let with = self.with(step);
        Some(AgentDraft {
            capability: capability?,
            capabilities: also.into_iter().collect::<Option<_>>()?,
            region: read::text(step, "region"),
            min_trust: read::parsed(step, "min_trust").unwrap_or(TrustLevel::Unverified),
            federation: read::parsed(step, "federation"),
            max_latency: read::duration(step, "max_latency"),
            with: with?,
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
            capability: self.capability,
            capabilities: self.capabilities,
            region: self.region,
            min_trust: self.min_trust,
            federation: self.federation,
            max_latency: self.max_latency,
            with: with.map(|(name, value)| (name, value.expression)).collect(),
        }
    }
}
