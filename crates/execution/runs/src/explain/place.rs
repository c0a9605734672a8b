//! What a run with a `concurrency` key waits for.

use super::Story;
use crate::slots::of_plan;
use rok_kernel::RunScope;
use rok_vocabulary::{RunId, RunPhase};

impl Story<'_> {
    /// The same, of a run in a database, where it is not begun before it has one.
    pub(super) fn waits_in_line(&self) -> Option<String> {
        if !self.store.is_shared() {
            return None;
        }
        let run = self.state.run_id();
        let concurrency = self.store.get(run).ok()??.concurrency?;
        let ahead = crate::pooled::open_under(self.store, &concurrency.key).ok()?;
        let ahead: Vec<String> = { ahead.iter() }
            .filter(|(phase, other)| *phase != RunPhase::Created && other != run)
            .map(|(_, other)| other.to_string())
            .collect();
        (ahead.len() >= concurrency.limit as usize).then(|| {
            format!(
                "waits for a place: {} of {} runs with concurrency key `{}` may go on, and {} does",
                ahead.len(),
                concurrency.limit,
                concurrency.key,
                ahead.join(", ")
            )
        })
    }

    /// Which runs have the places that it could go on in.
    pub(super) fn waits_for_a_place(&self) -> Option<String> {
        let plan = self.state.plan().plan();
        let concurrency = plan.concurrency.as_ref()?;
        let root = self.loaded.dir.parent()?;
        let (slots, key) = of_plan(plan, root, &RunScope::new(self.state)).ok()??;
        let holders = slots.holders().ok()?;
        if holders.is_empty() {
            return None;
        }
        let names: Vec<&str> = holders.iter().map(RunId::as_str).collect();
        Some(format!(
            "waits for a place: {} of {} runs with concurrency key `{key}` may go on, and {} does",
            holders.len(),
            concurrency.limit,
            names.join(", ")
        ))
    }
}
