//! The engine behind the door: policies of access, over a schema of their own.
//! Without any, four roles are known (viewer, operator, approver, admin) and
//! whoever has none of them is denied everything.

use crate::engine::Asking;
use crate::faults::PolicyFaults;
use crate::policies::Policies;
use crate::request::{Names, access_question};
use crate::sources::PolicySources;
use rok_facades::{
    AccessEngine, AccessRequest, AccessTarget, Authorization, EngineError, PolicyInfo,
};

const SCHEMA: &str = include_str!("../policies/access.cedarschema");
const DEFAULT: &str = include_str!("../policies/access.cedar");

/// Policies of access in force.
pub struct AccessPolicies {
    asking: Asking,
    names: Names,
}

impl AccessPolicies {
    /// The embedded policies: what each of the four roles may.
    #[must_use]
    pub fn of_roles() -> Self {
        let sources = PolicySources::new().with_policies("access.cedar", DEFAULT);
        Self::of(Policies::embedded(&sources))
    }

    /// Parses and validates these; nothing else is permitted.
    pub fn load(sources: &PolicySources) -> Result<Self, PolicyFaults> {
        Ok(Self::of(Policies::load_for(SCHEMA, sources)?))
    }

    fn of(policies: Policies) -> Self {
        Self {
            asking: Asking::new(policies),
            names: Names::new(),
        }
    }
}

impl std::fmt::Debug for AccessPolicies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessPolicies").finish_non_exhaustive()
    }
}

impl AccessEngine for AccessPolicies {
    fn authorize(&self, request: &AccessRequest<'_>) -> Result<Authorization, EngineError> {
        let ask = |supposed| {
            let question = access_question(&self.names, request, supposed);
            self.asking.decide(question).authorization()
        };
        let answer = ask(false);
        // Where nothing says who submitted the run, only what is granted either
        // way is granted.
        match request.target {
            AccessTarget::Run(run) if run.submitter.is_none() && answer.granted => Ok(ask(true)),
            _ => Ok(answer),
        }
    }

