//! The table of audit-contract.md, row by row: what goes wrong with a duty, and
//! what each profile makes of it.

use crate::house::{House, Order, facades, house, house_with, id, order, seconds};
use rok_events::Body;
use rok_facades::testing::{Fault, Latch, TestEngine};
use rok_facades::{Bounded, Facades};
use rok_kernel::{Input, Rejected};
use rok_log::CommandKind;
use rok_rac::{Deadline, DomainAck, Duty, Expected};
use rok_vocabulary::{
    AckErrorKind, AckStatus, Epoch, ErrorClass, ExpectationStatus, Outcome, Profile,
    ReconciliationStatus, RunPhase, Timestamp,
};
use rstest::rstest;
use std::sync::Arc;
use std::time::Duration;

/// How a run ends: phase, status of the last reconciliation, degraded, and
/// whether there is an incident about drift.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct End {
    phase: RunPhase,
    status: ReconciliationStatus,
    degraded: bool,
    drift_incident: bool,
}

const CLEAN: End = End {
    phase: RunPhase::Completed,
    status: ReconciliationStatus::Complete,
    degraded: false,
    drift_incident: false,
};
/// The run goes on, and what is wrong is on record.
const NOTED: End = End {
    status: ReconciliationStatus::Incomplete,
    ..CLEAN
};
const DEGRADED: End = End {
    degraded: true,
    ..NOTED
};
const INCIDENT: End = End {
    drift_incident: true,
    ..NOTED
};
const FAILS: End = End {
    phase: RunPhase::Failed,
    ..NOTED
};
/// The acks agree, and a policy forbids the outcome.
const FORBIDDEN: End = End {
    phase: RunPhase::Failed,
    ..CLEAN
};

/// STRICT, STANDARD, OBSERVE_ONLY.
type Row = [End; 3];
const PROFILES: [Profile; 3] = [Profile::Strict, Profile::Standard, Profile::ObserveOnly];

const ALWAYS: Row = [CLEAN, CLEAN, CLEAN];
/// "ack missing, or failed other than by `unavailable`"
const BROKEN: Row = [FAILS, FAILS, NOTED];
/// "ack failed by `unavailable`, from incidents or logs"
const AWAY: Row = [FAILS, DEGRADED, NOTED];
/// "drift"
const DRIFT: Row = [FAILS, INCIDENT, NOTED];
/// "policy violation, `enforcement_level` strict"
const VIOLATED: Row = [FORBIDDEN, FORBIDDEN, CLEAN];

const START: &str = "logs/start_trace";
const POLICY: &str = "policies/evaluate_policy";
const INCIDENT_DUTY: &str = "incidents/create_incident";
const TRACE: &str = "logs/complete_trace";
const REPORT: &str = "artifacts/emit/report";
const SHIP: &str = "logs/ship";

fn duty(text: &str) -> Duty {
    text.parse().unwrap()
}

fn plan_duties() -> [Expected; 2] {
    [REPORT, SHIP].map(|text| Expected::new(duty(text), Deadline::after(seconds(60))))
}

fn success(of: &str, result: &str) -> DomainAck {
    DomainAck::success(
        &id("r"),
        Epoch::FIRST,
        duty(of),
        result,
        Timestamp::default(),
    )
    .unwrap()
}

fn failed(of: &str, kind: AckErrorKind) -> DomainAck {
    DomainAck::failed(
        &id("r"),
        Epoch::FIRST,
        duty(of),
        kind,
        "no",
        Timestamp::default(),
    )
    .unwrap()
}

fn undone(of: &str, result: &str) -> DomainAck {
    let at = Timestamp::default();
    DomainAck::rolled_back(&id("r"), Epoch::FIRST, duty(of), result, "a mistake", at).unwrap()
}

fn one_step() -> Order {
    order("steps: { a: { call: wait } }")
}

fn names(duties: &[Duty]) -> Vec<String> {
    duties.iter().map(ToString::to_string).collect()
}

/// What the reconciliation of the end says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Lists {
    missing: Vec<String>,
    drift: Vec<String>,
    failed: Vec<String>,
}

fn lists(missing: &[&str], drift: &[&str], failed: &[&str]) -> Lists {
    let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
    Lists {
        missing: owned(missing),
        drift: owned(drift),
        failed: owned(failed),
    }
}

