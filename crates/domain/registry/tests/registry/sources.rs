//! Roots that are no folders.

use crate::bench::{Bench, manifest, query, refusal, tool};
use rok_chain::Digest;
use rok_facades::registry::RegistryEngine as _;
use rok_log::{Cells, MemoryCells};
use rok_registry::{Registry, Root};
use rok_test_support::components::MemoryRegistry;
use std::sync::Arc;

fn over(bench: &Bench, source: &MemoryRegistry) -> Registry {
    let roots = vec![
        Root::Source(Arc::new(source.clone())),
        Root::folder(bench.components()),
    ];
    Registry::new(roots, bench.lock_file())
}

#[test]
fn what_comes_from_elsewhere_runs_only_where_it_is_locked() {
    let bench = Bench::with(&[("mine", "1.0.0", "")]);
    let source = MemoryRegistry::new();
    let text = tool("theirs", "1.0.0", "");
    source.put("theirs.component.yaml", &text);
    let registry = over(&bench, &source);
    assert_eq!(registry.list(&query("").selector).unwrap().len(), 2);
    let (code, told) = refusal(registry.find(&query("")));
    assert_eq!(
        (code, told.as_str()),
        ("ROK0233", "theirs@1.0.0 is not locked")
    );
    registry.lock().unwrap();
    let found = registry.find(&query("name=theirs")).unwrap();
    assert_eq!(found.components[0].source, "https://registry.example");

    // Another manifest under the same name and version.
    source.clear();
    let other = tool("theirs", "1.0.0", "description: other");
    source.put("theirs.component.yaml", &other);
    assert_eq!(refusal(registry.find(&query("name=theirs"))).0, "ROK0233");
}

#[test]
fn content_that_has_not_its_fingerprint_is_refused() {
    let bench = Bench::new();
    let source = MemoryRegistry::new();
    source.lie(
        "a.component.yaml",
        &tool("a", "1.0.0", ""),
        &tool("a", "6.6.6", ""),
    );
    let (code, told) = refusal(over(&bench, &source).list(&query("").selector));
    assert_eq!(code, "ROK0233");
    assert!(
        told.starts_with("https://registry.example was asked for manifest "),
        "{told}"
    );
}

#[test]
fn a_name_that_is_none_is_refused() {
    let bench = Bench::new();
    let source = MemoryRegistry::new();
    source.put("../../a\n", "x");
    let (code, told) = refusal(over(&bench, &source).list(&query("").selector));
    assert_eq!(code, "ROK0236");
    assert_eq!(
        told,
        "https://registry.example offers `../../a\\n`, which is no name of a manifest"
    );
}

#[test]
fn each_manifest_is_fetched_once_and_checked_each_time() {
    let bench = Bench::new();
    let source = MemoryRegistry::new();
    let text = tool("a", "1.0.0", "");
    source.put("a.component.yaml", &text);
    let cells = Arc::new(MemoryCells::new());
    let registry = over(&bench, &source).state(cells.clone());
    for _ in 0..3 {
        registry.list(&query("").selector).unwrap();
    }
    assert_eq!(source.asked(), 1);
    let key = Digest::of(text.as_bytes()).to_hex();
    assert!(
        cells
            .swap("manifests", &key, Some(text.as_bytes()), Some(b"other"))
            .unwrap()
    );
    registry.list(&query("").selector).unwrap();
    assert_eq!(source.asked(), 2);
    assert_eq!(
        cells.cell("manifests", &key).unwrap().as_deref(),
        Some(text.as_bytes())
    );
}

#[test]
fn what_is_elsewhere_is_not_changed_from_here() {
    let bench = Bench::new();
    let source = MemoryRegistry::new();
    let text = tool("a", "1.0.0", "");
    source.put("a.component.yaml", &text);
    let registry = over(&bench, &source);
    let (code, told) = refusal(registry.remove(&"a".parse().unwrap()));
    assert_eq!(code, "ROK0234");
    assert_eq!(
        told,
        "a@1.0.0 is kept at https://registry.example, and only read here"
    );
    let other = manifest("x.yaml", &tool("a", "1.0.0", "description: other"));
    assert_eq!(refusal(registry.add(&other, true)).0, "ROK0234");
    registry
        .add(&manifest("x.yaml", &tool("a", "2.0.0", "")), false)
        .unwrap();
    assert_eq!(bench.files(), ["a.component.yaml"]);
}
