//! The suite finds what is broken: each rule has an executor that breaks it and
//! no other, or so few others.

use super::*;
use crate::port::{
    AttemptRef, CancelReason, ExecutorError, PreflightFault, Remains, ReportSink, ServiceWork,
    StepReport, StepRequest,
};
use crate::{Call, Functions, StepFailure};
use rok_vocabulary::{ErrorClass, RunId};
use rstest::rstest;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Mutex;

/// Reports of what is over, and who was told.
type Over = Arc<Mutex<Vec<(StepReport, Arc<dyn ReportSink>)>>>;

/// What is wrong with an executor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    /// Reports a success twice: once more as the next work begins.
    Twice,
    /// Hands on what nobody can keep.
    Shapeless,
    /// Reports failures as successes.
    Rosy,
    /// Says nothing of why it failed.
    Mute,
    /// Names the wrong attempt in its reports.
    Confused,
    /// Tells attempts apart by the first two letters of their steps.
    Forgetful,
    /// Says secrets.
    Blabbing,
    /// Takes work of another kind.
    Greedy,
    /// Finds fault with everything.
    Picky,
    /// Calls a deadline that passed an internal error.
    Timeless,
    /// Takes the end of a run's time for a cancellation.
    Hurried,
    /// Mistakes a stop that comes right after the start.
    Hasty,
    /// Reports what is over once more when it is stopped.
    Haunted,
    /// Knows one reason for a stop.
    Deaf,
    /// Ends everything when it is to end one thing.
    Rash,
    /// Cannot look for what remains.
    Blind,
    /// None; its runs have long names.
    Rambling,
}

struct Flawed {
    functions: Functions,
    flaw: Flaw,
    begun: Mutex<Vec<AttemptRef>>,
    /// What began last, unless a stop came since.
    last: Mutex<Option<AttemptRef>>,
    over: Over,
}

fn functions() -> Functions {
    Functions::new()
        .register("answers", |_: &Call<'_>| Ok(json!({ "answer": 42 })))
        .register("fails", |_: &Call<'_>| {
            Err(StepFailure::new(ErrorClass::ContractInputMissing, "no"))
        })
        .register("stays", |call: &Call<'_>| {
            while !call.is_cancelled() {
                // Work that looks now and then whether it should go on.
                std::thread::park_timeout(std::time::Duration::from_millis(1));
            }
            Ok(Value::Null)
        })
        .register("blabs", |call: &Call<'_>| {
            let token = call.secrets().get("token").unwrap_or_default();
            Err(StepFailure::new(
                ErrorClass::ContractInputMissing,
                format!("no {token}"),
            ))
        })
}

fn flawed(flaw: Flaw) -> Arc<Flawed> {
    Arc::new(Flawed {
        functions: functions(),
        flaw,
        begun: Mutex::default(),
        last: Mutex::default(),
        over: Arc::default(),
    })
}

/// What the executor's flaw makes of a report; `timed`: the attempt has a deadline.
fn spoilt(flaw: Flaw, timed: bool, mut report: StepReport) -> StepReport {
    let end = &mut report.result.end;
    match (flaw, &mut *end) {
        (Flaw::Shapeless, Ok(success)) => success.outputs = json!(42),
        (Flaw::Rosy, Err(failure)) if failure.class == ErrorClass::ContractInputMissing => {
            *end = Ok(crate::StepSuccess::default());
        }
        (Flaw::Mute, Err(failure)) => failure.reason.clear(),
        (Flaw::Blabbing, Err(failure)) => failure.reason = failure.reason.replace("***", SECRET),
        (Flaw::Timeless, Err(failure)) if timed => failure.class = ErrorClass::Internal,
        (Flaw::Confused, _) if report.attempt.step.step.as_str() != "afterwards" => {
            report.attempt.step.attempt.0 += 1;
        }
        _ => {}
    }
    report
}

