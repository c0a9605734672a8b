//! What must hold of `policies`, case by case.

use super::*;
use crate::sources::DEFAULT;
use rstest::rstest;

fn load(text: &str) -> Result<Policies, PolicyFaults> {
    Policies::load(&PolicySources::new().with_policies("p.cedar", text))
}

fn faults(text: &str) -> Vec<PolicyFault> {
    load(text).unwrap_err().as_slice().to_vec()
}

#[test]
fn the_default_policies_are_permissive_and_say_so() {
    let policies = Policies::permissive();
    assert!(policies.is_default());
    let ids: Vec<_> = policies.infos().map(|info| info.id.as_str()).collect();
    assert_eq!(ids, ["default-permissive"]);
    assert!(DEFAULT.contains("PERMISSIVE"));
}

#[test]
fn ids_levels_and_places_are_known() {
    let policies = load(
        "// a comment\npermit (principal, action, resource);\n\n\
         @id(\"soft-one\") @description(\"d\") @reason(\"r\") @enforcement_level(\"soft\")\n\
         forbid (principal, action == Action::\"run\", resource);\n\
         @type(\"security\") @scope(\"org\") @x_ticket(\"T-1\")\n\
         forbid (principal, action == Action::\"cancel\", resource);\n",
    )
    .unwrap();
    let seen: Vec<_> = policies
        .infos()
        .map(|i| {
            (
                i.id.as_str(),
                i.line,
                i.effect.as_str(),
                i.enforcement_level,
            )
        })
        .collect();
    let expected = [
        ("p.cedar:2", 2, "permit", None),
        ("p.cedar:6", 6, "forbid", Some(EnforcementLevel::Strict)),
        ("soft-one", 4, "forbid", Some(EnforcementLevel::Soft)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(policies.soft.policies().count(), 1);
    assert_eq!(policies.strict.policies().count(), 2);
    assert_eq!(policies.reasons["soft-one"], "r");
    assert!(!policies.is_default());
}

#[rstest]
#[case::syntax("permit (principal, action, resource)\nwhen { 1 + };", 2, "token")]
#[case::unknown_action(
    "permit (principal, action == Action::\"rum\", resource);",
    1,
    "unrecognized action"
)]
#[case::unknown_type("permit (principal is Robot, action, resource);", 1, "Robot")]
#[case::unknown_attribute(
    "permit (principal, action == Action::\"run\", resource)\nwhen { context.colour == 1 };",
    2,
    "colour"
)]
#[case::not_guarded(
    "permit (principal, action == Action::\"complete\", resource)\nwhen { context.step == \"a\" };",
    2,
    "step"
)]
#[case::another_type(
    "permit (principal, action == Action::\"run\", resource)\nwhen { context.hour == \"9\" };",
    2,
    "types"
)]
#[case::never_applies(
    "permit (principal, action == Action::\"run\", resource)\nwhen { false };",
    1,
    "impossible"
)]
#[case::not_on_this_resource(
    "permit (principal, action == Action::\"run\", resource is Run);",
    1,
    "unable to find an applicable action"
)]
#[case::template("permit (principal == ?principal, action, resource);", 0, "templates")]
#[case::misspelt_annotation(
    "\n@enforcment_level(\"soft\") forbid (principal, action, resource);",
    2,
    "unknown annotation `@enforcment_level`"
)]
#[case::unknown_level(
    "@enforcement_level(\"hard\") forbid (principal, action, resource);",
    1,
    "must be one of [\"soft\", \"strict\"]"
)]
#[case::unknown_scope("@scope(\"world\") forbid (principal, action, resource);", 1, "@scope")]
#[case::soft_permit(
    "@enforcement_level(\"soft\") permit (principal, action, resource);",
    1,
    "only a forbid"
)]
#[case::bad_id("@id(\"a b\") permit (principal, action, resource);", 1, "@id")]
#[case::empty("// nothing\n", 0, "not one policy")]
fn what_is_wrong_is_said_with_its_place(
    #[case] text: &str,
    #[case] line: u32,
    #[case] message: &str,
) {
    let faults = faults(text);
    let first = &faults[0];
    assert_eq!(first.line, line, "{first}");
    assert!(
        first
            .to_string()
            .to_lowercase()
            .contains(&message.to_lowercase()),
        "{first}"
    );
}

