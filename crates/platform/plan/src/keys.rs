//! The key table: the one definition of the format. The decoder, the JSON
//! Schema and the reference in `docs/plan-format.md` all come from it, so none
//! of them can know a key that the others do not.

mod table;

use alloc::format;
use alloc::string::{String, ToString};

pub use table::KEYS;

/// A key of the plan format.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct KeySpec {
    /// Where it may stand.
    pub place: Place,
    /// The key.
    pub key: &'static str,
    /// What it says, in a sentence.
    pub doc: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// What holds without it, when there is something to say.
    pub default: Option<&'static str>,
    /// Whether it is carried out.
    pub support: Support,
    pub(crate) ty: Ty,
}

/// Whether a part of the format is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It is.
    Now,
    /// It is part of the format, and refused with a message that says so.
    Later,
}

macro_rules! places {
    ($( $(#[$doc:meta])* $variant:ident = $title:literal, )+) => {
        /// The mappings of the format.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum Place { $( $(#[$doc])* $variant, )+ }

        impl Place {
            /// Every place.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )+];

            /// How messages name it, for example "a step".
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $( Self::$variant => $title, )+ }
            }
        }
    };
}

places! {
    /// The file's top level.
    Plan = "the plan",
    /// `steps.ID`
    Step = "a step",
    /// `inputs.NAME`
    Input = "an input",
    /// `steps.ID.outputs.NAME`
    Output = "an output",
    /// `retry`
    Retry = "`retry`",
    /// `defaults`
    Defaults = "`defaults`",
    /// `steps.ID.artifacts[]`
    Artifact = "an artifact",
    /// `steps.ID.http`
    Http = "`http`",
    /// `steps.ID.compensate`
    Compensate = "`compensate`",
    /// `steps.ID.approvers`
    Approvers = "`approvers`",
    /// `concurrency`
    Concurrency = "`concurrency`",
    /// `budget`
    Budget = "`budget`",
    /// `overrides`
    Overrides = "`overrides`",
    /// `notify[]`
    Notify = "an entry of `notify`",
    /// `expect[]`
    Expect = "an entry of `expect`",
    /// `sandbox`
    Sandbox = "`sandbox`",
}

/// What a key's value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ty {
    /// Any text, taken as written.
    Text,
    /// A plan id.
    PlanId,
    /// A step id; a name that must exist.
    StepId,
    /// The name of a secret.
    SecretName,
    /// `true` or `false`.
    Bool,
    /// A number with a unit; `zero` says whether nothing is something.
    Duration { zero: bool },
    /// A whole number within bounds.
    Whole { min: i64, max: i64 },
    /// A number.
    Number,
    /// One word of a set; words of the second list belong to the format, and are
    /// refused: no machine can hold a process to them.
    Words(&'static [&'static str], &'static [&'static str]),
    /// An error class that may be tried again.
    RetryClass,
    /// Text with `${{ }}`.
    Template,
    /// A CEL expression that is true or false.
    Condition,
    /// A CEL expression that is a list.
    Items,
    /// A shell line or an argument list.
    Command,
    /// Any value.
    Json,
    /// A list.
    List(&'static Self),
    /// A mapping from names to values.
    Map(Names, &'static Self),
    /// A mapping with the keys of a place.
    Object(Place),
}

/// What the keys of a free mapping must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Anything that is not empty.
    Any,
    /// Environment variables; `ROK_` is ours.
    Env,
    /// Inputs and outputs.
    Input,
    /// Steps.
    Step,
}

impl KeySpec {
    /// The value in a few words, for the reference.
    #[must_use]
    pub fn kind(&self) -> String {
        self.ty.text()
    }

    /// The keys of a place, in table order.
    pub fn of(place: Place) -> impl Iterator<Item = &'static Self> {
        KEYS.iter().filter(move |spec| spec.place == place)
    }

    /// The entry of a key at a place.
    #[must_use]
    pub fn find(place: Place, key: &str) -> Option<&'static Self> {
        Self::of(place).find(|spec| spec.key == key)
    }
}

