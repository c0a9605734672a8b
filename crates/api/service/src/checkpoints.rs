//! Checkpoints as files: signing a head of a log, and a second party's word
//! that it has seen it.

use crate::error::ServiceError;
use crate::keys::{private_key, public_key};
use crate::runs::RunHandle;
use crate::service::Service;
use rok_attest::{Checkpoint, CheckpointError, Head};
use rok_vocabulary::RunId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// A checkpoint has some hundred bytes, and a line for each party.
const MAX_BYTES: u64 = 1024 * 1024;

/// What a second party does who meets another log than it has seen.
const REWRITTEN: &str = "cosign nothing: the log is not the one that was seen; keep both files";

/// A checkpoint, and what stands in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckpointText {
    /// The run whose log it is of.
    pub run_id: RunId,
    /// How many lines the log has.
    pub lines: u64,
    /// The chain's hash after them, hex.
    pub head: String,
    /// The signed note.
    pub text: String,
    /// The file, where it was written.
    pub file: Option<PathBuf>,
}

impl CheckpointText {
    fn of(checkpoint: &Checkpoint, file: Option<PathBuf>) -> Self {
        Self {
            run_id: checkpoint.run().clone(),
            lines: checkpoint.head().lines,
            head: checkpoint.head().hash.to_hex(),
            text: checkpoint.to_text(),
            file,
        }
    }
}

/// What a second party is to cosign, and against what it is checked first.
#[derive(Debug, Clone, Default)]
pub struct CosignRequest {
    /// The checkpoint.
    pub file: PathBuf,
    /// The second party's private key.
    pub key: PathBuf,
    /// The name that the cosignature bears; `None`: the user's.
    pub name: Option<String>,
    /// The public key that must have signed the checkpoint.
    pub log_key: Option<PathBuf>,
    /// The run whose log must have that head.
    pub run: Option<String>,
    /// An earlier checkpoint that it must continue.
    pub last: Option<PathBuf>,
    /// Where the result goes; `None`: in the file's place.
    pub out: Option<PathBuf>,
}

/// What was cosigned, and what that rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cosigned {
    /// The checkpoint with the new line.
    #[serde(flatten)]
    pub checkpoint: CheckpointText,
    /// The name that the cosignature bears.
    pub name: String,
    /// The second party's key.
    pub key_id: String,
    /// What was checked before, for people.
    pub checked: Vec<String>,
    /// What was not, for people.
    pub unchecked: Vec<String>,
}

fn refused(file: &Path, what: impl std::fmt::Display, help: &'static str) -> ServiceError {
    let what = format!("checkpoint {} {what}", file.display());
    ServiceError::Checkpoint { what, help }
}

fn unwritable(file: &Path, error: &io::Error) -> ServiceError {
    ServiceError::Output {
        why: format!("{}: {error}", file.display()),
    }
}

/// Reads a checkpoint, without proof of its signatures.
pub(crate) fn read_checkpoint(cwd: &Path, file: &Path) -> Result<Checkpoint, ServiceError> {
    let help = "`rok checkpoint RUN -o FILE` writes one";
    let bytes = rok_files::read(&cwd.join(file), MAX_BYTES).map_err(|error| {
        ServiceError::CheckpointUnreadable {
            file: file.to_owned(),
            why: error.to_string(),
        }
    })?;
    Checkpoint::parse(&bytes).map_err(|error| refused(file, error, help))
}

impl RunHandle {
    /// Signs the log's head now, into a new file where one is named.
    pub fn write_checkpoint(
        &self,
        key: Option<&Path>,
        out: Option<&Path>,
    ) -> Result<CheckpointText, ServiceError> {
        let checkpoint = self.checkpoint(key)?;
        let out = out.map(|file| self.cwd().join(file));
        if let Some(file) = &out {
            let made = OpenOptions::new().write(true).create_new(true).open(file);
            made.and_then(|mut made| {
                made.write_all(checkpoint.to_text().as_bytes())?;
                made.sync_all()
            })
            .map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => refused(
                    file,
                    "exists already, and is not overwritten",
                    "take another name: an earlier checkpoint may bear cosignatures",
                ),
                _ => unwritable(file, &error),
            })?;
        }
        Ok(CheckpointText::of(&checkpoint, out))
    }
}

