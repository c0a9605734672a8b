//! What the registry refuses, and as what.

use rok_chain::Digest;
use rok_component::{Drift, SourceError};
use rok_facades::registry::{RegistryError, RegistryTrouble};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_log::StoreError;
use std::error::Error;
use std::fmt::Display;
use std::io;
use std::path::Path;

fn refused(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> RunsError {
    RunsError::new(kind, code, message)
}

/// There is no such component.
pub(crate) fn unknown(name: &dyn Display, nearest: Option<&str>) -> RegistryError {
    let error = refused(
        ErrorKind::NotFound,
        "ROK0230",
        format!("there is no component {name}"),
    );
    let help = match nearest {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "`rok registry list` shows the components that there are".to_owned(),
    };
    error.help(help).into()
}

/// Several names where one is wanted.
pub(crate) fn ambiguous(name: &dyn Display, found: &[String]) -> RegistryError {
    let message = format!("{name} means more than one component: {}", found.join(", "));
    refused(ErrorKind::Usage, "ROK0230", message)
        .help("name one of them")
        .into()
}

/// A component that is there and may not run.
pub(crate) fn may_not_run(why: &[String]) -> RegistryError {
    refused(ErrorKind::NotFound, "ROK0230", why.join("\n"))
        .help("`rok registry inspect NAME` tells how a component stands")
        .into()
}

/// The registry does not hold together.
pub(crate) fn broken(troubles: &[String]) -> RegistryError {
    refused(ErrorKind::NotFound, "ROK0232", troubles.join("\n"))
        .help("`rok registry validate` tells everything that is wrong")
        .into()
}

/// Components differ from their lock.
pub(crate) fn drifted(drifts: &[Drift], lock: &str) -> RegistryError {
    let told: Vec<String> = drifts.iter().map(ToString::to_string).collect();
    let help = format!(
        "look at what has changed; `rok registry lock` then holds the registry to what it is now ({lock})"
    );
    refused(ErrorKind::NotFound, "ROK0233", told.join("\n"))
        .help(help)
        .into()
}

/// A change would break something.
pub(crate) fn would_break(what: &str, troubles: &[RegistryTrouble]) -> RegistryError {
    let told: Vec<&str> = troubles.iter().map(|t| t.message.as_str()).collect();
    let message = format!("{what} would break the registry: {}", told.join("; "));
    refused(ErrorKind::State, "ROK0234", message)
        .help("nothing was changed; change the components that require it first")
        .into()
}

/// There is one of that name and version.
pub(crate) fn exists(id: &dyn Display, source: &str) -> RegistryError {
    let message = format!("{id} is there already, as {source}");
    refused(ErrorKind::State, "ROK0234", message)
        .help("give the new one a higher version, or say --replace")
        .into()
}

/// It cannot be changed from here.
pub(crate) fn not_ours(message: String, help: &str) -> RegistryError {
    refused(ErrorKind::State, "ROK0234", message)
        .help(help)
        .into()
}

/// A root that cannot be read.
pub(crate) fn unreadable(path: &Path, error: &io::Error) -> RegistryError {
    let message = format!("cannot read {}: {error}", path.display());
    refused(ErrorKind::NotFound, "ROK0236", message)
        .help("`registry_roots` names the folders and servers of components; `rok config show` tells where it comes from, and `rok registry add` makes the first folder")
        .into()
}

/// Something that is no manifest for its name alone.
pub(crate) fn odd_name(path: &Path, why: &io::Error) -> RegistryError {
    let message = format!("{}: {why}", path.display());
    refused(ErrorKind::NotFound, "ROK0236", message)
        .help("rename it, or take it out of the registry's folders")
        .into()
}

/// A manifest that is none by its size.
pub(crate) fn too_large(shown: &str, most: u64) -> RegistryError {
    let message = format!("{shown} has more than {most} bytes");
    refused(ErrorKind::NotFound, "ROK0236", message)
        .help("a manifest is a page or two: is this one?")
        .into()
}

/// More components than a registry has.
pub(crate) fn too_many(most: usize) -> RegistryError {
    let message = format!("there are more than {most} components");
    refused(ErrorKind::NotFound, "ROK0236", message).into()
}

/// A source that offers something else than manifests.
pub(crate) fn no_manifest(address: &str, file: &str) -> RegistryError {
    let file: String = file
        .chars()
        .take(80)
        .flat_map(char::escape_default)
        .collect();
    let message = format!("{address} offers `{file}`, which is no name of a manifest");
    refused(ErrorKind::NotFound, "ROK0236", message).into()
}

/// A source that gives nothing.
pub(crate) fn source(address: &str, error: &SourceError) -> RegistryError {
    let message = format!("cannot read the registry at {address}: {error}");
    let refusal = refused(ErrorKind::NotFound, "ROK0236", message);
    match &error.help {
        Some(help) => refusal.help(help).into(),
        None => refusal.into(),
    }
}

/// A source that gives something else than it was asked for.
pub(crate) fn other_content(address: &str, asked: Digest, found: Digest) -> RegistryError {
    let message = format!("{address} was asked for manifest {asked} and gave {found}");
    refused(ErrorKind::Protocol, "ROK0233", message)
        .help("nothing of it is used: find out who changes manifests on the way")
        .into()
}

/// A lock that cannot be read.
pub(crate) fn no_lock(path: &Path, why: &dyn Display) -> RegistryError {
    let message = format!("cannot read the lock {}: {why}", path.display());
    refused(ErrorKind::NotFound, "ROK0233", message)
        .help("restore it, or remove it and `rok registry lock` anew")
        .into()
}

/// Why a registry with a lock in its settings and none on the disk runs nothing.
pub(crate) fn why_no_lock(lock: &str) -> String {
    format!("the lock {lock} is named in the settings, and is not there")
}

/// How to mend that.
pub(crate) const RESTORE_LOCK: &str =
    "restore it; or look at the components, then `rok registry lock`";

/// A lock that is named and not there.
pub(crate) fn lock_is_gone(lock: &str) -> RegistryError {
    refused(ErrorKind::NotFound, "ROK0233", why_no_lock(lock))
        .help(RESTORE_LOCK)
        .into()
}

/// Something that cannot be written.
pub(crate) fn unwritable(path: &Path, error: &io::Error) -> RegistryError {
    let message = format!("cannot write {}: {error}", path.display());
    refused(ErrorKind::Storage, "ROK0236", message).into()
}

/// State that cannot be read or written.
pub(crate) fn state(error: &StoreError) -> RegistryError {
    let message = match error.source() {
        Some(source) => format!("the registry's state: {error}: {source}"),
        None => format!("the registry's state: {error}"),
    };
    refused(ErrorKind::Storage, "ROK0236", message).into()
}

/// A breaker that nobody can read counts as open.
pub(crate) fn breaker(name: &dyn Display, why: &dyn Display) -> RegistryError {
    let message = format!("component {name}: {why}");
    refused(ErrorKind::State, "ROK0235", message)
        .help(format!("`rok registry reset {name}` closes it anew"))
        .into()
}

/// The component is there in other versions.
pub(crate) fn other_versions(name: &dyn Display, versions: &[String]) -> RegistryError {
    let message = format!("there is no component {name}");
    refused(ErrorKind::NotFound, "ROK0230", message)
        .help(format!("there is {}", versions.join(", ")))
        .into()
}
