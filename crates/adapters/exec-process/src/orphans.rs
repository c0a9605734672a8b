//! What a step left outside its process group, found by a child subreaper.
//!
//! An orphan below a subreaper becomes a child of the subreaper's main thread.
//! Whose it is says its environment; one that says nothing (`env -i`) is kept
//! as long as any attempt lives that may have started it.

use crate::procfs::{self, Mark, Process};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// A live attempt, as an orphan's possible origin.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    pub(crate) mark: &'a Mark,
    /// When its leader started: it cannot be the origin of anything older.
    pub(crate) start: u64,
}

#[derive(Debug)]
pub(crate) struct Orphans {
    me: i32,
    /// `None` where the kernel does not list children; then the whole process
    /// table is read.
    children: Option<File>,
    buffer: Vec<u8>,
}

impl Orphans {
    pub(crate) fn new() -> Self {
        let me = std::process::id().cast_signed();
        let children = File::open(format!("/proc/{me}/task/{me}/children")).ok();
        Self {
            me,
            children,
            buffer: vec![0; 4096],
        }
    }

    /// Reaps dead orphans and kills those of the attempt that ends. Gives those
    /// that are still alive: it is over when there are none.
    pub(crate) fn sweep<'a>(
        &mut self,
        ending: &Mark,
        others: &(impl Iterator<Item = Origin<'a>> + Clone),
        is_leader: impl Fn(i32) -> bool,
    ) -> Vec<i32> {
        loop {
            let mut left = Vec::new();
            let mut reaped = false;
            for pid in self.list() {
                if is_leader(pid) {
                    continue;
                }
                let Some(process) = procfs::process(pid) else {
                    continue;
                };
                if process.zombie {
                    // Gone either way; an error means that somebody was faster.
                    let _ = wait4::try_wait4_pid(pid.cast_unsigned());
                    reaped = true;
                } else if belongs(process, ending, others.clone()) {
                    kill(process);
                    left.push(pid);
                }
            }
            // One that died after the list was made has left its children to
            // us: they are on the next.
            if !left.is_empty() || !reaped {
                return left;
            }
        }
    }

    fn list(&mut self) -> Vec<i32> {
        let Some(file) = &self.children else {
            let all = procfs::processes().into_iter();
            return all
                .filter(|process| process.parent == self.me)
                .map(|p| p.pid)
                .collect();
        };
        let mut length = 0;
        loop {
            match file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) | Err(_) => break,
                Ok(read) => length += read,
            }
            if length == self.buffer.len() {
                self.buffer.resize(length * 2, 0);
            }
        }
        let text = std::str::from_utf8(&self.buffer[..length]).unwrap_or_default();
        text.split_ascii_whitespace()
            .filter_map(|pid| pid.parse().ok())
            .collect()
    }
}

fn belongs<'a>(
    orphan: Process,
    ending: &Mark,
    mut others: impl Iterator<Item = Origin<'a>> + Clone,
) -> bool {
    let mark = procfs::mark(&procfs::environ(orphan.pid));
    if mark.as_ref() == Some(ending) {
        return true;
    }
    match mark {
        Some(mark) if others.clone().any(|other| *other.mark == mark) => false,
        // Of an attempt that is over, of a run within a step, or of nobody.
        _ => !others.any(|other| other.start <= orphan.start),
    }
}

/// It is a child of ours and not reaped, so its id is its own.
fn kill(orphan: Process) {
    let Some(pid) = Pid::from_raw(orphan.pid) else {
        return;
    };
    // What cannot be killed is found alive by the next sweep.
    let _ = kill_process(pid, Signal::KILL);
    if orphan.group == orphan.pid {
        let _ = kill_process_group(pid, Signal::KILL);
    }
}
