//! Lessons: what a run teaches, and what people make of it.

use rok_vocabulary::{Actor, Epoch, ErrorClass, PlanId, RunId, StepId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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

/// What somebody makes of a pending lesson.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
}

/// Why a decision was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LessonError {
    /// Somebody decided before.
    #[error("lesson {id} is {state:?} already; only a pending one can be decided")]
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
    /// The lesson with a decision: pending → deferred, dismissed or converted.
    pub fn decide(
        mut self,
        decision: LessonDecision,
        by: &Actor,
        at: Timestamp,
    ) -> Result<Self, LessonError> {
        if self.state != LessonState::Pending {
            return Err(LessonError::Decided {
                id: self.id,
                state: self.state,
            });
        }
        if decision == LessonDecision::ConvertToDraft && self.draft.is_none() {
            return Err(LessonError::NoDraft { id: self.id });
        }
        self.state = decision.leads_to();
        self.decided_by = Some(by.clone());
        self.decided_at = Some(at);
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
        }
    }

    #[rstest]
    #[case(LessonDecision::Defer, LessonState::Deferred)]
    #[case(LessonDecision::Dismiss, LessonState::Dismissed)]
    #[case(LessonDecision::ConvertToDraft, LessonState::ConvertedToDraft)]
    fn a_lesson_is_decided_once(#[case] decision: LessonDecision, #[case] state: LessonState) {
        let at = Timestamp::from_millis(5);
        let decided = lesson(Some("forbid …"))
            .decide(decision, &Actor::Manual, at)
            .unwrap();
        assert_eq!((decided.state, decided.decided_at), (state, Some(at)));
        for again in [LessonDecision::Defer, LessonDecision::Dismiss] {
            let error = decided
                .clone()
                .decide(again, &Actor::Manual, at)
                .unwrap_err();
            assert!(matches!(error, LessonError::Decided { .. }), "{error}");
        }
    }

    #[test]
    fn without_a_draft_there_is_nothing_to_convert_to() {
        let error = lesson(None)
            .decide(
                LessonDecision::ConvertToDraft,
                &Actor::Manual,
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
