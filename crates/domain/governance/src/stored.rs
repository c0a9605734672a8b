//! Lessons of all runs of a store, and what people made of them: a cell for
//! each that was decided on. Invariant: a lesson is decided once, whoever else
//! decides at the same time; one that was deferred may be decided once more.

use crate::lessons::EVERY;
use rok_facades::{
    Deferred, EngineError, Lesson, LessonDecision, LessonEngine, LessonError, LessonFilter,
};
use rok_log::{Cells, StoreError};
use rok_vocabulary::{Actor, PlanId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::error::Error as _;
use std::sync::Arc;

/// The table of what was made of lessons.
const TABLE: &str = "lessons";

/// The form of a cell. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// A decision as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    decision: LessonDecision,
    by: Actor,
    reason: String,
    at: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    deferred: Option<Deferred>,
}

impl Kept {
    /// The lesson with what was made of it.
    fn of(self, lesson: Lesson) -> Lesson {
        Lesson {
            state: self.decision.leads_to(),
            decided_by: Some(self.by),
            decided_at: Some(self.at),
            reason: Some(self.reason),
            deferred: self.deferred,
            ..lesson
        }
    }
}

type Told = dyn Fn() -> Result<Vec<Lesson>, EngineError> + Send + Sync;

/// Lessons of all runs of a store.
pub struct StoredLessons {
    told: Box<Told>,
    cells: Arc<dyn Cells>,
}

impl StoredLessons {
    /// The lessons that `told` finds in the logs, and what is made of them in
    /// cells.
    pub fn new(
        told: impl Fn() -> Result<Vec<Lesson>, EngineError> + Send + Sync + 'static,
        cells: Arc<dyn Cells>,
    ) -> Self {
        Self {
            told: Box::new(told),
            cells,
        }
    }

    /// The oldest first.
    fn all(&self) -> Result<Vec<Lesson>, EngineError> {
        let cells = self.cells.cells(TABLE).map_err(|error| failed(&error))?;
        let mut decided = cells
            .into_iter()
            .map(|(id, bytes)| read(&id, &bytes).map(|kept| (id, kept)))
            .collect::<Result<HashMap<_, _>, _>>()?;
        let lessons = once((self.told)()?).into_iter();
        let lessons = lessons.map(|lesson| match decided.remove(&lesson.id) {
            None => lesson,
            Some(kept) => kept.of(lesson),
        });
        Ok(lessons.collect())
    }
}

/// Of one band of one plan's use of a limit, one lesson in 24 hours: each
/// process that drew one knew of its own runs alone.
fn once(mut told: Vec<Lesson>) -> Vec<Lesson> {
    told.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    let mut last: HashMap<(PlanId, String, String), Timestamp> = HashMap::new();
    let mut seen = HashSet::new();
    told.retain(|lesson| {
        if !seen.insert(lesson.id.clone()) {
            return false;
        }
        let (Some(measure), Some(band)) = (&lesson.measure, &lesson.band) else {
            return true;
        };
        let of = (lesson.plan.clone(), measure.clone(), band.clone());
        let at = lesson.created_at;
        let fresh = last.get(&of).is_none_or(|last| at.since(*last) >= EVERY);
        if fresh {
            last.insert(of, at);
        }
        fresh
    });
    told
}

impl LessonEngine for StoredLessons {
    fn list(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, EngineError> {
        let all = self.all()?.into_iter().rev();
        Ok(all.filter(|lesson| filter.matches(lesson)).collect())
    }

    fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<Lesson, EngineError> {
        let mut told = once((self.told)()?).into_iter();
        let told = told.find(|lesson| lesson.id == id);
        let told = told.ok_or_else(|| EngineError::invalid(format!("there is no lesson {id}")))?;
        loop {
            let seen = self.cells.cell(TABLE, id);
            let seen = seen.map_err(|error| failed(&error))?;
            let lesson = match &seen {
                None => told.clone(),
                Some(bytes) => read(id, bytes)?.of(told.clone()),
            };
            if lesson.state == decision.leads_to() && lesson.decided_by.as_ref() == Some(by) {
                return Ok(lesson);
            }
            let decided = lesson.decide(decision, by, reason, at);
            let decided =
                decided.map_err(|error: LessonError| EngineError::refused(error.to_string()))?;
            let kept = Kept {
                version: VERSION,
                decision,
                by: by.clone(),
                reason: reason.to_owned(),
                at,
                deferred: decided.deferred.clone(),
            };
            let new = serde_json::to_vec(&kept).expect("its keys are texts");
            let swapped = self.cells.swap(TABLE, id, seen.as_deref(), Some(&new));
            // Where somebody was faster, theirs is the decision.
            if swapped.map_err(|error| failed(&error))? {
                return Ok(decided);
            }
        }
    }
}

fn read(id: &str, bytes: &[u8]) -> Result<Kept, EngineError> {
    let unreadable = |why: String| {
        EngineError::unavailable(format!(
            "what was made of lesson {id} cannot be read: {why}"
        ))
    };
    let kept: Kept =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if kept.version == VERSION {
        Ok(kept)
    } else {
        let version = kept.version;
        Err(unreadable(format!("it is of form {version}")))
    }
}

fn failed(error: &StoreError) -> EngineError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    EngineError::unavailable(format!("{error}{}", cause.unwrap_or_default()))
}

impl std::fmt::Debug for StoredLessons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredLessons").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
