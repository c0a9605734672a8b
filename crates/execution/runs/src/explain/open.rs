//! What there is to say of a run that is not closed.

use super::{Story, WAITS, retry};
use crate::begun::{self, Begun};
use crate::gates::gates;
use crate::waits::waits;
use rok_facades::runs::{Explanation, HoldView};
use rok_kernel::{RunState, StepIx};
use rok_runner::{Clock, SystemClock};
use rok_vocabulary::{Attempt, HoldReason, RunId, RunPhase, StepState};

/// Whether only people can move a run on: to resume it would change nothing.
pub(crate) fn waits_for_people(state: &RunState) -> bool {
    let now = SystemClock.now();
    let expired = |gate: &rok_facades::runs::GateView| gate.is_expired(now);
    let lost = state
        .places()
        .any(|ix| state.step(ix).state == StepState::Running);
    state.hold().is_some() && !lost && !gates(state).iter().any(expired)
}

impl Story<'_> {
    pub(super) fn open(&self, phase: RunPhase, story: &mut Explanation) {
        let waits = waits(self.store, self.state);
        if let Some(hold) = &waits {
            self.held(hold, story);
        } else if let Some(rollback) = self.state.rollback() {
            self.undoing(rollback, story);
        } else if let Some(stopping) = self.state.stopping() {
            story.headline = format!(
                "it is being brought to an end ({}): {}",
                stopping.outcome, stopping.reason
            );
        } else {
            story.headline = self.stands(phase);
        }
        self.open_steps(story);
        if phase == RunPhase::GovernanceCheck {
            let open: Vec<String> = self.open_duties();
            story
                .because
                .push(format!("open duties: {}", open.join(", ")));
        }
        match self.holder.as_deref() {
            Some(owner) => {
                story.because.push(format!("driven by {owner}"));
                story
                    .remedies
                    .push(self.remedy("shows what happens as it happens", "events RUN --follow"));
                if waits.is_none() {
                    story.next.push("it goes on by itself".into());
                }
            }
            None if self.store.is_shared() => self.queued(waits.is_some(), story),
            None => {
                story.because.push("no process drives it".into());
                story.next.push("nothing by itself".into());
                if self.state.hold().is_none() && waits.is_some() {
                    let does = "goes on with it, once that is decided";
                    story.remedies.push(self.remedy(does, "resume RUN"));
                } else if !waits_for_people(self.state) {
                    story
                        .remedies
                        .push(self.remedy("goes on with it", "resume RUN"));
                }
            }
        }
        story.remedies.push(self.remedy("ends it", "cancel RUN"));
    }

    /// Of a run in a database that nobody has now.
    fn queued(&self, waits: bool, story: &mut Explanation) {
        let left = self.queued.as_ref();
        let left = left.and_then(|queued| Some((queued.left_by.as_ref()?, queued.lease_until?)));
        story.because.push(match left {
            None if waits => "no server needs to drive it while it waits".into(),
            None => "no server drives it now".into(),
            Some((owner, until)) if until > SystemClock.now() => {
                format!("its server is gone ({owner}); its lease ends at {until}")
            }
            Some((owner, until)) => {
                format!("the lease of its server ({owner}) ended at {until}, and nobody drives it")
            }
        });
        story.next.push(match self.due {
            _ if waits => {
                "nothing by itself; once that is decided, a server over the database goes on with it".into()
            }
            None if left.is_some_and(|(_, until)| until > SystemClock.now()) => {
                "a server that is started over the database takes it up at once, one that runs already once the lease has ended: `rok serve`".into()
            }
            Some(due) => format!("a server over the database goes on with it at {due}"),
            None => "a server over the database takes it up: `rok serve`".into(),
        });
    }

    /// What it waits for, and who can let it go on.
    fn held(&self, hold: &HoldView, story: &mut Explanation) {
        story.headline = format!("it waits: {}", hold.message);
        story.because.push(format!("held since {}", hold.since));
        if self.state.is_paused() {
            let running = |ix: &StepIx| self.state.step(*ix).state == StepState::Running;
            let sub_runs = self.ids().filter(|ix| running(ix));
            for (ix, run) in sub_runs.filter_map(|ix| Some((ix, self.state.step(ix).run.as_ref()?)))
            {
                story.because.push(format!(
                    "step `{}` had begun, and is seen to its end: its run {run} goes on, and has a pause of its own (`rok pause {run}`)",
                    self.id(ix)
                ));
            }
            story
                .remedies
                .push(self.remedy("lets it go on", "unpause RUN"));
        }
        let whose = hold.run.as_ref().map_or("RUN", RunId::as_str);
        if hold.run.is_some() && matches!(hold.reason, HoldReason::Pause | HoldReason::Budget) {
            let unpause = format!("unpause {whose}");
            story
                .remedies
                .push(self.remedy("lets that run go on", &unpause));
        }
        let now = SystemClock.now();
        for gate in &hold.gates {
            let step = &gate.step;
            if let (true, Some(at)) = (gate.is_expired(now), gate.expires_at) {
                let late = format!(
                    "nobody can decide on `{step}` any more: it expired at {at}, and fails as soon as the run goes on"
                );
                story.because.push(late);
                continue;
            }
            let approve = format!("approve {whose} {step} --reason …");
            let reject = format!("reject {whose} {step} --reason …");
            story
                .remedies
                .push(self.remedy("lets the step pass", &approve));
            story.remedies.push(self.remedy("stops the step", &reject));
        }
    }

    /// Of a run that is not held and not coming to its end.
    fn stands(&self, phase: RunPhase) -> String {
        match (phase, &self.holder) {
            (RunPhase::Created, _) => match self.waits_in_line() {
                Some(why) => format!("it was created, and {why}"),
                None => "it was created and has not been authorized yet".into(),
            },
            (RunPhase::Authorized, _) => match self.waits_for_a_place() {
                Some(why) => format!("it is authorized, and {why}"),
                None => "it is authorized and waits for a worker".into(),
            },
            (RunPhase::GovernanceCheck, _) => {
                "execution is over; it waits for acks of its duties".into()
            }
            (RunPhase::Finalizing, _) => "it is reconciled; its result is being published".into(),
            (_, Some(_)) => "it is executing".into(),
            (_, None) if self.store.is_shared() => match self.due {
                Some(due) => format!("it is executing, and has nothing to do before {due}"),
                None => "it is executing, and waits to be taken up".into(),
            },
            (_, None) => {
                let slots = || self.ids().map(|ix| (ix, self.state.step(ix)));
                let lost = { slots() }.any(|(_, slot)| slot.state == StepState::Running);
                let approved =
                    |slot: &rok_kernel::StepSlot| slot.state == StepState::Waiting && slot.approved;
                match slots().find(|(_, slot)| approved(slot)) {
                    Some((ix, _)) if !lost => format!(
                        "step `{}` is approved, and starts once the run goes on: no process drives it",
                        self.id(ix)
                    ),
                    _ => "it was interrupted while executing: no process drives it".into(),
                }
            }
        }
    }

    /// Of a step that runs, and of which no process waits for the end.
    pub(super) fn left_behind(&self, id: &str, attempt: Attempt) -> Option<String> {
        if self.holder.is_some() {
            return None;
        }
        let record = format!("procs/{id}.{attempt}");
        self.loaded.dir.join(&record).is_file().then(|| {
            format!("processes of step `{id}` may be alive (`{record}` names them): whoever goes on with the run ends them first")
        })
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
                let (doing, since) = match begun::of(self.loaded, ix) {
                    Begun::Waits => (WAITS, slot.started_at),
                    Begun::Since(at) => ("running", at.or(slot.started_at)),
                    Begun::Unknown => ("running", slot.started_at),
                };
                let since = since.map(|at| format!(" since {at}")).unwrap_or_default();
                let retry = retry(slot.attempt);
                let is = if self.holder.is_some() { "is" } else { "was" };
                let running = format!("step `{id}` {is} {doing}{retry}{since}");
                story.because.push(running);
                story.because.extend(self.unreadable_sub_run(ix));
                story.because.extend(self.left_behind(&id, slot.attempt));
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
}
