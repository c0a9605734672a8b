//! The forms of bodies and pages that only HTTP has.

use rok_service::PlanListing;
use rok_service::views::{
    BatchId, ComponentView, DueView, FiringView, Incident, Lesson, PlanId, Profile, RunId,
    ScheduleView, StepId, Timestamp,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// What is asked for of one run, and of each of a batch. An unknown field is
/// refused, and so these cannot be a part that is flattened into both.
macro_rules! asked {
    ($(#[$meta:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        pub struct $name {
            /// The id of a plan that the server knows; or else `definition`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub plan: Option<PlanId>,
            /// A plan of one's own: its text (YAML or JSON), or itself as JSON.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub definition: Option<Definition>,
            $($own)*
            /// Inputs; of a batch those that all runs have in common: an item's
            /// own win.
            #[serde(default, skip_serializing_if = "Map::is_empty")]
            pub inputs: Map<String, Value>,
            /// Labels of the run; names that begin `rok.` are the server's own.
            #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
            pub labels: BTreeMap<String, String>,
            /// A stricter profile than configured.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub profile: Option<Profile>,
            /// Fewer steps of a run at once than the plan allows.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub max_parallel: Option<NonZeroU32>,
            /// A failed attempt is final, whatever the plan says.
            #[serde(default, skip_serializing_if = "is_false")]
            pub never_retry: bool,
            /// Take no result from an earlier run.
            #[serde(default, skip_serializing_if = "is_false")]
            pub no_cache: bool,
            /// Its rank among the runs that wait; else the plan's. A higher one
            /// than that is for those who may `prioritize`.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            #[schemars(range(min = -100, max = 100))]
            pub priority: Option<i8>,
            /// Why.
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub reason: Option<Reason>,
        }
    };
}

asked! {
    /// A run that is asked for: a plan that the server knows, or one of one's own.
    #[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[schemars(extend("examples" = [
        { "definition": { "plan": "hello", "steps": { "greet": { "run": ["echo", "hello"] } } } },
    ]))]
    #[schemars(extend("oneOf" = [
        { "required": ["plan"], "properties": { "plan": { "type": "string" } } },
        { "required": ["definition"], "properties": { "definition": { "type": ["string", "object"] } } },
    ]))]
    pub struct SubmitRequest {
        /// Inputs as text, read by their declared types; these win.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        pub input_texts: BTreeMap<String, String>,
        /// The run's id; else a new one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub run_id: Option<RunId>,
    }
}

/// How the fault of a reason begins.
pub(crate) const UNFIT_REASON: &str = "the reason";
/// The longest reason over HTTP, in characters.
const REASON_MAX: usize = 4096;

/// Why somebody does something: it says something, and is no longer than a
/// record should keep. The server refuses any other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason(pub String);

impl From<Reason> for String {
    fn from(reason: Reason) -> Self {
        reason.0
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        if text.trim().is_empty() {
            return Err(D::Error::custom(format!("{UNFIT_REASON} is empty")));
        }
        match text.chars().count() {
            0..=REASON_MAX => Ok(Self(text)),
            long => Err(D::Error::custom(format!(
                "{UNFIT_REASON} is {long} characters long, and the limit is {REASON_MAX}"
            ))),
        }
    }
}

impl JsonSchema for Reason {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Reason".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": REASON_MAX, "pattern": r"\S" })
    }
}

/// The most items of a batch that is asked for here.
pub(crate) const MOST_ITEMS: usize = 1_000;

asked! {
    /// A batch that is asked for: one plan over a list of inputs.
    #[derive(Debug, Clone, Default, Deserialize, Serialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    #[schemars(extend("examples" = [
        {
            "definition": {
                "plan": "hello",
                "inputs": { "who": { "type": "string" } },
                "steps": { "greet": { "run": ["echo", "hello"] } },
            },
            "items": [{ "who": "ada" }, { "who": "bob" }],
        },
    ]))]
    #[schemars(extend("oneOf" = [
        { "required": ["plan"], "properties": { "plan": { "type": "string" } } },
        { "required": ["definition"], "properties": { "definition": { "type": ["string", "object"] } } },
    ]))]
    pub struct BatchRequest {
        /// The inputs of each run.
        #[schemars(length(min = 1, max = 1000))]
        pub items: Vec<Map<String, Value>>,
        /// The batch's id; else a new one. The same batch again is the same runs.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub batch_id: Option<BatchId>,
    }
}

impl BatchRequest {
    /// What its runs have in common, and the rest.
    pub(crate) fn parts(self) -> (SubmitRequest, Option<BatchId>, Vec<Map<String, Value>>) {
        let common = SubmitRequest {
            plan: self.plan,
            definition: self.definition,
            inputs: self.inputs,
            input_texts: BTreeMap::new(),
            labels: self.labels,
            profile: self.profile,
            max_parallel: self.max_parallel,
            never_retry: self.never_retry,
            no_cache: self.no_cache,
            priority: self.priority,
            run_id: None,
            reason: self.reason,
        };
        (common, self.batch_id, self.items)
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// A plan of one's own.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
pub enum Definition {
    /// Its text.
    Text(String),
    /// Itself, as JSON.
    Object(Map<String, Value>),
}

impl Definition {
    /// The plan's bytes.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.into_bytes(),
            Self::Object(plan) => serde_json::to_vec(&plan).expect("it came as JSON"),
        }
    }
}

