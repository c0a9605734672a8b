//! Every case is failed by somebody: for each there is an engine that is wrong
//! in one way, and the case says so. A case that nobody fails shows nothing.

use super::{Flaw, Twin, spoilt};
use rok_agents::Happened;
use rok_attest::{Checkpoint, Head};
use rok_conformance::{Case, Engine, Fault, cases, decided};
use rok_facades::runs::{
    AttestOptions, Attested, AuditView, CollectReport, CollectRequest, CommandAnswer,
    CommandRequest, DriveEnd, DriveOptions, DryRun, EventLine, EventQuery, Explanation,
    ExportOptions, Exported, Fetched, HeldView, HoldRequest, ImportOptions, Imported, ListQuery,
    LogQuery, LogTail, Observer, RedecidedView, ReplayRequest, Resumable, ResumeOptions,
    RollbackOptions, RunListing, RunSelector, RunSummary, RunTiming, RunsEngine, RunsError,
    RunsFacade, SignedFile, StepSummary, StopSignal, Submission, TailQuery, VerifyOptions,
    VerifyReport,
};
use rok_vocabulary::{Federation, RunId};
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

/// Who is wrong, and how.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// Its executor of processes.
    Executor(Flaw),
    /// Its policies or its agents.
    Beside(Twin),
    /// What is behind its door.
    Door(Lie),
    /// What it decides on agents.
    Decides(rok_conformance::Decides),
}

/// What an engine tells that is not so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    /// Runs another plan in place of one that is wrong.
    Forgiving,
    /// Gives a plan back in other words.
    Rewording,
    /// Does not say when steps began.
    Timeless,
}

/// An engine behind a door that lies.
struct Liar {
    engine: RunsFacade,
    lie: Lie,
}

/// Methods that the engine behind answers.
macro_rules! told_as_it_is {
    ($(fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $answer:ty;)+) => {
        $(fn $name(&self $(, $argument: $type)*) -> Result<$answer, RunsError> {
            self.engine.$name($($argument),*)
        })+
    };
}

impl RunsEngine for Liar {
    fn submit(&self, submission: Submission) -> Result<RunId, RunsError> {
        let other = Submission {
            plan: b"plan: conformance\nsteps: { a: { run: ['true'] } }\n".to_vec(),
            ..submission.clone()
        };
        match self.engine.submit(submission) {
            Err(_) if self.lie == Lie::Forgiving => self.engine.submit(other),
            answer => answer,
        }
    }

    fn plan(&self, run: &RunId) -> Result<Vec<u8>, RunsError> {
        let mut plan = self.engine.plan(run)?;
        plan.extend((self.lie == Lie::Rewording).then_some(b'\n'));
        Ok(plan)
    }

    fn events(&self, run: &RunId, query: &EventQuery) -> Result<Vec<EventLine>, RunsError> {
        let mut events = self.engine.events(run, query)?;
        for event in &mut events {
            if self.lie == Lie::Timeless && event.event_type == "step.started" {
                event.line = event.line.replace("\"timestamp_utc\"", "\"about\"").into();
            }
        }
        Ok(events)
    }

    told_as_it_is! {
        fn dry_run(&self, submission: Submission) -> DryRun;
        fn check_plans(&self, plan: &[u8], source: &str, folder: &Path) -> ();
        fn redecide(&self, run: &RunId) -> RedecidedView;
        fn replay(&self, run: &RunId, request: ReplayRequest) -> RunId;
        fn drive(&self, run: &RunId, options: &DriveOptions, stop: &StopSignal, observer: &mut dyn Observer) -> DriveEnd;
        fn resume(&self, run: &RunId, options: &ResumeOptions, stop: &StopSignal, observer: &mut dyn Observer) -> DriveEnd;
        fn rollback(&self, run: &RunId, options: &RollbackOptions, stop: &StopSignal, observer: &mut dyn Observer) -> DriveEnd;
        fn resumable(&self, run: &RunId) -> Resumable;
        fn command(&self, run: &RunId, request: CommandRequest) -> CommandAnswer;
        fn find(&self, selector: &RunSelector) -> RunId;
        fn summary(&self, run: &RunId) -> RunSummary;
        fn step(&self, run: &RunId, step: &str) -> Vec<StepSummary>;
        fn artifact(&self, run: &RunId, path: &str, step: Option<&str>) -> Fetched;
        fn envelopes(&self, run: &RunId) -> Vec<SignedFile>;
        fn ready(&self) -> ();
        fn audit(&self, run: &RunId) -> AuditView;
        fn explain(&self, run: &RunId, step: Option<&str>) -> Explanation;
        fn follow(&self, run: &RunId, query: &EventQuery, stop: &StopSignal, each: &mut dyn FnMut(&EventLine) -> bool) -> ();
        fn logs(&self, run: &RunId, query: &LogQuery, stop: &StopSignal, out: &mut dyn Write) -> ();
        fn timing(&self, run: &RunId) -> RunTiming;
        fn log_tails(&self, run: &RunId, query: &TailQuery) -> Vec<LogTail>;
        fn list(&self, query: &ListQuery) -> Vec<RunListing>;
        fn hold(&self, run: &RunId, request: &HoldRequest) -> HeldView;
        fn collect(&self, request: &CollectRequest) -> CollectReport;
        fn verify(&self, run: &RunId, options: &VerifyOptions) -> VerifyReport;
        fn attest(&self, run: &RunId, options: &AttestOptions) -> Attested;
        fn checkpoint(&self, run: &RunId, options: &AttestOptions) -> Checkpoint;
        fn head_at(&self, run: &RunId, lines: u64) -> Option<Head>;
        fn export(&self, run: &RunId, options: &ExportOptions) -> Exported;
        fn import(&self, options: &ImportOptions) -> Imported;
        fn verify_bundle(&self, bundle: &ImportOptions, options: &VerifyOptions) -> VerifyReport;
    }
}

