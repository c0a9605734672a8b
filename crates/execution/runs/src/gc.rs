//! Collecting: closed runs that the rules name become stubs, and contents that
//! no log names are removed. A run that is open, held, driven, broken, or kin
//! of one that is kept is never collected.

mod house;
mod sweep;

use crate::engine::Runs;
use crate::fault;
use crate::hold::{HOLDS, Held, exclusively, held};
use crate::home::Home;
use crate::load::Loaded;
use crate::proof::{ATTESTATION, PROVENANCE_FILE};
use crate::record::LOG;
use crate::stub::{Artifact, Content, Stub, content_of, last_decision};
use crate::submit::{contents, owner};
use crate::tables::{ROWS, kept_rows, rows_of};
use house::{House, Resident};
use rok_artifacts::measure;
use rok_chain::{LogState, Seal};
use rok_facades::runs::{
    CollectReport, CollectRequest, CollectedRun, ErrorKind, KeptRun, RunsError, VerifyOptions,
};
use rok_log::{ClaimError, Collect, Collected, PoolStore, Record, StoreError};
use rok_projections::DomainRow;
use rok_runner::{Clock as _, SystemClock};
use rok_vocabulary::{RunId, Seq, Timestamp};
use std::collections::BTreeMap;
use std::path::Path;

/// What stays beside a stub: what proves it, and what people said of it.
const KEPT: [&str; 6] = [
    "seal.json",
    ATTESTATION,
    PROVENANCE_FILE,
    "key.pub",
    HOLDS,
    ROWS,
];

impl Runs {
    pub(crate) fn collect_runs(
        &self,
        request: &CollectRequest,
    ) -> Result<CollectReport, RunsError> {
        let CollectRequest {
            older_than,
            keep,
            max_bytes,
            ..
        } = request;
        if older_than.is_none() && keep.is_none() && max_bytes.is_none() {
            let message = "nothing says which runs are to be collected";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0161", message)
                .help("give at least one of --older-than, --keep, --max-size"));
        }
        let store = self.home();
        if !store.is_shared() && !store.root().is_dir() {
            return Ok(CollectReport {
                dry_run: request.dry_run,
                ..CollectReport::default()
            });
        }
        if !request.dry_run {
            store.make_root().map_err(|error| fault::store(&error))?;
        }
        let now = SystemClock.now();
        let mut report = CollectReport {
            dry_run: request.dry_run,
            ..CollectReport::default()
        };
        let mut house = House::look(&store)?;
        report.kept.extend(house.unreadable());
        let contents = contents(&store);
        let named = house.choose(request, now, &mut report);
        for (run, why) in named {
            match collect(&store, &run, &why, request, now) {
                Ok(bytes) => {
                    house.forget(&run);
                    report.freed_bytes += bytes;
                    report.collected.push(CollectedRun {
                        run_id: run,
                        why,
                        bytes,
                    });
                }
                Err(Stays::Kept(why)) => report.kept.push(kept(&run, why)),
                Err(Stays::Failed(why)) => report.failed.push(kept(&run, why)),
            }
        }
        finish_stubs(&store, &house, request, &mut report)?;
        sweep::unfinished(&store, request, &mut report)?;
        sweep::contents(&store, &contents, &house, request, &mut report)?;
        sweep::cache(&store, &house, request, &mut report)?;
        report.left_bytes = house.bytes();
        Ok(report)
    }
}

/// Removes what a kill left in a folder that is a stub already.
fn finish_stubs(
    store: &Home,
    house: &House,
    request: &CollectRequest,
    report: &mut CollectReport,
) -> Result<(), RunsError> {
    for run in house.stubs() {
        if !request.dry_run {
            let cleared = store.clear_stub(run, &KEPT);
            report.freed_bytes += cleared.map_err(|error| fault::store(&error))?;
        }
    }
    Ok(())
}

/// Why a run that a rule names is there still.
enum Stays {
    /// Something speaks against collecting it.
    Kept(String),
    /// It could not be collected.
    Failed(String),
}

