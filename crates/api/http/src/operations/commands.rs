//! What people decide of runs: each with a name in the record, most with a
//! reason.

use super::looking::{RUN, STEP};
use super::submit::handle;
use crate::app::App;
use crate::call::Call;
use crate::driver::How;
use crate::operation::{Access, Answering, Operation, Reply};
use crate::problem::Problem;
use crate::respond;
use crate::schemas::{Command, Commanded, Decide, Rollback};
use axum::http::StatusCode;
use rok_service::views::{AccessAction, CommandAnswer};
use rok_service::{RollbackRequest, RunHandle, RunStanding, ServiceError};
use schemars::SchemaGenerator;
use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// How long an answer waits for whoever drives the run.
const BEGINS_WITHIN: Duration = Duration::from_secs(5);
/// And for one that is about to begin: a long log is read first.
const BEGINS_SURELY: Duration = Duration::from_secs(20);

const TOLD: Reply = Reply::json(
    "What became of it.",
    SchemaGenerator::subschema_for::<Commanded>,
);
const GOES_ON: Reply = Reply {
    status: 202,
    ..Reply::json("It goes on.", SchemaGenerator::subschema_for::<RunStanding>)
};

const fn command(
    path: &'static str,
    id: &'static str,
    handler: crate::operation::Handler,
) -> Operation {
    Operation::post(path, id, handler)
        .params(&[RUN])
        .body(false, SchemaGenerator::subschema_for::<Command>)
        .replies(&[TOLD])
}

const fn decision(
    path: &'static str,
    id: &'static str,
    handler: crate::operation::Handler,
) -> Operation {
    Operation::post(path, id, handler)
        .params(&[RUN, STEP])
        .body(true, SchemaGenerator::subschema_for::<Decide>)
        .replies(&[TOLD])
}

pub(super) const OPERATIONS: &[Operation] = &[
    command("/api/v1/runs/{run}/cancel", "cancel_run", cancel)
        .doc("commands", "Ends a run.")
        .access(Access::Run(AccessAction::Cancel)),
    command("/api/v1/runs/{run}/pause", "pause_run", pause)
        .doc(
            "commands",
            "Lets nothing new start until the run is unpaused.",
        )
        .access(Access::Run(AccessAction::Pause)),
    command("/api/v1/runs/{run}/unpause", "unpause_run", unpause)
        .doc("commands", "Lets a paused run go on.")
        .access(Access::Run(AccessAction::Pause)),
    command("/api/v1/runs/{run}/resume", "resume_run", resume)
        .doc(
            "commands",
            "Goes on with an interrupted run, or begins the next epoch of a failed one.",
        )
        .access(Access::Run(AccessAction::Resume))
        .replies(&[GOES_ON]),
    Operation::post("/api/v1/runs/{run}/rollback", "roll_back_run", rollback)
        .doc(
            "commands",
            "Undoes what succeeded in a failed run, as its next epoch.",
        )
        .access(Access::Run(AccessAction::Rollback))
        .params(&[RUN])
        .body(false, SchemaGenerator::subschema_for::<Rollback>)
        .replies(&[GOES_ON]),
    decision(
        "/api/v1/runs/{run}/steps/{step}/approve",
        "approve_step",
        approve,
    )
    .doc("commands", "Lets a waiting step pass.")
    .access(Access::Run(AccessAction::Approve)),
    decision(
        "/api/v1/runs/{run}/steps/{step}/reject",
        "reject_step",
        reject,
    )
    .doc("commands", "Stops a waiting step.")
    .access(Access::Run(AccessAction::Reject)),
    decision(
        "/api/v1/runs/{run}/steps/{step}/override",
        "override_step",
        override_gate,
    )
    .doc(
        "commands",
        "Answers for a hard gate that failed, so that the next epoch passes it.",
    )
    .access(Access::Run(AccessAction::Override)),
];

type Do = fn(&RunHandle, &str, Option<String>) -> Result<CommandAnswer, ServiceError>;

