//! Looking at runs and plans changes nothing.

use crate::app::App;
use crate::call::Call;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::query::Values;
use crate::respond;
use crate::schemas::{PlanPage, SignedPage, SignedView};
use axum::http::StatusCode;
use rok_pictures::{GraphOptions, graph_svg, report_html, timeline_svg};
use rok_service::views::{
    AccessAction, AuditView, Explanation, LogTail, PlanId, Resumable, RunSummary, RunTiming,
    StepSummary, TailQuery, VerifyReport,
};
use rok_service::{PlanView, RunHandle, RunStanding, ServiceError, VerifyRequest};
use schemars::SchemaGenerator;
use serde::Serialize;
use std::sync::Arc;

/// The run in the path.
pub(super) const RUN: Param = Param::path("run", Kind::RunId, "The run.");
/// The step in the path.
pub(super) const STEP: Param = Param::path("step", Kind::StepId, "The step.");
const VIEW: Access = Access::Run(AccessAction::View);
const SVG: &str = "image/svg+xml";
const HTML: &str = "text/html; charset=utf-8";

const PLAN: Param = Param::path("plan", Kind::PlanId, "The plan.");

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/api/v1/runs/{run}", "get_run", get_run)
        .doc("runs", "Where a run stands.")
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::json(
            "Where it stands.",
            SchemaGenerator::subschema_for::<RunStanding>,
        )]),
    Operation::get("/api/v1/runs/{run}/summary", "get_summary", get_summary)
        .doc("runs", "What a run is, has done and owes.")
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::json(
            "The summary.",
            SchemaGenerator::subschema_for::<RunSummary>,
        )]),
    Operation::get("/api/v1/runs/{run}/steps/{step}", "get_step", get_step)
        .doc(
            "runs",
            "A step, and behind it the children of its fan-out, if it has any.",
        )
        .access(VIEW)
        .params(&[RUN, STEP])
        .replies(&[Reply::json(
            "The step and its children.",
            SchemaGenerator::subschema_for::<Vec<StepSummary>>,
        )]),
    Operation::get("/api/v1/runs/{run}/audit", "get_audit", get_audit)
        .doc(
            "runs",
            "Expectations, acks and reconciliation of the current epoch.",
        )
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::json(
            "The audit.",
            SchemaGenerator::subschema_for::<AuditView>,
        )]),
    Operation::get("/api/v1/runs/{run}/explain", "explain", explain)
        .doc(
            "runs",
            "Why a run or a step is as it is, and what can be done.",
        )
        .access(VIEW)
        .params(&[RUN, Param::query("step", Kind::StepId, "Only this step.")])
        .replies(&[Reply::json(
            "The answer.",
            SchemaGenerator::subschema_for::<Explanation>,
        )]),
    Operation::get(
        "/api/v1/runs/{run}/resumable",
        "get_resumable",
        get_resumable,
    )
    .doc("runs", "Whether and from where a run can be resumed.")
    .access(VIEW)
    .params(&[RUN])
    .replies(&[Reply::json(
        "Whether, and from where.",
        SchemaGenerator::subschema_for::<Resumable>,
    )]),
    Operation::get("/api/v1/runs/{run}/timing", "get_timing", get_timing)
        .doc(
            "runs",
            "When what happened: attempts, waits, pauses, the critical path.",
        )
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::json(
            "The timing.",
            SchemaGenerator::subschema_for::<RunTiming>,
        )]),
    Operation::get(
        "/api/v1/runs/{run}/verification",
        "verify_run",
        verify,
    )
    .doc(
        "runs",
        "Whether the record is intact, as the server finds it; whoever trusts nobody takes a bundle.",
    )
    .access(VIEW)
    .params(&[RUN])
    .replies(&[Reply::json(
        "What was checked.",
        SchemaGenerator::subschema_for::<VerifyReport>,
    )]),
    Operation::get("/api/v1/runs/{run}/log-tails", "get_log_tails", get_log_tails)
        .doc("runs", "The ends of the steps' outputs.")
        .access(VIEW)
        .params(&[
            RUN,
            Param::query("lines", Kind::Count(0, 10_000), "Of a step that did not fail."),
            Param::query("failed_lines", Kind::Count(0, 10_000), "Of a step that failed."),
            Param::query("max_bytes", Kind::Count(0, 1 << 20), "Of each step at most."),
            Param::query("total_bytes", Kind::Count(0, 1 << 23), "In all."),
        ])
        .replies(&[Reply::json(
            "The ends.",
            SchemaGenerator::subschema_for::<Vec<LogTail>>,
        )]),
    Operation::get("/api/v1/runs/{run}/plan", "get_run_plan", get_run_plan)
        .doc(
            "runs",
            "The plan that a run executes, in its canonical bytes.",
        )
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::json(
            "The plan.",
            SchemaGenerator::subschema_for::<serde_json::Map<String, serde_json::Value>>,
        )]),
    Operation::get(
        "/api/v1/runs/{run}/attestation",
        "get_attestation",
        get_attestation,
    )
    .doc(
        "runs",
        "The signed statements about a sealed run: DSSE envelopes.",
    )
    .access(VIEW)
    .params(&[RUN])
    .replies(&[Reply::json(
        "The envelopes; none where nobody signed.",
        SchemaGenerator::subschema_for::<SignedPage>,
    )]),
    Operation::get("/api/v1/runs/{run}/graph.svg", "get_graph", get_graph)
        .doc("runs", "The plan's steps and how they stand, drawn.")
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::of("The picture.", SVG)]),
    Operation::get(
        "/api/v1/runs/{run}/timeline.svg",
        "get_timeline",
        get_timeline,
    )
    .doc("runs", "When what happened, drawn.")
    .access(VIEW)
    .params(&[RUN])
    .replies(&[Reply::of("The picture.", SVG)]),
    Operation::get("/api/v1/runs/{run}/report.html", "get_report", get_report)
        .doc("runs", "Everything about a run on one page.")
        .access(VIEW)
        .params(&[RUN])
        .replies(&[Reply::of("The page.", HTML)]),
    Operation::get("/api/v1/plans", "list_plans", list_plans)
        .doc("plans", "The plans that this server knows.")
        .replies(&[Reply::json(
            "The plans.",
            SchemaGenerator::subschema_for::<PlanPage>,
        )]),
    Operation::get(
        "/api/v1/plans/{plan}/definition",
        "get_plan_definition",
        get_plan_definition,
    )
    .doc(
        "plans",
        "A plan that this server knows, itself: what a run's digest is of.",
    )
    .params(&[PLAN])
    .replies(&[Reply::json(
        "The plan.",
        SchemaGenerator::subschema_for::<serde_json::Map<String, serde_json::Value>>,
    )]),
    Operation::get("/api/v1/plans/{plan}", "get_plan", get_plan)
        .doc("plans", "A plan that this server knows.")
        .params(&[PLAN])
        .replies(&[Reply::json(
            "The plan.",
            SchemaGenerator::subschema_for::<PlanView>,
        )]),
];

