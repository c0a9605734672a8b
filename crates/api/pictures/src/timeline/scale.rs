//! From instants to places: evenly, but for long stretches in which nothing
//! ran. Those are drawn short, and said to be: a night's wait for a decision
//! would leave no room for the second that the work took.

use super::Timeline;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A stretch shorter than this is never cut short.
const MIN_CUT_MS: i64 = 500;

/// Steps of an axis that people read easily, in milliseconds.
const NICE: [i64; 29] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    30_000,
    60_000,
    120_000,
    300_000,
    600_000,
    900_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    21_600_000,
    43_200_000,
    86_400_000,
    604_800_000,
    2_419_200_000,
];

/// A stretch of time and where it is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    pub(super) from: i64,
    pub(super) until: i64,
    pub(super) x: i64,
    pub(super) end: i64,
    /// Drawn shorter than it was.
    pub(super) cut: bool,
}

/// Where instants are drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scale {
    pub(super) stretches: Vec<Stretch>,
    from: i64,
}

/// A mark on the axis.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tick {
    pub(super) x: i64,
    pub(super) words: String,
}

impl Scale {
    /// A scale over `width`, of which each cut takes `cut`.
    pub(super) fn new(timeline: &Timeline, width: i64, cut: i64) -> Self {
        let (from, until) = (timeline.from, timeline.until.max(timeline.from + 1));
        let idle = idle(timeline, from, until);
        let busy = (until - from) - idle.iter().map(|(from, until)| until - from).sum::<i64>();
        let least = busy.max(MIN_CUT_MS);
        let mut cuts: Vec<(i64, i64)> = idle
            .into_iter()
            .filter(|(from, until)| busy > 0 && until - from > least)
            .collect();
        // What is left must be wide enough to show the work.
        while i64::try_from(cuts.len()).unwrap_or(i64::MAX) * cut * 2 > width {
            let Some(shortest) = (0..cuts.len()).min_by_key(|at| cuts[*at].1 - cuts[*at].0) else {
                break;
            };
            cuts.remove(shortest);
        }
        let cut_away: i64 = cuts.iter().map(|(from, until)| until - from).sum();
        let room = width - cut * i64::try_from(cuts.len()).unwrap_or(0);
        let even = (until - from - cut_away).max(1);
        let mut scale = Self {
            stretches: Vec::new(),
            from,
        };
        let (mut at, mut passed, mut x) = (from, 0, 0);
        let mut push =
            |from: i64, until: i64, cut_by: Option<i64>, passed: &mut i64, x: &mut i64| {
                if until <= from {
                    return;
                }
                let start = *x;
                match cut_by {
                    Some(width) => *x += width,
                    None => {
                        // From the sum, so that errors do not add up.
                        let before = room * *passed / even;
                        *passed += until - from;
                        *x += room * *passed / even - before;
                    }
                }
                scale.stretches.push(Stretch {
                    from,
                    until,
                    x: start,
                    end: *x,
                    cut: cut_by.is_some(),
                });
            };
        for (start, end) in cuts {
            push(at, start, None, &mut passed, &mut x);
            push(start, end, Some(cut), &mut passed, &mut x);
            at = end;
        }
        push(at, until, None, &mut passed, &mut x);
        scale
    }

    /// Where an instant is drawn.
    pub(super) fn x(&self, at: i64) -> i64 {
        let of = |stretch: &&Stretch| at < stretch.until;
        let Some(stretch) = self.stretches.iter().find(of).or(self.stretches.last()) else {
            return 0;
        };
        let within = (at - stretch.from).clamp(0, stretch.until - stretch.from);
        stretch.x + (stretch.end - stretch.x) * within / (stretch.until - stretch.from).max(1)
    }

    /// Marks at least `apart` from each other, at round times since the start.
    pub(super) fn ticks(&self, apart: i64) -> Vec<Tick> {
        let even = || self.stretches.iter().filter(|stretch| !stretch.cut);
        let time: i64 = even().map(|stretch| stretch.until - stretch.from).sum();
        let width: i64 = even().map(|stretch| stretch.end - stretch.x).sum();
        let least = apart * time / width.max(1);
        let step = NICE.into_iter().find(|nice| *nice >= least);
        let step = step.unwrap_or(NICE[NICE.len() - 1].max(least)).max(1);
        let mut ticks: Vec<Tick> = Vec::new();
        for stretch in even() {
            let since = stretch.from - self.from;
            let mut at = since + (step - since.rem_euclid(step)) % step;
            while at <= stretch.until - self.from {
                let x = self.x(self.from + at);
                if ticks.last().is_none_or(|last| x - last.x >= apart * 3 / 4) {
                    ticks.push(Tick {
                        x,
                        words: since_start(at, step),
                    });
                }
                at += step;
            }
        }
        ticks
    }
}