/// Holds an ended run against its row.
fn check(house: &House, engine: &TestEngine, profile: Profile, row: Row, expected: &Lists) {
    let end = row[PROFILES.iter().position(|p| *p == profile).unwrap()];
    let (phase, outcome) = house.ended("r");
    let state = house.state("r");
    let result = state.last_reconciliation().unwrap();
    let calls = engine.calls();
    let opened = calls.iter().filter(|call| **call == "open r").count();
    let found = End {
        phase,
        status: result.status,
        degraded: state.is_degraded(),
        drift_incident: opened > 0,
    };
    assert_eq!(found, end, "{profile}: {result:?}");
    assert!(opened <= 1, "one incident about drift");
    assert_eq!(outcome, Outcome::Succeeded, "how execution ended is apart");
    let failed: Vec<Duty> = result.failed.iter().map(|f| f.duty.clone()).collect();
    let found = Lists {
        missing: names(&result.missing),
        drift: names(&result.drift),
        failed: names(&failed),
    };
    assert_eq!(&found, expected, "{profile}");
    // A run that failed in order acknowledges its end with SUCCESS.
    let finalize = house
        .events_of("r")
        .iter()
        .find_map(|event| match &event.body {
            Body::AckReceived { data } if data.duty == Duty::FINALIZE_RUN => Some(data.status),
            _ => None,
        });
    assert_eq!(finalize, Some(AckStatus::Success));
    let class = (phase == RunPhase::Failed).then_some(ErrorClass::PolicyViolation);
    assert_eq!(state.end().0, class);
    // Whatever happens, there is an incident of the run's outcome, asked once.
    let recorded = calls.iter().filter(|call| **call == "record_run_outcome r");
    assert_eq!(recorded.count(), 1);
}

/// A domain that does its duty wrongly, or not at all.
#[rstest]
#[case::start_away("start_trace", START, Fault::Unavailable, AWAY)]
#[case::start_refused("start_trace", START, Fault::Refuse, BROKEN)]
#[case::start_invalid("start_trace", START, Fault::Invalid, BROKEN)]
#[case::start_panics("start_trace", START, Fault::Panic, BROKEN)]
#[case::start_no_id("start_trace", START, Fault::NoId, BROKEN)]
#[case::start_other_run("start_trace", START, Fault::WrongRun, BROKEN)]
#[case::incident_away("record_run_outcome", INCIDENT_DUTY, Fault::Unavailable, AWAY)]
#[case::incident_refused("record_run_outcome", INCIDENT_DUTY, Fault::Refuse, BROKEN)]
#[case::incident_invalid("record_run_outcome", INCIDENT_DUTY, Fault::Invalid, BROKEN)]
#[case::incident_panics("record_run_outcome", INCIDENT_DUTY, Fault::Panic, BROKEN)]
#[case::incident_no_id("record_run_outcome", INCIDENT_DUTY, Fault::NoId, BROKEN)]
#[case::incident_other_run("record_run_outcome", INCIDENT_DUTY, Fault::WrongRun, BROKEN)]
#[case::trace_away("complete_trace", TRACE, Fault::Unavailable, AWAY)]
#[case::trace_refused("complete_trace", TRACE, Fault::Refuse, BROKEN)]
#[case::trace_invalid("complete_trace", TRACE, Fault::Invalid, BROKEN)]
#[case::trace_panics("complete_trace", TRACE, Fault::Panic, BROKEN)]
#[case::trace_no_id("complete_trace", TRACE, Fault::NoId, BROKEN)]
#[case::trace_other_run("complete_trace", TRACE, Fault::WrongRun, BROKEN)]
// A run is never let off its policies because they are away.
#[case::policy_away("evaluate_policy", POLICY, Fault::Unavailable, BROKEN)]
#[case::policy_refused("evaluate_policy", POLICY, Fault::Refuse, BROKEN)]
#[case::policy_invalid("evaluate_policy", POLICY, Fault::Invalid, BROKEN)]
#[case::policy_panics("evaluate_policy", POLICY, Fault::Panic, BROKEN)]
#[case::policy_no_id("evaluate_policy", POLICY, Fault::NoId, BROKEN)]
#[case::policy_other_run("evaluate_policy", POLICY, Fault::WrongRun, BROKEN)]
fn a_domain_that_fails(
    #[case] operation: &'static str,
    #[case] of: &str,
    #[case] fault: Fault,
    #[case] row: Row,
) {
    for profile in PROFILES {
        let engine = Arc::new(TestEngine::faulty(fault.clone()).only(operation));
        let mut house = house_with(facades(&engine));
        house.run("r", one_step().profile(profile));
        house.end("r", "a");
        check(&house, &engine, profile, row, &lists(&[], &[], &[of]));
    }
}

