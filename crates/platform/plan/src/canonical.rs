//! A plan as canonical JSON: the bytes that are stored, hashed and replayed.
//! Keys stand in the table's order, what equals its default is absent, and
//! `defaults` is spelt out on the steps.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;
use rok_expr::Template;
use rok_vocabulary::{Federation, InputName, PlanMode, TrustLevel, format_duration};
use serde_json::Value;

use crate::approvers::{Approvers, Overrides};
use crate::budget::{Budget, OnExceeded};
use crate::decode::{KILL_GRACE, VERSION};
use crate::expect::Expect;
use crate::json::Json;
use crate::model::{
    Action, AgentAction, ArtifactDecl, Bounds, Compensate, Concurrency, Gate, InputSpec, OnFailure,
    OnLimit, Order, OutputSpec, Plan, Recipient, Retry, Shell, Step, StepPlace, SuccessRule,
};
use crate::sandbox::{Network, Sandbox};

impl Plan {
    /// The plan as compact JSON in a stable order. Parsing it gives an equal
    /// plan, and equal plans give equal bytes.
    #[must_use]
    pub fn to_canonical_json(&self) -> Vec<u8> {
        let mut out = String::new();
        plan(self).write(&mut out);
        out.into_bytes()
    }
}

impl Sandbox {
    /// The sandbox as compact JSON in a stable order: what stands in the plan,
    /// and what its digest is of.
    #[must_use]
    pub fn to_canonical_json(&self) -> String {
        let mut out = String::new();
        Json::Object(sandbox(self)).write(&mut out);
        out
    }
}

/// An object under construction: absent values leave no trace.
#[derive(Default)]
struct Keys(Vec<(String, Json)>);

impl Keys {
    fn set(&mut self, key: &str, value: Json) {
        self.0.push((key.to_string(), value));
    }

    fn text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.set(key, Json::text(value));
        }
    }

    fn duration(&mut self, key: &str, value: Option<Duration>) {
        if let Some(value) = value {
            self.set(key, Json::text(format_duration(value)));
        }
    }

    fn value(&mut self, key: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.set(key, Json::Value(value));
        }
    }

    fn object(&mut self, key: &str, entries: Vec<(String, Json)>) {
        if !entries.is_empty() {
            self.set(key, Json::Object(entries));
        }
    }

    fn list(&mut self, key: &str, items: Vec<Json>) {
        if !items.is_empty() {
            self.set(key, Json::List(items));
        }
    }
}

fn plan(plan: &Plan) -> Json {
    let mut keys = Keys::default();
    keys.text("plan", Some(plan.id.as_str()));
    keys.value(
        "version",
        (plan.version != VERSION).then(|| plan.version.into()),
    );
    keys.text("name", plan.name.as_deref());
    keys.text("description", plan.description.as_deref());
    let labels = plan
        .labels
        .iter()
        .map(|(name, value)| (name.clone(), Json::text(value.as_str())));
    keys.object("labels", labels.collect());
    keys.text("profile", plan.profile.map(rok_vocabulary::Profile::as_str));
    keys.text(
        "order",
        (plan.order == Order::Sequential).then_some("sequential"),
    );
    keys.text(
        "success",
        (plan.success == SuccessRule::Any).then_some("any"),
    );
    keys.duration("max_duration", plan.max_duration);
    keys.value("max_parallel", plan.max_parallel.map(Value::from));
    let mode = Some(plan.default_mode).filter(|mode| *mode != PlanMode::Local);
    keys.text("default_mode", mode.map(PlanMode::as_str));
    let priority = Some(plan.priority).filter(|priority| *priority != 0);
    keys.value("priority", priority.map(Value::from));
    keys.text(
        "on_failure",
        (plan.on_failure == OnFailure::Rollback).then_some("rollback"),
    );
    let inputs = plan
        .inputs
        .iter()
        .map(|(name, spec)| (name.to_string(), input(spec)));
    keys.object("inputs", inputs.collect());
    keys.object("env", env(&plan.env));
    keys.list(
        "secrets",
        plan.secrets
            .iter()
            .map(|name| Json::text(name.as_str()))
            .collect(),
    );
    if let Some(concurrency) = &plan.concurrency {
        keys.set("concurrency", Json::Object(self::concurrency(concurrency)));
    }
    if let Some(overrides) = &plan.overrides {
        keys.set("overrides", Json::Object(self::overrides(overrides)));
    }
    if let Some(budget) = &plan.budget {
        keys.object("budget", self::budget(budget));
    }
    keys.list("expect", plan.expect.iter().map(expect).collect());
    keys.list(
        "policies",
        plan.policies
            .iter()
            .map(|path| Json::text(path.as_str()))
            .collect(),
    );
    keys.list("notify", plan.notify.iter().map(recipient).collect());
    let steps = plan
        .steps
        .iter()
        .enumerate()
        .map(|(at, s)| (s.id.to_string(), step(plan, at, s)));
    keys.object("steps", steps.collect());
    Json::Object(keys.0)
}

