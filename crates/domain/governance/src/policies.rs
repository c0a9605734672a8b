//! Policies in force: parsed, annotated, validated against the schema, in a
//! strict and a soft set. Invariant: every value of the type has passed all
//! checks, so a request meets no policy that could not be read.

use crate::annotations::{self, Annotations};
use crate::faults::{PolicyFault, PolicyFaults, Source};
use crate::mentions::Mentions;
use crate::shapes::Shape;
use crate::sources::PolicySources;
use cedar_policy::{
    Effect, Policy, PolicyId, PolicySet, Schema, SchemaFragment, ValidationError, ValidationMode,
    ValidationWarning, Validator,
};
use miette::Diagnostic;
use rok_facades::PolicyInfo;
use rok_vocabulary::EnforcementLevel;
use std::collections::BTreeMap;

const SCHEMA: &str = include_str!("../policies/rok.cedarschema");
const NO_INPUTS: &str = "type Inputs = {};";

/// More policies than people can keep in mind; a request looks at each.
const MAX_POLICIES: usize = 1000;

/// Policies in force.
#[derive(Debug, Clone)]
pub struct Policies {
    /// Permits, and the forbids that block.
    pub(crate) strict: PolicySet,
    /// The forbids that are recorded.
    pub(crate) soft: PolicySet,
    pub(crate) infos: BTreeMap<String, PolicyInfo>,
    pub(crate) reasons: BTreeMap<String, String>,
    pub(crate) mentions: Mentions,
    pub(crate) inputs: Shape,
    is_default: bool,
}

/// A policy with where it came from.
struct Read {
    policy: Policy,
    annotations: Annotations,
    source: usize,
    line: u32,
}

impl Policies {
    /// The embedded policies, which permit everything.
    #[must_use]
    pub fn permissive() -> Self {
        Self {
            is_default: true,
            ..Self::embedded(&PolicySources::permissive())
        }
    }

    /// Policies that come with rok: that they fit their schema is what its tests
    /// show, and reading a schema takes longer than all else at the start.
    pub(crate) fn embedded(sources: &PolicySources) -> Self {
        let sourced = sources.policies.iter().enumerate();
        let policies: Result<Vec<_>, _> = sourced.map(|(at, source)| read(at, source)).collect();
        let policies = policies.expect("the embedded policies are tested");
        let policies = policies.into_iter().flatten().collect();
        Self::of(policies, &sources.policies, Shape::default())
    }

    /// Parses and validates. All faults are reported at once: first all of
    /// syntax and annotations, then (they need sound policies) all of types.
    pub fn load(sources: &PolicySources) -> Result<Self, PolicyFaults> {
        Self::load_for(SCHEMA, sources)
    }

    /// The same, for policies that speak of what this schema declares.
    pub(crate) fn load_for(base: &str, sources: &PolicySources) -> Result<Self, PolicyFaults> {
        let (schema, inputs) = schema(base, &sources.schemas).map_err(PolicyFaults)?;
        let mut faults = Vec::new();
        let mut policies: Vec<Read> = Vec::new();
        for (index, source) in sources.policies.iter().enumerate() {
            match read(index, source) {
                Ok(read) => {
                    if sources.of_plan.contains(&index) {
                        faults.extend(permits(&read, source));
                    }
                    policies.extend(read);
                }
                Err(found) => faults.extend(found),
            }
        }
        faults.extend(twice(&policies, &sources.policies));
        if policies.is_empty() && faults.is_empty() {
            faults.push(PolicyFault {
                hint: Some("permit something, or give no policies at all".to_owned()),
                ..nowhere("there is not one policy, so everything would be denied")
            });
        }
        if policies.len() > MAX_POLICIES {
            faults.push(nowhere(&format!(
                "there are {} policies, more than {MAX_POLICIES}",
                policies.len()
            )));
        }
        if faults.is_empty() {
            faults = invalid(&policies, &sources.policies, schema);
        }
        if faults.is_empty() {
            Ok(Self::of(policies, &sources.policies, inputs))
        } else {
            Err(PolicyFaults(faults))
        }
    }

