//! How attempts end by themselves.

use super::stage::{SECRET, Stage, broken};
use super::{Deed, Fault};
use crate::check_outputs;
use std::collections::BTreeMap;

/// As many as a run's `max_parallel` by default.
const MANY: usize = 64;

pub(super) fn a_success_is_reported_once(stage: &Stage<'_>) -> Result<(), Fault> {
    match stage.perform("a", Deed::Answers)? {
        Ok(success) => check_outputs(&success.outputs).or_else(|fault| broken(fault.reason)),
        Err(failure) => broken(format!("it failed: {failure}")),
    }
}

pub(super) fn a_failure_is_reported_once_with_its_reason(stage: &Stage<'_>) -> Result<(), Fault> {
    match stage.perform("a", Deed::Fails)? {
        Ok(_) => broken("work that fails was reported as a success"),
        Err(failure) if failure.reason.trim().is_empty() => broken("it does not say why"),
        Err(_) => Ok(()),
    }
}

pub(super) fn many_attempts_at_once_are_told_apart(stage: &Stage<'_>) -> Result<(), Fault> {
    let (answers, fails) = (stage.work(Deed::Answers)?, stage.work(Deed::Fails)?);
    let mut open = BTreeMap::new();
    for number in 0..MANY {
        let sound = number % 2 == 0;
        let work = if sound { &answers } else { &fails }.clone();
        let attempt = stage.start(stage.request(&format!("s{number}"), work));
        open.insert(attempt, sound);
    }
    while !open.is_empty() {
        let report = stage.report()?;
        let step = &report.attempt.step;
        match open.remove(&report.attempt) {
            None => return broken(format!("{step:?} was reported twice, or never begun")),
            Some(sound) if sound != report.result.end.is_ok() => {
                return broken(format!("{step:?} has the end of another"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

pub(super) fn a_secret_is_never_told(stage: &Stage<'_>) -> Result<(), Fault> {
    let told = match stage.perform("a", Deed::Blabs)? {
        Ok(success) => success.outputs.to_string(),
        Err(failure) => failure.reason,
    };
    if told.contains(SECRET) {
        return broken("a secret is in what it reports");
    }
    Ok(())
}

pub(super) fn foreign_work_is_refused_and_reported(stage: &Stage<'_>) -> Result<(), Fault> {
    let work = stage.work(Deed::Foreign)?;
    if stage.executor.accepts(&work) {
        return broken("it accepts work of another kind");
    }
    let attempt = stage.start(stage.request("a", work));
    match stage.end_of(&attempt)? {
        Ok(_) => broken("work of another kind was reported as a success"),
        Err(_) => Ok(()),
    }
}

pub(super) fn sound_work_has_no_fault_beforehand(stage: &Stage<'_>) -> Result<(), Fault> {
    let request = stage.request("a", stage.work(Deed::Answers)?);
    if !stage.executor.accepts(&request.work) {
        return broken("it does not accept its own work");
    }
    match stage.executor.preflight(&request).first() {
        None => Ok(()),
        Some(fault) => broken(format!("its preflight refuses sound work: {fault}")),
    }
}
