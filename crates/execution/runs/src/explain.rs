//! Why a run or a step is as it is, and what can be done about it.

mod agents;
mod fallback;
mod fan_out;
mod open;
mod output;
mod place;
mod sub_run;

use crate::begun::{self, Begun};
use crate::fault;
use crate::gates::{gate, override_command};
use crate::home::Home;
use crate::load::Loaded;
use crate::logs::has_output;
use crate::resume::{resumable, spent};
use crate::summary::violations;
use rok_events::SkipCause;
use rok_facades::runs::{
    Explanation, ORCHESTRATOR_LABEL, QueuedView, Remedy, RunsError, judged_in_words,
    warning_in_words, warnings_of,
};
use rok_kernel::{RunState, StepIx};
use rok_runner::{Clock, SystemClock};
use rok_vocabulary::{Attempt, ErrorClass, Outcome, RunPhase, StepState, Timestamp};

mod undo;

pub(crate) use open::waits_for_people;

pub(crate) fn explain(
    store: &Home,
    loaded: &Loaded,
    step: Option<&str>,
    holder: Option<String>,
) -> Result<Explanation, RunsError> {
    let queued = store.queued(loaded.state().run_id());
    let queued = queued.map_err(|error| fault::store(&error))?;
    let story = Story {
        store,
        loaded,
        state: loaded.state(),
        holder,
        due: queued.as_ref().and_then(|queued| queued.due),
        queued,
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

/// Of a step that was started, and whose work was not.
const WAITS: &str = "waiting for a place, as many run as may";

/// So much of what was let pass is told; the rest is counted.
const LET_PASS_SHOWN: usize = 10;

struct Story<'a> {
    store: &'a Home,
    loaded: &'a Loaded,
    state: &'a RunState,
    holder: Option<String>,
    /// Not before this instant does a server take it up, where one does.
    due: Option<Timestamp>,
    /// How it waits for one.
    queued: Option<QueuedView>,
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

    /// Whether somebody must see to it that it goes on.
    fn is_left(&self) -> bool {
        self.holder.is_none() && !self.store.is_shared()
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
        self.let_pass(&mut story);
        self.judged(&mut story);
        story
    }

    /// What is to be looked at, though it stopped nothing.
    fn let_pass(&self, story: &mut Explanation) {
        let violations = violations(self.loaded.history());
        let soft = violations
            .iter()
            .filter(|one| !one.blocking && one.epoch == self.state.epoch());
        let soft = soft.map(|one| {
            let step = one.step.as_ref().map(|step| format!(" by step `{step}`"));
            let step = step.unwrap_or_default();
            format!("soft policy violation{step}, recorded: {}", one.in_words())
        });
        let labels = self.state.labels();
        let of_stage = labels.is_some_and(|labels| labels.contains_key(ORCHESTRATOR_LABEL));
        let steps = self.ids().filter(|_| of_stage);
        let steps = steps.filter(|ix| self.state.step(*ix).state == StepState::Succeeded);
        let warned = steps.filter_map(|ix| Some((ix, self.state.outputs(ix)?)));
        let warned = warned.flat_map(|(ix, outputs)| {
            warnings_of(outputs).map(move |item| (self.id(ix), warning_in_words(item)))
        });
        let warned = warned.map(|(step, text)| format!("step `{step}` warns: {text}"));
        let mut told = soft.chain(warned);
        story.because.extend(told.by_ref().take(LET_PASS_SHOWN));
        let more = told.count();
        if more > 0 {
            let run = self.state.run_id();
            let told = format!("{more} more are in the report: rok orch report {run}");
            story.because.push(told);
        }
    }

    fn judged(&self, story: &mut Explanation) {
        let judged = self.state.labels().and_then(judged_in_words);
        let judged = judged.map(|judged| format!("it judges {judged}"));
        story.because.extend(judged);
    }

    fn completed(&self, story: &mut Explanation) {
        let counts = self.state.counts();
        story.headline = match self.state.outcome() {
            Some(Outcome::Partial) if self.state.overridden().next().is_some() => {
                "COMPLETED with partial success: a hard gate that had failed was overridden".into()
            }
            Some(Outcome::Partial) if self.stood_in().next().is_some() => {
                "COMPLETED with partial success: a step failed, and its fallback stands for it"
                    .into()
            }
            Some(Outcome::Partial) => {
                "COMPLETED with partial success: something that is not required failed".into()
            }
            _ => "COMPLETED: every step that had to run succeeded, and the duties are reconciled"
                .into(),
        };
        story.because.push(format!(
            "{} of {} steps succeeded, {} failed, {} skipped",
            counts.succeeded, counts.total, counts.failed, counts.skipped
        ));
        self.failures(story);
        for (from, to) in self.stood_in() {
            let (from, to) = (self.id(from), self.id(to));
            story.because.push(format!(
                "`{to}`, the fallback of `{from}`, succeeded in its stead"
            ));
        }
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
        self.sub_runs_left(story);
        let resumable = resumable(self.loaded);
        if resumable.resumable {
            story.next.push("nothing by itself".into());
            if let Some(spent) = spent(self.state) {
                story.next.push(format!("it could be resumed, {spent}"));
            } else {
                story.remedies.push(self.remedy(
                    "begins the next epoch; succeeded steps are kept",
                    "resume RUN",
                ));
            }
        } else {
            story.next.push(format!(
                "nothing: it cannot be resumed, because {}",
                resumable.reason
            ));
        }
        if let Some(command) = override_command(self.state, SystemClock.now()) {
            let permitted = self.state.plan().plan().overrides.as_ref();
            let by = permitted.map(|permitted| &permitted.by);
            let by = by.filter(|by| !by.any_of.is_empty() || by.not_submitter);
            let who = by.map(|by| format!(" ({} may)", by.who()));
            let does = format!(
                "answers for the gate, so that the next epoch passes it{}",
                who.unwrap_or_default()
            );
            story.remedies.push(self.remedy(&does, &command));
        }
        if let Some(ix) = self
            .ids()
            .find(|ix| self.state.step(*ix).state == StepState::Failed)
        {
            self.output_of_failed(ix, story);
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

    fn step(&self, ix: StepIx) -> Explanation {
        let mut story = self.blank(Some(ix));
        let slot = self.state.step(ix);
        let id = self.id(ix);
        let reason = slot.reason.as_deref().unwrap_or("no reason is recorded");
        match slot.state {
            StepState::Succeeded => {
                story.headline = format!("step `{id}` succeeded{}", retry(slot.attempt));
                self.came_from(ix, &mut story);
                self.could_be_undone(ix, &mut story);
            }
            StepState::Compensated => self.compensated(ix, &mut story),
            StepState::Running => {
                story.headline = match (&self.holder, slot.stop) {
                    (_, Some(_)) => format!("step `{id}` is being stopped"),
                    (holder, None) => {
                        let is = if holder.is_some() { "is" } else { "was" };
                        let doing = match begun::of(self.loaded, ix) {
                            Begun::Waits => WAITS,
                            Begun::Unknown | Begun::Since(_) => "running",
                        };
                        let over = match holder {
                            Some(_) => retry(slot.attempt),
                            None => " when its process ended".to_owned(),
                        };
                        format!("step `{id}` {is} {doing}{over}")
                    }
                };
                if let (Some(_), Begun::Since(Some(at))) =
                    (&self.holder, begun::of(self.loaded, ix))
                {
                    story.because.push(format!("its work began at {at}"));
                }
                story.because.extend(self.left_behind(&id, slot.attempt));
            }
            StepState::Waiting if slot.approved => {
                story.headline =
                    format!("step `{id}` is approved, and starts when the run goes on");
            }
            StepState::Waiting => {
                story.headline = format!("step `{id}` is a manual gate and waits for a decision");
                self.decision(ix, &mut story);
            }
            StepState::Failed if slot.undecided => {
                story.headline = format!(
                    "step `{id}` was interrupted and is not idempotent: a person must decide"
                );
                let approve = format!("approve RUN {id} --reason …");
                story.remedies.push(self.remedy("runs it again", &approve));
                let reject = format!("reject RUN {id} --reason …");
                story.remedies.push(self.remedy("fails it", &reject));
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
        self.agents(ix, &mut story);
        let fanned_out = self.fan_out(ix, &mut story) || self.sub_run(ix, &mut story);
        if !fanned_out && has_output(self.loaded, &id, false) {
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
        let id = &gate.step;
        if let (true, Some(at)) = (gate.is_expired(SystemClock.now()), gate.expires_at) {
            story.headline = format!("step `{id}` is a manual gate and expired at {at}");
            story
                .next
                .push("it fails as soon as the run goes on".into());
            if self.is_left() {
                story
                    .remedies
                    .push(self.remedy("goes on with the run", "resume RUN"));
            }
            return;
        }
        if let Some(at) = gate.expires_at {
            story
                .next
                .push(format!("it fails at {at} without a decision"));
        }
        let approve = format!("approve RUN {id} --reason …");
        let reject = format!("reject RUN {id} --reason …");
        story
            .remedies
            .push(self.remedy("lets the step pass", &approve));
        story.remedies.push(self.remedy("stops the step", &reject));
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
        story.because.extend(why_not_again(step, slot));
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

    /// Where a result came from, if it is not the step's own work or stands
    /// for another's.
    fn came_from(&self, ix: StepIx, story: &mut Explanation) {
        if let Some(cached) = self.end_of(ix).and_then(|end| end.cached.as_ref()) {
            story.because.push(format!(
                "it did not run: its result was taken from the cache, of step `{}` of run {}",
                cached.step, cached.run
            ));
        }
        for (from, _) in self.stood_in().filter(|(_, to)| *to == ix) {
            story.because.push(format!(
                "it is the fallback of `{}`, which failed, and stands for it",
                self.id(from)
            ));
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
                (RunPhase::Executing, None) if !self.is_left() => {
                    format!(
                        "step `{}` is ready, and the run waits to be taken up",
                        step.id
                    )
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

/// Why a step that failed for good was not tried again.
fn why_not_again(step: &rok_plan::Step, slot: &rok_kernel::StepSlot) -> Option<String> {
    let (retry, class) = (&step.retry, slot.class);
    if class == Some(ErrorClass::Timeout) && slot.started_at.is_none() && slot.wait.is_none() {
        return Some("it never started: the run's time was up before its turn".into());
    }
    if !step.idempotent {
        return Some("it is not idempotent, so it is never tried again".into());
    }
    if retry.max == 0 {
        return Some("the plan gives it no retries".into());
    }
    if !class.is_some_and(|class| retry.classes.contains(&class)) {
        let classes: Vec<&str> = retry.classes.iter().map(|class| class.as_str()).collect();
        return Some(format!("only {} is tried again", classes.join(", ")));
    }
    let used = slot.retries >= retry.max;
    used.then(|| format!("all {} retries were used up", retry.max))
}
