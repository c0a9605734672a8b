//! Composition of stages: the orchestrators over the registry.

use super::registry;
use rok_config::Settings;
use rok_facades::orchestrators::OrchestratorsFacade;
use rok_facades::runs::{RunsError, RunsFacade};
use rok_orchestrators::{Orchestrators, Setup};
use rok_sandbox::Offer;
use rok_vocabulary::Capability;
use std::collections::BTreeSet;
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
        capabilities: capabilities(settings),
    };
    let orchestrators = Orchestrators::new(setup);
    Ok(OrchestratorsFacade::new(Arc::new(orchestrators)))
}

/// What components find on this host: what it can be asked itself, and what the
/// settings say of it.
fn capabilities(settings: &Settings) -> BTreeSet<Capability> {
    use std::env::consts::{ARCH, OS};
    let own = [format!("os:{OS}"), format!("arch:{ARCH}")];
    let sandbox = Offer::of_this_machine().is_complete();
    let sandbox = sandbox.then(|| "sandbox".to_owned());
    let said = settings.capabilities.iter().cloned();
    let all = own.into_iter().chain(sandbox).chain(said);
    let word = |text: String| text.parse().expect("settings and consts hold such words");
    all.map(word).collect()
}

/// The files and folders that say what is judged, and how: what is staged may
/// be judged by no others than are staged with it.
fn rules(settings: &Settings) -> Vec<PathBuf> {
    let named = settings.policies.iter().chain(&settings.execution_policies);
    let named = named.cloned();
    let single = [&settings.project_file, &settings.registry.lock];
    single.into_iter().cloned().chain(named).collect()
}
