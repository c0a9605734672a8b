//! C2SP signed notes: a text and lines of signatures under it.
//!
//! ```text
//! TEXT, each line with its newline
//!
//! — NAME BASE64(4 bytes of key id ‖ signature)
//! ```

use crate::key::{PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// The algorithm of a plain signature over the text.
const ED25519: u8 = 0x01;
/// The algorithm of a witness: a signature over a time and the text.
const COSIGNATURE: u8 = 0x04;
/// A note is read whole; a larger one is some other file.
pub(crate) const MAX_BYTES: usize = 64 * 1024;
/// More than a log has witnesses.
const MAX_SIGNATURES: usize = 64;

/// A text that is no signed note, or that cannot be signed so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The form is not a note's.
    #[error("is no signed note: {what}")]
    Unreadable {
        /// What is wrong, and where.
        what: String,
    },
    /// A key's name that cannot stand in a signature line.
    #[error("`{name}` cannot name a key: it must not be empty, nor hold a space or a `+`")]
    BadName {
        /// The name, cut.
        name: String,
    },
    /// The key's line is there, and the key did not make it.
    #[error("has a line in the name of `{name}` and of this key that the key did not make")]
    Forged {
        /// The name.
        name: String,
    },
    /// The note bears no such signature.
    #[error("has no {what} by key {key}{}", said_by(names))]
    NotSigned {
        /// `signature` or `cosignature`.
        what: &'static str,
        /// The key.
        key: String,
        /// The names that the lines bear.
        names: Vec<String>,
    },
}

fn said_by(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!("; it bears lines of {}", names.join(", "))
    }
}

fn unreadable(what: impl Into<String>) -> NoteError {
    NoteError::Unreadable { what: what.into() }
}

/// A text and the signatures under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

/// A signature line, without proof that it is whose it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    key_hash: [u8; 4],
    bytes: Vec<u8>,
}

impl NoteSignature {
    /// The name that the line bears.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Note {
    /// An unsigned note; each line of the text ends in a newline.
    #[must_use]
    pub(crate) fn new(text: String) -> Self {
        Self {
            text,
            signatures: Vec::new(),
        }
    }

