//! What the envelopes beside a log were signed of, against the log: one that
//! was cut back to an earlier line, or written anew, is chained as well as the
//! first. Nothing is told of such a run, and nothing is done with it.

use crate::fault;
use crate::home::Home;
use crate::proof::{self, ATTESTATION, PROVENANCE_FILE};
use rok_attest::{EnvelopeError, PublicKey};
use rok_chain::Digest;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::StoreError;
use rok_vocabulary::RunId;

/// The envelopes beside a log. They are read before it: a log grows, so what
/// was signed earlier is in what is read later.
pub(crate) struct Vouched(Vec<Result<proof::Read, RunsError>>);

impl Vouched {
    pub(crate) fn read(store: &Home, run: &RunId) -> Self {
        let read = [PROVENANCE_FILE, ATTESTATION].map(|file| {
            match store.read_beside(run, file) {
                Ok(bytes) => {
                    let read = proof::read(file, &bytes?, None);
                    Some(read.map_err(|why| kept(run, file, &why)))
                }
                // Without the run's folder there is no envelope.
                Err(StoreError::Unknown { .. } | StoreError::NotARun { .. }) => None,
                Err(error) => Some(Err(fault::store(&error))),
            }
        });
        Self(read.into_iter().flatten().collect())
    }

    /// Refuses a log that does not begin with the lines that were signed.
    pub(crate) fn hold(&self, run: &RunId, log: &[u8]) -> Result<(), RunsError> {
        let wrong = self.0.iter().flatten().find_map(|read| {
            let why = contradiction(read, log)?;
            Some(format!("{} {why}", read.file))
        });
        wrong.map_or(Ok(()), |wrong| Err(refused(run, &wrong)))
    }

    /// Refuses to put another in the place of an envelope that cannot be read,
    /// or is made up in the name of the key.
    pub(crate) fn may_be_replaced(&self, run: &RunId, by: &PublicKey) -> Result<(), RunsError> {
        for read in &self.0 {
            let read = read.as_ref().map_err(Clone::clone)?;
            if let Err(error @ EnvelopeError::Forged { .. }) = read.envelope.verify(by) {
                return Err(kept(run, read.file, &error.to_string()));
            }
        }
        Ok(())
    }

    /// How many lines the envelopes that can be read cover at most.
    pub(crate) fn lines(&self) -> Option<u64> {
        self.0.iter().flatten().map(|read| read.lines).max()
    }
}

/// Why a log is not the one that was signed, if it is not.
fn contradiction(read: &proof::Read, log: &[u8]) -> Option<String> {
    let lines = read.lines;
    let mut ends = memchr::memchr_iter(b'\n', log);
    let last = usize::try_from(lines).unwrap_or(usize::MAX).checked_sub(1);
    let Some(end) = last.and_then(|last| ends.nth(last)) else {
        let has = memchr::memchr_iter(b'\n', log).count();
        return Some(format!(
            "covers lines 1 to {lines}, and the log has {has}: lines were taken away"
        ));
    };
    let signed = proof::log_of(&read.statement).and_then(|log| log.digest.get("sha256"));
    (signed != Some(&Digest::of(&log[..=end]).to_hex()))
        .then(|| format!("covers lines 1 to {lines}, and these are other lines than were signed"))
}

fn kept(run: &RunId, file: &str, why: &str) -> RunsError {
    refused(run, &format!("{file} {why}"))
        .help("find out who changed it; keep it elsewhere, and `rok attest` writes it anew")
}

fn refused(run: &RunId, what: &str) -> RunsError {
    let message = format!("run {run} is not what was attested: {what}");
    RunsError::new(ErrorKind::Protocol, "ROK0144", message)
        .help("put the log back from a backup; `rok verify` names everything that is wrong")
}
