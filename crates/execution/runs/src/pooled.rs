//! Runs that a pool drives: they are created, left to it, and waited for.

mod commits;
mod outfit;
mod places;
mod request;
mod subruns;

pub use outfit::RunsOutfitter;

pub(crate) use commits::Commits;
pub(crate) use places::open_under;

use crate::engine::Runs;
use crate::events::line_of;
use crate::fault;
use crate::submit::{NewRun, Prepared, end_of};
pub(crate) use request::item_request;
use request::{id_of, request_of};
use rok_events::RequestData;
use rok_facades::runs::{
    BATCH_LABEL, DriveEnd, DriveOptions, ErrorKind, EventLine, Observer, ResumeOptions, RunsError,
    StopSignal, Submission,
};
use rok_kernel::Resumability;
use rok_log::{CommitResult, Document, DocumentKind};
use rok_runner::{Clock as _, Driven, Shard, SystemClock, Turn, newborn};
use rok_store_jsonl::Woken;
use rok_vocabulary::{Outcome, RunId, Seq};
use std::time::{Duration, Instant};

/// What a submission's idempotency key says of it.
pub(crate) enum Keyed {
    /// It made this run.
    Made(RunId),
    /// It has made none, or has no key.
    New(Option<RequestData>),
}

/// How often it is looked whether sub-runs wait for somebody.
const GLANCE: Duration = Duration::from_secs(1);

impl Runs {
    /// Whether a pool drives these runs.
    pub(crate) const fn is_pooled(&self) -> bool {
        self.setup.store.is_some()
    }