    fn overview(&self) -> Result<Vec<PolicyInfo>, EngineError> {
        Ok(self.asking.policies().infos().cloned().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rok_facades::{AccessAction, RunIdentity};
    use rok_vocabulary::Actor;
    use rstest::rstest;
    use std::collections::BTreeMap;

    fn ask(engine: &AccessPolicies, actor: &Actor, roles: &[&str], action: AccessAction) -> bool {
        let answer = answer(engine, actor, roles, action, Some("ada"));
        assert!(answer.errors.is_empty(), "{answer:?}");
        answer.granted
    }

    fn answer(
        engine: &AccessPolicies,
        actor: &Actor,
        roles: &[&str],
        action: AccessAction,
        submitter: Option<&str>,
    ) -> Authorization {
        let roles: Vec<String> = roles.iter().map(|&role| role.to_owned()).collect();
        let plan = "nightly".parse().unwrap();
        let run = RunIdentity {
            run: "r-1".parse().unwrap(),
            plan: "nightly".parse().unwrap(),
            submitter: submitter.map(|name| Actor::User(name.into())),
            labels: BTreeMap::from([("team".to_owned(), "data".to_owned())]),
        };
        let target = match action {
            AccessAction::Submit | AccessAction::SubmitOwn | AccessAction::Prioritize => {
                AccessTarget::Plan(&plan)
            }
            AccessAction::ManageSchedules | AccessAction::Import | AccessAction::Collect => {
                AccessTarget::Server
            }
            _ => AccessTarget::Run(&run),
        };
        let request = AccessRequest {
            actor,
            roles: &roles,
            action,
            target,
        };
        engine.authorize(&request).unwrap()
    }

    #[test]
    fn the_embedded_policies_fit_their_schema() {
        let sources = PolicySources::new().with_policies("access.cedar", DEFAULT);
        let loaded = Policies::load_for(SCHEMA, &sources).unwrap();
        let embedded = Policies::embedded(&sources);
        assert_eq!(embedded.infos, loaded.infos);
        assert_eq!(embedded.strict, loaded.strict);
    }

    #[rstest]
    #[case(&[], &[])]
    #[case(&["nobody"], &[])]
    #[case(&["viewer"], &["view"])]
    #[case(&["operator"], &["view", "submit", "submit_own", "prioritize", "resume", "rollback", "cancel", "pause", "handle_incident", "manage_schedules", "hold", "attest"])]
    #[case(&["approver"], &["view", "approve", "reject", "handle_incident", "decide_lesson"])]
    #[case(&["viewer", "approver"], &["view", "approve", "reject", "handle_incident", "decide_lesson"])]
    fn a_role_may(#[case] roles: &[&str], #[case] may: &[&str]) {
        let engine = AccessPolicies::of_roles();
        let granted = AccessAction::ALL
            .iter()
            .filter(|action| ask(&engine, &Actor::User("eve".into()), roles, **action));
        let granted: Vec<&str> = granted.map(|action| action.as_str()).collect();
        assert_eq!(granted, may);
    }

    #[test]
    fn an_admin_may_do_everything_and_see_the_server() {
        let engine = AccessPolicies::of_roles();
        let actor = Actor::User("root".into());
        for action in AccessAction::ALL {
            assert!(ask(&engine, &actor, &["admin"], *action), "{action}");
        }
        let request = AccessRequest {
            actor: &actor,
            roles: &["viewer".to_owned()],
            action: AccessAction::View,
            target: AccessTarget::Server,
        };
        assert!(engine.authorize(&request).unwrap().granted);
    }

    #[test]
    fn policies_of_ones_own_see_whose_run_it_is_and_its_labels() {
        let sources = PolicySources::new().with_policies(
            "own.cedar",
            r#"@id("own") permit (principal, action == Action::"view", resource) when { context.is_submitter };
               @id("team") permit (principal in Role::"data", action == Action::"cancel", resource)
               when { resource.labels.hasTag("team") && resource.labels.getTag("team") == "data" };
               @id("by-text") permit (principal, action == Action::"pause", resource)
               when { resource.submitter == "user:ada" };"#,
        );
        let engine = AccessPolicies::load(&sources).unwrap();
        let (ada, eve) = (Actor::User("ada".into()), Actor::User("eve".into()));
        assert!(ask(&engine, &ada, &[], AccessAction::View));
        assert!(!ask(&engine, &eve, &["admin"], AccessAction::View));
        assert!(ask(&engine, &eve, &["data"], AccessAction::Cancel));
        assert!(!ask(&engine, &eve, &[], AccessAction::Cancel));
        assert!(ask(&engine, &eve, &[], AccessAction::Pause));
    }

    /// What is left of a run may not say any more who submitted it.
    #[rstest]
    #[case("permit (principal, action, resource);", true)]
    #[case("permit (principal in Role::\"data\", action, resource);", true)]
    #[case(
        "permit (principal, action, resource) when { context.is_submitter };",
        false
    )]
    #[case(
        "permit (principal, action, resource) when { !context.is_submitter };",
        false
    )]
    #[case(
        "@id(\"all\") permit (principal, action, resource); @id(\"not\") forbid (principal, action, resource) when { context.is_submitter };",
        false
    )]
    #[case(
        "permit (principal, action == Action::\"view\", resource is Run) unless { resource.submitter == \"user:ceo\" };",
        false
    )]
    #[case(
        "@id(\"all\") permit (principal, action, resource); @id(\"not\") forbid (principal, action == Action::\"view\", resource is Run) when { resource.submitter == \"user:ceo\" };",
        false
    )]
    fn whose_it_is_nobody_knows_is_seen_by_those_who_see_all(
        #[case] policies: &str,
        #[case] seen: bool,
    ) {
        let sources = PolicySources::new().with_policies("own.cedar", policies);
        let engine = AccessPolicies::load(&sources).unwrap();
        let ada = Actor::User("ada".into());
        let answer = answer(&engine, &ada, &["data"], AccessAction::View, None);
        assert_eq!(answer.granted, seen, "{answer:?}");
    }

    #[test]
    fn a_policy_about_something_else_is_refused() {
        let sources = PolicySources::new().with_policies(
            "run.cedar",
            r#"permit (principal, action == Action::"complete", resource);"#,
        );
        assert!(AccessPolicies::load(&sources).is_err());
    }
}
