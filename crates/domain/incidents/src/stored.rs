//! The engine that outlives its process: what the logs tell, and what people
//! did about it, a cell for each incident. Invariant: what was acknowledged to
//! whoever asked is in the store, and what somebody else did meanwhile stays.

use crate::book::{IncidentBook, is_new, unknown};
use crate::project::{Standing, standing};
use rok_facades::{
    DutyKey, EngineError, Handling, Incident, IncidentEngine, IncidentFilter, IncidentHistory,
    IncidentReport, IncidentStatus, OutcomeFacts,
};
use rok_log::{Book, BookEntry, BookError, BookEvent, Pages};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::error::Error as _;

/// The table of what was done about incidents before there was a book.
const BEFORE: &str = "incidents";

/// The form of a cell. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// What was done about an incident, as it was kept before there was a book.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    handled: Vec<Handling>,
}

/// What a line of the book holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Handled {
    incident: String,
    to: IncidentStatus,
    reason: String,
}

type Told = dyn Fn() -> Result<Vec<Incident>, EngineError> + Send + Sync;

/// Incidents of all runs of a store.
pub struct StoredIncidents {
    told: Box<Told>,
    desk: Book,
    book: IncidentBook,
}

impl StoredIncidents {
    /// The incidents that `told` finds in the logs, and what is done about them
    /// in the desk's book.
    pub fn new(
        told: impl Fn() -> Result<Vec<Incident>, EngineError> + Send + Sync + 'static,
        desk: Book,
    ) -> Self {
        Self {
            told: Box::new(told),
            desk,
            book: IncidentBook::new(),
        }
    }

    /// The incidents as they stand on these pages.
    fn standing(&self, pages: &Pages) -> Result<Standing, EngineError> {
        let mut handled: HashMap<String, Vec<Handling>> = HashMap::new();
        for (id, bytes) in pages.before(BEFORE) {
            handled.insert(id.clone(), read(id, bytes)?);
        }
        for written in pages.of(BookEvent::IncidentHandled) {
            let Handled {
                incident,
                to,
                reason,
            } = written.data().map_err(|fault| failed(&fault.into()))?;
            let BookEntry { at, by, .. } = written.entry().clone();
            let handling = Handling { at, by, to, reason };
            handled.entry(incident).or_default().push(handling);
        }
        Ok(standing((self.told)()?, handled))
    }

    /// First what was done: what is recorded later was not yet.
    fn pages(&self) -> Result<Pages, EngineError> {
        self.desk.read().map_err(|error| failed(&error))
    }

    fn found(&self, id: &str, pages: &Pages) -> Result<IncidentHistory, EngineError> {
        let standing = self.standing(pages)?;
        if let Some(first) = standing.further.get(id) {
            return Err(EngineError::invalid(format!(
                "{id} is an occurrence of {first}; handle that one"
            )));
        }
        let mut incidents = standing.incidents.into_iter();
        let found = incidents.find(|history| history.incident.id == id);
        found.ok_or_else(|| unknown(id))
    }

    fn change(&self, id: &str, asked: &Handling) -> Result<Incident, EngineError> {
        loop {
            let pages = self.pages()?;
            let before = self.found(id, &pages)?;
            // A clock that was set back never tells of what was done before.
            let last = { before.handled.last() }.map_or(before.incident.created_at, |last| last.at);
            let handling = Handling {
                at: asked.at.max(last),
                ..asked.clone()
            };
            if !is_new(&before.incident, &handling)? {
                return Ok(before.incident);
            }
            let line = Handled {
                incident: id.to_owned(),
                to: handling.to,
                reason: handling.reason.clone(),
            };
            let entry = BookEntry {
                event: BookEvent::IncidentHandled,
                at: handling.at,
                by: handling.by.clone(),
                data: serde_json::to_value(line).expect("its keys are texts"),
            };
            let written = self.desk.append(&pages, &entry);
            // Where somebody was faster, theirs is looked at first.
            if written.map_err(|error| failed(&error))? {
                let mut incident = before.incident;
                crate::book::handle(&mut incident, &handling);
                return Ok(incident);
            }
        }
    }
}

fn read(id: &str, bytes: &[u8]) -> Result<Vec<Handling>, EngineError> {
    let unreadable = |why: String| {
        EngineError::unavailable(format!(
            "what was done about incident {id} cannot be read: {why}"
        ))
    };
    let kept: Kept =
        serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
    if kept.version == VERSION {
        Ok(kept.handled)
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

impl IncidentEngine for StoredIncidents {
    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError> {
        self.book.record_run_outcome(key, facts)
    }

    fn is_pure(&self, facts: &OutcomeFacts<'_>) -> bool {
        self.book.is_pure(facts)
    }

    fn open(
        &self,
        key: &DutyKey<'_>,
        report: &IncidentReport<'_>,
    ) -> Result<Incident, EngineError> {
        self.book.open(key, report)
    }

    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        self.change(id, handling)
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        let all = self.standing(&self.pages()?)?.incidents.into_iter().rev();
        let incidents = all.map(|history| history.incident);
        Ok(incidents
            .filter(|incident| filter.matches(incident))
            .collect())
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        self.found(id, &self.pages()?)
    }
}

impl std::fmt::Debug for StoredIncidents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredIncidents").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
