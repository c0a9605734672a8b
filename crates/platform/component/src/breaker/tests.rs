//! A breaker over given times: opens after so many failures, never lets two
//! trials through, closes after an answer.

use super::*;
use proptest::prelude::*;
use rstest::rstest;

const RULES: BreakerRules = BreakerRules {
    threshold: 3,
    cool_down: Duration::from_secs(10),
    max_cool_down: Duration::from_secs(30),
    trial: Duration::from_secs(100),
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn fail(breaker: &Breaker, seconds: i64) -> Breaker {
    breaker.record(
        at(seconds),
        Outcome::Failed(ErrorClass::TransientIo),
        &RULES,
    )
}

fn opened() -> Breaker {
    let breaker = fail(&fail(&Breaker::default(), 0), 1);
    assert_eq!(breaker.admit(at(1), &RULES).0, Admission::Go);
    fail(&breaker, 2)
}

#[test]
fn it_opens_rests_and_tries() {
    let breaker = opened();
    assert_eq!(
        breaker.state,
        BreakerState::Open {
            since: at(2),
            until: at(12)
        }
    );
    let (refused, same) = breaker.admit(at(11), &RULES);
    assert_eq!(refused, Admission::Refused { until: at(12) });
    assert_eq!(same, breaker);

    let (trial, half) = breaker.admit(at(12), &RULES);
    assert_eq!(trial, Admission::Trial);
    // One alone is let in.
    assert_eq!(half.admit(at(13), &RULES).0, on_trial(None, 12));

    let closed = half.record(at(14), Outcome::Succeeded, &RULES);
    assert_eq!(closed, Breaker::default());
}

#[test]
fn a_trial_that_fails_doubles_the_rest_up_to_the_longest() {
    let mut breaker = opened();
    let mut now = 2;
    for length in [20, 30, 30] {
        let BreakerState::Open { until, .. } = breaker.state else {
            panic!("{breaker:?}");
        };
        now = until.as_millis() / 1000;
        let (trial, half) = breaker.admit(until, &RULES);
        assert_eq!(trial, Admission::Trial);
        breaker = fail(&half, now);
        let expected = BreakerState::Open {
            since: at(now),
            until: at(now + length),
        };
        assert_eq!(breaker.state, expected);
    }
    assert_eq!(breaker.failures, 6);
    assert!(now > 2);
}

#[test]
fn a_trial_of_which_nothing_is_heard_makes_room_for_the_next() {
    let (_, half) = opened().admit(at(12), &RULES);
    let (trial, next) = half.admit(at(112), &RULES);
    assert_eq!(trial, Admission::Trial);
    assert_eq!(next.admit(at(113), &RULES).0, on_trial(None, 112));
}

/// What whoever asks is told while somebody tries it out since then.
fn on_trial(by: Option<&str>, since: i64) -> Admission {
    Admission::OnTrial {
        by: by.map(ToString::to_string),
        since: at(since),
        until: at(since + 100),
    }
}

#[test]
fn a_trial_whose_owner_is_gone_makes_room_at_once() {
    let never = |_: &str, _| false;
    let (trial, half) = opened().admit_by("r-1", never, at(12), &RULES);
    assert_eq!(trial, Admission::Trial);
    assert_eq!(
        Breaker::parse(half.to_text().as_bytes()).as_ref(),
        Ok(&half)
    );
    let (refused, same) = half.admit_by("r-2", never, at(13), &RULES);
    assert_eq!((refused, &same), (on_trial(Some("r-1"), 12), &half));
    let gone = |by: &str, since| by == "r-1" && since == at(12);
    let (trial, next) = half.admit_by("r-2", gone, at(13), &RULES);
    assert_eq!(trial, Admission::Trial);
    // It rests as long as if the first one had never been.
    let BreakerState::Open { since, until } = fail(&next, 14).state else {
        panic!("{next:?}");
    };
    assert_eq!((since, until), (at(14), at(34)));
    assert_eq!(next.admit(at(15), &RULES).0, on_trial(Some("r-2"), 13));
}

#[rstest]
#[case(ErrorClass::TransientIo, true)]
#[case(ErrorClass::Timeout, true)]
#[case(ErrorClass::WorkerLost, true)]
#[case(ErrorClass::ValidationFailed, false)]
#[case(ErrorClass::HardGateFailed, false)]
#[case(ErrorClass::ConfigError, false)]
fn only_failures_that_may_pass_count(#[case] class: ErrorClass, #[case] counts: bool) {
    let mut breaker = Breaker::default();
    for second in 0..10 {
        breaker = breaker.record(at(second), Outcome::Failed(class), &RULES);
    }
    assert_eq!(breaker.state != BreakerState::Closed, counts);
}

#[test]
fn an_answer_between_failures_begins_the_count_anew() {
    let breaker = fail(&fail(&Breaker::default(), 0), 1);
    let answered = breaker.record(at(2), Outcome::Failed(ErrorClass::ValidationFailed), &RULES);
    assert_eq!(fail(&fail(&answered, 3), 4).state, BreakerState::Closed);
    // Of what somebody cancelled nothing is known.
    let cancelled = breaker.record(at(2), Outcome::Failed(ErrorClass::Cancelled), &RULES);
    assert_ne!(fail(&cancelled, 3).state, BreakerState::Closed);
}

#[rstest]
#[case("")]
#[case("{}")]
#[case(r#"{"state":"open","failures":1}"#)]
#[case(r#"{"state":"ajar","failures":1}"#)]
#[case(r#"{"state":"closed","failures":0,"more":1}"#)]
#[case(r#"{"state":"closed","failures":0,"by":"r"}"#)]
#[case(r#"{"state":"closed","failures":1,"last_class":"timeout"}"#)]
fn a_state_that_cannot_be_read_is_refused(#[case] text: &str) {
    assert!(Breaker::parse(text.as_bytes()).is_err());
}

proptest! {
    /// Whatever happens: the stored state is the state, and nothing is let in
    /// while it is open.
    #[test]
    fn states_survive_and_hold(steps in proptest::collection::vec((0..60_i64, 0..3_u8), 0..40)) {
        let mut breaker = Breaker::default();
        let mut now = 0;
        for (passed, what) in steps {
            now += passed;
            breaker = match what {
                0 => fail(&breaker, now),
                1 => breaker.record(at(now), Outcome::Succeeded, &RULES),
                _ => {
                    let (admission, next) = breaker.admit(at(now), &RULES);
                    if let BreakerState::Open { until, .. } = breaker.state {
                        prop_assert_eq!(admission == Admission::Trial, at(now) >= until);
                    }
                    next
                }
            };
            prop_assert_eq!(Breaker::parse(breaker.to_text().as_bytes()), Ok(breaker.clone()));
        }
    }
}
