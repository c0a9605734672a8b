//! Submitting runs, and listing them.

use super::looking::RUN;
use super::place::{CURSOR, LIMIT};
use crate::app::App;
use crate::call::{Call, Caller};
use crate::driver::How;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond;
use crate::rest::Rest;
use crate::schemas::SubmitRequest;
use axum::http::{StatusCode, header};
use rok_service::views::{
    AccessAction, AccessTarget, DryRun, ListQuery, PageQuery, RunId, RunPage,
};
use rok_service::{AskedPlan, AskedRun, RunHandle, RunStanding};
use schemars::SchemaGenerator;
use std::sync::Arc;
use std::time::Duration;

/// Runs on a page where no number is named.
pub(super) const PAGE: usize = 50;
/// The most runs on a page.
pub(super) const MOST: u64 = 500;
/// How often a page is filled up in which runs were left out that somebody may
/// not look at.
const LOOKS: usize = 16;
/// The longest wait, in seconds.
const LONGEST_WAIT: u64 = 300;

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::post("/api/v1/runs", "submit_run", submit)
        .doc("runs", "Submits a run. What is answered is durable.")
        .access(Access::Asked)
        .params(&[
            Param::header(
                KEY,
                Kind::Key,
                "The same key with the same request is the same run.",
            ),
            WAIT,
        ])
        .body(true, SchemaGenerator::subschema_for::<SubmitRequest>)
        .replies(&[Reply::json(
            "The run that this request made, now or before.",
            SchemaGenerator::subschema_for::<RunStanding>,
        )
        .status(201)])
        .patient(),
    Operation::post("/api/v1/dry-runs", "dry_run", dry_run)
        .doc(
            "runs",
            "What a run would come to: the same checks, nothing executed, nothing written.",
        )
        .access(Access::Asked)
        .body(true, SchemaGenerator::subschema_for::<SubmitRequest>)
        .replies(&[Reply::json(
            "What it would come to, and whether it would be refused.",
            SchemaGenerator::subschema_for::<DryRun>,
        )]),
    Operation::get("/api/v1/runs", "list_runs", list)
        .doc("runs", "Runs that one may look at, the newest first.")
        .params(&[
            Param::repeated(
                "status",
                Kind::Text(64),
                "Only of this status, phase or outcome.",
            ),
            Param::query(
                "prefix",
                Kind::RunId,
                "Only whose id begins so; by id then.",
            ),
            Param::query("plan", Kind::PlanId, "Only of this plan."),
            Param::repeated("label", Kind::Label, "Only with this label, NAME=VALUE."),
            Param::query("since", Kind::Instant, "Only created since."),
            LIMIT,
            CURSOR,
        ])
        .replies(&[Reply::json(
            "A page of runs; one that had to look far may be short.",
            SchemaGenerator::subschema_for::<RunPage>,
        )]),
    Operation::get("/api/v1/runs/{run}/wait", "wait_for_run", wait)
        .doc(
            "runs",
            "Where a run stands, once it ends or waits for somebody.",
        )
        .access(Access::Run(AccessAction::View))
        .params(&[RUN, WAIT])
        .replies(&[Reply::json(
            "Where it stands.",
            SchemaGenerator::subschema_for::<RunStanding>,
        )])
        .patient(),
];

const KEY: &str = "Idempotency-Key";

/// How long to wait.
const WAIT: Param = Param::query(
    "wait",
    Kind::Wait(LONGEST_WAIT),
    "Answer once the run ends or waits for somebody, or so much time has passed.",
);

fn submit(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let request: SubmitRequest = call.json()?;
        let wait = call.values.wait("wait");
        let asker = call.caller()?.clone();
        let key = call.values.text(KEY).map(str::to_owned);
        // An earlier request may have made it, and its server may be gone.
        let how = match key {
            Some(_) => How::GoOn,
            None => How::Submitted,
        };
        let (run, rest) = app
            .perform(move |app| {
                let asked = asked(app, &asker, request, key)?;
                let rank = asked.priority.unwrap_or_else(|| asked.plan.priority());
                let has_sub_runs = asked.plan.has_sub_runs();
                let run = app.service.submit_asked(asked);
                let run = run.map_err(|error| app.problem(&error))?;
                let reader = Arc::new(run.clone());
                let rest = wait.map(|wait| (Rest::of_new(app, &reader, has_sub_runs), wait));
                // Here, where no client that goes away comes between the two.
                let driven = app.drivers.drive_at(rank, run, how);
                driven.map_err(|error| app.problem(&error))?;
                Ok((reader, rest))
            })
            .await?;
        let address = format!("/api/v1/runs/{}", run.id());
        let standing = settled(&app, run, rest).await?;
        let answer = respond::json(StatusCode::CREATED, &standing)?;
        Ok(respond::set(answer, header::LOCATION, &address))
    })
}

fn dry_run(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let request: SubmitRequest = call.json()?;
        let caller = call.caller()?.clone();
        let dry = app.perform(move |app| {
            let asked = asked(app, &caller, request, None)?;
            let dry = app.service.dry_run_asked(asked);
            dry.map_err(|error| app.problem(&error))
        });
        respond::json(StatusCode::OK, &dry.await?)
    })
}

