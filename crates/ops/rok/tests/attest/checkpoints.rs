//! Checkpoints: a head that a second party has seen cannot be unsaid.

use super::forging::rewrite;
use super::{Desk, RUN};
use std::fs;

impl Desk {
    /// Signs a checkpoint of the run now.
    fn checkpoint(&self, file: &str) {
        let args = ["checkpoint", RUN, "-o", file, "--key", "ours.key"];
        self.rok(&args).exits(0);
    }

    /// `verify --checkpoint FILE`, by our key and the second party's.
    fn verify_at(&self, file: &str) -> super::Ran {
        self.rok(&[
            "verify",
            RUN,
            "--json",
            "--checkpoint",
            file,
            "--cosigner",
            "other.key.pub",
        ])
    }

    fn cosign(&self, args: &[&str]) -> super::Ran {
        let args = [
            &["cosign"],
            args,
            &["--key", "other.key", "--name", "auditor"],
        ]
        .concat();
        self.rok(&args)
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.bench.path().join(file)).expect("it is there")
    }
}

#[test]
fn a_checkpoint_is_a_signed_note_of_the_head() {
    let desk = Desk::held();
    let ran = desk
        .rok(&["checkpoint", RUN, "--key", "ours.key", "--json"])
        .exits(0);
    let made = ran.json();
    let lines = desk.bench.events(RUN).len();
    assert_eq!(made["lines"], lines);
    let report = desk.rok(&["verify", RUN, "--json"]).exits(0).json();
    assert_eq!(made["head"], report["head"]);
    let text = desk
        .rok(&["checkpoint", RUN, "--key", "ours.key"])
        .exits(0)
        .out;
    assert_eq!(made["text"].as_str().unwrap(), text);
    let begin = format!("rok.dev/runs/{RUN}\n{lines}\n");
    assert!(text.starts_with(&begin), "{text}");

    desk.checkpoint("one");
    // It may bear cosignatures by now.
    let again = ["checkpoint", RUN, "-o", "one", "--key", "ours.key"];
    let ran = desk.rok(&again).exits(4);
    assert!(ran.err.contains("not overwritten"), "{}", ran.err);
    desk.rok(&["checkpoint", RUN]).exits(2);
}

#[test]
fn a_log_that_goes_on_still_has_the_head_that_was_cosigned() {
    let desk = Desk::held();
    desk.checkpoint("one");
    let first = ["one", "--run", RUN, "--log-key", "ours.key.pub", "--json"];
    let cosigned = desk.cosign(&first).exits(0).json();
    assert_eq!(cosigned["name"], "auditor");
    assert_eq!(cosigned["checked"].as_array().unwrap().len(), 2);
    assert!(desk.text("one").contains("\u{2014} auditor "));

    desk.signing(&["approve", RUN, "gate", "--reason", "seen"])
        .exits(0);
    desk.signing(&["resume", RUN]).exits(0);
    let report = desk.verify_at("one").exits(0).json();
    assert_eq!(report["checkpoint"]["cosigners"][0]["name"], "auditor");
    assert_eq!(report["checkpoint"]["signature"], "not_checked");
    let by_key = [
        "verify",
        RUN,
        "--checkpoint",
        "one",
        "--key",
        "ours.key.pub",
    ];
    let text = desk.rok(&by_key).exits(0).out;
    assert!(text.contains("signature valid"), "{text}");

    // The next one continues it; without the log nobody can tell.
    desk.checkpoint("two");
    let ran = desk.cosign(&["two", "--last", "one"]).exits(4);
    assert!(ran.err.contains("name the log by --run"), "{}", ran.err);
    desk.cosign(&["two", "--last", "one", "--run", RUN])
        .exits(0);
    desk.verify_at("two").exits(0);
    // Backwards is no continuation.
    let ran = desk
        .cosign(&["one", "--last", "two", "-o", "three"])
        .exits(4);
    assert!(ran.err.contains("already"), "{}", ran.err);
    assert!(!desk.bench.path().join("three").exists());
}

#[test]
fn the_key_judges_the_checkpoint_and_attestations_where_they_are_asked_for() {
    let desk = Desk::held();
    desk.checkpoint("one");
    desk.cosign(&["one", "--run", RUN]).exits(0);
    let by_key = |more: &[&str]| {
        let args = ["verify", RUN, "--checkpoint", "one", "--key"].as_slice();
        let cosigner = ["ours.key.pub", "--cosigner", "other.key.pub"];
        desk.rok(&[args, &cosigner[..], more].concat())
    };
    let not_attested = |text: &str| {
        assert!(text.contains("signature valid"), "{text}");
        assert!(text.contains("the run is not attested"), "{text}");
    };
    // Open, then sealed by somebody without a key.
    let open = by_key(&[]).exits(0).out;
    assert!(open.contains("OPEN"), "{open}");
    not_attested(&open);
    by_key(&["--attested"]).exits(4);
    desk.rok(&["approve", RUN, "gate", "--reason", "seen"])
        .exits(0);
    desk.rok(&["resume", RUN]).exits(0);
    let sealed = by_key(&[]).exits(0).out;
    assert!(sealed.contains("INTACT"), "{sealed}");
    not_attested(&sealed);
    let asked = by_key(&["--attested"]).exits(4).out;
    assert!(
        asked.contains("attestation.dsse.json: is missing"),
        "{asked}"
    );
    desk.verify().exits(4);

    // One of the two without the other was taken away.
    desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(0);
    by_key(&["--attested"]).exits(0);
    fs::remove_file(desk.file(super::PROVENANCE)).unwrap();
    by_key(&[]).exits(4);
}

