//! All runs of a folder: how large each is, what it names, who its kin are,
//! and which of them the rules name.

use crate::fault;
use crate::home::Home;
use rok_facades::runs::{CollectReport, CollectRequest, KeptRun, RunsError};
use rok_log::{RunEntry, RunFilter, StoreError};
use rok_vocabulary::{RunId, Timestamp, format_duration};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// One run.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) run: RunId,
    pub(super) closed: bool,
    /// It is told already that it is kept, and why.
    broken: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    bytes: u64,
    /// The run that it is a part of.
    parent: Option<RunId>,
    names: Names,
}

/// The contents that a log names, with their bytes, and how long it was.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    pub(super) contents: Vec<(String, u64)>,
    /// Its bytes.
    log: u64,
    /// What grows with it.
    length: u64,
}

/// All runs of a folder.
#[derive(Debug)]
pub(super) struct House<'a> {
    store: &'a Home,
    runs: BTreeMap<RunId, Resident>,
    stubs: Vec<RunId>,
    broken: Vec<KeptRun>,
    /// Runs that were collected since.
    gone: BTreeSet<RunId>,
}

#[derive(Deserialize)]
struct Line<'a> {
    event_type: &'a str,
    #[serde(default)]
    data: Data,
}

#[derive(Default, Deserialize)]
struct Data {
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    bytes: u64,
    #[serde(default)]
    outputs_ref: Option<Ref>,
    #[serde(default)]
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct Ref {
    sha256: String,
    bytes: u64,
}

#[derive(Deserialize)]
struct Parent {
    run: RunId,
}

/// What a run's log names: artifacts, and results too large for a line.
pub(super) fn names(store: &Home, run: &RunId) -> Result<(Names, Option<RunId>), StoreError> {
    // Before it is read: what comes meanwhile is read again.
    let length = store.length(run)?;
    // Of a log that is not what was written, everything that it may name.
    let log = store.read_raw(run)?;
    let mut out = Names {
        contents: Vec::new(),
        log: log.len() as u64,
        length,
    };
    let mut parent = None;
    for line in log.split(|byte| *byte == b'\n') {
        let may = |word: &[u8]| memchr::memmem::find(line, word).is_some();
        if !may(b"artifact.") && !may(b"outputs_ref") && !may(b"\"run.created\"") {
            continue;
        }
        let Ok(line) = serde_json::from_slice::<Line<'_>>(line) else {
            continue;
        };
        let Data {
            sha256,
            bytes,
            outputs_ref,
            parent: of,
        } = line.data;
        if line.event_type == "artifact.emitted" {
            out.contents.extend(sha256.map(|sha256| (sha256, bytes)));
        }
        if line.event_type == "run.created" {
            parent = of.map(|of| of.run);
        }
        out.contents
            .extend(outputs_ref.map(|of| (of.sha256, of.bytes)));
    }
    Ok((out, parent))
}

impl<'a> House<'a> {
    /// Looks at every run.
    pub(super) fn look(store: &'a Home) -> Result<Self, RunsError> {
        let mut house = Self {
            store,
            runs: BTreeMap::new(),
            stubs: Vec::new(),
            broken: Vec::new(),
            gone: BTreeSet::new(),
        };
        let entries = store
            .list(&RunFilter::default())
            .map_err(|error| fault::store(&error))?;
        for entry in entries {
            match entry {
                RunEntry::Collected { run, .. } => house.stubs.push(run),
                RunEntry::Broken { name, why } => {
                    house.look_at_broken(&name, &why)?;
                }
                RunEntry::Run { run, row } => {
                    let (names, parent) = match names(store, &run) {
                        Ok(names) => names,
                        // Somebody else collects, and was faster.
                        Err(StoreError::Collected { .. }) => {
                            house.stubs.push(run);
                            continue;
                        }
                        Err(error) => return Err(fault::store(&error)),
                    };
                    let resident = Resident {
                        closed: row.phase.is_terminal(),
                        broken: false,
                        created_at: row.created_at,
                        updated_at: row.updated_at,
                        bytes: store.size(&run, names.log),
                        parent,
                        names,
                        run: run.clone(),
                    };
                    house.runs.insert(run, resident);
                }
            }
        }
        Ok(house)
    }

    /// What cannot be read is never collected, and what it may name is kept. A
    /// folder of which nothing is known makes all contents unsure.
    fn look_at_broken(&mut self, name: &str, why: &str) -> Result<(), RunsError> {
        let failed = |error: StoreError| fault::store(&error);
        if let Ok(run) = name.parse::<RunId>()
            && self.store.has_log(&run).map_err(failed)?
        {
            let (names, parent) = names(self.store, &run).map_err(failed)?;
            let resident = Resident {
                closed: false,
                broken: true,
                created_at: Timestamp::default(),
                updated_at: Timestamp::default(),
                bytes: self.store.size(&run, names.log),
                parent,
                names,
                run: run.clone(),
            };
            self.runs.insert(run, resident);
        }
        self.broken.push(KeptRun {
            run_id: name.to_owned(),
            why: format!("it cannot be read: {why}"),
        });
        Ok(())
    }

    pub(super) fn unreadable(&self) -> Vec<KeptRun> {
        self.broken.clone()
    }

    pub(super) fn stubs(&self) -> &[RunId] {
        &self.stubs
    }

