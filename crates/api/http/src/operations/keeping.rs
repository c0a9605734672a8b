//! What keeps a run, proves it, takes it elsewhere and shows it again.

use super::files::copy;
use super::looking::RUN;
use crate::app::App;
use crate::call::Call;
use crate::driver::How;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond::{self, Stream};
use crate::schemas::{CollectBody, Decide, ReplayBody};
use axum::http::{HeaderName, StatusCode, header};
use rok_service::views::{
    AccessAction, AccessTarget, Attested, CollectReport, HeldView, Imported, RedecidedView,
};
use rok_service::{CheckpointText, CollectAsk, ReplayOptions, RunStanding};
use schemars::SchemaGenerator;
use std::path::PathBuf;
use std::sync::Arc;

/// What was packed, as JSON; the body is the bundle itself.
const EXPORTED: HeaderName = HeaderName::from_static("rok-exported");

const HELD: Reply = Reply::json(
    "Whether it is held now, by whom and why.",
    SchemaGenerator::subschema_for::<HeldView>,
);

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::post("/api/v1/runs/{run}/hold", "hold_run", hold)
        .doc("keeping", "Holds a run, so that it is never collected.")
        .access(Access::Run(AccessAction::Hold))
        .params(&[RUN])
        .body(true, SchemaGenerator::subschema_for::<Decide>)
        .replies(&[HELD]),
    Operation::post("/api/v1/runs/{run}/release", "release_run", release)
        .doc("keeping", "Ends the hold of a run.")
        .access(Access::Run(AccessAction::Hold))
        .params(&[RUN])
        .body(true, SchemaGenerator::subschema_for::<Decide>)
        .replies(&[HELD]),
    Operation::post("/api/v1/runs/{run}/attest", "attest_run", attest)
        .doc(
            "keeping",
            "Signs what a sealed run's log says, by the server's key.",
        )
        .access(Access::Run(AccessAction::Attest))
        .params(&[RUN])
        .replies(&[Reply::json(
            "What was signed.",
            SchemaGenerator::subschema_for::<Attested>,
        )]),
    Operation::post(
        "/api/v1/runs/{run}/checkpoint",
        "checkpoint_run",
        checkpoint,
    )
    .doc(
        "keeping",
        "Signs how long a run's log is now and what its hash is, by the server's key.",
    )
    .access(Access::Run(AccessAction::Attest))
    .params(&[RUN])
    .replies(&[Reply::json(
        "The checkpoint.",
        SchemaGenerator::subschema_for::<CheckpointText>,
    )]),
    Operation::get("/api/v1/runs/{run}/bundle", "get_bundle", bundle)
        .doc(
            "keeping",
            "A sealed run as one file, which verifies anywhere.",
        )
        .access(Access::Run(AccessAction::View))
        .params(&[RUN])
        .replies(&[Reply::of("The bundle.", "application/octet-stream")]),
    Operation::get("/api/v1/runs/{run}/redecision", "redecide_run", redecide)
        .doc(
            "keeping",
            "Decides a run's log again; executes and writes nothing.",
        )
        .access(Access::Run(AccessAction::View))
        .params(&[RUN])
        .replies(&[Reply::json(
            "What came out otherwise.",
            SchemaGenerator::subschema_for::<RedecidedView>,
        )]),
    Operation::post("/api/v1/runs/{run}/replay", "replay_run", replay)
        .doc(
            "keeping",
            "Executes a run anew from a step on, as a new run; the rest is taken from its record.",
        )
        .access(Access::Run(AccessAction::View))
        .params(&[RUN])
        .body(true, SchemaGenerator::subschema_for::<ReplayBody>)
        .replies(&[
            Reply::json("The replay.", SchemaGenerator::subschema_for::<RunStanding>).status(201),
        ]),
    Operation::post("/api/v1/bundles", "import_run", import)
        .doc(
            "keeping",
            "Takes a run in from its bundle, once it verifies; an existing run is never touched.",
        )
        .access(Access::ServerTo(AccessAction::Import))
        .params(&[Param::query(
            "max_bytes",
            Kind::Count(1, u64::MAX),
            "To how much it may unpack; never more than the server allows.",
        )])
        .file()
        .replies(&[Reply::json(
            "What was taken in, and what verifying it found.",
            SchemaGenerator::subschema_for::<Imported>,
        )
        .status(201)])
        .patient(),
    Operation::post("/api/v1/collect", "collect_runs", collect)
        .doc(
            "keeping",
            "Collects runs by age, count or size; leaves stubs that verify.",
        )
        .access(Access::ServerTo(AccessAction::Collect))
        .body(true, SchemaGenerator::subschema_for::<CollectBody>)
        .replies(&[Reply::json(
            "What was collected.",
            SchemaGenerator::subschema_for::<CollectReport>,
        )])
        .patient(),
];

