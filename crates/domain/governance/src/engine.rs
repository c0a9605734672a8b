//! The engine: asks the strict and the soft set, and turns what Cedar says into
//! an authorization or a verdict.

use crate::grants::{Asked, Grants};
use crate::lessons::LessonBook;
use crate::policies::Policies;
use crate::request::{Asker, COMPLETE, Names, Question, Questions, RUN, RequestError};
use cedar_policy::{Authorizer, Decision as CedarDecision, PolicySet, Response};
use rok_facades::{
    ActionRequest, Authorization, DutyKey, EngineError, GovernanceEngine, Lesson, OutcomeFacts,
    PolicyOverview, PolicyVerdict, RunFacts, Violation,
};
use rok_vocabulary::{Actor, EnforcementLevel, PlanId};
use std::collections::BTreeMap;

/// The longest error text that is kept of an evaluation, in characters.
const ERROR_MAX: usize = 300;

/// Policies that can be asked: the strict and the soft set together.
pub(crate) struct Asking {
    authorizer: Authorizer,
    policies: Policies,
}

/// Cedar policies, parsed once.
pub struct CedarEngine {
    asking: Asking,
    grants: Grants,
    names: Names,
    roles: BTreeMap<String, Vec<String>>,
    lessons: LessonBook,
}

impl CedarEngine {
    /// An engine for these policies.
    #[must_use]
    pub fn new(policies: Policies) -> Self {
        Self {
            grants: Grants::of(&policies),
            asking: Asking::new(policies),
            names: Names::new(),
            roles: BTreeMap::new(),
            lessons: LessonBook::new(),
        }
    }

    /// An engine for the embedded policies, which permit everything.
    #[must_use]
    pub fn permissive() -> Self {
        Self::new(Policies::permissive())
    }

    /// Gives an actor roles, on top of those that a request brings.
    #[must_use]
    pub fn with_roles(mut self, actor: &Actor, roles: impl IntoIterator<Item = String>) -> Self {
        let known = self.roles.entry(actor.to_string()).or_default();
        known.extend(roles);
        self
    }

    /// Takes lessons from the store, at start-up.
    pub fn restore_lessons(
        &self,
        lessons: impl IntoIterator<Item = Lesson>,
    ) -> Result<(), EngineError> {
        self.lessons.restore(lessons)
    }

    /// Whether the embedded permissive policies are in force.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.asking.policies.is_default()
    }

    /// The policies in force.
    #[must_use]
    pub const fn policies(&self) -> &Policies {
        &self.asking.policies
    }

    fn questions(&self) -> Questions<'_> {
        Questions {
            names: &self.names,
            policies: &self.asking.policies,
        }
    }

    /// Asks, where it is not known that the asker is granted it in every run
    /// of the plan.
    fn decide(
        &self,
        asker: Asker<'_>,
        action: &'static str,
        plan: &PlanId,
        question: impl FnOnce() -> Result<Question, RequestError>,
    ) -> Decision {
        let asked = || Asked {
            actor: asker.actor.clone(),
            roles: asker.roles.iter().chain(asker.known).cloned().collect(),
            action,
            plan: plan.clone(),
        };
        self.grants.or_ask(asked, || self.asking.decide(question()))
    }

    fn asker<'a>(&'a self, actor: &'a Actor, roles: &'a [String]) -> Asker<'a> {
        let known = if self.roles.is_empty() {
            &[]
        } else {
            self.roles
                .get(&actor.to_string())
                .map_or(&[][..], Vec::as_slice)
        };
        Asker {
            actor,
            roles,
            known,
        }
    }
}

impl Asking {
    /// Policies, and who asks them.
    pub(crate) fn new(policies: Policies) -> Self {
        Self {
            authorizer: Authorizer::new(),
            policies,
        }
    }

    /// The policies.
    pub(crate) const fn policies(&self) -> &Policies {
        &self.policies
    }

    /// Asks both sets.
    pub(crate) fn decide(&self, question: Result<Question, RequestError>) -> Decision {
        let question = match question {
            Ok(question) => question,
            Err(error) => return Decision::not_asked(&error),
        };
        let strict = self.ask(&question, &self.policies.strict);
        let soft =
            (!self.policies.soft.is_empty()).then(|| self.ask(&question, &self.policies.soft));
        Decision::of(&self.policies, &question, &strict, soft.as_ref())
    }

    fn ask(&self, question: &Question, policies: &PolicySet) -> Response {
        self.authorizer
            .is_authorized(&question.request, policies, &question.entities)
    }
}

/// What the two sets say together.
#[derive(Debug, Clone)]
pub(crate) struct Decision {
    granted: bool,
    reason: String,
    policies: Vec<String>,
    violations: Vec<Violation>,
    errors: Vec<String>,
}

impl Decision {
    fn not_asked(error: &RequestError) -> Self {
        Self {
            granted: false,
            reason: "denied: the policies could not be asked".to_owned(),
            policies: Vec::new(),
            violations: Vec::new(),
            errors: vec![error.to_string()],
        }
    }

