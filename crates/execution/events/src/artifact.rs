//! What events say of files: artifacts, what was put aside, logs, and results
//! that are too large for a line.

use alloc::string::String;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Which folder an artifact's path starts from.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum ArtifactPlace {
    /// The step's working directory.
    #[default]
    Cwd,
    /// The run's `ROK_ARTIFACTS`.
    Run,
}

impl ArtifactPlace {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the signature that serde asks for"
    )]
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// An artifact that a step made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactMade {
    /// As declared; of a pattern, as it matched.
    pub path: String,
    /// sha-256 of the content, hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// Where the path starts from.
    pub place: ArtifactPlace,
    /// Whether its owner may execute it.
    pub executable: bool,
}

/// Something that must not be read as a result, and was put aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactLeft {
    /// As declared; of a pattern, as it matched.
    pub path: String,
    /// sha-256 of the content, hex; absent where there is none to be kept.
    pub sha256: Option<String>,
    /// Size in bytes.
    pub bytes: u64,
    /// Why it was put aside.
    pub reason: String,
}

/// A content in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContentRef {
    /// sha-256, hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Where a step's result was taken from instead of running it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CachedData {
    /// The run that made it.
    pub run: String,
    /// The step of that run.
    pub step: String,
    /// The event of that run that says so.
    pub seq: u64,
}

/// The first 16 hex digits of the digest of a step's inputs: a label.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct InputsHash([u8; 16]);

impl InputsHash {
    /// The label of a digest in hex; `None` for what is none.
    #[must_use]
    pub fn of(sha256: &str) -> Option<Self> {
        let digits: [u8; 16] = sha256.as_bytes().get(..16)?.try_into().ok()?;
        let hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digits.iter().all(hex).then_some(Self(digits))
    }

    /// 16 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).expect("hex digits are ASCII")
    }
}

impl fmt::Debug for InputsHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `data` of `artifact.emitted`.
#[derive(Serialize, Deserialize)]
pub(crate) struct EmittedData<'a> {
    #[serde(borrow)]
    pub(crate) sha256: alloc::borrow::Cow<'a, str>,
    pub(crate) bytes: u64,
    #[serde(default, skip_serializing_if = "ArtifactPlace::is_default")]
    pub(crate) place: ArtifactPlace,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub(crate) executable: bool,
}

/// `data` of `artifact.quarantined`.
#[derive(Serialize, Deserialize)]
pub(crate) struct LeftData<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<alloc::borrow::Cow<'a, str>>,
    pub(crate) bytes: u64,
}
