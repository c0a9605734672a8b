//! Who takes a step over, for each trigger and under each policy: a simulation
//! over the decisions that an engine makes.

use crate::engine::{Engine, Fault, is};
use rok_agents::{AgentSpec, Candidate, Happened, Move, Need, Routing, negotiate};
use rok_vocabulary::{AgentPlace, Federation, TrustLevel};

super::cases_of! { "federation":
    an_agent_that_is_too_slow_is_stood_in_for,
    an_agent_that_forges_is_stood_in_for_here,
    a_lost_quorum_is_stood_in_for_here,
    an_agent_that_dies_is_stood_in_for_elsewhere,
    quarantine_refuses_instead,
    what_is_not_idempotent_never_begins_twice,
    trust_that_is_too_little_is_never_asked,
}

/// What this build decides. An agent for each letter: `l` is of this process,
/// `r` and `s` are remote, `u` is trusted too little.
pub fn decided(
    federation: Federation,
    idempotent: bool,
    happened: &[Happened],
) -> Result<String, Fault> {
    let bad = |error: rok_vocabulary::IdError| Fault::Broken(error.to_string());
    let need = Need {
        federation,
        min_trust: TrustLevel::Signed,
        ..Need::of("sum".parse().map_err(bad)?)
    };
    let agents = [
        ("l", AgentPlace::Local, TrustLevel::Signed),
        ("r", AgentPlace::Remote, TrustLevel::Signed),
        ("s", AgentPlace::Remote, TrustLevel::Verified),
        ("u", AgentPlace::Remote, TrustLevel::Unverified),
    ];
    let mut candidates = Vec::new();
    for (id, place, trust_level) in agents {
        let spec = AgentSpec {
            agent_id: id.parse().map_err(bad)?,
            capabilities: need.capabilities.clone(),
            trust_level,
            region: None,
            slots: 1,
        };
        candidates.push(Candidate::new(spec, place));
    }
    let mut routing = Routing::new(&need, idempotent, &negotiate(&need, &candidates));
    let mut story = Vec::new();
    for what in happened {
        if let Move::Offer(taker) = routing.next() {
            story.push(taker.agent.to_string());
        }
        routing.happened(what.clone());
    }
    story.push(match routing.next() {
        Move::Offer(taker) => taker.agent.to_string(),
        Move::GiveUp(up) => up.class.to_string(),
    });
    Ok(story.join(" "))
}

fn goes(
    engine: &Engine,
    federation: Federation,
    idempotent: bool,
    happened: &[Happened],
    story: &str,
) -> Result<(), Fault> {
    is(
        "who was asked",
        &engine.decides()?(federation, idempotent, happened)?.as_str(),
        &story,
    )
}

fn why() -> String {
    "simulated".to_owned()
}

fn late() -> Happened {
    Happened::Late {
        why: why(),
        begun: true,
    }
}

fn an_agent_that_is_too_slow_is_stood_in_for(engine: &Engine) -> Result<(), Fault> {
    goes(engine, Federation::RemotePrefer, true, &[late()], "r l")?;
    goes(engine, Federation::LocalPrefer, true, &[], "l")
}

fn an_agent_that_forges_is_stood_in_for_here(engine: &Engine) -> Result<(), Fault> {
    let forged = Happened::Forged(why());
    goes(engine, Federation::RemotePrefer, true, &[forged], "r l")
}

fn a_lost_quorum_is_stood_in_for_here(engine: &Engine) -> Result<(), Fault> {
    let lost = Happened::QuorumLost(why());
    goes(engine, Federation::RemotePrefer, true, &[lost], "r l")
}

fn an_agent_that_dies_is_stood_in_for_elsewhere(engine: &Engine) -> Result<(), Fault> {
    let silent = Happened::Silent(why());
    goes(
        engine,
        Federation::RemotePrefer,
        true,
        std::slice::from_ref(&silent),
        "r s",
    )?;
    goes(
        engine,
        Federation::RemotePrefer,
        true,
        &[silent.clone(), silent],
        "r s l",
    )
}

fn quarantine_refuses_instead(engine: &Engine) -> Result<(), Fault> {
    for trigger in [late(), Happened::Forged(why()), Happened::QuorumLost(why())] {
        goes(
            engine,
            Federation::Quarantine,
            true,
            &[trigger],
            "r policy_violation",
        )?;
    }
    Ok(())
}

fn what_is_not_idempotent_never_begins_twice(engine: &Engine) -> Result<(), Fault> {
    for trigger in [late(), Happened::Forged(why()), Happened::Silent(why())] {
        goes(
            engine,
            Federation::RemotePrefer,
            false,
            &[trigger],
            "r worker_lost",
        )?;
    }
    Ok(())
}

fn trust_that_is_too_little_is_never_asked(engine: &Engine) -> Result<(), Fault> {
    let refused = || Happened::Refused {
        why: why(),
        policy: false,
    };
    let all = [refused(), refused(), refused()];
    goes(
        engine,
        Federation::RemotePrefer,
        true,
        &all,
        "r s l validation_failed",
    )
}
