//! DSSE v1: a payload, what it is, and signatures over both.
//!
//! What is signed is the pre-authentication encoding of type and payload. An
//! envelope has one written form here, so that no byte of a file can change
//! unseen, the ones that DSSE leaves unsigned included.

use crate::key::{KeyId, PublicKey, SigningKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

/// The payload is an in-toto Statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The largest envelope that is read: an audit record of 100,000 duties has
/// some 40 MB.
const MAX_BYTES: usize = 256 * 1024 * 1024;
/// More signatures than a run has parties.
const MAX_SIGNATURES: usize = 64;

/// A file that is no envelope, or one that does not prove what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Too many bytes.
    #[error("is larger than an envelope may be ({MAX_BYTES} bytes)")]
    TooLarge,
    /// It cannot be read.
    #[error("is no DSSE envelope: {what}")]
    Unreadable {
        /// What is wrong, and where.
        what: String,
    },
    /// It says the same in another form.
    #[error("has other bytes than rok writes for the same envelope, from byte {at} on")]
    NotAsWritten {
        /// The first byte that differs.
        at: usize,
    },
    /// The payload is something else.
    #[error("has payload type `{found}`, not `{PAYLOAD_TYPE}`")]
    OtherPayload {
        /// What it is, cut.
        found: String,
    },
    /// No signature is by the key.
    #[error("has no valid signature by key {key}{}", by_others(others))]
    NotSigned {
        /// The key that was asked for.
        key: KeyId,
        /// The keys that the signatures name, cut.
        others: Vec<String>,
    },
    /// A signature names the key and is not the key's.
    #[error("has a signature in the name of key {key} that the key did not make")]
    Forged {
        /// The key.
        key: KeyId,
    },
}

fn by_others(others: &[String]) -> String {
    if others.is_empty() {
        String::new()
    } else {
        format!("; it names {}", others.join(", "))
    }
}

/// A payload and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Signed>,
}

/// A signature and whose it says that it is. DSSE does not sign the name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Signed {
    keyid: String,
    sig: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Json {
    payload: String,
    payload_type: String,
    signatures: Vec<JsonSignature>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonSignature {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// An envelope around a Statement, signed.
    #[must_use]
    pub fn seal(payload: &[u8], key: &SigningKey) -> Self {
        Self {
            signatures: vec![Signed {
                keyid: key.public().id().to_string(),
                sig: key.sign(&pae(PAYLOAD_TYPE, payload)).to_vec(),
            }],
            payload: payload.to_vec(),
        }
    }

    /// Reads an envelope, in the form that [`Envelope::to_json`] writes.
    pub fn from_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > MAX_BYTES {
            return Err(EnvelopeError::TooLarge);
        }
        let unreadable = |what: String| EnvelopeError::Unreadable { what };
        let json: Json =
            serde_json::from_slice(bytes).map_err(|error| unreadable(error.to_string()))?;
        if json.payload_type != PAYLOAD_TYPE {
            let found = json.payload_type.chars().take(80).collect();
            return Err(EnvelopeError::OtherPayload { found });
        }
        if !(1..=MAX_SIGNATURES).contains(&json.signatures.len()) {
            return Err(unreadable(format!(
                "it has {} signatures",
                json.signatures.len()
            )));
        }
        let decode = |text: &str, what: &str| {
            let bytes = STANDARD.decode(text);
            bytes.map_err(|error| unreadable(format!("its {what} is no base64: {error}")))
        };
        let signatures = json.signatures.iter().map(|signature| {
            Ok(Signed {
                keyid: signature.keyid.clone(),
                sig: decode(&signature.sig, "signature")?,
            })
        });
        let read = Self {
            payload: decode(&json.payload, "payload")?,
            signatures: signatures.collect::<Result<_, _>>()?,
        };
        let written = read.to_json();
        if bytes == written {
            return Ok(read);
        }
        let same = bytes
            .iter()
            .zip(&written)
            .take_while(|(one, two)| one == two);
        Err(EnvelopeError::NotAsWritten { at: same.count() })
    }

    /// The envelope as it lies in a file: one line of JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let json = Json {
            payload: STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.into(),
            signatures: self
                .signatures
                .iter()
                .map(|signed| JsonSignature {
                    keyid: signed.keyid.clone(),
                    sig: STANDARD.encode(&signed.sig),
                })
                .collect(),
        };
        let mut bytes = serde_json::to_vec(&json).expect("texts always have a JSON form");
        bytes.push(b'\n');
        bytes
    }

    /// What was signed, without proof that it was.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// The keys that the signatures name, without proof that they are theirs.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().map(|signed| signed.keyid.as_str())
    }

    /// Proves that the key signed the payload. A signature in the key's name
    /// that is not the key's is a forgery, whatever stands beside it.
    pub fn verify(&self, key: &PublicKey) -> Result<(), EnvelopeError> {
        let (id, message) = (key.id(), pae(PAYLOAD_TYPE, &self.payload));
        let mut named = self.signatures.iter().filter(|s| s.keyid == id.as_str());
        let mut proved = false;
        if named.any(|signed| {
            let valid = key.verifies(&message, &signed.sig);
            proved |= valid;
            !valid
        }) {
            return Err(EnvelopeError::Forged { key: id });
        }
        if proved {
            return Ok(());
        }
        let others = self.names().take(8).map(|name| cut(name, 80)).collect();
        Err(EnvelopeError::NotSigned { key: id, others })
    }
}

fn cut(text: &str, at: usize) -> String {
    text.chars().take(at).collect()
}

/// DSSE's pre-authentication encoding.
fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests;
