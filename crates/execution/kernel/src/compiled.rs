//! A plan made ready for many runs: indices and edges, computed once.

use crate::inputs;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use rok_events::InputsHash;
use rok_plan::{Action, Plan, Step, StepPlace};
use rok_scheduler::{Edge, Graph, GraphError};
use rok_vocabulary::StepId;

/// A step's place in its plan.
pub type StepIx = u32;

/// The lane of process steps; the rest is in lane 1.
pub(crate) const PROCESSES: usize = 0;

/// A plan with its graph. Shared by all runs of the plan.
#[derive(Debug)]
pub struct CompiledPlan {
    plan: Plan,
    sha256: String,
    graph: Graph,
    index: BTreeMap<StepId, StepIx>,
    /// Which step a fallback stands in for.
    owners: BTreeMap<StepIx, StepIx>,
    processes_only: bool,
    /// The labels of steps that read nothing of their run; of a function, where
    /// it is given nothing.
    fixed_inputs: Vec<Option<InputsHash>>,
}

impl CompiledPlan {
    /// Compiles a plan; `sha256` is the digest of its canonical bytes, hex.
    pub fn new(plan: Plan, sha256: String) -> Result<Arc<Self>, GraphError> {
        let edges = plan.steps.iter().enumerate().flat_map(|(to, step)| {
            let needs = step
                .needs
                .iter()
                .map(move |from| Edge::needs(*from as u32, to as u32));
            let after = step
                .after
                .iter()
                .map(move |from| Edge::after(*from as u32, to as u32));
            needs.chain(after)
        });
        // One that only agents do takes no place of a process here.
        let is_process = |step: &Step| {
            let here = !matches!(&step.place, StepPlace::Away(away) if !away.or_here);
            here && matches!(step.action, Action::Argv(_) | Action::Shell { .. })
        };
        let graph = Graph::new(plan.steps.len(), edges, |node| {
            usize::from(!is_process(&plan.steps[node as usize]))
        })?;
        let fallbacks = plan.steps.iter().zip(0..);
        let fallbacks = fallbacks.filter_map(|(step, ix)| Some((ix, step.fallback? as StepIx)));
        let fallbacks: Vec<(StepIx, StepIx)> = fallbacks.collect();
        let graph = graph.with_fallbacks(fallbacks.iter().copied())?;
        let owners = fallbacks.into_iter().map(|(step, to)| (to, step)).collect();
        let index = plan
            .steps
            .iter()
            .zip(0..)
            .map(|(step, ix)| (step.id.clone(), ix))
            .collect();
        let fixed_inputs = plan.steps.iter().map(|step| inputs::fixed(&plan, step));
        let fixed_inputs = fixed_inputs.collect();
        let processes_only = plan.steps.iter().all(is_process);
        Ok(Arc::new(Self {
            plan,
            sha256,
            graph,
            index,
            owners,
            processes_only,
            fixed_inputs,
        }))
    }

    /// The plan.
    #[must_use]
    pub const fn plan(&self) -> &Plan {
        &self.plan
    }

    /// sha-256 of the plan's canonical bytes, hex.
    #[must_use]
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// A step by its place.
    #[must_use]
    pub fn step(&self, ix: StepIx) -> &Step {
        &self.plan.steps[ix as usize]
    }

    /// A step's place by its id.
    #[must_use]
    pub fn find(&self, id: &StepId) -> Option<StepIx> {
        self.index.get(id).copied()
    }

    /// A step's place by the text of its id.
    #[must_use]
    pub fn find_str(&self, id: &str) -> Option<StepIx> {
        self.index.get(id).copied()
    }

    /// The label of a step's inputs, where they are the same in every run; a
    /// function's is that of a call that is given nothing.
    pub(crate) fn fixed_inputs(&self, ix: StepIx) -> Option<InputsHash> {
        self.fixed_inputs[ix as usize]
    }

    /// The step that a fallback stands in for.
    #[must_use]
    pub fn owner(&self, fallback: StepIx) -> Option<StepIx> {
        self.owners.get(&fallback).copied()
    }

    /// Whether the run fails with a step; a fallback is as required as the step
    /// that it stands in for.
    #[must_use]
    pub fn is_required(&self, ix: StepIx) -> bool {
        let first = core::iter::successors(Some(ix), |ix| self.owner(*ix)).last();
        self.step(first.unwrap_or(ix)).required
    }

    /// The edges.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.plan.steps.len()
    }

    /// Whether there are no steps; a valid plan has at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// Whether every step is a process.
    #[must_use]
    pub const fn processes_only(&self) -> bool {
        self.processes_only
    }
}
