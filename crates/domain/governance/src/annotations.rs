//! What annotations of a policy mean. An unknown one is a fault: a misspelt
//! `@enforcement_level("soft")` must not turn into a policy that blocks, nor a
//! misspelt `@id` into a policy that nobody finds.

use cedar_policy::{Effect, Policy};
use rok_vocabulary::{EnforcementLevel, PolicyScope, PolicyType};

/// The annotations that policies may have; those that begin `x_` are free.
const KNOWN: [&str; 7] = [
    "id",
    "description",
    "owner",
    "reason",
    "type",
    "scope",
    "enforcement_level",
];

/// A policy's annotations, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Annotations {
    pub(crate) id: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) reason: Option<String>,
    /// `None` on a permit.
    pub(crate) level: Option<EnforcementLevel>,
}

/// Reads a policy's annotations; every fault is a message.
pub(crate) fn read(policy: &Policy) -> Result<Annotations, Vec<String>> {
    let mut faults = Vec::new();
    for (key, value) in policy.annotations() {
        if !KNOWN.contains(&key) && !key.starts_with("x_") {
            faults.push(format!(
                "unknown annotation `@{key}`, expected one of {KNOWN:?} or one that begins `x_`"
            ));
        }
        let closed = match key {
            "type" => Some(PolicyType::WORDS),
            "scope" => Some(PolicyScope::WORDS),
            "enforcement_level" => Some(EnforcementLevel::WORDS),
            _ => None,
        };
        if let Some(words) = closed.filter(|words| !words.contains(&value)) {
            faults.push(format!("`@{key}(\"{value}\")` must be one of {words:?}"));
        }
    }
    let id = policy.annotation("id");
    if let Some(id) = id.filter(|id| !fit(id)) {
        faults.push(format!(
            "`@id(\"{}\")` must be 1 to 128 printable characters without spaces",
            id.escape_default()
        ));
    }
    let named = policy.annotation("enforcement_level");
    if named == Some("soft") && policy.effect() == Effect::Permit {
        faults.push("only a forbid can be soft: a permit that is violated says nothing".to_owned());
    }
    if !faults.is_empty() {
        return Err(faults);
    }
    let text = |key| policy.annotation(key).map(str::to_owned);
    Ok(Annotations {
        id: text("id"),
        description: text("description"),
        reason: text("reason"),
        level: (policy.effect() == Effect::Forbid).then_some(match named {
            Some("soft") => EnforcementLevel::Soft,
            _ => EnforcementLevel::Strict,
        }),
    })
}

fn fit(id: &str) -> bool {
    (1..=128).contains(&id.chars().count())
        && !id.chars().any(|c| c.is_control() || c.is_whitespace())
}
