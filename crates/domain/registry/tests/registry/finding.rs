//! What is found, and what is refused.

use crate::bench::{Bench, ids, query, refusal, tool};
use rok_facades::registry::{RegistryEngine as _, RegistryQuery};
use rok_facades::runs::ErrorKind;
use rok_registry::{Registry, Root};

#[test]
fn what_is_selected_comes_after_what_it_requires() {
    let bench = Bench::with(&[
        ("check", "1.0.0", "tags: [ci]\nrequires: { schema: ^1 }"),
        ("schema", "1.4.0", ""),
        ("schema", "2.0.0", ""),
        ("other", "1.0.0", ""),
    ]);
    let found = bench.registry().find(&query("tag=ci")).unwrap();
    assert_eq!(ids(&found), ["schema@1.4.0", "check@1.0.0"]);
    assert!(found.components[0].pulled_in && !found.components[1].pulled_in);
    assert_eq!(found.components[1].requires[0].as_str(), "schema");
    assert_eq!(
        found.components[0].source,
        "components/schema@1.4.0.component.yaml"
    );
    let left: Vec<_> = found
        .left
        .iter()
        .map(|left| left.component.as_str())
        .collect();
    assert_eq!(left, ["other@1.0.0", "schema@2.0.0"]);
    assert_eq!(found.left[0].why, "it has no tag `ci`");
}

