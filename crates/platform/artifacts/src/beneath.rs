//! Opening what a step left, without being led elsewhere: the file that was
//! opened is the one that is judged, whatever its name leads to by then.

use crate::digest::ArtifactError;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Opens a regular file that lies beneath a folder, through links that stay in
/// it. Nothing else is ever opened: not a pipe, not a device.
pub(crate) fn open_beneath(root: &Path, path: &Path) -> Result<File, ArtifactError> {
    let unreadable = |source: std::io::Error| ArtifactError::Unreadable {
        path: path.to_owned(),
        source,
    };
    let root = root.canonicalize().map_err(unreadable)?;
    let handle = match open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()) {
        Ok(handle) => handle,
        Err(Errno::NOENT | Errno::NOTDIR) => {
            return Err(ArtifactError::Missing {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(unreadable(error.into())),
    };
    let stat = rustix::fs::fstat(&handle).map_err(|error| unreadable(error.into()))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(ArtifactError::NotAFile {
            path: path.to_owned(),
        });
    }
    let own = own_path(&handle);
    let place = std::fs::read_link(&own).map_err(unreadable)?;
    if !place.starts_with(&root) {
        return Err(ArtifactError::Outside {
            path: path.to_owned(),
            root,
        });
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(own)
        .map_err(unreadable)
}

fn own_path(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}
