//! What can be done with a run in a folder can be done with one in a database.

use crate::house::{In, house};
use rok_facades::runs::{
    AttestOptions, CollectReport, CollectRequest, CommandAnswer, DriveEnd, DriveOptions,
    EventQuery, HoldRequest, ListQuery, ReplayRequest, RollbackOptions, RunSelector, RunsError,
    StopSignal, Verb, VerifyVerdict,
};
use rok_log::{Collect, Collected};
use rok_vocabulary::{Actor, Outcome, RunPhase, Timestamp};
use rstest::rstest;
use std::io::Read as _;
use std::time::Duration;

const TWO: &str = "steps: { a: { call: ok }, b: { call: ok, needs: [a] } }";
const GATE: &str = "steps: { ask: { call: ok, gate: manual }, b: { call: ok, needs: [ask] } }";

const WRITES: &str = "steps: { a: { call: write, artifacts: [{ path: out.txt }] } }";

fn ann() -> Actor {
    Actor::User("ann".into())
}

#[rstest]
fn a_run_is_submitted_driven_listed_and_verified(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(TWO);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    assert_eq!(
        house.is_clean(&run),
        (RunPhase::Completed, Outcome::Succeeded)
    );
    assert_eq!(house.summary(&run).status, "succeeded");
    let events = house.runs.events(&run, &EventQuery::default()).unwrap();
    assert_eq!(events.last().unwrap().event_type, "run.sealed");
    let listed = house.runs.list(&ListQuery::default()).unwrap();
    assert_eq!(listed.len(), 1);
    let short = RunSelector(run.as_str()[..12].to_owned());
    assert_eq!(house.runs.find(&short).unwrap(), run);
    assert_eq!(
        house
            .runs
            .find(&RunSelector("nothing".into()))
            .unwrap_err()
            .code,
        "ROK0101"
    );
    house.runs.explain(&run, None).unwrap();
    house.runs.timing(&run).unwrap();
    house.runs.ready().unwrap();
    // Functions that declare no file need no folder.
    assert!(!house.dir.path().join("runs").join(run.as_str()).exists());
    pool.drain();
    pool.join();
}

#[rstest]
fn a_gate_waits_for_its_approval(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(GATE);
    assert!(matches!(house.rests(&run), DriveEnd::Held(_)));
    assert_eq!(house.summary(&run).status, "blocked");
    let refused = house.command(&run, Verb::Approve("b".parse().unwrap()));
    assert_eq!(refused.unwrap_err().code, "ROK0112");
    let approved = house.command(&run, Verb::Approve("ask".parse().unwrap()));
    assert_eq!(approved.unwrap(), CommandAnswer::Done { by_owner: true });
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    house.is_clean(&run);
    let rejected = house.submit(GATE);
    house.rests(&rejected);
    house
        .command(&rejected, Verb::Reject("ask".parse().unwrap()))
        .unwrap();
    assert_eq!(house.outcome(&rejected), Outcome::Failed);
    pool.drain();
    pool.join();
}

#[rstest]
fn a_running_run_is_paused_and_cancelled(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit("steps: { a: { call: slow }, b: { call: ok, needs: [a] } }");
    house.comes_to(&run, "step.started");
    house.command(&run, Verb::Pause).unwrap();
    house.command(&run, Verb::Unpause).unwrap();
    house.command(&run, Verb::Cancel).unwrap();
    assert_eq!(house.outcome(&run), Outcome::Cancelled);
    house.is_clean(&run);
    pool.drain();
    pool.join();
}

#[rstest]
fn a_failed_run_is_resumed_in_its_next_epoch(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit("steps: { a: { call: ok }, b: { call: twice, needs: [a] } }");
    assert_eq!(house.outcome(&run), Outcome::Failed);
    let end = house.resume(&run).unwrap();
    assert!(
        matches!(
            end,
            DriveEnd::Ended {
                outcome: Outcome::Succeeded,
                ..
            }
        ),
        "{end:?}"
    );
    assert_eq!((house.times(&run, "a"), house.times(&run, "b")), (1, 2));
    house.is_clean(&run);
    assert_eq!(house.resume(&run).unwrap_err().code, "ROK0104");
    pool.drain();
    pool.join();
}

#[rstest]
fn what_succeeded_is_undone(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(
        "steps: { a: { call: ok, compensate: { call: ok } }, b: { call: bad, needs: [a] } }",
    );
    assert_eq!(house.outcome(&run), Outcome::Failed);
    let options = RollbackOptions {
        actor: ann(),
        reason: Some("because".into()),
        done: Vec::new(),
        again: Vec::new(),
        secrets_file: None,
        drive: DriveOptions::default(),
    };
    house
        .runs
        .rollback(&run, &options, &StopSignal::new(), &mut ())
        .unwrap();
    assert_eq!(house.summary(&run).status, "rolled_back");
    house.is_clean(&run);
    pool.drain();
    pool.join();
}

