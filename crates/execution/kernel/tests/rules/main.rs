//! The kernel's rules, one by one: it is told what happened, an instant is said
//! with it, and the events are looked at.
#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, in its helpers too"
)]

mod agents;
mod bench;
mod checking;
mod claims;
mod closing;
mod driving;
mod epochs;
mod fan_outs;
mod gates;
mod overrides;
mod pauses;
