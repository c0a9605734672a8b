//! The engine: the facade's trait over the modules beside it.

use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use crate::pooled::Commits;
use crate::setup::{Governed, Needs, RunsSetup, ServicesFor};
use crate::slots::Slot;
use crate::submit::parsed;
use crate::subruns::{Family, Lineage, Link, SubRuns};
use rok_attest::{Checkpoint, Head};
use rok_facades::RunIdentity;
use rok_facades::runs::{
    AttestOptions, Attested, AuditView, BatchResult, BatchSubmission, CollectReport,
    CollectRequest, CommandAnswer, CommandRequest, DegradedWorker, DriveEnd, DriveOptions, DryRun,
    ErrorKind, EventLine, EventQuery, Explanation, ExportOptions, Exported, Fetched, HeldView,
    HoldRequest, ImportOptions, Imported, ListQuery, LogQuery, LogTail, Observer, PageQuery,
    RedecidedView, ReplayRequest, Resumable, ResumeOptions, RollbackOptions, RunListing, RunPage,
    RunSelector, RunSummary, RunTiming, RunsEngine, RunsError, ServiceRunView, SignedFile,
    StepSummary, StopSignal, Submission, TailQuery, VerifyOptions, VerifyReport,
};
use rok_runner::{Services, Shard, Turn};
use rok_store_jsonl::resolve;
use rok_vocabulary::{BatchId, RunId};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Runs in run folders.
pub struct Runs {
    pub(crate) setup: RunsSetup,
    services: ServicesFor,
    /// Shards of runs that were submitted here and are not driven yet.
    submitted: Mutex<BTreeMap<RunId, (Shard, Turn)>>,
    /// Runs that were named by a folder outside the root.
    elsewhere: Mutex<BTreeMap<RunId, PathBuf>>,
    /// What the one run of this engine has to do with the step that it is for.
    pub(crate) link: Option<Arc<Link>>,
    /// The executors that a sub-run shares with its parent.
    shared: Option<Services>,
    /// Places that runs have, whose driving has not begun.
    places: Mutex<BTreeMap<RunId, Slot>>,
    /// What performs the `plan` steps of runs that are prepared to be driven.
    pub(crate) children: Mutex<BTreeMap<RunId, SubRuns>>,
    /// By which new runs are created in a shared store.
    commits: OnceLock<Commits>,
    /// Held while a run is let in that would not wait.
    pub(crate) alone: Mutex<()>,
}

impl std::fmt::Debug for Runs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runs")
            .field("setup", &self.setup)
            .finish_non_exhaustive()
    }
}

impl Runs {
    /// An engine over a folder of run folders.
    #[must_use]
    pub fn new(setup: RunsSetup, services: ServicesFor) -> Self {
        Self {
            setup,
            services,
            submitted: Mutex::new(BTreeMap::new()),
            elsewhere: Mutex::new(BTreeMap::new()),
            link: None,
            shared: None,
            children: Mutex::new(BTreeMap::new()),
            places: Mutex::new(BTreeMap::new()),
            commits: OnceLock::new(),
            alone: Mutex::new(()),
        }
    }

