//! The engine: a bounded memory of incidents. Invariant: a key that was
//! answered once is answered with the same record again, as long as the record
//! is remembered, and with the same id for ever.

use crate::rules::{category_of, class_of, dedup_key, severity_of};
use core::time::Duration;
use rok_facades::{
    DutyKey, EngineError, Handling, Incident, IncidentEngine, IncidentFilter, IncidentHistory,
    IncidentReport, IncidentStatus, Occurrence, OutcomeFacts,
};
use rok_vocabulary::Severity;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

/// What is the same within this time, counted from the first, is one incident.
pub const WINDOW: Duration = Duration::from_secs(3600);

/// Incidents that are remembered: an hour of five failures a second, some
/// 10 MB. What is forgotten is still in the store; its next occurrence counts
/// anew.
pub const KEPT: usize = 20_000;

/// Incidents of this process, in memory. Those of severity none are answered
/// and not remembered: nobody handles them, and they would push out the rest.
#[derive(Debug)]
pub struct IncidentBook {
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    by_id: HashMap<String, Page>,
    /// The incident that the next occurrence belongs to, by dedup key.
    current: HashMap<String, String>,
    /// Ids in the order they came.
    order: VecDeque<String>,
    kept: usize,
}

/// A record as it was answered, and what has happened since.
#[derive(Debug, Clone)]
struct Page {
    answered: Incident,
    now: Incident,
    handled: Vec<Handling>,
}

impl Default for IncidentBook {
    fn default() -> Self {
        Self::new()
    }
}

impl IncidentBook {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self::keeping(KEPT)
    }

    /// An empty book that remembers so many incidents.
    #[must_use]
    pub fn keeping(kept: usize) -> Self {
        let pages = Pages {
            kept: kept.max(1),
            ..Pages::default()
        };
        Self {
            pages: Mutex::new(pages),
        }
    }

    /// Takes a record from the store, at start-up; the oldest first.
    pub fn restore(&self, incident: Incident) -> Result<(), EngineError> {
        let mut pages = self.pages()?;
        if incident.severity > Severity::None && !pages.by_id.contains_key(&incident.id) {
            pages.take(incident);
        }
        Ok(())
    }

    /// A poisoned lock: a bug left the book in pieces, so it answers nothing
    /// until the process starts anew.
    fn pages(&self) -> Result<MutexGuard<'_, Pages>, EngineError> {
        self.pages
            .lock()
            .map_err(|_| EngineError::refused("an earlier call panicked; restart the process"))
    }

    fn change(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        let mut pages = self.pages()?;
        let page = pages.by_id.get_mut(id).ok_or_else(|| unknown(id))?;
        if is_new(&page.now, handling)? {
            handle(&mut page.now, handling);
            page.handled.push(handling.clone());
        }
        Ok(page.now.clone())
    }
}

pub(crate) fn unknown(id: &str) -> EngineError {
    EngineError::invalid(format!(
        "there is no incident {id} that somebody may have to handle"
    ))
}

/// Whether somebody may do this to an incident, and has not done it already.
pub(crate) fn is_new(incident: &Incident, handling: &Handling) -> Result<bool, EngineError> {
    let id = &incident.id;
    if let Some(first) = &incident.occurrence_of {
        return Err(EngineError::invalid(format!(
            "{id} is an occurrence of {first}; handle that one"
        )));
    }
    // Another reason is no repetition: it would be dropped unsaid.
    let same_words = incident.note.as_ref() == Some(&handling.reason);
    let same_person = incident.handled_by.as_ref() == Some(&handling.by);
    if incident.status == handling.to && same_person && same_words {
        return Ok(false);
    }
    if incident.status.leads_to(handling.to) {
        Ok(true)
    } else {
        let status = incident.status;
        Err(EngineError::refused(format!("{id} is {status} already")))
    }
}

/// What an incident is once somebody has done this.
pub(crate) fn handle(incident: &mut Incident, handling: &Handling) {
    incident.status = handling.to;
    incident.handled_by = Some(handling.by.clone());
    incident.note = Some(handling.reason.clone());
    incident.updated_at = incident.updated_at.max(handling.at);
}

impl Pages {
    /// The answer to a key: the remembered one, an occurrence, or a new one.
    fn answer(&mut self, draft: Incident) -> Incident {
        if let Some(page) = self.by_id.get(&draft.id) {
            return page.answered.clone();
        }
        let record = match self.ongoing(&draft) {
            Some(first) => {
                first.count = first.count.saturating_add(1);
                first.updated_at = draft.created_at;
                first.severity = first.severity.max(draft.severity);
                Incident {
                    count: first.count,
                    occurrence_of: Some(first.id.clone()),
                    ..draft
                }
            }
            None => draft,
        };
        self.take(record.clone());
        record
    }

    /// The incident of the same key that is still open and within the window.
    fn ongoing(&mut self, draft: &Incident) -> Option<&mut Incident> {
        let id = self.current.get(&draft.dedup_key)?;
        let first = &mut self.by_id.get_mut(id)?.now;
        let handled = matches!(
            first.status,
            IncidentStatus::Resolved | IncidentStatus::Closed
        );
        let recent = draft.created_at.since(first.created_at) < WINDOW;
        (recent && !handled).then_some(first)
    }

