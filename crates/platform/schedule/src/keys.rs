//! The one table of keys: decoder, faults and reference read it.

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
        /// Every key of a schedule file.
        pub const KEYS: &[KeySpec] = &[
            $( KeySpec { key: $key, takes: $takes, doc: $doc }, )+
        ];

        pub(crate) const NAMES: &[&str] = &[$( $key, )+];
    };
}

keys! {
    "schedule": "id", "Its id: `[a-z0-9][a-z0-9-]{0,63}`. Required.";
    "description": "text", "What it is for.";
    "plan": "text", "The plan: a path seen from this file, or `builtin:ID`. Required.";
    "cron": "text", "When it is due: five fields, six with seconds first, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`. Required.";
    "timezone": "text", "The IANA zone whose clock counts, such as `Europe/Berlin`; default `UTC`.";
    "overlap": "skip, queue, cancel_previous", "What becomes of a firing while a run of the same schedule and item goes on; default `skip`.";
    "catch_up": "none, latest, all", "What becomes of firings that were missed; default `latest`.";
    "catch_up_max": "whole number", "How many missed due times `all` makes up for at most, the latest ones; default 100, at most 1000.";
    "grace": "duration", "A firing that is later than this is missed; default 1m, at most 1h.";
    "jitter": "duration", "A firing starts up to so much after it is due, always before the next is due; default 0s, at most 1d.";
    "paused": "true, false", "Whether it begins paused; default false.";
    "from": "instant", "What falls due before this is no firing: `2026-02-16T00:00:00Z`.";
    "until": "instant", "What falls due at this or after it is no firing.";
    "for_each": "list, or path", "One run for each item. A path is a file with a list, seen from this file, read at each firing.";
    "inputs": "mapping", "The inputs of its runs. Expressions may read `item` and `run.labels`.";
    "labels": "mapping of texts", "Labels of its runs, besides `schedule`, `due`, `due_date` and `item`.";
}
