//! From facts to Cedar requests, without JSON on the way. Only those parts of
//! the context are built that some policy looks at.

use crate::convert::{self, ConvertError, record};
use crate::policies::Policies;
use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression,
};
use rok_facades::{
    AccessRequest, AccessTarget, ActionRequest, GateFacts, OutcomeFacts, RunFacts, StepCounts,
};
use rok_rac::Reconciliation;
use rok_vocabulary::{Actor, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Why a request could not be made; whoever asks is denied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    #[error(transparent)]
    Inputs(#[from] ConvertError),
    #[error("the request is not one that policies understand: {0}")]
    Cedar(String),
}

/// The action of submitting a run.
pub(crate) const RUN: &str = "run";
/// The action of completing one.
pub(crate) const COMPLETE: &str = "complete";

fn cedar<E: std::error::Error>(error: E) -> RequestError {
    RequestError::Cedar(error.to_string())
}

/// The schema's entity types, parsed once.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    action: EntityTypeName,
    agent: EntityTypeName,
    labels: EntityTypeName,
    manual: EntityTypeName,
    plan: EntityTypeName,
    role: EntityTypeName,
    run: EntityTypeName,
    runner: EntityTypeName,
    schedule: EntityTypeName,
    server: EntityTypeName,
    user: EntityTypeName,
}

impl Names {
    pub(crate) fn new() -> Self {
        let name = |name: &str| name.parse().expect("the schema's names are identifiers");
        Self {
            action: name("Action"),
            agent: name("Agent"),
            labels: name("Labels"),
            manual: name("Manual"),
            plan: name("Plan"),
            role: name("Role"),
            run: name("Run"),
            runner: name("Runner"),
            schedule: name("Schedule"),
            server: name("Server"),
            user: name("User"),
        }
    }

    fn principal(&self, actor: &Actor) -> EntityUid {
        match actor {
            Actor::Runner => uid(&self.runner, "runner"),
            Actor::Manual => uid(&self.manual, "manual"),
            Actor::User(name) => uid(&self.user, name),
            Actor::Agent(id) => uid(&self.agent, id),
            Actor::Schedule(name) => uid(&self.schedule, name),
        }
    }
}

fn uid(name: &EntityTypeName, id: &str) -> EntityUid {
    EntityUid::from_type_name_and_id(name.clone(), EntityId::new(id))
}

/// Who asks: an actor and their roles, from the caller and from the directory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) actor: &'a Actor,
    pub(crate) roles: &'a [String],
    pub(crate) known: &'a [String],
}

/// A question for the authorizer.
pub(crate) struct Question {
    pub(crate) request: Request,
    pub(crate) entities: Entities,
}

impl Question {
    /// For people: who, what, to what.
    pub(crate) fn words(&self) -> String {
        let request = &self.request;
        let asked = (request.principal(), request.action(), request.resource());
        let (Some(principal), Some(action), Some(resource)) = asked else {
            return "what is asked is not known".to_owned();
        };
        let action = action.id().unescaped();
        format!("{principal} may not {action} {resource}")
    }
}

/// The makings of a question.
pub(crate) struct Questions<'a> {
    pub(crate) names: &'a Names,
    pub(crate) policies: &'a Policies,
}

type Pairs = Vec<(String, RestrictedExpression)>;

