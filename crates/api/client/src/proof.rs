//! What a server says of a log that proves something: its own signed word, and
//! the lines themselves, which are chained anew here.

use crate::connection::Connection;
use crate::fault::unreachable;
use rok_chain::{ChainHash, verify_log};
use rok_service::CheckpointText;
use rok_service::views::{Checkpoint, ErrorKind, EventLine, Head, RunId, RunsError};

/// The log's head now, signed by the server.
pub(crate) fn checkpoint(
    connection: &Connection,
    run: &RunId,
    path: &[&str],
) -> Result<Checkpoint, RunsError> {
    let signed: CheckpointText = connection.tell(path)?;
    let checkpoint = Checkpoint::parse(signed.text.as_bytes());
    let checkpoint = checkpoint
        .map_err(|error| unreachable(format!("the server's checkpoint is none: {error}")))?;
    if checkpoint.run() != run {
        let of = checkpoint.run();
        return Err(unreachable(format!(
            "the server's checkpoint is of run {of}"
        )));
    }
    Ok(checkpoint)
}

/// The head after so many lines of a log, all of whose lines came.
pub(crate) fn head_at(
    run: &RunId,
    log: &[EventLine],
    lines: u64,
) -> Result<Option<Head>, RunsError> {
    let text: String = log.iter().flat_map(|event| [&*event.line, "\n"]).collect();
    if let Some(fault) = verify_log(run, text.as_bytes(), None).fault {
        let message = format!("the log of run {run} is not what was written: {fault}");
        return Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message)
            .help("cosign nothing, and keep what the server gave"));
    }
    let Some(first) = usize::try_from(lines)
        .ok()
        .and_then(|lines| log.get(..lines))
    else {
        return Ok(None);
    };
    let genesis = ChainHash::genesis(run);
    let hash = { first.iter() }.fold(genesis, |hash, event| hash.next(event.line.as_bytes()));
    Ok(Some(Head { lines, hash }))
}
