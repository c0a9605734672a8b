//! Lessons: what a run teaches, and what people make of it.

use crate::answer::{EngineError, FacadeError, plain};
use rok_vocabulary::{Actor, Domain, Epoch, ErrorClass, PlanId, RunId, StepId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// What kind of lesson it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LessonKind {
    /// A run failed.
    Failure,
    /// A limit was nearly used up: 85 % or more, and less than 100 %.
    NearThreshold,
    /// A run succeeded with less than 30 % of a limit.
    CriticalSuccess,
}

impl LessonKind {
    /// Every kind.
    pub const ALL: &'static [Self] = &[Self::Failure, Self::NearThreshold, Self::CriticalSuccess];

    /// The kind's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::NearThreshold => "near_threshold",
            Self::CriticalSuccess => "critical_success",
        }
    }
}

/// What has become of a lesson.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LessonState {
    /// Nobody has decided.
    Pending,
    /// Not now.
    Deferred,
    /// Not at all.
    Dismissed,
    /// Its policy draft was taken up.
    ConvertedToDraft,
}

impl LessonState {
    /// Every state.
    pub const ALL: &'static [Self] = &[
        Self::Pending,
        Self::Deferred,
        Self::Dismissed,
        Self::ConvertedToDraft,
    ];

    /// The state's word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Deferred => "deferred",
            Self::Dismissed => "dismissed",
            Self::ConvertedToDraft => "converted_to_draft",
        }
    }
}

impl fmt::Display for LessonState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What somebody makes of a pending lesson, or of a deferred one.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LessonDecision {
    /// Not now.
    Defer,
    /// Not at all.
    Dismiss,
    /// Take up its policy draft.
    ConvertToDraft,
}

impl LessonDecision {
    /// The state that it leads to.
    #[must_use]
    pub const fn leads_to(self) -> LessonState {
        match self {
            Self::Defer => LessonState::Deferred,
            Self::Dismiss => LessonState::Dismissed,
            Self::ConvertToDraft => LessonState::ConvertedToDraft,
        }
    }
}

/// A lesson's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lesson {
    /// From run, epoch, kind and measure: drawing it again yields the same.
    pub id: String,
    /// What kind of lesson it is.
    pub kind: LessonKind,
    /// The run.
    pub run_id: RunId,
    /// Its epoch.
    pub epoch: Epoch,
    /// Its plan.
    pub plan: PlanId,
    /// `time` or `budget`, where it is about a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// The band of use, such as `85-90`; one lesson a band in 24 hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band: Option<String>,
    /// How much of the limit was used, in whole percent, rounded down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used_percent: Option<u32>,
    /// The first step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<StepId>,
    /// Why the run failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_class: Option<ErrorClass>,
    /// For people.
    pub message: String,
    /// A policy that would have said so: a proposal, never in force by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub draft: Option<String>,
    /// What has become of it.
    pub state: LessonState,
    /// When it was drawn.
    pub created_at: Timestamp,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Actor>,
    /// When they did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who had deferred it before that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deferred: Option<Deferred>,
}

/// Who deferred a lesson that somebody decided on later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deferred {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why, in their words.
    pub reason: String,
}

/// Which lessons are listed; an absent part matches all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LessonFilter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this plan.
    pub plan: Option<PlanId>,
    /// In this state.
    pub state: Option<LessonState>,
    /// Of this kind.
    pub kind: Option<LessonKind>,
}

impl LessonFilter {
    /// Whether a lesson is asked for.
    #[must_use]
    pub fn matches(&self, lesson: &Lesson) -> bool {
        self.run.as_ref().is_none_or(|run| *run == lesson.run_id)
            && self.plan.as_ref().is_none_or(|plan| *plan == lesson.plan)
            && self.state.is_none_or(|state| state == lesson.state)
            && self.kind.is_none_or(|kind| kind == lesson.kind)
    }
}

/// What keeps lessons and what people make of them.
pub trait LessonEngine: Send + Sync {
    /// Lessons, the newest first. Of one band of one plan's use of a limit
    /// there is one in 24 hours.
    fn list(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, EngineError>;

    /// Decides on a pending or deferred one: durably, with who and why.
    fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<Lesson, EngineError>;
}

/// The door to the lessons of the governance domain.
#[derive(Clone)]
pub struct LessonFacade {
    engine: Arc<dyn LessonEngine>,
}

impl LessonFacade {
    /// A facade over an engine.
    #[must_use]
    pub fn new(engine: Arc<dyn LessonEngine>) -> Self {
        Self { engine }
    }

    /// Lessons, the newest first.
    pub fn list(&self, filter: &LessonFilter) -> Result<Vec<Lesson>, FacadeError> {
        plain(Domain::Policies, "list lessons", || {
            self.engine.list(filter)
        })
    }

