//! What is left of a run that was collected, and what it proves: the last
//! decision's lines and the hash before them give the head, and the head is
//! that of the seal, and of the attestations where there are any.

use crate::checkpoint;
use crate::fault;
use crate::home::Home;
use crate::proof::{ATTESTATION, PROVENANCE_FILE, log_of, names, read};
use crate::record::HEAD;
use rok_artifacts::Digest;
use rok_attest::{Statement, Subject};
use rok_chain::{ChainHash, Seal};
use rok_events::RequestData;
use rok_facades::RunIdentity;
use rok_facades::runs::{
    AttestationView, ErrorKind, RunsError, SignatureCheck, VerifyFault, VerifyOptions,
    VerifyReport, VerifyVerdict,
};
use rok_log::RunRow;
use rok_vocabulary::{Actor, RunId, Timestamp};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The stub's file.
const STUB: &str = "stub.json";

/// The version of a stub's meaning. One of version 1 names no submitter, and
/// has no digest.
const SCHEMA: u32 = 2;
const WITHOUT_SUBMITTER: u32 = 1;

/// What is left of a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Stub {
    pub(crate) schema: u32,
    pub(crate) run_id: RunId,
    pub(crate) collected_at: Timestamp,
    pub(crate) collected_by: String,
    /// Which rule named it.
    pub(crate) why: String,
    /// How many lines the log had, and all of its bytes.
    pub(crate) lines: u64,
    pub(crate) log: Content,
    pub(crate) head: ChainHash,
    pub(crate) seal: Seal,
    /// The hash before the last decision, and the decision's lines.
    pub(crate) before: ChainHash,
    pub(crate) last: Vec<String>,
    pub(crate) plan_sha256: String,
    /// Who submitted it: what decides who may look at what is left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) submitter: Option<Actor>,
    /// The request that made it: the same one again finds it, and no other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) request: Option<RequestData>,
    /// As a list of runs shows it: its plan, its labels, when it was created.
    pub(crate) row: RunRow,
    /// Every artifact that the run made.
    pub(crate) artifacts: Vec<Artifact>,
    /// Every file of the folder that is gone.
    pub(crate) removed: Vec<Content>,
    pub(crate) kept: Vec<String>,
    /// Of all the rest: no part of it changes alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
}

/// A file by its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Content {
    pub(crate) file: String,
    pub(crate) bytes: u64,
    /// Absent for what is no regular file, or cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

/// An artifact of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Artifact {
    pub(crate) step: String,
    pub(crate) path: String,
    pub(crate) sha256: String,
    pub(crate) bytes: u64,
}

impl Artifact {
    /// As a statement names it.
    fn subject(&self) -> Subject {
        Subject::file(&self.path, &self.sha256).annotated("step", self.step.as_str())
    }
}

impl Stub {
    pub(crate) const SCHEMA: u32 = SCHEMA;

    /// The stub with its digest.
    pub(crate) fn digested(mut self) -> Self {
        self.digest = Some(self.digest_of_the_rest());
        self
    }

    fn digest_of_the_rest(&self) -> String {
        let rest = Self {
            digest: None,
            ..self.clone()
        };
        let text = serde_json::to_vec(&rest).expect("a stub holds words and numbers only");
        Digest::of(&text).sha256
    }

    /// What the stub of a run says of its version and of whose it is does not
    /// fit together.
    fn misfit(&self, run: &RunId) -> Option<String> {
        if self.run_id != *run {
            return Some(format!("is of run {}", self.run_id));
        }
        match (self.schema, &self.submitter, &self.digest) {
            (SCHEMA, Some(_), Some(digest)) => (*digest != self.digest_of_the_rest())
                .then(|| "was changed: it is not what its digest is of".to_owned()),
            (SCHEMA, None, _) => Some("names no submitter".to_owned()),
            (SCHEMA, _, None) => Some("has no digest".to_owned()),
            (WITHOUT_SUBMITTER, None, None) => None,
            (WITHOUT_SUBMITTER, ..) => {
                Some("names a submitter or a digest, which those of its schema do not".to_owned())
            }
            (other, ..) => Some(format!(
                "is of schema {other}, this version reads {WITHOUT_SUBMITTER} and {SCHEMA}"
            )),
        }
    }
}

/// The stub of a run, where no part of it was changed alone.
fn sound(run: &RunId, bytes: &[u8]) -> Result<Stub, RunsError> {
    let read = || -> Result<Stub, String> {
        let stub: Stub =
            serde_json::from_slice(bytes).map_err(|error| format!("is no stub: {error}"))?;
        match stub.misfit(run) {
            Some(what) => Err(what),
            None => Ok(stub),
        }
    };
    read().map_err(|what| {
        let message = format!("{STUB} of run {run} {what}");
        RunsError::new(ErrorKind::Protocol, "ROK0105", message)
            .help("`rok verify` names what is wrong")
    })
}

