//! The two ids and the header that carries them. Invariant: no value is all
//! zero, which W3C Trace Context reserves for "none".

use alloc::borrow::Cow;
use alloc::string::String;
use core::fmt;
use core::str::FromStr;
use rok_vocabulary::{Attempt, Epoch, RunId, StepId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

/// Names the rule, so that another rule could never yield the same ids.
const RULE: &[u8] = b"rok-trace-1\n";

/// A text that is no trace or span id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: write {digits} lower-case hexadecimal digits, not all zero")]
pub struct TraceIdError {
    /// What was expected, `trace id` or `span id`.
    pub what: &'static str,
    /// The text that was met, cut to 80 characters.
    pub text: String,
    /// How many digits it must have.
    pub digits: usize,
}

macro_rules! ids {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The id's bytes; never all zero.
            #[must_use]
            pub const fn to_bytes(self) -> [u8; $bytes] {
                self.0
            }

            /// The hexadecimal digits, without an allocation.
            #[must_use]
            pub fn hex(self) -> [u8; $bytes * 2] {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                let mut text = [0; $bytes * 2];
                for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
                    pair[0] = HEX[usize::from(byte >> 4)];
                    pair[1] = HEX[usize::from(byte & 15)];
                }
                text
            }

            fn cut(digest: &[u8]) -> Self {
                let mut bytes = [0; $bytes];
                bytes.copy_from_slice(&digest[..$bytes]);
                if bytes == [0; $bytes] {
                    bytes[$bytes - 1] = 1;
                }
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(core::str::from_utf8(&self.hex()).expect("hexadecimal digits are ASCII"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = TraceIdError;
            fn from_str(text: &str) -> Result<Self, TraceIdError> {
                let error = || TraceIdError {
                    what: $what,
                    text: text.chars().take(80).collect(),
                    digits: $bytes * 2,
                };
                let mut bytes = [0; $bytes];
                if text.len() != $bytes * 2 {
                    return Err(error());
                }
                for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
                    let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(error)?;
                    *byte = high << 4 | low;
                }
                if bytes == [0; $bytes] {
                    return Err(error());
                }
                Ok(Self(bytes))
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
    };
}

ids! {
    /// 16 bytes, printed as 32 hexadecimal digits: all epochs of one run.
    TraceId, 16, "trace id"
}

ids! {
    /// 8 bytes, printed as 16 hexadecimal digits: one epoch, step or attempt.
    SpanId, 8, "span id"
}

impl TraceId {
    /// The trace of a run, the same in every epoch.
    #[must_use]
    pub fn of(run: &RunId) -> Self {
        Self::cut(&digest(b"trace", &[run.as_str()], &[]))
    }
}

impl SpanId {
    /// The root span: one epoch of a run.
    #[must_use]
    pub fn of_run(run: &RunId, epoch: Epoch) -> Self {
        Self::cut(&digest(b"run", &[run.as_str()], &[epoch.0]))
    }

    /// A step, under the root span.
    #[must_use]
    pub fn of_step(run: &RunId, epoch: Epoch, step: &StepId) -> Self {
        Self::cut(&digest(b"step", &[run.as_str(), step.as_str()], &[epoch.0]))
    }

    /// An attempt, under its step's span.
    #[must_use]
    pub fn of_attempt(run: &RunId, epoch: Epoch, step: &StepId, attempt: Attempt) -> Self {
        let names = [run.as_str(), step.as_str()];
        Self::cut(&digest(b"attempt", &names, &[epoch.0, attempt.0]))
    }

    /// The span of one attempt at a step's compensation.
    #[must_use]
    pub fn of_compensation(run: &RunId, epoch: Epoch, step: &StepId, attempt: Attempt) -> Self {
        let names = [run.as_str(), step.as_str()];
        Self::cut(&digest(b"compensation", &names, &[epoch.0, attempt.0]))
    }
}

/// The W3C `traceparent` value that makes `span` the parent of what comes next;
/// always sampled, since every span is kept.
#[must_use]
pub fn traceparent(trace: TraceId, span: SpanId) -> String {
    let (trace, span) = (trace.hex(), span.hex());
    let ascii = |hex| core::str::from_utf8(hex).expect("hexadecimal digits are ASCII");
    ["00-", ascii(&trace[..]), "-", ascii(&span[..]), "-01"].concat()
}

/// Lengths keep (a, bc) and (ab, c) apart.
fn digest(kind: &[u8], names: &[&str], numbers: &[u32]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(RULE);
    hash.update(kind);
    for name in names {
        hash.update((name.len() as u64).to_be_bytes());
        hash.update(name.as_bytes());
    }
    for number in numbers {
        hash.update(number.to_be_bytes());
    }
    hash.finalize().into()
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
