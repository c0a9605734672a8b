//! What was expected against what is.

use rok_facades::plan_tests::Mismatch;
use rok_facades::runs::{AuditView, EventLine, RunSummary, StepSummary};
use rok_plan_test::{EventPattern, Expect, ExpectedStep, Held, IncidentExpect, Span};
use rok_vocabulary::{StepState, Timestamp, format_duration};
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::time::Duration;

/// What a test's run came to.
pub(crate) struct Seen<'a> {
    pub(crate) summary: &'a RunSummary,
    pub(crate) audit: &'a AuditView,
    pub(crate) events: &'a [EventLine],
}

/// Everything that is not as expected, in the order of the format's keys.
pub(crate) fn judge(expect: &Expect, seen: &Seen<'_>) -> Vec<Mismatch> {
    let mut judge = Judge {
        seen,
        found: Vec::new(),
    };
    judge.run(expect);
    for (id, step) in &expect.steps {
        judge.step(id, step);
    }
    judge.order(&expect.order);
    judge.record(expect);
    judge.found
}

struct Judge<'a> {
    seen: &'a Seen<'a>,
    found: Vec<Mismatch>,
}

fn or_none<T: std::fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| "none".into(), |value| value.to_string())
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

impl Judge<'_> {
    fn differs(
        &mut self,
        what: impl Into<String>,
        expected: impl Into<String>,
        actual: impl Into<String>,
    ) {
        self.found.push(Mismatch {
            what: what.into(),
            expected: expected.into(),
            actual: actual.into(),
        });
    }

    /// A value that must be this one.
    fn same<T: PartialEq + std::fmt::Display>(
        &mut self,
        what: &str,
        expected: Option<&T>,
        actual: Option<&T>,
    ) {
        if let Some(wanted) = expected
            && actual != Some(wanted)
        {
            self.differs(what, wanted.to_string(), or_none(actual));
        }
    }

    /// A list that must have exactly these, in whatever order.
    fn exactly(&mut self, what: &str, expected: Option<&Vec<String>>, actual: &[String]) {
        let set = |names: &[String]| names.iter().cloned().collect::<BTreeSet<_>>();
        if let Some(wanted) = expected
            && set(wanted) != set(actual)
        {
            self.differs(what, listed(wanted), listed(actual));
        }
    }

    fn within(&mut self, what: &str, expected: Option<Span>, actual: Option<Duration>) {
        if let Some(span) = expected
            && !actual.is_some_and(|actual| span.holds(actual))
        {
            self.differs(what, span.to_string(), or_none(actual.map(format_duration)));
        }
    }

    fn run(&mut self, expect: &Expect) {
        let run = self.seen.summary;
        if let Some(outcome) = expect.outcome
            && run.outcome != Some(outcome)
        {
            // Why it is another one is what a reader asks next.
            let mut actual = or_none(run.outcome);
            if let Some(error) = &run.error {
                actual = format!("{actual} ({}: {})", error.class, error.reason);
            } else if let Some(hold) = &run.hold {
                actual = format!("{actual}: {}", hold.message);
            }
            self.differs("outcome", outcome.as_str(), actual);
        }
        self.same("phase", expect.phase.as_ref(), Some(&run.phase));
        let error = run.error.as_ref().map(|error| error.class);
        self.same("error", expect.error.as_ref(), error.as_ref());
        self.held(expect.held.as_ref());
        self.same("retries", expect.retries.as_ref(), Some(&run.retries));
        self.exactly(
            "gate_failures",
            expect.gate_failures.as_ref(),
            &run.gate_failures,
        );
        let reconciled = run.reconciliation.status;
        self.same(
            "reconciliation",
            expect.reconciliation.as_ref(),
            Some(&reconciled),
        );
        let duration = Duration::from_millis(run.duration_ms);
        self.within("duration", expect.duration, Some(duration));
    }

    fn held(&mut self, expected: Option<&Held>) {
        let hold = self.seen.summary.hold.as_ref();
        match (expected, hold) {
            (None, _) | (Some(Held::Not), None) => {}
            (Some(Held::Not), Some(hold)) => {
                self.differs("held", "false", hold.message.clone());
            }
            (Some(Held::By { reason, steps }), hold) => {
                let held = hold.map(|hold| hold.reason);
                self.same("held.reason", reason.as_ref(), held.as_ref());
                let waiting = hold.map(|hold| hold.steps.clone()).unwrap_or_default();
                if hold.is_none() {
                    self.differs("held", "that the run waits", "it does not wait");
                } else {
                    self.exactly("held", steps.as_ref(), &waiting);
                }
            }
        }
    }

    fn since_creation(&self, at: Option<Timestamp>) -> Option<Duration> {
        Some(at?.since(self.seen.summary.created_at))
    }

    fn step(&mut self, id: &str, expect: &ExpectedStep) {
        let Some(step) = self.seen.summary.steps.iter().find(|step| step.id == id) else {
            self.differs(format!("steps.{id}"), "a step of the run", "no such step");
            return;
        };
        let what = |key: &str| format!("steps.{id}.{key}");
        let why = step.error.as_ref().map(|error| error.reason.clone());
        let why = why.or_else(|| step.skip_reason.clone());
        if let Some(state) = expect.state
            && step.state != state
        {
            let why = why.as_ref().map(|why| format!(" ({why})"));
            let actual = format!("{}{}", step.state, why.unwrap_or_default());
            self.differs(what("state"), state.as_str(), actual);
        }
        let attempts = attempts(step);
        self.same(&what("attempts"), expect.attempts.as_ref(), Some(&attempts));
        let class = step.error.as_ref().map(|error| error.class);
        self.same(&what("class"), expect.class.as_ref(), class.as_ref());
        if let Some(part) = &expect.reason
            && !why.as_ref().is_some_and(|why| why.contains(part.as_str()))
        {
            self.differs(what("reason"), format!("… {part} …"), or_none(why));
        }
        if let Some(outputs) = &expect.outputs {
            self.outputs(&what("outputs"), outputs, step.outputs.as_deref());
        }
        let (started, ended) = (step.started_at, step.ended_at);
        let (started, ended) = (self.since_creation(started), self.since_creation(ended));
        self.within(&what("started"), expect.started, started);
        self.within(&what("ended"), expect.ended, ended);
    }

    fn outputs(&mut self, what: &str, expected: &Map<String, Value>, actual: Option<&Value>) {
        for (name, value) in expected {
            let found = actual.and_then(|outputs| outputs.get(name));
            if !found.is_some_and(|found| equal(value, found)) {
                self.differs(format!("{what}.{name}"), value.to_string(), or_none(found));
            }
        }
    }

    /// Each group begins after the one before it has ended.
    fn order(&mut self, groups: &[Vec<String>]) {
        let place = |step: &String, types: &[&str]| {
            let of_step = |event: &&EventLine| {
                event.step.as_ref() == Some(step) && types.contains(&event.event_type.as_str())
            };
            let mut events = self.seen.events.iter().filter(of_step);
            match types {
                [_] => events.next().map(|event| event.seq),
                _ => events.next_back().map(|event| event.seq),
            }
        };
        let mut missing = Vec::new();
        for step in groups.iter().flatten() {
            if place(step, &["step.started"]).is_none() {
                missing.push(step.clone());
            }
        }
        let mut wrong = Vec::new();
        for (before, after) in groups.iter().zip(groups.iter().skip(1)) {
            for (before, after) in before
                .iter()
                .flat_map(|b| after.iter().map(move |a| (b, a)))
            {
                let ended = place(before, &["step.succeeded", "step.failed"]);
                let begun = place(after, &["step.started"]);
                if let (Some(begun), Some(ended)) = (begun, ended)
                    && begun < ended
                {
                    wrong.push(format!("`{after}` begins before `{before}` has ended"));
                }
            }
        }
        if !missing.is_empty() {
            self.differs(
                "order",
                "that each step runs",
                format!("never run: {}", missing.join(", ")),
            );
        }
        if !wrong.is_empty() {
            let groups: Vec<String> = groups.iter().map(|group| group.join(" & ")).collect();
            self.differs("order", groups.join(" → "), wrong.join("; "));
        }
    }

    fn record(&mut self, expect: &Expect) {
        for (duty, status) in &expect.expectations {
            let mut all = self.seen.audit.expectations.iter();
            let found = all.find(|expectation| expectation.id == *duty);
            let found = found.map(|expectation| expectation.status);
            self.same(
                &format!("expectations.{duty}"),
                Some(status),
                found.as_ref(),
            );
        }
        if let Some(incident) = &expect.incident {
            self.incident(incident);
        }
        self.events(&expect.events);
        for pattern in &expect.never {
            if let Some(event) = self.seen.events.iter().find(|event| fits(event, pattern)) {
                let actual = format!("it is event {}", event.seq);
                self.differs("never", format!("no {pattern}"), actual);
            }
        }
        self.exactly("violated", expect.violated.as_ref(), &self.violated());
        for path in &expect.artifacts {
            let made = &self.seen.summary.artifacts;
            if !made.iter().any(|artifact| artifact.path == *path) {
                let made: Vec<String> = made.iter().map(|made| made.path.clone()).collect();
                self.differs("artifacts", path.clone(), listed(&made));
            }
        }
    }

    fn incident(&mut self, expect: &IncidentExpect) {
        let incident = self.seen.summary.incident.as_ref();
        let severity = incident.map(|incident| incident.severity);
        self.same(
            "incident.severity",
            expect.severity.as_ref(),
            severity.as_ref(),
        );
        let status = incident.map(|incident| &incident.status);
        self.same("incident.status", expect.status.as_ref(), status);
        let category = incident.and_then(|incident| incident.category.as_ref());
        self.same("incident.category", expect.category.as_ref(), category);
    }

    /// These events in this order, others between them.
    fn events(&mut self, patterns: &[EventPattern]) {
        let mut left = self.seen.events.iter();
        for (at, pattern) in patterns.iter().enumerate() {
            if left.any(|event| fits(event, pattern)) {
                continue;
            }
            let actual = match at.checked_sub(1).and_then(|before| patterns.get(before)) {
                Some(before) => format!("none after {before}"),
                None => "none".into(),
            };
            self.differs("events", pattern.to_string(), actual);
            return;
        }
    }

    /// The policies that forbade something, in the order they did.
    fn violated(&self) -> Vec<String> {
        let mut ids: Vec<String> = Vec::new();
        for event in self.seen.events {
            let Ok(line) = serde_json::from_str::<Value>(&event.line) else {
                continue;
            };
            let counts = match event.event_type.as_str() {
                "policy.violated" => true,
                "policy.evaluated" => line.pointer("/data/allowed") == Some(&Value::Bool(false)),
                _ => false,
            };
            let policies = line.pointer("/data/policies").and_then(Value::as_array);
            let policies = policies.into_iter().flatten().filter_map(Value::as_str);
            for id in policies.filter(|_| counts) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
            }
        }
        ids
    }
}

fn fits(event: &EventLine, pattern: &EventPattern) -> bool {
    event.event_type == pattern.event_type
        && pattern
            .step
            .as_ref()
            .is_none_or(|step| event.step.as_ref() == Some(step))
}

/// How often a step was tried in the last epoch.
fn attempts(step: &StepSummary) -> u32 {
    match (step.started_at, step.state) {
        (None, _) | (_, StepState::Skipped | StepState::Pending | StepState::Waiting) => 0,
        (Some(_), _) => step.attempt + 1,
    }
}

/// 1 and 1.0 are one number.
fn equal(expected: &Value, actual: &Value) -> bool {
    match (expected.as_f64(), actual.as_f64()) {
        (Some(expected), Some(actual)) => (expected - actual).abs() <= f64::EPSILON,
        _ => expected == actual,
    }
}