    pub(crate) fn keep_place(&self, run: &RunId, slot: Slot) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(run.clone(), slot);
    }

    pub(crate) fn take_place(&self, run: &RunId) -> Option<Slot> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove(run)
    }

    /// An engine for one sub-run, with the executors of its parent.
    pub(crate) fn within(
        setup: RunsSetup,
        services_for: ServicesFor,
        shared: Services,
        link: Arc<Link>,
    ) -> Self {
        Self {
            shared: Some(shared),
            link: Some(link),
            ..Self::new(setup, services_for)
        }
    }

    pub(crate) fn services(&self, needs: &Needs) -> Result<Governed, RunsError> {
        let Some(shared) = &self.shared else {
            return (self.services)(needs);
        };
        let governed = (self.services)(&Needs {
            processes: None,
            ..needs.clone()
        })?;
        Ok(Governed {
            services: governed.services.with_executors_of(shared),
            ..governed
        })
    }

    /// The services of a run, with what performs its `plan` steps, if it may
    /// have any.
    pub(crate) fn services_of(&self, run: &RunId, services: Services, of: Lineage) -> Services {
        if of.plans.is_empty() {
            return services;
        }
        let root = self.store_of(run).root().to_owned();
        let children = SubRuns::new(Family {
            setup: RunsSetup {
                root,
                ..self.setup.clone()
            },
            services_for: Arc::clone(&self.services),
            services: services.clone(),
            of,
            live: Mutex::default(),
            parent: Mutex::default(),
            paused: crate::subruns::Paused::default(),
        });
        let performer = children.clone();
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(run.clone(), children);
        services.executor(Arc::new(performer))
    }

    /// What performs the `plan` steps of a run.
    pub(crate) fn children_of(&self, run: &RunId) -> Option<SubRuns> {
        self.children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(run)
            .cloned()
    }

    /// The store that holds a run.
    pub(crate) fn store_of(&self, run: &RunId) -> Home {
        let elsewhere = self
            .elsewhere
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match (elsewhere.get(run), &self.setup.store) {
            (Some(root), _) => Home::folders(root.clone(), self.setup.durability),
            (None, _) => self.home(),
        }
    }

    pub(crate) fn keep(&self, run: RunId, shard: (Shard, Turn)) {
        self.submitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(run, shard);
    }

    fn take(&self, run: &RunId) -> Option<(Shard, Turn)> {
        self.submitted
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(run)
    }

    pub(crate) fn load(&self, run: &RunId) -> Result<Loaded, RunsError> {
        Loaded::read(&self.store_of(run), run)
    }
}

impl RunsEngine for Runs {
    fn submit(&self, submission: Submission) -> Result<RunId, RunsError> {
        self.submit_run(submission)
    }

    fn redecide(&self, run: &RunId) -> Result<RedecidedView, RunsError> {
        let loaded = self.load(run)?;
        let log = self.store_of(run).read(run);
        crate::replay::redecided(&loaded, &log.map_err(|error| fault::store(&error))?)
    }

    fn replay(&self, run: &RunId, request: ReplayRequest) -> Result<RunId, RunsError> {
        self.replay_run(run, request)
    }

    fn check_plans(&self, plan: &[u8], source: &str, folder: &Path) -> Result<(), RunsError> {
        crate::subruns::plans::find(&parsed(plan, source)?, folder).map(drop)
    }

    fn dry_run(&self, submission: Submission) -> Result<DryRun, RunsError> {
        self.dry_run_of(submission)
    }

    fn drive(
        &self,
        run: &RunId,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        if self.is_pooled() {
            return self.await_run(run, options, stop, observer);
        }
        let shard = self.take(run).ok_or_else(|| {
            RunsError::new(
                ErrorKind::State,
                "ROK0103",
                format!("run {run} was not submitted here"),
            )
            .help(format!("go on with it by `rok resume {run}`"))
        })?;
        self.drive_shard(shard, run, options, stop, observer)
    }

    fn resume(
        &self,
        run: &RunId,
        options: &ResumeOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.resume_run(run, options, stop, observer)
    }

    fn rollback(
        &self,
        run: &RunId,
        options: &RollbackOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        self.rollback_run(run, options, stop, observer)
    }

    fn resumable(&self, run: &RunId) -> Result<Resumable, RunsError> {
        Ok(crate::resume::resumable(&self.load(run)?))
    }

    fn command(&self, run: &RunId, request: CommandRequest) -> Result<CommandAnswer, RunsError> {
        let answer = self.command_run(run, request)?;
        self.attest_after(run, &answer)?;
        Ok(answer)
    }

