//! A profile: what each step of a run took and used. A view over the record,
//! so that finished runs have one too.

use crate::error::ServiceError;
use crate::runs::RunHandle;
use rok_facades::runs::{RunTiming, StepTiming, WaitReason, WaitSpan};
use rok_vocabulary::{RunId, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;

/// What each step of a run took and used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// The run.
    pub run_id: RunId,
    /// From its creation to its last event.
    pub wall_ms: u64,
    /// Whether it goes on.
    pub open: bool,
    /// CPU time of all attempts.
    pub cpu_ms: u64,
    /// The largest process of all attempts.
    pub max_rss_kib: u64,
    /// The steps, in declaration order; children of a fan-out count as
    /// attempts of their step.
    pub steps: Vec<StepProfile>,
    /// The steps whose ends made the run end when it did, first to last.
    pub critical_path: Vec<PathPart>,
}

/// What a step took and used.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StepProfile {
    /// The step.
    pub id: String,
    /// Its attempts in all epochs, with those of its children.
    pub attempts: u32,
    /// How long they took; absent where none ended.
    pub wall: Option<WallTimes>,
    /// CPU time of all attempts.
    pub cpu_ms: u64,
    /// The largest process of all attempts.
    pub max_rss_kib: u64,
    /// How long it could have run and had no place.
    pub queue_ms: u64,
    /// How long it waited for its next attempt.
    pub retry_ms: u64,
    /// How long it waited for a person.
    pub decision_ms: u64,
    /// Its part of the time on the critical path, 0 to 1.
    pub critical_share: f64,
}

/// Percentiles by nearest rank: each is the time of an attempt that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct WallTimes {
    pub p50_ms: u64,
    pub p90_ms: u64,
    pub p99_ms: u64,
    pub max_ms: u64,
    pub total_ms: u64,
}

/// A step on the critical path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathPart {
    /// The step.
    pub step: String,
    /// When its first attempt began, from the run's creation.
    pub from_ms: u64,
    /// From there to the end of its last attempt.
    pub wall_ms: u64,
}

impl RunHandle {
    /// What each step took and used.
    pub fn profile(&self) -> Result<Profile, ServiceError> {
        let timing = self.runs().timing(self.id())?;
        Ok(Profile::of(&timing))
    }
}

impl Profile {
    /// The profile of a run with this timing.
    #[must_use]
    pub fn of(timing: &RunTiming) -> Self {
        let path: Vec<PathPart> = timing
            .critical_path
            .iter()
            .filter_map(|id| part(timing, id))
            .collect();
        let on_path: u64 = path.iter().map(|part| part.wall_ms).sum();
        let mut groups: Vec<Group<'_>> = Vec::new();
        let mut index = BTreeMap::new();
        for step in &timing.steps {
            let whole = whole(&step.id);
            let at = *index.entry(whole).or_insert_with(|| {
                groups.push(Group {
                    id: whole,
                    steps: Vec::new(),
                });
                groups.len() - 1
            });
            groups[at].steps.push(step);
        }
        let steps: Vec<StepProfile> = groups
            .iter()
            .map(|group| group.profile(timing.until, &path, on_path))
            .collect();
        Self {
            run_id: timing.run_id.clone(),
            wall_ms: millis(timing.from, timing.until),
            open: timing.open,
            cpu_ms: steps.iter().map(|step| step.cpu_ms).sum(),
            max_rss_kib: steps.iter().map(|s| s.max_rss_kib).max().unwrap_or(0),
            steps,
            critical_path: path,
        }
    }
}

/// A step with its children.
struct Group<'t> {
    id: &'t str,
    steps: Vec<&'t StepTiming>,
}

impl Group<'_> {
    fn profile(&self, until: Timestamp, path: &[PathPart], on_path: u64) -> StepProfile {
        // A step that fans out does nothing itself: its children do.
        let fans_out = self.steps.len() > 1;
        let doers = || {
            self.steps
                .iter()
                .filter(move |s| !fans_out || s.id != self.id)
        };
        let attempts = || doers().flat_map(|step| &step.attempts);
        let mut walls: Vec<u64> = attempts()
            .filter_map(|attempt| match attempt.usage {
                Some(usage) => Some(usage.wall_ms),
                None => Some(millis(attempt.from, attempt.until?)),
            })
            .collect();
        walls.sort_unstable();
        let waited = |why: WaitReason| -> u64 {
            let waits = self.steps.iter().flat_map(|step| &step.waits);
            let span = |wait: &WaitSpan| millis(wait.from, wait.until.unwrap_or(until));
            waits.filter(|wait| wait.why == why).map(span).sum()
        };
        let own = path.iter().filter(|part| whole(&part.step) == self.id);
        let own: u64 = own.map(|part| part.wall_ms).sum();
        let used = || attempts().filter_map(|attempt| attempt.usage);
        StepProfile {
            id: self.id.to_owned(),
            attempts: u32::try_from(attempts().count()).unwrap_or(u32::MAX),
            wall: percentiles(&walls),
            cpu_ms: used().map(|usage| usage.cpu_ms).sum(),
            max_rss_kib: used().map(|usage| usage.max_rss_kib).max().unwrap_or(0),
            queue_ms: waited(WaitReason::Queue),
            retry_ms: waited(WaitReason::Retry),
            decision_ms: waited(WaitReason::Decision),
            critical_share: if on_path == 0 {
                0.0
            } else {
                own as f64 / on_path as f64
            },
        }
    }
}

