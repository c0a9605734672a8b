//! Adding and removing.

use crate::bench::{Bench, manifest, refusal, tool};
use rok_facades::registry::RegistryEngine as _;

#[test]
fn what_is_added_is_there_under_its_name() {
    let bench = Bench::new();
    let registry = bench.registry();
    let one = tool("a", "1.0.0", "");
    let added = registry.add(&manifest("x.yaml", &one), false).unwrap();
    assert_eq!(added.change, "added");
    assert_eq!(added.component.source, "components/a.component.yaml");
    let two = registry
        .add(
            &manifest("y/a.component.yml", &tool("a", "2.0.0", "")),
            false,
        )
        .unwrap();
    assert_eq!(two.component.source, "components/a.component.yml");
    registry
        .add(&manifest("z.yaml", &tool("a", "3.0.0", "")), false)
        .unwrap();
    assert_eq!(
        bench.files(),
        [
            "a.component.yaml",
            "a.component.yml",
            "a@3.0.0.component.yaml"
        ]
    );
    assert_eq!(
        std::fs::read_to_string(bench.components().join("a.component.yaml")).unwrap(),
        one
    );
    let again = registry.add(&manifest("x.yaml", &one), false).unwrap();
    assert_eq!(again.change, "unchanged");
    assert_eq!(bench.find("").unwrap(), ["a@3.0.0"]);
}

#[test]
fn the_same_version_with_other_content_is_replaced_only_where_that_is_said() {
    let bench = Bench::with(&[("a", "1.0.0", "")]);
    let registry = bench.registry();
    let other = manifest("x.yaml", &tool("a", "1.0.0", "description: new"));
    let (code, told) = refusal(registry.add(&other, false));
    assert_eq!(code, "ROK0234");
    assert_eq!(
        told,
        "a@1.0.0 is there already, as components/a@1.0.0.component.yaml"
    );
    assert_eq!(registry.add(&other, true).unwrap().change, "replaced");
    assert_eq!(bench.files(), ["a@1.0.0.component.yaml"]);
    let view = registry.inspect(&"a".parse().unwrap()).unwrap();
    assert_eq!(view.description.as_deref(), Some("new"));
}

#[test]
fn nothing_is_changed_that_would_break_something() {
    let bench = Bench::with(&[
        ("user", "1.0.0", "requires: { base: ^1 }"),
        ("base", "1.0.0", ""),
    ]);
    let registry = bench.registry();
    let before = bench.files();
    let broken = [
        registry
            .add(
                &manifest("x.yaml", &tool("c", "1.0.0", "requires: { zebra: ^1 }")),
                false,
            )
            .map(drop),
        registry
            .add(
                &manifest("x.yaml", &tool("base", "1.0.0", "requires: { user: ^1 }")),
                true,
            )
            .map(drop),
        registry
            .add(
                &manifest("x.yaml", &tool("base", "1.0.0", "status: archived")),
                true,
            )
            .map(drop),
        registry.remove(&"base".parse().unwrap()).map(drop),
    ];
    let told = broken.map(|result| {
        let (code, told) = refusal(result);
        assert_eq!(code, "ROK0234");
        told
    });
    assert_eq!(
        told[0],
        "adding c@1.0.0 would break the registry: c@1.0.0 requires zebra ^1, and there is no component zebra"
    );
    assert!(
        told[1].contains("components require each other"),
        "{}",
        told[1]
    );
    assert!(
        told[2].contains("of base there is 1.0.0 (archived)"),
        "{}",
        told[2]
    );
    assert_eq!(
        told[3],
        "removing base@1.0.0 would break the registry: user@1.0.0 requires base ^1, and there is no component base"
    );
    assert_eq!(bench.files(), before);
}

#[test]
fn a_faulty_manifest_is_not_added_and_a_faulty_neighbour_hinders_nobody() {
    let bench = Bench::new();
    let registry = bench.registry();
    let (code, told) = refusal(registry.add(&manifest("x.yaml", "name: a\n"), false));
    assert_eq!(code, "ROK0231");
    assert!(told.contains("x.yaml:1:1: `version` is missing"), "{told}");
    assert!(bench.files().is_empty());
    bench.put("bad.component.yaml", "nam: a\n");
    registry
        .add(&manifest("x.yaml", &tool("a", "1.0.0", "")), false)
        .unwrap();
    assert_eq!(bench.files(), ["a.component.yaml", "bad.component.yaml"]);
}

#[test]
fn what_is_removed_is_named_exactly() {
    let bench = Bench::with(&[("a", "1.0.0", ""), ("a", "2.0.0", "")]);
    let registry = bench.registry();
    let remove = |name: &str| registry.remove(&name.parse().unwrap());
    assert_eq!(
        refusal(remove("a")).1,
        "a means more than one component: a@2.0.0, a@1.0.0"
    );
    assert_eq!(refusal(remove("b")).0, "ROK0230");
    let removed = remove("a@1.0.0").unwrap();
    assert_eq!(removed.source, "components/a@1.0.0.component.yaml");
    assert_eq!(bench.files(), ["a@2.0.0.component.yaml"]);
    remove("a").unwrap();
    assert!(bench.files().is_empty());
}
