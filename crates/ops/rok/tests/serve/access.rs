//! Each role against each address: the table in the page, the OpenAPI document
//! and the server say the same.

use super::tokens::{as_who, token};
use super::{Served, bench};
use crate::client::Client;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../../../../docs/howto/serve.md");
const ROLES: [&str; 4] = ["viewer", "operator", "approver", "admin"];

/// A server that asks for tokens, with a client of each role and a failed run.
fn house() -> (Served, [Client; 4]) {
    let bench = bench();
    bench.write(
        "bad.yaml",
        "plan: bad\nsteps: { check: { run: ['false'] } }\n",
    );
    let tokens = ROLES.map(|role| token(&bench, role, role));
    let served = Served::with(bench, &[]);
    let clients = tokens.map(|token| as_who(&served, &token));
    let asked = json!({ "plan": "bad", "run_id": "r1" });
    clients[3].post("/api/v1/runs?wait=60s", &asked).is(201);
    (served, clients)
}

/// The rows of the page's table: an action, and which roles may.
fn told() -> Vec<(&'static str, [bool; 4])> {
    let rows = PAGE
        .lines()
        .skip_while(|line| !line.starts_with("| action |"));
    let rows = rows.skip(2).take_while(|line| line.starts_with('|'));
    let mut told = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let may = [1, 2, 3, 4].map(|role| match cells[role] {
            "yes" => true,
            "no" => false,
            other => panic!("{other} in {row}"),
        });
        let actions = cells[0].split(", ");
        told.extend(actions.map(|action| (action.trim_matches('`'), may)));
    }
    told
}

/// A request that takes one action.
fn request(action: &str, incident: &str, lesson: &str) -> (String, Value) {
    let why = json!({ "reason": "I must" });
    let of_run = |what: &str| format!("/api/v1/runs/r1/{what}");
    let own = "plan: own\nsteps: { a: { run: ['true'] } }\n";
    match action {
        "submit" => ("/api/v1/runs".into(), json!({ "plan": "hello" })),
        "submit_own" => ("/api/v1/runs".into(), json!({ "definition": own })),
        "prioritize" => (
            "/api/v1/runs".into(),
            json!({ "plan": "hello", "priority": 50 }),
        ),
        "resume" | "rollback" | "cancel" | "pause" | "hold" => (of_run(action), why),
        "attest" => (of_run(action), json!({})),
        "approve" | "reject" | "override" => (of_run(&format!("steps/check/{action}")), why),
        "handle_incident" => (format!("/api/v1/incidents/{incident}/acknowledge"), why),
        "decide_lesson" => (format!("/api/v1/lessons/{lesson}/defer"), why),
        "manage_schedules" => ("/api/v1/schedules/none/pause".into(), why),
        "import" => ("/api/v1/bundles".into(), json!({})),
        "collect" => ("/api/v1/collect".into(), json!({ "keep": 1_000 })),
        other => panic!("no request takes the action {other}"),
    }
}

fn first_id(client: &Client, list: &str) -> String {
    let listed = client.get(&format!("/api/v1/{list}")).is(200).json();
    let id = listed[list][0]["id"].as_str();
    id.unwrap_or_else(|| panic!("no {list} in {listed}"))
        .to_owned()
}

#[test]
fn the_table_of_roles_is_what_the_server_lets_them() {
    let (served, clients) = house();
    let incident = first_id(&clients[3], "incidents");
    let lesson = first_id(&clients[3], "lessons");
    let told = told();
    // The policies of access know these actions, and no other.
    let schema = include_str!("../../../../domain/governance/policies/access.cedarschema");
    let lines = schema.lines().filter(|line| line.starts_with("action "));
    let known: BTreeSet<&str> = lines
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .collect();
    let named: BTreeSet<&str> = told.iter().map(|(action, _)| *action).collect();
    assert_eq!(named, known);
    for (action, may) in told {
        for ((client, may), role) in clients.iter().zip(may).zip(ROLES) {
            let answer = if action == "view" {
                client.get("/api/v1/runs/r1")
            } else {
                let (path, body) = request(action, &incident, &lesson);
                client.post(&path, &body)
            };
            let refused = answer.status == 403;
            assert_ne!(answer.status, 401, "{action} by {role}: {}", answer.body);
            assert_eq!(!refused, may, "{action} by {role}: {}", answer.body);
        }
    }
    drop(served);
}

#[test]
fn every_address_that_is_read_is_open_to_every_role_and_to_nobody_else() {
    let (served, clients) = house();
    let document = served.get("/openapi.json").is(200).json();
    let mut open = Vec::new();
    let mut asked = 0;
    for (path, verbs) in document["paths"].as_object().expect("paths") {
        let Some(operation) = verbs.get("get") else {
            continue;
        };
        let place = [
            ("{run}", "r1"),
            ("{step}", "check"),
            ("{plan}", "bad"),
            ("{code}", "ROK0101"),
            ("{path}", "none.txt"),
        ]
        .iter()
        .fold(path.clone(), |path, (name, value)| {
            path.replace(name, value)
        });
        let place = place.replace(['{', '}'], "");
        let is_open = operation["security"] == json!([]);
        let nobody = served.client.get(&place).status;
        assert_eq!(nobody != 401, is_open, "{place} to nobody: {nobody}");
        for (client, role) in clients.iter().zip(ROLES) {
            let answer = client.get(&place);
            let fit = ![401, 403].contains(&answer.status) && answer.status < 500;
            assert!(fit, "{place} to {role}: {} {}", answer.status, answer.body);
            asked += 1;
        }
        if is_open {
            open.push(path.as_str());
        }
    }
    assert!(asked > 100, "{asked}");
    open.sort_unstable();
    // As the page says in words.
    let expected = [
        "/api/orchestration/health",
        "/api/v1/errors/{code}",
        "/docs",
        "/livez",
        "/openapi.json",
        "/readyz",
    ];
    assert_eq!(open, expected);
}
