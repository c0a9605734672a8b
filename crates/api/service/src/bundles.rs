//! Bundles: taking a run in from a file, and verifying one where it lies.

use crate::error::ServiceError;
use crate::runs::{RunHandle, VerifyRequest};
use crate::service::Service;
use rok_bundle::is_bundle;
use rok_facades::runs::{ErrorKind, Exported, ImportOptions, Imported, RunsError, VerifyReport};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A new file's name for a bundle that is on its way.
pub(crate) fn aside() -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!(".rok-bundle~{}~{number}{EXTENSION}", std::process::id());
    std::env::temp_dir().join(name)
}

/// A file that is gone when this is dropped.
#[derive(Debug)]
struct Gone(PathBuf);

impl Drop for Gone {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// A bundle that comes from elsewhere, part by part: a file that nobody else
/// may read, and that is gone when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    file: File,
    gone: Gone,
}

impl Incoming {
    /// An empty one.
    pub fn open() -> Result<Self, ServiceError> {
        let gone = Gone(aside());
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&gone.0);
        Ok(Self {
            file: file.map_err(|error| unkept(&error))?,
            gone,
        })
    }

    /// Takes the next part.
    pub fn take(&mut self, part: &[u8]) -> Result<(), ServiceError> {
        Ok(self.file.write_all(part).map_err(|error| unkept(&error))?)
    }

    /// Where it is kept meanwhile: nobody else is told.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.gone.0
    }
}

fn unkept(error: &io::Error) -> RunsError {
    let message = format!("a bundle that came cannot be kept aside: {error}");
    RunsError::new(ErrorKind::Storage, "ROK0143", message)
        .help("make room in the folder of temporary files")
}

/// What bundles are called.
const EXTENSION: &str = ".tar.zst";

impl RunHandle {
    /// Packs the run for somebody who asks from elsewhere: what was packed, and
    /// the bundle, whose file is gone once it is read.
    pub fn packed(&self) -> Result<(Exported, File), ServiceError> {
        let gone = Gone(aside());
        let exported = self.export(&gone.0, None)?;
        let file = File::open(&gone.0).map_err(|error| ServiceError::Output {
            why: format!("the bundle: {error}"),
        })?;
        drop(gone);
        Ok((exported, file))
    }
}

impl Service {
    /// Takes in a run from a bundle, once it verifies.
    pub fn import(&self, file: &Path, limit: Option<u64>) -> Result<Imported, ServiceError> {
        let options = ImportOptions {
            file: self.cwd().join(file),
            limit,
        };
        Ok(self.runs()?.import(&options)?)
    }

    /// Checks the record of a run, or of the run in a bundle.
    pub fn verify(
        &self,
        name: &str,
        limit: Option<u64>,
        request: &VerifyRequest,
    ) -> Result<VerifyReport, ServiceError> {
        let file = self.cwd().join(name);
        // A damaged one no longer begins as one, and is no run's name either.
        let bundle = is_bundle(&file) || (file.is_file() && name.ends_with(EXTENSION));
        let elsewhere = self.config().settings.server.is_some();
        if !bundle && elsewhere && request.names_a_proof() {
            // A proof that a server gives against a key proves nothing: it is
            // checked here, on all that the server has of the run.
            let gone = Gone(aside());
            let run = self.find(name)?;
            run.export(&gone.0, None)?;
            return self.verify_here(&gone.0, limit, request);
        }
        if !bundle {
            return self.find(name)?.verify(request);
        }
        self.verify_here(&file, limit, request)
    }

    /// Checks a bundle on this machine, whatever runs are asked for otherwise.
    fn verify_here(
        &self,
        file: &Path,
        limit: Option<u64>,
        request: &VerifyRequest,
    ) -> Result<VerifyReport, ServiceError> {
        let options = request.read(self.cwd())?;
        let file = file.to_owned();
        let bundle = ImportOptions { file, limit };
        Ok(self.runs_here()?.verify_bundle(&bundle, &options)?)
    }
}