/// Whether steps are called alike, as far as two letters go.
fn alike(one: &AttemptRef, other: &AttemptRef) -> bool {
    let name = |attempt: &AttemptRef| {
        attempt
            .step
            .step
            .as_str()
            .chars()
            .take(2)
            .collect::<String>()
    };
    one.run == other.run && name(one) == name(other)
}

impl Executor for Flawed {
    fn accepts(&self, work: &Work) -> bool {
        self.flaw == Flaw::Greedy || self.functions.accepts(work)
    }

    fn preflight(&self, request: &StepRequest) -> Vec<PreflightFault> {
        if self.flaw == Flaw::Picky {
            return vec![PreflightFault {
                step: request.attempt.step.step.to_string(),
                class: ErrorClass::ConfigError,
                reason: "never".to_owned(),
            }];
        }
        self.functions.preflight(request)
    }

    fn start(&self, request: StepRequest, sink: Arc<dyn ReportSink>) {
        let (flaw, timed) = (self.flaw, request.timeout.is_some());
        let attempt = request.attempt.clone();
        let mut begun = self.begun.lock().unwrap();
        let first = begun.iter().find(|begun| alike(begun, &attempt)).cloned();
        begun.push(attempt.clone());
        drop(begun);
        *self.last.lock().unwrap() = Some(attempt);
        let over = Arc::clone(&self.over);
        if let Some((report, sink)) = over.lock().unwrap().last()
            && flaw == Flaw::Twice
            && report.result.end.is_ok()
        {
            sink.report(report.clone());
        }
        let spoiling = move |report: StepReport| {
            let ended = (report.clone(), Arc::clone(&sink));
            over.lock().unwrap().push(ended);
            let mut report = spoilt(flaw, timed, report);
            if let (Flaw::Forgetful, Some(first)) = (flaw, &first) {
                report.attempt = first.clone();
            }
            sink.report(report);
        };
        self.functions.start(request, Arc::new(spoiling));
    }

    fn cancel(&self, attempt: &AttemptRef, reason: CancelReason) {
        let just_began = self.last.lock().unwrap().take().as_ref() == Some(attempt);
        let reason = match self.flaw {
            Flaw::Deaf => CancelReason::Cancelled,
            Flaw::Hurried if reason == CancelReason::RunTimeout => CancelReason::Cancelled,
            Flaw::Hasty if just_began => CancelReason::Interrupted,
            _ => reason,
        };
        if self.flaw == Flaw::Haunted {
            // Before the stop, which may end it at once.
            let over = self.over.lock().unwrap();
            if let Some((_, sink)) = over.iter().find(|(over, _)| over.attempt == *attempt) {
                sink.report(StepReport::not_started(attempt.clone(), reason.failure()));
            }
        }
        self.functions.cancel(attempt, reason);
        if self.flaw == Flaw::Rash {
            for other in self.begun.lock().unwrap().iter() {
                self.functions.cancel(other, reason);
            }
        }
    }

    fn stop_remains(&self, run: &RunId, workspace: &Workspace) -> Result<Remains, ExecutorError> {
        if self.flaw == Flaw::Blind {
            return Err(ExecutorError::Unkillable {
                pid: 1,
                step: "a".to_owned(),
            });
        }
        self.functions.stop_remains(run, workspace)
    }
}

impl Subject for Arc<Flawed> {
    fn executor(&self) -> Arc<dyn Executor> {
        Self::clone(self) as _
    }

    fn work(&self, deed: Deed) -> Option<Work> {
        let function = match deed {
            Deed::Answers => "answers",
            Deed::Fails => "fails",
            Deed::Stays => "stays",
            Deed::Blabs => "blabs",
            Deed::Foreign => {
                return Some(Work::Service(ServiceWork {
                    service: "s".to_owned(),
                    site: "w".to_owned(),
                    domain: "d".to_owned(),
                }));
            }
        };
        Some(Work::Call(CallWork {
            function: function.to_owned(),
            needs: Arc::default(),
            item: None,
        }))
    }

