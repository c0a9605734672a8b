//! A lock admits what it was made of, and nothing that differs from it.

use super::*;
use rstest::rstest;

fn component(name: &str, version: &str, description: &str) -> Component {
    let text = alloc::format!(
        "name: {name}\nversion: {version}\ntype: tool\nstatus: active\ndescription: {description}\nentrypoint: {{ run: x }}\n"
    );
    crate::parse(text.as_bytes(), "a.component.yaml").unwrap()
}

#[test]
fn a_lock_is_read_as_it_was_written() {
    let components = [
        component("b", "1.0.0", "x"),
        component("a", "2.0.0", "x"),
        component("a", "10.0.0", "x"),
    ];
    let lock = Lock::of(&components);
    assert_eq!(Lock::parse(lock.to_text().as_bytes()), Ok(lock.clone()));
    let ids: Vec<_> = lock.ids().map(ToString::to_string).collect();
    assert_eq!(ids, ["a@2.0.0", "a@10.0.0", "b@1.0.0"]);
    assert!(lock.check(&components).is_empty());
}

#[test]
fn every_difference_is_told() {
    let before = [
        component("a", "1.0.0", "x"),
        component("b", "1.0.0", "x"),
        component("c", "1.0.0", "x"),
    ];
    let lock = Lock::of(&before);
    let after = [
        component("a", "1.0.0", "y"),
        component("c", "1.0.0", "x"),
        component("d", "1.0.0", "x"),
    ];
    let drift: Vec<_> = lock.check(&after).iter().map(ToString::to_string).collect();
    assert_eq!(drift.len(), 3, "{drift:?}");
    assert!(
        drift[0].starts_with("a@1.0.0 has changed: it is locked as "),
        "{drift:?}"
    );
    assert_eq!(drift[1], "b@1.0.0 is locked, and is not in the registry");
    assert_eq!(drift[2], "d@1.0.0 is not locked");
}

#[rstest]
#[case("", "it is no lock file")]
#[case("{}", "it is no lock file")]
#[case(
    r#"{"schema":2,"components":[]}"#,
    "it has the form 2, and this version knows 1"
)]
#[case(r#"{"schema":1,"components":[],"more":1}"#, "unknown field")]
#[case(
    r#"{"schema":1,"components":[{"name":"a","version":"1","fingerprint":"00"}]}"#,
    "no sha-256"
)]
fn what_is_no_lock_is_refused(#[case] text: &str, #[case] expected: &str) {
    let error = Lock::parse(text.as_bytes()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_component_is_locked_once() {
    let text = Lock::of(&[component("a", "1.0.0", "x")]).to_text();
    let mut file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let twice = file["components"][0].clone();
    file["components"].as_array_mut().unwrap().push(twice);
    let error = Lock::parse(file.to_string().as_bytes()).unwrap_err();
    assert_eq!(error.to_string(), "a@1.0.0 stands in it twice");
}
