//! The whole run, before it starts.

use crate::policy::{BudgetCaps, ExecutionPolicy, Require};
use crate::work::{WorkFacts, judge_work};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use rok_plan::{Action, AgentAction, Plan, Sandbox, Step, StepPlace};
use rok_vocabulary::{BudgetDimension, EnforcementLevel, SandboxMode, StepId, format_duration};

/// What is known of a run before it starts.
#[derive(Debug, Clone, Copy)]
pub struct RunFacts<'a> {
    /// Its plan.
    pub plan: &'a Plan,
    /// Labels of plan and run.
    pub labels: &'a BTreeMap<String, String>,
    /// Who submits it, as text: `user:ada`.
    pub submitter: &'a str,
    /// Which processes have a sandbox.
    pub sandbox: SandboxMode,
}

/// Something that a policy forbids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The policy.
    pub policy: String,
    /// What that does.
    pub level: EnforcementLevel,
    /// The step, where it is one's.
    pub step: Option<StepId>,
    /// What was used too much of, where it is about that.
    pub dimension: Option<BudgetDimension>,
    /// What it is, and the policy's own reason.
    pub why: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy `{}`: {}", self.policy, self.why)
    }
}

impl Breach {
    pub(crate) fn of(policy: &ExecutionPolicy, step: Option<&StepId>, why: String) -> Self {
        let why = match &policy.payload.reason {
            Some(reason) => format!("{why} ({reason})"),
            None => why,
        };
        Self {
            policy: policy.payload.id.clone(),
            level: policy.enforcement_level,
            step: step.cloned(),
            dimension: None,
            why,
        }
    }
}

/// What policies forbid of a run, as far as its plan tells. What only a run's
/// values decide is judged before each step.
#[must_use]
pub fn judge(policies: &[ExecutionPolicy], facts: &RunFacts<'_>) -> Vec<Breach> {
    let plan = facts.plan;
    let mut breaches = Vec::new();
    let whole = |policy: &&ExecutionPolicy| policy.covers(plan.id.as_str(), facts.submitter, None);
    for policy in policies.iter().filter(whole) {
        let mut tell = |why| breaches.push(Breach::of(policy, None, why));
        if let Some(require) = &policy.payload.require {
            labels(require, facts, &mut tell);
        }
        if let Some(caps) = &policy.payload.max_budget {
            budget(caps, plan, &mut tell);
        }
    }
    for step in &plan.steps {
        breaches.extend(judge_step(policies, step, facts));
        let undone = step.compensate.as_ref().map(|undo| &undo.action);
        for action in [Some(&step.action), undone].into_iter().flatten() {
            breaches.extend(judge_work(policies, &work(facts, step, action)));
        }
    }
    breaches.dedup();
    breaches
}

/// What policies forbid of a step beyond its work: the agents that it asks, and
/// a sandbox that is laxer than it should be. It is told before the run, and
/// again as the step begins, so that the record says of which step it is.
#[must_use]
pub fn judge_step(policies: &[ExecutionPolicy], step: &Step, facts: &RunFacts<'_>) -> Vec<Breach> {
    let (plan, id) = (facts.plan.id.as_str(), step.id.as_str());
    let mut breaches = Vec::new();
    for policy in policies {
        if policy.covers(plan, facts.submitter, Some(id)) {
            of_step(policy, step, facts, &mut |why| {
                breaches.push(Breach::of(policy, Some(&step.id), why));
            });
        }
    }
    breaches
}

fn labels(require: &Require, facts: &RunFacts<'_>, tell: &mut impl FnMut(String)) {
    for (name, value) in &require.labels {
        match (facts.labels.get(name), value) {
            (None, _) => tell(format!("the run has no label `{name}`")),
            (Some(found), Some(value)) if found != value => tell(format!(
                "the run's label `{name}` is `{found}`, and must be `{value}`"
            )),
            _ => {}
        }
    }
}

