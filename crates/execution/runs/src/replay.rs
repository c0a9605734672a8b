//! A replay: a new run of a recorded plan, in which every step that does not
//! come after the chosen one takes its recorded result.

use crate::cache::event;
use crate::engine::Runs;
use crate::fault;
use crate::load::Loaded;
use crate::resume::gone;
use crate::setup::{Governed, Needs};
use crate::submit::{NewRun, contents};
use rok_artifacts::{ContentStore, Digest};
use rok_events::{Body, CachedData, ReplaysData, decode};
use rok_facades::runs::{
    DivergenceView, ErrorKind, GIT_COMMIT_LABEL, GIT_STATE_LABEL, GIT_TREE_LABEL, RedecidedView,
    ReplayRequest, RunsError, Submission,
};
use rok_kernel::StepIx;
use rok_log::LogBytes;
use rok_plan::Plan;
use rok_projections::Redecide;
use rok_runner::{CacheHit, Recorded, RecordedEnd, RecordedFailure};
use rok_vocabulary::{RunId, StepId, StepState};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

fn refused(run: &RunId, why: &str) -> RunsError {
    let message = format!("run {run} cannot be replayed: {why}");
    RunsError::new(ErrorKind::State, "ROK0150", message)
}

impl Runs {
    /// Creates the replay of a run, durably; nothing of it has started.
    pub(crate) fn replay_run(
        &self,
        run: &RunId,
        request: ReplayRequest,
    ) -> Result<RunId, RunsError> {
        let loaded = self.load(run)?;
        let state = loaded.state();
        let plan = state.plan().plan();
        if let Some(from) = &request.from
            && state.find(from.as_str()).is_none()
        {
            return Err(fault::unknown_step_of(state, from.as_str()));
        }
        if let Some(gone) = gone(state) {
            let why = format!("the folder that it ran in is gone: {}", gone.display());
            return Err(refused(run, &why).help("put it back, or start a new run"));
        }
        let replays = ReplaysData {
            run: run.clone(),
            from: request.from,
        };
        let recorded = self.recorded(&loaded, &replays)?;
        let Some(created) = state.created() else {
            return Err(refused(run, "its log has no beginning"));
        };
        let inputs = match &*created.inputs {
            Value::Object(inputs) => inputs.clone(),
            _ => serde_json::Map::new(),
        };
        let mut labels = created.labels.clone();
        labels.retain(|name, value| plan.labels.get(name) != Some(value));
        // The files may be others by now.
        for name in [GIT_COMMIT_LABEL, GIT_TREE_LABEL, GIT_STATE_LABEL] {
            labels.remove(name);
        }
        let submission = Submission {
            plan: plan.to_canonical_json(),
            source: format!("the plan of run {run}"),
            cwd: created.cwd.clone().unwrap_or_else(|| "/".into()).into(),
            inputs,
            input_texts: Vec::new(),
            labels,
            profile: Some(created.settings.profile).filter(|_| self.setup.contract.reconciles()),
            max_parallel: None,
            never_retry: created.settings.never_retry,
            idempotency_key: None,
            priority: None,
            run_id: request.run_id,
            submitter: request.submitter,
            reason: request.reason,
            secrets_file: request.secrets_file,
            // What is not recorded is executed.
            no_cache: true,
        };
        let within = NewRun::like(self, run, created)?;
        let secrets_file = submission.secrets_file.clone();
        let mut prepared = self.prepare(submission)?;
        prepared.spec.settings.max_parallel = created.settings.max_parallel;
        prepared.spec.settings.max_processes = created.settings.max_processes;
        prepared.spec.replays = Some(replays);
        if self.is_pooled() {
            // Whoever claims it reads anew what is recorded.
            return self.leave_unclaimed(prepared, within);
        }
        // As many at once as then, not as would be here.
        let (cwd, processes) = (prepared.spec.cwd.as_deref(), created.settings.max_processes);
        let needs = Needs::of(prepared.plan.plan(), cwd, processes);
        let Governed { services, .. } = self.services(&needs)?;
        prepared.services = services;
        let recorded = Some(Arc::new(recorded));
        let (run, shard) = self.launch(prepared, within, secrets_file.as_deref(), recorded)?;
        self.keep(run.clone(), shard);
        Ok(run)
    }

    /// What stands for the steps of a replay that goes on, read anew.
    pub(crate) fn recorded_of(&self, replays: &ReplaysData) -> Result<Recorded, RunsError> {
        self.recorded(&self.load(&replays.run)?, replays)
    }

    /// The results of the steps that do not come after the chosen one. Each is
    /// there, and what it made is in the store, or there is no replay.
    fn recorded(&self, loaded: &Loaded, replays: &ReplaysData) -> Result<Recorded, RunsError> {
        let run = &replays.run;
        let state = loaded.state();
        let plan = state.plan().plan();
        let again = match &replays.from {
            Some(from) => after(plan, from),
            None => vec![true; plan.steps.len()],
        };
        let open: Vec<&str> = (0..plan.steps.len())
            .filter(|at| {
                let reached = matches!(
                    state.step(*at as StepIx).state,
                    StepState::Succeeded
                        | StepState::Compensated
                        | StepState::Failed
                        | StepState::Skipped
                );
                !again[*at] && !reached
            })
            .map(|at| plan.steps[at].id.as_str())
            .collect();
        if !open.is_empty() {
            let why = format!("it has no result of {} yet", open.join(", "));
            return Err(refused(run, &why).help("replay from an earlier step, or let the run end"));
        }
        let store = self.store_of(run);
        let log = store.read(run).map_err(|error| fault::store(&error))?;
        let results = crate::submit::results(&store);
        let ends = ends(run, log.lines(), &results).map_err(|why| refused(run, &why))?;
        let is_again = |step: &str| {
            let step = Recorded::step_of(step);
            let whole = step.split_once('[').map_or(step, |(whole, _)| whole);
            let at = plan.steps.iter().position(|s| s.id.as_str() == whole);
            at.is_none_or(|at| again[at])
        };
        let recorded: Recorded = ends
            .into_iter()
            .filter(|(step, _)| !is_again(step))
            .collect();
        let contents = contents(&store);
        for step in plan.steps.iter().map(|step| step.id.as_str()) {
            check(&recorded, step, &contents).map_err(|why| refused(run, &why))?;
        }
        Ok(recorded)
    }
}

