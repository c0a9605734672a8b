//! From a plan file to a durable run, and driving it.

mod given;

use crate::cache::FolderCache;
use crate::changes::Stopper;
use crate::engine::Runs;
use crate::events::live_line;
use crate::fault;
use crate::home::Home;
use crate::places::Waiting;
use crate::plan_book::Submitted;
use crate::pooled::Keyed;
use crate::setup::{Governed, Needs};
use crate::subruns::Lineage;
use rok_artifacts::ContentStore;
use rok_chain::Digest;
use rok_events::{CreatedData, ParentRef, RequestData, Settings, SubPlan};
use rok_execution_policy::ExecutionPolicy;
use rok_executor::Workspace;
use rok_facades::runs::{
    DriveEnd, DriveOptions, ErrorKind, EventLine, Observer, RunsError, StopSignal, Submission,
};
use rok_kernel::{CompiledPlan, Effect, RunSpec, RunState};
use rok_log::{Document, DocumentKind, Durability, Owner};
use rok_plan::{Gate, Plan, Recipient};
use rok_projections::Contents;
use rok_runner::{
    Driven, Files, Go, Message, Recorded, RunContext, RunRunner, Services, Shard, Turn, drive,
};
use rok_secrets::{Masker, Secrets};
use rok_vocabulary::{Actor, ErrorClass, Outcome, PlanId, RunId, RunPhase, SandboxMode, StepState};
use serde_json::Value;
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

pub(crate) use given::{
    for_record, inputs_of, load_secrets, refuse_absent, refuse_leaks, refuse_reason,
};
use given::{leak, refuse_rank};

/// A submission that was judged.
pub(crate) struct Prepared {
    pub(crate) run: RunId,
    pub(crate) plan: Arc<CompiledPlan>,
    pub(crate) canonical: Arc<[u8]>,
    pub(crate) spec: RunSpec,
    pub(crate) secrets: Result<Secrets, String>,
    pub(crate) services: Services,
}

/// What a run is created with besides what is submitted.
pub(crate) struct NewRun {
    pub(crate) plans: BTreeMap<PlanId, SubPlan>,
    /// The canonical bytes of all of these plans.
    pub(crate) documents: Vec<Arc<[u8]>>,
    /// The step that it is for.
    pub(crate) parent: Option<ParentRef>,
    /// What holds for it because it holds for that run.
    pub(crate) inherits: Option<Inherited>,
}

/// What a sub-run has of the run that it is within, whatever is set by now.
pub(crate) struct Inherited {
    pub(crate) sandbox: SandboxMode,
    pub(crate) execution_policies: Vec<ExecutionPolicy>,
}

impl NewRun {
    /// The plans that another run was created with.
    pub(crate) fn like(runs: &Runs, run: &RunId, created: &CreatedData) -> Result<Self, RunsError> {
        Ok(Self {
            plans: created.plans.clone(),
            documents: crate::subruns::documents_of(runs, run, &created.plans)?,
            parent: None,
            inherits: None,
        })
    }

    /// Completes what the run is created from; what is left are documents.
    pub(crate) fn hand_to(self, spec: &mut RunSpec) -> Vec<Arc<[u8]>> {
        spec.plans = self.plans;
        spec.parent = self.parent;
        if let Some(inherited) = self.inherits {
            spec.settings.sandbox = inherited.sandbox;
            spec.execution_policies = inherited.execution_policies;
        }
        self.documents
    }

    /// The plans that a submitted plan names, found beside it.
    pub(crate) fn of(
        plan: &CompiledPlan,
        folder: &Path,
        secrets: Option<&Secrets>,
    ) -> Result<Self, RunsError> {
        let found = crate::subruns::plans::find(plan.plan(), folder)?;
        let masker = secrets.map(Masker::new);
        for bytes in found.documents.values() {
            if let Some(name) = masker.as_ref().and_then(|masker| masker.find(bytes)) {
                return Err(leak("a plan that its steps name", name));
            }
        }
        Ok(Self {
            plans: found.plans,
            documents: found.documents.into_values().collect(),
            parent: None,
            inherits: None,
        })
    }
}

