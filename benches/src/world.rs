//! What the in-process benches run: plans, domains and shards.

use crate::load::Failed;
use rok_chain::Digest;
use rok_events::Settings;
use rok_executor::Functions;
use rok_facades::Facades;
use rok_governance::CedarEngine;
use rok_incidents::IncidentBook;
use rok_kernel::{CompiledPlan, RunSpec};
use rok_log::{Owner, Store};
use rok_runner::{RunContext, RunnerError, Services, Shard};
use rok_secrets::Secrets;
use rok_traces::LocalTraces;
use rok_vocabulary::{Actor, RunId};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

/// A plan that is ready to be run.
#[derive(Debug, Clone)]
pub(crate) struct Ready {
    pub(crate) compiled: Arc<CompiledPlan>,
    pub(crate) bytes: Arc<[u8]>,
}

/// How a plan's steps hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// No step needs another.
    Wide,
    /// Chains of so many steps, side by side.
    Chains(usize),
}

/// The text of a plan with so many equal steps.
pub(crate) fn plan_text(steps: usize, shape: Shape, body: &str, head: &str) -> String {
    let mut text = format!("plan: bench\n{head}steps:\n");
    for step in 0..steps {
        let needs = match shape {
            Shape::Chains(length) if step % length > 0 => format!(", needs: [s{}]", step - 1),
            _ => String::new(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "  s{step}: {{ {body}{needs} }}");
    }
    text
}

/// A plan of in-process steps that do nothing.
pub(crate) fn calls(steps: usize, shape: Shape) -> Result<Ready, Failed> {
    ready(&plan_text(steps, shape, "call: nothing", ""))
}

fn ready(text: &str) -> Result<Ready, Failed> {
    let plan = rok_plan::parse(text.as_bytes(), "bench.yaml")?;
    let bytes: Arc<[u8]> = plan.to_canonical_json().into();
    let digest = Digest::of(&bytes).to_hex();
    let compiled = CompiledPlan::new(plan, digest)?;
    Ok(Ready { compiled, bytes })
}

/// A plan of one step that is fanned out over so many items.
pub(crate) fn fan_out(items: usize) -> Result<Ready, Failed> {
    let text = format!(
        "plan: bench\nsteps:\n  list: {{ call: list{items} }}\n  each: {{ needs: [list], \
         for_each: steps.list.outputs.items, call: nothing }}\n"
    );
    ready(&text)
}

/// The domains as `rok` composes them.
pub(crate) fn real_domains() -> Facades {
    domains(Arc::new(CedarEngine::permissive()))
}

/// The same, but for policies that are answered by a constant.
pub(crate) fn without_policies() -> Facades {
    domains(Arc::new(rok_facades::testing::TestEngine::ok()))
}

fn domains(governance: Arc<dyn rok_facades::GovernanceEngine>) -> Facades {
    let incidents = Arc::new(IncidentBook::new());
    Facades::new(incidents, governance, Arc::new(LocalTraces::new()))
}

/// Functions that return at once.
pub(crate) fn functions() -> Functions {
    let list = |items: usize| {
        move |_: &rok_executor::Call<'_>| {
            let items: Vec<usize> = (0..items).collect();
            Ok(serde_json::json!({ "items": items }))
        }
    };
    Functions::new()
        .register_inline("nothing", |_| Ok(Value::Null))
        .register_inline("list1000", list(1_000))
        .register_inline("list10000", list(10_000))
}

/// The domains, and an executor whose steps return at once.
pub(crate) fn services(domains: Facades) -> Services {
    Services::new(domains).executor(Arc::new(functions()))
}

/// A shard over a store, whose steps return at once.
pub(crate) fn shard(store: Box<dyn Store>, domains: Facades) -> Shard {
    Shard::new(store, services(domains), Owner::new("bench"))
}

/// A name for a run.
pub(crate) fn new_run() -> RunId {
    let name = uuid::Uuid::now_v7().hyphenated().to_string();
    name.parse().expect("a UUID is a run id")
}

/// What a run is created with; `max_parallel` steps of it run at once.
pub(crate) fn spec(max_parallel: u32) -> RunSpec {
    RunSpec {
        priority: 0,
        request: None,
        replays: None,
        inputs: Arc::new(Value::Object(Map::new())),
        labels: BTreeMap::new(),
        settings: Settings {
            max_parallel,
            ..Settings::default()
        },
        cwd: None,
        engine: env!("CARGO_PKG_VERSION").into(),
        policies: None,
        execution_policies: Vec::new(),
        submitter: user(),
        reason: None,
        plans: BTreeMap::new(),
        parent: None,
        expected: Vec::new(),
    }
}

fn user() -> Actor {
    Actor::User("bench".into())
}

/// What a run needs besides its log.
pub(crate) fn context() -> RunContext {
    RunContext {
        recorded: None,
        services: None,
        owner: "bench".into(),
        user: user(),
        user_roles: Vec::new(),
        submitter: user(),
        roles: Vec::new(),
        secrets: Ok(Secrets::none()),
        workspace: None,
        files: None,
        cache: None,
    }
}

/// Creates a run of a plan; `max_parallel` steps of it run at once.
pub(crate) fn create(
    shard: &mut Shard,
    plan: &Ready,
    max_parallel: u32,
) -> Result<RunId, RunnerError> {
    let run = new_run();
    let (compiled, bytes) = (Arc::clone(&plan.compiled), Arc::clone(&plan.bytes));
    shard.create(run.clone(), compiled, bytes, spec(max_parallel), context())?;
    Ok(run)
}
