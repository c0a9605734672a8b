//! A step in a sandbox: how its command is led through `rok __exec`, and what
//! that refuses.

use crate::places::Places;
use rok_executor::{ProcessWork, StepFailure, StepRequest};
use rok_plan::{Network, Sandbox};
use rok_sandbox::{Confinement, LAUNCH, Limits, Offer, Reach, Refusal, RefusalKind};
use rok_vocabulary::{ErrorClass, format_duration};
use rustix::process::Signal;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

const MIB: u64 = 1024 * 1024;

/// What a sandbox cannot be had for here, before anything is started.
pub(crate) fn lacks(work: &ProcessWork, launcher: Option<&Path>) -> Option<StepFailure> {
    let sandbox = work.sandbox.as_deref()?;
    let mut lacks = Offer::of_this_machine().lacks(&asked(sandbox));
    if launcher.is_none() {
        lacks.push(NO_LAUNCHER.into());
    }
    let why = || format!("its sandbox cannot be had here: {}", lacks.join("; "));
    (!lacks.is_empty()).then(|| violation(why()))
}

/// The program that starts an attempt in its sandbox, and the arguments that go
/// before those of the step.
pub(crate) fn led<'l>(
    sandbox: &Sandbox,
    request: &StepRequest,
    places: &Places,
    launcher: Option<&'l Path>,
    program: &Path,
) -> Result<(&'l Path, [OsString; 3]), StepFailure> {
    let launcher = launcher.ok_or_else(|| violation(NO_LAUNCHER))?;
    let of_step = places.own_step().into_iter();
    let order = Confinement {
        ours_read: std::iter::once(&places.inputs)
            .chain(&places.piped)
            .cloned()
            .collect(),
        ours_write: of_step.chain(places.artifacts.clone()).collect(),
        hidden: hidden(request),
        kept: kept(request),
        refusal: places.refusal.clone(),
        ..asked(sandbox)
    };
    Ok((
        launcher,
        [LAUNCH.into(), order.to_json().into(), program.into()],
    ))
}

/// What `rok __exec` said instead of becoming the program.
pub(crate) fn refused(told: &[u8]) -> StepFailure {
    match serde_json::from_slice::<Refusal>(told) {
        Ok(refusal) => {
            let class = match refusal.kind {
                RefusalKind::Machine | RefusalKind::Order => ErrorClass::SandboxViolation,
                RefusalKind::Setup => ErrorClass::ConfigError,
            };
            StepFailure::new(class, refusal.reason)
        }
        Err(error) => violation(format!(
            "it was not started in its sandbox, and why is unknown: {error}"
        )),
    }
}

/// What a shell adds to the signal that ended a program of its, to tell it on.
const BY_SHELL: i32 = 128;

/// A signal that the kernel sends where a limit of a sandbox is reached: to the
/// step, or to a program of its shell.
pub(crate) fn stopped_by(
    status: ExitStatus,
    sandbox: &Sandbox,
    failure: StepFailure,
) -> StepFailure {
    let told = status.code().map(|code| code - BY_SHELL);
    let who = if told.is_some() {
        "a program of it"
    } else {
        "it"
    };
    let signal = status.signal().or(told).and_then(Signal::from_named_raw);
    let what = match (signal, sandbox.max_cpu, sandbox.max_file_mib) {
        (Some(Signal::XCPU), Some(most), _) => format!(
            "used more processor time than its sandbox permits (max_cpu: {})",
            format_duration(most)
        ),
        (Some(Signal::XFSZ), _, Some(most)) => {
            format!("wrote a larger file than its sandbox permits (max_file_mib: {most})")
        }
        (Some(Signal::SYS), ..) => "made a system call that its sandbox does not permit".to_owned(),
        _ => return failure,
    };
    violation(format!("{who} {what}: {}", failure.reason))
}

fn asked(sandbox: &Sandbox) -> Confinement {
    let paths = |paths: &[String]| paths.iter().map(PathBuf::from).collect();
    let mib = |number: Option<u64>| number.map(|number| number.saturating_mul(MIB));
    Confinement {
        read: paths(&sandbox.read),
        write: paths(&sandbox.write),
        reach: match &sandbox.network {
            Network::None => Reach::Nobody,
            Network::Any => Reach::Anybody,
            Network::Ports { connect, bind } => Reach::Ports {
                connect: connect.clone(),
                bind: bind.clone(),
            },
        },
        limits: Limits {
            cpu_seconds: sandbox.max_cpu.map(|cpu| cpu.as_secs()),
            memory: mib(sandbox.max_memory_mib),
            open_files: sandbox.max_open_files,
            processes: sandbox.max_processes,
            file_size: mib(sandbox.max_file_mib),
        },
        ..Confinement::default()
    }
}

/// Private files of all attempts of this user.
fn hidden(request: &StepRequest) -> Vec<PathBuf> {
    let workspace = request.workspace.as_deref();
    let all = workspace.and_then(|workspace| workspace.scratch.parent());
    all.into_iter().map(Path::to_owned).collect()
}

/// The folder of run folders: a record is no step's to write.
fn kept(request: &StepRequest) -> Vec<PathBuf> {
    let workspace = request.workspace.as_deref();
    let runs = workspace.and_then(|workspace| workspace.logs.parent()?.parent());
    runs.into_iter().map(Path::to_owned).collect()
}

const NO_LAUNCHER: &str = "the program that rok is embedded in starts no steps in sandboxes: run \
                           the plan by `rok` itself, or have the program name one (`launcher`)";

fn violation(reason: impl Into<String>) -> StepFailure {
    StepFailure::new(ErrorClass::SandboxViolation, reason)
}