#[test]
fn a_stub_is_held_against_a_checkpoint_and_its_signatures() {
    let desk = Desk::held();
    desk.rok(&["approve", RUN, "gate", "--reason", "seen"])
        .exits(0);
    desk.rok(&["resume", RUN]).exits(0);
    desk.checkpoint("last");
    desk.rok(&["gc", "--keep", "0"]).exits(0);
    let by = |key: &str| desk.rok(&["verify", RUN, "--checkpoint", "last", "--key", key]);
    let text = by("ours.key.pub").exits(0).out;
    assert!(text.contains("Checkpoint: last"), "{text}");
    by("other.key.pub").exits(4);
    // Nobody has cosigned it.
    desk.verify_at("last").exits(4);
}

#[test]
fn a_log_that_was_rewritten_and_sealed_again_does_not_have_it() {
    let desk = Desk::sealed();
    desk.checkpoint("seen");
    desk.cosign(&["seen", "--run", RUN]).exits(0);
    rewrite(&desk, "\"seen\"", "\"never seen\"");
    // By its writer's own key, with all that belongs to it, once what was signed
    // before is out of the way.
    desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(4);
    for file in [super::AUDIT, super::PROVENANCE] {
        fs::remove_file(desk.file(file)).unwrap();
    }
    desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(0);
    desk.verify().exits(0);

    let report = desk.verify_at("seen").exits(4).json();
    let fault = &report["faults"][0];
    assert_eq!(fault["file"], "seen");
    let what = fault["what"].as_str().unwrap();
    assert!(what.contains("the log was rewritten"), "{what}");
    assert!(report["checkpoint"].is_null());

    // Nor does the second party cosign the new one beside the old.
    desk.checkpoint("new");
    for args in [
        &["new", "--last", "seen"][..],
        &["new", "--last", "seen", "--run", RUN],
        &["seen", "--run", RUN, "-o", "other"],
    ] {
        let ran = desk.cosign(args).exits(4);
        assert!(ran.err.contains("error[ROK0142]"), "{}", ran.err);
    }
    assert!(!desk.text("new").contains("auditor"));
}

#[test]
fn a_log_that_was_cut_does_not_have_it() {
    let desk = Desk::sealed();
    desk.checkpoint("seen");
    desk.cosign(&["seen", "--run", RUN]).exits(0);
    let log = String::from_utf8(desk.read("events.jsonl")).unwrap();
    fs::remove_file(desk.file("seal.json")).unwrap();
    fs::remove_file(desk.file(super::AUDIT)).unwrap();
    fs::remove_file(desk.file(super::PROVENANCE)).unwrap();
    // What tells of a cut without a checkpoint.
    for traces in ["inbox", "logs"] {
        fs::remove_dir_all(desk.file(traces)).unwrap();
    }
    // At the end of the first decision, and to nothing at all.
    let end = log
        .lines()
        .position(|line| !line.contains(r#""more":true"#))
        .unwrap();
    let begin: String = log.split_inclusive('\n').take(end + 1).collect();
    for cut in [begin, String::new()] {
        desk.write("events.jsonl", cut);
        desk.rok(&["verify", RUN]).exits(0);
        let report = desk.verify_at("seen").exits(4).json();
        let what = report["faults"][0]["what"].as_str().unwrap();
        assert!(what.contains("it was cut"), "{what}");
        // Nor was it attested as it is.
        desk.verify().exits(4);
    }
}

#[test]
fn a_changed_checkpoint_and_a_missing_cosignature_prove_nothing() {
    let desk = Desk::sealed();
    desk.checkpoint("seen");
    let report = desk.verify_at("seen").exits(4).json();
    let what = report["faults"][0]["what"].as_str().unwrap();
    assert!(what.contains("has no cosignature by key"), "{what}");
    desk.cosign(&["seen", "--run", RUN]).exits(0);
    let ran = desk.cosign(&["seen", "--run", RUN]).exits(4);
    assert!(ran.err.contains("already"), "{}", ran.err);

    let text = desk.text("seen");
    for at in (0..text.len()).step_by(7) {
        let mut bytes = text.clone().into_bytes();
        bytes[at] ^= 1;
        fs::write(desk.bench.path().join("changed"), bytes).unwrap();
        desk.rok(&[
            "verify",
            RUN,
            "--checkpoint",
            "changed",
            "--cosigner",
            "other.key.pub",
            "--key",
            "ours.key.pub",
        ])
        .exits(4);
    }
    // The wrong owner's key, another run, a file that is none.
    desk.cosign(&["seen", "--log-key", "other.key.pub"])
        .exits(4);
    desk.cosign(&["plan.yaml"]).exits(4);
    desk.cosign(&["absent"]).exits(2);
    desk.rok(&["cosign", "seen", "--key", "ours.key", "--name", "two words"])
        .exits(4);
}

#[test]
fn a_first_sight_says_what_was_not_checked() {
    let desk = Desk::held();
    desk.checkpoint("one");
    let ran = desk.cosign(&["one", "-o", "copy"]).exits(0);
    for what in ["--log-key", "--run", "--last"] {
        assert!(ran.err.contains(what), "{}", ran.err);
    }
    assert!(!desk.text("one").contains("auditor"));
    assert!(desk.text("copy").contains("auditor"));
    let without = ["verify", RUN, "--json", "--checkpoint", "copy"];
    let report = desk.rok(&without).exits(0).json();
    let note = report["notes"][0].as_str().unwrap();
    assert!(note.contains("no signature of it was checked"), "{note}");
}
