//! Rows that travel with a run's commits: those of its services, and those of
//! the domains; and the diagnosis of what its services found.

use super::RunRunner;
use crate::services::Services;
use rok_chain::Digest;
use rok_events::Event;
use rok_facades::{Diagnosis, ServiceFact, ServiceRunFacts};
use rok_log::{KBASE, OUTBOX, Record};
use rok_projections::{KbaseRow, Notices, ServiceRun, domain_rows};

/// A row as the stores keep it.
pub(crate) fn kbase(row: &KbaseRow) -> Record {
    Record {
        kind: KBASE,
        key: row.id.clone(),
        json: row.to_json().to_string().into_bytes(),
    }
}

impl RunRunner {
    /// Goes on from what an earlier owner's log tells.
    pub(crate) fn over_services(&mut self, run: Option<ServiceRun>, notices: Option<Notices>) {
        self.service_run = run;
        self.notices = notices;
    }

    /// Whoever is to be told of an event: the rows, and what the outbox
    /// delivers, go with the event's own commit.
    pub(super) fn note_notices(&mut self, event: &Event) {
        let Some(notices) = &mut self.notices else {
            return;
        };
        let before = notices.made().len();
        notices.note(event, self.service_run.as_ref());
        for (row, notice) in &notices.made()[before..] {
            self.records.push(kbase(row));
            self.records.push(Record {
                kind: OUTBOX,
                key: Digest::of(row.id.as_bytes()).to_hex(),
                json: notice.to_json().to_string().into_bytes(),
            });
        }
    }

    /// What a domain recorded, and concerns more than this run, goes into the
    /// domain's table with the event's own commit.
    pub(super) fn note_domains(&mut self, event: &Event) {
        let rows = domain_rows(event).into_iter();
        self.records.extend(rows.map(|row| Record {
            kind: row.table,
            key: row.key,
            json: row.json.into_bytes(),
        }));
    }

    /// Takes an event into the run of services; its rows go with the commit, its
    /// lines are told once that is durable.
    pub(super) fn note_services(&mut self, event: &Event) {
        let Some(run) = &mut self.service_run else {
            return;
        };
        let before = run.rows.len();
        run.note(event);
        self.records.extend(run.rows[before..].iter().map(kbase));
        if let Some(console) = &mut self.console {
            console.note(event, run, &mut self.told);
        }
    }

    /// What the services found; `None` where the run has none, or nobody makes
    /// diagnoses here.
    pub(super) fn diagnosis(&self, services: &Services) -> Option<Result<Diagnosis, String>> {
        let run = self.service_run.as_ref()?;
        let synthesis = services.facades().synthesis.as_ref()?;
        let facts = run.services.iter().map(|entry| ServiceFact {
            service: &entry.service,
            required: entry.required,
            status: entry.status.as_str(),
            error: entry.error.as_deref(),
            payload: entry.payload.as_deref(),
        });
        Some(synthesis.synthesize(&ServiceRunFacts {
            run: &run.run,
            website_id: &run.website_id,
            domain: &run.domain,
            services: facts.collect(),
        }))
    }
}