/// The request that a collected run was made by, and the run's labels. A stub
/// is believed where all that is left agrees with it.
pub(crate) fn made_by(
    store: &Home,
    run: &RunId,
    bytes: &[u8],
) -> Result<(Option<RequestData>, BTreeMap<String, String>), RunsError> {
    let stub = sound(run, bytes)?;
    let report = crate::verify::without_envelopes(store, run)?;
    if let Some(fault) = report.faults.first() {
        let message = format!(
            "what is left of run {run} proves nothing: {}: {}",
            fault.file, fault.what
        );
        return Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message)
            .help("`rok verify` names what is wrong"));
    }
    Ok((stub.request, (*stub.row.labels).clone()))
}

/// Whose the run was that a stub is left of.
pub(crate) fn identity(run: &RunId, bytes: &[u8]) -> Result<RunIdentity, RunsError> {
    let stub = sound(run, bytes)?;
    Ok(RunIdentity {
        run: stub.run_id,
        plan: stub.row.plan,
        submitter: stub.submitter,
        labels: (*stub.row.labels).clone(),
    })
}

/// The hash before the last decision of a whole log, and its lines.
pub(crate) fn last_decision(run: &RunId, log: &[u8]) -> (ChainHash, Vec<String>) {
    let lines: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    let opens = |line: &[u8]| {
        #[derive(Deserialize)]
        struct More {
            #[serde(default)]
            more: bool,
        }
        serde_json::from_slice::<More>(line).is_ok_and(|line| line.more)
    };
    let mut begin = lines.len().saturating_sub(1);
    while begin > 0 && opens(lines[begin - 1]) {
        begin -= 1;
    }
    let before: usize = lines[..begin].iter().map(|line| line.len()).sum();
    let text = |line: &&[u8]| String::from_utf8_lossy(line).trim_end().to_owned();
    (
        ChainHash::genesis(run).after(&log[..before]),
        lines[begin..].iter().map(text).collect(),
    )
}

/// Judges a stub.
pub(crate) fn judge(
    store: &Home,
    run: &RunId,
    bytes: &[u8],
    options: &VerifyOptions,
    report: &mut VerifyReport,
) {
    let stub: Stub = match serde_json::from_slice(bytes) {
        Ok(stub) => stub,
        Err(error) => return wrong(report, STUB, format!("is no stub: {error}")),
    };
    report.lines = stub.lines;
    report.head = stub.head.to_hex();
    report.phase = Some(stub.seal.phase);
    report.epoch = Some(stub.seal.epoch);
    report.collected_at = Some(stub.collected_at);
    if let Some(what) = stub.misfit(run) {
        wrong(report, STUB, what);
    }
    proved(&stub, report);
    listed(store, run, &stub, report);
    match store.seal(run) {
        Ok(Some(seal)) if seal == stub.seal => {}
        Ok(Some(seal)) => {
            let what = format!("is {}, and the stub says {}", told(&seal), told(&stub.seal));
            wrong(report, "seal.json", what);
        }
        Ok(None) => wrong(report, "seal.json", "is missing".into()),
        Err(error) => wrong(report, "seal.json", fault::chain(&error)),
    }
    attested(store, run, &stub, options, report);
    checkpoint::check(run, options, report, |head| {
        let same = (head.lines, head.hash) == (stub.lines, stub.head);
        let what = "is of other lines than the last: a stub has no others to hold it against";
        (!same).then(|| what.to_owned())
    });
    let (files, bytes) = (
        stub.removed.len(),
        stub.removed.iter().map(|file| file.bytes).sum::<u64>(),
    );
    let listed = if store.is_shared() { "its stub" } else { STUB };
    report.notes.push(format!(
        "collected on {} by {} ({}): {files} files of {bytes} bytes are gone; {listed} lists each, and {} artifacts, by digest",
        stub.collected_at, stub.collected_by, stub.why, stub.artifacts.len()
    ));
    report.verdict = if report.faults.is_empty() {
        VerifyVerdict::Collected
    } else {
        VerifyVerdict::Broken
    };
}

/// A seal in words.
fn told(seal: &Seal) -> String {
    format!(
        "{}, {} in epoch {}, of {}",
        seal.phase,
        seal.outcome,
        seal.epoch,
        seal.head.to_hex()
    )
}

fn wrong(report: &mut VerifyReport, file: &str, what: String) {
    report.faults.push(VerifyFault {
        file: file.into(),
        line: None,
        byte: None,
        what,
    });
}

