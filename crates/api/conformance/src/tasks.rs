//! What an agent that is not of the suite is asked to do.

use crate::executors::ExecutorBench;
use crate::stand::{agent_work, workspace_in};
use rok_agents::RUN;
use rok_executor::contract::{Deed, SECRET, a_call};
use rok_executor::{Executor, Work};
use rok_vocabulary::Capability;
use serde_json::{Map, Value, json};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Work of one capability, and what a step's `with` says to have it done so.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentTasks {
    capability: Capability,
    given: Vec<(Deed, Map<String, Value>)>,
}

impl AgentTasks {
    /// The words for work that an agent can be given.
    pub const DEEDS: [(&'static str, Deed); 3] = [
        ("answers", Deed::Answers),
        ("fails", Deed::Fails),
        ("stays", Deed::Stays),
    ];

    /// Work of this capability. Of an agent that can `run` it is known what it
    /// does with a process; whatever is given here stands in its place.
    #[must_use]
    pub fn of(capability: Capability, given: Vec<(Deed, Map<String, Value>)>) -> Self {
        let mut tasks = Self { capability, given };
        if tasks.capability.as_str() == RUN {
            for (deed, line) in [
                (
                    Deed::Answers,
                    r#"printf '{"answer":42}' > "$ROK_OUTPUT""#.to_owned(),
                ),
                (Deed::Fails, "echo it fails >&2; exit 65".to_owned()),
                (Deed::Stays, "exec sleep 1000".to_owned()),
                // It is told no secret: it says what happens to be one.
                (
                    Deed::Blabs,
                    format!("echo {SECRET} is refused >&2; exit 65"),
                ),
            ] {
                if tasks.with(deed).is_none() {
                    let argv = json!(["sh", "-c", line]);
                    let with = Map::from_iter([("argv".to_owned(), argv)]);
                    tasks.given.push((deed, with));
                }
            }
        }
        tasks
    }

    /// Whether it can be shown to do anything.
    #[must_use]
    pub fn answers(&self) -> bool {
        self.with(Deed::Answers).is_some()
    }

    fn with(&self, deed: Deed) -> Option<&Map<String, Value>> {
        let mut given = self.given.iter();
        given
            .find(|(known, _)| *known == deed)
            .map(|(_, with)| with)
    }

    /// Executors that are made so, and this work for them; they may write into
    /// the folder. The agent has not seen runs of this name before.
    pub fn bench(
        self,
        make: impl Fn() -> Arc<dyn Executor> + Send + Sync + 'static,
        runs: String,
        folder: &Path,
    ) -> io::Result<ExecutorBench> {
        let work = move |deed| {
            if deed == Deed::Foreign {
                return Ok(a_call());
            }
            let with = self.with(deed).ok_or_else(|| missing(deed))?;
            let work = agent_work(&self.capability, with.clone());
            Ok(Work::Agent(Box::new(work)))
        };
        let bench = ExecutorBench::new(make, work).called(runs);
        Ok(bench.writing_to(workspace_in(folder)?))
    }
}

fn missing(deed: Deed) -> String {
    let mut all = AgentTasks::DEEDS.iter();
    match all.find(|(_, known)| *known == deed) {
        Some((word, _)) => {
            format!("no work is known by which the agent {word}: name some by `--work {word}=JSON`")
        }
        None => "an agent is told no secret that it could tell".to_owned(),
    }
}
