//! A run of services as its log tells it.

use crate::fault;
use crate::load::Loaded;
use rok_facades::DEGRADED_AFTER;
use rok_facades::runs::{DegradedWorker, RunsError, ServiceResult, ServiceRunView};
use rok_log::WorkerBook;
use rok_projections::{KbaseRow, Notices, ServiceRun};

pub(crate) fn view(loaded: &Loaded) -> Option<ServiceRunView> {
    let run: &ServiceRun = loaded.replay.service_run()?;
    let services = run.services.iter().map(|entry| ServiceResult {
        service: entry.service.clone(),
        status: entry.status.as_str().to_owned(),
        duration_ms: entry.duration_ms,
        error: entry.error.clone(),
    });
    let notices = loaded.replay.notices().map_or(&[][..], Notices::made);
    let told = notices.iter().map(|(row, _)| row);
    Some(ServiceRunView {
        run_id: run.run.clone(),
        website_id: run.website_id.clone(),
        domain: run.domain.clone(),
        plan_id: run.plan_id.clone(),
        status: run.status.as_str().to_owned(),
        started_at: run.started_at,
        completed_at: run.completed_at,
        duration_ms: run.duration_ms(),
        services: services.collect(),
        diagnosis_event_id: run.diagnosis_event_id.clone(),
        diagnosis: run.diagnosis.clone(),
        synthesis_error: run.synthesis_error.clone(),
        error: run.error.clone(),
        kbase: run.rows.iter().chain(told).map(KbaseRow::to_json).collect(),
    })
}

/// More degraded workers than this are not told one by one.
const MOST: usize = 1_000;

/// Whom the book has as degraded.
pub(crate) fn degraded(book: Option<&dyn WorkerBook>) -> Result<Vec<DegradedWorker>, RunsError> {
    let Some(book) = book else {
        return Ok(Vec::new());
    };
    let failing = book.failing(DEGRADED_AFTER, MOST);
    let failing = failing.map_err(|error| fault::store(&error))?;
    let degraded = failing.into_iter().map(|one| DegradedWorker {
        website_id: one.website_id,
        service: one.service,
        failures: one.failures,
        since: one.since,
        run_id: one.run_id,
        error: one.error,
    });
    Ok(degraded.collect())
}
