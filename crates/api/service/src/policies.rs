//! What policies are in force, and what they would decide: asked as a run would
//! ask them, about a run that need not be there.

use crate::error::ServiceError;
use crate::service::Service;
use rok_facades::runs::{ErrorKind, RunsError};
use rok_facades::{
    AccessAction, AccessRequest, AccessTarget, ActionRequest, Authorization, GovernanceFacade,
    GovernedAction, OwnedOutcomeFacts, OwnedRunFacts, PolicyInfo, RunIdentity, Violation,
};
use rok_vocabulary::{Actor, Outcome, PlanId, RunId, StepId, Timestamp};
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The run that is asked about where none is named.
const SUPPOSED: &str = "supposed";

/// Somebody who might ask for something.
#[derive(Debug, Clone, Default)]
pub struct PolicyAsk {
    /// Policy files, in place of the configured ones.
    pub files: Vec<PathBuf>,
    /// Whether the door of a server is asked, in place of what governs runs.
    pub access: bool,
    /// The plan's id; absent: none is asked about.
    pub plan: Option<String>,
    /// Who asks, `user:ada` or `ada`; else the user.
    pub actor: Option<String>,
    /// Their roles; else the user's.
    pub roles: Vec<String>,
    /// Who submitted the run; else whoever asks.
    pub submitter: Option<String>,
    /// Inputs of the run, JSON or text.
    pub inputs: Vec<(String, String)>,
    /// Labels of the run.
    pub labels: BTreeMap<String, String>,
    /// The step that it is about.
    pub step: Option<String>,
    /// The reason that is given.
    pub reason: Option<String>,
    /// How the run ended, for `complete`.
    pub outcome: Option<String>,
}

/// What is in force, and what it would decide.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyReport {
    /// Nobody gave policies: the embedded ones are in force.
    pub is_default: bool,
    /// The policies, the embedded ones too.
    pub policies: Vec<PolicyInfo>,
    /// What they would decide, an action each; empty where nothing is asked.
    pub decisions: Vec<PolicyDecision>,
}

/// What would be decided of one action.
#[derive(Debug, Clone, Serialize)]
pub struct PolicyDecision {
    /// The action, as policies write it.
    pub action: String,
    /// Whether it is granted.
    pub granted: bool,
    /// Why, for people.
    pub reason: String,
    /// The policies that decided, sorted.
    pub policies: Vec<String>,
    /// The policies that are violated, softly where it is granted.
    pub violations: Vec<Violation>,
    /// What kept a policy from being evaluated; any of it denies.
    pub errors: Vec<String>,
}

impl PolicyDecision {
    fn of(action: &str, answer: Authorization) -> Self {
        Self {
            action: action.to_owned(),
            granted: answer.granted,
            reason: answer.reason,
            policies: answer.policies,
            violations: answer.violations,
            errors: answer.errors,
        }
    }
}

/// Everything that policies of runs are asked.
const GOVERNED: [GovernedAction; 7] = [
    GovernedAction::Approve,
    GovernedAction::Reject,
    GovernedAction::Override,
    GovernedAction::Cancel,
    GovernedAction::Rollback,
    GovernedAction::Pause,
    GovernedAction::Hold,
];
const RUN: &str = "run";
const COMPLETE: &str = "complete";

impl Service {
    /// Checks policies: that they can be read, parse, and speak of what there
    /// is. With a plan, what each action would be decided to.
    pub fn check_policies(&self, ask: &PolicyAsk) -> Result<PolicyReport, ServiceError> {
        let actions: Vec<&str> = if ask.plan.is_none() {
            Vec::new()
        } else if ask.access {
            AccessAction::ALL
                .iter()
                .map(|action| action.as_str())
                .collect()
        } else {
            let governed = GOVERNED.iter().map(|action| action.as_str());
            [RUN]
                .into_iter()
                .chain(governed)
                .chain([COMPLETE])
                .collect()
        };
        self.report(ask, &actions)
    }

    /// What one action would be decided to, and which policies decide it.
    pub fn explain_policies(
        &self,
        action: &str,
        ask: &PolicyAsk,
    ) -> Result<PolicyReport, ServiceError> {
        self.report(ask, &[action])
    }

