//! The conformance suite over the engine that the settings name.

use crate::error::ServiceError;
use crate::service::Service;
pub use rok_conformance::POLICIES as CONFORMANCE_POLICIES;
use rok_conformance::{Case, Engine, House, cases, conform};
use rok_facades::runs::{ErrorKind, PageQuery, RunsError};
use rok_orchestration::{ComponentResult, RunReport};
use rok_vocabulary::Timestamp;
use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The cases whose names begin with one of these; all of them where none is
/// named.
pub fn conformance_cases(names: &[String]) -> Result<Vec<&'static Case>, ServiceError> {
    if let Some(name) = names
        .iter()
        .find(|name| !cases().any(|case| is(case, name)))
    {
        let message = format!("no case of the suite begins with `{name}`");
        return Err(RunsError::new(ErrorKind::NotFound, "ROK0240", message)
            .help(
                "`rok conformance --list` lists them; an area such as `chaos` is a beginning, too",
            )
            .into());
    }
    let chosen = |case: &&Case| names.is_empty() || names.iter().any(|name| is(case, name));
    Ok(cases().filter(chosen).collect())
}

fn is(case: &Case, name: &str) -> bool {
    case.full_name().starts_with(name)
}

impl Service {
    /// Holds an engine against these cases: the server that the settings name,
    /// or else the embedded engine, in a folder of its own that is removed
    /// unless a case fails.
    pub fn conformance(
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
        let house = House::open(&folder).map_err(|error| ServiceError::Output {
            why: format!("{}: {error}", folder.display()),
        })?;
        let mut settings = self.config().settings.clone();
        settings.dir = folder.join("runs");
        settings.agents = Some(house.agents);
        if settings.enabled {
            settings.execution_policies.push(house.policies);
        }
        let runs = (self.wiring().compose)(&settings)?;
        let engine = Engine::new(runs, folder.clone()).with_agents();
        let engine = engine.by(self.config().settings.actor());
        let mut report = conform(&engine, cases, now, told);
        if report.status.is_good() {
            // What cannot be removed now is the system's to remove.
            let _ = fs::remove_dir_all(&folder);
        } else {
            let kept = format!("its runs are kept in {}", folder.join("runs").display());
            report.messages.push(kept);
        }
        Ok(report)
    }
}

/// A new folder of this process.
fn own_folder() -> Result<PathBuf, ServiceError> {
    let name = format!(
        "rok-conformance-{}-{}",
        std::process::id(),
        now().as_millis()
    );
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder).map_err(|error| ServiceError::Output {
        why: format!("{}: {error}", folder.display()),
    })?;
    Ok(folder)
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.map_or(0, |since| since.as_millis());
    Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
