//! Bundles: taking a run in from a file, and verifying one where it lies.

use crate::error::ServiceError;
use crate::runs::{RunHandle, VerifyRequest};
use crate::service::Service;
use rok_bundle::is_bundle;
use rok_config::Settings;
use rok_facades::runs::{Exported, ImportOptions, Imported, VerifyReport};
use std::fs::File;
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
struct Gone<'a>(&'a Path);

impl Drop for Gone<'_> {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(self.0);
    }
}

/// What bundles are called.
const EXTENSION: &str = ".tar.zst";

impl RunHandle {
    /// Packs the run for somebody who asks from elsewhere: what was packed, and
    /// the bundle, whose file is gone once it is read.
    pub fn packed(&self) -> Result<(Exported, File), ServiceError> {
        let path = aside();
        let gone = Gone(&path);
        let exported = self.export(&path, None)?;
        let file = File::open(&path).map_err(|error| ServiceError::Output {
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
            let file = aside();
            let gone = Gone(&file);
            let run = self.find(name)?;
            run.export(&file, None)?;
            let report = self.verify_here(&file, limit, request);
            drop(gone);
            return report;
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
        let settings = Settings {
            server: None,
            store: None,
            ..self.config().settings.clone()
        };
        let runs = (self.wiring().compose)(&settings)?;
        let file = file.to_owned();
        Ok(runs.verify_bundle(&ImportOptions { file, limit }, &options)?)
    }
}
