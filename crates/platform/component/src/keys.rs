//! The one table of keys: decoder, faults, schema and reference read it.

/// A key of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeySpec {
    /// The key.
    pub key: &'static str,
    /// What it takes, in words.
    pub takes: &'static str,
    /// What it means.
    pub doc: &'static str,
}

macro_rules! keys {
    ($( $key:literal: $takes:literal, $doc:literal; )+) => {
        /// Every key of a manifest.
        pub const KEYS: &[KeySpec] = &[
            $( KeySpec { key: $key, takes: $takes, doc: $doc }, )+
        ];

        pub(crate) const NAMES: &[&str] = &[$( $key, )+];
    };
}

keys! {
    "name": "name", "Its name: `[a-z][a-z0-9_-]{0,63}`. Required.";
    "version": "semver", "Its version, such as `1.2.0`. Name and version stand once in a registry. Required.";
    "type": "tool, validator, test", "What it is. Required.";
    "status": "draft, active, deprecated, archived", "Where it stands: active ones run; drafts where they are allowed; deprecated ones where they are named or filtered for, with a warning; archived ones never. Required.";
    "channel": "canary, stable, experimental, deprecated", "How much it has proved itself; default `stable`.";
    "deprecated_by": "name", "What to use instead of a deprecated one.";
    "description": "text", "What it is for.";
    "owner": "text", "Who answers for it.";
    "tags": "list of tags", "Words to select by: `[a-z0-9][a-z0-9._-]{0,63}`.";
    "entrypoint": "mapping", "How it is started: the keys of a step of a plan. Required.";
    "inputs": "mapping", "What it takes: a JSON Schema for each input, as in a plan.";
    "outputs": "mapping", "What it hands on: a JSON Schema for each output, as in a step of a plan. `warnings` is an array: it is read as what to look at.";
    "secrets": "list of names", "The secrets that its entrypoint may use, as in a plan.";
    "idempotent": "true, false", "Whether it may be repeated; default false: it is not tried again.";
    "timeout": "duration", "How long an attempt may take.";
    "retry": "mapping", "When and how often it is tried again, as in a step of a plan; only with `idempotent: true`.";
    "capabilities": "list of words", "What must be offered to run it: by the agent that it is given to, else by the host: `[a-z0-9][a-z0-9._:-]{0,63}`.";
    "files": "list of globs", "The files that it is about, seen from where it is run; none: all.";
    "requires": "mapping", "Other components that it needs, each with a semver requirement: `{ schema-tool: ^1.2 }`.";
}

/// The keys of `entrypoint`: those of a step of a plan that say how it is
/// started.
pub const ENTRYPOINT: &[&str] = &[
    "run",
    "call",
    "http",
    "service",
    "agent",
    "with",
    "region",
    "min_trust",
    "federation",
    "max_latency",
    "shell",
    "env",
    "cwd",
    "kill_grace",
    "artifacts",
    "reads",
    "cache",
];

/// The keys of a manifest that are keys of its step as well.
pub(crate) const OF_STEP: &[&str] = &["outputs", "timeout", "idempotent"];

/// The keys of a manifest that are keys of its plan.
pub(crate) const OF_PLAN: &[&str] = &["inputs", "secrets"];