/// Decides a run's log again, and holds each decision against the record.
/// Nothing is executed, nothing written.
pub(crate) fn redecided(loaded: &Loaded, log: &LogBytes) -> Result<RedecidedView, RunsError> {
    let state = loaded.state();
    let run = state.run_id();
    let broken = |why: String| {
        let message = format!("the log of run {run} cannot be replayed: {why}");
        RunsError::new(ErrorKind::Protocol, "ROK0105", message)
    };
    let mut events = Vec::new();
    let mut ends = Vec::new();
    for line in log.lines() {
        let decoded = decode(line, run).map_err(|error| broken(fault::chain(&error)))?;
        events.push(decoded.event);
        if !decoded.more {
            ends.push(events.len());
        }
    }
    let mut redecide = Redecide::new(Arc::clone(state.plan()), run.clone());
    let mut from = 0;
    for until in ends {
        redecide
            .decision(&events[from..until], events[..from].iter())
            .map_err(|error| broken(error.to_string()))?;
        from = until;
    }
    let found = redecide.into_found();
    Ok(RedecidedView {
        run_id: run.clone(),
        events: found.events,
        alike: found.alike,
        given: found.given,
        divergences: found
            .divergences
            .into_iter()
            .map(|divergence| DivergenceView {
                seq: divergence.seq,
                recorded: divergence.recorded,
                decided: divergence.decided,
            })
            .collect(),
    })
}

/// What a step made must still be in the store.
fn check(recorded: &Recorded, step: &str, contents: &ContentStore) -> Result<(), String> {
    let Some(Ok(hit)) = recorded.of(step) else {
        return Ok(());
    };
    for (path, _, digest, _) in &hit.artifacts {
        contents.check(digest).map_err(|error| {
            format!(
                "artifact {path} of step {step} is lost: {}",
                fault::chain(&error)
            )
        })?;
    }
    Ok(())
}

/// Which steps are executed: the chosen one and all that come after it, by
/// edges or as a fallback.
fn after(plan: &Plan, from: &StepId) -> Vec<bool> {
    let mut again: Vec<bool> = plan.steps.iter().map(|step| step.id == *from).collect();
    loop {
        let mut grown = false;
        for at in 0..plan.steps.len() {
            let step = &plan.steps[at];
            // What waits for a step waits for what stands in for it too.
            let waits_for = |edge: usize| {
                let stands_in = |at: &usize| plan.steps[*at].fallback;
                std::iter::successors(Some(edge), stands_in).any(|at| again[at])
            };
            let mut edges = step.needs.iter().chain(&step.after);
            let follows = edges.any(|edge| waits_for(*edge));
            if follows && !again[at] {
                again[at] = true;
                grown = true;
            }
            if let Some(fallback) = step
                .fallback
                .filter(|fallback| again[at] && !again[*fallback])
            {
                again[fallback] = true;
                grown = true;
            }
        }
        if !grown {
            return again;
        }
    }
}

/// How each step of a log ended the last time, with what it made.
fn ends<'l>(
    run: &RunId,
    lines: impl Iterator<Item = &'l [u8]>,
    results: &rok_projections::Contents,
) -> Result<BTreeMap<String, RecordedEnd>, String> {
    let mut ends = BTreeMap::new();
    let mut made: BTreeMap<StepId, Vec<_>> = BTreeMap::new();
    for line in lines {
        let mut event = event(line, run)?;
        results.fill(&mut event)?;
        let from = |step: &StepId| CachedData {
            run: run.to_string(),
            step: step.to_string(),
            seq: event.seq.0,
        };
        match &event.body {
            Body::StepStarted { step, .. } => {
                made.remove(step);
            }
            Body::ArtifactEmitted {
                step,
                path,
                sha256,
                bytes,
                place,
                executable,
                ..
            } => {
                let digest = Digest {
                    sha256: sha256.clone(),
                    bytes: *bytes,
                };
                let place = crate::cache::place_of(*place);
                let of_step = made.entry(step.clone()).or_default();
                of_step.push((path.clone(), place, digest, *executable));
            }
            Body::StepSucceeded { step, data, .. } => {
                let hit = CacheHit {
                    from: from(step),
                    outputs: data
                        .outputs
                        .as_ref()
                        .map_or(Value::Null, |outputs| (**outputs).clone()),
                    artifacts: made.remove(step).unwrap_or_default(),
                };
                ends.insert(step.to_string(), Ok(hit));
            }
            Body::StepFailed {
                step,
                class,
                reason,
                ..
            } => {
                let failed = RecordedFailure {
                    from: from(step),
                    class: *class,
                    reason: reason.clone(),
                };
                ends.insert(step.to_string(), Err(failed));
            }
            Body::StepCompensated { step, .. } => {
                ends.remove(&Recorded::undo_of(step.as_str()));
            }
            Body::StepCompensationFailed {
                step,
                class,
                reason,
                ..
            } => {
                let failed = RecordedFailure {
                    from: from(step),
                    class: *class,
                    reason: reason.clone(),
                };
                ends.insert(Recorded::undo_of(step.as_str()), Err(failed));
            }
            _ => {}
        }
    }
    Ok(ends)
}
