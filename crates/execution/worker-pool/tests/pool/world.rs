//! A store, a clock, an executor, and the pools over them.

use crate::hand::Hand;
use rok_chain::{LogState, verify_log};
use rok_events::Settings;
use rok_facades::Facades;
use rok_facades::testing::TestEngine;
use rok_kernel::{CompiledPlan, RunSpec, RunState};
use rok_log::{
    Answer, Command, CommandKind, CommitResult, EventReader as _, Inbox as _, LogBytes,
    MemoryStore, Owner, PoolStore, RunIndex as _, RunRow, RunStore as _, WorkQueue as _,
};
use rok_projections::Replay;
use rok_runner::{Clock as _, RunContext, Services, ShardHandle, VirtualClock, newborn};
use rok_secrets::Secrets;
use rok_vocabulary::{Actor, Outcome, RunId, RunPhase, Timestamp};
use rok_worker_pool::testing::HandPool;
use rok_worker_pool::{Outfit, Outfitter, PoolBuilder, PoolEvent, PoolSettings};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const T0: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(crate) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub(crate) fn id(run: &str) -> RunId {
    run.parse().unwrap()
}

/// Equips the runs of a world; some it cannot.
#[derive(Default)]
pub(crate) struct Wardrobe {
    plans: Mutex<HashMap<RunId, Arc<CompiledPlan>>>,
    /// Runs over which it panics.
    pub(crate) panics: Mutex<BTreeSet<RunId>>,
    /// Runs that it refuses.
    pub(crate) refuses: Mutex<BTreeSet<RunId>>,
    pub(crate) ended: Mutex<Vec<RunId>>,
    /// How many runs are equipped and not let go of.
    pub(crate) out: Mutex<BTreeMap<RunId, u32>>,
}

impl Outfitter for Wardrobe {
    fn outfit(
        &self,
        run: &RunId,
        _: &LogBytes,
        _: &dyn PoolStore,
        _: &ShardHandle,
    ) -> Result<Outfit, String> {
        if self.panics.lock().unwrap().contains(run) {
            // Not `panic!`: its message would be in every test's output.
            std::panic::resume_unwind(Box::new("told to panic"));
        }
        if self.refuses.lock().unwrap().contains(run) {
            return Err("told to refuse".into());
        }
        *self.out.lock().unwrap().entry(run.clone()).or_default() += 1;
        let plan = Arc::clone(&self.plans.lock().unwrap()[run]);
        Ok(Outfit {
            plan,
            context: context(),
        })
    }

    fn ended(&self, run: &RunId, state: &RunState) {
        assert!(state.is_sealed());
        self.ended.lock().unwrap().push(run.clone());
    }

    fn let_go(&self, run: &RunId) {
        self.out.lock().unwrap().remove(run);
    }
}

fn context() -> RunContext {
    RunContext {
        recorded: None,
        services: None,
        owner: "worker".into(),
        submitter: Actor::Manual,
        roles: Vec::new(),
        user: Actor::Manual,
        user_roles: Vec::new(),
        secrets: Ok(Secrets::none()),
        workspace: None,
        files: None,
        cache: None,
    }
}

pub(crate) struct World {
    pub(crate) store: MemoryStore,
    pub(crate) clock: Arc<VirtualClock>,
    pub(crate) hand: Arc<Hand>,
    pub(crate) wardrobe: Arc<Wardrobe>,
    pub(crate) told: Arc<Mutex<Vec<PoolEvent>>>,
    facades: Facades,
    commands: u32,
}

pub(crate) fn world() -> World {
    world_at(T0)
}

pub(crate) fn world_at(now: Timestamp) -> World {
    World {
        store: MemoryStore::new(),
        clock: Arc::new(VirtualClock::new(now)),
        hand: Arc::default(),
        wardrobe: Arc::default(),
        told: Arc::default(),
        facades: rok_facades::testing::facades_over(&Arc::new(TestEngine::ok().pure())),
        commands: 0,
    }
}