/// When nothing was done.
fn idle(timeline: &Timeline, from: i64, until: i64) -> Vec<(i64, i64)> {
    let spans = timeline.rows.iter().flat_map(|row| &row.spans);
    let attempts = spans.filter(|span| span.kind.is_work());
    let mut busy: Vec<(i64, i64)> = attempts
        .map(|span| (span.from.clamp(from, until), span.until.clamp(from, until)))
        .collect();
    busy.sort_unstable();
    let mut idle = Vec::new();
    let mut at = from;
    for (start, end) in busy {
        if start > at {
            idle.push((at, start));
        }
        at = at.max(end);
    }
    if until > at {
        idle.push((at, until));
    }
    idle
}

/// A time since the start, as exact as the axis's step asks for.
fn since_start(ms: i64, step: i64) -> String {
    let seconds = ms / 1000;
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    if ms == 0 {
        return String::from("0");
    }
    if step < 1000 && seconds < 60 {
        let digits = match step {
            100.. => 1,
            10.. => 2,
            _ => 3,
        };
        let fraction = ms % 1000 / 10_i64.pow(3 - digits);
        let digits = digits as usize;
        return format!("{seconds}.{fraction:0digits$}s");
    }
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds}s"),
        (0, 0, _) => format!("{minutes}:{:02}", seconds % 60),
        (0, _, _) if step < 60_000 => {
            format!("{hours}:{:02}:{:02}", minutes % 60, seconds % 60)
        }
        (0, _, _) => format!("{hours}h{:02}", minutes % 60),
        _ => format!("{days}d {:02}h{:02}", hours % 24, minutes % 60),
    }
}

/// How long a cut is, in words.
pub(super) fn duration(ms: i64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..10 => format!("{seconds}.{}s", ms % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use crate::state::State;
    use crate::timeline::{Row, Span, SpanKind};
    use proptest::prelude::*;
    use rstest::rstest;
    use std::string::ToString as _;
    use std::vec;

    fn timeline(until: i64, attempts: &[(i64, i64)]) -> Timeline {
        let spans = attempts.iter().map(|(from, until)| Span {
            from: *from,
            until: *until,
            kind: SpanKind::Attempt(State::Succeeded),
            words: String::new(),
        });
        Timeline {
            until,
            rows: vec![Row {
                id: "a".to_string(),
                name: String::new(),
                state: State::Succeeded,
                gate: None,
                critical: false,
                spans: spans.collect(),
                took: String::new(),
                details: Vec::new(),
            }],
            ..Timeline::default()
        }
    }

    #[test]
    fn a_long_wait_is_cut_and_the_rest_keeps_its_proportions() {
        // A second of work, a day, a second of work.
        let day = 86_400_000;
        let scale = Scale::new(
            &timeline(day + 2000, &[(0, 1000), (day + 1000, day + 2000)]),
            1000,
            60,
        );
        assert_eq!(scale.stretches.len(), 3);
        assert!(scale.stretches[1].cut);
        assert_eq!((scale.x(0), scale.x(1000)), (0, 470));
        assert_eq!((scale.x(day + 1000), scale.x(day + 2000)), (530, 1000));
        let words: Vec<String> = scale
            .ticks(100)
            .into_iter()
            .map(|tick| tick.words)
            .collect();
        assert_eq!(words[0], "0");
        assert!(words.contains(&"0.5s".to_string()), "{words:?}");
    }

    #[rstest]
    #[case(1_500, 500, "1.5s")]
    #[case(20, 5, "0.020s")]
    #[case(90_000, 30_000, "1:30")]
    #[case(3_700_000, 60_000, "1h01")]
    #[case(90_000_000, 3_600_000, "1d 01h00")]
    fn times_since_the_start(#[case] ms: i64, #[case] step: i64, #[case] words: &str) {
        assert_eq!(since_start(ms, step), words);
    }

    proptest! {
        #[test]
        fn later_is_never_further_left(
            attempts in proptest::collection::vec((0_i64..5_000_000, 0_i64..20_000), 0..8),
            instants in proptest::collection::vec(-10_i64..6_000_000, 2..20),
        ) {
            let attempts: Vec<(i64, i64)> = attempts.into_iter().map(|(at, long)| (at, at + long)).collect();
            let scale = Scale::new(&timeline(5_500_000, &attempts), 900, 50);
            let mut instants = instants;
            instants.sort_unstable();
            let xs: Vec<i64> = instants.into_iter().map(|at| scale.x(at)).collect();
            prop_assert!(xs.is_sorted());
            prop_assert!(xs.iter().all(|x| (0..=900).contains(x)), "{:?}", xs);
            let ticks = scale.ticks(60);
            prop_assert!(!ticks.is_empty() && ticks.len() <= 40, "{}", ticks.len());
        }
    }
}
