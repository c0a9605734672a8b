//! A watch over an agent that works: whether it is still heard, and in time.
//! Times are milliseconds of any clock that does not run backwards.

use crate::routing::Happened;
use alloc::format;
use core::time::Duration;
use rok_vocabulary::format_duration;

/// How long an agent may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// It counts as lost where it was not heard for so long.
    pub silence: Duration,
    /// It counts as too slow where the work takes longer; `None`: the step's
    /// own timeout alone.
    pub latency: Option<Duration>,
}

/// A watch over an agent that works.
#[derive(Debug, Clone)]
pub struct Watch {
    limits: Limits,
    began: Duration,
    heard: Duration,
    beat: Option<u64>,
}

impl Watch {
    /// The work was given to it now.
    #[must_use]
    pub const fn new(limits: Limits, now: Duration) -> Self {
        Self {
            limits,
            began: now,
            heard: now,
            beat: None,
        }
    }

    /// It says that it works. One that repeats an old beat is not heard: what
    /// answers for it may live longer than the work.
    pub fn heard(&mut self, beat: u64, now: Duration) {
        if self.beat.is_none_or(|last| beat > last) {
            self.beat = Some(beat);
            self.heard = self.heard.max(now);
        }
    }

    /// What has happened by now, if anything has.
    #[must_use]
    pub fn verdict(&self, now: Duration) -> Option<Happened> {
        let took = now.saturating_sub(self.began);
        let silent = now.saturating_sub(self.heard);
        if let Some(limit) = self.limits.latency.filter(|limit| took >= *limit) {
            let why = format!("no result after {}", format_duration(limit));
            return Some(Happened::Late { why, begun: true });
        }
        (silent >= self.limits.silence).then(|| {
            let limit = format_duration(self.limits.silence);
            Happened::Silent(format!("not heard for {limit}"))
        })
    }

    /// How long nothing new need be looked for.
    #[must_use]
    pub fn patience(&self, now: Duration) -> Duration {
        let silence = (self.heard + self.limits.silence).saturating_sub(now);
        match self.limits.latency {
            Some(latency) => silence.min((self.began + latency).saturating_sub(now)),
            None => silence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[rstest]
    #[case::works(&[(1, 2), (2, 4), (3, 6)], 8, "")]
    #[case::silent(&[(1, 2)], 12, "silent: not heard for 10s")]
    #[case::silent_from_the_start(&[], 10, "silent: not heard for 10s")]
    #[case::stuck(&[(1, 2), (1, 8), (1, 11)], 12, "silent: not heard for 10s")]
    #[case::backwards(&[(5, 2), (4, 9)], 12, "silent: not heard for 10s")]
    #[case::slow(&[(1, 8), (2, 16), (3, 24), (4, 29)], 30, "late: no result after 30s")]
    #[case::slow_and_silent(&[(1, 8)], 30, "late: no result after 30s")]
    fn watched(#[case] beats: &[(u64, u64)], #[case] now: u64, #[case] expected: &str) {
        let limits = Limits {
            silence: s(10),
            latency: Some(s(30)),
        };
        // Any clock: it need not begin at 0.
        let start = s(1000);
        let mut watch = Watch::new(limits, start);
        for (beat, at) in beats {
            assert_eq!(watch.verdict(start + s(*at)), None);
            watch.heard(*beat, start + s(*at));
        }
        let said = match watch.verdict(start + s(now)) {
            None => alloc::string::String::new(),
            Some(Happened::Silent(why)) => format!("silent: {why}"),
            Some(Happened::Late { why, begun: true }) => format!("late: {why}"),
            Some(other) => panic!("{other:?}"),
        };
        assert_eq!(said, expected);
        let patience = watch.patience(start + s(now));
        assert_eq!(patience.is_zero(), !expected.is_empty());
    }

    #[test]
    fn without_a_limit_only_silence_counts() {
        let limits = Limits {
            silence: s(10),
            latency: None,
        };
        let mut watch = Watch::new(limits, s(0));
        for beat in 1..1000 {
            watch.heard(beat, s(beat * 9));
            assert_eq!(watch.verdict(s(beat * 9)), None);
        }
    }
}
