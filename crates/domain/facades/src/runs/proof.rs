//! Proof: what attesting and verifying are asked, and what they answer.

use rok_attest::{Checkpoint, PublicKey, SigningKey};
use rok_vocabulary::{Epoch, RunId, RunPhase, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;

/// How a run is attested.
#[derive(Debug, Clone, Default)]
pub struct AttestOptions {
    /// The key that signs; `None`: the configured one.
    pub key: Option<Arc<SigningKey>>,
}

/// What was attested.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attested {
    /// The run.
    pub run_id: RunId,
    /// The files, in the run folder.
    pub files: Vec<String>,
    /// The key's fingerprint.
    pub key_id: String,
    /// How many lines of the log they cover: all of them.
    pub lines: u64,
    /// The chain's hash after the last of them, hex.
    pub head: String,
    /// How many lines the envelopes covered that were replaced, if there were
    /// any and they could be read.
    pub replaced: Option<u64>,
}

/// What `verify` is to check beside the log itself.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// The key that must have signed: the checkpoint where one is given, and
    /// the attestations.
    pub key: Option<PublicKey>,
    /// Whether attestations must be there. A key without a checkpoint asks for
    /// them too.
    pub attested: bool,
    /// A head that the log must still have.
    pub checkpoint: Option<GivenCheckpoint>,
    /// Keys that must have cosigned that checkpoint.
    pub cosigners: Vec<PublicKey>,
}

impl VerifyOptions {
    /// Whether attestations of every line are asked for.
    pub const fn asks_for_attestations(&self) -> bool {
        self.attested || (self.key.is_some() && self.checkpoint.is_none())
    }
}

/// A checkpoint and the name of its file, for messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenCheckpoint {
    /// The file as given.
    pub file: String,
    /// What is in it.
    pub checkpoint: Checkpoint,
}

/// What a checkpoint proves of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointView {
    /// The file.
    pub file: String,
    /// How many lines the log had.
    pub lines: u64,
    /// The chain's hash after them, hex.
    pub head: String,
    /// Whether the log's own signature was checked.
    pub signature: SignatureCheck,
    /// Those who cosigned it, of the keys that were given.
    pub cosigners: Vec<CosignerView>,
}

/// One who has seen a head.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CosignerView {
    /// The name that the cosignature bears.
    pub name: String,
    /// The key.
    pub key_id: String,
    /// When, by the cosigner's own clock.
    pub at: Timestamp,
}

/// What a run is packed into.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// The new file, absolute.
    pub out: PathBuf,
    /// The public key to put in; it must be the attestations'. `None`: the
    /// configured one, where it is.
    pub key: Option<PublicKey>,
}

/// What was packed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Exported {
    /// The run.
    pub run_id: RunId,
    /// The file.
    pub file: PathBuf,
    /// How many files are in it.
    pub files: usize,
    /// How many bytes they have together.
    pub bytes: u64,
    /// The key whose public half is in it.
    pub key_id: Option<String>,
    /// The runs that did the work of its `plan` steps. They are not in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sub_runs: Vec<RunId>,
}

/// A bundle that is to be looked at or taken in.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The file, absolute.
    pub file: PathBuf,
    /// How many bytes it may unpack to; `None`: 4 GiB.
    pub limit: Option<u64>,
}

/// What was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Imported {
    /// The run.
    pub run_id: RunId,
    /// Its folder.
    pub folder: PathBuf,
    /// What verifying it found, before it was placed.
    pub report: VerifyReport,
}

/// An envelope beside the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AttestationView {
    /// The file.
    pub file: String,
    /// How many lines of the log it covers.
    pub lines: u64,
    /// Whether its signature was checked.
    pub signature: SignatureCheck,
    /// The key that signed; without a check, the one that it names.
    pub key_id: String,
}

/// Whether a signature was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SignatureCheck {
    /// It is the given key's.
    Valid,
    /// No key was given: what stands there agrees with the log, and anyone
    /// could have written it.
    NotChecked,
}

/// What `verify` found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyReport {
    /// The run.
    pub run_id: RunId,
    /// The verdict.
    pub verdict: VerifyVerdict,
    /// Lines of the log that are intact, from the first on.
    pub lines: u64,
    /// The hash after the last intact line, hex.
    pub head: String,
    /// The phase that a replay gives.
    pub phase: Option<RunPhase>,
    /// The epoch that a replay gives.
    pub epoch: Option<Epoch>,
    /// When the run's content was collected; absent for a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub collected_at: Option<Timestamp>,
    /// Artifacts that were hashed again.
    pub artifacts: u64,
    /// The envelopes that lie beside the log, and what they prove.
    pub attestations: Vec<AttestationView>,
    /// What the given checkpoint proves.
    pub checkpoint: Option<CheckpointView>,
    /// Everything that is wrong, first first.
    pub faults: Vec<VerifyFault>,
    /// What a reader should know and is no fault.
    pub notes: Vec<String>,
}

/// The verdict of `verify`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerifyVerdict {
    /// Sealed and intact.
    Intact,
    /// Intact, and not sealed: a cut cannot be told from a crash.
    Open,
    /// A stub of a sealed run whose content was collected: its head is that of
    /// the seal, and what it lists was in it.
    Collected,
    /// Not what it claims to be.
    Broken,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VerifyFault {
    /// The file.
    pub file: String,
    /// The line, 1-based.
    pub line: Option<u64>,
    /// The byte within the file, 0-based.
    pub byte: Option<u64>,
    /// What is wrong.
    pub what: String,
}

/// What is told where a run was sealed and could not be attested: the seal
/// stands whatever comes of attesting it.
#[must_use]
pub fn not_attested_in_words(run: &RunId, why: &str) -> String {
    format!("run {run} is sealed and not attested: {why}; `rok attest {run}` attests it")
}