    fn of(policies: Vec<Read>, sources: &[Source], inputs: Shape) -> Self {
        let mut these = Self {
            strict: PolicySet::new(),
            soft: PolicySet::new(),
            infos: BTreeMap::new(),
            reasons: BTreeMap::new(),
            mentions: Mentions::default(),
            inputs,
            is_default: false,
        };
        for read in policies {
            let id = read.policy.id().to_string();
            these.mentions.add(&read.policy);
            let info = PolicyInfo {
                id: id.clone(),
                source: sources[read.source].name.clone(),
                line: read.line,
                effect: effect(&read.policy).to_owned(),
                enforcement_level: read.annotations.level,
                description: read.annotations.description,
            };
            these.infos.insert(id.clone(), info);
            if let Some(reason) = read.annotations.reason {
                these.reasons.insert(id, reason);
            }
            let set = match read.annotations.level {
                Some(EnforcementLevel::Soft) => &mut these.soft,
                _ => &mut these.strict,
            };
            set.add(read.policy)
                .expect("ids are unique, checked before");
        }
        these
    }

    /// Whether these are the embedded permissive ones.
    #[must_use]
    pub const fn is_default(&self) -> bool {
        self.is_default
    }

    /// Whether an answer may differ from one run of a plan to the next.
    pub(crate) fn tells_runs_apart(&self) -> bool {
        self.mentions.tell_runs_apart()
    }

    /// Every policy, by id.
    pub fn infos(&self) -> impl Iterator<Item = &PolicyInfo> {
        self.infos.values()
    }
}

fn effect(policy: &Policy) -> &'static str {
    match policy.effect() {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    }
}

fn nowhere(message: &str) -> PolicyFault {
    Source {
        name: "policies".to_owned(),
        text: String::new(),
    }
    .fault(message)
}

/// The policies of one source, with their ids: `@id`, or `NAME:LINE`.
fn read(index: usize, source: &Source) -> Result<Vec<Read>, Vec<PolicyFault>> {
    let set: PolicySet = source.text.parse().map_err(|errors| {
        let errors: &cedar_policy::ParseErrors = &errors;
        errors
            .iter()
            .map(|e| source.diagnosed(e))
            .collect::<Vec<_>>()
    })?;
    let mut faults: Vec<PolicyFault> = set
        .templates()
        .map(|template| PolicyFault {
            policy: template.annotation("id").map(str::to_owned),
            hint: Some("name the principal or resource instead of a `?slot`".to_owned()),
            ..source.fault("templates are not supported")
        })
        .collect();
    let mut policies: Vec<&Policy> = set.policies().collect();
    // Cedar numbers them `policy0`, `policy1`, …, and keeps no order.
    policies.sort_by_key(|policy| ordinal(policy));
    let mut read = Vec::with_capacity(policies.len());
    let mut from = 0;
    for policy in policies {
        let text = policy.to_cedar().unwrap_or_default();
        let at = source.text[from..].find(&text).map_or(from, |at| from + at);
        from = (at + text.len()).min(source.text.len());
        let (line, _) = source.place(at);
        match annotations::read(policy) {
            Ok(annotations) => {
                let id = annotations
                    .id
                    .clone()
                    .unwrap_or_else(|| format!("{}:{line}", source.name));
                read.push(Read {
                    policy: policy.new_id(PolicyId::new(id)),
                    annotations,
                    source: index,
                    line,
                });
            }
            Err(messages) => faults.extend(messages.into_iter().map(|message| PolicyFault {
                policy: policy.annotation("id").map(str::to_owned),
                ..source.fault_at(at, message)
            })),
        }
    }
    if faults.is_empty() {
        Ok(read)
    } else {
        Err(faults)
    }
}

/// A plan cannot open what its server closes.
fn permits(policies: &[Read], source: &Source) -> Vec<PolicyFault> {
    let permits = policies
        .iter()
        .filter(|read| read.policy.effect() == Effect::Permit);
    permits
        .map(|read| PolicyFault {
            line: read.line,
            column: 1,
            policy: Some(read.policy.id().to_string()),
            hint: Some(
                "say what is forbidden: `forbid (…) unless { … }`; a plan can only be stricter than its server"
                    .to_owned(),
            ),
            ..source.fault("a policy that a plan names cannot permit")
        })
        .collect()
}

fn ordinal(policy: &Policy) -> u64 {
    let id = policy.id().to_string();
    id.trim_start_matches("policy").parse().unwrap_or(u64::MAX)
}

fn twice(policies: &[Read], sources: &[Source]) -> Vec<PolicyFault> {
    let mut first: BTreeMap<&PolicyId, &Read> = BTreeMap::new();
    let mut faults = Vec::new();
    for read in policies {
        if let Some(before) = first.insert(read.policy.id(), read) {
            let place = &sources[before.source].name;
            faults.push(PolicyFault {
                line: read.line,
                column: 1,
                policy: Some(read.policy.id().to_string()),
                ..sources[read.source].fault(format!(
                    "the id is taken already, in {place}:{}",
                    before.line
                ))
            });
        }
    }
    faults
}

