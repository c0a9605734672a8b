//! When a failed step is tried again.

use core::time::Duration;

/// The delay before retry number `n` (0-based): `min(base · 2^n, max)` plus
/// 0–10 % jitter. The jitter is a hash of `seed`, which names the attempt, so
/// that the same attempt waits equally long wherever it is computed.
#[must_use]
pub fn retry_delay(base: Duration, max: Duration, n: u32, seed: &[&str]) -> Duration {
    let factor = 1_u32.checked_shl(n).unwrap_or(u32::MAX);
    let delay = base.saturating_mul(factor).min(max);
    let per_mille = fnv1a(seed) % 101;
    delay + delay.mul_f64(per_mille as f64 / 1000.0)
}

/// FNV-1a, 64 bit; parts are kept apart by a byte that no id contains.
fn fnv1a(parts: &[&str]) -> u64 {
    parts
        .iter()
        .flat_map(|part| part.bytes().chain([0]))
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    const BASE: Duration = Duration::from_secs(2);
    const MAX: Duration = Duration::from_secs(60);

    #[test]
    fn doubles_up_to_the_maximum() {
        for (n, expected) in [
            (0, 2),
            (1, 4),
            (2, 8),
            (3, 16),
            (4, 32),
            (5, 60),
            (6, 60),
            (99, 60),
        ] {
            let delay = retry_delay(BASE, MAX, n, &["run", "step", "0"]);
            let floor = Duration::from_secs(expected);
            assert!(
                delay >= floor && delay <= floor.mul_f64(1.1),
                "{n}: {delay:?}"
            );
        }
    }

    /// Runs that fail together are not tried again together.
    #[test]
    fn jitter_spreads_what_failed_at_once() {
        let spread = (0..200_u8).map(|run| {
            let seed = [b'a' + run / 26, b'a' + run % 26];
            let run = core::str::from_utf8(&seed).expect("letters");
            let delay = retry_delay(BASE, MAX, 0, &[run, "step"]);
            delay.as_millis() - BASE.as_millis()
        });
        let spread: BTreeSet<u128> = spread.collect();
        assert!(spread.len() > 50, "{spread:?}");
        assert!(
            spread.first() < Some(&20) && spread.last() > Some(&180),
            "{spread:?}"
        );
    }

    proptest! {
        #[test]
        fn jitter_is_within_ten_percent_and_repeatable(n in 0_u32..40, run in "[a-z]{1,8}", step in "[a-z]{1,8}") {
            let seed = [run.as_str(), step.as_str()];
            let delay = retry_delay(BASE, MAX, n, &seed);
            prop_assert_eq!(delay, retry_delay(BASE, MAX, n, &seed));
            prop_assert!(delay <= MAX.mul_f64(1.1));
        }
    }
}
