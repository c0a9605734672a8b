//! Key files: private ones are for their user alone, and never overwritten.

use crate::key::{KeyError, PublicKey, SigningKey};
use std::fs::{OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// No key file is longer.
const MAX_BYTES: u64 = 64 * 1024;

/// A key file that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// What is in it is no such key.
    #[error("key file {} {why}", .path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: KeyError,
    },
    /// Others may read a private key.
    #[error(
        "key file {} can be read by others (mode {mode:04o}): a private key is its user's alone; `chmod 600` it, and make a new key if they may have read it",
        .path.display()
    )]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// There is a file already.
    #[error("there is a file {} already: a key is never overwritten", .path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses.
    #[error("cannot {operation} key file {}", .path.display())]
    Io {
        /// `read` or `write`.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// Its answer.
        #[source]
        source: io::Error,
    },
}

impl SigningKey {
    /// Reads a private key from a file that only its user can read.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let (text, mode) = text_of(path)?;
        let key = Self::from_pem(&text).map_err(|why| KeyFileError::NoKey {
            path: path.to_owned(),
            why,
        })?;
        if mode & 0o077 != 0 {
            let path = path.to_owned();
            return Err(KeyFileError::Exposed { path, mode });
        }
        Ok(key)
    }

    /// Writes the key into a new file with mode 0600, durably.
    pub fn write_new(&self, path: &Path) -> Result<(), KeyFileError> {
        let fault = |source: io::Error| match source.kind() {
            io::ErrorKind::AlreadyExists => KeyFileError::Exists {
                path: path.to_owned(),
            },
            _ => KeyFileError::Io {
                operation: "write",
                path: path.to_owned(),
                source,
            },
        };
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path);
        let mut file = file.map_err(fault)?;
        // Whatever the umask, and before the key is in it.
        let written = file
            .set_permissions(Permissions::from_mode(0o600))
            .and_then(|()| file.write_all(self.to_pem().as_bytes()))
            .and_then(|()| file.sync_all());
        if written.is_err() {
            // It is ours, and holds half a key at most.
            let _ = std::fs::remove_file(path);
        }
        written.map_err(fault)
    }
}

impl PublicKey {
    /// Reads a public key from a file: SPKI, or the public half of a private one.
    pub fn read(path: &Path) -> Result<Self, KeyFileError> {
        let (text, _) = text_of(path)?;
        Self::from_pem(&text).map_err(|why| KeyFileError::NoKey {
            path: path.to_owned(),
            why,
        })
    }
}

/// A file's text and its permissions, both of the same open file.
fn text_of(path: &Path) -> Result<(Zeroizing<String>, u32), KeyFileError> {
    let fault = |source: io::Error| KeyFileError::Io {
        operation: "read",
        path: path.to_owned(),
        source,
    };
    let file = rok_files::open(path).map_err(fault)?;
    let metadata = file.metadata().map_err(fault)?;
    // Enough at once: growing would leave copies of a key behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES as usize + 1));
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(fault)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| KeyFileError::NoKey {
        path: path.to_owned(),
        why: KeyError::NotPem,
    })?;
    let text = Zeroizing::new(text.to_owned());
    Ok((text, metadata.permissions().mode() & 0o777))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_private_and_never_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rok.key");
        let key = SigningKey::generate().unwrap();
        key.write_new(&path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(SigningKey::read(&path).unwrap().public(), key.public());
        assert_eq!(PublicKey::read(&path).unwrap(), key.public());

        let other = SigningKey::generate().unwrap();
        let error = other.write_new(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Exists { .. }), "{error}");
        assert_eq!(SigningKey::read(&path).unwrap().public(), key.public());
        // A link that leads nowhere is not followed either.
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert!(matches!(
            other.write_new(&link),
            Err(KeyFileError::Exists { .. })
        ));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rok.key");
        SigningKey::generate().unwrap().write_new(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let error = SigningKey::read(&path).unwrap_err();
        assert!(
            matches!(error, KeyFileError::Exposed { mode: 0o640, .. }),
            "{error}"
        );
        assert!(PublicKey::read(&path).is_ok());
    }

    #[test]
    fn what_is_no_key_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        for path in [dir.path(), &dir.path().join("absent"), &path] {
            let error = SigningKey::read(path).unwrap_err();
            let name = path.display().to_string();
            assert!(error.to_string().contains(&name), "{error}");
        }
    }
}
