//! Use cases of schedules: whoever asks, from the terminal or from elsewhere.

use crate::error::ServiceError;
use crate::plan_file;
use crate::service::Service;
use rok_facades::runs::{ErrorKind, RunsError, StopSignal};
use rok_facades::schedules::{
    AddedSchedule, DueView, FiringView, RemovedSchedule, ScheduleFile, ScheduleView,
    SchedulesFacade, TickObserver, TickReport,
};
use rok_plan::{Plan, parse_input};
use rok_schedule::{ForEach, Input, Schedule};
use rok_vocabulary::{Actor, PlanId, Timestamp};
use std::path::{Path, PathBuf};

/// One byte more than the largest schedule: a larger one is refused by its
/// parser, and is not read whole.
const MAX_READ: u64 = 16 * 1024 * 1024 + 1;

/// The schedules of a folder of runs, and who asks.
#[derive(Debug, Clone)]
pub struct ScheduleBook {
    facade: SchedulesFacade,
    actor: Actor,
    cwd: PathBuf,
    /// A server keeps them, and looks itself whether a plan is there.
    elsewhere: bool,
}

impl Service {
    /// Whether schedules are kept in this program.
    #[must_use]
    pub fn has_schedules(&self) -> bool {
        self.wiring().schedules.is_some()
    }

    /// The schedules that are kept beside the runs.
    pub fn schedules(&self) -> Result<ScheduleBook, ServiceError> {
        Ok(ScheduleBook {
            facade: self.schedules_facade()?,
            actor: self.config().settings.actor(),
            cwd: self.cwd().to_owned(),
            elsewhere: self.config().settings.server.is_some(),
        })
    }
}

impl Service {
    /// A schedule that somebody asks for from elsewhere, and the plan that it
    /// runs: one that is known here, whose inputs it fits.
    pub fn asked_schedule(&self, text: Vec<u8>) -> Result<(ScheduleFile, PlanId), ServiceError> {
        let schedule = rok_schedule::parse(&text, "schedule")
            .map_err(|errors| ServiceError::Schedule(Box::new(errors)))?;
        if matches!(schedule.for_each, Some(ForEach::File(_))) {
            let message =
                "`for_each` names a file, and nothing that is asked for from elsewhere is a path";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0181", message)
                .help("write the items as a list")
                .into());
        }
        let known = self.plans();
        let mut of_source = known.iter().filter(|plan| plan.source == schedule.plan);
        let Some(found) = of_source.next() else {
            let by_id = known.iter();
            let mut by_id = by_id.filter(|plan| plan.plan.as_deref() == Some(&*schedule.plan));
            return Err(ServiceError::NoPlan {
                nearest: by_id.next().map(|plan| format!("`{}`", plan.source)),
                name: schedule.plan,
            });
        };
        let plan = self.plan_text(&found.source)?.parse()?;
        fits(&schedule, &plan)?;
        let file = ScheduleFile {
            text,
            name: "schedule".to_owned(),
            // What it names is seen from the server's folder.
            path: self.cwd().join("schedule"),
        };
        Ok((file, plan.id))
    }
}

impl ScheduleBook {
    /// The same schedules, for somebody else.
    #[must_use]
    pub fn asked_by(mut self, actor: Actor) -> Self {
        self.actor = actor;
        self
    }

    /// Adds a schedule from its file, or replaces the one with its id. The plan
    /// that it names must be there and be right, and declare its inputs.
    pub fn add(&self, file: &Path) -> Result<AddedSchedule, ServiceError> {
        let path = self.cwd.join(file);
        let unreadable = |why: std::io::Error| {
            let message = format!("cannot read the schedule file {}: {why}", file.display());
            RunsError::new(ErrorKind::Usage, "ROK0181", message)
        };
        let text = rok_files::read(&path, MAX_READ).map_err(unreadable)?;
        let path = std::path::absolute(path).map_err(unreadable)?;
        let name = file.to_string_lossy().into_owned();
        let schedule = rok_schedule::parse(&text, &name)
            .map_err(|errors| ServiceError::Schedule(Box::new(errors)))?;
        if self.elsewhere {
            let file = ScheduleFile { text, name, path };
            return Ok(self.facade.add(&file, &self.actor)?);
        }
        let folder = path.parent().unwrap_or(&self.cwd);
        let plan = plan_file::find(&schedule.plan, folder)?;
        if plan.source.starts_with("builtin:") && !schedule.plan.starts_with("builtin:") {
            return Err(ServiceError::NoPlan {
                nearest: Some(format!("`{}`", plan.source)),
                name: schedule.plan,
            });
        }
        fits(&schedule, &plan.parse()?)?;
        let file = ScheduleFile { text, name, path };
        Ok(self.facade.add(&file, &self.actor)?)
    }