    fn of(
        policies: &Policies,
        question: &Question,
        strict: &Response,
        soft: Option<&Response>,
    ) -> Self {
        let permitted = strict.decision() == CedarDecision::Allow;
        let deciding = ids(strict);
        let forbidden: &[String] = if permitted { &[] } else { &deciding };
        // The soft set has forbids alone: it always denies, and what it names is
        // what applied.
        let softly = soft.map(ids).unwrap_or_default();
        let violation = |level| {
            move |id: &String| Violation {
                policy: id.clone(),
                enforcement_level: level,
                reason: policies.reasons.get(id).cloned(),
            }
        };
        let violations: Vec<Violation> = forbidden
            .iter()
            .map(violation(EnforcementLevel::Strict))
            .chain(softly.iter().map(violation(EnforcementLevel::Soft)))
            .collect();
        let mut errors: Vec<String> = [Some(strict), soft]
            .into_iter()
            .flatten()
            .flat_map(|response| response.diagnostics().errors())
            .map(|error| error.to_string().chars().take(ERROR_MAX).collect())
            .collect();
        errors.sort_unstable();
        let granted = permitted && errors.is_empty();
        let reason = if !errors.is_empty() {
            format!("denied: a policy could not be evaluated; {}", errors[0])
        } else if granted {
            format!("permitted by {}", deciding.join(", "))
        } else if forbidden.is_empty() {
            format!("denied: {}, since no policy permits it", question.words())
        } else {
            // Each with its own reason: what soft ones say denies nothing.
            let said = forbidden.iter().map(|id| match policies.reasons.get(id) {
                Some(reason) => format!("{id}: {reason}"),
                None => id.clone(),
            });
            format!("forbidden by {}", said.collect::<Vec<_>>().join("; "))
        };
        let mut policies = deciding;
        policies.extend(softly);
        policies.sort_unstable();
        Self {
            granted,
            reason,
            policies,
            violations,
            errors,
        }
    }

    /// Whether it was permitted, and every policy could be evaluated.
    pub(crate) const fn is_granted(&self) -> bool {
        self.granted
    }

    pub(crate) fn authorization(self) -> Authorization {
        Authorization {
            granted: self.granted,
            reason: self.reason,
            policies: self.policies,
            violations: self.violations,
            errors: self.errors,
        }
    }

    fn verdict(self, key: &DutyKey<'_>) -> PolicyVerdict {
        let soft = !self.violations.is_empty();
        PolicyVerdict {
            id: key.record_id("pol"),
            run_id: key.run.clone(),
            allowed: self.granted,
            enforcement_level: if self.granted {
                soft.then_some(EnforcementLevel::Soft)
            } else {
                Some(EnforcementLevel::Strict)
            },
            policies: self.policies,
            reason: self.reason,
            violations: self.violations,
            errors: self.errors,
        }
    }
}

/// The ids that a response names, sorted: Cedar keeps no order.
fn ids(response: &Response) -> Vec<String> {
    let mut ids: Vec<String> = response
        .diagnostics()
        .reason()
        .map(ToString::to_string)
        .collect();
    ids.sort_unstable();
    ids
}

impl GovernanceEngine for CedarEngine {
    fn authorize_run(&self, facts: &RunFacts<'_>) -> Result<Authorization, EngineError> {
        let asker = self.asker(facts.submitter, facts.roles);
        let question = || self.questions().run(facts, asker);
        let decision = self.decide(asker, RUN, facts.plan, question);
        Ok(decision.authorization())
    }

    fn authorize_action(&self, request: &ActionRequest<'_>) -> Result<Authorization, EngineError> {
        let asker = self.asker(request.actor, request.roles);
        let question = || self.questions().action(request, asker);
        let decision = self.decide(asker, request.action.as_str(), request.run.plan, question);
        Ok(decision.authorization())
    }

    fn evaluate_policy(
        &self,
        key: &DutyKey<'_>,
        facts: &OutcomeFacts<'_>,
    ) -> Result<PolicyVerdict, EngineError> {
        let asker = self.asker(facts.run.submitter, facts.run.roles);
        let question = || self.questions().complete(facts, asker);
        let decision = self.decide(asker, COMPLETE, facts.run.plan, question);
        Ok(decision.verdict(key))
    }

    fn lessons(&self, facts: &OutcomeFacts<'_>) -> Result<Vec<Lesson>, EngineError> {
        self.lessons.draw(facts)
    }

    fn is_pure(&self, facts: &OutcomeFacts<'_>) -> bool {
        LessonBook::remembers_nothing_of(facts)
    }

    fn overview(&self) -> Result<PolicyOverview, EngineError> {
        Ok(PolicyOverview {
            is_default: self.is_default(),
            policies: self.asking.policies.infos().cloned().collect(),
        })
    }
}

#[cfg(test)]
mod tests;
