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
#[case::unmet(
    "b: ^3",
    "a@1.0.0 requires ^3: of b there is 2.0.0 (a draft, which runs with --allow-draft only), 1.0.0"
)]
#[case::draft(
    "b: ^2",
    "a@1.0.0 requires ^2: of b there is 2.0.0 (a draft, which runs with --allow-draft only), 1.0.0"
)]
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

/// Of each name the versions among those that are chosen, the best first.
#[rstest]
#[case::required_is_chosen_too(
    &[("check", "1.0.0", "schema: ^1"), ("schema", "1.4.0", ""), ("schema", "2.0.0", "")],
    &["schema@1.4.0", "check@1.0.0"]
)]
// Who requires comes before what is required, whatever their names.
#[case::by_a_later_name(
    &[("z", "1.0.0", ""), ("z", "2.0.0", "a: ^1"), ("a", "1.0.0", ""), ("a", "2.0.0", "")],
    &["a@1.0.0", "z@2.0.0"]
)]
#[case::through_what_is_pulled_in(
    &[("a", "1.0.0", "b: '*', c: '*'"), ("b", "1.0.0", "c: ^1"), ("c", "1.0.0", ""), ("c", "2.0.0", "")],
    &["c@1.0.0", "b@1.0.0", "a@1.0.0"]
)]
// Two of which the latest do not go together: the first by name is the latest.
#[case::an_earlier_one_that_requires(
    &[("a", "1.0.0", "c: ^2"), ("a", "2.0.0", "c: ^1"), ("b", "1.0.0", "c: ^1"), ("b", "2.0.0", "c: ^2"),
      ("c", "1.0.0", ""), ("c", "2.0.0", "")],
    &["c@1.0.0", "a@2.0.0", "b@1.0.0"]
)]
// What was required by a choice that is made otherwise is not needed any more.
#[case::and_what_it_required_falls_away(
    &[("a", "1.0.0", "c: ^1"), ("b", "1.0.0", ""), ("b", "2.0.0", "c: ^2, d: '*'"),
      ("c", "1.0.0", ""), ("c", "2.0.0", ""), ("d", "1.0.0", "")],
    &["c@1.0.0", "a@1.0.0", "b@1.0.0"]
)]
fn the_latest_that_satisfies_everybody(
    #[case] all: &[(&str, &str, &str)],
    #[case] expected: &[&str],
) {
    let all = all
        .iter()
        .map(|(name, version, requires)| active(name, version, requires));
    let all: Vec<_> = all.collect();
    // What is chosen itself: all but the names that are only pulled in.
    let chosen = all.iter().filter(|c| c.name.as_str() != "d").cloned();
    let selection = crate::Selector::default().select(&chosen.collect::<Vec<_>>(), false);
    let resolution = resolve(&all, &selection.candidates(), false).unwrap();
    assert_eq!(ids(&resolution), expected);
    let settled = selection.settled(&resolution.order);
    let mut taken: Vec<String> = settled.taken.iter().map(|c| c.id().to_string()).collect();
    taken.sort();
    let mut wanted = expected.to_vec();
    wanted.sort_unstable();
    assert_eq!(taken, wanted);
}

#[test]
fn what_does_not_run_says_which_version_does() {
    let all = [
        active("check", "1.0.0", "schema: ~1.4"),
        active("schema", "1.3.0", ""),
        active("schema", "1.4.0", ""),
        active("schema", "2.0.0", ""),
    ];
    let selection = crate::Selector::default().select(&all, false);
    let resolution = resolve(&all, &selection.candidates(), false).unwrap();
    let left = selection.settled(&resolution.order).left;
    let left: Vec<_> = left
        .iter()
        .map(|(c, why)| format!("{}: {why}", c.id()))
        .collect();
    assert_eq!(
        left,
        [
            "schema@1.3.0: version 1.4.0 of it is taken",
            "schema@2.0.0: version 1.4.0 of it is taken, the latest that goes with what requires it and what it requires",
        ]
    );
}

#[test]
fn a_deprecated_version_is_taken_where_only_it_meets_a_requirement() {
    let all = [
        active("check", "1.0.0", "schema: ^1"),
        component("schema", "1.0.0", "deprecated", ""),
        active("schema", "2.0.0", ""),
    ];
    let selection = crate::Selector::default().select(&all, false);
    let resolution = resolve(&all, &selection.candidates(), false).unwrap();
    assert_eq!(ids(&resolution), ["schema@1.0.0", "check@1.0.0"]);
    let selection = crate::Selector::default().select(&all[1..], false);
    let resolution = resolve(&all, &selection.candidates(), false).unwrap();
    assert_eq!(ids(&resolution), ["schema@2.0.0"]);
}

