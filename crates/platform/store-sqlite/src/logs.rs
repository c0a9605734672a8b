//! Reads logs, documents and seals, and checks that they are what was written.

use crate::access::{Access, corrupt, place_of, unknown};
use crate::fault::Failure;
use rok_chain::{ChainHash, Digest, LogState, Seal, SealCheck, verify_log};
use rok_log::{Fence, LogBytes, Namespace, StoreError};
use rok_vocabulary::{RunId, Seq};
use rusqlite::OptionalExtension;
use std::path::Path;
use std::sync::Arc;

/// At most so many lines from `seq` on. That the chunks are whole and end where
/// the run's row says is checked; what the lines say is the reader's to check.
pub(crate) fn read_page(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
    seq: Seq,
    most: usize,
) -> Result<LogBytes, Failure> {
    let (no, next) = at.log_of(space, run)?;
    let from = i64::try_from(seq.0).unwrap_or(i64::MAX);
    if from >= next || most == 0 {
        return Ok(LogBytes {
            first_seq: seq,
            bytes: Vec::new(),
        });
    }
    let most_lines = i64::try_from(most).unwrap_or(i64::MAX);
    let to = next.min(from.saturating_add(most_lines));
    let (first, bytes) = chunks(at, run, no, from, to, next)?;
    // A chunk holds whole decisions: the line asked for may be inside.
    let skip = Seq((from - first) as u64);
    let bytes = match skip.0 {
        0 => bytes,
        _ => LogBytes::from_line(&bytes, skip).bytes,
    };
    let page = LogBytes {
        first_seq: seq,
        bytes,
    };
    // And one that begins inside may go on behind it.
    Ok(if to < next {
        page.first_lines(most)
    } else {
        page
    })
}

/// How many lines the log has, as the run's row says.
pub(crate) fn next_seq(at: Access<'_>, space: &Namespace, run: &RunId) -> Result<Seq, Failure> {
    let (_, next) = at.log_of(space, run)?;
    Ok(Seq(next as u64))
}

/// Where the run's row says that the log ends.
pub(crate) fn ending(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<(Seq, ChainHash), Failure> {
    let (no, _) = at.log_of(space, run)?;
    let mut select = at.prepare_cached("SELECT next_seq, head FROM runs WHERE no = ?1")?;
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let (next, head): (i64, Vec<u8>) = select.query_row([no], read)?;
    let head = <[u8; 32]>::try_from(head)
        .map_err(|_| at.corrupt(run, 1, "of its row is none: its column head is no hash"))?;
    Ok((Seq(next.unsigned_abs()), ChainHash::from_bytes(head)))
}

/// The chunks from the one that holds line `from` up to the one that holds the
/// line before `to`, and the seq of their first line; the log ends before `next`.
fn chunks(
    at: Access<'_>,
    run: &RunId,
    no: i64,
    from: i64,
    to: i64,
    next: i64,
) -> Result<(i64, Vec<u8>), Failure> {
    let mut select = at.prepare_cached(
        "SELECT seq, n, lines FROM chunks
         WHERE run_no = ?1 AND seq < ?3 AND seq >= coalesce(
           (SELECT max(seq) FROM chunks WHERE run_no = ?1 AND seq <= ?2), 0)
         ORDER BY seq",
    )?;
    let mut rows = select.query([no, from, to])?;
    let mut bytes = Vec::new();
    let (mut first, mut due) = (None, 0);
    while let Some(row) = rows.next()? {
        let (seq, n): (i64, i64) = (row.get(0)?, row.get(1)?);
        let due_here = if first.is_none() { seq } else { due };
        if seq != due_here || (first.is_none() && seq > from) {
            return Err(missing(at, run, due.max(from)));
        }
        bytes.extend_from_slice(row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?);
        first = first.or(Some(seq));
        due = seq + n;
    }
    match first {
        Some(first) if due == next || (to..next).contains(&due) => Ok((first, bytes)),
        _ => Err(missing(at, run, due.max(from))),
    }
}

fn missing(at: Access<'_>, run: &RunId, seq: i64) -> Failure {
    at.corrupt(
        run,
        seq as u64 + 1,
        "is missing: the run's row says that the log goes on",
    )
}

/// Every byte there is, in order, checked for nothing.
pub(crate) fn read_raw(at: Access<'_>, space: &Namespace, run: &RunId) -> Result<Vec<u8>, Failure> {
    let no = at.number(space, run)?;
    let mut select =
        at.prepare_cached("SELECT lines FROM chunks WHERE run_no = ?1 ORDER BY seq")?;
    let mut rows = select.query([no])?;
    let mut bytes = Vec::new();
    while let Some(row) = rows.next()? {
        bytes.extend_from_slice(row.get_ref(0)?.as_blob().map_err(rusqlite::Error::from)?);
    }
    Ok(bytes)
}

/// The document of that digest; one with other bytes is refused.
pub(crate) fn document(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
    digest: Digest,
) -> Result<Option<Arc<[u8]>>, Failure> {
    at.number(space, run)?;
    let mut select =
        at.prepare_cached("SELECT bytes FROM documents WHERE namespace = ?1 AND digest = ?2")?;
    let found: Option<Vec<u8>> = select
        .query_row((space.as_str(), digest.as_bytes()), |row| row.get(0))
        .optional()?;
    match found {
        Some(bytes) if Digest::of(&bytes) != digest => Err(at.corrupt(
            run,
            1,
            format!("of the document {digest} has other bytes than its digest says"),
        )),
        found => Ok(found.map(Into::into)),
    }
}

/// The run's last seal.
pub(crate) fn seal(
    at: Access<'_>,
    space: &Namespace,
    run: &RunId,
) -> Result<Option<Seal>, Failure> {
    let mut select = at.prepare_cached("SELECT seal FROM runs WHERE namespace = ?1 AND id = ?2")?;
    let found: Option<Option<String>> = select
        .query_row([space.as_str(), run.as_str()], |row| row.get(0))
        .optional()?;
    read_seal(
        at.path(),
        run,
        found.ok_or_else(|| unknown(run))?.as_deref(),
    )
}

fn read_seal(path: &Path, run: &RunId, text: Option<&str>) -> Result<Option<Seal>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let read = Seal::from_json(text.as_bytes());
    read.map(Some)
        .map_err(|(_, message)| corrupt(path, run, 1, format!("of its seal is none: {message}")))
}

