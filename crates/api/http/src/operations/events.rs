//! The events of a run: a page of the log's own lines, or a stream of them.

use super::looking::RUN;
use super::submit::handle;
use crate::app::App;
use crate::call::Call;
use crate::operation::{Access, Answering, Content, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond::{self, Stream};
use crate::schemas::EventPage;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use rok_service::views::{AccessAction, EventLine, EventQuery, Seq};
use rok_service::{RunHandle, StreamFormat};
use schemars::SchemaGenerator;
use serde_json::value::RawValue;
use std::sync::Arc;
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, sleep_until};

/// Events on a page where no number is named.
const PAGE: usize = 500;
const MOST: u64 = 5000;
const LAST_EVENT_ID: &str = "Last-Event-ID";
/// A stream ended for good: nothing follows, so that a browser need not ask.
const GONE_QUIET: &str = ": the log is sealed\n\n";

pub(super) const OPERATIONS: &[Operation] =
    &[
        Operation::get("/api/v1/runs/{run}/events", "list_events", events)
            .doc(
                "runs",
                "The events of a run: a page of the log's own lines, or, for those who accept \
             `text/event-stream`, each as it becomes durable. `timestamp_utc` is when \
             something was decided: a step that was started may still wait for a place, \
             and the run's summary tells it as queued until its work begins.",
            )
            .access(Access::Run(AccessAction::View))
            .params(&[
                RUN,
                Param::repeated(
                    "type",
                    Kind::Text(64),
                    "Only of this type; `step.*` stands for all that begin so.",
                ),
                Param::repeated("step", Kind::StepId, "Only of this step."),
                Param::query("from", Kind::Count(0, 1 << 53), "Only from this place on."),
                Param::query("tail", Kind::Count(1, MOST), "Only the last so many."),
                Param::query(
                    "limit",
                    Kind::Count(1, MOST),
                    "How many on a page; 500 where none is named.",
                ),
                Param::header(
                    LAST_EVENT_ID,
                    Kind::Text(128),
                    "The id of the last event that was seen, RUN:SEQ; for streams.",
                ),
            ])
            .replies(&[
                Reply {
                    status: 200,
                    doc: "The events.",
                    content: Content::JsonOrStream(SchemaGenerator::subschema_for::<EventPage>),
                },
                Reply {
                    status: 204,
                    doc: "The log is sealed, and the client has seen all of it: do not ask again.",
                    content: Content::Nothing,
                },
            ])
            .patient(),
    ];

fn events(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let run = handle(&app, call.caller()?, &call.run()?.run).await?;
        let query = EventQuery {
            tail: call.values.parsed("tail"),
            types: call.values.all("type").map(str::to_owned).collect(),
            steps: call.values.all("step").map(str::to_owned).collect(),
            from: call.values.parsed("from").map(Seq),
            limit: None,
        };
        if accepts_stream(&call.headers) {
            stream(&app, run, query, &call).await
        } else {
            page(&app, run, query, &call).await
        }
    })
}

fn accepts_stream(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    accepted
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|kind| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind.eq_ignore_ascii_case("text/event-stream")
        })
}

async fn page(
    app: &Arc<App>,
    run: Arc<RunHandle>,
    query: EventQuery,
    call: &Call,
) -> Result<Response, Problem> {
    let limit = call.values.parsed("limit").unwrap_or(PAGE);
    // The end first: what comes between is on the page.
    let (end, found) = app
        .blocking(move |_| {
            let end = run.events(&EventQuery {
                tail: Some(1),
                ..EventQuery::default()
            })?;
            // One more tells whether there is more.
            let found = run.events(&EventQuery {
                limit: Some(limit + 1),
                ..query
            })?;
            Ok((end, found))
        })
        .await?;
    let mut found = found;
    // A resumed run goes on after a seal, so only the last event tells.
    let last = end.last().filter(|last| is_seal(last));
    let sealed = last.is_some_and(|last| found.iter().all(|event| event.seq <= last.seq));
    let next_from = found.get(limit).map(|event| event.seq.0);
    found.truncate(limit);
    let raw = |event: &EventLine| RawValue::from_string(event.line.to_string());
    let events: Result<Vec<_>, _> = found.iter().map(raw).collect();
    let events = events.map_err(|error| Problem::internal(error.to_string()))?;
    let page = EventPage {
        events,
        next_from,
        sealed,
    };
    respond::json(StatusCode::OK, &page)
}

fn is_seal(event: &EventLine) -> bool {
    event.event_type == "run.sealed"
}

