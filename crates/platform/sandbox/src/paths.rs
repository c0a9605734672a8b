//! The paths of a confinement, opened: what a rule names is what was looked at,
//! whatever happens to the name afterwards.

use crate::confinement::{Confinement, Refusal};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, fstat, open, openat2};
use rustix::io::Errno;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

/// A path that is open, and not for reading or writing.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) fd: OwnedFd,
    pub(crate) is_folder: bool,
}

/// What every program needs of the system: its own programs, libraries and
/// their settings. Nothing here may be changed.
const SYSTEM: [&str; 44] = [
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/java",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/locale.alias",
    "/etc/localtime",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/networks",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
];

/// Devices that hold nothing.
const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];

/// The standard streams, which a script may name by these.
const STREAMS: [&str; 3] = ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"];

/// Everything that a process may open.
#[derive(Debug)]
pub(crate) struct Paths {
    pub(crate) read: Vec<Opened>,
    pub(crate) write: Vec<Opened>,
    /// Files that may be written as they are: devices, the log.
    pub(crate) devices: Vec<Opened>,
}

impl Paths {
    /// Opens all of them, the working directory and the program among them.
    pub(crate) fn open(order: &Confinement, program: &Path) -> Result<Self, Refusal> {
        let ours = |paths: &[PathBuf]| -> Result<Vec<Opened>, Refusal> {
            let opened = paths.iter().map(|path| followed(path));
            opened
                .collect::<Result<_, _>>()
                .map_err(|(path, error)| unopened(&path, error))
        };
        let hidden = real(&order.hidden);
        let kept: Vec<PathBuf> = real(&order.kept);
        let mut read = system(&SYSTEM);
        read.extend(ours(&order.ours_read)?);
        for path in &order.read {
            read.push(of_plan("read", path, &hidden)?);
        }
        // Its program, wherever it lies; what it names in turn, it must name.
        read.extend(followed(program).ok());
        let here = followed(Path::new("."));
        let here = here.map_err(|(path, error)| unopened(&path, error))?;
        refuse_holding(&here, "the working directory", &hidden)?;
        read.push(here);
        let mut write = ours(&order.ours_write)?;
        let all: Vec<PathBuf> = hidden.into_iter().chain(kept).collect();
        for path in &order.write {
            write.push(of_plan("write", path, &all)?);
        }
        let mut devices = system(&DEVICES);
        devices.extend(streams());
        Ok(Self {
            read,
            write,
            devices,
        })
    }
}

/// What there is of these; what there is not needs no rule.
fn system(paths: &[&str]) -> Vec<Opened> {
    let found = paths
        .iter()
        .filter_map(|path| followed(Path::new(path)).ok());
    found.collect()
}

/// The streams that are files: a pipe needs no rule.
fn streams() -> impl Iterator<Item = Opened> {
    let found = STREAMS
        .iter()
        .filter_map(|path| followed(Path::new(path)).ok());
    found.filter(|opened| {
        fstat(&opened.fd)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile)
    })
}

/// A path of ours or of the system, wherever it leads.
fn followed(path: &Path) -> Result<Opened, (PathBuf, Errno)> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let opened = open(path, flags, Mode::empty()).and_then(opened);
    opened.map_err(|error| (path.to_owned(), error))
}

fn opened(fd: OwnedFd) -> Result<Opened, Errno> {
    let stat = fstat(&fd)?;
    let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    Ok(Opened { fd, is_folder })
}

/// A path of the plan. Through a symbolic link, whoever may write beside it
/// could decide what it means.
fn of_plan(key: &str, path: &Path, without: &[PathBuf]) -> Result<Opened, Refusal> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let shown = path.display();
    let opened = match openat2(CWD, path, flags, Mode::empty(), resolve).and_then(opened) {
        Ok(opened) => opened,
        Err(Errno::LOOP) => {
            let to = path.canonicalize().ok();
            let to = to.map(|to| format!(": write `{}`", to.display()));
            return Err(Refusal::order(format!(
                "`{key}` of its sandbox: `{shown}` leads through a symbolic link, which others could \
                 turn elsewhere{}",
                to.unwrap_or_default()
            )));
        }
        Err(error) => {
            return Err(Refusal::setup(format!(
                "`{key}` of its sandbox: `{shown}`: {error}; what a sandbox names must be there when the step starts"
            )));
        }
    };
    refuse_holding(
        &opened,
        &format!("`{key}` of its sandbox: `{shown}`"),
        without,
    )?;
    Ok(opened)
}

fn refuse_holding(opened: &Opened, what: &str, without: &[PathBuf]) -> Result<(), Refusal> {
    let place = std::fs::read_link(format!("/proc/self/fd/{}", opened.fd.as_raw_fd()));
    let place = place.map_err(|error| Refusal::machine(format!("{what}: {error}")))?;
    match without.iter().find(|kept| kept.starts_with(&place)) {
        None => Ok(()),
        Some(kept) => Err(Refusal::order(format!(
            "{what} holds {}, which belongs to rok: name the folders in it that are meant, or keep \
             the runs elsewhere (`--dir`, `TMPDIR`)",
            kept.display()
        ))),
    }
}

fn real(paths: &[PathBuf]) -> Vec<PathBuf> {
    let real = paths.iter().map(|path| path.canonicalize());
    real.zip(paths)
        .map(|(real, path)| real.unwrap_or_else(|_| path.clone()))
        .collect()
}

fn unopened(path: &Path, error: Errno) -> Refusal {
    Refusal::setup(format!("its sandbox: {}: {error}", path.display()))
}
