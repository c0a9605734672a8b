//! Firings' runs, through the facade of runs.

use crate::submit::{Order, Standing, Submit, SubmitError};
use rok_facades::runs::{CommandRequest, ErrorKind, RunsError, RunsFacade, Submission, Verb};
use rok_schedule::{Cause, Firing, Item, parse_items};
use rok_vocabulary::{Actor, RunId, ScheduleId};
use std::path::{Path, PathBuf};

/// One byte more than the largest plan, and than a file of items may have: what
/// is larger is refused by its parser, and is not read whole.
const MAX_READ: u64 = 16 * 1024 * 1024 + 1;

/// Runs that are submitted through the facade, by the schedule or by who asked.
#[derive(Debug, Clone)]
pub struct FacadeSubmit {
    runs: RunsFacade,
}

impl FacadeSubmit {
    /// Submits to these runs.
    #[must_use]
    pub const fn new(runs: RunsFacade) -> Self {
        Self { runs }
    }
}

impl Submit for FacadeSubmit {
    fn submit(&self, order: &Order<'_>) -> Result<(), SubmitError> {
        let submission = submission(order).map_err(SubmitError::Refused)?;
        let Err(error) = self.runs.submit(submission) else {
            return Ok(());
        };
        match self.standing(&order.run)? {
            // Somebody was faster, or an earlier attempt was not told of.
            Standing::GoesOn | Standing::Ended => Ok(()),
            Standing::Missing => Err(sorted(&error)),
        }
    }

    fn standing(&self, run: &RunId) -> Result<Standing, SubmitError> {
        match self.runs.summary(run) {
            Ok(summary) if summary.phase.is_terminal() => Ok(Standing::Ended),
            Ok(_) => Ok(Standing::GoesOn),
            Err(error) if error.code == "ROK0101" => Ok(Standing::Missing),
            // It was collected, so it had ended.
            Err(error) if error.code == "ROK0160" => Ok(Standing::Ended),
            Err(error) => Err(SubmitError::Later(error.message)),
        }
    }

    fn cancel(&self, run: &RunId, schedule: &ScheduleId) -> Result<(), SubmitError> {
        if self.standing(run)? != Standing::GoesOn {
            return Ok(());
        }
        let request = CommandRequest {
            verb: Verb::Cancel,
            actor: Actor::Schedule(schedule.as_str().into()),
            reason: Some("the schedule is due again".to_owned()),
        };
        match self.runs.command(run, request) {
            Ok(_) => Ok(()),
            Err(_) if self.standing(run)? == Standing::Ended => Ok(()),
            Err(error) => Err(sorted(&error)),
        }
    }

    fn items(&self, path: &Path) -> Result<Vec<Item>, String> {
        let bytes = rok_files::read(path, MAX_READ)
            .map_err(|error| format!("cannot read the items in {}: {error}", path.display()))?;
        parse_items(&bytes, &path.to_string_lossy())
            .map_err(|errors| errors.render().trim_end().to_owned())
    }
}

/// Whether it may go better another time.
fn sorted(error: &RunsError) -> SubmitError {
    let message = error.message.clone();
    match error.kind {
        ErrorKind::Storage | ErrorKind::Busy => SubmitError::Later(message),
        ErrorKind::Usage
        | ErrorKind::NotFound
        | ErrorKind::State
        | ErrorKind::Protocol
        | ErrorKind::Denied => SubmitError::Refused(message),
    }
}

fn submission(order: &Order<'_>) -> Result<Submission, String> {
    let spec = order.schedule.run_spec(order.firing);
    let spec = spec.map_err(|error| error.to_string())?;
    let (plan, source, cwd) = plan_of(order)?;
    Ok(Submission {
        plan,
        source,
        cwd,
        inputs: spec.values,
        input_texts: spec.texts,
        labels: spec.labels,
        profile: None,
        max_parallel: None,
        never_retry: false,
        run_id: Some(order.run.clone()),
        submitter: submitter(order),
        reason: Some(reason(order.firing)),
        secrets_file: None,
        no_cache: false,
        priority: None,
        idempotency_key: None,
    })
}

/// Whoever asked is who submits; what is due of itself is the schedule's.
fn submitter(order: &Order<'_>) -> Actor {
    match &order.firing.asked {
        Some(asked) => asked.by.clone(),
        None => Actor::Schedule(order.schedule.id.as_str().into()),
    }
}

fn reason(firing: &Firing) -> String {
    let due = firing.due;
    let what = match firing.cause {
        Cause::Due => format!("due at {due}"),
        Cause::CatchUp => format!("due at {due}, and missed"),
        Cause::Backfill => format!("backfill of {due}"),
        Cause::Trigger => "triggered".to_owned(),
    };
    match firing
        .asked
        .as_ref()
        .and_then(|asked| asked.reason.as_ref())
    {
        Some(reason) => format!("{what}: {reason}"),
        None => what,
    }
}

/// A plan's text, its name and the folder that its steps run in.
fn plan_of(order: &Order<'_>) -> Result<(Vec<u8>, String, PathBuf), String> {
    let (name, folder) = (&order.schedule.plan, order.folder);
    if let Some(id) = name.strip_prefix("builtin:") {
        let text = rok_plan::builtin(id).ok_or_else(|| format!("no built-in plan {id}"))?;
        return Ok((text.into(), name.clone(), folder.to_owned()));
    }
    let path = folder.join(name);
    let bytes = rok_files::read(&path, MAX_READ)
        .map_err(|error| format!("cannot read the plan {}: {error}", path.display()))?;
    let cwd = path.parent().unwrap_or(folder);
    Ok((bytes, path.display().to_string(), cwd.to_owned()))
}
