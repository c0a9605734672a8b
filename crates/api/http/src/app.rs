//! What all requests share.

use crate::call::{Call, Caller};
use crate::driver::Drivers;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::options::ServeOptions;
use crate::problem::Problem;
use crate::query::Values;
use axum::http::StatusCode;
use rok_exec_service::ServiceMap;
use rok_service::views::{
    AccessAction, AccessFacade, AccessRequest, AccessTarget, RunId, RunIdentity,
};
use rok_service::{RunHandle, Service, ServiceError, TokenBook};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How long a use case may wait for its turn.
const TURN: Duration = Duration::from_secs(10);
/// Identities that are kept: each is a few hundred bytes.
const MAX_IDENTITIES: usize = 10_000;
/// How long an answer to "is there room" holds: each costs a sync.
const READY_FOR: Duration = Duration::from_secs(1);

/// What all requests share.
pub(crate) struct App {
    pub(crate) service: Arc<Service>,
    pub(crate) options: ServeOptions,
    pub(crate) tokens: TokenBook,
    pub(crate) services: ServiceMap,
    pub(crate) drivers: Arc<Drivers>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) metrics: Arc<Metrics>,
    /// True once the server is told to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// Outputs that are copied: each takes a thread.
    pub(crate) copies: Arc<Semaphore>,
    /// Bundles that come in: each takes room on the disk.
    pub(crate) bundles: Arc<Semaphore>,
    access: AccessFacade,
    turns: Semaphore,
    identities: Mutex<HashMap<RunId, Arc<RunIdentity>>>,
    ready: Mutex<Option<(Instant, Result<(), String>)>>,
    hide: Vec<String>,
}

impl App {
    pub(crate) fn new(
        service: Arc<Service>,
        access: AccessFacade,
        tokens: TokenBook,
        services: ServiceMap,
        options: ServeOptions,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        let (hub, metrics) = (Arc::new(Hub::default()), Arc::new(Metrics::default()));
        let drivers = Drivers::new(
            options.limits.driven,
            service.config().settings.store.is_some(),
            Arc::clone(&hub),
            Arc::clone(&metrics),
            options.log.clone(),
        );
        let settings = &service.config().settings;
        let mut hide = vec![
            settings.dir.display().to_string(),
            service.folder().display().to_string(),
        ];
        let database = settings.store.as_ref();
        hide.extend(database.map(|file| file.display().to_string()));
        // Whole: the database's name begins this one.
        let files = settings.files_of_store();
        hide.extend(files.map(|folder| folder.display().to_string()));
        // A folder of one letter would take letters out of every word.
        hide.retain(|path| path.len() > 1);
        hide.sort_by_key(|path| std::cmp::Reverse(path.len()));
        Self {
            tokens,
            services,
            drivers: Arc::new(drivers),
            hub,
            metrics,
            stopping,
            copies: Arc::new(Semaphore::new(options.limits.blocking)),
            bundles: Arc::new(Semaphore::new(options.limits.bundles)),
            access,
            turns: Semaphore::new(options.limits.blocking),
            identities: Mutex::default(),
            ready: Mutex::default(),
            hide,
            service,
            options,
        }
    }

    /// A refusal of a use case, as the client is told it.
    pub(crate) fn problem(&self, error: &ServiceError) -> Problem {
        Problem::of(error, &self.hide)
    }

    /// The same, of what somebody gave: it is told what is wrong with it.
    pub(crate) fn problem_of_given(&self, error: &ServiceError, path: &Path) -> Problem {
        let mut hide = vec![path.display().to_string()];
        hide.extend(self.hide.iter().cloned());
        Problem::of_given(error, &hide)
    }

    /// Performs a use case on a thread of its own, when its turn comes. It goes
    /// on to its end where the client goes away meanwhile.
    pub(crate) async fn perform<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = tokio::time::timeout(TURN, self.turns.acquire()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Problem::busy("too much is asked of the server now"));
        };
        let app = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || work(&app)).await;
        drop(turn);
        done.unwrap_or_else(|error| Err(Problem::internal(error.to_string())))
    }

    /// The same, for what only reads.
    pub(crate) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Service) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.perform(move |app| work(&app.service).map_err(|error| app.problem(&error)))
            .await
    }

    /// Whether somebody may do something.
    pub(crate) fn may(
        &self,
        caller: &Caller,
        action: AccessAction,
        target: AccessTarget<'_>,
    ) -> Result<(), Problem> {
        let answer = self.access.authorize(&AccessRequest {
            actor: &caller.actor,
            roles: &caller.roles,
            action,
            target,
        });
        if answer.granted {
            return Ok(());
        }
        let detail = format!("{} may not {action} this", caller.actor);
        let mut problem = Problem::new(StatusCode::FORBIDDEN, "ROK0202", detail)
            .help("roles come with the token; the policies of access say what they may");
        problem.inner = answer.errors.first().cloned();
        Err(problem)
    }

    /// A run that somebody may look at; one that they may not is not there.
    pub(crate) fn visible(
        &self,
        caller: &Caller,
        run: &RunId,
    ) -> Result<Arc<RunIdentity>, Problem> {
        let identity = self.identity(caller, run)?;
        self.may(caller, AccessAction::View, AccessTarget::Run(&identity))
            .map_err(|_| Problem::no_run(run.as_str()))?;
        Ok(identity)
    }

    fn identity(&self, caller: &Caller, run: &RunId) -> Result<Arc<RunIdentity>, Problem> {
        let known = || {
            self.identities
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(identity) = known().get(run) {
            return Ok(Arc::clone(identity));
        }
        let handle = self.handle(caller, run)?;
        let identity = handle.identity().map_err(|error| self.problem(&error))?;
        let identity = Arc::new(identity);
        let mut known = known();
        if known.len() >= MAX_IDENTITIES {
            known.clear();
        }
        known.insert(run.clone(), Arc::clone(&identity));
        Ok(identity)
    }

    /// The run, for somebody.
    pub(crate) fn handle(&self, caller: &Caller, run: &RunId) -> Result<RunHandle, Problem> {
        self.service
            .run_for(run, &caller.actor)
            .map_err(|error| self.problem(&error))
    }

    /// The same, for what is asked of a run.
    pub(crate) async fn with_run<T: Send + 'static>(
        self: &Arc<Self>,
        call: Call,
        work: impl FnOnce(&RunHandle, &Values) -> Result<T, ServiceError> + Send + 'static,
    ) -> Result<T, Problem> {
        self.perform(move |app| {
            let handle = app.handle(call.caller()?, &call.run()?.run)?;
            work(&handle, &call.values).map_err(|error| app.problem(&error))
        })
        .await
    }

    /// Whether a log could be appended now, and somebody carries runs out; tried
    /// once a second at most.
    pub(crate) fn ready(&self) -> Result<(), String> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = ready
            .as_ref()
            .filter(|(tried, _)| tried.elapsed() < READY_FOR)
        {
            return answer.clone();
        }
        let written = self.service.ready().map_err(|error| error.to_string());
        let answer = written.and_then(|()| match self.metrics.failing_shards() {
            0 => Ok(()),
            failing => Err(format!(
                "{failing} shards of the pool fail over and over; what they claim is not carried out"
            )),
        });
        *ready = Some((Instant::now(), answer.clone()));
        answer
    }
}