impl Runs {
    pub(crate) fn submit_run(&self, submission: Submission) -> Result<RunId, RunsError> {
        if self.is_pooled() {
            return self.enqueue(submission, None);
        }
        if submission.idempotency_key.is_some() {
            return self.submit_once(submission);
        }
        // Two at a time would both find a name unused.
        let named = submission.run_id.is_some();
        let _alone = named.then(|| self.alone.lock().unwrap_or_else(PoisonError::into_inner));
        let (run, shard) = self.create(submission, None, None)?;
        self.keep(run.clone(), shard);
        Ok(run)
    }

    /// The same request again is the same run, whoever drives it by now.
    fn submit_once(&self, submission: Submission) -> Result<RunId, RunsError> {
        self.submit_alone(submission, Self::keyed)
    }

    /// Creates the run of a request, unless it was made before.
    pub(crate) fn submit_alone(
        &self,
        mut submission: Submission,
        keyed: impl FnOnce(&Self, &mut Submission) -> Result<Keyed, RunsError>,
    ) -> Result<RunId, RunsError> {
        // Two at a time would see the half of each other.
        let _alone = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        let request = match keyed(self, &mut submission)? {
            Keyed::Made(run) => return Ok(run),
            Keyed::New(request) => request,
        };
        let asked = submission.run_id.clone().zip(request.clone());
        let (run, shard) = match (self.create(submission, None, request), asked) {
            (Ok(created), _) => created,
            // Another server over this folder may have been faster with the
            // same request.
            (Err(error), Some((run, request))) => {
                return self.made_before(&run, &request)?.ok_or(error);
            }
            (Err(error), None) => return Err(error),
        };
        self.keep(run.clone(), shard);
        Ok(run)
    }

    /// Creates a run, durably: one that a person submits, or one for a step.
    pub(crate) fn create(
        &self,
        submission: Submission,
        within: Option<NewRun>,
        request: Option<RequestData>,
    ) -> Result<(RunId, (Shard, Turn)), RunsError> {
        let (folder, secrets_file) = (submission.cwd.clone(), submission.secrets_file.clone());
        let mut prepared = self.prepare(submission)?;
        prepared.spec.request = request;
        let within = match within {
            Some(within) => within,
            None => NewRun::of(&prepared.plan, &folder, prepared.secrets.as_ref().ok())?,
        };
        let place = self.place_or_reject(&prepared)?;
        let (run, shard) = self.launch(prepared, within, secrets_file.as_deref(), None)?;
        if let Some(place) = place {
            self.keep_place(&run, place);
        }
        Ok((run, shard))
    }

    /// Makes a run durable that was judged.
    pub(crate) fn launch(
        &self,
        prepared: Prepared,
        within: NewRun,
        secrets_file: Option<&Path>,
        recorded: Option<Arc<Recorded>>,
    ) -> Result<(RunId, (Shard, Turn)), RunsError> {
        let Prepared {
            run,
            plan,
            canonical,
            mut spec,
            secrets,
            services,
        } = prepared;
        let documents = within.hand_to(&mut spec);
        let submitter = spec.submitter.clone();
        let of = Lineage {
            settings: spec.settings,
            plans: spec.plans.clone(),
            submitter: submitter.clone(),
            secrets_file: secrets_file.map(ToOwned::to_owned),
            execution_policies: spec.execution_policies.clone(),
        };
        let services = self.services_of(&run, services, of);
        let store = self.store_of(&run);
        let mut context = self.context(&store, &run, submitter, secrets)?;
        context.recorded = recorded;
        let mut shard = Shard::new(store.into_store(), services, owner()).reporting_events();
        shard
            .create(run.clone(), plan, canonical, spec, context)
            .map_err(|error| fault::runner(&error))?;
        for bytes in documents {
            shard.attach(&run, Document::new(DocumentKind::SubPlan, bytes));
        }
        if let Some(children) = self.children_of(&run) {
            children.serve(shard.handle());
        }
        let first = shard.turn().map_err(|error| fault::runner(&error))?;
        // Whoever asks for a name at the same time may be the first to have it.
        if first.lost.contains(&run) {
            return Err(fault::taken(&run, Some(&self.setup.root)));
        }
        Ok((run, (shard, first)))
    }

    /// Everything that is judged before a run exists; nothing is written.
    pub(crate) fn prepare(&self, submission: Submission) -> Result<Prepared, RunsError> {
        self.judge(submission, true)
    }

