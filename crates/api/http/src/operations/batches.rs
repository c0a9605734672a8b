//! Batches: one plan over a list of inputs, accepted as a whole or not at all.

use super::submit::asked;
use crate::app::App;
use crate::call::{Call, Caller};
use crate::driver::How;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond;
use crate::schemas::{BatchRequest, MOST_ITEMS};
use axum::http::{StatusCode, header};
use rok_service::views::BatchResult;
use schemars::SchemaGenerator;
use std::sync::Arc;

const BATCH: Param = Param::path("batch", Kind::BatchId, "The batch.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::post("/api/v1/batches", "submit_batch", submit)
        .doc(
            "batches",
            "Submits a run for each item. All items are judged first; what is answered is durable, \
             and the same batch again makes no run twice.",
        )
        .access(Access::Asked)
        .body(true, SchemaGenerator::subschema_for::<BatchRequest>)
        .replies(&[Reply::json(
            "The batch, and the run of each item.",
            SchemaGenerator::subschema_for::<BatchResult>,
        )
        .status(201)])
        .patient(),
    Operation::get("/api/v1/batches/{batch}", "get_batch", get)
        .doc("batches", "How a batch and each of its runs stand.")
        .params(&[BATCH])
        .replies(&[Reply::json(
            "The batch.",
            SchemaGenerator::subschema_for::<BatchResult>,
        )]),
];

fn submit(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let request: BatchRequest = call.json()?;
        if !(1..=MOST_ITEMS).contains(&request.items.len()) {
            let detail = format!("`items` has 1 to {MOST_ITEMS} items");
            return Err(Problem::bad(detail).help("send a long list in several batches"));
        }
        let caller = call.caller()?.clone();
        let made = app
            .perform(move |app| {
                let (common, batch, items) = request.parts();
                let common = asked(app, &caller, common, None)?;
                let rank = common.priority.unwrap_or_else(|| common.plan.priority());
                let batch = app.service.asked_batch(common, batch, items);
                let refused = |error| app.problem(&error);
                for run in app.service.submit_batch(&batch).map_err(refused)? {
                    // What an earlier request made may be driven, or have ended.
                    let driven = app.drivers.drive_at(rank, run, How::GoOn);
                    driven.map_err(refused)?;
                }
                result(app, &caller, batch.batch.as_str())
            })
            .await?;
        let address = format!("/api/v1/batches/{}", made.batch_id);
        let answer = respond::json(StatusCode::CREATED, &made)?;
        Ok(respond::set(answer, header::LOCATION, &address))
    })
}

fn get(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let found = app
            .perform(move |app| {
                let batch = call.values.text("batch").unwrap_or_default();
                result(app, call.caller()?, batch)
            })
            .await?;
        respond::json(StatusCode::OK, &found)
    })
}

/// A batch as somebody may see it: without runs that they may not look at, and
/// not at all where that is all of them.
fn result(app: &App, caller: &Caller, batch: &str) -> Result<BatchResult, Problem> {
    let found = app.service.batch_result(batch);
    let mut found = found.map_err(|error| app.problem(&error))?;
    let all = found.results.len();
    found
        .results
        .retain(|item| item.created_at.is_none() || app.visible(caller, &item.run_id).is_ok());
    let seen = found.results.iter().any(|item| item.created_at.is_some());
    if all > 0 && !seen {
        let detail = format!("there is no batch `{batch}`");
        return Err(Problem::new(StatusCode::NOT_FOUND, "ROK0101", detail));
    }
    Ok(found)
}