impl Questions<'_> {
    /// May the submitter run the plan?
    pub(crate) fn run(
        &self,
        facts: &RunFacts<'_>,
        asker: Asker<'_>,
    ) -> Result<Question, RequestError> {
        let context = self.common(facts)?;
        let plan = uid(&self.names.plan, facts.plan.as_str());
        self.question(RUN, facts, asker, plan, context)
    }

    /// May somebody do something to the run?
    pub(crate) fn action(
        &self,
        request: &ActionRequest<'_>,
        asker: Asker<'_>,
    ) -> Result<Question, RequestError> {
        let mut context = self.common(&request.run)?;
        self.add(&mut context, "is_submitter", || {
            Some(RestrictedExpression::new_bool(
                request.actor == request.run.submitter,
            ))
        });
        self.add(&mut context, "step", || {
            request.step.map(|step| text(step.as_str()))
        });
        self.add(&mut context, "reason", || request.reason.map(text));
        self.add(&mut context, "gate", || request.gate.as_ref().map(gate));
        self.add(&mut context, "hold", || {
            request.hold.map(|hold| text(hold.as_str()))
        });
        self.add(&mut context, "budget_use_percent", || {
            request.budget_use.map(percent)
        });
        let run = uid(&self.names.run, request.run.run.as_str());
        self.question(request.action.as_str(), &request.run, asker, run, context)
    }

    /// May the run complete?
    pub(crate) fn complete(
        &self,
        facts: &OutcomeFacts<'_>,
        asker: Asker<'_>,
    ) -> Result<Question, RequestError> {
        let mut context = self.common(&facts.run)?;
        let mut add = |name, value: &dyn Fn() -> Option<RestrictedExpression>| {
            self.add(&mut context, name, value);
        };
        add("outcome", &|| Some(text(facts.outcome.as_str())));
        add("error_class", &|| {
            facts.error_class.map(|class| text(class.as_str()))
        });
        add("step", &|| facts.step.map(|step| text(step.as_str())));
        add("counts", &|| Some(counts(&facts.counts)));
        add("gate_failures", &|| Some(texts(facts.gate_failures)));
        add("duration_ms", &|| {
            let ms = i64::try_from(facts.duration.as_millis()).unwrap_or(i64::MAX);
            Some(RestrictedExpression::new_long(ms))
        });
        add("time_use_percent", &|| facts.time_use.map(percent));
        add("budget_use_percent", &|| facts.budget_use.map(percent));
        add("reconciliation", &|| {
            facts.reconciliation.map(reconciliation)
        });
        let run = uid(&self.names.run, facts.run.run.as_str());
        self.question(COMPLETE, &facts.run, asker, run, context)
    }

    fn add(
        &self,
        context: &mut Pairs,
        name: &str,
        value: impl FnOnce() -> Option<RestrictedExpression>,
    ) {
        if self.policies.mentions.has(name) {
            context.extend(value().map(|value| (name.to_owned(), value)));
        }
    }

    /// What every question has.
    fn common(&self, facts: &RunFacts<'_>) -> Result<Pairs, RequestError> {
        let mut context = Pairs::new();
        if self.policies.mentions.has("inputs") {
            let inputs = convert::inputs(facts.inputs, &self.policies.inputs)?;
            context.push(("inputs".to_owned(), inputs));
        }
        let (hour, weekday) = hour_and_weekday(facts.now);
        let long = RestrictedExpression::new_long;
        let mut add = |name, value: &dyn Fn() -> RestrictedExpression| {
            self.add(&mut context, name, || Some(value()));
        };
        add("run", &|| text(facts.run.as_str()));
        add("labels", &|| {
            RestrictedExpression::new_entity_uid(self.labels_uid(facts))
        });
        add("profile", &|| text(facts.profile.as_str()));
        add("submitter", &|| text(&facts.submitter.to_string()));
        add("epoch", &|| long(i64::from(facts.epoch.0)));
        add("hour", &|| long(hour));
        add("weekday", &|| long(weekday));
        Ok(context)
    }

    fn labels_uid(&self, facts: &RunFacts<'_>) -> EntityUid {
        uid(&self.names.labels, facts.run.as_str())
    }

    fn question(
        &self,
        action: &str,
        facts: &RunFacts<'_>,
        asker: Asker<'_>,
        resource: EntityUid,
        context: Pairs,
    ) -> Result<Question, RequestError> {
        let principal = self.names.principal(asker.actor);
        let roles: HashSet<EntityUid> = asker
            .roles
            .iter()
            .chain(asker.known)
            .map(|role| uid(&self.names.role, role))
            .collect();
        let plan = uid(&self.names.plan, facts.plan.as_str());
        let mut entities = Vec::with_capacity(3);
        if !roles.is_empty() {
            entities.push(Entity::new_no_attrs(principal.clone(), roles));
        }
        if resource != plan {
            entities.push(Entity::new_no_attrs(
                resource.clone(),
                HashSet::from([plan]),
            ));
        }
        if self.policies.mentions.has("labels") {
            let tags = facts
                .labels
                .iter()
                .map(|(name, value)| (name.clone(), text(value)));
            let labels = Entity::new_with_tags(self.labels_uid(facts), [], [], tags);
            entities.push(labels.map_err(cedar)?);
        }
        let context = Context::from_pairs(context).map_err(cedar)?;
        let action = uid(&self.names.action, action);
        Ok(Question {
            // Facts are built to fit the schema, so that is not checked again
            // for every request; policies are checked against it at load.
            request: Request::new(principal, action, resource, context, None).map_err(cedar)?,
            entities: Entities::from_entities(entities, None).map_err(cedar)?,
        })
    }
}

