//! What is signed, by itself and on demand, and what is not.

use super::{AUDIT, Desk, PROVENANCE, RUN};
use base64::Engine as _;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn statement(desk: &Desk, file: &str) -> Value {
    let envelope: Value = serde_json::from_slice(&desk.read(file)).expect("an envelope");
    let payload = envelope["payload"].as_str().expect("an envelope");
    let payload = base64::engine::general_purpose::STANDARD.decode(payload);
    serde_json::from_slice(&payload.expect("an envelope")).expect("an envelope")
}

#[test]
fn a_sealed_run_attests_itself_where_a_key_is_configured() {
    let desk = Desk::held();
    assert!(!desk.file(AUDIT).exists(), "an open run is not attested");
    desk.signing(&["approve", RUN, "gate", "--reason", "seen"])
        .exits(0);
    let ran = desk.signing(&["resume", RUN]).exits(0);
    assert!(
        ran.err.contains("attested signed, lines 1 to "),
        "{}",
        ran.err
    );
    let report = desk.verify().exits(0).json();
    let lines = desk.bench.events(RUN).len();
    for (at, file) in [AUDIT, PROVENANCE].iter().enumerate() {
        let view = &report["attestations"][at];
        assert_eq!(view["file"], *file);
        assert_eq!(view["signature"], "valid");
        assert_eq!(view["lines"], lines);
    }
}

#[test]
fn the_record_tells_what_the_log_says() {
    let desk = Desk::sealed();
    let (audit, provenance) = (statement(&desk, AUDIT), statement(&desk, PROVENANCE));
    let record = &audit["predicate"];
    let events = desk.bench.events(RUN);
    assert_eq!(record["outcome"], "succeeded");
    assert_eq!(record["profile"], "STRICT");
    assert_eq!(record["log"]["lines"], events.len());
    assert_eq!(record["epochs"][0]["reconciliation"]["status"], "COMPLETE");
    assert_eq!(
        record["epochs"][0]["expectations"]
            .as_array()
            .unwrap()
            .len(),
        5
    );
    assert_eq!(record["epochs"][0]["acks"].as_array().unwrap().len(), 5);
    assert_eq!(record["approvals"][0]["event_type"], "gate.approved");
    assert_eq!(record["approvals"][0]["actor"], "user:tester");
    assert_eq!(record["approvals"][0]["reason"], "seen");
    assert_eq!(record["overrides"].as_array().unwrap().len(), 0);
    let asked = record["policies"].as_array().unwrap();
    let stages: Vec<&str> = asked
        .iter()
        .map(|policy| policy["data"]["stage"].as_str().unwrap())
        .collect();
    assert_eq!(stages, ["authorize", "action", "complete"]);

    let subjects: Vec<&str> = audit["subject"]
        .as_array()
        .unwrap()
        .iter()
        .map(|subject| subject["name"].as_str().unwrap())
        .collect();
    assert_eq!(subjects, ["data.txt", "here.txt", "events.jsonl"]);
    assert_eq!(audit["subject"], provenance["subject"]);
    let plan = &events[0]["data"]["plan"]["sha256"];
    let definition = &provenance["predicate"]["buildDefinition"];
    assert_eq!(
        definition["resolvedDependencies"][0]["digest"]["sha256"],
        *plan
    );
    assert_eq!(definition["externalParameters"]["inputs"]["day"], "monday");
    let run = &provenance["predicate"]["runDetails"]["metadata"];
    assert_eq!(run["invocationId"], RUN);
}