/// A policy forbids the outcome: blocks, blocks, recorded as would-block.
#[test]
fn a_policy_that_forbids() {
    for profile in PROFILES {
        let engine = Arc::new(TestEngine::faulty(Fault::Deny).only("evaluate_policy"));
        let mut house = house_with(facades(&engine));
        house.run("r", one_step().profile(profile));
        house.end("r", "a");
        check(&house, &engine, profile, VIOLATED, &Lists::default());
        let violated = house
            .events_of("r")
            .iter()
            .find_map(|event| match &event.body {
                Body::PolicyViolated { data, .. } => Some(data.blocking),
                _ => None,
            });
        assert_eq!(violated, Some(profile != Profile::ObserveOnly));
    }
}

/// A domain that hangs is answered for, as *unavailable*.
#[test]
fn a_domain_that_hangs() {
    for profile in PROFILES {
        let latch = Latch::shut();
        let slow = TestEngine::faulty(Fault::Slow(Arc::clone(&latch))).only("complete_trace");
        let bounded = Bounded::new(Arc::new(slow), Duration::from_millis(20)).unwrap();
        let engine = Arc::new(TestEngine::ok());
        let mut house = house_with(Facades::new(
            Arc::clone(&engine) as _,
            Arc::clone(&engine) as _,
            Arc::new(bounded),
        ));
        house.run("r", one_step().profile(profile));
        house.end("r", "a");
        latch.open();
        check(&house, &engine, profile, AWAY, &lists(&[], &[], &[TRACE]));
    }
}