/// May somebody ask the server for something? `supposed`: whether they submitted
/// the run, where nothing says who did.
pub(crate) fn access_question(
    names: &Names,
    request: &AccessRequest<'_>,
    supposed: bool,
) -> Result<Question, RequestError> {
    let principal = names.principal(request.actor);
    let roles = request.roles.iter().map(|role| uid(&names.role, role));
    let mut entities = vec![Entity::new_no_attrs(principal.clone(), roles.collect())];
    let server = uid(&names.server, "rok");
    let (resource, is_submitter) = match request.target {
        AccessTarget::Server => (server, false),
        AccessTarget::Plan(plan) => {
            let plan = uid(&names.plan, plan.as_str());
            entities.push(Entity::new_no_attrs(plan.clone(), HashSet::from([server])));
            (plan, false)
        }
        AccessTarget::Run(run) => {
            let labels = uid(&names.labels, run.run.as_str());
            let tags = run.labels.iter();
            let tags = tags.map(|(name, value)| (name.clone(), text(value)));
            let tagged = Entity::new_with_tags(labels.clone(), [], [], tags);
            entities.push(tagged.map_err(cedar)?);
            let labels = RestrictedExpression::new_entity_uid(labels);
            let mut attributes = HashMap::from([("labels".to_owned(), labels)]);
            // A policy that asks for what is not there fails, and so denies.
            let submitter = run.submitter.as_ref();
            attributes
                .extend(submitter.map(|actor| ("submitter".to_owned(), text(&actor.to_string()))));
            let run_uid = uid(&names.run, run.run.as_str());
            let parents = HashSet::from([uid(&names.plan, run.plan.as_str()), server]);
            let entity = Entity::new(run_uid.clone(), attributes, parents);
            entities.push(entity.map_err(cedar)?);
            (
                run_uid,
                submitter.map_or(supposed, |actor| actor == request.actor),
            )
        }
    };
    let asked = RestrictedExpression::new_bool(is_submitter);
    let context = Context::from_pairs([("is_submitter".to_owned(), asked)]).map_err(cedar)?;
    let action = uid(&names.action, request.action.as_str());
    Ok(Question {
        request: Request::new(principal, action, resource, context, None).map_err(cedar)?,
        entities: Entities::from_entities(entities, None).map_err(cedar)?,
    })
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn texts<T: ToString>(items: &[T]) -> RestrictedExpression {
    RestrictedExpression::new_set(items.iter().map(|item| text(&item.to_string())))
}

/// Rounded down: 100 is reached when the limit is.
fn percent(share: f64) -> RestrictedExpression {
    RestrictedExpression::new_long((share * 100.0).floor() as i64)
}

fn named<const N: usize>(pairs: [(&str, RestrictedExpression); N]) -> RestrictedExpression {
    let pairs: BTreeMap<String, RestrictedExpression> = pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    record(pairs.into_iter().collect())
}

fn gate(gate: &GateFacts) -> RestrictedExpression {
    let long = |n: u32| RestrictedExpression::new_long(i64::from(n));
    named([
        ("needed", long(gate.needed)),
        ("given", long(gate.given)),
        (
            "not_submitter",
            RestrictedExpression::new_bool(gate.not_submitter),
        ),
    ])
}

fn counts(counts: &StepCounts) -> RestrictedExpression {
    let long = |n: u32| RestrictedExpression::new_long(i64::from(n));
    named([
        ("total", long(counts.total)),
        ("succeeded", long(counts.succeeded)),
        ("failed", long(counts.failed)),
        ("skipped", long(counts.skipped)),
        ("retries", long(counts.retries)),
    ])
}

fn reconciliation(result: &Reconciliation) -> RestrictedExpression {
    let failed: Vec<_> = result.failed.iter().map(|failed| &failed.duty).collect();
    named([
        ("status", text(result.status.as_str())),
        ("missing", texts(&result.missing)),
        ("drift", texts(&result.drift)),
        ("failed", texts(&failed)),
    ])
}

/// The hour (0 to 23) and the ISO weekday (1 = Monday) in UTC.
fn hour_and_weekday(now: Timestamp) -> (i64, i64) {
    const HOUR: i64 = 3_600_000;
    const DAY: i64 = 24 * HOUR;
    let days = now.as_millis().div_euclid(DAY);
    let hour = now.as_millis().rem_euclid(DAY) / HOUR;
    // 1970-01-01 was a Thursday.
    (hour, (days + 3).rem_euclid(7) + 1)
}

#[cfg(test)]
mod tests;