    fn report(&self, ask: &PolicyAsk, actions: &[&str]) -> Result<PolicyReport, ServiceError> {
        let settings = &self.config().settings;
        if settings.server.is_some() {
            let message = "a server's policies are asked where it runs, and by nobody over HTTP";
            return Err(RunsError::new(ErrorKind::Usage, "ROK0117", message)
                .help("leave --server and ROK_SERVER out, and name the policies by --policies")
                .into());
        }
        let files: Vec<PathBuf> = ask.files.iter().map(|file| self.cwd().join(file)).collect();
        let supposed = Supposed::of(self, ask)?;
        if ask.access {
            return self.door(&files, &supposed, actions);
        }
        let compose = self.wiring().policies.as_ref();
        let compose = compose.ok_or_else(|| ServiceError::NotSupported {
            what: "policies in this program".to_owned(),
            instead: "hand an engine to `Wiring::policies`",
        })?;
        let files = if files.is_empty() {
            &settings.policies
        } else {
            &files
        };
        let governance = compose(files)?;
        let overview = governance.overview();
        let overview = overview.map_err(|error| asked_in_vain(&error))?;
        let decisions = actions
            .iter()
            .map(|action| supposed.governed(&governance, action));
        Ok(PolicyReport {
            is_default: overview.is_default,
            policies: overview.policies,
            decisions: decisions.collect::<Result<_, _>>()?,
        })
    }

    /// The same of the door of a server.
    fn door(
        &self,
        files: &[PathBuf],
        supposed: &Supposed,
        actions: &[&str],
    ) -> Result<PolicyReport, ServiceError> {
        let mut settings = self.config().settings.clone();
        if !files.is_empty() {
            settings.access_policies = files.to_vec();
        }
        let compose = self.wiring().access.as_ref();
        let compose = compose.ok_or_else(|| ServiceError::NotSupported {
            what: "a server in this program".to_owned(),
            instead: "hand policies of access to `Wiring::access`",
        })?;
        let access = compose(&settings)?;
        let run = RunIdentity {
            run: supposed.facts.run.clone(),
            plan: supposed.facts.plan.clone(),
            submitter: Some(supposed.facts.submitter.clone()),
            labels: supposed.facts.labels.clone(),
        };
        let decisions = actions.iter().map(|word| {
            let known = AccessAction::ALL.iter();
            let words = || known.clone().map(|action| action.as_str());
            let mut found = known.clone().filter(|action| action.as_str() == *word);
            let action = *found.next().ok_or_else(|| no_action(word, words()))?;
            let target = match action {
                AccessAction::Submit | AccessAction::SubmitOwn | AccessAction::Prioritize => {
                    AccessTarget::Plan(&supposed.facts.plan)
                }
                AccessAction::ManageSchedules | AccessAction::Import | AccessAction::Collect => {
                    AccessTarget::Server
                }
                _ => AccessTarget::Run(&run),
            };
            let answer = access.authorize(&AccessRequest {
                actor: &supposed.actor,
                roles: &supposed.roles,
                action,
                target,
            });
            Ok(PolicyDecision::of(word, answer))
        });
        let decisions: Result<_, ServiceError> = decisions.collect();
        let policies = access.overview();
        let policies = policies.map_err(|error| asked_in_vain(&error))?;
        Ok(PolicyReport {
            is_default: settings.access_policies.is_empty(),
            policies,
            decisions: decisions?,
        })
    }
}

fn asked_in_vain(error: &dyn std::fmt::Display) -> RunsError {
    RunsError::new(ErrorKind::Storage, "ROK0114", error.to_string())
}

/// A run that need not be there, and somebody who asks.
struct Supposed {
    facts: OwnedRunFacts,
    actor: Actor,
    roles: Vec<String>,
    step: Option<StepId>,
    reason: Option<String>,
    outcome: Outcome,
}