/// What is asked for, where the caller may ask for it.
pub(super) fn asked(
    app: &App,
    caller: &Caller,
    request: SubmitRequest,
    idempotency_key: Option<String>,
) -> Result<AskedRun, Problem> {
    let reserved = request.labels.keys().find(|name| name.starts_with("rok."));
    if let Some(name) = reserved {
        let detail = format!("the label `{name}` begins with `rok.`, as only the server's own do");
        return Err(Problem::bad(detail));
    }
    if request.labels.contains_key("") {
        return Err(Problem::bad("a label has no name"));
    }
    let (plan, action) = match (request.plan, request.definition) {
        (Some(id), None) => (AskedPlan::Known(id), AccessAction::Submit),
        (None, Some(own)) => (AskedPlan::Own(own.into_bytes()), AccessAction::SubmitOwn),
        _ => {
            return Err(Problem::bad(
                "name a `plan`, or give a `definition`: one of them",
            ));
        }
    };
    let known = app.service.asked_plan(plan);
    let (plan, id) = known.map_err(|error| app.problem(&error))?;
    app.may(caller, action, AccessTarget::Plan(&id))?;
    if request.priority.is_some_and(|rank| rank > plan.priority()) {
        app.may(caller, AccessAction::Prioritize, AccessTarget::Plan(&id))?;
    }
    Ok(AskedRun {
        plan,
        inputs: request.inputs,
        input_texts: request.input_texts.into_iter().collect(),
        labels: request.labels,
        profile: request.profile,
        max_parallel: request.max_parallel.map(std::num::NonZero::get),
        never_retry: request.never_retry,
        no_cache: request.no_cache,
        priority: request.priority,
        idempotency_key,
        run_id: request.run_id,
        reason: request.reason.map(String::from),
        submitter: caller.actor.clone(),
    })
}

/// Where a run stands, after a wait where one is asked for.
async fn settled(
    app: &Arc<App>,
    run: Arc<RunHandle>,
    rest: Option<(Rest, Duration)>,
) -> Result<RunStanding, Problem> {
    if let Some((rest, wait)) = rest {
        // Time that has passed is no fault: where it stands is told either way.
        if let Ok(rested) = tokio::time::timeout(wait, rest.comes(app)).await {
            return rested.map(|summary| RunStanding::from(&summary));
        }
    }
    app.blocking(move |_| Ok(RunStanding::from(&run.summary()?)))
        .await
}

/// A handle that several readers share.
pub(super) async fn handle(
    app: &Arc<App>,
    caller: &Caller,
    run: &RunId,
) -> Result<Arc<RunHandle>, Problem> {
    let (caller, run) = (caller.clone(), run.clone());
    app.perform(move |app| Ok(Arc::new(app.handle(&caller, &run)?)))
        .await
}

fn wait(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let longest = Duration::from_secs(LONGEST_WAIT);
        let wait = call.values.wait("wait").unwrap_or(longest);
        let run = handle(&app, call.caller()?, &call.run()?.run).await?;
        let rest = Rest::of(&app, &run);
        let standing = settled(&app, run, Some((rest, wait))).await?;
        respond::json(StatusCode::OK, &standing)
    })
}

fn list(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let page = app.perform(move |app| page(app, &call)).await?;
        respond::json(StatusCode::OK, &page)
    })
}

fn page(app: &App, call: &Call) -> Result<RunPage, Problem> {
    let (caller, values) = (call.caller()?, &call.values);
    let labels = values
        .all("label")
        .filter_map(|label| label.split_once('='));
    let mut query = PageQuery {
        filter: ListQuery {
            statuses: values.all("status").map(str::to_owned).collect(),
            plan: values.text("plan").map(str::to_owned),
            since: values.instant("since"),
            labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
        },
        prefix: values.text("prefix").map(str::to_owned),
        cursor: values.text("cursor").map(str::to_owned),
        limit: None,
    };
    let limit = values.parsed("limit").unwrap_or(PAGE);
    // What is broken says of no run whose it is: only who keeps the store is told.
    let keeper = app.may(caller, AccessAction::Collect, AccessTarget::Server);
    let mut page = RunPage::default();
    for _ in 0..LOOKS {
        // What is left out here is asked for again behind it.
        query.limit = Some(limit - page.runs.len());
        let found = app.service.page(&query);
        let found = found.map_err(|error| app.problem(&error))?;
        page.runs.extend(found.runs.into_iter().filter(|run| {
            if run.broken.is_some() {
                app.metrics.found_broken(&run.run_id);
                return keeper.is_ok();
            }
            let id = run.run_id.parse::<RunId>().ok();
            id.is_some_and(|id| app.visible(caller, &id).is_ok())
        }));
        page.next_cursor = found.next_cursor;
        if page.next_cursor.is_none() || page.runs.len() == limit {
            break;
        }
        query.cursor.clone_from(&page.next_cursor);
    }
    Ok(page)
}
