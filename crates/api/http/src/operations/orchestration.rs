//! The four endpoints of seed 002, with exactly its JSON. Its refusals are its
//! own too: `success: false` with a message, and the plans that there are.

use crate::app::App;
use crate::call::{Call, Caller};
use crate::driver::How;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::orchestration::{
    Answer, Health, OnePlan, Plans, Refusal, RunBody, RunSummaryView, is_of_services, plan_view,
};
use crate::problem::Problem;
use crate::respond;
use crate::rest::Rest;
use axum::http::StatusCode;
use axum::response::Response;
use rok_service::views::{AccessAction, AccessTarget, PlanId};
use rok_service::{AskedPlan, AskedRun, PlanView, Service};
use schemars::SchemaGenerator;
use serde_json::Map;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The plan that is run where none is named.
const DEFAULT_PLAN: &str = "standard-v1";
const REFUSED: Reply = Reply::json("Refused.", SchemaGenerator::subschema_for::<Refusal>);

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::post("/api/orchestration/run", "orchestrate", run)
        .doc(
            "orchestration",
            "Runs a plan for a site, and answers when the run has ended.",
        )
        .access(Access::Asked)
        .body(true, SchemaGenerator::subschema_for::<RunBody>)
        .replies(&[
            Reply::json(
                "The run has ended; `status` says how.",
                SchemaGenerator::subschema_for::<Answer>,
            ),
            REFUSED.status(400),
        ])
        .patient(),
    Operation::get("/api/orchestration/plans", "orchestration_plans", plans)
        .doc("orchestration", "The plans that can be run for a site.")
        .replies(&[Reply::json(
            "The plans.",
            SchemaGenerator::subschema_for::<Plans>,
        )]),
    Operation::get(
        "/api/orchestration/plans/{plan}",
        "orchestration_plan",
        plan,
    )
    .doc("orchestration", "One of them.")
    .params(&[Param::path("plan", Kind::Text(64), "The plan.")])
    .replies(&[
        Reply::json("The plan.", SchemaGenerator::subschema_for::<OnePlan>),
        REFUSED.status(404),
    ]),
    Operation::get("/api/orchestration/health", "orchestration_health", health)
        .doc("orchestration", "Whether runs can be orchestrated.")
        .access(Access::Open)
        .replies(&[Reply::json(
            "They can.",
            SchemaGenerator::subschema_for::<Health>,
        )]),
];

/// The plans that are made of services.
fn known(service: &Service) -> Vec<PlanView> {
    let ids = service
        .plans()
        .into_iter()
        .filter_map(|plan| plan.plan?.parse().ok());
    let mut plans = Vec::new();
    for id in ids {
        // A file may go, or break, between the two looks at it.
        if let Ok(plan) = service.known_plan(id) {
            plans.extend(is_of_services(&plan).then_some(plan));
        }
    }
    plans.sort_by(|a, b| a.plan.cmp(&b.plan));
    plans.dedup_by(|a, b| a.plan == b.plan);
    plans
}

fn ids(plans: &[PlanView]) -> Vec<String> {
    plans.iter().map(|plan| plan.plan.clone()).collect()
}

fn refusal(
    status: StatusCode,
    error: &str,
    message: impl Into<String>,
    available: Option<Vec<String>>,
) -> Result<Response, Problem> {
    let refusal = Refusal::new(error, message, available);
    respond::json(status, &refusal)
}

fn plans(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        let plans = app.blocking(|service| Ok(known(service))).await?;
        respond::json(StatusCode::OK, &Plans::of(&plans, &app.services))
    })
}

fn plan(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let plans = app.blocking(|service| Ok(known(service))).await?;
        let wanted = call.values.text("plan").unwrap_or_default();
        let found = plans.iter().find(|plan| plan.plan == wanted);
        match found {
            Some(plan) => {
                respond::json(StatusCode::OK, &OnePlan::of(plan_view(plan, &app.services)))
            }
            None => {
                let message = "There is no such run plan";
                refusal(
                    StatusCode::NOT_FOUND,
                    "Plan not found",
                    message,
                    Some(ids(&plans)),
                )
            }
        }
    })
}

fn health(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        let asked = |service: &Service| Ok((known(service), service.degraded_workers()?));
        let (plans, degraded) = app.blocking(asked).await?;
        // Whoever has no token hears of no site.
        let mut services: Vec<String> = degraded.into_iter().map(|one| one.service).collect();
        services.sort_unstable();
        services.dedup();
        respond::json(StatusCode::OK, &Health::of(ids(&plans), services))
    })
}

fn run(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let body: RunBody = match call.json() {
            Ok(body) => body,
            Err(problem) => {
                return refusal(problem.status, "Invalid request", problem.detail, None);
            }
        };
        let (site, domain) = (body.website_id.trim(), body.domain.trim());
        if site.is_empty() || domain.is_empty() {
            let message = "website_id and domain are required";
            return refusal(
                StatusCode::BAD_REQUEST,
                "Missing required fields",
                message,
                None,
            );
        }
        let wanted = body.plan_id.as_deref().unwrap_or(DEFAULT_PLAN);
        let plans = app.blocking(|service| Ok(known(service))).await?;
        let Some(plan) = plans.iter().find(|plan| plan.plan == wanted) else {
            let (status, message) = (StatusCode::BAD_REQUEST, "There is no such run plan");
            return refusal(status, "Invalid plan_id", message, Some(ids(&plans)));
        };
        let id: PlanId = plan
            .plan
            .parse()
            .map_err(|_| Problem::internal("a plan without id"))?;
        let caller = call.caller()?.clone();
        let inputs = [("website_id", site), ("domain", domain)];
        let inputs = inputs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let summary = executed(&app, &caller, id, inputs.into()).await?;
        respond::json(StatusCode::OK, &Answer::of(summary))
    })
}

/// Runs a plan to its end. It goes on where the client goes away.
async fn executed(
    app: &Arc<App>,
    caller: &Caller,
    plan: PlanId,
    inputs: Vec<(String, String)>,
) -> Result<RunSummaryView, Problem> {
    let asker = caller.clone();
    let reader = app
        .perform(move |app| {
            app.may(&asker, AccessAction::Submit, AccessTarget::Plan(&plan))?;
            let refused = |error| app.problem(&error);
            let (plan, _) = app
                .service
                .asked_plan(AskedPlan::Known(plan))
                .map_err(refused)?;
            let asked = AskedRun {
                plan,
                inputs: Map::new(),
                input_texts: inputs,
                labels: BTreeMap::new(),
                profile: None,
                max_parallel: None,
                never_retry: false,
                no_cache: false,
                priority: None,
                idempotency_key: None,
                run_id: None,
                reason: None,
                submitter: asker.actor.clone(),
            };
            let run = app.service.submit_asked(asked).map_err(refused)?;
            let reader = Arc::new(run.clone());
            // Here, where no client that goes away comes between the two.
            app.drivers.drive(run, How::Submitted).map_err(refused)?;
            Ok(reader)
        })
        .await?;
    loop {
        let summary = Rest::of(app, &reader).comes(app).await?;
        if summary.sealed {
            let looking = Arc::clone(&reader);
            let run = app.blocking(move |_| looking.service_run()).await?;
            let diagnosis = run.and_then(|run| run.diagnosis_event_id);
            return Ok(RunSummaryView::of(&summary, diagnosis));
        }
        if *app.stopping.borrow() {
            return Err(Problem::busy(format!(
                "the server stops; run {} goes on later",
                reader.id()
            )));
        }
        // It waits for somebody: so does whoever asked.
        tokio::time::sleep(app.options.limits.glance).await;
    }
}
