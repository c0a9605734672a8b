//! The four endpoints of seed 002, with exactly its JSON.

use super::{Served, bench};
use crate::workers::{Does, Workers};
use rstest::rstest;
use serde_json::{Value, json};

const SERVICES: [&str; 5] = [
    "serp-intelligence",
    "technical-seo",
    "domain-authority",
    "competitive-intelligence",
    "vitals-monitor",
];

/// A server with workers, of which one fails.
fn served() -> (Served, Workers) {
    let workers = Workers::start(SERVICES.map(|service| {
        let answer = match service {
            "domain-authority" => Does::Answers(500, "{}".to_owned()),
            _ => Does::Answers(200, "{\"ok\":true}".to_owned()),
        };
        (service, answer)
    }));
    let bench = bench();
    bench.write("services.toml", &workers.map());
    let flags = ["--insecure-no-auth", "--set", "services=services.toml"];
    (Served::with(bench, &flags), workers)
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("an object");
    let mut keys: Vec<&str> = object.keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_run_is_answered_when_it_has_ended_as_the_seed_shows() {
    let (served, workers) = served();
    let asked =
        json!({ "website_id": "site_123", "domain": "example.com", "plan_id": "standard-v1" });
    let answer = served.post("/api/orchestration/run", &asked).is(200).json();
    assert_eq!(answer["success"], true);
    assert_eq!(answer["status"], "completed");
    let summary = &answer["summary"];
    let expected = json!({
        "runId": answer["run_id"], "websiteId": "site_123", "domain": "example.com",
        "planId": "standard-v1", "status": "completed",
        "startedAt": summary["startedAt"], "completedAt": summary["completedAt"],
        "durationMs": summary["durationMs"],
        "servicesCompleted": 4, "servicesFailed": 1, "servicesTimeout": 0, "servicesSkipped": 0,
        "servicesTotal": 5, "diagnosisEventId": summary["diagnosisEventId"], "error": null,
    });
    assert_eq!(*summary, expected);
    let times = [&summary["startedAt"], &summary["completedAt"]].map(|time| time.as_str());
    assert!(
        times
            .iter()
            .flatten()
            .all(|time| time.len() == 24 && time.ends_with('Z')),
        "{times:?}"
    );
    let mut called = workers.called();
    called.sort_unstable();
    let mut all = SERVICES.map(str::to_owned);
    all.sort_unstable();
    assert_eq!(called, all);
    let run = answer["run_id"].as_str().expect("an id");
    let diagnosis = summary["diagnosisEventId"]
        .as_str()
        .expect("it was diagnosed");
    assert!(diagnosis.starts_with(&format!("{run}:")), "{diagnosis}");
    served.get(&format!("/api/v1/runs/{run}")).is(200);
}

#[test]
fn plans_of_services_alone_are_listed_with_their_services() {
    let (served, _workers) = served();
    let list = served.get("/api/orchestration/plans").is(200).json();
    assert_eq!(keys(&list), ["plans", "success"]);
    let plans = list["plans"].as_array().expect("plans");
    let ids: Vec<&Value> = plans.iter().map(|plan| &plan["plan_id"]).collect();
    assert_eq!(ids, ["onboarding-v1", "quick-v1", "standard-v1"]);
    let one = served
        .get("/api/orchestration/plans/standard-v1")
        .is(200)
        .json();
    assert_eq!(keys(&one), ["plan", "success"]);
    assert_eq!(one["plan"], plans[2]);
    let plan = &one["plan"];
    assert_eq!(
        keys(plan),
        [
            "description",
            "max_duration_ms",
            "name",
            "plan_id",
            "services"
        ]
    );
    assert_eq!(plan["name"], "Standard Diagnostic Run");
    assert_eq!(plan["max_duration_ms"], 300_000);
    assert_eq!(
        plan["services"][3],
        json!({
            "service": "competitive-intelligence", "display_name": "Competitive Intelligence",
            "worker_key": "competitive-intelligence", "required": false,
            "depends_on": ["serp-intelligence"], "timeout_ms": 60_000,
        })
    );
}

#[test]
fn health_needs_no_token_and_names_the_plans() {
    let served = Served::with(bench(), &[]);
    let health = served.get("/api/orchestration/health").is(200).json();
    assert_eq!(
        health,
        json!({
            "success": true, "service": "orchestration", "status": "healthy",
            "available_plans": ["onboarding-v1", "quick-v1", "standard-v1"],
        })
    );
    served.get("/api/orchestration/plans").is(401);
}

#[rstest]
#[case(json!({ "website_id": "s", "domain": "d", "plan_id": "nope" }), true)]
#[case(json!({ "website_id": "s", "domain": "d", "plan_id": "hello" }), true)]
#[case(json!({ "website_id": "", "domain": "d" }), false)]
#[case(json!({ "website_id": "s", "domain": "  " }), false)]
#[case(json!({ "domain": "d" }), false)]
#[case(json!({ "website_id": 7, "domain": "d" }), false)]
#[case(json!({ "website_id": "s", "domain": "d", "sudo": true }), false)]
fn what_is_refused_says_so_in_the_seeds_words(#[case] asked: Value, #[case] lists: bool) {
    let (served, workers) = served();
    let refused = served.post("/api/orchestration/run", &asked).is(400).json();
    assert_eq!(refused["success"], false);
    assert!(refused["error"].is_string() && refused["message"].is_string());
    let available = json!(["onboarding-v1", "quick-v1", "standard-v1"]);
    let expected = if lists { available } else { Value::Null };
    assert_eq!(
        refused.get("available_plans").cloned().unwrap_or_default(),
        expected
    );
    assert!(workers.called().is_empty());
    let unknown = served.get("/api/orchestration/plans/nope").is(404).json();
    assert_eq!(
        keys(&unknown),
        ["available_plans", "error", "message", "success"]
    );
}

#[test]
fn a_client_that_goes_away_does_not_stop_the_run() {
    use std::io::Write as _;
    let (served, workers) = served();
    let asked = json!({ "website_id": "s", "domain": "d", "plan_id": "quick-v1" }).to_string();
    let request = served
        .client
        .request("POST", "/api/orchestration/run", Some(&asked));
    let mut stream = served.client.connect();
    stream.write_all(request.as_bytes()).expect("it reads");
    let run = loop {
        let runs = served.get("/api/v1/runs").is(200).json();
        if let Some(run) = runs["runs"][0]["run_id"].as_str() {
            break run.to_owned();
        }
    };
    drop(stream);
    let standing = served
        .get(&format!("/api/v1/runs/{run}/wait"))
        .is(200)
        .json();
    assert_eq!(standing["status"], "succeeded");
    assert_eq!(workers.called().len(), 3);
}
