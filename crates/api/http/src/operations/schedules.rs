//! Schedules: what the server runs by the clock. Nothing that somebody gives is
//! a path: a schedule names a plan that the server knows.

use super::place::{CURSOR, LIMIT, Place};
use super::submit::PAGE;
use crate::app::App;
use crate::call::Call;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::query::Values;
use crate::respond;
use crate::schemas::{AddSchedule, Backfill, Command, DuePage, FiringPage, SchedulePage, Trigger};
use axum::http::StatusCode;
use rok_service::views::{
    AccessAction, AccessTarget, AddedSchedule, RemovedSchedule, ScheduleView,
};
use rok_service::{ScheduleBook, ServiceError};
use schemars::SchemaGenerator;
use serde::Serialize;
use std::path::Path;
use std::sync::Arc;

const SCHEDULE: Param = Param::path("schedule", Kind::PlanId, "The schedule.");
const FIRED: Reply = Reply::json(
    "What was decided; the server carries it out.",
    SchemaGenerator::subschema_for::<FiringPage>,
);
const STANDS: Reply = Reply::json(
    "How it stands now.",
    SchemaGenerator::subschema_for::<ScheduleView>,
);

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/api/v1/schedules", "list_schedules", list)
        .doc("schedules", "The schedules that this server keeps, by id.")
        .params(&[LIMIT, CURSOR])
        .replies(&[Reply::json(
            "A page of schedules.",
            SchemaGenerator::subschema_for::<SchedulePage>,
        )]),
    Operation::post("/api/v1/schedules", "add_schedule", add)
        .doc(
            "schedules",
            "Adds a schedule, or replaces the one with its id.",
        )
        .access(Access::Asked)
        .body(true, SchemaGenerator::subschema_for::<AddSchedule>)
        .replies(&[Reply::json(
            "What came of it, and how it stands.",
            SchemaGenerator::subschema_for::<AddedSchedule>,
        )]),
    Operation::get("/api/v1/schedules/{schedule}", "get_schedule", show)
        .doc(
            "schedules",
            "A schedule, when it is due, and what was decided of late.",
        )
        .params(&[SCHEDULE])
        .replies(&[STANDS]),
    Operation::delete("/api/v1/schedules/{schedule}", "remove_schedule", remove)
        .doc("schedules", "Removes a schedule; its runs are not touched.")
        .access(Access::Asked)
        .params(&[SCHEDULE])
        .replies(&[Reply::json(
            "What is left of it.",
            SchemaGenerator::subschema_for::<RemovedSchedule>,
        )]),
    Operation::post(
        "/api/v1/schedules/{schedule}/pause",
        "pause_schedule",
        pause,
    )
    .doc("schedules", "Fires nothing until it is unpaused.")
    .access(Access::Asked)
    .params(&[SCHEDULE])
    .body(false, SchemaGenerator::subschema_for::<Command>)
    .replies(&[STANDS]),
    Operation::post(
        "/api/v1/schedules/{schedule}/unpause",
        "unpause_schedule",
        unpause,
    )
    .doc(
        "schedules",
        "Lets a paused schedule go on; what fell due meanwhile is skipped.",
    )
    .access(Access::Asked)
    .params(&[SCHEDULE])
    .replies(&[STANDS]),
    Operation::post(
        "/api/v1/schedules/{schedule}/trigger",
        "trigger_schedule",
        trigger,
    )
    .doc("schedules", "Fires a schedule now, paused or not.")
    .access(Access::Asked)
    .params(&[SCHEDULE])
    .body(false, SchemaGenerator::subschema_for::<Trigger>)
    .replies(&[FIRED]),
    Operation::post(
        "/api/v1/schedules/{schedule}/backfill",
        "backfill_schedule",
        backfill,
    )
    .doc(
        "schedules",
        "Fires for each due time of a range that is over, one after another.",
    )
    .access(Access::Asked)
    .params(&[SCHEDULE])
    .body(true, SchemaGenerator::subschema_for::<Backfill>)
    .replies(&[FIRED]),
    Operation::get("/api/v1/due-times", "list_due_times", next)
        .doc("schedules", "When schedules are due next, in order.")
        .params(&[
            Param::query("schedule", Kind::PlanId, "Only of this one."),
            Param::query(
                "count",
                Kind::Count(1, 1000),
                "So many; 10 where none is named.",
            ),
        ])
        .replies(&[Reply::json(
            "The due times.",
            SchemaGenerator::subschema_for::<DuePage>,
        )]),
];

/// Asks the schedules of the server, for whoever calls.
fn ask<T: Serialize + Send + 'static>(
    app: Arc<App>,
    call: Call,
    action: AccessAction,
    what: impl FnOnce(&App, &Call, &ScheduleBook) -> Result<T, Problem> + Send + 'static,
) -> Answering {
    Box::pin(async move {
        let answer = app.perform(move |app| {
            let caller = call.caller()?;
            app.may(caller, action, AccessTarget::Server)?;
            let book = app
                .service
                .schedules()
                .map_err(|error| app.problem(&error))?;
            what(app, &call, &book.asked_by(caller.actor.clone()))
        });
        respond::json(StatusCode::OK, &answer.await?)
    })
}