#[test]
fn folders_below_are_looked_into_and_other_files_are_not() {
    let bench = Bench::new();
    bench.put("deep/er/a.component.yml", &tool("a", "1.0.0", ""));
    bench.put("b.component.json", r#"{"name":"b","version":"1.0.0","type":"test","status":"active","entrypoint":{"call":"f"}}"#);
    bench.put("c.component.toml", "name = \"c\"\nversion = \"1.0.0\"\ntype = \"tool\"\nstatus = \"active\"\n[entrypoint]\nrun = \"x\"\n");
    bench.put(".hidden/d.component.yaml", "no manifest");
    bench.put("e.component.yaml.bak", "no manifest");
    bench.put("f.yaml", "no manifest");
    bench.put(".component.yaml", "no manifest");
    std::os::unix::fs::symlink("/", bench.components().join("up")).unwrap();
    assert_eq!(bench.find("").unwrap(), ["a@1.0.0", "b@1.0.0", "c@1.0.0"]);
}

/// What somebody wrote to be a check is not passed by for the name of its file.
#[test]
fn a_name_that_is_almost_one_of_a_manifest_is_refused() {
    for name in [
        "x.component.YAML",
        "X.Component.yaml",
        "deep/x.COMPONENT.json",
    ] {
        let bench = Bench::with(&[("a", "1.0.0", "")]);
        bench.put(name, &tool("x", "1.0.0", ""));
        let (code, told) = bench.refusal("");
        assert_eq!(code, "ROK0236", "{told}");
        assert!(told.contains(name.rsplit('/').next().unwrap()), "{told}");
        assert!(told.contains("almost as a manifest"), "{told}");
        assert_eq!(refusal(bench.registry().validate()).0, "ROK0236");
    }
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    bench.put("x.component.yaml/x.component.yaml", &tool("x", "1.0.0", ""));
    let (code, told) = bench.refusal("");
    assert_eq!(code, "ROK0236", "{told}");
    assert!(told.contains("and is a folder"), "{told}");
}

#[test]
fn one_faulty_manifest_refuses_all_and_every_fault_is_told() {
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    bench.put("b.component.yaml", "name: b\nversion: 1\n");
    bench.put("c.component.yaml", "nam: c\n");
    let error = bench.find("name=a").unwrap_err();
    assert_eq!(
        (error.code(), error.kind()),
        ("ROK0231", ErrorKind::NotFound)
    );
    let told = error.to_string();
    assert!(
        told.contains("components/b.component.yaml:2:10: `version` is no semantic version"),
        "{told}"
    );
    assert!(
        told.contains("components/c.component.yaml:1:1: unknown key in a manifest `nam`"),
        "{told}"
    );
    let report = bench.registry().validate().unwrap();
    assert_eq!(report.components, 1);
    assert!(
        report
            .troubles
            .iter()
            .all(|trouble| trouble.code == "ROK0231")
    );
    assert!(report.troubles.len() >= 4, "{:?}", report.troubles);
}

#[test]
fn a_name_and_version_stand_once() {
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    bench.put("again.component.yaml", &tool("a", "1.0.0", ""));
    let (code, told) = bench.refusal("");
    assert_eq!(code, "ROK0232");
    assert_eq!(
        told,
        "a@1.0.0 stands twice: components/a@1.0.0.component.yaml and components/again.component.yaml"
    );
    assert_eq!(
        bench.registry().validate().unwrap().troubles[0].message,
        told
    );
}

#[test]
fn what_cannot_run_is_refused_where_it_is_named() {
    let bench = Bench::with(&[
        ("gone", "1.0.0", "status: archived"),
        ("draft", "1.0.0", "status: draft"),
        ("old", "1.0.0", "status: deprecated\ndeprecated_by: new"),
    ]);
    assert_eq!(
        bench.refusal("name=gone"),
        (
            "ROK0230",
            "component gone@1.0.0 is not run: it is archived, and never runs".to_owned()
        )
    );
    assert_eq!(
        bench.refusal("name=draft").1,
        "component draft@1.0.0 is not run: it is a draft, and runs with --allow-draft only"
    );
    assert_eq!(bench.refusal("name=drafd").1, "there is no component drafd");
    assert_eq!(
        bench.refusal("name=old@2.0.0").1,
        "there is no component old@2.0.0"
    );
    assert_eq!(bench.find("").unwrap(), Vec::<String>::new());
    let old = bench.registry().find(&query("name=old")).unwrap();
    assert_eq!(
        old.components[0].deprecation.as_deref(),
        Some("component old@1.0.0 is deprecated: use new")
    );
    let drafts = RegistryQuery {
        allow_draft: true,
        ..query("status=draft")
    };
    assert_eq!(
        ids(&bench.registry().find(&drafts).unwrap()),
        ["draft@1.0.0"]
    );
    // Looking is not running.
    let listed = bench.registry().list(&query("").selector).unwrap();
    assert_eq!(listed.len(), 3);
    assert_eq!(
        bench
            .registry()
            .inspect(&"gone".parse().unwrap())
            .unwrap()
            .version,
        "1.0.0"
    );
}

#[test]
fn requirements_that_cannot_be_met_are_named() {
    let bench = Bench::with(&[
        ("a", "1.0.0", "requires: { b: ^2 }"),
        ("b", "1.0.0", "requires: { c: '*' }"),
        ("c", "1.0.0", "requires: { b: '*' }"),
    ]);
    assert_eq!(
        bench.refusal("name=a"),
        (
            "ROK0232",
            "a@1.0.0 requires ^2: of b there is 1.0.0".to_owned()
        )
    );
    assert_eq!(
        bench.refusal("name=c").1,
        "components require each other: b@1.0.0 → c@1.0.0 → b@1.0.0"
    );
    let troubles = bench.registry().validate().unwrap().troubles;
    let places: Vec<_> = troubles
        .iter()
        .map(|trouble| trouble.place.as_str())
        .collect();
    assert_eq!(places.len(), 3, "{troubles:?}");
    assert_eq!(places[0], "components/a@1.0.0.component.yaml");
}

/// What validates runs: the stage that takes the latest of each finds what the
/// registry promises, under a lock as well.
#[test]
fn a_requirement_takes_an_earlier_version_of_what_is_selected_too() {
    let bench = Bench::with(&[
        ("check", "1.0.0", "tags: [ci]\nrequires: { schema: ^1 }"),
        ("schema", "1.4.0", "tags: [ci]"),
        ("schema", "2.0.0", "tags: [ci]"),
    ]);
    let registry = bench.registry();
    for locked in [false, true] {
        if locked {
            registry.lock().unwrap();
        }
        assert_eq!(registry.validate().unwrap().troubles, []);
        let found = registry.find(&query("tag=ci")).unwrap();
        assert_eq!(ids(&found), ["schema@1.4.0", "check@1.0.0"]);
        // It was selected itself, in whatever version.
        assert!(!found.components[0].pulled_in);
        assert_eq!(found.left.len(), 1);
        assert_eq!(found.left[0].component, "schema@2.0.0");
        assert!(found.left[0].why.contains("version 1.4.0"), "{found:?}");
    }
    // Whoever names a version means it.
    let (code, told) = bench.refusal("name=check,name=schema@2.0.0");
    assert_eq!(code, "ROK0232");
    assert_eq!(
        told,
        "check@1.0.0 requires ^1: of schema there is 2.0.0, 1.4.0 (not selected)"
    );
    assert_eq!(
        bench.refusal("name=check,name=schema,name=schema@2.0.0").1,
        "component schema@2.0.0 is not run: version 1.4.0 of it is taken, the latest that goes \
         with what requires it and what it requires"
    );
}

#[test]
fn what_cannot_run_in_one_stage_is_worth_a_warning() {
    let bench = Bench::with(&[
        ("a", "1.0.0", "requires: { c: ^1 }"),
        ("b", "1.0.0", "requires: { c: ^2 }"),
        ("c", "1.0.0", ""),
        ("c", "2.0.0", ""),
    ]);
    bench.registry().lock().unwrap();
    let report = bench.registry().validate().unwrap();
    assert_eq!(report.troubles, []);
    assert_eq!(report.warnings.len(), 1);
    assert_eq!(
        report.warnings[0].message,
        "a@1.0.0 requires ^1, b@1.0.0 requires ^2: of c there is 2.0.0, 1.0.0: \
         no stage can select them all"
    );
    assert_eq!(bench.find("name=a").unwrap(), ["c@1.0.0", "a@1.0.0"]);
    assert_eq!(bench.refusal("").0, "ROK0232");
}

#[test]
fn a_folder_that_is_named_must_be_there() {
    let bench = Bench::new();
    let away = bench.path("away");
    let registry = Registry::new(vec![Root::folder(&away)], bench.lock_file());
    let (code, told) = refusal(registry.find(&query("")));
    assert_eq!(code, "ROK0236");
    assert!(told.contains("away"), "{told}");
    let registry = Registry::new(vec![Root::folder_if_there(&away)], bench.lock_file());
    assert!(registry.find(&query("")).unwrap().components.is_empty());
    std::os::unix::fs::symlink("nowhere", &away).unwrap();
    assert_eq!(refusal(registry.find(&query(""))).0, "ROK0236");
}

#[test]
fn one_component_is_got_by_its_name() {
    let bench = Bench::with(&[
        ("a", "1.0.0", ""),
        ("a", "1.1.0", ""),
        ("ab", "1.0.0", "requires: { a: ^1 }"),
    ]);
    let registry = bench.registry();
    let get = |name: &str| registry.get(&name.parse().unwrap(), false);
    assert_eq!(get("a").unwrap().component.id().to_string(), "a@1.1.0");
    assert_eq!(
        get("a@1.0.0").unwrap().component.id().to_string(),
        "a@1.0.0"
    );
    assert_eq!(get("ab").unwrap().component.id().to_string(), "ab@1.0.0");
    assert_eq!(
        refusal(get("a*")).1,
        "a* means more than one component: a@1.1.0, ab@1.0.0"
    );
    assert_eq!(refusal(get("z*")).0, "ROK0230");
}
