//! The settings that decisions depend on: resolved once, recorded in
//! `run.created`, never read from configuration again.

use core::time::Duration;
use rok_vocabulary::{Profile, SandboxMode};
use serde::{Deserialize, Serialize};

/// The version of the event types' meaning. A driver refuses any other.
pub const SCHEMA: u32 = 1;

/// How much of the audit contract is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// Governance, expectations and reconciliation.
    Full,
    /// `RAC_ENABLED=false`: governance without expectations and reconciliation.
    WithoutRac,
    /// `ROK_ENABLED=false`: no lifecycle governance at all.
    Off,
}

impl Contract {
    /// Whether domains are asked at all.
    #[must_use]
    pub const fn governs(self) -> bool {
        !matches!(self, Self::Off)
    }

    /// Whether duties are declared and reconciled.
    #[must_use]
    pub const fn reconciles(self) -> bool {
        matches!(self, Self::Full)
    }
}

/// Everything that a run's decisions depend on besides its plan and inputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// How strictly the audit contract is enforced.
    pub profile: Profile,
    /// How much of it is in force.
    pub contract: Contract,
    /// How long the governance check and a closing may wait.
    #[serde(with = "millis", rename = "governance_timeout_ms")]
    pub governance_timeout: Duration,
    /// The deadline of `finalize_run` for a plan without `max_duration`.
    #[serde(with = "millis", rename = "default_run_timeout_ms")]
    pub default_run_timeout: Duration,
    /// Added to the run's timeout for the deadline of `finalize_run`.
    #[serde(with = "millis", rename = "grace_period_ms")]
    pub grace_period: Duration,
    /// Steps at once, of all kinds.
    pub max_parallel: u32,
    /// Process steps at once.
    pub max_processes: u32,
    /// Idempotent process steps that may be recorded as started ahead of a
    /// free slot, so that a spawn need not wait for the log.
    pub start_ahead: u32,
    /// No result is taken from an earlier run.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub no_cache: bool,
    /// A failed attempt is final, whatever the plan says: a profile measures
    /// attempts, not luck.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub never_retry: bool,
    /// Which processes run in a sandbox.
    #[serde(default, skip_serializing_if = "is_asked")]
    pub sandbox: SandboxMode,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the signature that serde asks for"
)]
fn is_asked(mode: &SandboxMode) -> bool {
    *mode == SandboxMode::Asked
}

impl Default for Settings {
    /// The documented defaults, on a machine with one CPU.
    fn default() -> Self {
        Self {
            profile: Profile::Strict,
            contract: Contract::Full,
            governance_timeout: Duration::from_secs(5),
            default_run_timeout: Duration::from_secs(30),
            grace_period: Duration::from_secs(5),
            max_parallel: 64,
            max_processes: 1,
            start_ahead: 0,
            no_cache: false,
            never_retry: false,
            sandbox: SandboxMode::Asked,
        }
    }
}

mod millis {
    use core::time::Duration;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        value: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(u64::try_from(value.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_millis)
    }
}