/// What comes from outside while the run is executing, the plan's two duties
/// among it.
#[rstest]
#[case::both_done(&[success(REPORT, "r"), success(SHIP, "s")], ALWAYS, lists(&[], &[], &[]))]
#[case::redelivered(
    &[success(REPORT, "r"), success(REPORT, "r"), success(SHIP, "s")],
    ALWAYS,
    lists(&[], &[], &[])
)]
#[case::one_missing(&[success(SHIP, "s")], BROKEN, lists(&[REPORT], &[], &[]))]
#[case::both_missing(&[], BROKEN, lists(&[REPORT, SHIP], &[], &[]))]
#[case::refused(
    &[failed(REPORT, AckErrorKind::Refused), success(SHIP, "s")],
    BROKEN,
    lists(&[], &[], &[REPORT])
)]
#[case::invalid(
    &[success(REPORT, "r"), failed(SHIP, AckErrorKind::Invalid)],
    BROKEN,
    lists(&[], &[], &[SHIP])
)]
// Only incidents and logs may be away.
#[case::artifacts_away(
    &[failed(REPORT, AckErrorKind::Unavailable), success(SHIP, "s")],
    BROKEN,
    lists(&[], &[], &[REPORT])
)]
#[case::logs_away(
    &[success(REPORT, "r"), failed(SHIP, AckErrorKind::Unavailable)],
    AWAY,
    lists(&[], &[], &[SHIP])
)]
#[case::duplicate(
    &[success(REPORT, "r"), success(REPORT, "other"), success(SHIP, "s")],
    DRIFT,
    lists(&[], &[REPORT], &[])
)]
#[case::duplicate_of_a_standard_duty(
    &[success(REPORT, "r"), success(SHIP, "s"), success(START, "other")],
    DRIFT,
    lists(&[], &[START], &[])
)]
#[case::done_after_all(
    &[failed(REPORT, AckErrorKind::Refused), success(REPORT, "r"), success(SHIP, "s")],
    [FAILS, End { drift_incident: true, ..FAILS }, NOTED],
    lists(&[], &[REPORT], &[REPORT])
)]
#[case::unexpected(
    &[success(REPORT, "r"), success(SHIP, "s"), success("billing/charge", "b")],
    DRIFT,
    lists(&[], &["billing/charge"], &[])
)]
#[case::unexpected_failure(
    &[success(REPORT, "r"), success(SHIP, "s"), failed("billing/charge", AckErrorKind::Unavailable)],
    DRIFT,
    lists(&[], &["billing/charge"], &[])
)]
#[case::undone(
    &[success(REPORT, "r"), success(SHIP, "s"), undone(REPORT, "r")],
    BROKEN,
    lists(&[REPORT], &[], &[])
)]
#[case::undone_and_done_again(
    &[success(REPORT, "r"), success(SHIP, "s"), undone(REPORT, "r"), success(REPORT, "r")],
    ALWAYS,
    lists(&[], &[], &[])
)]
#[case::undone_and_done_anew(
    &[success(REPORT, "r"), success(SHIP, "s"), undone(REPORT, "r"), success(REPORT, "new")],
    ALWAYS,
    lists(&[], &[], &[])
)]
// It undoes what was never done: nothing to undo, and no drift.
#[case::undone_for_nothing(
    &[success(REPORT, "r"), success(SHIP, "s"), undone(REPORT, "other"), undone("billing/charge", "b")],
    ALWAYS,
    lists(&[], &[], &[])
)]
fn acks_from_outside(#[case] acks: &[DomainAck], #[case] row: Row, #[case] expected: Lists) {
    for profile in PROFILES {
        let engine = Arc::new(TestEngine::ok());
        let mut house = house_with(facades(&engine));
        house.run("r", one_step().profile(profile).expect(plan_duties()));
        for ack in acks {
            house.ack(ack.clone());
        }
        house.end("r", "a");
        if !expected.missing.is_empty() {
            assert_eq!(house.phase("r"), RunPhase::GovernanceCheck, "it waits");
            house.wake();
        }
        check(&house, &engine, profile, row, &expected);
    }
}

/// The incident about drift is a duty like any other.
#[rstest]
#[case(Fault::Unavailable, DEGRADED)]
#[case(Fault::Refuse, FAILS)]
#[case(Fault::Panic, FAILS)]
fn an_incident_about_drift_that_fails(#[case] fault: Fault, #[case] end: End) {
    let engine = Arc::new(TestEngine::faulty(fault).only("open"));
    let mut house = house_with(facades(&engine));
    house.run("r", one_step().profile(Profile::Standard));
    house.ack(success("billing/charge", "b"));
    house.end("r", "a");
    let asked = End {
        drift_incident: true,
        ..end
    };
    let drift = lists(
        &[],
        &["billing/charge"],
        &["incidents/create_incident/drift"],
    );
    check(&house, &engine, Profile::Standard, [asked; 3], &drift);
}

/// Drift that comes in the very turn that the check is passed in.
#[rstest]
#[case(Profile::Strict, FAILS)]
#[case(Profile::Standard, INCIDENT)]
#[case(Profile::ObserveOnly, NOTED)]
fn drift_while_finalizing(#[case] profile: Profile, #[case] end: End) {
    let engine = Arc::new(TestEngine::ok());
    let mut house = house_with(facades(&engine));
    house.run("r", one_step().profile(profile));
    house.hand.end("r", "a", Ok(serde_json::Value::Null));
    house.turn_until(|_| engine.calls().contains(&"complete_trace r".to_owned()));
    let ack = success("billing/charge", "b");
    house.shard.say(&id("r"), Input::Ack { ack, record: None });
    house.settle();
    let place = |so: &dyn Fn(&Body) -> bool| {
        let events = house.events_of("r").iter();
        events.map(|event| &event.body).position(so).unwrap()
    };
    let finalizing = place(
        &|body| matches!(body, Body::RunStateChanged(change) if change.to == RunPhase::Finalizing),
    );
    let came = place(
        &|body| matches!(body, Body::AckReceived { data } if data.duty == duty("billing/charge")),
    );
    assert!(finalizing < came);
    let drift = lists(&[], &["billing/charge"], &[]);
    check(&house, &engine, profile, [end; 3], &drift);
}

