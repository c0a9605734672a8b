//! Bundles: a run as one file verifies where nothing else of it is.

use super::{AUDIT, Desk, RUN};
use crate::support::Bench;
use std::fs;
use std::path::Path;

const FILE: &str = "signed.tar.zst";

/// A desk with a run that was packed, and an empty folder somewhere else with
/// the bundle and our public key. The folder that the run worked in is gone.
fn elsewhere() -> Bench {
    let desk = Desk::sealed();
    let key = ["export", RUN, "-o", FILE, "--key", "ours.key.pub"];
    desk.rok(&key).exits(0);
    let bench = Bench::new();
    for file in [FILE, "ours.key.pub", "other.key.pub"] {
        fs::copy(desk.bench.path().join(file), bench.path().join(file)).expect("copied");
    }
    bench
}

/// Everything in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
        .collect();
    names.sort();
    names
}

#[test]
fn a_bundle_verifies_and_is_taken_in_where_nothing_else_is() {
    let bench = elsewhere();
    let by_key = ["verify", FILE, "--json", "--key", "ours.key.pub"];
    let before = names(bench.path());
    let report = bench.rok(by_key).exits(0).json();
    assert_eq!(report["verdict"], "intact");
    assert_eq!(report["artifacts"], 2);
    assert_eq!(report["attestations"][0]["signature"], "valid");
    // Nothing that lies elsewhere on this machine is looked at.
    assert_eq!(report["notes"], serde_json::json!([]));
    assert_eq!(names(bench.path()), before, "verify left something");
    let other = ["verify", FILE, "--key", "other.key.pub"];
    bench.rok(other).exits(4);

    let ran = bench.rok(["import", FILE, "--dir", "taken"]).exits(0);
    assert!(ran.out.contains("imported signed"), "{}", ran.out);
    let verify = ["verify", RUN, "--dir", "taken", "--key", "ours.key.pub"];
    bench.rok(verify).exits(0);
    // It can be looked at as a run that was made here.
    let logs = bench.rok(["logs", RUN, "make", "--dir", "taken"]).exits(0);
    assert!(logs.out.contains("ROK_RUN_ID=signed"), "{}", logs.out);
    bench.rok(["summary", RUN, "--dir", "taken"]).exits(0);
    let listed = bench
        .rok(["ls", "--dir", "taken", "--json"])
        .exits(0)
        .json();
    assert_eq!(listed.as_array().expect("a list").len(), 1);
    // And packed again, to the same bytes.
    let again = ["export", RUN, "--dir", "taken", "-o", "again.tar.zst"];
    bench.rok(again).exits(0);
    let read = |name: &str| fs::read(bench.path().join(name)).expect("a file");
    assert!(read(FILE) == read("again.tar.zst"));
}

#[test]
fn a_bundle_holds_what_verifies_and_nothing_else() {
    let bench = elsewhere();
    let (bundle, into) = (bench.path().join(FILE), bench.path().join("into"));
    fs::create_dir(&into).unwrap();
    let manifest = rok_bundle::unpack(&bundle, &into, rok_bundle::DEFAULT_LIMIT).unwrap();
    let paths: Vec<&str> = manifest.files.iter().map(|f| f.path.as_str()).collect();
    let contents = paths.iter().filter(|p| p.starts_with("contents/")).count();
    assert_eq!(contents, 2);
    let rest: Vec<&str> = paths
        .into_iter()
        .filter(|path| !path.starts_with("contents/"))
        .collect();
    assert_eq!(
        rest,
        [
            AUDIT,
            "events.jsonl",
            "key.pub",
            "logs/end.0.log",
            "logs/gate.0.log",
            "logs/make.0.log",
            "plan.json",
            "provenance.dsse.json",
            "seal.json"
        ]
    );
}

