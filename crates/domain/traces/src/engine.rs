//! The engine. Invariant: no state, hence nothing to lose in a crash.

use rok_facades::{
    DutyKey, EngineError, OutcomeFacts, RunFacts, SpanSummary, StepSpan, TraceEngine, TraceRecord,
};
use rok_trace_ids::{SpanId, TraceId};
use rok_vocabulary::StepId;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How many attempts a record names: enough to see where the time went, and
/// 2 KiB at most in the log.
pub const SLOWEST: usize = 8;

/// Traces that live in the run's own log.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalTraces(());

impl LocalTraces {
    /// The engine.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl TraceEngine for LocalTraces {
    fn start_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &RunFacts<'_>,
    ) -> Result<TraceRecord, EngineError> {
        Ok(TraceRecord {
            id: key.record_id("trace"),
            run_id: facts.run.clone(),
            epoch: facts.epoch,
            plan: facts.plan.clone(),
            trace_id: TraceId::of(facts.run),
            root_span_id: SpanId::of_run(facts.run, facts.epoch),
            started_at: facts.created_at,
            ended_at: None,
            outcome: None,
            spans: 1,
            counts: None,
            slowest: Vec::new(),
        })
    }

    /// Nothing to do: the log has it.
    fn record_step(&self, _: &RunFacts<'_>, _: &StepSpan) -> Result<(), EngineError> {
        Ok(())
    }

    fn is_pure(&self) -> bool {
        true
    }

    fn complete_trace(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
        spans: &[StepSpan],
    ) -> Result<TraceRecord, EngineError> {
        let steps: BTreeSet<&StepId> = spans.iter().map(|span| &span.step).collect();
        Ok(TraceRecord {
            ended_at: Some(facts.run.now),
            outcome: Some(facts.outcome),
            spans: (1 + steps.len() + spans.len()) as u32,
            counts: Some(facts.counts),
            slowest: slowest(&facts.run, spans),
            ..self.start_trace(key, &facts.run)?
        })
    }
}

/// The longest first; of equal ones the first that was started, so that the
/// order of `spans` does not matter.
fn slowest(facts: &RunFacts<'_>, spans: &[StepSpan]) -> Vec<SpanSummary> {
    let mut order: Vec<&StepSpan> = spans.iter().collect();
    let rank = |span: &StepSpan| {
        let duration = span.ended_at.since(span.started_at);
        (Reverse(duration), span.started_at, span.attempt)
    };
    let by_rank =
        |a: &&StepSpan, b: &&StepSpan| rank(a).cmp(&rank(b)).then_with(|| a.step.cmp(&b.step));
    if order.len() > SLOWEST {
        // Linear in the number of attempts, where sorting all would not be.
        order.select_nth_unstable_by(SLOWEST, by_rank);
        order.truncate(SLOWEST);
    }
    order.sort_unstable_by(by_rank);
    order
        .into_iter()
        .map(|span| SpanSummary {
            span_id: span_id(facts, span),
            compensates: span.compensates,
            step: span.step.clone(),
            attempt: span.attempt,
            started_at: span.started_at,
            duration_ms: millis(span),
            state: span.state,
        })
        .collect()
}

fn span_id(facts: &RunFacts<'_>, span: &StepSpan) -> SpanId {
    let of = if span.compensates {
        SpanId::of_compensation
    } else {
        SpanId::of_attempt
    };
    of(facts.run, facts.epoch, &span.step, span.attempt)
}

fn millis(span: &StepSpan) -> u64 {
    u64::try_from(span.ended_at.since(span.started_at).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