#[rstest]
fn a_failed_hard_gate_is_overridden(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(
        "overrides: { max: 1, expires: 1h }\nsteps: { a: { call: bad, gate: hard }, b: { call: ok, needs: [a] } }",
    );
    assert_eq!(house.outcome(&run), Outcome::Failed);
    house
        .command(&run, Verb::Override("a".parse().unwrap()))
        .unwrap();
    house.resume(&run).unwrap();
    assert_eq!(house.outcome(&run), Outcome::Partial);
    assert_eq!(house.times(&run, "b"), 1);
    pool.drain();
    pool.join();
}

#[rstest]
fn artifacts_lie_in_the_runs_folder_and_are_checked(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(WRITES);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    let mut made = house.runs.artifact(&run, "out.txt", None).unwrap();
    let mut text = String::new();
    made.content.read_to_string(&mut text).unwrap();
    assert_eq!(text, "made");
    assert_eq!(house.verify(&run).artifacts, 1);
    pool.drain();
    pool.join();
}

#[rstest]
fn a_run_is_replayed_from_a_step(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit("steps: { a: { call: ok }, b: { call: bad, needs: [a] } }");
    assert_eq!(house.outcome(&run), Outcome::Failed);
    let request = ReplayRequest {
        from: Some("b".parse().unwrap()),
        run_id: None,
        submitter: ann(),
        reason: None,
        secrets_file: None,
    };
    let replay = house.runs.replay(&run, request).unwrap();
    assert_eq!(house.outcome(&replay), Outcome::Failed);
    assert_eq!(
        (house.times(&replay, "a"), house.times(&replay, "b")),
        (0, 1)
    );
    house.is_clean(&replay);
    pool.drain();
    pool.join();
}

fn all() -> CollectRequest {
    CollectRequest {
        older_than: Some(Duration::ZERO),
        keep: None,
        max_bytes: None,
        dry_run: false,
        actor: ann(),
    }
}

fn names(report: &CollectReport) -> Vec<&str> {
    let runs = report.collected.iter().map(|run| run.run_id.as_str());
    runs.collect()
}

#[rstest]
fn what_is_held_or_open_is_kept_and_the_rest_collected(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit_as("kept", TWO);
    house.submit_as("goes", WRITES);
    let open = house.submit_as("open", GATE);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    assert_eq!(house.outcome(&"goes".parse().unwrap()), Outcome::Succeeded);
    assert!(matches!(house.rests(&open), DriveEnd::Held(_)));
    let held = house.runs.hold(
        &run,
        &HoldRequest {
            reason: "because".into(),
            actor: ann(),
            release: false,
        },
    );
    assert!(held.unwrap().held);
    assert!(
        house.runs.attest(&run, &AttestOptions::default()).is_err(),
        "no key is set"
    );
    let dry = CollectRequest {
        dry_run: true,
        ..all()
    };
    let dry = house.runs.collect(&dry).unwrap();
    assert_eq!(names(&dry), ["goes"]);
    let report = house.runs.collect(&all()).unwrap();
    assert_eq!(names(&report), ["goes"]);
    assert_eq!(report.freed_bytes, dry.freed_bytes);
    let kept: Vec<_> = report.kept.iter().map(|run| run.run_id.as_str()).collect();
    assert_eq!(kept, ["kept", "open"]);
    assert_eq!(
        (report.failed.len(), house.is_clean(&run).1),
        (0, Outcome::Succeeded)
    );
    let approved = house.command(&open, Verb::Approve("ask".parse().unwrap()));
    assert_eq!(approved.unwrap(), CommandAnswer::Done { by_owner: true });
    pool.drain();
    pool.join();
}

