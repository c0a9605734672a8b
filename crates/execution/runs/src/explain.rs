//! Why a run or a step is as it is, and what can be done about it.

mod fallback;
mod fan_out;
mod place;
mod sub_run;

use crate::fault;
use crate::gates::{gate, hold, override_command};
use crate::load::Loaded;
use crate::resume::resumable;
use rok_events::SkipCause;
use rok_facades::runs::{Explanation, Remedy, RunsError};
use rok_kernel::{RunState, StepIx};
use rok_runner::{Clock, SystemClock};
use rok_vocabulary::{Attempt, Outcome, RunPhase, StepState};

mod undo;

pub(crate) fn explain(
    loaded: &Loaded,
    step: Option<&str>,
    holder: Option<String>,
) -> Result<Explanation, RunsError> {
    let story = Story {
        loaded,
        state: loaded.state(),
        holder,
    };
    match step {
        None => Ok(story.run()),
        Some(id) => match loaded.state().find(id) {
            Some(ix) => Ok(story.step(ix)),
            None => Err(fault::unknown_step_of(loaded.state(), id)),
        },
    }
}

/// Which retry an attempt is: its number is the attempt's, as in the log.
fn retry(attempt: Attempt) -> String {
    if attempt == Attempt::FIRST {
        String::new()
    } else {
        format!(", retry {attempt}")
    }
}

struct Story<'a> {
    loaded: &'a Loaded,
    state: &'a RunState,
    holder: Option<String>,
}

