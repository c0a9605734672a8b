//! Steps of agents: what is asked for, and what the log is told of who did it.

use super::RunRunner;
use crate::services::Services;
use rok_agents::{BudgetLeft, Need, ProcessOrder, StepPolicy, Table, Terms, Tried};
use rok_events::{AgentData, TriedData};
use rok_executor::{
    AgentRecord, AgentWork, GivenProcess, PreflightFault, ProcessWork, Program, StepFailure,
    Withdrawn, Work,
};
use rok_expr::SecretText;
use rok_kernel::{LostAttempt, RunState, StepIx};
use rok_plan::{Action, AgentAction, Step, StepPlace};
use rok_vocabulary::{BudgetDimension, ErrorClass, Federation, StepState};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What an agent is asked for.
pub(super) fn work(
    state: &RunState,
    step: &Step,
    ask: &AgentAction,
    with: Map<String, Value>,
) -> AgentWork {
    let mut capabilities = ask.capabilities.clone();
    capabilities.insert(ask.capability.clone());
    AgentWork {
        capability: ask.capability.clone(),
        need: Need {
            capabilities,
            min_trust: ask.min_trust,
            region: ask.region.clone(),
            federation: ask.federation.unwrap_or(Federation::LocalPrefer),
        },
        federation: ask.federation,
        with,
        terms: Terms {
            policies: policies(state, step),
            budget: budget_left(state),
        },
        idempotent: step.idempotent,
        max_latency: ask.max_latency,
        process: None,
    }
}

/// Work as it is, or, where the step's process is given away, as the work of an
/// agent.
pub(super) fn given(state: &RunState, step: &Step, work: Work) -> Result<Work, StepFailure> {
    let (StepPlace::Away(away), Work::Process(process)) = (&step.place, &work) else {
        return Ok(work);
    };
    if process.sandbox.is_some() {
        if away.or_here {
            return Ok(work);
        }
        let reason = "it must run in a sandbox, and no agent can be held to one: \
                      say `mode: local` on it";
        return Err(StepFailure::new(ErrorClass::PolicyViolation, reason));
    }
    let with = ordered(state, process).ok_or_else(|| {
        let reason = "it has a secret, and secrets never leave this machine";
        StepFailure::new(ErrorClass::ConfigError, reason)
    })?;
    let given = GivenProcess {
        work: process.clone(),
        or_here: away.or_here,
    };
    let mut asked = self::work(state, step, &away.ask, with);
    asked.process = Some(given);
    Ok(Work::Agent(Box::new(asked)))
}

/// A process as an order says it; none where a secret stands in it.
fn ordered(state: &RunState, process: &ProcessWork) -> Option<Map<String, Value>> {
    let mut env: BTreeMap<String, String> = BTreeMap::new();
    let mut set = |pairs: &[(String, SecretText)]| {
        for (name, value) in pairs {
            env.insert(name.clone(), value.as_plain()?.to_owned());
        }
        Some(())
    };
    set(&process.env)?;
    let argv = match &process.program {
        Program::Argv(argv) => argv.clone(),
        Program::Shell {
            bash,
            script,
            values,
        } => {
            set(values)?;
            let shell: &[&str] = if *bash {
                &["bash", "-eo", "pipefail", "-c"]
            } else {
                &["/bin/sh", "-e", "-c"]
            };
            let words = shell.iter().map(|word| (*word).to_owned());
            words.chain([script.clone()]).collect()
        }
    };
    let inputs = state.inputs().and_then(|inputs| inputs.as_object());
    let order = ProcessOrder {
        argv,
        env,
        inputs: inputs.cloned().unwrap_or_default(),
    };
    match serde_json::to_value(order) {
        Ok(Value::Object(with)) => Some(with),
        _ => None,
    }
}

/// The policies that were injected into the run and cover the step.
fn policies(state: &RunState, step: &Step) -> Vec<StepPolicy> {
    let plan = state.plan().plan().id.as_str();
    let submitter = state.submitter().to_string();
    let all = state.execution_policies().iter();
    let covering = all.filter(|policy| policy.covers(plan, &submitter, Some(step.id.as_str())));
    let offered = covering.map(|policy| StepPolicy {
        name: policy.payload.id.clone(),
        policy_type: policy.policy_type,
        enforcement_level: policy.enforcement_level,
        payload: serde_json::to_value(&policy.payload).unwrap_or_default(),
    });
    offered.collect()
}