#[rstest]
fn a_stub_proves_what_the_run_came_to_and_nothing_else_is_left(
    #[values(In::Memory, In::Sqlite)] of: In,
) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(WRITES);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    let before = house.verify(&run);
    let report = house.runs.collect(&all()).unwrap();
    assert_eq!(names(&report), [run.as_str()]);
    let left = house.verify(&run);
    assert_eq!(left.verdict, VerifyVerdict::Collected, "{:?}", left.faults);
    assert_eq!((&left.head, left.lines), (&before.head, before.lines));
    assert!(!house.dir.path().join("runs").join(run.as_str()).exists());
    let listed = house.runs.list(&ListQuery::default()).unwrap();
    assert_eq!(
        (&*listed[0].status, listed[0].outcome),
        ("collected", Some(Outcome::Succeeded))
    );
    let code = |told: Result<(), RunsError>| told.unwrap_err().code;
    assert_eq!(code(house.runs.summary(&run).map(drop)), "ROK0160");
    let events = house.runs.events(&run, &EventQuery::default());
    assert_eq!(code(events.map(drop)), "ROK0160");
    assert_eq!(code(house.resume(&run).map(drop)), "ROK0160");
    assert_eq!(code(house.command(&run, Verb::Cancel).map(drop)), "ROK0160");
    let hold = HoldRequest {
        reason: "too late".into(),
        actor: ann(),
        release: false,
    };
    assert_eq!(code(house.runs.hold(&run, &hold).map(drop)), "ROK0160");
    // Its name is taken, and nothing is left to collect.
    let mut again = house.submission(TWO);
    again.run_id = Some(run.clone());
    assert_eq!(code(house.runs.submit(again).map(drop)), "ROK0116");
    let again = house.runs.collect(&all()).unwrap();
    assert_eq!((names(&again), again.freed_bytes), (vec![], 0));
    pool.drain();
    pool.join();
}

/// Whoever puts something else in the place of a stub proves nothing.
#[rstest]
fn a_stub_that_was_forged_is_broken(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let (like, run) = (house.submit_as("a", TWO), house.submit_as("b", TWO));
    for run in [&like, &run] {
        assert_eq!(house.outcome(run), Outcome::Succeeded);
    }
    let keep = HoldRequest {
        reason: "for a while".into(),
        actor: ann(),
        release: false,
    };
    house.runs.hold(&run, &keep).unwrap();
    assert_eq!(names(&house.runs.collect(&all()).unwrap()), ["a"]);
    let mut store = house.store();
    // The stub of another run, under this one's name and not.
    let stub = String::from_utf8(store.stub(&like).unwrap().unwrap()).unwrap();
    let renamed = stub.replace("\"run_id\":\"a\"", "\"run_id\":\"b\"");
    assert_ne!(stub, renamed);
    let seal = store.seal(&run).unwrap().unwrap();
    let forged = Collect {
        run: run.clone(),
        next_seq: store.next_seq(&run).unwrap(),
        head: seal.head,
        now: Timestamp::from_millis(i64::MAX),
        stub: renamed.into_bytes(),
        records: Vec::new(),
    };
    assert_eq!(store.collect(&forged).unwrap(), Collected::Done);
    let report = house.verify(&run);
    assert_eq!(report.verdict, VerifyVerdict::Broken);
    let faults: Vec<_> = report.faults.iter().map(|fault| &*fault.file).collect();
    assert!(faults.contains(&"seal.json"), "{faults:?}");
    assert_eq!(house.verify(&like).verdict, VerifyVerdict::Collected);
    pool.drain();
    pool.join();
}

/// A request that comes again after its run was collected makes no second one.
#[rstest]
fn the_key_of_a_collected_run_makes_no_other(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let keyed = || {
        let mut submission = house.submission(TWO);
        submission.idempotency_key = Some("once".into());
        house.runs.submit(submission)
    };
    let run = keyed().unwrap();
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    assert_eq!(names(&house.runs.collect(&all()).unwrap()), [run.as_str()]);
    assert_eq!(keyed().unwrap(), run);
    assert_eq!(house.runs.list(&ListQuery::default()).unwrap().len(), 1);
    pool.drain();
    pool.join();
}

/// What a kill left in the folder of a stub goes the next time.
#[rstest]
fn what_a_kill_left_beside_a_stub_goes_the_next_time(#[values(In::Memory, In::Sqlite)] of: In) {
    let house = house(of);
    let pool = house.pool();
    let run = house.submit(WRITES);
    assert_eq!(house.outcome(&run), Outcome::Succeeded);
    let _ = house.runs.collect(&all()).unwrap();
    let dir = house.dir.path().join("runs").join(run.as_str());
    std::fs::create_dir_all(dir.join("logs")).unwrap();
    std::fs::write(dir.join("logs/a.1.log"), "said").unwrap();
    std::fs::write(dir.join("holds.jsonl"), "").unwrap();
    let report = house.runs.collect(&all()).unwrap();
    assert_eq!(report.freed_bytes, 4);
    assert!(!dir.join("logs").exists() && dir.join("holds.jsonl").exists());
    assert_eq!(house.verify(&run).verdict, VerifyVerdict::Collected);
    pool.drain();
    pool.join();
}
