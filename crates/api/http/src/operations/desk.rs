//! Incidents and lessons: what of them somebody may see, and what people make
//! of them. Each belongs to a run, and whoever may not look at the run is not
//! told of it.

use super::place::{CURSOR, LIMIT, Place};
use super::submit::PAGE;
use crate::app::App;
use crate::call::{Call, Caller};
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::query::Values;
use crate::respond;
use crate::schemas::{Decide, IncidentPage, LessonPage};
use axum::http::StatusCode;
use rok_service::views::{
    AccessAction, AccessTarget, ErrorKind, Incident, IncidentHistory, Lesson, LessonDecision,
    RunId, RunsError, Timestamp,
};
use rok_service::{DeskBook, IncidentAsk, LessonAsk, ServiceError};
use schemars::SchemaGenerator;
use serde::Serialize;
use std::sync::Arc;

const ID: Kind = Kind::Text(128);
const INCIDENT: Param = Param::path("incident", ID, "The incident.");
const LESSON: Param = Param::path("lesson", ID, "The lesson.");
const PLAN: Param = Param::query("plan", Kind::PlanId, "Only of this plan.");
const RUN: Param = Param::query("run", Kind::RunId, "Only of this run.");
const ONE_INCIDENT: Reply = Reply::json(
    "The incident as it stands now.",
    SchemaGenerator::subschema_for::<Incident>,
);
const ONE_LESSON: Reply = Reply::json(
    "The lesson as it stands now.",
    SchemaGenerator::subschema_for::<Lesson>,
);

const fn decision(
    path: &'static str,
    id: &'static str,
    handler: crate::operation::Handler,
) -> Operation {
    Operation::post(path, id, handler)
        .access(Access::Asked)
        .body(true, SchemaGenerator::subschema_for::<Decide>)
}

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/api/v1/incidents", "list_incidents", incidents)
        .doc(
            "incidents",
            "Incidents that somebody may have to handle, the newest first.",
        )
        .access(Access::Asked)
        .params(&[
            Param::query(
                "status",
                Kind::Word(&["open", "acknowledged", "resolved"]),
                "Only in this status.",
            ),
            Param::query(
                "severity",
                Kind::Word(&["low", "medium", "high", "critical"]),
                "Only at least as bad.",
            ),
            PLAN,
            RUN,
            LIMIT,
            CURSOR,
        ])
        .replies(&[Reply::json(
            "A page of incidents.",
            SchemaGenerator::subschema_for::<IncidentPage>,
        )]),
    Operation::get("/api/v1/incidents/{incident}", "get_incident", incident)
        .doc(
            "incidents",
            "An incident, where it happened again, and what was done about it.",
        )
        .access(Access::Asked)
        .params(&[INCIDENT])
        .replies(&[Reply::json(
            "The incident.",
            SchemaGenerator::subschema_for::<IncidentHistory>,
        )]),
    decision(
        "/api/v1/incidents/{incident}/acknowledge",
        "acknowledge_incident",
        acknowledge,
    )
    .doc("incidents", "Somebody looks into it.")
    .params(&[INCIDENT])
    .replies(&[ONE_INCIDENT]),
    decision(
        "/api/v1/incidents/{incident}/resolve",
        "resolve_incident",
        resolve,
    )
    .doc("incidents", "It is over.")
    .params(&[INCIDENT])
    .replies(&[ONE_INCIDENT]),
    Operation::get("/api/v1/lessons", "list_lessons", lessons)
        .doc("lessons", "What runs teach, the newest first.")
        .access(Access::Asked)
        .params(&[
            Param::query(
                "state",
                Kind::Word(&["pending", "deferred", "dismissed", "converted_to_draft"]),
                "Only in this state.",
            ),
            Param::query(
                "kind",
                Kind::Word(&["failure", "near_threshold", "critical_success"]),
                "Only of this kind.",
            ),
            PLAN,
            RUN,
            LIMIT,
            CURSOR,
        ])
        .replies(&[Reply::json(
            "A page of lessons.",
            SchemaGenerator::subschema_for::<LessonPage>,
        )]),
    Operation::get("/api/v1/lessons/{lesson}", "get_lesson", lesson)
        .doc(
            "lessons",
            "A lesson, with the policy that it drafts, where it drafts one.",
        )
        .access(Access::Asked)
        .params(&[LESSON])
        .replies(&[ONE_LESSON]),
    decision("/api/v1/lessons/{lesson}/defer", "defer_lesson", defer)
        .doc("lessons", "Not now.")
        .params(&[LESSON])
        .replies(&[ONE_LESSON]),
    decision(
        "/api/v1/lessons/{lesson}/dismiss",
        "dismiss_lesson",
        dismiss,
    )
    .doc("lessons", "Not at all.")
    .params(&[LESSON])
    .replies(&[ONE_LESSON]),
    decision(
        "/api/v1/lessons/{lesson}/convert",
        "convert_lesson",
        convert,
    )
    .doc(
        "lessons",
        "Takes up its policy draft: nothing is in force by that.",
    )
    .params(&[LESSON])
    .replies(&[ONE_LESSON]),
];

