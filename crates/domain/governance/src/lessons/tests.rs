//! What must hold of `lessons`, case by case.

use super::*;
use crate::{Policies, PolicySources};
use rok_facades::{OwnedOutcomeFacts, OwnedRunFacts, PolicyVerdict};
use rok_vocabulary::{Epoch, Timestamp};
use rstest::rstest;

const HOUR: i64 = 3_600_000;

fn facts(run: &str, outcome: Outcome, ms: i64) -> OwnedOutcomeFacts {
    let at = Timestamp::from_millis(ms);
    let run = OwnedRunFacts::new(run.parse().unwrap(), "nightly".parse().unwrap(), at);
    OwnedOutcomeFacts::new(run, outcome)
}

fn used(run: &str, outcome: Outcome, ms: i64, share: f64) -> OwnedOutcomeFacts {
    OwnedOutcomeFacts {
        time_use: Some(share),
        ..facts(run, outcome, ms)
    }
}

fn draw(book: &LessonBook, facts: &OwnedOutcomeFacts) -> Vec<Lesson> {
    book.draw(&facts.borrow()).unwrap()
}

#[rstest]
#[case(0.0, Some((LessonKind::CriticalSuccess, "0-30")))]
#[case(0.299, Some((LessonKind::CriticalSuccess, "0-30")))]
#[case(0.3, None)]
#[case(0.849, None)]
#[case(0.85, Some((LessonKind::NearThreshold, "85-90")))]
#[case(0.9, Some((LessonKind::NearThreshold, "90-95")))]
#[case(0.999, Some((LessonKind::NearThreshold, "95-100")))]
#[case(1.0, None)]
#[case(f64::NAN, None)]
#[case(-0.1, None)]
fn bands(#[case] share: f64, #[case] expected: Option<(LessonKind, &str)>) {
    let lessons = draw(&LessonBook::new(), &used("r", Outcome::Succeeded, 0, share));
    let seen = lessons
        .first()
        .map(|l| (l.kind, l.band.as_deref().unwrap()));
    assert_eq!(seen, expected);
}

#[test]
fn of_a_band_there_is_one_lesson_in_24_hours() {
    let book = LessonBook::new();
    let at = |run, ms, share| draw(&book, &used(run, Outcome::Succeeded, ms, share)).len();
    assert_eq!(at("r1", 0, 0.86), 1);
    assert_eq!(at("r2", 23 * HOUR, 0.87), 0);
    assert_eq!(at("r3", 23 * HOUR, 0.91), 1);
    assert_eq!(at("r4", 24 * HOUR, 0.86), 1);
    assert_eq!(at("r5", 47 * HOUR, 0.86), 0);
}

#[test]
fn drawing_again_yields_the_same() {
    let book = LessonBook::new();
    let first = draw(&book, &used("r1", Outcome::Failed, 0, 0.9));
    let again = draw(&book, &used("r1", Outcome::Failed, HOUR, 0.9));
    assert_eq!(first[1], again[1]);
    assert_eq!(first[0].id, again[0].id);
    let mut next = used("r1", Outcome::Failed, HOUR, 0.9);
    next.run.epoch = Epoch(1);
    assert_ne!(draw(&book, &next)[0].id, first[0].id);
}

#[test]
fn a_restored_book_remembers() {
    let lessons = draw(&LessonBook::new(), &used("r1", Outcome::Succeeded, 0, 0.9));
    let book = LessonBook::new();
    book.restore(lessons).unwrap();
    assert!(draw(&book, &used("r2", Outcome::Succeeded, HOUR, 0.9)).is_empty());
}

#[rstest]
#[case(Outcome::Failed, true)]
#[case(Outcome::TimedOut, true)]
#[case(Outcome::Succeeded, false)]
#[case(Outcome::Partial, false)]
#[case(Outcome::Cancelled, false)]
#[case(Outcome::Denied, false)]
fn what_failed_by_itself_teaches(#[case] outcome: Outcome, #[case] teaches: bool) {
    let lessons = draw(&LessonBook::new(), &facts("r", outcome, 0));
    assert_eq!(lessons.len(), usize::from(teaches));
    assert!(lessons.iter().all(|l| l.state == LessonState::Pending));
}

#[test]
fn a_success_that_a_policy_stopped_is_a_failure_without_a_draft() {
    let mut facts = facts("r", Outcome::Succeeded, 0);
    facts.verdict = Some(PolicyVerdict {
        id: "pol-1".into(),
        run_id: "r".parse().unwrap(),
        allowed: false,
        enforcement_level: None,
        policies: Vec::new(),
        reason: "no".into(),
        violations: Vec::new(),
        errors: Vec::new(),
    });
    let lessons = draw(&LessonBook::new(), &facts);
    assert_eq!(lessons[0].error_class, Some(ErrorClass::PolicyViolation));
    assert_eq!(lessons[0].draft, None);
}

#[test]
fn a_draft_is_a_valid_soft_policy() {
    let mut facts = facts("r", Outcome::Failed, 0);
    facts.error_class = Some(ErrorClass::HardGateFailed);
    for step in [None, Some("per-region[0]".parse().unwrap())] {
        facts.step = step;
        let lesson = draw(&LessonBook::new(), &facts).remove(0);
        let draft = lesson.draft.unwrap();
        let sources = PolicySources::new().with_policies("draft", &draft);
        let policies = Policies::load(&sources).unwrap_or_else(|e| panic!("{e}\n{draft}"));
        let info = policies.infos().next().unwrap();
        assert_eq!(
            info.enforcement_level,
            Some(rok_vocabulary::EnforcementLevel::Soft)
        );
        assert_eq!(info.id, lesson.id);
    }
}

#[test]
fn the_book_is_bounded() {
    let book = LessonBook::new();
    let mut facts = used("r", Outcome::Succeeded, 0, 0.9);
    for i in 0..KEPT + 5 {
        facts.run.plan = format!("p{i}").parse().unwrap();
        facts.run.now = Timestamp::from_millis(i as i64);
        draw(&book, &facts);
    }
    assert_eq!(book.drawn().unwrap().len(), KEPT);
}
