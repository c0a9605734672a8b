//! The commands: each asks a use case and shows what it answers.

mod bundles;
mod config;
mod decide;
mod events;
mod help;
mod import;
mod look;
mod pictures;
mod plan;
mod plan_test;
mod proof;
mod replay;
mod retention;
mod rollback;
mod run;
mod schedule;
mod serve;
mod token;

pub(crate) use bundles::{export, import};
pub(crate) use config::config;
pub(crate) use decide::{approve, cancel, override_gate, pause, reject, unpause};
pub(crate) use events::{events, logs};
pub(crate) use help::help;
pub(crate) use look::{diff, explain, list, metrics, profile, status, summary};
pub(crate) use pictures::{graph, report, timeline};
pub(crate) use plan::plan;
use plan_test::plan_test;
pub(crate) use proof::{attest, checkpoint, cosign, key, told, verify};
pub(crate) use replay::replay;
pub(crate) use retention::{gc, hold};
pub(crate) use rollback::rollback;
pub(crate) use run::{resume, run};
pub(crate) use schedule::schedule;
pub(crate) use serve::serve;
pub(crate) use token::token;