fn held(app: Arc<App>, call: Call, release: bool) -> Answering {
    Box::pin(async move {
        let Decide { reason } = call.json()?;
        let held = app.with_run(call, move |run, _| run.hold(&reason.0, release));
        respond::json(StatusCode::OK, &held.await?)
    })
}

fn hold(app: Arc<App>, call: Call) -> Answering {
    held(app, call, false)
}

fn release(app: Arc<App>, call: Call) -> Answering {
    held(app, call, true)
}

fn attest(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let attested = app.with_run(call, |run, _| run.attest(None)).await?;
        respond::json(StatusCode::OK, &attested)
    })
}

fn checkpoint(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let signed = app.with_run(call, |run, _| run.write_checkpoint(None, None));
        respond::json(StatusCode::OK, &signed.await?)
    })
}

fn import(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let allowed = app.options.limits.unpacked_bytes;
        let asked = call.values.parsed::<u64>("max_bytes");
        let limit = asked.map_or(allowed, |asked| asked.min(allowed));
        let file = call.file;
        let imported = app.perform(move |app| {
            let file = file.ok_or_else(|| Problem::internal("no file was taken in"))?;
            let imported = app.service.import(file.path(), Some(limit));
            imported.map_err(|error| app.problem_of_given(&error, file.path()))
        });
        let mut imported = imported.await?;
        // No client is told where the server's files are.
        imported.folder = PathBuf::new();
        let answer = respond::json(StatusCode::CREATED, &imported)?;
        let address = format!("/api/v1/runs/{}", imported.run_id);
        Ok(respond::set(answer, header::LOCATION, &address))
    })
}

fn redecide(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let found = app.with_run(call, |run, _| run.redecide()).await?;
        respond::json(StatusCode::OK, &found)
    })
}

fn bundle(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let (mut exported, file) = app.with_run(call, |run, _| run.packed()).await?;
        // No client is told where the server's files are.
        exported.file = PathBuf::new();
        let told = serde_json::to_string(&exported);
        let told = told.map_err(|error| Problem::internal(error.to_string()))?;
        let meta = file.metadata();
        let meta = meta.map_err(|error| Problem::internal(error.to_string()))?;
        let (sender, body) = Stream::open();
        tokio::spawn(copy(Box::new(file), sender));
        let name = format!("{}.tar.zst", exported.run_id);
        let answer = respond::attachment(&name, meta.len(), body);
        Ok(respond::set(answer, EXPORTED, &told))
    })
}

fn replay(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let ReplayBody {
            from,
            run_id,
            reason,
        } = call.json()?;
        let options = ReplayOptions {
            from: from.to_string(),
            run_id: run_id.map(|id| id.to_string()),
            reason: reason.map(String::from),
            secrets_file: None,
        };
        let standing = app.perform(move |app| {
            let (caller, identity) = (call.caller()?, call.run()?);
            // It executes what the plan says, as a submission does.
            let plan = AccessTarget::Plan(&identity.plan);
            app.may(caller, AccessAction::Submit, plan)?;
            let original = app.handle(caller, &identity.run)?;
            let replay = app.service.replay(&original, options);
            let replay = replay.map_err(|error| app.problem(&error))?;
            let summary = replay.summary().map_err(|error| app.problem(&error))?;
            let driven = app.drivers.drive(replay, How::Submitted);
            driven.map_err(|error| app.problem(&error))?;
            Ok(RunStanding::from(&summary))
        });
        respond::json(StatusCode::CREATED, &standing.await?)
    })
}

fn collect(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let body: CollectBody = call.json()?;
        let report = app.perform(move |app| {
            let caller = call.caller()?;
            let report = app.service.collect(&CollectAsk {
                older_than: body.older_than,
                keep: body.keep.map(|keep| keep as usize),
                max_size: body.max_size,
                dry_run: body.dry_run,
                actor: Some(caller.actor.clone()),
            });
            report.map_err(|error| app.problem(&error))
        });
        respond::json(StatusCode::OK, &report.await?)
    })
}
