//! The lock.

use crate::bench::{Bench, query, refusal, tool};
use rok_facades::registry::{LockedAs, RegistryEngine as _};
use rok_facades::runs::ErrorKind;

#[test]
fn a_component_that_differs_from_its_lock_does_not_run() {
    let bench = Bench::with(&[("a", "1.0.0", ""), ("b", "1.0.0", "")]);
    let registry = bench.registry();
    assert_eq!(
        registry.inspect(&"a".parse().unwrap()).unwrap().lock,
        LockedAs::NoLock
    );
    let report = registry.lock().unwrap();
    assert_eq!((report.components, report.changes.len()), (2, 0));
    assert_eq!(report.file, "components.lock");
    assert_eq!(bench.find("").unwrap(), ["a@1.0.0", "b@1.0.0"]);

    bench.put(
        "a@1.0.0.component.yaml",
        &tool("a", "1.0.0", "description: other"),
    );
    let error = registry.find(&query("")).unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("ROK0233", ErrorKind::NotFound)
    );
    assert!(
        error
            .to_string()
            .starts_with("a@1.0.0 has changed: it is locked as "),
        "{error}"
    );
    assert_eq!(
        registry.inspect(&"a".parse().unwrap()).unwrap().lock,
        LockedAs::Changed
    );
    // What is not changed runs.
    assert_eq!(bench.find("name=b").unwrap(), ["b@1.0.0"]);

    let report = registry.lock().unwrap();
    assert_eq!(report.changes[0].what, "changed");
    assert_ne!(report.changes[0].locked, report.changes[0].found);
    assert_eq!(bench.find("").unwrap(), ["a@1.0.0", "b@1.0.0"]);
    assert_eq!(
        registry.inspect(&"a".parse().unwrap()).unwrap().lock,
        LockedAs::Locked
    );
}

#[test]
fn what_is_not_locked_does_not_run_and_what_is_gone_stops_everything() {
    let bench = Bench::with(&[("a", "1.0.0", ""), ("b", "1.0.0", "")]);
    bench.registry().lock().unwrap();
    bench.put("c.component.yaml", &tool("c", "1.0.0", ""));
    assert_eq!(bench.refusal("").1, "c@1.0.0 is not locked");
    assert_eq!(bench.find("name=a").unwrap(), ["a@1.0.0"]);
    std::fs::remove_file(bench.components().join("b@1.0.0.component.yaml")).unwrap();
    assert_eq!(
        bench.refusal("name=a").1,
        "b@1.0.0 is locked, and is not in the registry"
    );
    let troubles = bench.registry().validate().unwrap().troubles;
    let told: Vec<_> = troubles
        .iter()
        .map(|trouble| trouble.message.as_str())
        .collect();
    assert_eq!(
        told,
        [
            "c@1.0.0 is not locked",
            "b@1.0.0 is locked, and is not in the registry"
        ]
    );
}

#[test]
fn requirements_without_a_lock_are_worth_a_warning() {
    let bench = Bench::with(&[("a", "1.0.0", ""), ("b", "1.0.0", "")]);
    let warnings = || bench.registry().validate().unwrap().warnings;
    assert_eq!(warnings(), [], "nobody requires anything");
    bench.put(
        "c.component.yaml",
        &tool("c", "1.0.0", "requires: { a: ^1 }"),
    );
    let [warning] = &warnings()[..] else {
        panic!("{:?}", warnings())
    };
    assert_eq!(
        (&*warning.code, &*warning.place, &*warning.message),
        (
            "ROK0233",
            "components.lock",
            "1 component requires others, and without a lock whatever version is there runs"
        )
    );
    assert_eq!(
        warning.help.as_deref(),
        Some("`rok registry lock` writes it")
    );
    bench.registry().lock().unwrap();
    assert_eq!(warnings(), []);
}

#[test]
fn a_lock_that_cannot_be_read_is_not_taken_for_none() {
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    std::fs::write(bench.lock_file(), "{}").unwrap();
    assert_eq!(bench.refusal("").0, "ROK0233");
    assert_eq!(refusal(bench.registry().lock()).0, "ROK0233");
    std::fs::remove_file(bench.lock_file()).unwrap();
    std::os::unix::fs::symlink("nowhere", bench.lock_file()).unwrap();
    assert_eq!(bench.refusal("").0, "ROK0233");
}

#[test]
fn a_registry_with_faults_is_not_locked() {
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    bench.put("b.component.yaml", "nam: b\n");
    assert_eq!(refusal(bench.registry().lock()).0, "ROK0231");
    assert!(!bench.lock_file().exists());
}

/// A lock would say that what cannot run is as it should be.
#[test]
fn what_does_not_hold_together_is_not_locked() {
    let bench = Bench::with(&[
        ("a", "1.0.0", "requires: { b: ^1 }"),
        ("b", "1.0.0", "requires: { c: ^1 }"),
        ("c", "1.0.0", "requires: { b: ^1 }"),
        ("d", "1.0.0", "requires: { zebra: ^1 }"),
    ]);
    let (code, told) = refusal(bench.registry().lock());
    assert_eq!(code, "ROK0232");
    assert_eq!(
        told,
        "components require each other: b@1.0.0 → c@1.0.0 → b@1.0.0\n\
         d@1.0.0 requires zebra ^1, and there is no component zebra"
    );
    let view = bench.registry().inspect(&"a".parse().unwrap()).unwrap();
    assert_eq!(view.lock, LockedAs::NoLock);
}
