//! Peak memory of a process, as far as the kernel can tell it from our own.
//!
//! Between fork and exec a child stands on its parent's memory, and Linux counts
//! that peak as the child's. So a peak that is no higher than our own says
//! nothing of the child, and is told as unknown.

use std::sync::atomic::{AtomicU64, Ordering};

/// The kernel counts pages by thread and in batches: two peaks that are nearer
/// than this are the same one.
const BLUR: u64 = 1024 * 1024;

/// Our own peak when it was last looked at, in bytes; it never falls.
static OWN: AtomicU64 = AtomicU64::new(0);

/// The peak of a child in bytes; 0 where it is not known.
pub(crate) fn of_child(told: u64) -> u64 {
    let above = |own: u64| told > own.saturating_add(BLUR);
    if !above(OWN.load(Ordering::Relaxed)) {
        return 0;
    }
    // What is read is kept, so that this is seldom.
    let own = own_peak();
    OWN.fetch_max(own, Ordering::Relaxed);
    if above(own) { told } else { 0 }
}

fn own_peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    // Where it cannot be read, nothing can be told apart.
    kib.map_or(u64::MAX, |kib| kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_above_our_own_peak_is_unknown() {
        let own = own_peak();
        assert!(own > 1024 * 1024 && own < u64::MAX, "{own}");
        assert_eq!(of_child(own / 2), 0);
        assert_eq!(of_child(own + BLUR / 2), 0);
        let much = own.saturating_mul(4);
        assert_eq!(of_child(much), much);
        assert_eq!(of_child(0), 0);
    }
}