/// An ack still on its way when the check begins is waited for, by event.
#[test]
fn an_ack_that_comes_while_the_check_waits() {
    for profile in PROFILES {
        let engine = Arc::new(TestEngine::ok());
        let mut house = house_with(facades(&engine));
        house.run("r", one_step().profile(profile).expect(plan_duties()));
        house.end("r", "a");
        house.ack(success(SHIP, "s"));
        house.settle();
        assert_eq!(house.phase("r"), RunPhase::GovernanceCheck);
        house.ack(success(REPORT, "r"));
        house.settle();
        check(&house, &engine, profile, ALWAYS, &Lists::default());
    }
}

/// An engine's answer that is undone from outside is asked for again, with the
/// same key, and has the same id.
#[rstest]
#[case(START, "start_trace r")]
#[case(POLICY, "evaluate_policy r")]
#[case(INCIDENT_DUTY, "record_run_outcome r")]
fn an_answer_that_is_undone_is_given_anew(#[case] of: &str, #[case] call: &str) {
    let engine = Arc::new(TestEngine::ok());
    let mut house = house_with(facades(&engine));
    house.run("r", one_step().expect(plan_duties()));
    house.end("r", "a");
    let record = house
        .events_of("r")
        .iter()
        .find_map(|event| match &event.body {
            Body::AckReceived { data } if data.duty == duty(of) => data.result_id.clone(),
            _ => None,
        });
    house.ack(undone(of, &record.unwrap()));
    house.ack(success(REPORT, "r"));
    house.ack(success(SHIP, "s"));
    house.settle();
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    assert!(house.state("r").last_reconciliation().unwrap().is_clean());
    let calls = engine.calls();
    assert_eq!(calls.iter().filter(|c| **c == call).count(), 2);
}

/// A crash between a call and its append repeats the call, never the answer.
#[test]
fn an_answer_that_was_lost_is_no_drift() {
    let engine = Arc::new(TestEngine::faulty(Fault::Duplicate).only("start_trace"));
    let mut house = house_with(facades(&engine));
    house.create("r", one_step());
    house.turn();
    // The owner dies after the call and before its answer is durable …
    let store = house.store.clone();
    house.crash(Box::new(store), facades(&engine));
    house.settle();
    house.end("r", "a");
    // … so there is one answer, of the second call.
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
    assert_eq!(
        engine
            .calls()
            .iter()
            .filter(|c| **c == "start_trace r")
            .count(),
        2
    );
}

/// An ack that never comes is MISSING after exactly the governance timeout.
#[rstest]
#[case(Profile::Strict, RunPhase::Failed)]
#[case(Profile::Standard, RunPhase::Failed)]
#[case(Profile::ObserveOnly, RunPhase::Completed)]
fn the_governance_timeout(#[case] profile: Profile, #[case] phase: RunPhase) {
    let mut house = house();
    let mut order = one_step().profile(profile).expect(plan_duties());
    order.settings.governance_timeout = seconds(7);
    house.run("r", order);
    house.pass(seconds(3));
    house.end("r", "a");
    let entered = house.now();
    assert_eq!(house.shard.wake_at(), Some(entered.after(seconds(7))));
    house.pass(Duration::from_millis(6_999));
    let status = |house: &House| {
        house
            .state("r")
            .ledger()
            .expectation(&duty(REPORT))
            .unwrap()
            .status
    };
    assert_eq!(house.phase("r"), RunPhase::GovernanceCheck);
    assert_eq!(status(&house), ExpectationStatus::Pending);
    house.pass(Duration::from_millis(1));
    assert_eq!(house.ended("r"), (phase, Outcome::Succeeded));
    assert_eq!(status(&house), ExpectationStatus::Missing);
}

