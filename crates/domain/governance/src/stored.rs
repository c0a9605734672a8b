//! Lessons of all runs of a store, and what people made of them: a line of the
//! desk's book for each decision. Invariant: a lesson is decided once, whoever else
//! decides at the same time; one that was deferred may be decided once more.

use crate::lessons::EVERY;
use rok_facades::{
    Deferred, EngineError, Lesson, LessonDecision, LessonEngine, LessonError, LessonFilter,
};
use rok_log::{Book, BookEntry, BookError, BookEvent, Pages};
use rok_vocabulary::{Actor, PlanId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::error::Error as _;

/// The table of what was made of lessons before there was a book.
const BEFORE: &str = "lessons";

/// The form of a cell. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// A decision as it was kept before there was a book.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    decision: LessonDecision,
    by: Actor,
    reason: String,
    at: Timestamp,
    #[serde(default)]
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

/// What a line of the book holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decided {
    lesson: String,
    decision: LessonDecision,
    reason: String,
}

type Told = dyn Fn() -> Result<Vec<Lesson>, EngineError> + Send + Sync;

/// Lessons of all runs of a store.
pub struct StoredLessons {
    told: Box<Told>,
    desk: Book,
}

impl StoredLessons {
    /// The lessons that `told` finds in the logs, and what is made of them in
    /// the desk's book.
    pub fn new(
        told: impl Fn() -> Result<Vec<Lesson>, EngineError> + Send + Sync + 'static,
        desk: Book,
    ) -> Self {
        Self {
            told: Box::new(told),
            desk,
        }
    }

    fn pages(&self) -> Result<Pages, EngineError> {
        self.desk.read().map_err(|error| failed(&error))
    }
}

/// Lessons with what was made of them.
fn with_decisions(mut lessons: Vec<Lesson>, pages: &Pages) -> Result<Vec<Lesson>, EngineError> {
    let mut before = { pages.before(BEFORE).iter() }
        .map(|(id, bytes)| read(id, bytes).map(|kept| (id.as_str(), kept)))
        .collect::<Result<HashMap<_, _>, _>>()?;
    let mut since: HashMap<String, Vec<(Decided, &BookEntry)>> = HashMap::new();
    for written in pages.of(BookEvent::LessonDecided) {
        let decided: Decided = written.data().map_err(|fault| failed(&fault.into()))?;
        let of = since.entry(decided.lesson.clone()).or_default();
        of.push((decided, written.entry()));
    }
    for lesson in &mut lessons {
        if let Some(kept) = before.remove(lesson.id.as_str()) {
            *lesson = kept.of(lesson.clone());
        }
        for (decided, entry) in since.remove(&lesson.id).unwrap_or_default() {
            let Decided {
                decision, reason, ..
            } = decided;
            let next = { lesson.clone() }.decide(decision, &entry.by, &reason, entry.at);
            // Nobody wrote that: it is checked before.
            *lesson = next.map_err(|error| EngineError::broken(error.to_string()))?;
        }
    }
    Ok(lessons)
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
        // First what was decided: what is drawn later was not yet.
        let pages = self.pages()?;
        let all = with_decisions(once((self.told)()?), &pages)?.into_iter();
        Ok(all.rev().filter(|lesson| filter.matches(lesson)).collect())
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
            let pages = self.pages()?;
            let mut lesson = with_decisions(vec![told.clone()], &pages)?;
            let lesson = lesson.pop().expect("one was given");
            if lesson.state == decision.leads_to() && lesson.decided_by.as_ref() == Some(by) {
                return Ok(lesson);
            }
            let decided = lesson.decide(decision, by, reason, at);
            let decided =
                decided.map_err(|error: LessonError| EngineError::refused(error.to_string()))?;
            let line = Decided {
                lesson: id.to_owned(),
                decision,
                reason: reason.to_owned(),
            };
            let entry = BookEntry {
                event: BookEvent::LessonDecided,
                at,
                by: by.clone(),
                data: serde_json::to_value(line).expect("its keys are texts"),
            };
            let written = self.desk.append(&pages, &entry);
            // Where somebody was faster, theirs is looked at first.
            if written.map_err(|error| failed(&error))? {
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

fn failed(error: &BookError) -> EngineError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    match error {
        BookError::Broken(_) => EngineError::broken(error.to_string()),
        BookError::Store(_) => {
            EngineError::unavailable(format!("{error}{}", cause.unwrap_or_default()))
        }
    }
}

impl std::fmt::Debug for StoredLessons {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredLessons").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
