//! What lies beside the runs: contents that no log names, results that point to
//! what is gone, and what a kill left half-made.

use super::house::{House, Names, names};
use crate::cache;
use crate::fault;
use crate::home::Home;
use rok_artifacts::ContentStore;
use rok_facades::runs::{CollectReport, CollectRequest, RunsError};
use rok_log::{RunEntry, RunFilter, StoreError};
use rok_vocabulary::RunId;
use serde::Deserialize;
use std::collections::HashSet;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// How old a content must be that nobody names, to be taken while somebody
/// stores: longer than from storing a content to the log line that names it.
const GRACE: Duration = Duration::from_secs(3600);

pub(super) fn contents(
    store: &Home,
    contents: &ContentStore,
    house: &House<'_>,
    request: &CollectRequest,
    report: &mut CollectReport,
) -> Result<(), RunsError> {
    let failed = |error: &rok_artifacts::ArtifactError| fault::folder(fault::chain(error));
    let mut named = house.named();
    let sweeper = contents.sweeper(GRACE).map_err(|error| failed(&error))?;
    // From here on nobody stores, or nothing young is taken: what came since
    // the logs were read is read again.
    named.extend(named_since(store, house)?);
    let swept = sweeper
        .sweep(&|sha256| named.contains(sha256), request.dry_run)
        .map_err(|error| failed(&error))?;
    report.contents = swept.contents;
    report.content_bytes = swept.bytes;
    report.young = swept.young;
    report.unfinished += swept.unfinished;
    report.freed_bytes += swept.bytes;
    Ok(())
}

/// What logs name that have grown, or come, since the house was looked at.
fn named_since(store: &Home, house: &House<'_>) -> Result<HashSet<String>, RunsError> {
    let failed = |error: StoreError| fault::store(&error);
    let mut out = HashSet::new();
    for entry in store.list(&RunFilter::default()).map_err(failed)? {
        let run = match &entry {
            RunEntry::Run { run, .. } => run.clone(),
            RunEntry::Broken { name, .. } => match name.parse::<RunId>() {
                Ok(run) if store.has_log(&run).map_err(failed)? => run,
                _ => continue,
            },
            RunEntry::Collected { .. } => continue,
        };
        let grown = || -> Result<Option<Names>, StoreError> {
            let length = store.length(&run)?;
            let is_known = house.has(&run) && house.length_of(&run) == Some(length);
            if is_known || !(house.has(&run) || house.is_new(&run)) {
                return Ok(None);
            }
            Ok(Some(names(store, &run)?.0))
        };
        match grown() {
            Ok(Some(names)) => {
                out.extend(names.contents.into_iter().map(|(sha256, _)| sha256));
            }
            // Somebody else collects: what it named is left to the next time.
            Ok(None) | Err(StoreError::Collected { .. }) => {}
            Err(error) => return Err(fault::store(&error)),
        }
    }
    Ok(out)
}

/// Entries of the cache whose run is no run any more.
pub(super) fn cache(
    store: &Home,
    house: &House<'_>,
    request: &CollectRequest,
    report: &mut CollectReport,
) -> Result<(), RunsError> {
    #[derive(Deserialize)]
    struct Entry {
        run: RunId,
    }
    let list = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect::<Vec<_>>()
    };
    for shard in list(cache::index(store.root())) {
        for path in list(shard) {
            let entry = fs::read(&path).ok();
            let entry = entry.and_then(|bytes| serde_json::from_slice::<Entry>(&bytes).ok());
            // A run that came since is one all the same.
            let live = entry.is_some_and(|entry| {
                house.has(&entry.run)
                    || (house.is_new(&entry.run) && !matches!(store.exists(&entry.run), Ok(false)))
            });
            if live {
                continue;
            }
            if !request.dry_run
                && let Err(error) = fs::remove_file(&path)
            {
                let message = format!("cannot remove {}: {error}", path.display());
                return Err(fault::folder(message));
            }
            report.cache_entries += 1;
        }
    }
    Ok(())
}

/// Folders of runs that were never finished.
pub(super) fn unfinished(
    store: &Home,
    request: &CollectRequest,
    report: &mut CollectReport,
) -> Result<(), RunsError> {
    for folder in store
        .files()
        .unfinished()
        .map_err(|error| fault::store(&error))?
    {
        if !request.dry_run {
            store
                .files()
                .remove_unfinished(&folder)
                .map_err(|error| fault::store(&error))?;
        }
        report.unfinished += 1;
    }
    Ok(())
}