/// Time under a hold does not count towards a deadline.
#[test]
fn a_hold_stops_the_clock_of_a_deadline() {
    let mut house = house();
    let soon = Expected::new(duty(REPORT), Deadline::after(seconds(10)));
    let gated = order("steps: { g: { call: ok, gate: manual }, a: { call: wait, needs: [g] } }");
    house.run("r", gated.expect([soon]));
    house.pass(seconds(2));
    assert!(house.state("r").hold().is_some());
    house.pass(seconds(3600));
    house.command("r", CommandKind::Approve, Some("g"));
    house.pass(seconds(5));
    house.end("r", "a");
    // Two seconds before the hold count: it was declared at T0, when the gate
    // began to wait at once; so five of ten are used.
    assert_eq!(house.shard.wake_at(), Some(house.now().after(seconds(5))));
    house.pass(seconds(4));
    house.ack(success(REPORT, "r"));
    house.settle();
    assert_eq!(house.ended("r"), (RunPhase::Completed, Outcome::Succeeded));
}

/// An ack after the seal is kept and shown, and changes no verdict.
#[rstest]
#[case::of_a_missing_duty(success(REPORT, "r"), true)]
#[case::unexpected(success("billing/charge", "b"), true)]
#[case::a_duplicate(success(SHIP, "other"), true)]
#[case::undone(undone(SHIP, "s"), true)]
#[case::redelivered(success(SHIP, "s"), false)]
#[case::undone_for_nothing(undone(REPORT, "x"), false)]
fn an_ack_after_the_seal(#[case] ack: DomainAck, #[case] kept: bool) {
    for profile in PROFILES {
        let mut house = house();
        house.run("r", one_step().profile(profile).expect(plan_duties()));
        house.ack(success(SHIP, "s"));
        house.end("r", "a");
        house.wake();
        let before = (
            house.ended("r"),
            house.state("r").last_reconciliation().cloned(),
        );
        let events = house.events_of("r").len();
        for _ in 0..2 {
            house.ack(ack.clone());
            house.settle();
        }
        let after = (
            house.ended("r"),
            house.state("r").last_reconciliation().cloned(),
        );
        assert_eq!(before, after);
        let fresh = &house.events_of("r")[events..];
        if !kept {
            assert!(fresh.is_empty());
            continue;
        }
        let [late, seal] = fresh else {
            panic!("an ack and its seal, once: {fresh:?}")
        };
        assert!(
            matches!(&late.body, Body::AckReceived { data } if data.late && data.id == ack.id())
        );
        assert!(matches!(&seal.body, Body::RunSealed { .. }));
        assert!(house.state("r").outstanding().is_empty());
    }
}

/// The ack of another run is refused, and nothing changes.
#[test]
fn an_ack_of_another_run() {
    let mut house = house();
    house.run("r", one_step());
    house.run("s", one_step());
    let before = house.events_of("s").len();
    let ack = success(START, "foreign");
    house.shard.say(
        &id("s"),
        Input::Ack {
            ack: ack.clone(),
            record: None,
        },
    );
    house.settle();
    assert_eq!(house.events_of("s").len(), before);
    let plan = Arc::clone(house.state("s").plan());
    let mut kernel = rok_kernel::RunOrchestrationKernel::over(crate::logbook::fold(
        &house.store,
        &id("s"),
        plan,
    ));
    let refused = kernel.handle(house.now(), Input::Ack { ack, record: None });
    assert!(matches!(refused, Err(Rejected::ForeignAck { .. })));
    house.end("r", "a");
    house.end("s", "a");
    assert_eq!(house.ended("s"), (RunPhase::Completed, Outcome::Succeeded));
}

/// The verdict of the policies reaches the incident, after a crash too: what a
/// domain is told is a function of the log.
#[test]
fn the_verdict_survives_a_crash() {
    for crashes in [false, true] {
        let engine = Arc::new(TestEngine::ok());
        let witness = Arc::new(crate::hand::Witness::default());
        let doors = |engine: &Arc<TestEngine>, witness: &Arc<crate::hand::Witness>| {
            Facades::new(
                Arc::clone(witness) as _,
                Arc::clone(engine) as _,
                Arc::clone(engine) as _,
            )
        };
        let mut house = house_with(doors(&engine, &witness));
        house.run("r", one_step());
        house.hand.end("r", "a", Ok(serde_json::Value::Null));
        house.turn_until(|house| house.state("r").phase_context().policy_evaluated);
        if crashes {
            let store = house.store.clone();
            house.crash(Box::new(store), doors(&engine, &witness));
        }
        house.settle();
        house.ended("r");
        assert_eq!(witness.verdicts().last(), Some(&true));
    }
}
