//! Views as text for people. Whatever a plan, a step or a policy wrote is
//! cleaned of what a terminal might obey.

mod agents;
mod batch;
mod desk;
mod diagnosis;
mod diff;
mod dry_run;
mod event;
mod examination;
mod explanation;
mod faults;
mod gate;
mod paint;
mod plan;
mod plan_test;
mod policy;
mod profile;
mod registry;
mod replay;
mod retention;
mod schedule;
mod summary;
mod tables;
mod verify;

pub(crate) use agents::agents;
pub(crate) use batch::batch;
pub(crate) use desk::{incident, incidents, lesson, lessons, lines};
pub(crate) use diff::diff;
pub(crate) use dry_run::dry_run;
pub(crate) use event::event;
pub(crate) use examination::examination;
pub(crate) use explanation::explanation;
pub(crate) use faults::faults;
pub(crate) use gate::{Caller, hold, interrupted, left, now, shell_word};
pub(crate) use paint::{Paint, clean, seconds};
pub(crate) use plan::plan;
pub(crate) use plan_test::{plan_test, plan_test_total};
pub(crate) use policy::policies;
pub(crate) use profile::profile;
pub(crate) use registry::{
    component, component_added, component_removed, components, locked, registry_report,
};
pub(crate) use replay::{redecided, replayed};
pub(crate) use retention::{collected, held};
pub(crate) use schedule::{
    added, driven, due_times, firings, removed, schedules, trouble, unpaused,
};
pub use summary::summary_text;
pub(crate) use summary::{status, steps, summary};
pub(crate) use tables::{plans, runs, settings, tokens};
pub(crate) use verify::{book, verify};