impl Ty {
    /// The value in a few words.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Text => "text".to_string(),
            Self::PlanId => "id".to_string(),
            Self::StepId => "step id".to_string(),
            Self::SecretName => "secret name".to_string(),
            Self::Bool => "`true` or `false`".to_string(),
            Self::Duration { .. } => "duration (`500ms`, `60s`, `1h30m`)".to_string(),
            Self::Whole { min, max: i64::MAX } => format!("whole number from {min}"),
            Self::Whole { min, max } => format!("whole number, {min} to {max}"),
            Self::Number => "number".to_string(),
            Self::Words(words, refused) => {
                let taken = words.iter().map(|word| format!("`{word}`"));
                let refused = refused.iter().map(|word| format!("`{word}` (refused)"));
                taken
                    .chain(refused)
                    .collect::<alloc::vec::Vec<_>>()
                    .join(", ")
            }
            Self::RetryClass => "error class".to_string(),
            Self::Template => "text with `${{ }}`".to_string(),
            Self::Condition => "CEL expression".to_string(),
            Self::Items => "CEL expression that is a list".to_string(),
            Self::Command => "shell line, or list of arguments".to_string(),
            Self::Json => "any value".to_string(),
            Self::List(item) => format!("list: {}", item.text()),
            Self::Map(names, value) => format!("mapping: {} → {}", names.text(), value.text()),
            Self::Object(place) => format!("mapping, the keys of {}", place.title()),
        }
    }
}

impl Names {
    const fn text(self) -> &'static str {
        match self {
            Self::Any | Self::Input => "name",
            Self::Env => "variable",
            Self::Step => "step id",
        }
    }
}

/// Foreign words for our keys, from the formats that people come from.
pub(crate) const SYNONYMS: &[(Place, &str, &str)] = &[
    (Place::Plan, "id", "plan"),
    (Place::Plan, "title", "name"),
    (Place::Plan, "jobs", "steps"),
    (Place::Plan, "tasks", "steps"),
    (Place::Plan, "stages", "steps"),
    (Place::Plan, "parameters", "inputs"),
    (Place::Plan, "params", "inputs"),
    (Place::Plan, "environment", "env"),
    (Place::Plan, "timeout", "max_duration"),
    (Place::Plan, "concurrency_limit", "max_parallel"),
    (Place::Step, "command", "run"),
    (Place::Step, "cmd", "run"),
    (Place::Step, "script", "run"),
    (Place::Step, "exec", "run"),
    (Place::Step, "uses", "call"),
    (Place::Step, "function", "call"),
    (Place::Step, "depends_on", "needs"),
    (Place::Step, "depends", "needs"),
    (Place::Step, "dependencies", "needs"),
    (Place::Step, "environment", "env"),
    (Place::Step, "working_directory", "cwd"),
    (Place::Step, "working_dir", "cwd"),
    (Place::Step, "workdir", "cwd"),
    (Place::Step, "dir", "cwd"),
    (Place::Step, "when", "if"),
    (Place::Step, "condition", "if"),
    (Place::Step, "retries", "retry"),
    (Place::Step, "title", "name"),
    (Place::Step, "grace", "kill_grace"),
    (Place::Step, "foreach", "for_each"),
    (Place::Step, "matrix", "for_each"),
    (Place::Retry, "attempts", "max"),
    (Place::Retry, "limit", "max"),
    (Place::Retry, "delay", "base"),
    (Place::Retry, "max_interval", "max_delay"),
    (Place::Retry, "on", "classes"),
    (Place::Input, "min", "minimum"),
    (Place::Input, "max", "maximum"),
    (Place::Input, "values", "enum"),
    (Place::Input, "kind", "type"),
    (Place::Output, "min", "minimum"),
    (Place::Output, "max", "maximum"),
    (Place::Output, "kind", "type"),
    (Place::Sandbox, "reads", "read"),
    (Place::Sandbox, "writes", "write"),
    (Place::Sandbox, "net", "network"),
    (Place::Sandbox, "memory", "max_memory_mib"),
    (Place::Sandbox, "cpu", "max_cpu"),
    (Place::Sandbox, "processes", "max_processes"),
    (Place::Artifact, "file", "path"),
    (Place::Artifact, "name", "path"),
];

/// JSON Schema that inputs and outputs do not take.
pub(crate) const FOREIGN_SCHEMA: &[&str] = &[
    "$ref",
    "additionalProperties",
    "allOf",
    "anyOf",
    "const",
    "contains",
    "deprecated",
    "examples",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "if",
    "items",
    "maxItems",
    "maxProperties",
    "minItems",
    "minProperties",
    "multipleOf",
    "not",
    "nullable",
    "oneOf",
    "pattern",
    "patternProperties",
    "prefixItems",
    "properties",
    "propertyNames",
    "readOnly",
    "required",
    "title",
    "uniqueItems",
    "writeOnly",
];

/// The error classes that `retry.classes` may name. The others are decisions,
/// and trying again would not change them.
pub(crate) const RETRYABLE: &[&str] = &["transient_io", "timeout", "worker_lost"];