    /// The same for a run that is left to a pool, which performs its steps.
    pub(crate) fn prepare_for_pool(&self, submission: Submission) -> Result<Prepared, RunsError> {
        self.judge(submission, false)
    }

    fn judge(&self, submission: Submission, performs: bool) -> Result<Prepared, RunsError> {
        let (text, source) = (&submission.plan, &submission.source);
        let Submitted {
            plan: compiled,
            canonical,
        } = match &self.setup.store {
            Some(store) => store.plans().submitted(text, source)?,
            None => Submitted::read(text, source)?,
        };
        let plan = compiled.plan();
        refuse_absent(submission.secrets_file.as_deref())?;
        let secrets = load_secrets(plan, submission.secrets_file.as_deref());
        // A refusal names what was given, and that may be a secret.
        let inputs = inputs_of(plan, &submission).map_err(|mut error| {
            let masker = secrets.as_ref().map(Masker::new);
            if let Ok(Cow::Owned(masked)) = masker.as_ref().map(|m| m.mask_str(&error.message)) {
                error.message = masked;
            }
            error
        })?;
        let settings = self.settings(plan, &submission)?;
        refuse_rank(submission.priority)?;
        self.refuse_untold(plan)?;
        // A run that is to be attested does not start without the key.
        self.signing_key()?;
        if let Ok(secrets) = &secrets {
            refuse_leaks(secrets, &canonical, &inputs, &submission)?;
        }
        let run = match &submission.run_id {
            Some(run) => self.unused(run)?,
            None => new_run_id(),
        };
        let mut labels = plan.labels.clone();
        labels.extend(submission.labels.clone());
        let cwd = submission.cwd.display().to_string();
        let mut needs = Needs::of(plan, Some(&cwd), settings.max_processes);
        // An executor of processes has a thread of its own.
        needs.processes = needs.processes.filter(|_| performs);
        let Governed { services, policies } = self.services(&needs)?;
        let spec = RunSpec {
            priority: submission.priority.unwrap_or(plan.priority),
            request: None,
            replays: None,
            inputs: Arc::new(Value::Object(inputs)),
            labels,
            settings,
            cwd: Some(cwd),
            engine: env!("CARGO_PKG_VERSION").into(),
            policies,
            execution_policies: self.setup.execution_policies.clone(),
            submitter: submission.submitter,
            reason: submission.reason,
            plans: BTreeMap::new(),
            parent: None,
            expected: Vec::new(),
        };
        Ok(Prepared {
            run,
            plan: compiled,
            canonical,
            spec,
            secrets,
            services,
        })
    }

    /// Whoever a plan promises to tell is told, or the plan is refused.
    fn refuse_untold(&self, plan: &Plan) -> Result<(), RunsError> {
        if plan.notify.is_empty() {
            return Ok(());
        }
        let refuse = |why: &str, help: &str| {
            let message = format!("plan `{}` has `notify`, and {why}", plan.id);
            Err(RunsError::new(ErrorKind::Usage, "ROK0117", message).help(help))
        };
        if self.setup.store.is_none() {
            let help = "run it under `rok serve --store sqlite:PATH`, or take `notify` out";
            return refuse("a folder of runs has no outbox to deliver from", help);
        }
        let asks = |way: fn(&Recipient) -> bool| plan.notify.iter().any(way);
        if asks(|whom| matches!(whom, Recipient::Webhook(_))) && !self.setup.signs_webhooks {
            let help = "set ROK_WEBHOOK_SECRET where `rok serve` runs";
            return refuse("there is no key to sign webhooks with", help);
        }
        if asks(|whom| matches!(whom, Recipient::Email(_))) && !self.setup.sends_mail {
            let help = "set `smtp` and `smtp_from` where `rok serve` runs: docs/howto/serve.md";
            return refuse("there is no server to send mail by", help);
        }
        Ok(())
    }

