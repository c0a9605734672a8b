//! What the runs' logs and the people say together. A pure fold: the same
//! records in any order give the same incidents.
//!
//! A process knows of its own runs alone when it records an incident, so what
//! is the same is found anew, over the records of all of them. Invariant: what
//! happened after an incident was resolved is never hidden behind it.

use crate::book::{WINDOW, handle, occurrence};
use rok_facades::{Handling, Incident, IncidentHistory, IncidentStatus};
use rok_vocabulary::Severity;
use std::collections::HashMap;

/// Incidents as they stand.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// In the order that they came.
    pub(crate) incidents: Vec<IncidentHistory>,
    /// The further ones, each with the id of the first.
    pub(crate) further: HashMap<String, String>,
}

/// What was done, by the incident's id, the oldest first.
pub(crate) type Handled = HashMap<String, Vec<Handling>>;

/// Folds records and what was done about them.
pub(crate) fn standing(mut told: Vec<Incident>, mut handled: Handled) -> Standing {
    told.retain(|incident| incident.severity > Severity::None);
    told.sort_by(|a, b| (a.created_at, &a.id).cmp(&(b.created_at, &b.id)));
    // The same record again is a redelivery.
    told.dedup_by(|a, b| a.id == b.id);
    let mut standing = Standing::default();
    let mut current: HashMap<String, usize> = HashMap::new();
    for record in told {
        let key = record.dedup_key.clone();
        let ongoing = current
            .get(&key)
            .and_then(|at| standing.incidents.get_mut(*at))
            .filter(|first| goes_on(first, &record));
        if let Some(first) = ongoing {
            let further = occurrence(&record);
            let incident = &mut first.incident;
            incident.count = incident.count.saturating_add(1);
            incident.severity = incident.severity.max(record.severity);
            incident.updated_at = incident.updated_at.max(record.created_at);
            standing.further.insert(record.id, incident.id.clone());
            first.occurrences.push(further);
            continue;
        }
        current.insert(key, standing.incidents.len());
        let handled = handled.remove(&record.id).unwrap_or_default();
        standing.incidents.push(begun(record, handled));
    }
    standing
}

/// An incident as it began, and what was done about it.
fn begun(record: Incident, handled: Vec<Handling>) -> IncidentHistory {
    let mut incident = Incident {
        count: 1,
        occurrence_of: None,
        ..record
    };
    for handling in &handled {
        handle(&mut incident, handling);
    }
    IncidentHistory {
        incident,
        occurrences: Vec::new(),
        handled,
    }
}

/// Whether a record is of an incident that was not over when it came.
fn goes_on(first: &IncidentHistory, record: &Incident) -> bool {
    let began = first.incident.created_at;
    let over = { first.handled.iter() }.any(|handling| {
        handling.to == IncidentStatus::Resolved && handling.at <= record.created_at
    });
    let closed = first.handled.is_empty() && first.incident.status == IncidentStatus::Closed;
    record.created_at.since(began) < WINDOW && !over && !closed
}

#[cfg(test)]
pub(crate) mod tests;
