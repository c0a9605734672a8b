//! The conformance suite over the engine that the settings name, and the
//! contract of executors over an executor or an agent.

mod executors;

use crate::error::ServiceError;
use crate::service::Service;
pub use executors::{AgentAsk, ExecutorAsk, ExecutorKind, Executors, OneAgent};
pub use rok_conformance::POLICIES as CONFORMANCE_POLICIES;
use rok_conformance::{
    Case, Engine, ExecutorCase, House, cases, conform, demand, demand_all, executor_cases,
};
use rok_facades::runs::{ErrorKind, PageQuery, RunsError};
use rok_orchestration::{ComponentResult, RunReport};
use rok_vocabulary::Timestamp;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is to be held against which cases.
#[derive(Debug, Clone)]
pub struct ConformanceSuite {
    chosen: Chosen,
    strict: bool,
}

#[derive(Debug, Clone)]
enum Chosen {
    Engine(Vec<&'static Case>),
    Executor(ExecutorAsk, Vec<ExecutorCase>),
}

impl ConformanceSuite {
    /// The cases for engines whose names begin with one of these; all of them
    /// where none is named.
    pub fn of_engine(names: &[String]) -> Result<Self, ServiceError> {
        let cases = chosen(
            cases(),
            |case| case.full_name(),
            names,
            "`rok conformance --list` lists them; an area such as `chaos` is a beginning, too",
        )?;
        Ok(Self::of(Chosen::Engine(cases)))
    }

    /// The same of those for executors.
    pub fn of_executor(ask: ExecutorAsk, names: &[String]) -> Result<Self, ServiceError> {
        let help = "`--list` beside it lists them";
        let cases = chosen(executor_cases(), ExecutorCase::full_name, names, help)?;
        Ok(Self::of(Chosen::Executor(ask, cases)))
    }

    const fn of(chosen: Chosen) -> Self {
        let strict = false;
        Self { chosen, strict }
    }

    /// Counts a case as failed that could not be shown, where `strict`.
    #[must_use]
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The name of each case and, where the name alone does not say it, what holds.
    #[must_use]
    pub fn cases(&self) -> Vec<(String, Option<&'static str>)> {
        match &self.chosen {
            Chosen::Engine(cases) => cases.iter().map(|case| (case.full_name(), None)).collect(),
            Chosen::Executor(_, cases) => {
                let cases = cases.iter();
                cases
                    .map(|case| (case.full_name(), Some(case.about())))
                    .collect()
            }
        }
    }
}

/// Those whose names begin with one of these.
fn chosen<C>(
    all: impl Iterator<Item = C>,
    name: impl Fn(&C) -> String,
    names: &[String],
    help: &str,
) -> Result<Vec<C>, ServiceError> {
    let all: Vec<C> = all.collect();
    let is = |case: &C, wanted: &String| name(case).starts_with(wanted.as_str());
    if let Some(wanted) = names
        .iter()
        .find(|wanted| !all.iter().any(|case| is(case, wanted)))
    {
        let message = format!("no case of the suite begins with `{wanted}`");
        let error = RunsError::new(ErrorKind::NotFound, "ROK0240", message);
        return Err(error.help(help).into());
    }
    let taken = |case: &C| names.is_empty() || names.iter().any(|wanted| is(case, wanted));
    Ok(all.into_iter().filter(taken).collect())
}

impl Service {
    /// Holds what is to be held against the cases of a suite.
    pub fn conformance(
        &self,
        suite: &ConformanceSuite,
        mut told: impl FnMut(&ComponentResult),
    ) -> Result<RunReport, ServiceError> {
        let told = |result: &ComponentResult| {
            let mut result = result.clone();
            if suite.strict {
                demand(&mut result);
            }
            told(&result);
        };
        let mut report = match &suite.chosen {
            Chosen::Engine(cases) => self.conformance_of_engine(cases, told),
            Chosen::Executor(ask, cases) => self.conformance_of_executor(ask, cases, told),
        }?;
        if suite.strict {
            demand_all(&mut report);
        }
        Ok(report)
    }

    /// Holds an engine against these cases: the server that the settings name,
    /// or else the embedded engine, in a folder of its own that is removed
    /// unless a case fails.
    fn conformance_of_engine(
        &self,
        cases: &[&Case],
        told: impl FnMut(&ComponentResult),
    ) -> Result<RunReport, ServiceError> {
        self.drives_here("conformance")?;
        let cases = cases.iter().copied();
        if self.config().settings.server.is_some() {
            let runs = self.runs()?;
            // Told once, in place of once for each case.
            runs.page(&PageQuery {
                limit: Some(1),
                ..PageQuery::default()
            })?;
            let engine = Engine::new(runs, self.cwd().to_owned()).elsewhere();
            let engine = engine.by(self.config().settings.actor());
            return Ok(conform(&engine, cases, now, told));
        }
        let folder = own_folder()?;
        let house = House::open(folder.path()).map_err(filled(folder.path()))?;
        let mut settings = self.config().settings.clone();
        settings.dir = folder.path().join("runs");
        settings.agents = Some(house.agents);
        if settings.enabled {
            settings.execution_policies.push(house.policies);
        }
        let runs = (self.wiring().compose)(&settings)?;
        let engine = Engine::new(runs, folder.path().to_owned()).with_agents();
        let engine = engine.by(self.config().settings.actor());
        let mut report = conform(&engine, cases, now, told);
        if !report.status.is_good() {
            let kept = folder.keep().join("runs");
            let kept = format!("its runs are kept in {}", kept.display());
            report.messages.push(kept);
        }
        Ok(report)
    }
}

/// A new folder of this process, removed with what holds it.
struct OwnFolder {
    path: PathBuf,
    kept: bool,
}

impl OwnFolder {
    fn path(&self) -> &Path {
        &self.path
    }

    fn keep(mut self) -> PathBuf {
        self.kept = true;
        self.path.clone()
    }
}

impl Drop for OwnFolder {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be removed now is the system's to remove.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

fn own_folder() -> Result<OwnFolder, ServiceError> {
    let name = format!(
        "rok-conformance-{}-{}",
        std::process::id(),
        now().as_millis()
    );
    let path = std::env::temp_dir().join(name);
    fs::create_dir(&path).map_err(filled(&path))?;
    Ok(OwnFolder { path, kept: false })
}

/// Why nothing could be written into a folder.
fn filled(folder: &Path) -> impl Fn(io::Error) -> ServiceError {
    let folder = folder.to_owned();
    move |error| ServiceError::Output {
        why: format!("{}: {error}", folder.display()),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
