//! The contract of executors over those of this rok, and over an agent of the
//! agents' file.

use super::{filled, now, own_folder};
use crate::error::ServiceError;
use crate::service::Service;
use rok_config::Settings;
pub use rok_conformance::ExecutorKind;
use rok_conformance::{AgentTasks, Deed, ExecutorCase, Stand, conform_executor};
use rok_executor::{Executor, Functions};
use rok_facades::runs::{ErrorKind, RunsError};
use rok_orchestration::{ComponentResult, RunReport};
use rok_vocabulary::Capability;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What the suite's own target is called where an executor makes requests.
const LOOPBACK: &str = "127.0.0.1";

/// An agent of the agents' file, alone.
pub struct OneAgent {
    /// What the file says that it can do.
    pub capabilities: BTreeSet<Capability>,
    /// Makes an executor that knows it and nobody else, and that has not met it
    /// before.
    pub make: Box<dyn Fn() -> Arc<dyn Executor> + Send + Sync>,
}

impl std::fmt::Debug for OneAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut of = f.debug_struct("OneAgent");
        of.field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

/// Who composes executors one by one.
pub trait Executors: Send + Sync {
    /// The executor of a kind, as runs under these settings have it, with these
    /// functions.
    fn of_kind(
        &self,
        settings: &Settings,
        kind: ExecutorKind,
        functions: Functions,
    ) -> Result<Arc<dyn Executor>, RunsError>;

    /// The agent of this id or address, which must be reached.
    fn of_agent(&self, settings: &Settings, who: &str) -> Result<OneAgent, RunsError>;
}

/// An agent, and what it is to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentAsk {
    /// Its id in the agents' file, or its address there.
    pub who: String,
    /// What it is asked for; by default `run`, or the only thing that it can do.
    pub capability: Option<String>,
    /// Its work: `answers={"n": 7}`.
    pub works: Vec<String>,
}

/// What is held against the contract of executors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecutorAsk {
    /// An executor of this rok.
    Kind(ExecutorKind),
    /// An agent.
    Agent(AgentAsk),
}

impl ExecutorAsk {
    /// The executor of this name.
    pub fn of(name: &str) -> Result<Self, ServiceError> {
        let kind = name.parse::<ExecutorKind>().map_err(|error| {
            let names: Vec<&str> = ExecutorKind::ALL.map(ExecutorKind::as_str).into();
            let help = format!("these can be shown: {}", names.join(", "));
            refused(ErrorKind::NotFound, error.to_string()).help(help)
        })?;
        Ok(Self::Kind(kind))
    }
}

fn refused(kind: ErrorKind, message: impl Into<String>) -> RunsError {
    RunsError::new(kind, "ROK0241", message.into())
}

impl Service {
    /// Holds an executor against these cases, in a folder of its own that is
    /// removed again.
    pub(super) fn conformance_of_executor(
        &self,
        ask: &ExecutorAsk,
        cases: &[ExecutorCase],
        told: impl FnMut(&ComponentResult),
    ) -> Result<RunReport, ServiceError> {
        if self.is_elsewhere() {
            let message =
                "executors and agents are held against their contract by this rok, not by a server";
            let error = refused(ErrorKind::Usage, message);
            return Err(error.help("leave `--server` and ROK_SERVER out").into());
        }
        let executors = self.wiring().executors.as_ref();
        let executors = executors.ok_or_else(|| ServiceError::NotSupported {
            what: "executors one by one in this program".to_owned(),
            instead: "hand them to `Wiring::executors`",
        })?;
        let folder = own_folder()?;
        let mut settings = self.config().settings.clone();
        settings.dir = folder.path().join("runs");
        settings.store = None;
        let bench = match ask {
            ExecutorAsk::Kind(kind) => {
                let stand = Stand::open(*kind, folder.path()).map_err(filled(folder.path()))?;
                settings.services.clone_from(&stand.services);
                settings.agents.clone_from(&stand.agents);
                // What is asked is the suite's own, whatever else may be reached.
                settings.egress_allow = vec![LOOPBACK.to_owned()];
                settings.egress_deny.clear();
                let executor = executors.of_kind(&settings, *kind, Stand::functions())?;
                stand.bench(executor)
            }
            ExecutorAsk::Agent(ask) => {
                let agent = executors.of_agent(&settings, &ask.who)?;
                let tasks = tasks(ask, &agent.capabilities)?;
                // An agent remembers its work for as long as it lives.
                let runs = format!("contract-{:x}", now().as_millis());
                let bench = tasks.bench(agent.make, runs, folder.path());
                bench.map_err(filled(folder.path()))?
            }
        };
        let cases = cases.iter().copied();
        Ok(conform_executor(&bench, cases, now, told))
    }
}

/// What the agent is to do.
fn tasks(ask: &AgentAsk, can: &BTreeSet<Capability>) -> Result<AgentTasks, RunsError> {
    let capability = capability(ask, can)?;
    let works = ask.works.iter().map(|text| work(text));
    let tasks = AgentTasks::of(capability.clone(), works.collect::<Result<_, _>>()?);
    if !tasks.answers() {
        let message = format!(
            "no work of `{capability}` is known that agent `{}` could be given",
            ask.who
        );
        return Err(refused(ErrorKind::Usage, message).help(
            "name what its `with` says: `--work answers=JSON`, and so `fails` and `stays`; of `run` it is known",
        ));
    }
    Ok(tasks)
}

/// What the agent is asked for.
fn capability(ask: &AgentAsk, can: &BTreeSet<Capability>) -> Result<Capability, RunsError> {
    let names: Vec<&str> = can.iter().map(Capability::as_str).collect();
    let names = names.join(", ");
    let found = match &ask.capability {
        Some(name) => can.iter().find(|known| known.as_str() == name),
        None => can
            .iter()
            .find(|known| known.as_str() == "run")
            .or_else(|| can.first().filter(|_| can.len() == 1)),
    };
    found.cloned().ok_or_else(|| match &ask.capability {
        Some(name) => {
            let message = format!("agent `{}` cannot do `{name}`", ask.who);
            refused(ErrorKind::Usage, message).help(format!("its capabilities: {names}"))
        }
        None => {
            let message = format!("agent `{}` can do more than one thing", ask.who);
            refused(ErrorKind::Usage, message).help(format!("name one by --capability: {names}"))
        }
    })
}

/// `answers={"n": 7}`
fn work(text: &str) -> Result<(Deed, Map<String, Value>), RunsError> {
    let words = AgentTasks::DEEDS.map(|(word, _)| word).join(", ");
    let (word, json) = text.split_once('=').unwrap_or((text, ""));
    let deed = AgentTasks::DEEDS.iter().find(|(known, _)| *known == word);
    let Some((_, deed)) = deed else {
        let message = format!("`{word}` is nothing that work could do");
        return Err(
            refused(ErrorKind::Usage, message).help(format!("write one of {words} before `=`"))
        );
    };
    let with = serde_json::from_str(json).map_err(|error| {
        let message = format!("what stands behind `{word}=` is no JSON object: {error}");
        refused(ErrorKind::Usage, message).help("write what the step's `with` would say")
    })?;
    Ok((*deed, with))
}