impl Supposed {
    fn of(service: &Service, ask: &PolicyAsk) -> Result<Self, ServiceError> {
        let settings = &service.config().settings;
        let bad = |what: String| ServiceError::BadName { what };
        let actor = match ask.actor.as_deref() {
            None => settings.actor(),
            Some(text) => actor_of(text)?,
        };
        let roles = if ask.roles.is_empty() && actor == settings.actor() {
            settings.roles.clone()
        } else {
            ask.roles.clone()
        };
        let submitter = match ask.submitter.as_deref() {
            None => actor.clone(),
            Some(text) => actor_of(text)?,
        };
        let plan = ask.plan.as_deref().unwrap_or(SUPPOSED);
        let plan: PlanId = plan.parse().map_err(|error| bad(format!("{error}")))?;
        let run: RunId = SUPPOSED.parse().map_err(|error| bad(format!("{error}")))?;
        let inputs = ask.inputs.iter().map(|(name, text)| {
            let value = serde_json::from_str(text).unwrap_or_else(|_| Value::from(text.as_str()));
            (name.clone(), value)
        });
        let step = ask.step.as_deref().map(str::parse).transpose();
        let outcome = match ask.outcome.as_deref() {
            None => Outcome::Succeeded,
            Some(word) => {
                let mut all = Outcome::ALL.iter();
                let found = all.find(|outcome| outcome.as_str() == word);
                *found.ok_or_else(|| {
                    let known: Vec<&str> = Outcome::ALL.iter().map(|of| of.as_str()).collect();
                    let known = known.join(", ");
                    bad(format!("`{word}` is no outcome: write one of {known}"))
                })?
            }
        };
        let facts = OwnedRunFacts {
            labels: ask.labels.clone(),
            inputs: Value::Object(inputs.collect::<Map<_, _>>()),
            roles: if submitter == actor {
                roles.clone()
            } else {
                Vec::new()
            },
            submitter,
            profile: settings.profile,
            ..OwnedRunFacts::new(run, plan, now())
        };
        Ok(Self {
            facts,
            actor,
            roles,
            step: step.map_err(|error| bad(format!("{error}")))?,
            reason: ask.reason.clone(),
            outcome,
        })
    }

    fn governed(
        &self,
        governance: &GovernanceFacade,
        word: &str,
    ) -> Result<PolicyDecision, ServiceError> {
        let run = self.facts.borrow();
        let answer = match word {
            RUN => governance.authorize_run(&run),
            COMPLETE => {
                let facts = OwnedOutcomeFacts::new(self.facts.clone(), self.outcome);
                let answer = governance.evaluate_policy(&facts.borrow());
                match answer.record {
                    Some(verdict) => Authorization {
                        granted: verdict.allowed,
                        reason: verdict.reason,
                        policies: verdict.policies,
                        violations: verdict.violations,
                        errors: verdict.errors,
                    },
                    None => {
                        let why = answer.ack.error().unwrap_or("the policies did not answer");
                        let error = rok_facades::EngineError::refused(why);
                        Authorization::not_evaluated(&error)
                    }
                }
            }
            _ => {
                let mut known = GOVERNED.iter();
                let action = known.find(|action| action.as_str() == word);
                let words = GOVERNED.iter().map(|action| action.as_str());
                let all = [RUN].into_iter().chain(words).chain([COMPLETE]);
                governance.authorize_action(&ActionRequest {
                    actor: &self.actor,
                    roles: &self.roles,
                    action: *action.ok_or_else(|| no_action(word, all))?,
                    run,
                    step: self.step.as_ref(),
                    reason: self.reason.as_deref(),
                    gate: None,
                    hold: None,
                    budget_use: None,
                })
            }
        };
        Ok(PolicyDecision::of(word, answer))
    }
}

fn no_action(word: &str, all: impl Iterator<Item = &'static str>) -> ServiceError {
    let known = all.collect::<Vec<_>>().join(", ");
    ServiceError::BadName {
        what: format!("`{word}` is no action: write one of {known}"),
    }
}

/// `user:ada`, or `ada` for short.
fn actor_of(text: &str) -> Result<Actor, ServiceError> {
    let whole = if text.contains(':') || matches!(text, "runner" | "manual") {
        text.to_owned()
    } else {
        format!("user:{text}")
    };
    whole.parse().map_err(|_| ServiceError::BadName {
        what: format!("`{text}` is nobody: write user:NAME"),
    })
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let ms = since.unwrap_or_default().as_millis();
    Timestamp::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}
