//! The manifest: what a bundle holds. Which names there are is decided here.

use crate::error::{BundleError, shown};
use base16ct::lower::encode_string as hex;
use rok_vocabulary::RunId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::borrow::Cow;
use tar::{EntryType, Header};

/// The first entry of a bundle.
pub const MANIFEST: &str = "rok-bundle.json";
/// The form that this version writes and reads.
const FORMAT: &str = "rok-bundle/1";

/// A manifest is read whole: some 130 bytes a file.
pub(crate) const MAX_MANIFEST: u64 = 64 * 1024 * 1024;
/// More files than any run has.
const MAX_FILES: usize = 250_000;
/// What a tar's header can say of a size, in the form that all tools read.
pub(crate) const MAX_FILE: u64 = (1 << 33) - 1;
/// What it can say of a name.
const MAX_NAME: usize = 100;
/// No file system takes a longer one.
const MAX_LOG_NAME: usize = 240;

/// The files that lie in a run's folder itself.
const PLAIN: [&str; 6] = [
    "attestation.dsse.json",
    "events.jsonl",
    "key.pub",
    "plan.json",
    "provenance.dsse.json",
    "seal.json",
];
const LOGS: &str = "logs/";
const PLANS: &str = "plans/";
const CONTENTS: &str = "contents/";

/// A file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Where it lies.
    pub path: String,
    /// sha-256 of its content, hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// What a bundle holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    format: String,
    /// The run.
    pub run_id: RunId,
    /// Its files, by name.
    pub files: Vec<FileEntry>,
}

/// Where a plan lies that steps of the run name, by its sha-256.
#[must_use]
pub fn plan_path(sha256: &str) -> String {
    format!("{PLANS}{sha256}.json")
}

fn plan_of(path: &str) -> Option<&str> {
    let sha256 = path.strip_prefix(PLANS)?.strip_suffix(".json")?;
    is_sha256(sha256).then_some(sha256)
}

/// Where a content lies that is named by its sha-256.
#[must_use]
pub fn content_path(sha256: &str) -> String {
    format!("{CONTENTS}{sha256}")
}

impl Manifest {
    pub(crate) fn new(run_id: RunId, mut files: Vec<FileEntry>) -> Result<Self, BundleError> {
        files.sort_by(|one, two| one.path.cmp(&two.path));
        let manifest = Self {
            format: FORMAT.into(),
            run_id,
            files,
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Reads a manifest, in the one form that it has.
    pub(crate) fn from_json(bytes: &[u8]) -> Result<Self, BundleError> {
        let not = |what: String| BundleError::NotABundle { what };
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| not(format!("its manifest cannot be read: {error}")))?;
        if manifest.format != FORMAT {
            let format = shown(manifest.format.as_bytes());
            return Err(not(format!("it has format `{format}`, not `{FORMAT}`")));
        }
        manifest.check()?;
        if manifest.to_json() != bytes {
            return Err(not("its manifest is not in the form that rok writes".into()));
        }
        Ok(manifest)
    }

    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(self).expect("a manifest holds texts and numbers only");
        bytes.push(b'\n');
        bytes
    }

    /// The bytes of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files
            .iter()
            .fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    fn check(&self) -> Result<(), BundleError> {
        if self.files.len() > MAX_FILES {
            let what = format!("it has {} files", self.files.len());
            return Err(BundleError::NotABundle { what });
        }
        for file in &self.files {
            if file.bytes > MAX_FILE {
                return Err(BundleError::TooLarge {
                    bytes: file.bytes,
                    limit: MAX_FILE,
                });
            }
            name(&file.path)?;
            let named = file.path.strip_prefix(CONTENTS).or(plan_of(&file.path));
            if !is_sha256(&file.sha256) || named.is_some_and(|named| named != file.sha256) {
                return Err(BundleError::Digest {
                    name: shown(file.path.as_bytes()),
                });
            }
        }
        for pair in self.files.windows(2) {
            if pair[0].path >= pair[1].path {
                return Err(BundleError::Name {
                    name: shown(pair[1].path.as_bytes()),
                    why: "its manifest names files twice or out of order",
                });
            }
        }
        Ok(())
    }
}

fn is_sha256(text: &str) -> bool {
    let digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
    text.len() == 64 && text.bytes().all(digit)
}

/// Refuses what no file of a bundle is called.
pub(crate) fn name(path: &str) -> Result<(), BundleError> {
    let refuse = |why| {
        Err(BundleError::Name {
            name: shown(path.as_bytes()),
            why,
        })
    };
    if path.starts_with('/') || path.contains('\\') {
        return refuse("a bundle holds relative names only");
    }
    if path.split('/').any(|part| part == ".." || part == ".") {
        return refuse("a name must not lead out of the bundle");
    }
    if PLAIN.contains(&path) {
        return Ok(());
    }
    if let Some(log) = path.strip_prefix(LOGS) {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-[]".contains(c);
        let whole = !log.is_empty() && !log.starts_with('.') && log.len() <= MAX_LOG_NAME;
        if whole && log.chars().all(fits) {
            return Ok(());
        }
    }
    if path.strip_prefix(CONTENTS).is_some_and(is_sha256) || plan_of(path).is_some() {
        return Ok(());
    }
    refuse("no file of a run is called so")
}

/// What an entry is called in the tar: its path, or a name made of it where
/// that is too long for a header.
pub(crate) fn entry_name(path: &str) -> Cow<'_, str> {
    if path.len() <= MAX_NAME {
        Cow::Borrowed(path)
    } else {
        Cow::Owned(format!("long/{}", hex(&Sha256::digest(path))))
    }
}

/// The one header that an entry has.
pub(crate) fn header(path: &str, bytes: u64) -> Header {
    let mut header = Header::new_ustar();
    header
        .set_path(&*entry_name(path))
        .expect("names were checked, and are short");
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_size(bytes);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("events.jsonl", true)]
    #[case("logs/a.0.log", true)]
    #[case("logs/fan[3].0.e1.log", true)]
    #[case(
        "contents/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        true
    )]
    #[case(
        "plans/ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad.json",
        true
    )]
    #[case("plans/ba78.json", false)]
    #[case("plans/../plan.json", false)]
    #[case("", false)]
    #[case("/etc/passwd", false)]
    #[case("../up", false)]
    #[case("logs/../../up", false)]
    #[case("logs/./a", false)]
    #[case("logs/", false)]
    #[case("logs/a/b", false)]
    #[case("logs/.hidden", false)]
    #[case("logs\\a", false)]
    #[case("lock", false)]
    #[case("procs/a.0", false)]
    #[case("inbox/x", false)]
    #[case("contents/ba78", false)]
    #[case(
        "contents/BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
        false
    )]
    #[case("rok-bundle.json", false)]
    #[case("seal.json\0", false)]
    fn which_names_there_are(#[case] path: &str, #[case] fits: bool) {
        assert_eq!(name(path).is_ok(), fits);
    }
}