    fn workspace(&self) -> Option<Arc<Workspace>> {
        let nowhere = PathBuf::from("/nonexistent");
        Some(Arc::new(Workspace {
            logs: nowhere.clone(),
            artifacts: nowhere.clone(),
            procs: nowhere.clone(),
            scratch: nowhere,
        }))
    }

    fn runs(&self) -> String {
        let more = if self.flaw == Flaw::Rambling { 99 } else { 0 };
        format!("contract{}", "-again".repeat(more))
    }

    fn secrets(&self) -> Secrets {
        Secrets::from_pairs([("token".parse().unwrap(), SECRET)]).unwrap()
    }
}

fn broken(flaw: Flaw) -> Vec<&'static str> {
    let found = check(&flawed(flaw));
    let broken = found
        .iter()
        .filter(|(_, finding)| !matches!(finding, Finding::Kept));
    broken.map(|(rule, _)| rule.name).collect()
}

#[test]
fn functions_keep_the_contract() {
    assert_kept(&flawed(Flaw::None));
    assert_eq!(broken(Flaw::None), [""; 0], "and each rule is shown");
}

/// For each rule, a flaw that breaks it and no other.
const BREAKS_ONE: [(Flaw, &str); RULES.len()] = [
    (Flaw::Shapeless, "a_success_is_reported_once"),
    (Flaw::Mute, "a_failure_is_reported_once_with_its_reason"),
    (Flaw::Forgetful, "many_attempts_at_once_are_told_apart"),
    (Flaw::Blabbing, "a_secret_is_never_told"),
    (Flaw::Greedy, "foreign_work_is_refused_and_reported"),
    (Flaw::Picky, "sound_work_has_no_fault_beforehand"),
    (Flaw::Timeless, "a_deadline_ends_work_as_a_timeout"),
    (Flaw::Hurried, "a_stop_ends_work_for_its_reason"),
    (Flaw::Hasty, "a_stop_right_after_the_start_is_heard"),
    (Flaw::Rash, "a_stop_ends_one_attempt_and_no_other"),
    (Flaw::Haunted, "a_stop_of_what_is_over_is_nothing"),
    (Flaw::Blind, "what_remains_is_ended_twice_over"),
];

/// However a subject calls its runs, their ids are none too long.
#[test]
fn long_names_of_runs_are_cut() {
    let subject = flawed(Flaw::Rambling);
    assert_kept(&subject);
    let begun = subject.begun.lock().unwrap();
    assert!(begun.iter().all(|attempt| attempt.run.as_str().len() == 64));
}

#[test]
fn every_rule_is_broken_alone() {
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    let broken_alone: Vec<&str> = BREAKS_ONE.iter().map(|(_, rule)| *rule).collect();
    assert_eq!(broken_alone, rules);
    for (flaw, rule) in BREAKS_ONE {
        assert_eq!(broken(flaw), [rule], "{flaw:?}");
    }
}

#[rstest]
#[case(Flaw::Rosy, &["a_failure_is_reported_once_with_its_reason", "many_attempts_at_once_are_told_apart"])]
#[case(Flaw::Deaf, &["a_stop_ends_work_for_its_reason", "a_stop_ends_one_attempt_and_no_other"])]
fn a_flaw_breaks_its_rules(#[case] flaw: Flaw, #[case] rules: &[&str]) {
    assert_eq!(broken(flaw), rules);
}

#[rstest]
#[case(Flaw::Twice, "a_success_is_reported_once")]
#[case(Flaw::Confused, "a_success_is_reported_once")]
fn a_flaw_of_every_report_breaks_many(#[case] flaw: Flaw, #[case] first: &str) {
    assert_eq!(broken(flaw)[0], first);
}

#[test]
#[should_panic(expected = "a_secret_is_never_told: a secret is in what it reports")]
fn what_is_broken_fails_a_test_by_its_name() {
    assert_kept(&flawed(Flaw::Blabbing));
}
