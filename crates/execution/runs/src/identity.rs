//! Whose a run is: the first line of its log says it, or the stub that is left.

use crate::fault;
use crate::home::Home;
use crate::stub;
use rok_facades::RunIdentity;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::StoreError;
use rok_vocabulary::{Actor, PlanId, RunId, Seq};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What of `run.created` never changes.
#[derive(Deserialize)]
struct Created {
    event_type: String,
    actor: Actor,
    data: CreatedData,
}

#[derive(Deserialize)]
struct CreatedData {
    plan: CreatedPlan,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct CreatedPlan {
    id: PlanId,
}

/// What never changes of a run.
pub(crate) fn identity(store: &Home, run: &RunId) -> Result<RunIdentity, RunsError> {
    let failed = |error: StoreError| fault::store(&error);
    if let Some(bytes) = store.stub(run).map_err(failed)? {
        return stub::identity(run, &bytes);
    }
    let page = store.read_page(run, Seq::FIRST, 1).map_err(failed)?;
    let first = page.lines().next();
    let created = first.and_then(|line| serde_json::from_slice::<Created>(line).ok());
    let created = created.filter(|first| first.event_type == "run.created");
    let created = created.ok_or_else(|| {
        let message = format!("the log of run {run} does not begin with its creation");
        RunsError::new(ErrorKind::Protocol, "ROK0105", message)
    })?;
    Ok(RunIdentity {
        run: run.clone(),
        plan: created.data.plan.id,
        submitter: Some(created.actor),
        labels: created.data.labels,
    })
}