/// Decides as if something else had happened.
fn as_if(
    federation: Federation,
    idempotent: bool,
    happened: &[Happened],
    other: fn(Happened) -> Happened,
) -> Result<String, Fault> {
    let happened: Vec<Happened> = happened.iter().cloned().map(other).collect();
    decided(federation, idempotent, &happened)
}

fn lost() -> Happened {
    Happened::Silent("simulated".to_owned())
}

const LATE_IS_LOST: rok_conformance::Decides = |federation, idempotent, happened| {
    as_if(federation, idempotent, happened, |one| match one {
        Happened::Late { .. } => lost(),
        other => other,
    })
};

const FORGED_IS_LOST: rok_conformance::Decides = |federation, idempotent, happened| {
    as_if(federation, idempotent, happened, |one| match one {
        Happened::Forged(_) => lost(),
        other => other,
    })
};

const QUORUM_IS_LOST: rok_conformance::Decides = |federation, idempotent, happened| {
    as_if(federation, idempotent, happened, |one| match one {
        Happened::QuorumLost(_) => lost(),
        other => other,
    })
};

const LOST_IS_FORGED: rok_conformance::Decides = |federation, idempotent, happened| {
    as_if(federation, idempotent, happened, |one| match one {
        Happened::Silent(why) => Happened::Forged(why),
        other => other,
    })
};

const NO_QUARANTINE: rok_conformance::Decides =
    |_, idempotent, happened| decided(Federation::RemotePrefer, idempotent, happened);

const ALWAYS_AGAIN: rok_conformance::Decides =
    |federation, _, happened| decided(federation, true, happened);

const TRUSTS_ANYBODY: rok_conformance::Decides = |federation, idempotent, happened| {
    let story = decided(federation, idempotent, happened)?;
    Ok(story.replace(" validation_failed", " u"))
};

