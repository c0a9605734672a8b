//! What need not wait for a commit: questions that leave nothing behind but
//! their answers.
//!
//! A decision is durable before its effects start, because a crash must find
//! what was begun. Of a question that leaves nothing there is nothing to find:
//! it is durable in one commit with what it answers, or neither is.

use super::RunRunner;
use crate::facts::Ending;
use crate::services::Services;
use rok_kernel::Effect;

impl RunRunner {
    /// Takes out the effects that may be performed before the decision that
    /// asked for them is durable.
    pub(crate) fn take_harmless(&mut self, services: &Services) -> Vec<Effect> {
        if self.effects.is_empty() {
            return Vec::new();
        }
        let effects = std::mem::take(&mut self.effects);
        let (harmless, others) = effects
            .into_iter()
            .partition(|effect| self.leaves_nothing(effect, services));
        self.effects = others;
        harmless
    }

    fn leaves_nothing(&self, effect: &Effect, services: &Services) -> bool {
        let facades = services.facades();
        match effect {
            Effect::StartTrace | Effect::CompleteTrace => facades.traces.is_pure(),
            // Who diagnoses services may ask others.
            Effect::EvaluatePolicy if self.service_run.is_some() => false,
            Effect::EvaluatePolicy | Effect::CreateIncident => {
                let now = services.now().max(self.state().last_at());
                let ending = Ending::of(self.state(), self.verdict.clone(), now);
                let facts = ending.facts(self.state(), &self.context, now);
                match effect {
                    Effect::EvaluatePolicy => facades.governance.is_pure(&facts),
                    _ => facades.incidents.is_pure(&facts),
                }
            }
            Effect::Publish => true,
            _ => false,
        }
    }
}
