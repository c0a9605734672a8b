//! When what happened in a run: a fold of its events for those who draw it.

use crate::fault;
use crate::home::Home;
use crate::load::Loaded;
use rok_events::{Body, Event, FellBackData, StepEndData, decode};
use rok_facades::runs::{
    AttemptSpan, AttemptUsage, EpochSpan, PauseSpan, RollbackSpan, RunTiming, RunsError,
    StepTiming, WaitReason, WaitSpan,
};
use rok_kernel::CompiledPlan;
use rok_plan::{Plan, Step};
use rok_vocabulary::{ErrorClass, RunPhase, StepId, StepState, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;

/// The timing of a run that has been read.
pub(crate) fn timing(loaded: &Loaded, store: &Home) -> Result<RunTiming, RunsError> {
    let state = loaded.state();
    let log = store
        .read(state.run_id())
        .map_err(|error| fault::store(&error))?;
    let mut fold = Fold::new(state.plan(), state.created_at());
    // What came since belongs to a state that was not vouched for.
    let known = usize::try_from(loaded.replay.count()).unwrap_or(usize::MAX);
    for line in log.lines().take(known) {
        if let Ok(decoded) = decode(line, state.run_id()) {
            fold.note(&decoded.event);
        }
    }
    let critical_path = fold.critical_path();
    Ok(RunTiming {
        run_id: state.run_id().clone(),
        from: state.created_at(),
        until: fold.last,
        open: !state.is_sealed(),
        steps: fold.steps.into_iter().map(|step| step.view).collect(),
        pauses: fold.pauses,
        epochs: fold.epochs,
        rollbacks: fold.rollbacks,
        critical_path,
    })
}

/// What a step waits for: by its edges, and what stands in for those.
fn before(plan: &Plan, step: &Step) -> Vec<usize> {
    let edges = || step.needs.iter().chain(&step.after).copied();
    let stand_ins = edges().flat_map(|edge| {
        let fallback = |at: &usize| plan.steps[*at].fallback;
        std::iter::successors(fallback(&edge), fallback)
    });
    edges().chain(stand_ins).collect()
}

/// An attempt at a compensation that has just begun.
fn undone(event: &Event, at: Timestamp) -> AttemptSpan {
    AttemptSpan {
        epoch: event.epoch,
        attempt: event.body.attempt().0,
        from: at,
        until: None,
        state: StepState::Running,
        reason: None,
        usage: None,
    }
}

/// A step, and what is known of it for now.
#[derive(Default)]
struct StepFold {
    view: StepTiming,
    /// What it follows, by place.
    before: Vec<usize>,
    /// When it reached its last state; none while it may still run.
    finished: Option<Timestamp>,
    succeeded: bool,
    /// When its next attempt may begin, as far as the step itself goes.
    ready: Option<Timestamp>,
}

struct Fold {
    steps: Vec<StepFold>,
    index: BTreeMap<String, usize>,
    pauses: Vec<PauseSpan>,
    epochs: Vec<EpochSpan>,
    rollbacks: Vec<RollbackSpan>,
    executing: Timestamp,
    last: Timestamp,
}

impl Fold {
    fn new(plan: &CompiledPlan, from: Timestamp) -> Self {
        let steps = plan.plan().steps.iter().map(|step| StepFold {
            view: StepTiming {
                id: step.id.to_string(),
                ..StepTiming::default()
            },
            before: before(plan.plan(), step),
            ..StepFold::default()
        });
        let mut steps: Vec<StepFold> = steps.collect();
        for (at, step) in plan.plan().steps.iter().enumerate() {
            if let Some(fallback) = step.fallback {
                steps[fallback].before.push(at);
            }
        }
        let index = steps.iter().zip(0..);
        Self {
            index: index.map(|(step, at)| (step.view.id.clone(), at)).collect(),
            steps,
            pauses: Vec::new(),
            epochs: Vec::new(),
            rollbacks: Vec::new(),
            executing: from,
            last: from,
        }
    }

    fn note(&mut self, event: &Event) {
        let at = event.at;
        match &event.body {
            Body::RunCreated { .. } | Body::RunResumed { .. } => self.began(event),
            Body::RunStateChanged(change) if change.to == RunPhase::Executing => {
                self.executing = at;
            }
            Body::RunHeld { data, .. } => self.paused(data.hold.as_str(), at, None),
            Body::RunReleased { .. } => self.released(at),
            Body::RunRecovered { data } => {
                let down = i64::try_from(data.down_ms).unwrap_or(i64::MAX);
                let from = Timestamp::from_millis(at.as_millis().saturating_sub(down));
                // Under a hold the run stood still anyway.
                if down > 0 && !self.stands_still() {
                    self.paused("no_owner", from, Some(at));
                }
            }
            Body::StepWaiting { step } => {
                let place = self.place(step);
                self.queued(place, at);
                self.wait(place, WaitReason::Decision, at);
            }
            Body::GateApproved { step, .. } => {
                let place = self.place(step);
                self.over(place, WaitReason::Decision, at);
                self.steps[place].ready = Some(at);
            }
            Body::StepStarted { step, attempt, .. } => {
                let place = self.place(step);
                self.started(place, event, attempt.0);
            }
            Body::StepSucceeded { step, data, .. } => {
                self.ended(step, at, data, None);
            }
            Body::StepFailed {
                step,
                class,
                reason,
                data,
                ..
            } => self.ended(step, at, data, Some((*class, reason))),
            Body::StepRetried { step, due, .. } => {
                let place = self.place(step);
                self.wait(place, WaitReason::Retry, at);
                self.steps[place].finished = None;
                self.steps[place].ready = Some(*due);
            }
            Body::StepSkipped { step, .. } => {
                let place = self.place(step);
                self.steps[place].finished = Some(at);
                self.over(place, WaitReason::Decision, at);
            }
            Body::StepFellBack { data, .. } => {
                if let FellBackData::Step { to } = &**data {
                    let place = self.place(to);
                    self.steps[place].ready = Some(at);
                }
            }
            Body::RunRollbackStarted { .. } => self.rolls_back(event),
            Body::StepCompensationStarted { .. }
            | Body::StepCompensated { .. }
            | Body::StepCompensationFailed { .. } => self.undoing(event),
            Body::RunRolledBack { .. } => {
                if let Some(rollback) = self.rollbacks.last_mut() {
                    rollback.until.get_or_insert(at);
                    rollback.complete = true;
                }
            }
            Body::RunSealed { .. } => {
                self.released(at);
                self.rolled(at);
                if let Some(epoch) = self.epochs.last_mut() {
                    epoch.until = Some(at);
                }
            }
            // What comes after a seal and begins no epoch is no part of the run's time.
            _ if self
                .epochs
                .last()
                .is_some_and(|epoch| epoch.until.is_some()) =>
            {
                return;
            }
            _ => {}
        }
        self.last = at;
    }

    /// Another epoch; before it the run was closed.
    fn opened(&mut self, event: &Event) {
        let closed = self.epochs.last().and_then(|epoch| epoch.until);
        if let Some(closed) = closed.filter(|closed| *closed < event.at) {
            self.paused("closed", closed, Some(event.at));
        }
        self.epochs.push(EpochSpan {
            epoch: event.epoch,
            from: event.at,
            until: None,
        });
        self.executing = event.at;
    }

    fn began(&mut self, event: &Event) {
        self.opened(event);
        for step in self.steps.iter_mut().filter(|step| !step.succeeded) {
            step.finished = None;
            step.ready = None;
        }
    }

    /// The place of a step; one that the plan does not name follows what the
    /// step that it was made of follows.
    fn place(&mut self, step: &StepId) -> usize {
        if let Some(place) = self.index.get(step.as_str()) {
            return *place;
        }
        let declared = step.as_str().split('[').next().unwrap_or_default();
        let before = self
            .index
            .get(declared)
            .map(|place| self.steps[*place].before.clone());
        self.steps.push(StepFold {
            view: StepTiming {
                id: step.to_string(),
                ..StepTiming::default()
            },
            before: before.unwrap_or_default(),
            ..StepFold::default()
        });
        let place = self.steps.len() - 1;
        self.index.insert(step.to_string(), place);
        place
    }

    fn paused(&mut self, why: &str, from: Timestamp, until: Option<Timestamp>) {
        self.pauses.push(PauseSpan {
            why: why.to_owned(),
            from,
            until,
        });
    }

    /// Within an epoch, or as the next one.
    fn rolls_back(&mut self, event: &Event) {
        if self.epochs.last().is_none_or(|epoch| epoch.until.is_some()) {
            self.opened(event);
        }
        self.rollbacks.push(RollbackSpan {
            epoch: event.epoch,
            from: event.at,
            until: None,
            complete: false,
        });
    }

    /// The epoch ends, and with it what was undone in it.
    fn rolled(&mut self, at: Timestamp) {
        if let Some(rollback) = self.rollbacks.last_mut() {
            rollback.until.get_or_insert(at);
        }
    }

    /// What became of a compensation.
    fn undoing(&mut self, event: &Event) {
        let at = event.at;
        let Some(step) = event.body.step() else {
            return;
        };
        let place = self.place(step);
        let spans = &mut self.steps[place].view.compensations;
        // One whose owner died has no end on record, only a next attempt.
        let (state, reason, data) = match &event.body {
            Body::StepCompensated { reason, data, .. } => {
                (StepState::Compensated, reason.clone(), Some(data))
            }
            Body::StepCompensationFailed {
                class,
                reason,
                data,
                ..
            } => (
                StepState::Failed,
                Some(format!("{reason} ({class})")),
                Some(data),
            ),
            _ => (StepState::Failed, Some("interrupted".to_owned()), None),
        };
        let open = spans.iter().any(|span| span.until.is_none());
        if data.is_some() && !open {
            // By hand: nothing was started.
            spans.push(undone(event, at));
        }
        for span in spans.iter_mut().filter(|span| span.until.is_none()) {
            let wall = data
                .filter(|data| data.started_at.is_some())
                .map(|data| Duration::from_millis(data.wall_ms));
            let began = data.and_then(|data| data.started_at).unwrap_or(span.from);
            span.from = began.clamp(span.from, at);
            span.until = Some(wall.map_or(at, |wall| span.from.after(wall).min(at)));
            span.state = state;
            span.reason.clone_from(&reason);
        }
        if data.is_none() {
            spans.push(undone(event, at));
        }
        if let Some(rollback) = self.rollbacks.last_mut() {
            rollback.until = data.map(|_| at);
        }
    }

    fn stands_still(&self) -> bool {
        self.pauses
            .last()
            .is_some_and(|pause| pause.until.is_none())
    }

    fn released(&mut self, at: Timestamp) {
        if let Some(pause) = self.pauses.last_mut() {
            pause.until.get_or_insert(at);
        }
    }

    fn wait(&mut self, place: usize, why: WaitReason, from: Timestamp) {
        self.steps[place].view.waits.push(WaitSpan {
            why,
            from,
            until: None,
        });
    }

    /// Ends the last wait if it is of this kind and goes on.
    fn over(&mut self, place: usize, why: WaitReason, at: Timestamp) {
        let waits = &mut self.steps[place].view.waits;
        if let Some(wait) = waits.last_mut().filter(|wait| wait.why == why) {
            wait.until = Some(wait.until.unwrap_or(at).max(at));
        }
    }

    /// From when the step could have gone on to now it waited for its turn.
    fn queued(&mut self, place: usize, at: Timestamp) {
        let step = &self.steps[place];
        let finished = |before: &usize| self.steps[*before].finished;
        let by_edges = step.before.iter().filter_map(finished).max();
        let ready = step
            .ready
            .or(by_edges)
            .unwrap_or(self.executing)
            .max(self.executing);
        if ready < at {
            self.steps[place].view.waits.push(WaitSpan {
                why: WaitReason::Queue,
                from: ready,
                until: Some(at),
            });
        }
    }

    fn started(&mut self, place: usize, event: &Event, attempt: u32) {
        let due = self.steps[place].ready.unwrap_or(event.at).min(event.at);
        self.over(place, WaitReason::Retry, due);
        self.queued(place, event.at);
        let step = &mut self.steps[place];
        step.ready = None;
        step.view.attempts.push(AttemptSpan {
            epoch: event.epoch,
            attempt,
            from: event.at,
            until: None,
            state: StepState::Running,
            reason: None,
            usage: None,
        });
    }

    /// An attempt ended, or a step failed without one.
    fn ended(
        &mut self,
        step: &StepId,
        at: Timestamp,
        data: &StepEndData,
        failure: Option<(ErrorClass, &String)>,
    ) {
        let place = self.place(step);
        self.over(place, WaitReason::Decision, at);
        let step = &mut self.steps[place];
        step.finished = Some(at);
        step.succeeded = failure.is_none();
        let running = step.view.attempts.last_mut();
        let Some(attempt) = running.filter(|attempt| attempt.until.is_none()) else {
            return;
        };
        // The work's own instants where they are told, within the record's.
        if let Some(began) = data.started_at {
            let decided = attempt.from;
            attempt.from = began.clamp(decided, at);
            if attempt.from > decided {
                step.view.waits.push(WaitSpan {
                    why: WaitReason::Queue,
                    from: decided,
                    until: Some(attempt.from),
                });
            }
            let wall = Duration::from_millis(data.wall_ms);
            attempt.until = Some(attempt.from.after(wall).min(at));
        }
        attempt.until.get_or_insert(at);
        attempt.usage = data.started_at.map(|_| AttemptUsage {
            wall_ms: data.wall_ms,
            cpu_ms: data.usage.cpu_ms,
            max_rss_kib: data.usage.max_rss_kib,
        });
        attempt.state = match failure {
            None => StepState::Succeeded,
            Some(_) => StepState::Failed,
        };
        attempt.reason = failure.map(|(class, reason)| format!("{reason} ({class})"));
    }

    /// From the step that ended last, back over what each waited for last.
    fn critical_path(&self) -> Vec<String> {
        let ran = |place: &usize| !self.steps[*place].view.attempts.is_empty();
        let end = |place: &usize| {
            let last = self.steps[*place].view.attempts.last();
            last.map(|attempt| (attempt.until.unwrap_or(self.last), usize::MAX - *place))
        };
        let mut path = Vec::new();
        let mut next = (0..self.steps.len()).filter(ran).max_by_key(end);
        while let Some(place) = next {
            path.push(self.steps[place].view.id.clone());
            let before = self.steps[place].before.iter().copied();
            next = before.filter(ran).max_by_key(end);
        }
        path.reverse();
        path
    }
}
