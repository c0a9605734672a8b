//! Who stands in for whom: stories by trigger and federation, and the law that
//! what is not idempotent never begins twice.

use super::*;
use crate::negotiate::{Candidate, negotiate};
use crate::spec::AgentSpec;
use proptest::prelude::*;
use rstest::rstest;

/// `l…` are local, `r…` remote; all can do it.
fn table(need: &Need, ids: &[&str]) -> Table {
    let candidates = ids.iter().map(|id| {
        let spec = AgentSpec {
            agent_id: id.parse().unwrap(),
            capabilities: need.capabilities.clone(),
            trust_level: TrustLevel::Signed,
            region: None,
            slots: 1,
        };
        let place = if id.starts_with('l') {
            AgentPlace::Local
        } else {
            AgentPlace::Remote
        };
        Candidate::new(spec, place)
    });
    let candidates: Vec<Candidate> = candidates.collect();
    negotiate(need, &candidates)
}

fn need(federation: Federation) -> Need {
    Need {
        federation,
        ..Need::of("sum".parse().unwrap())
    }
}

fn what(word: &str) -> Happened {
    let why = || String::from("why");
    match word {
        "refused" => Happened::Refused {
            why: why(),
            policy: false,
        },
        "policy" => Happened::Refused {
            why: why(),
            policy: true,
        },
        "busy" => Happened::Busy,
        "unreachable" => Happened::Unreachable(why()),
        "silent" => Happened::Silent(why()),
        "late" => Happened::Late {
            why: why(),
            begun: true,
        },
        "slow" => Happened::Late {
            why: why(),
            begun: false,
        },
        "forged" => Happened::Forged(why()),
        "quorum" => Happened::QuorumLost(why()),
        other => panic!("{other}"),
    }
}

#[test]
fn whoever_is_asked_and_busy_is_told_by_name() {
    let need = need(RemotePrefer);
    let table = table(&need, &["r1"]);
    let mut routing = Routing::new(&need, true, &table);
    let why = |routing: &Routing| routing.why_nobody(&table);
    assert!(why(&routing).starts_with("there is no agent"));
    routing.happened(Happened::Busy);
    assert_eq!(why(&routing), "no agent fits: r1: it says that it is busy");
}

/// Who is asked, and how it ends.
fn story(need: &Need, idempotent: bool, ids: &[&str], happened: &[&str]) -> String {
    let mut routing = Routing::new(need, idempotent, &table(need, ids));
    let mut story = String::new();
    for word in happened {
        if let Move::Offer(taker) = routing.next() {
            story.push_str(taker.agent.as_str());
            story.push(' ');
        }
        routing.happened(what(word));
    }
    match routing.next() {
        Move::Offer(taker) => story + "→ " + taker.agent.as_str(),
        Move::GiveUp(up) if up.busy => story + "→ waits",
        Move::GiveUp(up) => story + "✗ " + up.class.as_str(),
    }
}

use Federation::{LocalPrefer, Quarantine, RemotePrefer};

#[rstest]
#[case::refusal(RemotePrefer, &["refused"], "r1 → r2")]
#[case::policy(RemotePrefer, &["policy"], "r1 → r2")]
#[case::dies(RemotePrefer, &["silent"], "r1 → r2")]
#[case::dies_again(RemotePrefer, &["silent", "silent"], "r1 r2 → l1")]
#[case::unreachable(RemotePrefer, &["unreachable"], "r1 → r2")]
#[case::late(RemotePrefer, &["late"], "r1 → l1")]
#[case::late_and_local_refuses(RemotePrefer, &["late", "refused"], "r1 l1 → r2")]
#[case::forged(RemotePrefer, &["forged"], "r1 → l1")]
#[case::forged_and_local_refuses(RemotePrefer, &["forged", "refused"], "r1 l1 ✗ policy_violation")]
#[case::quorum(RemotePrefer, &["quorum"], "r1 → l1")]
#[case::local_first(LocalPrefer, &["refused"], "l1 → r1")]
#[case::local_first_then_forged(LocalPrefer, &["refused", "forged"], "l1 r1 ✗ policy_violation")]
#[case::local_first_then_late(LocalPrefer, &["refused", "late"], "l1 r1 → r2")]
#[case::local_first_then_all_late(LocalPrefer, &["refused", "late", "late"], "l1 r1 r2 ✗ timeout")]
#[case::quarantine_late(Quarantine, &["late"], "r1 ✗ policy_violation")]
#[case::quarantine_slow_offer(Quarantine, &["slow"], "r1 ✗ policy_violation")]
#[case::quarantine_forged(Quarantine, &["forged"], "r1 ✗ policy_violation")]
#[case::quarantine_quorum(Quarantine, &["quorum"], "r1 ✗ policy_violation")]
#[case::quarantine_dies(Quarantine, &["silent"], "r1 → r2")]
#[case::all_refuse(RemotePrefer, &["refused", "refused", "refused"], "r1 r2 l1 ✗ validation_failed")]
#[case::a_strict_policy(RemotePrefer, &["refused", "policy", "refused"], "r1 r2 l1 ✗ policy_violation")]
#[case::all_die(RemotePrefer, &["silent", "silent", "silent"], "r1 r2 l1 ✗ worker_lost")]
#[case::none_reached(RemotePrefer, &["unreachable", "unreachable", "refused"], "r1 r2 l1 ✗ transient_io")]
#[case::busy(RemotePrefer, &["busy"], "r1 → r2")]
#[case::all_busy(RemotePrefer, &["busy", "busy", "busy"], "r1 r2 l1 → waits")]
#[case::refused_and_busy(RemotePrefer, &["refused", "busy", "busy"], "r1 r2 l1 → waits")]
fn ways(#[case] federation: Federation, #[case] happened: &[&str], #[case] expected: &str) {
    let ids = ["l1", "r1", "r2"];
    assert_eq!(story(&need(federation), true, &ids, happened), expected);
}

