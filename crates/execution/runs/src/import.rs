//! Taking in a bundle: unpacked aside, verified there, placed in one step.
//!
//! ```text
//! FILE ─unpack─▶ .new~…/bundle ─lay out─▶ .new~…/root/RUN ─verify─▶ rename ─▶ RUN
//! ```
//! Nothing of a bundle is trusted: names are the bundle's own closed set, and
//! paths of artifacts in its log are looked at before they are written to.

use crate::engine::Runs;
use crate::export::unfit;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::submit::{absolute, contents};
use crate::subruns::named_plans;
use crate::tables::rows_of;
use rok_artifacts::{ArtifactError, ContentStore, Digest};
use rok_bundle::{DEFAULT_LIMIT, Manifest, unpack};
use rok_events::ArtifactPlace;
use rok_facades::runs::{
    ErrorKind, ImportOptions, Imported, RunsError, VerifyOptions, VerifyReport, VerifyVerdict,
};
use rok_log::{Commit, CommitResult, Document, DocumentKind, Durability, Record, StoreError};
use rok_runner::row_of;
use rok_vocabulary::{RunId, Seq};
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Where a bundle has contents by their digest.
const CONTENTS: &str = "contents/";

/// Numbers the folders on their way.
static COUNT: AtomicU64 = AtomicU64::new(0);

/// A bundle, unpacked and laid out as a folder of one run. Gone when dropped.
struct Staged {
    /// All of it.
    aside: PathBuf,
    manifest: Manifest,
    store: Home,
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.aside);
    }
}

/// A folder that only this user can enter, gone unless it is kept.
struct Aside(Option<PathBuf>);

impl Drop for Aside {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn io_fault(what: &str, path: &Path) -> impl FnOnce(io::Error) -> RunsError {
    let message = format!("cannot {what} {}", path.display());
    move |error| {
        RunsError::new(ErrorKind::Storage, "ROK0106", format!("{message}: {error}"))
            .help("mend the folder and import again: nothing was placed")
    }
}

fn store_fault(error: &ArtifactError) -> RunsError {
    RunsError::new(ErrorKind::Storage, "ROK0106", fault::chain(error))
}

fn make(path: &Path) -> Result<(), RunsError> {
    let made = DirBuilder::new().mode(0o700).create(path);
    made.map_err(io_fault("create", path))
}

impl Staged {
    /// Unpacks a bundle beneath `place`, which is there.
    fn of(bundle: &ImportOptions, place: &Path, durability: Durability) -> Result<Self, RunsError> {
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let aside = place.join(format!(".new~import~{}~{number}", std::process::id()));
        make(&aside)?;
        let mut guard = Aside(Some(aside.clone()));
        let unpacked = aside.join("bundle");
        make(&unpacked)?;
        let limit = bundle.limit.unwrap_or(DEFAULT_LIMIT);
        let manifest = unpack(&bundle.file, &unpacked, limit)
            .map_err(|error| unfit(&format!("bundle {}", bundle.file.display()), &error))?;
        let root = aside.join("root");
        make(&root)?;
        let store = Home::folders(&root, durability);
        lay_out(&manifest, &unpacked, &store)?;
        guard.0 = None;
        Ok(Self {
            aside,
            manifest,
            store,
        })
    }

