//! Hostile plans, through the real binary: a clear error or a run, within
//! seconds and 200 MB.

mod support;

#[path = "hostile_plans/measured.rs"]
mod measured;

#[path = "hostile_plans/formats.rs"]
mod formats;
#[path = "hostile_plans/limits.rs"]
mod limits;
#[path = "hostile_plans/rendered.rs"]
mod rendered;
#[path = "hostile_plans/scale.rs"]
mod scale;
