//! What a run needs that a pool has claimed: its plan, services and files.

use super::subruns::Nursery;
use crate::engine::Runs;
use crate::load::{event_of, plan_by};
use crate::setup::{Governed, Needs};
use crate::submit::load_secrets;
use crate::subruns::Lineage;
use crate::verify::traces::Traces;
use crate::vouched::Vouched;
use rok_events::{Body, CreatedData};
use rok_facades::runs::not_attested_in_words;
use rok_kernel::{CompiledPlan, RunState};
use rok_log::{LogBytes, PoolStore};
use rok_plan::{Action, Plan};
use rok_runner::{Services, ShardHandle};
use rok_vocabulary::RunId;
use rok_worker_pool::{Outfit, Outfitter};
use std::collections::HashMap;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

/// How many plans are kept compiled.
const PLANS: usize = 256;

/// Equips the runs of an engine for a pool.
pub struct RunsOutfitter {
    runs: Arc<Runs>,
    plans: Mutex<HashMap<String, Arc<CompiledPlan>>>,
    /// By how many processes, for plans without policies of their own.
    services: Mutex<HashMap<u32, Equipped>>,
    scratches: Mutex<HashMap<RunId, PathBuf>>,
    /// What signs what is closed, once something is.
    signer: Mutex<Option<Signer>>,
    log: Tell,
    nursery: Nursery,
}

/// Hears what nobody is answered, a line at a time.
type Tell = Arc<dyn Fn(&str) + Send + Sync>;

/// The thread that signs what is closed: it writes files, and no shard waits
/// for it.
struct Signer {
    closed: Sender<RunId>,
    thread: JoinHandle<()>,
}

impl Signer {
    fn begin(runs: &Arc<Runs>, log: &Tell) -> io::Result<Self> {
        let (runs, log) = (Arc::clone(runs), Arc::clone(log));
        let (sender, closed) = channel::<RunId>();
        let thread = Builder::new().name("rok-sign".into()).spawn(move || {
            for run in closed {
                if let Some(Err(error)) = runs.attest_closed(&run) {
                    log(&not_attested_in_words(&run, &error.message));
                }
            }
        })?;
        Ok(Self {
            closed: sender,
            thread,
        })
    }
}

/// Services, and which policies they hold.
type Equipped = (Arc<Services>, Option<String>);

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl RunsOutfitter {
    /// Equips the runs of this engine, which is over a store that they share.
    #[must_use]
    pub fn new(runs: Arc<Runs>) -> Self {
        Self {
            runs,
            plans: Mutex::default(),
            services: Mutex::default(),
            scratches: Mutex::default(),
            signer: Mutex::default(),
            log: Arc::new(|_| {}),
            nursery: Nursery::default(),
        }
    }

    /// Tells of runs that are sealed and could not be attested.
    #[must_use]
    pub fn log(mut self, log: Tell) -> Self {
        self.log = log;
        self
    }

    /// Waits until all that was closed here is attested, or told.
    pub fn finish(&self) {
        let signer = held(&self.signer).take();
        if let Some(Signer { closed, thread }) = signer {
            drop(closed);
            // Its panics are told where they happen.
            let _ = thread.join();
        }
    }

    fn sign(&self, run: &RunId) {
        let mut signer = held(&self.signer);
        let begun = match signer.take() {
            Some(signer) => Ok(signer),
            None => Signer::begin(&self.runs, &self.log),
        };
        match begun {
            Ok(begun) if begun.closed.send(run.clone()).is_ok() => *signer = Some(begun),
            // The next one begins another thread.
            Ok(_) => (self.log)(&not_attested_in_words(run, "what signs has stopped")),
            Err(error) => (self.log)(&not_attested_in_words(
                run,
                &format!("nothing signs here: {error}"),
            )),
        }
    }

    fn plan(&self, run: &RunId, created: &CreatedData) -> Result<Arc<CompiledPlan>, String> {
        if let Some(plan) = held(&self.plans).get(&created.plan.sha256) {
            return Ok(Arc::clone(plan));
        }
        let plan = plan_by(&self.runs.home(), run, created).map_err(|error| error.message)?;
        let mut plans = held(&self.plans);
        if plans.len() >= PLANS {
            plans.clear();
        }
        plans.insert(created.plan.sha256.clone(), Arc::clone(&plan));
        Ok(plan)
    }

    fn services(&self, needs: &Needs) -> Result<Equipped, String> {
        let processes = needs.processes.filter(|_| needs.policies.is_empty());
        if let Some(known) = processes.and_then(|n| held(&self.services).get(&n).cloned()) {
            return Ok(known);
        }
        let Governed { services, policies } =
            self.runs.services(needs).map_err(|error| error.message)?;
        let made = (Arc::new(services), policies);
        if let Some(processes) = processes {
            held(&self.services).insert(processes, made.clone());
        }
        Ok(made)
    }
}