impl Story<'_> {
    fn blank(&self, step: Option<StepIx>) -> Explanation {
        Explanation {
            run_id: self.state.run_id().clone(),
            step: step.map(|ix| self.id(ix)),
            headline: String::new(),
            because: Vec::new(),
            next: Vec::new(),
            remedies: Vec::new(),
        }
    }

    fn id(&self, ix: StepIx) -> String {
        self.state.step_id(ix).to_string()
    }

    fn ids(&self) -> impl Iterator<Item = StepIx> {
        0..self.state.plan().len() as StepIx
    }

    fn remedy(&self, does: &str, command: &str) -> Remedy {
        let command = command.replace("RUN", self.state.run_id().as_str());
        Remedy {
            does: does.into(),
            command: Some(command),
        }
    }

    fn run(&self) -> Explanation {
        let mut story = self.blank(None);
        match self.state.phase() {
            RunPhase::Completed => self.completed(&mut story),
            RunPhase::Failed => self.failed(&mut story),
            phase => self.open(phase, &mut story),
        }
        self.parent(&mut story);
        story
    }

    fn completed(&self, story: &mut Explanation) {
        let counts = self.state.counts();
        story.headline = match self.state.outcome() {
            Some(Outcome::Partial) if self.state.overridden().next().is_some() => {
                "COMPLETED with partial success: a hard gate that had failed was overridden".into()
            }
            Some(Outcome::Partial) => {
                "COMPLETED with partial success: something that is not required failed".into()
            }
            _ => "COMPLETED: every step that had to run succeeded, and the duties are reconciled"
                .into(),
        };
        story.because.push(format!(
            "{} of {} steps succeeded, {} failed, {} were skipped",
            counts.succeeded, counts.total, counts.failed, counts.skipped
        ));
        self.failures(story);
        story.because.extend(self.state.overrides_in_words());
        self.audit(story);
        story
            .next
            .push("nothing: the run is closed and sealed".into());
    }

    fn failed(&self, story: &mut Explanation) {
        let (class, reason) = self.state.end();
        let class = class.map(|class| format!(" ({class})")).unwrap_or_default();
        let reason = reason.unwrap_or("no reason is recorded");
        let outcome = self.state.outcome().map_or("failed", Outcome::as_str);
        story.headline = format!("FAILED, outcome {outcome}{class}: {reason}");
        for gate in self.state.gate_failures() {
            story.because.push(format!(
                "hard gate `{gate}` failed: nothing that had not started was started"
            ));
        }
        if self.state.outcome().is_some_and(Outcome::may_complete) {
            story.because.push("execution had succeeded; the governance check or the final reconciliation refused the run".into());
        }
        self.failures(story);
        story.because.extend(self.state.overrides_in_words());
        self.audit(story);
        self.undone(story);
        let resumable = resumable(self.loaded);
        if resumable.resumable {
            story.next.push("nothing by itself".into());
            story.remedies.push(self.remedy(
                "begins the next epoch; succeeded steps are kept",
                "resume RUN",
            ));
        } else {
            story.next.push(format!(
                "nothing: it cannot be resumed, because {}",
                resumable.reason
            ));
        }
        if let Some(command) = override_command(self.state, SystemClock.now()) {
            story.remedies.push(self.remedy(
                "answers for the gate, so that the next epoch passes it",
                &command,
            ));
        }
        if let Some(ix) = self
            .ids()
            .find(|ix| self.state.step(*ix).state == StepState::Failed)
        {
            let command = format!("logs RUN {}", self.id(ix));
            story
                .remedies
                .push(self.remedy("shows the output of the failed step", &command));
        }
    }

    fn failures(&self, story: &mut Explanation) {
        for ix in self.ids() {
            let slot = self.state.step(ix);
            let reason = slot.reason.as_deref().unwrap_or("no reason is recorded");
            if slot.state == StepState::Failed && story.because.len() < 20 {
                let class = slot
                    .class
                    .map(|class| format!(" ({class})"))
                    .unwrap_or_default();
                story
                    .because
                    .push(format!("step `{}` failed{class}: {reason}", self.id(ix)));
            }
        }
        let skipped = self
            .ids()
            .filter(|ix| self.state.step(*ix).state == StepState::Skipped);
        let skipped: Vec<String> = skipped.map(|ix| self.id(ix)).collect();
        if !skipped.is_empty() {
            let shown = skipped
                .iter()
                .take(10)
                .cloned()
                .collect::<Vec<_>>()
                .join(", ");
            let more = skipped.len().saturating_sub(10);
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            story.because.push(format!("skipped: {shown}{more}"));
        }
    }

    fn audit(&self, story: &mut Explanation) {
        let Some(last) = self.state.last_reconciliation() else {
            return;
        };
        let list = |duties: &[rok_rac::Duty]| {
            duties
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        };
        story.because.push(format!(
            "audit ({}): {}, {} expected, {} acked",
            self.state.profile_in_words(),
            last.status,
            last.expected,
            last.acked
        ));
        if !last.missing.is_empty() {
            story
                .because
                .push(format!("missing acks: {}", list(&last.missing)));
        }
        if !last.drift.is_empty() {
            story.because.push(format!(
                "unexpected or repeated acks: {}",
                list(&last.drift)
            ));
        }
        for failed in &last.failed {
            story.because.push(format!(
                "{} was not done ({}): {}",
                failed.duty, failed.kind, failed.error
            ));
        }
        if self.state.is_degraded() {
            story.because.push(
                "DEGRADED: a domain was unavailable, and the profile goes on without it".into(),
            );
        }
    }

    fn open(&self, phase: RunPhase, story: &mut Explanation) {
        let driven = self.holder.as_deref();
        if let Some(hold) = hold(self.state) {
            story.headline = format!("it waits: {}", hold.message);
            story.because.push(format!("held since {}", hold.since));
            if self.state.is_paused() {
                story
                    .remedies
                    .push(self.remedy("lets it go on", "unpause RUN"));
            }
            for step in &hold.steps {
                story.remedies.push(self.remedy(
                    "lets the step pass",
                    &format!("approve RUN {step} --reason …"),
                ));
                story
                    .remedies
                    .push(self.remedy("stops the step", &format!("reject RUN {step} --reason …")));
            }
        } else if let Some(rollback) = self.state.rollback() {
            self.undoing(rollback, story);
        } else if let Some(stopping) = self.state.stopping() {
            story.headline = format!(
                "it is being brought to an end ({}): {}",
                stopping.outcome, stopping.reason
            );
        } else {
            story.headline = match (phase, driven) {
                (RunPhase::Created, _) => "it was created and has not been authorized yet".into(),
                (RunPhase::Authorized, _) => match self.waits_for_a_place() {
                    Some(why) => format!("it is authorized, and {why}"),
                    None => "it is authorized and waits for a worker".into(),
                },
                (RunPhase::GovernanceCheck, _) => {
                    "execution is over; it waits for acks of its duties".into()
                }
                (RunPhase::Finalizing, _) => {
                    "it is reconciled; its result is being published".into()
                }
                (_, Some(_)) => "it is executing".into(),
                (_, None) => "it was interrupted while executing: no process drives it".into(),
            };
        }
        self.open_steps(story);
        if phase == RunPhase::GovernanceCheck {
            let open: Vec<String> = self.open_duties();
            story
                .because
                .push(format!("open duties: {}", open.join(", ")));
        }
        match driven {
            Some(owner) => {
                story.because.push(format!("driven by {owner}"));
                story
                    .remedies
                    .push(self.remedy("shows what happens as it happens", "events RUN --follow"));
                if self.state.hold().is_none() {
                    story.next.push("it goes on by itself".into());
                }
            }
            None => {
                story.because.push("no process drives it".into());
                story.next.push("nothing by itself".into());
                story
                    .remedies
                    .push(self.remedy("goes on with it", "resume RUN"));
            }
        }
        story.remedies.push(self.remedy("ends it", "cancel RUN"));
    }

    fn open_duties(&self) -> Vec<String> {
        let expectations = self.state.ledger().expectations().iter();
        expectations
            .filter(|e| e.status == rok_vocabulary::ExpectationStatus::Pending)
            .map(|e| e.id.to_string())
            .collect()
    }

    fn open_steps(&self, story: &mut Explanation) {
        for ix in self.ids() {
            let slot = self.state.step(ix);
            let id = self.id(ix);
            if story.because.len() >= 20 {
                break;
            }
            if slot.state == StepState::Running {
                let since = slot
                    .started_at
                    .map(|at| format!(" since {at}"))
                    .unwrap_or_default();
                let retry = retry(slot.attempt);
                let running = format!("step `{id}` is running{retry}{since}");
                story.because.push(running);
            } else if let Some(due) = slot.retry_due {
                let why = slot.reason.as_deref().unwrap_or("it failed");
                story
                    .because
                    .push(format!("step `{id}` is tried again at {due}: {why}"));
            }
        }
        let pending = self
            .ids()
            .filter(|ix| self.state.step(*ix).state == StepState::Pending)
            .count();
        if pending > 0 {
            let steps = if pending == 1 {
                "1 step has"
            } else {
                &format!("{pending} steps have")
            };
            story.because.push(format!("{steps} not started"));
        }
    }

    fn step(&self, ix: StepIx) -> Explanation {
        let mut story = self.blank(Some(ix));
        let slot = self.state.step(ix);
        let id = self.id(ix);
        let reason = slot.reason.as_deref().unwrap_or("no reason is recorded");
        match slot.state {
            StepState::Succeeded => {
                story.headline = format!("step `{id}` succeeded{}", retry(slot.attempt));
                self.could_be_undone(ix, &mut story);
            }
            StepState::Compensated => self.compensated(ix, &mut story),
            StepState::Running => {
                story.headline = match (&self.holder, slot.stop) {
                    (_, Some(_)) => format!("step `{id}` is being stopped"),
                    (Some(_), None) => format!("step `{id}` is running{}", retry(slot.attempt)),
                    (None, None) => format!("step `{id}` was running when its process ended"),
                };
            }
            StepState::Waiting if slot.approved => {
                story.headline =
                    format!("step `{id}` is approved, and starts when the run goes on");
            }
            StepState::Waiting => {
                story.headline = format!("step `{id}` is a manual gate and waits for a decision");
                self.decision(ix, &mut story);
                let approve = format!("approve RUN {id} --reason …");
                story
                    .remedies
                    .push(self.remedy("lets the step pass", &approve));
                let reject = format!("reject RUN {id} --reason …");
                story.remedies.push(self.remedy("stops the step", &reject));
            }
            StepState::Failed if slot.undecided => {
                story.headline = format!(
                    "step `{id}` was interrupted and is not idempotent: a person must decide"
                );
                let approve = format!("approve RUN {id} --reason …");
                story.remedies.push(self.remedy("runs it again", &approve));
            }
            StepState::Failed => self.failed_step(ix, &mut story),
            StepState::Skipped => {
                story.headline = format!("step `{id}` was skipped: {reason}");
                if slot.skip == Some(SkipCause::Condition)
                    && let Some(condition) = &self.state.definition(ix).condition
                {
                    story
                        .because
                        .push(format!("its condition `{}` was false", condition.source()));
                }
                self.parents(ix, &mut story);
            }
            StepState::Pending => self.pending_step(ix, &mut story),
        }
        let fanned_out = self.fan_out(ix, &mut story) || self.sub_run(ix, &mut story);
        let has_run = matches!(
            slot.state,
            StepState::Running | StepState::Failed | StepState::Succeeded
        );
        if has_run && !fanned_out {
            story
                .remedies
                .push(self.remedy("shows its output", &format!("logs RUN {id}")));
        }
        story
    }

    /// Whom the plan asks, and who has answered.
    fn decision(&self, ix: StepIx, story: &mut Explanation) {
        let Some(gate) = gate(self.state, ix) else {
            return;
        };
        let given = gate.given.iter();
        story
            .because
            .extend(given.map(|one| format!("approved by {} at {}", one.actor, one.at)));
        let missing = match gate.missing {
            1 => "1 approval is missing".into(),
            n => format!("{n} approvals are missing"),
        };
        story
            .because
            .push(format!("{missing}: {} may approve", gate.who));
        if let Some(at) = gate.expires_at {
            let late = SystemClock.now() >= at;
            story.next.push(if late {
                format!("it expired at {at}: it fails as soon as the run is resumed")
            } else {
                format!("it fails at {at} without a decision")
            });
        }
    }

    fn failed_step(&self, ix: StepIx, story: &mut Explanation) {
        let (step, slot) = (self.state.definition(ix), self.state.step(ix));
        let id = self.id(ix);
        let reason = slot.reason.as_deref().unwrap_or("no reason is recorded");
        let class = slot
            .class
            .map(|class| format!(" ({class})"))
            .unwrap_or_default();
        if let Some(due) = slot.retry_due {
            story.headline =
                format!("step `{id}` failed{class} and is tried again at {due}: {reason}");
            return;
        }
        story.headline = format!("step `{id}` failed{class}: {reason}");
        self.fallback(ix, story);
        if self.state.fan_out(ix).is_some() {
            return;
        }
        let retry = &step.retry;
        let retried = slot
            .class
            .is_some_and(|class| retry.classes.contains(&class));
        if !step.idempotent {
            story
                .because
                .push("it is not idempotent, so it is never tried again".into());
        } else if retried && retry.max > 0 {
            story
                .because
                .push(format!("all {} retries were used up", retry.max));
        } else if !retried {
            let classes: Vec<&str> = retry.classes.iter().map(|class| class.as_str()).collect();
            story
                .because
                .push(format!("only {} is tried again", classes.join(", ")));
        } else {
            story.because.push("the plan gives it no retries".into());
        }
        if step.gate == Some(rok_plan::Gate::Hard) {
            story
                .because
                .push("it is a hard gate: nothing that had not started was started".into());
        } else if !step.required {
            story
                .because
                .push("it is not required: the outcome is at best partial".into());
        }
    }

    fn parents(&self, ix: StepIx, story: &mut Explanation) {
        let step = self.state.definition(ix);
        for need in &step.needs {
            let slot = self.state.step(*need as StepIx);
            if slot.state != StepState::Succeeded {
                let reason = slot
                    .reason
                    .as_deref()
                    .map(|reason| format!(" ({reason})"))
                    .unwrap_or_default();
                story.because.push(format!(
                    "it needs `{}`, which is {}{reason}",
                    self.id(*need as StepIx),
                    slot.state
                ));
            }
        }
    }

    fn pending_step(&self, ix: StepIx, story: &mut Explanation) {
        let step = self.state.definition(ix);
        self.parents(ix, story);
        for parent in &step.after {
            let slot = self.state.step(*parent as StepIx);
            if !slot.is_finished() {
                story.because.push(format!(
                    "it comes after `{}`, which is {}",
                    self.id(*parent as StepIx),
                    slot.state
                ));
            }
        }
        story.headline = if story.because.is_empty() {
            match (self.state.phase(), &self.holder) {
                (RunPhase::Executing, Some(_)) => {
                    format!("step `{}` is ready and waits for a free place", step.id)
                }
                (RunPhase::Executing, None) => {
                    story
                        .remedies
                        .push(self.remedy("goes on with the run", "resume RUN"));
                    format!("step `{}` is ready, and no process drives the run", step.id)
                }
                (phase, _) => format!("step `{}` has not started: the run is {phase}", step.id),
            }
        } else {
            format!(
                "step `{}` has not started: it waits for other steps",
                step.id
            )
        };
    }
}