    fn find(&self, selector: &RunSelector) -> Result<RunId, RunsError> {
        if self.is_pooled() {
            return crate::home::find(&self.home(), &selector.0);
        }
        let found =
            resolve(&self.setup.root, &selector.0).map_err(|error| fault::resolve(&error))?;
        if found.root != self.setup.root {
            let mut elsewhere = self
                .elsewhere
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            elsewhere.insert(found.run.clone(), found.root);
        }
        Ok(found.run)
    }

    fn summary(&self, run: &RunId) -> Result<RunSummary, RunsError> {
        let store = self.store_of(run);
        let (loaded, driver) = Loaded::read_driven(&store, run)?;
        let mut summary = crate::summary::summary(&loaded);
        let open = !summary.phase.is_terminal();
        summary.driven_by = driver;
        summary.rollback = crate::rollback::view_with_sub_runs(&store, &loaded);
        if summary.hold.is_none() {
            summary.hold = crate::waits::waits(&store, loaded.state());
        }
        if summary.hold.is_some() {
            summary.status = crate::summary::of_held(loaded.state()).into();
        } else if open && summary.driven_by.is_none() {
            summary.queued = store.queued(run).map_err(|error| fault::store(&error))?;
        }
        Ok(summary)
    }

    fn rests(&self, run: &RunId) -> Result<bool, RunsError> {
        let row = if self.is_pooled() {
            self.home().get(run).map_err(|error| fault::store(&error))?
        } else {
            None
        };
        match row {
            Some(row) => Ok(row.rests()),
            // Nobody but the log says it, or that there is no such run.
            None => {
                let summary = self.summary(run)?;
                Ok(summary.sealed || summary.hold.is_some())
            }
        }
    }

    fn identity(&self, run: &RunId) -> Result<RunIdentity, RunsError> {
        crate::identity::identity(&self.store_of(run), run)
    }

    fn plan(&self, run: &RunId) -> Result<Vec<u8>, RunsError> {
        Ok(self.load(run)?.state().plan().plan().to_canonical_json())
    }

    fn step(&self, run: &RunId, step: &str) -> Result<Vec<StepSummary>, RunsError> {
        crate::summary::with_children(&self.load(run)?, step)
    }

    fn artifact(&self, run: &RunId, path: &str, step: Option<&str>) -> Result<Fetched, RunsError> {
        self.artifact_of(run, path, step)
    }

    fn envelopes(&self, run: &RunId) -> Result<Vec<SignedFile>, RunsError> {
        self.envelopes_of(run)
    }

    fn ready(&self) -> Result<(), RunsError> {
        // Without its key no run starts.
        self.hold_key()?;
        self.try_to_append()
    }

    fn audit(&self, run: &RunId) -> Result<AuditView, RunsError> {
        Ok(crate::summary::audit(&self.load(run)?))
    }

    fn explain(&self, run: &RunId, step: Option<&str>) -> Result<Explanation, RunsError> {
        let store = self.store_of(run);
        let holder = store.driver(run).map_err(|error| fault::store(&error))?;
        crate::explain::explain(&store, &Loaded::read(&store, run)?, step, holder)
    }

    fn events(&self, run: &RunId, query: &EventQuery) -> Result<Vec<EventLine>, RunsError> {
        self.refuse_unknown(run, query)?;
        crate::events::events(&self.store_of(run), run, query)
    }

    fn follow(
        &self,
        run: &RunId,
        query: &EventQuery,
        stop: &StopSignal,
        each: &mut dyn FnMut(&EventLine) -> bool,
    ) -> Result<(), RunsError> {
        self.refuse_unknown(run, query)?;
        crate::events::follow(&self.store_of(run), run, query, stop, each)
    }

    fn logs(
        &self,
        run: &RunId,
        query: &LogQuery,
        stop: &StopSignal,
        out: &mut dyn Write,
    ) -> Result<(), RunsError> {
        crate::logs::logs(self, run, query, stop, out)
    }

