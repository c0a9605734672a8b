//! A service's key: from the environment, a file, or a command.

use crate::map::ServiceSpec;
use crate::standing::Environment;
use rok_secrets::{MIN_SECRET_BYTES, Masker, Secrets};
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use zeroize::Zeroizing;

/// How long a command may take to print a key.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);
/// A longer text is no key.
const MAX_KEY: u64 = 64 * 1024;
/// What the key is called among the secrets.
const NAME: &str = "SERVICE_API_KEY";

/// A key. It never prints.
#[derive(Clone)]
pub struct Key(Secrets);

/// Where a key is; it is read anew each time that it is needed.
#[derive(Clone)]
pub enum KeySource {
    /// Here.
    Text(Zeroizing<String>),
    /// In a file.
    File(PathBuf),
    /// A command prints it: an argument vector, no shell.
    Command(Vec<String>),
}

impl KeySource {
    /// The key that is there now.
    pub async fn read(&self) -> Result<Key, KeyError> {
        match self {
            Self::Text(text) => Key::new(text),
            Self::File(file) => match rok_files::read(file, MAX_KEY) {
                Ok(bytes) => Key::new(&String::from_utf8_lossy(&bytes)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    Err(KeyError::Missing)
                }
                Err(error) => Err(KeyError::File {
                    why: error.to_string(),
                }),
            },
            Self::Command(command) => match command.split_first() {
                Some((program, arguments)) => printed(program, arguments).await,
                None => Err(KeyError::Missing),
            },
        }
    }
}

impl fmt::Debug for KeySource {
    /// No text, and no argument, which may hold one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(***)"),
            Self::File(file) => f.debug_tuple("File").field(file).finish(),
            Self::Command(command) => f.debug_tuple("Command").field(&command.first()).finish(),
        }
    }
}

/// Why there is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing is configured, or what is configured is empty.
    #[error("No API key found")]
    Missing,
    /// The file cannot be read.
    #[error("the file of the API key cannot be read: {why}")]
    File {
        /// Why.
        why: String,
    },
    /// The command did not print a key.
    #[error("`{program}` did not print an API key: {why}")]
    Command {
        /// Its program; arguments may hold a secret.
        program: String,
        /// Why.
        why: String,
    },
    /// What was found is too short to be masked.
    #[error("the API key has fewer than {MIN_SECRET_BYTES} characters, or spans lines")]
    Unfit,
}

impl Key {
    /// The key itself. Whoever asks must not let it out.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.get(NAME).unwrap_or_default()
    }

    /// What takes it out of all that comes back.
    #[must_use]
    pub fn masker(&self) -> Masker {
        Masker::new(&self.0)
    }

    fn new(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(KeyError::Missing);
        }
        let name = NAME.parse().expect("the name is one");
        let control = text.chars().any(char::is_control);
        let secrets = Secrets::from_pairs([(name, text)]);
        match secrets {
            Ok(secrets) if !control => Ok(Self(secrets)),
            _ => Err(KeyError::Unfit),
        }
    }

    /// Finds a service's key; a command is asked each time.
    pub(crate) async fn of(
        service: &ServiceSpec,
        environment: &Environment,
    ) -> Result<Option<Self>, KeyError> {
        if let Some(name) = &service.api_key_env
            && let Some(text) = environment.get(name)
        {
            return Self::new(&text).map(Some);
        }
        let source = match &service.api_key_file {
            Some(file) => KeySource::File(file.clone()),
            None if !service.key_command.is_empty() => {
                KeySource::Command(service.key_command.clone())
            }
            None => return missing(service),
        };
        match (source.read().await, &source) {
            // A file that is not there is no key; one that is empty is an error.
            (Err(KeyError::Missing), KeySource::File(file)) if !file.exists() => missing(service),
            (read, _) => read.map(Some),
        }
    }
}

fn missing<T>(service: &ServiceSpec) -> Result<Option<T>, KeyError> {
    if service.bearer {
        Err(KeyError::Missing)
    } else {
        Ok(None)
    }
}

async fn printed(program: &str, arguments: &[String]) -> Result<Key, KeyError> {
    let fault = |why: String| KeyError::Command {
        program: program.to_owned(),
        why,
    };
    // What it says on stderr may be a secret: it is not repeated.
    let child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| fault(error.to_string()))?;
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output()).await;
    let output = output
        .map_err(|_| fault(format!("it took longer than {COMMAND_TIMEOUT:?}")))?
        .map_err(|error| fault(error.to_string()))?;
    if !output.status.success() {
        return Err(fault(output.status.to_string()));
    }
    Key::new(&String::from_utf8_lossy(&output.stdout))
}

/// What a key is told apart by: the first 8 hex digits of its sha-256.
#[must_use]
pub fn fingerprint(key: &Key) -> String {
    let digest = Sha256::digest(key.expose().as_bytes());
    let first: u32 = digest[..4]
        .iter()
        .fold(0, |sum, byte| sum << 8 | u32::from(*byte));
    format!("{first:08x}")
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", fingerprint(self))
    }
}
