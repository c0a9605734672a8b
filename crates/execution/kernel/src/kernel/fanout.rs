//! Fan-outs: beginning one over its list, and ending it when its children are
//! finished.

use super::{KernelError, RunOrchestrationKernel};
use crate::compiled::StepIx;
use crate::scope::RunScope;
use crate::state::{FanOut, digest};
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write as _;
use rok_events::{Body, FanOutData, StartedData, StepEndData};
use rok_vocabulary::{Attempt, ErrorClass, Outcome, StepState, Timestamp};

/// How many failed children a reason names.
const NAMED: usize = 10;

impl RunOrchestrationKernel {
    /// Begins the fan-out of a step that is due: its list is evaluated, once.
    pub(super) fn fan_out(&mut self, ix: StepIx, now: Timestamp) -> Result<(), KernelError> {
        let plan = Arc::clone(self.state.plan());
        let step = plan.step(ix);
        let items = step.for_each.as_ref().map_or_else(
            || Ok(Vec::new()),
            |for_each| for_each.eval(&RunScope::new(&self.state)),
        );
        let (data, error) = match items {
            Ok(items) => {
                let sha256 = digest(&items);
                let fan_out = FanOutData {
                    items: items.len() as u32,
                    kept: self.state.kept_children(ix, &sha256),
                    sha256,
                };
                let data = StartedData {
                    fan_out: Some(fan_out),
                    ..StartedData::default()
                };
                (Some(Box::new(data)), None)
            }
            Err(error) => (None, Some(error)),
        };
        let (id, attempt) = (step.id.clone(), Attempt::FIRST);
        if error.is_some() && !self.may_attempt(ix, now)? {
            return Ok(());
        }
        self.emit(
            now,
            Body::StepStarted {
                step: id,
                attempt,
                data,
                inputs_hash: None,
            },
        )?;
        self.warn_of_deprecation(ix, attempt, now)?;
        match error {
            None => Ok(()),
            Some(error) => {
                let reason = format!("for_each: {error}");
                self.attempt_failed(ix, ErrorClass::ConfigError, reason, Box::default(), now)
            }
        }
    }

    /// Ends every fan-out all of whose children are finished.
    pub(super) fn end_fan_outs(&mut self, now: Timestamp) -> Result<(), KernelError> {
        while let Some(ix) = self.state.ripe_fan_out() {
            let fan = self.state.fan_out(ix).expect("what is ripe has begun");
            let counts = fan.counts();
            let began = self.state.step(ix).started_at;
            let data = Box::new(StepEndData {
                started_at: began,
                wall_ms: began.map_or(0, |at| now.since(at).as_millis() as u64),
                children: Some(counts),
                last: counts.failed + counts.skipped > 0,
                ..StepEndData::default()
            });
            let (step, attempt) = (self.state.plan().step(ix).id.clone(), Attempt::FIRST);
            let body = if data.last {
                let (class, reason) = self.why_children_failed(fan);
                Body::StepFailed {
                    step,
                    attempt,
                    class,
                    reason,
                    data,
                }
            } else {
                Body::StepSucceeded {
                    step,
                    attempt,
                    data,
                }
            };
            self.emit(now, body)?;
        }
        Ok(())
    }

    /// The class of the first failed child, and which ones failed.
    fn why_children_failed(&self, fan: &FanOut) -> (ErrorClass, String) {
        let counts = fan.counts();
        let base = fan.children().start;
        let Some(first) = fan.failed().first() else {
            let class = match self.state.stopping() {
                Some(stop) if stop.outcome == Outcome::TimedOut => ErrorClass::Timeout,
                _ => ErrorClass::Cancelled,
            };
            let (skipped, total) = (counts.skipped, counts.total);
            return (class, format!("{skipped} of {total} children did not run"));
        };
        let id = |child: &u32| self.state.step_id(base + child).to_string();
        let named: Vec<String> = fan.failed().iter().take(NAMED).map(id).collect();
        let more = fan.failed().len() - named.len();
        let slot = self.state.step(base + first);
        let mut reason = format!(
            "{} of {} children failed: {}",
            counts.failed,
            counts.total,
            named.join(", ")
        );
        if more > 0 {
            let _ = write!(reason, " and {more} more");
        }
        if counts.skipped > 0 {
            let _ = write!(reason, "; {} did not run", counts.skipped);
        }
        if let Some(why) = &slot.reason {
            let _ = write!(reason, "; {}: {why}", named[0]);
        }
        (slot.class.unwrap_or(ErrorClass::Unknown), reason)
    }

    /// What runs now, children included and the steps whose work they do not.
    pub(super) fn running_places(&self) -> Vec<StepIx> {
        let runs = |ix: &StepIx| {
            self.state.step(*ix).state == StepState::Running && !self.state.is_fanned_out(*ix)
        };
        self.state.places().filter(runs).collect()
    }
}
