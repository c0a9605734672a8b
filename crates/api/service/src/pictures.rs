//! Use cases of looking: the graph of a plan or of a run, a run's timeline, its
//! report.

mod graph;
mod report;
mod timeline;

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::runs::VerifyOptions;
use rok_pictures::{Graph, Report, Timeline};
use std::path::Path;
use std::{fs, io};

impl Service {
    /// The graph of a plan, or of a run and how its steps stand. A name that
    /// both have is the plan's; a run's folder is always the run.
    pub fn graph(&self, name: &str) -> Result<Graph, ServiceError> {
        if self.cwd().join(name).is_dir() {
            return self.find(name)?.graph();
        }
        let missing = match self.plan_text(name) {
            Ok(text) => return Ok(graph::of_plan(&text.parse()?)),
            Err(ServiceError::NoPlan { name, nearest }) => (name, nearest),
            Err(error) => return Err(error),
        };
        match self.find(name) {
            Err(error) if error.is_unknown_run() => Err(ServiceError::NothingToDraw {
                name: missing.0,
                nearest: missing.1,
            }),
            found => found?.graph(),
        }
    }
}

impl Service {
    /// Writes a result to a file, seen from the current folder. A file that is
    /// there is replaced as a whole: no reader sees half of it.
    pub fn write_file(&self, file: &Path, bytes: &[u8]) -> Result<(), ServiceError> {
        replace(&self.cwd().join(file), bytes).map_err(|error| ServiceError::Output {
            why: format!("{}: {error}", file.display()),
        })
    }
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A pipe or a device cannot be replaced.
    let special = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file());
    let name = path.file_name().filter(|_| !special);
    let Some(name) = name else {
        return fs::write(path, bytes);
    };
    let beside = format!(".{}.{}", name.to_string_lossy(), std::process::id());
    let beside = path.with_file_name(beside);
    let written = fs::write(&beside, bytes).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // It may not be there at all, and the first error says why.
        let _ = fs::remove_file(&beside);
    }
    written
}

impl crate::runs::RunHandle {
    /// The run's plan, and how its steps stand.
    pub fn graph(&self) -> Result<Graph, ServiceError> {
        let plan = self.runs().plan(self.id())?;
        let plan = rok_plan::parse(&plan, "plan.json")?;
        Ok(graph::of_run(&plan, &self.summary()?))
    }

    /// When what happened, and what made the run end when it did.
    pub fn timeline(&self) -> Result<Timeline, ServiceError> {
        let timing = self.runs().timing(self.id())?;
        Ok(timeline::of_run(&self.summary()?, &timing))
    }

    /// Everything about the run on one page.
    pub fn report(&self) -> Result<Report, ServiceError> {
        let (runs, id) = (self.runs(), self.id());
        let run = self.summary()?;
        let timing = runs.timing(id)?;
        let plan = rok_plan::parse(&runs.plan(id)?, "plan.json")?;
        Ok(report::of_run(report::Parts {
            graph: graph::of_run(&plan, &run),
            timeline: timeline::of_run(&run, &timing),
            audit: self.audit()?,
            proof: runs.verify(id, &VerifyOptions::default())?,
            tails: runs.log_tails(id, &report::TAILS)?,
            run,
            timing,
        }))
    }
}
