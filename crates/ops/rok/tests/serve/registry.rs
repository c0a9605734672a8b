//! Components over HTTP: to be looked at and fetched, by whoever may look at
//! the server.

use super::Served;
use crate::support::Bench;
use rok_chain::Digest;
use rstest::rstest;
use serde_json::Value;

fn tool(name: &str, version: &str, more: &str) -> String {
    format!(
        "name: {name}\nversion: {version}\ntype: tool\nstatus: active\nentrypoint: {{ run: x }}\n{more}\n"
    )
}

fn bench() -> Bench {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path().join(".rok/components")).expect("a folder");
    for (name, version, more) in [
        ("a", "1.0.0", "tags: [ci]"),
        ("a", "1.1.0", "description: Looks at data."),
        ("b", "1.0.0", "tags: [ci, data]"),
        ("c", "1.0.0", "channel: canary"),
    ] {
        let file = format!(".rok/components/{name}@{version}.component.yaml");
        bench.write(&file, &tool(name, version, more));
    }
    bench
}

fn ids(page: &Value) -> Vec<String> {
    let components = page["components"].as_array().expect("components").iter();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    components
        .map(|view| format!("{}@{}", text(&view["name"]), text(&view["version"])))
        .collect()
}

#[rstest]
#[case("", &["a@1.0.0", "a@1.1.0", "b@1.0.0", "c@1.0.0"])]
#[case("?tag=ci", &["a@1.0.0", "b@1.0.0"])]
#[case("?tag=ci&tag=data", &["b@1.0.0"])]
#[case("?filter=lifecycle%3Dcanary", &["c@1.0.0"])]
#[case("?name=a%40~1.0&name=c", &["a@1.0.0", "c@1.0.0"])]
#[case("?q=DATA", &["a@1.1.0", "b@1.0.0"])]
#[case("?q=nothing", &[])]
fn components_are_listed_by_what_they_are(#[case] query: &str, #[case] expected: &[&str]) {
    let served = Served::open(bench());
    let page = served
        .get(&format!("/api/v1/registry{query}"))
        .is(200)
        .json();
    assert_eq!(ids(&page), expected);
    assert!(page.get("next_cursor").is_none());
}

#[test]
fn pages_leave_nothing_out() {
    let served = Served::open(bench());
    for limit in 1..=5 {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/registry?limit={limit}{cursor}");
            let page = served.get(&path).is(200).json();
            all.extend(ids(&page));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(all, ["a@1.0.0", "a@1.1.0", "b@1.0.0", "c@1.0.0"]);
    }
    let gone = "0".repeat(64);
    served
        .get(&format!("/api/v1/registry?cursor={gone}"))
        .is(400);
}

#[test]
fn a_manifest_is_given_as_it_is_written() {
    let served = Served::open(bench());
    let latest = served.get("/api/v1/registry/a").is(200).json();
    assert_eq!(latest["version"], "1.1.0");
    let one = served.get("/api/v1/registry/a@1.0.0").is(200).json();
    assert_eq!(one["version"], "1.0.0");
    // Where it lies is the server's own affair.
    assert_eq!(one["source"], "a@1.0.0.component.yaml");
    let fingerprint = one["fingerprint"].as_str().expect("a fingerprint");
    let path = format!("/api/v1/registry/manifests/{fingerprint}");
    let manifest = served.get(&path).is(200);
    assert_eq!(manifest.body, tool("a", "1.0.0", "tags: [ci]"));
    assert_eq!(Digest::of(manifest.body.as_bytes()).to_hex(), fingerprint);
}

#[rstest]
#[case("/api/v1/registry/zebra", 404, "ROK0230")]
#[case("/api/v1/registry/a@9.0.0", 404, "ROK0230")]
#[case("/api/v1/registry/A", 422, "ROK0005")]
#[case("/api/v1/registry?filter=typ%3Dtool", 422, "ROK0005")]
#[case("/api/v1/registry?limit=0", 400, "ROK0204")]
#[case("/api/v1/registry/manifests/abc", 422, "ROK0005")]
#[case(
    "/api/v1/registry/manifests/0000000000000000000000000000000000000000000000000000000000000000",
    404,
    "ROK0230"
)]
fn what_is_not_there_is_refused(#[case] path: &str, #[case] status: u16, #[case] code: &str) {
    let served = Served::open(bench());
    assert_eq!(served.get(path).is(status).json()["code"], code);
}

#[test]
fn who_may_not_look_at_the_server_sees_no_component() {
    let bench = bench();
    let made = bench.rok([
        "token", "create", "--user", "eve", "--role", "viewer", "--json",
    ]);
    let token = made.exits(0).json();
    let served = Served::with(bench, &[]);
    served.get("/api/v1/registry").is(401);
    served.get("/api/v1/registry/a").is(401);
    let token = token["token"].as_str().expect("a token");
    let eve = served
        .client
        .with("authorization", &format!("Bearer {token}"));
    eve.get("/api/v1/registry").is(200);
}

#[test]
fn a_registry_that_is_broken_is_told_to_the_server_alone() {
    let bench = bench();
    bench.write(".rok/components/bad.component.yaml", "nam: secret-plans\n");
    let mut served = Served::open(bench);
    let refused = served.get("/api/v1/registry").is(503);
    assert_eq!(refused.json()["code"], "ROK0231");
    assert!(!refused.body.contains("bad.component"), "{}", refused.body);
    let (_, told) = served.stop();
    assert!(told.contains("bad.component.yaml:1:1"), "{told}");
}
