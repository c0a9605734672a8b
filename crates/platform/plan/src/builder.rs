//! Plans made in Rust. A builder writes the same tree that a file would hold
//! and has it parsed: there is one validator.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;
use rok_vocabulary::{ErrorClass, IdError, PlanId, Profile, format_duration};
use serde_json::Value;

use crate::approvers::Approver;
use crate::fault::PlanErrors;
use crate::json::Json;
use crate::model::{Gate, OnFailure, Order, Plan, Shell, SuccessRule, ValueKind};
use crate::parse::parse;

/// The file name in the messages about a plan that was built.
const NAME: &str = "<builder>";

/// An object in the order it was written.
#[derive(Debug, Clone, Default)]
struct Object(Vec<(String, Json)>);

impl Object {
    fn set(&mut self, key: &str, value: Json) {
        match self.0.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value,
            None => self.0.push((key.to_string(), value)),
        }
    }

    /// Adds to the object at a key; a name that is there already stays, so
    /// that the parser can say that it is given twice.
    fn insert(&mut self, key: &str, name: String, value: Json) {
        match self.0.iter_mut().find(|(at, _)| at == key) {
            Some((_, Json::Object(entries))) => entries.push((name, value)),
            _ => self.set(key, Json::Object(alloc::vec![(name, value)])),
        }
    }

    /// Sets a key of the object at another.
    fn put_in(&mut self, key: &str, name: &str, value: Json) {
        let mut inner = self.inner(key);
        inner.set(name, value);
        self.set(key, Json::Object(inner.0));
    }

    /// Adds to the list at a key of the object at another.
    fn push_in(&mut self, key: &str, name: &str, value: Json) {
        let mut inner = self.inner(key);
        inner.push(name, value);
        self.set(key, Json::Object(inner.0));
    }

    fn inner(&self, key: &str) -> Self {
        match self.0.iter().find(|(at, _)| at == key) {
            Some((_, Json::Object(entries))) => Self(entries.clone()),
            _ => Self::default(),
        }
    }

    fn push(&mut self, key: &str, value: Json) {
        match self.0.iter_mut().find(|(at, _)| at == key) {
            Some((_, Json::List(items))) => items.push(value),
            _ => self.set(key, Json::List(alloc::vec![value])),
        }
    }
}

/// Makes a [`Plan`] in Rust.
///
/// ```
/// use core::time::Duration;
/// use rok_plan::{Approver, Gate, Plan, StepBuilder};
///
/// let day = Duration::from_secs(24 * 60 * 60);
/// let manager = Approver::Role("release-manager".into());
/// let plan = Plan::builder("release")?
///     .overrides(1, day)
///     .overrider(&manager)
///     .step(StepBuilder::run("test", ["make", "test"]).gate(Gate::Hard))
///     .step(
///         StepBuilder::run("publish", ["make", "publish"])
///             .needs("test")
///             .gate(Gate::Manual)
///             .approver(&manager)
///             .approver(&Approver::User("ada".into()))
///             .approvals(2)
///             .not_by_submitter()
///             .expires(day),
///     )
///     .build()?;
/// assert_eq!(plan.steps[1].approvers.count, 2);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct PlanBuilder {
    keys: Object,
    steps: Vec<(String, Json)>,
}

impl Plan {
    /// Begins a plan with this id.
    pub fn builder(id: &str) -> Result<PlanBuilder, IdError> {
        let id: PlanId = id.parse()?;
        let mut keys = Object::default();
        keys.set("plan", Json::text(id.as_str()));
        Ok(PlanBuilder {
            keys,
            steps: Vec::new(),
        })
    }
}

impl PlanBuilder {
    fn with(mut self, key: &str, value: Json) -> Self {
        self.keys.set(key, value);
        self
    }

    /// The author's version number.
    #[must_use]
    pub fn version(self, version: u64) -> Self {
        self.with("version", Json::Value(version.into()))
    }

