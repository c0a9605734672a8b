//! Components as they are shown.

use crate::breakers;
use crate::snapshot::{Held, Snapshot};
use rok_component::Drift;
use rok_facades::registry::{BreakerView, ComponentView, DriftView};
use rok_plan::Action;

/// A component as it is shown.
pub(crate) fn view(snapshot: &Snapshot, held: &Held, breaker: BreakerView) -> ComponentView {
    let component = &held.component;
    let secrets = component.secrets().iter();
    let requires = component.requires.iter();
    ComponentView {
        name: component.name.clone(),
        version: component.version.to_string(),
        kind: component.kind,
        status: component.status,
        channel: component.channel,
        deprecated_by: component.deprecated_by.clone(),
        description: component.description.clone(),
        owner: component.owner.clone(),
        tags: component.tags.clone(),
        idempotent: component.idempotent(),
        executor: executor(&component.step().action).to_owned(),
        step: component.step_json(),
        inputs: component.inputs_json(),
        secrets: secrets.map(ToString::to_string).collect(),
        capabilities: component.capabilities.clone(),
        files: component.files.clone(),
        requires: requires
            .map(|(name, wanted)| (name.clone(), wanted.to_string()))
            .collect(),
        fingerprint: component.fingerprint.to_hex(),
        source: held.source(),
        file: held.file(),
        lock: snapshot.locked_as(component),
        breaker,
    }
}

/// The key of the plan format that starts it.
fn executor(action: &Action) -> &'static str {
    match action {
        Action::Argv(_) | Action::Shell { .. } => "run",
        Action::Call(_) => "call",
        Action::Http(_) => "http",
        Action::Service { .. } => "service",
        Action::Agent(_) => "agent",
        Action::Plan { .. } => "plan",
    }
}

/// A difference as it is shown.
pub(crate) fn drift(drift: &Drift) -> DriftView {
    let (what, locked, found) = match drift {
        Drift::Changed { locked, found, .. } => {
            ("changed", Some(locked.to_hex()), Some(found.to_hex()))
        }
        Drift::Missing { .. } => ("missing", None, None),
        Drift::Unlocked { .. } => ("unlocked", None, None),
    };
    DriftView {
        component: drift.id().to_string(),
        what: what.to_owned(),
        locked,
        found,
    }
}

/// A breaker, shown even where it cannot be read: looking changes nothing.
pub(crate) fn breaker(breakers: &breakers::Breakers<'_>, held: &Held) -> BreakerView {
    match breakers.look(&held.component) {
        Ok(breaker) => breakers::view(&breaker),
        Err(_) => breakers::unreadable(),
    }
}
