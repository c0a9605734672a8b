//! Grants that hold for every run of a plan, asked of Cedar once.
//!
//! Invariant: an answer is kept only where nothing that Cedar is shown can tell
//! two questions apart that agree in who asks, with which roles, for what and
//! about which plan: no policy looks at the context, and none names a run.
//! What is not granted, and what a policy could not be evaluated for, is asked
//! anew each time, since its words name the run.

use crate::engine::Decision;
use crate::policies::Policies;
use rok_vocabulary::{Actor, PlanId};
use std::collections::HashMap;
use std::sync::Mutex;

/// Grants that are kept: more than people and plans of one server; all are
/// dropped where there are more.
const KEPT: usize = 1024;

/// What answers can depend on.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Asked {
    pub(crate) actor: Actor,
    pub(crate) roles: Vec<String>,
    pub(crate) action: &'static str,
    pub(crate) plan: PlanId,
}

/// The grants of one set of policies, which never changes.
pub(crate) struct Grants {
    /// `None` where answers depend on more.
    kept: Option<Mutex<HashMap<Asked, Decision>>>,
}

impl Grants {
    /// None yet.
    pub(crate) fn of(policies: &Policies) -> Self {
        let apart = policies.tells_runs_apart();
        Self {
            kept: (!apart).then(Mutex::default),
        }
    }

    /// The grant that is known, or what asking comes to.
    pub(crate) fn or_ask(
        &self,
        asked: impl FnOnce() -> Asked,
        ask: impl FnOnce() -> Decision,
    ) -> Decision {
        let Some(kept) = &self.kept else {
            return ask();
        };
        let asked = asked();
        // A panic under the lock leaves nothing to rely on.
        let known = kept.lock().ok().and_then(|kept| kept.get(&asked).cloned());
        if let Some(known) = known {
            return known;
        }
        let decision = ask();
        if decision.is_granted()
            && let Ok(mut kept) = kept.lock()
        {
            if kept.len() >= KEPT {
                kept.clear();
            }
            kept.insert(asked, decision.clone());
        }
        decision
    }

    /// Whether a grant is known.
    #[cfg(test)]
    pub(crate) fn keeps_any(&self) -> bool {
        let kept = self.kept.as_ref();
        kept.is_some_and(|kept| !kept.lock().unwrap().is_empty())
    }
}