fn owned(values: &Values, name: &str) -> Option<String> {
    values.text(name).map(str::to_owned)
}

fn desk(app: &App, caller: &Caller) -> Result<DeskBook, Problem> {
    let desk = app.service.desk().map_err(|error| app.problem(&error))?;
    Ok(desk.asked_by(caller.actor.clone()))
}

/// Whether somebody may look at what a run brought. Of a run that is there no
/// more, whoever may look at the server may.
fn sees(app: &App, caller: &Caller, run: &RunId) -> bool {
    match app.visible(caller, run) {
        Ok(_) => true,
        Err(problem) if problem.code == COLLECTED => app
            .may(caller, AccessAction::View, AccessTarget::Server)
            .is_ok(),
        Err(_) => false,
    }
}

/// The run was collected.
const COLLECTED: &str = "ROK0160";

/// A page of what somebody may see, and the cursor of the next one.
fn page<T>(
    all: Vec<T>,
    values: &Values,
    place: impl Fn(&T) -> Place,
    sees: impl Fn(&T) -> bool,
) -> Result<(Vec<T>, Option<String>), Problem> {
    let after = values.text("cursor").map(Place::read).transpose()?;
    let limit = values.parsed("limit").unwrap_or(PAGE);
    let mut page: Vec<T> = Vec::new();
    let rest = all.into_iter();
    for one in rest.filter(|one| after.as_ref().is_none_or(|after| place(one) < *after)) {
        if !sees(&one) {
            continue;
        }
        if page.len() == limit {
            let next = page.last().map(|last| place(last).written());
            return Ok((page, next));
        }
        page.push(one);
    }
    Ok((page, None))
}

fn stands(at: Timestamp, id: &str) -> Place {
    Place(at.as_millis(), id.to_owned())
}

/// A page of what the desk holds, the newest first, for whoever asks. `told`
/// makes it, with its cursor and how many runs could not be read.
fn newest<T: 'static, P: Serialize + Send + 'static>(
    app: Arc<App>,
    call: Call,
    all: impl FnOnce(&DeskBook, &Values) -> Result<Vec<T>, ServiceError> + Send + 'static,
    of: fn(&T) -> (Timestamp, &str, &RunId),
    told: fn(Vec<T>, Option<String>, usize) -> P,
) -> Answering {
    Box::pin(async move {
        let page = app.perform(move |app| {
            let (caller, values) = (call.caller()?, &call.values);
            let desk = desk(app, caller)?;
            let mut all = all(&desk, values).map_err(|error| app.problem(&error))?;
            let place = |one: &T| {
                let (at, id, _) = of(one);
                stands(at, id)
            };
            all.sort_by_cached_key(|one| std::cmp::Reverse(place(one)));
            let (page, next) = page(all, values, place, |one| sees(app, caller, of(one).2))?;
            Ok(told(page, next, desk.unread().len()))
        });
        respond::json(StatusCode::OK, &page.await?)
    })
}

fn incidents(app: Arc<App>, call: Call) -> Answering {
    let all = |desk: &DeskBook, values: &Values| {
        desk.incidents(&IncidentAsk {
            status: owned(values, "status"),
            severity: owned(values, "severity"),
            plan: owned(values, "plan"),
            run: owned(values, "run"),
        })
    };
    newest(
        app,
        call,
        all,
        |one| (one.created_at, &one.id, &one.run_id),
        |incidents, next_cursor, unread| IncidentPage {
            incidents,
            next_cursor,
            unread,
        },
    )
}