    /// Reads a note that bears a signature at least.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_BYTES {
            return Err(unreadable(format!("it has more than {MAX_BYTES} bytes")));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
        if note.chars().any(|c| c.is_control() && c != '\n') {
            return Err(unreadable("it holds control characters"));
        }
        let (text, lines) = note
            .rsplit_once("\n\n")
            .ok_or_else(|| unreadable("no blank line parts text and signatures"))?;
        let lines = lines
            .strip_suffix('\n')
            .ok_or_else(|| unreadable("its last line has no newline"))?;
        let signatures = lines
            .split('\n')
            .take(MAX_SIGNATURES + 1)
            .map(line)
            .collect::<Result<Vec<_>, _>>()?;
        if signatures.len() > MAX_SIGNATURES {
            return Err(unreadable(format!(
                "it has more than {MAX_SIGNATURES} signatures"
            )));
        }
        Ok(Self {
            text: format!("{text}\n"),
            signatures,
        })
    }

    /// The note as it lies in a file.
    #[must_use]
    pub fn to_text(&self) -> String {
        use std::fmt::Write as _;
        let mut out = format!("{}\n", self.text);
        for signature in &self.signatures {
            let blob = [&signature.key_hash[..], &signature.bytes].concat();
            let _ = writeln!(out, "\u{2014} {} {}", signature.name, STANDARD.encode(blob));
        }
        out
    }

    /// The text that is signed.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines, without proof.
    #[must_use]
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature over the text.
    pub(crate) fn sign(&mut self, name: &str, key: &SigningKey) -> Result<(), NoteError> {
        fit(name)?;
        let bytes = key.sign(self.text.as_bytes()).to_vec();
        self.signatures.push(NoteSignature {
            name: name.into(),
            key_hash: key_hash(name, ED25519, &key.public()),
            bytes,
        });
        Ok(())
    }

    /// Adds a witness's signature over the text and the time, in seconds since 1970.
    pub(crate) fn cosign(
        &mut self,
        name: &str,
        key: &SigningKey,
        seconds: u64,
    ) -> Result<(), NoteError> {
        fit(name)?;
        let signature = key.sign(cosigned(seconds, &self.text).as_bytes());
        self.signatures.push(NoteSignature {
            name: name.into(),
            key_hash: key_hash(name, COSIGNATURE, &key.public()),
            bytes: [&seconds.to_be_bytes()[..], &signature].concat(),
        });
        Ok(())
    }

    /// Proves that the key signed the text, in this name.
    pub(crate) fn signed_by(&self, name: &str, key: &PublicKey) -> Result<(), NoteError> {
        let hash = key_hash(name, ED25519, key);
        let named = |s: &&NoteSignature| s.name == name && s.key_hash == hash;
        let mut proved = false;
        for signature in self.signatures.iter().filter(named) {
            if !key.verifies(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::Forged { name: name.into() });
            }
            proved = true;
        }
        if proved {
            return Ok(());
        }
        Err(self.not_signed("signature", key))
    }

    /// Proves that the key cosigned the text, in whatever name; gives that name
    /// and when, in seconds since 1970.
    pub(crate) fn cosigned_by(&self, key: &PublicKey) -> Result<(String, u64), NoteError> {
        let mut proved = None;
        for signature in &self.signatures {
            if signature.key_hash != key_hash(&signature.name, COSIGNATURE, key) {
                continue;
            }
            let parts = signature.bytes.split_first_chunk::<8>();
            let seconds = parts.map(|(time, _)| u64::from_be_bytes(*time));
            let valid = parts.zip(seconds).is_some_and(|((_, bytes), seconds)| {
                key.verifies(cosigned(seconds, &self.text).as_bytes(), bytes)
            });
            match seconds {
                Some(seconds) if valid => {
                    proved.get_or_insert((signature.name.clone(), seconds));
                }
                _ => {
                    let name = signature.name.clone();
                    return Err(NoteError::Forged { name });
                }
            }
        }
        proved.ok_or_else(|| self.not_signed("cosignature", key))
    }

    fn not_signed(&self, what: &'static str, key: &PublicKey) -> NoteError {
        let names = self.signatures.iter().take(8);
        NoteError::NotSigned {
            what,
            key: key.id().to_string(),
            names: names.map(|s| s.name.chars().take(80).collect()).collect(),
        }
    }
}

/// What a witness signs.
fn cosigned(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

fn key_hash(name: &str, algorithm: u8, key: &PublicKey) -> [u8; 4] {
    let hash = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', algorithm])
        .chain_update(key.as_bytes())
        .finalize();
    *hash.first_chunk().expect("a sha-256 has 32 bytes")
}

fn fit(name: &str) -> Result<(), NoteError> {
    let odd = |c: char| c.is_whitespace() || c.is_control() || c == '+';
    if name.is_empty() || name.len() > 256 || name.contains(odd) {
        let name = name.chars().take(80).filter(|c| !c.is_control()).collect();
        return Err(NoteError::BadName { name });
    }
    Ok(())
}

fn line(line: &str) -> Result<NoteSignature, NoteError> {
    let (name, blob) = line
        .strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .ok_or_else(|| unreadable("a signature line is not `— NAME BASE64`"))?;
    fit(name).map_err(|_| unreadable("a signature line has no name that may stand there"))?;
    let blob = STANDARD.decode(blob).ok();
    let parts = blob.as_deref().and_then(<[u8]>::split_first_chunk::<4>);
    match parts {
        Some((key_hash, bytes)) if !bytes.is_empty() => Ok(NoteSignature {
            name: name.into(),
            key_hash: *key_hash,
            bytes: bytes.to_vec(),
        }),
        _ => Err(unreadable(format!(
            "the signature of `{name}` is no base64 of a key id and a signature"
        ))),
    }
}

#[cfg(test)]
mod tests;
