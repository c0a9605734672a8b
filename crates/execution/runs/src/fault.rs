//! Faults of the layers below, as what a user can act on.

use rok_facades::runs::{ErrorKind, RunsError};
use rok_kernel::RunState;
use rok_log::{ClaimError, StoreError};
use rok_runner::RunnerError;
use rok_store_jsonl::ResolveError;
use rok_vocabulary::RunId;
use std::error::Error;
use std::path::Path;

/// An error with all its causes, in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = error.source();
    }
    text
}

pub(crate) fn resolve(error: &ResolveError) -> RunsError {
    match error {
        ResolveError::Ambiguous { .. } => RunsError::new(ErrorKind::Usage, "ROK0102", chain(error))
            .help("write more of the run's id"),
        ResolveError::Unknown { .. } => RunsError::new(ErrorKind::Usage, "ROK0101", chain(error))
            .help("`rok ls` lists the runs; `--dir` names the folder they are in"),
        ResolveError::Store(error) => store(error),
    }
}

pub(crate) fn store(error: &StoreError) -> RunsError {
    match error {
        StoreError::Unknown { .. } | StoreError::NotARun { .. } => {
            RunsError::new(ErrorKind::Usage, "ROK0101", chain(error))
                .help("`rok ls` lists the runs; `--dir` names the folder they are in")
        }
        StoreError::Collected { .. } => RunsError::new(ErrorKind::State, "ROK0160", chain(error))
            .help("`rok verify RUN` proves the stub, and tells what was removed and when"),
        StoreError::Corrupt { .. } => RunsError::new(ErrorKind::Protocol, "ROK0105", chain(error))
            .help(
                "the log was changed by something other than rok; `rok verify` says what is intact",
            ),
        StoreError::Full { .. } => RunsError::new(ErrorKind::Storage, "ROK0106", chain(error))
            .help("make room and resume the run: nothing that was not stored was acknowledged"),
        _ => RunsError::new(ErrorKind::Storage, "ROK0106", chain(error)).help(
            "mend the store, then ask again: nothing that was not stored was acknowledged, and a run that it stopped can be resumed",
        ),
    }
}

pub(crate) fn claim(error: &ClaimError) -> RunsError {
    match error {
        ClaimError::Store(error) => store(error),
        held @ ClaimError::Held { .. } => driven(held.to_string()),
    }
}

/// Another process drives the run.
pub(crate) fn driven(message: String) -> RunsError {
    RunsError::new(ErrorKind::Busy, "ROK0103", message).help(
        "wait for it, follow it with `rok events RUN --follow`, or stop it with `rok cancel RUN`",
    )
}

pub(crate) fn runner(error: &RunnerError) -> RunsError {
    match error {
        RunnerError::Store(error) => store(error),
        RunnerError::Replay { .. } => RunsError::new(ErrorKind::Protocol, "ROK0105", chain(error))
            .help(
                "the log cannot be gone on from; `rok verify` names the first line that is wrong",
            ),
        RunnerError::Lost { .. } => RunsError::new(ErrorKind::Busy, "ROK0103", chain(error))
            .help("another process drives the run now; follow it with `rok events RUN --follow`"),
        RunnerError::Rejected(_) => RunsError::new(ErrorKind::State, "ROK0104", chain(error)),
        _ => RunsError::new(ErrorKind::Storage, "ROK0114", chain(error))
            .help("this is a fault of rok; the run can be resumed"),
    }
}

/// The id of a run is that of another one, in this folder of runs.
pub(crate) fn taken(run: &RunId, root: Option<&Path>) -> RunsError {
    let place = root.map_or_else(String::new, |root| format!(" in {}", root.display()));
    let message = format!("there is a run `{run}` already{place}");
    RunsError::new(ErrorKind::Usage, "ROK0116", message)
        .help("take another --run-id, or leave it out")
}

/// A file of the folder of run folders cannot be read or written.
pub(crate) fn folder(message: String) -> RunsError {
    RunsError::new(ErrorKind::Storage, "ROK0106", message)
        .help("look whether the disk is full, read-only or gone, and whose the folder is")
}

/// The policies, or the plan's own rules, deny what somebody wants of a run.
pub(crate) fn denied(what: &dyn std::fmt::Display, why: &str) -> RunsError {
    let why = why.trim_start_matches("denied: ");
    let message = format!("{what} is denied: {why}");
    RunsError::new(ErrorKind::Denied, "ROK0107", message).help(
        "the policies and the plan's `approvers` or `overrides` decide who may; `rok explain` says whom the plan asks",
    )
}

/// A step that neither the plan nor a fan-out of the run has.
pub(crate) fn unknown_step_of(state: &RunState, step: &str) -> RunsError {
    let steps = &state.plan().plan().steps;
    let known: Vec<String> = steps.iter().map(|step| step.id.to_string()).collect();
    unknown_step(state.run_id(), step, &known)
}

pub(crate) fn unknown_step(run: &RunId, step: &str, known: &[String]) -> RunsError {
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let message = format!("run {run} has no step `{step}`");
    RunsError::new(ErrorKind::NotFound, "ROK0111", message).help(meant(step, "its steps", &known))
}

/// What may be meant, and what there is.
pub(crate) fn meant(word: &str, what: &str, known: &[&str]) -> String {
    const LISTED: usize = 40;
    let mut listed = known[..known.len().min(LISTED)].join(", ");
    if known.len() > LISTED {
        listed.push_str(", …");
    }
    match rok_plan::nearest(word, known.iter().copied()) {
        Some(nearest) => format!("did you mean `{nearest}`? {what} are {listed}"),
        None => format!("{what} are {listed}"),
    }
}
