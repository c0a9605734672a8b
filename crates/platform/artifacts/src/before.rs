//! What stood where a step's artifacts are declared before it began: that is
//! no result of the step, unless the step changes it.

use crate::declared::{Declared, Roots, State, candidates};
use crate::digest::{ArtifactError, Digest};
use crate::store::store_fault;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// File systems stamp changes by a clock that ticks; within one tick two
/// changes look like one.
const TICK: Duration = Duration::from_millis(10);

/// What stood there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Before {
    /// When that was, in nanoseconds of the system's clock.
    taken_ns: i64,
    /// Nobody looked: what was changed since `taken_ns` is new.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    unknown: bool,
    /// By the digest of its path: names are nobody's affair.
    files: BTreeMap<String, State>,
}

impl Before {
    /// Looks at everything that stands where artifacts are declared.
    pub fn look(declared: &[Declared], roots: &Roots) -> Result<Self, ArtifactError> {
        loop {
            let mut files = BTreeMap::new();
            let mut last = i64::MIN;
            for declared in declared {
                for candidate in candidates(declared, roots)? {
                    if let Some(state) = State::of(&candidate.file) {
                        last = last.max(state.changed_ns());
                        files.insert(key(&candidate.file), state);
                    }
                }
            }
            let taken_ns = now_ns();
            // What was changed just now must not be changed again unseen.
            let since = taken_ns.saturating_sub(last);
            let tick = TICK.as_nanos() as i64;
            if !(0..tick).contains(&since) {
                return Ok(Self {
                    taken_ns,
                    unknown: false,
                    files,
                });
            }
            std::thread::sleep(Duration::from_nanos((tick - since) as u64));
        }
    }

    /// Knows of nothing: what was changed since an instant is the step's.
    #[must_use]
    pub fn unknown(since: SystemTime) -> Self {
        let since = since.checked_sub(TICK * 2).unwrap_or(since);
        Self {
            taken_ns: ns(since),
            unknown: true,
            files: BTreeMap::new(),
        }
    }

    /// Whether what stands at a path has come or changed since.
    #[must_use]
    pub fn is_new(&self, file: &Path) -> bool {
        let Some(now) = State::of(file) else {
            return false;
        };
        match self.files.get(&key(file)) {
            Some(then) => *then != now,
            // What is moved here keeps its time; that it was not here tells.
            None if !self.unknown => true,
            None => now.changed_ns() >= self.taken_ns,
        }
    }

    /// Whether something stood at a path before.
    pub(crate) fn knew(&self, file: &Path) -> bool {
        self.files.contains_key(&key(file))
    }

    /// Whether something stood at a path before, as far as anybody knows.
    pub(crate) fn may_have_known(&self, file: &Path) -> bool {
        self.unknown || self.knew(file)
    }

    /// Writes it down for the next owner, who may have to tell what a killed
    /// attempt left.
    pub fn save(&self, to: &Path) -> Result<(), ArtifactError> {
        let fault = |source| store_fault("write", to, source);
        if let Some(folder) = to.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .create(folder)
                .map_err(fault)?;
        }
        let new = to.with_extension("new");
        let json = serde_json::to_vec(self).expect("it is texts and numbers");
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new)
            .map_err(fault)?;
        file.write_all(&json)
            .and_then(|()| fs::rename(&new, to))
            .map_err(fault)
    }

    /// Reads what was written down; `None` when that is nothing, or damaged.
    #[must_use]
    pub fn load(from: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(from).ok()?).ok()
    }
}

fn key(file: &Path) -> String {
    let mut key = Digest::of(file.as_os_str().as_bytes()).sha256;
    key.truncate(32);
    key
}

fn now_ns() -> i64 {
    ns(SystemTime::now())
}

fn ns(at: SystemTime) -> i64 {
    let since = at
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_nanos()).unwrap_or(i64::MAX)
}
