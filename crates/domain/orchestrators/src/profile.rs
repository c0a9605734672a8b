//! What the components of a run took and used, from its timing.

use crate::as_staged;
use crate::engine::Shared;
use crate::trouble::of_runs;
use rok_facades::runs::{RunTiming, StepTiming, WaitReason};
use rok_orchestration::{OrchestratorError, ProfileReport, ProfiledComponent};
use rok_vocabulary::{RunId, Timestamp};

impl Shared {
    pub(crate) fn profile(&self, run: &RunId) -> Result<ProfileReport, OrchestratorError> {
        Ok(of(&self.runs.timing(run).map_err(of_runs)?))
    }
}

fn of(timing: &RunTiming) -> ProfileReport {
    let mut components: Vec<ProfiledComponent> = timing
        .steps
        .iter()
        .filter(|step| !step.attempts.is_empty() && step.id != as_staged::STEP)
        .map(|step| component(step, timing))
        .collect();
    components.sort_by_key(|component| component.from_ms);
    let on_path =
        |component: &ProfiledComponent| timing.critical_path.contains(&component.component);
    let path: u64 = components
        .iter()
        .filter(|c| on_path(c))
        .map(|c| c.wall_ms)
        .sum();
    for component in &mut components {
        if path > 0 && on_path(component) {
            component.critical_share = component.wall_ms as f64 / path as f64;
        }
    }
    let walls = components
        .iter()
        .map(|component| component.wall_ms)
        .collect();
    let report = ProfileReport {
        wall_ms: millis(timing.from, timing.until),
        cpu_ms: components.iter().map(|c| c.cpu_ms).sum(),
        max_rss_kib: components.iter().map(|c| c.max_rss_kib).max().unwrap_or(0),
        components,
        critical_path: timing.critical_path.clone(),
        ..ProfileReport::default()
    };
    report.percentiles(walls)
}

fn component(step: &StepTiming, timing: &RunTiming) -> ProfiledComponent {
    let from = step
        .attempts
        .first()
        .map_or(timing.from, |first| first.from);
    let last = step.attempts.last();
    let until = last.and_then(|last| last.until).unwrap_or(timing.until);
    let used = || step.attempts.iter().filter_map(|attempt| attempt.usage);
    let queued = step
        .waits
        .iter()
        .filter(|wait| wait.why == WaitReason::Queue);
    ProfiledComponent {
        component: step.id.clone(),
        from_ms: millis(timing.from, from),
        wall_ms: millis(from, until),
        cpu_ms: used().map(|usage| usage.cpu_ms).sum(),
        max_rss_kib: used().map(|usage| usage.max_rss_kib).max().unwrap_or(0),
        queue_ms: queued
            .map(|wait| millis(wait.from, wait.until.unwrap_or(timing.until)))
            .sum(),
        critical_share: 0.0,
    }
}

fn millis(from: Timestamp, until: Timestamp) -> u64 {
    u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_facades::runs::{AttemptSpan, AttemptUsage, WaitSpan};
    use rok_vocabulary::{Epoch, StepState};

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millis(ms)
    }

    fn step(id: &str, from: i64, until: i64) -> StepTiming {
        StepTiming {
            id: id.to_owned(),
            attempts: vec![AttemptSpan {
                epoch: Epoch(0),
                attempt: 0,
                from: at(from),
                until: Some(at(until)),
                state: StepState::Succeeded,
                reason: None,
                usage: Some(AttemptUsage {
                    wall_ms: (until - from) as u64,
                    cpu_ms: 3,
                    max_rss_kib: from as u64,
                }),
            }],
            waits: vec![WaitSpan {
                why: WaitReason::Queue,
                from: at(0),
                until: Some(at(from)),
            }],
            compensations: Vec::new(),
        }
    }

    #[test]
    fn each_component_with_its_place_on_the_run_s_clock() {
        let timing = RunTiming {
            run_id: "r".parse().unwrap(),
            from: at(0),
            until: at(50),
            open: false,
            steps: vec![step("b", 20, 50), step("a", 10, 20), StepTiming::default()],
            pauses: Vec::new(),
            epochs: Vec::new(),
            rollbacks: Vec::new(),
            critical_path: vec!["a".into(), "b".into()],
        };
        let profile = of(&timing);
        let order: Vec<&str> = profile
            .components
            .iter()
            .map(|c| c.component.as_str())
            .collect();
        assert_eq!(order, ["a", "b"], "what never ran has no time");
        assert_eq!(
            (profile.wall_ms, profile.cpu_ms, profile.max_rss_kib),
            (50, 6, 20)
        );
        assert_eq!((profile.p50_ms, profile.p99_ms), (10, 30));
        assert_eq!(profile.components[1].queue_ms, 20);
        assert!((profile.components[1].critical_share - 0.75).abs() < 1e-9);
    }
}
