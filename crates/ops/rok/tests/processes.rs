//! Processes as users meet them, through the real binary: what a step leaves
//! behind is really gone, signals leave a resumable run, exits and files mean
//! what the process contract says.

mod support;

#[path = "support/running.rs"]
mod running;

#[path = "processes/contract.rs"]
mod contract;
#[path = "processes/exits.rs"]
mod exits;
#[path = "processes/gone.rs"]
mod gone;
#[path = "processes/logs.rs"]
mod logs;
#[path = "processes/signals.rs"]
mod signals;
