//! An engine over a shared store, in a folder of its own, and its pools.

use rok_executor::{Functions, StepFailure};
use rok_facades::runs::{
    CommandAnswer, CommandRequest, DriveEnd, DriveOptions, EventLine, EventQuery, ResumeOptions,
    RunSummary, RunsError, RunsFacade, StopSignal, Submission, Verb, VerifyOptions, VerifyReport,
    VerifyVerdict,
};
use rok_facades::testing::{TestEngine, facades_over};
use rok_log::{Durability, MemoryStore, Owner, PoolStore, Standing};
use rok_runner::Services;
use rok_runs::{Governed, Runs, RunsOutfitter, RunsSetup, ServicesFor, SharedStore};
use rok_store_sqlite::SqliteStore;
use rok_vocabulary::{Actor, ErrorClass, Outcome, RunId, RunPhase};
use rok_worker_pool::{PoolBuilder, PoolSettings, WorkerPool};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;

/// Which store.
#[derive(Debug, Clone, Copy)]
pub(crate) enum In {
    Memory,
    Sqlite,
}

pub(crate) struct House {
    pub(crate) dir: TempDir,
    store: Mutex<Box<dyn PoolStore>>,
    pub(crate) runs: RunsFacade,
    engine: Arc<Runs>,
    services: Services,
    /// How often each step was performed, `RUN/STEP`.
    pub(crate) calls: Arc<Mutex<BTreeMap<String, u32>>>,
}

/// | function | does |
/// | --- | --- |
/// | `ok` | succeeds, with the outputs `{"n": 1}` |
/// | `bad` | fails |
/// | `twice` | fails as `transient_io` the first time |
/// | `write` | writes the artifact `out.txt` |
/// | `slow` | goes on until it is cancelled |
fn functions(calls: &Arc<Mutex<BTreeMap<String, u32>>>) -> Functions {
    let counted = |calls: &Arc<Mutex<BTreeMap<String, u32>>>, call: &rok_executor::Call<'_>| {
        let attempt = call.attempt();
        let key = format!("{}/{}", attempt.run, attempt.step.step);
        let mut calls = calls.lock().unwrap();
        let times = calls.entry(key).or_default();
        *times += 1;
        *times
    };
    let (a, b, c, d) = (calls.clone(), calls.clone(), calls.clone(), calls.clone());
    Functions::new()
        .register_inline("ok", move |call| {
            counted(&a, call);
            Ok(json!({ "n": 1 }))
        })
        .register_inline("bad", move |call| {
            counted(&b, call);
            Err(StepFailure::new(ErrorClass::ValidationFailed, "told to"))
        })
        .register_inline("twice", move |call| match counted(&c, call) {
            1 => Err(StepFailure::new(ErrorClass::TransientIo, "told to")),
            _ => Ok(Value::Null),
        })
        .register_inline("write", move |call| {
            counted(&d, call);
            let path = call.workspace().unwrap().artifacts.join("out.txt");
            std::fs::write(path, "made").unwrap();
            Ok(Value::Null)
        })
        .register("slow", |call| {
            while !call.is_cancelled() {
                std::thread::sleep(Duration::from_millis(2));
            }
            Err(StepFailure::new(ErrorClass::Cancelled, "told to stop"))
        })
}

pub(crate) fn house(of: In) -> House {
    let dir = tempfile::tempdir().unwrap();
    let store: Box<dyn PoolStore> = match of {
        In::Memory => Box::new(MemoryStore::new()),
        // No test here pulls the plug: what the system has is enough.
        In::Sqlite => {
            Box::new(SqliteStore::open(dir.path().join("rok.db"), Durability::Flush).unwrap())
        }
    };
    let calls = Arc::default();
    let facades = facades_over(&Arc::new(TestEngine::ok()));
    let services = Services::new(facades).executor(Arc::new(functions(&calls)));
    let given = services.clone();
    let services_for: ServicesFor = Arc::new(move |_| {
        Ok(Governed {
            services: given.clone(),
            policies: None,
        })
    });
    let mut setup = RunsSetup::new(dir.path().join("runs"), Actor::User("ann".into()));
    setup.durability = Durability::Flush;
    setup.store = Some(SharedStore::new(store.another()));
    let engine = Arc::new(Runs::new(setup, services_for));
    House {
        dir,
        store: Mutex::new(store),
        runs: RunsFacade::new(Arc::clone(&engine) as _),
        engine,
        services,
        calls,
    }
}

impl House {
    /// A handle on the store.
    pub(crate) fn store(&self) -> Box<dyn PoolStore> {
        self.store.lock().unwrap().another()
    }

    pub(crate) fn builder(&self, settings: PoolSettings) -> PoolBuilder {
        let outfitter = Arc::new(RunsOutfitter::new(Arc::clone(&self.engine)));
        PoolBuilder::new(settings, self.store(), self.services.clone(), outfitter)
    }