impl Outfitter for RunsOutfitter {
    fn outfit(
        &self,
        run: &RunId,
        log: &LogBytes,
        _: &dyn PoolStore,
        _: &ShardHandle,
    ) -> Result<Outfit, String> {
        let home = self.runs.home();
        let vouched = Vouched::read(&home, run).hold(run, &log.bytes);
        vouched.map_err(|error| error.message)?;
        let first = event_of(run, log)?;
        let submitter = first.actor;
        let Body::RunCreated { data: created, .. } = first.body else {
            return Err("line 1 is no run.created".into());
        };
        let plan = self.plan(run, &created)?;
        let unsaid = Traces::hold_log(&home, run, &plan, log);
        unsaid.map_err(|error| error.message)?;
        let processes = created.settings.max_processes;
        let needs = Needs::of(plan.plan(), created.cwd.as_deref(), processes);
        let (services, policies) = self.services(&needs)?;
        let (of_run, ours) = (created.policies.as_deref(), policies.as_deref());
        let same = self.runs.hold_same_policies(run, of_run, ours);
        same.map_err(|error| error.message)?;
        let secrets = load_secrets(plan.plan(), None);
        let context = self.runs.context(&home, run, submitter, secrets);
        let mut context = context.map_err(|error| error.message)?;
        if needs_folder(plan.plan()) {
            home.make_dirs(run).map_err(|error| error.to_string())?;
            if let Some(workspace) = &context.workspace {
                held(&self.scratches).insert(run.clone(), workspace.scratch.clone());
            }
        }
        if let Some(replays) = &created.replays {
            let recorded = self.runs.recorded_of(replays);
            context.recorded = Some(Arc::new(recorded.map_err(|error| error.message)?));
        }
        context.services = Some(if created.plans.is_empty() {
            services
        } else {
            let of = Lineage {
                settings: created.settings,
                plans: created.plans.clone(),
                submitter: context.submitter.clone(),
                secrets_file: None,
                execution_policies: created.execution_policies.clone(),
            };
            let sub_runs = self.nursery.executor(&self.runs, of);
            Arc::new((*services).clone().executor(Arc::new(sub_runs)))
        });
        Ok(Outfit { plan, context })
    }

    fn ended(&self, run: &RunId, _: &RunState) {
        self.nursery.ended(run);
        if self.runs.setup.signing.is_some() {
            self.sign(run);
        }
    }

    fn let_go(&self, run: &RunId) {
        let scratch = held(&self.scratches).remove(run);
        if let Some(scratch) = scratch {
            // What a step still holds open is cleared by the next owner.
            let _ = std::fs::remove_dir_all(scratch);
        }
    }
}

impl std::fmt::Debug for RunsOutfitter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunsOutfitter").finish_non_exhaustive()
    }
}

/// Whether steps write to the run's folder. Functions that declare nothing are
/// given the paths, and nothing is made for them.
fn needs_folder(plan: &Plan) -> bool {
    let functions = |action: &Action| matches!(action, Action::Call(_) | Action::Plan { .. });
    plan.steps.iter().any(|step| {
        let undoes = step.compensate.as_ref();
        !functions(&step.action)
            || undoes.is_some_and(|undo| !functions(&undo.action))
            || !step.artifacts.is_empty()
            || !step.reads.is_empty()
            || step.cache
    })
}