pub(crate) fn compile(text: &str) -> Arc<CompiledPlan> {
    let plan = rok_plan::parse(text.as_bytes(), "p.yaml").unwrap_or_else(|e| panic!("{e}\n{text}"));
    let digest = rok_chain::Digest::of(&plan.to_canonical_json()).to_hex();
    CompiledPlan::new(plan, digest).unwrap()
}

/// Settings for tests: one shard, so that order is an order.
pub(crate) fn settings(owner: &'static str) -> PoolSettings {
    PoolSettings {
        shards: 1,
        ..PoolSettings::new(Owner::new(owner))
    }
}

impl World {
    /// Submits a run of one plan, `plan: p` and these lines.
    pub(crate) fn submit(&mut self, run: &str, rest: &str) {
        let plan = compile(&format!("plan: p\n{rest}"));
        self.submit_plan(run, &plan);
    }

    pub(crate) fn submit_plan(&mut self, run: &str, plan: &Arc<CompiledPlan>) {
        let spec = RunSpec {
            execution_policies: Vec::new(),
            priority: plan.plan().priority,
            request: None,
            replays: None,
            inputs: Arc::new(json!({})),
            labels: BTreeMap::new(),
            settings: Settings::default(),
            cwd: None,
            engine: "test".into(),
            policies: None,
            submitter: Actor::Manual,
            reason: None,
            plans: BTreeMap::new(),
            parent: None,
            expected: Vec::new(),
        };
        let bytes = plan.plan().to_canonical_json();
        let (of, now) = (Arc::clone(plan), self.clock.now());
        let commit = newborn(id(run), of, bytes.into(), spec, Vec::new(), now).unwrap();
        let mut plans = self.wardrobe.plans.lock().unwrap();
        plans.insert(id(run), Arc::clone(plan));
        drop(plans);
        let results = self.store.commit(&[commit]).unwrap();
        assert!(matches!(results[..], [CommitResult::Committed { .. }]));
    }

    /// How pools over this world's store are built.
    pub(crate) fn builder(&self, settings: PoolSettings) -> PoolBuilder {
        self.builder_over(settings, self.store.another())
    }

    pub(crate) fn builder_over(
        &self,
        settings: PoolSettings,
        store: Box<dyn PoolStore>,
    ) -> PoolBuilder {
        let services =
            Services::new(self.facades.clone()).executor(Arc::clone(&self.hand) as Arc<_>);
        let outfitter = Arc::clone(&self.wardrobe) as Arc<dyn Outfitter>;
        let told = Arc::clone(&self.told);
        let builder = PoolBuilder::new(settings, store, services, outfitter);
        builder.log(Arc::new(move |event| {
            told.lock().unwrap().push(event.clone());
        }))
    }

    /// A pool that is turned by hand, on the world's clock.
    pub(crate) fn pool_with(&self, settings: PoolSettings) -> HandPool {
        let clock = Arc::clone(&self.clock);
        let builder = self.builder(settings);
        builder
            .clock(Arc::clone(&self.clock) as _, monotonic(clock))
            .by_hand()
    }

    pub(crate) fn pool(&self, owner: &'static str) -> HandPool {
        self.pool_with(settings(owner))
    }

    /// A pool that knows of whom it is that they are gone.
    pub(crate) fn pool_where(
        &self,
        owner: &'static str,
        gone: impl Fn(&Owner) -> bool + 'static,
    ) -> HandPool {
        let clock = Arc::clone(&self.clock);
        let builder = self.builder(settings(owner)).gone(gone);
        builder
            .clock(Arc::clone(&self.clock) as _, monotonic(clock))
            .by_hand()
    }

    /// Lets time pass in steps of a second; what is due comes when it is due.
    pub(crate) fn pass(&self, pools: &mut [&mut HandPool], time: Duration) {
        for _ in 0..time.as_secs() {
            self.clock.advance(seconds(1));
            for pool in &mut *pools {
                pool.settle();
            }
        }
    }

    pub(crate) fn end(&self, run: &str, step: &str) {
        self.hand.end(run, step);
    }