    fn log_fault(&self, run: &RunId, query: &LogQuery) -> Option<RunsError> {
        crate::logs::log_fault(self, run, query)
    }

    fn service_run(&self, run: &RunId) -> Result<Option<ServiceRunView>, RunsError> {
        Ok(crate::service_run::view(&self.load(run)?))
    }

    fn degraded_workers(&self) -> Result<Vec<DegradedWorker>, RunsError> {
        crate::service_run::degraded(self.setup.workers.as_deref())
    }

    fn timing(&self, run: &RunId) -> Result<RunTiming, RunsError> {
        crate::timing::timing(&self.load(run)?, &self.store_of(run))
    }

    fn log_tails(&self, run: &RunId, query: &TailQuery) -> Result<Vec<LogTail>, RunsError> {
        crate::logs::tails(&self.load(run)?, query)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<RunListing>, RunsError> {
        crate::listing::list(&self.home(), query)
    }

    fn page(&self, query: &PageQuery) -> Result<RunPage, RunsError> {
        crate::listing::page(&self.home(), query)
    }

    fn check_batch(&self, batch: &BatchSubmission) -> Result<(), RunsError> {
        self.check_batch_of(batch)
    }

    fn submit_item(&self, batch: &BatchSubmission, index: usize) -> Result<RunId, RunsError> {
        self.submit_item_of(batch, index)
    }

    fn batch(&self, batch: &BatchId) -> Result<BatchResult, RunsError> {
        self.batch_of(batch)
    }

    fn accept(&self, run: &RunId) -> Result<(), RunsError> {
        self.note(run)
    }

    fn acquit(&self, run: &RunId) -> Result<(), RunsError> {
        self.strike(run)
    }

    fn accepted(&self) -> Result<Vec<RunId>, RunsError> {
        self.noted()
    }

    fn hold(&self, run: &RunId, request: &HoldRequest) -> Result<HeldView, RunsError> {
        self.hold_run(run, request)
    }

    fn collect(&self, request: &CollectRequest) -> Result<CollectReport, RunsError> {
        self.collect_runs(request)
    }

    fn verify(&self, run: &RunId, options: &VerifyOptions) -> Result<VerifyReport, RunsError> {
        crate::verify::verify(&self.store_of(run), run, options)
    }

    fn attest(&self, run: &RunId, options: &AttestOptions) -> Result<Attested, RunsError> {
        self.attest_run(run, options)
    }

    fn checkpoint(&self, run: &RunId, options: &AttestOptions) -> Result<Checkpoint, RunsError> {
        self.checkpoint_run(run, options)
    }

    fn export(&self, run: &RunId, options: &ExportOptions) -> Result<Exported, RunsError> {
        self.export_run(run, options)
    }

    fn import(&self, options: &ImportOptions) -> Result<Imported, RunsError> {
        self.import_run(options)
    }

    fn verify_bundle(
        &self,
        bundle: &ImportOptions,
        options: &VerifyOptions,
    ) -> Result<VerifyReport, RunsError> {
        crate::import::verify_bundle(bundle, options)
    }

    fn head_at(&self, run: &RunId, lines: u64) -> Result<Option<Head>, RunsError> {
        crate::checkpoint::head_at(&self.store_of(run), run, lines)
    }
}

impl Runs {
    /// By which new runs are created in a shared store.
    pub(crate) fn commits(&self) -> Result<&Commits, RunsError> {
        let store = self.setup.store.as_ref().ok_or_else(|| {
            let message = "runs in folders are created with their folders";
            RunsError::new(ErrorKind::Usage, "ROK0117", message)
        })?;
        Ok(self.commits.get_or_init(|| Commits::new(store)))
    }

    /// Where runs are that are nowhere else.
    pub(crate) fn home(&self) -> Home {
        let (root, durability) = (self.setup.root.clone(), self.setup.durability);
        match &self.setup.store {
            Some(store) => Home::shared(root, durability, store),
            None => Home::folders(root, durability),
        }
    }
}
