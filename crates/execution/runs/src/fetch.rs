//! Files of a run, for those who ask from elsewhere, and whether there is room
//! for more.

use crate::engine::Runs;
use crate::fault;
use crate::proof::{ATTESTATION, PROVENANCE_FILE};
use crate::submit::contents;
use rok_artifacts::Digest;
use rok_facades::runs::{ErrorKind, Fetched, RunsError, SignedFile};
use rok_vocabulary::RunId;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than the creation of a usual run writes: where one was refused for want
/// of room, what it has left may hold less.
const PROBE: &[u8] = &[b'.'; 256 * 1024];

impl Runs {
    pub(crate) fn artifact_of(
        &self,
        run: &RunId,
        path: &str,
        step: Option<&str>,
    ) -> Result<Fetched, RunsError> {
        let made = crate::summary::summary(&self.load(run)?).artifacts;
        let mut fitting = made
            .into_iter()
            .filter(|made| made.path == path && step.is_none_or(|step| made.step == step));
        let Some(artifact) = fitting.next_back() else {
            let message = format!("run {run} has no artifact `{path}`");
            return Err(RunsError::new(ErrorKind::NotFound, "ROK0111", message)
                .help("its summary lists what its steps made"));
        };
        let contents = contents(&self.store_of(run));
        let digest = Digest {
            sha256: artifact.sha256.clone(),
            bytes: artifact.bytes,
        };
        let file = File::open(contents.path_of(&digest.sha256));
        let content = match (contents.check(&digest), file) {
            (Ok(()), Ok(file)) => Box::new(file),
            (_, Err(error)) if error.kind() == io::ErrorKind::NotFound => {
                let message = format!("the content of artifact `{path}` is not kept any more");
                return Err(RunsError::new(ErrorKind::NotFound, "ROK0111", message));
            }
            (Err(error), _) => {
                let message = format!("artifact `{path}` of run {run}: {}", fault::chain(&error));
                return Err(RunsError::new(ErrorKind::Protocol, "ROK0105", message)
                    .help("`rok verify` tells more"));
            }
            (_, Err(error)) => return Err(unwritable(&error)),
        };
        Ok(Fetched { artifact, content })
    }

    pub(crate) fn envelopes_of(&self, run: &RunId) -> Result<Vec<SignedFile>, RunsError> {
        // Whoever is shown a run's files is shown a run that is there.
        self.load(run)?;
        let store = self.store_of(run);
        let mut found = Vec::new();
        for name in [ATTESTATION, PROVENANCE_FILE] {
            let bytes = match store.read_beside(run, name) {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error) => return Err(fault::store(&error)),
            };
            let envelope = serde_json::from_slice(&bytes).map_err(|error| {
                let message = format!("{name} of run {run} is no envelope: {error}");
                RunsError::new(ErrorKind::Protocol, "ROK0105", message)
            })?;
            found.push(SignedFile {
                name: name.to_owned(),
                envelope,
            });
        }
        Ok(found)
    }

    /// Writes as a commit does, and takes it away again.
    pub(crate) fn try_to_append(&self) -> Result<(), RunsError> {
        static PROBES: AtomicU64 = AtomicU64::new(0);
        let root = &self.setup.root;
        let number = PROBES.fetch_add(1, Ordering::Relaxed);
        let file = root.join(format!(".ready-{}-{number}", std::process::id()));
        let tried = fs::create_dir_all(root).and_then(|()| probe(&file));
        let removed = fs::remove_file(&file);
        tried.and(removed).map_err(|error| unwritable(&error))?;
        let written = self.home().try_to_write();
        written.map_err(|error| fault::store(&error))
    }
}

fn probe(file: &Path) -> io::Result<()> {
    let mut file = File::create_new(file)?;
    file.write_all(PROBE)?;
    file.sync_all()
}

fn unwritable(error: &io::Error) -> RunsError {
    let message = format!("the store cannot be used: {error}");
    RunsError::new(ErrorKind::Storage, "ROK0106", message)
}
