//! What the writer of a log can do: write another. The signature shows it.

use super::{AUDIT, Desk, PROVENANCE, RUN};
use rok_chain::{ChainHash, Seal, verify_log};
use rok_vocabulary::RunId;
use std::fs;

/// Writes the log anew with `old` replaced, chained and sealed as if rok had.
pub(crate) fn rewrite(desk: &Desk, old: &str, new: &str) {
    let run: RunId = RUN.parse().expect("a run id");
    let text = String::from_utf8(desk.read("events.jsonl")).expect("a log is UTF-8");
    assert!(text.contains(old), "there is something to rewrite");
    let (mut head, mut log) = (ChainHash::genesis(&run), String::new());
    for line in text.lines() {
        let mut event: serde_json::Value =
            serde_json::from_str(&line.replace(old, new)).expect("JSON");
        event["chain"] = head.short_str().into();
        if event.get("log_hash").is_some() {
            event["log_hash"] = head.to_hex().into();
        }
        let line = event.to_string();
        head = head.next(line.as_bytes());
        log.push_str(&line);
        log.push('\n');
    }
    let report = verify_log(&run, log.as_bytes(), None);
    let last = report.last_seal.expect("it is sealed");
    let seal = Seal::from_log(log.as_bytes(), last.seq, last.head).expect("it is sealed");
    desk.write("events.jsonl", &log);
    desk.write("seal.json", seal.to_json());
}

#[test]
fn a_rewritten_log_is_intact_in_itself_and_not_what_was_signed() {
    let desk = Desk::sealed();
    rewrite(&desk, "\"seen\"", "\"never seen\"");
    let (file, what) = desk.fault();
    assert_eq!(file, AUDIT);
    assert!(what.contains("what the log does not say"), "{what}");
    desk.rok(&["verify", RUN]).exits(4);

    // Without the envelopes the chain alone proves nothing against its writer.
    for file in [AUDIT, PROVENANCE] {
        fs::remove_file(desk.file(file)).unwrap();
    }
    desk.rok(&["verify", RUN]).exits(0);
    assert_eq!(desk.fault().0, AUDIT);
    // And another key is another signer.
    desk.rok(&["attest", RUN, "--key", "other.key"]).exits(0);
    let (file, what) = desk.fault();
    assert_eq!(file, AUDIT);
    assert!(what.contains("has no valid signature by key"), "{what}");
}
