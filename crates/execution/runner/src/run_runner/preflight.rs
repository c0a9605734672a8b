//! What is known before a run begins: what would fail for sure, and what the
//! policies say. Nothing is started for it.

use super::RunRunner;
use crate::facts::{authorization, run_facts};
use crate::services::Services;
use rok_events::PolicyStage;
use rok_executor::{PreflightFault, Program};
use rok_kernel::{Admission, StepIx};
use rok_secrets::Secrets;
use rok_vocabulary::{Attempt, ErrorClass, StepState, Timestamp};
use std::path::PathBuf;

impl RunRunner {
    /// Preflight, then the question to the policies.
    pub(super) fn admit(&self, services: &Services, now: Timestamp) -> Admission {
        if let Some(rollback) = self.state().rollback() {
            return self.admit_rollback(rollback, services, now);
        }
        if let Some((class, reason)) = self.preflight(services) {
            return Admission::Refused { class, reason };
        }
        if !self.state().settings().contract.governs() {
            return Admission::Checked(None);
        }
        let facts = run_facts(self.state(), &self.context, now);
        let answer = services.facades().governance.authorize_run(&facts);
        let answer = self.with_injected(answer);
        Admission::Checked(Some(authorization(PolicyStage::Authorize, None, answer)))
    }

    /// Everything that would make a step fail for sure. Steps whose templates
    /// need the results of others cannot be judged yet.
    fn preflight(&self, services: &Services) -> Option<(ErrorClass, String)> {
        let secrets = self.context.secrets.as_ref().err();
        let faults = self.preflight_faults(services);
        let class = match secrets {
            Some(_) => ErrorClass::ConfigError,
            None => faults.first()?.class,
        };
        // Which secrets are missing is said already, and once is enough.
        let other = |fault: &&PreflightFault| {
            secrets.is_none()
                || !(fault.reason.contains("secret `") && fault.reason.ends_with("has no value"))
        };
        let faults = faults.iter().filter(other).map(ToString::to_string);
        let reasons: Vec<String> = secrets.cloned().into_iter().chain(faults).collect();
        Some((class, reasons.join("; ")))
    }

    /// The same, fault by fault; missing secrets aside.
    #[must_use]
    pub fn preflight_faults(&self, services: &Services) -> Vec<PreflightFault> {
        let state = self.state();
        let mut found = Vec::new();
        for ix in 0..state.plan().len() as StepIx {
            let step = state.plan().step(ix);
            // What may be skipped, or fail without harm, is judged when its turn comes.
            let must_run = step.condition.is_none() && step.required;
            let recorded = self.context.recorded.as_ref();
            let recorded = recorded.is_some_and(|recorded| recorded.of(step.id.as_str()).is_some());
            if state.step(ix).state == StepState::Succeeded || !must_run || recorded {
                continue;
            }
            let secrets = self
                .context
                .secrets
                .clone()
                .unwrap_or_else(|_| Secrets::none());
            let Ok(mut request) = self.request_with(ix, Attempt::FIRST, secrets) else {
                // Who can do it is known before what it works on.
                found.extend(self.hopeless(ix, services));
                continue;
            };
            let mut faults = self.unfit_patterns(ix);
            // Steps before it may make its folder and its program.
            let first = step.needs.is_empty() && step.after.is_empty();
            if let Some(process) = request.work.process_mut().filter(|_| !first) {
                process.cwd = PathBuf::from("/");
            }
            let process = request.work.process().filter(|_| !first);
            let made = process.is_some_and(
                |process| matches!(&process.program, Program::Argv(argv) if argv[0].contains('/')),
            );
            faults.extend(match services.executor_for(&request.work) {
                _ if made => Vec::new(),
                Some(executor) => executor.preflight(&request),
                None => vec![PreflightFault {
                    step: state.plan().step(ix).id.to_string(),
                    class: ErrorClass::ConfigError,
                    reason: format!(
                        "no executor for `{}` steps is set up here",
                        request.work.kind()
                    ),
                }],
            });
            found.extend(faults.into_iter().map(|mut fault| {
                fault.reason = self.masker.mask_str(&fault.reason).into_owned();
                fault
            }));
        }
        found
    }
}