fn recipient(recipient: &Recipient) -> Json {
    let mut keys = Keys::default();
    match recipient {
        Recipient::Webhook(url) => keys.text("webhook", Some(url)),
        Recipient::Email(address) => keys.text("email", Some(address)),
    }
    Json::Object(keys.0)
}

fn env(env: &[(String, Template)]) -> Vec<(String, Json)> {
    env.iter()
        .map(|(name, value)| (name.clone(), Json::text(value.source())))
        .collect()
}

fn input(spec: &InputSpec) -> Json {
    let mut keys = Keys::default();
    keys.text("type", Some(spec.kind.as_str()));
    keys.value("default", spec.default.clone());
    keys.text("description", spec.description.as_deref());
    bounds(&mut keys, &spec.bounds);
    Json::Object(keys.0)
}

fn output(spec: &OutputSpec) -> Json {
    let mut keys = Keys::default();
    keys.text("type", Some(spec.kind.as_str()));
    keys.text("description", spec.description.as_deref());
    bounds(&mut keys, &spec.bounds);
    Json::Object(keys.0)
}

fn bounds(keys: &mut Keys, bounds: &Bounds) {
    if let Some(values) = &bounds.one_of {
        keys.set(
            "enum",
            Json::List(values.iter().cloned().map(Json::Value).collect()),
        );
    }
    keys.value("minimum", bounds.minimum.map(Value::from));
    keys.value("maximum", bounds.maximum.map(Value::from));
    keys.value("minLength", bounds.min_length.map(Value::from));
    keys.value("maxLength", bounds.max_length.map(Value::from));
}

fn step(plan: &Plan, at: usize, step: &Step) -> Json {
    let mut keys = Keys::default();
    action(&mut keys, &step.action);
    let mode = Some(step.mode).filter(|mode| *mode != plan.default_mode);
    keys.text("mode", mode.map(PlanMode::as_str));
    if let StepPlace::Away(away) = &step.place {
        asked(&mut keys, &away.ask);
    }
    keys.text("name", step.name.as_deref());
    keys.text("description", step.description.as_deref());
    let ids = |edges: &[usize]| {
        edges
            .iter()
            .map(|at| Json::text(plan.steps[*at].id.as_str()))
            .collect()
    };
    keys.list("needs", ids(&step.needs));
    keys.list("after", ids(explicit_after(plan, at, step)));
    keys.text(
        "fallback",
        step.fallback.map(|at| plan.steps[at].id.as_str()),
    );
    keys.text(
        "if",
        step.condition.as_ref().map(rok_expr::Condition::source),
    );
    keys.text("skip_reason", step.skip_reason.as_deref());
    keys.text(
        "for_each",
        step.for_each.as_ref().map(rok_expr::Items::source),
    );
    keys.value("max_parallel", step.max_parallel.map(Value::from));
    keys.text(
        "gate",
        step.gate.map(|gate| match gate {
            Gate::Hard => "hard",
            Gate::Manual => "manual",
        }),
    );
    keys.object("approvers", approvers(&step.approvers));
    keys.duration("expires", step.expires);
    keys.value("required", (!step.required).then_some(Value::Bool(false)));
    keys.duration("timeout", step.timeout);
    keys.duration(
        "kill_grace",
        (step.kill_grace != KILL_GRACE).then_some(step.kill_grace),
    );
    keys.object("retry", retry(&step.retry));
    keys.value(
        "idempotent",
        (!step.idempotent).then_some(Value::Bool(false)),
    );
    keys.text("deprecated", step.deprecated.as_deref());
    let shell = shell_of(&step.action).unwrap_or_default();
    keys.text("shell", (shell == Shell::Bash).then_some("bash"));
    keys.object("env", env(&step.env));
    keys.text("cwd", step.cwd.as_ref().map(Template::source));
    let outputs = step
        .outputs
        .iter()
        .map(|(name, spec)| (name.clone(), output(spec)));
    keys.object("outputs", outputs.collect());
    keys.list("artifacts", step.artifacts.iter().map(artifact).collect());
    if let Some(undo) = &step.compensate {
        keys.object("compensate", compensate(undo, shell));
    }
    let reads = step.reads.iter();
    keys.list(
        "reads",
        reads.map(|path| Json::text(path.source())).collect(),
    );
    keys.value("cache", step.cache.then_some(Value::Bool(true)));
    if let Some(sandbox) = &step.sandbox {
        keys.set("sandbox", Json::Object(self::sandbox(sandbox)));
    }
    Json::Object(keys.0)
}

