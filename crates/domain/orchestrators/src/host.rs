//! What this host offers, and which components ask for more of it.

use rok_component::Component;
use rok_plan::Action;
use rok_vocabulary::{Capability, PlanMode};
use std::collections::BTreeSet;

/// Why a component cannot be carried out on a host that offers this; `None`: it
/// can. What an agent does is asked of agents.
pub(crate) fn lacks(component: &Component, offered: &BTreeSet<Capability>) -> Option<String> {
    if matches!(component.step().action, Action::Agent(_)) {
        return None;
    }
    let named = |asked: &str| format!("`{asked}`");
    let asked = component.capabilities.iter();
    let missing: Vec<String> = asked
        .filter(|asked| !offered.iter().any(|one| one.as_str() == asked.as_str()))
        .map(|asked| named(asked))
        .collect();
    let offered: Vec<&str> = offered.iter().map(Capability::as_str).collect();
    (!missing.is_empty()).then(|| {
        format!(
            "this host does not offer {}, which it needs; it offers {} (the setting `capabilities` names more)",
            missing.join(", "),
            offered.join(", ")
        )
    })
}

/// Whether a component of a plan is given to agents, where the plan or its step
/// has this mode: they are asked for what it needs, and not this host.
pub(crate) fn is_for_agents(component: &Component, mode: PlanMode) -> bool {
    let is_process = matches!(
        component.step().action,
        Action::Argv(_) | Action::Shell { .. }
    );
    mode != PlanMode::Local && is_process
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn component(needs: &str, entrypoint: &str) -> Component {
        let text = format!(
            "name: a\nversion: 1.0.0\ntype: tool\nstatus: active\n{needs}\nentrypoint: {entrypoint}\n"
        );
        rok_component::parse(text.as_bytes(), "a.component.yaml").expect("it is a manifest")
    }

    #[rstest]
    #[case::nothing("", "{ run: [x] }", None)]
    #[case::all("capabilities: [os:linux]", "{ run: [x] }", None)]
    #[case::one("capabilities: [os:linux, gpu]", "{ run: [x] }", Some("`gpu`"))]
    #[case::several("capabilities: [os:mac, gpu]", "{ call: f }", Some("`os:mac`, `gpu`"))]
    #[case::of_an_agent("capabilities: [gpu]", "{ agent: f }", None)]
    fn what_a_host_lacks(
        #[case] needs: &str,
        #[case] entrypoint: &str,
        #[case] missing: Option<&str>,
    ) {
        let offered = BTreeSet::from(["os:linux".parse().expect("a capability")]);
        let told = lacks(&component(needs, entrypoint), &offered);
        let why = missing.map(|missing| {
            format!(
                "this host does not offer {missing}, which it needs; it offers os:linux \
                 (the setting `capabilities` names more)"
            )
        });
        assert_eq!(told, why);
    }

    #[rstest]
    #[case("{ run: [x] }", PlanMode::Local, false)]
    #[case("{ run: [x] }", PlanMode::Hybrid, true)]
    #[case("{ run: [x] }", PlanMode::Distributed, true)]
    #[case("{ call: f }", PlanMode::Hybrid, false)]
    fn processes_alone_are_given_to_agents(
        #[case] entrypoint: &str,
        #[case] mode: PlanMode,
        #[case] given: bool,
    ) {
        assert_eq!(is_for_agents(&component("", entrypoint), mode), given);
    }
}
