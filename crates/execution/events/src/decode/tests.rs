//! Encoding and decoding are inverse for every type; what is wrong is refused.

use super::*;
use crate::agents::{AgentData, FellBackData, TriedData};
use crate::artifact::{ArtifactPlace, CachedData};
use crate::data::*;
use crate::encode::Encoder;
use crate::settings::Settings;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;
use proptest::prelude::*;
use rok_phases::PhaseInput;
use rok_rac::{Deadline, DomainAck, Duty, Reconciliation};
use rok_vocabulary::{
    AckStatus, AgentPlace, BudgetDimension, FallbackTrigger, HoldReason, Outcome, Profile,
    ReconciliationStatus, TrustLevel,
};
use rstest::rstest;
use serde_json::json;

fn run() -> RunId {
    "run_abc".parse().unwrap()
}

fn event(seq: u64, body: Body) -> Event {
    let at = Timestamp::from_millis(1_771_283_112_000);
    Event {
        seq: Seq(seq),
        at,
        epoch: Epoch(0),
        actor: Actor::Runner,
        body,
    }
}

fn step() -> StepId {
    "stage".parse().unwrap()
}

/// One body of every type, with awkward texts.
fn bodies() -> Vec<Body> {
    let nasty =
        || String::from("quote \" backslash \\ newline \n tab \t nul \u{0} emoji 🦀 </script>");
    let command: CommandId = "c-1".parse().unwrap();
    let attempt = Attempt(2);
    let ack = DomainAck::success(
        &run(),
        Epoch(0),
        Duty::START_TRACE,
        "t-1",
        Timestamp::default(),
    )
    .unwrap();
    let state = StateData {
        input: Some(PhaseInput::ExecutionOver),
        outcome: Some(Outcome::Partial),
        owner: Some("host:1".into()),
        governance: Some("disabled".into()),
        expectations: ExpectationsData {
            declared: vec![],
            pending: vec![Duty::FINALIZE_RUN],
        },
    };
    let policy = PolicyData {
        stage: PolicyStage::Complete,
        allowed: false,
        blocking: true,
        policies: vec!["p1".into()],
        action: None,
        command: None,
        dimension: None,
    };
    vec![
        Body::RunCreated {
            trace_id: rok_trace_ids::TraceId::of(&run()).to_string(),
            reason: Some(nasty()),
            data: Box::new(CreatedData {
                schema: SCHEMA,
                plan: PlanRef {
                    id: "deliverable".parse().unwrap(),
                    version: 3,
                    sha256: "ab".into(),
                },
                inputs: Arc::new(json!({ "dataset": nasty(), "min_accuracy": 1.0 })),
                labels: BTreeMap::from([("team".into(), nasty())]),
                settings: Settings {
                    governance_timeout: Duration::from_millis(1),
                    ..Settings::default()
                },
                cwd: Some("/tmp/a b".into()),
                engine: "0.1.0".into(),
                policies: Some("cd".into()),
                execution_policies: serde_json::from_str(
                    r#"[{"type":"privacy","scope":"org","enforcement_level":"soft","payload":{"id":"x","deny":{"hosts":["*.example.com"]}}}]"#,
                )
                .unwrap(),
                priority: -7,
                request: Some(RequestData {
                    key: nasty(),
                    sha256: "ef".into(),
                }),
                replays: Some(ReplaysData {
                    run: "run_old".parse().unwrap(),
                    from: Some("build".parse().unwrap()),
                }),
                plans: BTreeMap::from([(
                    "other".parse().unwrap(),
                    SubPlan {
                        sha256: "11".repeat(32),
                        cwd: Some("/plans".into()),
                        plans: BTreeMap::new(),
                    },
                )]),
                parent: Some(ParentRef {
                    run: "parent".parse().unwrap(),
                    step: "step[3]".parse().unwrap(),
                    attempt: "0.1".into(),
                }),
            }),
        },
        Body::RunStateChanged(Box::new(StateChange {
            from: Some(RunPhase::Executing),
            to: RunPhase::GovernanceCheck,
            class: Some(ErrorClass::Timeout),
            reason: Some(nasty()),
            data: state,
        })),
        Body::RunHeld {
            step: Some(step()),
            reason: None,
            data: HeldData {
                hold: HoldReason::ManualGate,
                release: "anyone".into(),
                expires_at: None,
                command: Some(command.clone()),
            },
        },
        Body::RunReleased {
            reason: None,
            command: Some(command.clone()),
        },
        Body::RunResumed {
            reason: Some(nasty()),
            command: None,
        },
        Body::RunCancelRequested {
            reason: None,
            command: Some(command.clone()),
        },
        Body::RunStopping {
            class: ErrorClass::Timeout,
            reason: nasty(),
            data: StoppingData {
                outcome: Outcome::TimedOut,
                exit: Some(PhaseInput::SystemError),
            },
        },
        Body::RunRecovered {
            data: RecoveredData {
                owner: "h:2".into(),
                down_ms: 5,
                killed: 1,
            },
        },
        Body::RunCompleted {
            class: None,
            reason: None,
            data: Box::new(CompletedData {
                phase: RunPhase::Completed,
                outcome: Outcome::Succeeded,
                duration_ms: 12,
                steps: StepCounts {
                    total: 8,
                    succeeded: 8,
                    ..StepCounts::default()
                },
                profile: "STRICT".into(),
                degraded: true,
            }),
        },
        Body::StepStarted {
            step: step(),
            attempt,
            data: None,
            inputs_hash: InputsHash::of("00ff00ff00ff00ff"),
        },
        Body::StepStarted {
            step: step(),
            attempt,
            data: Some(Box::new(StartedData {
                run: Some("child".parse().unwrap()),
                fan_out: Some(FanOutData {
                    items: 3,
                    sha256: "00".repeat(32),
                    kept: 1,
                }),
                sandbox: Some(SandboxData {
                    sha256: "11".repeat(32),
                    permits: nasty(),
                    off: true,
                }),
            })),
            inputs_hash: None,
        },
        Body::StepSucceeded {
            step: step(),
            attempt,
            data: Box::new(StepEndData {
                started_at: Some(Timestamp::from_millis(3)),
                wall_ms: 4,
                usage: UsageData {
                    cpu_ms: 1,
                    max_rss_kib: 2,
                    energy_kwh: 0.125,
                    cost_usd: 0.25,
                    tokens: 7,
                },
                exit_code: Some(0),
                outputs: Some(Arc::new(json!({ "accuracy": 0.97, "n": [1, null, "x"] }))),
                log_bytes: Some(9),
                log_sha256: Some("ee".into()),
                restored: vec![nasty()],
                inputs_sha256: Some("dd".into()),
                cached: Some(CachedData {
                    run: "r".into(),
                    step: "a".into(),
                    seq: 7,
                }),
                cache_note: Some(nasty()),
                agent: Some(Box::new(AgentData {
                    id: Some("l1".parse().unwrap()),
                    place: Some(AgentPlace::Local),
                    trust: Some(TrustLevel::Verified),
                    region: None,
                    tried: vec![TriedData {
                        agent: "r1".parse().unwrap(),
                        place: AgentPlace::Remote,
                        trust: TrustLevel::Signed,
                        trigger: Some(FallbackTrigger::Latency),
                        reason: nasty(),
                    }],
                    notes: vec![nasty()],
                    reason: Some(nasty()),
                })),
                inputs_hash: InputsHash::of("0123456789abcdef"),
                ..StepEndData::default()
            }),
        },
        Body::StepFailed {
            step: step(),
            attempt,
            class: ErrorClass::TransientIo,
            reason: nasty(),
            data: Box::new(StepEndData {
                last: true,
                undecided: true,
                ..StepEndData::default()
            }),
        },
        Body::StepRetried {
            step: step(),
            attempt,
            class: ErrorClass::TransientIo,
            due: Timestamp::from_millis(9),
        },
        Body::StepSkipped {
            step: step(),
            cause: SkipCause::DependencyFailed,
            reason: nasty(),
        },
        Body::StepWaiting { step: step() },
        Body::ComponentDeprecated {
            step: step(),
            reason: nasty(),
        },
        Body::GateFailed {
            step: step(),
            attempt,
            class: ErrorClass::HardGateFailed,
            reason: nasty(),
        },
        Body::GateApproved {
            step: step(),
            reason: Some(nasty()),
            data: Box::new(ApprovalData {
                command: command.clone(),
                entry: Some(nasty()),
                given: 2,
                missing: 1,
            }),
        },
        Body::OverrideApproved {
            step: step(),
            reason: nasty(),
            data: Box::new(OverrideData {
                command: command.clone(),
                entry: Some(nasty()),
                policies: vec![nasty()],
                expires_at: Timestamp::from_millis(7),
            }),
        },
        Body::RunOverrideApplied {
            step: step(),
            reason: nasty(),
            data: OverrideAppliedData {
                approval: nasty(),
                used: 1,
                max: 2,
            },
        },
        Body::GateRejected {
            step: step(),
            reason: None,
            command,
        },
        Body::RunRollbackStarted {
            reason: Some(nasty()),
            data: Box::new(RollbackData {
                steps: vec![step()],
                nothing_to_undo: vec![step()],
                done: vec![step()],
                again: Vec::new(),
            }),
        },
        Body::StepFellBack {
            step: step(),
            attempt: Attempt::FIRST,
            reason: None,
            data: Box::new(FellBackData::Step {
                to: "cheaper".parse().unwrap(),
            }),
        },
        Body::StepFellBack {
            step: step(),
            attempt,
            reason: Some(nasty()),
            data: Box::new(FellBackData::Agent {
                from_agent: "r1".parse().unwrap(),
                to_agent: None,
                place: AgentPlace::Remote,
                trust: TrustLevel::Signed,
                trigger: FallbackTrigger::Latency,
            }),
        },
        Body::BudgetExceeded {
            data: BudgetData {
                dimension: BudgetDimension::CostUsd,
                limit: 5.0,
                used: 5.25,
            },
        },
        Body::RunRolledBack {
            data: RolledBackData {
                steps: vec![step()],
            },
        },
        Body::StepCompensationStarted {
            step: step(),
            attempt,
        },
        Body::StepCompensated {
            step: step(),
            attempt,
            reason: Some(nasty()),
            data: Box::default(),
        },
        Body::StepCompensationFailed {
            step: step(),
            attempt,
            class: ErrorClass::WorkerLost,
            reason: nasty(),
            data: Box::new(StepEndData {
                last: true,
                undecided: true,
                ..StepEndData::default()
            }),
        },
        Body::ArtifactEmitted {
            step: step(),
            attempt,
            path: nasty(),
            sha256: "ff".into(),
            bytes: 12,
            place: ArtifactPlace::Run,
            executable: true,
        },
        Body::ArtifactQuarantined {
            step: step(),
            attempt,
            path: nasty(),
            sha256: None,
            bytes: 3,
            reason: nasty(),
        },
        Body::ExpectationDeclared {
            data: Box::new(DeclaredData {
                id: Duty::CREATE_INCIDENT.keyed("a/b c").unwrap(),
                deadline: Deadline::after_entering(
                    RunPhase::GovernanceCheck,
                    Duration::from_secs(5),
                ),
                liveness: true,
                metadata: json!({ "k": 1 }),
            }),
        },
        Body::AckReceived {
            data: Box::new(AckData {
                id: ack.id(),
                duty: ack.duty().clone(),
                status: AckStatus::Success,
                result_id: Some("t-1".into()),
                error: None,
                error_kind: None,
                late: true,
                record: Some(RawValue::from_string(r#"{"a":[1,2]}"#.into()).unwrap()),
            }),
        },
        Body::AuditReconciled {
            data: Box::new(ReconciledData {
                stage: ReconciliationStage::Final,
                profile: Profile::Standard,
                acceptable: true,
                degraded: true,
                result: Reconciliation {
                    status: ReconciliationStatus::Incomplete,
                    missing: vec![Duty::START_TRACE],
                    ..Reconciliation::disabled()
                },
            }),
        },
        Body::PolicyEvaluated {
            step: None,
            reason: Some(nasty()),
            data: Box::new(policy.clone()),
        },
        Body::PolicyViolated {
            step: None,
            attempt: Attempt::FIRST,
            reason: None,
            data: Box::new(policy.clone()),
        },
        Body::PolicyViolated {
            step: Some(step()),
            attempt: Attempt(2),
            reason: Some(nasty()),
            data: Box::new(PolicyData {
                stage: PolicyStage::Step,
                ..policy.clone()
            }),
        },
        Body::PolicyViolated {
            step: None,
            attempt: Attempt::FIRST,
            reason: Some(nasty()),
            data: Box::new(PolicyData {
                stage: PolicyStage::Use,
                dimension: Some(BudgetDimension::Tokens),
                ..policy
            }),
        },
        Body::LogRepaired {
            data: RepairedData {
                dropped_bytes: 17,
                dropped_lines: 1,
            },
        },
        Body::RunSealed {
            phase: RunPhase::Failed,
            outcome: Outcome::Denied,
        },
    ]
}

fn lines(events: &[Event]) -> Vec<Vec<u8>> {
    let mut out = Vec::new();
    Encoder::new(&run()).encode(events, &mut out);
    out.strip_suffix(b"\n")
        .unwrap()
        .split(|b| *b == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

#[test]
fn every_type_survives_the_round_trip_under_an_intact_chain() {
    let events: Vec<Event> = bodies()
        .into_iter()
        .zip(0..)
        .map(|(body, seq)| event(seq, body))
        .collect();
    let types: BTreeSet<EventType> = events.iter().map(|e| e.body.event_type()).collect();
    assert_eq!(
        types.len(),
        EventType::ALL.len(),
        "a type has no example here"
    );
    let mut verifier = rok_chain::Verifier::new(&run());
    let lines = lines(&events);
    assert_eq!(lines.len(), events.len(), "a newline inside a line");
    for (i, (line, event)) in lines.iter().zip(&events).enumerate() {
        if i < lines.len() - 1 {
            verifier.line(line).unwrap();
        }
        let decoded = decode(line, &run())
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(line)));
        assert_eq!(decoded.event, *event);
        assert_eq!(decoded.more, i + 1 < lines.len());
    }
}

#[test]
fn the_line_is_the_documented_one() {
    let body = Body::GateFailed {
        step: "phase_benchmark".parse().unwrap(),
        attempt: Attempt(0),
        class: ErrorClass::HardGateFailed,
        reason: "Accuracy 95.2% below threshold 97%".into(),
    };
    let line = String::from_utf8(lines(&[event(0, body)]).remove(0)).unwrap();
    let head = rok_chain::ChainHash::genesis(&run()).short_str();
    assert_eq!(
        line,
        format!(
            r#"{{"event_id":"run_abc:0","event_type":"gate.failed","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0,"step_id":"phase_benchmark","error_class":"hard_gate_failed","reason":"Accuracy 95.2% below threshold 97%","chain":"{head}"}}"#
        )
    );
}

#[rstest]
#[case("not json", "Malformed")]
#[case(r#"{"event_type":"step.started"}"#, "Malformed")]
#[case(r#"{"event_type":"step.exploded","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0}"#, "UnknownType")]
#[case(r#"{"event_type":"run.released","run_id":"other","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0}"#, "OtherRun")]
#[case(r#"{"event_type":"run.released","run_id":"run_abc","timestamp_utc":"yesterday","actor":"runner","attempt":0,"seq":0}"#, "timestamp_utc")]
#[case(r#"{"event_type":"run.released","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"root","attempt":0,"seq":0}"#, "actor")]
#[case(r#"{"event_type":"run.released","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":3,"seq":0}"#, "attempt")]
#[case(r#"{"event_type":"step.started","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0}"#, "step_id")]
#[case(r#"{"event_type":"gate.failed","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0,"step_id":"a","error_class":"oops","reason":"r"}"#, "error_class")]
#[case(r#"{"event_type":"run.state_changed","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0,"new_state":"LIMBO","data":{"expectations":{"declared":[],"pending":[]}}}"#, "new_state")]
#[case(r#"{"event_type":"run.created","run_id":"run_abc","timestamp_utc":"2026-02-16T23:05:12.000Z","actor":"runner","attempt":0,"seq":0,"data":{"schema":99}}"#, "UnknownSchema")]
fn what_is_wrong_is_refused(#[case] line: &str, #[case] part: &str) {
    let error = decode(line.as_bytes(), &run()).unwrap_err();
    assert!(format!("{error:?}").contains(part), "{error:?}");
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode(&bytes, &run());
    }

    #[test]
    fn a_mutated_line_never_panics(which in 0..26_usize, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let bodies = bodies();
        let mut line = lines(&[event(0, bodies[which % bodies.len()].clone())]).remove(0);
        let at = at.index(line.len());
        line[at] = byte;
        let _ = decode(&line, &run());
    }
}