    /// A name for people.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", Json::text(name))
    }

    /// A description for people.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        self.with("description", Json::text(description))
    }

    /// Adds a label.
    #[must_use]
    pub fn label(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.insert("labels", name.into(), Json::text(value));
        self
    }

    /// The least strict profile that the plan accepts.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Self {
        self.with("profile", Json::text(profile.as_str()))
    }

    /// How steps follow each other besides their edges.
    #[must_use]
    pub fn order(self, order: Order) -> Self {
        let word = match order {
            Order::Dag => "dag",
            Order::Sequential => "sequential",
        };
        self.with("order", Json::text(word))
    }

    /// When a run has succeeded.
    #[must_use]
    pub fn success(self, rule: SuccessRule) -> Self {
        let word = match rule {
            SuccessRule::Required => "required",
            SuccessRule::Any => "any",
        };
        self.with("success", Json::text(word))
    }

    /// What a run does whose execution did not succeed.
    #[must_use]
    pub fn on_failure(self, what: OnFailure) -> Self {
        let word = match what {
            OnFailure::Stop => "stop",
            OnFailure::Rollback => "rollback",
        };
        self.with("on_failure", Json::text(word))
    }

    /// Active time that a run may take.
    #[must_use]
    pub fn max_duration(self, duration: Duration) -> Self {
        self.with("max_duration", Json::text(format_duration(duration)))
    }

    /// Steps at once within a run.
    #[must_use]
    pub fn max_parallel(self, steps: u32) -> Self {
        self.with("max_parallel", Json::Value(steps.into()))
    }

    /// How many failed hard gates a run may have overridden, and for how long
    /// one is good. Without this, none.
    #[must_use]
    pub fn overrides(mut self, max: u32, expires: Duration) -> Self {
        self.keys
            .put_in("overrides", "max", Json::Value(max.into()));
        let expires = Json::text(format_duration(expires));
        self.keys.put_in("overrides", "expires", expires);
        self
    }

    /// Who may override, besides others: a user or a role. Without one,
    /// anybody.
    #[must_use]
    pub fn overrider(mut self, who: &Approver) -> Self {
        let who = Json::text(who.to_string());
        self.keys.push_in("overrides", "any_of", who);
        self
    }

    /// Whoever submitted a run does not override in it.
    #[must_use]
    pub fn submitter_never_overrides(mut self) -> Self {
        let yes = Json::Value(Value::Bool(true));
        self.keys.put_in("overrides", "not_submitter", yes);
        self
    }

    /// Rank among the runs that wait, -100 to 100.
    #[must_use]
    pub fn priority(self, priority: i8) -> Self {
        self.with("priority", Json::Value(priority.into()))
    }

    /// Declares an input that must be given.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, kind: ValueKind) -> Self {
        self.keys.insert("inputs", name.into(), typed(kind));
        self
    }

    /// Declares an input with a default.
    #[must_use]
    pub fn input_or(mut self, name: impl Into<String>, kind: ValueKind, default: Value) -> Self {
        let entries = [
            ("type", Json::text(kind.as_str())),
            ("default", Json::Value(default)),
        ];
        self.keys.insert("inputs", name.into(), object(entries));
        self
    }

    /// Adds a variable to the environment of every process step.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.insert("env", name.into(), Json::text(value));
        self
    }

    /// Names a secret that steps may use.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>) -> Self {
        self.keys.push("secrets", Json::text(name));
        self
    }

    /// Adds a step after the ones before.
    #[must_use]
    pub fn step(mut self, step: StepBuilder) -> Self {
        self.steps.push((step.id, Json::Object(step.keys.0)));
        self
    }

    /// The plan, if it is valid. Places in the errors are those of the JSON in
    /// [`PlanErrors::source`].
    pub fn build(self) -> Result<Plan, PlanErrors> {
        let mut keys = self.keys;
        keys.set("steps", Json::Object(self.steps));
        let mut text = String::new();
        Json::Object(keys.0).write(&mut text);
        parse(text.as_bytes(), NAME)
    }
}

/// Makes a step of a [`PlanBuilder`].
#[derive(Debug, Clone)]
pub struct StepBuilder {
    id: String,
    keys: Object,
}

impl StepBuilder {
    fn new(id: impl Into<String>, key: &str, value: Json) -> Self {
        Self {
            id: id.into(),
            keys: Object(alloc::vec![(key.to_string(), value)]),
        }
    }

    fn with(mut self, key: &str, value: Json) -> Self {
        self.keys.set(key, value);
        self
    }

    /// A step that calls a registered function.
    pub fn call(id: impl Into<String>, function: impl Into<String>) -> Self {
        Self::new(id, "call", Json::text(function))
    }

    /// A step that starts a process from an argument vector.
    pub fn run<A: Into<String>>(id: impl Into<String>, argv: impl IntoIterator<Item = A>) -> Self {
        Self::new(
            id,
            "run",
            Json::List(argv.into_iter().map(Json::text).collect()),
        )
    }

    /// A step that runs a shell line.
    pub fn shell(id: impl Into<String>, line: impl Into<String>) -> Self {
        Self::new(id, "run", Json::text(line))
    }

    /// What undoes it when the run is rolled back: a registered function.
    #[must_use]
    pub fn compensate_call(self, function: impl Into<String>) -> Self {
        self.with("compensate", object([("call", Json::text(function))]))
    }

    /// What undoes it when the run is rolled back: a shell line.
    #[must_use]
    pub fn compensate_shell(self, line: impl Into<String>) -> Self {
        self.with("compensate", object([("run", Json::text(line))]))
    }

    /// The shell of a shell line.
    #[must_use]
    pub fn with_shell(self, shell: Shell) -> Self {
        let word = match shell {
            Shell::Sh => "sh",
            Shell::Bash => "bash",
        };
        self.with("shell", Json::text(word))
    }

    /// A name for people.
    #[must_use]
    pub fn name(self, name: impl Into<String>) -> Self {
        self.with("name", Json::text(name))
    }

