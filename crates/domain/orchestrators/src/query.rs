//! Which components a context means, and what a stage takes by default.

use crate::trouble::config;
use rok_component::{Lifecycle, NamePattern, Selector, SelectorError};
use rok_facades::registry::RegistryQuery;
use rok_orchestration::{ExecutionContext, OrchestratorError, PIPELINE};
use rok_vocabulary::ComponentType;

/// The query of a stage: what the context says, and the stage's defaults for
/// what it does not speak of. A name that is no pattern means that component,
/// whatever the stage takes by default.
pub fn stage_query(
    stage: &str,
    context: &ExecutionContext,
) -> Result<RegistryQuery, OrchestratorError> {
    let mut selector = Selector::default();
    for filter in &context.filters {
        selector.filter(filter).map_err(|error| bad(&error))?;
    }
    for tag in &context.tags {
        selector.tag(tag).map_err(|error| bad(&error))?;
    }
    let names = if stage == PIPELINE {
        &context.chain
    } else {
        &context.names
    };
    for name in names {
        let name: NamePattern = name
            .parse()
            .map_err(|error: rok_component::NameError| bad(&error.into()))?;
        selector.names.push(name);
    }
    let named = !selector.names.is_empty();
    let named = named && selector.names.iter().all(|name| name.exact().is_some());
    if !named {
        selector = selector.or(defaults(stage));
    }
    Ok(RegistryQuery {
        selector,
        allow_draft: context.allow_draft,
    })
}

fn bad(error: &SelectorError) -> OrchestratorError {
    config(
        "ROK0220",
        error.to_string(),
        "filters are type, lifecycle, status, channel, tag, name and owner",
    )
}

/// What a stage takes by default.
fn defaults(stage: &str) -> Selector {
    let tag = |tag: &str| vec![tag.to_owned()];
    match stage {
        "pre-commit" => Selector {
            types: vec![ComponentType::Validator],
            lifecycles: lifecycle("canary"),
            tags: tag("pre-commit"),
            ..Selector::default()
        },
        "ci" => Selector {
            types: vec![ComponentType::Validator, ComponentType::Test],
            tags: tag("ci"),
            ..Selector::default()
        },
        "test" => Selector {
            types: vec![ComponentType::Test],
            ..Selector::default()
        },
        _ => Selector::default(),
    }
}

fn lifecycle(word: &str) -> Vec<Lifecycle> {
    let lifecycle = word.parse();
    vec![lifecycle.expect("the word is a constant, and a channel")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_component::Component;
    use rstest::rstest;

    fn component(head: &str) -> Component {
        let text = format!("{head}\nversion: 1.0.0\nentrypoint: {{ run: [x] }}\n");
        rok_component::parse(text.as_bytes(), "x.component.yaml").unwrap()
    }

    // Seed 003: "they apply filters automatically".
    #[rstest]
    #[case(
        "pre-commit",
        "name: a\ntype: validator\nstatus: active\nchannel: canary\ntags: [pre-commit]",
        true
    )]
    #[case(
        "pre-commit",
        "name: a\ntype: validator\nstatus: active\nchannel: stable\ntags: [pre-commit]",
        false
    )]
    #[case(
        "pre-commit",
        "name: a\ntype: tool\nstatus: active\nchannel: canary\ntags: [pre-commit]",
        false
    )]
    #[case(
        "pre-commit",
        "name: a\ntype: validator\nstatus: active\nchannel: canary",
        false
    )]
    #[case("ci", "name: a\ntype: test\nstatus: active\ntags: [ci]", true)]
    #[case("ci", "name: a\ntype: validator\nstatus: active\ntags: [ci]", true)]
    #[case("ci", "name: a\ntype: tool\nstatus: active\ntags: [ci]", false)]
    #[case("ci", "name: a\ntype: test\nstatus: draft\ntags: [ci]", false)]
    #[case("ci", "name: a\ntype: test\nstatus: deprecated\ntags: [ci]", false)]
    #[case("ci", "name: a\ntype: test\nstatus: archived\ntags: [ci]", false)]
    #[case("test", "name: a\ntype: test\nstatus: active", true)]
    #[case("test", "name: a\ntype: validator\nstatus: active", false)]
    fn defaults_of_stages(#[case] stage: &str, #[case] head: &str, #[case] taken: bool) {
        let query = stage_query(stage, &ExecutionContext::of_stage(stage)).unwrap();
        let component = component(head);
        assert_eq!(query.selector.admits(&component, false).is_ok(), taken);
    }

    #[test]
    fn what_is_said_takes_the_place_of_the_default() {
        let mut context = ExecutionContext::of_stage("ci");
        context
            .filters
            .push("type=validator,lifecycle=canary".into());
        let query = stage_query("ci", &context).unwrap();
        let fits = |head: &str| query.selector.admits(&component(head), false).is_ok();
        assert!(fits(
            "name: a\ntype: validator\nstatus: active\nchannel: canary\ntags: [ci]"
        ));
        assert!(!fits(
            "name: a\ntype: test\nstatus: active\nchannel: canary\ntags: [ci]"
        ));
        assert!(!fits(
            "name: a\ntype: validator\nstatus: active\nchannel: canary"
        ));
    }

    #[test]
    fn a_name_means_that_component_and_a_pattern_narrows_the_default() {
        let mut context = ExecutionContext::of_stage("ci");
        context.names.push("a".into());
        let tool = component("name: a\ntype: tool\nstatus: active");
        let query = stage_query("ci", &context).unwrap();
        assert!(query.selector.admits(&tool, false).is_ok());
        context.names = vec!["a*".into()];
        let query = stage_query("ci", &context).unwrap();
        assert!(query.selector.admits(&tool, false).is_err());
    }

    #[rstest]
    #[case("typ=validator", "typ")]
    #[case("type=validatr", "validatr")]
    #[case("type", "no filter")]
    fn a_filter_that_is_none_is_usage(#[case] filter: &str, #[case] told: &str) {
        let mut context = ExecutionContext::of_stage("ci");
        context.filters.push(filter.into());
        let error = stage_query("ci", &context).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().contains(told), "{error}");
    }
}