/// Changes the schedule in the path.
fn change<T: Serialize + Send + 'static>(
    app: Arc<App>,
    call: Call,
    what: impl FnOnce(&ScheduleBook, &str) -> Result<T, ServiceError> + Send + 'static,
) -> Answering {
    ask(
        app,
        call,
        AccessAction::ManageSchedules,
        |app, call, book| {
            let id: String = call.values.needed("schedule")?;
            what(book, &id).map_err(|error| app.problem(&error))
        },
    )
}

/// No client is told where the server's files are.
fn told(app: &App, mut view: ScheduleView) -> ScheduleView {
    let file = Path::new(&view.file);
    let short = file.strip_prefix(app.service.folder());
    let name = || file.file_name().map_or(file, Path::new);
    view.file = short.unwrap_or_else(|_| name()).display().to_string();
    view
}

fn list(app: Arc<App>, call: Call) -> Answering {
    ask(app, call, AccessAction::View, |app, call, book| {
        let all = book.list().map_err(|error| app.problem(&error))?;
        page(app, all, &call.values)
    })
}

fn page(app: &App, all: Vec<ScheduleView>, values: &Values) -> Result<SchedulePage, Problem> {
    let after = values.text("cursor").map(Place::read).transpose()?;
    let after = after.map(|Place(_, id)| id).unwrap_or_default();
    let limit = values.parsed("limit").unwrap_or(PAGE);
    let rest = all.into_iter().filter(|view| view.schedule > after);
    let mut schedules: Vec<ScheduleView> = rest.take(limit + 1).collect();
    let more = schedules.len() > limit;
    schedules.truncate(limit);
    let last = schedules.last().filter(|_| more);
    let next_cursor = last.map(|view| Place(0, view.schedule.clone()).written());
    let schedules = schedules.into_iter().map(|view| told(app, view));
    Ok(SchedulePage {
        schedules: schedules.collect(),
        next_cursor,
    })
}

fn show(app: Arc<App>, call: Call) -> Answering {
    ask(app, call, AccessAction::View, |app, call, book| {
        let id: String = call.values.needed("schedule")?;
        let view = book.show(&id).map_err(|error| app.problem(&error))?;
        Ok(told(app, view))
    })
}

fn next(app: Arc<App>, call: Call) -> Answering {
    ask(app, call, AccessAction::View, |app, call, book| {
        let count = call.values.parsed("count").unwrap_or(10);
        let next = book.next(call.values.text("schedule"), count);
        let due_times = next.map_err(|error| app.problem(&error))?;
        Ok(DuePage { due_times })
    })
}

fn add(app: Arc<App>, call: Call) -> Answering {
    let text = match call.json::<AddSchedule>() {
        Ok(body) => body.definition.into_bytes(),
        Err(problem) => return Box::pin(std::future::ready(Err(problem))),
    };
    ask(
        app,
        call,
        AccessAction::ManageSchedules,
        |app, call, book| {
            let asked = app.service.asked_schedule(text);
            let (file, plan) = asked.map_err(|error| app.problem(&error))?;
            app.may(
                call.caller()?,
                AccessAction::Submit,
                AccessTarget::Plan(&plan),
            )?;
            let added = book.add_asked(&file).map_err(|error| app.problem(&error))?;
            Ok(AddedSchedule {
                schedule: told(app, added.schedule),
                ..added
            })
        },
    )
}

fn remove(app: Arc<App>, call: Call) -> Answering {
    change(app, call, ScheduleBook::remove)
}

/// Changes the schedule in the path, and tells how it stands now.
fn stands(
    app: Arc<App>,
    call: Call,
    what: impl FnOnce(&ScheduleBook, &str) -> Result<ScheduleView, ServiceError> + Send + 'static,
) -> Answering {
    let action = AccessAction::ManageSchedules;
    ask(app, call, action, |app, call, book| {
        let id: String = call.values.needed("schedule")?;
        let view = what(book, &id).map_err(|error| app.problem(&error))?;
        Ok(told(app, view))
    })
}

fn pause(app: Arc<App>, call: Call) -> Answering {
    match call.json::<Command>() {
        Ok(Command { reason }) => stands(app, call, move |book, id| {
            book.pause(id, reason.map(String::from))
        }),
        Err(problem) => Box::pin(std::future::ready(Err(problem))),
    }
}

fn unpause(app: Arc<App>, call: Call) -> Answering {
    stands(app, call, ScheduleBook::unpause)
}

fn trigger(app: Arc<App>, call: Call) -> Answering {
    match call.json::<Trigger>() {
        Ok(Trigger { items, reason }) => change(app, call, move |book, id| {
            let firings = book.trigger(id, &items, reason.map(String::from))?;
            Ok(FiringPage { firings })
        }),
        Err(problem) => Box::pin(std::future::ready(Err(problem))),
    }
}

fn backfill(app: Arc<App>, call: Call) -> Answering {
    match call.json::<Backfill>() {
        Ok(body) => change(app, call, move |book, id| {
            let firings =
                book.backfill(id, (body.from, body.until), body.reason.map(String::from))?;
            Ok(FiringPage { firings })
        }),
        Err(problem) => Box::pin(std::future::ready(Err(problem))),
    }
}
