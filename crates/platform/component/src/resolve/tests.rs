//! Requirements: one version of each name, or a refusal that names what stands in
//! the way.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

/// `name version [status] { requirements }`, separated by spaces.
fn component(name: &str, version: &str, status: &str, requires: &str) -> Arc<Component> {
    let text = format!(
        "name: {name}\nversion: {version}\ntype: tool\nstatus: {status}\nentrypoint: {{ run: x }}\nrequires: {{ {requires} }}\n"
    );
    let component = crate::parse(text.as_bytes(), "a.component.yaml");
    Arc::new(component.unwrap_or_else(|errors| panic!("{errors}")))
}

fn active(name: &str, version: &str, requires: &str) -> Arc<Component> {
    component(name, version, "active", requires)
}

fn ids(resolution: &Resolution) -> Vec<String> {
    let order = resolution.order.iter();
    order.map(|component| component.id().to_string()).collect()
}

fn faults(all: &[Arc<Component>], chosen: &[Arc<Component>]) -> String {
    let faults = resolve(all, chosen, false).unwrap_err();
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    faults.join("\n")
}

#[test]
fn what_is_required_comes_first_in_its_latest_fitting_version() {
    let all = [
        active("a", "1.0.0", "b: ^1, c: '*'"),
        active("b", "1.2.0", "c: '>=1, <3'"),
        active("b", "2.0.0", ""),
        active("c", "2.5.0", ""),
        active("c", "3.0.0", ""),
    ];
    let resolution = resolve(&all, &all[..1], false).unwrap();
    assert_eq!(ids(&resolution), ["c@2.5.0", "b@1.2.0", "a@1.0.0"]);
    let pulled: Vec<_> = resolution
        .pulled_in
        .iter()
        .map(ComponentName::as_str)
        .collect();
    assert_eq!(pulled, ["b", "c"]);
}

#[test]
fn a_choice_that_falls_away_takes_its_requirements_along() {
    // b 2 would want c 1; a second requirement leaves b 1, which wants c 2.
    let all = [
        active("a", "1.0.0", "b: '*', d: '*'"),
        active("b", "1.0.0", "c: ^2"),
        active("b", "2.0.0", "c: ^1"),
        active("c", "1.0.0", ""),
        active("c", "2.0.0", ""),
        active("d", "1.0.0", "b: ^1"),
    ];
    let resolution = resolve(&all, &all[..1], false).unwrap();
    assert_eq!(
        ids(&resolution),
        ["c@2.0.0", "b@1.0.0", "d@1.0.0", "a@1.0.0"]
    );
}

#[rstest]
#[case::unknown(
    "bb: ^1",
    "a@1.0.0 requires bb ^1, and there is no component bb (did you mean `b`?)"
)]
#[case::unmet("b: ^3", "a@1.0.0 requires ^3: of b there is 2.0.0 (draft), 1.0.0")]
#[case::draft("b: ^2", "a@1.0.0 requires ^2: of b there is 2.0.0 (draft), 1.0.0")]
#[case::archived("old: ^1", "a@1.0.0 requires ^1: of old there is 1.0.0 (archived)")]
fn what_cannot_be_met_is_named(#[case] requires: &str, #[case] expected: &str) {
    let all = [
        active("a", "1.0.0", requires),
        active("b", "1.0.0", ""),
        component("b", "2.0.0", "draft", ""),
        component("old", "1.0.0", "archived", ""),
    ];
    assert_eq!(faults(&all, &all[..1]), expected);
}

#[test]
fn drafts_meet_requirements_where_they_are_allowed() {
    let all = [
        active("a", "1.0.0", "b: ^2"),
        component("b", "2.0.0", "draft", ""),
    ];
    assert_eq!(
        ids(&resolve(&all, &all[..1], true).unwrap()),
        ["b@2.0.0", "a@1.0.0"]
    );
}

#[test]
fn requirements_that_contradict_each_other_name_both() {
    let all = [
        active("a", "1.0.0", "c: ^1"),
        active("b", "1.0.0", "c: ^2"),
        active("c", "1.0.0", ""),
        active("c", "2.0.0", ""),
    ];
    assert_eq!(
        faults(&all, &all[..2]),
        "a@1.0.0 requires ^1, b@1.0.0 requires ^2: of c there is 2.0.0, 1.0.0"
    );
    assert_eq!(
        faults(&all, &[all[0].clone(), all[3].clone()]),
        "a@1.0.0 requires ^1: of c there is 2.0.0, 1.0.0 (not selected)"
    );
}

#[test]
fn a_cycle_is_named_whole() {
    let all = [
        active("a", "1.0.0", "b: '*'"),
        active("b", "1.0.0", "c: '*'"),
        active("c", "1.0.0", "b: '*'"),
    ];
    assert_eq!(
        faults(&all, &all[..1]),
        "components require each other: b@1.0.0 → c@1.0.0 → b@1.0.0"
    );
}

proptest! {
    /// Whatever the requirements: an answer is closed, ordered and fits.
    #[test]
    fn an_answer_holds(edges in proptest::collection::vec((0..6_usize, 0..6_usize, 1..3_u64), 0..12)) {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut all = Vec::new();
        for (at, name) in names.iter().enumerate() {
            for version in 1..3_u64 {
                let mut wants = BTreeMap::new();
                for (_, to, req) in edges.iter().filter(|(from, to, _)| *from == at && to != from) {
                    wants.insert(names[*to], *req);
                }
                let wants: Vec<_> = wants.iter().map(|(n, r)| format!("{n}: ^{r}")).collect();
                all.push(active(name, &format!("{version}.0.0"), &wants.join(", ")));
            }
        }
        if let Ok(resolution) = resolve(&all, &all[1..2], false) {
            let mut seen: BTreeMap<&ComponentName, &Version> = BTreeMap::new();
            for component in &resolution.order {
                for (name, requirement) in &component.requires {
                    let version = seen.get(name).expect("what is required comes first");
                    prop_assert!(requirement.matches(version));
                }
                prop_assert!(seen.insert(&component.name, &component.version).is_none());
            }
            prop_assert!(seen.contains_key(&all[1].name));
        }
    }
}
