//! What must hold of `claim`, case by case.

use crate::JsonlStore;
use rok_chain::{LogState, Seal, SealCheck};
use rok_log::{
    Claim, ClaimError, Durability, EventReader, Fence, Owner, Repair, RunQueue, RunStore,
    SCRIPT_LEASE, Script, StoreError,
};
use rok_vocabulary::{Outcome, RunId, RunPhase, Seq};
use rstest::rstest;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn store(dir: &Path) -> JsonlStore {
    JsonlStore::open(dir, Durability::Flush)
}

fn run() -> RunId {
    "r".parse().unwrap()
}

/// A run of six events that nobody drives, and its script.
fn left() -> (TempDir, Script, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let mut script = Script::new(&run());
    let mut store = store(dir.path());
    store.commit(&[script.create()]).unwrap();
    let fence = store
        .claim(&run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    store
        .commit(&[
            script.phase(fence, RunPhase::Executing),
            script.steps(fence, 3),
        ])
        .unwrap();
    let log = store.run_dir(&run()).join("events.jsonl");
    (dir, script, log)
}

/// The same run, sealed.
fn sealed() -> (TempDir, Script, PathBuf) {
    let (dir, mut script, log) = left();
    let mut store = store(dir.path());
    let fence = store
        .claim(&run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    store
        .commit(&[script.seal(fence, Outcome::Failed)])
        .unwrap();
    (dir, script, log)
}

fn claim(dir: &TempDir) -> Result<(JsonlStore, Claim), ClaimError> {
    let mut store = store(dir.path());
    let claim = store.claim(&run(), &Owner::new("b"), SCRIPT_LEASE)?;
    Ok((store, claim))
}

fn refusal(dir: &TempDir) -> (PathBuf, u64, u64, String) {
    match claim(dir) {
        Err(ClaimError::Store(StoreError::Corrupt {
            path,
            line,
            byte,
            what,
        })) => (path, line, byte, what),
        other => panic!("it was not refused: {other:?}"),
    }
}

#[rstest]
#[case::bytes(b"{\"event_id\":\"r:6\",\"ev", 1)]
#[case::nuls(&[0; 600], 1)]
#[case::a_hole(b"\0\0\0\0,\"seq\":6}\n", 1)]
#[case::whole_lines(b"{\"seq\":6,\"more\":true}\n{\"seq\":7,\"more\":true}\n", 2)]
#[case::lines_and_bytes(b"{\"seq\":6,\"more\":true}\n{\"se", 2)]
fn a_torn_tail_is_dropped_and_told(#[case] tail: &[u8], #[case] lines: u64) {
    let (dir, mut script, path) = left();
    let whole = fs::read(&path).unwrap();
    fs::write(&path, [&whole, tail].concat()).unwrap();
    // Who only reads sees whole decisions, and changes nothing.
    let reader = store(dir.path());
    assert_eq!(reader.read(&run()).unwrap().bytes, whole);
    let report = reader.verify(&run()).unwrap();
    assert_eq!((report.state, report.events), (LogState::Open, 6));
    assert_eq!(report.torn_tail.unwrap().bytes, tail.len());
    assert_eq!(fs::read(&path).unwrap().len(), whole.len() + tail.len());

    let (mut store, claim) = claim(&dir).unwrap();
    let dropped_bytes = tail.len() as u64;
    let expected = Repair {
        dropped_bytes,
        dropped_lines: lines,
        at_seq: Seq(6),
    };
    assert_eq!(claim.repaired, Some(expected));
    assert_eq!(fs::read(&path).unwrap(), whole);
    store.commit(&[script.steps(claim.fence, 1)]).unwrap();
    assert_eq!(store.verify(&run()).unwrap().events, 7);
}

/// The writer dies at each byte of a decision.
#[test]
fn a_decision_is_whole_or_gone() {
    let (dir, mut script, path) = left();
    let before = fs::read(&path).unwrap();
    let decision = script.clone().seal(Fence(1), Outcome::Failed);
    for keep in 0..=decision.lines.len() {
        fs::write(&path, [&before, &decision.lines[..keep]].concat()).unwrap();
        let _ = fs::remove_file(path.with_file_name("seal.json"));
        let whole = keep == decision.lines.len();
        let (mut store, claim) = claim(&dir).unwrap();
        assert_eq!(
            claim.next_seq,
            Seq(if whole { 9 } else { 6 }),
            "{keep} bytes"
        );
        assert_eq!(claim.repaired.is_some(), keep > 0 && !whole, "{keep} bytes");
        // Sealed, and the writer died before the seal lay beside the log.
        assert_eq!(claim.resealed, whole, "{keep} bytes");
        assert_eq!(store.seal(&run()).unwrap(), decision.seal.filter(|_| whole));
        store.release(&run(), claim.fence, None);
    }
    let fence = claim(&dir).unwrap().1.fence;
    assert!(fence > Fence(decision.lines.len() as u64));
    script.seal(fence, Outcome::Failed);
}

#[rstest]
#[case::missing(false)]
#[case::old(true)]
fn a_seal_is_written_again(#[case] old: bool) {
    let (dir, mut script, log) = sealed();
    let seal_path = log.with_file_name("seal.json");
    let first = fs::read(&seal_path).unwrap();
    let mut owner = store(dir.path());
    let fence = owner
        .claim(&run(), &Owner::new("a"), SCRIPT_LEASE)
        .unwrap()
        .fence;
    let resumed = script.resume(fence);
    let again = script.seal(fence, Outcome::Succeeded);
    let expected = again.seal.unwrap();
    owner.commit(&[resumed, again]).unwrap();
    drop(owner);
    if old {
        fs::write(&seal_path, &first).unwrap();
    } else {
        fs::remove_file(&seal_path).unwrap();
    }

    let report = store(dir.path()).verify(&run()).unwrap();
    let check = if old {
        SealCheck::Behind {
            sealed: expected.seq,
        }
    } else {
        SealCheck::Missing
    };
    assert_eq!(
        (report.state, report.seal, report.fault),
        (LogState::Sealed, check, None)
    );
    assert_eq!(seal_path.exists(), old, "verifying writes nothing");

    let (store, claim) = claim(&dir).unwrap();
    assert!(claim.resealed && claim.repaired.is_none());
    assert_eq!(store.seal(&run()).unwrap(), Some(expected));
    assert_eq!(store.verify(&run()).unwrap().seal, SealCheck::Matches);
}

#[test]
fn a_sealed_run_that_was_cut_is_refused() {
    let (dir, _, path) = sealed();
    let log = fs::read(&path).unwrap();
    for cut in 0..log.len() {
        fs::write(&path, &log[..cut]).unwrap();
        let (named, line, byte, what) = refusal(&dir);
        assert_eq!(named, path);
        // The first line that is not there whole.
        let whole = log[..cut].split_inclusive(|byte| *byte == b'\n');
        let whole = whole.filter(|line| line.ends_with(b"\n")).count() as u64;
        assert!(
            line == whole + 1 && byte <= cut as u64,
            "cut at {cut}: line {line}, byte {byte}"
        );
        assert!(what.contains("was sealed at line 9"), "{what}");
        assert_eq!(fs::read(&path).unwrap().len(), cut, "nothing is repaired");
    }
}

#[test]
fn what_no_crash_leaves_is_refused_where_it_is() {
    let (dir, _, path) = left();
    let log = fs::read_to_string(&path).unwrap();
    let lines: Vec<_> = log.split_inclusive('\n').collect();
    let at = |n: usize| lines[..n].concat().len() as u64;
    let without = |n: usize| [&lines[..n], &lines[n + 1..]].concat().concat();
    let swapped = [lines[0], lines[2], lines[1], lines[3], lines[4], lines[5]].concat();
    let garbage = [lines[0], lines[1], "{\"seq\":\n", lines[2]].concat();
    let flipped = log.replacen("run.created", "run.creatod", 1);
    let at_the_end = format!("{log}garbage\n");
    let cases = [
        (without(1), 2, at(1), "seq 2 where 1 is due"),
        (without(0), 1, 0, "seq 1 where 0 is due"),
        (swapped, 2, at(1), "seq 2 where 1 is due"),
        (garbage, 3, at(2) + 7, "not an event"),
        (
            flipped,
            1,
            0,
            "was changed, or a line after it was taken out",
        ),
        (at_the_end, 7, at(6), "not an event"),
        (String::new(), 1, 0, "no whole decision"),
    ];
    for (changed, line, byte, what) in cases {
        fs::write(&path, &changed).unwrap();
        let refusal = refusal(&dir);
        assert_eq!(
            (&refusal.0, refusal.1, refusal.2),
            (&path, line, byte),
            "{}",
            refusal.3
        );
        assert!(refusal.3.contains(what), "{}", refusal.3);
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            changed,
            "nothing is repaired"
        );
    }
}

#[test]
fn a_seal_that_is_none_is_refused() {
    let (dir, _, log) = sealed();
    let path = log.with_file_name("seal.json");
    let seal = Seal::from_json(&fs::read(&path).unwrap()).unwrap();
    fs::write(&path, "{\"epoch\":0,").unwrap();
    assert_eq!(refusal(&dir).0, path);
    assert!(matches!(
        store(dir.path()).verify(&run()),
        Err(StoreError::Corrupt { .. })
    ));
    let forged = Seal {
        seq: Seq(3),
        ..seal
    };
    fs::write(&path, forged.to_json()).unwrap();
    assert_eq!((refusal(&dir).0, refusal(&dir).1), (log, 4));
}

#[test]
fn a_lock_file_that_lost_its_content_starts_anew() {
    let (dir, _, log) = left();
    let path = log.with_file_name("lock");
    for content in ["", "\0\0\0\0", "{\"fence\":"] {
        fs::write(&path, content).unwrap();
        let (store, claim) = claim(&dir).unwrap();
        assert_eq!(claim.fence, Fence(1));
        drop(store);
    }
}