    /// Creates a run, durably, and leaves it to the pool. The same request
    /// again is the same run.
    pub(crate) fn enqueue(
        &self,
        mut submission: Submission,
        within: Option<NewRun>,
    ) -> Result<RunId, RunsError> {
        if submission.secrets_file.is_some() {
            let message = "a server reads secrets from its own environment, and from no file";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0110", message)
                .help("leave the file out, and set them where the server runs"));
        }
        let keyed = self.keyed(&mut submission)?;
        self.enqueue_keyed(submission, within, keyed)
    }

    /// The same, once it is known what the request made before.
    pub(crate) fn enqueue_keyed(
        &self,
        submission: Submission,
        within: Option<NewRun>,
        keyed: Keyed,
    ) -> Result<RunId, RunsError> {
        let request = match keyed {
            Keyed::Made(run) => return Ok(run),
            Keyed::New(request) => request,
        };
        let folder = submission.cwd.clone();
        let named = submission.run_id.clone();
        let mut prepared = match (self.prepare_for_pool(submission), named, &request) {
            // The same request came twice at once, and the other was faster.
            (Err(error), Some(run), Some(request)) if error.code == "ROK0116" => {
                return self.made_before(&run, request)?.ok_or(error);
            }
            (prepared, ..) => prepared?,
        };
        prepared.spec.request.clone_from(&request);
        let within = match within {
            Some(within) => within,
            None => NewRun::of(&prepared.plan, &folder, prepared.secrets.as_ref().ok())?,
        };
        let place = self.ask_for_place(&prepared, &within)?;
        let run = self.create_unclaimed(prepared, within)?;
        match (run, request) {
            (Ok(run), _) => {
                self.make_place(place, &run);
                Ok(run)
            }
            (Err(run), Some(request)) => match self.made_before(&run, &request)? {
                Some(same) => Ok(same),
                None => Err(fault::taken(&run, None)),
            },
            (Err(run), None) => Err(fault::taken(&run, None)),
        }
    }

    /// Creates a run that was judged, durably, and leaves it to the pool.
    pub(crate) fn leave_unclaimed(
        &self,
        prepared: Prepared,
        within: NewRun,
    ) -> Result<RunId, RunsError> {
        let run = self.create_unclaimed(prepared, within)?;
        run.map_err(|run| fault::taken(&run, None))
    }

    /// The run is returned as an error where there is one of that name.
    fn create_unclaimed(
        &self,
        prepared: Prepared,
        within: NewRun,
    ) -> Result<Result<RunId, RunId>, RunsError> {
        let Prepared {
            run,
            plan,
            canonical,
            mut spec,
            ..
        } = prepared;
        let documents = within.hand_to(&mut spec).into_iter();
        let documents = documents.map(|bytes| Document::new(DocumentKind::SubPlan, bytes));
        let now = SystemClock.now();
        let commit = newborn(run.clone(), plan, canonical, spec, documents.collect(), now);
        let commit = commit.map_err(|error| fault::runner(&error))?;
        Ok(match self.commits()?.commit(commit)? {
            CommitResult::Committed { .. } => Ok(run),
            CommitResult::Stale { .. } => Err(run),
        })
    }

    /// Whether a request made its run before; one that has not is given the run
    /// that its key stands for.
    pub(crate) fn keyed(&self, submission: &mut Submission) -> Result<Keyed, RunsError> {
        let request = request_of(submission)?;
        if let Some(request) = &request {
            let run = id_of(&submission.submitter, &request.key);
            if let Some(same) = self.made_before(&run, request)? {
                return Ok(Keyed::Made(same));
            }
            submission.run_id = Some(run);
        }
        Ok(Keyed::New(request))
    }

    /// The run that a request made before; refused where that was another
    /// request.
    pub(crate) fn made_before(
        &self,
        run: &RunId,
        request: &RequestData,
    ) -> Result<Option<RunId>, RunsError> {
        let home = self.home();
        if !home.exists(run).map_err(|error| fault::store(&error))? {
            return Ok(None);
        }
        let stub = home.stub(run).map_err(|error| fault::store(&error))?;
        let is_stub = stub.is_some();
        let (made, labels) = match stub {
            Some(bytes) => crate::stub::made_by(&home, run, &bytes)?,
            None => {
                let log = home.read(run).map_err(|error| fault::store(&error))?;
                let created = crate::load::created_of(run, &log).ok();
                created.map_or_else(Default::default, |made| (made.request, made.labels))
            }
        };
        // An item's key is the id of its run: nobody gave it.
        let batch = labels.get(BATCH_LABEL);
        let batch = batch.filter(|_| request.key == run.as_str()).cloned();
        match (made, batch) {
            (Some(made), _) if made == *request => Ok(Some(run.clone())),
            (None, _) if is_stub => {
                let message = format!(
                    "run {run} was collected, and what is left of it does not say which request made it"
                );
                Err(RunsError::new(ErrorKind::State, "ROK0121", message)
                    .help("take another batch id, or another key, for what is left to do"))
            }
            (_, Some(batch)) => {
                let message = format!(
                    "batch `{batch}` was submitted before, and this is another one: its plan, its items or who submits it differ (run {run})"
                );
                Err(RunsError::new(ErrorKind::State, "ROK0121", message)
                    .help("give the same plan and items again, or take another batch id"))
            }
            _ => {
                let message = format!(
                    "idempotency key `{}` was used for another request, which made run {run}",
                    request.key
                );
                Err(RunsError::new(ErrorKind::State, "ROK0121", message)
                    .help("send the same request again, or take another key"))
            }
        }
    }

    /// Waits until a run that a pool drives ends or only holds remain.
    pub(crate) fn await_run(
        &self,
        run: &RunId,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        let home = self.home();
        let failed = |error: &rok_log::StoreError| fault::store(error);
        let changes = home.watch_log(run).map_err(|error| failed(&error))?;
        let stopper = changes.stopper();
        stop.on_stop(move || stopper.stop());
        let mut next = Seq::FIRST;
        let (mut has_sub_runs, mut looked) = (false, None::<Instant>);
        loop {
            let log = home.read_from(run, next).map_err(|error| failed(&error))?;
            let lines: Vec<EventLine> = log.lines().map(line_of).collect();
            next = Seq(next.0 + lines.len() as u64);
            has_sub_runs |= lines.iter().any(EventLine::begins_a_sub_run);
            if !lines.is_empty() {
                observer.events(&lines);
            }
            let row = home.get(run).map_err(|error| failed(&error))?;
            let row = row.filter(|row| row.next_seq == next);
            if let Some(row) = row {
                if row.phase.is_terminal() {
                    let loaded = self.load(run)?;
                    let (phase, outcome) = (row.phase, row.outcome.unwrap_or(Outcome::Failed));
                    return Ok(end_of(
                        &Driven::Ended { phase, outcome },
                        Some(loaded.state()),
                    ));
                }
                if row.hold.is_some() && !options.wait_on_hold {
                    let loaded = self.load(run)?;
                    let state = loaded.state();
                    if state.outstanding().is_empty()
                        && let Some(hold) = crate::gates::hold(state)
                    {
                        return Ok(DriveEnd::Held(hold));
                    }
                } else if has_sub_runs
                    && !options.wait_on_hold
                    && looked.is_none_or(|at| at.elapsed() >= GLANCE)
                {
                    // That a sub-run waits is told by its own log.
                    looked = Some(Instant::now());
                    if let Some(hold) = crate::waits::waits(&home, self.load(run)?.state()) {
                        return Ok(DriveEnd::Held(hold));
                    }
                }
            }
            if stop.is_stopped()
                || changes.wait(None).map_err(|error| failed(&error))? == Woken::Stopped
            {
                return Ok(DriveEnd::Interrupted);
            }
        }
    }

    /// Goes on with a run: an interrupted one has the pool already, a failed
    /// one is told to begin its next epoch, and left to the pool.
    pub(crate) fn resume_pooled(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        let resumability = self.load(run)?.state().resumability(SystemClock.now());
        if resumability != Resumability::SameEpoch {
            let shard = self.resumed(run, options, None)?;
            Self::leave_to_pool(shard, run)?;
        }
        self.await_run(run, &options.drive, stop, observer)
    }

    /// Lets go of a run that was told to go on, once nothing of it is about to
    /// happen here.
    pub(crate) fn leave_to_pool(
        (mut shard, _): (Shard, Turn),
        run: &RunId,
    ) -> Result<(), RunsError> {
        while shard.is_busy() {
            shard.turn().map_err(|error| fault::runner(&error))?;
        }
        shard.release(run);
        Ok(())
    }
}
