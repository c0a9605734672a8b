//! The two hashes: [`ChainHash`] links the lines of a log, [`Digest`] names
//! content. Both are SHA-256; two types, so that one is never taken for the
//! other.

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::RunId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

/// A text that is no SHA-256 in hex.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no sha-256: expected 64 lowercase hex digits")]
pub struct HashError {
    /// The text that was met, cut to 80 characters.
    pub text: String,
}

const HEX: &[u8; 16] = b"0123456789abcdef";

fn write_hex(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = HEX[usize::from(byte >> 4)];
        pair[1] = HEX[usize::from(byte & 15)];
    }
}

/// Only lowercase is read, so that one hash has one text.
fn read_hex(text: &str) -> Option<[u8; 32]> {
    let nibble = |b: u8| match b {
        b'0'..=b'9' => Some(b - b'0'),
        b'a'..=b'f' => Some(b - b'a' + 10),
        _ => None,
    };
    let text = text.as_bytes();
    if text.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (byte, pair) in out.iter_mut().zip(text.chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(out)
}

macro_rules! hashes {
    ($($(#[$doc:meta])* $name:ident;)+) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; 32]);

        impl $name {
            /// The hash with these 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The hash's 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// All 64 hex digits, without an allocation.
            #[must_use]
            pub fn hex(&self) -> [u8; 64] {
                let mut out = [0; 64];
                write_hex(&self.0, &mut out);
                out
            }

            /// All 64 hex digits.
            #[must_use]
            pub fn to_hex(&self) -> String {
                core::str::from_utf8(&self.hex()).expect("hex digits are ASCII").into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(core::str::from_utf8(&self.hex()).expect("hex digits are ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = HashError;
            fn from_str(text: &str) -> Result<Self, HashError> {
                read_hex(text)
                    .map(Self)
                    .ok_or_else(|| HashError { text: text.chars().take(80).collect() })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )+ };
}

hashes! {
    /// The hash of a log up to and including a line.
    ChainHash;
    /// The SHA-256 of some content, by which documents are stored.
    Digest;
}

impl ChainHash {
    /// h(-1): what the first line of a run's log is chained to.
    #[must_use]
    pub fn genesis(run: &RunId) -> Self {
        let hash = Sha256::new()
            .chain_update(b"rok-log-1\n")
            .chain_update(run.as_str());
        Self(hash.finalize().into())
    }

    /// The hash after `line`, given without its newline.
    #[must_use]
    pub fn next(&self, line: &[u8]) -> Self {
        Self(
            Sha256::new()
                .chain_update(self.0)
                .chain_update(line)
                .finalize()
                .into(),
        )
    }

    /// The hash after all of `lines`, each of which ends in a newline.
    #[must_use]
    pub fn after(&self, lines: &[u8]) -> Self {
        let mut head = *self;
        let mut from = 0;
        for end in memchr::memchr_iter(b'\n', lines) {
            head = head.next(&lines[from..end]);
            from = end + 1;
        }
        head
    }

    /// The first 16 hex digits: the value of `chain` in the line that follows.
    #[must_use]
    pub fn short(&self) -> [u8; 16] {
        let mut out = [0; 16];
        write_hex(&self.0[..8], &mut out);
        out
    }

    /// [`ChainHash::short`] as a text.
    #[must_use]
    pub fn short_str(&self) -> String {
        core::str::from_utf8(&self.short())
            .expect("hex digits are ASCII")
            .into()
    }
}

impl Digest {
    /// The digest of `content`.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;
    use rstest::rstest;

    #[test]
    fn content_is_hashed_by_sha_256() {
        assert_eq!(
            Digest::of(b"abc").to_hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_chain_is_what_the_design_says() {
        let run: RunId = "run_abc".parse().unwrap();
        let genesis = ChainHash::genesis(&run);
        assert_eq!(
            genesis.as_bytes(),
            Digest::of(b"rok-log-1\nrun_abc").as_bytes()
        );
        let mut bytes = genesis.as_bytes().to_vec();
        bytes.extend_from_slice(b"line");
        assert_eq!(
            genesis.next(b"line").as_bytes(),
            Digest::of(&bytes).as_bytes()
        );
        assert_eq!(genesis.next(b"a").next(b"b"), genesis.after(b"a\nb\n"));
        assert_eq!(genesis.short_str(), genesis.to_hex()[..16]);
    }

    #[rstest]
    #[case("")]
    #[case("ab")]
    #[case("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD")]
    #[case("ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")]
    fn no_hashes(#[case] text: &str) {
        assert!(text.parse::<ChainHash>().is_err());
    }

    proptest! {
        #[test]
        fn print_and_parse_are_inverse(bytes: [u8; 32]) {
            let hash = ChainHash::from_bytes(bytes);
            prop_assert_eq!(hash.to_string().parse(), Ok(hash));
            let json = serde_json::to_string(&hash).unwrap();
            prop_assert_eq!(serde_json::from_str::<ChainHash>(&json).unwrap(), hash);
        }
    }
}