impl From<String> for Stays {
    fn from(why: String) -> Self {
        Self::Kept(why)
    }
}

fn kept(run: &RunId, why: String) -> KeptRun {
    KeptRun {
        run_id: run.to_string(),
        why,
    }
}

/// Makes a stub of a run, if nothing speaks against it; gives the bytes that
/// are free.
fn collect(
    store: &Home,
    run: &RunId,
    why: &str,
    request: &CollectRequest,
    now: Timestamp,
) -> Result<u64, Stays> {
    if request.dry_run {
        if let Ok(Some(driver)) = store.driver(run) {
            return Err(Stays::Kept(format!("{driver} drives it")));
        }
        let stub = stub_of(store, run, why, request, now)?;
        return Ok(stub.removed.iter().map(|file| file.bytes).sum());
    }
    let _alone = exclusively(store.root()).map_err(|error| Stays::Failed(error.message))?;
    if let Some(shared) = store.another() {
        return collect_in(store, shared, run, why, request, now);
    }
    let collecting =
        store
            .files()
            .begin_collecting(run, &owner())
            .map_err(|error| match error {
                ClaimError::Held { by, .. } => Stays::Kept(format!("{by} drives it")),
                ClaimError::Store(error) => Stays::Failed(fault::chain(&error)),
            })?;
    let resealed = collecting.reseal();
    resealed.map_err(|error| Stays::Failed(fault::chain(&error)))?;
    keep_rows(store, run)?;
    let stub = stub_of(store, run, why, request, now)?;
    let json =
        serde_json::to_vec_pretty(&stub).map_err(|error| Stays::Failed(error.to_string()))?;
    collecting
        .finish(&json, &KEPT)
        .map_err(|error| Stays::Failed(fault::chain(&error)))
}

/// The same in a shared store: log and stub change places in one step, and only
/// while the run is what was judged. What its folder holds goes after that; the
/// next time goes on with it.
fn collect_in(
    store: &Home,
    mut shared: Box<dyn PoolStore>,
    run: &RunId,
    why: &str,
    request: &CollectRequest,
    now: Timestamp,
) -> Result<u64, Stays> {
    let records = rows_to_keep(store, run)?.into_iter().map(|row| Record {
        kind: row.table,
        key: row.key,
        json: row.json.into_bytes(),
    });
    let stub = stub_of(store, run, why, request, now)?;
    let collect = Collect {
        run: run.clone(),
        next_seq: Seq(stub.lines),
        head: stub.head,
        now: SystemClock.now(),
        stub: serde_json::to_vec(&stub).map_err(|error| Stays::Failed(error.to_string()))?,
        records: records.collect(),
    };
    let failed = |error: StoreError| Stays::Failed(fault::chain(&error));
    match shared.collect(&collect).map_err(failed)? {
        Collected::Done => {}
        Collected::Held { by } => return Err(Stays::Kept(format!("{by} drives it"))),
        Collected::Moved => return Err(Stays::Kept("it went on meanwhile".into())),
        Collected::Asked => return Err(Stays::Kept("a command waits for it".into())),
    }
    Ok(stub.log.bytes + store.clear_stub(run, &KEPT).map_err(failed)?)
}

/// Incidents and lessons are handled by people, however long the run that told
/// of them is there.
fn rows_to_keep(store: &Home, run: &RunId) -> Result<Vec<DomainRow>, Stays> {
    let rows = rows_of(store, run).map_err(|error| fault::chain(&error))?;
    Ok(rows.map_err(|what| format!("its log cannot be read: {what}"))?)
}

/// Lays them beside the stub of a run folder, which has no tables.
fn keep_rows(store: &Home, run: &RunId) -> Result<(), Stays> {
    let rows = rows_to_keep(store, run)?;
    if rows.is_empty() {
        return Ok(());
    }
    let laid = store.lay_beside(run, ROWS, &kept_rows(&rows));
    laid.map_err(|error| Stays::Failed(fault::chain(&error)))
}

