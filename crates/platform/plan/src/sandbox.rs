//! What a step's processes may reach and use.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;
use rok_vocabulary::format_duration;

/// What the processes of a step may reach and use. All else is refused by the
/// kernel of the machine; where that cannot do so, the step does not start.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// Files and folders that they may read and execute, besides the system's
    /// programs and libraries and the step's working directory.
    pub read: Vec<String>,
    /// Files and folders that they may change, besides their own scratch folder
    /// and the run's artifacts.
    pub write: Vec<String>,
    /// Whom they may talk to.
    pub network: Network,
    /// Processor time of each process.
    pub max_cpu: Option<Duration>,
    /// Address space of each process.
    pub max_memory_mib: Option<u64>,
    /// Open files of each process.
    pub max_open_files: Option<u64>,
    /// Processes and threads at once.
    pub max_processes: Option<u64>,
    /// The size of each file that they write.
    pub max_file_mib: Option<u64>,
}

/// Whom the processes of a step may talk to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Network {
    /// Nobody: not even sockets of this machine.
    #[default]
    None,
    /// By TCP alone, and by these ports alone.
    Ports {
        /// To which they may connect.
        connect: Vec<u16>,
        /// On which they may listen.
        bind: Vec<u16>,
    },
    /// Anybody.
    Any,
}

impl fmt::Display for Sandbox {
    /// What it permits, in a line: `reads data, writes out; no network; 512 MiB of memory`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for (does, paths) in [("reads", &self.read), ("writes", &self.write)] {
            if !paths.is_empty() {
                parts.push(format!("{does} {}", paths.join(", ")));
            }
        }
        parts.push(self.network.to_string());
        let limits = [
            (self.max_cpu.map(format_duration), "of processor time"),
            (self.max_memory_mib.map(mib), "of memory"),
            (self.max_open_files.map(|n| n.to_string()), "open files"),
            (self.max_processes.map(|n| n.to_string()), "processes"),
            (self.max_file_mib.map(mib), "a file"),
        ];
        for (limit, what) in limits {
            parts.extend(limit.map(|limit| format!("{limit} {what}")));
        }
        f.write_str(&parts.join("; "))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ports: &[u16]| {
            let ports = ports.iter().map(ToString::to_string);
            ports.collect::<Vec<String>>().join(", ")
        };
        match self {
            Self::None => f.write_str("no network"),
            Self::Any => f.write_str("any network"),
            Self::Ports { connect, bind } => {
                let mut parts = Vec::new();
                for (does, ports) in [("connects to", connect), ("listens on", bind)] {
                    if !ports.is_empty() {
                        parts.push(format!("{does} TCP {}", list(ports)));
                    }
                }
                f.write_str(&parts.join(", "))
            }
        }
    }
}

fn mib(number: u64) -> String {
    format!("{number} MiB")
}
