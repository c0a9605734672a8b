//! What a server keeps beside its runs: schedules and tokens, in the database
//! where the runs are in one, and over HTTP.

use super::places::{Place, Where};
use super::{Served, bench};
use crate::support::Bench;
use rstest::rstest;
use serde_json::{Value, json};
use std::process::Stdio;
use std::time::{Duration, Instant};

const STORE: [&str; 2] = ["--store", "sqlite:rok.db"];
const NIGHTLY: &str = "schedule: nightly\nplan: quick.yaml\ncron: '0 2 * * *'\n";
const QUICK: &str = "plan: quick\nsteps: { a: { run: ['true'] } }\n";

fn on_store(bench: &Bench, args: &[&str]) -> crate::support::Ran {
    bench.rok(args.iter().chain(&STORE))
}

fn flags(more: &[&'static str]) -> Vec<&'static str> {
    STORE
        .iter()
        .chain(["--quiet"].iter())
        .chain(more)
        .copied()
        .collect()
}

#[test]
fn tokens_are_in_the_database_and_let_people_in() {
    let bench = bench();
    let create = [
        "token", "create", "--user", "ada", "--role", "admin", "--json",
    ];
    let made = on_store(&bench, &create).exits(0).json();
    assert!(!bench.runs().join(".tokens.json").exists());
    let served = Served::with(bench, &flags(&[]));
    let token = format!("Bearer {}", made["token"].as_str().expect("a token"));
    let ada = served.client.with("authorization", &token);
    ada.get("/api/v1/runs").is(200);
    served.get("/api/v1/runs").is(401);
    let id = made["id"].as_str().expect("an id");
    on_store(&served.bench, &["token", "revoke", id]).exits(0);
    ada.get("/api/v1/runs").is(401);
    let listed = on_store(&served.bench, &["token", "list", "--json"]).exits(0);
    assert_eq!(listed.json()[0]["id"], id);
}

#[rstest]
#[case("viewer,aprover", "did you mean `approver`?")]
#[case("bogus", "may do nothing")]
fn a_role_that_is_mistyped_is_refused(#[case] roles: &str, #[case] told: &str) {
    let create = ["token", "create", "--user", "ada", "--role", roles];
    let refused = bench().rok(create).exits(2);
    assert!(refused.err.contains("ROK0212"), "{}", refused.err);
    assert!(refused.err.contains(told), "{}", refused.err);
}

#[test]
fn what_lies_in_the_folder_is_named_until_it_was_moved() {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    bench.write("nightly.yaml", NIGHTLY);
    bench.rok(["schedule", "add", "nightly.yaml"]).exits(0);
    let create = [
        "token", "create", "--user", "ada", "--role", "admin", "--json",
    ];
    let made: Value = bench.rok(create).exits(0).json();
    let serve = |told: &str| {
        let serve = ["serve", "--listen", "127.0.0.1:0"];
        let mut command = bench.command(serve.iter().chain(&STORE));
        let refused = command.stdout(Stdio::null()).output().expect("rok starts");
        let refused = crate::support::Ran::from(refused).exits(1);
        assert!(refused.err.contains("ROK0184"), "{}", refused.err);
        assert!(refused.err.contains(told), "{}", refused.err);
    };
    serve("nightly");
    let moved = on_store(&bench, &["schedule", "import", "--json"]).exits(0);
    assert_eq!(moved.json(), json!(["nightly"]));
    let left = bench.rok(["schedule", "list", "--json"]).exits(0).json();
    assert_eq!(left, json!([]));
    let here = on_store(&bench, &["schedule", "list", "--json"])
        .exits(0)
        .json();
    assert_eq!(here[0]["schedule"], "nightly");
    serve("tokens");
    let came = on_store(&bench, &["token", "import", "--json"])
        .exits(0)
        .json();
    assert_eq!(came[0]["id"], made["id"]);
    let served = Served::with(bench, &flags(&[]));
    let token = format!("Bearer {}", made["token"].as_str().expect("a token"));
    let ada = served.client.with("authorization", &token);
    assert_eq!(
        ada.get("/api/v1/schedules").is(200).json()["schedules"][0]["schedule"],
        "nightly"
    );
    // Tokens are not made over HTTP.
    let server = format!("http://{}", served.client.address());
    let create = [
        "token", "create", "--user", "eve", "--role", "admin", "--server", &server,
    ];
    assert!(served.bench.rok(create).exits(2).err.contains("ROK0117"));
}

#[test]
fn two_servers_over_one_database_fire_once() {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    // Due at once, and not again for long.
    let text = "schedule: s\nplan: quick.yaml\ncron: '0 2 * * *'\nfor_each: [1, 2, 3]\n";
    bench.write("s.yaml", text);
    let flags = flags(&["--insecure-no-auth"]);
    let one = Served::with(bench, &flags);
    let mut serve = vec!["serve", "--listen", "127.0.0.1:0"];
    serve.extend(&flags);
    let mut two = one.bench.command(serve);
    let mut two = two
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("rok starts");
    on_store(&one.bench, &["schedule", "add", "s.yaml"]).exits(0);
    on_store(&one.bench, &["schedule", "trigger", "s", "--reason", "now"]).exits(0);
    let by = Instant::now() + Duration::from_secs(60);
    loop {
        let runs = one.get("/api/v1/runs?status=succeeded").is(200).json();
        let runs = runs["runs"].as_array().expect("a list").len();
        let view = one.get("/api/v1/schedules/s").is(200).json();
        if runs == 3 && view["running"] == json!([]) {
            break;
        }
        assert!(runs <= 3 && Instant::now() < by, "{view}");
        std::thread::sleep(Duration::from_millis(50));
    }
    two.kill().expect("it lives");
    two.wait().expect("it ends");
    let all = one.get("/api/v1/runs").is(200).json();
    assert_eq!(all["runs"].as_array().map(Vec::len), Some(3), "{all}");
}

#[rstest]
fn schedules_are_managed_alike_wherever_they_are(
    #[values(Where::Folder, Where::Database, Where::Server)] at: Where,
) {
    let place = Place::new(at);
    place.bench().write("quick.yaml", QUICK);
    place.bench().write("nightly.yaml", NIGHTLY);
    let added = place.rok(&["schedule", "add", "nightly.yaml"]).exits(0);
    assert!(added.out.starts_with("added nightly\n"), "{}", added.out);
    let again = place.rok(&["schedule", "add", "nightly.yaml"]).exits(0);
    assert!(
        again.out.starts_with("unchanged nightly\n"),
        "{}",
        again.out
    );
    let next = place
        .rok(&["schedule", "next", "-n", "2", "--json"])
        .exits(0);
    assert_eq!(next.json().as_array().map(Vec::len), Some(2));
    place
        .rok(&["schedule", "pause", "nightly", "--reason", "later"])
        .exits(0);
    let listed = place.rok(&["schedule", "list", "--json"]).exits(0).json();
    assert_eq!(listed[0]["paused"]["by"], "user:tester");
    assert_eq!(listed[0]["paused"]["reason"], "later");
    place.rok(&["schedule", "unpause", "nightly"]).exits(0);
    let fired = place.rok(&[
        "schedule", "trigger", "nightly", "--reason", "now", "--json",
    ]);
    assert_eq!(fired.exits(0).json()[0]["what"], "started");
    let range = [
        "--from",
        "2026-01-01T00:00:00Z",
        "--until",
        "2026-01-03T00:00:00Z",
    ];
    let fill = ["schedule", "backfill", "nightly"].iter().chain(&range);
    let filled = place.rok(&fill.copied().collect::<Vec<_>>()).exits(0);
    assert!(filled.out.contains("backfill"), "{}", filled.out);
    let removed = place
        .rok(&["schedule", "remove", "nightly", "--json"])
        .exits(0);
    assert_eq!(removed.json()["schedule"], "nightly");
    let gone = place.rok(&["schedule", "list", "nightly"]).exits(3);
    assert!(gone.err.contains("ROK0180"), "{}", gone.err);
}

#[test]
fn a_schedule_over_http_names_a_plan_of_the_server_and_roles_say_who_may() {
    let bench = bench();
    bench.write("quick.yaml", QUICK);
    let [eve, oli] = [("eve", "viewer"), ("oli", "operator")].map(|(user, role)| {
        let made = ["token", "create", "--user", user, "--role", role, "--json"];
        let made: Value = bench.rok(made).exits(0).json();
        format!("Bearer {}", made["token"].as_str().expect("a token"))
    });
    let served = Served::with(bench, &[]);
    let [eve, oli] = [eve, oli].map(|token| served.client.with("authorization", &token));
    let add = |plan: &str| json!({ "definition": NIGHTLY.replace("quick.yaml", plan) });
    eve.post("/api/v1/schedules", &add("quick.yaml")).is(403);
    for elsewhere in ["../quick.yaml", "/etc/passwd", "quick", "none.yaml"] {
        let refused = oli.post("/api/v1/schedules", &add(elsewhere)).is(404);
        assert_eq!(refused.json()["code"], "ROK0002");
    }
    let items = json!({ "definition": format!("{NIGHTLY}for_each: items.yaml\n") });
    assert_eq!(
        oli.post("/api/v1/schedules", &items).is(422).json()["code"],
        "ROK0181"
    );
    let added = oli
        .post("/api/v1/schedules", &add("quick.yaml"))
        .is(200)
        .json();
    assert_eq!(
        (&added["change"], &added["added_by"]),
        (&json!("added"), &json!("user:oli"))
    );
    let view = eve.get("/api/v1/schedules/nightly").is(200);
    let folder = served.bench.path().display().to_string();
    assert!(!view.body.contains(&folder), "{}", view.body);
    eve.post("/api/v1/schedules/nightly/pause", &json!({}))
        .is(403);
    oli.post(
        "/api/v1/schedules/nightly/pause",
        &json!({ "reason": "later" }),
    )
    .is(200);
    eve.get("/api/v1/schedules/nothing").is(404);
}