#[test]
fn an_existing_run_is_never_touched() {
    let bench = elsewhere();
    bench.rok(["import", FILE]).exits(0);
    let folder = bench.runs().join(RUN);
    fs::write(folder.join("note"), "ours").unwrap();
    let ran = bench.rok(["import", FILE]).exits(2);
    assert!(ran.err.contains("error[ROK0116]"), "{}", ran.err);
    assert_eq!(fs::read_to_string(folder.join("note")).unwrap(), "ours");
    let left: Vec<String> = names(&bench.runs())
        .into_iter()
        .filter(|name| name.contains("new~"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_changed_bundle_places_nothing() {
    let bench = elsewhere();
    let good = fs::read(bench.path().join(FILE)).unwrap();
    for at in [0, 3, 20, good.len() / 3, good.len() / 2, good.len() - 2] {
        let mut bytes = good.clone();
        bytes[at] ^= 0x10;
        bench.write("bad.tar.zst", "");
        fs::write(bench.path().join("bad.tar.zst"), &bytes).unwrap();
        let ran = bench.rok(["import", "bad.tar.zst"]);
        assert_eq!(ran.code, 4, "byte {at}: {}", ran.err);
        assert!(ran.err.contains("error[ROK0143]"), "{}", ran.err);
        bench.rok(["verify", "bad.tar.zst"]).exits(4);
        assert!(!bench.runs().join(RUN).exists(), "byte {at}");
    }
    let cut = &good[..good.len() / 2];
    fs::write(bench.path().join("bad.tar.zst"), cut).unwrap();
    bench.rok(["import", "bad.tar.zst"]).exits(4);
    let ran = bench.rok(["import", FILE, "--max-bytes", "1000"]).exits(4);
    assert!(ran.err.contains("1000 are allowed"), "{}", ran.err);
    bench.rok(["import", "absent.tar.zst"]).exits(2);
}

/// The files of a bundle, changed, packed again by somebody else.
fn repacked(bench: &Bench, change: impl Fn(&Path)) {
    let into = bench.path().join("open");
    let _ = fs::remove_dir_all(&into);
    let _ = fs::remove_file(bench.path().join("forged.tar.zst"));
    fs::create_dir(&into).expect("a folder");
    let bundle = bench.path().join(FILE);
    let manifest = rok_bundle::unpack(&bundle, &into, rok_bundle::DEFAULT_LIMIT).expect("a bundle");
    change(&into);
    let files: Vec<rok_bundle::Content> = manifest
        .files
        .iter()
        .filter(|file| into.join(&file.path).exists())
        .map(|file| rok_bundle::Content::file(&file.path, into.join(&file.path)))
        .collect();
    let out = bench.path().join("forged.tar.zst");
    rok_bundle::pack(&manifest.run_id, &files, &out).expect("packed");
}

#[test]
fn a_bundle_that_is_whole_and_does_not_verify_places_nothing() {
    let bench = elsewhere();
    let changes: [&dyn Fn(&Path); 5] = [
        &|into| {
            let log = fs::read_to_string(into.join("events.jsonl")).unwrap();
            let log = log.replace("\"seen\"", "\"SEEN\"");
            fs::write(into.join("events.jsonl"), log).unwrap();
        },
        &|into| fs::remove_file(into.join("seal.json")).unwrap(),
        &|into| fs::remove_file(into.join("plan.json")).unwrap(),
        &|into| fs::remove_file(into.join("events.jsonl")).unwrap(),
        &|into| {
            for content in fs::read_dir(into.join("contents")).unwrap() {
                fs::remove_file(content.unwrap().path()).unwrap();
            }
        },
    ];
    for (at, change) in changes.iter().enumerate() {
        repacked(&bench, change);
        let ran = bench.rok(["import", "forged.tar.zst"]);
        // Without its seal.json alone a log is no less sealed.
        let expected = if at == 1 { 0 } else { 4 };
        assert_eq!(ran.code, expected, "change {at}: {}", ran.err);
        assert_eq!(
            bench.runs().join(RUN).exists(),
            expected == 0,
            "change {at}"
        );
        let _ = fs::remove_dir_all(bench.runs());
    }
}

#[test]
fn an_open_run_a_broken_one_and_another_key_are_not_packed() {
    let desk = Desk::held();
    let ran = desk.rok(&["export", RUN, "-o", FILE]).exits(1);
    assert!(ran.err.contains("error[ROK0143]"), "{}", ran.err);

    let desk = Desk::sealed();
    desk.rok(&["export", RUN, "-o", FILE, "--key", "other.key.pub"])
        .exits(4);
    assert!(!desk.bench.path().join(FILE).exists());
    desk.rok(&["export", RUN, "-o", FILE]).exits(0);
    // Never over an existing file.
    desk.rok(&["export", RUN, "-o", FILE]).exits(1);
    desk.write("plan.json", "{}");
    desk.rok(&["export", RUN, "-o", "other.tar.zst"]).exits(4);
    assert!(!desk.bench.path().join("other.tar.zst").exists());
}

/// A key that did not sign would have whoever put it there believed.
#[test]
fn another_s_key_in_a_bundle_is_told() {
    let bench = elsewhere();
    let into = bench.path().join("into");
    fs::create_dir(&into).unwrap();
    let bundle = bench.path().join(FILE);
    let manifest = rok_bundle::unpack(&bundle, &into, rok_bundle::DEFAULT_LIMIT).unwrap();
    let other = bench.path().join("other.key.pub");
    let files: Vec<rok_bundle::Content> = manifest
        .files
        .iter()
        .map(|file| match file.path.as_str() {
            "key.pub" => rok_bundle::Content::file("key.pub", &other),
            path => rok_bundle::Content::file(path, into.join(path)),
        })
        .collect();
    let forged = bench.path().join("forged.tar.zst");
    rok_bundle::pack(&manifest.run_id, &files, &forged).unwrap();
    let report = bench
        .rok(["verify", "forged.tar.zst", "--json"])
        .exits(4)
        .json();
    assert_eq!(report["faults"][0]["file"], "key.pub");
    let what = report["faults"][0]["what"].as_str().unwrap();
    assert!(
        what.starts_with("is not the key that signed attestation.dsse.json"),
        "{what}"
    );
    bench.rok(["import", "forged.tar.zst"]).exits(4);
}
