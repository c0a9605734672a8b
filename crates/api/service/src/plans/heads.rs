//! What must be known of a plan before anybody may submit it. A server is asked
//! for the same plans again and again: their texts are read and compared each
//! time, and only taken apart once.

use crate::plan_file::PlanText;
use rok_plan::{Action, Plan, Step};
use rok_vocabulary::PlanId;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// So many texts are known; each takes some dozens of bytes.
const KNOWN: usize = 4096;

/// The head of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PlanHead {
    pub(crate) id: PlanId,
    /// The rank that it gives its runs.
    pub(crate) priority: i8,
    /// Whether steps of it are runs of their own.
    pub(crate) has_sub_runs: bool,
}

impl PlanHead {
    pub(crate) fn of(plan: &Plan) -> Self {
        let names_a_plan = |step: &Step| matches!(step.action, Action::Plan { .. });
        Self {
            id: plan.id.clone(),
            priority: plan.priority,
            has_sub_runs: plan.steps.iter().any(names_a_plan),
        }
    }
}

/// The heads of the texts that were looked at; `None`: it is no plan.
#[derive(Debug, Default)]
pub(crate) struct Heads(Mutex<HashMap<[u8; 32], Option<PlanHead>>>);

impl Heads {
    /// The head of a text, if that is a plan.
    pub(crate) fn of(&self, text: &PlanText) -> Option<PlanHead> {
        let key = key(text);
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(head) = known().get(&key) {
            return head.clone();
        }
        let head = text.parse().ok().map(|plan| PlanHead::of(&plan));
        let mut known = known();
        if known.len() >= KNOWN {
            known.clear();
        }
        known.insert(key, head.clone());
        head
    }
}

/// What it is called says how it is read.
fn key(text: &PlanText) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(text.source.as_bytes());
    // No path holds it.
    hash.update([0]);
    hash.update(&text.bytes);
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, text: &str) -> PlanText {
        PlanText::new(text.into(), source.into(), "/".into())
    }

    #[test]
    fn a_head_is_of_the_text_and_of_what_it_is_called() {
        let heads = Heads::default();
        let plan = "plan: p\npriority: 3\nsteps: { a: { call: f } }\n";
        let head = heads.of(&text("p.yaml", plan)).expect("a plan");
        assert_eq!((head.id.as_str(), head.priority), ("p", 3));
        assert!(!head.has_sub_runs);
        assert_eq!(heads.of(&text("p.yaml", plan)), Some(head));
        assert_eq!(heads.of(&text("p.toml", plan)), None);
        let other = plan.replace("call: f", "plan: q");
        let other = heads.of(&text("p.yaml", &other)).expect("a plan");
        assert!(other.has_sub_runs);
        assert_eq!(heads.of(&text("p.yaml", "plan: p\n")), None);
    }
}