    /// What the run's decisions will depend on.
    fn settings(&self, plan: &Plan, submission: &Submission) -> Result<Settings, RunsError> {
        let (setup, asked) = (&self.setup, submission.profile);
        if !setup.contract.reconciles() && (plan.profile.is_some() || asked.is_some()) {
            let message = "the plan or the command asks for a profile, and the audit contract is switched off";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("unset RAC_ENABLED and ROK_ENABLED, or take `profile` out"));
        }
        if !setup.contract.reconciles() && !plan.expect.is_empty() {
            let message = "the plan says what it expects, and the audit contract is switched off";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("unset RAC_ENABLED and ROK_ENABLED, or take `expect` out"));
        }
        if !setup.contract.governs() && !setup.execution_policies.is_empty() {
            let message =
                "policies are injected into runs, and lifecycle governance is switched off";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("unset ROK_ENABLED, or take `execution_policies` out"));
        }
        let profile = setup.profile.max(plan.profile.unwrap_or(setup.profile));
        if let Some(asked) = asked.filter(|asked| *asked < setup.profile) {
            let message = format!(
                "the profile {asked} is asked for, and {} is configured: a run can only be stricter",
                setup.profile
            );
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave `profile` out, or have it configured where runs are driven"));
        }
        let profile = profile.max(asked.unwrap_or(profile));
        let fewest = |limit: u32| {
            submission
                .max_parallel
                .map_or(limit, |asked| asked.min(limit))
                .max(1)
        };
        let max_processes = fewest(plan.max_parallel.unwrap_or(setup.cpus));
        Ok(Settings {
            profile,
            contract: setup.contract,
            governance_timeout: setup.governance_timeout,
            default_run_timeout: setup.default_run_timeout,
            grace_period: setup.grace_period,
            max_parallel: fewest(plan.max_parallel.unwrap_or_else(|| setup.cpus.max(64))),
            max_processes,
            // The executor keeps the limit; what is recorded ahead waits in it.
            never_retry: submission.never_retry,
            start_ahead: if max_processes > 1 {
                max_processes.saturating_mul(2).min(64)
            } else {
                0
            },
            no_cache: submission.no_cache,
            sandbox: setup.sandbox,
        })
    }

    fn unused(&self, run: &RunId) -> Result<RunId, RunsError> {
        let store = self.home();
        if store.exists(run).map_err(|error| fault::store(&error))? {
            return Err(fault::taken(run, Some(&self.setup.root)));
        }
        Ok(run.clone())
    }

    pub(crate) fn context(
        &self,
        store: &Home,
        run: &RunId,
        submitter: Actor,
        secrets: Result<Secrets, String>,
    ) -> Result<RunContext, RunsError> {
        let dir = absolute(&store.run_dir(run));
        let contents = Arc::new(contents(store));
        Ok(RunContext {
            recorded: None,
            services: None,
            owner: owner().to_string(),
            roles: self.setup.roles_of(&submitter),
            submitter,
            user: self.setup.user.clone(),
            user_roles: self.setup.roles.clone(),
            secrets: secrets.map_err(|why| for_record(&why)),
            workspace: Some(Arc::new(workspace(&dir)?)),
            cache: Some(Arc::new(FolderCache::new(
                store,
                self.setup.store.clone(),
                Arc::clone(&contents),
            ))),
            files: Some(Arc::new(Files::of_run(&dir, contents))),
        })
    }

    /// Drives a run of a shard, with its inbox watched, and lets go of it.
    /// `first` is the turn that made the run durable, or took it over.
    pub(crate) fn drive_shard(
        &self,
        (mut shard, first): (Shard, Turn),
        run: &RunId,
        options: &DriveOptions,
        stop: &StopSignal,
        observer: &mut dyn Observer,
    ) -> Result<DriveEnd, RunsError> {
        observe(&first, observer);
        let store = self.store_of(run);
        let watch = store.watch(run).map_err(|error| fault::store(&error))?;
        let stopper = StopOnDrop(watch.stopper());
        let handle = shard.handle();
        let waker = shard.handle();
        let children = self.children_of(run);
        if let Some(link) = &self.link {
            link.driven_by(shard.handle());
        }
        if let (Some(children), Some(runner)) = (&children, shard.run(run)) {
            // Before any of them is begun.
            children.paused_with(runner.state());
        }
        let held = RefCell::new(None);
        let place = match shard.run(run) {
            Some(runner) => Waiting::of(self, runner.state())?,
            None => None,
        };
        if let (Some(place), Some(slot)) = (&place, self.take_place(run)) {
            place.hold(slot);
        }
        let observer = RefCell::new(observer);
        let (done, over) = std::sync::mpsc::channel();
        stop.on_stop(move || waker.send(Message::Wake));
        handle.send(Message::Inbox(run.clone()));
        let driven = std::thread::scope(|scope| {
            scope.spawn(|| {
                while matches!(watch.wait(None), Ok(rok_store_jsonl::Woken::Changed)) {
                    handle.send(Message::Inbox(run.clone()));
                }
            });
            let waker = shard.handle();
            if let Some(place) = place.as_ref().filter(|place| !place.has_place()) {
                scope.spawn(move || place.until_there_is_one(self, &waker, &over));
            }
            let go = |state: &RunState| {
                if let Some(why) = place.as_ref().and_then(Waiting::news) {
                    observer.borrow_mut().waits(&why);
                }
                if let Some(children) = &children {
                    children.paused_with(state);
                }
                if let Some(link) = &self.link {
                    link.follow(state);
                }
                let waiting = children.as_ref();
                let waiting = waiting.and_then(|children| children.all_wait(state));
                if let Some(link) = &self.link {
                    // One that goes on at once waits for nobody, nor does one
                    // whose steps still run under a pause.
                    let goes_on = || link.lets_go(state) || steps_run(state);
                    let own = || crate::gates::hold(state).filter(|_| !goes_on());
                    link.waits_for(waiting.or_else(own));
                    if let Some(why) = place.as_ref().and_then(Waiting::never) {
                        link.never(why);
                    }
                } else if waiting.is_some() && !options.wait_on_hold {
                    *held.borrow_mut() = waiting;
                    return Go::Stop;
                }
                match &place {
                    _ if stop.is_stopped() => Go::Stop,
                    Some(place) if place.never().is_some() && self.link.is_none() => Go::Stop,
                    Some(place) if !place.has_place() => Go::Wait,
                    _ => Go::On,
                }
            };
            let mut show = |turn: Turn| observe(&turn, *observer.borrow_mut());
            let driven = drive(&mut shard, run, options.wait_on_hold, &go, &mut show);
            drop(done);
            drop(stopper);
            driven
        });
        clear_scratch(&shard, run);
        let end = driven.map(|driven| end_of(&driven, shard.run(run).map(RunRunner::state)));
        shard.release(run);
        let mut end = end.map_err(|error| fault::runner(&error))?;
        if let (DriveEnd::Interrupted, Some(why)) = (&end, place.and_then(|place| place.never())) {
            let message = format!("run {run} cannot go on: {why}");
            return Err(RunsError::new(ErrorKind::Storage, "ROK0106", message));
        }
        if let (DriveEnd::Interrupted, Some(held)) = (&end, held.into_inner()) {
            end = DriveEnd::Held(held);
        }
        if let DriveEnd::Ended { attested, .. } = &mut end {
            *attested = self.attest_closed(run).map(Box::new);
        }
        Ok(end)
    }
}