fn action(keys: &mut Keys, action: &Action) {
    match action {
        Action::Argv(items) => {
            keys.set(
                "run",
                Json::List(items.iter().map(|item| Json::text(item.source())).collect()),
            );
        }
        Action::Shell { line, .. } => keys.text("run", Some(line.source())),
        Action::Call(name) => keys.text("call", Some(name)),
        Action::Http(request) => keys.set("http", request.json()),
        Action::Service { service, .. } => keys.text("service", Some(service)),
        Action::Agent(agent) => {
            keys.text("agent", Some(agent.capability.as_str()));
            keys.object("with", with(&agent.with));
            asked(keys, agent);
        }
        Action::Plan { id, with: inputs } => {
            keys.text("plan", Some(id.as_str()));
            keys.object("with", with(inputs));
        }
    }
}

/// Which agents are asked.
fn asked(keys: &mut Keys, agent: &AgentAction) {
    let also = agent.capabilities.iter();
    keys.list(
        "capabilities",
        also.map(|one| Json::text(one.as_str())).collect(),
    );
    keys.text("region", agent.region.as_deref());
    let trust = (agent.min_trust != TrustLevel::Unverified).then_some(agent.min_trust);
    keys.text("min_trust", trust.map(TrustLevel::as_str));
    keys.text("federation", agent.federation.map(Federation::as_str));
    keys.duration("max_latency", agent.max_latency);
}

fn with(with: &[(InputName, Template)]) -> Vec<(String, Json)> {
    let with = with.iter();
    with.map(|(name, value)| (name.to_string(), Json::text(value.source())))
        .collect()
}

fn shell_of(action: &Action) -> Option<Shell> {
    match action {
        Action::Shell { shell, .. } => Some(*shell),
        Action::Argv(_)
        | Action::Call(_)
        | Action::Http(_)
        | Action::Service { .. }
        | Action::Agent(_)
        | Action::Plan { .. } => None,
    }
}

/// Without a shell of its own it has the step's.
fn compensate(undo: &Compensate, of_step: Shell) -> Vec<(String, Json)> {
    let mut keys = Keys::default();
    action(&mut keys, &undo.action);
    let own = shell_of(&undo.action).filter(|shell| *shell != of_step);
    keys.text(
        "shell",
        own.map(|shell| match shell {
            Shell::Sh => "sh",
            Shell::Bash => "bash",
        }),
    );
    keys.duration("timeout", undo.timeout);
    keys.0
}

/// The edges that the file has to say: a sequential order implies the last one
/// when it leads to the neighbour.
fn explicit_after<'s>(plan: &Plan, at: usize, step: &'s Step) -> &'s [usize] {
    match step.after.split_last() {
        Some((last, rest)) if plan.order == Order::Sequential && *last + 1 == at => rest,
        _ => &step.after,
    }
}