    fn verify(&self, options: &VerifyOptions) -> Result<VerifyReport, RunsError> {
        crate::verify::verify_bundled(&self.store, &self.manifest.run_id, options)
    }
}

/// Takes a content that was held against its digest into a store.
fn keep(store: &ContentStore, root: &Path, file: &Path) -> Result<(), RunsError> {
    let pending = store.take_in(root, file, |_| {});
    let kept = pending.and_then(|pending| store.keep([pending]));
    kept.map_err(|error| store_fault(&error))
}

/// Puts unpacked files where a run has them.
fn lay_out(manifest: &Manifest, unpacked: &Path, store: &Home) -> Result<(), RunsError> {
    let run = &manifest.run_id;
    let folder = store.run_dir(run);
    make(&folder)?;
    for name in ["logs", "artifacts", "procs", "inbox", "plans"] {
        make(&folder.join(name))?;
    }
    let stored = contents(store);
    for file in &manifest.files {
        let from = unpacked.join(&file.path);
        if file.path.starts_with(CONTENTS) {
            keep(&stored, unpacked, &from)?;
        } else {
            let to = folder.join(&file.path);
            fs::rename(&from, &to).map_err(io_fault("place", &to))?;
        }
    }
    // Only a run with such plans has the folder.
    let _ = fs::remove_dir(folder.join("plans"));
    if !folder.join("events.jsonl").is_file() {
        let message = format!("the bundle of run {run} holds no events.jsonl");
        return Err(RunsError::new(ErrorKind::Protocol, "ROK0143", message));
    }
    restore(&Loaded::read(store, run)?, &stored)
}

/// Artifacts that lay in the run's folder lie there again.
fn restore(loaded: &Loaded, stored: &ContentStore) -> Result<(), RunsError> {
    for made in loaded.history().artifacts() {
        if made.place != ArtifactPlace::Run {
            continue;
        }
        let path = Path::new(&made.path);
        let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
        if !path.components().all(plain) {
            let message = format!(
                "the log names an artifact `{}`, which leads out of its folder",
                made.path.chars().take(120).collect::<String>()
            );
            return Err(RunsError::new(ErrorKind::Protocol, "ROK0143", message)
                .help("nothing was taken from it"));
        }
        let digest = Digest {
            sha256: made.sha256.clone(),
            bytes: made.bytes,
        };
        // What is missing is for `verify` to tell.
        if stored.has(&digest) {
            stored
                .restore(
                    &digest,
                    &loaded.dir.join("artifacts"),
                    &loaded.dir.join("artifacts").join(path),
                    made.executable,
                )
                .map_err(|error| store_fault(&error))?;
        }
    }
    Ok(())
}

/// Verifies a bundle in a temporary folder.
pub(crate) fn verify_bundle(
    bundle: &ImportOptions,
    options: &VerifyOptions,
) -> Result<VerifyReport, RunsError> {
    Staged::of(bundle, &std::env::temp_dir(), Durability::Flush)?.verify(options)
}

impl Runs {
    pub(crate) fn import_run(&self, options: &ImportOptions) -> Result<Imported, RunsError> {
        let root = absolute(&self.setup.root);
        fs::create_dir_all(&root).map_err(io_fault("create", &root))?;
        let staged = Staged::of(options, &root, self.setup.durability)?;
        let run = &staged.manifest.run_id;
        let to = root.join(run.as_str());
        let exists = || {
            let message = format!("there is a run `{run}` already in {}", root.display());
            RunsError::new(ErrorKind::Usage, "ROK0116", message)
                .help("it is never touched by an import; name another --dir or --store")
        };
        let known = self.home().exists(run).map_err(|e| fault::store(&e))?;
        if known || (!self.is_pooled() && to.symlink_metadata().is_ok()) {
            return Err(exists());
        }
        let report = staged.verify(&VerifyOptions::default())?;
        if report.verdict != VerifyVerdict::Intact {
            let first = report.faults.first();
            let why = first.map_or_else(
                || "it is not sealed".to_owned(),
                |first| format!("{}: {}", first.file, first.what),
            );
            let message = format!("run {run} does not verify, and is not imported: {why}");
            return Err(RunsError::new(ErrorKind::Protocol, "ROK0143", message)
                .help("`rok verify FILE` names everything that is wrong"));
        }
        let store = self.home();
        let (from, ours) = (contents(&staged.store), contents(&store));
        // Held until the log that names them is in its place.
        for file in &staged.manifest.files {
            if let Some(sha256) = file.path.strip_prefix(CONTENTS) {
                keep(&ours, from.root(), &from.path_of(sha256))?;
            }
        }
        let staged_run = staged.store.run_dir(run);
        let commit = self.is_pooled().then(|| commit_of(&staged.store, run));
        let commit = commit.transpose()?;
        if commit.is_some() {
            strip(&staged_run, &to)?;
        }
        for folder in [
            &staged_run.join("logs"),
            &staged_run.join("artifacts"),
            &staged_run.join("plans"),
            &staged_run,
        ] {
            if folder.exists() {
                sync(folder)?;
            }
        }
        match fs::rename(&staged_run, &to) {
            Ok(()) => sync(&root)?,
            Err(_) if to.symlink_metadata().is_ok() => return Err(exists()),
            Err(error) => return Err(io_fault("place", &to)(error)),
        }
        if let Some(commit) = commit {
            match self.commits()?.commit(commit)? {
                CommitResult::Committed { .. } => {}
                CommitResult::Stale { .. } => return Err(exists()),
            }
        }
        Ok(Imported {
            run_id: run.clone(),
            folder: to,
            report,
        })
    }
}

/// The record of a run that was laid out in a folder, as one commit.
fn commit_of(store: &Home, run: &RunId) -> Result<Commit, RunsError> {
    let failed = |error: StoreError| fault::store(&error);
    let chain = store.verify(run).map_err(failed)?;
    let loaded = Loaded::read(store, run)?;
    let row = row_of(loaded.state());
    let lines = store.read_raw(run).map_err(failed)?;
    let events = u32::try_from(chain.events).map_err(|_| {
        let message = format!("the log of run {run} has more lines than one commit takes");
        RunsError::new(ErrorKind::Usage, "ROK0143", message)
            .help("import it into a folder, by --dir without --store")
    })?;
    let mut commit = Commit::new(run.clone(), Seq::FIRST, lines, events, chain.head, row);
    commit.seal = store.seal(run).map_err(failed)?;
    let own = (
        DocumentKind::Plan,
        loaded.state().plan().sha256().to_owned(),
    );
    let others = named_plans(&loaded).into_iter();
    let others = others.map(|sha256| (DocumentKind::SubPlan, sha256));
    for (kind, sha256) in [own].into_iter().chain(others) {
        let digest = sha256.parse().ok();
        let plan = digest.map(|digest| store.document(run, digest));
        if let Some(plan) = plan.transpose().map_err(failed)?.flatten() {
            commit.documents.push(Document::new(kind, plan));
        }
    }
    let rows = rows_of(store, run).map_err(failed)?.unwrap_or_default();
    commit.records = { rows.into_iter() }
        .map(|row| Record {
            kind: row.table,
            key: row.key,
            json: row.json.into_bytes(),
        })
        .collect();
    Ok(commit)
}

/// Leaves of a folder what is no part of the record: that is in the database.
/// What an import that was killed has left in its place goes.
fn strip(folder: &Path, to: &Path) -> Result<(), RunsError> {
    for name in ["events.jsonl", "plan.json", "seal.json", "lock"] {
        match fs::remove_file(folder.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(io_fault("remove", &folder.join(name))(error));
            }
            _ => {}
        }
    }
    for name in ["plans", "inbox"] {
        let _ = fs::remove_dir_all(folder.join(name));
    }
    match fs::remove_dir_all(to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_fault("remove", to)(error)),
        _ => Ok(()),
    }
}

fn sync(folder: &Path) -> Result<(), RunsError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_fault("sync", folder))
}