/// A decision that needs a reason.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decide {
    /// Why: the record keeps it.
    pub(crate) reason: Reason,
}

/// A command that may have a reason.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Command {
    /// Why: the record keeps it.
    #[serde(default)]
    pub(crate) reason: Option<Reason>,
}

/// How a run is rolled back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rollback {
    /// Why: the record keeps it.
    #[serde(default)]
    pub(crate) reason: Option<Reason>,
    /// Steps that were undone by hand: their compensations do not run.
    #[serde(default)]
    pub(crate) done: Vec<String>,
    /// Steps that are not idempotent and whose interrupted compensations may
    /// run again.
    #[serde(default)]
    pub(crate) again: Vec<String>,
}

/// A run that is to be replayed.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayBody {
    /// The step from which on it is executed anew.
    pub from: StepId,
    /// The replay's id; else a new one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<RunId>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// What is to be collected. Without a rule nothing is.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CollectBody {
    /// Runs that were closed longer ago than this: `30d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than: Option<String>,
    /// The newest so many are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
    /// The oldest, until no more than this is left: `10GB`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_size: Option<String>,
    /// Changes nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Incidents, newest first.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct IncidentPage {
    /// The incidents.
    pub incidents: Vec<Incident>,
    /// What to ask for next; absent on the last page.
    pub next_cursor: Option<String>,
    /// How many runs could not be read: what they hold is missing.
    pub unread: usize,
}

/// Lessons, newest first.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct LessonPage {
    /// The lessons.
    pub lessons: Vec<Lesson>,
    /// What to ask for next; absent on the last page.
    pub next_cursor: Option<String>,
    /// How many runs could not be read: what they hold is missing.
    pub unread: usize,
}

/// Schedules, by id.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct SchedulePage {
    /// The schedules.
    pub schedules: Vec<ScheduleView>,
    /// What to ask for next; absent on the last page.
    pub next_cursor: Option<String>,
}

/// Due times, in order.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct DuePage {
    /// The due times.
    pub due_times: Vec<DueView>,
}

/// What became of firings.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct FiringPage {
    /// What was decided; the next look of the server carries it out.
    pub firings: Vec<FiringView>,
}

/// A schedule that is to be added.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("examples" = [
    { "definition": { "schedule": "nightly", "plan": "builtin:standard-v1", "cron": "0 2 * * *" } },
]))]
pub struct AddSchedule {
    /// Its text (YAML or JSON), or itself as JSON. Its plan is one that the
    /// server lists, by its source.
    pub definition: Definition,
}

/// Which items a schedule is fired for.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// Only these of its `for_each`; else all.
    #[serde(default)]
    pub items: Vec<String>,
    /// Why: the record keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Which range is filled.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Backfill {
    /// The first instant.
    pub from: Timestamp,
    /// What is due at this or after it is left out.
    pub until: Timestamp,
    /// Why: the record keeps it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// Events of a run, in order: the log's own lines.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct EventPage {
    /// The events.
    #[schemars(with = "Vec<Map<String, Value>>")]
    pub events: Vec<Box<RawValue>>,
    /// Where the next page begins; absent where there is nothing more now.
    pub next_from: Option<u64>,
    /// Whether the log is sealed: nothing follows, unless the run is resumed.
    pub sealed: bool,
}

/// Plans that the server knows.
#[derive(Debug, Serialize, JsonSchema)]
pub struct PlanPage {
    /// The plans.
    pub plans: Vec<PlanListing>,
}

/// Components, by name and version.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ComponentPage {
    /// The components.
    pub components: Vec<ComponentView>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Signed statements about a run.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignedPage {
    /// The envelopes, each by its file's name.
    pub envelopes: Vec<SignedView>,
}

/// A signed statement.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct SignedView {
    /// Its file's name.
    pub name: String,
    /// The DSSE envelope.
    pub envelope: Value,
}

/// What became of a command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Commanded {
    /// The run.
    pub run_id: RunId,
    /// The step, where it was about one.
    pub step: Option<String>,
    /// `approved`, `rejected`, `overrode`, `paused`, `unpaused`, `cancelled`.
    pub decision: String,
    /// `recorded`: in the log; `delivered`: it lies in the run's inbox, durable,
    /// and was not answered in time: whoever drives the run, or takes it up,
    /// obeys.
    pub answer: String,
    /// Whether somebody drives the run, so that it goes on by itself.
    pub driven: bool,
}

/// Whether the server lives, or is ready.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Health {
    /// `ok`.
    pub(crate) status: &'static str,
}
