//! Results of earlier runs in a folder of runs: where they stand, and whether
//! they can be believed.
//!
//! ```text
//! RUNS/.cache~/ab/cdef…json   key ─▶ run, step, seq
//! ```
//! An entry says nothing by itself. What it points to is held against the chain
//! of that run's log and against the store of contents each time.

use crate::fault;
use crate::home::{Home, SharedStore};
use rok_artifacts::{ContentStore, Digest, Place};
use rok_events::{ArtifactPlace, Body, CachedData, Event, decode};
use rok_log::Durability;
use rok_runner::{CacheAnswer, CacheHit, StepCache};
use rok_vocabulary::{RunId, Seq, StepId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An entry is a line; more is no entry.
const MAX_ENTRY: u64 = 4096;

/// The results that the runs of a folder keep.
#[derive(Debug)]
pub(crate) struct FolderCache {
    root: PathBuf,
    durability: Durability,
    /// Where the logs are; `None`: in run folders.
    store: Option<SharedStore>,
    contents: Arc<ContentStore>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    key: String,
    run: String,
    step: String,
    seq: u64,
}

impl FolderCache {
    pub(crate) fn new(
        store: &Home,
        shared: Option<SharedStore>,
        contents: Arc<ContentStore>,
    ) -> Self {
        Self {
            root: store.root().to_owned(),
            durability: store.durability(),
            store: shared,
            contents,
        }
    }

    fn path(&self, key: &str) -> Option<PathBuf> {
        let (shard, rest) = key.split_at_checked(2)?;
        Some(index(&self.root).join(shard).join(format!("{rest}.json")))
    }

    fn entry(&self, key: &str) -> Result<Option<Entry>, String> {
        let Some(path) = self.path(key) else {
            return Ok(None);
        };
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            File::open(&path)?.take(MAX_ENTRY).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = match read() {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("its entry cannot be read: {error}")),
        };
        match serde_json::from_slice::<Entry>(&bytes) {
            Ok(entry) if entry.key == key => Ok(Some(entry)),
            _ => Err("its entry is damaged".into()),
        }
    }

    /// What an entry points to, believed by nothing but log and store.
    fn proved(&self, key: &str, entry: &Entry) -> Result<CacheHit, String> {
        let run: RunId = entry.run.parse().map_err(|_| "its entry names no run")?;
        let (root, durability) = (self.root.clone(), self.durability);
        let store = match &self.store {
            Some(store) => Home::shared(root, durability, store),
            None => Home::folders(root, durability),
        };
        let chain = store.verify(&run).map_err(|error| fault::chain(&error))?;
        if let Some(fault) = chain.fault {
            return Err(format!("the log of run {run} is not intact: {fault}"));
        }
        let log = store.read(&run).map_err(|error| fault::chain(&error))?;
        let lines: Vec<&[u8]> = log.lines().take(entry.seq as usize + 1).collect();
        let told = lines.get(entry.seq as usize).ok_or("its log is shorter")?;
        let mut told = event(told, &run)?;
        rok_runner::results(Arc::clone(&self.contents)).fill(&mut told)?;
        let Body::StepSucceeded {
            step,
            attempt,
            data,
        } = &told.body
        else {
            return Err(format!("event {} of run {run} is no success", entry.seq));
        };
        let same = data.inputs_sha256.as_deref() == Some(key) && step.as_str() == entry.step;
        if !same || data.cached.is_some() {
            return Err(format!("event {} of run {run} is of other work", entry.seq));
        }
        let mut artifacts = Vec::new();
        for line in lines.iter().rev().skip(1) {
            match event(line, &run)?.body {
                Body::ArtifactEmitted {
                    step: by,
                    attempt: of,
                    path,
                    sha256,
                    bytes,
                    place,
                    executable,
                } if by == *step && of == *attempt => {
                    let digest = Digest { sha256, bytes };
                    self.contents
                        .check(&digest)
                        .map_err(|error| fault::chain(&error))?;
                    artifacts.push((path, place_of(place), digest, executable));
                }
                Body::ArtifactQuarantined { step: by, .. } if by == *step => {}
                _ => break,
            }
        }
        artifacts.reverse();
        Ok(CacheHit {
            from: CachedData {
                run: entry.run.clone(),
                step: entry.step.clone(),
                seq: entry.seq,
            },
            outputs: data
                .outputs
                .as_ref()
                .map_or(Value::Null, |outputs| (**outputs).clone()),
            artifacts,
        })
    }

    fn write(&self, path: &Path, entry: &Entry) -> io::Result<()> {
        let folder = path.parent().unwrap_or(&self.root);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)?;
        file.write_all(&serde_json::to_vec(entry)?)?;
        let durable = self.durability == Durability::Fsync;
        if durable {
            file.sync_all()?;
        }
        fs::rename(&new, path)?;
        if durable {
            File::open(folder)?.sync_all()?;
        }
        Ok(())
    }
}

impl StepCache for FolderCache {
    fn find(&self, key: &str) -> CacheAnswer {
        let found = self.entry(key).and_then(|entry| match entry {
            Some(entry) => self.proved(key, &entry).map(Some),
            None => Ok(None),
        });
        match found {
            Ok(Some(hit)) => CacheAnswer::Hit(Box::new(hit)),
            Ok(None) => CacheAnswer::Miss(None),
            Err(why) => CacheAnswer::Miss(Some(format!("an earlier result is not taken: {why}"))),
        }
    }

    fn keep(&self, key: &str, run: &RunId, step: &StepId, seq: Seq) {
        let entry = Entry {
            key: key.to_owned(),
            run: run.to_string(),
            step: step.to_string(),
            seq: seq.0,
        };
        if let Some(path) = self.path(key) {
            // What is not found is done again.
            let _ = self.write(&path, &entry);
        }
    }
}

pub(crate) fn event(line: &[u8], run: &RunId) -> Result<Event, String> {
    decode(line, run)
        .map(|decoded| decoded.event)
        .map_err(|error| fault::chain(&error))
}

pub(crate) const fn place_of(place: ArtifactPlace) -> Place {
    match place {
        ArtifactPlace::Cwd => Place::Cwd,
        ArtifactPlace::Run => Place::Run,
    }
}

/// The folder of entries beside the runs; its name is no run's.
pub(crate) fn index(root: &Path) -> PathBuf {
    root.join(".cache~")
}
