//! The machine's clocks: the time of day against what was already written, and
//! against the clock that never goes back.

use rok_runner::{Clock as _, SystemClock};
use rok_service::Check;
use rok_vocabulary::Timestamp;
use std::time::{Duration, Instant};

/// So far a clock may be behind the last event before somebody must look.
const SKEW: Duration = Duration::from_secs(1);
/// Nobody runs this before it was written: 2026-01-01.
const WRITTEN: i64 = 1_767_225_600_000;
/// How often both clocks are read in a probe, and how long it waits between.
const READINGS: usize = 6;
const BETWEEN: Duration = Duration::from_millis(10);
/// So far they may part within a probe: a busy machine reads one late, and a
/// clock that is set right step by step runs a little fast or slow.
const PARTED: Duration = Duration::from_millis(25);

/// A clock that stands behind what was already written makes times of events
/// stand still.
pub(super) fn check(now: Timestamp, last: Option<Timestamp>) -> Check {
    let help = "set the machine's clock; events are never dated before the last one";
    if now.as_millis() < WRITTEN {
        return Check::fault("clock", format!("it says {now}")).help(help);
    }
    match last {
        Some(last) if last > now.after(SKEW) => {
            let ahead = last.since(now).as_secs_f64();
            let said = format!("it says {now}, {ahead:.0} s before the last event");
            Check::fault("clock", said).help(help)
        }
        Some(last) => Check::ok(
            "clock",
            format!("it says {now}, after the last event ({last})"),
        ),
        None => Check::ok("clock", format!("it says {now}")),
    }
}

/// What a probe reads, and how it waits.
pub(super) trait Clocks {
    /// The time of day.
    fn wall(&self) -> Timestamp;
    /// The time since some moment, by a clock that nobody sets.
    fn monotonic(&self) -> Duration;
    /// Waits.
    fn pause(&self, time: Duration);
}

/// The machine's own.
pub(super) struct Machine {
    since: Instant,
}

impl Machine {
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
        }
    }
}

impl Clocks for Machine {
    fn wall(&self) -> Timestamp {
        SystemClock.now()
    }

    fn monotonic(&self) -> Duration {
        self.since.elapsed()
    }

    fn pause(&self, time: Duration) {
        std::thread::sleep(time);
    }
}

/// Whether both clocks go on, and at one pace. Deadlines are measured by one,
/// events are dated by the other.
pub(super) fn probe(clocks: &impl Clocks) -> Check {
    let help = "let one service set the machine's clock, step by step (chrony, ntpd, timesyncd)";
    let read = || (clocks.wall(), clocks.monotonic());
    let first = read();
    let (mut last, mut parted) = (first, Duration::ZERO);
    for _ in 1..READINGS {
        clocks.pause(BETWEEN);
        let now = read();
        if now.1 < last.1 {
            let said = "the clock that deadlines are measured by went back";
            return Check::fault("clock", said).of("pace");
        }
        if now.0 < last.0 {
            let by = last.0.since(now.0).as_millis();
            let said = format!("the time of day went back by {by} ms while it was looked at");
            return Check::fault("clock", said).of("pace").help(help);
        }
        let (wall, monotonic) = (now.0.since(first.0), now.1.saturating_sub(first.1));
        parted = parted.max(wall.abs_diff(monotonic));
        last = now;
    }
    let (took, parted_ms) = (
        last.1.saturating_sub(first.1).as_millis(),
        parted.as_millis(),
    );
    if parted > PARTED {
        let said = format!("the time of day jumped by {parted_ms} ms within {took} ms");
        return Check::warning("clock", said).of("pace").help(help);
    }
    let said = format!("it goes on steadily (looked at for {took} ms)");
    Check::ok("clock", said).of("pace")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_service::Finding;
    use rstest::rstest;
    use std::cell::Cell;

    #[test]
    fn a_clock_that_went_back_is_a_fault() {
        let at = |seconds: i64| Timestamp::from_millis(WRITTEN + seconds * 1_000);
        assert_eq!(check(at(10), Some(at(10))).finding, Finding::Ok);
        assert_eq!(check(at(10), Some(at(11))).finding, Finding::Ok);
        let behind = check(at(10), Some(at(70)));
        assert_eq!(behind.finding, Finding::Fault);
        assert!(
            behind.said.contains("60 s before the last event"),
            "{behind:?}"
        );
        assert_eq!(check(at(-1), None).finding, Finding::Fault);
    }

    /// Clocks that are set by hand while somebody waits.
    struct ByHand {
        wall: Cell<i64>,
        monotonic: Cell<Duration>,
        /// By how much the time of day goes on in each wait.
        step: i64,
    }

    impl Clocks for ByHand {
        fn wall(&self) -> Timestamp {
            Timestamp::from_millis(self.wall.get())
        }
        fn monotonic(&self) -> Duration {
            self.monotonic.get()
        }
        fn pause(&self, time: Duration) {
            self.monotonic.set(self.monotonic.get() + time);
            self.wall.set(self.wall.get() + self.step);
        }
    }

    #[rstest]
    #[case::steady(10, Finding::Ok, "steadily")]
    #[case::a_little_fast(12, Finding::Ok, "steadily")]
    #[case::jumps(1_000, Finding::Warning, "jumped by 4950 ms within 50 ms")]
    #[case::stands(0, Finding::Warning, "jumped by 50 ms")]
    #[case::goes_back(-1, Finding::Fault, "went back by 1 ms")]
    fn clocks_go_on_at_one_pace(#[case] step: i64, #[case] finding: Finding, #[case] said: &str) {
        let clocks = ByHand {
            wall: Cell::new(WRITTEN),
            monotonic: Cell::default(),
            step,
        };
        let check = probe(&clocks);
        assert_eq!(check.finding, finding, "{check:?}");
        assert!(check.said.contains(said), "{check:?}");
    }

    #[test]
    fn the_machine_itself_is_looked_at() {
        let machine = Machine::new();
        assert!(machine.wall().as_millis() > WRITTEN);
        assert!(probe(&machine).said.contains("ms"));
    }
}
