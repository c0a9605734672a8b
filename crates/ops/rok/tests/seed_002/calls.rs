//! Whom a run calls, in which order, and what a missing worker costs.

use crate::support::Bench;
use crate::workers::{Does, Workers};
use crate::{event, run};
use serde_json::json;

pub(crate) const FIVE: [&str; 5] = [
    "serp-intelligence",
    "technical-seo",
    "domain-authority",
    "competitive-intelligence",
    "vitals-monitor",
];

fn all_well(slugs: &[&'static str]) -> Vec<(&'static str, Does)> {
    let well = Does::Answers(200, r#"{"findings":[]}"#.into());
    slugs.iter().map(|slug| (*slug, well.clone())).collect()
}

#[test]
fn one_button_runs_all_five_once_and_what_depends_comes_later() {
    let (bench, workers) = (Bench::new(), Workers::start(all_well(&FIVE)));
    run(&bench, &workers, "standard-v1").exits(0);
    let called = workers.called();
    let mut sorted = called.clone();
    sorted.sort();
    let mut five = FIVE.map(ToOwned::to_owned);
    five.sort();
    assert_eq!(sorted, five, "each of them once");
    let at = |slug: &str| called.iter().position(|c| c == slug);
    assert!(at("serp-intelligence") < at("competitive-intelligence"));
    for slug in FIVE {
        let told = json!({ "site_id": "site_123", "run_id": "r1", "domain": "example.com" });
        assert_eq!(workers.told(slug), told);
    }
}

#[test]
fn a_worker_without_a_key_fails_alone_and_the_run_completes() {
    let four: Vec<_> = FIVE
        .into_iter()
        .filter(|slug| *slug != "domain-authority")
        .collect();
    let (bench, workers) = (Bench::new(), Workers::start(all_well(&four)));
    let ran = run(&bench, &workers, "standard-v1").exits(0);
    let events = bench.events("r1");
    let failed = event(&events, "step.failed", "domain-authority");
    assert_eq!(failed["error_class"], "config_error");
    assert_eq!(failed["reason"], "Worker config invalid: No base URL found");
    let completed = events
        .iter()
        .find(|e| e["event_type"] == "run.completed")
        .unwrap();
    assert_eq!(completed["data"]["outcome"], "partial");
    assert!(ran.out.contains("Worker config invalid"), "{}", ran.out);
    assert_eq!(workers.called().len(), 4);
}

#[test]
fn a_key_is_found_missing_by_the_seed_s_words() {
    let (bench, workers) = (Bench::new(), Workers::start(all_well(&FIVE)));
    let map = workers.map().replace("bearer = false", "bearer = true");
    bench.write("keyed.toml", &map);
    let mut command = bench.command(["run", "quick-v1", "--run-id", "r1"]);
    command.args(["--input", "website_id=s", "--input", "domain=d"]);
    let output = command.env("ROK_SERVICES", "keyed.toml").output().unwrap();
    // No service completed: that is the one way for the run to fail.
    assert_eq!(output.status.code(), Some(1));
    let events = bench.events("r1");
    for slug in ["serp-intelligence", "technical-seo", "vitals-monitor"] {
        let reason = &event(&events, "step.failed", slug)["reason"];
        assert_eq!(reason, "Worker config invalid: No API key found");
    }
    assert!(workers.called().is_empty());
}

#[test]
fn the_built_in_plans_are_the_seed_s() {
    let bench = Bench::new();
    let shown = |plan: &str| bench.rok(["plan", "show", plan, "--json"]).exits(0).json();
    let check = |plan: &str, limit: &str, services: &[(&str, &str, bool, &str)]| {
        let shown = shown(plan);
        assert_eq!(shown["max_duration"], limit);
        assert_eq!(shown["success"], "any");
        let steps = shown["steps"].as_object().unwrap();
        assert_eq!(steps.len(), services.len());
        for (slug, needs, required, timeout) in services {
            let step = &steps[*slug];
            assert_eq!(step["service"], *slug);
            assert_eq!(step["timeout"], *timeout, "{slug}");
            assert_eq!(step.get("required").is_none(), *required, "{slug}");
            let edges = step.get("needs").map(|needs| needs[0].as_str().unwrap());
            assert_eq!(edges.unwrap_or_default(), *needs, "{slug}");
        }
    };
    let standard = [
        ("serp-intelligence", "", true, "1m"),
        ("technical-seo", "", true, "1m30s"),
        ("domain-authority", "", false, "1m"),
        ("competitive-intelligence", "serp-intelligence", false, "1m"),
        ("vitals-monitor", "", true, "1m"),
    ];
    check("standard-v1", "5m", &standard);
    let quick = [
        ("serp-intelligence", "", true, "45s"),
        ("technical-seo", "", true, "1m"),
        ("vitals-monitor", "", true, "45s"),
    ];
    check("quick-v1", "2m", &quick);
    let onboarding = [
        ("technical-seo", "", true, "1m"),
        ("vitals-monitor", "", true, "30s"),
    ];
    check("onboarding-v1", "1m30s", &onboarding);
}

#[test]
fn waves_are_what_is_ready() {
    use rok::service_runs::{STANDARD_RUN_PLAN, get_ready_services, get_run_plan};
    let plan = get_run_plan("standard-v1").unwrap();
    assert_eq!(plan, &*STANDARD_RUN_PLAN);
    let slugs = |completed: &[&str]| -> Vec<&str> {
        let ready = get_ready_services(plan, completed).into_iter();
        ready.map(|service| service.service.as_str()).collect()
    };
    let all_but_one: Vec<&str> = FIVE
        .into_iter()
        .filter(|slug| *slug != "competitive-intelligence")
        .collect();
    assert_eq!(slugs(&[]), all_but_one);
    assert_eq!(slugs(&all_but_one), ["competitive-intelligence"]);
    assert!(slugs(&FIVE).is_empty());
    assert_eq!(get_run_plan("custom-v9"), None);
}
