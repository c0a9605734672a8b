//! The key that signs, and its signatures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use std::fmt;

/// The fewest bytes of a key.
const FEWEST: usize = 16;

/// Signs what is sent: HMAC-SHA256.
#[derive(Clone)]
pub struct Key(hmac::Key);

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the key of webhooks has fewer than {FEWEST} bytes")]
pub struct KeyError;

impl Key {
    /// The key that a secret's bytes are.
    pub fn new(secret: &str) -> Result<Self, KeyError> {
        if secret.len() < FEWEST {
            return Err(KeyError);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())))
    }

    /// The signature of a message that is sent at a time, in seconds.
    #[must_use]
    pub fn sign(&self, id: &str, seconds: i64, body: &[u8]) -> String {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(format!("{id}.{seconds}.").as_bytes());
        context.update(body);
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_what_others_compute() {
        // openssl dgst -sha256 -hmac 0123456789abcdef -binary | base64
        let key = Key::new("0123456789abcdef").expect("long enough");
        assert_eq!(key.sign("a", 1, b"{}"), EXPECTED);
        assert_ne!(key.sign("b", 1, b"{}"), EXPECTED);
        assert_ne!(key.sign("a", 2, b"{}"), EXPECTED);
        assert_ne!(key.sign("a", 1, b"{ }"), EXPECTED);
    }

    const EXPECTED: &str = "v1,dzsg+GberOLjD9kzhED/npZEpY0IOnvQOYpGokCGjGA=";
}