fn part(timing: &RunTiming, id: &str) -> Option<PathPart> {
    let step = timing.steps.iter().find(|step| step.id == id)?;
    let first = step.attempts.first()?;
    let last = step.attempts.last()?.until.unwrap_or(timing.until);
    Some(PathPart {
        step: id.to_owned(),
        from_ms: millis(timing.from, first.from),
        wall_ms: millis(first.from, last),
    })
}

/// A child's step.
fn whole(id: &str) -> &str {
    id.split_once('[').map_or(id, |(whole, _)| whole)
}

fn millis(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX)
}

/// Of sorted times.
fn percentiles(sorted: &[u64]) -> Option<WallTimes> {
    let rank = |percent: usize| {
        let at = (sorted.len() * percent).div_ceil(100).max(1) - 1;
        sorted.get(at).copied()
    };
    Some(WallTimes {
        p50_ms: rank(50)?,
        p90_ms: rank(90)?,
        p99_ms: rank(99)?,
        max_ms: *sorted.last()?,
        total_ms: sorted.iter().sum(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_facades::runs::{AttemptSpan, AttemptUsage};
    use rok_vocabulary::{Epoch, StepState};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn step(id: &str, attempts: &[(i64, i64, u64)]) -> StepTiming {
        let attempts = attempts
            .iter()
            .zip(0..)
            .map(|((from, until, rss), attempt)| AttemptSpan {
                epoch: Epoch(0),
                attempt,
                from: at(*from),
                until: Some(at(*until)),
                state: StepState::Succeeded,
                reason: None,
                usage: Some(AttemptUsage {
                    wall_ms: (until - from) as u64,
                    cpu_ms: 1,
                    max_rss_kib: *rss,
                }),
            });
        StepTiming {
            id: id.to_owned(),
            attempts: attempts.collect(),
            waits: vec![WaitSpan {
                why: WaitReason::Queue,
                from: at(0),
                until: Some(at(3)),
            }],
            compensations: Vec::new(),
        }
    }

    #[test]
    fn children_are_attempts_of_their_step_and_shares_add_up() {
        let timing = RunTiming {
            run_id: "r".parse().unwrap(),
            from: at(0),
            until: at(400),
            open: false,
            steps: vec![
                step("a", &[(0, 100, 10)]),
                step("fan", &[(100, 400, 0)]),
                step("fan[0]", &[(100, 200, 30)]),
                step("fan[1]", &[(100, 300, 20), (300, 400, 5)]),
            ],
            pauses: Vec::new(),
            epochs: Vec::new(),
            rollbacks: Vec::new(),
            critical_path: vec!["a".into(), "fan[1]".into()],
        };
        let profile = Profile::of(&timing);
        assert_eq!((profile.wall_ms, profile.max_rss_kib), (400, 30));
        let [a, fan] = &profile.steps[..] else {
            panic!("two steps: {profile:?}");
        };
        assert_eq!((a.attempts, fan.attempts), (1, 3));
        assert_eq!((a.queue_ms, fan.queue_ms), (3, 9));
        let wall = fan.wall.unwrap();
        assert_eq!(
            (wall.p50_ms, wall.p90_ms, wall.max_ms, wall.total_ms),
            (100, 200, 200, 400)
        );
        assert!((a.critical_share - 0.25).abs() < 1e-9, "{a:?}");
        assert!((a.critical_share + fan.critical_share - 1.0).abs() < 1e-9);
        assert_eq!(profile.critical_path[1].from_ms, 100);
    }

    #[test]
    fn a_percentile_is_a_time_that_there_was() {
        let times: Vec<u64> = (1..=100).collect();
        let wall = percentiles(&times).unwrap();
        assert_eq!(
            (wall.p50_ms, wall.p90_ms, wall.p99_ms, wall.max_ms),
            (50, 90, 99, 100)
        );
        assert_eq!(percentiles(&[]), None);
        assert_eq!(percentiles(&[7]).unwrap().p99_ms, 7);
    }
}