/// What will be left of a run; an error is why it is kept.
fn stub_of(
    store: &Home,
    run: &RunId,
    why: &str,
    request: &CollectRequest,
    now: Timestamp,
) -> Result<Stub, String> {
    if let Held::By(by) = held(store, run) {
        return Err(format!("it is held ({by})"));
    }
    let chain = store.verify(run).map_err(|error| fault::chain(&error))?;
    match (&chain.fault, chain.state) {
        (Some(fault), _) => return Err(format!("its log is not what was written: {fault}")),
        (None, LogState::Sealed) => {}
        (None, _) => return Err("it is not sealed".into()),
    }
    // What is removed here could not be held against the log any more.
    let report = crate::verify::verify(store, run, &VerifyOptions::default());
    let report = report.map_err(|error| error.message)?;
    if let Some(fault) = report.faults.first() {
        return Err(format!(
            "it does not verify: {}: {}",
            fault.file, fault.what
        ));
    }
    let log = store.read_raw(run).map_err(|error| fault::chain(&error))?;
    // Where seal.json holds this one not yet, collecting writes it first.
    let last = chain.last_seal.ok_or("it is not sealed")?;
    let seal = Seal::from_log(&log, last.seq, last.head).map_err(|error| fault::chain(&error))?;
    let loaded = Loaded::read(store, run).map_err(|error| error.message)?;
    let (before, last) = last_decision(run, &log);
    let row = store.get(run).map_err(|error| fault::chain(&error))?;
    let artifacts = loaded.history().artifacts().iter().map(|made| Artifact {
        step: made.step.to_string(),
        path: made.path.clone(),
        sha256: made.sha256.clone(),
        bytes: made.bytes,
    });
    let dir = store.run_dir(run);
    let whole = content_of(LOG, &log);
    // In a shared store it is no file of the folder.
    let mut removed: Vec<Content> = store
        .is_shared()
        .then(|| whole.clone())
        .into_iter()
        .collect();
    list(&dir, "", &mut removed);
    let kept = KEPT.iter().filter(|name| dir.join(name).exists());
    Ok(Stub {
        schema: Stub::SCHEMA,
        run_id: run.clone(),
        collected_at: now,
        collected_by: request.actor.to_string(),
        why: why.to_owned(),
        lines: chain.events,
        log: whole,
        head: chain.head,
        seal,
        before,
        last,
        plan_sha256: loaded.state().plan().sha256().to_owned(),
        submitter: Some(loaded.state().submitter().clone()),
        request: loaded
            .state()
            .created()
            .and_then(|made| made.request.clone()),
        row: row.ok_or("it is not there any more")?,
        artifacts: artifacts.collect(),
        removed,
        kept: kept.map(|name| (*name).to_owned()).collect(),
        digest: None,
    }
    .digested())
}

/// Every file below a folder that will be removed, with its digest.
fn list(dir: &Path, front: &str, out: &mut Vec<Content>) {
    let mut names: BTreeMap<String, std::path::PathBuf> = BTreeMap::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        names.insert(
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        );
    }
    for (name, path) in names {
        let top = front.is_empty();
        if top && (KEPT.contains(&&*name) || name == "lock" || name == "stub.json") {
            continue;
        }
        let Ok(meta) = std::fs::symlink_metadata(&path) else {
            continue;
        };
        let file = format!("{front}{name}");
        if meta.is_dir() {
            list(&path, &format!("{file}/"), out);
            continue;
        }
        let sha256 = if meta.is_file() {
            measure(&path).ok().map(|found| found.sha256)
        } else {
            None
        };
        let bytes = if meta.is_file() { meta.len() } else { 0 };
        out.push(Content {
            file,
            bytes,
            sha256,
        });
    }
}

impl Resident {
    /// Why the rules say nothing of it, or must not.
    fn blocked(&self, store: &Home) -> Option<String> {
        if !self.closed {
            return Some("it is not closed".into());
        }
        match held(store, &self.run) {
            Held::By(by) => Some(format!("it is held ({by})")),
            Held::No => None,
        }
    }
}
