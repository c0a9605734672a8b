//! Lessons: what a run teaches. Invariant: of one band of one plan's use of a
//! limit there is one lesson in 24 hours, and drawing a run's lessons again
//! yields the same ones.

use core::time::Duration;
use rok_facades::{DutyKey, EngineError, Lesson, LessonKind, LessonState, OutcomeFacts};
use rok_rac::Duty;
use rok_vocabulary::{Domain, ErrorClass, Outcome, PlanId};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

/// The bands of a limit's use that teach something: from, to (excluded), what.
pub const BANDS: [(f64, f64, LessonKind, &str); 4] = [
    (0.0, 0.30, LessonKind::CriticalSuccess, "0-30"),
    (0.85, 0.90, LessonKind::NearThreshold, "85-90"),
    (0.90, 0.95, LessonKind::NearThreshold, "90-95"),
    (0.95, 1.0, LessonKind::NearThreshold, "95-100"),
];

/// One lesson a band in this time.
pub(crate) const EVERY: Duration = Duration::from_secs(24 * 3600);

/// Bands that are remembered: a thousand plans that use every one.
const KEPT: usize = 10_000;

/// The bands of the last 24 hours.
#[derive(Debug, Default)]
pub struct LessonBook {
    drawn: Mutex<HashMap<Use, Lesson>>,
}

/// A band of a plan's use of a limit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Use {
    plan: PlanId,
    measure: String,
    band: String,
}

impl LessonBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes lessons from the store, at start-up.
    pub fn restore(&self, lessons: impl IntoIterator<Item = Lesson>) -> Result<(), EngineError> {
        let mut drawn = self.drawn()?;
        for lesson in lessons {
            if let (Some(measure), Some(band)) = (&lesson.measure, &lesson.band) {
                let band = Use {
                    plan: lesson.plan.clone(),
                    measure: measure.clone(),
                    band: band.clone(),
                };
                let newer = drawn
                    .get(&band)
                    .is_none_or(|known| known.created_at < lesson.created_at);
                if newer {
                    remember(&mut drawn, band, lesson);
                }
            }
        }
        Ok(())
    }

    /// What this run teaches.
    pub fn draw(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, EngineError> {
        let mut lessons: Vec<Lesson> = failure(facts)?.into_iter().collect();
        for (measure, share) in [("time", facts.time_use), ("budget", facts.budget_use)] {
            if let Some(share) = share {
                lessons.extend(self.of_use(facts, measure, share)?);
            }
        }
        Ok(lessons)
    }

    /// Whether nothing would be remembered of what this run teaches: only the
    /// uses of limits are.
    pub(crate) fn remembers_nothing_of(facts: &OutcomeFacts<'_>) -> bool {
        facts.time_use.is_none() && facts.budget_use.is_none()
    }

    fn of_use(
        &self,
        facts: &OutcomeFacts<'_>,
        measure: &str,
        share: f64,
    ) -> Result<Option<Lesson>, EngineError> {
        let band = BANDS
            .iter()
            .find(|&&(from, to, ..)| from <= share && share < to)
            .filter(|(_, _, kind, _)| {
                *kind != LessonKind::CriticalSuccess || facts.outcome == Outcome::Succeeded
            });
        let Some(&(_, _, kind, band)) = band else {
            return Ok(None);
        };
        let percent = (share * 100.0).floor() as u32;
        let plan = facts.run.plan;
        let message = match kind {
            LessonKind::CriticalSuccess => format!(
                "{plan} succeeded with {percent} % of its {measure} limit: the limit could be tighter"
            ),
            _ => format!(
                "{plan} used {percent} % of its {measure} limit: little is left for a slow day"
            ),
        };
        let lesson = Lesson {
            measure: Some(measure.to_owned()),
            band: Some(band.to_owned()),
            used_percent: Some(percent),
            ..lesson(facts, kind, measure, message)?
        };
        let band = Use {
            plan: plan.clone(),
            measure: measure.to_owned(),
            band: band.to_owned(),
        };
        let mut drawn = self.drawn()?;
        match drawn.get(&band) {
            Some(known) if known.id == lesson.id => Ok(Some(known.clone())),
            Some(known) if facts.run.now.since(known.created_at) < EVERY => Ok(None),
            _ => {
                remember(&mut drawn, band, lesson.clone());
                Ok(Some(lesson))
            }
        }
    }

    fn drawn(&self) -> Result<MutexGuard<'_, HashMap<Use, Lesson>>, EngineError> {
        self.drawn
            .lock()
            .map_err(|_| EngineError::refused("an earlier call panicked; restart the process"))
    }
}

