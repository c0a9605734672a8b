//! Bundles: taking a run in from a file, and verifying one where it lies.

use crate::error::ServiceError;
use crate::runs::VerifyRequest;
use crate::service::Service;
use rok_bundle::is_bundle;
use rok_facades::runs::{ImportOptions, Imported, VerifyReport};
use std::path::Path;

/// What bundles are called.
const EXTENSION: &str = ".tar.zst";

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
        if !bundle {
            return self.find(name)?.verify(request);
        }
        let options = request.read(self.cwd())?;
        let bundle = ImportOptions { file, limit };
        Ok(self.runs()?.verify_bundle(&bundle, &options)?)
    }
}
