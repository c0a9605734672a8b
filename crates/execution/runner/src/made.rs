//! What a run's steps have made, where it lies, and which of it the next step
//! must find: from the log's events, live and folded alike.

use crate::cache::result_of;
use crate::stage::Upstream;
use rok_artifacts::{Digest, Place, Roots};
use rok_events::{ArtifactPlace, Body, Event};
use rok_kernel::{RunState, StepIx};
use rok_vocabulary::{Attempt, Epoch, StepId, StepState};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// What one attempt of a step has made.
#[derive(Debug)]
struct OfStep {
    epoch: Epoch,
    attempt: Attempt,
    /// Paths as in the log, where they lie, and what they must not lead out of.
    made: Vec<(String, PathBuf, PathBuf)>,
}

/// What the steps have made.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// By step, of its last attempt that made something.
    by_step: HashMap<StepId, OfStep>,
    /// Whose content lies at a place: the last that was made there.
    latest: HashMap<PathBuf, (StepId, Digest, bool)>,
    /// Working directories of steps that made something.
    folders: HashMap<StepId, PathBuf>,
}

impl Made {
    /// Notes what an event says was made; after it was applied.
    pub(crate) fn note(&mut self, event: &Event, state: &RunState, artifacts: Option<&Path>) {
        let Body::ArtifactEmitted {
            step,
            attempt,
            path,
            sha256,
            bytes,
            place,
            executable,
        } = &event.body
        else {
            return;
        };
        let digest = Digest {
            sha256: sha256.clone(),
            bytes: *bytes,
        };
        let (file, bound) = self.file(step, *place, path, state, artifacts);
        self.latest
            .insert(file.clone(), (step.clone(), digest, *executable));
        let made = (path.clone(), file, bound);
        let (epoch, attempt) = (event.epoch, *attempt);
        match self.by_step.get_mut(step) {
            Some(of) if (of.epoch, of.attempt) == (epoch, attempt) => of.made.push(made),
            _ => {
                let made = vec![made];
                let of = OfStep {
                    epoch,
                    attempt,
                    made,
                };
                self.by_step.insert(step.clone(), of);
            }
        }
    }

    fn file(
        &mut self,
        step: &StepId,
        place: ArtifactPlace,
        path: &str,
        state: &RunState,
        artifacts: Option<&Path>,
    ) -> (PathBuf, PathBuf) {
        let folder = self.folders.entry(step.clone()).or_insert_with(|| {
            let ix = state.find(step.as_str());
            let cwd = ix.and_then(|ix| state.resolve(ix).ok()?.cwd);
            cwd_of(state, cwd.as_deref())
        });
        let roots = Roots {
            cwd: folder.clone(),
            run: artifacts.map(Path::to_owned),
        };
        let place = match place {
            ArtifactPlace::Cwd => Place::Cwd,
            ArtifactPlace::Run => Place::Run,
        };
        (roots.file(place, path), roots.bound(place, path))
    }

    /// What a step that has succeeded made, as it must be found now: where a
    /// later step wrote to the same place, what that one made.
    pub(crate) fn of_step(&self, ix: StepIx, state: &RunState) -> Vec<Upstream> {
        if let Some(fan) = state.fan_out(ix) {
            let children = fan.children();
            return children
                .flat_map(|child| self.of_step(child, state))
                .collect();
        }
        let Some(OfStep { made, .. }) = self.by_step.get(&state.step_id(ix)) else {
            return Vec::new();
        };
        if state.step(ix).state != StepState::Succeeded {
            return Vec::new();
        }
        let upstream = made.iter().filter_map(|(path, file, bound)| {
            let (by, digest, executable) = self.latest.get(file)?;
            Some(Upstream {
                step: by.to_string(),
                path: path.clone(),
                file: file.clone(),
                bound: bound.clone(),
                digest: digest.clone(),
                executable: *executable,
            })
        });
        upstream.collect()
    }

    /// What the steps before a step made, as it must be found when it begins.
    pub(crate) fn before(&self, ix: StepIx, state: &RunState) -> Vec<Upstream> {
        if self.by_step.is_empty() {
            return Vec::new();
        }
        let step = state.definition(ix);
        let edges = step.needs.iter().chain(&step.after);
        let mut seen = std::collections::HashSet::new();
        let all = edges.flat_map(|from| self.of_step(*from as StepIx, state));
        all.filter(|artifact| seen.insert(artifact.file.clone()))
            .collect()
    }

    /// What each step before one came to, what came before those included.
    pub(crate) fn results_before(&self, ix: StepIx, state: &RunState) -> Vec<(String, String)> {
        let mut known: HashMap<StepIx, String> = HashMap::new();
        let edges = |ix: StepIx| {
            let step = state.definition(ix);
            let edges = step.needs.iter().chain(&step.after);
            edges.map(|from| *from as StepIx).collect::<Vec<_>>()
        };
        let mut stack = edges(ix);
        while let Some(&at) = stack.last() {
            let before = edges(at);
            let open: Vec<StepIx> = before
                .iter()
                .copied()
                .filter(|from| !known.contains_key(from))
                .collect();
            if !known.contains_key(&at) && !open.is_empty() {
                stack.extend(open);
                continue;
            }
            stack.pop();
            if !known.contains_key(&at) {
                let result = self.result(at, &before, &known, state);
                known.insert(at, result);
            }
        }
        let results = edges(ix).into_iter();
        results
            .map(|at| (state.step_id(at).to_string(), known[&at].clone()))
            .collect()
    }

    fn result(
        &self,
        ix: StepIx,
        before: &[StepIx],
        known: &HashMap<StepIx, String>,
        state: &RunState,
    ) -> String {
        let before: Vec<(String, String)> = before
            .iter()
            .map(|at| (state.step_id(*at).to_string(), known[at].clone()))
            .collect();
        result_of(
            state.step_id(ix).as_str(),
            state.step(ix).state.as_str(),
            state.outputs(ix).map(|outputs| &**outputs),
            &self.of_step(ix, state),
            &before,
        )
    }

    /// The steps that made something.
    pub(crate) fn steps(&self, state: &RunState) -> Vec<StepIx> {
        let places = self.by_step.keys().map(|id| state.find(id.as_str()));
        let mut steps: Vec<StepIx> = places.flatten().collect();
        steps.sort_unstable();
        steps
    }
}

/// A step's working directory, absolute.
pub(crate) fn cwd_of(state: &RunState, given: Option<&str>) -> PathBuf {
    let base = state
        .created()
        .and_then(|created| created.cwd.as_deref())
        .unwrap_or("/");
    given.map_or_else(|| PathBuf::from(base), |cwd| PathBuf::from(base).join(cwd))
}
