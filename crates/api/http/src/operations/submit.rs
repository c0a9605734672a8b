//! Submitting runs, and listing them.

use super::looking::RUN;
use crate::app::App;
use crate::call::{Call, Caller};
use crate::driver::How;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond;
use crate::schemas::{RunPage, SubmitRequest};
use axum::http::{StatusCode, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rok_service::views::{AccessAction, AccessTarget, ListQuery, RunId, RunListing};
use rok_service::{AskedPlan, AskedRun, RunHandle, RunStanding};
use schemars::SchemaGenerator;
use std::sync::Arc;
use std::time::Duration;

/// Runs on a page where no number is named.
const PAGE: usize = 50;
/// The most runs on a page.
const MOST: u64 = 500;
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
    Operation::get("/api/v1/runs", "list_runs", list)
        .doc("runs", "Runs that one may look at, the newest first.")
        .params(&[
            Param::repeated(
                "status",
                Kind::Text(64),
                "Only of this status, phase or outcome.",
            ),
            Param::query("prefix", Kind::RunId, "Only whose id begins so."),
            Param::query("plan", Kind::PlanId, "Only of this plan."),
            Param::repeated("label", Kind::Label, "Only with this label, NAME=VALUE."),
            Param::query("since", Kind::Instant, "Only created since."),
            Param::query(
                "limit",
                Kind::Count(1, MOST),
                "How many on a page; 50 where none is named.",
            ),
            Param::query(
                "cursor",
                Kind::Text(256),
                "The `next_cursor` of the page before.",
            ),
        ])
        .replies(&[Reply::json(
            "A page of runs.",
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
        let caller = call.caller()?.clone();
        let asker = caller.clone();
        let key = call.values.text(KEY).map(str::to_owned);
        // An earlier request may have made it, and its server may be gone.
        let how = match key {
            Some(_) => How::GoOn,
            None => How::Submitted,
        };
        let id = app
            .perform(move |app| {
                let asked = asked(app, &asker, request, key)?;
                let run = app.service.submit_asked(asked);
                let run = run.map_err(|error| app.problem(&error))?;
                // Here, where no client that goes away comes between the two.
                let id = run.id().clone();
                app.drivers.drive(run, how);
                Ok(id)
            })
            .await?;
        let standing = settled(&app, &caller, &id, wait).await?;
        let answer = respond::json(StatusCode::CREATED, &standing)?;
        let address = format!("/api/v1/runs/{id}");
        Ok(respond::set(answer, header::LOCATION, &address))
    })
}

/// What is asked for, where the caller may ask for it.
fn asked(
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
    Ok(AskedRun {
        plan,
        inputs: request.inputs,
        input_texts: request.input_texts.into_iter().collect(),
        labels: request.labels,
        profile: request.profile,
        max_parallel: request.max_parallel.map(std::num::NonZero::get),
        never_retry: request.never_retry,
        no_cache: request.no_cache,
        priority: None,
        idempotency_key,
        run_id: request.run_id,
        reason: request.reason,
        submitter: caller.actor.clone(),
    })
}

/// Where a run stands, after a wait where one is asked for.
pub(super) async fn settled(
    app: &Arc<App>,
    caller: &Caller,
    run: &RunId,
    wait: Option<Duration>,
) -> Result<RunStanding, Problem> {
    let reader = handle(app, caller, run).await?;
    if let Some(wait) = wait {
        let waiting = until_it_rests(app, &reader);
        // Time that has passed is no fault: where it stands is told either way.
        if let Ok(Err(problem)) = tokio::time::timeout(wait, waiting).await {
            return Err(problem);
        }
    }
    app.blocking(move |_| Ok(RunStanding::from(&reader.summary()?)))
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

/// Waits until a run is sealed and let go of, or waits for somebody, or the
/// server stops.
pub(super) async fn until_it_rests(app: &Arc<App>, run: &Arc<RunHandle>) -> Result<(), Problem> {
    let channel = app.hub.channel(run.id());
    let (mut went_on, mut stopping) = (channel.listen(), app.stopping.clone());
    let mut next = 0;
    let (mut sealed, mut held, mut has_sub_runs) = (false, false, false);
    loop {
        for event in channel.from(app, run, next).await? {
            next = event.seq.0 + 1;
            (sealed, held) = match event.event_type.as_str() {
                "run.sealed" => (true, false),
                "run.held" => (false, true),
                "run.released" | "run.resumed" | "run.rollback_started" => (false, false),
                _ => (sealed, held),
            };
            has_sub_runs |= event.begins_a_sub_run();
        }
        if has_sub_runs && !sealed && !held {
            // A run whose sub-runs wait says nothing of it in its log.
            let run = Arc::clone(run);
            let summary = app.blocking(move |_| run.summary()).await?;
            held = summary.hold.is_some();
        }
        if sealed {
            app.drivers.let_go(run.id()).await;
        }
        if sealed || held || *stopping.borrow() {
            return Ok(());
        }
        tokio::select! {
            _ = went_on.changed() => {}
            _ = stopping.changed() => {}
            () = tokio::time::sleep(app.options.limits.glance) => {}
        }
    }
}

fn wait(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let longest = Duration::from_secs(LONGEST_WAIT);
        let wait = call.values.wait("wait").unwrap_or(longest);
        let standing = settled(&app, call.caller()?, &call.run()?.run, Some(wait)).await?;
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
    let after = values.text("cursor").map(Place::read).transpose()?;
    let labels = values
        .all("label")
        .filter_map(|label| label.split_once('='));
    let query = ListQuery {
        statuses: values.all("status").map(str::to_owned).collect(),
        plan: values.text("plan").map(str::to_owned),
        since: values.instant("since"),
        labels: labels.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
    };
    let found = app.service.list(&query);
    let mut found = found.map_err(|error| app.problem(&error))?;
    found.sort_by_cached_key(|run| std::cmp::Reverse(Place::of(run)));
    let limit = values.parsed("limit").unwrap_or(PAGE);
    let prefix = values.text("prefix").unwrap_or_default();
    let mut page = RunPage::default();
    let rest = found.into_iter();
    for run in rest.filter(|run| after.as_ref().is_none_or(|after| Place::of(run) < *after)) {
        if !run.run_id.starts_with(prefix) {
            continue;
        }
        // A broken folder says of no run whose it is.
        let Ok(id) = run.run_id.parse::<RunId>() else {
            continue;
        };
        if run.broken.is_some() || app.visible(caller, &id).is_err() {
            continue;
        }
        if page.runs.len() == limit {
            page.next_cursor = page.runs.last().map(|last| Place::of(last).written());
            break;
        }
        page.runs.push(run);
    }
    Ok(page)
}

/// Where a run stands in the order of pages: by time, then by name.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place(i64, String);

impl Place {
    fn of(run: &RunListing) -> Self {
        let created = run.created_at.unwrap_or_default();
        Self(created.as_millis(), run.run_id.clone())
    }

    fn written(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.0, self.1))
    }

    fn read(cursor: &str) -> Result<Self, Problem> {
        let read = || {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (at, run) = text.split_once(' ')?;
            Some(Self(at.parse().ok()?, run.to_owned()))
        };
        read().ok_or_else(|| {
            Problem::bad("`cursor` is not one that this server gave")
                .help("take `next_cursor` of a page, or leave it out for the first one")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_back_and_nothing_else_is_one() {
        let place = Place(-5, "run_1".to_owned());
        assert_eq!(Place::read(&place.written()).unwrap(), place);
        for cursor in ["", "x", "====", "MTI", "YSBi"] {
            assert!(Place::read(cursor).is_err(), "{cursor}");
        }
    }
}
