//! Ending what a dead owner left of a run: found by the records in `procs/` and
//! by the environment of every process, killed through pidfds, waited for.

use crate::procfs::{self, Process};
use crate::record;
use rok_executor::{ExecutorError, Remains, Workspace};
use rok_vocabulary::RunId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long killed processes may take to go.
const PATIENCE: Duration = Duration::from_secs(10);

struct Search<'a> {
    run: &'a RunId,
    workspace: &'a Workspace,
    /// Verified by pid, start time and boot id: the leaders on record.
    leaders: BTreeMap<i32, (u64, String)>,
    /// Never to be touched: this process, its ancestors, and live attempts.
    spared: &'a dyn Fn(i32) -> bool,
}

/// Ends whatever is alive of a run's earlier attempts.
pub(crate) fn stop(
    run: &RunId,
    workspace: &Workspace,
    spared: &dyn Fn(i32) -> bool,
) -> Result<Remains, ExecutorError> {
    let boot_id = procfs::boot_id().map_err(|source| fault("read the boot id", source))?;
    let mut files = files(&workspace.procs)?;
    let mut leaders = BTreeMap::new();
    let mut live = BTreeSet::new();
    for path in &files {
        let what = format!("read {}", path.display());
        match record::read(path).map_err(|source| fault(what, source))? {
            Some(record) if spared(record.group) => {
                live.insert(path.clone());
            }
            Some(record) if record.boot_id == boot_id => {
                let step = path
                    .file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned();
                leaders.insert(record.pid, (record.start, step));
            }
            _ => {}
        }
    }
    files.retain(|path| !live.contains(path));
    let search = Search {
        run,
        workspace,
        leaders,
        spared,
    };
    let mut killed = BTreeSet::new();
    let until = Instant::now() + PATIENCE;
    loop {
        let alive = search.alive();
        let Some((pid, step)) = alive.first_key_value() else {
            break;
        };
        if Instant::now() >= until {
            return Err(ExecutorError::Unkillable {
                pid: *pid,
                step: step.1.clone(),
            });
        }
        killed.extend(end(&alive, until));
    }
    for path in files {
        let name = path.file_name().unwrap_or_default().to_owned();
        remove(&path)?;
        for kind in ["output", "error", "usage"] {
            let mut name = name.clone();
            name.push(".");
            name.push(kind);
            remove(&workspace.scratch.join(name))?;
        }
    }
    Ok(Remains {
        killed: killed.into_iter().collect(),
    })
}

impl Search<'_> {
    /// The live processes of the run's earlier attempts, with start time and
    /// step: marked by their environment, on record, in the group of one that
    /// is, or descended from one of these.
    fn alive(&self) -> BTreeMap<i32, (u64, String)> {
        let table = procfs::processes();
        let untouched = self.untouched(&table);
        let live = || {
            table
                .iter()
                .filter(|p| !p.zombie && !untouched.contains(&p.pid))
        };
        let mut found: BTreeMap<i32, (u64, String)> = BTreeMap::new();
        let mut groups: HashMap<i32, String> = HashMap::new();
        for process in &table {
            if let Some((start, step)) = self.leaders.get(&process.pid)
                && *start == process.start
            {
                // A dead leader pins its group's id until it is reaped.
                groups.insert(process.pid, step.clone());
            }
        }
        for process in live() {
            if let Some(step) = groups
                .get(&process.group)
                .cloned()
                .or_else(|| self.marked(process))
            {
                found.insert(process.pid, (process.start, step));
            }
        }
        loop {
            let before = found.len();
            for process in live() {
                if let Some((_, step)) = found.get(&process.parent).cloned() {
                    found.entry(process.pid).or_insert((process.start, step));
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }

    fn marked(&self, process: &Process) -> Option<String> {
        let environ = procfs::environ(process.pid);
        let value = |name| procfs::variable(&environ, name);
        let ours = value("ROK_RUN_ID") == Some(self.run.as_str().as_bytes())
            && value("ROK_ARTIFACTS") == Some(self.workspace.artifacts.as_os_str().as_bytes());
        ours.then(|| String::from_utf8_lossy(value("ROK_STEP_ID").unwrap_or(b"?")).into_owned())
    }

    fn untouched(&self, table: &[Process]) -> BTreeSet<i32> {
        let parents: HashMap<i32, i32> = table.iter().map(|p| (p.pid, p.parent)).collect();
        let mut out = BTreeSet::new();
        let mut pid = std::process::id().cast_signed();
        while pid > 0 && out.insert(pid) {
            pid = parents.get(&pid).copied().unwrap_or(0);
        }
        // What a live attempt started goes with it.
        for process in table {
            let mut at = process.pid;
            let mut steps = 0;
            while at > 1 && steps < table.len() {
                if (self.spared)(at) {
                    out.insert(process.pid);
                    break;
                }
                at = parents.get(&at).copied().unwrap_or(0);
                steps += 1;
            }
            if (self.spared)(process.group) {
                out.insert(process.pid);
            }
        }
        out
    }
}

/// Kills each through a pidfd that was checked to be that process, and waits.
fn end(alive: &BTreeMap<i32, (u64, String)>, until: Instant) -> Vec<i32> {
    let mut held: Vec<(i32, OwnedFd)> = Vec::new();
    for (pid, (start, _)) in alive {
        let Some(fd) = Pid::from_raw(*pid).and_then(|p| pidfd_open(p, PidfdFlags::empty()).ok())
        else {
            continue;
        };
        // The id may have been given away before the pidfd was there, not after.
        let same = procfs::process(*pid).is_some_and(|now| now.start == *start && !now.zombie);
        if same && pidfd_send_signal(&fd, Signal::KILL).is_ok() {
            held.push((*pid, fd));
        }
    }
    for (_, fd) in &held {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        // Whoever is still there is found by the next search.
        let _ = poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&left));
    }
    held.into_iter().map(|(pid, _)| pid).collect()
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, ExecutorError> {
    let what = || format!("list {}", folder.display());
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|source| fault(what(), source))?,
    };
    entries
        .map(|entry| {
            entry
                .map(|entry| entry.path())
                .map_err(|source| fault(what(), source))
        })
        .collect()
}

fn remove(path: &Path) -> Result<(), ExecutorError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(fault(format!("remove {}", path.display()), error))
        }
        _ => Ok(()),
    }
}

fn fault(what: impl Into<String>, source: io::Error) -> ExecutorError {
    ExecutorError::Io {
        what: what.into(),
        source,
    }
}