fn budget(caps: &BudgetCaps, plan: &Plan, tell: &mut impl FnMut(String)) {
    for (dimension, cap) in caps.all() {
        let limit = plan
            .budget
            .as_ref()
            .and_then(|budget| budget.limit(dimension));
        let shown = |amount: f64| match dimension {
            BudgetDimension::Time => {
                format_duration(core::time::Duration::from_millis(amount as u64))
            }
            _ => amount.to_string(),
        };
        match limit {
            None => tell(format!(
                "the plan's `budget` has no `max_{dimension}`, and at most {} is permitted",
                shown(cap)
            )),
            Some(limit) if limit > cap => tell(format!(
                "the plan's `budget` has a `max_{dimension}` of {}, and at most {} is permitted",
                shown(limit),
                shown(cap)
            )),
            Some(_) => {}
        }
    }
}

fn of_step(
    policy: &ExecutionPolicy,
    step: &Step,
    facts: &RunFacts<'_>,
    tell: &mut impl FnMut(String),
) {
    let id = &step.id;
    if let Some(ask) = asked(step) {
        let denied = policy.payload.deny.as_ref().map(|deny| &deny.capabilities);
        let asked = core::iter::once(&ask.capability).chain(&ask.capabilities);
        for capability in asked.filter(|one| denied.is_some_and(|denied| denied.contains(*one))) {
            tell(format!("step `{id}` asks an agent for `{capability}`"));
        }
    }
    let Some(require) = &policy.payload.require else {
        return;
    };
    if let (Some(ask), Some(least)) = (asked(step), require.min_trust)
        && ask.min_trust < least
    {
        let has = ask.min_trust;
        tell(format!(
            "step `{id}` asks agents for trust {has}, and {least} is the least"
        ));
    }
    if require.sandbox.is_some() && has_process(step) {
        sandbox(policy, step, facts, tell);
    }
}

/// What a step asks of agents, where it does.
fn asked(step: &Step) -> Option<&AgentAction> {
    match (&step.action, &step.place) {
        (Action::Agent(ask), _) => Some(ask),
        (_, StepPlace::Away(away)) => Some(&away.ask),
        _ => None,
    }
}

/// A strict policy gives the step its sandbox; a soft one says where it has a
/// laxer one.
fn sandbox(
    policy: &ExecutionPolicy,
    step: &Step,
    facts: &RunFacts<'_>,
    tell: &mut impl FnMut(String),
) {
    let bounds = policy
        .payload
        .require
        .as_ref()
        .and_then(|require| require.sandbox.as_ref());
    let Some(bounds) = bounds else { return };
    let id = &step.id;
    let strictest = Sandbox::default();
    let own = match facts.sandbox {
        SandboxMode::Off => {
            return tell(format!(
                "step `{id}` must run in a sandbox, and sandboxes are switched off here"
            ));
        }
        SandboxMode::Asked => step.sandbox.as_ref(),
        SandboxMode::Required => Some(step.sandbox.as_ref().unwrap_or(&strictest)),
    };
    let fits = own.is_some_and(|own| crate::tightened(Some(own), bounds) == *own);
    if policy.enforcement_level == EnforcementLevel::Soft && !fits {
        tell(format!(
            "step `{id}` has no sandbox as strict as it should be"
        ));
    }
}

fn has_process(step: &Step) -> bool {
    let undone = step.compensate.as_ref().map(|undo| &undo.action);
    let actions = [Some(&step.action), undone].into_iter().flatten();
    let is_process = |action: &Action| matches!(action, Action::Argv(_) | Action::Shell { .. });
    actions.into_iter().any(is_process)
}

fn work<'a>(facts: &RunFacts<'a>, step: &'a Step, action: &'a Action) -> WorkFacts<'a> {
    let (mut program, mut line, mut url) = (None, None, None);
    let kind = match action {
        Action::Argv(argv) => {
            program = argv.first().and_then(|first| first.as_literal());
            "run"
        }
        Action::Shell { line: found, .. } => {
            line = Some(found.source());
            "run"
        }
        Action::Call(_) => "call",
        Action::Http(request) => {
            url = request.url.as_literal();
            "http"
        }
        Action::Service { .. } => "service",
        Action::Agent(_) => "agent",
        Action::Plan { .. } => "plan",
    };
    WorkFacts {
        plan: facts.plan.id.as_str(),
        submitter: facts.submitter,
        step: &step.id,
        kind,
        program,
        line,
        url,
    }
}

#[cfg(test)]
mod tests;
