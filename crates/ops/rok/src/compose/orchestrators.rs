//! Composition of stages: the orchestrators over the registry.

use super::registry;
use rok_config::Settings;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::runs::{RunsError, RunsFacade};
use rok_orchestrators::{Orchestrators, Setup};
use std::path::Path;
use std::sync::Arc;

/// Composes the orchestrators of a folder, whose runs are these.
pub fn orchestrators(
    settings: &Settings,
    runs: RunsFacade,
    folder: &Path,
) -> Result<OrchestratorsFacade, RunsError> {
    let setup = Setup {
        runs,
        registry: registry(settings)?,
        folder: folder.to_owned(),
        actor: settings.actor(),
        records: settings
            .store
            .clone()
            .unwrap_or_else(|| settings.dir.clone()),
    };
    let orchestrators = Orchestrators::new(setup);
    Ok(OrchestratorsFacade::new(Arc::new(orchestrators)))
}
