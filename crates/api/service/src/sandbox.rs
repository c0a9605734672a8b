//! What this machine has of what a sandbox needs.

use rok_sandbox::{Confinement, Limits, NEEDED_ABI, Offer};
use serde::Serialize;

/// What this machine has of what a sandbox needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SandboxOffer {
    /// Whether steps can run in sandboxes here.
    pub complete: bool,
    /// The ABI version of Landlock, as far as this rok knows; 0: there is none.
    pub landlock: u32,
    /// The least that is needed.
    pub needed_landlock: u32,
    /// Whether system calls can be filtered.
    pub seccomp: bool,
    /// Whether the kernel counts this user's processes, for `max_processes`
    /// above 1.
    pub counts_processes: bool,
    /// What is lacking, each in a sentence.
    pub lacks: Vec<String>,
}

/// Asks the kernel; changes nothing.
#[must_use]
pub fn sandbox_offer() -> SandboxOffer {
    let offer = Offer::of_this_machine();
    let most = Confinement {
        limits: Limits {
            processes: Some(2),
            ..Limits::default()
        },
        ..Confinement::default()
    };
    SandboxOffer {
        complete: offer.is_complete(),
        landlock: offer.landlock,
        needed_landlock: NEEDED_ABI,
        seccomp: offer.seccomp,
        counts_processes: offer.counts_processes,
        lacks: offer.lacks(&most),
    }
}
