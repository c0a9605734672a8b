//! Resource limits.

use crate::confinement::{Limits, Refusal};
use rustix::process::{Resource, Rlimit, getrlimit, getuid, setrlimit};
use std::fs;

/// Limits, ready to be laid on: nothing is looked up any more.
#[derive(Debug)]
pub(crate) struct Ready(Vec<(Resource, u64)>);

/// What is to be limited, and to what.
pub(crate) fn prepare(limits: &Limits) -> Ready {
    // No core file: memory of a step may hold a secret.
    let mut ready = vec![(Resource::Core, 0)];
    let mut add = |resource, limit: Option<u64>| ready.extend(limit.map(|limit| (resource, limit)));
    add(Resource::Cpu, limits.cpu_seconds);
    add(Resource::Nofile, limits.open_files);
    add(Resource::Fsize, limits.file_size);
    // Of one process, the filter of system calls sees to it.
    let several = limits.processes.filter(|most| *most > 1);
    add(
        Resource::Nproc,
        several.map(|most| most.saturating_add(of_user())),
    );
    // Last: what is allocated after it may fail.
    add(Resource::As, limits.memory);
    Ready(ready)
}

impl Ready {
    /// Lays them on. A limit that is there already is only ever lowered.
    pub(crate) fn lay_on(&self) -> Result<(), Refusal> {
        for (resource, limit) in &self.0 {
            let maximum = getrlimit(*resource).maximum;
            let most = maximum.map_or(*limit, |before| before.min(*limit));
            // At the soft limit of processor time comes SIGXCPU, which says
            // why; a second later the hard one kills.
            let hard = match resource {
                Resource::Cpu => maximum.map_or(most + 1, |before| before.min(most + 1)),
                _ => most,
            };
            let new = Rlimit {
                current: Some(most),
                maximum: Some(hard),
            };
            setrlimit(*resource, new).map_err(|error| {
                Refusal::machine(format!("cannot limit {resource:?} to {most}: {error}"))
            })?;
        }
        Ok(())
    }
}

/// How many processes and threads the user has besides this one: the kernel
/// counts them together with those of the step.
fn of_user() -> u64 {
    let user = getuid().as_raw().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let threads = entries.filter_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_ascii_whitespace().nth(1)
        };
        (field("Uid:")? == user).then_some(())?;
        field("Threads:")?.parse::<u64>().ok()
    });
    threads.sum::<u64>().saturating_sub(1)
}