    /// A description for people.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        self.with("description", Json::text(description))
    }

    /// Fans it out over a CEL list.
    #[must_use]
    pub fn for_each(self, items: impl Into<String>) -> Self {
        self.with("for_each", Json::text(items))
    }

    /// The step to run instead when it finally fails.
    #[must_use]
    pub fn fallback(self, id: impl Into<String>) -> Self {
        self.with("fallback", Json::text(id))
    }

    /// Children of its fan-out at once.
    #[must_use]
    pub fn max_parallel(self, children: u32) -> Self {
        self.with("max_parallel", Json::Value(children.into()))
    }

    /// Runs only if this step succeeded.
    #[must_use]
    pub fn needs(mut self, id: impl Into<String>) -> Self {
        self.keys.push("needs", Json::text(id));
        self
    }

    /// Runs once this step is finished.
    #[must_use]
    pub fn after(mut self, id: impl Into<String>) -> Self {
        self.keys.push("after", Json::text(id));
        self
    }

    /// Runs only if this CEL expression holds.
    #[must_use]
    pub fn when(self, condition: impl Into<String>) -> Self {
        self.with("if", Json::text(condition))
    }

    /// What it guards.
    #[must_use]
    pub fn gate(self, gate: Gate) -> Self {
        let word = match gate {
            Gate::Hard => "hard",
            Gate::Manual => "manual",
        };
        self.with("gate", Json::text(word))
    }

    /// Who may approve this manual gate, besides others: a user or a role.
    /// Without one, anybody.
    #[must_use]
    pub fn approver(mut self, who: &Approver) -> Self {
        let who = Json::text(who.to_string());
        self.keys.push_in("approvers", "any_of", who);
        self
    }

    /// How many different persons must approve this manual gate.
    #[must_use]
    pub fn approvals(mut self, count: u32) -> Self {
        let count = Json::Value(count.into());
        self.keys.put_in("approvers", "count", count);
        self
    }

    /// Whoever submitted the run does not count as an approver.
    #[must_use]
    pub fn not_by_submitter(mut self) -> Self {
        let yes = Json::Value(Value::Bool(true));
        self.keys.put_in("approvers", "not_submitter", yes);
        self
    }

    /// How long this manual gate waits, in wall time, before it fails.
    #[must_use]
    pub fn expires(self, after: Duration) -> Self {
        self.with("expires", Json::text(format_duration(after)))
    }

    /// Its failure does not fail the run.
    #[must_use]
    pub fn optional(self) -> Self {
        self.with("required", Json::Value(Value::Bool(false)))
    }

    /// How long an attempt may take.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with("timeout", Json::text(format_duration(timeout)))
    }

    /// From SIGTERM to SIGKILL.
    #[must_use]
    pub fn kill_grace(self, grace: Duration) -> Self {
        self.with("kill_grace", Json::text(format_duration(grace)))
    }

    /// Attempts after the first.
    #[must_use]
    pub fn retries(mut self, max: u32) -> Self {
        self.keys.put_in("retry", "max", Json::Value(max.into()));
        self
    }

    /// The error classes that are tried again.
    #[must_use]
    pub fn retry_classes(mut self, classes: &[ErrorClass]) -> Self {
        let words = classes
            .iter()
            .map(|class| Json::text(class.as_str()))
            .collect();
        self.keys.put_in("retry", "classes", Json::List(words));
        self
    }

    /// Delay before the first retry, and the longest delay.
    #[must_use]
    pub fn retry_delay(mut self, base: Duration, max_delay: Duration) -> Self {
        let (base, max_delay) = (format_duration(base), format_duration(max_delay));
        self.keys.put_in("retry", "base", Json::text(base));
        self.keys
            .put_in("retry", "max_delay", Json::text(max_delay));
        self
    }

    /// It may not be repeated.
    #[must_use]
    pub fn not_idempotent(self) -> Self {
        self.with("idempotent", Json::Value(Value::Bool(false)))
    }

    /// Adds a variable to its environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.keys.insert("env", name.into(), Json::text(value));
        self
    }

    /// Its working directory.
    #[must_use]
    pub fn cwd(self, folder: impl Into<String>) -> Self {
        self.with("cwd", Json::text(folder))
    }

    /// Declares an output.
    #[must_use]
    pub fn output(mut self, name: impl Into<String>, kind: ValueKind) -> Self {
        self.keys.insert("outputs", name.into(), typed(kind));
        self
    }

    /// Names a file, or a pattern of files, that it reads.
    #[must_use]
    pub fn reads(mut self, path: impl Into<String>) -> Self {
        self.keys.push("reads", Json::text(path));
        self
    }

    /// Its result may be taken from an earlier run of the same inputs.
    #[must_use]
    pub fn cached(self) -> Self {
        self.with("cache", Json::Value(Value::Bool(true)))
    }

    /// Declares an artifact.
    #[must_use]
    pub fn artifact(mut self, path: impl Into<String>, required: bool) -> Self {
        let entries = [
            ("path", Json::text(path)),
            ("required", Json::Value(Value::Bool(required))),
        ];
        self.keys.push("artifacts", object(entries));
        self
    }
}

fn typed(kind: ValueKind) -> Json {
    object([("type", Json::text(kind.as_str()))])
}

fn object<const N: usize>(entries: [(&str, Json); N]) -> Json {
    Json::Object(
        entries
            .into_iter()
            .map(|(key, value)| (key.to_string(), value))
            .collect(),
    )
}