#[test]
fn all_faults_of_all_sources_come_at_once() {
    let sources = PolicySources::new()
        .with_policies(
            "a.cedar",
            "permit (principal, action, resource);\nnonsense;",
        )
        .with_policies(
            "b.cedar",
            "\n\n@oops(\"x\") permit (principal, action, resource);",
        )
        .with_policies(
            "c.cedar",
            "@id(\"same\") permit (principal, action, resource);",
        )
        .with_policies(
            "d.cedar",
            "@id(\"same\") permit (principal, action, resource);",
        );
    let error = Policies::load(&sources).unwrap_err();
    let places: Vec<_> = error
        .as_slice()
        .iter()
        .map(|f| (f.source.as_str(), f.line))
        .collect();
    assert_eq!(places, [("a.cedar", 2), ("b.cedar", 3), ("d.cedar", 1)]);
    assert!(
        error
            .to_string()
            .starts_with("3 faults in the policies\na.cedar:2:"),
        "{error}"
    );
}

#[test]
fn all_faults_of_type_come_at_once() {
    let faults = faults(
        "permit (principal, action == Action::\"run\", resource) when { context.a };\n\
         permit (principal, action == Action::\"run\", resource) when { context.b };",
    );
    let lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
    assert!(lines.contains(&1) && lines.contains(&2), "{faults:?}");
}

const READS_INPUTS: &str = "permit (principal, action == Action::\"run\", resource)
    when { context.inputs has accuracy && context.inputs.accuracy.lessThan(decimal(\"1.0\")) };";

#[test]
fn inputs_are_declared_before_policies_look_at_them() {
    let faults = faults(READS_INPUTS);
    let hint = faults[0].hint.as_deref().unwrap_or_default();
    assert!(hint.contains("cedarschema"), "{faults:?}");

    let declared = PolicySources::new()
        .with_policies("p.cedar", READS_INPUTS)
        .with_inputs("i.cedarschema", "type Inputs = { accuracy?: decimal };");
    let policies = Policies::load(&declared).unwrap();
    assert_eq!(policies.inputs.attribute("accuracy"), &Shape::Decimal);
    assert!(policies.mentions.has("inputs") && !policies.mentions.has("labels"));
}

#[rstest]
#[case::syntax("type Inputs = { a: };", 1)]
#[case::another_action("type Inputs = {};\naction \"run\";", 0)]
#[case::unknown_type("type Inputs = { a: Nothing };", 0)]
fn declarations_are_checked(#[case] text: &str, #[case] line: u32) {
    let sources = PolicySources::new()
        .with_policies("p.cedar", "permit (principal, action, resource);")
        .with_inputs("i.cedarschema", text);
    let error = Policies::load(&sources).unwrap_err();
    let fault = &error.as_slice()[0];
    assert_eq!(
        (fault.source.as_str(), fault.line),
        ("i.cedarschema", line),
        "{error}"
    );
}

#[test]
fn too_many_policies_are_refused() {
    let text = "permit (principal, action, resource);\n".repeat(MAX_POLICIES + 1);
    assert!(faults(&text)[0].message.contains("more than 1000"));
}

#[test]
fn the_embedded_policies_fit_their_schema() {
    let loaded = Policies::load(&PolicySources::permissive()).unwrap();
    let embedded = Policies::permissive();
    assert_eq!(embedded.infos, loaded.infos);
    assert_eq!(embedded.strict, loaded.strict);
    assert_eq!(embedded.soft, loaded.soft);
    assert_eq!(embedded.mentions, loaded.mentions);
    assert_eq!(embedded.inputs, loaded.inputs);
}
