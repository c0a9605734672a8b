//! What is wrong with a registry as a whole.

use crate::refusals;
use crate::snapshot::{Held, Snapshot};
use rok_component::{Component, ResolveFault, Selector, resolve};
use rok_facades::registry::RegistryTrouble;
use rok_plan::PlanErrors;
use rok_vocabulary::ComponentStatus;
use std::sync::Arc;

/// What keeps components from running, and what is only worth a look.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    pub(crate) troubles: Vec<RegistryTrouble>,
    pub(crate) warnings: Vec<RegistryTrouble>,
}

impl Troubles {
    /// Everything, in the order of places.
    pub(crate) fn of(snapshot: &Snapshot) -> Self {
        let mut found = Self::default();
        for errors in &snapshot.faulty {
            found.troubles.extend(of_file(errors));
        }
        for (a, b) in snapshot.duplicates() {
            found.troubles.push(trouble("ROK0232", b, twice(a, b)));
        }
        let all = snapshot.components();
        for held in &snapshot.held {
            found.of_component(snapshot, &all, held);
        }
        found.of_all_together(snapshot, &all);
        for drift in snapshot.missing() {
            found.troubles.push(RegistryTrouble {
                code: "ROK0233".to_owned(),
                place: drift.id().to_string(),
                message: drift.to_string(),
                help: Some("restore it, or `rok registry lock` without it".to_owned()),
            });
        }
        found.troubles.dedup();
        found
    }

    /// Components that require others, in no version that anybody holds them to.
    pub(crate) fn unlocked(&mut self, snapshot: &Snapshot, lock: String) {
        let requires = |held: &&Held| {
            let component = &held.component;
            component.status != ComponentStatus::Archived && !component.requires.is_empty()
        };
        let count = snapshot.held.iter().filter(requires).count();
        if snapshot.lock.is_some() || count == 0 || !self.troubles.is_empty() {
            return;
        }
        let who = match count {
            1 => "1 component requires others".to_owned(),
            many => format!("{many} components require others"),
        };
        self.warnings.push(RegistryTrouble {
            code: "ROK0233".to_owned(),
            message: format!("{who}, and without a lock whatever version is there runs"),
            place: lock,
            help: Some("`rok registry lock` writes it".to_owned()),
        });
    }

    /// A lock that should be there, and is not.
    pub(crate) fn no_lock(&mut self, lock: String) {
        self.troubles.push(RegistryTrouble {
            code: "ROK0233".to_owned(),
            message: refusals::why_no_lock(&lock),
            place: lock,
            help: Some(refusals::RESTORE_LOCK.to_owned()),
        });
    }

    fn of_component(&mut self, snapshot: &Snapshot, all: &[Arc<Component>], held: &Held) {
        let component = &held.component;
        // What never runs needs nothing, and nobody holds it to a lock.
        if component.status == ComponentStatus::Archived {
            return;
        }
        let draft = component.status == ComponentStatus::Draft;
        if let Err(faults) = resolve(all, std::slice::from_ref(component), draft) {
            for fault in faults {
                let trouble = trouble("ROK0232", held, fault.to_string());
                self.tell(trouble, draft);
            }
        }
        if let Some(drift) = snapshot.drift(held) {
            let mut trouble = trouble("ROK0233", held, drift.to_string());
            trouble.help = Some("look at it; then `rok registry lock`".to_owned());
            self.tell(trouble, draft);
        }
        if let Some(other) = &component.deprecated_by
            && !snapshot.names().any(|name| name == other.as_str())
        {
            let message = format!(
                "{} is deprecated by {other}, and there is no component {other}",
                held.id()
            );
            self.warnings.push(trouble("ROK0232", held, message));
        }
    }

    /// Components each of which may run, and which no stage can run beside each
    /// other.
    fn of_all_together(&mut self, snapshot: &Snapshot, all: &[Arc<Component>]) {
        if !self.troubles.is_empty() {
            return;
        }
        let selection = Selector::default().select(all, false);
        for fault in resolve(all, &selection.candidates(), false)
            .err()
            .into_iter()
            .flatten()
        {
            let name = match &fault {
                ResolveFault::Unknown { by, .. } => Some(&by.name),
                ResolveFault::Unmet { wanted, .. } => wanted.first().map(|(by, _)| &by.name),
                ResolveFault::Cycle { cycle } => cycle.first().map(|id| &id.name),
                ResolveFault::Unsettled { names, .. } => names.first(),
            };
            let mut held = snapshot.held.iter();
            let held = held.find(|held| Some(&held.component.name) == name);
            self.warnings.push(RegistryTrouble {
                code: "ROK0232".to_owned(),
                place: held.map_or_else(String::new, Held::source),
                message: format!("{fault}: no stage can select them all"),
                help: None,
            });
        }
    }

    fn tell(&mut self, trouble: RegistryTrouble, only_warn: bool) {
        if only_warn {
            self.warnings.push(trouble);
        } else {
            self.troubles.push(trouble);
        }
    }

    /// Those that were not there before. A place may have moved.
    pub(crate) fn beyond(self, before: &Self) -> Vec<RegistryTrouble> {
        let known = |trouble: &RegistryTrouble| {
            let mut before = before.troubles.iter();
            before.any(|other| other.message == trouble.message && other.code == trouble.code)
        };
        let troubles = self.troubles.into_iter();
        troubles.filter(|trouble| !known(trouble)).collect()
    }
}

/// How two components with one name and version are told.
pub(crate) fn twice(a: &Held, b: &Held) -> String {
    format!("{} stands twice: {} and {}", a.id(), a.source(), b.source())
}

fn trouble(code: &str, held: &Held, message: String) -> RegistryTrouble {
    RegistryTrouble {
        code: code.to_owned(),
        place: held.source(),
        message,
        help: None,
    }
}

fn of_file(errors: &PlanErrors) -> impl Iterator<Item = RegistryTrouble> {
    errors.faults.iter().map(|fault| RegistryTrouble {
        code: "ROK0231".to_owned(),
        place: format!("{}:{}:{}", errors.file, fault.line, fault.column),
        message: fault.message.clone(),
        help: fault.hint.clone(),
    })
}
