//! How attempts are ended from outside.

use super::stage::{End, Stage, broken};
use super::{Deed, Fault};
use crate::port::{AttemptRef, CancelReason};
use rok_vocabulary::ErrorClass;
use std::time::Duration;

const REASONS: [CancelReason; 3] = [
    CancelReason::Cancelled,
    CancelReason::RunTimeout,
    CancelReason::Interrupted,
];

/// Work that was started before has begun by then.
const MEANWHILE: Duration = Duration::from_secs(1);

fn ended_as(end: End, class: ErrorClass) -> Result<(), Fault> {
    match end {
        Ok(_) => broken(format!("it succeeded, and should have ended as `{class}`")),
        Err(failure) if failure.class != class => {
            broken(format!("it ended as `{}`, not as `{class}`", failure.class))
        }
        Err(_) => Ok(()),
    }
}

/// Begins work that stays.
fn stays(stage: &Stage<'_>, step: &str) -> Result<AttemptRef, Fault> {
    Ok(stage.start(stage.request(step, stage.work(Deed::Stays)?)))
}

pub(super) fn a_deadline_ends_work_as_a_timeout(stage: &Stage<'_>) -> Result<(), Fault> {
    let mut request = stage.request("a", stage.work(Deed::Stays)?);
    request.timeout = Some(Duration::from_millis(50));
    let attempt = stage.start(request);
    ended_as(stage.end_of(&attempt)?, ErrorClass::Timeout)
}

pub(super) fn a_stop_ends_work_for_its_reason(stage: &Stage<'_>) -> Result<(), Fault> {
    // Work that has begun: another attempt began and ended since, or waited in
    // vain for whoever does one thing at a time.
    let barrier = stage.work(Deed::Answers)?;
    for (step, reason) in ["a", "b", "c"].into_iter().zip(REASONS) {
        let attempt = stays(stage, step)?;
        let mut since = stage.request(&format!("{step}-since"), barrier.clone());
        since.timeout = Some(MEANWHILE);
        drop(stage.end_of(&stage.start(since))?);
        stage.executor.cancel(&attempt, reason);
        ended_as(stage.end_of(&attempt)?, reason.failure().class)?;
    }
    Ok(())
}

pub(super) fn a_stop_right_after_the_start_is_heard(stage: &Stage<'_>) -> Result<(), Fault> {
    for number in 0..8 {
        let attempt = stays(stage, &format!("s{number}"))?;
        stage.executor.cancel(&attempt, CancelReason::Cancelled);
        ended_as(stage.end_of(&attempt)?, ErrorClass::Cancelled)?;
    }
    Ok(())
}

pub(super) fn a_stop_ends_one_attempt_and_no_other(stage: &Stage<'_>) -> Result<(), Fault> {
    let (one, other) = (stays(stage, "a")?, stays(stage, "b")?);
    stage.executor.cancel(&one, CancelReason::Cancelled);
    ended_as(stage.end_of(&one)?, ErrorClass::Cancelled)?;
    // Were the other one ended too, it would be for the first one's reason.
    stage.executor.cancel(&other, CancelReason::Interrupted);
    ended_as(stage.end_of(&other)?, ErrorClass::WorkerLost)
}

pub(super) fn a_stop_of_what_is_over_is_nothing(stage: &Stage<'_>) -> Result<(), Fault> {
    let never = stage.request("never", stage.work(Deed::Answers)?).attempt;
    stage.executor.cancel(&never, CancelReason::Cancelled);
    let attempt = stage.start(stage.request("a", stage.work(Deed::Answers)?));
    let ended = stage.end_of(&attempt)?;
    stage.executor.cancel(&attempt, CancelReason::Cancelled);
    match ended {
        Ok(_) => Ok(()),
        Err(failure) => broken(format!("it failed: {failure}")),
    }
}

pub(super) fn what_remains_is_ended_twice_over(stage: &Stage<'_>) -> Result<(), Fault> {
    let Some(workspace) = stage.subject.workspace() else {
        return Err(Fault::Unshown(Deed::Stays));
    };
    for _ in 0..2 {
        if let Err(error) = stage.executor.stop_remains(stage.run(), &workspace) {
            return broken(format!("what an earlier owner left: {error}"));
        }
    }
    Ok(())
}