    /// A server over run folders, that does this as it prepares a run.
    pub(crate) fn folders(&self, preparing: impl Fn() + Send + Sync + 'static) -> RunsFacade {
        let services = self.services.clone();
        let services_for: ServicesFor = Arc::new(move |_| {
            preparing();
            Ok(Governed {
                services: services.clone(),
                policies: None,
            })
        });
        let user = Actor::User("ann".into());
        let mut setup = RunsSetup::new(self.dir.path().join("folders"), user);
        setup.durability = Durability::Flush;
        RunsFacade::new(Arc::new(Runs::new(setup, services_for)))
    }

    /// A pool on threads of its own.
    pub(crate) fn pool(&self) -> WorkerPool {
        let settings = PoolSettings {
            shards: 2,
            grace: Duration::from_millis(200),
            ..PoolSettings::new(Owner::new("pool"))
        };
        self.builder(settings).start().unwrap()
    }

    pub(crate) fn submission(&self, plan: &str) -> Submission {
        Submission {
            plan: format!("plan: p\n{plan}").into_bytes(),
            source: "p.yaml".into(),
            cwd: self.dir.path().to_owned(),
            inputs: Map::new(),
            input_texts: Vec::new(),
            labels: BTreeMap::new(),
            profile: None,
            max_parallel: None,
            never_retry: false,
            run_id: None,
            submitter: Actor::User("ann".into()),
            reason: None,
            secrets_file: None,
            no_cache: false,
            priority: None,
            idempotency_key: None,
        }
    }

    pub(crate) fn submit(&self, plan: &str) -> RunId {
        self.runs.submit(self.submission(plan)).unwrap()
    }

    pub(crate) fn submit_as(&self, run: &str, plan: &str) -> RunId {
        let mut submission = self.submission(plan);
        submission.run_id = Some(run.parse().unwrap());
        self.runs.submit(submission).unwrap()
    }

    /// Waits until a run ends, or waits for a person.
    pub(crate) fn rests(&self, run: &RunId) -> DriveEnd {
        self.driven(run, false)
    }

    fn driven(&self, run: &RunId, wait_on_hold: bool) -> DriveEnd {
        let options = DriveOptions { wait_on_hold };
        let stop = StopSignal::new();
        self.runs.drive(run, &options, &stop, &mut ()).unwrap()
    }

    /// Waits until a run ends, and its pool has let it go.
    pub(crate) fn outcome(&self, run: &RunId) -> Outcome {
        let DriveEnd::Ended { outcome, .. } = self.driven(run, true) else {
            panic!("{run} has not ended");
        };
        let store = self.store();
        while matches!(store.standing(run), Ok(Some(Standing::Claimed { .. }))) {
            std::thread::yield_now();
        }
        outcome
    }

    /// Waits until an event of that type is in the log.
    pub(crate) fn comes_to(&self, run: &RunId, event_type: &str) {
        let query = EventQuery::default();
        let mut each = |line: &EventLine| line.event_type != event_type;
        let stop = StopSignal::new();
        self.runs.follow(run, &query, &stop, &mut each).unwrap();
    }

    pub(crate) fn command(&self, run: &RunId, verb: Verb) -> Result<CommandAnswer, RunsError> {
        let request = CommandRequest {
            verb,
            actor: Actor::User("ann".into()),
            reason: Some("because".into()),
        };
        self.runs.command(run, request)
    }

    /// Resumes a run as ann does, and waits until it rests.
    pub(crate) fn resume(&self, run: &RunId) -> Result<DriveEnd, RunsError> {
        let options = ResumeOptions {
            actor: Actor::User("ann".into()),
            reason: None,
            secrets_file: None,
            same_epoch: false,
            drive: DriveOptions::default(),
        };
        let stop = StopSignal::new();
        self.runs.resume(run, &options, &stop, &mut ())
    }

    pub(crate) fn summary(&self, run: &RunId) -> RunSummary {
        self.runs.summary(run).unwrap()
    }

    pub(crate) fn verify(&self, run: &RunId) -> VerifyReport {
        self.runs.verify(run, &VerifyOptions::default()).unwrap()
    }

    /// It ended once, its log verifies, and every duty was done.
    pub(crate) fn is_clean(&self, run: &RunId) -> (RunPhase, Outcome) {
        let report = self.verify(run);
        assert_eq!(
            report.verdict,
            VerifyVerdict::Intact,
            "{run}: {:?}",
            report.faults
        );
        let summary = self.summary(run);
        assert!(summary.phase.is_terminal(), "{run} is in {}", summary.phase);
        let audit = self.runs.audit(run).unwrap();
        let json = serde_json::to_value(&audit).unwrap();
        let reconciled = &json["reconciliation"];
        assert_eq!(reconciled["status"], "COMPLETE", "{run}: {reconciled}");
        assert_eq!(
            reconciled["expected"], reconciled["acked"],
            "{run}: {reconciled}"
        );
        (summary.phase, summary.outcome.unwrap())
    }

    pub(crate) fn times(&self, run: &RunId, step: &str) -> u32 {
        let calls = self.calls.lock().unwrap();
        calls
            .get(&format!("{run}/{step}"))
            .copied()
            .unwrap_or_default()
    }
}
