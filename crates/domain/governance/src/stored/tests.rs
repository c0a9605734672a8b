//! What must hold of lessons that are stored, case by case.

use super::*;
use rok_facades::{LessonFacade, LessonKind, LessonState};
use rok_log::{Cells as _, MemoryCells};
use rok_vocabulary::Epoch;
use rstest::rstest;
use std::sync::Arc;

const HOUR: i64 = 3_600_000;

fn lesson(id: &str, band: Option<&str>, hour: i64) -> Lesson {
    Lesson {
        id: id.to_owned(),
        kind: if band.is_some() {
            LessonKind::NearThreshold
        } else {
            LessonKind::Failure
        },
        run_id: format!("run-{id}").parse().unwrap(),
        epoch: Epoch::FIRST,
        plan: "p".parse().unwrap(),
        measure: band.map(|_| "time".to_owned()),
        band: band.map(str::to_owned),
        used_percent: None,
        step: None,
        error_class: None,
        message: "m".to_owned(),
        draft: band.is_none().then(|| "forbid (…);".to_owned()),
        state: LessonState::Pending,
        created_at: Timestamp::from_millis(hour * HOUR),
        decided_by: None,
        decided_at: None,
        reason: None,
        deferred: None,
    }
}

fn facade(cells: &MemoryCells) -> LessonFacade {
    let told = || {
        Ok(vec![
            lesson("near-2", Some("85-90"), 23),
            lesson("near-1", Some("85-90"), 0),
            lesson("near-3", Some("85-90"), 24),
            lesson("other", Some("90-95"), 1),
            lesson("failure-1", None, 2),
            lesson("failure-2", None, 3),
            lesson("failure-2", None, 3),
        ])
    };
    let book = Book::new(Arc::new(cells.clone()));
    LessonFacade::new(Arc::new(StoredLessons::new(told, book)))
}

fn ids(facade: &LessonFacade, filter: &LessonFilter) -> Vec<String> {
    let all = facade.list(filter).unwrap().into_iter();
    all.map(|lesson| lesson.id).collect()
}

#[test]
fn of_one_band_there_is_one_lesson_in_a_day_the_newest_first() {
    let facade = facade(&MemoryCells::new());
    let all = ids(&facade, &LessonFilter::default());
    assert_eq!(all, ["near-3", "failure-2", "failure-1", "other", "near-1"]);
    let failures = LessonFilter {
        kind: Some(LessonKind::Failure),
        ..LessonFilter::default()
    };
    assert_eq!(ids(&facade, &failures), ["failure-2", "failure-1"]);
}

#[rstest]
#[case(LessonDecision::Defer, LessonState::Deferred)]
#[case(LessonDecision::Dismiss, LessonState::Dismissed)]
#[case(LessonDecision::ConvertToDraft, LessonState::ConvertedToDraft)]
fn a_decision_outlives_the_process(#[case] decision: LessonDecision, #[case] state: LessonState) {
    let (cells, ada) = (MemoryCells::new(), Actor::User("ada".into()));
    let at = Timestamp::from_millis(5);
    let decided = facade(&cells).decide("failure-1", decision, &ada, "why", at);
    assert_eq!(decided.unwrap().state, state);
    let of_state = LessonFilter {
        state: Some(state),
        ..LessonFilter::default()
    };
    let kept = facade(&cells).list(&of_state).unwrap();
    assert_eq!((kept.len(), kept[0].id.as_str()), (1, "failure-1"));
    assert_eq!(kept[0].decided_by.as_ref(), Some(&ada));
    assert_eq!(kept[0].reason.as_deref(), Some("why"));
    // The same again is the same; anything else is refused.
    facade(&cells)
        .decide("failure-1", decision, &ada, "why", at)
        .unwrap();
    let other = facade(&cells).decide("failure-1", decision, &Actor::Manual, "no", at);
    assert!(other.unwrap_err().to_string().contains("already"));
}

/// Not now is not never: who deferred it stays on record.
#[test]
fn a_deferred_lesson_is_decided_by_another_process() {
    let (cells, ada) = (MemoryCells::new(), Actor::User("ada".into()));
    let decide = |decision, by: &Actor, ms| {
        let at = Timestamp::from_millis(ms);
        facade(&cells).decide("failure-1", decision, by, "why", at)
    };
    decide(LessonDecision::Defer, &ada, 5).unwrap();
    let decided = decide(LessonDecision::ConvertToDraft, &Actor::Manual, 7).unwrap();
    assert_eq!(decided.state, LessonState::ConvertedToDraft);
    let kept = facade(&cells).list(&LessonFilter::default()).unwrap();
    let kept = kept.into_iter().find(|lesson| lesson.id == "failure-1");
    assert_eq!(kept, Some(decided.clone()));
    let deferred = decided.deferred.unwrap();
    assert_eq!((deferred.by, deferred.at), (ada, Timestamp::from_millis(5)));
    let late = decide(LessonDecision::Dismiss, &Actor::Manual, 9).unwrap_err();
    assert!(late.to_string().contains("already"), "{late}");
}

#[test]
fn what_is_not_there_or_has_no_draft_is_refused() {
    let facade = facade(&MemoryCells::new());
    let (by, at) = (Actor::Manual, Timestamp::default());
    let convert = |id| facade.decide(id, LessonDecision::ConvertToDraft, &by, "x", at);
    let error = convert("other").unwrap_err();
    assert!(error.to_string().contains("proposes no policy"), "{error}");
    let error = convert("nothing").unwrap_err();
    assert!(error.to_string().contains("there is no lesson"), "{error}");
}

/// What an earlier version kept: read as before, and decided on once more.
#[test]
fn what_was_decided_before_there_was_a_book_is_read_and_gone_on_from() {
    let cells = MemoryCells::new();
    let kept = r#"{"version":1,"decision":"defer","by":"user:ada","reason":"later","at":"1970-01-01T00:00:00.005Z"}"#;
    let put = |seen: Option<&str>, new: &str| {
        let seen = seen.map(str::as_bytes);
        cells.swap("lessons", "failure-1", seen, Some(new.as_bytes()))
    };
    assert!(put(None, kept).unwrap());
    let deferred = LessonFilter {
        state: Some(LessonState::Deferred),
        ..LessonFilter::default()
    };
    assert_eq!(ids(&facade(&cells), &deferred), ["failure-1"]);
    let at = Timestamp::from_millis(7);
    let decided = facade(&cells).decide(
        "failure-1",
        LessonDecision::Dismiss,
        &Actor::Manual,
        "after all",
        at,
    );
    let decided = decided.unwrap();
    assert_eq!(decided.deferred.as_ref().unwrap().reason, "later");
    let all = facade(&cells).list(&LessonFilter::default()).unwrap();
    assert!(all.contains(&decided));
    // Since then it stands as it stood.
    assert!(put(Some(kept), &kept.replace("ada", "eve")).unwrap());
    let error = facade(&cells).list(&LessonFilter::default()).unwrap_err();
    assert!(matches!(error.error, EngineError::Broken { .. }), "{error}");
}
