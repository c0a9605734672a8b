//! Whether a closed run's row says of its end what the log says: one line of it
//! is read. That the line is what was written, `verify` proves.

use crate::access::Access;
use crate::fault::Failure;
use rok_chain::Seal;
use rok_log::RunRow;
use rok_vocabulary::{Outcome, RunPhase, Seq};
use rusqlite::OptionalExtension;

/// What of the row contradicts the line that its seal names comes back in words.
pub(super) fn check(
    at: Access<'_>,
    no: i64,
    row: &RunRow,
    seal: Option<&str>,
) -> Result<Result<(), String>, Failure> {
    let completed = row.phase == RunPhase::Completed;
    let Some(seal) = seal else {
        // One that failed may have been left without; it claims nothing good.
        let missing = format!("its row says {}, and holds no seal", row.phase);
        return Ok(if completed { Err(missing) } else { Ok(()) });
    };
    let seal = match Seal::from_json(seal.as_bytes()) {
        Ok(seal) => seal,
        Err((_, message)) => return Ok(Err(format!("its seal is none: {message}"))),
    };
    // After COMPLETED nothing is written.
    if completed && seal.seq.next() != row.next_seq {
        let (line, lines) = (seal.seq.next(), row.next_seq);
        return Ok(Err(format!(
            "its row says {}, its seal is that of line {line}, and the log has {lines}",
            row.phase
        )));
    }
    let mut select = at.prepare_cached(
        "SELECT seq, lines FROM chunks WHERE run_no = ?1 AND seq <= ?2 ORDER BY seq DESC LIMIT 1",
    )?;
    let place = i64::try_from(seal.seq.0).unwrap_or(i64::MAX);
    let said = select
        .query_row((no, place), |chunk| {
            let first: i64 = chunk.get(0)?;
            let lines = chunk.get_ref(1)?.as_blob()?;
            let line = Seq((place - first).unsigned_abs());
            Ok(Seal::from_log(lines, line, seal.head).ok())
        })
        .optional()?;
    let Some(said) = said.flatten() else {
        return Ok(Err(format!(
            "its log has no line {} that seals it",
            seal.seq.next()
        )));
    };
    let (phase, outcome) = (said.phase, said.outcome);
    if (seal.epoch, seal.phase, seal.outcome) != (said.epoch, phase, outcome) {
        return Ok(Err(format!(
            "its seal says {} and {}, the log says {phase} and {outcome}",
            seal.phase, seal.outcome
        )));
    }
    // A later epoch of a run that failed may have come this far and no further.
    let of_epoch = completed || seal.epoch == row.epoch;
    if of_epoch && (row.phase, row.outcome) != (phase, Some(outcome)) {
        let told = row.outcome.map_or("no outcome", Outcome::as_str);
        return Ok(Err(format!(
            "its row says {} and {told}, the log says {phase} and {outcome}",
            row.phase
        )));
    }
    Ok(Ok(()))
}
