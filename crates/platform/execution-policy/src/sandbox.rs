//! The sandbox that policies demand, and a step's under them.

use crate::policy::{ExecutionPolicy, duration};
use core::time::Duration;
use rok_plan::{Network, Sandbox};
use rok_vocabulary::EnforcementLevel;
use serde::{Deserialize, Serialize};

/// Bounds of a sandbox: what a step has is at least as strict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SandboxBounds {
    /// `none`: nobody may be talked to; without it, whomever the step names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NoNetwork>,
    /// Processor time of each process.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "duration")]
    pub max_cpu: Option<Duration>,
    /// Address space of each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory_mib: Option<u64>,
    /// Open files of each process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_open_files: Option<u64>,
    /// Processes and threads at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_processes: Option<u64>,
    /// The size of each file that is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_file_mib: Option<u64>,
}

/// The one word that a policy says of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoNetwork {
    /// Nobody.
    None,
}

/// The bounds that these policies demand of a step, where any does.
#[must_use]
pub fn bounds_of(
    policies: &[ExecutionPolicy],
    plan: &str,
    submitter: &str,
    step: &str,
) -> Option<SandboxBounds> {
    let bounds = demands(policies, plan, submitter, step).map(|(_, bounds)| bounds.clone());
    bounds.reduce(|one, other| one.and(&other))
}

/// The policies that demand a sandbox of a step, and its bounds.
pub fn demands<'p>(
    policies: &'p [ExecutionPolicy],
    plan: &str,
    submitter: &str,
    step: &str,
) -> impl Iterator<Item = (&'p str, &'p SandboxBounds)> {
    let strict = policies.iter().filter(move |policy| {
        policy.enforcement_level == EnforcementLevel::Strict
            && policy.covers(plan, submitter, Some(step))
    });
    strict.filter_map(|policy| {
        let bounds = policy.payload.require.as_ref()?.sandbox.as_ref()?;
        Some((policy.payload.id.as_str(), bounds))
    })
}

/// A step's sandbox within bounds; without one, the strictest.
#[must_use]
pub fn tightened(sandbox: Option<&Sandbox>, bounds: &SandboxBounds) -> Sandbox {
    let own = sandbox.cloned().unwrap_or_default();
    Sandbox {
        network: match bounds.network {
            Some(NoNetwork::None) => Network::None,
            None => own.network,
        },
        max_cpu: least(own.max_cpu, bounds.max_cpu),
        max_memory_mib: least(own.max_memory_mib, bounds.max_memory_mib),
        max_open_files: least(own.max_open_files, bounds.max_open_files),
        max_processes: least(own.max_processes, bounds.max_processes),
        max_file_mib: least(own.max_file_mib, bounds.max_file_mib),
        read: own.read,
        write: own.write,
    }
}

impl SandboxBounds {
    fn and(self, other: &Self) -> Self {
        Self {
            network: self.network.or(other.network),
            max_cpu: least(self.max_cpu, other.max_cpu),
            max_memory_mib: least(self.max_memory_mib, other.max_memory_mib),
            max_open_files: least(self.max_open_files, other.max_open_files),
            max_processes: least(self.max_processes, other.max_processes),
            max_file_mib: least(self.max_file_mib, other.max_file_mib),
        }
    }
}

fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
