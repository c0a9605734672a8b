//! Sealed runs that no attestation covers, where a key is configured that should
//! have made one: a server was killed between the two, or could not write it.
//!
//! They are told, and signed by nobody unasked: a log that lay there unsigned
//! may be another by now.

use crate::error::ServiceError;
use crate::service::Service;
use rok_attest::Envelope;
use rok_facades::runs::{EventQuery, PageQuery, RunsError, RunsFacade, SignedFile};
use rok_vocabulary::{RunId, Seq};
use serde_json::Value;

/// So many of the newest runs are looked at: each costs reading its log.
const LOOKED_AT: usize = 50;

impl Service {
    /// The newest sealed runs that are not attested; none where no key is
    /// configured.
    pub fn unattested(&self) -> Result<Vec<RunId>, ServiceError> {
        if self.config().settings.signing_key.is_none() {
            return Ok(Vec::new());
        }
        Ok(unattested(&self.runs()?)?)
    }
}

/// The newest sealed runs of which no attestation covers the last seal. What is
/// broken or was collected is not among them.
pub fn unattested(runs: &RunsFacade) -> Result<Vec<RunId>, RunsError> {
    let page = runs.page(&PageQuery {
        limit: Some(LOOKED_AT),
        ..PageQuery::default()
    })?;
    let there = page.runs.iter();
    let there = there.filter(|run| run.broken.is_none() && run.status != "collected");
    let mut found = Vec::new();
    for run in there.filter_map(|run| run.run_id.parse::<RunId>().ok()) {
        // One that cannot be read is told as such, wherever runs are told.
        if has_other_seal(runs, &run).is_ok_and(|other| other) {
            found.push(run);
        }
    }
    Ok(found)
}

/// Whether the log has a seal behind what is attested.
fn has_other_seal(runs: &RunsFacade, run: &RunId) -> Result<bool, RunsError> {
    // It takes both envelopes; what cannot be read attests nothing.
    let envelopes = runs.envelopes(run).unwrap_or_default();
    let covered = match envelopes.as_slice() {
        [one, other] => lines(one).min(lines(other)),
        _ => 0,
    };
    let seals = EventQuery {
        types: vec!["run.sealed".to_owned()],
        from: Some(Seq(covered)),
        limit: Some(1),
        ..EventQuery::default()
    };
    Ok(!runs.events(run, &seals)?.is_empty())
}

/// How many lines of the log an envelope covers.
fn lines(file: &SignedFile) -> u64 {
    // As it lies in its file: one line.
    let envelope = Envelope::from_json(format!("{}\n", file.envelope).as_bytes());
    let statement = envelope.ok().and_then(|envelope| {
        let statement: Option<Value> = serde_json::from_slice(envelope.payload()).ok();
        statement
    });
    let subjects = statement
        .as_ref()
        .and_then(|told| told["subject"].as_array());
    let lines = subjects
        .into_iter()
        .flatten()
        .find_map(|subject| subject["annotations"]["lines"].as_u64());
    lines.unwrap_or_default()
}
