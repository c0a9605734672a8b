//! Keys as a person handles them: making one, and telling what a file holds.

use crate::error::ServiceError;
use crate::service::Service;
use rok_attest::{KeyFileError, PublicKey, SigningKey};
use rok_config::SigningKeySource;
use serde::Serialize;
use std::error::Error as _;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

/// Where a new key lies when nothing else is said.
const DEFAULT_FILE: &str = "rok.key";

/// A key, without its private half.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyView {
    /// Its fingerprint: sha-256 of its SPKI DER form, hex.
    pub key_id: String,
    /// The public key, SPKI PEM.
    pub public: String,
    /// The file of the private key, where it was written.
    pub file: Option<PathBuf>,
    /// The file of the public key, where it was written.
    pub public_file: Option<PathBuf>,
}

impl KeyView {
    fn of(key: &PublicKey) -> Self {
        Self {
            key_id: key.id().to_string(),
            public: key.to_pem(),
            file: None,
            public_file: None,
        }
    }
}

fn of_environment(pem: &str) -> Result<SigningKey, ServiceError> {
    SigningKey::from_pem(pem).map_err(|why| ServiceError::Key {
        what: format!("the key in ROK_SIGNING_KEY {why}"),
    })
}

fn fault(error: &KeyFileError) -> ServiceError {
    let what = match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    };
    ServiceError::Key { what }
}

/// Reads a public key.
pub(crate) fn public_key(cwd: &Path, file: &Path) -> Result<PublicKey, ServiceError> {
    PublicKey::read(&cwd.join(file)).map_err(|error| fault(&error))
}

/// Reads a private key.
pub(crate) fn private_key(cwd: &Path, file: &Path) -> Result<SigningKey, ServiceError> {
    SigningKey::read(&cwd.join(file)).map_err(|error| fault(&error))
}

impl Service {
    /// Makes a key: the private half in a new file, mode 0600, the public half
    /// beside it, in `FILE.pub`. Neither overwrites anything.
    pub fn new_key(&self, out: Option<&Path>) -> Result<KeyView, ServiceError> {
        let file = self.cwd().join(out.unwrap_or(Path::new(DEFAULT_FILE)));
        let mut name = file.clone().into_os_string();
        name.push(".pub");
        let public_file = PathBuf::from(name);
        let exists = |path: &Path| path.symlink_metadata().is_ok();
        if exists(&public_file) {
            return Err(fault(&KeyFileError::Exists { path: public_file }));
        }
        let key = SigningKey::generate().map_err(|error| ServiceError::Key {
            what: format!("a key {error}"),
        })?;
        key.write_new(&file).map_err(|error| fault(&error))?;
        let view = KeyView::of(&key.public());
        let public = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&public_file);
        public
            .and_then(|mut public| public.write_all(view.public.as_bytes()))
            .map_err(|source| {
                fault(&match source.kind() {
                    ErrorKind::AlreadyExists => KeyFileError::Exists {
                        path: public_file.clone(),
                    },
                    _ => KeyFileError::Io {
                        operation: "write",
                        path: public_file.clone(),
                        source,
                    },
                })
            })?;
        Ok(KeyView {
            file: Some(file),
            public_file: Some(public_file),
            ..view
        })
    }

    /// Refuses a key that is configured to sign and cannot be read: what is
    /// sealed then would not be attested.
    pub fn refuse_unreadable_key(&self) -> Result<(), ServiceError> {
        let read = match &self.config().settings.signing_key {
            None => return Ok(()),
            Some(SigningKeySource::File(file)) => {
                SigningKey::read(file).map_err(|error| fault(&error))
            }
            Some(SigningKeySource::Pem(pem)) => of_environment(pem.expose()),
        };
        read.map(drop)
    }

    /// Tells which key a file holds; without a file, which key is configured.
    pub fn show_key(&self, file: Option<&Path>) -> Result<KeyView, ServiceError> {
        let key = match (file, &self.config().settings.signing_key) {
            (Some(file), _) => public_key(self.cwd(), file)?,
            (None, Some(SigningKeySource::File(file))) => public_key(self.cwd(), file)?,
            (None, Some(SigningKeySource::Pem(pem))) => of_environment(pem.expose())?.public(),
            (None, None) => {
                return Err(ServiceError::Key {
                    what: "no key is configured, and no file is named".to_owned(),
                });
            }
        };
        Ok(KeyView::of(&key))
    }
}
