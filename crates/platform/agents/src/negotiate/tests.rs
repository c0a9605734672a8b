//! Who is asked, in which order, and why not: as a table, and as laws over any
//! candidates.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

pub(crate) fn spec(id: &str, capabilities: &[&str]) -> AgentSpec {
    AgentSpec {
        agent_id: id.parse().unwrap(),
        capabilities: capabilities
            .iter()
            .map(|one| one.parse().unwrap())
            .collect(),
        trust_level: TrustLevel::Signed,
        region: None,
        slots: 2,
    }
}

fn need() -> Need {
    Need {
        min_trust: TrustLevel::Signed,
        region: Some("eu".into()),
        ..Need::of("sum".parse().unwrap())
    }
}

fn told(table: &Table) -> Vec<String> {
    let row = |row: &Row| {
        let mark = if row.verdict.is_ok() { '+' } else { '-' };
        format!("{mark}{}: {}", row.agent, row.reason())
    };
    table.rows.iter().map(row).collect()
}

#[test]
fn each_is_taken_or_refused_with_a_reason() {
    let remote = |spec| Candidate::new(spec, AgentPlace::Remote);
    let candidates = [
        Candidate {
            load: 1,
            ..remote(AgentSpec {
                region: Some("eu".into()),
                ..spec("near", &["sum", "gpu"])
            })
        },
        remote(spec("far", &["sum"])),
        remote(spec("cannot", &["draw"])),
        remote(AgentSpec {
            trust_level: TrustLevel::Unverified,
            ..spec("anyone", &["sum"])
        }),
        Candidate {
            load: 2,
            ..remote(spec("full", &["sum"]))
        },
        Candidate {
            health: Health::Down("connection refused".into()),
            ..remote(spec("down", &["sum"]))
        },
        Candidate {
            health: Health::Quarantined("a forged result".into()),
            ..remote(spec("bad", &["sum"]))
        },
        Candidate::new(spec("here", &["sum"]), AgentPlace::Local),
    ];
    let expected = [
        "+here: not in eu, 0 of 2 slots taken",
        "+near: in eu, 1 of 2 slots taken",
        "+far: not in eu, 0 of 2 slots taken",
        "-anyone: it is UNVERIFIED, and SIGNED is asked for",
        "-bad: it is in quarantine: a forged result",
        "-cannot: it cannot sum",
        "-down: it cannot be reached: connection refused",
        "-full: it is busy: no slot of 2 is free",
    ];
    assert_eq!(told(&negotiate(&need(), &candidates)), expected);
}

#[rstest]
#[case::local(Federation::LocalPrefer, "here")]
#[case::remote(Federation::RemotePrefer, "there")]
#[case::quarantine(Federation::Quarantine, "there")]
fn the_federation_policy_says_who_is_first(#[case] federation: Federation, #[case] first: &str) {
    let candidates = [
        Candidate::new(spec("here", &["sum"]), AgentPlace::Local),
        Candidate::new(spec("there", &["sum"]), AgentPlace::Remote),
    ];
    let table = negotiate(
        &Need {
            federation,
            ..need()
        },
        &candidates,
    );
    assert_eq!(table.rows[0].agent.as_str(), first);
}

#[test]
fn load_counts_by_slots_and_who_has_the_work_is_first() {
    let candidate = |id: &str, load, slots| Candidate {
        load,
        ..Candidate::new(
            AgentSpec {
                slots,
                ..spec(id, &["sum"])
            },
            AgentPlace::Remote,
        )
    };
    let mut candidates = [
        candidate("a", 2, 4),
        candidate("b", 3, 10),
        candidate("c", 1, 1),
    ];
    let ids =
        |table: &Table| -> Vec<String> { table.taken().map(|row| row.agent.to_string()).collect() };
    assert_eq!(ids(&negotiate(&need(), &candidates)), ["b", "a"]);
    candidates[2].holds = true;
    assert_eq!(ids(&negotiate(&need(), &candidates)), ["c", "b", "a"]);
}

/// This machine is asked last, whatever is preferred, and does no more than run.
#[rstest]
#[case(Federation::LocalPrefer)]
#[case(Federation::RemotePrefer)]
#[case(Federation::Quarantine)]
fn this_machine_stands_in_for_agents(#[case] federation: Federation) {
    let agent = |id: &str, place| Candidate::new(spec(id, &["run"]), place);
    let candidates = [
        Candidate::this_machine(),
        agent("remote", AgentPlace::Remote),
        agent("local", AgentPlace::Local),
    ];
    let mut need = Need {
        federation,
        min_trust: TrustLevel::Unverified,
        ..Need::of(RUN.parse().unwrap())
    };
    let table = negotiate(&need, &candidates);
    let taken: Vec<_> = table.taken().map(|row| row.agent.as_str()).collect();
    assert_eq!((taken.len(), taken[2]), (3, AgentId::THIS_MACHINE));
    let alone = negotiate(&need, &candidates[..1]);
    assert!(!alone.waits() && alone.hopeless().is_none());
    assert!(
        alone.told().starts_with("there is no agent"),
        "{}",
        alone.told()
    );
    need.capabilities.insert("gpu".parse().unwrap());
    assert!(negotiate(&need, &candidates[..1]).hopeless().is_some());
}

