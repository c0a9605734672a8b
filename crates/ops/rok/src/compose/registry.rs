//! The registry of components, composed.

use super::{in_folder, pool};
use rok_client::RemoteComponents;
use rok_component::BreakerRules;
use rok_config::{Hidden, RegistryRoot, Settings};
use rok_facades::registry::RegistryFacade;
use rok_facades::runs::RunsError;
use rok_log::Cells;
use rok_registry::{Registry, Root};
use std::sync::Arc;

/// Composes the registry over the folders and servers of the settings; its
/// state is kept beside the runs, in their database where they have one: all
/// who drive runs of it share a component's breaker.
pub fn registry(settings: &Settings) -> Result<RegistryFacade, RunsError> {
    let of = &settings.registry;
    let token = of.token.as_ref().map(Hidden::expose);
    let mut roots = Vec::new();
    for root in &of.roots {
        roots.push(match root {
            RegistryRoot::Folder(path) if of.roots_named => Root::folder(path),
            RegistryRoot::Folder(path) => Root::folder_if_there(path),
            RegistryRoot::Server(server) => Root::Source(Arc::new(RemoteComponents::at(
                server,
                token,
                settings.server_timeout,
            )?)),
        });
    }
    let cells: Arc<dyn Cells> = match pool::made(settings)? {
        Some(store) => Arc::new(store),
        None => Arc::new(in_folder(settings)),
    };
    let rules = breaker_rules(settings);
    let registry = Registry::new(roots, of.lock.clone()).state(cells);
    let registry = registry.rules(rules).seen_from(&of.seen_from);
    let registry = registry.require_lock(of.lock_named);
    Ok(RegistryFacade::new(Arc::new(registry)))
}

/// When a breaker opens, and for how long.
pub(super) fn breaker_rules(settings: &Settings) -> BreakerRules {
    let of = &settings.registry;
    let default = BreakerRules::default();
    BreakerRules {
        threshold: of.breaker_failures.get(),
        cool_down: of.breaker_cool_down,
        max_cool_down: default.max_cool_down.max(of.breaker_cool_down),
        ..default
    }
}
