//! Rows of the domains' tables: what travelled in a run's log with the acks, and
//! concerns more than that run.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use rok_events::{Body, Event};
use rok_rac::Duty;
use rok_vocabulary::{Domain, Severity};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The table of incidents that somebody may have to handle.
pub const INCIDENTS: &str = "incident";

/// The table of lessons.
pub const LESSONS: &str = "lesson";

/// A row of a domain's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRow {
    /// The table.
    pub table: &'static str,
    /// The record's id.
    pub key: String,
    /// The record as it stands in the log, JSON.
    pub json: String,
}

#[derive(Deserialize)]
struct Graded {
    id: String,
    severity: Severity,
}

#[derive(Deserialize)]
struct Taught<'a> {
    #[serde(borrow, default)]
    lessons: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The rows that an event brings. A record that is none brings nothing: the
/// domain's word about the run stands in the log as it is.
#[must_use]
pub fn domain_rows(event: &Event) -> Vec<DomainRow> {
    let Body::AckReceived { data } = &event.body else {
        return Vec::new();
    };
    let Some(record) = data.record.as_deref().map(RawValue::get) else {
        return Vec::new();
    };
    if *data.duty.domain() == Domain::Incidents {
        return incident(record).into_iter().collect();
    }
    if data.duty == Duty::EVALUATE_POLICY && record.contains("\"lessons\"") {
        let taught = serde_json::from_str::<Taught<'_>>(record);
        let lessons = taught.map(|taught| taught.lessons).unwrap_or_default();
        return lessons.into_iter().filter_map(lesson).collect();
    }
    Vec::new()
}

fn incident(record: &str) -> Option<DomainRow> {
    let graded: Graded = serde_json::from_str(record).ok()?;
    (graded.severity > Severity::None).then(|| DomainRow {
        table: INCIDENTS,
        key: graded.id,
        json: record.to_owned(),
    })
}

fn lesson(record: &RawValue) -> Option<DomainRow> {
    let named: Named = serde_json::from_str(record.get()).ok()?;
    Some(DomainRow {
        table: LESSONS,
        key: named.id,
        json: record.get().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::boxed::Box;
    use alloc::format;
    use rok_events::AckData;
    use rok_rac::{AckId, DomainAck};
    use rok_vocabulary::{AckStatus, Epoch, Seq, Timestamp};

    fn event(duty: Duty, record: &str) -> Event {
        let run = "r".parse().expect("an id");
        let ack = DomainAck::success(&run, Epoch::FIRST, duty.clone(), "x", Timestamp::default());
        let id: AckId = ack.expect("a result").id();
        Event {
            seq: Seq(1),
            epoch: Epoch::FIRST,
            at: Timestamp::default(),
            actor: rok_vocabulary::Actor::Runner,
            body: Body::AckReceived {
                data: Box::new(AckData {
                    id,
                    duty,
                    status: AckStatus::Success,
                    result_id: Some("x".into()),
                    error: None,
                    error_kind: None,
                    late: false,
                    record: RawValue::from_string(record.into()).ok(),
                }),
            },
        }
    }

    #[test]
    fn what_somebody_may_have_to_handle_is_a_row() {
        let bad = r#"{"id":"inc-1","severity":"high","more":[1]}"#;
        let rows = domain_rows(&event(Duty::CREATE_INCIDENT, bad));
        assert_eq!(rows.len(), 1);
        assert_eq!(
            (rows[0].table, &*rows[0].key, &*rows[0].json),
            (INCIDENTS, "inc-1", bad)
        );
        let good = r#"{"id":"inc-1","severity":"none"}"#;
        assert!(domain_rows(&event(Duty::CREATE_INCIDENT, good)).is_empty());
        assert!(domain_rows(&event(Duty::START_TRACE, bad)).is_empty());
    }

    #[test]
    fn a_verdict_brings_its_lessons() {
        let (one, two) = (r#"{"id":"l-1","kind":"failure"}"#, r#"{"id":"l-2"}"#);
        let verdict = format!(r#"{{"id":"pol-1","lessons":[{one},{two}]}}"#);
        let rows = domain_rows(&event(Duty::EVALUATE_POLICY, &verdict));
        let found: Vec<_> = rows
            .iter()
            .map(|row| (row.table, &*row.key, &*row.json))
            .collect();
        assert_eq!(found, [(LESSONS, "l-1", one), (LESSONS, "l-2", two)]);
        assert!(domain_rows(&event(Duty::EVALUATE_POLICY, r#"{"id":"pol-1"}"#)).is_empty());
    }
}
