//! Secrets are nowhere, and values cannot become code: through the real binary.

mod support;

#[path = "support/running.rs"]
mod running;

#[path = "secrets/vault.rs"]
mod vault;

#[path = "secrets/hidden.rs"]
mod hidden;
#[path = "secrets/injection.rs"]
mod injection;
#[path = "secrets/interrupted.rs"]
mod interrupted;
#[path = "secrets/kept.rs"]
mod kept;
#[path = "secrets/refused.rs"]
mod refused;