#[rstest]
#[case(2, 0, true)]
#[case(2, 2, true)]
#[case(1, 2, false)]
#[case(0, 1, false)]
fn a_quorum_counts_remote_agents_that_are_up(
    #[case] up: usize,
    #[case] quorum: u32,
    #[case] holds: bool,
) {
    let mut candidates = Vec::from([Candidate::new(spec("here", &["sum"]), AgentPlace::Local)]);
    for at in 0..up {
        candidates.push(Candidate::new(
            spec(&format!("r{at}"), &["sum"]),
            AgentPlace::Remote,
        ));
    }
    candidates.push(Candidate {
        health: Health::Down("gone".into()),
        ..Candidate::new(spec("down", &["sum"]), AgentPlace::Remote)
    });
    assert_eq!(has_quorum(&candidates, quorum).is_ok(), holds);
}

fn any_need() -> impl Strategy<Value = Need> {
    let capabilities = prop::sample::subsequence(Vec::from(["x", "y", "z"]), 1..=2);
    let federation = prop::sample::select(Federation::ALL);
    let trust = prop::sample::select(TrustLevel::ALL);
    let region = prop::option::of(prop::sample::select(&["eu", "us"][..]));
    (capabilities, federation, trust, region).prop_map(
        |(capabilities, federation, min_trust, region)| Need {
            capabilities: capabilities
                .iter()
                .map(|one| one.parse().unwrap())
                .collect(),
            min_trust,
            region: region.map(Into::into),
            federation,
        },
    )
}

prop_compose! {
    fn any_candidate()(
        capabilities in prop::sample::subsequence(Vec::from(["x", "y", "z"]), 0..=3),
        trust_level in prop::sample::select(TrustLevel::ALL),
        region in prop::option::of(prop::sample::select(&["eu", "us"][..])),
        (slots, load) in (1_u32..4, 0_u32..5),
        place in prop::sample::select(AgentPlace::ALL),
        health in 0..6,
        holds in any::<bool>(),
    ) -> Candidate {
        Candidate {
            spec: AgentSpec {
                trust_level,
                region: region.map(Into::into),
                slots,
                ..spec("a", &capabilities)
            },
            place,
            load,
            health: match health {
                0 => Health::Down("gone".into()),
                1 => Health::Quarantined("forged".into()),
                _ => Health::Up,
            },
            holds,
            stands_in: false,
        }
    }
}

pub(crate) fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    prop::collection::vec(any_candidate(), 0..7).prop_map(|mut all| {
        for (at, candidate) in all.iter_mut().enumerate() {
            candidate.spec.agent_id = format!("a{at}").parse().unwrap();
        }
        all
    })
}

proptest! {
    #[test]
    fn the_order_of_candidates_does_not_matter(
        need in any_need(),
        (candidates, shuffled) in any_candidates()
            .prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
    ) {
        prop_assert_eq!(negotiate(&need, &candidates), negotiate(&need, &shuffled));
    }

    #[test]
    fn every_candidate_has_one_row_and_only_those_that_fit_are_taken(
        need in any_need(),
        candidates in any_candidates(),
    ) {
        let table = negotiate(&need, &candidates);
        prop_assert_eq!(table.rows.len(), candidates.len());
        for candidate in &candidates {
            let id = &candidate.spec.agent_id;
            let row = table.rows.iter().find(|row| row.agent == *id).unwrap();
            let fits = need.capabilities.is_subset(&candidate.spec.capabilities)
                && candidate.spec.trust_level >= need.min_trust
                && candidate.health == Health::Up
                && (candidate.load < candidate.spec.slots || candidate.holds);
            prop_assert_eq!(row.verdict.is_ok(), fits, "{:?}", row);
            prop_assert!(!row.reason().is_empty());
        }
    }

    #[test]
    fn the_taken_are_in_order(need in any_need(), candidates in any_candidates()) {
        let table = negotiate(&need, &candidates);
        let of = |row: &Row| candidates.iter().find(|one| one.spec.agent_id == row.agent).unwrap();
        let rank = |row: &Row| {
            let one = of(row);
            let local_first = need.federation == Federation::LocalPrefer;
            (
                !one.holds,
                (one.place == AgentPlace::Local) != local_first,
                need.region.is_some() && need.region != one.spec.region,
            )
        };
        let taken: Vec<&Row> = table.taken().collect();
        for pair in taken.windows(2) {
            let (a, b) = (rank(pair[0]), rank(pair[1]));
            prop_assert!(a <= b);
            if a == b {
                let share = |row: &Row| f64::from(row.load) / f64::from(row.slots);
                prop_assert!(share(pair[0]) <= share(pair[1]));
                if (share(pair[0]) - share(pair[1])).abs() < f64::EPSILON {
                    prop_assert!(pair[0].agent < pair[1].agent);
                }
            }
        }
    }
}
