//! Functions as steps: results, limits, deadlines, cancellation. Functions
//! wait for each other over channels; the only clock is the deadline under test.

use super::*;
use rok_vocabulary::{Attempt, Epoch, StepRef};
use rstest::rstest;
use serde_json::json;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(3600);
const SHORT: Duration = Duration::from_millis(30);

fn request(step: &str, function: &str) -> StepRequest {
    let run: RunId = "r1".parse().unwrap();
    let id: rok_vocabulary::StepId = step.parse().unwrap();
    StepRequest {
        key: IdempotencyKey::new(&run, Epoch(0), &id),
        attempt: AttemptRef {
            run,
            step: StepRef {
                epoch: Epoch(0),
                step: id,
                attempt: Attempt(0),
                compensates: false,
            },
        },
        work: Work::Call(CallWork {
            function: function.into(),
            needs: Arc::new(json!({ "a": { "n": 1 } })),
            item: None,
        }),
        inputs: Arc::new(json!({ "n": 20 })),
        secrets: Secrets::from_pairs([("TOKEN".parse().unwrap(), "hunter2")]).unwrap(),
        timeout: None,
        kill_grace: LONG,
        traceparent: None,
        artifacts: Vec::new(),
        workspace: None,
    }
}

fn sink() -> (Arc<dyn ReportSink>, Receiver<StepReport>) {
    let (sender, receiver) = channel();
    (
        Arc::new(move |report| sender.send(report).unwrap_or_default()),
        receiver,
    )
}

fn run(functions: &Functions, request: StepRequest) -> StepResult {
    let (sink, reports) = sink();
    functions.start(request, sink);
    reports.recv().unwrap().result
}

fn failure(result: &StepResult) -> (ErrorClass, String) {
    let failure = result.end.clone().unwrap_err();
    (failure.class, failure.reason)
}

#[rstest]
#[case("blocking")]
#[case("inline")]
fn a_function_sees_its_call_and_hands_on_outputs(#[case] kind: &str) {
    let body = |call: &Call<'_>| {
        assert_eq!(call.idempotency_key().as_str(), "r1/0/s");
        assert_eq!(call.secrets().get("TOKEN"), Some("hunter2"));
        assert!(!call.is_cancelled());
        let n = call.input("n").and_then(Value::as_i64).unwrap();
        let a = call.outputs_of("a").unwrap()["n"].as_i64().unwrap();
        Ok(json!({ "sum": n + a, "note": "token hunter2" }))
    };
    let functions = Functions::new()
        .register("blocking", body)
        .register_inline("inline", body);
    let result = run(&functions, request("s", kind));
    assert_eq!(
        result.end.unwrap().outputs,
        json!({ "sum": 21, "note": "token ***" })
    );
    assert!(result.started_at.is_some());
}

