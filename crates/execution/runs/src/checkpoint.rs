//! Checkpoints: signing a log's head, and holding a log against a head that was
//! signed.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::subruns::missing_plans;
use crate::verify::traces::Traces;
use crate::vouched::Vouched;
use rok_attest::{Checkpoint, Head, PublicKey};
use rok_chain::ChainHash;
use rok_facades::runs::{
    AttestOptions, CheckpointView, CosignerView, ErrorKind, GivenCheckpoint, RunsError,
    SignatureCheck, VerifyFault, VerifyOptions, VerifyReport,
};
use rok_vocabulary::{RunId, Timestamp};

impl Runs {
    pub(crate) fn checkpoint_run(
        &self,
        run: &RunId,
        options: &AttestOptions,
    ) -> Result<Checkpoint, RunsError> {
        let key = self.key_of(options)?;
        // Whoever signs a head vouches for what leads to it.
        let loaded = self.load(run)?;
        let head = Head {
            lines: loaded.replay.count(),
            hash: loaded.replay.head(),
        };
        Checkpoint::sign(run, head, &key)
            .map_err(|error| RunsError::new(ErrorKind::Protocol, "ROK0142", fault::chain(&error)))
    }
}

/// The head of an intact log after so many lines.
pub(crate) fn head_at(store: &Home, run: &RunId, lines: u64) -> Result<Option<Head>, RunsError> {
    let (vouched, traces) = (Vouched::read(store, run), Traces::look(store, run));
    let chain = store.verify(run).map_err(|error| fault::store(&error))?;
    if let Some(fault) = chain.fault {
        let message = format!("the log of run {run} is not what was written: {fault}");
        return Err(
            RunsError::new(ErrorKind::Protocol, "ROK0105", message).help("`rok verify` tells more")
        );
    }
    // A run that was about to be created has no line yet, and nothing beside it.
    if chain.events > 0 || store.is_shared() {
        of_a_piece(store, run, &traces)?;
    }
    let log = store.read(run).map_err(|error| fault::store(&error))?;
    vouched.hold(run, &log.bytes)?;
    if let Some(what) = traces.cut(chain.events) {
        let message = format!("the log of run {run} is not what was written: {what}");
        return Err(
            RunsError::new(ErrorKind::Protocol, "ROK0105", message).help("`rok verify` tells more")
        );
    }
    Ok(after(run, &log.bytes, lines))
}

/// Refuses a run whose log does not fit what is beside it: plans, the output of
/// attempts, a row. Nothing is vouched for of such a run.
fn of_a_piece(store: &Home, run: &RunId, traces: &Traces) -> Result<(), RunsError> {
    let loaded = Loaded::read(store, run)?;
    traces.hold(run, loaded.state())?;
    if let Some(sha256) = missing_plans(store, &loaded).into_iter().next() {
        let message = format!(
            "plans/{sha256}.json of run {run} is missing, or is not the plan that the log names"
        );
        return Err(
            RunsError::new(ErrorKind::Protocol, "ROK0105", message).help("`rok verify` tells more")
        );
    }
    crate::verify::row::holds(store, run, loaded)
}

/// The head after the first `lines` of whole lines.
fn after(run: &RunId, log: &[u8], lines: u64) -> Option<Head> {
    let wanted = usize::try_from(lines).ok()?;
    let end = match wanted.checked_sub(1) {
        None => 0,
        Some(last) => memchr::memchr_iter(b'\n', log).nth(last)? + 1,
    };
    let hash = ChainHash::genesis(run).after(&log[..end]);
    Some(Head { lines, hash })
}

/// Holds an intact log against the checkpoint that was given, if one was.
pub(crate) fn check_log(
    run: &RunId,
    log: &[u8],
    options: &VerifyOptions,
    report: &mut VerifyReport,
) {
    check(run, options, report, |head| {
        contradiction(head, after(run, log, head.lines))
    });
}

/// Judges the checkpoint that was given, if one was: whose it is, who signed
/// it, and by `against` whether the record has its head.
pub(crate) fn check(
    run: &RunId,
    options: &VerifyOptions,
    report: &mut VerifyReport,
    against: impl FnOnce(Head) -> Option<String>,
) {
    let Some(given) = &options.checkpoint else {
        return;
    };
    let mut faults = Vec::new();
    let checkpoint = &given.checkpoint;
    let head = checkpoint.head();
    if checkpoint.run() == run {
        faults.extend(against(head));
    } else {
        faults.push(format!("is of run {}, not of {run}", checkpoint.run()));
    }
    if let Some(key) = &options.key
        && let Err(error) = checkpoint.signed_by(key)
    {
        faults.push(error.to_string());
    }
    let mut cosigners = Vec::new();
    for key in &options.cosigners {
        match cosigner(given, key) {
            Ok(view) => cosigners.push(view),
            Err(what) => faults.push(what),
        }
    }
    if faults.is_empty() {
        if options.key.is_none() && options.cosigners.is_empty() {
            report.notes.push(format!(
                "{}: no signature of it was checked, and anyone could have written it (`--key`, `--cosigner`)",
                given.file
            ));
        }
        report.checkpoint = Some(CheckpointView {
            file: given.file.clone(),
            lines: head.lines,
            head: head.hash.to_hex(),
            signature: match options.key {
                Some(_) => SignatureCheck::Valid,
                None => SignatureCheck::NotChecked,
            },
            cosigners,
        });
    }
    let faults = faults.into_iter().map(|what| VerifyFault {
        file: given.file.clone(),
        line: None,
        byte: None,
        what,
    });
    report.faults.extend(faults);
}

/// Why a log is no continuation of a head that was signed.
fn contradiction(signed: Head, found: Option<Head>) -> Option<String> {
    match found {
        Some(found) if found == signed => None,
        Some(found) => Some(format!(
            "says that the hash after line {} is {}, and the log's is {}: the log was rewritten",
            signed.lines, signed.hash, found.hash
        )),
        None => Some(format!(
            "says that the log had {} lines, and it has fewer: it was cut",
            signed.lines
        )),
    }
}

fn cosigner(given: &GivenCheckpoint, key: &PublicKey) -> Result<CosignerView, String> {
    let (name, seconds) = given
        .checkpoint
        .cosigned_by(key)
        .map_err(|error| error.to_string())?;
    let millis = i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
    Ok(CosignerView {
        name,
        key_id: key.id().to_string(),
        at: Timestamp::from_millis(millis),
    })
}