    pub(super) fn forget(&mut self, run: &RunId) {
        self.runs.remove(run);
        self.gone.insert(run.clone());
    }

    /// Whether a run was not there when the house was looked at.
    pub(super) fn is_new(&self, run: &RunId) -> bool {
        !self.has(run) && !self.gone.contains(run) && !self.stubs.contains(run)
    }

    pub(super) fn has(&self, run: &RunId) -> bool {
        self.runs.contains_key(run)
    }

    /// Every content that a run names.
    pub(super) fn named(&self) -> HashSet<String> {
        let all = self.runs.values().flat_map(|of| &of.names.contents);
        all.map(|(sha256, _)| sha256.clone()).collect()
    }

    /// How long the log of a run was when it was looked at.
    pub(super) fn length_of(&self, run: &RunId) -> Option<u64> {
        self.runs.get(run).map(|of| of.names.length)
    }

    /// Bytes of all runs, and of the contents that they name.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes_without(&BTreeMap::new())
    }

    fn bytes_without(&self, gone: &BTreeMap<RunId, String>) -> u64 {
        let mut contents: HashMap<&str, u64> = HashMap::new();
        let mut bytes = 0;
        for (run, of) in &self.runs {
            if gone.contains_key(run) {
                continue;
            }
            bytes += of.bytes;
            for (sha256, size) in &of.names.contents {
                contents.insert(sha256, *size);
            }
        }
        bytes + contents.values().sum::<u64>()
    }

    /// The runs that the rules name, with the rule, oldest first; what is kept
    /// against a rule is told.
    pub(super) fn choose(
        &self,
        request: &CollectRequest,
        now: Timestamp,
        report: &mut CollectReport,
    ) -> Vec<(RunId, String)> {
        let mut oldest: Vec<&Resident> = self.runs.values().collect();
        oldest.sort_by_key(|of| (of.updated_at, of.created_at));
        let newest = self.newest(request.keep);
        let only_keep = request.older_than.is_none() && request.max_bytes.is_none();
        let mut chosen: BTreeMap<RunId, String> = BTreeMap::new();
        for of in &oldest {
            let age = now.since(of.updated_at);
            let old = request.older_than.filter(|limit| age > *limit);
            let why = match old {
                Some(limit) => format!("closed more than {} ago", format_duration(limit)),
                None if only_keep && !newest.contains(&of.run) => {
                    format!("not among the newest {}", request.keep.unwrap_or_default())
                }
                None => continue,
            };
            self.offer(of, why, &newest, &mut chosen, report);
        }
        self.keep_families(&mut chosen, report);
        if let Some(max) = request.max_bytes {
            for of in &oldest {
                if self.bytes_without(&chosen) <= max {
                    break;
                }
                if chosen.contains_key(&of.run) {
                    continue;
                }
                let why = format!("the oldest, to leave no more than {max} bytes");
                let mut more = chosen.clone();
                for kin in self.family(&of.run) {
                    self.offer(&self.runs[&kin], why.clone(), &newest, &mut more, report);
                }
                self.keep_families(&mut more, report);
                chosen = more;
            }
        }
        let mut out = Vec::new();
        for of in oldest {
            out.extend(chosen.remove(&of.run).map(|why| (of.run.clone(), why)));
        }
        report.kept.sort_by(|a, b| a.run_id.cmp(&b.run_id));
        report.kept.dedup();
        out
    }

    fn offer(
        &self,
        of: &Resident,
        why: String,
        newest: &BTreeSet<RunId>,
        chosen: &mut BTreeMap<RunId, String>,
        report: &mut CollectReport,
    ) {
        if of.broken || newest.contains(&of.run) {
            return;
        }
        match of.blocked(self.store) {
            None => drop(chosen.insert(of.run.clone(), why)),
            Some(why) => report.kept.push(KeptRun {
                run_id: of.run.to_string(),
                why,
            }),
        }
    }

    fn newest(&self, keep: Option<usize>) -> BTreeSet<RunId> {
        let mut all: Vec<&Resident> = self.runs.values().collect();
        all.sort_by_key(|of| std::cmp::Reverse((of.created_at, of.updated_at)));
        let newest = all.into_iter().take(keep.unwrap_or_default());
        newest.map(|of| of.run.clone()).collect()
    }

    /// A run, those that it is a part of, and those that are parts of it.
    fn family(&self, run: &RunId) -> BTreeSet<RunId> {
        let mut family = BTreeSet::from([run.clone()]);
        loop {
            let before = family.len();
            for of in self.runs.values() {
                if let Some(parent) = &of.parent
                    && self.runs.contains_key(parent)
                    && (family.contains(&of.run) || family.contains(parent))
                {
                    family.insert(of.run.clone());
                    family.insert(parent.clone());
                }
            }
            if family.len() == before {
                return family;
            }
        }
    }

    /// A family is collected whole, or not at all.
    fn keep_families(&self, chosen: &mut BTreeMap<RunId, String>, report: &mut CollectReport) {
        let runs: Vec<RunId> = chosen.keys().cloned().collect();
        for run in runs {
            let kin = self.family(&run);
            let kept = kin.iter().find(|kin| !chosen.contains_key(*kin));
            if let Some(kept) = kept {
                report.kept.push(KeptRun {
                    run_id: run.to_string(),
                    why: format!(
                        "run {kept}, of which it is a part or which is a part of it, is kept"
                    ),
                });
                chosen.remove(&run);
            }
        }
    }
}