    /// Adds a schedule that somebody asks for from elsewhere.
    pub fn add_asked(&self, file: &ScheduleFile) -> Result<AddedSchedule, ServiceError> {
        Ok(self.facade.add(file, &self.actor)?)
    }

    /// Moves in the schedules of the folder of runs, where these are in a
    /// database. Gives their ids.
    pub fn take_over(&self) -> Result<Vec<String>, ServiceError> {
        Ok(self.facade.take_over()?)
    }

    /// Every schedule, by id.
    pub fn list(&self) -> Result<Vec<ScheduleView>, ServiceError> {
        Ok(self.facade.list()?)
    }

    /// One schedule.
    pub fn show(&self, schedule: &str) -> Result<ScheduleView, ServiceError> {
        Ok(self.facade.show(schedule)?)
    }

    /// The next due times of a schedule, or of all together.
    pub fn next(&self, schedule: Option<&str>, count: usize) -> Result<Vec<DueView>, ServiceError> {
        Ok(self.facade.next(schedule, count)?)
    }

    /// Lets a schedule fire nothing until it is unpaused.
    pub fn pause(
        &self,
        schedule: &str,
        reason: Option<String>,
    ) -> Result<ScheduleView, ServiceError> {
        Ok(self.facade.pause(schedule, &self.actor, reason)?)
    }

    /// Lets a paused schedule go on.
    pub fn unpause(&self, schedule: &str) -> Result<ScheduleView, ServiceError> {
        Ok(self.facade.unpause(schedule)?)
    }

    /// Fires a schedule now, for all of its items or these.
    pub fn trigger(
        &self,
        schedule: &str,
        items: &[String],
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, ServiceError> {
        Ok(self.facade.trigger(schedule, items, &self.actor, reason)?)
    }

    /// Fires for each due time from `from` on and before `until`.
    pub fn backfill(
        &self,
        schedule: &str,
        (from, until): (Timestamp, Timestamp),
        reason: Option<String>,
    ) -> Result<Vec<FiringView>, ServiceError> {
        let range = (from, until);
        Ok(self.facade.backfill(schedule, range, &self.actor, reason)?)
    }

    /// Removes a schedule. Its runs are not touched.
    pub fn remove(&self, schedule: &str) -> Result<RemovedSchedule, ServiceError> {
        Ok(self.facade.remove(schedule)?)
    }

    /// Keeps the schedules until `stop` is given: what is due is decided, and
    /// its runs are created. For a server, on a thread of its own; the server's
    /// pool drives the runs.
    pub fn serve(
        &self,
        stop: &StopSignal,
        observer: &mut dyn TickObserver,
    ) -> Result<(), ServiceError> {
        Ok(self.facade.serve(stop, observer)?)
    }

    /// Does what is due and drives its runs here, a few at once: once, or until
    /// an instant.
    pub fn work(
        &self,
        until: Option<Timestamp>,
        stop: &StopSignal,
        observer: &mut dyn TickObserver,
    ) -> Result<TickReport, ServiceError> {
        Ok(self.facade.work(until, stop, observer)?)
    }
}

/// Refuses inputs that the plan would refuse at every firing. What an
/// expression gives is known then only.
fn fits(schedule: &Schedule, plan: &Plan) -> Result<(), ServiceError> {
    let given = &schedule.inputs;
    let unknown = given
        .keys()
        .filter(|name| !plan.inputs.contains_key(name.as_str()))
        .map(|name| format!("`{name}`: the plan does not declare it"));
    let mut faults: Vec<String> = unknown.collect();
    for (name, spec) in &plan.inputs {
        match given.get(name.as_str()) {
            None if spec.default.is_none() => faults.push(format!("`{name}`: is not given")),
            Some(Input::Text(text)) if !text.contains("${{") => {
                if let Err(fault) = parse_input(spec, text) {
                    faults.push(format!("`{name}`: {}", fault.message));
                }
            }
            _ => {}
        }
    }
    if faults.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the inputs of schedule `{}` do not fit plan `{}`: {}",
        schedule.id,
        plan.id,
        faults.join("; ")
    );
    let help = "`rok plan show` tells the inputs of a plan";
    Err(RunsError::new(ErrorKind::Usage, "ROK0181", message)
        .help(help)
        .into())
}