fn remember(drawn: &mut HashMap<Use, Lesson>, band: Use, lesson: Lesson) {
    if drawn.len() >= KEPT {
        let now = lesson.created_at;
        drawn.retain(|_, known| now.since(known.created_at) < EVERY);
    }
    if drawn.len() >= KEPT {
        let oldest = drawn.iter().min_by_key(|(_, known)| known.created_at);
        if let Some(oldest) = oldest.map(|(band, _)| band.clone()) {
            drawn.remove(&oldest);
        }
    }
    drawn.insert(band, lesson);
}

/// A run that failed by itself: not one that was cancelled, nor one that was
/// denied, which taught its lesson to the submitter.
fn failure(facts: &OutcomeFacts<'_>) -> Result<Option<Lesson>, EngineError> {
    let blocked = facts.verdict.is_some_and(|verdict| !verdict.allowed);
    let failed = match facts.outcome {
        Outcome::Failed | Outcome::TimedOut => true,
        Outcome::Succeeded | Outcome::Partial => blocked,
        Outcome::Cancelled | Outcome::Denied => false,
    };
    if !failed {
        return Ok(None);
    }
    let class = facts.error_class.unwrap_or(match facts.outcome {
        Outcome::TimedOut => ErrorClass::Timeout,
        Outcome::Succeeded | Outcome::Partial => ErrorClass::PolicyViolation,
        _ => ErrorClass::Unknown,
    });
    let at = facts
        .step
        .map(|step| format!(" at {step}"))
        .unwrap_or_default();
    let message = format!("{} failed{at}: {class}", facts.run.plan);
    let mut lesson = lesson(facts, LessonKind::Failure, "failure", message)?;
    lesson.step = facts.step.cloned();
    lesson.error_class = Some(class);
    // A run that a policy stopped needs no policy that would stop it.
    let draft = class != ErrorClass::PolicyViolation;
    lesson.draft = draft.then(|| self::draft(facts, &lesson, class));
    Ok(Some(lesson))
}

/// A soft policy that names the failure when it comes again. Ids of plans and
/// steps need no quoting: they hold neither quotes nor backslashes.
fn draft(facts: &OutcomeFacts<'_>, lesson: &Lesson, class: ErrorClass) -> String {
    let plan = facts.run.plan;
    let step = facts.step.map_or_else(String::new, |step| {
        format!("\n  && context has step && context.step == \"{step}\"")
    });
    format!(
        "@id(\"{id}\")\n@description(\"Drafted from run {run}.\")\n\
         @enforcement_level(\"soft\")\n\
         forbid (principal, action == Action::\"complete\", resource in Plan::\"{plan}\")\n\
         when {{ context has error_class && context.error_class == \"{class}\"{step} }};\n",
        id = lesson.id,
        run = facts.run.run,
    )
}

fn lesson(
    facts: &OutcomeFacts<'_>,
    kind: LessonKind,
    what: &str,
    message: String,
) -> Result<Lesson, EngineError> {
    let run = &facts.run;
    let duty = Duty::new(Domain::Policies, "lesson", Some(what))
        .map_err(|error| EngineError::invalid(error.to_string()))?;
    Ok(Lesson {
        id: DutyKey::new(run, duty).record_id("lesson"),
        kind,
        run_id: run.run.clone(),
        epoch: run.epoch,
        plan: run.plan.clone(),
        measure: None,
        band: None,
        used_percent: None,
        step: None,
        error_class: None,
        message,
        draft: None,
        state: LessonState::Pending,
        created_at: run.now,
        decided_by: None,
        decided_at: None,
        reason: None,
        deferred: None,
    })
}

#[cfg(test)]
mod tests;
