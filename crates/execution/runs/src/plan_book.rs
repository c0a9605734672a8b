//! Plans as they were read: whoever serves is given the same ones again and
//! again. What a plan is read from is compared by its digest each time; only
//! the reading is saved.

use crate::submit::parsed;
use rok_chain::Digest;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_kernel::CompiledPlan;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// How many plans are kept.
const PLANS: usize = 256;

/// The canonical bytes of the largest plan that is kept: all together are a few
/// megabytes.
const LARGEST: usize = 32 * 1024;

/// A plan that was submitted, as it was read.
#[derive(Debug, Clone)]
pub(crate) struct Submitted {
    pub(crate) plan: Arc<CompiledPlan>,
    pub(crate) canonical: Arc<[u8]>,
}

impl Submitted {
    /// Reads a plan.
    pub(crate) fn read(bytes: &[u8], source: &str) -> Result<Self, RunsError> {
        let plan = parsed(bytes, source)?;
        let canonical: Arc<[u8]> = plan.to_canonical_json().into();
        let sha256 = Digest::of(&canonical).to_hex();
        let plan = CompiledPlan::new(plan, sha256)
            .map_err(|error| RunsError::new(ErrorKind::Usage, "ROK0108", error.to_string()))?;
        Ok(Self { plan, canonical })
    }
}

/// Plans that were read, the texts of people and the bytes beside logs.
#[derive(Debug, Default)]
pub(crate) struct PlanBook {
    /// By what was submitted, and what it is called: that says how it is read.
    submitted: Kept<(Digest, String), Submitted>,
    recorded: Kept<Digest, Arc<CompiledPlan>>,
}

impl PlanBook {
    /// The plan of a submission.
    pub(crate) fn submitted(&self, bytes: &[u8], source: &str) -> Result<Submitted, RunsError> {
        let key = (Digest::of(bytes), source.to_owned());
        let read = || Submitted::read(bytes, source);
        self.submitted
            .get(key, read, |plan| plan.canonical.len() <= LARGEST)
    }

    /// The plan of canonical bytes with that digest.
    pub(crate) fn recorded(
        &self,
        (digest, bytes): (Digest, &[u8]),
        read: impl FnOnce() -> Result<Arc<CompiledPlan>, RunsError>,
    ) -> Result<Arc<CompiledPlan>, RunsError> {
        self.recorded.get(digest, read, |_| bytes.len() <= LARGEST)
    }
}

/// What was made of something, as long as there is room.
#[derive(Debug)]
struct Kept<K, V>(Mutex<HashMap<K, V>>);

impl<K, V> Default for Kept<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V: Clone> Kept<K, V> {
    fn get(
        &self,
        key: K,
        make: impl FnOnce() -> Result<V, RunsError>,
        keep: impl FnOnce(&V) -> bool,
    ) -> Result<V, RunsError> {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept().get(&key) {
            return Ok(known.clone());
        }
        let made = make()?;
        if keep(&made) {
            let mut kept = kept();
            if kept.len() >= PLANS {
                kept.clear();
            }
            kept.insert(key, made.clone());
        }
        Ok(made)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read_once_and_again_where_its_text_is_another() {
        let book = PlanBook::default();
        let read = |text: &str, source: &str| book.submitted(text.as_bytes(), source);
        let text = "plan: p\nsteps: { a: { call: f } }\n";
        let first = read(text, "p.yaml").expect("a plan");
        let again = read(text, "p.yaml").expect("a plan");
        assert!(Arc::ptr_eq(&first.plan, &again.plan));
        let other = read(&text.replace("call: f", "call: g"), "p.yaml").expect("a plan");
        assert!(!Arc::ptr_eq(&first.plan, &other.plan));
        assert_ne!(first.canonical, other.canonical);
        // The same text is no TOML, whatever it was before.
        let refused = read(text, "p.toml").expect_err("no plan");
        assert_eq!(refused.code, "ROK0108");
        assert!(read("plan: p\n", "p.yaml").is_err());
        assert!(read("plan: p\n", "p.yaml").is_err(), "faults are not kept");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let book = PlanBook::default();
        for n in 0..=PLANS {
            let text = format!("plan: p{n}\nsteps: {{ a: {{ call: f }} }}\n");
            book.submitted(text.as_bytes(), "p.yaml").expect("a plan");
        }
        assert_eq!(book.submitted.0.lock().expect("no panic").len(), 1);
        let name = "n".repeat(LARGEST);
        let large = format!("plan: p\nname: {name}\nsteps: {{ a: {{ call: f }} }}\n");
        let read = || book.submitted(large.as_bytes(), "p.yaml");
        if let (Ok(first), Ok(again)) = (read(), read()) {
            assert!(!Arc::ptr_eq(&first.plan, &again.plan));
        }
        assert_eq!(book.submitted.0.lock().expect("no panic").len(), 1);
    }
}
