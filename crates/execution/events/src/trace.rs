//! Trace and span ids as functions of what they belong to: the core needs no
//! entropy, and a replay names the same spans. Labels, never security.

use alloc::string::String;
use rok_vocabulary::{Attempt, Epoch, RunId, StepId};

/// The W3C trace id of a run: 32 hex digits, never all zero.
#[must_use]
pub fn trace_id(run: &RunId) -> String {
    let high = fnv1a(0x9e37_79b9_7f4a_7c15, &[run.as_str()]);
    let low = fnv1a(0xcbf2_9ce4_8422_2325, &[run.as_str()]);
    alloc::format!("{high:016x}{low:016x}")
}

/// The W3C span id of an attempt: 16 hex digits, never all zero.
#[must_use]
pub fn span_id(run: &RunId, epoch: Epoch, step: &StepId, attempt: Attempt) -> String {
    let numbers = [epoch.0.to_be_bytes(), attempt.0.to_be_bytes()].concat();
    let seed = numbers
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash, *byte));
    alloc::format!("{:016x}", fnv1a(seed, &[run.as_str(), step.as_str()]))
}

fn mix(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

fn fnv1a(seed: u64, parts: &[&str]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(seed, mix).max(1)
}
