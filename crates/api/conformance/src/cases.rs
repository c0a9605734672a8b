//! The cases, by area.

mod agents;
mod budget;
mod chaos;
mod federation;
mod policy;
mod retry;
mod schema;

use crate::engine::{Engine, Fault};
pub use federation::decided;

/// A case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is about: `schema`, `retry`, `budget`, `policy`, `federation`, `chaos`.
    pub area: &'static str,
    /// What holds.
    pub name: &'static str,
    check: fn(&Engine) -> Result<(), Fault>,
}

impl Case {
    /// Its area and its name: `retry/what_is_final_is_not_tried_again`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.area, self.name)
    }

    /// Holds an engine against it.
    ///
    /// # Errors
    ///
    /// What is not as it must be.
    pub fn check(&self, engine: &Engine) -> Result<(), Fault> {
        (self.check)(engine)
    }
}

/// Makes the table of an area's cases, each by its function's name.
macro_rules! cases_of {
    ($area:literal: $($name:ident),+ $(,)?) => {
        pub(super) const CASES: &[super::Case] = &[
            $(super::Case { area: $area, name: stringify!($name), check: $name }),+
        ];
    };
}
use cases_of;

/// Every case, in the order in which they are checked.
pub fn cases() -> impl Iterator<Item = &'static Case> {
    let areas = [
        schema::CASES,
        retry::CASES,
        budget::CASES,
        policy::CASES,
        federation::CASES,
        agents::CASES,
        chaos::CASES,
    ];
    areas.into_iter().flatten()
}