    /// Decides on a pending or deferred one.
    pub fn decide(
        &self,
        id: &str,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<Lesson, FacadeError> {
        plain(Domain::Policies, "decide on the lesson", || {
            self.engine.decide(id, decision, by, reason, at)
        })
    }
}

/// Why a decision was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LessonError {
    /// Somebody decided before.
    #[error("lesson {id} is {state} already; only a pending or deferred one can be decided")]
    Decided {
        /// The lesson.
        id: String,
        /// What has become of it.
        state: LessonState,
    },
    /// There is no draft to convert to.
    #[error("lesson {id} proposes no policy; defer or dismiss it")]
    NoDraft {
        /// The lesson.
        id: String,
    },
}

impl Lesson {
    /// The lesson with a decision: pending → deferred, and either → dismissed or
    /// converted.
    pub fn decide(
        mut self,
        decision: LessonDecision,
        by: &Actor,
        reason: &str,
        at: Timestamp,
    ) -> Result<Self, LessonError> {
        let open = match self.state {
            LessonState::Pending => true,
            LessonState::Deferred => decision != LessonDecision::Defer,
            LessonState::Dismissed | LessonState::ConvertedToDraft => false,
        };
        if !open {
            return Err(LessonError::Decided {
                id: self.id,
                state: self.state,
            });
        }
        if decision == LessonDecision::ConvertToDraft && self.draft.is_none() {
            return Err(LessonError::NoDraft { id: self.id });
        }
        if let (Some(by), Some(at)) = (self.decided_by.take(), self.decided_at) {
            let reason = self.reason.take().unwrap_or_default();
            self.deferred = Some(Deferred { by, at, reason });
        }
        self.state = decision.leads_to();
        self.decided_by = Some(by.clone());
        self.decided_at = Some(at);
        self.reason = Some(reason.to_owned());
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn lesson(draft: Option<&str>) -> Lesson {
        Lesson {
            id: "lesson-1".into(),
            kind: LessonKind::Failure,
            run_id: "r".parse().unwrap(),
            epoch: Epoch::FIRST,
            plan: "p".parse().unwrap(),
            measure: None,
            band: None,
            used_percent: None,
            step: None,
            error_class: None,
            message: "m".into(),
            draft: draft.map(str::to_owned),
            state: LessonState::Pending,
            created_at: Timestamp::default(),
            decided_by: None,
            decided_at: None,
            reason: None,
            deferred: None,
        }
    }

    #[rstest]
    #[case(LessonDecision::Dismiss, LessonState::Dismissed)]
    #[case(LessonDecision::ConvertToDraft, LessonState::ConvertedToDraft)]
    fn a_lesson_is_decided_once(#[case] decision: LessonDecision, #[case] state: LessonState) {
        let at = Timestamp::from_millis(5);
        let decided = lesson(Some("forbid …"))
            .decide(decision, &Actor::Manual, "why", at)
            .unwrap();
        assert_eq!((decided.state, decided.decided_at), (state, Some(at)));
        assert_eq!(decided.reason.as_deref(), Some("why"));
        for again in [LessonDecision::Defer, LessonDecision::Dismiss] {
            let error = decided
                .clone()
                .decide(again, &Actor::Manual, "why", at)
                .unwrap_err();
            assert!(matches!(error, LessonError::Decided { .. }), "{error}");
        }
    }

    #[rstest]
    #[case(LessonDecision::Dismiss, LessonState::Dismissed)]
    #[case(LessonDecision::ConvertToDraft, LessonState::ConvertedToDraft)]
    fn a_deferred_lesson_is_decided_later(
        #[case] decision: LessonDecision,
        #[case] state: LessonState,
    ) {
        let (ada, at) = (Actor::User("ada".into()), Timestamp::from_millis);
        let lesson = lesson(Some("forbid …"));
        let deferred = lesson.decide(LessonDecision::Defer, &ada, "busy", at(5));
        let deferred = deferred.unwrap();
        assert_eq!(
            (deferred.state, &deferred.deferred),
            (LessonState::Deferred, &None)
        );
        let again = deferred
            .clone()
            .decide(LessonDecision::Defer, &ada, "busy", at(6));
        assert!(matches!(again, Err(LessonError::Decided { .. })));
        let decided = deferred
            .decide(decision, &Actor::Manual, "now", at(7))
            .unwrap();
        assert_eq!((decided.state, decided.decided_at), (state, Some(at(7))));
        let before = Deferred {
            by: ada,
            at: at(5),
            reason: "busy".into(),
        };
        assert_eq!(decided.deferred, Some(before));
    }

    #[test]
    fn without_a_draft_there_is_nothing_to_convert_to() {
        let error = lesson(None)
            .decide(
                LessonDecision::ConvertToDraft,
                &Actor::Manual,
                "why",
                Timestamp::default(),
            )
            .unwrap_err();
        assert_eq!(
            error,
            LessonError::NoDraft {
                id: "lesson-1".into()
            }
        );
    }
}