async fn stream(
    app: &Arc<App>,
    run: Arc<RunHandle>,
    mut query: EventQuery,
    call: &Call,
) -> Result<Response, Problem> {
    if let Some(id) = call.values.text(LAST_EVENT_ID) {
        let seen = id
            .rsplit_once(':')
            .filter(|(of, _)| *of == run.id().as_str());
        let seen = seen.and_then(|(_, seq)| seq.parse::<u64>().ok());
        let seen = seen.ok_or_else(no_event)?;
        query.from = Some(Seq(seen.saturating_add(1)));
        query.tail = None;
        if has_seen_all(app, &run, &query, seen).await? {
            let mut nothing = Response::new(axum::body::Body::empty());
            *nothing.status_mut() = StatusCode::NO_CONTENT;
            return Ok(nothing);
        }
    }
    let tail = query.tail.take();
    let begin = begin_of(app, &run, &query, tail).await?;
    if tail.is_some() {
        query.from = Some(begin);
    }
    let (sender, body) = Stream::open();
    let app = Arc::clone(app);
    tokio::spawn(async move {
        app.metrics.server.streams(1);
        if let Err(problem) = follow(&app, &run, &query, &sender).await {
            app.options
                .log
                .tell(&format!("events of {}: {}", run.id(), problem.detail));
        }
        app.metrics.server.streams(-1);
    });
    Ok(respond::document("text/event-stream", body))
}

fn no_event() -> Problem {
    Problem::bad("`Last-Event-ID` is of no event of this run")
}

/// Whether the log is sealed, and nothing that is asked for comes after the
/// event that a client saw.
async fn has_seen_all(
    app: &Arc<App>,
    run: &Arc<RunHandle>,
    query: &EventQuery,
    seen: u64,
) -> Result<bool, Problem> {
    let reader = Arc::clone(run);
    let from = EventQuery {
        from: Some(Seq(seen)),
        ..EventQuery::default()
    };
    let left = app.blocking(move |_| reader.events(&from)).await?;
    let Some(last) = left.last() else {
        return Err(no_event());
    };
    let more = left.iter().any(|event| query.fits(event));
    Ok(!more && is_seal(last) && !app.drivers.has(run.id()))
}

/// The place of the first event that is asked for, or of the first of the last
/// so many. A log that cannot be read is told before the stream begins.
async fn begin_of(
    app: &Arc<App>,
    run: &Arc<RunHandle>,
    query: &EventQuery,
    tail: Option<usize>,
) -> Result<Seq, Problem> {
    let run = Arc::clone(run);
    let query = match tail {
        Some(_) => EventQuery {
            tail,
            ..query.clone()
        },
        None => EventQuery {
            from: query.from,
            limit: Some(1),
            ..EventQuery::default()
        },
    };
    let found = app.blocking(move |_| run.events(&query)).await?;
    Ok(found.first().map_or(Seq(0), |event| event.seq))
}

/// Hands on events as they come, until the log is sealed and nobody drives the
/// run, the client goes, or the server stops.
async fn follow(
    app: &Arc<App>,
    run: &Arc<RunHandle>,
    query: &EventQuery,
    sender: &Sender<Bytes>,
) -> Result<(), Problem> {
    let channel = app.hub.channel(run.id());
    let (mut went_on, mut stopping) = (channel.listen(), app.stopping.clone());
    let limits = app.options.limits;
    let mut next = query.from.map_or(0, |from| from.0);
    let mut sealed = false;
    let mut beat = Instant::now() + limits.heartbeat;
    loop {
        let found = channel.from(app, run, next).await?;
        for event in found.events {
            next = event.seq.0 + 1;
            sealed = is_seal(&event);
            if !query.fits(&event) {
                continue;
            }
            let frame = StreamFormat::Sse.frame(run.id(), &event);
            if sender.send(frame.into()).await.is_err() {
                return Ok(());
            }
            beat = Instant::now() + limits.heartbeat;
        }
        if !found.is_all && !*stopping.borrow() {
            continue;
        }
        if sealed && !app.drivers.has(run.id()) {
            // Whoever has gone needs no last word.
            let _ = sender.send(Bytes::from_static(GONE_QUIET.as_bytes())).await;
            return Ok(());
        }
        if *stopping.borrow() {
            return Ok(());
        }
        let glance = Instant::now() + limits.glance;
        tokio::select! {
            () = sender.closed() => return Ok(()),
            _ = went_on.changed() => {}
            _ = stopping.changed() => {}
            () = sleep_until(glance.min(beat)) => {}
        }
        if Instant::now() >= beat {
            if sender
                .send(Bytes::from_static(b": alive\n\n"))
                .await
                .is_err()
            {
                return Ok(());
            }
            beat = Instant::now() + limits.heartbeat;
        }
    }
}
