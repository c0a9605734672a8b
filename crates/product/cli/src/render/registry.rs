//! Components, and what is wrong with a registry.

use super::paint::{Paint, clean};
use super::tables::{table, text};
use crate::terminal::Look;
use rok_service::views::{
    AddedComponent, BreakerView, ComponentStatus, ComponentView, LockReport, LockedAs,
    RegistryReport, RegistryTrouble, RemovedComponent, StepState,
};
use std::fmt::Write as _;

/// Components, a line each.
pub(crate) fn components(views: &[ComponentView], look: Look) -> String {
    let header = [
        "name", "version", "type", "status", "channel", "tags", "lock", "breaker",
    ];
    let mut table = table(look, &header);
    for view in views {
        let tags: Vec<&str> = view.tags.iter().map(String::as_str).collect();
        table.add_row([
            view.name.to_string(),
            clean(&view.version),
            view.kind.to_string(),
            view.status.to_string(),
            view.channel.to_string(),
            clean(&tags.join(",")),
            locked_as(view.lock).to_owned(),
            clean(&view.breaker.state),
        ]);
    }
    text(&table)
}

const fn locked_as(lock: LockedAs) -> &'static str {
    match lock {
        LockedAs::NoLock => "",
        lock => lock.as_str(),
    }
}

/// All about a component.
pub(crate) fn component(view: &ComponentView, look: Look) -> String {
    let paint = Paint::of(look);
    let state = match (view.status, view.breaker.state.as_str()) {
        (ComponentStatus::Active, "closed") => paint.sign(StepState::Succeeded),
        (ComponentStatus::Archived, _) => paint.sign(StepState::Skipped),
        (ComponentStatus::Active, _) => paint.sign(StepState::Failed),
        _ => paint.sign(StepState::Waiting),
    };
    let mut out = format!(
        "{state} {} {}: {} {}, channel {}\n",
        view.name,
        clean(&view.version),
        view.status,
        view.kind,
        view.channel
    );
    let mut line = |name: &str, what: &str| {
        let what: Vec<String> = what.lines().map(clean).collect();
        let _ = writeln!(out, "  {name}: {}", what.join("\n    "));
    };
    let joined = |words: &mut dyn Iterator<Item = &String>| {
        let words: Vec<&str> = words.map(String::as_str).collect();
        words.join(", ")
    };
    let optional = [
        ("for", view.description.clone()),
        ("owner", view.owner.clone()),
        (
            "deprecated by",
            view.deprecated_by.as_ref().map(ToString::to_string),
        ),
    ];
    for (name, what) in optional {
        if let Some(what) = what {
            line(name, &what);
        }
    }
    let lists = [
        ("tags", joined(&mut view.tags.iter())),
        ("capabilities", joined(&mut view.capabilities.iter())),
        ("files", joined(&mut view.files.iter())),
        ("secrets", joined(&mut view.secrets.iter())),
    ];
    for (name, what) in lists {
        if !what.is_empty() {
            line(name, &what);
        }
    }
    let requires = view.requires.iter();
    let requires: Vec<String> = requires
        .map(|(name, wanted)| format!("{name} {wanted}"))
        .collect();
    if !requires.is_empty() {
        line("requires", &requires.join(", "));
    }
    line("starts", &starts(view));
    for (name, schema) in &view.inputs {
        line("input", &format!("{name} {schema}"));
    }
    let again = if view.idempotent {
        "yes"
    } else {
        "no: it is never tried again"
    };
    line("may be repeated", again);
    line("manifest", &view.source);
    line("fingerprint", &view.fingerprint);
    line("lock", view.lock.as_str().replace('_', " ").as_str());
    line("breaker", &breaker(&view.breaker));
    out
}

/// How it is started, in a line.
fn starts(view: &ComponentView) -> String {
    let action = view.step.get(&view.executor);
    let action = action.map(|action| match action.as_str() {
        Some(text) => text.to_owned(),
        None => action.to_string(),
    });
    format!("{} {}", view.executor, action.unwrap_or_default())
}

fn breaker(view: &BreakerView) -> String {
    let mut text = view.state.replace('_', " ");
    if let (Some(since), Some(until)) = (view.since, view.until) {
        let _ = write!(text, ", since {since}, until {until}");
    }
    if let Some(by) = &view.by {
        let _ = write!(text, ", run {} tries it out", clean(by));
    }
    if view.failures > 0 {
        let _ = write!(text, ", {} failures in a row", view.failures);
    }
    if let (Some(at), Some(class)) = (view.last_failure_at, view.last_failure_class) {
        let _ = write!(text, ", the last at {at} ({class})");
    }
    text
}

/// What came of adding a component.
pub(crate) fn component_added(added: &AddedComponent, look: Look) -> String {
    let view = &added.component;
    let mut out = format!(
        "{} {}@{} as {}\n",
        clean(&added.change),
        view.name,
        clean(&view.version),
        clean(&view.source)
    );
    if matches!(view.lock, LockedAs::Unlocked | LockedAs::Changed) {
        let note = Paint::of(look).hint("note:");
        let _ = writeln!(out, "  {note} it does not run before `rok registry lock`");
    }
    out
}

/// A component that was removed.
pub(crate) fn component_removed(removed: &RemovedComponent) -> String {
    format!(
        "removed {}@{}, which was {}\n",
        removed.name,
        clean(&removed.version),
        clean(&removed.source)
    )
}

/// What locking came to.
pub(crate) fn locked(report: &LockReport) -> String {
    let mut out = String::new();
    for change in &report.changes {
        let was = match change.what.as_str() {
            "missing" => "is no longer locked",
            "unlocked" => "is locked now",
            _ => "is locked with its new content",
        };
        let _ = writeln!(out, "{} {was}", clean(&change.component));
    }
    let _ = writeln!(
        out,
        "{} locked in {}",
        counted(report.components, "component is", "components are"),
        clean(&report.file)
    );
    out
}

/// What a look at the whole registry came to.
pub(crate) fn registry_report(report: &RegistryReport, look: Look) -> String {
    let paint = Paint::of(look);
    let mut out = String::new();
    for trouble in &report.troubles {
        let label = paint.bad(&format!("error[{}]", clean(&trouble.code)));
        told(&mut out, &label, trouble, paint);
    }
    for warning in &report.warnings {
        told(&mut out, &paint.hint("warning"), warning, paint);
    }
    let roots: Vec<String> = report.roots.iter().map(|root| clean(root)).collect();
    let lock = report.lock.as_deref().map(clean);
    let lock = lock.map_or_else(|| "no lock".to_owned(), |lock| format!("lock {lock}"));
    let sign = if report.troubles.is_empty() {
        paint.sign(StepState::Succeeded)
    } else {
        paint.sign(StepState::Failed)
    };
    let _ = writeln!(
        out,
        "{sign} {} in {}, {lock}: {}, {}",
        counted(report.components, "component", "components"),
        roots.join(", "),
        counted(report.troubles.len(), "error", "errors"),
        counted(report.warnings.len(), "warning", "warnings")
    );
    out
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn told(out: &mut String, label: &str, trouble: &RegistryTrouble, paint: Paint) {
    let message: Vec<String> = trouble.message.lines().map(clean).collect();
    let place = clean(&trouble.place);
    let _ = writeln!(out, "{label}: {place}: {}", message.join("\n  "));
    if let Some(help) = &trouble.help {
        let _ = writeln!(out, "  {} {}", paint.hint("help:"), clean(help));
    }
}
