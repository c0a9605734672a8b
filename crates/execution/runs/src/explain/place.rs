//! What a run with a `concurrency` key waits for.

use super::Story;
use crate::slots::of_plan;
use rok_kernel::RunScope;
use rok_vocabulary::RunId;

impl Story<'_> {
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
