//! Streams: events and outputs that are read on a thread of their own, so that
//! whoever follows can be told to stop while nothing comes.

use crate::connection::{Connection, Query};
use crate::fault::unreachable;
use rok_service::views::{ErrorKind, EventLine, RunId, RunsError, StopSignal};
use std::io::{BufRead as _, BufReader, Read as _};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::Duration;

/// The header by which the server says that something is wrong with an answer.
const PROBLEM: &str = "rok-problem";
/// What the server says last of a log that is sealed.
const SEALED: &str = ": the log is sealed";
/// How often a broken stream is opened again before that is a fault.
const TRIES: u32 = 5;
const BETWEEN: Duration = Duration::from_millis(500);

/// What came.
pub(crate) enum Came<T> {
    Part(T),
    Ended(Result<(), RunsError>),
    /// Whoever follows was told to stop.
    Stopped,
}

/// Follows the events of a run, across connections that break.
pub(crate) fn events(
    connection: &Arc<Connection>,
    run: &RunId,
    query: Query,
    stop: &StopSignal,
) -> Receiver<Came<EventLine>> {
    let (connection, run) = (Arc::clone(connection), run.clone());
    started(stop, move |sender| follow(&connection, &run, query, sender))
}

/// Reads an output.
pub(crate) fn output(
    connection: &Arc<Connection>,
    path: Vec<String>,
    query: Query,
    stop: &StopSignal,
) -> Receiver<Came<Vec<u8>>> {
    let connection = Arc::clone(connection);
    started(stop, move |sender| {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let mut response = connection.open(&path, &query, &[])?;
        let doubted = response.headers().contains_key(PROBLEM);
        loop {
            let mut part = vec![0; 64 * 1024];
            let count = response
                .read(&mut part)
                .map_err(|error| unreachable(format!("the output broke off: {error}")))?;
            part.truncate(count);
            if count == 0 && doubted {
                return Err(unlike());
            }
            if count == 0 || sender.send(Came::Part(part)).is_err() {
                return Ok(());
            }
        }
    })
}

/// Said after an output of which the server says so.
fn unlike() -> RunsError {
    let message = "the output is not what was recorded: its file on the server was changed";
    RunsError::new(ErrorKind::Protocol, "ROK0105", message)
        .help("what is shown is what stands there now; `rok verify` of the run tells more")
}

fn started<T: Send + 'static>(
    stop: &StopSignal,
    read: impl FnOnce(&Sender<Came<T>>) -> Result<(), RunsError> + Send + 'static,
) -> Receiver<Came<T>> {
    let (sender, receiver) = channel();
    let stopped = sender.clone();
    stop.on_stop(move || {
        // Whoever followed may have gone.
        let _ = stopped.send(Came::Stopped);
    });
    let reader = sender.clone();
    let begun = thread::Builder::new()
        .name("stream".to_owned())
        .spawn(move || {
            let ended = read(&reader);
            let _ = reader.send(Came::Ended(ended));
        });
    if let Err(error) = begun {
        let _ = sender.send(Came::Ended(Err(unreachable(error.to_string()))));
    }
    receiver
}

/// Reads events until the log is sealed for good. A connection that breaks is
/// opened again, after the last event that came.
fn follow(
    connection: &Connection,
    run: &RunId,
    mut query: Query,
    sender: &Sender<Came<EventLine>>,
) -> Result<(), RunsError> {
    let path = ["api", "v1", "runs", run.as_str(), "events"];
    let mut last: Option<String> = None;
    let mut tries = 0;
    loop {
        let response = match connection.events(&path, &query, last.as_deref()) {
            Ok(response) => response,
            Err(error) if error.code != "ROK0213" || tries >= TRIES => return Err(error),
            Err(_) => {
                tries += 1;
                thread::sleep(BETWEEN);
                continue;
            }
        };
        if response.status() == reqwest::StatusCode::NO_CONTENT {
            return Ok(());
        }
        let mut id = None;
        for line in BufReader::new(response).lines() {
            // What broke off is asked for again.
            let Ok(line) = line else { break };
            if line.starts_with(SEALED) {
                return Ok(());
            }
            if let Some(value) = line.strip_prefix("id: ") {
                id = Some(value.to_owned());
            } else if let Some(data) = line.strip_prefix("data: ") {
                if sender
                    .send(Came::Part(EventLine::of_line(data.as_bytes())))
                    .is_err()
                {
                    return Ok(());
                }
                (last, tries) = (id.take(), 0);
            }
        }
        // From now on the last event says where to go on.
        if last.is_some() {
            query.retain(|(name, _)| *name != "tail");
        }
        tries += 1;
        if tries > TRIES {
            return Err(unreachable(
                "the stream of events breaks off again and again",
            ));
        }
        thread::sleep(BETWEEN);
    }
}
