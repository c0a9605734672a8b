//! Where manifests come from, when not from a folder: a server, or a memory.

use alloc::string::String;
use alloc::vec::Vec;
use rok_chain::Digest;

/// A root of a registry that is no folder. What it gives is held against the
/// fingerprint that it was asked for by, and runs only where it is locked.
pub trait ManifestSource: Send + Sync {
    /// What people are told, such as the address of a server. Names no secret.
    fn address(&self) -> String;

    /// Every manifest that it has.
    fn offers(&self) -> Result<Vec<Offer>, SourceError>;

    /// The manifest with a fingerprint, as it is written.
    fn manifest(&self, fingerprint: Digest) -> Result<Vec<u8>, SourceError>;
}

/// A manifest that a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// The SHA-256 of its bytes.
    pub fingerprint: Digest,
    /// Its file's name, such as `fmt.component.yaml`: its ending tells what it
    /// is written in.
    pub file: String,
}

/// A source that does not give what it is asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct SourceError {
    /// What is wrong. Names no secret.
    pub why: String,
    /// How to mend it.
    pub help: Option<String>,
}
