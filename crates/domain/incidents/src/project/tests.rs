//! What must hold of the fold.

use super::*;
use proptest::prelude::*;
use rok_facades::IncidentCategory;
use rok_vocabulary::{Actor, Epoch, Timestamp};
use rstest::rstest;

const MINUTE: i64 = 60_000;

pub(crate) fn record(id: &str, key: &str, minute: i64) -> Incident {
    let at = Timestamp::from_millis(minute * MINUTE);
    Incident {
        id: id.to_owned(),
        run_id: format!("run-{id}").parse().unwrap(),
        epoch: Epoch::FIRST,
        plan: "p".parse().unwrap(),
        outcome: None,
        severity: Severity::Medium,
        category: IncidentCategory::Quality,
        status: IncidentStatus::Open,
        error_class: None,
        step: None,
        reason: None,
        dedup_key: key.to_owned(),
        count: 1,
        occurrence_of: None,
        created_at: at,
        updated_at: at,
        handled_by: None,
        note: None,
    }
}

fn handling(to: IncidentStatus, minute: i64) -> Handling {
    Handling {
        at: Timestamp::from_millis(minute * MINUTE),
        by: Actor::User("ada".into()),
        to,
        reason: "because".to_owned(),
    }
}

fn handled(id: &str, to: IncidentStatus, minute: i64) -> Handled {
    Handled::from([(id.to_owned(), vec![handling(to, minute)])])
}

/// Ids and counts.
fn counted(standing: &Standing) -> Vec<(&str, u32)> {
    let all = standing.incidents.iter();
    all.map(|of| (of.incident.id.as_str(), of.incident.count))
        .collect()
}

#[rstest]
#[case::within_the_hour(59, Handled::new(), &[("a", 2)])]
#[case::an_hour_later(60, Handled::new(), &[("a", 1), ("b", 1)])]
#[case::looked_into(30, handled("a", IncidentStatus::Acknowledged, 10), &[("a", 2)])]
#[case::after_it_was_over(30, handled("a", IncidentStatus::Resolved, 10), &[("a", 1), ("b", 1)])]
#[case::before_it_was_over(30, handled("a", IncidentStatus::Resolved, 31), &[("a", 2)])]
fn what_is_the_same_is_one(
    #[case] minute: i64,
    #[case] handled: Handled,
    #[case] expected: &[(&str, u32)],
) {
    // The process that recorded the second knew nothing of the first.
    let told = vec![record("b", "k", minute), record("a", "k", 0)];
    assert_eq!(counted(&standing(told, handled)), expected);
}

#[test]
fn what_a_process_took_for_the_same_is_not_hidden_behind_what_was_resolved() {
    let mut second = record("b", "k", 30);
    second.occurrence_of = Some("a".to_owned());
    second.count = 2;
    let told = vec![record("a", "k", 0), second];
    let standing = standing(told, handled("a", IncidentStatus::Resolved, 10));
    assert_eq!(counted(&standing), [("a", 1), ("b", 1)]);
    assert_eq!(standing.incidents[1].incident.status, IncidentStatus::Open);
    assert_eq!(standing.incidents[1].incident.occurrence_of, None);
}

#[test]
fn an_incident_knows_where_it_happened_again_and_who_did_what() {
    let mut worse = record("b", "k", 5);
    worse.severity = Severity::High;
    let told = vec![record("a", "k", 0), worse, record("other", "l", 1)];
    let standing = standing(told, handled("a", IncidentStatus::Acknowledged, 2));
    let first = &standing.incidents[0];
    assert_eq!(first.incident.status, IncidentStatus::Acknowledged);
    assert_eq!(first.incident.severity, Severity::High);
    assert_eq!(first.incident.note.as_deref(), Some("because"));
    assert_eq!(first.occurrences.len(), 1);
    assert_eq!(standing.further["b"], "a");
    assert_eq!(standing.incidents.len(), 2);
}

#[test]
fn nobody_handles_what_is_of_no_severity() {
    let mut none = record("a", "k", 0);
    none.severity = Severity::None;
    assert!(standing(vec![none], Handled::new()).incidents.is_empty());
}

proptest! {
    /// The order in which logs are read changes nothing, nor does reading twice.
    #[test]
    fn the_order_changes_nothing(
        records in proptest::collection::vec((0..3_usize, 0..200_i64), 0..20),
        turn in 0..20_usize,
    ) {
        let told: Vec<Incident> = records
            .iter()
            .enumerate()
            .map(|(at, (key, minute))| record(&format!("i{at}"), &format!("k{key}"), *minute))
            .collect();
        let mut turned = told.clone();
        if !turned.is_empty() {
            let by = turn % turned.len();
            turned.rotate_left(by);
        }
        turned.extend(told.clone());
        let (one, other) = (standing(told.clone(), Handled::new()), standing(turned, Handled::new()));
        prop_assert_eq!(&one.incidents, &other.incidents);
        let counted: u32 = one.incidents.iter().map(|of| of.incident.count).sum();
        prop_assert_eq!(counted as usize, told.len());
    }
}