impl Service {
    /// Adds a second party's line to a checkpoint, once it is a continuation of
    /// what that party has seen.
    pub fn cosign(&self, request: &CosignRequest) -> Result<Cosigned, ServiceError> {
        let file = &request.file;
        let mut checkpoint = read_checkpoint(self.cwd(), file)?;
        let key = private_key(self.cwd(), &request.key)?;
        let (checked, unchecked) = self.check(&checkpoint, request)?;
        let name = match &request.name {
            Some(name) => name.clone(),
            None => self.config().settings.user.clone(),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let seconds = now.map_or(0, |now| now.as_secs());
        checkpoint.cosign(&name, &key, seconds).map_err(|error| {
            let help = match &error {
                CheckpointError::Own { .. } => {
                    "name the second party's key; `rok key new --out FILE` makes one"
                }
                _ => "--name gives the name of the cosignature",
            };
            refused(file, error, help)
        })?;
        let out = self.cwd().join(request.out.as_ref().unwrap_or(file));
        replace(&out, checkpoint.to_text().as_bytes()).map_err(|error| unwritable(&out, &error))?;
        Ok(Cosigned {
            checkpoint: CheckpointText::of(&checkpoint, Some(out)),
            name,
            key_id: key.public().id().to_string(),
            checked,
            unchecked,
        })
    }

    /// What was checked of a checkpoint, and what was not.
    fn check(
        &self,
        checkpoint: &Checkpoint,
        request: &CosignRequest,
    ) -> Result<(Vec<String>, Vec<String>), ServiceError> {
        let file = &request.file;
        let (mut checked, mut unchecked) = (Vec::new(), Vec::new());
        match &request.log_key {
            Some(log_key) => {
                let log_key = public_key(self.cwd(), log_key)?;
                checkpoint
                    .signed_by(&log_key)
                    .map_err(|error| refused(file, error, "name the key of the log's owner"))?;
                checked.push(format!("it is signed by key {}", log_key.id()));
            }
            None => unchecked.push("the log's own signature (--log-key)".to_owned()),
        }
        let run = match &request.run {
            Some(name) => Some(self.same_run(file, checkpoint, name)?),
            None => None,
        };
        match &run {
            Some(run) => {
                has_head(file, run, checkpoint.head())?;
                checked.push(format!("the log of run {} has that head", run.id()));
            }
            None => unchecked.push("the log (--run)".to_owned()),
        }
        match &request.last {
            Some(last) => checked.push(self.continues(file, checkpoint, last, run.as_ref())?),
            None => unchecked.push("an earlier checkpoint (--last)".to_owned()),
        }
        Ok((checked, unchecked))
    }

    fn same_run(
        &self,
        file: &Path,
        checkpoint: &Checkpoint,
        name: &str,
    ) -> Result<RunHandle, ServiceError> {
        let run = self.find(name)?;
        if run.id() == checkpoint.run() {
            return Ok(run);
        }
        let what = format!("is of run {}, not of {}", checkpoint.run(), run.id());
        Err(refused(file, what, "name the run that it is of"))
    }

    /// Whether a checkpoint continues an earlier one. A chain has no short
    /// proof of that: where lines were added, the log itself is needed.
    fn continues(
        &self,
        file: &Path,
        checkpoint: &Checkpoint,
        last: &Path,
        run: Option<&RunHandle>,
    ) -> Result<String, ServiceError> {
        let earlier = read_checkpoint(self.cwd(), last)?;
        let (now, then, shown) = (checkpoint.head(), earlier.head(), last.display());
        if earlier.run() != checkpoint.run() {
            let (ours, theirs) = (checkpoint.run(), earlier.run());
            let what = format!("is of run {ours}, and {shown} of run {theirs}");
            return Err(refused(
                file,
                what,
                "name an earlier checkpoint of that run",
            ));
        }
        if now.lines < then.lines {
            let (now, then) = (now.lines, then.lines);
            let what = format!("has {now} lines, and {shown} has {then} already");
            return Err(refused(file, what, REWRITTEN));
        }
        if now.lines == then.lines && now.hash != then.hash {
            let what = format!("has another hash than {shown} for the same lines");
            return Err(refused(file, what, REWRITTEN));
        }
        if now.lines > then.lines {
            let Some(run) = run else {
                let what = format!(
                    "has {} lines more than {shown}, and whether it continues it only the log can tell",
                    now.lines - then.lines
                );
                return Err(refused(file, what, "name the log by --run RUN"));
            };
            has_head(last, run, then)?;
        }
        Ok(format!("it continues {shown}, of {} lines", then.lines))
    }
}

/// Whether a log has the head that a checkpoint says.
fn has_head(file: &Path, run: &RunHandle, signed: Head) -> Result<(), ServiceError> {
    let what = match run.head_at(signed.lines)? {
        Some(found) if found == signed => return Ok(()),
        Some(found) => format!(
            "says that the hash after line {} is {}, and the log of run {} has {}",
            signed.lines,
            signed.hash,
            run.id(),
            found.hash
        ),
        None => format!(
            "says that the log of run {} has {} lines, and it has fewer",
            run.id(),
            signed.lines
        ),
    };
    Err(refused(file, what, REWRITTEN))
}

/// Puts a file in the place of another in one step.
fn replace(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut name = file.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let mut open = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)?;
    let written = open
        .write_all(bytes)
        .and_then(|()| open.sync_all())
        .and_then(|()| fs::rename(&temporary, file));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