/// Whether something that a step does is under way.
fn steps_run(state: &RunState) -> bool {
    state.outstanding().iter().any(|effect| {
        matches!(
            effect,
            Effect::StartStep { .. } | Effect::StartCompensation { .. }
        )
    })
}

/// Ends the inbox's watch, after a panic too: the scope waits for its thread.
struct StopOnDrop(Stopper);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// Nothing of a run stays outside its folder. What a step still holds open is
/// cleared by the next owner.
fn clear_scratch(shard: &Shard, run: &RunId) {
    let workspace = shard
        .run(run)
        .and_then(|runner| runner.context().workspace.as_deref());
    if let Some(workspace) = workspace {
        let _ = std::fs::remove_dir_all(&workspace.scratch);
    }
}

/// Shows an observer what became durable.
fn observe(turn: &Turn, observer: &mut dyn Observer) {
    if !turn.told.is_empty() {
        observer.told(&turn.told);
    }
    for (_, events) in &turn.events {
        let shown: Vec<EventLine> = events.iter().map(live_line).collect();
        observer.events(&shown);
    }
}

pub(crate) fn end_of(driven: &Driven, state: Option<&RunState>) -> DriveEnd {
    match *driven {
        Driven::Interrupted => DriveEnd::Interrupted,
        Driven::Held => match state.and_then(crate::gates::hold) {
            Some(hold) => DriveEnd::Held(hold),
            None => DriveEnd::Interrupted,
        },
        Driven::Ended { phase, outcome } => {
            let refused_by = match (phase, outcome) {
                (RunPhase::Completed, _) => None,
                (_, Outcome::Denied) => Some(ErrorKind::Denied),
                (_, outcome) if outcome.may_complete() => Some(refusal(state)),
                _ if state.is_some_and(was_kept_in) => Some(ErrorKind::Denied),
                _ => state
                    .filter(|state| crate::rollback::is_refused(state))
                    .map(|state| refusal(Some(state))),
            };
            DriveEnd::Ended {
                phase,
                outcome,
                refused_by,
                attested: None,
            }
        }
    }
}