fn approvers(approvers: &Approvers) -> Vec<(String, Json)> {
    let mut keys = Keys::default();
    let any_of = approvers.any_of.iter();
    keys.list(
        "any_of",
        any_of.map(|one| Json::text(one.to_string())).collect(),
    );
    keys.value(
        "count",
        (approvers.count != 1).then(|| approvers.count.into()),
    );
    keys.value(
        "not_submitter",
        approvers.not_submitter.then_some(Value::Bool(true)),
    );
    keys.0
}

fn concurrency(concurrency: &Concurrency) -> Vec<(String, Json)> {
    let mut keys = Keys::default();
    keys.text("key", Some(concurrency.key.source()));
    let limit = (concurrency.limit != 1).then(|| concurrency.limit.into());
    keys.value("limit", limit);
    keys.text(
        "on_limit",
        match concurrency.on_limit {
            OnLimit::Queue => None,
            OnLimit::Reject => Some("reject"),
            OnLimit::CancelOldest => Some("cancel_oldest"),
        },
    );
    keys.0
}

fn overrides(overrides: &Overrides) -> Vec<(String, Json)> {
    let format = Overrides::default();
    let mut keys = Keys::default();
    keys.value(
        "max",
        (overrides.max != format.max).then(|| overrides.max.into()),
    );
    keys.duration(
        "expires",
        (overrides.expires != format.expires).then_some(overrides.expires),
    );
    keys.0.extend(approvers(&overrides.by));
    keys.0
}

fn budget(budget: &Budget) -> Vec<(String, Json)> {
    let mut keys = Keys::default();
    keys.value("max_cost_usd", budget.max_cost_usd.map(Value::from));
    keys.value("max_energy_kwh", budget.max_energy_kwh.map(Value::from));
    keys.value("max_steps", budget.max_steps.map(Value::from));
    keys.value("max_tokens", budget.max_tokens.map(Value::from));
    keys.duration("max_time", budget.max_time);
    let hold = budget.on_exceeded == OnExceeded::Hold;
    keys.text("on_exceeded", hold.then_some("hold"));
    keys.0
}

/// It is said even where it is empty: that is the strictest.
fn sandbox(sandbox: &Sandbox) -> Vec<(String, Json)> {
    let texts = |texts: &[String]| texts.iter().map(|text| Json::text(text.as_str())).collect();
    let ports = |ports: &[u16]| {
        let ports = ports.iter().map(|port| Json::Value(Value::from(*port)));
        ports.collect()
    };
    let mut keys = Keys::default();
    keys.list("read", texts(&sandbox.read));
    keys.list("write", texts(&sandbox.write));
    match &sandbox.network {
        Network::None => {}
        Network::Any => keys.text("network", Some("any")),
        Network::Ports { connect, bind } => {
            keys.list("connect", ports(connect));
            keys.list("bind", ports(bind));
        }
    }
    keys.duration("max_cpu", sandbox.max_cpu);
    let limits = [
        ("max_memory_mib", sandbox.max_memory_mib),
        ("max_open_files", sandbox.max_open_files),
        ("max_processes", sandbox.max_processes),
        ("max_file_mib", sandbox.max_file_mib),
    ];
    for (key, limit) in limits {
        keys.value(key, limit.map(Value::from));
    }
    keys.0
}

fn expect(expect: &Expect) -> Json {
    let mut keys = Keys::default();
    keys.text("domain", Some(expect.what.domain()));
    keys.text("action", Some(expect.what.action()));
    keys.text("key", Some(expect.key.as_str()));
    Json::Object(keys.0)
}

fn retry(retry: &Retry) -> Vec<(String, Json)> {
    let format = Retry::default();
    let mut keys = Keys::default();
    keys.value("max", (retry.max != format.max).then(|| retry.max.into()));
    if retry.classes != format.classes {
        let classes = retry.classes.iter().map(|class| Json::text(class.as_str()));
        keys.set("classes", Json::List(classes.collect()));
    }
    keys.duration("base", (retry.base != format.base).then_some(retry.base));
    keys.duration(
        "max_delay",
        (retry.max_delay != format.max_delay).then_some(retry.max_delay),
    );
    keys.0
}

fn artifact(artifact: &ArtifactDecl) -> Json {
    let mut keys = Keys::default();
    keys.text("path", Some(artifact.path.source()));
    keys.value("required", artifact.required.then_some(Value::Bool(true)));
    Json::Object(keys.0)
}
