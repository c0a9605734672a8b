//! Opening what a step left, without being led elsewhere: what was opened is
//! what is judged, whatever its name leads to by then. Nothing is read, moved,
//! removed or written but through a handle that was found to lie beneath.

use crate::digest::ArtifactError;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

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
    let own = own_path(&handle);
    let place = std::fs::read_link(&own).map_err(unreadable)?;
    if !place.starts_with(&root) {
        return Err(ArtifactError::Outside {
            path: path.to_owned(),
            root,
        });
    }
    let stat = rustix::fs::fstat(&handle).map_err(|error| unreadable(error.into()))?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file() {
        return Err(ArtifactError::NotAFile {
            path: path.to_owned(),
        });
    }
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(own)
        .map_err(unreadable)
}

/// A folder that lies beneath another one, held open: a name in it cannot be
/// led elsewhere by a link that comes into the place of the folder.
#[derive(Debug)]
pub(crate) struct Folder {
    handle: OwnedFd,
}

impl Folder {
    /// Opens a folder beneath a root, through links that stay in it; `None`
    /// where there is none.
    pub(crate) fn beneath(root: &Path, folder: &Path) -> Result<Option<Self>, ArtifactError> {
        let unreadable = |source: std::io::Error| ArtifactError::Unreadable {
            path: folder.to_owned(),
            source,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = match open(folder, flags, Mode::empty()) {
            Ok(handle) => handle,
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(error) => return Err(unreadable(error.into())),
        };
        let root = root.canonicalize().map_err(unreadable)?;
        let place = std::fs::read_link(own_path(&handle)).map_err(unreadable)?;
        if place.starts_with(&root) {
            return Ok(Some(Self { handle }));
        }
        Err(ArtifactError::Outside {
            path: folder.to_owned(),
            root,
        })
    }

    /// As [`Folder::beneath`]; what is missing of it is made, step by step, each
    /// within the one before.
    pub(crate) fn made_beneath(root: &Path, folder: &Path) -> Result<Self, ArtifactError> {
        if let Some(found) = Self::beneath(root, folder)? {
            return Ok(found);
        }
        let outside = || ArtifactError::Outside {
            path: folder.to_owned(),
            root: root.to_owned(),
        };
        let (Some(above), Some(name)) = (folder.parent(), folder.file_name()) else {
            return Err(outside());
        };
        if folder == root {
            return Err(ArtifactError::Missing {
                path: folder.to_owned(),
            });
        }
        // Held open while a name in it is used.
        let above = Self::made_beneath(root, above)?;
        match std::fs::create_dir(above.at(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(ArtifactError::Store {
                    what: "make",
                    path: folder.to_owned(),
                    source: error,
                });
            }
            _ => {}
        }
        Self::beneath(root, folder)?.ok_or_else(outside)
    }

    /// A name in it.
    pub(crate) fn at(&self, name: &OsStr) -> PathBuf {
        own_path(&self.handle).join(name)
    }
}

/// The first link on the way to a relative path that leads out of its root, as
/// far as the folders go that the path lies in.
pub(crate) fn way_out(root: &Path, folder: &Path) -> Option<PathBuf> {
    let bound = root.canonicalize().ok()?;
    let mut way = PathBuf::new();
    for part in folder.components() {
        let Component::Normal(name) = part else {
            // What is absolute or goes up is named so by its plan.
            if part == Component::CurDir {
                continue;
            }
            return None;
        };
        way.push(name);
        let here = root.join(&way);
        let link = std::fs::symlink_metadata(&here).is_ok_and(|meta| meta.is_symlink());
        if link
            && here
                .canonicalize()
                .is_ok_and(|place| !place.starts_with(&bound))
        {
            return Some(way);
        }
    }
    None
}

fn own_path(handle: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd()))
}
