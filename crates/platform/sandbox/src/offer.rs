//! What the kernel of this machine offers.

use crate::confinement::Confinement;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _,
    Scope,
};
use rustix::process::getuid;

/// The least Landlock that keeps a process from signalling others, by its ABI
/// version: Linux 6.12.
pub const NEEDED_ABI: u32 = 6;

/// What this machine can confine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    /// The ABI version of Landlock, as far as this crate knows; 0: there is
    /// none, or it is switched off.
    pub landlock: u32,
    /// Whether system calls can be filtered, on a processor that this crate
    /// knows.
    pub seccomp: bool,
    /// Whether the kernel counts this user's processes: not those of root.
    pub counts_processes: bool,
}

impl Offer {
    /// Asks the kernel; changes nothing.
    #[must_use]
    pub fn of_this_machine() -> Self {
        Self {
            landlock: landlock_abi(),
            seccomp: crate::calls::is_offered(),
            counts_processes: !is_root(),
        }
    }

    /// Whether a sandbox can be had here at all.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.landlock >= NEEDED_ABI && self.seccomp
    }

    /// What of a confinement cannot be had here, each in a sentence.
    #[must_use]
    pub fn lacks(&self, order: &Confinement) -> Vec<String> {
        let mut lacks = Vec::new();
        if self.landlock < NEEDED_ABI {
            let has = match self.landlock {
                0 => "has no Landlock, or it is switched off".to_owned(),
                abi => format!("has Landlock of ABI {abi}"),
            };
            lacks.push(format!(
                "the kernel {has}, and a sandbox needs ABI {NEEDED_ABI}: Linux 6.12 or later, \
                 with `landlock` among its security modules"
            ));
        }
        if !self.seccomp {
            lacks.push("the kernel, or what rok runs in, filters no system calls (seccomp)".into());
        }
        let several = order.limits.processes.filter(|most| *most > 1);
        if let (Some(most), false) = (several, self.counts_processes) {
            lacks.push(format!(
                "the kernel counts no processes of root, so that `max_processes: {most}` bounds \
                 nothing: run rok as another user, or write `max_processes: 1`"
            ));
        }
        lacks
    }
}

/// The newest of the known ABIs whose every right the kernel takes.
fn landlock_abi() -> u32 {
    const KNOWN: [(u32, ABI); 6] = [
        (6, ABI::V6),
        (5, ABI::V5),
        (4, ABI::V4),
        (3, ABI::V3),
        (2, ABI::V2),
        (1, ABI::V1),
    ];
    let takes = |abi: ABI| {
        let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
        let ruleset = ruleset.handle_access(AccessFs::from_all(abi))?;
        let ruleset = match AccessNet::from_all(abi) {
            none if none.is_empty() => ruleset,
            net => ruleset.handle_access(net)?,
        };
        let ruleset = match Scope::from_all(abi) {
            none if none.is_empty() => ruleset,
            scope => ruleset.scope(scope)?,
        };
        ruleset.create()
    };
    let found = KNOWN.iter().find(|(_, abi)| takes(*abi).is_ok());
    found.map_or(0, |(number, _)| *number)
}

/// The one user whose processes the kernel does not count. Root of a user
/// namespace is another one.
fn is_root() -> bool {
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut words = map.split_ascii_whitespace();
    let outside = words.nth(1);
    getuid().is_root() && outside.is_none_or(|first| first == "0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use rstest::rstest;

    const ALL: Offer = Offer {
        landlock: 6,
        seccomp: true,
        counts_processes: true,
    };

    #[rstest]
    #[case(ALL, Some(8), &[])]
    #[case(Offer { landlock: 4, ..ALL }, None, &["ABI 4"])]
    #[case(Offer { landlock: 0, ..ALL }, None, &["no Landlock"])]
    #[case(Offer { seccomp: false, ..ALL }, None, &["seccomp"])]
    #[case(Offer { counts_processes: false, ..ALL }, Some(8), &["max_processes: 8"])]
    #[case(Offer { counts_processes: false, ..ALL }, Some(1), &[])]
    #[case(Offer { landlock: 0, seccomp: false, counts_processes: false }, Some(2), &["Landlock", "seccomp", "root"])]
    fn what_is_lacking_is_said(
        #[case] offer: Offer,
        #[case] processes: Option<u64>,
        #[case] parts: &[&str],
    ) {
        let order = Confinement {
            limits: Limits {
                processes,
                ..Limits::default()
            },
            ..Confinement::default()
        };
        let lacks = offer.lacks(&order);
        assert_eq!(lacks.len(), parts.len(), "{lacks:?}");
        for (said, part) in lacks.iter().zip(parts) {
            assert!(said.contains(part), "{said}");
        }
    }
}