fn told(
    app: Arc<App>,
    call: Call,
    decision: &'static str,
    reason: Option<String>,
    what: Do,
) -> Answering {
    Box::pin(async move {
        let drivers = Arc::clone(&app.drivers);
        let told = app
            .with_run(call, move |run, values| {
                let step = values.text("step");
                let answer = what(run, step.unwrap_or_default(), reason)?;
                let (answer, driven) = match answer {
                    // One that is driven from here may be taken up just now.
                    CommandAnswer::Done { by_owner } => {
                        ("recorded", by_owner || drivers.has(run.id()))
                    }
                    CommandAnswer::Delivered => ("delivered", true),
                    CommandAnswer::Waits => ("delivered", drivers.has(run.id())),
                };
                Ok(Commanded {
                    run_id: run.id().clone(),
                    step: step.map(str::to_owned),
                    decision: decision.to_owned(),
                    answer: answer.to_owned(),
                    driven,
                })
            })
            .await?;
        respond::json(StatusCode::OK, &told)
    })
}

fn refused(problem: Problem) -> Answering {
    Box::pin(std::future::ready(Err(problem)))
}

fn of_run(app: Arc<App>, call: Call, decision: &'static str, what: Do) -> Answering {
    match call.json::<Command>() {
        Ok(body) => told(app, call, decision, body.reason.map(String::from), what),
        Err(problem) => refused(problem),
    }
}

fn of_step(app: Arc<App>, call: Call, decision: &'static str, what: Do) -> Answering {
    match call.json::<Decide>() {
        Ok(body) => told(app, call, decision, Some(body.reason.into()), what),
        Err(problem) => refused(problem),
    }
}

fn cancel(app: Arc<App>, call: Call) -> Answering {
    of_run(app, call, "cancelled", |run, _, reason| run.cancel(reason))
}

fn pause(app: Arc<App>, call: Call) -> Answering {
    of_run(app, call, "paused", |run, _, reason| run.pause(reason))
}

fn unpause(app: Arc<App>, call: Call) -> Answering {
    of_run(app, call, "unpaused", |run, _, reason| run.unpause(reason))
}

fn approve(app: Arc<App>, call: Call) -> Answering {
    of_step(app, call, "approved", RunHandle::approve)
}

fn reject(app: Arc<App>, call: Call) -> Answering {
    of_step(app, call, "rejected", RunHandle::reject)
}

fn override_gate(app: Arc<App>, call: Call) -> Answering {
    of_step(app, call, "overrode", RunHandle::override_gate)
}

fn resume(app: Arc<App>, call: Call) -> Answering {
    match call.json::<Command>() {
        Ok(body) => go_on(app, call, How::Resume(body.reason.map(String::from))),
        Err(problem) => refused(problem),
    }
}

fn rollback(app: Arc<App>, call: Call) -> Answering {
    match call.json::<Rollback>() {
        Ok(body) => go_on(
            app,
            call,
            How::Rollback(RollbackRequest {
                reason: body.reason.map(String::from),
                done: body.done,
                again: body.again,
                secrets_file: None,
            }),
        ),
        Err(problem) => refused(problem),
    }
}

/// Drives a run on here, and answers once it is known whether it goes on.
fn go_on(app: Arc<App>, call: Call, how: How) -> Answering {
    Box::pin(async move {
        let run = call.run()?.run.clone();
        if app.drivers.has(&run) {
            let reader = handle(&app, call.caller()?, &run).await?;
            let summary = app.blocking(move |_| reader.summary()).await?;
            if summary.sealed {
                app.drivers.let_go(&run).await;
            }
        }
        let standing = app
            .perform(move |app| {
                let (caller, run) = (call.caller()?, &call.run()?.run);
                let driven = app.drivers.drive(app.handle(caller, run)?, how);
                let begun = driven.map_err(|error| app.problem(&error))?;
                let Some(begun) = begun else {
                    let detail = format!("run {run} is driven already, or the server stops");
                    return Err(Problem::new(StatusCode::CONFLICT, "ROK0103", detail));
                };
                let mut told = begun.recv_timeout(BEGINS_WITHIN);
                if told == Err(RecvTimeoutError::Timeout) {
                    // What stands in line is in no record yet.
                    if app.drivers.withdraw(run) {
                        return Err(Problem::busy("as many runs go on as there is room for"));
                    }
                    told = begun.recv_timeout(BEGINS_SURELY);
                }
                match told {
                    Ok(Err(error)) => return Err(app.problem(&error)),
                    Ok(Ok(())) => {}
                    Err(_) => {
                        let detail = format!("it is not known yet whether run {run} goes on");
                        return Err(Problem::busy(detail));
                    }
                }
                let summary = app.handle(caller, run)?.summary();
                let summary = summary.map_err(|error| app.problem(&error))?;
                Ok(RunStanding::from(&summary))
            })
            .await?;
        respond::json(StatusCode::ACCEPTED, &standing)
    })
}
