//! What must hold of `report`, case by case.

use super::*;
use crate::script::{Script, run};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;
use rok_vocabulary::{Outcome, RunPhase};
use rstest::rstest;

fn verify(log: &[u8], seal: Option<&Seal>) -> LogReport {
    verify_log(&run(), log, seal)
}

#[test]
fn an_open_log_is_open() {
    let script = Script::new().work();
    let report = verify(&script.log(), None);
    assert_eq!(
        (report.state, report.seal),
        (LogState::Open, SealCheck::None)
    );
    assert_eq!((report.lines, report.events), (4, 4));
    assert_eq!(
        (report.head, report.bytes),
        (script.head, script.log().len() as u64)
    );
    assert_eq!(
        (report.fault, report.torn_tail, report.last_seal),
        (None, None, None)
    );
}

#[test]
fn an_empty_log_is_empty() {
    let report = verify(b"", None);
    assert_eq!((report.state, report.fault), (LogState::Empty, None));
    assert_eq!(report.head, ChainHash::genesis(&run()));
}

#[test]
fn seals_of_several_epochs() {
    let (script, first) = Script::new().work().sealed();
    let sealed = script.log();
    let resumed = script.resumed();
    let open = resumed.log();
    let (again, second) = resumed.work().sealed();
    let both = again.log();
    for (log, seal, state, check) in [
        (&sealed, Some(first), LogState::Sealed, SealCheck::Matches),
        (&sealed, None, LogState::Sealed, SealCheck::Missing),
        (&open, Some(first), LogState::Open, SealCheck::Matches),
        (&open, None, LogState::Open, SealCheck::Missing),
        (&both, Some(second), LogState::Sealed, SealCheck::Matches),
        (
            &both,
            Some(first),
            LogState::Sealed,
            SealCheck::Behind { sealed: second.seq },
        ),
    ] {
        let report = verify(log, seal.as_ref());
        assert_eq!(
            (report.state, report.seal, report.fault),
            (state, check, None)
        );
    }
    let report = verify(&both, None);
    let last = report.last_seal.unwrap();
    assert_eq!(
        (last.epoch, last.seq, last.head),
        (second.epoch, second.seq, second.head)
    );
}

/// A changed byte names its line: flip each bit-pattern of every byte.
#[rstest]
#[case::lowest_bit(0x01)]
#[case::case_bit(0x20)]
#[case::highest_bit(0x80)]
fn a_changed_byte_of_a_sealed_log_names_its_line(#[case] mask: u8) {
    let (script, seal) = Script::new().work().sealed();
    let log = script.log();
    for at in 0..log.len() - 1 {
        let mut changed = log.clone();
        changed[at] ^= mask;
        let line = 1 + memchr::memchr_iter(b'\n', &log[..at]).count() as u64;
        let report = verify(&changed, Some(&seal));
        assert_eq!(report.state, LogState::Broken, "byte {at} of line {line}");
        let fault = report.fault.unwrap();
        // A newline that was made, or unmade, moves the lines behind it.
        let moved = changed[at] == b'\n' || log[at] == b'\n';
        assert!(
            fault.line == line || moved,
            "byte {at} of line {line}: {fault}"
        );
        assert!(
            report.events < line,
            "byte {at}: what is wrong is not counted as intact"
        );
    }
}

/// In an open log nothing vouches for the last line but its form.
#[test]
fn a_changed_byte_of_an_open_log_names_its_line_or_the_one_before_the_last() {
    let script = Script::new().work().work();
    let log = script.log();
    for at in 0..script.start(7) {
        let mut changed = log.clone();
        changed[at] ^= 0x01;
        let line = 1 + memchr::memchr_iter(b'\n', &log[..at]).count() as u64;
        let fault = verify(&changed, None).fault.unwrap();
        let moved = changed[at] == b'\n' || log[at] == b'\n';
        assert!(
            fault.line == line || moved,
            "byte {at} of line {line}: {fault}"
        );
    }
    // The last line's chain: it or the line before was changed, and it says so.
    let chain = log.len() - 4;
    let mut changed = log.clone();
    changed[chain] = if log[chain] == b'0' { b'1' } else { b'0' };
    let fault = verify(&changed, None).fault.unwrap();
    assert_eq!((fault.line, fault.what), (7, Wrong::ChangedOrNext));
}

