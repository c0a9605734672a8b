//! Policies that were injected into the run: judged before it starts, and
//! before each step.

use super::RunRunner;
use rok_execution_policy::{Breach, RunFacts, WorkFacts, judge, judge_step, judge_work};
use rok_executor::{Program, StepRequest, Work};
use rok_facades::{Authorization, Violation};
use rok_kernel::{Breached, StepIx};
use rok_vocabulary::{EnforcementLevel, Profile};
use std::collections::BTreeMap;

impl RunRunner {
    /// An authorization, and what injected policies say beyond it.
    pub(super) fn with_injected(&self, mut answer: Authorization) -> Authorization {
        let state = self.state();
        let none = BTreeMap::new();
        let breaches = judge(
            state.execution_policies(),
            &RunFacts {
                plan: state.plan().plan(),
                labels: state.labels().unwrap_or(&none),
                submitter: &state.submitter().to_string(),
                sandbox: state.settings().sandbox,
            },
        );
        if breaches.is_empty() {
            return answer;
        }
        let blocking: Vec<&Breach> = breaches.iter().filter(|one| self.blocks(one)).collect();
        let told = |breaches: &[&Breach]| {
            let told = breaches.iter().map(ToString::to_string);
            told.collect::<Vec<_>>().join("; ")
        };
        if answer.granted && !blocking.is_empty() {
            answer.granted = false;
            answer.reason = format!("denied: {}", told(&blocking));
            answer.policies = blocking
                .iter()
                .map(|breach| breach.policy.clone())
                .collect();
            answer.policies.dedup();
        } else if answer.granted {
            answer.reason = told(&breaches.iter().collect::<Vec<_>>());
        }
        for breach in breaches {
            let mut known = answer.violations.iter_mut();
            let known = known.find(|known| known.policy == breach.policy);
            if let Some(reason) = known.and_then(|known| known.reason.as_mut()) {
                reason.push_str("; ");
                reason.push_str(&breach.why);
                continue;
            }
            answer.violations.push(Violation {
                enforcement_level: breach.level,
                reason: Some(breach.to_string()),
                policy: breach.policy,
            });
        }
        answer
    }

    /// What injected policies forbid of this work, now that all of it is known,
    /// and whether it may begin.
    pub(super) fn breached(&self, step: StepIx, request: &StepRequest) -> Option<Breached> {
        let state = self.state();
        let policies = state.execution_policies();
        if policies.is_empty() || !state.settings().contract.governs() {
            return None;
        }
        let (mut program, mut line, mut url) = (None, None, None);
        match request.work.process().map(|work| &work.program) {
            Some(Program::Argv(argv)) => program = argv.first().map(String::as_str),
            Some(Program::Shell { script, values, .. }) => {
                let values = values.iter().filter_map(|(_, value)| value.as_plain());
                line = Some(values.fold(script.clone(), |all, value| all + " " + value));
            }
            None => {}
        }
        if let Work::Http(request) = &request.work {
            url = Some(request.url.as_str());
        }
        let facts = WorkFacts {
            plan: state.plan().plan().id.as_str(),
            submitter: &state.submitter().to_string(),
            step: &request.attempt.step.step,
            kind: request.work.kind(),
            program,
            line: line.as_deref(),
            url,
        };
        let mut breaches = judge_work(policies, &facts);
        if !request.attempt.step.compensates {
            let none = BTreeMap::new();
            let facts = RunFacts {
                plan: state.plan().plan(),
                labels: state.labels().unwrap_or(&none),
                submitter: facts.submitter,
                sandbox: state.settings().sandbox,
            };
            breaches.extend(judge_step(policies, state.definition(step), &facts));
        }
        for breach in &mut breaches {
            breach.why = self.masked(&breach.why);
        }
        (!breaches.is_empty()).then(|| Breached {
            epoch: state.epoch(),
            step,
            compensates: request.attempt.step.compensates,
            attempt: request.attempt.step.attempt,
            blocked: breaches.iter().any(|breach| self.blocks(breach)),
            breaches,
        })
    }

    /// What observes alone blocks nothing.
    fn blocks(&self, breach: &Breach) -> bool {
        breach.level == EnforcementLevel::Strict
            && self.state().settings().profile != Profile::ObserveOnly
    }
}
