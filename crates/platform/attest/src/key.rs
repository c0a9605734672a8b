//! Ed25519 keys, in the PEM forms that other tools read and write.
//!
//! A private key is wiped when it is dropped and shows nothing of itself.

use base16ct::lower::encode_string as hex;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePrivateKey as _, EncodePublicKey as _,
    KeypairBytes,
};
use ed25519_dalek::{Signature, Signer as _, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A PEM of an Ed25519 key has some 120 bytes; anything much longer is another file.
const MAX_PEM: usize = 16 * 1024;

/// A text that is no usable key. Says nothing of what the text holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// No PEM block begins in it.
    #[error("is no PEM: a key begins with a line `-----BEGIN …-----`")]
    NotPem,
    /// A key that a passphrase protects.
    #[error(
        "is encrypted: decrypt it first (`openssl pkey -in FILE -out OTHER`), and keep the result 0600"
    )]
    Encrypted,
    /// A public key where a private one is needed.
    #[error("is a public key: signing needs the private one")]
    Public,
    /// Some other kind of PEM.
    #[error("is no PKCS#8 private key and no SPKI public key")]
    OtherKind,
    /// A key of another algorithm, or damaged.
    #[error("is no Ed25519 key, or is damaged")]
    NotEd25519,
    /// A public key under which anyone can make signatures.
    #[error("is a weak key, under which signatures prove nothing")]
    Weak,
    /// The operating system gives no randomness.
    #[error("cannot be made: the operating system gives no randomness")]
    NoRandomness,
}

/// The name of a key: sha-256 of its SPKI DER form, as
/// `openssl pkey -pubin -outform DER | sha256sum` gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A private key.
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// A new key, from the operating system's randomness.
    pub fn generate() -> Result<Self, KeyError> {
        let mut seed = Zeroizing::new([0; 32]);
        getrandom::fill(seed.as_mut()).map_err(|_| KeyError::NoRandomness)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// The key with this seed.
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let seed = Zeroizing::new(seed);
        Self(ed25519_dalek::SigningKey::from_bytes(&seed))
    }

    /// Reads a PKCS#8 PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim();
        match label(pem)? {
            "PRIVATE KEY" => ed25519_dalek::SigningKey::from_pkcs8_pem(pem)
                .map(Self)
                .map_err(|_| KeyError::NotEd25519),
            "PUBLIC KEY" => Err(KeyError::Public),
            label => Err(unfit(label)),
        }
    }

    /// The key as a PKCS#8 PEM, in the version that all tools read.
    #[must_use]
    pub fn to_pem(&self) -> Zeroizing<String> {
        let bytes = Pkcs8(KeypairBytes {
            secret_key: self.0.to_bytes(),
            public_key: None,
        });
        let pem = bytes.0.to_pkcs8_pem(LineEnding::LF);
        pem.expect("32 bytes always have a PKCS#8 form")
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs a message.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

/// Wipes the copy of a seed that encoding needs.
struct Pkcs8(KeypairBytes);

impl Drop for Pkcs8 {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0.secret_key);
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().id())
    }
}

/// A public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads an SPKI PEM, or the public half of a PKCS#8 PEM.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pem = pem.trim();
        let key = match label(pem)? {
            "PUBLIC KEY" => {
                VerifyingKey::from_public_key_pem(pem).map_err(|_| KeyError::NotEd25519)?
            }
            "PRIVATE KEY" => SigningKey::from_pem(pem)?.public().0,
            label => return Err(unfit(label)),
        };
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self(key))
    }

    /// The key as an SPKI PEM.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let pem = self.0.to_public_key_pem(LineEnding::LF);
        pem.expect("a point always has an SPKI form")
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let der = self.0.to_public_key_der();
        let der = der.expect("a point always has an SPKI form");
        KeyId(hex(&Sha256::digest(der.as_bytes())))
    }

    /// Its 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Whether `signature` is this key's over `message`. Strict: a signature
    /// has one form, and no other passes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .is_ok_and(|signature| self.0.verify_strict(message, &signature).is_ok())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// What a PEM says that it holds.
fn label(pem: &str) -> Result<&str, KeyError> {
    let first = pem.lines().next().filter(|_| pem.len() <= MAX_PEM);
    first
        .and_then(|line| line.trim_end().strip_prefix("-----BEGIN "))
        .and_then(|rest| rest.strip_suffix("-----"))
        .ok_or(KeyError::NotPem)
}

fn unfit(label: &str) -> KeyError {
    if label == "ENCRYPTED PRIVATE KEY" {
        KeyError::Encrypted
    } else {
        KeyError::OtherKind
    }
}

#[cfg(test)]
mod tests;