    fn take(&mut self, incident: Incident) {
        while self.order.len() >= self.kept {
            self.forget_oldest();
        }
        if let Some(first) = &incident.occurrence_of {
            // Restored: the first one's record does not know of it.
            if let Some(page) = self.by_id.get_mut(first) {
                page.now.count = page.now.count.max(incident.count);
                page.now.updated_at = page.now.updated_at.max(incident.created_at);
                page.now.severity = page.now.severity.max(incident.severity);
            }
        } else {
            let key = incident.dedup_key.clone();
            self.current.insert(key, incident.id.clone());
        }
        self.order.push_back(incident.id.clone());
        let page = Page {
            answered: incident.clone(),
            now: incident.clone(),
            handled: Vec::new(),
        };
        self.by_id.insert(incident.id, page);
    }

    fn forget_oldest(&mut self) {
        let Some(page) = self.order.pop_front().and_then(|id| self.by_id.remove(&id)) else {
            return;
        };
        let key = &page.now.dedup_key;
        if self.current.get(key) == Some(&page.now.id) {
            self.current.remove(key);
        }
    }
}

impl IncidentEngine for IncidentBook {
    fn record_run_outcome(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<Incident, EngineError> {
        let class = class_of(facts);
        let severity = severity_of(facts);
        let what = class.map_or(facts.outcome.as_str(), |class| class.as_str());
        let run = &facts.run;
        let draft = Incident {
            id: key.record_id("inc"),
            run_id: run.run.clone(),
            epoch: run.epoch,
            plan: run.plan.clone(),
            outcome: Some(facts.outcome),
            severity,
            category: category_of(facts),
            status: if severity == Severity::None {
                IncidentStatus::Closed
            } else {
                IncidentStatus::Open
            },
            error_class: class,
            step: facts.step.cloned(),
            reason: facts.reason.map(str::to_owned),
            dedup_key: dedup_key(run.plan.as_str(), facts.step, what),
            count: 1,
            occurrence_of: None,
            created_at: run.now,
            updated_at: run.now,
            handled_by: None,
            note: None,
        };
        if severity == Severity::None {
            return Ok(draft);
        }
        Ok(self.pages()?.answer(draft))
    }

    /// What is remembered would be counted again.
    fn is_pure(&self, facts: &OutcomeFacts<'_>) -> bool {
        severity_of(facts) == Severity::None
    }

    fn open(
        &self,
        key: &DutyKey<'_>,
        report: &IncidentReport<'_>,
    ) -> Result<Incident, EngineError> {
        let run = &report.run;
        // Drift is the same wherever it comes from; what people report is not.
        let action = key.duty.action().as_str();
        let what = match (action, key.duty.key()) {
            ("create_incident", Some(kind)) => kind.to_owned(),
            _ => format!("{action}:{}", key.record_id("")),
        };
        let draft = Incident {
            id: key.record_id("inc"),
            run_id: run.run.clone(),
            epoch: run.epoch,
            plan: run.plan.clone(),
            outcome: None,
            severity: report.severity.max(Severity::Low),
            category: report.category,
            status: IncidentStatus::Open,
            error_class: None,
            step: report.step.cloned(),
            reason: (!report.reason.is_empty()).then(|| report.reason.to_owned()),
            dedup_key: dedup_key(run.plan.as_str(), report.step, &what),
            count: 1,
            occurrence_of: None,
            created_at: run.now,
            updated_at: run.now,
            handled_by: None,
            note: None,
        };
        Ok(self.pages()?.answer(draft))
    }

    fn handle(&self, id: &str, handling: &Handling) -> Result<Incident, EngineError> {
        self.change(id, handling)
    }

    fn list(&self, filter: &IncidentFilter) -> Result<Vec<Incident>, EngineError> {
        let pages = self.pages()?;
        let newest_first = pages.order.iter().rev();
        Ok(newest_first
            .filter_map(|id| pages.by_id.get(id))
            .map(|page| &page.now)
            .filter(|incident| incident.occurrence_of.is_none() && filter.matches(incident))
            .cloned()
            .collect())
    }

    fn history(&self, id: &str) -> Result<IncidentHistory, EngineError> {
        let pages = self.pages()?;
        let page = pages.by_id.get(id).ok_or_else(|| unknown(id))?;
        let all = pages.order.iter().filter_map(|id| pages.by_id.get(id));
        let again = all.filter(|page| page.now.occurrence_of.as_deref() == Some(id));
        Ok(IncidentHistory {
            incident: page.now.clone(),
            occurrences: again.map(|page| occurrence(&page.now)).collect(),
            handled: page.handled.clone(),
        })
    }
}

pub(crate) fn occurrence(incident: &Incident) -> Occurrence {
    Occurrence {
        id: incident.id.clone(),
        run_id: incident.run_id.clone(),
        at: incident.created_at,
    }
}

#[cfg(test)]
mod tests;
