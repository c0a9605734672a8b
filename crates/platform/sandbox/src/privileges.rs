//! Privileges: none new, and none kept.

use crate::confinement::Refusal;
use rustix::thread::{
    CapabilitySet, CapabilitySets, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

/// From here on no program gains what its caller has not: set-user-id bits and
/// file capabilities are without effect.
pub(crate) fn none_new() -> Result<(), Refusal> {
    set_no_new_privs(true)
        .map_err(|error| Refusal::machine(format!("cannot renounce new privileges: {error}")))
}

/// Gives up every capability: even root's processes then have none but those
/// of an owner of files.
pub(crate) fn give_up() -> Result<(), Refusal> {
    for capability in CapabilitySet::all().iter() {
        // Without the right to do so there is nothing in the set to be gained:
        // new privileges are renounced already.
        let _ = remove_capability_from_bounding_set(capability);
    }
    let none = CapabilitySets {
        effective: CapabilitySet::empty(),
        permitted: CapabilitySet::empty(),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, none)
        .map_err(|error| Refusal::machine(format!("cannot give up capabilities: {error}")))
}