/// For each engine that is wrong, the cases that tell.
const TOLD_BY: &[(Wrong, &[&str])] = &[
    (
        Wrong::Door(Lie::Forgiving),
        &["schema/plans_that_are_wrong_are_refused_and_leave_nothing"],
    ),
    (
        Wrong::Door(Lie::Rewording),
        &["schema/a_plan_comes_back_as_it_was_taken"],
    ),
    (
        Wrong::Door(Lie::Timeless),
        &["schema/every_event_says_what_when_and_of_which_run"],
    ),
    (
        Wrong::Executor(Flaw::Final),
        &[
            "retry/what_is_transient_is_tried_again_until_it_succeeds",
            "retry/tries_end",
        ],
    ),
    (
        Wrong::Executor(Flaw::Hopeful),
        &["retry/what_is_final_is_not_tried_again"],
    ),
    (
        Wrong::Executor(Flaw::Rosy),
        &[
            "retry/what_may_not_be_repeated_is_not_tried_again",
            "retry/a_fallback_stands_in_and_the_run_is_partial",
            "chaos/a_step_that_fails_fails_its_run",
            "chaos/a_step_that_is_killed_fails_its_run",
            "chaos/a_step_that_cannot_work_here_fails_its_run",
            "chaos/a_step_that_never_ends_is_ended",
            "chaos/a_result_that_cannot_be_read_is_no_result",
            "chaos/an_error_that_cannot_be_read_is_still_a_failure",
            "chaos/a_hard_gate_stops_what_has_not_begun",
            "chaos/what_needs_a_failed_step_is_skipped",
            "chaos/what_succeeded_is_undone_where_the_plan_says_so",
            "chaos/a_run_that_undoes_nothing_says_so",
        ],
    ),
    (
        Wrong::Executor(Flaw::Gloomy),
        &[
            "retry/a_fallback_rests_while_nothing_fails",
            "budget/steps_that_are_used_up_stop_the_run",
            "budget/a_budget_can_hold_the_run_until_somebody_goes_on",
            "policy/what_no_policy_covers_is_left_alone",
            "chaos/much_output_harms_nothing",
            "chaos/what_a_step_leaves_behind_does_not_hold_the_run",
        ],
    ),
    (
        Wrong::Executor(Flaw::Inventive),
        &["chaos/a_result_that_was_not_declared_is_no_result"],
    ),
    (
        Wrong::Executor(Flaw::Picky),
        &[
            "chaos/a_run_that_takes_too_long_is_ended",
            "chaos/a_cancelled_run_ends",
            "chaos/a_rejected_gate_ends_the_run",
        ],
    ),
    (
        Wrong::Executor(Flaw::Swift),
        &["budget/time_that_is_used_up_stops_the_run"],
    ),
    (
        Wrong::Executor(Flaw::Thrifty),
        &[
            "budget/cost_that_is_used_up_stops_the_run",
            "budget/energy_that_is_used_up_stops_the_run",
            "budget/tokens_that_are_used_up_stop_the_run",
        ],
    ),
    (
        Wrong::Executor(Flaw::Spendthrift),
        &["budget/a_budget_that_suffices_stops_nothing"],
    ),
    (
        Wrong::Beside(Twin::Lenient),
        &["policy/a_strict_policy_blocks_before_anything_runs"],
    ),
    (
        Wrong::Beside(Twin::Severe),
        &["policy/a_soft_policy_is_told_and_lets_pass"],
    ),
    (
        Wrong::Beside(Twin::Credulous),
        &[
            "federation/a_step_is_done_here_where_an_agent_forges",
            "federation/under_quarantine_a_forged_result_ends_the_step",
        ],
    ),
    (
        Wrong::Beside(Twin::Faint),
        &[
            "federation/a_step_is_done_by_the_agent_that_stands_in_for_a_dead_one",
            "federation/a_step_is_done_here_where_an_agent_is_late",
        ],
    ),
    (
        Wrong::Beside(Twin::Reckless),
        &["federation/what_may_not_be_repeated_waits_for_a_person"],
    ),
    (
        Wrong::Decides(LATE_IS_LOST),
        &["federation/an_agent_that_is_too_slow_is_stood_in_for"],
    ),
    (
        Wrong::Decides(FORGED_IS_LOST),
        &["federation/an_agent_that_forges_is_stood_in_for_here"],
    ),
    (
        Wrong::Decides(QUORUM_IS_LOST),
        &["federation/a_lost_quorum_is_stood_in_for_here"],
    ),
    (
        Wrong::Decides(LOST_IS_FORGED),
        &["federation/an_agent_that_dies_is_stood_in_for_elsewhere"],
    ),
    (
        Wrong::Decides(NO_QUARANTINE),
        &["federation/quarantine_refuses_instead"],
    ),
    (
        Wrong::Decides(ALWAYS_AGAIN),
        &["federation/what_is_not_idempotent_never_begins_twice"],
    ),
    (
        Wrong::Decides(TRUSTS_ANYBODY),
        &["federation/trust_that_is_too_little_is_never_asked"],
    ),
];

fn made(wrong: Wrong, folder: &Path) -> Engine {
    match wrong {
        Wrong::Executor(flaw) => spoilt(folder, Some(flaw), None),
        Wrong::Beside(twin) => spoilt(folder, None, Some(twin)),
        Wrong::Decides(decides) => spoilt(folder, None, None).deciding(decides),
        Wrong::Door(lie) => {
            let engine = super::sound(folder);
            let runs = RunsFacade::new(Arc::new(Liar { engine, lie }));
            Engine::new(runs, folder.to_owned())
        }
    }
}

fn case(name: &str) -> &'static Case {
    let mut all = cases();
    let found = all.find(|case| case.full_name() == name);
    found.unwrap_or_else(|| panic!("there is no case {name}"))
}

#[test]
fn every_case_is_failed_by_an_engine_that_is_wrong() {
    let mut kind: BTreeSet<String> = cases().map(Case::full_name).collect();
    let mut blind = Vec::new();
    for (wrong, names) in TOLD_BY {
        let folder = tempfile::tempdir().expect("a folder");
        let engine = made(*wrong, folder.path());
        for name in *names {
            kind.remove(*name);
            match case(name).check(&engine) {
                Err(Fault::Broken(_)) => {}
                other => blind.push(format!("{name} with {wrong:?}: {other:?}")),
            }
        }
    }
    assert!(blind.is_empty(), "not told:\n{}", blind.join("\n"));
    assert!(kind.is_empty(), "nobody fails {kind:?}");
}

/// What is wrong in one place only is told by the case about it alone.
#[test]
fn a_lie_is_told_by_the_case_about_it_and_no_other() {
    for (wrong, names) in TOLD_BY {
        let Wrong::Door(_) = wrong else { continue };
        let folder = tempfile::tempdir().expect("a folder");
        let engine = made(*wrong, folder.path());
        let schema = cases().filter(|case| case.area == "schema");
        let failed = schema.filter(|case| case.check(&engine).is_err());
        let failed: Vec<String> = failed.map(Case::full_name).collect();
        assert_eq!(failed, *names, "{wrong:?}");
    }
}