/// An earlier version is no way around a registry that is not sound.
#[test]
fn what_nothing_meets_is_not_gone_around() {
    let all = [
        active("a", "1.0.0", ""),
        active("a", "2.0.0", "ghost: '*', b: ^7"),
        active("b", "1.0.0", ""),
    ];
    let selection = crate::Selector::default().select(&all, false);
    assert_eq!(
        faults(&all, &selection.candidates()),
        "a@2.0.0 requires ghost *, and there is no component ghost\n\
         a@2.0.0 requires ^7: of b there is 1.0.0"
    );
}

/// Eight that want one of seven slots each: no choice goes, and there are more
/// of them than anybody waits for.
#[test]
fn a_riddle_is_given_up() {
    let mut all = Vec::new();
    for slot in 0..7 {
        for version in 1..9 {
            all.push(active(
                &format!("slot{slot}"),
                &format!("{version}.0.0"),
                "",
            ));
        }
    }
    for who in 1..9 {
        for slot in 0..7 {
            let requires = format!("slot{slot}: '={who}'");
            all.push(active(
                &format!("who{who}"),
                &format!("{}.0.0", slot + 1),
                &requires,
            ));
        }
    }
    let chosen = crate::Selector::parse("name=who*").unwrap();
    let told = faults(&all, &chosen.select(&all, false).candidates());
    assert!(
        told.starts_with("100000 choices among the versions of "),
        "{told}"
    );
}

#[test]
fn a_chain_of_any_length_is_followed() {
    let all: Vec<_> = (0..5000)
        .map(|at| {
            active(
                &format!("c{at:04}"),
                "1.0.0",
                &format!("c{:04}: '*'", at + 1),
            )
        })
        .chain([active("c5000", "1.0.0", "")])
        .collect();
    let resolution = resolve(&all, &all[..1], false).unwrap();
    assert_eq!(resolution.order.len(), 5001);
    assert_eq!(resolution.order[0].name.as_str(), "c5000");
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
    /// Whatever the requirements: an answer is closed, ordered and fits; and
    /// there is none only where nothing fits.
    #[test]
    fn an_answer_holds_and_none_is_missed(
        edges in proptest::collection::vec((0..6_usize, 1..3_u64, 0..6_usize, 1..3_u64), 0..16)
    ) {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut all = Vec::new();
        for (at, name) in names.iter().enumerate() {
            for version in 1..3_u64 {
                let mut wants = BTreeMap::new();
                let own = edges.iter().filter(|(from, of, to, _)| (*from, *of) == (at, version) && to != from);
                for (_, _, to, req) in own {
                    wants.insert(names[*to], *req);
                }
                let wants: Vec<_> = wants.iter().map(|(n, r)| format!("{n}: ^{r}")).collect();
                all.push(active(name, &format!("{version}.0.0"), &wants.join(", ")));
            }
        }
        // Both versions of `a` and of `b` are chosen, the latest first.
        let chosen = [all[1].clone(), all[0].clone(), all[3].clone(), all[2].clone()];
        match resolve(&all, &chosen, false) {
            Ok(resolution) => {
                let mut seen: BTreeMap<&ComponentName, &Version> = BTreeMap::new();
                for component in &resolution.order {
                    for (name, requirement) in &component.requires {
                        let version = seen.get(name).expect("what is required comes first");
                        prop_assert!(requirement.matches(version));
                    }
                    prop_assert!(seen.insert(&component.name, &component.version).is_none());
                }
                prop_assert!(seen.contains_key(&all[1].name) && seen.contains_key(&all[3].name));
            }
            Err(faults) if matches!(faults[0], ResolveFault::Cycle { .. }) => {}
            Err(faults) => {
                // Every way to take one version of each name.
                for versions in 0..64_usize {
                    let of = |at: usize| &all[2 * at + (versions >> at & 1)];
                    let (mut needed, mut at, mut fits) = (Vec::from([0, 1]), 0, true);
                    while let Some(place) = needed.get(at).copied() {
                        at += 1;
                        for (name, requirement) in &of(place).requires {
                            let other = names.iter().position(|n| *n == name.as_str()).unwrap();
                            fits &= requirement.matches(&of(other).version);
                            if !needed.contains(&other) {
                                needed.push(other);
                            }
                        }
                    }
                    prop_assert!(!fits, "{faults:?}");
                }
            }
        }
    }
}