#[test]
fn removed_doubled_and_swapped_lines_are_named() {
    let (script, seal) = Script::new().work().sealed();
    let whole: Vec<String> = script
        .lines
        .iter()
        .map(|line| line.clone() + "\n")
        .collect();
    let check = |lines: Vec<String>, line: usize| -> Wrong {
        let fault = verify(lines.concat().as_bytes(), Some(&seal))
            .fault
            .unwrap();
        assert_eq!(
            (fault.line, fault.byte),
            (line as u64 + 1, script.start(line) as u64)
        );
        fault.what
    };
    for n in 0..whole.len() - 1 {
        let mut removed = whole.clone();
        removed.remove(n);
        assert!(matches!(
            check(removed, n),
            Wrong::Line(LineFault::WrongSeq { .. })
        ));
        let mut swapped = whole.clone();
        swapped.swap(n, n + 1);
        assert!(matches!(
            check(swapped, n),
            Wrong::Line(LineFault::WrongSeq { .. })
        ));
        let mut doubled = whole.clone();
        doubled.insert(n + 1, whole[n].clone());
        assert!(matches!(
            check(doubled, n + 1),
            Wrong::Line(LineFault::WrongSeq { .. })
        ));
    }
    // Renumbered after the removal: the chain tells where the gap is.
    let mut removed = whole;
    removed.remove(1);
    let renumbered = removed[1]
        .replace(":2\"", ":1\"")
        .replace("\"seq\":2", "\"seq\":1");
    removed[1] = renumbered;
    assert_eq!(check(removed, 0), Wrong::Changed);
}

/// Cut anywhere, a sealed run is known to be cut; an open one is intact up to
/// its last whole decision.
#[test]
fn a_cut_is_told_from_the_seal() {
    let (script, seal) = Script::new().work().sealed();
    let log = script.log();
    for cut in 0..log.len() {
        let report = verify(&log[..cut], Some(&seal));
        let fault = report.fault.unwrap();
        assert_eq!(fault.what, Wrong::Cut { sealed: Seq(5) }, "cut at {cut}");
        let lines = memchr::memchr_iter(b'\n', &log[..cut]).count();
        let start = log[..cut].iter().rposition(|b| *b == b'\n');
        let start = start.map_or(0, |at| at + 1);
        assert_eq!(
            (fault.line, fault.byte),
            (lines as u64 + 1, start as u64),
            "the first line that is not there whole"
        );
        assert_eq!(report.seal, SealCheck::Contradicted);

        let report = verify(&log[..cut], None);
        assert_eq!(report.fault, None, "cut at {cut}");
        let whole = match cut {
            cut if cut >= script.start(4) => 4,
            cut if cut >= script.start(1) => 1,
            _ => 0,
        };
        assert_eq!(report.events, whole, "cut at {cut}");
        let torn = report.torn_tail.map_or(0, |tail| tail.bytes);
        assert_eq!(report.bytes as usize + torn, cut);
        assert_eq!(
            report.state,
            if whole == 0 {
                LogState::Empty
            } else {
                LogState::Open
            }
        );
    }
}

#[test]
fn a_seal_that_lies_is_named() {
    let (script, seal) = Script::new().work().sealed();
    let log = script.resumed().log();
    let other = ChainHash::genesis(&run());
    for (lie, line, what) in [
        (
            Seal {
                head: other,
                ..seal
            },
            6,
            Wrong::OtherHead {
                expected: other,
                found: seal.head,
            },
        ),
        (
            Seal {
                seq: Seq(0),
                ..seal
            },
            1,
            Wrong::NotSealed,
        ),
        (
            Seal {
                seq: Seq(99),
                ..seal
            },
            8,
            Wrong::Cut { sealed: Seq(99) },
        ),
        (
            Seal {
                epoch: Epoch(3),
                ..seal
            },
            6,
            Wrong::OtherEpoch {
                expected: Epoch(3),
                found: Epoch(0),
            },
        ),
    ] {
        let fault = verify(&log, Some(&lie)).fault.unwrap();
        assert_eq!((fault.line, fault.what), (line, what));
    }
}