#[rstest]
#[case("silent", "r1 ✗ worker_lost")]
#[case("late", "r1 ✗ worker_lost")]
#[case("forged", "r1 ✗ worker_lost")]
#[case("slow", "r1 → l1")]
#[case("quorum", "r1 → l1")]
#[case("unreachable", "r1 → r2")]
#[case("refused", "r1 → r2")]
fn what_is_not_idempotent_never_begins_twice(#[case] happened: &str, #[case] expected: &str) {
    let ids = ["l1", "r1", "r2"];
    let story = story(&need(RemotePrefer), false, &ids, &[happened]);
    assert_eq!(story, expected);
}

#[test]
fn whoever_was_busy_is_asked_again_and_nobody_else() {
    let need = need(RemotePrefer);
    let table = table(&need, &["r1", "r2"]);
    let mut routing = Routing::new(&need, true, &table);
    routing.happened(what("refused"));
    routing.happened(what("busy"));
    assert!(matches!(routing.next(), Move::GiveUp(up) if up.busy));
    routing.renew(&table);
    assert!(matches!(routing.next(), Move::Offer(taker) if taker.agent.as_str() == "r2"));
    routing.happened(what("refused"));
    let Move::GiveUp(up) = routing.next() else {
        panic!("there is nobody left");
    };
    assert_eq!(up.reason, "no agent does it: r1: why; r2: why");
}

#[test]
fn where_nobody_fits_the_reasons_are_told() {
    let need = need(LocalPrefer);
    let other = Need::of("draw".parse().unwrap());
    let mut unfit = table(&other, &["r1"]);
    unfit.rows[0].verdict = Err(Refusal::Capability {
        missing: need.capabilities.iter().cloned().collect(),
    });
    let Move::GiveUp(up) = Routing::new(&need, true, &unfit).next().clone() else {
        panic!("nobody fits");
    };
    assert_eq!(
        (up.class, up.reason.as_str()),
        (ErrorClass::ConfigError, "no agent fits: r1: it cannot sum")
    );
    unfit.rows[0].verdict = Err(Refusal::Down("refused".into()));
    let Move::GiveUp(up) = Routing::new(&need, true, &unfit).next() else {
        panic!("nobody fits");
    };
    assert_eq!(up.class, ErrorClass::TransientIo);
}

const WORDS: &[&str] = &[
    "refused",
    "policy",
    "busy",
    "unreachable",
    "silent",
    "late",
    "slow",
    "forged",
    "quorum",
];

proptest! {
    #[test]
    fn laws(
        federation in prop::sample::select(Federation::ALL),
        idempotent in any::<bool>(),
        locals in 0_usize..3,
        remotes in 0_usize..4,
        happened in prop::collection::vec(prop::sample::select(WORDS), 8),
    ) {
        let ids: Vec<String> = (0..locals)
            .map(|at| format!("l{at}"))
            .chain((0..remotes).map(|at| format!("r{at}")))
            .collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let need = need(federation);
        let mut routing = Routing::new(&need, idempotent, &table(&need, &ids));
        let (mut asked, mut begun, mut local_only, mut ended) = (Vec::new(), 0, false, false);
        for word in happened {
            let Move::Offer(taker) = routing.next() else { break };
            let taker = taker.clone();
            prop_assert!(!ended, "nobody takes over");
            prop_assert!(!asked.contains(&taker.agent), "asked twice");
            prop_assert!(!local_only || taker.place == AgentPlace::Local);
            asked.push(taker.agent);
            routing.happened(what(word));
            let begins = matches!(word, "silent" | "late" | "forged");
            let federal = matches!(word, "late" | "slow" | "forged" | "quorum");
            begun += usize::from(begins);
            ended |= federal && federation == Quarantine;
            local_only |= matches!(word, "forged" | "quorum");
        }
        // It ends: each agent is asked once at most.
        prop_assert!(asked.len() <= ids.len());
        prop_assert!(idempotent || begun <= 1, "it began twice");
        if let (Move::GiveUp(up), true) = (routing.next(), ended) {
            prop_assert_eq!(up.class, ErrorClass::PolicyViolation);
            prop_assert!(!up.busy);
        }
        prop_assert!(routing.tried().len() <= asked.len());
    }
}