/// A log that a claim is about to hand out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) no: i64,
    pub(crate) fence: Fence,
    pub(crate) next_seq: Seq,
    pub(crate) head: ChainHash,
}

/// All of a log up to where a claim found its end, before it was looked at.
pub(crate) struct Unproven {
    lines: Vec<u8>,
    seal: Option<String>,
}

/// Reads what a claim is to hand out, unless another owner has the run by now:
/// then the claim can write nothing.
pub(crate) fn fetch(
    at: Access<'_>,
    run: &RunId,
    ending: &Ending,
) -> Result<Option<Unproven>, Failure> {
    let mut select = at.prepare_cached("SELECT fence, seal FROM runs WHERE no = ?1")?;
    let found = select.query_row([ending.no], |row| Ok((row.get(0)?, row.get(1)?)));
    let (fence, seal): (i64, Option<String>) = found?;
    if fence != ending.fence.0 as i64 {
        return Ok(None);
    }
    let end = ending.next_seq.0 as i64;
    let (_, lines) = chunks(at, run, ending.no, 0, end, end)?;
    Ok(Some(Unproven { lines, seal }))
}

/// Reads and checks in one.
pub(crate) fn prove(
    at: Access<'_>,
    run: &RunId,
    ending: &Ending,
) -> Result<Option<LogBytes>, Failure> {
    let fetched = fetch(at, run, ending)?;
    let proven = fetched.map(|log| check(at.path(), run, ending, log));
    proven.transpose()
}

/// Checks every line, the chain, the seal, and that the log ends where the run's
/// row says.
pub(crate) fn check(
    path: &Path,
    run: &RunId,
    ending: &Ending,
    log: Unproven,
) -> Result<LogBytes, Failure> {
    let seal = read_seal(path, run, log.seal.as_deref())?;
    let report = verify_log(run, &log.lines, seal.as_ref());
    if let Some(fault) = &report.fault {
        let place = place_of(path, run);
        return Err(Failure::Refused(StoreError::corrupt(place, fault)));
    }
    let last = ending.next_seq.0;
    if matches!(report.seal, SealCheck::Missing | SealCheck::Behind { .. }) {
        let what = "was sealed, and the run's row holds an older seal or none";
        return Err(corrupt(path, run, last, what));
    }
    let ends = (report.events, report.head) == (last, ending.head);
    if !ends || report.torn_tail.is_some() || report.state == LogState::Empty {
        let what = "is not the one that the run's row says is the last";
        return Err(corrupt(path, run, last, what));
    }
    Ok(LogBytes {
        first_seq: Seq(0),
        bytes: log.lines,
    })
}

#[cfg(test)]
mod tests;
