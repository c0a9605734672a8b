//! Packing a run: everything that verifies it elsewhere, and nothing else.

use crate::engine::Runs;
use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::proof::{ATTESTATION, PROVENANCE_FILE};
use crate::record::LOG;
use crate::submit::contents;
use crate::subruns::{named_plans, sub_runs};
use crate::verify::files::{file_of, log_name};
use rok_artifacts::Digest;
use rok_attest::{Envelope, PublicKey};
use rok_bundle::{BundleError, Content, content_path, pack, plan_path};
use rok_facades::runs::{
    ErrorKind, ExportOptions, Exported, RunsError, VerifyOptions, VerifyVerdict,
};
use rok_log::StoreError;
use rok_vocabulary::RunId;
use std::collections::BTreeMap;

/// The public key in a bundle. It proves nothing by lying there.
pub(crate) const KEY: &str = "key.pub";

/// A bundle that cannot be written, or is none.
pub(crate) fn unfit(subject: &str, error: &BundleError) -> RunsError {
    let kind = match error {
        BundleError::Io { .. } => ErrorKind::Storage,
        BundleError::Unreadable { .. } => ErrorKind::Usage,
        _ => ErrorKind::Protocol,
    };
    let message = format!("{subject} {}", fault::chain(error));
    RunsError::new(kind, "ROK0143", message).help(match error {
        BundleError::Io { .. } => {
            "an existing file is never overwritten; mend the folder or take another name"
        }
        BundleError::Unreadable { .. } => "name a bundle: `rok export RUN -o FILE` writes one",
        BundleError::TooLarge { .. } => "allow more by --max-bytes N, if you know who packed it",
        _ => "nothing was taken from it; ask for it again from whoever packed it",
    })
}

impl Runs {
    pub(crate) fn export_run(
        &self,
        run: &RunId,
        options: &ExportOptions,
    ) -> Result<Exported, RunsError> {
        let store = self.store_of(run);
        refuse_to_export(&store, run)?;
        let loaded = Loaded::read(&store, run)?;
        let mut files = record_of(&store, &loaded)?;
        for entry in loaded.history().logs() {
            let (name, file) = (
                log_name(entry),
                loaded.dir.join("logs").join(log_name(entry)),
            );
            if file.exists() {
                let path = format!("logs/{name}");
                files.insert(path.clone(), Content::file(path, file));
            }
        }
        let stored = contents(&store);
        for made in loaded.history().artifacts() {
            let digest = Digest {
                sha256: made.sha256.clone(),
                bytes: made.bytes,
            };
            let file = if stored.has(&digest) {
                stored.path_of(&made.sha256)
            } else {
                file_of(&loaded, made)
            };
            let path = content_path(&made.sha256);
            files.insert(path.clone(), Content::file(path, file));
        }
        for (_, of) in loaded.history().results() {
            let path = content_path(&of.sha256);
            let content = Content::file(path.clone(), stored.path_of(&of.sha256));
            files.insert(path, content);
        }
        let key = self.public_key(&store, run, options)?;
        if let Some(key) = &key {
            files.insert(KEY.into(), Content::bytes(KEY, key.to_pem()));
        }
        let files: Vec<Content> = files.into_values().collect();
        let subject = format!("bundle {}", options.out.display());
        let packed = pack(run, &files, &options.out).map_err(|error| unfit(&subject, &error))?;
        Ok(Exported {
            run_id: run.clone(),
            file: options.out.clone(),
            files: packed.files.len(),
            bytes: packed.bytes(),
            key_id: key.map(|key| key.id().to_string()),
            sub_runs: sub_runs(loaded.state()),
        })
    }

    /// The public key that the attestations are checked by: one that is named
    /// must be theirs, others are taken where they are.
    fn public_key(
        &self,
        store: &Home,
        run: &RunId,
        options: &ExportOptions,
    ) -> Result<Option<PublicKey>, RunsError> {
        let envelope = store
            .read_beside(run, ATTESTATION)
            .map_err(|error| fault::store(&error))?
            .and_then(|bytes| Envelope::from_json(&bytes).ok());
        let fits = |key: &PublicKey| {
            let envelope = envelope.as_ref();
            envelope.is_some_and(|envelope| envelope.verify(key).is_ok())
        };
        if let Some(key) = &options.key {
            if fits(key) {
                return Ok(Some(*key));
            }
            let message = format!("key {} has not attested run {run}", key.id());
            return Err(RunsError::new(ErrorKind::Protocol, "ROK0143", message)
                .help("name the key that did, or attest it: `rok attest`"));
        }
        let configured = self.signing_key()?.map(|key| key.public());
        let kept = store
            .read_beside(run, KEY)
            .map_err(|error| fault::store(&error))?
            .and_then(|bytes| PublicKey::from_pem(std::str::from_utf8(&bytes).ok()?).ok());
        Ok([configured, kept].into_iter().flatten().find(fits))
    }
}

/// The record itself: log, plans, seal and what was signed.
fn record_of(store: &Home, loaded: &Loaded) -> Result<BTreeMap<String, Content>, RunsError> {
    let run = loaded.state().run_id();
    let failed = |error: StoreError| fault::store(&error);
    let mut files = BTreeMap::new();
    let mut put = |path: String, bytes: Vec<u8>| {
        files.insert(path.clone(), Content::bytes(path, bytes));
    };
    put(LOG.into(), store.read_raw(run).map_err(failed)?);
    if let Some(seal) = store.seal(run).map_err(failed)? {
        put("seal.json".into(), seal.to_json().into_bytes());
    }
    for name in [ATTESTATION, PROVENANCE_FILE] {
        if let Some(bytes) = store.read_beside(run, name).map_err(failed)? {
            put(name.into(), bytes);
        }
    }
    let own = loaded.state().plan().sha256();
    let plans = named_plans(loaded).into_iter();
    // One that is the run's own plan lies there as `plan.json` alone.
    let others = plans.filter(|sha256| sha256 != own);
    let others = others.map(|sha256| (plan_path(&sha256), sha256));
    let all = [("plan.json".to_owned(), own.to_owned())].into_iter();
    for (path, sha256) in all.chain(others) {
        let Ok(digest) = sha256.parse() else { continue };
        if let Some(plan) = store.document(run, digest).map_err(failed)? {
            put(path, plan.to_vec());
        }
    }
    Ok(files)
}

/// What is not final could go on in two places; what is broken proves
/// nothing anywhere.
fn refuse_to_export(store: &Home, run: &RunId) -> Result<(), RunsError> {
    let report = crate::verify::verify(store, run, &VerifyOptions::default())?;
    match (report.verdict, report.faults.first()) {
        (VerifyVerdict::Intact, _) => Ok(()),
        (VerifyVerdict::Collected, None) => {
            let run = run.clone();
            Err(fault::store(&StoreError::Collected { run }))
        }
        (_, Some(first)) => {
            let message = format!(
                "run {run} is not what was recorded, and is not exported: {}: {}",
                first.file, first.what
            );
            Err(RunsError::new(ErrorKind::Protocol, "ROK0143", message)
                .help("`rok verify` names everything that is wrong"))
        }
        (_, None) => {
            let message = format!("run {run} is not sealed: it could go on here and there");
            Err(RunsError::new(ErrorKind::State, "ROK0143", message)
                .help("`rok explain` says what it waits for"))
        }
    }
}
