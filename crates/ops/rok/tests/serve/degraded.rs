//! Three failures of a worker for a site mark it degraded; a report ends that.

use super::{Served, bench};
use crate::workers::{Does, Workers};
use serde_json::{Value, json};

const FLAGS: [&str; 5] = [
    "--insecure-no-auth",
    "--store",
    "sqlite:rok.db",
    "--set",
    "services=services.toml",
];

/// The workers of `quick-v1`, of which vitals-monitor does so.
fn workers(vitals: Does) -> Workers {
    let well = Does::Answers(200, "{}".to_owned());
    Workers::start([
        ("serp-intelligence", well.clone()),
        ("technical-seo", well),
        ("vitals-monitor", vitals),
    ])
}

/// Runs `quick-v1` for a site, and gives the services that its diagnosis has as
/// degraded.
fn run(served: &Served, site: &str) -> Value {
    let asked = json!({ "website_id": site, "domain": "example.com", "plan_id": "quick-v1" });
    let answer = served.post("/api/orchestration/run", &asked).is(200).json();
    let run = answer["run_id"].as_str().expect("an id");
    let summary = served.get(&format!("/api/v1/runs/{run}/summary"));
    summary.is(200).json()["diagnosis"]["diagnosis"]["degraded_services"].clone()
}

fn health(served: &Served) -> Value {
    let health = served.get("/api/orchestration/health").is(200).json();
    health.get("degraded_services").cloned().unwrap_or_default()
}

#[test]
fn the_third_failure_in_a_row_degrades_a_worker_durably_until_it_reports() {
    let ill = workers(Does::Answers(500, "{}".to_owned()));
    let bench = bench();
    bench.write("services.toml", &ill.map());
    let mut served = Served::with(bench, &FLAGS);
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(run(&served, "site_2"), json!([]), "another site");
    assert_eq!(health(&served), Value::Null);
    assert_eq!(run(&served, "site_1"), json!(["vitals-monitor"]));
    assert_eq!(health(&served), json!(["vitals-monitor"]));
    served.child.kill().expect("it lives");
    served.child.wait().expect("it ends");
    let well = workers(Does::Answers(200, "{}".to_owned()));
    served.bench.write("services.toml", &well.map());
    served.restart(&FLAGS);
    assert_eq!(health(&served), json!(["vitals-monitor"]));
    assert_eq!(run(&served, "site_2"), json!([]));
    assert_eq!(health(&served), json!(["vitals-monitor"]), "another site");
    assert_eq!(run(&served, "site_1"), json!([]));
    assert_eq!(health(&served), Value::Null);
}
