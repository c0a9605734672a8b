//! What `rok verify` says of envelopes: every way in which they prove nothing.

use super::{AUDIT, Desk, PROVENANCE, RUN};
use std::fs;

#[test]
fn without_a_key_it_says_that_the_signature_was_not_checked() {
    let desk = Desk::sealed();
    let report = desk.rok(&["verify", RUN, "--json"]).exits(0).json();
    assert_eq!(report["verdict"], "intact");
    assert_eq!(report["attestations"][0]["signature"], "not_checked");
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("signature not checked: no key"), "{note}");
    let text = desk.rok(&["verify", RUN]).exits(0).out;
    assert!(text.contains("signature not checked"), "{text}");
}

#[test]
fn another_key_proves_nothing() {
    let desk = Desk::sealed();
    let verify = ["verify", RUN, "--json", "--key", "other.key.pub"];
    let report = desk.rok(&verify).exits(4).json();
    let fault = &report["faults"][0];
    assert_eq!(fault["file"], AUDIT);
    let what = fault["what"].as_str().unwrap();
    assert!(what.contains("has no valid signature by key"), "{what}");
    assert_eq!(report["faults"][1]["file"], PROVENANCE);
    desk.rok(&["verify", RUN, "--key", "plan.yaml"]).exits(2);
}

#[test]
fn a_missing_envelope_is_missed() {
    for file in [AUDIT, PROVENANCE] {
        let desk = Desk::sealed();
        fs::remove_file(desk.file(file)).unwrap();
        let (named, what) = desk.fault();
        assert_eq!(named, file);
        assert!(what.contains("is missing"), "{what}");
        // One without the other was taken away, key or no key.
        let report = desk.rok(&["verify", RUN, "--json"]).exits(4).json();
        assert_eq!(report["faults"][0]["file"], file);
    }
    let desk = Desk::sealed();
    for file in [AUDIT, PROVENANCE] {
        fs::remove_file(desk.file(file)).unwrap();
    }
    assert_eq!(desk.fault().0, AUDIT);
    // Nothing says that there were any.
    desk.rok(&["verify", RUN]).exits(0);
}

#[test]
fn a_changed_byte_is_found_wherever_it_is() {
    let desk = Desk::sealed();
    for file in [AUDIT, PROVENANCE] {
        let bytes = desk.read(file);
        let sample = [0, 1, 5, bytes.len() / 3, bytes.len() / 2, bytes.len() - 100]
            .into_iter()
            .chain(bytes.len() - 4..bytes.len());
        for at in sample {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            desk.write(file, &changed);
            assert_eq!(desk.fault().0, file, "byte {at}");
        }
        desk.write(file, &bytes);
    }
    desk.verify().exits(0);
}

#[test]
fn envelopes_of_another_run_do_not_fit() {
    let (desk, other) = (Desk::sealed(), Desk::sealed());
    // The same plan by the same key: only the run differs.
    fs::copy(
        desk.bench.path().join("ours.key"),
        other.bench.path().join("third.key"),
    )
    .unwrap();
    other.rok(&["attest", RUN, "--key", "third.key"]).exits(0);
    for file in [AUDIT, PROVENANCE] {
        let ours = desk.read(file);
        desk.write(file, other.read(file));
        let (named, what) = desk.fault();
        assert_eq!(named, file);
        assert!(what.contains("what the log does not say"), "{what}");
        desk.write(file, ours);
    }
    // Nor does one kind pass for the other.
    desk.write(AUDIT, desk.read(PROVENANCE));
    assert_eq!(desk.fault().0, AUDIT);
}

#[test]
fn a_changed_artifact_is_no_subject() {
    let desk = Desk::sealed();
    // Where the user works, files may move on: the store of contents has it.
    fs::write(desk.bench.path().join("here.txt"), "gone\n").unwrap();
    desk.verify().exits(0);
    desk.write("artifacts/data.txt", "gone\n");
    let (file, what) = desk.fault();
    assert_eq!(file, "data.txt");
    assert!(what.contains("has changed"), "{what}");
}

#[test]
fn a_file_that_is_no_envelope_is_named() {
    let desk = Desk::sealed();
    let deep = vec![b'['; 200_000];
    for bytes in [&b""[..], b"{}", b"\xff\xfe", b"[[[[", &deep] {
        desk.write(AUDIT, bytes);
        assert_eq!(desk.fault().0, AUDIT);
    }
    fs::remove_file(desk.file(AUDIT)).unwrap();
    std::os::unix::fs::symlink(desk.file(PROVENANCE), desk.file(AUDIT)).unwrap();
    let (file, what) = desk.fault();
    assert_eq!(file, AUDIT);
    assert!(what.contains("cannot be read"), "{what}");
}