#[test]
fn a_next_epochs_seal_replaces_what_was_attested() {
    let desk = Desk::held();
    desk.signing(&["reject", RUN, "gate", "--reason", "no"])
        .exits(0);
    // What a command closed is attested too.
    let first = desk.verify().exits(0).json();
    desk.signing(&["resume", RUN]).exits(1);
    // The next epoch is open: what was attested is still so, and says how far.
    let open = desk.verify().exits(0).json();
    assert_eq!(open["verdict"], "open");
    let note = open["notes"][0].as_str().unwrap();
    assert!(note.contains("the rest is not attested"), "{note}");

    desk.rok(&["approve", RUN, "gate", "--reason", "now"])
        .exits(0);
    desk.rok(&["resume", RUN]).exits(0);
    // Sealed without a key: who asks for a signature is told that it is short.
    let (file, what) = desk.fault();
    assert_eq!(file, AUDIT);
    assert!(what.contains("the rest is not attested"), "{what}");
    desk.rok(&["verify", RUN]).exits(0);

    let ran = desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(0);
    let before = first["attestations"][0]["lines"].as_u64().unwrap();
    let said = format!("replaces what covered lines 1 to {before}");
    assert!(ran.out.contains(&said), "{}", ran.out);
    desk.verify().exits(0);
    let record = statement(&desk, AUDIT)["predicate"].clone();
    assert_eq!(record["epochs"].as_array().unwrap().len(), 2);
    assert_eq!(record["epochs"][0]["phase"], "FAILED");
    assert_eq!(record["epochs"][1]["phase"], "COMPLETED");
    // The same log by the same key is the same envelope.
    let bytes = desk.read(AUDIT);
    desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(0);
    assert!(desk.read(AUDIT) == bytes);
}

#[test]
fn an_open_or_broken_run_is_not_attested() {
    let desk = Desk::held();
    let ran = desk.rok(&["attest", RUN, "--key", "ours.key"]).exits(1);
    assert!(ran.err.contains("error[ROK0141]"), "{}", ran.err);
    assert!(!desk.file(AUDIT).exists());

    let desk = Desk::sealed();
    let attested = desk.read(AUDIT);
    let mut log = desk.read("events.jsonl");
    let middle = log.len() / 2;
    log[middle] ^= 1;
    desk.write("events.jsonl", &log);
    let ran = desk.rok(&["attest", RUN, "--key", "other.key"]).exits(4);
    assert!(ran.err.contains("error[ROK0141]"), "{}", ran.err);
    assert!(desk.read(AUDIT) == attested, "nothing was written");
}

#[test]
fn a_run_that_is_to_be_attested_does_not_start_without_its_key() {
    let desk = Desk::new();
    let run = |file: &str| {
        let mut command = desk.bench.command(["run", "plan.yaml", "--run-id", RUN]);
        command.env("ROK_SIGNING_KEY_FILE", file);
        super::Ran::from(command.output().unwrap())
    };
    let ran = run("absent.key").exits(2);
    assert!(ran.err.contains("error[ROK0140]"), "{}", ran.err);
    let exposed = desk.bench.path().join("ours.key");
    fs::set_permissions(&exposed, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = run("ours.key").exits(2);
    assert!(ran.err.contains("can be read by others"), "{}", ran.err);
    run("ours.key.pub").exits(2);
    assert!(!desk.file("events.jsonl").exists());
    desk.rok(&["attest", RUN]).exits(2);
}

#[test]
fn a_failure_to_attest_is_told_and_changes_no_outcome() {
    let desk = Desk::held();
    desk.signing(&["approve", RUN, "gate", "--reason", "seen"])
        .exits(0);
    // What cannot be replaced by a file.
    fs::create_dir_all(desk.file(PROVENANCE).join("x")).unwrap();
    let ran = desk.signing(&["resume", RUN]).exits(4);
    assert!(ran.out.contains("SUCCEEDED"), "{}", ran.out);
    assert!(ran.err.contains("error[ROK0106]"), "{}", ran.err);
    assert!(ran.err.contains(PROVENANCE), "{}", ran.err);
    assert!(!desk.file(AUDIT).exists());
}

#[test]
fn the_private_key_appears_nowhere() {
    let desk = Desk::new();
    let pem = fs::read_to_string(desk.bench.path().join("ours.key")).unwrap();
    let secret = pem.lines().nth(1).unwrap();
    let mut seen = String::new();
    for args in [
        &["run", "plan.yaml", "--run-id", RUN, "-v"][..],
        &["config", "show"],
        &["config", "show", "--json"],
        &["key", "show"],
        &["approve", RUN, "gate", "--reason", "seen"],
        &["resume", RUN],
        &["attest", RUN],
        &["logs", RUN, "make"],
        &["run", "plan.yaml", "--set", "signing_key=x"],
    ] {
        let mut command = desk.bench.command(args);
        command.env("ROK_SIGNING_KEY", &pem);
        let ran = super::Ran::from(command.output().unwrap());
        seen.push_str(&ran.out);
        seen.push_str(&ran.err);
    }
    assert!(seen.contains("attested signed"), "{seen}");
    // The step printed its environment; the whole folder is looked at.
    let mut folders = vec![desk.bench.runs()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                seen.push_str(&String::from_utf8_lossy(&fs::read(path).unwrap()));
            }
        }
    }
    assert!(seen.contains("ROK_RUN_ID=signed"), "the step printed");
    assert!(!seen.contains(&secret[22..]), "the key leaked");
    assert!(!seen.contains("SIGNING_KEY=-"), "steps are not told of it");
}