/// What failed the run is a sandbox, which could not be had or stopped a step,
/// or an injected policy that a step or what was used would have violated.
fn was_kept_in(state: &RunState) -> bool {
    let injected = !state.execution_policies().is_empty();
    let kept = |class, gate| match class {
        Some(ErrorClass::SandboxViolation) => true,
        // A person's word at a gate is no policy's.
        Some(ErrorClass::PolicyViolation) => injected && gate != Some(Gate::Manual),
        _ => false,
    };
    let steps = state.steps().iter().zip(&state.plan().plan().steps);
    let mut failed = steps.filter(|(slot, _)| slot.state == StepState::Failed);
    state.end().0 == Some(ErrorClass::SandboxViolation)
        || state.was_blocked()
        || failed.any(|(slot, step)| kept(slot.class, step.gate))
}

/// What failed a run whose execution had succeeded: a policy, or the
/// reconciliation.
fn refusal(state: Option<&RunState>) -> ErrorKind {
    let by_policy = state.is_some_and(|state| {
        matches!(state.policy(), rok_kernel::PolicyState::Answered(data) if !data.allowed && data.blocking)
    });
    if by_policy {
        ErrorKind::Denied
    } else {
        ErrorKind::Protocol
    }
}

pub(crate) fn parsed(plan: &[u8], source: &str) -> Result<Plan, RunsError> {
    rok_plan::parse(plan, source).map_err(|errors| {
        let message = errors.render().trim_end().to_owned();
        RunsError::new(ErrorKind::Usage, "ROK0108", message)
    })
}

fn new_run_id() -> RunId {
    let id = uuid::Uuid::now_v7().hyphenated().to_string();
    id.parse().expect("a UUID is a run id")
}

/// `HOST:PID`.
pub(crate) fn owner() -> Owner {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    let host = if host.is_empty() { "localhost" } else { host };
    Owner::new(format!("{host}:{}", std::process::id()))
}

/// The store of contents that all runs of a folder share.
pub(crate) fn contents(store: &Home) -> ContentStore {
    let root = absolute(&store.contents_dir());
    ContentStore::open(root, store.durability() == Durability::Fsync)
}

/// Where a log's results are read from that are too large for a line.
pub(crate) fn results(store: &Home) -> Contents {
    rok_runner::results(Arc::new(contents(store)))
}

fn workspace(dir: &Path) -> Result<Workspace, RunsError> {
    Ok(Workspace {
        logs: dir.join("logs"),
        artifacts: dir.join("artifacts"),
        procs: dir.join("procs"),
        scratch: scratch(dir)?,
    })
}

/// A private folder outside the run folder, because a step may write a secret
/// there. Named after the run folder, so that the next owner finds and clears
/// what a killed one left.
fn scratch(dir: &Path) -> Result<PathBuf, RunsError> {
    let uid = std::fs::metadata("/proc/self").map_or(0, |metadata| metadata.uid());
    let ours = std::env::temp_dir().join(format!("rok-{uid}"));
    let made = DirBuilder::new().mode(0o700).recursive(true).create(&ours);
    let metadata = made.and_then(|()| std::fs::symlink_metadata(&ours));
    let fault = |why: String| {
        RunsError::new(
            ErrorKind::Storage,
            "ROK0106",
            format!("cannot use {}: {why}", ours.display()),
        )
        .help("steps need a private folder: name another place by TMPDIR")
    };
    match metadata {
        Ok(found) if found.is_dir() && found.uid() == uid && found.mode() & 0o777 == 0o700 => {
            let name = Digest::of(dir.as_os_str().as_bytes()).to_hex();
            Ok(ours.join(&name[..32]))
        }
        Ok(_) => Err(fault(
            "it is not a folder that only this user can enter".into(),
        )),
        Err(error) => Err(fault(error.to_string())),
    }
}

pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
