//! Streaming sha-256 of regular files.

use base16ct::lower::encode_string as hex;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Large enough that reading costs little, small enough for a stack of readers.
pub(crate) const CHUNK: usize = 64 * 1024;

/// What a file is, by its content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    /// sha-256 of the content, 64 hex digits in lower case.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// An artifact is not there, is no file, or is not what was recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArtifactError {
    /// Nothing is at that path.
    #[error("artifact {} does not exist", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A folder, a pipe, a socket or a device.
    #[error("artifact {} is no regular file: pack a folder into an archive first", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It cannot be read.
    #[error("cannot read artifact {}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// A link leads out of the folder that the step works in.
    #[error(
        "artifact {} leads out of {}: an artifact lies in the step's folder, not behind a link out of it",
        path.display(), root.display()
    )]
    Outside {
        /// The path.
        path: PathBuf,
        /// The folder that it must lie in.
        root: PathBuf,
    },
    /// Somebody writes to it while it is being stored.
    #[error("artifact {} changes while it is being stored: something still writes to it", path.display())]
    Changing {
        /// The path.
        path: PathBuf,
    },
    /// A name that no event can carry.
    #[error("artifact {} has a name that is not UTF-8", path.display())]
    Unnameable {
        /// The path.
        path: PathBuf,
    },
    /// A pattern that is none.
    #[error("`{pattern}` is no pattern of artifacts: {why}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        why: String,
    },
    /// More than one step may emit, or a folder too large to look through.
    #[error("`{pattern}` matches too much: more than {limit} {what}")]
    TooMuch {
        /// The pattern or path.
        pattern: String,
        /// The limit.
        limit: u64,
        /// Of what.
        what: &'static str,
    },
    /// The store of contents has none of that digest, or another one.
    #[error("the store has no right content for sha256 {sha256}: {why}")]
    Lost {
        /// The digest.
        sha256: String,
        /// What is there instead.
        why: String,
    },
    /// The store of contents, or a place beside the run, cannot be used.
    #[error("cannot {what} {}", path.display())]
    Store {
        /// What was tried.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: std::io::Error,
    },
    /// Its content is not what was recorded.
    #[error(
        "artifact {} has changed: recorded sha256 {} ({} bytes), found {} ({} bytes)",
        path.display(), recorded.sha256, recorded.bytes, found.sha256, found.bytes
    )]
    Changed {
        /// The path.
        path: PathBuf,
        /// What was recorded.
        recorded: Digest,
        /// What is there.
        found: Digest,
    },
}

/// Reads a regular file (through symbolic links) and gives its digest.
pub fn measure(path: &Path) -> Result<Digest, ArtifactError> {
    measure_with(path, |_| {})
}

/// Like [`measure`]; `tap` sees every chunk that is hashed.
pub fn measure_with(path: &Path, mut tap: impl FnMut(&[u8])) -> Result<Digest, ArtifactError> {
    measure_file(open(path)?, path, |chunk| {
        tap(chunk);
        Ok(())
    })
}

/// Hashes what an open file holds from where it stands; `path` is for errors.
pub(crate) fn measure_file(
    mut file: impl std::io::Read,
    path: &Path,
    mut tap: impl FnMut(&[u8]) -> Result<(), ArtifactError>,
) -> Result<Digest, ArtifactError> {
    let mut hash = Sha256::new();
    let mut bytes = 0;
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match file.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(source) => {
                return Err(ArtifactError::Unreadable {
                    path: path.to_owned(),
                    source,
                });
            }
        };
        hash.update(&chunk[..read]);
        tap(&chunk[..read])?;
        bytes += read as u64;
    }
    Ok(Digest {
        sha256: hex(&hash.finalize()),
        bytes,
    })
}

impl Digest {
    /// The digest of bytes at hand.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self {
            sha256: hex(&Sha256::digest(bytes)),
            bytes: bytes.len() as u64,
        }
    }
}

/// Compares a file with what was recorded of it.
pub fn verify(path: &Path, recorded: &Digest) -> Result<(), ArtifactError> {
    let found = measure(path)?;
    if found == *recorded {
        return Ok(());
    }
    Err(ArtifactError::Changed {
        path: path.to_owned(),
        recorded: recorded.clone(),
        found,
    })
}

fn open(path: &Path) -> Result<File, ArtifactError> {
    // Non-blocking, so that a pipe without a writer cannot hold us up.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
        .map_err(|source| match source.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => ArtifactError::Missing {
                path: path.to_owned(),
            },
            // What opening a socket answers.
            _ if source.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                ArtifactError::NotAFile {
                    path: path.to_owned(),
                }
            }
            _ => ArtifactError::Unreadable {
                path: path.to_owned(),
                source,
            },
        })?;
    match file.metadata() {
        Ok(meta) if meta.is_file() => Ok(file),
        Ok(_) => Err(ArtifactError::NotAFile {
            path: path.to_owned(),
        }),
        Err(source) => Err(ArtifactError::Unreadable {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_known_digest() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a");
        std::fs::write(&path, "abc").unwrap();
        let digest = measure(&path).unwrap();
        assert_eq!(
            digest.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(digest.bytes, 3);
        assert!(verify(&path, &digest).is_ok());
    }

    #[test]
    fn links_are_followed_and_what_is_no_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a"), dir.path().join("l"));
        std::fs::write(&file, "abc").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert_eq!(measure(&link).unwrap(), measure(&file).unwrap());

        let pipe = dir.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        let socket = dir.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        for path in [dir.path(), &pipe, &socket] {
            assert!(
                matches!(measure(path), Err(ArtifactError::NotAFile { .. })),
                "{path:?}"
            );
        }
        for path in [dir.path().join("absent"), file.join("below")] {
            assert!(
                matches!(measure(&path), Err(ArtifactError::Missing { .. })),
                "{path:?}"
            );
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn the_tap_sees_what_is_hashed(content in prop::collection::vec(any::<u8>(), 0..200_000)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a");
            std::fs::write(&path, &content).unwrap();
            let mut seen = Vec::new();
            let digest = measure_with(&path, |chunk| seen.extend_from_slice(chunk)).unwrap();
            prop_assert_eq!(digest.bytes, content.len() as u64);
            prop_assert!(seen == content);
        }
    }
}
