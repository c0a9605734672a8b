//! Samples: what was measured, several times over.

use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;
use std::time::{Duration, Instant};

/// One measurement: wall time, and processor time of all threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    pub(crate) wall: Duration,
    pub(crate) cpu: Duration,
}

impl Spent {
    /// Its processor time as if it were all the time it took.
    pub(crate) const fn as_cpu(&self) -> Self {
        Self {
            wall: self.cpu,
            cpu: self.cpu,
        }
    }
}

/// Does something and tells what that cost this process.
pub(crate) fn time<T>(work: impl FnOnce() -> T) -> (T, Spent) {
    let (began, cpu) = (Instant::now(), process_cpu());
    let result = work();
    let spent = Spent {
        wall: began.elapsed(),
        cpu: process_cpu().saturating_sub(cpu),
    };
    (result, spent)
}

fn process_cpu() -> Duration {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
}

/// In what a measure is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Unit {
    /// Milliseconds: less is better.
    Ms,
    /// Microseconds: less is better.
    Us,
    /// Things a second: more is better.
    PerSecond,
    /// A quotient of two measures: less is better.
    Times,
    /// Megabytes (10^6 bytes): less is better.
    Mb,
    /// So many: less is better.
    Count,
}

/// What a measure should be at least, or at most.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Goal {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    pub(crate) fn is_met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(goal) => value >= goal,
            Self::AtMost(goal) => value <= goal,
        }
    }
}

/// A line of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Measure {
    pub(crate) name: String,
    pub(crate) unit: Unit,
    /// Sorted.
    pub(crate) values: Vec<f64>,
    /// The figure, where it is not the median.
    #[serde(skip_serializing_if = "Option::is_none")]
    shown: Option<f64>,
    /// Processor time, in milliseconds, for each value's amount of work.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) cpu_ms: Vec<f64>,
    /// What `cpu_ms` is divided by: things done in a repetition.
    pub(crate) count: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) goal: Option<Goal>,
}

impl Measure {
    fn new(name: impl Into<String>, unit: Unit, mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self {
            name: name.into(),
            unit,
            values,
            shown: None,
            cpu_ms: Vec::new(),
            count: 1.0,
            goal: None,
        }
    }

    /// How long something took.
    pub(crate) fn took(name: impl Into<String>, unit: Unit, spent: &[Spent]) -> Self {
        let scale = if unit == Unit::Us { 1e6 } else { 1e3 };
        let walls = spent.iter().map(|s| s.wall.as_secs_f64() * scale);
        Self::new(name, unit, walls.collect()).with_cpu(spent, 1.0)
    }

    /// How many things were done in a second, `count` in each repetition.
    pub(crate) fn rate(name: impl Into<String>, count: u32, spent: &[Spent]) -> Self {
        let count = f64::from(count);
        let rates = spent.iter().map(|s| count / s.wall.as_secs_f64());
        Self::new(name, Unit::PerSecond, rates.collect()).with_cpu(spent, count)
    }

    /// The time that one in a hundred takes longer than. The range is that of
    /// the slowest hundredth.
    pub(crate) fn slowest(name: impl Into<String>, unit: Unit, spent: &[Spent]) -> Self {
        let mut spent = spent.to_vec();
        spent.sort_by_key(|spent| spent.wall);
        let from = spent.len() * 99 / 100;
        let mut measure = Self::took(name, unit, &spent[from..]).without_cpu();
        measure.shown = measure.values.first().copied();
        measure
    }

    /// Quotients, pair by pair.
    pub(crate) fn times(name: impl Into<String>, values: Vec<f64>) -> Self {
        Self::new(name, Unit::Times, values)
    }

    /// Whatever is no time.
    pub(crate) fn of(name: impl Into<String>, unit: Unit, values: Vec<f64>) -> Self {
        Self::new(name, unit, values)
    }

    fn with_cpu(mut self, spent: &[Spent], count: f64) -> Self {
        self.cpu_ms = spent.iter().map(|s| s.cpu.as_secs_f64() * 1e3).collect();
        self.cpu_ms.sort_by(f64::total_cmp);
        self.count = count;
        self
    }

    /// Without processor time: for what was reckoned.
    pub(crate) fn without_cpu(mut self) -> Self {
        self.cpu_ms.clear();
        self
    }

    pub(crate) fn goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// What is shown, and held against the goal.
    pub(crate) fn figure(&self) -> f64 {
        self.shown.unwrap_or_else(|| median(&self.values))
    }

    /// The median of the processor time for one thing, in microseconds.
    pub(crate) fn cpu_us(&self) -> Option<f64> {
        (!self.cpu_ms.is_empty()).then(|| median(&self.cpu_ms) * 1e3 / self.count)
    }
}

/// The middle of sorted values.
fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::{Goal, Measure, Spent, Unit};
    use rstest::rstest;
    use std::time::Duration;

    fn spent(ms: u64) -> Spent {
        let wall = Duration::from_millis(ms);
        Spent {
            wall,
            cpu: wall / 2,
        }
    }

    #[rstest]
    #[case(&[30, 10, 20], 20.0)]
    #[case(&[40, 10, 20, 30], 25.0)]
    fn the_median_is_the_middle(#[case] ms: &[u64], #[case] median: f64) {
        let spent: Vec<Spent> = ms.iter().copied().map(spent).collect();
        let measure = Measure::took("x", Unit::Ms, &spent);
        assert!((measure.figure() - median).abs() < 1e-9);
    }

    #[test]
    fn a_rate_counts_things_and_their_cost() {
        let measure = Measure::rate("x", 100, &[spent(50)]);
        assert!((measure.figure() - 2000.0).abs() < 1e-6);
        assert!((measure.cpu_us().unwrap_or_default() - 250.0).abs() < 1e-6);
    }

    #[test]
    fn the_slowest_hundredth_begins_at_its_figure() {
        let spent: Vec<Spent> = (1..=200).rev().map(spent).collect();
        let measure = Measure::slowest("x", Unit::Ms, &spent);
        assert!((measure.figure() - 199.0).abs() < 1e-9);
        assert_eq!(measure.values.len(), 2);
    }

    #[rstest]
    #[case(Goal::AtLeast(5.0), 5.0, true)]
    #[case(Goal::AtLeast(5.0), 4.9, false)]
    #[case(Goal::AtMost(5.0), 5.0, true)]
    #[case(Goal::AtMost(5.0), 5.1, false)]
    fn goals(#[case] goal: Goal, #[case] value: f64, #[case] met: bool) {
        assert_eq!(goal.is_met(value), met);
    }
}