#[test]
fn only_some_events_may_follow_a_seal() {
    let (mut script, seal) = Script::new().work().sealed();
    script.line("step.started", "");
    let fault = verify(&script.log(), Some(&seal)).fault.unwrap();
    assert_eq!(fault.line, 7);
    assert_eq!(
        fault.to_string(),
        alloc::format!(
            "line 7 (byte {}) is a `step.started`, which may not follow a seal",
            script.start(6)
        )
    );
}

#[rstest]
#[case::another_run(("run-1:1", "run-2:1"), "has event_id `run-2:1`, not `run-1:1`")]
#[case::its_run(("\"run_id\":\"run-1\"", "\"run_id\":\"run-2\""), "belongs to run `run-2`, not `run-1`")]
#[case::padded(("run-1:1", "run-1:01"), "has event_id `run-1:01`, not `run-1:1`")]
fn a_line_of_another_run_is_named(#[case] (from, to): (&str, &str), #[case] what: &str) {
    let script = Script::new().work();
    let mut lines = script.lines.clone();
    lines[1] = lines[1].replacen(from, to, 1);
    let log = lines.join("\n") + "\n";
    let fault = verify(log.as_bytes(), None).fault.unwrap();
    let expected = alloc::format!("line 2 (byte {}) {what}", script.start(1));
    assert_eq!(fault.to_string(), expected);
}

/// Someone rewrites the log's end with right chains, and takes the seal for
/// theirs only in part.
#[test]
fn a_rewritten_end_is_known_by_the_seal() {
    let (_, seal) = Script::new().work().sealed();
    let mut forged = Script::new().work();
    forged.line("run.completed", ",\"reason\":\"all is well\",\"more\":true");
    forged.line(
        "run.sealed",
        ",\"data\":{\"phase\":\"COMPLETED\",\"outcome\":\"succeeded\"}",
    );
    let fault = verify(&forged.log(), Some(&seal)).fault.unwrap();
    assert_eq!(fault.line, 6);
    assert!(matches!(fault.what, Wrong::OtherHead { .. }));
}

#[test]
fn a_seal_is_read_back_from_its_log() {
    let (script, seal) = Script::new().work().sealed();
    let log = script.log();
    assert_eq!(Seal::from_log(&log, seal.seq, seal.head), Ok(seal));
    assert_eq!(
        (seal.phase, seal.outcome),
        (RunPhase::Failed, Outcome::TimedOut)
    );
    assert_eq!(Seal::from_json(seal.to_json().as_bytes()), Ok(seal));
    let none = Seal::from_log(&log, Seq(2), seal.head);
    assert_eq!(none, Err(crate::SealError::NoSeal { seq: Seq(2) }));
    assert!(Seal::from_log(&log, Seq(99), seal.head).is_err());
    let mut bare = Script::new();
    bare.line("run.sealed", "");
    let error = Seal::from_log(&bare.log(), Seq(0), bare.head).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("line 1 does not say what it seals"),
        "{error}"
    );
}

proptest! {
    /// Whatever the bytes, there is a verdict, and its parts agree.
    #[test]
    fn any_bytes_are_judged(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 0..4),
        with_seal: bool,
    ) {
        let (script, seal) = Script::new().work().sealed();
        let whole = script.log();
        let mut log = whole.clone();
        for (at, byte, how) in edits {
            let at = at.index(log.len() + 1);
            match how {
                0 => log.truncate(at),
                1 => log.insert(at, byte),
                2 if at < log.len() => { log.remove(at); }
                _ if at < log.len() => log[at] = byte,
                _ => {}
            }
        }
        let report = verify(&log, with_seal.then_some(&seal));
        prop_assert_eq!(report.state == LogState::Broken, report.fault.is_some());
        prop_assert!(report.bytes as usize <= log.len());
        prop_assert!(report.events <= report.lines);
        if with_seal && log != whole {
            prop_assert!(report.fault.is_some() || log.starts_with(&whole));
        }
        let intact = &log[..report.bytes as usize];
        prop_assert_eq!(ChainHash::genesis(&run()).after(intact), report.head);
        let again = verify(intact, None);
        prop_assert_eq!((again.fault, again.events, again.head), (None, report.events, report.head));
    }
}
