//! What steps printed and made: copied as it stands, a part at a time, so that
//! neither size nor a slow reader costs memory.

use super::looking::{RUN, STEP};
use super::submit::handle;
use crate::app::App;
use crate::call::Call;
use crate::operation::{Access, Answering, Kind, Operation, Param, Reply};
use crate::problem::Problem;
use crate::respond::{self, Stream};
use axum::http::{HeaderName, HeaderValue};
use bytes::Bytes;
use rok_service::views::{AccessAction, LogQuery, StopSignal};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
use tokio::sync::mpsc::error::TrySendError;

/// How much is read at once.
const PART: usize = 64 * 1024;
/// How long a reader of a log may take nothing.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a writer waits before it looks again whether there is room.
const PAUSE: Duration = Duration::from_millis(20);

/// The code of what is wrong with an answer that is given all the same.
const PROBLEM: HeaderName = HeaderName::from_static("rok-problem");

const VIEW: Access = Access::Run(AccessAction::View);
const TEXT: &str = "text/plain; charset=utf-8";

pub(super) const OPERATIONS: &[Operation] = &[
    Operation::get("/api/v1/runs/{run}/logs/{step}", "get_log", get_log)
        .doc(
            "runs",
            "What a step printed, secrets masked; with the header `Rok-Problem: ROK0105` where it is not what was recorded.",
        )
        .access(VIEW)
        .params(&[
            RUN,
            STEP,
            Param::query(
                "attempt",
                Kind::Count(0, u32::MAX as u64),
                "Of this attempt; else of the last.",
            ),
            Param::query("compensation", Kind::Bool, "Of its compensation."),
            Param::query(
                "tail",
                Kind::Count(1, 1_000_000),
                "Only the last so many lines.",
            ),
            Param::query("follow", Kind::Bool, "Go on while the step runs."),
        ])
        .replies(&[Reply::of("The output.", TEXT)])
        .patient(),
    Operation::get(
        "/api/v1/runs/{run}/artifacts/{*path}",
        "get_artifact",
        get_artifact,
    )
    .doc(
        "runs",
        "What a step made, by its path; its content is what the log says, or there is none.",
    )
    .access(VIEW)
    .params(&[
        RUN,
        Param::path("path", Kind::Path, "The path, as the summary lists it."),
        Param::query(
            "step",
            Kind::StepId,
            "The step that made it, where several did.",
        ),
    ])
    .replies(&[Reply::of("The content.", "application/octet-stream")]),
];

fn get_artifact(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let fetched = app
            .with_run(call, |run, values| {
                let path = values.text("path").unwrap_or_default();
                run.artifact(path, values.text("step"))
            })
            .await?;
        let (sender, body) = Stream::open();
        tokio::spawn(copy(fetched.content, sender));
        let artifact = fetched.artifact;
        let name = artifact.path.rsplit('/').next().unwrap_or_default();
        Ok(respond::attachment(name, artifact.bytes, body))
    })
}

/// Copies a part at a time; between parts it holds no thread.
pub(super) async fn copy(mut content: Box<dyn Read + Send>, sender: Sender<Bytes>) {
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART];
            let count = content.read(&mut part)?;
            part.truncate(count);
            io::Result::Ok((content, part))
        });
        // A body that ends before its length tells the client that it failed.
        let Ok(Ok((rest, part))) = read.await else {
            return;
        };
        if part.is_empty() || sender.send(part.into()).await.is_err() {
            return;
        }
        content = rest;
    }
}

fn get_log(app: Arc<App>, call: Call) -> Answering {
    Box::pin(async move {
        let run = handle(&app, call.caller()?, &call.run()?.run).await?;
        let query = LogQuery {
            step: call.values.needed("step")?,
            attempt: call.values.parsed("attempt"),
            compensation: call.values.flag("compensation"),
            tail: call.values.parsed("tail"),
            follow: call.values.flag("follow"),
        };
        let turn = Arc::clone(&app.copies).try_acquire_owned();
        let turn = turn.map_err(|_| Problem::busy("too many outputs are read now"))?;
        let stop = StopSignal::new();
        let (sender, body) = Stream::telling(stop.clone());
        let (begun, told) = tokio::sync::oneshot::channel();
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        let (stopper, mut stopping) = (stop.clone(), app.stopping.clone());
        tokio::spawn(async move {
            tokio::select! {
                _ = ended => {}
                _ = stopping.changed() => stopper.stop(),
            }
        });
        let copying = Arc::clone(&app);
        tokio::task::spawn_blocking(move || {
            let fault = run.log_fault(&query);
            let mut out = Parts {
                sender,
                fault: fault.as_ref().map(|error| copying.problem(error).code),
                begun: Some(begun),
            };
            let copied = run.logs(&query, &stop, &mut out);
            // What was not told yet is told now: the whole output may be empty.
            if let Some(begun) = out.begun.take() {
                let _ = begun.send(match fault {
                    Some(_) => Ok(out.fault),
                    None => copied
                        .map(|()| None)
                        .map_err(|error| copying.problem(&error)),
                });
            }
            drop((turn, done));
        });
        let fault = told.await.unwrap_or(Ok(None))?;
        let mut response = respond::document(TEXT, body);
        // Once the output has begun nothing else can be said of it.
        response
            .headers_mut()
            .extend(fault.map(|code| (PROBLEM, HeaderValue::from_static(code))));
        Ok(response)
    })
}

/// Writes into a body; whoever reads nothing for too long is left.
struct Parts {
    sender: Sender<Bytes>,
    /// The code of what is wrong with it.
    fault: Option<&'static str>,
    begun: Option<tokio::sync::oneshot::Sender<Begun>>,
}

type Begun = Result<Option<&'static str>, Problem>;

impl Write for Parts {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(begun) = self.begun.take() {
            let _ = begun.send(Ok(self.fault));
        }
        let mut part = Bytes::copy_from_slice(bytes);
        let mut waited = Duration::ZERO;
        loop {
            part = match self.sender.try_send(part) {
                Ok(()) => return Ok(bytes.len()),
                Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(TrySendError::Full(_)) if waited >= PATIENCE => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(TrySendError::Full(part)) => part,
            };
            std::thread::sleep(PAUSE);
            waited += PAUSE;
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_gone_stops_the_copy() {
        let (sender, receiver) = tokio::sync::mpsc::channel(1);
        let mut out = Parts {
            sender,
            fault: None,
            begun: None,
        };
        assert_eq!(out.write(b"one").unwrap(), 3);
        drop(receiver);
        let error = out.write(b"two").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
