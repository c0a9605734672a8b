//! Composition of stages: the registry of a folder, and the orchestrators over
//! it.

use rok_config::Settings;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::registry::RegistryFacade;
use rok_facades::runs::{RunsError, RunsFacade};
use rok_orchestrators::{Orchestrators, Setup};
use rok_registry::{Registry, Root};
use rok_store_jsonl::FolderCells;
use std::path::Path;
use std::sync::Arc;

/// Composes the orchestrators of a folder, whose runs are these.
pub fn orchestrators(
    settings: &Settings,
    runs: RunsFacade,
    folder: &Path,
) -> Result<OrchestratorsFacade, RunsError> {
    let roots = vec![Root::folder_if_there(folder.join(".rok/components"))];
    let cells = FolderCells::open(settings.dir.clone(), settings.durability);
    let registry = Registry::new(roots, folder.join(".rok/components.lock"))
        .seen_from(folder)
        .state(Arc::new(cells));
    let setup = Setup {
        runs,
        registry: RegistryFacade::new(Arc::new(registry)),
        folder: folder.to_owned(),
        actor: settings.actor(),
    };
    let orchestrators = Orchestrators::new(setup);
    Ok(OrchestratorsFacade::new(Arc::new(orchestrators)))
}