/// The last decision's lines must lead from the hash before them to the head,
/// and end in the seal that is claimed.
fn proved(stub: &Stub, report: &mut VerifyReport) {
    let mut head = stub.before;
    for line in &stub.last {
        let chained = format!("\"chain\":\"{}\"}}", head.short_str());
        if !line.ends_with(&chained) {
            let what = "holds a line that does not follow the one before it";
            return wrong(report, STUB, what.into());
        }
        head = head.next(line.as_bytes());
    }
    let sealed = stub.last.len().checked_sub(1).and_then(|at| {
        let log = stub.last.join("\n") + "\n";
        Seal::from_log(log.as_bytes(), rok_vocabulary::Seq(at as u64), head).ok()
    });
    let sealed = sealed.map(|seal| Seal {
        seq: stub.seal.seq,
        ..seal
    });
    if head != stub.head || sealed != Some(stub.seal) || stub.seal.seq.0 + 1 != stub.lines {
        let what = "its last lines do not lead to the head that it names";
        wrong(report, STUB, what.into());
    }
}

/// What lists show of it is what its seal says, and in a shared store what the
/// stub says.
fn listed(store: &Home, run: &RunId, stub: &Stub, report: &mut VerifyReport) {
    let (row, seal) = (&stub.row, &stub.seal);
    let says = (row.phase, row.outcome, row.epoch, row.next_seq.0);
    if says != (seal.phase, Some(seal.outcome), seal.epoch, stub.lines) {
        wrong(
            report,
            STUB,
            "says of the run what its seal does not".into(),
        );
    }
    if !store.is_shared() {
        return;
    }
    match store.get(run) {
        Ok(held) if held.as_ref() == Some(row) => {}
        Ok(_) => {
            let what = "says something else than the stub";
            wrong(report, "its row", what.into());
        }
        Err(error) => wrong(report, "its row", fault::chain(&error)),
    }
}

/// The envelopes speak of a log of this head.
fn attested(
    store: &Home,
    run: &RunId,
    stub: &Stub,
    options: &VerifyOptions,
    report: &mut VerifyReport,
) {
    let (key, asked) = (options.key.as_ref(), options.asks_for_attestations());
    for file in [ATTESTATION, PROVENANCE_FILE] {
        let bytes = match store.read_beside(run, file) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => {
                let listed = stub.kept.iter().any(|kept| kept == file);
                if listed || asked {
                    wrong(report, file, "is missing".into());
                }
                continue;
            }
            Err(error) => {
                wrong(report, file, fault::chain(&error));
                continue;
            }
        };
        let found = match read(file, &bytes, key) {
            Ok(found) => found,
            Err(what) => {
                wrong(report, file, what);
                continue;
            }
        };
        let covers = format!(
            "covers lines 1 to {}, and the log had {}",
            found.lines, stub.lines
        );
        match found.lines.cmp(&stub.lines) {
            Ordering::Equal => {
                if let Some(what) = contradicts(stub, &found.statement) {
                    wrong(report, file, format!("attests {what}"));
                }
            }
            Ordering::Less if !asked => report.notes.push(format!("{file} {covers}")),
            Ordering::Less | Ordering::Greater => wrong(report, file, covers),
        }
        report.attestations.push(AttestationView {
            file: file.into(),
            lines: found.lines,
            signature: match key {
                Some(_) => SignatureCheck::Valid,
                None => SignatureCheck::NotChecked,
            },
            key_id: match key {
                Some(key) => key.id().to_string(),
                None => names(&found.envelope),
            },
        });
    }
}

/// What a statement about the whole log says otherwise than the stub.
fn contradicts(stub: &Stub, statement: &Statement) -> Option<&'static str> {
    let log = log_of(statement)?;
    let is_log = log.digest.get(HEAD) == Some(&stub.head.to_hex())
        && log.digest.get("sha256") == stub.log.sha256.as_ref();
    if !is_log {
        return Some("another log than the stub is of");
    }
    let made = statement.subject().iter().filter(|one| *one != log);
    if !made
        .cloned()
        .eq(stub.artifacts.iter().map(Artifact::subject))
    {
        return Some("other artifacts than the stub lists");
    }
    let plan = statement
        .predicate()
        .pointer("/buildDefinition/resolvedDependencies/0/digest/sha256");
    plan.is_some_and(|plan| *plan != *stub.plan_sha256)
        .then_some("another plan than the stub names")
}

/// What a log is, as a whole.
pub(crate) fn content_of(file: &str, bytes: &[u8]) -> Content {
    let Digest { sha256, bytes } = Digest::of(bytes);
    Content {
        file: file.into(),
        bytes,
        sha256: Some(sha256),
    }
}