fn lessons(app: Arc<App>, call: Call) -> Answering {
    let all = |desk: &DeskBook, values: &Values| {
        desk.lessons(&LessonAsk {
            state: owned(values, "state"),
            kind: owned(values, "kind"),
            plan: owned(values, "plan"),
            run: owned(values, "run"),
        })
    };
    newest(
        app,
        call,
        all,
        |one| (one.created_at, &one.id, &one.run_id),
        |lessons, next_cursor, unread| LessonPage {
            lessons,
            next_cursor,
            unread,
        },
    )
}

/// There is none of this id, or none that the caller may see.
fn unknown(app: &App, what: &str, id: &str) -> Problem {
    let message = format!("there is no {what} {id}");
    let error = RunsError::new(ErrorKind::NotFound, "ROK0190", message);
    app.problem(&error.into())
}

/// The incident in the path, where the caller may see it.
fn seen_incident(app: &App, call: &Call) -> Result<(DeskBook, IncidentHistory), Problem> {
    let (caller, id) = (call.caller()?, call.values.needed::<String>("incident")?);
    let desk = desk(app, caller)?;
    let history = desk.incident(&id);
    let history = history.map_err(|error| app.problem(&error))?;
    if sees(app, caller, &history.incident.run_id) {
        Ok((desk, history))
    } else {
        Err(unknown(app, "incident", &id))
    }
}

/// The lesson in the path, where the caller may see it.
fn seen_lesson(app: &App, call: &Call) -> Result<(DeskBook, Lesson), Problem> {
    let (caller, id) = (call.caller()?, call.values.needed::<String>("lesson")?);
    let desk = desk(app, caller)?;
    let lesson = desk.lesson(&id);
    let lesson = lesson.map_err(|error| app.problem(&error))?;
    if sees(app, caller, &lesson.run_id) {
        Ok((desk, lesson))
    } else {
        Err(unknown(app, "lesson", &id))
    }
}

/// Whether somebody may do this to what a run brought.
fn let_do(app: &App, call: &Call, run: &RunId, action: AccessAction) -> Result<(), Problem> {
    let caller = call.caller()?;
    let identity = app.visible(caller, run)?;
    app.may(caller, action, AccessTarget::Run(&identity))
}

fn incident(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let history = app.perform(move |app| Ok(seen_incident(app, &call)?.1));
        respond::json(StatusCode::OK, &history.await?)
    })
}

fn lesson(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let lesson = app.perform(move |app| Ok(seen_lesson(app, &call)?.1));
        respond::json(StatusCode::OK, &lesson.await?)
    })
}

type Handle = fn(&DeskBook, &str, &str) -> Result<Incident, ServiceError>;

fn handled(app: Arc<App>, call: Call, what: Handle) -> Answering {
    Box::pin(async move {
        let Decide { reason } = call.json()?;
        let incident = app.perform(move |app| {
            let (desk, history) = seen_incident(app, &call)?;
            let incident = &history.incident;
            let_do(app, &call, &incident.run_id, AccessAction::HandleIncident)?;
            what(&desk, &incident.id, &reason.0).map_err(|error| app.problem(&error))
        });
        respond::json(StatusCode::OK, &incident.await?)
    })
}

fn acknowledge(app: Arc<App>, call: Call) -> Answering {
    handled(app, call, DeskBook::acknowledge)
}

fn resolve(app: Arc<App>, call: Call) -> Answering {
    handled(app, call, DeskBook::resolve)
}

fn decided(app: Arc<App>, call: Call, decision: LessonDecision) -> Answering {
    Box::pin(async move {
        let Decide { reason } = call.json()?;
        let lesson = app.perform(move |app| {
            let (desk, lesson) = seen_lesson(app, &call)?;
            let_do(app, &call, &lesson.run_id, AccessAction::DecideLesson)?;
            let decided = desk.decide(&lesson.id, decision, &reason.0);
            decided.map_err(|error| app.problem(&error))
        });
        respond::json(StatusCode::OK, &lesson.await?)
    })
}

fn defer(app: Arc<App>, call: Call) -> Answering {
    decided(app, call, LessonDecision::Defer)
}

fn dismiss(app: Arc<App>, call: Call) -> Answering {
    decided(app, call, LessonDecision::Dismiss)
}

fn convert(app: Arc<App>, call: Call) -> Answering {
    decided(app, call, LessonDecision::ConvertToDraft)
}