/// Looks at the run in the path, and tells what is seen as JSON.
fn look<T: Serialize + Send + 'static>(
    app: Arc<App>,
    call: Call,
    look: impl FnOnce(&RunHandle, &Values) -> Result<T, ServiceError> + Send + 'static,
) -> Answering {
    Box::pin(async move {
        let view = app.with_run(call, look).await?;
        respond::json(StatusCode::OK, &view)
    })
}

/// Draws the run in the path.
fn draw(
    app: Arc<App>,
    call: Call,
    kind: &'static str,
    draw: impl FnOnce(&RunHandle, &Values) -> Result<String, ServiceError> + Send + 'static,
) -> Answering {
    Box::pin(async move { Ok(respond::document(kind, app.with_run(call, draw).await?)) })
}

fn get_run(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| Ok(RunStanding::from(&run.summary()?)))
}

fn get_summary(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| run.summary())
}

fn get_step(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, values| {
        run.step(values.text("step").unwrap_or_default())
    })
}

fn get_audit(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| run.audit())
}

fn explain(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, values| run.explain(values.text("step")))
}

fn get_resumable(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| run.resumable())
}

fn get_timing(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| run.timing())
}

fn verify(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| run.verify(&VerifyRequest::default()))
}

fn get_log_tails(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, values| {
        run.log_tails(&TailQuery {
            lines: values.parsed("lines").unwrap_or(20),
            failed_lines: values.parsed("failed_lines").unwrap_or(100),
            max_bytes: values.parsed("max_bytes").unwrap_or(1 << 16),
            total_bytes: values.parsed("total_bytes").unwrap_or(1 << 20),
        })
    })
}

fn get_run_plan(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let plan = app.with_run(call, |run, _| run.plan_json()).await?;
        Ok(respond::json_bytes(plan))
    })
}

fn get_attestation(app: Arc<App>, call: Call) -> Answering {
    look(app, call, |run, _| {
        let files = run.envelopes()?.into_iter().map(|file| SignedView {
            name: file.name,
            envelope: file.envelope,
        });
        Ok(SignedPage {
            envelopes: files.collect(),
        })
    })
}

fn get_graph(app: Arc<App>, call: Call) -> Answering {
    draw(app, call, SVG, |run, _| {
        Ok(graph_svg(&run.graph()?, GraphOptions::default()))
    })
}

fn get_timeline(app: Arc<App>, call: Call) -> Answering {
    draw(app, call, SVG, |run, _| {
        Ok(timeline_svg(&run.timeline()?, false))
    })
}

fn get_report(app: Arc<App>, call: Call) -> Answering {
    draw(app, call, HTML, |run, _| Ok(report_html(&run.report()?)))
}

fn list_plans(app: Arc<App>, _: Call) -> Answering {
    Box::pin(async move {
        let plans = app.blocking(|service| Ok(service.plans())).await?;
        respond::json(StatusCode::OK, &PlanPage { plans })
    })
}

fn get_plan_definition(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let id: PlanId = call.values.needed("plan")?;
        let plan = app.blocking(move |service| service.known_definition(id));
        Ok(respond::json_bytes(plan.await?))
    })
}

fn get_plan(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let id: PlanId = call.values.needed("plan")?;
        let plan = app.blocking(move |service| service.known_plan(id)).await?;
        respond::json(StatusCode::OK, &plan)
    })
}
