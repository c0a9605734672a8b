//! What `/proc` says of processes. A process that vanishes meanwhile is absent,
//! never an error.

use rok_vocabulary::{Attempt, RunId, StepId};
use std::fs;
use std::io::Read as _;

/// A line of the process table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    /// Clock ticks after boot; with the pid and the boot id, it is unique.
    pub(crate) start: u64,
    /// Dead, and not reaped yet.
    pub(crate) zombie: bool,
}

/// One process; `None` when there is none of that id.
pub(crate) fn process(pid: i32) -> Option<Process> {
    // `stat` fits: 52 numbers and a name of 64 bytes at most.
    let mut buffer = [0; 2048];
    let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let length = file.read(&mut buffer).ok()?;
    parse(pid, &buffer[..length])
}

/// The name may hold anything, so fields are counted from its last `)`.
fn parse(pid: i32, stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let mut fields = std::str::from_utf8(&stat[end + 1..])
        .ok()?
        .split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    // Field 22 of proc_pid_stat(5); the group is field 5.
    let start = fields.nth(22 - 6)?.parse().ok()?;
    Some(Process {
        pid,
        parent,
        group,
        start,
        zombie: matches!(state, "Z" | "X"),
    })
}

/// The whole process table.
pub(crate) fn processes() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(process)
        .collect()
}

/// Whether anyone of a process group lives; zombies do not count.
pub(crate) fn group_lives(group: i32) -> bool {
    processes()
        .iter()
        .any(|process| process.group == group && !process.zombie)
}

/// The `NAME=value` strings that a process was started with; empty when they
/// cannot be read.
pub(crate) fn environ(pid: i32) -> Vec<u8> {
    fs::read(format!("/proc/{pid}/environ")).unwrap_or_default()
}

/// The value of a variable in what [`environ`] gave.
pub(crate) fn variable<'e>(environ: &'e [u8], name: &str) -> Option<&'e [u8]> {
    environ
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
}

/// Whose process it is, as its environment says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) run: RunId,
    pub(crate) step: StepId,
    pub(crate) attempt: Attempt,
}

pub(crate) fn mark(environ: &[u8]) -> Option<Mark> {
    let text = |name| std::str::from_utf8(variable(environ, name)?).ok();
    Some(Mark {
        run: text("ROK_RUN_ID")?.parse().ok()?,
        step: text("ROK_STEP_ID")?.parse().ok()?,
        attempt: Attempt(text("ROK_ATTEMPT")?.parse().ok()?),
    })
}

/// Identifies this boot of the machine.
pub(crate) fn boot_id() -> std::io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_name_does_not_shift_the_fields() {
        let stat = b"7 (a) R 1 (x) S 3 4 5 0 -1 0 1 2 3 4 5 6 7 8 20 0 1 0 998877 1 2 3";
        let process = parse(7, stat).unwrap();
        assert_eq!(
            (process.parent, process.group, process.start),
            (3, 4, 998_877)
        );
        assert!(!process.zombie);
    }

    #[test]
    fn this_process_is_in_the_table() {
        let me = std::process::id().cast_signed();
        let found = processes()
            .into_iter()
            .find(|process| process.pid == me)
            .unwrap();
        assert_eq!(Some(found), process(me));
        assert_eq!(process(i32::MAX), None);
    }

    #[test]
    fn marks() {
        let environ = b"A=1\0ROK_RUN_ID=r1\0ROK_STEP_ID=s\0ROK_ATTEMPT=2\0XROK=\0";
        let found = mark(environ).unwrap();
        assert_eq!(
            (found.run.as_str(), found.step.as_str(), found.attempt.0),
            ("r1", "s", 2)
        );
        assert_eq!(mark(b"ROK_RUN_ID=r1\0"), None);
        assert_eq!(variable(environ, "ROK"), None);
    }
}
