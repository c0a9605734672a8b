//! A process, told from all others that had its number or will have it.

use serde::{Deserialize, Serialize};
use std::fs;

/// Which process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// The boot that the process id is of.
    pub boot_id: String,
    /// When the process started, in clock ticks since that boot: a process id
    /// that was given out again has another start.
    pub start: u64,
}

impl Process {
    /// This one.
    pub fn this() -> Self {
        Self {
            pid: std::process::id(),
            boot_id: boot_id(),
            start: start_of("self").unwrap_or(0),
        }
    }

    /// Whether it is there still. One that has ended and whose parent has not
    /// looked yet is not.
    pub fn lives(&self) -> bool {
        self.boot_id == boot_id() && start_of(&self.pid.to_string()) == Some(self.start)
    }
}

fn boot_id() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

/// When a process started, in clock ticks since the boot; `None` when there is
/// no such process, or it has ended.
fn start_of(process: &str) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in brackets, which may hold
    // anything; the state is the first after it, the start time the 20th.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    let start = fields.nth(18)?.parse().ok()?;
    (!matches!(state, "Z" | "X" | "x")).then_some(start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_process_lives_until_it_has_ended() {
        let this = Process::this();
        assert!(this.lives());
        let other = Process {
            start: this.start + 1,
            ..this.clone()
        };
        assert!(!other.lives(), "its number was given out again");
        let before = Process {
            boot_id: "of another boot".into(),
            ..this
        };
        assert!(!before.lives());
    }

    #[test]
    fn one_that_nobody_has_waited_for_has_ended_all_the_same() {
        let mut child = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let process = Process {
            pid: child.id(),
            boot_id: boot_id(),
            start: start_of(&child.id().to_string()).unwrap(),
        };
        assert!(process.lives());
        child.kill().unwrap();
        // Its end of the pipe is closed once it has ended.
        let out = child.stdout.take().unwrap();
        assert_eq!(std::io::read_to_string(out).unwrap(), "");
        while process.lives() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(!process.lives());
    }
}
