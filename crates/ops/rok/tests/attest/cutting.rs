//! A log that was cut back at the end of a line: what was signed of it, and what
//! lies beside it, say that there was more.

use super::{AUDIT, Desk, PROVENANCE, RUN};
use rstest::rstest;
use std::fs;

/// Cuts the log behind the first line that says so, and takes the seal away.
fn cut_behind(desk: &Desk, event: &str) {
    let text = String::from_utf8(desk.read("events.jsonl")).expect("a log is UTF-8");
    let said = format!("\"event_type\":\"{event}\"");
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        kept.push_str(line);
        if line.contains(&said) {
            break;
        }
    }
    assert!(kept.len() < text.len(), "there is something to cut");
    desk.write("events.jsonl", kept);
    fs::remove_file(desk.file("seal.json")).expect("it was sealed");
}

/// A run that a person stopped, attested, and cut back to before he did.
fn cut() -> Desk {
    let desk = Desk::held();
    desk.signing(&["reject", RUN, "gate", "--reason", "no way"])
        .exits(0);
    cut_behind(&desk, "run.held");
    desk
}

#[rstest]
#[case::approve(&["approve", RUN, "gate", "--reason", "ok"])]
#[case::reject(&["reject", RUN, "gate", "--reason", "no"])]
#[case::resume(&["resume", RUN])]
#[case::cancel(&["cancel", RUN])]
#[case::overrides(&["override", RUN, "gate", "--reason", "ok"])]
#[case::hold(&["hold", RUN, "--reason", "ok"])]
#[case::rollback(&["rollback", RUN, "--reason", "ok"])]
#[case::attest(&["attest", RUN])]
#[case::checkpoint(&["checkpoint", RUN])]
#[case::export(&["export", RUN, "-o", "r.tar.zst"])]
#[case::status(&["status", RUN])]
#[case::explain(&["explain", RUN])]
fn nothing_is_done_with_a_log_that_was_cut(#[case] args: &[&str]) {
    let desk = cut();
    let (log, audit) = (desk.read("events.jsonl"), desk.read(AUDIT));
    let ran = desk.signing(args).exits(4);
    // What exports says it in words of its own.
    let codes = ["error[ROK0144]", "error[ROK0143]"];
    let code = codes[usize::from(args[0] == "export")];
    assert!(ran.err.contains(code), "{}", ran.err);
    assert!(desk.read("events.jsonl") == log, "nothing was written");
    assert!(desk.read(AUDIT) == audit, "the proof is still there");
    assert!(!desk.file("seal.json").exists());
}

#[test]
fn a_cut_is_told_with_and_without_a_key_and_by_the_doctor_and_lists() {
    let desk = cut();
    for key in [&[][..], &["--key", "ours.key.pub"]] {
        let report = desk.rok(&[&["verify", RUN, "--json"], key].concat());
        let faults = report.exits(4).json()["faults"].to_string();
        assert!(faults.contains("lines were taken away"), "{faults}");
        assert!(
            faults.contains(AUDIT) && faults.contains(PROVENANCE),
            "{faults}"
        );
        assert!(faults.contains(".answer"), "{faults}");
    }
    for logs in [&["doctor"][..], &["doctor", "--all-logs"]] {
        let looked = desk.rok(logs).exits(1);
        assert!(looked.out.contains("were attested"), "{}", looked.out);
    }
    let listed = desk.rok(&["ls", "--json"]).exits(4).json();
    assert_eq!(listed[0]["status"], "broken", "{listed}");
}

/// Lines that were written again are others than were signed.
#[test]
fn as_many_lines_are_not_the_same_lines() {
    let desk = cut();
    let signed: Vec<Vec<u8>> = [AUDIT, PROVENANCE].map(|file| desk.read(file)).into();
    for file in [AUDIT, PROVENANCE] {
        fs::remove_file(desk.file(file)).unwrap();
    }
    // Without a trace of what was signed, the cut log is a log.
    desk.rok(&["approve", RUN, "gate", "--reason", "ok"])
        .exits(0);
    desk.rok(&["resume", RUN]).exits(0);
    let told = desk.rok(&["verify", RUN]).exits(4).out;
    assert!(told.contains(".answer"), "{told}");
    for (file, bytes) in [AUDIT, PROVENANCE].iter().zip(signed) {
        desk.write(file, bytes);
    }
    for args in [&["attest", RUN][..], &["status", RUN], &["resume", RUN]] {
        let ran = desk.signing(args).exits(4);
        assert!(ran.err.contains("ROK014"), "{}", ran.err);
    }
}

/// What cannot be read, or is made up in the key's name, is not replaced.
#[test]
fn an_envelope_that_says_nothing_is_kept() {
    let desk = Desk::sealed();
    let text = String::from_utf8(desk.read(AUDIT)).expect("JSON");
    let at = text.find("\"sig\":\"").expect("it is signed") + 7;
    let (first, rest) = (&text[..at], &text[at + 1..]);
    let other = if text[at..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    for made_up in [format!("{first}{other}{rest}"), "{}".into()] {
        desk.write(AUDIT, &made_up);
        let ran = desk.signing(&["attest", RUN]).exits(4);
        assert!(ran.err.contains("error[ROK0144]"), "{}", ran.err);
        assert!(desk.read(AUDIT) == made_up.as_bytes());
    }
}

/// Output of an attempt that the log does not know is a trace, too.
#[test]
fn output_of_an_attempt_that_the_log_lacks_is_told() {
    let desk = Desk::held();
    desk.rok(&["verify", RUN]).exits(0);
    desk.write("logs/end.0.log", "printed\n");
    let told = desk.rok(&["verify", RUN]).exits(4).out;
    assert!(told.contains("logs/end.0.log"), "{told}");
}