/// What the schema says against the policies. Warnings count: a policy that can
/// never apply is a slip, and one with look-alike letters a trap.
fn invalid(policies: &[Read], sources: &[Source], schema: Schema) -> Vec<PolicyFault> {
    let all = PolicySet::from_policies(policies.iter().map(|read| read.policy.clone()))
        .expect("ids are unique, checked before");
    let result = Validator::new(schema).validate(&all, ValidationMode::Strict);
    // A misspelt name entails that no action applies, and that entails that the
    // policy is impossible: of each policy only the nearest causes are told.
    let errors = result.validation_errors().map(|error| {
        let rank = u8::from(matches!(
            error,
            ValidationError::InvalidActionApplication(_)
        ));
        (rank, error.policy_id(), error as &dyn Diagnostic)
    });
    let warnings = result.validation_warnings().map(|warning| {
        let rank = match warning {
            ValidationWarning::ImpossiblePolicy(_) => 2,
            ValidationWarning::InvalidActionApplication(_) => 1,
            _ => 0,
        };
        (rank, warning.policy_id(), warning as &dyn Diagnostic)
    });
    let mut nearest: BTreeMap<usize, (u8, Vec<PolicyFault>)> = BTreeMap::new();
    for (rank, id, diagnostic) in errors.chain(warnings) {
        let (index, fault) = fault(policies, sources, id, diagnostic);
        let (least, faults) = nearest.entry(index).or_insert((rank, Vec::new()));
        if rank < *least {
            *least = rank;
            faults.clear();
        }
        if rank == *least {
            faults.push(fault);
        }
    }
    let mut faults: Vec<PolicyFault> = nearest.into_values().flat_map(|(_, f)| f).collect();
    // Stable: sources and their policies stay in order.
    faults.sort_by_key(|fault| {
        let source = sources
            .iter()
            .position(|source| source.name == fault.source);
        (source, fault.line, fault.column)
    });
    faults
}

/// A fault of one policy, with the policy's place among all.
fn fault(
    policies: &[Read],
    sources: &[Source],
    id: &PolicyId,
    diagnostic: &dyn Diagnostic,
) -> (usize, PolicyFault) {
    let Some(index) = policies.iter().position(|read| read.policy.id() == id) else {
        return (policies.len(), nowhere(&diagnostic.to_string()));
    };
    let read = &policies[index];
    let mut fault = sources[read.source].diagnosed(diagnostic);
    if fault.line == 0 {
        (fault.line, fault.column) = (read.line, 1);
    }
    // The policy is named already.
    let prefix = format!("for policy `{id}`, ");
    if let Some(message) = fault.message.strip_prefix(&prefix) {
        fault.message = String::from(message);
    }
    fault.policy = Some(id.to_string());
    let mut mentions = Mentions::default();
    mentions.add(&read.policy);
    if mentions.has("inputs") && fault.hint.is_none() {
        fault.hint = Some(DECLARE.to_owned());
    }
    (index, fault)
}

const DECLARE: &str = "inputs are declared in a `*.cedarschema` file next to the policies, \
    `type Inputs = { name?: String };`, and what is optional is asked for with `has` first";

/// The embedded schema with the declared inputs.
fn schema(base: &str, declared: &[Source]) -> Result<(Schema, Shape), Vec<PolicyFault>> {
    let mut faults = Vec::new();
    let mut fragments = Vec::new();
    let mut inputs = None;
    for source in declared {
        match SchemaFragment::from_cedarschema_str(&source.text) {
            Ok((fragment, warnings)) => {
                faults.extend(warnings.map(|warning| source.diagnosed(&warning)));
                let json = fragment.clone().to_json_value().unwrap_or_default();
                inputs = inputs.or_else(|| Shape::of(&json, "Inputs"));
                fragments.push(fragment);
            }
            Err(error) => faults.push(source.diagnosed(&error)),
        }
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    if inputs.is_none() {
        fragments.push(embedded(NO_INPUTS));
    }
    fragments.push(embedded(base));
    match Schema::from_schema_fragments(fragments) {
        Ok(schema) => Ok((schema, inputs.unwrap_or_default())),
        Err(error) => {
            // A clash among declarations, or with the embedded schema.
            let names: Vec<&str> = declared.iter().map(|s| s.name.as_str()).collect();
            Err(vec![PolicyFault {
                source: names.join(", "),
                ..nowhere(&error.to_string())
            }])
        }
    }
}

fn embedded(text: &str) -> SchemaFragment {
    SchemaFragment::from_cedarschema_str(text)
        .expect("the embedded schema is tested")
        .0
}

#[cfg(test)]
mod tests;