#[rstest]
#[case("panics", ErrorClass::Internal, "function `panics` panicked: oh ***")]
#[case("fails", ErrorClass::TransientIo, "*** is down")]
#[case(
    "array",
    ErrorClass::ValidationFailed,
    "outputs must be a JSON object or null, not an array"
)]
#[case(
    "absent",
    ErrorClass::ConfigError,
    "function `absent` is not registered; known are: array, fails, panics"
)]
fn failures(#[case] name: &str, #[case] class: ErrorClass, #[case] reason: &str) {
    std::panic::set_hook(Box::new(|_| {}));
    let functions = Functions::new()
        .register("panics", |_: &Call<'_>| panic!("oh {}", "hunter2"))
        .register("fails", |_: &Call<'_>| {
            Err(StepFailure::new(ErrorClass::TransientIo, "hunter2 is down"))
        })
        .register("array", |_: &Call<'_>| Ok(json!([])));
    assert_eq!(
        failure(&run(&functions, request("s", name))),
        (class, reason.to_owned())
    );
}

#[test]
fn preflight_refuses_an_unknown_function() {
    let functions = Functions::new();
    let faults = functions.preflight(&request("s", "f"));
    assert_eq!(faults.len(), 1);
    assert_eq!(
        (faults[0].step.as_str(), faults[0].class),
        ("s", ErrorClass::ConfigError)
    );
    assert!(
        Functions::new()
            .register("f", |_| Ok(Value::Null))
            .preflight(&request("s", "f"))
            .is_empty()
    );
}

/// A function that says that it began and returns when told to.
fn held() -> (
    impl Fn(&Call<'_>) -> Result<Value, StepFailure> + Send + Sync,
    Receiver<bool>,
    Sender<()>,
) {
    let (began, begins) = channel();
    let (release, released) = channel();
    let released = Mutex::new(released);
    let body = move |call: &Call<'_>| {
        began.send(call.is_cancelled()).unwrap();
        released.lock().unwrap().recv().unwrap();
        began.send(call.is_cancelled()).unwrap();
        Ok(Value::Null)
    };
    (body, begins, release)
}

#[test]
fn a_deadline_is_reported_and_the_thread_abandoned() {
    let (body, begins, release) = held();
    let functions = Functions::new()
        .max_in_flight(1)
        .register("held", body)
        .register("next", |_| Ok(Value::Null));
    let (sink, reports) = sink();
    functions.start(
        StepRequest {
            timeout: Some(SHORT),
            ..request("s", "held")
        },
        sink,
    );
    let result = reports.recv().unwrap().result;
    assert_eq!(
        failure(&result),
        (ErrorClass::Timeout, "did not return within 30ms".into())
    );
    assert!(result.wall >= SHORT);
    // The only thread is gone, and others are served nevertheless.
    assert!(run(&functions, request("t", "next")).end.is_ok());
    assert!(!begins.recv().unwrap());
    release.send(()).unwrap();
    assert!(begins.recv().unwrap(), "it can see that nobody waits");
    assert!(run(&functions, request("u", "next")).end.is_ok());
    assert!(reports.try_recv().is_err(), "one report only");
}

#[rstest]
#[case(CancelReason::Cancelled, ErrorClass::Cancelled)]
#[case(CancelReason::RunTimeout, ErrorClass::Timeout)]
#[case(CancelReason::Interrupted, ErrorClass::WorkerLost)]
fn a_cancelled_function_is_waited_for_within_its_grace(
    #[case] reason: CancelReason,
    #[case] class: ErrorClass,
) {
    let (body, begins, release) = held();
    let functions = Functions::new().register("held", body);
    let (sink, reports) = sink();
    let request = request("s", "held");
    functions.start(request.clone(), sink);
    begins.recv().unwrap();
    functions.cancel(&request.attempt, reason);
    functions.cancel(&request.attempt, CancelReason::Cancelled);
    release.send(()).unwrap();
    assert!(begins.recv().unwrap());
    let result = reports.recv().unwrap().result;
    assert_eq!(failure(&result).0, class);
    assert!(result.started_at.is_some());
}

#[test]
fn a_function_that_ignores_its_cancellation_is_given_up() {
    let (body, begins, release) = held();
    let functions = Functions::new().register("held", body);
    let (sink, reports) = sink();
    let request = StepRequest {
        kill_grace: SHORT,
        timeout: Some(LONG),
        ..request("s", "held")
    };
    functions.start(request.clone(), sink);
    begins.recv().unwrap();
    functions.cancel(&request.attempt, CancelReason::Cancelled);
    assert_eq!(
        failure(&reports.recv().unwrap().result).0,
        ErrorClass::Cancelled
    );
    release.send(()).unwrap();
}

#[test]
fn beyond_the_limit_calls_wait_in_order_and_can_be_cancelled() {
    let (body, begins, release) = held();
    let functions = Functions::new().max_in_flight(1).register("held", body);
    let (sink, reports) = sink();
    for step in ["a", "b", "c"] {
        functions.start(request(step, "held"), sink.clone());
    }
    begins.recv().unwrap();
    functions.cancel(&request("b", "held").attempt, CancelReason::Cancelled);
    let cancelled = reports.recv().unwrap();
    assert_eq!(cancelled.attempt.step.step.as_str(), "b");
    assert_eq!(cancelled.result.started_at, None);
    release.send(()).unwrap();
    release.send(()).unwrap();
    let order: Vec<String> = (0..2)
        .map(|_| reports.recv().unwrap().attempt.step.step.to_string())
        .collect();
    assert_eq!(order, ["a", "c"]);
}

#[test]
fn a_closed_registry_answers_for_what_waited() {
    let (body, begins, release) = held();
    let functions = Functions::new().max_in_flight(1).register("held", body);
    let (sink, reports) = sink();
    functions.start(request("a", "held"), sink.clone());
    begins.recv().unwrap();
    functions.start(request("b", "held"), sink);
    drop(functions);
    let lost = reports.recv().unwrap();
    assert_eq!(lost.attempt.step.step.as_str(), "b");
    assert_eq!(failure(&lost.result).0, ErrorClass::WorkerLost);
    release.send(()).unwrap();
    assert!(reports.recv().unwrap().result.end.is_ok());
}
