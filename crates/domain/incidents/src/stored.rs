//! The engine that outlives its process: what the logs tell, and what people
//! did about it, a cell for each incident. Invariant: what was acknowledged to
//! whoever asked is in the store, and what somebody else did meanwhile stays.

use crate::book::{IncidentBook, is_new, unknown};
use crate::project::{Handled, Standing, standing};
use rok_facades::{
    DutyKey, EngineError, Handling, Incident, IncidentEngine, IncidentFilter, IncidentHistory,
    IncidentReport, OutcomeFacts,
};
use rok_log::{Cells, StoreError};
use serde::{Deserialize, Serialize};
use std::error::Error as _;
use std::sync::Arc;

/// The table of what was done about incidents.
const TABLE: &str = "incidents";

/// The form of a cell. Another one is refused, never guessed at.
const VERSION: u32 = 1;

/// What was done about an incident, as it is kept.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    version: u32,
    handled: Vec<Handling>,
}

type Told = dyn Fn() -> Result<Vec<Incident>, EngineError> + Send + Sync;

/// Incidents of all runs of a store.
pub struct StoredIncidents {
    told: Box<Told>,
    cells: Arc<dyn Cells>,
    book: IncidentBook,
}

impl StoredIncidents {
    /// The incidents that `told` finds in the logs, and what is done about them
    /// in cells.
    pub fn new(
        told: impl Fn() -> Result<Vec<Incident>, EngineError> + Send + Sync + 'static,
        cells: Arc<dyn Cells>,
    ) -> Self {
        Self {
            told: Box::new(told),
            cells,
            book: IncidentBook::new(),
        }
    }

    fn standing(&self) -> Result<Standing, EngineError> {
        // First what was done: what is recorded later was not yet.
        let cells = self.cells.cells(TABLE).map_err(|error| failed(&error))?;
        let handled = cells
            .into_iter()
            .map(|(id, bytes)| read(&id, &bytes).map(|handled| (id, handled)))
            .collect::<Result<Handled, _>>()?;
        Ok(standing((self.told)()?, handled))
    }

    fn found(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        let standing = self.standing()?;
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
            let seen = self.cells.cell(TABLE, id);
            let before = self.found(id)?;
            let seen = seen.map_err(|error| failed(&error))?;
            let handled = seen
                .as_deref()
                .map_or_else(|| Ok(Vec::new()), |b| read(id, b))?;
            if handled != before.handled {
                // Somebody was faster between the two looks.
                continue;
            }
            // A clock that was set back never tells of what was done before.
            let last = handled
                .last()
                .map_or(before.incident.created_at, |last| last.at);
            let handling = Handling {
                at: asked.at.max(last),
                ..asked.clone()
            };
            if !is_new(&before.incident, &handling)? {
                return Ok(before.incident);
            }
            let mut kept = Kept {
                version: VERSION,
                handled,
            };
            kept.handled.push(handling.clone());
            let new = serde_json::to_vec(&kept).expect("its keys are texts");
            let swapped = self.cells.swap(TABLE, id, seen.as_deref(), Some(&new));
            if swapped.map_err(|error| failed(&error))? {
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

fn failed(error: &StoreError) -> EngineError {
    let cause = error.source().map(|cause| format!(": {cause}"));
    EngineError::unavailable(format!("{error}{}", cause.unwrap_or_default()))
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
        let all = self.standing()?.incidents.into_iter().rev();
        let incidents = all.map(|history| history.incident);
        Ok(incidents
            .filter(|incident| filter.matches(incident))
            .collect())
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        self.found(id)
    }
}

impl std::fmt::Debug for StoredIncidents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoredIncidents").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
