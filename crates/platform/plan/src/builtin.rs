//! The plans that come with rok, and the one that a new plan begins as.

use alloc::string::String;
use rok_vocabulary::{IdError, PlanId};

use crate::tree::Syntax;

const PLANS: &[(&str, &str)] = &[
    ("deliverable", include_str!("../plans/deliverable.yaml")),
    ("standard-v1", include_str!("../plans/standard-v1.yaml")),
    ("quick-v1", include_str!("../plans/quick-v1.yaml")),
    ("onboarding-v1", include_str!("../plans/onboarding-v1.yaml")),
];

const YAML: &str = include_str!("../plans/template.yaml");
const TOML: &str = include_str!("../plans/template.toml");

/// The text of a built-in plan: an ordinary plan file.
#[must_use]
pub fn builtin(id: &str) -> Option<&'static str> {
    PLANS
        .iter()
        .find(|(name, _)| *name == id)
        .map(|(_, text)| *text)
}

/// The ids of the built-in plans.
pub fn builtin_ids() -> impl Iterator<Item = &'static str> {
    PLANS.iter().map(|(name, _)| *name)
}

/// A small commented plan of this id, for `rok plan new`.
pub fn template(id: &str, syntax: Syntax) -> Result<String, IdError> {
    let id: PlanId = id.parse()?;
    let text = match syntax {
        Syntax::Yaml => YAML,
        Syntax::Toml => TOML,
    };
    Ok(text.replace("PLAN_ID", id.as_str()))
}
