//! Composition of stages: the orchestrators over the registry.

use super::registry;
use rok_config::Settings;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::runs::{RunsError, RunsFacade};
use rok_orchestrators::{Orchestrators, Setup};
use std::path::{Path, PathBuf};
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
        rules: rules(settings),
    };
    let orchestrators = Orchestrators::new(setup);
    Ok(OrchestratorsFacade::new(Arc::new(orchestrators)))
}

/// The files and folders that say what is judged, and how: what is staged may
/// be judged by no others than are staged with it.
fn rules(settings: &Settings) -> Vec<PathBuf> {
    let named = settings.policies.iter().chain(&settings.execution_policies);
    let named = named.cloned();
    let single = [&settings.project_file, &settings.registry.lock];
    single.into_iter().cloned().chain(named).collect()
}