#[test]
fn keys_are_made_shown_and_never_overwritten() {
    let desk = Desk::new();
    let private = desk.bench.path().join("ours.key");
    let pem = fs::read(&private).unwrap();
    let mode = fs::metadata(&private).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for out in ["ours.key", "ours.key.pub"] {
        let ran = desk.rok(&["key", "new", "--out", out]).exits(2);
        assert!(ran.err.contains("never overwritten"), "{}", ran.err);
    }
    assert!(fs::read(&private).unwrap() == pem);

    let shown = desk
        .rok(&["key", "show", "ours.key", "--json"])
        .exits(0)
        .json();
    let public = fs::read_to_string(desk.bench.path().join("ours.key.pub")).unwrap();
    assert_eq!(shown["public"], public);
    let ran = desk
        .rok(&["key", "show", "ours.key.pub", "--public"])
        .exits(0);
    assert_eq!(ran.out, public);
    let text = desk.rok(&["key", "show", "ours.key"]).exits(0).out;
    assert!(text.contains(shown["key_id"].as_str().unwrap()), "{text}");
    desk.rok(&["key", "show"]).exits(2);
    desk.rok(&["key", "show", "plan.yaml"]).exits(2);
}

#[test]
fn overrides_and_what_was_undone_are_in_the_record_for_ever() {
    let desk = Desk::new();
    desk.bench.write(
        "plan.yaml",
        "
plan: p
overrides: { max: 1 }
on_failure: rollback
steps:
  make: { run: 'true', compensate: { run: 'true' } }
  check: { gate: hard, needs: [make], run: exit 65 }
",
    );
    desk.signing(&["run", "plan.yaml", "--run-id", RUN])
        .exits(1);
    desk.verify().exits(0);
    let record = statement(&desk, AUDIT)["predicate"].clone();
    assert_eq!(record["outcome"], "failed");
    assert_eq!(record["disposition"], "rolled_back");
    let undone: Vec<&str> = record["rollbacks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["event_type"].as_str().unwrap())
        .collect();
    assert!(undone.contains(&"step.compensated"), "{undone:?}");
    assert!(undone.contains(&"run.rolled_back"), "{undone:?}");

    let desk = Desk::new();
    desk.bench.write(
        "plan.yaml",
        "plan: p\noverrides: { max: 1 }\nsteps: { check: { gate: hard, run: exit 65 } }\n",
    );
    desk.signing(&["run", "plan.yaml", "--run-id", RUN])
        .exits(1);
    let answer = ["override", RUN, "check", "--reason", "the check is broken"];
    desk.signing(&answer).exits(0);
    // What stands behind the seal is covered as well.
    desk.verify().exits(0);
    desk.signing(&["resume", RUN]);
    desk.verify().exits(0);
    let record = statement(&desk, AUDIT)["predicate"].clone();
    let overrides = record["overrides"].as_array().unwrap();
    assert_eq!(overrides[0]["event_type"], "override.approved");
    assert_eq!(overrides[0]["actor"], "user:tester");
    let told = overrides[0].to_string();
    assert!(told.contains("the check is broken"), "{told}");
    assert_eq!(overrides[1]["event_type"], "run.override_applied");
}