    /// Lays a command into a run's inbox, and gives its id.
    pub(crate) fn command(&mut self, run: &str, kind: CommandKind, step: Option<&str>) -> Command {
        self.commands += 1;
        let command = Command {
            id: format!("c{}", self.commands).parse().unwrap(),
            kind,
            step: step.map(|step| step.parse().unwrap()),
            reason: Some("because".into()),
            actor: Actor::Manual,
            at: self.clock.now(),
            roles: Vec::new(),
        };
        self.store.put(&id(run), &command).unwrap();
        command
    }

    pub(crate) fn answer(&self, run: &str, command: &Command) -> Option<Answer> {
        self.store.answer(&id(run), &command.id).unwrap()
    }

    pub(crate) fn row(&self, run: &str) -> RunRow {
        self.store.get(&id(run)).unwrap().expect("it was submitted")
    }

    pub(crate) fn phase(&self, run: &str) -> RunPhase {
        self.row(run).phase
    }

    /// How often an event of that type is in the log.
    pub(crate) fn count(&self, run: &str, event_type: &str) -> usize {
        let log = self.store.read(&id(run)).unwrap();
        let text = String::from_utf8(log.bytes).unwrap();
        let of_type = format!("\"event_type\":\"{event_type}\"");
        text.matches(&of_type).count()
    }

    /// How a run ended, with its log held against the rules.
    pub(crate) fn ended(&self, run: &str) -> (RunPhase, Outcome) {
        let run_id = id(run);
        let plan = Arc::clone(&self.wardrobe.plans.lock().unwrap()[&run_id]);
        let mut replay = Replay::new(plan, run_id.clone());
        replay
            .lines(&self.store.read(&run_id).unwrap().bytes)
            .unwrap();
        let state = replay.into_state();
        assert!(state.is_sealed(), "{run} is in {}", state.phase());
        let raw = self.store.read_raw(&run_id).unwrap();
        let seal = self.store.seal(&run_id).unwrap();
        let report = verify_log(&run_id, &raw, seal.as_ref());
        assert_eq!(
            (report.state, report.fault),
            (LogState::Sealed, None),
            "{run}"
        );
        assert!(
            state.outstanding().is_empty(),
            "{run}: something is asked for"
        );
        let last = state.last_reconciliation().expect("it was reconciled");
        assert!(
            last.missing.is_empty() && last.drift.is_empty(),
            "{run}: {last:?}"
        );
        assert_eq!(self.count(run, "run.completed"), 1, "{run} ended once");
        self.no_step_runs_twice(run);
        (state.phase(), state.outcome().unwrap())
    }

    /// A step that succeeded is never started again.
    fn no_step_runs_twice(&self, run: &str) {
        let mut succeeded = BTreeSet::new();
        for line in self.store.read(&id(run)).unwrap().lines() {
            let event: serde_json::Value = serde_json::from_slice(line).unwrap();
            let step = event["step_id"].to_string();
            match event["event_type"].as_str() {
                Some("step.started") => assert!(!succeeded.contains(&step), "{run}: {step}"),
                Some("step.succeeded") => assert!(succeeded.insert(step), "{run}"),
                _ => {}
            }
        }
    }

    pub(crate) fn succeeded(&self, run: &str) {
        assert_eq!(self.ended(run), (RunPhase::Completed, Outcome::Succeeded));
    }

    /// What the pools told, by name.
    pub(crate) fn tales(&self, name: &str) -> Vec<String> {
        let told = self.told.lock().unwrap();
        let told = told.iter().filter(|event| event.name() == name);
        told.map(ToString::to_string).collect()
    }

    pub(crate) fn backlog(&self) -> rok_log::Backlog {
        self.store.backlog(self.clock.now()).unwrap()
    }
}

/// How long a world's clock has run.
pub(crate) fn monotonic(clock: Arc<VirtualClock>) -> rok_worker_pool::Monotonic {
    Arc::new(move || clock.now().since(T0))
}