/// What is left of the run's budget as the step begins.
fn budget_left(state: &RunState) -> BudgetLeft {
    let left = |dimension: BudgetDimension| {
        let limit = state.plan().plan().budget.as_ref()?.limit(dimension)?;
        Some((limit - state.used().of(dimension)).max(0.0))
    };
    let whole = |dimension| left(dimension).map(|left| left as u64);
    BudgetLeft {
        cost_usd: left(BudgetDimension::CostUsd),
        energy_kwh: left(BudgetDimension::EnergyKwh),
        tokens: whole(BudgetDimension::Tokens),
        time_ms: whole(BudgetDimension::Time),
    }
}

/// A process of which it is only known that it may be started here.
fn nothing_yet() -> GivenProcess {
    GivenProcess {
        work: ProcessWork {
            program: Program::Argv(Vec::new()),
            env: Vec::new(),
            cwd: PathBuf::new(),
            sandbox: None,
        },
        or_here: true,
    }
}

impl RunRunner {
    /// Who would do an agent's step, and who not and why; `None` where it is
    /// none, or nobody does such steps here.
    #[must_use]
    pub fn candidates(&self, ix: StepIx, services: &Services) -> Option<Table> {
        let step = self.state().definition(ix);
        let (ask, or_here) = match (&step.action, &step.place) {
            (Action::Agent(ask), _) => (&**ask, false),
            (_, StepPlace::Away(away)) => (&away.ask, away.or_here),
            _ => return None,
        };
        let mut work = work(self.state(), step, ask, Map::new());
        work.process = or_here.then(nothing_yet);
        let work = Work::Agent(Box::new(work));
        services.executor_for(&work)?.candidates(&work)
    }

    /// Whether steps of it are given to agents.
    #[must_use]
    pub fn asks_agents(&self) -> bool {
        let mut steps = self.state().plan().plan().steps.iter();
        steps.any(|step| {
            matches!(step.action, Action::Agent(_)) || matches!(step.place, StepPlace::Away(_))
        })
    }

    /// An agent's step that nobody will ever do.
    pub(super) fn hopeless(&self, ix: StepIx, services: &Services) -> Option<PreflightFault> {
        let reason = self.candidates(ix, services)?.hopeless()?;
        Some(PreflightFault {
            step: self.state().definition(ix).id.to_string(),
            class: ErrorClass::ConfigError,
            reason,
        })
    }

    /// Keeps with lost attempts who had them, and what is not known to have
    /// ended there.
    pub(crate) fn note_withdrawn(&self, withdrawn: Vec<Withdrawn>, lost: &mut Vec<LostAttempt>) {
        for one in withdrawn {
            let runs = |ix: &StepIx| {
                let slot = self.state().step(*ix);
                slot.state == StepState::Running
                    && self.attempt_ref(*ix, slot.attempt).step == one.step
            };
            let Some(step) = self.state().places().find(runs) else {
                continue;
            };
            if lost.iter().all(|known| known.step != step) {
                lost.push(LostAttempt {
                    step,
                    ..LostAttempt::default()
                });
            }
            let record = AgentRecord {
                by: Some(one.by),
                reason: one.unheard,
                ..AgentRecord::default()
            };
            let data = self.agent_data(record);
            if let Some(known) = lost.iter_mut().find(|known| known.step == step) {
                known.data.agent = Some(Box::new(data));
            }
        }
    }

    /// Who did a step and who was asked before; nothing that an agent says
    /// reaches the log unmasked.
    pub(super) fn agent_data(&self, record: AgentRecord) -> AgentData {
        let tried = |tried: Tried| TriedData {
            agent: tried.taker.agent,
            place: tried.taker.place,
            trust: tried.taker.trust,
            trigger: tried.trigger,
            reason: self.masked(&tried.why),
        };
        let notes = record.notes.iter();
        let notes = notes.map(|note| self.masked(note)).collect();
        let all = record.tried.into_iter().map(tried).collect();
        let reason = record.reason.map(|reason| self.masked(&reason));
        match record.by {
            Some(by) => AgentData {
                id: Some(by.agent),
                place: Some(by.place),
                trust: Some(by.trust),
                region: by.region,
                tried: all,
                notes,
                reason,
            },
            None => AgentData {
                tried: all,
                notes,
                reason,
                ..AgentData::default()
            },
        }
    }
}
