//! Policies that were injected into the run: judged before it starts, and
//! before each step.

use super::RunRunner;
use rok_execution_policy::{Breach, Level, RunFacts, WorkFacts, judge, judge_work};
use rok_executor::{Program, StepFailure, StepRequest, Work};
use rok_facades::{Authorization, EnforcementLevel, Violation};
use rok_vocabulary::{ErrorClass, Profile};
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
            if answer
                .violations
                .iter()
                .all(|violation| violation.policy != breach.policy)
            {
                answer.violations.push(Violation {
                    enforcement_level: match breach.level {
                        Level::Soft => EnforcementLevel::Soft,
                        Level::Strict => EnforcementLevel::Strict,
                    },
                    policy: breach.policy,
                    reason: Some(breach.why),
                });
            }
        }
        answer
    }

    /// Whether injected policies let this work begin, now that all of it is
    /// known.
    pub(super) fn permitted(&self, request: &StepRequest) -> Result<(), StepFailure> {
        let state = self.state();
        let policies = state.execution_policies();
        if policies.is_empty() || !state.settings().contract.governs() {
            return Ok(());
        }
        let (mut program, mut line, mut url) = (None, None, None);
        match &request.work {
            Work::Process(work) => match &work.program {
                Program::Argv(argv) => program = argv.first().map(String::as_str),
                Program::Shell { script, values, .. } => {
                    let values = values.iter().filter_map(|(_, value)| value.as_plain());
                    line = Some(values.fold(script.clone(), |all, value| all + " " + value));
                }
            },
            Work::Http(request) => url = Some(request.url.as_str()),
            _ => {}
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
        let breaches = judge_work(policies, &facts);
        match breaches.iter().find(|breach| self.blocks(breach)) {
            Some(breach) => Err(StepFailure::new(
                ErrorClass::PolicyViolation,
                format!("blocked: {breach}"),
            )),
            None => Ok(()),
        }
    }

    /// What observes alone blocks nothing.
    fn blocks(&self, breach: &Breach) -> bool {
        breach.level == Level::Strict && self.state().settings().profile != Profile::ObserveOnly
    }
}
